#include "fault.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "thread.h"

enum { ALTERNATE_STACK = 64 * 1024 };

static struct sigaction before[THREAD_FAULTS];
static struct ledger_crash *noted;
static _Thread_local struct ledger_entry *mine;

/* All of this runs in a process that is broken: no lock, no memory, no stdio. */

static void append(char *text, size_t size, const char *more)
{
    size_t len = strlen(text);
    while (*more && len + 1 < size)
        text[len++] = *more++;
    text[len] = '\0';
}

static void append_number(char *text, size_t size, uint64_t number)
{
    char digits[24], *first = digits + sizeof digits - 1;
    *first = '\0';
    do
        *--first = (char) ('0' + number % 10);
    while (number /= 10);
    append(text, size, first);
}

static void say(int number, const struct ledger_entry *entry)
{
    char line[512] = "<2>"; /* critical, for the journal */

    append(line, sizeof line, entry ? "a handler crashed" : "dueqd crashed outside of a handler");
    append(line, sizeof line, ", and takes the daemon with it: signal=SIG");
    append(line, sizeof line, sigabbrev_np(number));
    if (entry) {
        append(line, sizeof line, " handler=");
        append(line, sizeof line, entry->handler);
        append(line, sizeof line, " job=");
        append_number(line, sizeof line, entry->job_id);
        append(line, sizeof line, " kind=");
        append(line, sizeof line, entry->kind);
        append(line, sizeof line, " attempt=");
        append_number(line, sizeof line, entry->attempt);
    }
    append(line, sizeof line, "\n");
    if (write(STDERR_FILENO, line, strlen(line)) < 0)
        return; /* there is nobody left to tell */
}

/* The process dies by the signal when this returns. */
static void on_fault(int number, siginfo_t *info, void *context)
{
    (void) context;
    /* By the thread's own doing, a fault or abort(), and not by somebody's kill. */
    bool own = info->si_code > 0 || info->si_pid == getpid();
    struct ledger_entry *entry = own && mine && mine->state == LEDGER_JOB ? mine : NULL;

    if (entry) {
        entry->signal = number;
        noted->attributed = 1;
    }
    noted->signal = number;
    if (own)
        say(number, entry);
    for (size_t i = 0; i < THREAD_FAULTS; i++)
        if (thread_faults[i] == number)
            sigaction(number, &before[i], NULL);
    raise(number);
}

void fault_catch(struct ledger_crash *crash)
{
    struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };

    sigemptyset(&action.sa_mask);
    noted = crash;
    for (size_t i = 0; i < THREAD_FAULTS; i++)
        sigaction(thread_faults[i], &action, &before[i]);
}

void fault_let_go(void)
{
    for (size_t i = 0; i < THREAD_FAULTS; i++)
        sigaction(thread_faults[i], &before[i], NULL);
    noted = NULL;
}

void *fault_thread_begin(struct ledger_entry *entry)
{
    void *stack = malloc(ALTERNATE_STACK);

    mine = entry;
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
