#pragma once

#include <stddef.h>

#include "agenda.h"
#include "connection.h"
#include "link.h"

struct source;

/* The claiming half of a lane: finds out what is due, and claims as much of it as its pool will
 * begin soon. What a claim holds it also settles; what it leases is left to the pool. */
struct dispatch;

struct dispatch *dispatch_new(struct source *source); /* NULL: no memory */
void dispatch_free(struct dispatch *dispatch);        /* takes NULL */

/* Looks what is due in the queues of the entries, which source_next_work chose. */
void dispatch_probe(struct dispatch *dispatch, struct link *link, struct db *db,
                    struct agenda_entry *const *entries, size_t count);

/* One claim, from the queue of the entry, which source_next_work chose. */
void dispatch_claim(struct dispatch *dispatch, struct link *link, struct db *db,
                    struct agenda_entry *entry);
