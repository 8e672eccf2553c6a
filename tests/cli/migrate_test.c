#include <stdio.h>
#include <string.h>

#include "fixture.h"

/* dueq migrate, as the owner of the schema. */

static struct test_database *database;
static const char *owner_conf;

static int set_up(void **state)
{
    (void) state;
    database = test_database_new_empty();
    const struct config_file content = { .user = &database->owner };
    owner_conf = config_file_write(database, &content);
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    process_end_all();
    test_database_free(database);
    return 0;
}

static void an_empty_database_gets_the_schema_and_a_second_run_does_nothing(void **state)
{
    (void) state;
    const struct run *run = dueq("-c", owner_conf, "migrate", NULL);
    assert_int_equal(run->status, EX_OK);
    assert_string_equal(run->out, "schema version 0 -> 1\n");
    char *source_id = sql_text(database->admin, "SELECT source_id FROM dueq_schema");

    run = dueq("-c", owner_conf, "migrate", NULL);
    assert_int_equal(run->status, EX_OK);
    assert_string_equal(run->out, "already version 1\n");
    char *again = sql_text(database->admin, "SELECT source_id FROM dueq_schema");
    assert_string_equal(again, source_id);
    free(source_id);
    free(again);
}

static void a_program_reads_where_it_came_from_and_went_to(void **state)
{
    (void) state;
    const struct run *run = dueq("--json", "-c", owner_conf, "migrate", NULL);
    assert_int_equal(run->status, EX_OK);
    json_t *json = json_loads(run->out, 0, NULL);
    assert_int_equal(member_integer(json, "from"), 0);
    assert_int_equal(member_integer(json, "to"), 1);
    json_decref(json);
}

static void several_at_once_do_each_others_work_no_harm(void **state)
{
    (void) state;
    enum { AT_ONCE = 4 };
    struct process *processes[AT_ONCE];
    unsigned applied = 0;
    for (int i = 0; i < AT_ONCE; i++)
        processes[i] = process_start("dueq", "-c", owner_conf, "migrate", NULL);
    for (int i = 0; i < AT_ONCE; i++) {
        if (process_wait(processes[i], LIMIT_S) != EX_OK)
            test_fail("%s", process_stderr(processes[i]));
        applied += strstr(process_stdout(processes[i]), "0 -> 1") != NULL;
    }
    assert_int_equal(applied, 1);
    assert_int_equal(sql_u64(database->admin, "SELECT version FROM dueq_schema"), 1);
}

static void a_user_who_may_not_create_tables_is_told_so(void **state)
{
    (void) state;
    const struct config_file content = { .user = &database->producer };
    sql_run(database->admin, "GRANT SELECT ON `%s`.* TO '%s'@'%%'", database->name,
            database->producer.user);
    const struct run *run = dueq("-c", config_file_write(database, &content), "migrate", NULL);
    assert_int_equal(run->status, EX_NOPERM);
    expect_text(run->err, "denied");
}

static void an_older_schema_is_refused_by_other_commands_and_brought_up_to_date(void **state)
{
    (void) state;
    assert_int_equal(dueq("-c", owner_conf, "migrate", NULL)->status, EX_OK);
    sql_run(database->admin, "UPDATE dueq_schema SET version = 0");
    static const char *const commands[] = { "status", "jobs" };
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const struct run *run = dueq("-c", owner_conf, commands[i], NULL);
        assert_int_equal(run->status, EX_CONFIG);
        expect_text(run->err, "the dueq schema is version 0, and this dueq");
        expect_text(run->err, "wants 1: run `dueq migrate`");
    }
    const struct run *run = dueq("-c", owner_conf, "check", NULL);
    assert_int_not_equal(run->status, EX_OK);
    expect_text(run->out, "the dueq schema is version 0, and this dueq");

    run = dueq("-c", owner_conf, "migrate", NULL);
    assert_int_equal(run->status, EX_OK);
    assert_string_equal(run->out, "schema version 0 -> 1\n");
    assert_int_equal(sql_u64(database->admin, "SELECT version FROM dueq_schema"), 1);
    assert_int_equal(dueq("-c", owner_conf, "status", NULL)->status, EX_OK);
}

static void a_newer_schema_is_left_alone(void **state)
{
    (void) state;
    assert_int_equal(dueq("-c", owner_conf, "migrate", NULL)->status, EX_OK);
    sql_run(database->admin, "UPDATE dueq_schema SET version = 7");
    const struct run *run = dueq("-c", owner_conf, "migrate", NULL);
    assert_int_not_equal(run->status, EX_OK);
    expect_text(run->err, "install a newer dueq");
    assert_int_equal(sql_u64(database->admin, "SELECT version FROM dueq_schema"), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            an_empty_database_gets_the_schema_and_a_second_run_does_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_program_reads_where_it_came_from_and_went_to, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(several_at_once_do_each_others_work_no_harm, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_user_who_may_not_create_tables_is_told_so, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            an_older_schema_is_refused_by_other_commands_and_brought_up_to_date, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_newer_schema_is_left_alone, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
