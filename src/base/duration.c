#include "duration.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct unit {
    const char *name;
    int64_t us;
} units[] = {
    /* longest first, for duration_format */
    { "d", 86400000000 }, { "h", 3600000000 }, { "m", 60000000 },
    { "s", 1000000 },     { "ms", 1000 },      { "us", 1 },
};
enum { UNITS = sizeof units / sizeof *units };

static const struct unit *unit_named(const char *name, size_t len)
{
    for (int i = 0; i < UNITS; i++)
        if (strlen(units[i].name) == len && memcmp(units[i].name, name, len) == 0)
            return &units[i];
    return NULL;
}

int duration_parse(const char *text, int64_t *ret_us)
{
    int64_t total_us = 0;

    if (strcmp(text, "0") == 0) {
        *ret_us = 0;
        return 0;
    }
    if (!*text)
        return -EINVAL;
    while (*text) {
        int64_t number = 0, part_us;
        if (!isdigit((unsigned char) *text))
            return -EINVAL;
        for (; isdigit((unsigned char) *text); text++)
            if (__builtin_mul_overflow(number, 10, &number) ||
                __builtin_add_overflow(number, *text - '0', &number))
                return -ERANGE;
        size_t len = 0;
        while (isalpha((unsigned char) text[len]))
            len++;
        const struct unit *unit = unit_named(text, len);
        if (!unit)
            return -EINVAL;
        if (__builtin_mul_overflow(number, unit->us, &part_us) ||
            __builtin_add_overflow(total_us, part_us, &total_us))
            return -ERANGE;
        text += len;
    }
    *ret_us = total_us;
    return 0;
}

char *duration_format(int64_t us, char text[DURATION_TEXT_SIZE])
{
    assert(us >= 0);
    size_t len = 0;
    if (us == 0)
        snprintf(text, DURATION_TEXT_SIZE, "0s");
    for (int i = 0; i < UNITS && us > 0; i++) {
        if (us < units[i].us)
            continue;
        int n = snprintf(text + len, DURATION_TEXT_SIZE - len, "%lld%s",
                         (long long) (us / units[i].us), units[i].name);
        len += (size_t) n;
        us %= units[i].us;
    }
    return text;
}
