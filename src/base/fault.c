#include "fault.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "thread.h"

enum { ALTERNATE_STACK = 64 * 1024 };

static struct sigaction before[THREAD_FAULTS];
static fault_hook *called;
static _Thread_local void *mine;

/* The process dies by the signal when this returns. */
static void on_fault(int number, siginfo_t *info, void *context)
{
    (void) context;
    called(mine, number, info->si_code > 0 || info->si_pid == getpid());
    for (size_t i = 0; i < THREAD_FAULTS; i++)
        if (thread_faults[i] == number)
            sigaction(number, &before[i], NULL);
    raise(number);
}

void fault_catch(fault_hook *hook)
{
    struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };

    sigemptyset(&action.sa_mask);
    called = hook;
    for (size_t i = 0; i < THREAD_FAULTS; i++)
        sigaction(thread_faults[i], &action, &before[i]);
}

void fault_let_go(void)
{
    for (size_t i = 0; i < THREAD_FAULTS; i++)
        sigaction(thread_faults[i], &before[i], NULL);
}

void *fault_thread_begin(void *thread)
{
    void *stack = malloc(ALTERNATE_STACK);

    mine = thread;
    if (stack)
        sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = ALTERNATE_STACK }, NULL);
    return stack;
}

void fault_thread_end(void *stack)
{
    mine = NULL;
    if (stack)
        sigaltstack(&(stack_t){ .ss_flags = SS_DISABLE }, NULL);
    free(stack);
}
