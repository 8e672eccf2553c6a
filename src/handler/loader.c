#include "loader.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi.h"
#include "buffer.h"
#include "error.h"

/* What runs in this process may be written by root and by its own user, and by nobody else. */
static int check_trusted(const struct stat *status, struct error *error)
{
    if (status->st_uid != 0 && status->st_uid != geteuid()) {
        error_set(error,
                  "is owned by uid %u: it must be owned by root or by uid %u, as which dueqd runs",
                  status->st_uid, geteuid());
        return -EPERM;
    }
    if (status->st_mode & (S_IWGRP | S_IWOTH)) {
        error_set(error, "may be written by %s (mode %04o): chmod go-w",
                  status->st_mode & S_IWOTH ? "anyone" : "its group", status->st_mode & 07777);
        return -EPERM;
    }
    return 0;
}

static int check_file(const char *file, struct error *error)
{
    struct stat status;
    if (lstat(file, &status) < 0) {
        error_set(error, "%s", strerror(errno));
        return -EIO;
    }
    if (!S_ISREG(status.st_mode)) {
        error_set(error, "is %s and not a regular file: copy the plugin here",
                  S_ISLNK(status.st_mode)   ? "a symbolic link"
                  : S_ISDIR(status.st_mode) ? "a directory"
                                            : "a special file");
        return -EINVAL;
    }
    return check_trusted(&status, error);
}

/* dlopen() gives back what it has loaded already under the very same path, even when the file there
 * is another by now. So the path is spelt in a new way each time: the number of the load is written
 * into it as "/" for a 0 and "/." for a 1, which still is the same file to everybody who looks at
 * it (a debugger, say). The same file twice is found by its inode, and shared. */
static char *spell_anew(const char *directory, const char *name)
{
    static atomic_uint loads;
    struct buffer path = { 0 };
    buffer_append_text(&path, directory);
    for (unsigned n = atomic_fetch_add(&loads, 1) + 1; n > 1; n /= 2)
        buffer_append_text(&path, n % 2 ? "/." : "/");
    buffer_append_char(&path, '/');
    buffer_append_text(&path, name);
    if (path.failed)
        buffer_done(&path);
    return path.bytes;
}

/* dlerror's words without the path that they begin with. */
static void set_dl_error(struct error *error, const char *path)
{
    const char *text = dlerror();
    size_t len = strlen(path);
    if (text && strncmp(text, path, len) == 0 && strncmp(text + len, ": ", 2) == 0)
        text += len + 2;
    error_set(error, "cannot be loaded: %s", text ? text : "no reason given");
}

int plugin_open(const char *path, struct plugin *ret_plugin, struct error *error)
{
    struct plugin plugin = { .library = dlopen(path, RTLD_NOW | RTLD_LOCAL) };
    int r;

    if (!plugin.library) {
        set_dl_error(error, path);
        return -EINVAL;
    }
    const void *found = dlsym(plugin.library, "dueq_handler");
    if (!found) {
        error_set(error, "is no handler plugin: it exports no symbol 'dueq_handler'");
        r = -EINVAL;
    } else {
        r = abi_adopt(found, sizeof plugin.handler, &plugin.handler, error);
    }
    if (r < 0) {
        dlclose(plugin.library);
        return r;
    }
    *ret_plugin = plugin;
    return 0;
}

/* Takes `file`, on success only. */
static int load_file(const char *directory, const char *name, char *file, struct plugin *ret_plugin,
                     struct error *error)
{
    int r = check_file(file, error);
    if (r < 0)
        return r;
    char *path = spell_anew(directory, name);
    if (!path)
        return -ENOMEM;
    r = plugin_open(path, ret_plugin, error);
    free(path);
    if (r == 0)
        ret_plugin->file = file;
    return r;
}

static int add_file(const char *directory, const char *name, struct plugin_list *list,
                    struct config_report *report)
{
    struct buffer file = { 0 };
    buffer_append_format(&file, "%s/%s", directory, name);
    if (file.failed) {
        buffer_done(&file);
        return -ENOMEM;
    }

    struct error error = { 0 };
    struct plugin plugin;
    int r = load_file(directory, name, file.bytes, &plugin, &error);
    if (r < 0) {
        if (r != -ENOMEM)
            config_report_add(report, false, file.bytes, 0, "%s", error.text);
        list->left_out++;
        buffer_done(&file);
        return r == -ENOMEM ? r : 0;
    }
    const struct plugin *same = plugins_find(list, plugin.handler.name);
    if (same) {
        config_report_add(
            report, false, file.bytes, 0,
            "is left out: its handler name '%s' is that of %s, which was loaded first",
            plugin.handler.name, same->file);
        list->left_out++;
        dlclose(plugin.library);
        buffer_done(&file);
        return 0;
    }
    list->plugins[list->count++] = plugin;
    return 0;
}

static int is_plugin_name(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return entry->d_name[0] != '.' && len > 3 && strcmp(entry->d_name + len - 3, ".so") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* whatever the locale */
}

static int check_directory(const char *directory, struct error *error)
{
    struct stat status;
    if (stat(directory, &status) < 0) {
        error_set(error, "%s", strerror(errno));
        return -ENOENT;
    }
    if (!S_ISDIR(status.st_mode)) {
        error_set(error, "is not a directory");
        return -ENOTDIR;
    }
    return check_trusted(&status, error);
}

int plugins_load(const char *directory, const char *config_file, struct plugin_list *ret_list,
                 struct config_report *report)
{
    struct error error;
    struct dirent **entries = NULL;
    int count = -1;
    if (check_directory(directory, &error) == 0) {
        count = scandir(directory, &entries, is_plugin_name, by_bytes);
        if (count < 0)
            error_set(&error, "%s", strerror(errno));
    }
    if (count < 0) {
        config_report_add(report, false, config_file, 0, "handlers.directory: %s: %s", directory,
                          error.text);
        *ret_list = (struct plugin_list){ 0 };
        return 0;
    }

    struct plugin_list list = { .plugins = calloc((size_t) count + 1, sizeof *list.plugins) };
    int r = list.plugins ? 0 : -ENOMEM;
    for (int i = 0; i < count; i++) {
        if (r == 0)
            r = add_file(directory, entries[i]->d_name, &list, report);
        free(entries[i]);
    }
    free(entries);
    if (r < 0) {
        plugins_free(&list);
        return r;
    }
    *ret_list = list;
    return 0;
}

void plugins_free(struct plugin_list *list)
{
    while (list->count > 0) {
        struct plugin *plugin = &list->plugins[--list->count];
        dlclose(plugin->library);
        free(plugin->file);
    }
    free(list->plugins);
    *list = (struct plugin_list){ 0 };
}

const struct plugin *plugins_find(const struct plugin_list *list, const char *handler)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->plugins[i].handler.name, handler) == 0)
            return &list->plugins[i];
    return NULL;
}
