#include "agenda.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define SECOND INT64_C(1000000)
#define POLL (SECOND / 10)

static const struct config_queue queues[] = {
    { .name = "light", .weight = 1, .batch = 500, .poll_us = POLL, .poll_idle_us = SECOND },
    { .name = "heavy", .weight = 3, .batch = 500, .poll_us = POLL, .poll_idle_us = SECOND },
};

static int setup(void **state)
{
    static struct agenda agenda;
    *state = &agenda;
    return agenda_init(&agenda, queues, 2, 0);
}

static int teardown(void **state)
{
    agenda_done(*state);
    return 0;
}

static const struct probe nothing = { .next_us = INT64_MAX };
static const struct probe urgent_and_usual = {
    .due = { [0] = true, [5] = true }, .any_due = true, .next_us = INT64_MAX, .now_us = 1000
};

static const struct probe_request unbounded = { .queue = "any" };

static void probed(struct agenda *agenda, struct agenda_entry *entry, const struct probe *probe,
                   int64_t asked_us)
{
    agenda_probed(agenda, entry, &unbounded, probe, asked_us, asked_us);
}

static void claimed(struct agenda_entry *entry, int priority, size_t count, bool full,
                    int64_t now_us)
{
    const struct agenda_claim claim = { .priority = priority,
                                        .found = { .count = count, .full = full },
                                        .set_backs = entry->set_backs };
    agenda_claimed(entry, &claim, now_us);
}

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
    probed(agenda, heavy, &urgent_and_usual, SECOND);
    for (int lane = 0; lane < 5; lane++)
        assert_ptr_equal(take(agenda, SECOND), heavy);
}

static void a_queue_that_a_claim_reads_is_left_alone_until_its_rows_are_known(void **state)
{
    struct agenda *agenda = *state;
    struct agenda_entry *heavy = agenda_find(agenda, "heavy"), *entries[2];

    probed(agenda, heavy, &urgent_and_usual, SECOND);
    probed(agenda, agenda_find(agenda, "light"), &nothing, SECOND);
    assert_ptr_equal(take(agenda, SECOND), heavy);
    assert_true(agenda_begin_read(heavy));
    assert_false(agenda_begin_read(heavy));
    assert_null(take(agenda, SECOND));
    assert_int_equal(agenda_probe_round(agenda, agenda_find(agenda, "light"), SECOND, entries, 2),
                     1);
    claimed(heavy, 0, 500, true, SECOND);
    assert_true(agenda_end_read(heavy, SECOND));
    assert_false(agenda_end_read(heavy, SECOND));
    assert_ptr_equal(take(agenda, SECOND), heavy);
}

/* The lane that has claimed them may be busy for long, and the next job due at any moment. */
static void another_lane_is_woken_to_look_on_when_rows_are_known(void **state)
{
    struct agenda *agenda = *state;
    struct agenda_entry *heavy = agenda_find(agenda, "heavy");
    const struct probe one = { .due = { [5] = true }, .any_due = true, .next_us = INT64_MAX };

    probed(agenda, heavy, &one, SECOND);
    assert_true(agenda_begin_read(heavy));
    claimed(heavy, 5, 1, false, SECOND);
    assert_true(agenda_end_read(heavy, SECOND));
}

static void nobody_is_woken_for_a_queue_that_is_put_off_unless_it_was_waited_for(void **state)
{
    struct agenda *agenda = *state;
    struct agenda_entry *heavy = agenda_find(agenda, "heavy");

    agenda_put_off(agenda_find(agenda, "light"), INT64_MAX);
    for (int looked = 0; looked < 2; looked++) {
        probed(agenda, heavy, &urgent_and_usual, SECOND);
        assert_true(agenda_begin_read(heavy));
        if (looked)
            assert_null(take(agenda, SECOND));
        agenda_put_off(heavy, 2 * SECOND);
        assert_int_equal(agenda_end_read(heavy, SECOND), looked);
    }
}

