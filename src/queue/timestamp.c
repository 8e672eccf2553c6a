#include "timestamp.h"

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
