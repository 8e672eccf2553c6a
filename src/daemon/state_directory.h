#pragma once

struct config;
struct ledger;

/* The ledger in the state directory, which is configured, or the service manager's. NULL: there is
 * none, and the log says why; the daemon runs without it. */
struct ledger *state_directory_open(const struct config *config);
