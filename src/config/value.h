#pragma once

#include "loader.h"

/* A value of a file, checked against its key and put into the struct of its section. One that is
 * wrong is reported and leaves the struct as it is. */
void value_read(struct loader *loader, const struct key *key, const struct setting *setting,
                void *target);

/* The key's default likewise; nothing where it has none. */
void value_default(struct loader *loader, const struct key *key, void *target);
