#pragma once

#include "statements.h"

/* All end with a way without a name. */

/* Ids whose rows this transaction has locked are deleted: the settle of a hold. */
const struct way *delete_ways(void);
/* Ids under a lease are deleted where lease and attempt are still the same. */
const struct way *fence_ways(void);
/* Ids whose rows this transaction has locked are leased. */
const struct way *lease_ways(void);
