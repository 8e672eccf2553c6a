#pragma once

#include <mysql.h>
#include <stddef.h>
#include <stdint.h>

/* A server's binlog as a replica gets it, where the two client libraries differ. The connection can
 * do nothing else from then on. Failures are 0 or -1: their number and words are the connection's.
 */
struct client_dump;

/* Borrows `mysql`. *ret_dump NULL: out of memory. The server's refusal shows at the first event. */
int client_dump_open(MYSQL *mysql, const char *file, uint32_t position, uint32_t server_id,
                     struct client_dump **ret_dump);
void client_dump_close(struct client_dump *dump); /* takes NULL */

/* Waits for the next event, checksum and all; valid until the next call. A stream that the server
 * has ended in an orderly way is an error whose number is 0. */
int client_dump_next(struct client_dump *dump, const unsigned char **ret_event, size_t *ret_len);
