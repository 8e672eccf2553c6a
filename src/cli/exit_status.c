#include "exit_status.h"

#include <sysexits.h>

static int of_number(enum db_status status, unsigned number)
{
    switch (number) {
    case 1044: /* ER_DBACCESS_DENIED_ERROR */
    case 1045: /* ER_ACCESS_DENIED_ERROR */
    case 1130: /* ER_HOST_NOT_PRIVILEGED */
    case 1142: /* ER_TABLEACCESS_DENIED_ERROR */
    case 1143: /* ER_COLUMNACCESS_DENIED_ERROR */
    case 1227: /* ER_SPECIFIC_ACCESS_DENIED_ERROR */
    case 1698: /* ER_ACCESS_DENIED_NO_PASSWORD_ERROR */
        return EX_NOPERM;
    case 1049: /* ER_BAD_DB_ERROR */
    case 1054: /* ER_BAD_FIELD_ERROR: another schema */
    case 1146: /* ER_NO_SUCH_TABLE */
    case 1176: /* ER_KEY_DOES_NOT_EXITS */
        return EX_CONFIG;
    case 1040: /* ER_CON_COUNT_ERROR: too many connections */
    case 1203: /* ER_TOO_MANY_USER_CONNECTIONS */
        return EX_TEMPFAIL;
    default:
        break;
    }
    switch (status) {
    case DB_OK:
        return EX_OK;
    case DB_NO_ROW:
        return EXIT_NO;
    case DB_RETRY:
    case DB_READ_ONLY:
        return EX_TEMPFAIL;
    case DB_LOST:
        return EX_UNAVAILABLE;
    case DB_CONSTRAINT:
        return EX_DATAERR;
    case DB_FATAL:
        break;
    }
    return EX_SOFTWARE;
}

int exit_status_of(enum db_status status, const struct db *db)
{
    return status == DB_OK ? EX_OK : of_number(status, db_error_number(db));
}

int exit_status_of_open(enum db_status status)
{
    unsigned number = db_open_error_number();
    /* A reason of our own: the server's version, or TLS that it does not have. */
    if (status == DB_FATAL && number == 0)
        return EX_UNAVAILABLE;
    return of_number(status, number);
}
