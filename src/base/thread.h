#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Mutex and condition variable with the rules of the house built in: a lock knows its holder, so
 * that a function that needs it held can assert it, and a wait is always against CLOCK_MONOTONIC.
 */
struct mutex {
    pthread_mutex_t lock;
    _Atomic(pthread_t) holder; /* 0: nobody; exact only when it is the asking thread */
};

struct condition {
    pthread_cond_t cond;
};

void mutex_init(struct mutex *mutex);
void mutex_done(struct mutex *mutex);
void mutex_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);
bool mutex_held(struct mutex *mutex); /* by the calling thread; for assert() */

void condition_init(struct condition *condition);
void condition_done(struct condition *condition);
void condition_signal(struct condition *condition);
void condition_broadcast(struct condition *condition);
void condition_wait(struct condition *condition, struct mutex *mutex);

/* False when `until_us` (clock_now_us() time) has passed. INT64_MAX waits without end. */
bool condition_wait_until(struct condition *condition, struct mutex *mutex, int64_t until_us);

/* The signals of a thread's own doing, which cannot wait. */
enum { THREAD_FAULTS = 5 };
extern const int thread_faults[THREAD_FAULTS];

/* Starts a named thread with every signal blocked but thread_faults. 0 or a negative errno. */
int thread_start(pthread_t *ret_thread, const char *name, void *(*run)(void *), void *arg)
    __attribute__((warn_unused_result));
