#include "job_headers.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct header_list configured; /* what the operator set; empty unless a test fills it */

static int read_headers(const char *json, size_t len, struct header_list *list, char problem[256])
{
    *list = (struct header_list){ 0 };
    problem[0] = '\0';
    return job_headers_add(json, len, &configured, list, problem, 256);
}

static void assert_refused(const char *json, const char *words)
{
    struct header_list list;
    char problem[256];
    assert_int_equal(read_headers(json, strlen(json), &list, problem), -EINVAL);
    if (!strstr(problem, words))
        fail_msg("%s: expected '%s' in '%s'", json, words, problem);
    for (const char *c = problem; *c; c++)
        assert_true((unsigned char) *c >= 0x20);
    header_list_done(&list);
}

static void assert_empty(const char *json)
{
    struct header_list list;
    char problem[256];
    assert_int_equal(read_headers(json, json ? strlen(json) : 0, &list, problem), 0);
    assert_int_equal(list.count, 0);
    header_list_done(&list);
}

static void trace_context_and_content_type_are_passed_on(void **state)
{
    (void) state;
    static const char json[] =
        "{\"traceparent\":\"00-ab-cd-01\",\"tracestate\":\"a=1\","
        "\"Content-Type\":\"text/plain\",\"other\":\"mine\",\"n\":{\"a\":1}}";
    struct header_list list;
    char problem[256];
    assert_int_equal(read_headers(json, strlen(json), &list, problem), 0);
    assert_int_equal(list.count, 3);
    assert_string_equal(header_list_find(&list, "traceparent"), "00-ab-cd-01");
    assert_string_equal(header_list_find(&list, "tracestate"), "a=1");
    assert_string_equal(header_list_find(&list, "content-type"), "text/plain");
    header_list_done(&list);
}

static void all_members_of_http_are_passed_on(void **state)
{
    (void) state;
    static const char json[] =
        "{\"http\":{\"X-Shop\":\"a b\",\"x-empty\":\"\",\"X-\\u0041\":\"\\u00e4\"}}";
    struct header_list list;
    char problem[256];
    assert_int_equal(read_headers(json, strlen(json), &list, problem), 0);
    assert_string_equal(header_list_find(&list, "X-Shop"), "a b");
    assert_string_equal(header_list_find(&list, "X-Empty"), "");
    assert_string_equal(header_list_find(&list, "X-A"), "\xc3\xa4");
    header_list_done(&list);
}

static void nothing_asked_for_is_fine(void **state)
{
    (void) state;
    assert_empty(NULL);
    assert_empty("null");
    assert_empty("{}");
    assert_empty("{\"http\":null,\"traceparent\":null}");
    assert_empty("{\"http\":{\"X\":null}}");
    assert_empty("{\"Http\":5}"); /* not ours */
}

static void what_is_no_json_object_is_refused(void **state)
{
    (void) state;
    assert_refused("", "not valid JSON");
    assert_refused("{\"a\":", "not valid JSON");
    assert_refused("{} {}", "not valid JSON");
    assert_refused("[]", "not a JSON object");
    assert_refused("\"text\"", "not a JSON object");
    assert_refused("{\"http\":[]}", "\"http\" must be an object");
    assert_refused("{\"http\":{\"X\":5}}", "\"X\" must be a string");
    assert_refused("{\"traceparent\":{}}", "\"traceparent\" must be a string");
}

static void a_line_end_cannot_be_smuggled_in(void **state)
{
    (void) state;
    assert_refused("{\"traceparent\":\"a\\r\\nHost: b\"}", "control character");
    assert_refused("{\"http\":{\"X\":\"a\\nb\"}}", "control character");
    assert_refused("{\"http\":{\"X\":\"a\\tb\"}}", "control character");
    assert_refused("{\"http\":{\"X\\r\\nHost\":\"b\"}}", "not the name");
    assert_refused("{\"http\":{\"X: y\":\"b\"}}", "not the name");
    assert_refused("{\"http\":{\"\":\"b\"}}", "not the name");
    assert_refused("{\"http\":{\"X\":\"a\\u0000b\"}}", "not valid JSON");
    assert_refused("{\"http\":{\"\\u001b[2J\":\"b\"}}", "not the name");
}

static void a_producer_cannot_set_what_is_not_its_own(void **state)
{
    (void) state;
    static const char *const names[] = {
        "Host",         "content-length", "Transfer-Encoding", "idempotency-key",
        "Dueq-Attempt", "AUTHORIZATION",  "Connection",        "User-Agent"
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char json[128];
        snprintf(json, sizeof json, "{\"http\":{\"%s\":\"x\"}}", names[i]);
        assert_refused(json, "cannot be set by a job");
    }
}

static void a_producer_cannot_replace_what_the_operator_set(void **state)
{
    (void) state;
    assert_int_equal(header_list_add(&configured, "X-Api-Key", "k"), 0);
    assert_refused("{\"http\":{\"x-api-key\":\"mine\"}}", "set by the configuration");
    header_list_done(&configured);
}

static void a_header_given_twice_is_refused(void **state)
{
    (void) state;
    assert_refused("{\"content-type\":\"a\",\"http\":{\"Content-Type\":\"b\"}}", "given twice");
    assert_refused("{\"http\":{\"X\":\"a\",\"x\":\"b\"}}", "given twice");
}

static void a_refusal_never_quotes_a_value(void **state)
{
    (void) state;
    struct header_list list;
    char problem[256];
    static const char json[] = "{\"http\":{\"X\":\"hunter2\\n\"}}";
    assert_int_equal(read_headers(json, strlen(json), &list, problem), -EINVAL);
    assert_null(strstr(problem, "hunter2"));
    header_list_done(&list);
    static const char broken[] = "{\"http\":{\"X\":\"hunter2\" hunter2";
    assert_int_equal(read_headers(broken, strlen(broken), &list, problem), -EINVAL);
    assert_null(strstr(problem, "hunter2"));
    header_list_done(&list);
}

static void the_column_need_not_end_with_a_nul(void **state)
{
    (void) state;
    char *json = malloc(2); /* ASan sees a read behind it */
    assert_non_null(json);
    memcpy(json, "{}", 2);
    struct header_list list;
    char problem[256];
    assert_int_equal(read_headers(json, 2, &list, problem), 0);
    free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trace_context_and_content_type_are_passed_on),
        cmocka_unit_test(all_members_of_http_are_passed_on),
        cmocka_unit_test(nothing_asked_for_is_fine),
        cmocka_unit_test(what_is_no_json_object_is_refused),
        cmocka_unit_test(a_line_end_cannot_be_smuggled_in),
        cmocka_unit_test(a_producer_cannot_set_what_is_not_its_own),
        cmocka_unit_test(a_producer_cannot_replace_what_the_operator_set),
        cmocka_unit_test(a_header_given_twice_is_refused),
        cmocka_unit_test(a_refusal_never_quotes_a_value),
        cmocka_unit_test(the_column_need_not_end_with_a_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
