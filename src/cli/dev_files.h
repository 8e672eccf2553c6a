#pragma once

#include <limits.h>
#include <stdbool.h>

/* The directory of `dueq dev` and the programs beside us. */
struct dev_files {
    char directory[PATH_MAX];
    bool temporary;
    int lock; /* a descriptor; -1: none */
    char config[PATH_MAX];
    char daemon[PATH_MAX];   /* dueqd */
    char handlers[PATH_MAX]; /* where the plugins are */
};

/* wanted: a directory to use, and keep; NULL: a temporary one. An exit status, and words on
 * stderr. dev_files_done in any case. */
int dev_files_init(struct dev_files *files, const char *wanted);
void dev_files_done(struct dev_files *files);

/* Writes dueq.conf for the server behind `socket`, unless the directory has one. */
int dev_files_write_config(const struct dev_files *files, const char *socket);