static void turns_are_shared_by_weight(void **state)
{
    struct agenda *agenda = *state;
    struct agenda_entry *light = agenda_find(agenda, "light");
    int turns_of_light = 0;

    probed(agenda, light, &urgent_and_usual, SECOND);
    probed(agenda, agenda_find(agenda, "heavy"), &urgent_and_usual, SECOND);
    for (int turn = 0; turn < 400; turn++)
        turns_of_light += take(agenda, SECOND) == light;
    assert_int_equal(turns_of_light, 100);
}

static void the_most_urgent_priority_comes_first_and_is_left_when_it_is_empty(void **state)
{
    struct agenda_entry *entry = agenda_find(*state, "light");

    assert_int_equal(agenda_priority(entry), -1);
    probed(*state, entry, &urgent_and_usual, SECOND);
    assert_int_equal(agenda_priority(entry), 0);
    claimed(entry, 0, 500, true, SECOND);
    assert_int_equal(agenda_priority(entry), 0);
    claimed(entry, 0, 7, false, SECOND);
    assert_int_equal(agenda_priority(entry), 5);
    claimed(entry, 5, 7, false, SECOND);
    assert_int_equal(agenda_priority(entry), -1);
}

static void the_next_due_job_sets_the_alarm_when_it_comes_before_the_poll(void **state)
{
    struct agenda_entry *entry = agenda_find(*state, "light");
    const struct probe soon = { .next_us = 1234 }, late = { .next_us = 3600 * SECOND };

    probed(*state, entry, &soon, SECOND);
    assert_int_equal(entry->next_us, SECOND + 1234);
    probed(*state, entry, &late, SECOND);
    assert_int_equal(entry->next_us, SECOND + POLL);
    probed(*state, entry, &nothing, SECOND);
    assert_int_equal(entry->next_us, SECOND + POLL);
}

static void at_the_alarm_the_job_is_claimed_without_another_look(void **state)
{
    struct agenda *agenda = *state;
    struct agenda_entry *entry = agenda_find(agenda, "light");
    const struct probe soon = { .next_us = 1234, .next_priority = 7, .first_us = { [7] = 99 } };

    agenda_find(agenda, "heavy")->paused = true;
    probed(agenda, entry, &soon, SECOND);
    assert_null(take(agenda, SECOND + 1233));
    assert_ptr_equal(take(agenda, SECOND + 1234), entry);
    assert_int_equal(agenda_priority(entry), 7);
    assert_int_equal(entry->only_us, 99); /* and no row behind it is locked for that */
    assert_false(agenda_wants_probe(entry, SECOND + 1234));
    claimed(entry, 7, 1, false, SECOND + 1300);
    assert_int_equal(entry->only_us, 0);
    assert_ptr_equal(take(agenda, SECOND + 1300), entry);
    assert_true(agenda_wants_probe(entry, SECOND + 1300)); /* for the next alarm */
}

static void jobs_that_are_due_but_locked_are_not_spun_on(void **state)
{
    struct agenda_entry *entry = agenda_find(*state, "light");
    const struct probe soon = { .next_us = 1234 };
    struct probe_request request;

    probed(*state, entry, &urgent_and_usual, SECOND);
    claimed(entry, 0, 0, false, SECOND);
    claimed(entry, 5, 0, false, SECOND);
    assert_int_equal(entry->starved_us, SECOND);
    /* One look past them, for the alarm of the next one. */
    agenda_fill_request(entry, SECOND, &request);
    assert_int_equal(request.after_us, 1000);
    agenda_probed(*state, entry, &request, &soon, SECOND, SECOND);
    assert_int_equal(entry->next_us, SECOND + 1234);
    /* And they are looked at again: soon, and then less and less often. */
    for (int64_t since_us = 0; since_us <= SECOND; since_us += 50 * 1000) {
        int64_t pause_us = since_us < 2000 ? 2000 : since_us < 100000 ? since_us : 100000;
        agenda_probed(*state, entry, &request, &nothing, SECOND + since_us, SECOND + since_us);
        assert_int_equal(entry->next_us, SECOND + since_us + pause_us);
    }
    assert_int_equal(entry->starved_us, SECOND);
    agenda_fill_request(entry, SECOND + POLL, &request);
    assert_int_equal(request.after_us, 0);
    agenda_stuck(entry, 5, SECOND);
    assert_true(entry->ahead);
    claimed(entry, 5, 1, false, 2 * SECOND);
    assert_int_equal(entry->starved_us, 0);
}

