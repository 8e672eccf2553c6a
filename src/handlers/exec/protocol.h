#pragma once

#include <stddef.h>
#include <stdint.h>

#include "dueq_handler.h"

/* The lines that long-lived children are spoken to in: one JSON object a job, one back. Pure: no
 * descriptors, no clock. docs/exec.md is the manual. */

enum {
    PROTOCOL_ANSWER_SIZE = 65536, /* the longest answer, its newline included */
    PROTOCOL_INVALID = -1,
};

/* The job as one line with a newline at its end and none before. 0 and *ret_line for the caller to
 * free; -ENOMEM; -EILSEQ where the payload is not UTF-8 and so cannot be a JSON string. */
int protocol_encode(const struct dueq_job *job, char **ret_line, size_t *ret_len)
    __attribute__((warn_unused_result));

/* Reads what a child answered, without its newline. An enum dueq_outcome other than PENDING, with
 * result->message and ->delay_us as the child set them; or PROTOCOL_INVALID, with what is wrong and
 * what came in result->message. An answer that names an id or message_id must name the job's. */
int32_t protocol_decode(const char *line, size_t len, const struct dueq_job *job,
                        struct dueq_result *result);

/* "30s", "1h30m": one or more pairs of a whole number and a unit (us ms s m h d), or "0". 0,
 * -EINVAL, or -ERANGE beyond PROTOCOL_LONGEST_DELAY_US. */
#define PROTOCOL_LONGEST_DELAY_US (INT64_C(366) * 24 * 3600 * 1000000)
int protocol_parse_delay(const char *text, int64_t *ret_us) __attribute__((warn_unused_result));
