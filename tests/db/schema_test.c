#include "schema.h"

#include <stdio.h>
#include <string.h>

#include "directory.h"
#include "fixture.h"
#include "process.h"
#include "thread.h"

/* The tables that version 1 has. */
#define TABLE_COUNT 6

static struct test_database *database; /* without a table, for each test */

static int set_up(void **state)
{
    (void) state;
    database = test_database_new_empty();
    return db_library_init();
}

static int tear_down(void **state)
{
    (void) state;
    process_end_all();
    test_database_free(database);
    return 0;
}

static struct db *open_as(const struct test_account *account, bool multi_statements)
{
    const struct fixture fixture = { .database = database };
    struct db_options options = fixture_options(&fixture, account);
    struct db *db;
    struct error error = { "" };
    options.multi_statements = multi_statements;
    expect_status(db_open(&options, &db, &error), DB_OK, error);
    return db;
}

/* As `dueq migrate` does. */
static uint32_t migrate(void)
{
    struct error error = { "" };
    uint32_t from = 99;
    struct db *db = open_as(&database->owner, true);
    expect_status(schema_migrate(db, &from, &error), DB_OK, error);
    db_close(db);
    return from;
}

static void expect_whole(void)
{
    struct schema schema;
    struct error error = { "" };
    struct db *db = open_as(&database->owner, false);
    expect_status(schema_require(db, &schema, &error), DB_OK, error);
    assert_int_equal(schema.version, SCHEMA_VERSION);
    assert_int_equal(strlen(schema.source_id), SCHEMA_SOURCE_ID_SIZE - 1);
    db_close(db);
    assert_int_equal(sql_u64(database->admin,
                             "SELECT COUNT(*) FROM information_schema.tables"
                             " WHERE table_schema = DATABASE() AND table_name LIKE 'dueq\\_%%'"),
                     TABLE_COUNT);
    assert_int_equal(sql_u64(database->admin, "SELECT COUNT(*) FROM dueq_schema"), 1);
    sql_run(database->admin, "INSERT INTO dueq_job (kind, payload) VALUES ('k', '')");
}

static void expect_refusal(const struct test_account *account, const char *words)
{
    struct schema schema;
    struct error error = { "" };
    struct db *db = open_as(account, false);
    expect_status(schema_require(db, &schema, &error), DB_FATAL, error);
    expect_words(error.text, words);
    db_close(db);
}

static void an_empty_database_is_refused_with_what_to_run(void **state)
{
    (void) state;
    struct schema schema;
    struct error error = { "" };
    struct db *db = open_as(&database->owner, false);
    expect_status(schema_read(db, &schema, &error), DB_OK, error);
    assert_int_equal(schema.version, 0);
    db_close(db);
    expect_refusal(&database->owner, "there is no dueq schema");
    expect_refusal(&database->owner, "`dueq migrate`");
}

static void migrating_makes_all_tables_and_again_does_nothing(void **state)
{
    (void) state;
    assert_int_equal(migrate(), 0);
    expect_whole();
    char *source_id = sql_text(database->admin, "SELECT source_id FROM dueq_schema");
    assert_int_equal(migrate(), SCHEMA_VERSION);
    char *again = sql_text(database->admin, "SELECT source_id FROM dueq_schema");
    assert_string_equal(source_id, again);
    assert_int_equal(sql_u64(database->admin, "SELECT COUNT(*) FROM dueq_job"), 1);
    free(source_id);
    free(again);
}

enum { AT_ONCE = 4 };

struct migration {
    struct db *db;
    pthread_t thread;
    enum db_status status;
    uint32_t from;
    struct error error;
};

static void *run_migration(void *arg)
{
    struct migration *migration = arg;
    db_thread_init();
    migration->status = schema_migrate(migration->db, &migration->from, &migration->error);
    db_thread_done();
    return NULL;
}

static void several_migrations_at_once_are_one(void **state)
{
    (void) state;
    struct migration migrations[AT_ONCE];
    int from_nothing = 0;

    for (int i = 0; i < AT_ONCE; i++)
        migrations[i] = (struct migration){ .db = open_as(&database->owner, true), .from = 99 };
    for (int i = 0; i < AT_ONCE; i++)
        assert_int_equal(
            thread_start(&migrations[i].thread, "migration", run_migration, &migrations[i]), 0);
    for (int i = 0; i < AT_ONCE; i++)
        pthread_join(migrations[i].thread, NULL);
    for (int i = 0; i < AT_ONCE; i++) {
        expect_status(migrations[i].status, DB_OK, migrations[i].error);
        from_nothing += migrations[i].from == 0;
        db_close(migrations[i].db);
    }
    assert_int_equal(from_nothing, 1);
    expect_whole();
}

/* As if the server had gone after any number of its statements. */
static void a_migration_that_was_interrupted_anywhere_is_completed(void **state)
{
    (void) state;
    const char *text = schema_text(1);
    size_t interruptions = 0;
    for (const char *end = strstr(text, ";\n"); end; end = strstr(end + 1, ";\n")) {
        sql_run(database->admin, "DROP DATABASE `%s`; CREATE DATABASE `%s`; USE `%s`",
                database->name, database->name, database->name);
        sql_run(database->admin, "%.*s", (int) (end - text), text);
        migrate();
        expect_whole();
        interruptions++;
    }
    assert_true(interruptions >= TABLE_COUNT);
}

