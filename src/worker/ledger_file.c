#include "ledger_file.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "ledger-"

static const char magic[8] = "dueqled1"; /* another layout has another number */

struct header {
    char magic[sizeof magic];
    char worker[LEDGER_WORKER_SIZE];
    struct ledger_crash crash;
    char reserved[240];
};

/* As it is on the disk. */
struct contents {
    struct header header;
    struct ledger_entry entries[LEDGER_ENTRIES];
    struct ledger_lease leases[LEDGER_LEASES];
};

struct ledger_file {
    char path[PATH_MAX];
    int fd;
    struct contents *contents;
};

static int map(struct ledger_file *file)
{
    void *memory = mmap(NULL, sizeof *file->contents, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd,
                        0);
    if (memory == MAP_FAILED)
        return -errno;
    /* A forked child would keep the lock. */
    (void) madvise(memory, sizeof *file->contents, MADV_DONTFORK);
    file->contents = memory;
    return 0;
}

static struct ledger_file *file_new(void)
{
    struct ledger_file *file = calloc(1, sizeof *file);
    if (file)
        file->fd = -1;
    return file;
}

void ledger_file_free(struct ledger_file *file)
{
    if (!file)
        return;
    if (file->contents)
        munmap(file->contents, sizeof *file->contents);
    if (file->fd >= 0)
        close(file->fd);
    free(file);
}

void ledger_file_remove(struct ledger_file *file)
{
    if (file)
        unlink(file->path);
    ledger_file_free(file);
}

/* Nobody may take the file before it is locked: it gets its name afterwards. */
static int make(struct ledger_file *file, const char *directory, const char *worker)
{
    char unnamed[PATH_MAX];
    if (snprintf(unnamed, sizeof unnamed, "%s/." PREFIX "XXXXXX", directory) >=
        (int) sizeof unnamed)
        return -ENAMETOOLONG;
    file->fd = mkostemp(unnamed, O_CLOEXEC);
    if (file->fd < 0)
        return -errno;

    int error = flock(file->fd, LOCK_EX | LOCK_NB) == 0 ? 0 : -errno;
    if (!error)
        error = -posix_fallocate(file->fd, 0, sizeof *file->contents);
    if (!error)
        error = map(file);
    if (!error) {
        assert(file->contents);
        memcpy(file->contents->header.magic, magic, sizeof magic);
        snprintf(file->contents->header.worker, sizeof file->contents->header.worker, "%s", worker);
        snprintf(file->path, sizeof file->path, "%s/%s", directory,
                 strrchr(unnamed, '/') + 2); /* without its dot */
        error = rename(unnamed, file->path) == 0 ? 0 : -errno;
    }
    if (error)
        unlink(unnamed);
    return error;
}

int ledger_file_new(const char *directory, const char *worker, struct ledger_file **ret_file,
                    struct error *error)
{
    struct ledger_file *file = file_new();
    int result = file ? make(file, directory, worker) : -ENOMEM;
    if (result) {
        error_set(error, "no ledger can be made in %s: %s", directory, strerror(-result));
        ledger_file_free(file);
        return result;
    }
    *ret_file = file;
    return 0;
}

/* 0: taken. -EAGAIN: it is not to be taken: a living daemon's, say. -EBADMSG: it is no ledger of
 * this layout, and has been removed. */
static int take(struct ledger_file *file, const char *directory, const char *name)
{
    struct stat status;

    if (snprintf(file->path, sizeof file->path, "%s/%s", directory, name) >=
        (int) sizeof file->path)
        return -ENAMETOOLONG;
    file->fd = open(file->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (file->fd < 0) /* gone meanwhile, or another user's, who sees to it */
        return errno == ENOENT || errno == EACCES ? -EAGAIN : -errno;
    if (flock(file->fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    if (fstat(file->fd, &status) != 0)
        return -errno;
    if (status.st_nlink == 0) /* somebody else was through with it just now */
        return -EAGAIN;
    if (status.st_size != sizeof *file->contents)
        return -EBADMSG;
    int error = map(file);
    if (error)
        return error;
    file->contents->header.worker[LEDGER_WORKER_SIZE - 1] = '\0'; /* a file is not trusted */
    return memcmp(file->contents->header.magic, magic, sizeof magic) == 0 ? 0 : -EBADMSG;
}

/* The same with an error only where somebody has to do something: -EAGAIN where the next one may
 * be tried. */
static int try_take(const char *directory, const char *name, struct ledger_file **ret_file,
                    struct error *error)
{
    struct ledger_file *file = file_new();
    int result = file ? take(file, directory, name) : -ENOMEM;

    if (!result) {
        *ret_file = file;
        return 0;
    }
    if (result == -EBADMSG) {
        unlink(file->path);
        result = -EAGAIN;
    }
    if (result != -EAGAIN)
        error_set(error, "the ledger %s in %s cannot be read: %s", name, directory,
                  strerror(-result));
    ledger_file_free(file);
    return result;
}

int ledger_file_take(const char *directory, struct ledger_file **ret_file, struct error *error)
{
    DIR *dir = opendir(directory);
    int result = -EAGAIN;

    *ret_file = NULL;
    if (!dir) {
        result = -errno;
        error_set(error, "the state directory %s cannot be read: %s", directory, strerror(-result));
        return result;
    }
    for (struct dirent *entry; result == -EAGAIN && (entry = readdir(dir));)
        if (strncmp(entry->d_name, PREFIX, sizeof PREFIX - 1) == 0)
            result = try_take(directory, entry->d_name, ret_file, error);
    closedir(dir);
    return result == -EAGAIN ? 0 : result;
}

struct ledger_entry *ledger_file_entries(struct ledger_file *file)
{
    return file->contents->entries;
}

struct ledger_lease *ledger_file_leases(struct ledger_file *file)
{
    return file->contents->leases;
}

struct ledger_crash *ledger_file_crash(struct ledger_file *file)
{
    return &file->contents->header.crash;
}

const char *ledger_file_worker(const struct ledger_file *file)
{
    return file->contents->header.worker;
}
