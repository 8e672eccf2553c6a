#include <assert.h>

#include "dueq_handler.h"
#include "fuzz.h"
#include "protocol.h"

/* What a child of the exec handler answers on a line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct dueq_job job = { .size = sizeof job,
                                         .id = 812,
                                         .message_id = "a-812",
                                         .source = "main",
                                         .queue = "default",
                                         .kind = "k",
                                         .payload = "{}",
                                         .payload_len = 2 };
    char message[1024];
    struct dueq_result result = {
        .size = sizeof result, .message_size = sizeof message, .delay_us = -1, .message = message
    };

    message[0] = '\0';
    int32_t said = protocol_decode((const char *) data, size, &job, &result);
    assert(said == PROTOCOL_INVALID || (said >= DUEQ_DONE && said <= DUEQ_DEAD));
    return 0;
}
