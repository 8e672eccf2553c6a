#include "loading.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "directory.h"
#include "fail.h"

static void unexpected_finish(const struct dueq_job *job, enum dueq_outcome outcome,
                              int64_t delay_us, const char *message)
{
    (void) job, (void) outcome, (void) delay_us, (void) message;
    abort();
}

static int32_t never_cancelled(const struct dueq_job *job)
{
    (void) job;
    return 0;
}

static void unexpected_extend(const struct dueq_job *job, int64_t timeout_us)
{
    (void) job, (void) timeout_us;
    abort();
}

static const struct handler_callbacks callbacks = {
    .finish = unexpected_finish,
    .cancelled = never_cancelled,
    .extend = unexpected_extend,
};

void loading_init(struct loading *loading)
{
    *loading = (struct loading){ .directory = test_directory_new() };
    loading->config = (struct config){
        .file = "dueq.conf",
        .kinds = loading->kinds,
        .handler_directory = loading->directory,
    };
}

void loading_done(struct loading *loading)
{
    registry_free(loading->registry);
    config_report_done(&loading->report);
    *loading = (struct loading){ 0 };
}

const char *loading_path(const struct loading *loading, const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", loading->directory, name);
    return path;
}

static int copy_file(const char *from, const char *to)
{
    struct stat status;
    int source = open(from, O_RDONLY | O_CLOEXEC);
    int target = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    int r = -1;
    if (source >= 0 && target >= 0 && fstat(source, &status) == 0 &&
        sendfile(target, source, NULL, (size_t) status.st_size) == status.st_size)
        r = fchmod(target, 0755);
    if (source >= 0)
        close(source);
    if (target >= 0)
        close(target);
    return r;
}

void loading_install(struct loading *loading, const char *fixture, const char *name)
{
    char from[512], to[512], whole[512];
    snprintf(from, sizeof from, "%s/%s.so", DUEQ_TEST_PLUGINS, fixture);
    snprintf(to, sizeof to, "%s/new", loading->directory);
    snprintf(whole, sizeof whole, "%s/%s", loading->directory, name);
    if (copy_file(from, to) < 0 || rename(to, whole) < 0)
        test_fail("%s was not installed as %s: %s", from, whole, strerror(errno));
}

struct config_kind *loading_bind(struct loading *loading, const char *kind, const char *handler)
{
    size_t index = loading->config.kind_count++;
    struct config_kind *line = &loading->kinds[index];
    *line = (struct config_kind){
        .kind = kind,
        .handler = handler,
        .line = (unsigned) (10 * (index + 1)),
    };
    return line;
}

struct registry *loading_run_again(struct loading *loading)
{
    struct registry *before = loading->registry;
    loading->registry = NULL;
    config_report_done(&loading->report);
    loading->report = (struct config_report){ 0 };
    assert_int_equal(
        registry_new(&loading->config, &callbacks, &loading->registry, &loading->report), 0);
    assert_non_null(loading->registry);
    return before;
}

void loading_run(struct loading *loading)
{
    assert_null(loading_run_again(loading));
}

static bool is_error_with(const struct config_problem *problem, const char *text, const char *more)
{
    return !problem->warning && strstr(problem->text, text) && strstr(problem->text, more);
}

bool loading_reported(const struct loading *loading, const char *text, const char *more)
{
    for (size_t i = 0; i < loading->report.count; i++)
        if (is_error_with(&loading->report.problems[i], text, more))
            return true;
    for (size_t i = 0; i < loading->report.count; i++)
        print_error("reported instead: %s\n", loading->report.problems[i].text);
    return false;
}

bool loading_reported_only(const struct loading *loading, const char *text, const char *more)
{
    bool reported = loading_reported(loading, text, more);
    if (reported && loading->report.count != 1)
        print_error("reported %zu problems\n", loading->report.count);
    return reported && loading->report.count == 1;
}

const char *loading_handler_of(const struct loading *loading, const char *kind)
{
    const struct binding *binding = registry_find(loading->registry, kind);
    return binding ? binding->handler->name : "";
}
