#include "key_text.h"

#include <ctype.h>
#include <inttypes.h>

#include "duration.h"

static void expect_string(const struct key *key, struct buffer *text)
{
    if (key->minimum > 0)
        buffer_append_format(text, "a string of %" PRId64 " to %" PRId64 " bytes", key->minimum,
                             key->maximum);
    else
        buffer_append_format(text, "a string of at most %" PRId64 " bytes", key->maximum);
}

static void expect_duration(const struct key *key, struct buffer *text)
{
    char minimum[DURATION_TEXT_SIZE], maximum[DURATION_TEXT_SIZE];
    buffer_append_format(text, "a duration from %s to %s", duration_format(key->minimum, minimum),
                         duration_format(key->maximum, maximum));
}

static void expect_choice(const struct key *key, struct buffer *text)
{
    for (const struct key_choice *choice = key->choices; choice->text; choice++) {
        if (choice != key->choices)
            buffer_append_text(text, choice[1].text ? ", " : " or ");
        key_quote(choice->text, text);
    }
}

void key_expected(const struct key *key, struct buffer *text)
{
    switch (key->type) {
    case KEY_STRING:
    case KEY_SECRET:
        expect_string(key, text);
        break;
    case KEY_NAME:
        buffer_append_text(text, "a name of 1 to 64 letters, digits and _ . : -");
        break;
    case KEY_HANDLER:
        buffer_append_text(text, "a handler's name of 1 to 64 small letters, digits and _ . -");
        break;
    case KEY_KIND:
        buffer_append_text(
            text, "a kind of 1 to 64 letters, digits and _ . : -, a prefix that ends in \".*\", "
                  "or \"*\"");
        break;
    case KEY_PATH:
        buffer_append_format(text, "an absolute path of at most %" PRId64 " bytes", key->maximum);
        break;
    case KEY_FILE:
        buffer_append_text(text, "the path of a file");
        break;
    case KEY_DIRECTORY:
        buffer_append_text(text, "the path of a directory");
        break;
    case KEY_INTEGER:
        buffer_append_format(text, "an integer from %" PRId64 " to %" PRId64, key->minimum,
                             key->maximum);
        break;
    case KEY_REAL:
        buffer_append_format(text, "a number from %g to %g", key->real_minimum, key->real_maximum);
        break;
    case KEY_BOOLEAN:
        buffer_append_text(text, "true or false");
        break;
    case KEY_DURATION:
        expect_duration(key, text);
        break;
    case KEY_DURATIONS:
        buffer_append_text(text, "a list of durations [ \"…\", … ]");
        break;
    case KEY_HOSTS:
        buffer_append_text(text, "a list of servers [ \"host\", \"host:port\", … ]");
        break;
    case KEY_CHOICE:
        expect_choice(key, text);
        break;
    case KEY_RETRY:
        buffer_append_text(text, "the name of a retry policy");
        break;
    case KEY_OPTIONS:
        buffer_append_text(text, "a group of options { name = value; … }");
        break;
    case KEY_GROUP:
        buffer_append_text(text, "a group { … }");
        break;
    case KEY_LIST:
        buffer_append_text(text, "a list of groups ( { … }, … )");
        break;
    }
}

void key_absence(const struct key *key, struct buffer *text)
{
    if (key->required) {
        buffer_append_text(text, "required");
    } else if (key->default_text && *key->default_text && !key->sample) {
        buffer_append_text(text, "default ");
        key_value(key, key->default_text, text);
        if (key->absent)
            buffer_append_format(text, " (%s)", key->absent);
    } else if (key->absent) {
        buffer_append_format(text, "without it: %s", key->absent);
    }
}

void key_quote(const char *value, struct buffer *text)
{
    buffer_append_char(text, '"');
    for (const char *c = value; *c; c++) {
        if (*c == '"' || *c == '\\') {
            buffer_append_char(text, '\\');
            buffer_append_char(text, *c);
        } else if ((unsigned char) *c < 0x20 || *c == 0x7f) {
            buffer_append_format(text, "\\x%02x", (unsigned char) *c);
        } else {
            buffer_append_char(text, *c);
        }
    }
    buffer_append_char(text, '"');
}

void key_value(const struct key *key, const char *value, struct buffer *text)
{
    switch (key->type) {
    case KEY_INTEGER:
    case KEY_REAL:
    case KEY_BOOLEAN:
    case KEY_DURATIONS:
    case KEY_HOSTS:
    case KEY_OPTIONS:
    case KEY_GROUP:
    case KEY_LIST:
        buffer_append_text(text, value);
        break;
    default:
        key_quote(value, text);
    }
}

void key_about(const struct key *key, struct buffer *text)
{
    size_t begin = text->len;
    key_expected(key, text);
    if (!text->failed)
        text->bytes[begin] = (char) toupper((unsigned char) text->bytes[begin]);
    buffer_append_text(text, "; ");
    key_absence(key, text);
    if (key->not_with)
        buffer_append_format(text, "; not together with %s", key->not_with);
    buffer_append_char(text, '.');
}
