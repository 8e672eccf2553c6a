#include <stdio.h>
#include <sysexits.h>

#include "commands.h"
#include "exit_status.h"
#include "json_output.h"
#include "output.h"
#include "row_output.h"
#include "schema.h"
#include "times.h"

enum {
    PAYLOAD_CHARS = 2000, /* shown without --full */
    FAILURES_MAX = 100,
    DEAD_MAX = 20,
};

/* All there is of a job: alive, dead (more than once, if it was redriven), both, or neither. */
struct story {
    bool alive;
    struct job_view job;
    struct job_failure *failures;
    size_t failure_count;
    struct dead_view *dead;
    size_t dead_count;
    char source_id[SCHEMA_SOURCE_ID_SIZE];
};

static enum db_status read_story(struct cli *cli, uint64_t id, uint32_t payload_chars,
                                 struct story *story, struct error *error)
{
    const struct dead_filter filter = { .job_id = id, .older_than_us = -1, .newer_than_us = -1 };
    struct schema schema;

    enum db_status status = job_show(cli->db, id, payload_chars, &cli->arena, &story->job, error);
    story->alive = status == DB_OK;
    if (status == DB_OK || status == DB_NO_ROW)
        status = job_failures(cli->db, id, FAILURES_MAX, &cli->arena, &story->failures,
                              &story->failure_count, error);
    if (status == DB_OK)
        status = dead_list(cli->db, &filter, DEAD_MAX, payload_chars, &cli->arena, &story->dead,
                           &story->dead_count, error);
    if (status == DB_OK)
        status = schema_read(cli->db, &schema, error);
    if (status == DB_OK)
        snprintf(story->source_id, sizeof story->source_id, "%s", schema.source_id);
    return status;
}

static json_t *story_json(uint64_t id, const struct story *story)
{
    char message_id[SCHEMA_SOURCE_ID_SIZE + 24];
    snprintf(message_id, sizeof message_id, "%s-%llu", story->source_id, (unsigned long long) id);
    json_t *errors = json_array(), *dead = json_array();
    for (size_t i = 0; i < story->failure_count; i++)
        json_array_append_new(errors, row_failure_json(&story->failures[i]));
    for (size_t i = 0; i < story->dead_count; i++)
        json_array_append_new(dead, row_dead_json(&story->dead[i], ROW_FULL));
    json_t *object = story->alive ? row_job_json(&story->job, ROW_FULL)
                                  : json_pack("{s:I}", "id", (json_int_t) id);
    json_object_set_new(object, "alive", json_boolean(story->alive));
    json_object_set_new(object, "message_id", json_string(message_id));
    json_object_set_new(object, "errors", errors);
    json_object_set_new(object, "dead", dead);
    return object;
}

static void print_failures(const struct story *story)
{
    if (story->failure_count == 0)
        return;
    printf("\nfailed attempts\n");
    for (size_t i = 0; i < story->failure_count; i++) {
        const struct job_failure *failure = &story->failures[i];
        struct buffer text = { 0 };
        char at[TIMES_TEXT_SIZE];
        buffer_append_format(&text, "  %u  %s  ", failure->attempt,
                             times_for_people(failure->at_us, at));
        output_escape(&text, failure->worker.bytes, failure->worker.len);
        buffer_append_char(&text, '\n');
        output_escape_lines(&text, "      ", failure->message.bytes, failure->message.len);
        output_write(&text);
        buffer_done(&text);
    }
}

static void print_story(uint64_t id, const struct story *story)
{
    if (story->alive)
        row_print_job(&story->job);
    else
        printf("job %llu is dead\n", (unsigned long long) id);
    row_pair("message id", "%s-%llu", story->source_id, (unsigned long long) id);
    print_failures(story);
    for (size_t i = 0; i < story->dead_count; i++) {
        printf("\n");
        row_print_dead(&story->dead[i]);
    }
}

int command_job(struct cli *cli, const struct command *command, int argc, char **argv)
{
    bool full = false;
    const struct argument table[] = {
        { "full", 0, ARGUMENT_FLAG, &full, NULL, "the whole payload, however long", 0, 0 },
    };
    struct story story = { .alive = false };
    struct error error;
    uint64_t id;
    int status;

    if (!cli_arguments(cli, command, table, 1, 1, 1, &argc, argv, &status))
        return status;
    if (!argument_id(argv[1], &id))
        return cli_usage(command, "\"%s\" is no id of a job", argv[1]);
    status = cli_connect(cli, CLI_NEED_SCHEMA);
    if (status != EX_OK)
        return status;
    enum db_status read = read_story(cli, id, full ? UINT32_MAX : PAYLOAD_CHARS, &story, &error);
    if (read != DB_OK)
        return cli_failed(cli, read, &error);
    if (!story.alive && story.dead_count == 0) {
        output_error("there is no job %llu: it is done, was removed, or never was",
                     (unsigned long long) id);
        return EXIT_NO;
    }
    if (cli->json)
        return json_print(story_json(id, &story));
    print_story(id, &story);
    return EX_OK;
}
