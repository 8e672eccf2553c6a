#include "status.h"

enum dueq_outcome status_outcome(long status)
{
    if (status >= 200 && status <= 299)
        return DUEQ_DONE;
    if (status == 408 || status == 425 || status == 429)
        return DUEQ_RETRY;
    if (status >= 300 && status <= 499)
        return DUEQ_DEAD;
    return DUEQ_RETRY;
}
