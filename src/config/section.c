#include "section.h"

#include <string.h>

#include "suggest.h"
#include "value.h"

/* Names the sections below `section` that have such a key: somebody may have put it a level too
 * high or low. */
static void append_sections_with(const struct section *section, const char *name,
                                 struct buffer *text)
{
    if (key_find(section, name)) {
        buffer_append_text(text, text->len ? " and " : "it belongs ");
        if (*section->name)
            buffer_append_format(text, "in %s", section->name);
        else
            buffer_append_text(text, "outside of all groups");
    }
    for (size_t i = 0; i < section->key_count; i++)
        if (section->keys[i].section)
            append_sections_with(section->keys[i].section, name, text);
}

static void report_unknown(struct loader *loader, const struct section *section,
                           const struct setting *setting)
{
    const char *names[64];
    size_t count = 0;
    struct buffer hint = { 0 };

    for (size_t i = 0; i < section->key_count && count < 64; i++)
        names[count++] = section->keys[i].name;
    const char *near = suggest_name(setting->name, names, count);
    if (near)
        buffer_append_format(&hint, "did you mean '%s'?", near);
    else
        append_sections_with(&key_root, setting->name, &hint);
    if (hint.len == 0) {
        buffer_append_text(&hint, "here can be ");
        for (size_t i = 0; i < count; i++)
            buffer_append_format(&hint, "%s%s", i ? ", " : "", names[i]);
    }
    loader_error(loader, setting, "unknown key; %s", hint.failed ? "" : hint.bytes);
    buffer_done(&hint);
}

void section_read(struct loader *loader, const struct section *section, const struct setting *group,
                  void *target)
{
    for (size_t i = 0; group && i < group->count; i++)
        if (!key_find(section, group->children[i].name))
            report_unknown(loader, section, &group->children[i]);

    for (size_t i = 0; i < section->key_count; i++) {
        const struct key *key = &section->keys[i];
        const struct setting *setting = group ? setting_member(group, key->name) : NULL;
        const struct setting *other = group && key->not_with ? setting_member(group, key->not_with)
                                                             : NULL;

        if (key->type == KEY_LIST) {
            continue;
        } else if (key->type == KEY_GROUP) {
            if (setting && setting->type != SETTING_GROUP) {
                loader_expected(loader, key, setting, NULL);
                setting = NULL;
            }
            section_read(loader, key->section, setting, target);
        } else if (setting) {
            value_read(loader, key, setting, target);
            if (other) {
                struct buffer place = { 0 };
                loader_append_place(loader, other, &place);
                loader_error(loader, setting,
                             "cannot stand together with %s (%s); keep one of them", other->name,
                             place.failed ? "" : place.bytes);
                buffer_done(&place);
            }
        } else if (key->required) {
            loader_missing(loader, key, group);
        } else if (!other) {
            value_default(loader, key, target);
        }
    }
}

void *section_read_list(struct loader *loader, const struct key *key, const struct setting *list,
                        size_t *ret_count)
{
    *ret_count = 0;
    if (list && list->type != SETTING_LIST) {
        loader_expected(loader, key, list, NULL);
        return NULL;
    }
    if (!list || list->count == 0)
        return NULL;
    char *items = loader_alloc(loader, list->count, key->section->size);
    if (!items)
        return NULL;
    for (size_t i = 0; i < list->count; i++) {
        const struct setting *group = &list->children[i];
        if (group->type == SETTING_GROUP)
            section_read(loader, key->section, group, items + i * key->section->size);
        else
            loader_error(loader, group, "expected a group { … }, found %s",
                         setting_type_text(group));
    }
    *ret_count = list->count;
    return items;
}
