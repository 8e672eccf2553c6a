#include <stdio.h>
#include <string.h>

#include "fixture.h"

/* How dueq finds its server, and what it ends with where it does not. */

static struct fixture f;

static int set_up(void **state)
{
    (void) state;
    fixture_set_up(&f);
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    fixture_tear_down(&f);
    return 0;
}

static const char *password_file(const char *password)
{
    const char *file = text_of("%s/password", test_directory_new());
    test_file_write(file, 0600, password);
    return file;
}

static const struct run *status_with(const char *user, const char *password, const char *database)
{
    return dueq("--socket", f.database->server->socket, "--user", user, "--database", database,
                "--password-file", password_file(password), "status", NULL);
}

static void options_alone_are_enough(void **state)
{
    (void) state;
    const struct test_account *user = &f.database->operator;
    const struct run *run = status_with(user->user, text_of("%s\n", user->password),
                                        f.database->name);
    if (run->status != EX_OK)
        test_fail("%d: %s", run->status, run->err);
}

static void options_go_before_the_configuration(void **state)
{
    (void) state;
    const struct run *run = dueq("-c", f.operator_conf, "--database", "no_such_database", "status",
                                 NULL);
    assert_int_not_equal(run->status, EX_OK);
    expect_text(run->err, "no_such_database");
    run = dueq("-c", f.operator_conf, "--socket", "/nonexistent/socket", "status", NULL);
    assert_int_equal(run->status, EX_UNAVAILABLE);
}

static void a_port_is_an_address_as_good_as_a_socket(void **state)
{
    (void) state;
    const struct test_server *server = f.database->server;
    const struct run *run = dueq("--host", server->host, "--port", text_of("%u", server->port),
                                 "--user", f.database->operator.user, "--database",
                                 f.database->name, "--password-file",
                                 password_file(f.database->operator.password), "status", NULL);
    if (run->status != EX_OK)
        test_fail("%d: %s", run->status, run->err);
}

static void a_server_that_is_down_is_unavailable(void **state)
{
    (void) state;
    const struct run *run = dueq("--host", "127.0.0.1", "--port", "1", "--user", "u", "--database",
                                 "d", "status", NULL);
    assert_int_equal(run->status, EX_UNAVAILABLE);
    expect_text(run->err, "127.0.0.1:1");
}

static void a_wrong_password_is_a_missing_permission(void **state)
{
    (void) state;
    const struct run *run = status_with(f.database->operator.user, "wrong", f.database->name);
    assert_int_equal(run->status, EX_NOPERM);
    expect_text(run->err, "Access denied");
    expect_no_text(run->err, "wrong");
}

static void a_database_that_is_not_there_is_a_wrong_configuration(void **state)
{
    (void) state;
    const struct run *run = status_with("root", "", "no_such_database");
    assert_int_equal(run->status, EX_CONFIG);
    expect_text(run->err, "no_such_database");
}

static void a_password_file_that_is_not_there_is_no_input(void **state)
{
    (void) state;
    const struct run *run = dueq("--socket", "/nonexistent", "--user", "u", "--database", "d",
                                 "--password-file", "/nonexistent/password", "status", NULL);
    assert_int_equal(run->status, EX_NOINPUT);
    expect_text(run->err, "/nonexistent/password");
}

static void a_database_without_the_schema_says_what_to_run(void **state)
{
    (void) state;
    struct test_database *empty = test_database_new_empty();
    const struct config_file content = { .user = &empty->owner };
    const char *file = config_file_write(empty, &content);
    const struct run *run = dueq("-c", file, "status", NULL);
    assert_int_equal(run->status, EX_CONFIG);
    expect_text(run->err, "dueq migrate");
    test_database_free(empty);
}

static void a_newer_schema_is_refused_by_its_number(void **state)
{
    (void) state;
    sql_run(f.admin, "UPDATE dueq_schema SET version = 999");
    const struct run *run = operate(&f, EX_CONFIG, "jobs", NULL);
    sql_run(f.admin, "UPDATE dueq_schema SET version = 1");
    expect_text(run->err, "version 999");
    expect_text(run->err, "install a newer dueq");
}

static void a_privilege_that_is_missing_is_a_missing_permission(void **state)
{
    (void) state;
    const struct config_file content = { .user = &f.database->producer };
    const char *file = config_file_write(f.database, &content);
    const struct run *run = dueq("-c", file, "dead", "list", NULL);
    assert_int_equal(run->status, EX_NOPERM);
    expect_text(run->err, "denied");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_alone_are_enough),
        cmocka_unit_test(options_go_before_the_configuration),
        cmocka_unit_test(a_port_is_an_address_as_good_as_a_socket),
        cmocka_unit_test(a_server_that_is_down_is_unavailable),
        cmocka_unit_test(a_wrong_password_is_a_missing_permission),
        cmocka_unit_test(a_database_that_is_not_there_is_a_wrong_configuration),
        cmocka_unit_test(a_password_file_that_is_not_there_is_no_input),
        cmocka_unit_test(a_database_without_the_schema_says_what_to_run),
        cmocka_unit_test(a_newer_schema_is_refused_by_its_number),
        cmocka_unit_test(a_privilege_that_is_missing_is_a_missing_permission),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
