#include "ledger.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "crash_note.h"
#include "fault.h"
#include "remains.h"
#include "task.h"
#include "thread.h"

struct ledger {
    struct ledger_file *file;
    struct remains_store *remains;
    struct mutex lock;
    size_t next_entry;     /* lock, as all below: where to look for a free one */
    uint32_t *free_leases; /* a stack of their indexes */
    size_t free_lease_count;
};

struct ledger_thread {
    struct ledger_entry *entry;
    void *stack;
};

static int prepare_leases(struct ledger *ledger)
{
    ledger->free_leases = calloc(LEDGER_LEASES, sizeof *ledger->free_leases);
    if (!ledger->free_leases)
        return -ENOMEM;
    for (uint32_t i = LEDGER_LEASES; i-- > 0;)
        ledger->free_leases[ledger->free_lease_count++] = i;
    return 0;
}

int ledger_new(const char *directory, const char *worker, struct ledger **ret_ledger,
               struct error *error)
{
    struct ledger *ledger = calloc(1, sizeof *ledger);
    if (!ledger || prepare_leases(ledger) != 0) {
        error_set(error, "out of memory for the ledger");
        free(ledger);
        return -ENOMEM;
    }
    mutex_init(&ledger->lock);
    int result = remains_new(directory, &ledger->remains, error);
    if (!result)
        result = ledger_file_new(directory, worker, &ledger->file, error);
    if (result) {
        ledger_free(ledger);
        return result;
    }
    crash_note_in(ledger_file_crash(ledger->file));
    fault_catch(crash_note);
    *ret_ledger = ledger;
    return 0;
}

void ledger_free(struct ledger *ledger)
{
    if (!ledger)
        return;
    if (ledger->file)
        fault_let_go();
    remains_free(ledger->remains);
    ledger_file_remove(ledger->file);
    mutex_done(&ledger->lock);
    free(ledger->free_leases);
    free(ledger);
}

struct remains_store *ledger_remains(struct ledger *ledger)
{
    return ledger ? ledger->remains : NULL;
}

/* The caller sets all of it, and its state at last. NULL: all are taken. */
static struct ledger_entry *take_entry(struct ledger *ledger)
{
    struct ledger_entry *entries = ledger_file_entries(ledger->file), *found = NULL;

    mutex_lock(&ledger->lock);
    for (size_t i = 0; i < LEDGER_ENTRIES && !found; i++) {
        struct ledger_entry *entry = &entries[ledger->next_entry];
        ledger->next_entry = (ledger->next_entry + 1) % LEDGER_ENTRIES;
        if (entry->state != LEDGER_FREE)
            continue;
        entry->state = LEDGER_IDLE;
        found = entry;
    }
    mutex_unlock(&ledger->lock);
    return found;
}

static void copy_text(char *text, size_t size, const char *from)
{
    size_t len = strnlen(from, size - 1);
    memcpy(text, from, len);
    text[len] = '\0';
}

uint32_t ledger_add_worker(struct ledger *ledger, const char *source_id, uint64_t worker_id)
{
    struct ledger_entry *entry = ledger ? take_entry(ledger) : NULL;
    if (!entry)
        return LEDGER_NO_WORKER;
    entry->worker_id = worker_id;
    copy_text(entry->source_id, sizeof entry->source_id, source_id);
    entry->state = LEDGER_WORKER;
    return (uint32_t) (entry - ledger_file_entries(ledger->file));
}

void ledger_remove_worker(struct ledger *ledger, uint32_t worker)
{
    if (ledger && worker != LEDGER_NO_WORKER)
        ledger_file_entries(ledger->file)[worker].state = LEDGER_FREE;
}

static void note(struct ledger *ledger, uint32_t worker, struct task *task, uint64_t token)
{
    assert(mutex_held(&ledger->lock));
    if (task->noted || ledger->free_lease_count == 0)
        return;
    uint32_t index = ledger->free_leases[--ledger->free_lease_count];
    struct ledger_lease *lease = &ledger_file_leases(ledger->file)[index];
    lease->worker = worker;
    lease->attempt = task->job.attempts;
    lease->job_id = task->job.id;
    lease->token = token;
    /* One that was held may have begun already. */
    lease->state = task->gate ? LEDGER_BEGUN : LEDGER_WAITING;
    task->noted = lease;
}

static void strike_out(struct ledger *ledger, struct task *task)
{
    assert(mutex_held(&ledger->lock));
    if (!task->noted)
        return;
    task->noted->state = LEDGER_FREE;
    ledger->free_leases[ledger->free_lease_count++] = (uint32_t) (task->noted -
                                                                  ledger_file_leases(ledger->file));
    task->noted = NULL;
}

void ledger_expect_lease(struct ledger *ledger, uint32_t worker, struct task *task, uint64_t token)
{
    if (!ledger || worker == LEDGER_NO_WORKER)
        return;
    mutex_lock(&ledger->lock);
    note(ledger, worker, task, token);
    mutex_unlock(&ledger->lock);
}

void ledger_drop_lease(struct ledger *ledger, struct task *task)
{
    if (!ledger || !task->noted)
        return;
    mutex_lock(&ledger->lock);
    strike_out(ledger, task);
    mutex_unlock(&ledger->lock);
}

void ledger_add_leases(struct ledger *ledger, uint32_t worker, const struct list *tasks)
{
    if (!ledger || worker == LEDGER_NO_WORKER)
        return;
    mutex_lock(&ledger->lock);
    for (struct list_node *n = tasks->first; n; n = n->next) {
        struct task *task = list_entry(n, struct task, node);
        if (task->job.lease)
            note(ledger, worker, task, task->job.lease);
    }
    mutex_unlock(&ledger->lock);
}

void ledger_remove_leases(struct ledger *ledger, const struct list *tasks)
{
    if (!ledger)
        return;
    mutex_lock(&ledger->lock);
    for (struct list_node *n = tasks->first; n; n = n->next)
        strike_out(ledger, list_entry(n, struct task, node));
    mutex_unlock(&ledger->lock);
}

struct ledger_thread *ledger_thread_new(struct ledger *ledger)
{
    struct ledger_thread *thread = ledger ? calloc(1, sizeof *thread) : NULL;
    if (!thread)
        return NULL;
    thread->entry = take_entry(ledger);
    if (!thread->entry) {
        free(thread);
        return NULL;
    }
    thread->entry->signal = 0;
    thread->stack = fault_thread_begin(thread->entry);
    return thread;
}

void ledger_thread_free(struct ledger_thread *thread)
{
    if (!thread)
        return;
    fault_thread_end(thread->stack);
    thread->entry->state = LEDGER_FREE;
    free(thread);
}

void ledger_begin(struct ledger_thread *thread, const struct task *task)
{
    if (task->noted)
        task->noted->state = LEDGER_BEGUN;
    if (!thread)
        return;
    struct ledger_entry *entry = thread->entry;
    entry->job_id = task->job.id;
    entry->attempt = task->job.attempts;
    entry->due_at_us = task->job.due_at_us;
    copy_text(entry->source_id, sizeof entry->source_id, task->abi.message_id);
    copy_text(entry->kind, sizeof entry->kind, task->job.kind);
    copy_text(entry->handler, sizeof entry->handler, task->binding->handler->name);
    entry->state = LEDGER_JOB;
}

void ledger_end(struct ledger_thread *thread)
{
    if (thread)
        thread->entry->state = LEDGER_IDLE;
}
