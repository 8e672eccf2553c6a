#include "libcurl.h"

#include <pthread.h>
#include <stddef.h>

#include <curl/curl.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode start_code; /* these three: written by `once` alone */
static bool has_ca_file;
static bool may_charge_waiting;

static void start(void)
{
    start_code = curl_global_init(CURL_GLOBAL_DEFAULT);
    /* Asked here and not each time: curl_version_info fills buffers that all threads share. */
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    has_ca_file = info->cainfo != NULL;
    may_charge_waiting = info->version_num >= 0x080000;
}

int libcurl_start(const char **ret_problem)
{
    pthread_once(&once, start);
    if (start_code == CURLE_OK)
        return 0;
    *ret_problem = curl_easy_strerror(start_code);
    return -1;
}

bool libcurl_has_ca_file(void)
{
    return has_ca_file;
}

bool libcurl_may_charge_waiting(void)
{
    return may_charge_waiting;
}
