#pragma once

struct source;
struct task;

/* What follows once the outcome of a task is written: it is counted, logged where that is due, and
 * its queue is looked at when the job is due again. */
void settled_written(struct source *source, const struct task *task);
