#include "check_findings.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

void check_findings_add(struct check_findings *findings, const char *name, enum check_level level,
                        const char *format, ...)
{
    assert(findings->count < findings->max);
    if (findings->count >= findings->max)
        return;
    struct check_finding *finding = &findings->items[findings->count++];
    finding->name = name;
    finding->level = level;
    va_list args;
    va_start(args, format);
    vsnprintf(finding->text, sizeof finding->text, format, args);
    va_end(args);
}

const char *check_level_name(enum check_level level)
{
    static const char *const names[] = {
        [CHECK_OK] = "ok",
        [CHECK_WARNING] = "warning",
        [CHECK_FAILURE] = "failure",
    };
    return names[level];
}
