#pragma once

#include "dueq_handler.h"

/* What an HTTP status means for the job. Pure.
 *
 *     2xx              done
 *     408, 425, 429    retry: the receiver asks for it
 *     5xx              retry: the receiver's own failure
 *     other 3xx, 4xx   dead: the same request would get the same answer again
 *     anything else    retry: not an answer that HTTP knows */
enum dueq_outcome status_outcome(long status);
