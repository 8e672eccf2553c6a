#include <stdio.h>
#include <string.h>

#include "fixture.h"

/* dueq dead list, show and purge. */

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

/* The messages of a listing, "b a". */
static const char *messages_of(json_t *json)
{
    const char *text = "";
    size_t i;
    json_t *dead;
    json_array_foreach(json, i, dead)
        text = text_of("%s%s%s", text, *text ? " " : "", member_string(dead, "message"));
    json_decref(json);
    return text;
}

static void the_latest_comes_first(void **state)
{
    (void) state;
    insert_dead(&f, "message = 'a'");
    insert_dead(&f, "message = 'b'");
    insert_dead(&f, "message = 'c'");
    assert_string_equal(messages_of(operate_json(&f, EX_OK, "dead", "list", NULL)), "c b a");
    assert_string_equal(messages_of(operate_json(&f, EX_OK, "dead", "list", "--limit", "2", NULL)),
                        "c b");
    expect_text(operate(&f, EX_OK, "dead", "list", NULL)->out, "exhausted        20  c\n");
}

static void each_filter_narrows_the_listing(void **state)
{
    (void) state;
    insert_dead(&f, "message = 'a', kind = 'order.paid', died_at = NOW(6) - INTERVAL 2 HOUR");
    insert_dead(&f, "message = 'b', kind = 'order.sent', queue = 'mail', reason = 'handler'");
    uint64_t third = insert_dead(&f, "message = 'c%%', kind = 'orders', id = 42");
    static const struct {
        const char *option, *value, *wanted;
    } filters[] = {
        { "--kind", "order.paid", "a" }, { "--kind", "order.*", "b a" },
        { "--kind", "*", "c% b a" },     { "--queue", "mail", "b" },
        { "--reason", "handler", "b" },  { "--reason", "exhausted", "c% a" },
        { "--error", "%", "c%" },        { "--error", "C", "" },
        { "--older-than", "1h", "a" },   { "--newer-than", "1h", "c% b" },
        { "--job", "42", "c%" },
    };
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        const char *found = messages_of(
            operate_json(&f, EX_OK, "dead", "list", filters[i].option, filters[i].value, NULL));
        if (strcmp(found, filters[i].wanted) != 0)
            test_fail("%s %s gives \"%s\" and not \"%s\"", filters[i].option, filters[i].value,
                      found, filters[i].wanted);
    }
    assert_string_equal(
        messages_of(operate_json(&f, EX_OK, "dead", "list", "--id",
                                 text_of("%llu", (unsigned long long) third), NULL)),
        "c%");
    assert_string_equal(messages_of(operate_json(&f, EX_OK, "dead", "list", "--kind", "order.*",
                                                 "--newer-than", "1h", "--queue", "mail", NULL)),
                        "b");
}

static void a_quote_in_a_filter_is_a_letter(void **state)
{
    (void) state;
    insert_dead(&f, "message = 'it''s \\\\ done'");
    insert_dead(&f, "message = 'no'");
    assert_string_equal(
        messages_of(operate_json(&f, EX_OK, "dead", "list", "--error", "it's \\", NULL)),
        "it's \\ done");
}

