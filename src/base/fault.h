#pragma once

#include <stdbool.h>

/* SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT, on their way to end the process. */

/* Called in the thread that a signal hit, before the process dies by it as it would have done: no
 * lock, no memory, no stdio. thread: what fault_thread_begin was given; NULL: nothing. own: by the
 * thread's own doing, a fault or abort(), and not by somebody's kill. */
typedef void fault_hook(void *thread, int number, bool own);

/* One a process. */
void fault_catch(fault_hook *hook);
void fault_let_go(void);

/* By the thread itself: what the hook is given for it, and an alternate stack, since one that has
 * overflowed has no room for a signal handler. The returned stack is for fault_thread_end, by the
 * same thread; NULL: no memory for it. */
void *fault_thread_begin(void *thread);
void fault_thread_end(void *stack);
