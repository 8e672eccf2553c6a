#include "client_dump.h"

#include <stdlib.h>
#include <string.h>

/* What stands in front of an event in its packet: 0, for "no error". */
enum { STATUS_SIZE = 1 };

#ifdef MARIADB_BASE_VERSION

#include <errmsg.h>
#include <mariadb_rpl.h>

struct client_dump {
    MYSQL *mysql;
    MARIADB_RPL *rpl;
    MARIADB_RPL_EVENT *event; /* the library's memory for one, used again and again */
};

int client_dump_open(MYSQL *mysql, const char *file, uint32_t position, uint32_t server_id,
                     struct client_dump **ret_dump)
{
    struct client_dump *dump = calloc(1, sizeof *dump);
    *ret_dump = NULL;
    if (!dump || !(dump->rpl = mariadb_rpl_init(mysql))) {
        free(dump);
        return -1;
    }
    dump->mysql = mysql;
    *ret_dump = dump;
    mariadb_rpl_optionsv(dump->rpl, MARIADB_RPL_FILENAME, file, strlen(file));
    mariadb_rpl_optionsv(dump->rpl, MARIADB_RPL_START, (unsigned long) position);
    mariadb_rpl_optionsv(dump->rpl, MARIADB_RPL_SERVER_ID, server_id);
    mariadb_rpl_optionsv(dump->rpl, MARIADB_RPL_FLAGS, 0);
    return mariadb_rpl_open(dump->rpl) == 0 ? 0 : -1;
}

void client_dump_close(struct client_dump *dump)
{
    if (!dump)
        return;
    if (dump->event)
        mariadb_free_rpl_event(dump->event);
    mariadb_rpl_close(dump->rpl);
    free(dump);
}

/* The library has taken the event apart, or has given up on one that it does not know (those of
 * MySQL 8 among them). We do that ourselves, so the packet is what counts, and it still lies where
 * the library has read it. */
static int packet(const NET *net, const unsigned char **ret_event, size_t *ret_len)
{
    enum { LENGTH_AT = 9, HEADER_SIZE = 19 };

    if (!net->buff || net->read_pos < net->buff ||
        net->buff_end - net->read_pos < STATUS_SIZE + HEADER_SIZE || net->read_pos[0] != 0)
        return -1;
    const unsigned char *event = net->read_pos + STATUS_SIZE;
    size_t len = (size_t) event[LENGTH_AT] | (size_t) event[LENGTH_AT + 1] << 8 |
                 (size_t) event[LENGTH_AT + 2] << 16 | (size_t) event[LENGTH_AT + 3] << 24;
    if (len < HEADER_SIZE || len > (size_t) (net->buff_end - event))
        return -1;
    *ret_event = event;
    *ret_len = len;
    return 0;
}

int client_dump_next(struct client_dump *dump, const unsigned char **ret_event, size_t *ret_len)
{
    MARIADB_RPL_EVENT *event = mariadb_rpl_fetch(dump->rpl, dump->event);
    dump->event = event; /* freed where it failed */
    if (!event) {
        switch (mysql_errno(dump->mysql)) {
        case CR_UNKNOWN_BINLOG_EVENT:
        case CR_BINLOG_ERROR: /* what it calls a corrupted packet; also that of a rotation to a file
                                 with a short name */
        case CR_ERR_UNSUPPORTED_BINLOG_FORMAT:
            dump->mysql->net.last_errno = 0; /* or the end of the stream would look like it */
            break;
        default:
            return -1;
        }
    }
    return packet(&dump->mysql->net, ret_event, ret_len);
}

#else

struct client_dump {
    MYSQL *mysql;
    MYSQL_RPL rpl;
    char *file;
};

int client_dump_open(MYSQL *mysql, const char *file, uint32_t position, uint32_t server_id,
                     struct client_dump **ret_dump)
{
    struct client_dump *dump = calloc(1, sizeof *dump);
    *ret_dump = NULL;
    if (!dump || !(dump->file = strdup(file))) {
        free(dump);
        return -1;
    }
    dump->mysql = mysql;
    dump->rpl = (MYSQL_RPL){
        .file_name_length = strlen(file),
        .file_name = dump->file,
        .start_position = position,
        .server_id = server_id,
    };
    *ret_dump = dump;
    return mysql_binlog_open(mysql, &dump->rpl) == 0 ? 0 : -1;
}

void client_dump_close(struct client_dump *dump)
{
    if (!dump)
        return;
    mysql_binlog_close(dump->mysql, &dump->rpl);
    free(dump->file);
    free(dump);
}

int client_dump_next(struct client_dump *dump, const unsigned char **ret_event, size_t *ret_len)
{
    if (mysql_binlog_fetch(dump->mysql, &dump->rpl) != 0 || dump->rpl.size <= STATUS_SIZE)
        return -1;
    *ret_event = dump->rpl.buffer + STATUS_SIZE;
    *ret_len = dump->rpl.size - STATUS_SIZE;
    return 0;
}

#endif
