#pragma once

#include <stddef.h>

/* What this process is called in dueq_worker and dueq_error: host:pid, valid UTF-8. */
enum { WORKER_NAME_SIZE = 256 };
void worker_name(char name[WORKER_NAME_SIZE]);
