#pragma once

#include "round.h"

/* Looks at each row of the round's claim: what is to become of it, and the task of the one that is
 * to be run. round->tasks and round->held are set; a row for which there is no memory is released.
 * What allocates is done here, so that nothing can fail once a lease is committed. False: there is
 * no memory at all. */
bool triage(struct round *round) __attribute__((warn_unused_result));
