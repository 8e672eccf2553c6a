#include "directory.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"

/* Those to remove at exit, by the process that made them: a child that a test forks and that calls
 * exit() has the list, too. */
static struct directory {
    struct directory *next;
    pid_t owner;
    char path[64];
} * directories;

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void) status, (void) type, (void) walk;
    (void) remove(path); /* what cannot be removed stays: nothing is to be done about it at exit */
    return 0;
}

static void remove_all(void)
{
    while (directories) {
        struct directory *directory = directories;
        directories = directory->next;
        if (directory->owner == getpid())
            nftw(directory->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
        free(directory);
    }
}

const char *test_directory_new(void)
{
    static bool registered;
    if (!registered && atexit(remove_all) == 0)
        registered = true;

    struct directory *directory = calloc(1, sizeof *directory);
    if (!directory)
        abort();
    /* scripts/test names a directory that it removes, whatever becomes of the tests. Not in
     * $TMPDIR, which may be too long for a socket. */
    const char *parent = getenv("DUEQ_TEST_TMP");
    snprintf(directory->path, sizeof directory->path, "%s/dueq-test-XXXXXX",
             parent ? parent : "/tmp");
    if (!mkdtemp(directory->path))
        test_fail("cannot make a directory like %s: %s", directory->path, strerror(errno));
    directory->owner = getpid();
    directory->next = directories;
    directories = directory;
    return directory->path;
}

void test_file_write(const char *path, unsigned mode, const char *text)
{
    size_t len = strlen(text);
    /* A new file: the mode of one that is there would stay as it is. */
    if (unlink(path) < 0 && errno != ENOENT)
        test_fail("cannot replace %s: %s", path, strerror(errno));
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, text, len) != (ssize_t) len || fchmod(fd, (mode_t) mode) < 0 ||
        close(fd) < 0)
        test_fail("cannot write %s: %s", path, strerror(errno));
}

char *test_file_read(const char *path)
{
    size_t size = 0;
    char *text = NULL, chunk[4096];
    FILE *file = fopen(path, "re");
    if (!file)
        test_fail("cannot read %s: %s", path, strerror(errno));
    FILE *memory = open_memstream(&text, &size);
    if (!memory)
        abort();
    for (size_t len; (len = fread(chunk, 1, sizeof chunk, file)) > 0;)
        fwrite(chunk, 1, len, memory);
    if (ferror(file) || ferror(memory) || fclose(memory))
        test_fail("cannot read %s: %s", path, strerror(errno));
    fclose(file);
    return text;
}
