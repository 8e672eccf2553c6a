#include "source_options.h"

void db_options_from(const struct config_source *source, struct db_options *ret_options)
{
    static const enum db_tls modes[] = {
        [CONFIG_TLS_OFF] = DB_TLS_OFF,
        [CONFIG_TLS_REQUIRED] = DB_TLS_REQUIRED,
        [CONFIG_TLS_VERIFY_CA] = DB_TLS_VERIFY_CA,
        [CONFIG_TLS_VERIFY_IDENTITY] = DB_TLS_VERIFY_IDENTITY,
    };
    *ret_options = (struct db_options){
        .socket = source->socket,
        .host = source->host_count ? source->hosts[0].host : source->host,
        .port = source->host_count && source->hosts[0].port ? source->hosts[0].port : source->port,
        .database = source->database,
        .user = source->user,
        .password = source->password,
        .connect_timeout_us = source->connect_timeout_us,
        .read_timeout_us = source->read_timeout_us,
        .tls = modes[source->tls.mode],
        .ca = source->tls.ca,
        .cert = source->tls.cert,
        .key = source->tls.key,
    };
}
