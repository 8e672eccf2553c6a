#pragma once

#include <stddef.h>

#include "config.h"
#include "dueq_handler.h"
#include "error.h"

/* The plugins of a directory, loaded. Stays as it is until plugins_free: files that are deleted or
 * replaced by a rename meanwhile do not matter, and loading the directory again gives the new
 * files. */
struct plugin {
    char *file;
    void *library;
    struct dueq_handler handler; /* points into the library */
};

struct plugin_list {
    struct plugin *plugins; /* in the order of the file names */
    size_t count;
    size_t left_out; /* files that are no good plugins */
};

/* Loads the plugin at a path, whoever may write it; `file` stays NULL. */
int plugin_open(const char *path, struct plugin *ret_plugin, struct error *error)
    __attribute__((warn_unused_result));

/* Loads each regular *.so file (none with a leading dot) of the directory that is a plugin, in the
 * order of the names. What could be written by anyone but root and this process's user is not
 * loaded, be it the file or the directory. A file that is left out is an error in the report, with
 * the reason, and does not stop the others; `config_file` is named where the directory itself is
 * the problem. 0, or -ENOMEM. */
int plugins_load(const char *directory, const char *config_file, struct plugin_list *ret_list,
                 struct config_report *report) __attribute__((warn_unused_result));

/* Unloads them, the last first. Takes a zeroed one. */
void plugins_free(struct plugin_list *list);

/* NULL: none has that name. */
const struct plugin *plugins_find(const struct plugin_list *list, const char *handler);
