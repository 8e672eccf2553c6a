#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon.h"
#include "directory.h"
#include "fail.h"
#include "journal.h"
#include "scene.h"
#include "sql.h"

/* Jobs that are large or strange: they are run as they are, or put aside with a reason, and the
 * others go on. */

/* A program that keeps what it is given in a file named after the job. */
static const char *keeping(struct scene *scene)
{
    return scene_config_text(scene,
                             "queues = ( { name = \"default\"; poll = \"10ms\"; } ); kinds = ( { "
                             "kind = \"keep\"; handler = "
                             "\"exec\"; options = { command = [ \"/bin/sh\", \"-c\", \"cat > "
                             "%s/$DUEQ_ID\" ]; }; }, %s );",
                             scene->directory, scene_noop(scene, "*"));
}

static char *kept(struct scene *scene, uint64_t id, size_t *ret_len)
{
    char path[192];
    struct stat status;
    snprintf(path, sizeof path, "%s/%llu", scene->directory, (unsigned long long) id);
    if (stat(path, &status) < 0)
        test_fail("%s is not there", path);
    *ret_len = (size_t) status.st_size;
    return test_file_read(path);
}

static void a_payload_is_delivered_byte_for_byte(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(keeping(scene));
    /* NUL, quotes, backslashes, control characters, and UTF-8 of every length. */
    static const char payload[] =
        "a\0b\0\0\n\r\t'\"`\\\x1a\x7f%s;--\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x99 ";
    char escaped[2 * sizeof payload + 1];
    mysql_real_escape_string(scene->producer, escaped, payload, sizeof payload - 1);
    uint64_t id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('keep', '%s')",
                               escaped);
    uint64_t empty = scene_insert(scene,
                                  "INSERT INTO dueq_job (kind, payload) VALUES ('keep', '')");
    scene_wait_all_gone(scene, 20);
    size_t len;
    char *found = kept(scene, id, &len);
    assert_int_equal(len, sizeof payload - 1);
    assert_memory_equal(found, payload, len);
    free(found);
    free(kept(scene, empty, &len));
    assert_int_equal(len, 0);
    daemon_stop(daemon);
}

static void the_longest_messages_are_cut_and_cleaned_and_kept(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(scene_config_text(
        scene,
        "queues = ( { name = \"default\"; poll = \"10ms\"; } ); kinds = ( { kind = \"p\"; handler "
        "= \"noop\"; options = { outcome = \"pending\"; finish = \"dead\"; message = "
        "\"\xe2\x82\xac\\xff\\xc3 bad\"; message_bytes = 1048576; }; }, { kind = \"r\"; handler = "
        "\"noop\"; options = { outcome = \"dead\"; message = \"\\xe2\\x28\\xa1\"; "
        "message_bytes = 1048576; }; } );"));
    scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('p', ''), ('r', '')");
    scene_wait_all_gone(scene, 20);
    assert_int_equal(sql_u64(scene->admin,
                             "SELECT COUNT(*) FROM dueq_dead WHERE reason = 'handler' "
                             "AND CHAR_LENGTH(message) > 1000 AND LENGTH(message) < "
                             "65536"),
                     2);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_error WHERE "
                                           "CHAR_LENGTH(message) > 1000"),
                     2);
    /* What is no UTF-8 is U+FFFD. */
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_dead WHERE kind = 'p' AND "
                                           "message LIKE CONCAT(_utf8mb4 X'E282ACEFBFBDEFBFBD', ' "
                                           "bad%%')"),
                     1);
    assert_int_equal(sql_u64(scene->admin, "SELECT COUNT(*) FROM dueq_dead WHERE kind = 'r' AND "
                                           "message LIKE _utf8mb4 X'EFBFBD28EFBFBD25'"),
                     1);
    daemon_stop(daemon);
}

static void a_job_for_the_year_2037_is_left_alone(void **state)
{
    struct scene *scene = *state;
    struct process *daemon = daemon_start(scene_config(scene, NULL, NULL));
    scene_insert(scene, "INSERT INTO dueq_job (kind, payload, next_run_at) VALUES ('work', '', "
                        "'2037-12-31 23:59:59')");
    char *before = sql_text(scene->admin,
                            "SELECT JSON_ARRAYAGG(CONCAT_WS('|', id, attempts, lease, "
                            "next_run_at)) FROM dueq_job");
    uint64_t id = scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('work', '')");
    journal_wait_count_of(scene->journal, id, 1, 20);
    sql_wait_until(scene->admin, 20, "SELECT COUNT(*) = 1 FROM dueq_job");
    char *after = sql_text(scene->admin, "SELECT JSON_ARRAYAGG(CONCAT_WS('|', id, attempts, lease, "
                                         "next_run_at)) FROM dueq_job");
    assert_string_equal(after, before);
    free(before);
    free(after);
    daemon_stop(daemon);
}

