#include "agenda.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define SECOND INT64_C(1000000)
#define POLL (SECOND / 10)

static const struct config_queue queues[] = {
    { .name = "light", .weight = 1, .poll_us = POLL },
    { .name = "heavy", .weight = 3, .poll_us = POLL },
};

static int setup(void **state)
{
    static struct agenda agenda;
    *state = &agenda;
    return agenda_init(&agenda, queues, 2);
}

static int teardown(void **state)
{
    agenda_done(*state);
    return 0;
}

static const struct probe nothing = { .next_us = INT64_MAX };
static const struct probe urgent_and_usual = { .due = { [0] = true, [5] = true },
                                               .any_due = true,
                                               .next_us = INT64_MAX };

static struct agenda_entry *take(struct agenda *agenda, int64_t now_us)
{
    int64_t next_us;
    return agenda_take(agenda, now_us, &next_us);
}

static void an_idle_queue_is_looked_at_by_one_lane_each_poll_interval(void **state)
{
    struct agenda *agenda = *state;
    int64_t next_us = 0;

    assert_non_null(take(agenda, SECOND));
    assert_non_null(take(agenda, SECOND)); /* the other queue */
    assert_null(agenda_take(agenda, SECOND, &next_us));
    assert_int_equal(next_us, SECOND + POLL);
    assert_non_null(take(agenda, SECOND + POLL));
}

static void a_queue_with_due_jobs_is_for_all_lanes(void **state)
{
    struct agenda *agenda = *state;
    struct agenda_entry *heavy = agenda_find(agenda, "heavy");

    agenda_put_off(agenda_find(agenda, "light"), INT64_MAX);
    agenda_probed(heavy, &urgent_and_usual, SECOND);
    for (int lane = 0; lane < 5; lane++)
        assert_ptr_equal(take(agenda, SECOND), heavy);
}

static void turns_are_shared_by_weight(void **state)
{
    struct agenda *agenda = *state;
    struct agenda_entry *light = agenda_find(agenda, "light");
    int turns_of_light = 0;

    agenda_probed(light, &urgent_and_usual, SECOND);
    agenda_probed(agenda_find(agenda, "heavy"), &urgent_and_usual, SECOND);
    for (int turn = 0; turn < 400; turn++)
        turns_of_light += take(agenda, SECOND) == light;
    assert_int_equal(turns_of_light, 100);
}

static void the_most_urgent_priority_comes_first_and_is_left_when_it_is_empty(void **state)
{
    struct agenda_entry *entry = agenda_find(*state, "light");

    assert_int_equal(agenda_priority(entry), -1);
    agenda_probed(entry, &urgent_and_usual, SECOND);
    assert_int_equal(agenda_priority(entry), 0);
    agenda_claimed(entry, 0, 500, true, SECOND);
    assert_int_equal(agenda_priority(entry), 0);
    agenda_claimed(entry, 0, 7, false, SECOND);
    assert_int_equal(agenda_priority(entry), 5);
    agenda_claimed(entry, 5, 7, false, SECOND);
    assert_int_equal(agenda_priority(entry), -1);
}

static void the_next_due_job_sets_the_alarm_when_it_comes_before_the_poll(void **state)
{
    struct agenda_entry *entry = agenda_find(*state, "light");
    const struct probe soon = { .next_us = 1234 }, late = { .next_us = 3600 * SECOND };

    agenda_probed(entry, &soon, SECOND);
    assert_int_equal(entry->next_us, SECOND + 1234);
    agenda_probed(entry, &late, SECOND);
    assert_int_equal(entry->next_us, SECOND + POLL);
    agenda_probed(entry, &nothing, SECOND);
    assert_int_equal(entry->next_us, SECOND + POLL);
}

