#include "small_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Into a larger piece of memory, with nothing left behind in the old one as realloc would. */
static int grow(struct small_file *file, size_t *size, size_t new_size)
{
    char *bytes = malloc(new_size + 1);
    if (!bytes)
        return -ENOMEM;
    if (file->len)
        memcpy(bytes, file->bytes, file->len);
    small_file_done(&(struct small_file){ .bytes = file->bytes, .len = file->len });
    file->bytes = bytes;
    *size = new_size;
    return 0;
}

static int read_all(int fd, size_t limit, struct small_file *file)
{
    size_t size = 0;
    for (;;) {
        if (file->len == size) {
            int r = grow(file, &size, size ? 2 * size : 16384);
            if (r < 0)
                return r;
        }
        ssize_t n = read(fd, file->bytes + file->len, size - file->len);
        if (n == 0)
            break;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        file->len += (size_t) n;
        if (file->len > limit)
            return -EFBIG;
    }
    file->bytes[file->len] = '\0';
    return 0;
}

int small_file_read(const char *path, size_t limit, struct small_file *ret_file)
{
    struct small_file file = { 0 };
    struct stat status;
    int r = 0;

    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &status) < 0)
        r = -errno;
    else if (S_ISDIR(status.st_mode))
        r = -EISDIR;
    else
        r = read_all(fd, limit, &file);
    close(fd);
    if (r < 0) {
        small_file_done(&file);
        return r;
    }
    file.group_can_read = status.st_mode & S_IRGRP;
    file.others_can_read = status.st_mode & S_IROTH;
    *ret_file = file;
    return 0;
}

void small_file_done(struct small_file *file)
{
    if (file->bytes)
        explicit_bzero(file->bytes, file->len);
    free(file->bytes);
    *file = (struct small_file){ 0 };
}
