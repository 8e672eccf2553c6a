#pragma once

#include <stddef.h>
#include <stdint.h>

#include "ledger_file.h"
#include "list.h"

/* Who was running what when the process died, and which thread it was that died. One a process,
 * since signals are. Every function takes a NULL ledger or thread, and then does nothing: without a
 * state directory crashes are attributed to nobody. What does not fit into the ledger is not noted:
 * then a lease runs out, as on a host that is gone. */
struct ledger;
struct ledger_thread;
struct remains_store;
struct task;

/* Also takes what dead daemons left in the directory, and catches SIGSEGV, SIGBUS, SIGFPE, SIGILL
 * and SIGABRT: the thread that brought one about is marked, what it ran is written to standard
 * error, and the process dies by the signal as it would have done. worker: host:pid. 0 or a
 * negative errno. */
int ledger_new(const char *directory, const char *worker, struct ledger **ret_ledger,
               struct error *error) __attribute__((warn_unused_result));

/* An orderly end: the file goes, and the signals are let alone. No thread uses it any more. */
void ledger_free(struct ledger *ledger);

/* The daemon is that worker of the source. Any thread. Returns what ledger_add_leases takes. */
enum { LEDGER_NO_WORKER = UINT32_MAX };
uint32_t ledger_add_worker(struct ledger *ledger, const char *source_id, uint64_t worker_id);
void ledger_remove_worker(struct ledger *ledger, uint32_t worker);

/* A task that a COMMIT is about to lease under the token: noted before, since a daemon may die when
 * the server has done it and before it knows. And that it was not. Any thread, which owns it. */
void ledger_expect_lease(struct ledger *ledger, uint32_t worker, struct task *task, uint64_t token);
void ledger_drop_lease(struct ledger *ledger, struct task *task);

/* Tasks that are leased, linked by node: before they are handed on, and when they are settled for
 * good. Any thread, which owns them. */
void ledger_add_leases(struct ledger *ledger, uint32_t worker, const struct list *tasks);
void ledger_remove_leases(struct ledger *ledger, const struct list *tasks);

/* Of and by the calling thread. NULL: there is no room, or no ledger. */
struct ledger_thread *ledger_thread_new(struct ledger *ledger);
void ledger_thread_free(struct ledger_thread *thread);

/* By that thread, around a call of a handler. */
void ledger_begin(struct ledger_thread *thread, const struct task *task);
void ledger_end(struct ledger_thread *thread);

/* What dead daemons left. NULL: no ledger. */
struct remains_store *ledger_remains(struct ledger *ledger);
