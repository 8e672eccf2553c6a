#include "exec_fake_host.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "protocol.h"

extern const struct dueq_handler dueq_handler;

struct dueq_options {
    struct fake *fake;
};

static const struct fake_option *find(const struct dueq_options *options, const char *name)
{
    for (size_t i = 0; i < options->fake->option_count; i++)
        if (strcmp(options->fake->options[i].name, name) == 0)
            return &options->fake->options[i];
    return NULL;
}

static void option_error(const struct dueq_options *options, const char *name, const char *format,
                         ...)
{
    char words[900];
    va_list args;

    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    snprintf(options->fake->problem, sizeof options->fake->problem, "%s: %s", name ? name : "",
             words);
}

static const char *option_string(const struct dueq_options *options, const char *name,
                                 const char *fallback)
{
    const struct fake_option *option = find(options, name);
    return option ? option->text : fallback;
}

static const char *const *option_list(const struct dueq_options *options, const char *name,
                                      size_t *ret_count)
{
    const struct fake_option *option = find(options, name);

    *ret_count = 0;
    if (!option)
        return NULL;
    while (option->items[*ret_count])
        ++*ret_count;
    return option->items;
}

static int32_t check(const struct dueq_options *options, const char *name, bool good)
{
    if (!good)
        option_error(options, name, "is out of bounds or of another type");
    return good ? 0 : -1;
}

static int32_t option_integer(const struct dueq_options *options, const char *name, int64_t minimum,
                              int64_t maximum, int64_t fallback, int64_t *ret)
{
    const struct fake_option *option = find(options, name);
    char *end;

    *ret = fallback;
    if (!option)
        return 0;
    *ret = strtoll(option->text, &end, 10);
    return check(options, name, !*end && *ret >= minimum && *ret <= maximum);
}

static int32_t option_duration(const struct dueq_options *options, const char *name,
                               int64_t minimum, int64_t maximum, int64_t fallback, int64_t *ret)
{
    const struct fake_option *option = find(options, name);

    *ret = fallback;
    if (!option)
        return 0;
    return check(options, name,
                 protocol_parse_delay(option->text, ret) == 0 && *ret >= minimum &&
                     *ret <= maximum);
}

static void log_line(const struct dueq_host *host, enum dueq_log_level level, const char *format,
                     ...)
{
    struct fake *fake = (struct fake *) (uintptr_t) host; /* its first member */
    char line[2048];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    pthread_mutex_lock(&fake->lock);
    int len = snprintf(fake->log + fake->log_len, sizeof fake->log - fake->log_len, "<%d>%s\n",
                       (int) level, line);
    if (len > 0 && (size_t) len < sizeof fake->log - fake->log_len)
        fake->log_len += (size_t) len;
    pthread_mutex_unlock(&fake->lock);
}

static int32_t cancelled(const struct dueq_job *job)
{
    struct fake_job *fake = (struct fake_job *) (uintptr_t) job; /* its first member */

    fake->asked++;
    return fake->cancelled;
}

int fake_open(struct fake *fake, const struct fake_option *options, size_t option_count)
{
    *fake = (struct fake){ .options = options,
                           .option_count = option_count,
                           .descriptors = open_descriptors() };
    pthread_mutex_init(&fake->lock, NULL);
    fake->host = (struct dueq_host){
        .size = sizeof fake->host,
        .handler = "exec",
        .kind = "test",
        .log = log_line,
        .cancelled = cancelled,
        .option_string = option_string,
        .option_list = option_list,
        .option_integer = option_integer,
        .option_duration = option_duration,
        .option_error = option_error,
    };
    struct dueq_options given = { .fake = fake };
    return dueq_handler.open(&fake->host, &given, &fake->instance);
}

void fake_open_or_fail(struct fake *fake, const struct fake_option *options, size_t option_count)
{
    if (fake_open(fake, options, option_count) < 0)
        fail_msg("open: %s", fake->problem);
}

void fake_close(struct fake *fake)
{
    dueq_handler.close(
        fake->instance); /* the log, and its lock, are for the test to look at still */
}

void fake_close_clean(struct fake *fake)
{
    fake_close(fake);
    assert_int_equal(open_descriptors(), fake->descriptors);
    assert_false(has_children());
}

unsigned fake_log_count(struct fake *fake, const char *text)
{
    unsigned count = 0;

    pthread_mutex_lock(&fake->lock);
    for (const char *at = fake->log; (at = strstr(at, text)); at++)
        count++;
    pthread_mutex_unlock(&fake->lock);
    return count;
}

bool fake_logged(struct fake *fake, const char *text)
{
    return fake_log_count(fake, text) > 0;
}

void fake_job_init(struct fake_job *job, const char *payload, size_t len)
{
    *job = (struct fake_job){
        .job = { .size = sizeof job->job,
                 .attempt = 2,
                 .max_attempts = 20,
                 .id = 7,
                 .message_id = "3f6c-7",
                 .source = "main",
                 .queue = "default",
                 .kind = "order.paid",
                 .payload = payload,
                 .payload_len = len,
                 .created_at_us = 1795336200250000,
                 .due_at_us = 1795336260000000,
                 .timeout_us = 30000000 },
        .result = { .size = sizeof job->result,
                    .message_size = sizeof job->message,
                    .delay_us = -1 },
    };
    job->result.message = job->message;
}

int32_t fake_run(struct fake *fake, struct fake_job *job)
{
    return dueq_handler.run(fake->instance, NULL, &job->job, &job->result);
}

int32_t fake_run_text(struct fake *fake, struct fake_job *job, const char *payload)
{
    fake_job_init(job, payload, strlen(payload));
    return fake_run(fake, job);
}

void nap(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
}

static char scratch_directory[] = "/tmp/exec_test_XXXXXX";
static pid_t scratch_owner;

static void remove_scratch(void)
{
    DIR *dir = getpid() == scratch_owner ? opendir(scratch_directory) : NULL;
    struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
    rmdir(scratch_directory);
}

const char *scratch(const char *name)
{
    static char names[8][256];
    static unsigned next;
    char *out = names[next++ % 8];

    if (!scratch_owner) {
        assert_non_null(mkdtemp(scratch_directory));
        scratch_owner = getpid();
        atexit(remove_scratch);
    }
    snprintf(out, sizeof names[0], "%s/%s", scratch_directory, name);
    return out;
}

size_t file_size(const char *file)
{
    struct stat info;
    return stat(file, &info) == 0 ? (size_t) info.st_size : 0;
}

bool read_pids(const char *file, pid_t pids[2])
{
    FILE *in = fopen(file, "re");

    if (!in)
        return false;
    int count = fscanf(in, "%d %d", &pids[0], &pids[1]);
    fclose(in);
    return count == 2;
}

char process_state(pid_t pid)
{
    char file[64], state;

    snprintf(file, sizeof file, "/proc/%d/stat", (int) pid);
    FILE *in = fopen(file, "re");
    if (!in)
        return '\0';
    if (fscanf(in, "%*d (%*[^)]) %c", &state) != 1)
        state = '\0';
    fclose(in);
    return state;
}

bool is_gone(pid_t pid)
{
    char state = process_state(pid);
    return state == '\0' || state == 'Z' || state == 'X';
}

size_t open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t count = 0;

    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

bool has_children(void)
{
    siginfo_t info;
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}
