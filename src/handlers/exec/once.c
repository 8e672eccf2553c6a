#include "once.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "environment.h"
#include "exit_status.h"
#include "monotonic.h"
#include "options.h"
#include "process.h"
#include "stop.h"
#include "text.h"

enum {
    NO_PIDFD_POLL_MS = 20,
    /* How long output is waited for once the program itself has ended: enough for the `tee` of a
     * shell script to finish, too short for a helper that was left behind with our stderr to hold
     * up the queue. */
    LINGER_US = 200000,
};

struct run {
    const struct exec_options *options;
    const struct dueq_host *host;
    const struct dueq_job *job;
    struct process process;
    size_t written; /* of the payload */
    struct tail out, err;
    int64_t started_us;
    int64_t stopped_us; /* when SIGTERM was sent; 0: not */
    int64_t kill_us;    /* when SIGKILL is due; INT64_MAX: not, or sent */
    int64_t linger_us;  /* when the output is given up; INT64_MAX: the program has not ended */
};

static void feed(struct run *run)
{
    const struct dueq_job *job = run->job;

    while (run->process.in >= 0) {
        if (run->written == job->payload_len) {
            process_close(&run->process.in);
            return;
        }
        ssize_t n = write(run->process.in, job->payload + run->written,
                          job->payload_len - run->written);
        if (n >= 0)
            run->written += (size_t) n;
        else if (errno == EAGAIN)
            return;
        else if (errno != EINTR) /* EPIPE: it does not want to know */
            process_close(&run->process.in);
    }
}

/* One read a round: a program that never stops talking must not keep us from looking at the clock.
 */
static void drain(int *fd, struct tail *tail)
{
    char bytes[16384];

    if (*fd < 0)
        return;
    ssize_t n = read(*fd, bytes, sizeof bytes);
    if (n > 0)
        tail_add(tail, bytes, (size_t) n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        process_close(fd);
}

/* SIGTERM when the attempt is to stop, SIGKILL when that was not heeded. */
static void stop_if_told(struct run *run, int64_t now_us)
{
    if (!run->stopped_us && run->host->cancelled(run->job)) {
        run->stopped_us = now_us;
        run->kill_us = now_us + run->options->kill_after_us;
        process_signal(&run->process, SIGTERM);
    }
    if (now_us >= run->kill_us) {
        run->kill_us = INT64_MAX;
        process_signal(&run->process, SIGKILL);
    }
}

static void follow(struct run *run)
{
    struct process *process = &run->process;

    for (;;) {
        int64_t now_us = monotonic_us();
        if (run->linger_us == INT64_MAX && process_ended(process)) {
            run->linger_us = now_us + LINGER_US;
            process_close(&process->in);
        }
        if (run->linger_us == INT64_MAX)
            stop_if_told(run, now_us);
        else if (now_us >= run->linger_us || (process->out < 0 && process->err < 0))
            return;

        int64_t wait_ms = process->pidfd < 0 ? NO_PIDFD_POLL_MS : STOP_POLL_MS;
        int64_t until_us = run->kill_us < run->linger_us ? run->kill_us : run->linger_us;
        if (until_us != INT64_MAX && (until_us - now_us) / 1000 + 1 < wait_ms)
            wait_ms = (until_us - now_us) / 1000 + 1;
        struct pollfd fds[] = {
            { .fd = process->in, .events = POLLOUT },
            { .fd = process->out, .events = POLLIN },
            { .fd = process->err, .events = POLLIN },
            /* readable for good once it has ended, so only until we know */
            { .fd = run->linger_us == INT64_MAX ? process->pidfd : -1, .events = POLLIN },
        };
        poll(fds, sizeof fds / sizeof fds[0], (int) wait_ms);
        if (fds[0].revents)
            feed(run);
        if (fds[1].revents)
            drain(&process->out, &run->out);
        if (fds[2].revents)
            drain(&process->err, &run->err);
    }
}

static int32_t judge(const struct run *run, int status, struct dueq_result *result)
{
    char how[64], why[128];
    int32_t outcome = exit_status_outcome(status);

    exit_status_describe(status, how, sizeof how);
    if (run->stopped_us) {
        /* Whatever it said then: what a program does on SIGTERM tells nothing about the job. */
        outcome = DUEQ_RETRY;
        message_set(result, "%s; %s",
                    stop_describe(run->job, run->started_us, run->stopped_us, why, sizeof why),
                    how);
    } else {
        message_set(result, "%s", how);
    }
    if (outcome == DUEQ_DONE)
        return outcome;
    /* PHP's command line, for one, writes its errors to stdout. */
    const struct tail *said = run->err.len ? &run->err : &run->out;
    message_add_end_of(result, said->bytes, said->len, said->cut);
    return outcome;
}

int32_t once_run(const struct exec_options *options, const struct dueq_host *host,
                 const struct dueq_job *job, struct dueq_result *result)
{
    struct run run = { .options = options,
                       .host = host,
                       .job = job,
                       .process = PROCESS_NONE,
                       .kill_us = INT64_MAX,
                       .linger_us = INT64_MAX };
    int32_t outcome = DUEQ_RETRY;
    char why[512];

    run.started_us = monotonic_us();
    message_set(result, "out of memory");
    char **environment = environment_for_job(options->environment, job);
    if (!environment || tail_init(&run.out, options->stderr_tail) < 0 ||
        tail_init(&run.err, options->stderr_tail) < 0)
        goto end;

    int error = process_start(options, environment, &run.process, why, sizeof why);
    if (error == -E2BIG && job->headers_len > 0) {
        message_set(result,
                    "its headers (%zu bytes) are more than an environment can hold; "
                    "mode = \"lines\" has no such limit",
                    job->headers_len);
        outcome = DUEQ_DEAD;
        goto end;
    }
    if (error) {
        message_set(result, "%s", why);
        goto end;
    }
    follow(&run);
    int status = process_reap(&run.process);
    outcome = judge(&run, status, result);

end:
    process_close(&run.process.in);
    process_close(&run.process.out);
    process_close(&run.process.err);
    tail_done(&run.out);
    tail_done(&run.err);
    environment_free(environment);
    return outcome;
}
