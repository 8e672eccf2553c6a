#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "commands.h"
#include "job_insert.h"
#include "json_output.h"
#include "output.h"
#include "times.h"

enum {
    PAYLOAD_MAX = (16 << 20) - 1, /* of MEDIUMTEXT */
    HEADERS_MAX = 64 * 1024,      /* a claim buries what has more */
};

/* All of a file, or of standard input. */
static int read_payload(const char *file, struct buffer *payload)
{
    int fd = strcmp(file, "-") == 0 ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : 1;

    while (len > 0 && payload->len <= PAYLOAD_MAX) {
        char *room = buffer_reserve(payload, 64 * 1024);
        if (!room) {
            output_error("out of memory for the payload");
            close(fd);
            return EX_OSERR;
        }
        len = read(fd, room, 64 * 1024);
        if (len > 0)
            payload->len += (size_t) len;
        else if (len < 0 && errno == EINTR)
            len = 1;
    }
    int error = errno;
    if (fd > STDIN_FILENO)
        close(fd);
    if (len < 0) {
        output_error("reading the payload from %s: %s", file, strerror(error));
        return error == EACCES ? EX_NOPERM : EX_NOINPUT;
    }
    if (payload->len > PAYLOAD_MAX) {
        output_error("the payload is larger than the %d bytes that a job can have", PAYLOAD_MAX);
        return EX_DATAERR;
    }
    return EX_OK;
}

static int find_payload(const struct command *command, int argc, char **argv, const char *file,
                        struct buffer *storage, struct new_job *job)
{
    if (argc > 2 && file)
        return cli_usage(command, "the payload is given twice");
    if (argc > 2 && strcmp(argv[2], "-") == 0)
        file = "-";
    if (!file) {
        job->payload = argc > 2 ? argv[2] : "";
        job->payload_len = strlen(job->payload);
        return EX_OK;
    }
    int status = read_payload(file, storage);
    job->payload = storage->bytes ? storage->bytes : "";
    job->payload_len = storage->len;
    return status;
}

/* The table takes what a handler then cannot use, and the servers refuse what is no JSON in words
 * about a constraint. */
static int check_headers(const char *headers)
{
    json_error_t why;
    size_t len = strlen(headers);

    if (len > HEADERS_MAX) {
        output_error("--headers: expected at most %d bytes, found %zu", HEADERS_MAX, len);
        return EX_DATAERR;
    }
    /* Nothing that is JSON is refused for what Jansson itself could not hold. */
    const size_t flags = JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL;
    json_t *json = json_loadb(headers, len, flags, &why);
    bool is_object = json_is_object(json);
    if (!json)
        output_error("--headers: expected a JSON object: column %d: %s", why.column, why.text);
    else if (!is_object)
        output_error("--headers: expected a JSON object, such as {\"trace\": \"1\"}");
    json_decref(json);
    return is_object ? EX_OK : EX_DATAERR;
}

static int print_result(const struct cli *cli, uint64_t id, bool absorbed)
{
    if (cli->json)
        return json_print(json_pack("{s:o, s:b}", "id", json_nonzero(id), "absorbed", absorbed));
    if (!absorbed)
        printf("%llu\n", (unsigned long long) id);
    else if (id)
        printf("absorbed: job %llu has this unique key\n", (unsigned long long) id);
    else
        printf("absorbed: a job that has ended just now had this unique key\n");
    return EX_OK;
}

int command_enqueue(struct cli *cli, const struct command *command, int argc, char **argv)
{
    struct new_job job = { .priority = -1, .delay_us = -1, .at_us = -1, .max_attempts = -1 };
    const char *at = NULL, *file = NULL;
    int64_t priority = -1;
    const struct argument table[] = {
        { "queue", 0, ARGUMENT_NAME, &job.queue, "NAME", "default: \"default\"", 0, 0 },
        { "priority", 0, ARGUMENT_NUMBER, &priority, "NUMBER", "0 first, 9 last; default 5", 0, 9 },
        { "delay", 0, ARGUMENT_DURATION, &job.delay_us, "DURATION", "due after so long: 30m", 0,
          0 },
        { "at", 0, ARGUMENT_TEXT, &at, "TIME",
          "due then: 2026-11-22T19:30:00Z or +08:00; UTC if it does not say", 0, 0 },
        { "unique-key", 0, ARGUMENT_TEXT, &job.unique_key, "TEXT",
          "no two living jobs have the same", 0, 0 },
        { "ordering-key", 0, ARGUMENT_TEXT, &job.ordering_key, "TEXT",
          "kept with the job; this version does not act on it", 0, 0 },
        { "max-attempts", 0, ARGUMENT_NUMBER, &job.max_attempts, "NUMBER",
          "default: the retry policy's", 1, UINT32_MAX },
        { "retry", 0, ARGUMENT_NAME, &job.retry, "POLICY", "default: the kind's", 0, 0 },
        { "headers", 0, ARGUMENT_TEXT, &job.headers, "JSON", "an object, for the handler", 0, 0 },
        { "file", 0, ARGUMENT_TEXT, &file, "FILE", "the payload is what is in it", 0, 0 },
    };
    struct buffer storage = { 0 };
    struct error error;
    uint64_t id = 0;
    bool absorbed = false;
    int status;

    if (!cli_arguments(cli, command, table, sizeof table / sizeof *table, 1, 2, &argc, argv,
                       &status))
        return status;
    job.kind = argv[1];
    job.priority = (int) priority;
    if (!argument_is_name(job.kind))
        return cli_usage(command, "a kind is 1 to 64 ASCII characters without spaces");
    if (at && job.delay_us >= 0)
        return cli_usage(command, "--delay and --at exclude each other");
    if (at && !times_parse(at, &job.at_us))
        return cli_usage(command,
                         "--at: expected a time such as 2026-11-22T19:30:00Z, of 1970 to "
                         "January 2038, found \"%s\"",
                         at);
    status = job.headers ? check_headers(job.headers) : EX_OK;
    if (status == EX_OK)
        status = find_payload(command, argc, argv, file, &storage, &job);
    if (status == EX_OK)
        status = cli_connect(cli, CLI_NEED_SCHEMA);
    if (status == EX_OK) {
        enum db_status inserted = job_insert(cli->db, &job, &id, &absorbed, &error);
        status = inserted == DB_OK ? print_result(cli, id, absorbed)
                                   : cli_failed(cli, inserted, &error);
    }
    buffer_done(&storage);
    return status;
}
