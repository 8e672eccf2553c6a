#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

/* Runs a target on files, where it is not linked with libFuzzer: those named, and all in the
 * directories named. So what once was found stays found, in every build and under every sanitizer.
 */

static size_t count;

static void run_file(const char *path)
{
    FILE *file = fopen(path, "re");
    struct stat status;
    if (!file || fstat(fileno(file), &status) < 0) {
        perror(path);
        exit(1);
    }
    uint8_t *bytes = malloc((size_t) status.st_size + 1);
    size_t len = bytes ? fread(bytes, 1, (size_t) status.st_size, file) : 0;
    fclose(file);
    /* Of exactly that size, so that a sanitizer sees a byte too many. */
    uint8_t *exact = malloc(len ? len : 1);
    if (!bytes || !exact)
        abort();
    memcpy(exact, bytes, len);
    free(bytes);
    (void) LLVMFuzzerTestOneInput(exact, len);
    free(exact);
    count++;
}

static void run_all(const char *path)
{
    DIR *directory = opendir(path);
    if (!directory) {
        run_file(path);
        return;
    }
    for (struct dirent *entry; (entry = readdir(directory));) {
        char name[4096];
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.')
            run_file(name);
    }
    closedir(directory);
}

int main(int argc, char **argv)
{
    (void) LLVMFuzzerTestOneInput((const uint8_t *) "", 0);
    for (int i = 1; i < argc; i++)
        run_all(argv[i]);
    printf("%zu inputs\n", count);
    return count > 0 ? 0 : 1;
}
