#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "exec_fake_host.h"
#include "exit_status.h"

/* docs/exec.md is held to its word: its table of exit statuses, and its handlers, run as they stand
 * there. */

#define PATH "PATH=/usr/local/bin:/usr/bin:/bin"

static struct fake fake;
static struct fake_job job;

static char *read_manual(void)
{
    FILE *in = fopen(DUEQ_SOURCE_DIR "/docs/exec.md", "re");
    enum { SIZE = 1 << 17 };
    char *text = calloc(1, SIZE);

    assert_non_null(in);
    assert_in_range(fread(text, 1, SIZE, in), 1, SIZE - 1);
    fclose(in);
    return text;
}

/* The first block of code in that language, as an executable file. */
static const char *example(const char *language)
{
    char *manual = read_manual(), fence[32];
    const char *file = scratch(language);

    snprintf(fence, sizeof fence, "```%s\n", language);
    char *code = strstr(manual, fence);
    assert_non_null(code);
    code += strlen(fence);
    char *end = strstr(code, "\n```\n");
    assert_non_null(end);
    end[1] = '\0';

    FILE *out = fopen(file, "we");
    assert_non_null(out);
    fputs(code, out);
    fclose(out);
    assert_int_equal(chmod(file, 0755), 0);
    free(manual);
    return file;
}

static bool installed(const char *program)
{
    static const char *const directories[] = { "/usr/local/bin", "/usr/bin", "/bin" };
    char file[256];

    for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++) {
        snprintf(file, sizeof file, "%s/%s", directories[i], program);
        if (access(file, X_OK) == 0)
            return true;
    }
    return false;
}

static void the_table_of_exit_statuses_is_what_happens(void **state)
{
    char *manual = read_manual(), *rest;
    size_t rows = 0;
    (void) state;

    char *table = strstr(manual, "\n| status |");
    assert_non_null(table);
    for (char *line = strtok_r(table, "\n", &rest); line && line[0] == '|';
         line = strtok_r(NULL, "\n", &rest)) {
        if (line[2] < '0' || line[2] > '9')
            continue;
        int32_t expected = strstr(line, "| done |")    ? DUEQ_DONE
                           : strstr(line, "| retry |") ? DUEQ_RETRY
                           : strstr(line, "| dead |")  ? DUEQ_DEAD
                                                       : -1;
        char *number = line + 1;
        do {
            long status = strtol(number + 1, &number, 10);
            assert_int_equal(exit_status_outcome((int) status << 8), expected);
            rows++;
        } while (*number == ',');
    }
    assert_in_range(rows, 18, 60);
    free(manual);
}

static void the_shell_handler_archives_a_payload_once(void **state)
{
    const char *script = example("sh");
    char directory[256], entry[300], file[300], content[64] = "";
    (void) state;

    snprintf(directory, sizeof directory, "%s", scratch("."));
    snprintf(entry, sizeof entry, "ARCHIVE=%s", directory);
    snprintf(file, sizeof file, "%s/3f6c-7.json", directory);
    const struct fake_option options[] = { FAKE_LIST("command", script),
                                           FAKE_LIST("environment", entry, PATH) };

    fake_open_or_fail(&fake, options, 1);
    assert_int_equal(fake_run_text(&fake, &job, "{}"), DUEQ_RETRY);
    assert_string_equal(job.message,
                        "exit status 75 (EX_TEMPFAIL): ARCHIVE is no directory: not set");
    fake_close_clean(&fake);

    fake_open_or_fail(&fake, options, 2);
    assert_int_equal(fake_run_text(&fake, &job, ""), DUEQ_DEAD);
    assert_string_equal(job.message, "exit status 65 (EX_DATAERR): the payload is empty");
    assert_int_equal(fake_run_text(&fake, &job, "{\"order\":42}"), DUEQ_DONE);
    assert_int_equal(fake_run_text(&fake, &job, "again"), DUEQ_DONE);
    fake_close_clean(&fake);

    FILE *in = fopen(file, "re");
    assert_non_null(in);
    assert_non_null(fgets(content, sizeof content, in));
    fclose(in);
    assert_string_equal(content, "{\"order\":42}");
}

static void try_lines_handler(const char *program, const char *language)
{
    if (!installed(program)) {
        print_message("%s is not installed here\n", program);
        skip();
    }
    const struct fake_option options[] = { FAKE_LIST("command", program, example(language)),
                                           FAKE_LIST("environment", PATH),
                                           { "mode", "lines", NULL } };

    fake_open_or_fail(&fake, options, 3);
    assert_int_equal(fake_run_text(&fake, &job, "{\"order\":42}"), DUEQ_DONE);
    assert_int_equal(fake_run_text(&fake, &job, "not json"), DUEQ_DEAD);
    assert_string_equal(job.message, "the payload names no order");
    assert_int_equal(fake_run_text(&fake, &job, "{\"order\":42,\"wait\":\"1m30s\"}"), DUEQ_SNOOZE);
    assert_int_equal(job.result.delay_us, 90000000);
    assert_int_equal(fake_run_text(&fake, &job, "{\"order\":\"caf\xc3\xa9\"}"), DUEQ_RETRY);
    assert_string_equal(job.message, "cannot look up order caf\xc3\xa9");
    /* all that may end a line somewhere, within the payload */
    assert_int_equal(
        fake_run_text(&fake, &job, "{\"order\":\"\xe2\x80\xa8\xe2\x80\xa9\xc2\x85\"\r\n}"),
        DUEQ_RETRY);
    assert_string_equal(job.message, "cannot look up order \xe2\x80\xa8\xe2\x80\xa9\xc2\x85");

    size_t len = 1 << 20;
    char *payload = malloc(len);
    memset(payload, ' ', len);
    memcpy(payload, "{\"order\":42}", 12);
    fake_job_init(&job, payload, len);
    assert_int_equal(fake_run(&fake, &job), DUEQ_DONE);
    free(payload);

    assert_false(fake_logged(&fake, "<4>"));
    fake_close_clean(&fake);
    assert_false(fake_logged(&fake, "<6>")); /* nor had it anything to complain of when it ended */
}

static void the_php_handler_works(void **state)
{
    (void) state;
    try_lines_handler("php", "php");
}

static void the_python_handler_works(void **state)
{
    (void) state;
    try_lines_handler("python3", "python");
}

static void the_node_handler_works(void **state)
{
    (void) state;
    try_lines_handler("node", "js");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_of_exit_statuses_is_what_happens),
        cmocka_unit_test(the_shell_handler_archives_a_payload_once),
        cmocka_unit_test(the_php_handler_works),
        cmocka_unit_test(the_python_handler_works),
        cmocka_unit_test(the_node_handler_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
