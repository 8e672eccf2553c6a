#pragma once

#include <stdbool.h>
#include <stddef.h>

/* What the messages and the checks need to know of a URL. */
struct url_parts {
    bool tls;       /* https */
    char host[288]; /* "shop.example", "shop.example:8443", "[::1]:80": the port only where the URL
                       names one. Never a user or a password */
};

/* 0, -ENOMEM, or -EINVAL where it is no http or https URL with a host; *ret_problem is then words
 * for it that quote nothing of the URL. */
int url_read(const char *url, struct url_parts *ret_parts, const char **ret_problem)
    __attribute__((warn_unused_result));

/* True for a proxy that libcurl knows: host[:port], http://, https://, socks4://, socks4a://,
 * socks5://, socks5h://. */
bool url_is_proxy(const char *proxy);
