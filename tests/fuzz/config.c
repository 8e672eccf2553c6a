#include "config.h"
#include "config_print.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

/* libconfig forgets the string in which it finds a syntax error. */
const char *__lsan_default_suppressions(void);

__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void)
{
    return "leak:strbuf_append";
}

/* A configuration file, and what is printed of a good one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *nowhere;
    struct config_report report = { 0 };
    struct config *config = NULL;
    char path[64];
    int fd = memfd_create("dueq.conf", MFD_CLOEXEC);

    if (!nowhere)
        nowhere = fopen("/dev/null", "we");
    if (fd < 0 || !nowhere || write(fd, data, size) < 0)
        return 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (config_load(path, &config, &report) == 0)
        config_print(config, nowhere);
    config_free(config);
    config_report_done(&report);
    close(fd);
    return 0;
}
