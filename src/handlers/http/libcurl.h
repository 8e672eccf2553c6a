#pragma once

#include <stdbool.h>

/* What libcurl has once for the whole process. */

/* Initialises it, the first time. Any thread. 0, or -1 with words in *ret_problem. Never undone:
 * the plugin stays mapped (see its link options), since a look-up that was given up ends in a
 * thread of libcurl's own, later. */
int libcurl_start(const char **ret_problem);

/* True if libcurl was built to trust a file of certificates, beside a directory of them. After
 * libcurl_start. */
bool libcurl_has_ca_file(void);

/* True if libcurl may count the time that a request waits for a connection as time to connect. 7.88
 * does not, 8.23 does. After libcurl_start. */
bool libcurl_may_charge_waiting(void);
