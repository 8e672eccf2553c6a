#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"

/* Everything that one configuration brings to life: handlers, pools, sources. A reload makes a
 * second engine beside the first, and drains the first when the second runs: the two share their
 * sources without knowing of each other, as two daemons do. So every key can change at a reload,
 * and one that is wrong leaves the old engine untouched. */
struct ledger;
struct engine;

/* A bad plugin file that no line of the configuration needs is passed over at the start, so that it
 * stops no job but its own. At a reload it is refused like any other error, since what is in force
 * may well have the good file still. */
enum engine_plugins { ENGINE_PASSES_OVER_BAD_PLUGINS, ENGINE_REFUSES_BAD_PLUGINS };

/* Takes config, in any case. Loads the handlers and opens their instances. -EINVAL with errors in
 * the report when something in the configuration does not work out: nothing of it is left then. */
int engine_new(struct config *config, enum engine_plugins plugins, struct engine **ret_engine,
               struct config_report *report) __attribute__((warn_unused_result));

/* Starts the threads. ledger: borrowed, may be NULL. On failure the engine can only be freed. */
int engine_start(struct engine *engine, struct ledger *ledger) __attribute__((warn_unused_result));

const struct config *engine_config(const struct engine *engine);

/* At least one source is connected, checked and registered. */
bool engine_is_ready(struct engine *engine);

/* Stops claiming, gives back what has not begun, lets the running jobs end. Does not wait. */
void engine_drain(struct engine *engine);
bool engine_is_drained(struct engine *engine);
/* Asks the running jobs to stop. */
void engine_cancel(struct engine *engine);
size_t engine_in_flight(struct engine *engine);

/* Ends the threads of a drained engine and frees all. */
void engine_free(struct engine *engine);

/* Ends what can be ended of an engine whose handlers do not return: outcomes that are there are
 * settled, the workers' rows deleted. Its pools and plugins stay, for the process to end with. */
void engine_abandon(struct engine *engine);

/* The oldest sign of life of any thread that must move. */
int64_t engine_beat_us(struct engine *engine);
void engine_kick(struct engine *engine);

/* "2 of 2 sources ready, 5 running", for the service manager. */
void engine_describe(struct engine *engine, char *text, size_t size);
