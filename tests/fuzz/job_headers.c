#include <assert.h>
#include <string.h>

#include "fuzz.h"
#include "header.h"
#include "job_headers.h"

/* The headers column of a job: whatever is taken is fit to be sent. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct header_list list = { 0 }, configured = { 0 };
    char problem[256] = "";

    if (header_list_add(&configured, "X-Shop", "7") < 0)
        return 0;
    int r = job_headers_add((const char *) data, size, &configured, &list, problem, sizeof problem);
    assert(r == 0 || problem[0]);
    for (size_t i = 0; r == 0 && i < list.count; i++) {
        assert(header_name_valid(list.items[i].name, strlen(list.items[i].name)));
        assert(header_value_valid(list.items[i].value, strlen(list.items[i].value)));
        assert(header_owner(list.items[i].name) == HEADER_ANYBODY);
    }
    header_list_done(&list);
    header_list_done(&configured);
    return 0;
}
