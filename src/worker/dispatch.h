#pragma once

#include "agenda.h"
#include "connection.h"
#include "link.h"

struct source;

/* The claiming half of a lane: finds what is due in a queue, leases as much as its pool will begin
 * soon, and hands it to the pool. */
struct dispatch;

struct dispatch *dispatch_new(struct source *source); /* NULL: no memory */
void dispatch_free(struct dispatch *dispatch);        /* takes NULL */

/* One claim, from the queue of the entry, which source_next_work chose. */
void dispatch_claim(struct dispatch *dispatch, struct link *link, struct db *db,
                    struct agenda_entry *entry);
