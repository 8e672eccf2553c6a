#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The effective user's rights, which are what execve goes by. */
static int executable(const char *file)
{
    struct stat info;

    if (faccessat(AT_FDCWD, file, X_OK, AT_EACCESS) < 0)
        return -errno;
    if (stat(file, &info) < 0)
        return -errno;
    return S_ISREG(info.st_mode) ? 0 : -EACCES;
}

int program_find(const char *name, const char *path, char ret_file[PATH_MAX])
{
    if (name[0] == '/') {
        if (strlen(name) >= PATH_MAX)
            return -ENAMETOOLONG;
        strcpy(ret_file, name);
        int error = executable(name);
        return error == -EACCES ? -EACCES : error < 0 ? -ENOENT : 0;
    }

    int result = -ENOENT;
    while (*path) {
        size_t len = strcspn(path, ":");
        char file[PATH_MAX];
        if (path[0] == '/' && len + 1 + strlen(name) < sizeof file) {
            snprintf(file, sizeof file, "%.*s/%s", (int) len, path, name);
            int error = executable(file);
            if (error == 0) {
                strcpy(ret_file, file);
                return 0;
            }
            if (error == -EACCES && result == -ENOENT) {
                strcpy(ret_file, file);
                result = -EACCES;
            }
        }
        path += len + (path[len] == ':');
    }
    return result;
}

/* Whether a program could be given that directory to work in. */
static int directory_error(const char *directory)
{
    struct stat info;

    if (!directory)
        return 0;
    if (stat(directory, &info) < 0)
        return errno;
    if (!S_ISDIR(info.st_mode))
        return ENOTDIR;
    return faccessat(AT_FDCWD, directory, X_OK, AT_EACCESS) < 0 ? errno : 0;
}

void program_explain(int error, const char *name, const char *path, const char *directory,
                     char *out, size_t size)
{
    char words[128], file[PATH_MAX];
    int found = program_find(name, path, file);
    int in_directory = directory_error(directory);

    if (found == -ENOENT && name[0] != '/')
        snprintf(out, size, "cannot run %s: no such program in PATH (%s)", name, path);
    else if (found == -ENOENT)
        snprintf(out, size, "cannot run %s: no such file", name);
    else if (found == -EACCES)
        snprintf(out, size, "cannot run %s: not a file that user %u may execute", file,
                 (unsigned) geteuid());
    else if (in_directory)
        snprintf(out, size, "cannot run %s in %s: %s", name, directory,
                 strerror_r(in_directory, words, sizeof words));
    else if (error == ENOENT)
        snprintf(out, size,
                 "cannot run %s: the interpreter that its first line names does not exist", name);
    else if (error == ENOEXEC)
        snprintf(out, size,
                 "cannot run %s: neither a program for this machine nor a script that begins "
                 "with #!",
                 name);
    else
        snprintf(out, size, "cannot run %s: %s", name, strerror_r(error, words, sizeof words));
}
