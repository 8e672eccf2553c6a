#include "server_choice.h"

static bool takes_writes(struct db *db)
{
    struct error error;
    uint64_t read_only = 1;
    return db_query_u64(db, "SELECT @@GLOBAL.read_only", &read_only, &error) == DB_OK && !read_only;
}

enum db_status server_choice_open(const struct config_source *source, struct db_options *options,
                                  struct db **ret_db, struct error *error)
{
    enum db_status status = DB_LOST;
    struct db *reads = NULL;

    for (size_t i = 0; i < source->host_count; i++) {
        struct db *db;
        options->host = source->hosts[i].host;
        options->port = source->hosts[i].port ? source->hosts[i].port : source->port;
        status = db_open(options, &db, error);
        if (status != DB_OK)
            continue;
        if (takes_writes(db)) {
            db_close(reads);
            *ret_db = db;
            return DB_OK;
        }
        if (reads)
            db_close(db);
        else
            reads = db;
    }
    *ret_db = reads;
    return reads ? DB_OK : status;
}
