#include "server_version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned number_of(const char *text)
{
    unsigned long part[3] = { 0 };
    for (int i = 0; i < 3; i++) {
        char *end;
        part[i] = strtoul(text, &end, 10);
        if (*end != '.')
            break;
        text = end + 1;
    }
    return (unsigned) (part[0] * 10000 + part[1] * 100 + part[2]);
}

void server_version_read(const char *said, struct server_version *ret_version)
{
    /* For old replicas, which knew no number above 5; one of the client libraries passes it on. */
    if (strncmp(said, "5.5.5-", 6) == 0)
        said += 6;
    snprintf(ret_version->text, sizeof ret_version->text, "%s", said);
    ret_version->mariadb = strstr(said, "MariaDB") != NULL;
    ret_version->number = number_of(said);
}

bool server_version_will_do(const struct server_version *version)
{
    return version->number >= (version->mariadb ? 100600 : 80016);
}
