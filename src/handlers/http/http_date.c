#include "http_date.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* A date is read as words and numbers between blanks, commas and dashes; their order tells the
 * form. Five that matter, and one for the zone: the longest form has no more once the name of the
 * day is gone. */
enum { TOKENS_MAX = 6, TOKEN_LEN_MAX = 9 /* "Wednesday" */ };

struct token {
    const char *text;
    size_t len;
};

static bool is_separator(char c)
{
    return c == ' ' || c == '\t' || c == ',' || c == '-';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int split(const char *text, size_t len, struct token tokens[TOKENS_MAX])
{
    int count = 0;

    for (size_t i = 0; i < len;) {
        if (is_separator(text[i])) {
            i++;
            continue;
        }
        size_t start = i;
        while (i < len && !is_separator(text[i]))
            i++;
        if (count == TOKENS_MAX || i - start > TOKEN_LEN_MAX)
            return -EINVAL;
        tokens[count++] = (struct token){ text + start, i - start };
    }
    return count;
}

/* A whole token of 1 … digits_max digits. */
static bool read_number(struct token token, size_t digits_max, int *ret_number)
{
    if (token.len == 0 || token.len > digits_max)
        return false;
    int number = 0;
    for (size_t i = 0; i < token.len; i++) {
        if (!is_digit(token.text[i]))
            return false;
        number = 10 * number + (token.text[i] - '0');
    }
    *ret_number = number;
    return true;
}

static bool read_month(struct token token, int *ret_month)
{
    static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    if (token.len != 3)
        return false;
    for (size_t month = 0; month < 12; month++)
        if (strncasecmp(token.text, names + 3 * month, 3) == 0) {
            *ret_month = (int) month + 1;
            return true;
        }
    return false;
}

/* "08:49:37"; 60 is a leap second. */
static bool read_time(struct token token, int64_t *ret_s)
{
    int hour, minute, second;
    if (token.len != 8 || token.text[2] != ':' || token.text[5] != ':' ||
        !read_number((struct token){ token.text, 2 }, 2, &hour) ||
        !read_number((struct token){ token.text + 3, 2 }, 2, &minute) ||
        !read_number((struct token){ token.text + 6, 2 }, 2, &second))
        return false;
    if (hour > 23 || minute > 59 || second > 60)
        return false;
    *ret_s = hour * 3600 + minute * 60 + second;
    return true;
}

static bool is_utc(struct token token)
{
    static const char *const names[] = { "GMT", "UTC", "UT", "Z", "+0000" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i]) == token.len && strncasecmp(token.text, names[i], token.len) == 0)
            return true;
    return false;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days since 1970-01-01 of a date that exists, or -1. */
static int64_t day_number(int year, int month, int day)
{
    static const int before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365 };
    if (year < 1970 || day < 1 ||
        day > before[month] - before[month - 1] + (month == 2 && is_leap(year)))
        return -1;

    int last = year - 1; /* the leap days up to its end are past */
    int64_t leap_days = (last / 4 - last / 100 + last / 400) - (1969 / 4 - 1969 / 100 + 1969 / 400);
    return 365 * (int64_t) (year - 1970) + leap_days + before[month - 1] + day - 1 +
           (month > 2 && is_leap(year));
}

/* RFC 9110: what would be more than 50 years ahead is the most recent such year instead. */
static int full_year(int two_digits, int64_t now_s)
{
    int this_year = (int) (1970 +
                           now_s / 31556952); /* the mean year; a day's error does no harm here */
    int year = this_year - this_year % 100 + two_digits;
    if (year > this_year + 50)
        year -= 100;
    return year;
}

int http_date_parse(const char *text, size_t len, int64_t now_s, int64_t *ret_s)
{
    struct token tokens[TOKENS_MAX];
    int count = split(text, len, tokens);
    if (count < 0)
        return count;

    struct token *t = tokens;
    int month;
    if (count > 0 && !is_digit(t->text[0]) && !(count == 4 && read_month(t[0], &month))) {
        t++; /* the name of the day, whatever it says */
        count--;
    }
    if (count < 4)
        return -EINVAL;

    int day, year;
    int64_t second;
    struct token year_token;
    if (is_digit(t[0].text[0])) {
        /* 06 Nov 1994 08:49:37 GMT */
        if (!read_number(t[0], 2, &day) || !read_month(t[1], &month) || !read_time(t[3], &second))
            return -EINVAL;
        year_token = t[2];
    } else {
        /* Nov 6 08:49:37 1994 */
        if (!read_month(t[0], &month) || !read_number(t[1], 2, &day) || !read_time(t[2], &second))
            return -EINVAL;
        year_token = t[3];
    }
    if (!read_number(year_token, 4, &year) || year_token.len % 2 != 0)
        return -EINVAL;
    if (count > 5 || (count == 5 && !is_utc(t[4])))
        return -EINVAL;
    if (year_token.len == 2)
        year = full_year(year, now_s);

    int64_t days = day_number(year, month, day);
    if (days < 0)
        return -EINVAL;
    *ret_s = days * 86400 + second;
    return 0;
}
