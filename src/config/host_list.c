#include "host_list.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "key_text.h"

/* "name", "name:port", "[address]:port" or an address; false: it is none. Takes the text apart. */
static bool split_host(char *text, struct config_host *ret_host)
{
    char *name = text, *port = NULL;
    if (*text == '[') {
        char *end = strchr(text, ']');
        if (!end || (end[1] && end[1] != ':'))
            return false;
        name = text + 1;
        port = end[1] ? end + 2 : NULL;
        *end = '\0';
    } else if (strchr(text, ':') == strrchr(text, ':') && (port = strchr(text, ':'))) {
        *port++ = '\0';
    }
    if (!*name || (port && (!*port || strlen(port) > 5 || port[strspn(port, "0123456789")])))
        return false;
    *ret_host = (struct config_host){ .host = name };
    if (port)
        ret_host->port = (uint32_t) strtoul(port, NULL, 10);
    return !port || (ret_host->port >= 1 && ret_host->port <= 65535);
}

/* NULL: it is none, or too long. */
static char *copy_text(struct loader *loader, const struct key *key, const struct setting *setting)
{
    size_t len = setting->type == SETTING_STRING ? strlen(setting->text) : 0;
    char *text = len > 0 && len <= (size_t) key->maximum ? loader_alloc(loader, len + 1, 1) : NULL;
    return text ? memcpy(text, setting->text, len + 1) : NULL;
}

void host_list_read(struct loader *loader, const struct key *key, const struct setting *setting,
                    void *target)
{
    if (setting->type != SETTING_LIST || setting->count == 0) {
        loader_expected(loader, key, setting, NULL);
        return;
    }
    struct config_host *hosts = loader_alloc(loader, setting->count, sizeof *hosts);
    for (size_t i = 0; hosts && i < setting->count; i++) {
        const struct setting *child = &setting->children[i];
        char *text = copy_text(loader, key, child);
        if (!text || !split_host(text, &hosts[i])) {
            loader_error(loader, child,
                         "expected a server as \"host\", \"host:port\" or \"[address]:port\"");
            hosts[i].host = "";
        }
    }
    memcpy((char *) target + key->offset, &hosts, sizeof hosts);
    memcpy((char *) target + key->count_offset, &setting->count, sizeof setting->count);
}

void host_list_print(const struct config_host *hosts, size_t count, struct buffer *out)
{
    buffer_append_text(out, "[ ");
    for (size_t i = 0; i < count; i++) {
        struct buffer text = { 0 };
        buffer_append_format(&text, hosts[i].port && strchr(hosts[i].host, ':') ? "[%s]" : "%s",
                             hosts[i].host);
        if (hosts[i].port)
            buffer_append_format(&text, ":%" PRIu32, hosts[i].port);
        buffer_append_text(out, i ? ", " : "");
        key_quote(text.failed ? "" : text.bytes, out);
        buffer_done(&text);
    }
    buffer_append_text(out, " ]");
}
