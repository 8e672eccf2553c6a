#include "crash_note.h"

#include <string.h>
#include <unistd.h>

static struct ledger_crash *noted;

/* All of this runs in a process that is broken. */

static void append(char *text, size_t size, const char *more)
{
    size_t len = strlen(text);
    while (*more && len + 1 < size)
        text[len++] = *more++;
    text[len] = '\0';
}

static void append_number(char *text, size_t size, uint64_t number)
{
    char digits[24], *first = digits + sizeof digits - 1;
    *first = '\0';
    do
        *--first = (char) ('0' + number % 10);
    while (number /= 10);
    append(text, size, first);
}

static void say(int number, const struct ledger_entry *entry)
{
    char line[512] = "<2>"; /* critical, for the journal */

    append(line, sizeof line, entry ? "a handler crashed" : "dueqd crashed outside of a handler");
    append(line, sizeof line, ", and takes the daemon with it: signal=SIG");
    append(line, sizeof line, sigabbrev_np(number));
    if (entry) {
        append(line, sizeof line, " handler=");
        append(line, sizeof line, entry->handler);
        append(line, sizeof line, " job=");
        append_number(line, sizeof line, entry->job_id);
        append(line, sizeof line, " kind=");
        append(line, sizeof line, entry->kind);
        append(line, sizeof line, " attempt=");
        append_number(line, sizeof line, entry->attempt);
    }
    append(line, sizeof line, "\n");
    if (write(STDERR_FILENO, line, strlen(line)) < 0)
        return; /* there is nobody left to tell */
}

void crash_note_in(struct ledger_crash *crash)
{
    noted = crash;
}

void crash_note(void *thread, int number, bool own)
{
    struct ledger_entry *mine = thread;
    struct ledger_entry *entry = own && mine && mine->state == LEDGER_JOB ? mine : NULL;

    if (entry) {
        entry->signal = number;
        noted->attributed = 1;
    }
    noted->signal = number;
    if (own)
        say(number, entry);
}
