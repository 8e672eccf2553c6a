#include "config_case.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "buffer.h"

static char directory[] = "/tmp/dueq-config-XXXXXX";
static struct config *configs[16];
static size_t config_count;
static struct buffer problems;

int case_setup(void **state)
{
    (void) state;
    memcpy(strrchr(directory, '-') + 1, "XXXXXX", 6);
    unsetenv("CREDENTIALS_DIRECTORY");
    umask(022);
    return mkdtemp(directory) && chdir(directory) == 0 ? 0 : -1;
}

static void remove_all(const char *path)
{
    DIR *dir = opendir(path);
    if (dir) {
        for (struct dirent *entry; (entry = readdir(dir));) {
            char child[512];
            if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                continue;
            snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
            remove_all(child);
        }
        closedir(dir);
    }
    remove(path);
}

int case_teardown(void **state)
{
    (void) state;
    while (config_count > 0)
        config_free(configs[--config_count]);
    buffer_done(&problems);
    if (chdir("/") == 0)
        remove_all(directory);
    return 0;
}

static void write_file(const char *name, unsigned mode, const void *bytes, size_t len)
{
    unlink(name); /* a file that is cut and written anew some file systems sync: slow */
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

void case_write(const char *name, unsigned mode, const char *text)
{
    write_file(name, mode, text, strlen(text));
}

void case_write_bytes(const char *name, const void *bytes, size_t len)
{
    write_file(name, 0600, bytes, len);
}

struct config *case_load_file(void)
{
    struct config *config = NULL;
    struct config_report report = { 0 };
    int r = config_load("dueq.conf", &config, &report);
    if (report.count > 0)
        fail_msg("%s", report.problems[0].text);
    assert_int_equal(r, 0);
    assert_int_equal(report.error_count, 0);
    config_report_done(&report);
    assert_true(config_count < sizeof configs / sizeof *configs);
    configs[config_count++] = config;
    return config;
}

struct config *case_load(const char *text)
{
    case_write("dueq.conf", 0600, text);
    return case_load_file();
}

const char *case_problems_of_file(void)
{
    struct config *config = NULL;
    struct config_report report = { 0 };
    size_t errors = 0;
    int r = config_load("dueq.conf", &config, &report);

    buffer_clear(&problems);
    buffer_append_text(&problems, "");
    for (size_t i = 0; i < report.count; i++) {
        buffer_append_format(&problems, "%s%s%s", i ? "\n" : "",
                             report.problems[i].warning ? "warning: " : "",
                             report.problems[i].text);
        errors += !report.problems[i].warning;
    }
    assert_int_equal(report.error_count, errors);
    assert_int_equal(r, errors ? -EINVAL : 0);
    if (errors)
        assert_null(config);
    config_free(config);
    config_report_done(&report);
    return problems.bytes;
}

const char *case_problems(const char *text)
{
    case_write("dueq.conf", 0600, text);
    return case_problems_of_file();
}

void assert_problems(const char *text, const char *expected)
{
    assert_string_equal(case_problems(text), expected);
}