static void what_was_locked_is_claimed_when_a_transaction_of_ours_has_ended(void **state)
{
    struct agenda_entry *entry = agenda_find(*state, "light");
    struct probe_request request;

    probed(*state, entry, &urgent_and_usual, SECOND);
    assert_false(agenda_let_go(entry, SECOND));
    claimed(entry, 0, 0, false, SECOND);
    assert_false(agenda_let_go(entry, SECOND)); /* the other priority is to be claimed first */
    claimed(entry, 5, 0, false, SECOND);
    agenda_fill_request(entry, SECOND, &request);
    agenda_probed(*state, entry, &request, &nothing, SECOND, SECOND);
    assert_true(entry->next_us > SECOND + 100);
    assert_true(agenda_let_go(entry, SECOND + 100));
    assert_int_equal(entry->next_us, SECOND + 100);
    assert_int_equal(agenda_priority(entry), 0); /* where it was found first */
    assert_false(agenda_wants_probe(entry, SECOND + 100));
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

static void a_claim_moves_the_watermark_to_where_it_ended(void **state)
{
    struct agenda *agenda = *state;
    struct agenda_entry *entry = agenda_find(agenda, "light");
    struct agenda_claim claim = { .priority = 5,
                                  .found = { .count = 500, .full = true, .last_us = 777 } };
    struct probe_request request;

    probed(agenda, entry, &urgent_and_usual, SECOND);
    agenda_claimed(entry, &claim, SECOND);
    agenda_fill_request(entry, SECOND, &request);
    assert_int_equal(request.from_us[5], 777);
    assert_int_equal(request.from_us[4], 0);
    claim.found.last_us = 555; /* of a claim that began before */
    agenda_claimed(entry, &claim, SECOND);
    assert_int_equal(entry->watermarks[5].from_us, 777);
    claim = (struct agenda_claim){ .priority = 5, .found = { .count = 1, .last_us = 888 } };
    agenda_claimed(entry, &claim, SECOND); /* which took all there were at 888 */
    assert_int_equal(entry->watermarks[5].from_us, 889);
}

static void rows_that_are_free_again_set_the_watermark_back_for_good(void **state)
{
    struct agenda *agenda = *state;
    struct agenda_entry *entry = agenda_find(agenda, "light");
    struct agenda_claim claim = { .priority = 5,
                                  .found = { .count = 500, .full = true, .last_us = 777 } };

    agenda_claimed(entry, &claim, SECOND);
    agenda_set_back(entry, 5, 333, SECOND);
    assert_int_equal(entry->watermarks[5].from_us, 333);
    assert_int_equal(agenda_priority(entry), 5);
    claim.found.last_us = 999; /* of a claim that began before that: it did not see those rows */
    agenda_claimed(entry, &claim, SECOND);
    assert_int_equal(entry->watermarks[5].from_us, 333);
    claim.set_backs = entry->set_backs;
    agenda_claimed(entry, &claim, SECOND);
    assert_int_equal(entry->watermarks[5].from_us, 999);
}

static void a_look_without_the_watermarks_finds_what_lies_behind_them(void **state)
{
    struct agenda *agenda = *state;
    struct agenda_entry *entry = agenda_find(agenda, "light");
    const struct agenda_claim claim = { .priority = 5,
                                        .found = { .count = 500, .full = true, .last_us = 777 } };
    const struct probe late = {
        .due = { [5] = true }, .any_due = true, .first_us = { [5] = 111 }, .next_us = INT64_MAX
    };
    struct probe_request request;

    agenda_claimed(entry, &claim, SECOND);
    entry->unbounded_at_us = 2 * SECOND;
    agenda_fill_request(entry, 2 * SECOND - 1, &request);
    assert_int_equal(request.from_us[5], 777);
    /* With them nothing was found, so that the next look is without them, as soon as it may be. */
    agenda_probed(agenda, entry, &request, &nothing, SECOND, SECOND);
    assert_true(entry->next_us <= 2 * SECOND);
    agenda_fill_request(entry, 2 * SECOND, &request);
    assert_int_equal(request.from_us[5], 0);
    agenda_probed(agenda, entry, &request, &late, 2 * SECOND, 2 * SECOND + 50000);
    assert_int_equal(entry->watermarks[5].from_us, 111);
    /* It took 50 ms, and may cost a twentieth of the time. */
    assert_int_equal(entry->unbounded_at_us, 3 * SECOND);
}

/* What is deleted and cannot be purged may make a probe slow: claims have their turn all the same.
 */
static void a_slow_probe_is_not_repeated_before_jobs_were_claimed(void **state)
{
    struct agenda *agenda = *state;
    struct agenda_entry *entry = agenda_find(agenda, "light");
    const struct probe_request request = { .queue = "light" };

    agenda_probed(agenda, entry, &request, &urgent_and_usual, SECOND, SECOND + 150000);
    assert_false(agenda_wants_probe(entry, SECOND + 150000));
    assert_false(agenda_wants_probe(entry, SECOND + 599999));
    assert_true(agenda_wants_probe(entry, SECOND + 600000));
    agenda_probed(agenda, entry, &request, &nothing, SECOND, SECOND + 150000);
    assert_int_equal(entry->next_us, SECOND + 600000);
    agenda_probed(agenda, entry, &request, &urgent_and_usual, SECOND, SECOND + 1000);
    assert_true(agenda_wants_probe(entry, SECOND + 100000));
}

static void among_other_daemons_the_looks_behind_the_watermark_pause_and_not_for_long(void **state)
{
    struct agenda *agenda = *state;
    struct agenda_entry *entry = agenda_find(agenda, "light");
    struct agenda_claim claim = { .priority = 5,
                                  .asked_us = SECOND,
                                  .found = { .count = 500, .full = true, .last_us = 777 } };
    const struct probe late = {
        .due = { [5] = true }, .any_due = true, .first_us = { [5] = 111 }, .next_us = INT64_MAX
    };
    const struct {
        int64_t claim_us, pause_us;
        bool company;
    } cases[] = { { 30000, 120000, true }, { 500000, 150000, true }, { 500000, 0, false } };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        claim.found.has_company = cases[i].company;
        entry->watermarks[5].from_us = 777;
        agenda_probed(agenda, entry, &unbounded, &late, SECOND, SECOND);
        entry->unbounded_at_us = 0;
        agenda_claimed(entry, &claim, SECOND + cases[i].claim_us);
        assert_int_equal(entry->unbounded_at_us,
                         cases[i].company ? SECOND + cases[i].claim_us + cases[i].pause_us : 0);
    }
}

