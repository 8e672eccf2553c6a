#include "json_output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "output.h"
#include "times.h"
#include "utf8.h"

json_t *json_row_text(struct row_text text)
{
    if (!text.bytes)
        return json_null();
    json_t *string = json_stringn(text.bytes, text.len);
    if (string)
        return string;
    struct buffer valid = { 0 };
    for (size_t i = 0; i < text.len;) {
        size_t taken = utf8_character(text.bytes + i, text.len - i);
        if (taken)
            buffer_append(&valid, text.bytes + i, taken);
        else
            buffer_append_text(&valid, "\xef\xbf\xbd");
        i += taken ? taken : 1;
    }
    if (!valid.failed)
        string = json_stringn(valid.bytes, valid.len);
    buffer_done(&valid);
    return string;
}

json_t *json_row_json(struct row_text text)
{
    json_t *value = text.bytes
                        ? json_loadb(text.bytes, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL)
                        : NULL;
    return value ? value : json_row_text(text);
}

json_t *json_time(int64_t us)
{
    char text[TIMES_TEXT_SIZE];
    return us > 0 ? json_string(times_for_programs(us, text)) : json_null();
}

json_t *json_seconds(int64_t us)
{
    return us >= 0 ? json_real((double) us / 1e6) : json_null();
}

json_t *json_nonzero(uint64_t value)
{
    return value ? json_integer((json_int_t) value) : json_null();
}

int json_print(json_t *document)
{
    if (!document || json_dumpf(document, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII) != 0) {
        output_error("out of memory for the JSON document");
        json_decref(document);
        return EX_OSERR;
    }
    putchar('\n');
    json_decref(document);
    return EX_OK;
}
