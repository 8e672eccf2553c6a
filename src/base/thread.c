#include "thread.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "clock.h"

/* A failing lock operation is a bug, never a run-time condition. */
static void must(int error)
{
    assert(error == 0);
    (void) error;
}

void mutex_init(struct mutex *mutex)
{
    must(pthread_mutex_init(&mutex->lock, NULL));
    mutex->holder = 0;
}

void mutex_done(struct mutex *mutex)
{
    must(pthread_mutex_destroy(&mutex->lock));
}

void mutex_lock(struct mutex *mutex)
{
    must(pthread_mutex_lock(&mutex->lock));
    mutex->holder = pthread_self();
}

void mutex_unlock(struct mutex *mutex)
{
    assert(mutex_held(mutex));
    mutex->holder = 0;
    must(pthread_mutex_unlock(&mutex->lock));
}

bool mutex_held(struct mutex *mutex)
{
    return mutex->holder == pthread_self();
}

void condition_init(struct condition *condition)
{
    pthread_condattr_t attr;
    must(pthread_condattr_init(&attr));
    must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC));
    must(pthread_cond_init(&condition->cond, &attr));
    must(pthread_condattr_destroy(&attr));
}

void condition_done(struct condition *condition)
{
    must(pthread_cond_destroy(&condition->cond));
}

void condition_signal(struct condition *condition)
{
    must(pthread_cond_signal(&condition->cond));
}

void condition_broadcast(struct condition *condition)
{
    must(pthread_cond_broadcast(&condition->cond));
}

void condition_wait(struct condition *condition, struct mutex *mutex)
{
    assert(mutex_held(mutex));
    mutex->holder = 0;
    must(pthread_cond_wait(&condition->cond, &mutex->lock));
    mutex->holder = pthread_self();
}

bool condition_wait_until(struct condition *condition, struct mutex *mutex, int64_t until_us)
{
    if (until_us == INT64_MAX) {
        condition_wait(condition, mutex);
        return true;
    }
    assert(mutex_held(mutex));
    struct timespec until = clock_timespec(until_us > 0 ? until_us : 0);
    mutex->holder = 0;
    int error = pthread_cond_timedwait(&condition->cond, &mutex->lock, &until);
    mutex->holder = pthread_self();
    assert(error == 0 || error == ETIMEDOUT);
    return error == 0;
}

const int thread_faults[THREAD_FAULTS] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };

int thread_start(pthread_t *ret_thread, const char *name, void *(*run)(void *), void *arg)
{
    sigset_t blocked, old;

    sigfillset(&blocked);
    for (size_t i = 0; i < THREAD_FAULTS; i++)
        sigdelset(&blocked, thread_faults[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, &old);
    int error = pthread_create(ret_thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (error)
        return -error;

    char short_name[16]; /* the kernel's limit */
    snprintf(short_name, sizeof short_name, "%s", name);
    pthread_setname_np(*ret_thread, short_name);
    return 0;
}
