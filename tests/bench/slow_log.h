#pragma once

#include "arguments.h"

/* `bench claims --log FILE --from OFFSET`: how long the claims took that found something, and
 * how many rows they brought on the average, by the server's own account: its slow query log,
 * long_query_time = 0, from that byte on. */
int slow_log_claims_command(struct arguments *arguments);
