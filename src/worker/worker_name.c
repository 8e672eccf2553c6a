#include "worker_name.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "utf8.h"

void worker_name(char name[WORKER_NAME_SIZE])
{
    char host[128] = "", clean[128 * 3];
    if (gethostname(host, sizeof host - 1) != 0 || !host[0])
        snprintf(host, sizeof host, "localhost");
    utf8_scrub(host, strlen(host), clean, sizeof clean);
    snprintf(name, WORKER_NAME_SIZE, "%.200s:%d", clean, (int) getpid());
}