static void rows_that_fit_no_rule_are_put_aside_and_the_others_are_run(void **state)
{
    struct scene *scene = *state;
    MYSQL *careless = test_connect(scene->database, &scene->database->producer);
    sql_run(careless,
            "SET sql_mode = ''; INSERT INTO dueq_job (kind, payload, state) VALUES ('state', '', "
            "'nonsense'); INSERT INTO dueq_job (kind, payload, next_run_at) VALUES ('date', '', "
            "'0000-00-00'); INSERT INTO dueq_job (kind, payload, headers) VALUES ('headers', '', "
            "CONCAT('{\"a\":\"', REPEAT('x', 70000), '\"}')); INSERT INTO dueq_job (kind, payload, "
            "created_at) VALUES ('work', '', '0000-00-00')");
    mysql_close(careless);
    scene_insert_many(scene, 500, "");
    struct process *daemon = daemon_start(scene_config(scene, NULL, NULL));
    scene_wait_all_gone(scene, 30);
    assert_int_equal(journal_count(scene->journal), 501);
    char *dead = sql_text(scene->admin, "SELECT GROUP_CONCAT(CONCAT(kind, '=', reason, '=', "
                                        "attempts, '=', SUBSTRING_INDEX(message, ' ', 2)) ORDER BY "
                                        "kind) FROM dueq_dead");
    assert_string_equal(dead, "date=invalid=0=next_run_at is,headers=invalid=0=headers have,"
                              "state=invalid=0=state is");
    free(dead);
    daemon_stop(daemon);
}

static void sixteen_megabytes_go_through_where_the_server_lets_them(void **state)
{
    (void) state;
    enum { LARGEST = (16 << 20) - 1 };
    struct test_server *server = test_server_new(
        (const char *const[]){ "--max-allowed-packet=64M", NULL });
    struct scene *scene = scene_new_on(server);
    struct process *daemon = daemon_start(keeping(scene));
    uint64_t id = scene_insert(
        scene,
        "INSERT INTO dueq_job (kind, payload) VALUES ('keep', CONCAT('a', REPEAT('x', %d), "
        "'z'))",
        LARGEST - 2);
    scene_wait_all_gone(scene, 40);
    size_t len;
    char *found = kept(scene, id, &len);
    assert_int_equal(len, LARGEST);
    assert_true(found[0] == 'a' && found[LARGEST - 1] == 'z' &&
                strspn(found + 1, "x") == LARGEST - 2);
    free(found);
    daemon_stop(daemon);

    /* And where the server came to let less through, they are put aside, and nothing is stuck. */
    id = scene_insert(
        scene, "INSERT INTO dueq_job (kind, payload) VALUES ('keep', REPEAT('x', %d))", LARGEST);
    scene_insert(scene, "INSERT INTO dueq_job (kind, payload) VALUES ('work', '')");
    sql_run(scene->admin, "SET GLOBAL max_allowed_packet = 1048576");
    daemon = daemon_start(keeping(scene));
    process_expect_line(daemon, "a job is dead", 20);
    scene_wait_all_gone(scene, 40);
    assert_int_equal(journal_count(scene->journal), 1);
    assert_int_equal(sql_u64(scene->admin,
                             "SELECT COUNT(*) FROM dueq_dead WHERE reason = 'invalid' "
                             "AND message LIKE '%%max_allowed_packet%%' AND "
                             "LENGTH(payload) = %d",
                             LARGEST),
                     1);
    assert_true(process_count(daemon, "max_allowed_packet: 1048576") > 0);
    daemon_stop(daemon);
    scene_free(scene);
    test_server_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(a_payload_is_delivered_byte_for_byte),
        SCENE_TEST(the_longest_messages_are_cut_and_cleaned_and_kept),
        SCENE_TEST(a_job_for_the_year_2037_is_left_alone),
        SCENE_TEST(rows_that_fit_no_rule_are_put_aside_and_the_others_are_run),
        SCENE_TEST(sixteen_megabytes_go_through_where_the_server_lets_them),
    };
    return SCENE_RUN(tests);
}
