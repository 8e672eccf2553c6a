#include "client.h"

#include <stdbool.h>

#ifdef MARIADB_BASE_VERSION

void client_set_tls(MYSQL *mysql, const struct db_options *options)
{
    my_bool enforce = options->tls != DB_TLS_OFF;
    my_bool verify = options->tls >= DB_TLS_VERIFY_CA;

    if (!enforce)
        return;
    mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &enforce);
    /* This library has one check for the chain and the name together, so verify-ca is
     * verify-identity here. */
    mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
    if (options->ca)
        mysql_options(mysql, MYSQL_OPT_SSL_CA, options->ca);
    if (options->cert)
        mysql_options(mysql, MYSQL_OPT_SSL_CERT, options->cert);
    if (options->key)
        mysql_options(mysql, MYSQL_OPT_SSL_KEY, options->key);
}

size_t client_escape(MYSQL *mysql, char *to, const char *from, size_t len)
{
    return mysql_real_escape_string(mysql, to, from, (unsigned long) len);
}

int client_descriptor(MYSQL *mysql)
{
    return (int) mysql_get_socket(mysql);
}

#else

void client_set_tls(MYSQL *mysql, const struct db_options *options)
{
    static const unsigned modes[] = {
        [DB_TLS_OFF] =
            SSL_MODE_PREFERRED, /* as the other library does: TLS where the server has it */
        [DB_TLS_REQUIRED] = SSL_MODE_REQUIRED,
        [DB_TLS_VERIFY_CA] = SSL_MODE_VERIFY_CA,
        [DB_TLS_VERIFY_IDENTITY] = SSL_MODE_VERIFY_IDENTITY,
    };
    unsigned mode = modes[options->tls];
    bool ask_key = true; /* caching_sha2_password over a connection without TLS */

    mysql_options(mysql, MYSQL_OPT_GET_SERVER_PUBLIC_KEY, &ask_key);
    mysql_options(mysql, MYSQL_OPT_SSL_MODE, &mode);
    if (options->ca)
        mysql_options(mysql, MYSQL_OPT_SSL_CA, options->ca);
    if (options->cert)
        mysql_options(mysql, MYSQL_OPT_SSL_CERT, options->cert);
    if (options->key)
        mysql_options(mysql, MYSQL_OPT_SSL_KEY, options->key);
}

size_t client_escape(MYSQL *mysql, char *to, const char *from, size_t len)
{
    return mysql_real_escape_string_quote(mysql, to, from, (unsigned long) len, '\'');
}

int client_descriptor(MYSQL *mysql)
{
    return (int) mysql->net.fd;
}

#endif
