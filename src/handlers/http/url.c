#include "url.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <curl/curl.h>

static int read_parts(CURLU *handle, const char *url, struct url_parts *ret_parts,
                      const char **ret_problem)
{
    char *scheme = NULL, *host = NULL, *port = NULL;
    int r = -EINVAL;

    CURLUcode code = curl_url_set(handle, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME);
    if (code == CURLUE_OUT_OF_MEMORY)
        return -ENOMEM;
    if (code != CURLUE_OK || curl_url_get(handle, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK) {
        *ret_problem = "expected a URL such as https://shop.example/hooks";
        goto out;
    }
    bool tls = strcmp(scheme, "https") == 0;
    if (!tls && strcmp(scheme, "http") != 0) {
        *ret_problem = "expected a URL that begins with http:// or https://";
        goto out;
    }
    if (curl_url_get(handle, CURLUPART_HOST, &host, 0) != CURLUE_OK || !host[0]) {
        *ret_problem = "the URL names no host";
        goto out;
    }
    curl_url_get(handle, CURLUPART_PORT, &port, 0); /* absent: the scheme's own */

    *ret_parts = (struct url_parts){ .tls = tls };
    int len = snprintf(ret_parts->host, sizeof ret_parts->host, "%s%s%s", host, port ? ":" : "",
                       port ? port : "");
    if (len < 0 || (size_t) len >= sizeof ret_parts->host) {
        *ret_problem = "the host's name is longer than a name can be";
        goto out;
    }
    r = 0;
out:
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    return r;
}

int url_read(const char *url, struct url_parts *ret_parts, const char **ret_problem)
{
    CURLU *handle = curl_url();
    if (!handle)
        return -ENOMEM;
    int r = read_parts(handle, url, ret_parts, ret_problem);
    curl_url_cleanup(handle);
    return r;
}

bool url_is_proxy(const char *proxy)
{
    static const char *const known[] = {
        "http", "https", "socks4", "socks4a", "socks5", "socks5h"
    };
    char *scheme = NULL, *host = NULL;
    bool is_known = false;

    CURLU *handle = curl_url();
    if (handle &&
        curl_url_set(handle, CURLUPART_URL, proxy, CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME) ==
            CURLUE_OK &&
        curl_url_get(handle, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(handle, CURLUPART_HOST, &host, 0) == CURLUE_OK && host[0])
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            is_known = is_known || strcmp(scheme, known[i]) == 0;
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(handle);
    return is_known;
}
