/* Cannot be opened: without the option that it needs, or (SILENT) for no reason that it gives. */
#include "dueq_handler.h"

static int32_t needy_open(const struct dueq_host *host, const struct dueq_options *options,
                          void **ret_instance)
{
    (void) ret_instance;
#ifdef SILENT
    (void) host, (void) options;
    return -1;
#else
    if (host->option_string(options, "url", NULL))
        return 0;
    host->option_error(options, "url", "required");
    return -1;
#endif
}

static int32_t needy_run(void *instance, void *local, const struct dueq_job *job,
                         struct dueq_result *result)
{
    (void) instance, (void) local, (void) job, (void) result;
    return DUEQ_DONE;
}

DUEQ_EXPORT const struct dueq_handler dueq_handler = {
    .abi_major = DUEQ_ABI_MAJOR,
    .abi_minor = DUEQ_ABI_MINOR,
    .size = sizeof dueq_handler,
    .name = "needy",
    .open = needy_open,
    .run = needy_run,
};
