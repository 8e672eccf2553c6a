#include "lines.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "children.h"
#include "monotonic.h"
#include "protocol.h"
#include "stop.h"
#include "text.h"

#define SECOND_US INT64_C(1000000)

/* How it went with one child. */
enum ending {
    UNFINISHED,    /* not yet over */
    ANSWERED,      /* one line, as it should be */
    SAID_TOO_MUCH, /* an answer, and then more, or before it had read the job */
    SPOKE_FIRST,   /* before it was given the job: it has lost count, or prints what does not belong
                      there */
    TOO_LONG,      /* more than an answer may have, and no newline */
    GONE,          /* it closed its end, or died */
    STOPPED,       /* the attempt has to stop */
};

struct exchange {
    struct children *children;
    struct child *child;
    const struct dueq_job *job;
    const char *request;
    size_t request_len, written;
    char *answer; /* PROTOCOL_ANSWER_SIZE bytes */
    size_t answer_len;
    size_t line_len; /* ANSWERED, SAID_TOO_MUCH: of the answer, without its newline */
};

/* False when the child does not take any more. */
static bool send_more(struct exchange *exchange)
{
    while (exchange->written < exchange->request_len) {
        ssize_t n = write(exchange->child->process.in, exchange->request + exchange->written,
                          exchange->request_len - exchange->written);
        if (n >= 0)
            exchange->written += (size_t) n;
        else if (errno == EAGAIN)
            return true;
        else if (errno != EINTR)
            return false;
    }
    return true;
}

enum received { NOTHING, BYTES, END };

static enum received receive(struct exchange *exchange)
{
    for (;;) {
        ssize_t n = read(exchange->child->process.out, exchange->answer + exchange->answer_len,
                         PROTOCOL_ANSWER_SIZE - exchange->answer_len);
        if (n > 0) {
            exchange->answer_len += (size_t) n;
            return BYTES;
        }
        if (n == 0)
            return END;
        if (errno == EAGAIN)
            return NOTHING;
        if (errno != EINTR)
            return END;
    }
}

/* Whether the answer is complete, and how. `from`: where the bytes begin that are new. */
static enum ending look_for_line(struct exchange *exchange, size_t from)
{
    char *newline = memchr(exchange->answer + from, '\n', exchange->answer_len - from);

    if (!newline)
        return exchange->answer_len == PROTOCOL_ANSWER_SIZE ? TOO_LONG : UNFINISHED;
    exchange->line_len = (size_t) (newline - exchange->answer);
    bool whole = exchange->line_len + 1 == exchange->answer_len &&
                 exchange->written == exchange->request_len;
    return whole ? ANSWERED : SAID_TOO_MUCH;
}

static enum ending talk(struct exchange *exchange)
{
    const struct process *process = &exchange->child->process;
    bool takes = true, over = false;

    switch (receive(exchange)) {
    case BYTES:
        return SPOKE_FIRST;
    case END:
        return GONE;
    case NOTHING:
        break;
    }
    for (;;) {
        if (takes)
            takes = send_more(exchange);
        struct pollfd fds[] = {
            { .fd = process->out, .events = POLLIN },
            { .fd = takes && exchange->written < exchange->request_len ? process->in : -1,
              .events = POLLOUT },
        };
        poll(fds, 2, over ? 0 : STOP_POLL_MS);
        if (fds[0].revents) {
            size_t from = exchange->answer_len;
            if (receive(exchange) == END)
                return GONE;
            enum ending ending = look_for_line(exchange, from);
            if (ending != UNFINISHED)
                return ending;
        }
        if (exchange->children->host->cancelled(exchange->job))
            return STOPPED;
        /* Something that it left behind may hold its stdout, so that there is no end of it. What it
         * wrote before it ended was there before it was known to be over: one look more, and
         * nothing is missed. */
        if (!fds[0].revents && over)
            return GONE;
        over = over || (!fds[0].revents && !fds[1].revents &&
                        children_is_over(exchange->children, exchange->child));
    }
}

/* Of a child that is collected: whether it has not read a byte of the job, so that another one may
 * have it. (What is not read stays in the pipe as long as we hold our end of it.) */
static bool untouched(const struct exchange *exchange)
{
    int unread;

    return ioctl(exchange->child->process.in, FIONREAD, &unread) == 0 && unread >= 0 &&
           (size_t) unread == exchange->written;
}

static void log_spoke_first(const struct exchange *exchange)
{
    const struct dueq_host *host = exchange->children->host;
    char quote[200];
    size_t len = exchange->answer_len < sizeof quote ? exchange->answer_len : sizeof quote;

    memcpy(quote, exchange->answer, len);
    while (len && quote[len - 1] == '\n')
        len--;
    text_clean(quote, len);
    host->log(host, DUEQ_LOG_WARNING,
              "a child is replaced because it wrote to stdout while it had no job: %.*s", (int) len,
              quote);
}

