#include "scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "directory.h"
#include "fail.h"
#include "process.h"
#include "sql.h"

enum { ROWS_A_STATEMENT = 1000 };

static void prepare(struct scene *scene)
{
    scene->server = scene->source = scene->handlers = NULL;
    scene->directory = test_directory_new();
    snprintf(scene->journal, sizeof scene->journal, "%s/journal", scene->directory);
    snprintf(scene->journal_end, sizeof scene->journal_end, "%s/journal_end", scene->directory);
}

struct scene *scene_new_on(const struct test_server *server)
{
    struct scene *scene = calloc(1, sizeof *scene);
    if (!scene)
        abort();
    scene->database = test_database_new_on(server);
    scene->admin = scene->database->admin;
    scene->producer = test_connect(scene->database, &scene->database->producer);
    prepare(scene);
    return scene;
}

void scene_connect_again(struct scene *scene)
{
    mysql_close(scene->producer);
    mysql_close(scene->database->admin);
    scene->admin = scene->database->admin = test_connect(scene->database, NULL);
    scene->producer = test_connect(scene->database, &scene->database->producer);
}

void scene_free(struct scene *scene)
{
    process_end_all();
    mysql_close(scene->producer);
    test_database_free(scene->database);
    free(scene);
}

int scene_open(void **state)
{
    *state = scene_new_on(test_server_get());
    return 0;
}

int scene_close(void **state)
{
    scene_free(*state);
    return 0;
}

int scene_begin(void **state)
{
    struct scene *scene = *state;
    test_database_clear(scene->database);
    prepare(scene);
    return 0;
}

int scene_end(void **state)
{
    (void) state;
    process_end_all();
    return 0;
}

const char *scene_config_text(const struct scene *scene, const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        abort();
    va_end(args);
    const char *path = config_file_write(scene->database,
                                         &(struct config_file){ .directory = scene->directory,
                                                                .server = scene->server,
                                                                .source = scene->source,
                                                                .handlers = scene->handlers,
                                                                .text = text });
    free(text);
    return path;
}

const char *scene_noop(const struct scene *scene, const char *kind)
{
    static char texts[8][512];
    static unsigned next;
    char *text = texts[next++ % 8];
    snprintf(text, sizeof texts[0],
             "{ kind = \"%s\"; handler = \"noop\"; options = { payload = true; journal = \"%s\"; "
             "journal_end = \"%s\"; }; }",
             kind, scene->journal, scene->journal_end);
    return text;
}

const char *scene_config(const struct scene *scene, const char *queue, const char *more)
{
    return scene_config_text(
        scene, "queues = ( { name = \"default\"; poll = \"10ms\"; %s } );\nkinds = ( %s );\n%s",
        queue ? queue : "", scene_noop(scene, "*"), more ? more : "");
}

uint64_t scene_insert(const struct scene *scene, const char *format, ...)
{
    char *sql;
    va_list args;
    va_start(args, format);
    if (vasprintf(&sql, format, args) < 0)
        abort();
    va_end(args);
    sql_run(scene->producer, "%s", sql);
    free(sql);
    return mysql_insert_id(scene->producer);
}

void scene_insert_many(const struct scene *scene, unsigned count, const char *payload)
{
    while (count > 0) {
        unsigned rows = count < ROWS_A_STATEMENT ? count : ROWS_A_STATEMENT;
        char *sql = NULL;
        size_t size = 0;
        FILE *memory = open_memstream(&sql, &size);
        if (!memory)
            abort();
        fputs("INSERT INTO dueq_job (kind, payload) VALUES ", memory);
        for (unsigned i = 0; i < rows; i++)
            fprintf(memory, "%s('bulk', '%s')", i ? "," : "", payload);
        if (fclose(memory))
            abort();
        sql_run(scene->producer, "%s", sql);
        free(sql);
        count -= rows;
    }
}

void scene_wait_all_gone(const struct scene *scene, int limit_s)
{
    sql_wait_until(scene->admin, limit_s, "SELECT NOT EXISTS (SELECT 1 FROM dueq_job)");
}
