#include "agenda.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* Before jobs that are due but locked are looked at again; then as long as it has been so, up
     * to the second, and never longer than the queue is polled. */
    STARVED_US = 2000,
    STARVED_MAX_US = 1000000,
    REPROBE_US = 100000,  /* while claims keep finding jobs: how long a better priority, or a job
                             behind a watermark, may stay unseen */
    PROBE_SHARE = 4,      /* a probe is not repeated before so many times what it took */
    UNBOUNDED_SHARE = 20, /* looking without the watermarks may cost that part of a lane's time */
    BEHIND_SHARE = 4, /* with other daemons, how often as long as the claim that follows such a look
                         the pause behind that is */
    BEHIND_MAX_US = 150000,      /* and it ends then, for a row that committed late is to be claimed
                                    within 250 ms */
    ACTIVE_US = 10000000,        /* a queue with nothing due for so long is idle */
    DOORBELL_POLL_US = 30000000, /* how often an idle queue is looked at although nothing rang */
};

int agenda_init(struct agenda *agenda, const struct config_queue *queues, size_t count,
                int64_t now_us)
{
    agenda->entries = calloc(count, sizeof *agenda->entries);
    if (!agenda->entries)
        return -ENOMEM;
    agenda->count = count;
    for (size_t i = 0; i < count; i++) {
        agenda->entries[i].queue = &queues[i];
        agenda->entries[i].active_us = now_us;
    }
    return 0;
}

void agenda_done(struct agenda *agenda)
{
    free(agenda->entries);
    *agenda = (struct agenda){ 0 };
}

int agenda_priority(const struct agenda_entry *entry)
{
    for (int priority = 0; priority < PRIORITIES; priority++)
        if (entry->due[priority])
            return priority;
    return -1;
}

