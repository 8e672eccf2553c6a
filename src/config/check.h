#pragma once

#include "loader.h"

/* What no single key tells: values that do not go together, names given twice. `list` has an
 * element for each one of the array; some may be no group, and what was wrong in itself is NULL or
 * 0 and has been reported. */
void check_sources(struct loader *loader, const struct setting *list,
                   const struct config_source *sources, size_t count);
void check_queues(struct loader *loader, const struct setting *list,
                  const struct config_queue *queues, size_t count);
void check_retries(struct loader *loader, const struct setting *list,
                   const struct retry_policy *policies, size_t count);
void check_kinds(struct loader *loader, const struct setting *list, const struct config_kind *kinds,
                 size_t count);
