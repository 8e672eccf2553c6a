#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "registry.h"

/* A directory with plugins in it, a configuration that is written by hand, and what the registry
 * makes of both. */
struct loading {
    const char *directory;
    struct config_kind kinds[8];
    struct config config;
    struct config_report report;
    struct registry *registry;
};

void loading_init(struct loading *loading);
void loading_done(struct loading *loading);

/* Puts the fixture plugins/FIXTURE.so into the directory under that name, mode 0755, by renaming.
 */
void loading_install(struct loading *loading, const char *fixture, const char *name);

/* The path of a file in the directory; valid until the next call. */
const char *loading_path(const struct loading *loading, const char *name);

/* One line more in `kinds`, at line 10 × its number; options may be added to what it returns. */
struct config_kind *loading_bind(struct loading *loading, const char *kind, const char *handler);

/* registry_new with callbacks that nobody calls. The test fails where it fails. */
void loading_run(struct loading *loading);

/* The registry is made anew, as by a reload; the old one is returned and is the caller's. */
struct registry *loading_run_again(struct loading *loading);

/* True if the report has exactly one problem, an error that contains both texts. Says what it has
 * where not. */
bool loading_reported_only(const struct loading *loading, const char *text, const char *more);

/* True if some error contains both texts. */
bool loading_reported(const struct loading *loading, const char *text, const char *more);

/* The handler's name that the kind is bound to, or "" where it is not. */
const char *loading_handler_of(const struct loading *loading, const char *kind);
