#pragma once

#include <mysql.h>
#include <stdint.h>

#include "process.h"

/* dueqd, as a service manager runs it. */

/* Starts it and waits until it is ready. */
struct process *daemon_start(const char *config);

/* SIGTERM, and it ends with 0. */
void daemon_stop(struct process *daemon);

/* SIGHUP, and the line that says that it was obeyed. */
void daemon_reload(struct process *daemon);

/* Waits until the daemon says in its row of dueq_worker that the counter is at least `value`. */
void daemon_wait_counter(struct process *daemon, MYSQL *admin, const char *counter, uint64_t value);

/* Waits until it has written its row of dueq_worker anew. */
void daemon_wait_heartbeat(struct process *daemon, MYSQL *admin);

/* Resident memory at its highest, in KiB, open files, and threads, as the kernel counts them. */
long daemon_memory_kib(struct process *daemon);
unsigned daemon_open_files(struct process *daemon);
unsigned daemon_threads(struct process *daemon);

/* A directory with copies of the built plugins of these names (ended by NULL), owned and moded as
 * dueqd wants it. */
const char *daemon_handlers(const char *const *names);

/* Copies one more into it, by rename, as docs/handlers.md says. */
void daemon_install_handler(const char *directory, const char *name);
