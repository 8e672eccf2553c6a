#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "duration.h"
#include "fuzz.h"
#include "retry_after.h"

/* Durations of the configuration, which read back as what they were, and Retry-After with a Date.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *) data;
    char *text = size ? strndup(bytes, size) : NULL;
    char again[DURATION_TEXT_SIZE];
    int64_t us, us_again;

    if (text && duration_parse(text, &us) == 0) {
        assert(duration_parse(duration_format(us, again), &us_again) == 0);
        assert(us == us_again);
    }
    free(text);
    for (size_t cut = 0; cut <= size; cut += size / 4 + 1) {
        us = retry_after_us(bytes, cut, bytes + cut, size - cut, 1700000000);
        assert(us == -1 || us > 0);
    }
    return 0;
}