static void a_queue_that_has_been_idle_for_long_is_looked_at_less_often(void **state)
{
    struct agenda *agenda = *state;
    struct agenda_entry *entry = agenda_find(agenda, "light");

    probed(agenda, entry, &urgent_and_usual, SECOND);
    probed(agenda, entry, &nothing, 2 * SECOND);
    assert_int_equal(entry->next_us, 2 * SECOND + POLL);
    probed(agenda, entry, &nothing, 60 * SECOND);
    assert_int_equal(entry->next_us, 61 * SECOND);
    agenda->doorbell = true;
    probed(agenda, entry, &nothing, 60 * SECOND);
    assert_int_equal(entry->next_us, 90 * SECOND);
}

static void queues_whose_time_has_nearly_come_are_probed_together(void **state)
{
    struct agenda *agenda = *state;
    struct agenda_entry *light = agenda_find(agenda, "light"),
                        *heavy = agenda_find(agenda, "heavy");
    struct agenda_entry *entries[2];

    probed(agenda, heavy, &nothing, 60 * SECOND); /* in a second */
    assert_int_equal(agenda_probe_round(agenda, light, 60 * SECOND, entries, 2), 1);
    assert_int_equal(agenda_probe_round(agenda, light, 60 * SECOND + SECOND * 3 / 4, entries, 2),
                     2);
    assert_ptr_equal(entries[0], light);
    assert_ptr_equal(entries[1], heavy);
    assert_true(heavy->next_us > 61 * SECOND);
    heavy->next_us = 0;
    heavy->paused = true;
    assert_int_equal(agenda_probe_round(agenda, light, 60 * SECOND, entries, 2), 1);
}

