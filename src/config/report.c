#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* `takes` text; NULL: there was no memory for it. An error counts even then, so that no bad file
 * passes for a good one. */
static void add(struct config_report *report, bool warning, uint64_t order, char *text)
{
    struct config_problem *problems = report->problems;
    if (!text)
        problems = NULL;
    else if ((report->count & (report->count - 1)) == 0) /* 0, 1, 2, 4, 8, …: full */
        problems = reallocarray(problems, report->count ? 2 * report->count : 1, sizeof *problems);
    if (problems) {
        report->problems = problems;
        problems[report->count++] =
            (struct config_problem){ .warning = warning, .text = text, .order = order };
    } else {
        free(text);
    }
    if (!warning)
        report->error_count++;
}

static char *place_and_text(const char *file, unsigned line, const char *text)
{
    char *whole;
    int len = line ? asprintf(&whole, "%s:%u: %s", file, line, text)
                   : asprintf(&whole, "%s: %s", file, text);
    return len < 0 ? NULL : whole;
}

void report_add(struct config_report *report, bool warning, unsigned position, const char *file,
                unsigned line, const char *text)
{
    uint64_t order = (uint64_t) position << 32 | (report->count & UINT32_MAX);
    add(report, warning, order, place_and_text(file, line, text));
}

void config_report_add(struct config_report *report, bool warning, const char *file, unsigned line,
                       const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0) {
        add(report, warning, UINT64_MAX, NULL);
        return;
    }
    add(report, warning, UINT64_MAX, place_and_text(file, line, text));
    free(text);
}

static int in_order(const void *a, const void *b)
{
    uint64_t first = ((const struct config_problem *) a)->order;
    uint64_t second = ((const struct config_problem *) b)->order;
    return first < second ? -1 : first > second;
}

void report_sort(struct config_report *report, size_t from)
{
    if (report->count > from)
        qsort(report->problems + from, report->count - from, sizeof *report->problems, in_order);
}

void config_report_done(struct config_report *report)
{
    for (size_t i = 0; i < report->count; i++)
        free(report->problems[i].text);
    free(report->problems);
    *report = (struct config_report){ 0 };
}
