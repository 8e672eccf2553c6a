#include "retry_after.h"

#include <stdbool.h>

#include "http_date.h"

#define SECOND_US INT64_C(1000000)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* "120" or "120.5"; -1: neither. */
static int64_t read_seconds_us(const char *value, size_t len)
{
    int64_t us = 0;
    size_t i = 0;

    for (; i < len && is_digit(value[i]); i++)
        if (us <= RETRY_AFTER_MAX_US) /* beyond it the rest only has to be digits */
            us = 10 * us + (value[i] - '0') * SECOND_US;
    if (i == 0)
        return -1;
    if (i < len) {
        if (value[i] != '.')
            return -1;
        int64_t unit = SECOND_US;
        for (i++; i < len && is_digit(value[i]); i++) {
            unit /= 10;
            us += (value[i] - '0') * unit;
        }
        if (i < len)
            return -1;
    }
    return us;
}

static int64_t read_date_us(const char *value, size_t len, const char *date, size_t date_len,
                            int64_t now_s)
{
    int64_t until_s, from_s;
    if (http_date_parse(value, len, now_s, &until_s) < 0)
        return -1;
    if (http_date_parse(date, date_len, now_s, &from_s) < 0)
        from_s = now_s;
    /* Both are within the years 1970 to 9999, or a clock's: no overflow. */
    int64_t seconds = until_s - from_s;
    return seconds > RETRY_AFTER_MAX_US / SECOND_US ? RETRY_AFTER_MAX_US : seconds * SECOND_US;
}

int64_t retry_after_us(const char *value, size_t value_len, const char *date, size_t date_len,
                       int64_t now_s)
{
    while (value_len > 0 && is_blank(value[0])) {
        value++;
        value_len--;
    }
    while (value_len > 0 && is_blank(value[value_len - 1]))
        value_len--;
    if (value_len == 0)
        return -1;

    int64_t us = read_seconds_us(value, value_len);
    if (us < 0)
        us = read_date_us(value, value_len, date, date_len, now_s);
    if (us <= 0)
        return -1;
    return us < RETRY_AFTER_MAX_US ? us : RETRY_AFTER_MAX_US;
}
