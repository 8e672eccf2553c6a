#include "times.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECOND INT64_C(1000000)

enum { TIMESTAMP_END = 0x7fffffff }; /* 2038-01-19 03:14:07 */

static void split(int64_t us, struct tm *tm)
{
    time_t seconds = (time_t) (us / SECOND);
    gmtime_r(&seconds, tm);
}

char *times_for_people(int64_t us, char text[TIMES_TEXT_SIZE])
{
    struct tm tm;
    if (us <= 0)
        return strcpy(text, "-");
    split(us, &tm);
    strftime(text, TIMES_TEXT_SIZE, "%Y-%m-%d %H:%M:%SZ", &tm);
    return text;
}

char *times_for_programs(int64_t us, char text[TIMES_TEXT_SIZE])
{
    struct tm tm;
    split(us, &tm);
    size_t len = strftime(text, TIMES_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + len, TIMES_TEXT_SIZE - len, ".%06uZ", (unsigned) (us % SECOND));
    return text;
}

char *times_age(int64_t us, char text[TIMES_TEXT_SIZE])
{
    long long seconds = us / SECOND;
    if (us < SECOND)
        snprintf(text, TIMES_TEXT_SIZE, "%lldms", (long long) us / 1000);
    else if (seconds < 60)
        snprintf(text, TIMES_TEXT_SIZE, "%llds", seconds);
    else if (seconds < 3600)
        snprintf(text, TIMES_TEXT_SIZE, "%lldm%02llds", seconds / 60, seconds % 60);
    else if (seconds < 86400)
        snprintf(text, TIMES_TEXT_SIZE, "%lldh%02lldm", seconds / 3600, seconds % 3600 / 60);
    else
        snprintf(text, TIMES_TEXT_SIZE, "%lldd%lldh", seconds / 86400, seconds % 86400 / 3600);
    return text;
}

char *times_relative(int64_t at_us, int64_t now_us, char text[TIMES_TEXT_SIZE])
{
    char age[TIMES_TEXT_SIZE];
    if (at_us <= 0)
        return strcpy(text, "-");
    if (at_us > now_us)
        snprintf(text, TIMES_TEXT_SIZE, "in %.32s", times_age(at_us - now_us, age));
    else
        snprintf(text, TIMES_TEXT_SIZE, "%.32s ago", times_age(now_us - at_us, age));
    return text;
}

/* Exactly `digits` digits. */
static bool take_number(const char **text, int digits, int *ret_number)
{
    int number = 0;
    for (int i = 0; i < digits; i++) {
        if (**text < '0' || **text > '9')
            return false;
        number = number * 10 + *(*text)++ - '0';
    }
    *ret_number = number;
    return true;
}

static bool take(const char **text, char c)
{
    if (**text != c)
        return false;
    (*text)++;
    return true;
}

/* ".5": what follows the seconds. */
static bool take_fraction(const char **text, int64_t *ret_us)
{
    int64_t unit = SECOND / 10;
    *ret_us = 0;
    if (!take(text, '.'))
        return true;
    if (**text < '0' || **text > '9')
        return false;
    for (; **text >= '0' && **text <= '9'; (*text)++, unit /= 10)
        *ret_us += (**text - '0') * unit;
    return true;
}

/* "Z", "+08:00", "-0500" or nothing. */
static bool take_offset(const char **text, int *ret_seconds)
{
    int hours = 0, minutes = 0;
    *ret_seconds = 0;
    if (**text == '\0' || take(text, 'Z'))
        return true;
    int sign = **text == '-' ? -1 : 1;
    if (!take(text, '+') && !take(text, '-'))
        return false;
    if (!take_number(text, 2, &hours))
        return false;
    take(text, ':');
    if (!take_number(text, 2, &minutes) || hours > 14 || minutes > 59)
        return false;
    *ret_seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

bool times_parse(const char *text, int64_t *ret_us)
{
    struct tm tm = { 0 }, again;
    int64_t fraction_us = 0;
    int offset = 0;

    if (!take_number(&text, 4, &tm.tm_year) || !take(&text, '-') ||
        !take_number(&text, 2, &tm.tm_mon) || !take(&text, '-') ||
        !take_number(&text, 2, &tm.tm_mday))
        return false;
    if (!take(&text, 'T') && !take(&text, ' '))
        return false;
    if (!take_number(&text, 2, &tm.tm_hour) || !take(&text, ':') ||
        !take_number(&text, 2, &tm.tm_min))
        return false;
    if (take(&text, ':') &&
        (!take_number(&text, 2, &tm.tm_sec) || !take_fraction(&text, &fraction_us)))
        return false;
    if (!take_offset(&text, &offset) || *text)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    again = tm;
    time_t seconds = timegm(&again);
    /* timegm takes the 31st of February for a day in March. */
    if (again.tm_mday != tm.tm_mday || again.tm_mon != tm.tm_mon || again.tm_hour != tm.tm_hour ||
        again.tm_min != tm.tm_min || again.tm_sec != tm.tm_sec)
        return false;
    seconds -= offset;
    if (seconds <= 0 || seconds > TIMESTAMP_END)
        return false;
    *ret_us = (int64_t) seconds * SECOND + (seconds == TIMESTAMP_END ? 0 : fraction_us);
    return true;
}