static int64_t longer(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t poll_us(const struct agenda *agenda, const struct agenda_entry *entry,
                       int64_t now_us)
{
    const struct config_queue *queue = entry->queue;
    bool active = now_us - entry->active_us < ACTIVE_US;

    if (agenda->doorbell)
        return longer(active ? queue->poll_idle_us : DOORBELL_POLL_US, queue->poll_us);
    return active ? queue->poll_us : longer(queue->poll_us, queue->poll_idle_us);
}

/* What the alarm was set for is due: no need to look. */
static void ring_alarm(struct agenda_entry *entry, int64_t now_us)
{
    if (!entry->alarm_us || entry->alarm_us > now_us)
        return;
    entry->alarm_us = 0;
    entry->only_us = agenda_priority(entry) < 0 ? entry->alarm_at_us : 0;
    entry->due[entry->alarm_priority] = true;
    entry->probed_us = now_us;
}

static void set_due(struct agenda_entry *entry, int priority)
{
    entry->due[priority] = true;
    entry->only_us = 0;
}

/* Smooth weighted round robin: each candidate earns its weight, the richest is chosen and pays for
 * all. */
struct agenda_entry *agenda_take(struct agenda *agenda, int64_t now_us, int64_t *ret_next_us)
{
    struct agenda_entry *chosen = NULL;
    int64_t next_us = INT64_MAX, total = 0;

    for (size_t i = 0; i < agenda->count; i++) {
        struct agenda_entry *entry = &agenda->entries[i];
        if (entry->paused)
            continue;
        int64_t entry_us = agenda_next_us(entry);
        if (entry_us > now_us) {
            if (entry_us < next_us)
                next_us = entry_us;
            continue;
        }
        if (entry->read) {
            entry->awaited = true;
            continue;
        }
        entry->credit += entry->queue->weight;
        total += entry->queue->weight;
        if (!chosen || entry->credit > chosen->credit)
            chosen = entry;
    }
    if (!chosen) {
        *ret_next_us = next_us;
        return NULL;
    }
    chosen->credit -= total;
    ring_looked(&chosen->ring, now_us);
    ring_alarm(chosen, now_us);
    if (agenda_priority(chosen) < 0)
        chosen->next_us = now_us + poll_us(agenda, chosen, now_us);
    return chosen;
}

bool agenda_wants_probe(const struct agenda_entry *entry, int64_t now_us)
{
    return agenda_priority(entry) < 0 || !entry->probed_us ||
           now_us - entry->probed_us >= longer(REPROBE_US, entry->reprobe_us);
}

size_t agenda_probe_round(struct agenda *agenda, struct agenda_entry *entry, int64_t now_us,
                          struct agenda_entry **ret_entries, size_t max)
{
    size_t count = 0;

    ret_entries[count++] = entry;
    for (size_t i = 0; i < agenda->count && count < max; i++) {
        struct agenda_entry *other = &agenda->entries[i];
        int64_t interval_us = poll_us(agenda, other, now_us);
        if (other == entry || other->paused || other->read || other->blocked ||
            agenda_priority(other) >= 0 || other->next_us > now_us + interval_us / 2)
            continue;
        other->next_us = now_us + interval_us;
        ring_looked(&other->ring, now_us);
        ret_entries[count++] = other;
    }
    return count;
}

void agenda_fill_request(const struct agenda_entry *entry, int64_t now_us,
                         struct probe_request *ret_request)
{
    *ret_request = (struct probe_request){ .queue = entry->queue->name };
    if (entry->ahead)
        ret_request->after_us = entry->seen_us;
    else if (now_us < entry->unbounded_at_us)
        for (int priority = 0; priority < PRIORITIES; priority++)
            ret_request->from_us[priority] = watermark_known_us(&entry->watermarks[priority]);
}

int64_t agenda_next_us(const struct agenda_entry *entry)
{
    int64_t ring_us = ring_look_us(&entry->ring);
    return ring_us < entry->next_us ? ring_us : entry->next_us;
}

uint32_t agenda_allow(struct agenda_entry *entry, uint32_t want, int64_t now_us)
{
    if (!entry->rate)
        return want;
    double most = entry->rate;
    entry->tokens += (double) (now_us - entry->tokens_at_us) * most / 1e6;
    entry->tokens_at_us = now_us;
    if (entry->tokens > most)
        entry->tokens = most;
    uint32_t allowed = entry->tokens < (double) want ? (uint32_t) entry->tokens : want;
    entry->tokens -= allowed;
    if (allowed == 0) /* as soon as there is one */
        agenda_put_off(entry, now_us + (int64_t) ((1 - entry->tokens) * 1e6 / most) + 1);
    return allowed;
}

void agenda_allow_back(struct agenda_entry *entry, uint32_t count)
{
    if (entry->rate)
        entry->tokens += count;
}

/* What was looked at without a watermark gets a new one, which may lie before the old one: whatever
 * lies behind a watermark is found that way. */
static void renew_watermarks(struct agenda_entry *entry, const struct probe_request *request,
                             const struct probe *probe)
{
    for (int priority = 0; priority < PRIORITIES; priority++)
        if (!request->from_us[priority] && probe->due[priority]) {
            struct watermark *watermark = &entry->watermarks[priority];
            entry->looked_behind |= probe->first_us[priority] < watermark->from_us;
            watermark_set(watermark, probe->first_us[priority]);
        }
}

/* The database's clock read the probe's time after we asked, and a claim that is sent at the alarm
 * is as long on its way. */
static void set_alarm(struct agenda_entry *entry, const struct probe *probe, int64_t asked_us)
{
    entry->alarm_us = 0;
    if (probe->next_us >= INT64_MAX - asked_us)
        return;
    entry->alarm_us = asked_us + probe->next_us;
    entry->alarm_priority = probe->next_priority;
    entry->alarm_at_us = probe->first_us[probe->next_priority];
    agenda_hurry(entry, entry->alarm_us);
}

static int64_t starved_pause_us(const struct agenda_entry *entry, int64_t now_us)
{
    int64_t pause_us = longer(now_us - entry->starved_us, STARVED_US);
    return pause_us < STARVED_MAX_US ? pause_us : STARVED_MAX_US;
}

void agenda_probed(const struct agenda *agenda, struct agenda_entry *entry,
                   const struct probe_request *request, const struct probe *probe, int64_t asked_us,
                   int64_t now_us)
{
    static const int64_t none[PRIORITIES];
    bool ahead = request->after_us != 0;
    bool bounded = ahead || memcmp(request->from_us, none, sizeof none) != 0;
    int64_t took_us = now_us - asked_us;

    if (!bounded)
        entry->unbounded_at_us = asked_us + longer(REPROBE_US, took_us * UNBOUNDED_SHARE);
    if (!ahead)
        renew_watermarks(entry, request, probe);
    memcpy(entry->due, probe->due, sizeof entry->due);
    entry->only_us = 0;
    entry->probed_us = asked_us;
    entry->reprobe_us = took_us * PROBE_SHARE;
    entry->seen_us = probe->now_us;
    entry->ahead = false;
    if (probe->any_due) {
        entry->active_us = asked_us;
        entry->next_us = asked_us;
    } else {
        if (!ahead)
            entry->starved_us = 0;
        ring_found_nothing(&entry->ring, now_us);
        entry->next_us = asked_us + longer(poll_us(agenda, entry, asked_us), entry->reprobe_us);
        if (bounded && !ahead) /* what rang may lie behind a watermark */
            agenda_hurry(entry, entry->unbounded_at_us);
        if (entry->starved_us)
            agenda_hurry(entry, asked_us + starved_pause_us(entry, asked_us));
    }
    set_alarm(entry, probe, asked_us);
}

bool agenda_begin_read(struct agenda_entry *entry)
{
    if (entry->read)
        return false;
    entry->read = true;
    entry->awaited = false;
    return true;
}

bool agenda_end_read(struct agenda_entry *entry, int64_t now_us)
{
    bool more = entry->read && (entry->awaited || agenda_next_us(entry) <= now_us);
    entry->read = false;
    return more;
}

bool agenda_let_go(struct agenda_entry *entry, int64_t now_us)
{
    if (!entry->starved_us || agenda_priority(entry) >= 0)
        return false;
    set_due(entry, entry->starved_priority);
    entry->ahead = false;
    entry->probed_us = now_us;
    agenda_hurry(entry, now_us);
    return true;
}

/* A claim that begins behind the watermark steps over all that other daemons have claimed since. */
static void count_look_behind(struct agenda_entry *entry, const struct agenda_claim *claim,
                              int64_t now_us)
{
    int64_t pause_us = (now_us - claim->asked_us) * BEHIND_SHARE;
    int64_t until_us = now_us + (pause_us < BEHIND_MAX_US ? pause_us : BEHIND_MAX_US);

    if (entry->looked_behind && claim->found.has_company && until_us > entry->unbounded_at_us)
        entry->unbounded_at_us = until_us;
    entry->looked_behind = false;
}

void agenda_claimed(struct agenda_entry *entry, const struct agenda_claim *claim, int64_t now_us)
{
    const struct watermark_claim *found = &claim->found;
    bool known = claim->set_backs != entry->set_backs ||
                 watermark_claimed(&entry->watermarks[claim->priority], found);

    count_look_behind(entry, claim, now_us);
    entry->due[claim->priority] = found->full || !known;
    entry->only_us = 0;
    ring_claimed(&entry->ring, found->count);
    if (found->count > 0) {
        entry->starved_us = 0;
        entry->active_us = now_us;
    } else if (known && !entry->starved_us) {
        entry->starved_us = now_us;
        entry->starved_priority = claim->priority;
    }
    entry->next_us = now_us; /* the next one that is due is not known */
    if (found->count == 0)
        entry->ahead = agenda_priority(entry) < 0;
}

void agenda_accepted(struct agenda_entry *entry)
{
    if (entry->at_most > 0)
        entry->at_most = entry->at_most < entry->queue->batch / 2 ? entry->at_most * 2 : 0;
}

void agenda_refused(struct agenda_entry *entry, size_t count)
{
    entry->at_most = count > 1 ? (uint32_t) (count / 2) : 1;
    entry->set_backs++;
    entry->next_us = 0;
}

void agenda_pass_over(struct agenda_entry *entry, int priority, int64_t due_at_us)
{
    entry->at_most = 0;
    watermark_set(&entry->watermarks[priority], due_at_us + 1);
    set_due(entry, priority);
}

void agenda_set_back(struct agenda_entry *entry, int priority, int64_t due_at_us, int64_t now_us)
{
    struct watermark *watermark = &entry->watermarks[priority];

    if (due_at_us < watermark_known_us(watermark))
        watermark_set(watermark, due_at_us > 0 ? due_at_us : 0);
    entry->set_backs++;
    set_due(entry, priority);
    entry->ahead = false;
    agenda_hurry(entry, now_us);
}

void agenda_stuck(struct agenda_entry *entry, int priority, int64_t now_us)
{
    entry->due[priority] = false;
    entry->ahead = agenda_priority(entry) < 0;
    entry->next_us = now_us;
}

void agenda_hurry(struct agenda_entry *entry, int64_t at_us)
{
    if (at_us < entry->next_us)
        entry->next_us = at_us;
}

void agenda_put_off(struct agenda_entry *entry, int64_t until_us)
{
    if (until_us > entry->next_us)
        entry->next_us = until_us;
}

struct agenda_entry *agenda_find(struct agenda *agenda, const char *queue)
{
    for (size_t i = 0; i < agenda->count; i++)
        if (strcmp(agenda->entries[i].queue->name, queue) == 0)
            return &agenda->entries[i];
    return NULL;
}

bool agenda_unblock(struct agenda *agenda)
{
    bool any = false;
    for (size_t i = 0; i < agenda->count; i++) {
        struct agenda_entry *entry = &agenda->entries[i];
        if (!entry->blocked)
            continue;
        entry->blocked = false;
        agenda_hurry(entry, 0);
        any = true;
    }
    return any;
}
