#include "manual.h"

#include <string.h>

#include "duration.h"
#include "key_text.h"
#include "retry_policy.h"

/* Text as roff takes it: a line that begins with a dot or quote would be a request, a hyphen a soft
 * one. */
static void text(struct buffer *out, const char *from)
{
    if (*from == '.' || *from == '\'')
        buffer_append_text(out, "\\&");
    for (; *from; from++) {
        if (*from == '\\')
            buffer_append_text(out, "\\e");
        else if (*from == '-')
            buffer_append_text(out, "\\-");
        else if (strncmp(from, "…", strlen("…")) == 0) {
            buffer_append_text(out, "\\&...");
            from += strlen("…") - 1;
        } else
            buffer_append_char(out, *from);
    }
}

static void text_line(struct buffer *out, const char *from)
{
    text(out, from);
    buffer_append_char(out, '\n');
}

static void entry(struct buffer *out, const char *name)
{
    buffer_append_text(out, ".TP\n.B ");
    text_line(out, name);
}

static void key_entry(struct buffer *out, const struct key *key)
{
    struct buffer about = { 0 };
    entry(out, key->name);
    text_line(out, key->description);
    key_about(key, &about);
    text_line(out, about.failed ? "" : about.bytes);
    buffer_done(&about);
}

static void section(struct buffer *out, const struct section *section_at)
{
    buffer_append_text(out, ".SS ");
    text_line(out, *section_at->name ? section_at->name : "Outside of all groups");
    text_line(out, section_at->title);
    for (size_t i = 0; i < section_at->key_count; i++)
        if (!section_at->keys[i].section)
            key_entry(out, &section_at->keys[i]);
    for (size_t i = 0; i < section_at->key_count; i++)
        if (section_at->keys[i].section)
            section(out, section_at->keys[i].section);
}

static void policy_entry(struct buffer *out, const struct retry_policy *policy)
{
    char first[DURATION_TEXT_SIZE], max[DURATION_TEXT_SIZE];
    struct buffer line = { 0 };
    entry(out, policy->name);
    for (uint32_t i = 0; i < policy->schedule_len; i++)
        buffer_append_format(&line, "%s%s", i ? ", " : "Waits ",
                             duration_format(policy->schedule_us[i], first));
    if (!policy->schedule_us) {
        duration_format(policy->first_us, first);
        if (policy->factor > 1)
            buffer_append_format(&line, "Waits %s, then %g times as long each time, up to %s",
                                 first, policy->factor, duration_format(policy->max_us, max));
        else
            buffer_append_format(&line, "Waits %s each time", first);
    }
    if (policy->jitter > 0)
        buffer_append_format(&line, ", give or take %g %%", policy->jitter * 100);
    buffer_append_format(&line, "; %u attempts.", policy->max_attempts);
    text_line(out, line.failed ? "" : line.bytes);
    buffer_done(&line);
}

void manual_append(struct buffer *out)
{
    buffer_append_text(out, ".SH KEYS\n");
    section(out, &key_root);
    buffer_append_text(out, ".SH BUILT\\-IN RETRY POLICIES\n");
    for (size_t i = 0; i < retry_policy_builtin_count(); i++)
        policy_entry(out, &retry_policy_builtin[i]);
}
