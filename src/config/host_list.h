#pragma once

#include "buffer.h"
#include "config.h"
#include "keys.h"
#include "loader.h"
#include "setting.h"

/* KEY_HOSTS: "name", "name:port", "[address]:port" or an address each. */
void host_list_read(struct loader *loader, const struct key *key, const struct setting *setting,
                    void *target);
void host_list_print(const struct config_host *hosts, size_t count, struct buffer *out);