/* Before version 1 there was none to be older: a number stands for it. */
static void an_older_schema_is_refused_until_it_is_migrated(void **state)
{
    (void) state;
    migrate();
    char *source_id = sql_text(database->admin, "SELECT source_id FROM dueq_schema");
    sql_run(database->admin, "UPDATE dueq_schema SET version = %d", SCHEMA_VERSION - 1);
    char found[64], wanted[64];
    snprintf(found, sizeof found, "the dueq schema is version %d,", SCHEMA_VERSION - 1);
    snprintf(wanted, sizeof wanted, "wants %d: run `dueq migrate`", SCHEMA_VERSION);
    expect_refusal(&database->owner, found);
    expect_refusal(&database->owner, wanted);

    assert_int_equal(migrate(), SCHEMA_VERSION - 1);
    expect_whole();
    char *again = sql_text(database->admin, "SELECT source_id FROM dueq_schema");
    assert_string_equal(again, source_id);
    free(source_id);
    free(again);
}

static void a_newer_schema_is_refused_and_left_alone(void **state)
{
    (void) state;
    migrate();
    sql_run(database->admin, "UPDATE dueq_schema SET version = %d", SCHEMA_VERSION + 1);
    char found[64], known[64];
    snprintf(found, sizeof found, "the dueq schema is version %d", SCHEMA_VERSION + 1);
    snprintf(known, sizeof known, "knows no later one than %d", SCHEMA_VERSION);
    expect_refusal(&database->owner, found);
    expect_refusal(&database->owner, known);
    expect_refusal(&database->owner, "install a newer dueq");

    struct error error = { "" };
    uint32_t from = 99;
    struct db *db = open_as(&database->owner, true);
    expect_status(schema_migrate(db, &from, &error), DB_FATAL, error);
    expect_words(error.text, "install a newer dueq");
    assert_int_equal(from, 99);
    db_close(db);
    assert_int_equal(sql_u64(database->admin, "SELECT version FROM dueq_schema"),
                     SCHEMA_VERSION + 1);
}

static void the_file_of_a_version_leaves_a_newer_schema_as_it_is(void **state)
{
    (void) state;
    migrate();
    sql_run(database->admin, "UPDATE dueq_schema SET version = %d", SCHEMA_VERSION + 1);
    sql_run(database->admin, "%s", schema_text(SCHEMA_VERSION));
    assert_int_equal(sql_u64(database->admin, "SELECT version FROM dueq_schema"),
                     SCHEMA_VERSION + 1);
}

static void the_daemon_reads_the_version_and_cannot_migrate(void **state)
{
    (void) state;
    migrate();
    test_database_grant(database);
    struct schema schema;
    struct error error = { "" };
    struct db *db = open_as(&database->daemon, true);
    expect_status(schema_require(db, &schema, &error), DB_OK, error);
    sql_run(database->admin, "DROP TABLE dueq_error, dueq_schema");
    uint32_t from;
    expect_status(schema_migrate(db, &from, &error), DB_FATAL, error);
    expect_words(error.text, "applying schema version 1");
    db_close(db);
    expect_refusal(&database->daemon, "there is no dueq schema");
}

static void a_user_who_may_not_see_the_version_is_told_so(void **state)
{
    (void) state;
    migrate();
    test_database_grant(database);
    expect_refusal(&database->producer, "reading the schema version from dueq_schema");
    expect_refusal(&database->producer, "denied");
}

static void the_file_works_with_the_mysql_program_too(void **state)
{
    (void) state;
    char socket[160], user[64], password[64];
    snprintf(socket, sizeof socket, "--socket=%s", database->server->socket);
    snprintf(user, sizeof user, "--user=%s", database->owner.user);
    snprintf(password, sizeof password, "--password=%s", database->owner.password);
    char *text = test_file_read(DUEQ_SOURCE_DIR "/schema/0001_init.sql");
    const char *const arguments[] = { "mysql",  "--no-defaults", socket, user,
                                      password, database->name,  NULL };
    for (int i = 0; i < 2; i++) {
        struct process *client = process_start_with(arguments, NULL, text);
        int status = process_wait(client, LIMIT_S);
        if (status != 0)
            test_fail("mysql ended with %d: %s", status, process_stderr(client));
        process_free(client);
    }
    expect_whole();
    assert_int_equal(migrate(), SCHEMA_VERSION);
    assert_string_equal(text, schema_text(1));
    free(text);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(an_empty_database_is_refused_with_what_to_run),
        EACH(migrating_makes_all_tables_and_again_does_nothing),
        EACH(several_migrations_at_once_are_one),
        EACH(a_migration_that_was_interrupted_anywhere_is_completed),
        EACH(an_older_schema_is_refused_until_it_is_migrated),
        EACH(a_newer_schema_is_refused_and_left_alone),
        EACH(the_file_of_a_version_leaves_a_newer_schema_as_it_is),
        EACH(the_daemon_reads_the_version_and_cannot_migrate),
        EACH(a_user_who_may_not_see_the_version_is_told_so),
        EACH(the_file_works_with_the_mysql_program_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
