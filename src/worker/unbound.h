#pragma once

#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "thread.h"

/* The kinds that came up and that no handler is bound to: how often jobs of each were put off, for
 * the log (once a minute a kind) and for `dueq status`. Any thread. */
struct unbound;

struct unbound *unbound_new(void); /* NULL: no memory */
void unbound_free(struct unbound *unbound);

/* One job of the kind was put off. why: "no handler is bound to this kind", … */
void unbound_count(struct unbound *unbound, const char *source, const char *kind, const char *why);

/* {"kind": count, …}, as JSON. */
void unbound_append_json(struct unbound *unbound, struct buffer *json);

/* How long a job is put off: the longer the older it is, so that a handler that arrives soon finds
 * it soon, and a kind that is never bound costs little. */
int64_t unbound_delay_us(int64_t age_us);
