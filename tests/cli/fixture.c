#include "fixture.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WORDS = 40 };

static const char *conf_of(const struct test_database *database, const struct test_account *user)
{
    const struct config_file content = { .user = user };
    return config_file_write(database, &content);
}

static void make_confs(struct fixture *fixture)
{
    struct test_database *database = fixture->database;
    fixture->admin = database->admin;
    fixture->operator_conf = conf_of(database, &database->operator);
    fixture->daemon_conf = conf_of(database, &database->daemon);
    fixture->owner_conf = conf_of(database, &database->owner);
}

void fixture_set_up(struct fixture *fixture)
{
    fixture->database = test_database_new();
    make_confs(fixture);
}

void fixture_set_up_on(struct fixture *fixture, const struct test_server *server)
{
    fixture->database = test_database_new_on(server);
    make_confs(fixture);
}

void fixture_tear_down(struct fixture *fixture)
{
    process_end_all();
    test_database_free(fixture->database);
}

void fixture_clear(struct fixture *fixture)
{
    process_end_all();
    test_database_clear(fixture->database);
}

const struct run *dueq_words(const char *const *words, const char *input)
{
    static struct run last;
    const char *argv[MAX_WORDS + 1] = { "dueq" };
    size_t count = 1;
    while (*words && count < MAX_WORDS)
        argv[count++] = *words++;

    free(last.out);
    free(last.err);
    struct process *process = process_start_with(argv, NULL, input);
    last.status = process_wait(process, LIMIT_S);
    last.out = strdup(process_stdout(process));
    last.err = strdup(process_stderr(process));
    process_free(process);
    if (!last.out || !last.err)
        abort();
    return &last;
}

/* `first` and what follows it, behind what is in words already. */
static void collect(const char **words, size_t count, const char *first, va_list args)
{
    for (const char *word = first; word && count < MAX_WORDS; word = va_arg(args, const char *))
        words[count++] = word;
    words[count] = NULL;
}

const struct run *dueq(const char *word, ...)
{
    const char *words[MAX_WORDS + 1];
    va_list args;
    va_start(args, word);
    collect(words, 0, word, args);
    va_end(args);
    return dueq_words(words, NULL);
}

static const struct run *expect_run(const char *const *words, int status)
{
    const struct run *run = dueq_words(words, NULL);
    if (run->status != status)
        test_fail("dueq %s … ended with %d instead of %d\n%s%s", words[2], run->status, status,
                  run->out, run->err);
    return run;
}

const struct run *operate(const struct fixture *fixture, int status, const char *word, ...)
{
    const char *words[MAX_WORDS + 1] = { "-c", fixture->operator_conf };
    va_list args;
    va_start(args, word);
    collect(words, 2, word, args);
    va_end(args);
    return expect_run(words, status);
}

json_t *operate_json(const struct fixture *fixture, int status, const char *word, ...)
{
    const char *words[MAX_WORDS + 1] = { "-c", fixture->operator_conf, "--json" };
    va_list args;
    va_start(args, word);
    collect(words, 3, word, args);
    va_end(args);
    const struct run *run = expect_run(words, status);
    json_error_t error;
    json_t *json = json_loads(run->out, JSON_ALLOW_NUL, &error);
    if (!json)
        test_fail("not JSON: %s at %d\n%s", error.text, error.position, run->out);
    return json;
}

static const char *format_text(const char *format, va_list args)
{
    static char *texts[256];
    static unsigned next;
    char **text = &texts[next++ % 256];
    free(*text);
    if (vasprintf(text, format, args) < 0)
        abort();
    return *text;
}

const char *text_of(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = format_text(format, args);
    va_end(args);
    return text;
}

json_t *member(json_t *json, const char *path)
{
    json_t *found = json;
    for (const char *start = path; found && *start;) {
        size_t len = strcspn(start, "/");
        char name[128];
        snprintf(name, sizeof name, "%.*s", (int) len, start);
        found = json_is_array(found) ? json_array_get(found, (size_t) atoi(name))
                                     : json_object_get(found, name);
        start += len + (start[len] == '/');
    }
    if (!found)
        test_fail("the document has no %s\n%s", path, json_dumps(json, JSON_INDENT(2)));
    return found;
}

int64_t member_integer(json_t *json, const char *path)
{
    json_t *value = member(json, path);
    if (!json_is_integer(value))
        test_fail("%s is no integer\n%s", path, json_dumps(json, JSON_INDENT(2)));
    return json_integer_value(value);
}

const char *member_string(json_t *json, const char *path)
{
    json_t *value = member(json, path);
    if (!json_is_string(value))
        test_fail("%s is no string\n%s", path, json_dumps(json, JSON_INDENT(2)));
    return json_string_value(value);
}

void expect_text(const char *text, const char *part)
{
    if (!strstr(text, part))
        test_fail("\"%s\" is missing in\n%s", part, text);
}

void expect_no_text(const char *text, const char *part)
{
    if (strstr(text, part))
        test_fail("\"%s\" should not be in\n%s", part, text);
}

void expect_harmless(const char *text)
{
    for (const char *c = text; *c; c++) {
        unsigned char byte = (unsigned char) *c;
        if ((byte < 0x20 && byte != '\n') || byte == 0x7f)
            test_fail("byte %02x at %td of\n%s", byte, c - text, text);
        /* U+0080 to U+009F are controls, and U+202E turns the line around. */
        if (byte == 0xc2 && (unsigned char) c[1] < 0xa0)
            test_fail("a C1 control at %td of\n%s", c - text, text);
        if (strncmp(c, "\xe2\x80\xae", 3) == 0)
            test_fail("U+202E at %td of\n%s", c - text, text);
    }
}

uint64_t insert_job(const struct fixture *fixture, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *set = format_text(format, args);
    va_end(args);
    sql_run(fixture->admin, "INSERT INTO dueq_job SET %s", set);
    return mysql_insert_id(fixture->admin);
}

uint64_t insert_dead(const struct fixture *fixture, const char *format, ...)
{
    static uint64_t id = 1000000; /* of jobs that are not in dueq_job */
    va_list args;
    va_start(args, format);
    const char *set = format_text(format, args);
    va_end(args);
    sql_run(fixture->admin,
            "INSERT INTO dueq_dead (id, queue, kind, payload, priority, next_run_at, state,"
            " attempts, created_at, reason, message) VALUES (%llu, 'default', 'k', '{}', 5, NOW(6),"
            " 'ready', 20, NOW(6) - INTERVAL 1 HOUR, 'exhausted', 'it failed')",
            (unsigned long long) id++);
    uint64_t dead_id = mysql_insert_id(fixture->admin);
    sql_run(fixture->admin, "UPDATE dueq_dead SET %s WHERE dead_id = %llu", set,
            (unsigned long long) dead_id);
    return dead_id;
}
