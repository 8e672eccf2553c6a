#include <stdio.h>
#include <string.h>

#include "fixture.h"

/* dueq jobs and dueq job: looking at what is there. */

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

static int clear(void **state)
{
    (void) state;
    fixture_clear(&f);
    return 0;
}

/* The ids that a listing gives, "3 1 2". */
static const char *ids_of(json_t *json)
{
    static char text[512];
    size_t i, len = 0;
    json_t *job;
    text[0] = '\0';
    json_array_foreach(json, i, job)
        len += (size_t) snprintf(text + len, sizeof text - len, "%s%lld", i ? " " : "",
                                 (long long) member_integer(job, "id"));
    json_decref(json);
    return text;
}

static const char *ids(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    const uint64_t all[] = { a, b, c, d };
    const char *text = "";
    for (size_t i = 0; i < 4; i++)
        if (all[i])
            text = text_of("%s%s%llu", text, *text ? " " : "", (unsigned long long) all[i]);
    return text;
}

static void jobs_come_in_the_order_in_which_they_are_claimed(void **state)
{
    (void) state;
    uint64_t late = insert_job(&f, "kind='k', payload='', next_run_at=NOW(6) - INTERVAL 1 SECOND");
    uint64_t early = insert_job(&f, "kind='k', payload='', next_run_at=NOW(6) - INTERVAL 1 HOUR");
    uint64_t first = insert_job(&f, "kind='k', payload='', priority=0");
    uint64_t other = insert_job(&f, "kind='k', payload='', queue='another'");
    assert_string_equal(ids_of(operate_json(&f, EX_OK, "jobs", NULL)),
                        ids(other, first, early, late));
    assert_string_equal(ids_of(operate_json(&f, EX_OK, "jobs", "--limit", "2", NULL)),
                        ids(other, first, 0, 0));
}

static void each_state_is_told_from_the_others(void **state)
{
    (void) state;
    uint64_t due = insert_job(&f, "kind='k', payload=''");
    uint64_t delayed = insert_job(&f, "kind='k', payload='', next_run_at=NOW(6) + INTERVAL 1 HOUR");
    uint64_t running = insert_job(
        &f, "kind='k', payload='', next_run_at=NOW(6) + INTERVAL 1 MINUTE, lease=(7<<40)|3");
    uint64_t expired = insert_job(
        &f, "kind='k', payload='', next_run_at=NOW(6) - INTERVAL 1 MINUTE, lease=(7<<40)|4");

    assert_string_equal(ids_of(operate_json(&f, EX_OK, "jobs", "--state", "due", NULL)),
                        ids(expired, due, 0, 0));
    assert_string_equal(ids_of(operate_json(&f, EX_OK, "jobs", "--state", "delayed", NULL)),
                        ids(delayed, 0, 0, 0));
    assert_string_equal(ids_of(operate_json(&f, EX_OK, "jobs", "--state", "all", NULL)),
                        ids(expired, due, running, delayed));
    json_t *json = operate_json(&f, EX_OK, "jobs", "--state", "running", NULL);
    assert_int_equal(json_array_size(json), 1);
    assert_int_equal(member_integer(json, "0/id"), running);
    assert_string_equal(member_string(json, "0/phase"), "running");
    assert_int_equal(member_integer(json, "0/worker_id"), 7);
    json_decref(json);
}

static void a_listing_is_narrowed_by_queue_and_kind(void **state)
{
    (void) state;
    uint64_t paid = insert_job(&f, "kind='order.paid', payload=''");
    uint64_t sent = insert_job(&f, "kind='order.sent', payload='', queue='mail'");
    uint64_t orders = insert_job(&f, "kind='orders', payload=''");
    uint64_t like = insert_job(&f, "kind='orderXpaid', payload=''");

    assert_string_equal(ids_of(operate_json(&f, EX_OK, "jobs", "--queue", "mail", NULL)),
                        ids(sent, 0, 0, 0));
    assert_string_equal(ids_of(operate_json(&f, EX_OK, "jobs", "--kind", "order.paid", NULL)),
                        ids(paid, 0, 0, 0));
    assert_string_equal(ids_of(operate_json(&f, EX_OK, "jobs", "--kind", "order.*", NULL)),
                        ids(paid, sent, 0, 0));
    assert_string_equal(
        ids_of(operate_json(&f, EX_OK, "jobs", "--kind", "*", "--queue", "default", NULL)),
        ids(paid, orders, like, 0));
    assert_string_equal(ids_of(operate_json(&f, EX_OK, "jobs", "--kind", "Order.*", NULL)), "");
}

