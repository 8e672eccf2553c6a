#pragma once

#include "dueq_handler.h"
#include "behaviour.h"

/* The thread that finishes pending runs once they have slept, any number at a time. */
struct finisher;

/* Borrows the host and the journal. NULL: no memory or no thread. */
struct finisher *finisher_new(const struct dueq_host *host, int journal_end);

/* Nothing may be pending. Takes NULL. */
void finisher_free(struct finisher *finisher);

/* Copies what it needs of the behaviour; the job stays valid until host->finish, as dueqd says. 0
 * or a negative errno. Any thread. */
int finisher_add(struct finisher *finisher, const struct behaviour *behaviour,
                 const struct dueq_job *job);
