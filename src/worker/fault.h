#pragma once

#include "ledger_file.h"

/* SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT: the entry of the thread that brought one about is
 * marked, what it ran is written to standard error, and the process dies by the signal as it would
 * have done. One a process. */

/* crash: where the process's end is noted; borrowed until fault_let_go. */
void fault_catch(struct ledger_crash *crash);
void fault_let_go(void);

/* The calling thread's entry, and an alternate stack, since one that has overflowed has no room for
 * a signal handler. The returned stack is for fault_thread_end, by the same thread; NULL: no memory
 * for it. */
void *fault_thread_begin(struct ledger_entry *entry);
void fault_thread_end(void *stack);
