#include "status.h"

/* Numbers by the servers' and the client libraries' own lists; named here, since the headers of the
 * two libraries do not define the same ones. */
enum db_status db_status_of(unsigned number)
{
    switch (number) {
    case 0:
        return DB_OK;
    case 1205: /* ER_LOCK_WAIT_TIMEOUT */
    case 1213: /* ER_LOCK_DEADLOCK, also a Galera certification failure */
    case 1020: /* ER_CHECKREAD: MariaDB's snapshot isolation */
    case 1412: /* ER_TABLE_DEF_CHANGED */
        return DB_RETRY;
    case 1047: /* ER_UNKNOWN_COM_ERROR: a Galera node without its majority */
    case 1053: /* ER_SERVER_SHUTDOWN */
    case 1077: /* ER_NORMAL_SHUTDOWN */
    case 1080: /* ER_FORCING_CLOSE */
    case 1152: /* ER_ABORTING_CONNECTION */
    case 1158: /* ER_NET_READ_ERROR */
    case 1159: /* ER_NET_READ_INTERRUPTED */
    case 1160: /* ER_NET_ERROR_ON_WRITE */
    case 1161: /* ER_NET_WRITE_INTERRUPTED */
    case 1184: /* ER_NEW_ABORTING_CONNECTION */
    case 1927: /* ER_CONNECTION_KILLED, MariaDB */
    case 4031: /* ER_CLIENT_INTERACTION_TIMEOUT, MySQL */
    case 2002: /* CR_CONNECTION_ERROR */
    case 2003: /* CR_CONN_HOST_ERROR */
    case 2005: /* CR_UNKNOWN_HOST */
    case 2006: /* CR_SERVER_GONE_ERROR */
    case 2012: /* CR_SERVER_HANDSHAKE_ERR */
    case 2013: /* CR_SERVER_LOST */
    case 2014: /* CR_COMMANDS_OUT_OF_SYNC: the protocol is broken, only a new connection helps */
    case 2026: /* CR_SSL_CONNECTION_ERROR */
    case 2027: /* CR_MALFORMED_PACKET */
    case 2055: /* CR_SERVER_LOST_EXTENDED */
    case 1180: /* ER_ERROR_DURING_COMMIT: known only to the server */
        return DB_LOST;
    case 1290: /* ER_OPTION_PREVENTS_STATEMENT: read_only */
    case 1792: /* ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION */
    case 1836: /* ER_READ_ONLY_MODE */
        return DB_READ_ONLY;
    case 1022: /* ER_DUP_KEY */
    case 1048: /* ER_BAD_NULL_ERROR */
    case 1062: /* ER_DUP_ENTRY */
    case 1264: /* ER_WARN_DATA_OUT_OF_RANGE */
    case 1265: /* WARN_DATA_TRUNCATED */
    case 1292: /* ER_TRUNCATED_WRONG_VALUE */
    case 1366: /* ER_TRUNCATED_WRONG_VALUE_FOR_FIELD */
    case 1406: /* ER_DATA_TOO_LONG */
    case 1153: /* ER_NET_PACKET_TOO_LARGE */
    case 3140: /* ER_INVALID_JSON_TEXT, MySQL */
    case 3819: /* ER_CHECK_CONSTRAINT_VIOLATED, MySQL */
    case 4025: /* ER_CONSTRAINT_FAILED, MariaDB */
        return DB_CONSTRAINT;
    default:
        return DB_FATAL;
    }
}
