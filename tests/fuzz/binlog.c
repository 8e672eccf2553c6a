#include "arrivals.h"
#include "fuzz.h"

/* A binlog file, read as the stream that a server sends. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MAGIC_SIZE = 4, LENGTH_AT = 9, HEADER_SIZE = 19 };
    struct arrivals arrivals = { .database = "shop",
                                 .column_count = 15,
                                 .queue_column = 1,
                                 .next_run_at_column = 6,
                                 .lease_column = 11 };
    size_t at = MAGIC_SIZE;

    arrivals_begin(&arrivals);
    while (at < size && size - at >= HEADER_SIZE) {
        size_t len = (size_t) data[at + LENGTH_AT] | (size_t) data[at + LENGTH_AT + 1] << 8;
        if (len > size - at)
            len = size - at;
        (void) arrivals_read(&arrivals, data + at, len);
        at += len > 0 ? len : 1;
    }
    return 0;
}