static void a_row_that_is_refused_is_looked_for_by_halves(void **state)
{
    struct agenda *agenda = *state;
    struct agenda_entry *entry = agenda_find(agenda, "light");

    agenda_refused(entry, 100);
    assert_int_equal(entry->at_most, 50);
    agenda_refused(entry, 3);
    assert_int_equal(entry->at_most, 1);
    agenda_refused(entry, 1);
    agenda_pass_over(entry, 5, 444);
    assert_int_equal(entry->watermarks[5].from_us, 445);
    assert_int_equal(entry->at_most, 0);
    agenda_refused(entry, 100);
    agenda_accepted(entry);
    assert_int_equal(entry->at_most, 100);
    agenda_accepted(entry);
    assert_int_equal(entry->at_most, 200);
    agenda_accepted(entry);
    assert_int_equal(entry->at_most, 400);
    agenda_accepted(entry);
    assert_int_equal(entry->at_most, 0);
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
    probed(agenda, heavy, &nothing, now_us + 1000);
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
        test(a_queue_that_a_claim_reads_is_left_alone_until_its_rows_are_known),
        test(another_lane_is_woken_to_look_on_when_rows_are_known),
        test(nobody_is_woken_for_a_queue_that_is_put_off_unless_it_was_waited_for),
        test(turns_are_shared_by_weight),
        test(the_most_urgent_priority_comes_first_and_is_left_when_it_is_empty),
        test(the_next_due_job_sets_the_alarm_when_it_comes_before_the_poll),
        test(at_the_alarm_the_job_is_claimed_without_another_look),
        test(jobs_that_are_due_but_locked_are_not_spun_on),
        test(what_was_locked_is_claimed_when_a_transaction_of_ours_has_ended),
        test(a_paused_queue_gets_no_turn),
        test(a_rate_lets_through_so_many_a_second_and_no_burst_above_one_second),
        test(what_rings_is_looked_at_before_its_poll_and_by_one_lane),
        test(a_paused_queue_that_rang_is_looked_at_when_it_is_resumed),
        test(without_a_rate_all_is_allowed),
        test(a_claim_moves_the_watermark_to_where_it_ended),
        test(rows_that_are_free_again_set_the_watermark_back_for_good),
        test(a_look_without_the_watermarks_finds_what_lies_behind_them),
        test(a_slow_probe_is_not_repeated_before_jobs_were_claimed),
        test(among_other_daemons_the_looks_behind_the_watermark_pause_and_not_for_long),
        test(a_queue_that_has_been_idle_for_long_is_looked_at_less_often),
        test(queues_whose_time_has_nearly_come_are_probed_together),
        test(a_row_that_is_refused_is_looked_for_by_halves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
