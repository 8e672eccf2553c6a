#include "protocol.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "text.h"

struct writer {
    char *bytes;
    size_t len, size;
    int error; /* 0 or a negative errno; nothing is written after it */
};

static void put(struct writer *writer, const char *bytes, size_t len)
{
    if (writer->error)
        return;
    if (len > writer->size - writer->len) {
        size_t size = writer->size;
        while (len > size - writer->len) {
            if (size > SIZE_MAX / 2) {
                writer->error = -ENOMEM;
                return;
            }
            size *= 2;
        }
        char *bigger = realloc(writer->bytes, size);
        if (!bigger) {
            writer->error = -ENOMEM;
            return;
        }
        writer->bytes = bigger;
        writer->size = size;
    }
    memcpy(writer->bytes + writer->len, bytes, len);
    writer->len += len;
}

static void put_text(struct writer *writer, const char *text)
{
    put(writer, text, strlen(text));
}

static void put_format(struct writer *writer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void put_format(struct writer *writer, const char *format, ...)
{
    char text[64]; /* numbers only */
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    put(writer, text, (size_t) len);
}

/* U+0085, U+2028 and U+2029 end a line for some languages' readers (Node's readline, Python's
 * splitlines) though not for us. The escape of the one at `text`, or NULL. */
static const char *line_end_escape(const char *text, size_t character_len)
{
    if (character_len == 2 && memcmp(text, "\xc2\x85", 2) == 0)
        return "\\u0085";
    if (character_len == 3 && memcmp(text, "\xe2\x80\xa8", 3) == 0)
        return "\\u2028";
    if (character_len == 3 && memcmp(text, "\xe2\x80\xa9", 3) == 0)
        return "\\u2029";
    return NULL;
}

/* A JSON string. Runs that need no escape, which is nearly all of any payload, are copied whole. */
static void put_string(struct writer *writer, const char *text, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    size_t from = 0, at = 0;

    put_text(writer, "\"");
    while (at < len && !writer->error) {
        unsigned char c = (unsigned char) text[at];
        size_t taken = text_character(text + at, len - at);
        if (taken == 0) {
            writer->error = -EILSEQ;
            return;
        }
        const char *escape = line_end_escape(text + at, taken);
        if (c >= 0x20 && c != '"' && c != '\\' && !escape) {
            at += taken;
            continue;
        }
        put(writer, text + from, at - from);
        if (escape)
            put_text(writer, escape);
        else if (c == '"' || c == '\\')
            put(writer, (const char[]){ '\\', (char) c }, 2);
        else if (c == '\n')
            put_text(writer, "\\n");
        else
            put(writer, (const char[]){ '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] }, 6);
        at += taken;
        from = at;
    }
    put(writer, text + from, len - from);
    put_text(writer, "\"");
}

/* JSON that was checked, on one line. A newline stands between tokens alone, and what is not ASCII
 * in strings alone, so both can be replaced without a look at where they are. */
static void put_on_one_line(struct writer *writer, const char *json, size_t len)
{
    size_t from = 0;

    for (size_t at = 0; at < len;) {
        size_t taken = text_character(json + at, len - at);
        const char *instead = json[at] == '\n' || json[at] == '\r'
                                  ? " "
                                  : line_end_escape(json + at, taken);
        if (instead) {
            put(writer, json + from, at - from);
            put_text(writer, instead);
            from = at + taken;
        }
        at += taken ? taken : 1;
    }
    put(writer, json + from, len - from);
}

static void put_string_member(struct writer *writer, const char *name, const char *value)
{
    put_format(writer, ",\"%s\":", name);
    put_string(writer, value, strlen(value));
}

/* The producer's own text, so that no number in it changes. Text that is no JSON as we know it is
 * handed on as a string: it must not break the line, and is not ours to drop. */
static void put_headers(struct writer *writer, const char *text, size_t len)
{
    put_text(writer, ",\"headers\":");
    if (!text) {
        put_text(writer, "null");
        return;
    }
    json_t *json = json_loadb(text, len, JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL | JSON_DECODE_ANY,
                              NULL);
    if (json) {
        json_decref(json);
        put_on_one_line(writer, text, len);
        return;
    }
    char *clean = malloc(len + 1);
    if (!clean) {
        writer->error = -ENOMEM;
        return;
    }
    memcpy(clean, text, len);
    text_clean(clean, len);
    put_string(writer, clean, len);
    free(clean);
}

int protocol_encode(const struct dueq_job *job, char **ret_line, size_t *ret_len)
{
    struct writer writer = { .size = 1024 };
    char text[TEXT_TIME_SIZE];

    writer.bytes = malloc(writer.size);
    if (!writer.bytes)
        return -ENOMEM;
    put_format(&writer, "{\"id\":%" PRIu64, job->id);
    put_string_member(&writer, "message_id", job->message_id);
    put_string_member(&writer, "source", job->source);
    put_string_member(&writer, "queue", job->queue);
    put_string_member(&writer, "kind", job->kind);
    put_format(&writer, ",\"attempt\":%" PRIu32, job->attempt);
    put_format(&writer, ",\"max_attempts\":%" PRIu32, job->max_attempts);
    put_format(&writer, ",\"timeout\":%s", text_seconds(job->timeout_us, text));
    put_string_member(&writer, "created_at", text_time(job->created_at_us, text));
    put_string_member(&writer, "due_at", text_time(job->due_at_us, text));
    put_headers(&writer, job->headers, job->headers_len);
    put_text(&writer, ",\"payload\":");
    put_string(&writer, job->payload, job->payload_len);
    put_text(&writer, "}\n");
    if (writer.error) {
        free(writer.bytes);
        return writer.error;
    }
    *ret_line = writer.bytes;
    *ret_len = writer.len;
    return 0;
}

int protocol_parse_delay(const char *text, int64_t *ret_us)
{
    static const struct {
        const char *name;
        int64_t us;
    } units[] = { { "us", 1 },       { "ms", 1000 },      { "s", 1000000 },
                  { "m", 60000000 }, { "h", 3600000000 }, { "d", 86400000000 } };
    int64_t total = 0;

    if (strcmp(text, "0") == 0) {
        *ret_us = 0;
        return 0;
    }
    if (!*text)
        return -EINVAL;
    while (*text) {
        size_t digits = strspn(text, "0123456789");
        size_t letters = strspn(text + digits, "abcdefghijklmnopqrstuvwxyz");
        int64_t unit_us = 0, number = 0;

        for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
            if (strlen(units[i].name) == letters &&
                memcmp(units[i].name, text + digits, letters) == 0)
                unit_us = units[i].us;
        if (!digits || !unit_us)
            return -EINVAL;
        for (size_t i = 0; i < digits; i++)
            if (__builtin_mul_overflow(number, 10, &number) ||
                __builtin_add_overflow(number, text[i] - '0', &number))
                return -ERANGE;
        if (__builtin_mul_overflow(number, unit_us, &number) ||
            __builtin_add_overflow(total, number, &total) || total > PROTOCOL_LONGEST_DELAY_US)
            return -ERANGE;
        text += digits + letters;
    }
    *ret_us = total;
    return 0;
}

/* The text of a string that has no NUL in it, else NULL. */
static const char *plain_text(const json_t *json)
{
    const char *text = json_string_value(json);
    return text && strlen(text) == json_string_length(json) ? text : NULL;
}

/* 0 also where there is none. */
static int read_delay(const json_t *answer, int64_t *ret_us)
{
    const json_t *delay = json_object_get(answer, "delay");

    *ret_us = -1;
    if (!delay || json_is_null(delay))
        return 0;
    if (plain_text(delay))
        return protocol_parse_delay(plain_text(delay), ret_us);
    if (!json_is_number(delay))
        return -EINVAL;
    double us = json_number_value(delay) * 1e6;
    if (!(us >= 0 && us <= (double) PROTOCOL_LONGEST_DELAY_US))
        return -ERANGE;
    *ret_us = (int64_t) us;
    return 0;
}

static int32_t read_outcome(const json_t *answer)
{
    static const struct {
        const char *name;
        int32_t outcome;
    } names[] = { { "done", DUEQ_DONE },
                  { "retry", DUEQ_RETRY },
                  { "snooze", DUEQ_SNOOZE },
                  { "dead", DUEQ_DEAD } };
    const char *name = plain_text(json_object_get(answer, "outcome"));

    for (size_t i = 0; name && i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i].name) == 0)
            return names[i].outcome;
    return PROTOCOL_INVALID;
}

/* Whether it is about this job. A child that once printed a line too many would otherwise answer
 * each job with the outcome of the one before. */
static bool is_for(const json_t *answer, const struct dueq_job *job)
{
    const json_t *id = json_object_get(answer, "id");
    const json_t *message_id = json_object_get(answer, "message_id");

    if (id && (!json_is_integer(id) || (uint64_t) json_integer_value(id) != job->id))
        return false;
    return !message_id ||
           (plain_text(message_id) && strcmp(plain_text(message_id), job->message_id) == 0);
}

static int32_t invalid(struct dueq_result *result, const char *what, const char *line, size_t len)
{
    enum { QUOTED = 300 };
    char quote[QUOTED];
    bool cut = len > QUOTED;

    len = cut ? QUOTED : len;
    memcpy(quote, line, len);
    text_clean(quote, len);
    message_set(result, "the child's answer %s: %.*s%s", what, (int) len, quote, cut ? "..." : "");
    return PROTOCOL_INVALID;
}

int32_t protocol_decode(const char *line, size_t len, const struct dueq_job *job,
                        struct dueq_result *result)
{
    json_t *answer = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    int64_t delay_us = -1;

    if (!json_is_object(answer)) {
        json_decref(answer);
        return invalid(result, "is not a JSON object", line, len);
    }
    int32_t outcome = read_outcome(answer);
    if (outcome == PROTOCOL_INVALID) {
        invalid(result, "has no \"outcome\" of done, retry, snooze or dead", line, len);
    } else if (!is_for(answer, job)) {
        outcome = invalid(result, "is about another job", line, len);
    } else if (outcome != DUEQ_DONE && outcome != DUEQ_DEAD && read_delay(answer, &delay_us) < 0) {
        /* With "done" and "dead" a delay means nothing, and a job that is done must not be run
         * again for it. */
        outcome = invalid(result, "has a \"delay\" that is no time from 0 to 366 days", line, len);
    } else {
        const json_t *message = json_object_get(answer, "message");
        result->delay_us = delay_us;
        result->message[0] = '\0';
        if (json_is_string(message)) {
            size_t message_len = json_string_length(message);
            bool cut = message_len >= result->message_size;
            if (cut)
                message_len = result->message_size - 1;
            memcpy(result->message, json_string_value(message), message_len);
            text_clean(result->message, message_len);
            result->message[message_len] = '\0';
        }
    }
    json_decref(answer);
    return outcome;
}
