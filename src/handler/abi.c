#include "abi.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* The struct as ABI 1.0 ended it: no plugin of this major has a shorter one. */
enum { SIZE_1_0 = offsetof(struct dueq_handler, run) + sizeof(((struct dueq_handler *) 0)->run) };

/* None yet; a minor that brings one adds it here. */
static const uint32_t known_flags = 0;

bool abi_name_is_valid(const char *name)
{
    size_t len = strnlen(name, ABI_NAME_MAX + 1);
    return len >= 1 && len <= ABI_NAME_MAX &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-")] == '\0';
}

static int check_version(const struct dueq_handler *found, struct error *error)
{
    if (found->abi_major != DUEQ_ABI_MAJOR) {
        error_set(
            error,
            "built for handler ABI %u.%u, this dueqd loads %u.x: build it against this dueqd's "
            "dueq_handler.h",
            found->abi_major, found->abi_minor, DUEQ_ABI_MAJOR);
        return -EINVAL;
    }
    if (found->size < SIZE_1_0) {
        error_set(error,
                  "its struct dueq_handler says size = %u, the least is %u: set .size = sizeof "
                  "dueq_handler",
                  found->size, (unsigned) SIZE_1_0);
        return -EINVAL;
    }
    return 0;
}

static int check_content(const struct dueq_handler *copy, struct error *error)
{
    uint32_t unknown = copy->flags & ~known_flags;
    if (unknown) {
        error_set(
            error,
            "needs flags 0x%x, which this dueqd (handler ABI %u.%u) does not know: upgrade dueqd",
            unknown, DUEQ_ABI_MAJOR, DUEQ_ABI_MINOR);
        return -EINVAL;
    }
    if (!copy->name || !abi_name_is_valid(copy->name)) {
        error_set(error, "its name %s%.*s%s is no handler name: 1 to %d of a-z 0-9 _ . -",
                  copy->name ? "'" : "", ABI_NAME_MAX + 1, copy->name ? copy->name : "(NULL)",
                  copy->name ? "'" : "", ABI_NAME_MAX);
        return -EINVAL;
    }
    if (!copy->run) {
        error_set(error, "handler '%s' has no run()", copy->name);
        return -EINVAL;
    }
    return 0;
}

int abi_adopt(const void *found, size_t size, void *ret_handler, struct error *error)
{
    assert(size >= SIZE_1_0);

    /* The version fields and no more: the rest may not be there. */
    struct dueq_handler copy = { 0 };
    memcpy(&copy, found, offsetof(struct dueq_handler, flags));
    int r = check_version(&copy, error);
    if (r < 0)
        return r;

    memcpy(&copy, found, SIZE_1_0);
    r = check_content(&copy, error);
    if (r < 0)
        return r;

    memset(ret_handler, 0, size);
    memcpy(ret_handler, found, copy.size < size ? copy.size : size);
    return 0;
}
