#include "remains.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "thread.h"

enum { FILES_MAX = 64 };

struct remains_store {
    struct mutex lock;
    struct ledger_file *files[FILES_MAX]; /* lock, as below; NULL: dealt with */
    size_t count;
};

static bool is_of(const struct ledger_entry *entry, const char *source_id)
{
    return (entry->state == LEDGER_WORKER || entry->state == LEDGER_JOB) &&
           (!source_id || strncmp(entry->source_id, source_id, sizeof entry->source_id) == 0);
}

static bool has_any(struct ledger_file *file, const char *source_id)
{
    const struct ledger_entry *entries = ledger_file_entries(file);
    for (size_t i = 0; i < LEDGER_ENTRIES; i++)
        if (is_of(&entries[i], source_id))
            return true;
    return false;
}

int remains_new(const char *directory, struct remains_store **ret_store, struct error *error)
{
    struct remains_store *store = calloc(1, sizeof *store);
    int result = 0;

    if (!store) {
        error_set(error, "out of memory");
        return -ENOMEM;
    }
    mutex_init(&store->lock);
    while (store->count < FILES_MAX) {
        struct ledger_file *file = NULL;
        result = ledger_file_take(directory, &file, error);
        if (result || !file)
            break;
        if (has_any(file, NULL))
            store->files[store->count++] = file;
        else
            ledger_file_remove(file); /* it had not even reached a database */
    }
    if (result) {
        remains_free(store);
        return result;
    }
    *ret_store = store;
    return 0;
}

void remains_free(struct remains_store *store)
{
    if (!store)
        return;
    for (size_t i = 0; i < store->count; i++)
        ledger_file_free(store->files[i]);
    mutex_done(&store->lock);
    free(store);
}

/* A file is not trusted further than its size: its texts may lack their end. */
static void copy_entry(struct ledger_entry *copy, const struct ledger_entry *entry)
{
    memcpy(copy, entry, sizeof *copy);
    copy->source_id[sizeof copy->source_id - 1] = '\0';
    copy->kind[sizeof copy->kind - 1] = '\0';
    copy->handler[sizeof copy->handler - 1] = '\0';
}

static void copy_entries(struct remains *remains, const char *source_id)
{
    const struct ledger_entry *entries = ledger_file_entries(remains->file);

    for (size_t i = 0; i < LEDGER_ENTRIES; i++) {
        if (!is_of(&entries[i], source_id))
            continue;
        if (entries[i].state == LEDGER_WORKER)
            copy_entry(&remains->workers[remains->worker_count++], &entries[i]);
        else
            copy_entry(&remains->jobs[remains->job_count++], &entries[i]);
    }
}

static bool is_lease_of(struct ledger_file *file, const struct ledger_lease *lease,
                        const char *source_id)
{
    const struct ledger_entry *entries = ledger_file_entries(file);
    return (lease->state == LEDGER_WAITING || lease->state == LEDGER_BEGUN) &&
           lease->worker < LEDGER_ENTRIES && entries[lease->worker].state == LEDGER_WORKER &&
           is_of(&entries[lease->worker], source_id);
}

static void copy_leases(struct remains *remains, const char *source_id)
{
    const struct ledger_lease *leases = ledger_file_leases(remains->file);

    for (size_t i = 0; i < LEDGER_LEASES; i++)
        if (is_lease_of(remains->file, &leases[i], source_id))
            memcpy(&remains->leases[remains->lease_count++], &leases[i], sizeof *leases);
}

static struct remains *copy(struct ledger_file *file, const char *source_id)
{
    struct remains *remains = calloc(1, sizeof *remains);
    if (!remains)
        return NULL;
    remains->file = file;
    remains->workers = calloc(LEDGER_ENTRIES, sizeof *remains->workers);
    remains->jobs = calloc(LEDGER_ENTRIES, sizeof *remains->jobs);
    remains->leases = calloc(LEDGER_LEASES, sizeof *remains->leases);
    if (!remains->workers || !remains->jobs || !remains->leases) {
        remains_release(remains);
        return NULL;
    }
    memcpy(remains->worker, ledger_file_worker(file), sizeof remains->worker);
    remains->signal = ledger_file_crash(file)->signal;
    remains->attributed = ledger_file_crash(file)->attributed != 0;
    copy_entries(remains, source_id);
    copy_leases(remains, source_id);
    return remains;
}

struct remains *remains_find(struct remains_store *store, const char *source_id)
{
    struct remains *found = NULL;

    if (!store)
        return NULL;
    mutex_lock(&store->lock);
    for (size_t i = 0; i < store->count && !found; i++)
        if (store->files[i] && has_any(store->files[i], source_id))
            found = copy(store->files[i], source_id);
    mutex_unlock(&store->lock);
    return found;
}

static void clear(struct ledger_file *file, const char *source_id)
{
    struct ledger_entry *entries = ledger_file_entries(file);
    struct ledger_lease *leases = ledger_file_leases(file);

    for (size_t i = 0; i < LEDGER_LEASES; i++)
        if (is_lease_of(file, &leases[i], source_id))
            leases[i].state = LEDGER_FREE;
    for (size_t i = 0; i < LEDGER_ENTRIES; i++)
        if (is_of(&entries[i], source_id))
            entries[i].state = LEDGER_FREE;
}

void remains_forget(struct remains_store *store, const struct remains *remains)
{
    const char *source_id = remains->worker_count > 0 ? remains->workers[0].source_id
                                                      : remains->jobs[0].source_id;

    mutex_lock(&store->lock);
    clear(remains->file, source_id);
    for (size_t i = 0; i < store->count; i++)
        if (store->files[i] == remains->file && !has_any(remains->file, NULL)) {
            ledger_file_remove(remains->file);
            store->files[i] = NULL;
        }
    mutex_unlock(&store->lock);
}

void remains_release(struct remains *remains)
{
    if (!remains)
        return;
    free(remains->workers);
    free(remains->jobs);
    free(remains->leases);
    free(remains);
}
