#include "header.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_token_char(char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return true;
    return c && strchr("!#$%&'*+-.^_`|~", c);
}

bool header_name_valid(const char *name, size_t len)
{
    if (len == 0 || len > HEADER_NAME_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_token_char(name[i]))
            return false;
    return true;
}

bool header_value_valid(const char *value, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char) value[i] < 0x20 || value[i] == 0x7f)
            return false;
    return true;
}

enum header_owner header_owner(const char *name)
{
    static const struct {
        const char *name;
        enum header_owner owner;
    } owned[] = {
        /* These frame the message or belong to one hop: a second opinion about them is request
           smuggling. */
        { "Connection", HEADER_HANDLER },     { "Content-Length", HEADER_HANDLER },
        { "Expect", HEADER_HANDLER },         { "HTTP2-Settings", HEADER_HANDLER },
        { "Keep-Alive", HEADER_HANDLER },     { "TE", HEADER_HANDLER },
        { "Trailer", HEADER_HANDLER },        { "Transfer-Encoding", HEADER_HANDLER },
        { "Upgrade", HEADER_HANDLER },        { "Idempotency-Key", HEADER_HANDLER },
        { "Authorization", HEADER_OPERATOR }, { "Host", HEADER_OPERATOR },
        { "User-Agent", HEADER_OPERATOR },
    };

    if (strncasecmp(name, "Dueq-", 5) == 0 || strncasecmp(name, "Proxy-", 6) == 0)
        return HEADER_HANDLER;
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
        if (strcasecmp(name, owned[i].name) == 0)
            return owned[i].owner;
    return HEADER_ANYBODY;
}

void header_list_done(struct header_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].name);
        free(list->items[i].value);
    }
    free(list->items);
    *list = (struct header_list){ 0 };
}

const char *header_list_find(const struct header_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcasecmp(list->items[i].name, name) == 0)
            return list->items[i].value;
    return NULL;
}

static int add(struct header_list *list, const char *name, size_t name_len, const char *value,
               size_t value_len)
{
    if (list->count == list->size) {
        size_t size = list->size ? 2 * list->size : 16;
        struct header *items = reallocarray(list->items, size, sizeof *items);
        if (!items)
            return -ENOMEM;
        list->items = items;
        list->size = size;
    }

    struct header header = { .name = strndup(name, name_len), .value = strndup(value, value_len) };
    if (!header.name || !header.value) {
        free(header.name);
        free(header.value);
        return -ENOMEM;
    }
    list->items[list->count++] = header;
    return 0;
}

int header_list_add(struct header_list *list, const char *name, const char *value)
{
    return add(list, name, strlen(name), value, strlen(value));
}

int header_list_add_text(struct header_list *list, const char *name, const char *text)
{
    int r = header_list_add(list, name, text);
    if (r < 0)
        return r;
    for (char *c = list->items[list->count - 1].value; *c; c++)
        if (*c < 0x20 || *c > 0x7e)
            *c = '?';
    return 0;
}

int header_list_add_line(struct header_list *list, const char *line, const char **ret_problem)
{
    const char *colon = strchr(line, ':');
    if (!colon) {
        *ret_problem = "expected \"Name: value\"";
        return -EINVAL;
    }
    if (!header_name_valid(line, (size_t) (colon - line))) {
        *ret_problem = "what stands before the colon is not the name of a header";
        return -EINVAL;
    }

    const char *value = colon + 1;
    value += strspn(value, " ");
    size_t len = strlen(value);
    while (len > 0 && value[len - 1] == ' ')
        len--;
    if (!header_value_valid(value, len)) {
        *ret_problem = "the value contains a control character, such as a line end";
        return -EINVAL;
    }
    return add(list, line, (size_t) (colon - line), value, len);
}
