#include "row_output.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_output.h"
#include "output.h"
#include "times.h"

static void set(json_t *object, const char *name, json_t *value)
{
    json_object_set_new(object, name, value);
}

static void set_payload(json_t *object, struct row_text headers, struct row_text payload,
                        uint64_t whole_len)
{
    set(object, "headers", json_row_json(headers));
    set(object, "payload", json_row_text(payload));
    set(object, "payload_cut", json_boolean(payload.len < whole_len));
}

json_t *row_job_json(const struct job_view *job, enum row_detail detail)
{
    json_t *object = json_object();
    set(object, "id", json_integer((json_int_t) job->id));
    set(object, "queue", json_row_text(job->queue));
    set(object, "kind", json_row_text(job->kind));
    set(object, "phase", json_string(job_phase_name(job->phase)));
    set(object, "state", json_row_text(job->state));
    set(object, "priority", json_integer(job->priority));
    set(object, "next_run_at", json_time(job->next_run_at_us));
    set(object, "attempts", json_integer(job->attempts));
    set(object, "max_attempts", json_nonzero(job->max_attempts));
    set(object, "retry", json_row_text(job->retry));
    set(object, "worker_id", json_nonzero(job->worker_id));
    set(object, "unique_key", json_row_text(job->unique_key));
    set(object, "ordering_key", json_row_text(job->ordering_key));
    set(object, "created_at", json_time(job->created_at_us));
    set(object, "payload_bytes", json_integer((json_int_t) job->payload_len));
    if (detail == ROW_FULL)
        set_payload(object, job->headers, job->payload, job->payload_len);
    return object;
}

json_t *row_dead_json(const struct dead_view *dead, enum row_detail detail)
{
    json_t *object = json_object();
    set(object, "dead_id", json_integer((json_int_t) dead->dead_id));
    set(object, "id", json_integer((json_int_t) dead->id));
    set(object, "queue", json_row_text(dead->queue));
    set(object, "kind", json_row_text(dead->kind));
    set(object, "reason", json_row_text(dead->reason));
    set(object, "message", json_row_text(dead->message));
    set(object, "died_at", json_time(dead->died_at_us));
    set(object, "state", json_row_text(dead->state));
    set(object, "priority", json_integer(dead->priority));
    set(object, "next_run_at", json_time(dead->next_run_at_us));
    set(object, "attempts", json_integer(dead->attempts));
    set(object, "max_attempts", json_nonzero(dead->max_attempts));
    set(object, "retry", json_row_text(dead->retry));
    set(object, "unique_key", json_row_text(dead->unique_key));
    set(object, "ordering_key", json_row_text(dead->ordering_key));
    set(object, "created_at", json_time(dead->created_at_us));
    set(object, "payload_bytes", json_integer((json_int_t) dead->payload_len));
    if (detail == ROW_FULL)
        set_payload(object, dead->headers, dead->payload, dead->payload_len);
    return object;
}

json_t *row_failure_json(const struct job_failure *failure)
{
    json_t *object = json_object();
    set(object, "attempt", json_integer(failure->attempt));
    set(object, "at", json_time(failure->at_us));
    set(object, "worker", json_row_text(failure->worker));
    set(object, "message", json_row_text(failure->message));
    return object;
}

static void print_pair(const char *name, const char *value, size_t len)
{
    struct buffer line = { 0 };
    buffer_append_format(&line, "%-13s ", name);
    output_escape(&line, value, len);
    buffer_append_char(&line, '\n');
    output_write(&line);
    buffer_done(&line);
}

void row_pair(const char *name, const char *format, ...)
{
    char *value = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&value, format, args);
    va_end(args);
    if (len < 0)
        return;
    print_pair(name, value, (size_t) len);
    free(value);
}

void row_pair_text(const char *name, struct row_text text)
{
    if (text.bytes)
        print_pair(name, text.bytes, text.len);
}

void row_pair_time(const char *name, int64_t us, int64_t now_us)
{
    char at[TIMES_TEXT_SIZE], relative[TIMES_TEXT_SIZE];
    if (us > 0)
        row_pair(name, "%s (%s)", times_for_people(us, at), times_relative(us, now_us, relative));
    else
        row_pair(name, "no date");
}

void row_print_payload(struct row_text shown, uint64_t whole_len)
{
    struct buffer text = { 0 };
    row_pair("payload", "%" PRIu64 " bytes", whole_len);
    if (shown.len > 0)
        output_escape_lines(&text, "    ", shown.bytes, shown.len);
    output_write(&text);
    buffer_done(&text);
    if (shown.len < whole_len)
        printf("    … and %" PRIu64 " bytes more: --full shows all\n", whole_len - shown.len);
}

static void print_attempts(uint32_t attempts, uint32_t max_attempts)
{
    if (max_attempts)
        row_pair("attempts", "%" PRIu32 " of %" PRIu32, attempts, max_attempts);
    else
        row_pair("attempts", "%" PRIu32, attempts);
}

void row_print_job(const struct job_view *job)
{
    row_pair("job", "%" PRIu64, job->id);
    row_pair_text("queue", job->queue);
    row_pair_text("kind", job->kind);
    if (job->phase == JOB_PHASE_RUNNING)
        row_pair("phase", "running, worker %" PRIu64, job->worker_id);
    else if (job->lease)
        row_pair("phase", "due: the lease of worker %" PRIu64 " ran out", job->worker_id);
    else
        row_pair("phase", "%s", job_phase_name(job->phase));
    row_pair_text("state", job->state);
    row_pair("priority", "%u", job->priority);
    row_pair_time(job->phase == JOB_PHASE_RUNNING ? "lease until" : "next run", job->next_run_at_us,
                  job->now_us);
    print_attempts(job->attempts, job->max_attempts);
    row_pair_text("retry policy", job->retry);
    row_pair_text("unique key", job->unique_key);
    row_pair_text("ordering key", job->ordering_key);
    row_pair_time("created", job->created_at_us, job->now_us);
    row_pair_text("headers", job->headers);
    row_print_payload(job->payload, job->payload_len);
}

void row_print_dead(const struct dead_view *dead)
{
    row_pair("dead letter", "%" PRIu64, dead->dead_id);
    row_pair("job", "%" PRIu64, dead->id);
    row_pair_text("queue", dead->queue);
    row_pair_text("kind", dead->kind);
    row_pair_time("died", dead->died_at_us, dead->now_us);
    row_pair_text("reason", dead->reason);
    row_pair_text("message", dead->message);
    row_pair_text("state", dead->state);
    row_pair("priority", "%u", dead->priority);
    print_attempts(dead->attempts, dead->max_attempts);
    row_pair_text("retry policy", dead->retry);
    row_pair_text("unique key", dead->unique_key);
    row_pair_text("ordering key", dead->ordering_key);
    row_pair_time("created", dead->created_at_us, dead->now_us);
    row_pair_text("headers", dead->headers);
    row_print_payload(dead->payload, dead->payload_len);
}