static void jobs_that_are_due_but_locked_are_not_spun_on(void **state)
{
    struct agenda_entry *entry = agenda_find(*state, "light");

    agenda_probed(entry, &urgent_and_usual, SECOND);
    agenda_claimed(entry, 0, 0, false, SECOND);
    agenda_claimed(entry, 5, 0, false, SECOND);
    assert_int_equal(entry->starved_us, SECOND);
    assert_true(entry->next_us >= SECOND + POLL);
    agenda_claimed(entry, 5, 1, false, 2 * SECOND);
    assert_int_equal(entry->starved_us, 0);
}

static void a_paused_queue_gets_no_turn(void **state)
{
    struct agenda *agenda = *state;
    agenda_find(agenda, "heavy")->paused = true;
    for (int64_t now_us = SECOND; now_us < 3 * SECOND; now_us += POLL)
        assert_ptr_equal(take(agenda, now_us), agenda_find(agenda, "light"));
}

static void a_rate_lets_through_so_many_a_second_and_no_burst_above_one_second(void **state)
{
    struct agenda_entry *entry = agenda_find(*state, "light");
    uint32_t begun = 0;

    entry->rate = 50;
    entry->tokens_at_us = SECOND;
    assert_int_equal(agenda_allow(entry, 500, 100 * SECOND), 50);
    assert_int_equal(agenda_allow(entry, 500, 100 * SECOND), 0);
    assert_true(entry->next_us > 100 * SECOND && entry->next_us <= 100 * SECOND + SECOND / 50 + 1);
    for (int64_t now_us = 100 * SECOND; now_us < 110 * SECOND; now_us += 1000)
        begun += agenda_allow(entry, 3, now_us);
    assert_in_range(begun, 498, 500);
    agenda_allow_back(entry, 2);
    assert_int_equal(agenda_allow(entry, 2, 110 * SECOND - 1000), 2);
}

static void without_a_rate_all_is_allowed(void **state)
{
    assert_int_equal(agenda_allow(agenda_find(*state, "light"), 12345, SECOND), 12345);
}

static void what_rings_is_looked_at_before_its_poll_and_by_one_lane(void **state)
{
    struct agenda *agenda = *state;
    struct agenda_entry *heavy = agenda_find(agenda, "heavy");
    int64_t next_us = 0, now_us = SECOND + POLL / 2;

    (void) take(agenda, SECOND);
    (void) take(agenda, SECOND);
    ring_hear(&heavy->ring, now_us, 0, 1);
    assert_ptr_equal(take(agenda, now_us), heavy);
    /* While that lane looks, and has asked already, another job comes. */
    ring_hear(&heavy->ring, now_us + 500, 0, 1);
    agenda_probed(heavy, &nothing, now_us + 1000);
    assert_null(agenda_take(agenda, now_us + 1000, &next_us));
    assert_int_equal(next_us, now_us + RING_APART_US);
    assert_ptr_equal(take(agenda, next_us), heavy);
}

static void a_paused_queue_that_rang_is_looked_at_when_it_is_resumed(void **state)
{
    struct agenda *agenda = *state;
    struct agenda_entry *heavy = agenda_find(agenda, "heavy");

    (void) take(agenda, SECOND);
    (void) take(agenda, SECOND);
    heavy->paused = true;
    ring_hear(&heavy->ring, SECOND + 10000, 0, 1);
    assert_null(take(agenda, SECOND + 20000));
    heavy->paused = false;
    assert_ptr_equal(take(agenda, SECOND + 20000), heavy);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        test(an_idle_queue_is_looked_at_by_one_lane_each_poll_interval),
        test(a_queue_with_due_jobs_is_for_all_lanes),
        test(turns_are_shared_by_weight),
        test(the_most_urgent_priority_comes_first_and_is_left_when_it_is_empty),
        test(the_next_due_job_sets_the_alarm_when_it_comes_before_the_poll),
        test(jobs_that_are_due_but_locked_are_not_spun_on),
        test(a_paused_queue_gets_no_turn),
        test(a_rate_lets_through_so_many_a_second_and_no_burst_above_one_second),
        test(what_rings_is_looked_at_before_its_poll_and_by_one_lane),
        test(a_paused_queue_that_rang_is_looked_at_when_it_is_resumed),
        test(without_a_rate_all_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
