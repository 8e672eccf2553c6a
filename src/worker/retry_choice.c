#include "retry_choice.h"

#include <inttypes.h>

#include "log.h"
#include "source.h"

enum { LOG_EVERY_US = 60000000 };

const struct retry_policy *retry_choice(struct source *source, uint64_t job_id, const char *kind,
                                        const char *retry, const struct binding *binding,
                                        const struct config_queue *queue)
{
    if (retry) {
        const struct retry_policy *policy = config_find_retry(source->all, retry);
        if (policy)
            return policy;
        if (log_limit_pass(&source->policy_log, LOG_EVERY_US, NULL))
            log_warning("a job names a retry policy that is not configured, the one of its kind or "
                        "queue is used: "
                        "source=%s job=%" PRIu64 " kind=%s retry=%s",
                        source->config->name, job_id, kind, retry);
    }
    if (binding && binding->config && binding->config->retry)
        return binding->config->retry;
    return queue->retry;
}
