#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

void secret_done(struct secret *secret)
{
    if (secret->bytes)
        OPENSSL_cleanse(secret->bytes, secret->len);
    free(secret->bytes);
    *secret = (struct secret){ 0 };
}

static int copy_bytes(const char *bytes, size_t len, struct secret *ret_secret)
{
    char *copy = malloc(len + 1);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, bytes, len);
    copy[len] = '\0';
    *ret_secret = (struct secret){ copy, len };
    return 0;
}

int secret_copy(const char *text, struct secret *ret_secret)
{
    return copy_bytes(text, strlen(text), ret_secret);
}

/* The whole file, or -E2BIG. */
static int read_all(const char *path, char *bytes, size_t size, size_t *ret_len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;

    size_t len = 0;
    int r = -E2BIG;
    while (len < size) {
        ssize_t n = read(fd, bytes + len, size - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            r = n < 0 ? -errno : 0;
            break;
        }
        len += (size_t) n;
    }
    close(fd);
    if (r == 0)
        *ret_len = len;
    return r;
}

int secret_read(const char *path, struct secret *ret_secret)
{
    char full[PATH_MAX];
    char bytes[SECRET_MAX + 3]; /* a line end, and one more to see that there is more */
    size_t len = 0;

    const char *directory = path[0] == '/' ? NULL : getenv("CREDENTIALS_DIRECTORY");
    int written = directory ? snprintf(full, sizeof full, "%s/%s", directory, path)
                            : snprintf(full, sizeof full, "%s", path);
    if (written < 0 || (size_t) written >= sizeof full)
        return -ENAMETOOLONG;

    int r = read_all(full, bytes, sizeof bytes, &len);
    if (r == 0) {
        if (len > 0 && bytes[len - 1] == '\n')
            len--;
        if (len > 0 && bytes[len - 1] == '\r')
            len--;
        if (len == 0)
            r = -EINVAL;
        else if (len > SECRET_MAX)
            r = -E2BIG;
        else
            r = copy_bytes(bytes, len, ret_secret);
    }
    OPENSSL_cleanse(bytes, sizeof bytes);
    return r;
}
