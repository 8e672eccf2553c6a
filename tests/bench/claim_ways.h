#pragma once

#include "statements.h"

/* The locking SELECT of a claim. Ends with a way without a name. */
const struct way *claim_ways(void);
