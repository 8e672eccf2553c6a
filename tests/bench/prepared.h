#pragma once

#include <mysql.h>
#include <stdint.h>

/* A prepared statement whose parameters are numbers. Both client libraries have this much. */
struct prepared;

struct prepared *prepared_new(MYSQL *mysql, const char *sql);
void prepared_free(struct prepared *prepared);
/* Executes it and reads its rows to the end, as text or as the server's own types; how many there
 * were, or how many it changed. */
long prepared_run(struct prepared *prepared, const uint64_t *values);
