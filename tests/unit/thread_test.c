#include "thread.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <cmocka.h>

#include "clock.h"

/* cmocka asserts only in the test's own thread, so the threads here write down what they saw. */
struct shared {
    struct mutex mutex;
    struct condition condition;
    long count;     /* mutex */
    bool go, waits; /* mutex */
    bool saw_held_by_other;
    bool saw_signals_blocked;
    char saw_name[16];
};

static int make(void **state)
{
    static struct shared shared;
    memset(&shared, 0, sizeof shared);
    mutex_init(&shared.mutex);
    condition_init(&shared.condition);
    *state = &shared;
    return 0;
}

static int unmake(void **state)
{
    struct shared *shared = *state;
    condition_done(&shared->condition);
    mutex_done(&shared->mutex);
    return 0;
}

static void *count_up(void *arg)
{
    struct shared *shared = arg;
    for (int i = 0; i < 10000; i++) {
        mutex_lock(&shared->mutex);
        shared->count++;
        mutex_unlock(&shared->mutex);
    }
    return NULL;
}

static void a_lock_keeps_others_out(void **state)
{
    struct shared *shared = *state;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(thread_start(&threads[i], "count", count_up, shared), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(shared->count, 40000);
}

static void *look_at_lock(void *arg)
{
    struct shared *shared = arg;
    shared->saw_held_by_other = mutex_held(&shared->mutex);
    return NULL;
}

static void a_lock_is_held_by_the_thread_that_took_it_and_no_other(void **state)
{
    struct shared *shared = *state;
    pthread_t thread;
    assert_false(mutex_held(&shared->mutex));
    mutex_lock(&shared->mutex);
    assert_true(mutex_held(&shared->mutex));
    shared->saw_held_by_other = true;
    assert_int_equal(thread_start(&thread, "look", look_at_lock, shared), 0);
    pthread_join(thread, NULL);
    assert_false(shared->saw_held_by_other);
    mutex_unlock(&shared->mutex);
    assert_false(mutex_held(&shared->mutex));
}

static void *wait_for_go(void *arg)
{
    struct shared *shared = arg;
    mutex_lock(&shared->mutex);
    shared->waits = true;
    condition_broadcast(&shared->condition);
    while (!shared->go)
        condition_wait_until(&shared->condition, &shared->mutex, INT64_MAX);
    shared->count++;
    mutex_unlock(&shared->mutex);
    return NULL;
}

static void a_waiter_wakes_up_when_it_is_told_and_holds_the_lock_again(void **state)
{
    struct shared *shared = *state;
    pthread_t thread;
    assert_int_equal(thread_start(&thread, "wait", wait_for_go, shared), 0);
    mutex_lock(&shared->mutex);
    while (!shared->waits)
        condition_wait(&shared->condition, &shared->mutex);
    assert_true(mutex_held(&shared->mutex));
    assert_int_equal(shared->count, 0);
    shared->go = true;
    condition_broadcast(&shared->condition);
    mutex_unlock(&shared->mutex);
    pthread_join(thread, NULL);
    assert_int_equal(shared->count, 1);
}

static void a_wait_ends_at_its_deadline_with_the_lock_held(void **state)
{
    struct shared *shared = *state;
    mutex_lock(&shared->mutex);
    int64_t until_us = clock_now_us() + 20000;
    while (condition_wait_until(&shared->condition, &shared->mutex, until_us))
        ; /* woken for no reason */
    assert_true(clock_now_us() >= until_us);
    assert_true(mutex_held(&shared->mutex));
    mutex_unlock(&shared->mutex);
}

static void a_deadline_that_has_passed_does_not_wait(void **state)
{
    struct shared *shared = *state;
    mutex_lock(&shared->mutex);
    assert_false(condition_wait_until(&shared->condition, &shared->mutex, 0));
    assert_false(condition_wait_until(&shared->condition, &shared->mutex, -1));
    assert_false(condition_wait_until(&shared->condition, &shared->mutex, INT64_MIN));
    mutex_unlock(&shared->mutex);
}

static void *look_around(void *arg)
{
    struct shared *shared = arg;
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    shared->saw_signals_blocked = sigismember(&blocked, SIGTERM) == 1 &&
                                  sigismember(&blocked, SIGHUP) == 1 &&
                                  sigismember(&blocked, SIGUSR1) == 1;
    mutex_lock(&shared->mutex); /* the name is set by the thread that started this one */
    while (!shared->go)
        condition_wait(&shared->condition, &shared->mutex);
    mutex_unlock(&shared->mutex);
    prctl(PR_GET_NAME, shared->saw_name);
    return NULL;
}

static void a_thread_has_its_name_and_no_signals(void **state)
{
    struct shared *shared = *state;
    pthread_t thread;
    assert_int_equal(thread_start(&thread, "lane main/1 of very many", look_around, shared), 0);
    mutex_lock(&shared->mutex);
    shared->go = true;
    condition_signal(&shared->condition);
    mutex_unlock(&shared->mutex);
    pthread_join(thread, NULL);
    assert_true(shared->saw_signals_blocked);
    assert_string_equal(shared->saw_name, "lane main/1 of ");

    sigset_t mine;
    pthread_sigmask(SIG_SETMASK, NULL, &mine);
    assert_int_equal(sigismember(&mine, SIGTERM), 0); /* and ours are as they were */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_lock_keeps_others_out, make, unmake),
        cmocka_unit_test_setup_teardown(a_lock_is_held_by_the_thread_that_took_it_and_no_other,
                                        make, unmake),
        cmocka_unit_test_setup_teardown(a_waiter_wakes_up_when_it_is_told_and_holds_the_lock_again,
                                        make, unmake),
        cmocka_unit_test_setup_teardown(a_wait_ends_at_its_deadline_with_the_lock_held, make,
                                        unmake),
        cmocka_unit_test_setup_teardown(a_deadline_that_has_passed_does_not_wait, make, unmake),
        cmocka_unit_test_setup_teardown(a_thread_has_its_name_and_no_signals, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
