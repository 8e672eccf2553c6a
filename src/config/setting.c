#include "setting.h"

#include <inttypes.h>
#include <string.h>

#include "utf8.h"

enum { SHOWN_MAX = 80 }; /* bytes of a value that a message shows: enough to find it again */

const struct setting *setting_member(const struct setting *group, const char *name)
{
    for (size_t i = 0; i < group->count; i++)
        if (strcmp(group->children[i].name, name) == 0)
            return &group->children[i];
    return NULL;
}

void setting_path(const struct setting *setting, struct buffer *text)
{
    if (!setting->parent)
        return;
    setting_path(setting->parent, text);
    if (!setting->name) {
        buffer_append_format(text, "[%zu]", setting->index);
        return;
    }
    if (setting->parent->parent)
        buffer_append_char(text, '.');
    buffer_append_text(text, setting->name);
}

void setting_show(const char *value, struct buffer *text)
{
    char shown[SHOWN_MAX + 1];
    size_t len = strlen(value);
    size_t shown_len = utf8_scrub(value, len, shown, sizeof shown);
    for (size_t i = 0; i < shown_len; i++)
        if ((unsigned char) shown[i] < 0x20 || shown[i] == 0x7f)
            shown[i] = ' ';
    buffer_append_format(text, "\"%s%s\"", shown, len > SHOWN_MAX ? "…" : "");
}

const char *setting_type_text(const struct setting *setting)
{
    switch (setting->type) {
    case SETTING_GROUP:
        return "a group";
    case SETTING_LIST:
        return "a list";
    case SETTING_STRING:
        return "a string";
    case SETTING_INTEGER:
        return "an integer";
    case SETTING_REAL:
        return "a number";
    case SETTING_BOOLEAN:
        return "a boolean";
    }
    return "nothing";
}

void setting_describe(const struct setting *setting, struct buffer *text)
{
    switch (setting->type) {
    case SETTING_LIST:
        buffer_append_text(text, setting->count ? "a list" : "an empty list");
        break;
    case SETTING_GROUP:
        buffer_append_text(text, "a group");
        break;
    case SETTING_STRING:
        buffer_append_text(text, "the string ");
        setting_show(setting->text, text);
        break;
    case SETTING_INTEGER:
        buffer_append_format(text, "the integer %" PRId64, setting->integer);
        break;
    case SETTING_REAL:
        buffer_append_format(text, "the number %g", setting->real);
        break;
    case SETTING_BOOLEAN:
        buffer_append_format(text, "the boolean %s", setting->boolean ? "true" : "false");
        break;
    }
}
