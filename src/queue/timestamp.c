#include "timestamp.h"

#include <ctype.h>
#include <time.h>

void timestamp_append(struct buffer *sql, int64_t us)
{
    struct tm tm;
    time_t seconds = (time_t) (us / 1000000);
    gmtime_r(&seconds, &tm);
    buffer_append_format(sql, "'%04d-%02d-%02d %02d:%02d:%02d.%06d'", tm.tm_year + 1900,
                         tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                         (int) (us % 1000000));
}

static int64_t number(const char *text, int digits)
{
    int64_t value = 0;
    for (int i = 0; i < digits; i++)
        value = value * 10 + (text[i] - '0');
    return value;
}

/* Since 1970-01-01; the year is counted from March, so that the leap day is its last. */
static int64_t days_since_1970(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era_year = year % 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return year / 400 * 146097 + era_year * 365 + era_year / 4 - era_year / 100 + day_of_year -
           719468; /* days from 0000-03-01 to 1970-01-01 */
}

int64_t timestamp_parse(const char *text)
{
    static const char shape[] = "dddd-dd-dd dd:dd:dd.dddddd";

    for (int i = 0; shape[i]; i++)
        if (!text || (shape[i] == 'd' ? !isdigit((unsigned char) text[i]) : text[i] != shape[i]))
            return 0;
    int64_t month = number(text + 5, 2), day = number(text + 8, 2);
    if (month == 0 || day == 0)
        return 0;
    int64_t days = days_since_1970(number(text, 4), month, day);
    int64_t seconds = number(text + 11, 2) * 3600 + number(text + 14, 2) * 60 +
                      number(text + 17, 2);
    return (days * 86400 + seconds) * 1000000 + number(text + 20, 6);
}