static void one_is_shown_with_all_that_is_in_it(void **state)
{
    (void) state;
    uint64_t id = insert_dead(&f, "id = 7, payload = '{\"a\":1}', headers = '{\"t\":1}', retry ="
                                  " 'fixed', max_attempts = 20, unique_key = 'u', ordering_key ="
                                  " 'o'");
    const char *id_text = text_of("%llu", (unsigned long long) id);
    const char *out = operate(&f, EX_OK, "dead", "show", id_text, NULL)->out;
    static const char *const parts[] = {
        "job           7\n", "reason        exhausted\n", "message       it failed\n",
        "20 of 20\n",        "retry policy  fixed\n",     "unique key    u\n",
        "ordering key  o\n", "\nheaders       {\"t\":",   "    {\"a\":1}\n",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        expect_text(out, parts[i]);
    json_t *json = operate_json(&f, EX_NO, "dead", "show", id_text, "999999", NULL);
    assert_int_equal(json_array_size(json), 1);
    assert_int_equal(member_integer(json, "0/headers/t"), 1);
    json_decref(json);
    expect_text(operate(&f, EX_NO, "dead", "show", "999999", NULL)->err,
                "there is no dead letter 999999");
}

static void hostile_dead_letters_stay_on_their_line(void **state)
{
    (void) state;
    uint64_t id = insert_dead(&f, "message = CONCAT('x', CHAR(27), '[31m', CHAR(10), CHAR(13),"
                                  " CONVERT(x'C29B' USING utf8mb4)), kind = CONCAT('k', CHAR(27)),"
                                  " queue = CONCAT('q', CHAR(10))");
    expect_harmless(operate(&f, EX_OK, "dead", "list", NULL)->out);
    expect_text(operate(&f, EX_OK, "dead", "list", NULL)->out, "x\\x1b[31m\\n\\r\\u009b\n");
    expect_harmless(
        operate(&f, EX_OK, "dead", "show", text_of("%llu", (unsigned long long) id), NULL)->out);
    expect_harmless(operate(&f, EX_OK, "dead", "redrive", "--dry-run", NULL)->out);
    expect_harmless(operate(&f, EX_OK, "--json", "dead", "list", NULL)->out);
}

static void a_long_message_is_cut_in_a_listing(void **state)
{
    (void) state;
    insert_dead(&f, "message = REPEAT('订', 3000)");
    const char *out = operate(&f, EX_OK, "dead", "list", NULL)->out;
    expect_text(out, "订…\n");
    json_t *json = operate_json(&f, EX_OK, "dead", "list", NULL);
    assert_int_equal(json_string_length(member(json, "0/message")), 9000);
    json_decref(json);
}

static void a_dry_run_counts_and_deletes_nothing(void **state)
{
    (void) state;
    insert_dead(&f, "kind = 'a'");
    insert_dead(&f, "kind = 'a'");
    insert_dead(&f, "kind = 'b', reason = 'handler'");
    const char *out = operate(&f, EX_OK, "dead", "purge", "--dry-run", NULL)->out;
    expect_text(out, "a     exhausted      2\n");
    expect_text(out, "b     handler        1\n");
    expect_text(out, "3 match; 3 would be deleted");
    json_t *json = operate_json(&f, EX_OK, "dead", "redrive", "--dry-run", "--limit", "2", NULL);
    assert_int_equal(member_integer(json, "matched"), 3);
    assert_int_equal(member_integer(json, "would"), 2);
    assert_int_equal(member_integer(json, "groups/1/count"), 1);
    json_decref(json);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_dead"), 3);
}

static void a_purge_deletes_what_matches_and_no_more(void **state)
{
    (void) state;
    insert_dead(&f, "kind = 'a', died_at = NOW(6) - INTERVAL 40 DAY");
    insert_dead(&f, "kind = 'a'");
    insert_dead(&f, "kind = 'b', died_at = NOW(6) - INTERVAL 40 DAY");
    const struct run *run = operate(&f, EX_OK, "dead", "purge", "--yes", "--kind", "a",
                                    "--older-than", "30d", NULL);
    assert_string_equal(run->out, "1 dead letter deleted\n");
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_dead"), 2);
    uint64_t last = sql_u64(f.admin, "SELECT MAX(dead_id) FROM dueq_dead");
    operate(&f, EX_OK, "dead", "purge", "--yes", text_of("%llu", (unsigned long long) last), NULL);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_dead WHERE kind = 'a'"), 1);
}

static void a_purge_of_many_goes_in_batches_up_to_its_limit(void **state)
{
    (void) state;
    insert_dead(&f, "kind = 'k'");
    for (int doubling = 0; doubling < 11; doubling++) /* 2,048 */
        sql_run(f.admin,
                "INSERT INTO dueq_dead (id, queue, kind, payload, priority, state, attempts,"
                " reason, message) SELECT id, queue, kind, payload, priority, state, attempts,"
                " reason, message FROM dueq_dead");
    json_t *json = operate_json(&f, EX_OK, "dead", "purge", "--yes", "--limit", "1234", NULL);
    assert_int_equal(member_integer(json, "purged"), 1234);
    json_decref(json);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_dead"), 2048 - 1234);
    operate(&f, EX_OK, "dead", "purge", "--yes", NULL);
    assert_int_equal(sql_u64(f.admin, "SELECT COUNT(*) FROM dueq_dead"), 0);
    operate(&f, EX_OK, "dead", "purge", "--yes", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_latest_comes_first, clear),
        cmocka_unit_test_setup(each_filter_narrows_the_listing, clear),
        cmocka_unit_test_setup(a_quote_in_a_filter_is_a_letter, clear),
        cmocka_unit_test_setup(one_is_shown_with_all_that_is_in_it, clear),
        cmocka_unit_test_setup(hostile_dead_letters_stay_on_their_line, clear),
        cmocka_unit_test_setup(a_long_message_is_cut_in_a_listing, clear),
        cmocka_unit_test_setup(a_dry_run_counts_and_deletes_nothing, clear),
        cmocka_unit_test_setup(a_purge_deletes_what_matches_and_no_more, clear),
        cmocka_unit_test_setup(a_purge_of_many_goes_in_batches_up_to_its_limit, clear),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
