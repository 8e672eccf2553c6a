#pragma once

#include <stdbool.h>

#include "engine.h"

struct ledger;

/* Runs the daemon until it is told to end: reads the signals that the caller has blocked
 * (service_block_signals, before the first thread), reloads, drains, keeps the service manager
 * informed.
 *
 * Takes the engine, which is started; ledger: borrowed, NULL for none, for the engines of reloads.
 * Returns true when all was freed; false when a handler does not return and the process must end
 * with its threads. */
bool service_run(struct engine *engine, struct ledger *ledger, const char *config_file);

void service_block_signals(void);

/* Each problem of the report as a line of the log. */
void service_log_report(const struct config_report *report);