static void a_wildcard_of_sql_in_a_kind_is_a_letter(void **state)
{
    (void) state;
    uint64_t percent = insert_job(&f, "kind='a%%|_.x', payload=''");
    insert_job(&f, "kind='ab_.x', payload=''");
    insert_job(&f, "kind='ab|c.x', payload=''");
    assert_string_equal(ids_of(operate_json(&f, EX_OK, "jobs", "--kind", "a%|_.*", NULL)),
                        ids(percent, 0, 0, 0));
}

static void an_empty_listing_is_a_line_of_names_or_an_empty_array(void **state)
{
    (void) state;
    expect_text(operate(&f, EX_OK, "jobs", NULL)->out, "JOB  QUEUE");
    json_t *json = operate_json(&f, EX_OK, "jobs", NULL);
    assert_int_equal(json_array_size(json), 0);
    json_decref(json);
}

static void a_job_is_shown_with_all_its_columns_and_failures(void **state)
{
    (void) state;
    uint64_t id = insert_job(
        &f, "kind='k', payload='{\"a\": 1}', headers='{\"t\":\"x\"}', priority=2, attempts=2,"
            " max_attempts=9, retry='fixed', unique_key='u', ordering_key='o',"
            " next_run_at=NOW(6) + INTERVAL 10 MINUTE");
    for (int attempt = 1; attempt <= 2; attempt++)
        sql_run(f.admin,
                "INSERT INTO dueq_error (job_id, attempt, worker, message)"
                " VALUES (%llu, %d, 'host:1', 'failure %d')",
                (unsigned long long) id, attempt, attempt);

    const char *id_text = text_of("%llu", (unsigned long long) id);
    const char *out = operate(&f, EX_OK, "job", id_text, NULL)->out;
    static const char *const parts[] = {
        "kind          k\n",     "phase         delayed\n",
        "priority      2\n",     "attempts      2 of 9\n",
        "retry policy  fixed\n", "unique key    u\n",
        "ordering key  o\n",     "\nheaders       {\"t\":",
        "    {\"a\": 1}\n",      "host:1\n",
        "      failure 1\n",     "      failure 2\n",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        expect_text(out, parts[i]);

    json_t *json = operate_json(&f, EX_OK, "job", id_text, NULL);
    assert_true(json_is_true(member(json, "alive")));
    assert_string_equal(member_string(json, "headers/t"), "x");
    assert_string_equal(member_string(json, "payload"), "{\"a\": 1}");
    assert_int_equal(member_integer(json, "errors/1/attempt"), 2);
    assert_string_equal(member_string(json, "errors/1/message"), "failure 2");
    assert_int_equal(json_array_size(member(json, "dead")), 0);
    char *source_id = sql_text(f.admin, "SELECT source_id FROM dueq_schema");
    assert_string_equal(member_string(json, "message_id"), text_of("%s-%s", source_id, id_text));
    free(source_id);
    json_decref(json);
}

static void a_long_payload_is_cut_unless_all_of_it_is_wanted(void **state)
{
    (void) state;
    uint64_t id = insert_job(&f, "kind='k', payload=CONCAT(REPEAT('ä', 5000), 'END')");
    const char *id_text = text_of("%llu", (unsigned long long) id);
    const char *out = operate(&f, EX_OK, "job", id_text, NULL)->out;
    expect_text(out, "6003 bytes more: --full");
    expect_no_text(out, "END");
    expect_text(operate(&f, EX_OK, "job", id_text, "--full", NULL)->out, "END");
    json_t *json = operate_json(&f, EX_OK, "job", id_text, NULL);
    assert_true(json_is_true(member(json, "payload_cut")));
    assert_int_equal(member_integer(json, "payload_bytes"), 10003);
    json_decref(json);
    json = operate_json(&f, EX_OK, "job", id_text, "--full", NULL);
    assert_true(json_is_false(member(json, "payload_cut")));
    assert_int_equal(json_string_length(member(json, "payload")), 10003);
    json_decref(json);
}

static void a_job_that_is_not_there_is_no(void **state)
{
    (void) state;
    const struct run *run = operate(&f, EX_NO, "job", "123456", NULL);
    expect_text(run->err, "there is no job 123456");
    assert_string_equal(run->out, "");
}

static void a_dead_job_is_shown_with_each_of_its_deaths(void **state)
{
    (void) state;
    uint64_t first = insert_dead(&f, "id = 77, message = 'the first time'");
    insert_dead(&f, "id = 77, message = 'the second time'");
    const char *out = operate(&f, EX_OK, "job", "77", NULL)->out;
    expect_text(out, "job 77 is dead");
    expect_text(out, text_of("dead letter   %llu\n", (unsigned long long) first));
    expect_text(out, "the first time");
    expect_text(out, "the second time");
    json_t *json = operate_json(&f, EX_OK, "job", "77", NULL);
    assert_true(json_is_false(member(json, "alive")));
    assert_int_equal(json_array_size(member(json, "dead")), 2);
    json_decref(json);
}

static unsigned lines_of(const char *text)
{
    unsigned lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

static void nothing_in_a_row_reaches_the_terminal_unescaped(void **state)
{
    (void) state;
    /* ESC [ 2 J, a newline that would forge a line, a C1 control, a right-to-left override. */
    static const char evil[] = "CONCAT('x', CHAR(27), '[2J', CHAR(10), 'job 1 is done', CHAR(0),"
                               " CONVERT(x'C29B' USING utf8mb4), CONVERT(x'E280AE' USING utf8mb4))";
    uint64_t id = insert_job(&f,
                             "kind=CONCAT('k', CHAR(27), '[31m', CHAR(10)), payload=%s,"
                             " queue=CONCAT('q', CHAR(7)), unique_key=%s, retry=CHAR(27),"
                             " ordering_key=%s",
                             evil, evil, evil);
    sql_run(f.admin,
            "INSERT INTO dueq_error (job_id, attempt, worker, message) VALUES (%llu, 1, %s, %s)",
            (unsigned long long) id, evil, evil);
    insert_dead(&f, "id = %llu, message = %s, payload = %s, kind = CHAR(27), reason = CHAR(27)",
                (unsigned long long) id, evil, evil);
    const char *id_text = text_of("%llu", (unsigned long long) id);
    const struct run *run = operate(&f, EX_OK, "job", id_text, "--full", NULL);
    expect_harmless(run->out);
    expect_text(run->out, "x\\x1b[2J");
    expect_no_text(run->out, "\njob 1 is done");
    run = operate(&f, EX_OK, "jobs", NULL);
    expect_harmless(run->out);
    assert_int_equal(lines_of(run->out), 2); /* the names, and the one job */
    expect_harmless(operate(&f, EX_OK, "--json", "job", id_text, NULL)->out);
    expect_harmless(operate(&f, EX_OK, "--json", "jobs", NULL)->out);

    json_t *json = operate_json(&f, EX_OK, "job", id_text, NULL);
    assert_int_equal(json_string_length(member(json, "payload")), 25);
    assert_memory_equal(member_string(json, "payload"), "x\033[2J\njob 1 is done\0\xc2\x9b", 22);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(jobs_come_in_the_order_in_which_they_are_claimed, clear),
        cmocka_unit_test_setup(each_state_is_told_from_the_others, clear),
        cmocka_unit_test_setup(a_listing_is_narrowed_by_queue_and_kind, clear),
        cmocka_unit_test_setup(a_wildcard_of_sql_in_a_kind_is_a_letter, clear),
        cmocka_unit_test_setup(an_empty_listing_is_a_line_of_names_or_an_empty_array, clear),
        cmocka_unit_test_setup(a_job_is_shown_with_all_its_columns_and_failures, clear),
        cmocka_unit_test_setup(a_long_payload_is_cut_unless_all_of_it_is_wanted, clear),
        cmocka_unit_test_setup(a_job_that_is_not_there_is_no, clear),
        cmocka_unit_test_setup(a_dead_job_is_shown_with_each_of_its_deaths, clear),
        cmocka_unit_test_setup(nothing_in_a_row_reaches_the_terminal_unescaped, clear),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
