#include "keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arena.h"
#include "config_case.h"
#include "loader.h"
#include "section.h"
#include "value.h"

/* The table itself: a key that is added with a mistake is found here. */

static void for_each(const struct section *section,
                     void (*look)(const struct section *, const struct key *))
{
    for (size_t i = 0; i < section->key_count; i++) {
        look(section, &section->keys[i]);
        if (section->keys[i].section)
            for_each(section->keys[i].section, look);
    }
}

static void look_at_key(const struct section *section, const struct key *key)
{
    if (key_find(section, key->name) != key)
        fail_msg("%s.%s is there twice", section->name, key->name);
    if (key->section)
        return;
    if (!key->description || key->description[strlen(key->description) - 1] != '.')
        fail_msg("%s.%s has no description, or none in whole sentences", section->name, key->name);
    if (key->required && (key->default_text || !key->sample))
        fail_msg("%s.%s is required: a sample it needs, a default it cannot have", section->name,
                 key->name);
    if (!key->required && !key->default_text && !key->absent)
        fail_msg("%s.%s does not say what its absence means", section->name, key->name);
    if (!key->default_text && !key->sample)
        fail_msg("%s.%s has nothing to show in the sample file", section->name, key->name);
    if (key->not_with && !key_find(section, key->not_with))
        fail_msg("%s.%s excludes a key that is none", section->name, key->name);
    assert_true(key->minimum <= key->maximum);
    if (key->type == KEY_INTEGER)
        assert_in_range(key->maximum, 1, UINT32_MAX);
    if (key->type == KEY_REAL)
        assert_true(key->real_minimum < key->real_maximum);
    if (key->type == KEY_STRING || key->type == KEY_PATH || key->type == KEY_DURATION)
        assert_true(key->maximum > 0);
    if (key->type == KEY_CHOICE)
        assert_non_null(key->choices);
}

static void every_key_is_complete(void **state)
{
    (void) state;
    for_each(&key_root, look_at_key);
}

static struct config_report report;
static struct scan no_scan;
static struct arena memory;

static void read_default(const struct section *section, const struct key *key)
{
    (void) section;
    char target[1024] = { 0 };
    static struct retry_policy policies[8];
    memcpy(policies, retry_policy_builtin, retry_policy_builtin_count() * sizeof *policies);
    struct loader loader = {
        .report = &report,
        .scan = &no_scan,
        .arena = &memory,
        .directory = "/",
        .retries = policies,
        .retry_count = retry_policy_builtin_count(),
    };
    assert_true(key->offset + 16 <= sizeof target);
    if (!key->section)
        value_default(&loader, key, target);
}

static void every_default_is_within_the_bounds_of_its_key(void **state)
{
    (void) state;
    for_each(&key_root, read_default);
    assert_int_equal(report.error_count, 0);
    arena_done(&memory);
}

/* No key is a boolean yet, but the next one may be. */
static void a_key_may_be_a_boolean(void **state)
{
    (void) state;
    struct flags {
        bool a, b, c;
    } flags = { .c = true };
    const struct key keys[] = {
        { "a", KEY_BOOLEAN, .offset = offsetof(struct flags, a), .default_text = "true" },
        { "b", KEY_BOOLEAN, .offset = offsetof(struct flags, b), .default_text = "false" },
        { "c", KEY_BOOLEAN, .offset = offsetof(struct flags, c), .default_text = "true" },
    };
    const struct section section = { .name = "", .keys = keys, .key_count = 3 };
    struct setting member = { .type = SETTING_BOOLEAN, .name = "b", .boolean = true };
    struct setting group = { .type = SETTING_GROUP, .children = &member, .count = 1 };
    struct loader loader = { .report = &report, .scan = &no_scan, .arena = &memory };
    section_read(&loader, &section, &group, &flags);
    assert_true(flags.a);
    assert_true(flags.b);
    assert_true(flags.c);
    member.boolean = false;
    section_read(&loader, &section, &group, &flags);
    assert_false(flags.b);
    assert_int_equal(report.error_count, 0);
}

/* -------- the sample file */

static char *sample(void)
{
    FILE *file = fopen(DUEQ_SOURCE_DIR "/conf/dueq.conf", "re");
    assert_non_null(file);
    char *text = calloc(1, 65536);
    assert_true(fread(text, 1, 65535, file) > 0);
    fclose(file);
    return text;
}

static void the_sample_file_works_as_it_is(void **state)
{
    (void) state;
    char *text = sample();
    const struct config *config = case_load(text);
    assert_int_equal(config->source_count, 1);
    assert_string_equal(config->sources[0].name, "main");
    assert_non_null(config->sources[0].socket);
    assert_int_equal(config->queue_count, 1);
    assert_string_equal(config->queues[0].name, "default");
    assert_int_equal(config->kind_count, 0);
    free(text);
}

static char *all;

static void look_for_key(const struct section *section, const struct key *key)
{
    char needle[128];
    snprintf(needle, sizeof needle, "%s = ", key->name);
    if (!strstr(all, needle))
        fail_msg("%s.%s is not in the sample file", section->name, key->name);
}

static void the_sample_file_has_every_key(void **state)
{
    (void) state;
    all = sample();
    for_each(&key_root, look_for_key);
    free(all);
}

/* Prose stands behind "# ", a key or a line of a block behind "#" alone or "#" and an indentation.
 */
static bool is_commented_out(const char *hash)
{
    return hash[1] != ' ' || strncmp(hash, "#    ", 5) == 0;
}

static void take_hashes_away(char *text, const char *from)
{
    for (char *line = strstr(text, from); line && *line;
         line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        char *hash = line + strspn(line, " ");
        if (*hash == '#' && is_commented_out(hash))
            *hash = ' ';
    }
}

static void the_blocks_of_the_sample_file_work_when_the_hashes_are_taken_away(void **state)
{
    (void) state;
    char *text = sample();
    take_hashes_away(text, "#kinds");
    const struct config *config = case_load(text);
    assert_int_equal(config->kind_count, 1);
    assert_string_equal(config->kinds[0].kind, "order.*");
    assert_non_null(config_find_retry(config, "gentle"));
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, case_setup, case_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_key_is_complete),
        TEST(every_default_is_within_the_bounds_of_its_key),
        TEST(a_key_may_be_a_boolean),
        TEST(the_sample_file_works_as_it_is),
        TEST(the_sample_file_has_every_key),
        TEST(the_blocks_of_the_sample_file_work_when_the_hashes_are_taken_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