enum { ANOTHER_CHILD = -1 };

/* What came of it, and the child back to where it belongs: dueq_outcome or ANOTHER_CHILD. */
static int32_t conclude(struct exchange *exchange, enum ending ending, int64_t started_us,
                        struct dueq_result *result)
{
    struct children *children = exchange->children;
    struct child *child = exchange->child;
    int32_t outcome = DUEQ_RETRY;
    bool blameless = false;
    char why[128];

    switch (ending) {
    case UNFINISHED: /* talk() does not return it */
    case ANSWERED:
    case SAID_TOO_MUCH:
        outcome = protocol_decode(exchange->answer, exchange->line_len, exchange->job, result);
        if (outcome != PROTOCOL_INVALID && ending == ANSWERED) {
            children_give_back(children, child);
            return outcome;
        }
        /* It may be at work on the job still, and could take what it says next for an answer to the
         * next one. An answer that was one stands, whatever came behind it. */
        children_stop(children, child);
        blameless = outcome != PROTOCOL_INVALID;
        if (blameless)
            children->host->log(
                children->host, DUEQ_LOG_WARNING,
                "a child is replaced because it wrote more than one line for a job, "
                "or answered before it had read it");
        else
            outcome = DUEQ_RETRY;
        break;
    case SPOKE_FIRST:
        log_spoke_first(exchange);
        children_stop(children, child);
        outcome = ANOTHER_CHILD;
        break;
    case TOO_LONG:
        children_stop(children, child);
        message_set(result, "the child's answer has more than %d bytes", PROTOCOL_ANSWER_SIZE);
        message_add_end_of(result, exchange->answer, 200, false);
        break;
    case GONE:
        children_stop(children, child);
        if (untouched(exchange)) {
            outcome = ANOTHER_CHILD;
            break;
        }
        message_set(result, "the child ended before it had answered");
        children_add_end_of(child, result);
        break;
    case STOPPED: {
        int64_t stopped_us = monotonic_us();
        children_stop(children, child);
        blameless = true;
        message_set(result, "%s",
                    stop_describe(exchange->job, started_us, stopped_us, why, sizeof why));
        children_add_end_of(child, result);
        break;
    }
    }
    children_release(children, child, blameless);
    return outcome;
}

/* No child had the job: it is put off without being charged an attempt. Nothing is wrong with it,
 * and a program that an operator has broken must not use up the attempts of every job that waits.
 * The reason goes to the log, since dueqd keeps a message with a failure only. */
static int32_t put_off(const struct children *children, const struct dueq_job *job,
                       enum children_answer answer, const struct children_pause *pause,
                       int64_t started_us, struct dueq_result *result)
{
    char why[128];

    if (answer == CHILDREN_STOPPED) {
        stop_describe(job, started_us, monotonic_us(), why, sizeof why);
        message_set(result, "no child was free; %s", why);
        result->delay_us = SECOND_US;
        children->host->log(children->host, DUEQ_LOG_WARNING,
                            "a job is put off because none of %zu children was free; %s",
                            children->options->children, why);
    } else {
        /* children_start_failed() has logged it, once for all that wait */
        message_set(result, "no child can be started for now: %s", pause->why);
        result->delay_us = pause->left_us > SECOND_US ? pause->left_us : SECOND_US;
    }
    return DUEQ_SNOOZE;
}

int32_t lines_run(struct children *children, const struct dueq_job *job, struct dueq_result *result)
{
    struct exchange exchange = { .children = children, .job = job };
    int64_t started_us = monotonic_us();
    int32_t outcome = ANOTHER_CHILD;
    char *request = NULL;

    int error = protocol_encode(job, &request, &exchange.request_len);
    if (error == -EILSEQ) {
        message_set(result,
                    "the job is not UTF-8 and so cannot be a line of JSON; mode = \"once\" can");
        return DUEQ_DEAD;
    }
    exchange.request = request;
    exchange.answer = malloc(PROTOCOL_ANSWER_SIZE);
    if (error || !exchange.answer) {
        message_set(result, "out of memory");
        outcome = DUEQ_RETRY;
    }
    while (outcome == ANOTHER_CHILD) {
        struct children_pause pause;
        enum children_answer answer = children_take(children, job, &exchange.child, &pause);
        if (answer != CHILDREN_LENT) {
            outcome = put_off(children, job, answer, &pause, started_us, result);
            break;
        }
        exchange.written = exchange.answer_len = 0;
        enum ending ending = talk(&exchange);
        outcome = conclude(&exchange, ending, started_us, result);
    }
    free(exchange.answer);
    free(request);
    return outcome;
}
