#include "job_headers.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "scrub.h"

struct reading {
    const struct header_list *configured;
    struct header_list *list;
    char *problem;
    size_t problem_size;
};

__attribute__((format(printf, 2, 3))) static int refuse(const struct reading *reading,
                                                        const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);

    /* Names come from the row, so they may carry anything. */
    size_t text_len = len < 0 ? 0 : (size_t) len < sizeof text ? (size_t) len : sizeof text - 1;
    scrub_text(text, text_len, reading->problem, reading->problem_size);
    return -EINVAL;
}

static int add_member(const struct reading *reading, const char *name, const json_t *value)
{
    if (json_is_null(value))
        return 0;
    if (!header_name_valid(name, strlen(name)))
        return refuse(reading, "the job's headers: \"%.64s\" is not the name of an HTTP header",
                      name);
    if (!json_is_string(value))
        return refuse(reading, "the job's headers: \"%s\" must be a string", name);
    if (!header_value_valid(json_string_value(value), json_string_length(value)))
        return refuse(reading,
                      "the job's headers: the value of \"%s\" contains a control character", name);
    if (header_owner(name) != HEADER_ANYBODY)
        return refuse(reading, "the job's headers: \"%s\" cannot be set by a job", name);
    if (header_list_find(reading->configured, name))
        return refuse(
            reading,
            "the job's headers: \"%s\" is set by the configuration and cannot be set by a job",
            name);
    if (header_list_find(reading->list, name))
        return refuse(reading, "the job's headers: \"%s\" is given twice", name);
    return header_list_add(reading->list, name, json_string_value(value));
}

static bool is_passed_on(const char *name)
{
    return strcasecmp(name, "traceparent") == 0 || strcasecmp(name, "tracestate") == 0 ||
           strcasecmp(name, "content-type") == 0;
}

static int add_members(const struct reading *reading, json_t *root)
{
    const char *name;
    json_t *value;

    json_object_foreach(root, name, value)
    {
        int r = is_passed_on(name) ? add_member(reading, name, value) : 0;
        if (r < 0)
            return r;
    }

    json_t *http = json_object_get(root, "http");
    if (!http || json_is_null(http))
        return 0;
    if (!json_is_object(http))
        return refuse(reading, "the job's headers: \"http\" must be an object of strings");
    json_object_foreach(http, name, value)
    {
        int r = add_member(reading, name, value);
        if (r < 0)
            return r;
    }
    return 0;
}

int job_headers_add(const char *json, size_t json_len, const struct header_list *configured,
                    struct header_list *list, char *problem, size_t problem_size)
{
    const struct reading reading = { configured, list, problem, problem_size };
    if (!json)
        return 0;

    json_error_t error;
    json_t *root = json_loadb(json, json_len, JSON_DECODE_ANY, &error);
    if (!root) {
        if (json_error_code(&error) == json_error_out_of_memory)
            return -ENOMEM;
        /* Not error.text: it quotes what stands near. */
        return refuse(&reading, "the job's headers are not valid JSON (line %d, column %d)",
                      error.line, error.column);
    }

    int r = 0;
    if (json_is_object(root))
        r = add_members(&reading, root);
    else if (!json_is_null(root))
        r = refuse(&reading, "the job's headers are not a JSON object");
    json_decref(root);
    return r;
}
