#include "protection.h"

#include <inttypes.h>
#include <stdio.h>

#include "clock.h"
#include "source.h"

enum { LOOK_US = 5000000 };

const char *protection_passed(const struct config_protect *bounds, const struct server_load *before,
                              const struct server_load *now, double seconds, char *text,
                              size_t size)
{
    if (bounds->history && now->history > (int64_t) bounds->history) {
        snprintf(text, size, "its history list has %" PRId64 " entries, and protect.history is %u",
                 now->history, bounds->history);
        return text;
    }
    if (bounds->apply_queue && now->apply_queue > (int64_t) bounds->apply_queue) {
        snprintf(text, size,
                 "%" PRId64 " transactions wait to be applied, and protect.apply_queue is %u",
                 now->apply_queue, bounds->apply_queue);
        return text;
    }
    if (bounds->deadlocks && before && before->deadlocks >= 0 && now->deadlocks >= 0 &&
        seconds > 0) {
        double rate = (double) (now->deadlocks - before->deadlocks) / seconds;
        if (rate > bounds->deadlocks) {
            snprintf(text, size, "it has %.0f deadlocks a second, and protect.deadlocks is %u",
                     rate, bounds->deadlocks);
            return text;
        }
    }
    return NULL;
}

static void apply(struct source *source, const char *passed)
{
    mutex_lock(&source->lock);
    bool was_slowed = source->slowed;
    source->slowed = passed != NULL;
    mutex_unlock(&source->lock);
    if (passed && !was_slowed)
        log_warning("the server falls behind, claims are slowed down: %s: source=%s", passed,
                    source->config->name);
    if (!passed && was_slowed)
        log_info("the server has caught up, claims go at full speed again: source=%s",
                 source->config->name);
}

enum db_status protection_run(struct protection *protection, struct source *source, struct db *db,
                              struct error *error)
{
    const struct config_protect *bounds = &source->config->protect;
    int64_t now_us = clock_now_us();
    uint64_t claimed = source->counters.claimed;
    struct server_load load;
    char text[160];

    if ((!bounds->history && !bounds->deadlocks && !bounds->apply_queue) ||
        (protection->read_us && now_us - protection->read_us < LOOK_US))
        return DB_OK;
    if (protection->read_us && claimed == protection->claimed && !source->slowed)
        return DB_OK;
    enum db_status status = server_load_read(db, &load, error);
    if (status != DB_OK)
        return status;
    apply(source,
          protection_passed(bounds, protection->read_us ? &protection->load : NULL, &load,
                            (double) (now_us - protection->read_us) / 1e6, text, sizeof text));
    *protection = (struct protection){ .load = load, .read_us = now_us, .claimed = claimed };
    return DB_OK;
}
