#include "verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "retry_after.h"
#include "scrub.h"
#include "status.h"

/* Every message goes through here, since what it quotes comes from outside. */
__attribute__((format(printf, 2, 3))) static void say(struct verdict *verdict, const char *format,
                                                      ...)
{
    char text[sizeof verdict->message];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t text_len = len < 0 ? 0 : (size_t) len < sizeof text ? (size_t) len : sizeof text - 1;
    scrub_text(text, text_len, verdict->message, sizeof verdict->message);
}

/* Who answered, or would have: after redirects not the host of the configured URL. */
static void find_host(const struct request *request, struct url_parts *ret_parts)
{
    const char *url = NULL, *problem;
    long redirects = 0;

    *ret_parts = request->options->url_parts;
    if (curl_easy_getinfo(request->easy, CURLINFO_REDIRECT_COUNT, &redirects) == CURLE_OK &&
        redirects > 0 &&
        curl_easy_getinfo(request->easy, CURLINFO_EFFECTIVE_URL, &url) == CURLE_OK && url) {
        struct url_parts parts;
        if (url_read(url, &parts, &problem) == 0)
            *ret_parts = parts;
    }
}

/* "connecting to", to be followed by the host. */
static const char *phase_words(const struct request *request, CURLcode code)
{
    curl_off_t sent = 0;

    switch (request->phase) {
    case REQUEST_QUEUED:
        if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY)
            return "looking up"; /* another request did: newer versions of libcurl keep failures */
        return "waiting for a connection to";
    case REQUEST_LOOKUP:
        return "looking up";
    case REQUEST_CONNECTING:
        return code == CURLE_SSL_CONNECT_ERROR ? "TLS handshake with" : "connecting to";
    case REQUEST_SENDING:
        curl_easy_getinfo(request->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
        return sent < (curl_off_t) request->job->payload_len ? "sending to"
                                                             : "waiting for the response of";
    case REQUEST_READING:
        break;
    }
    return "reading the response of";
}

/* The end of the body as a string; "" where there is none. */
static void copy_tail(const struct response *response, char *out, size_t size)
{
    const char *tail = response->tail;
    size_t len = response->tail_len;

    out[0] = '\0';
    if (len == 0)
        return;
    if (response->body_len > len) {
        /* Cut at its beginning: not within a character, and so that one sees it. */
        for (int i = 0; i < 3 && len > 0 && ((unsigned char) *tail & 0xc0) == 0x80; i++) {
            tail++;
            len--;
        }
        snprintf(out, size, "...");
    }
    size_t n = strlen(out);
    scrub_text(tail, len, out + n, size - n);
}

static void judge_status(const struct request *request, long status, const char *host,
                         struct verdict *verdict)
{
    const struct response *response = &request->response;
    char tail[sizeof verdict->message - 1024];

    verdict->outcome = status_outcome(status);
    if (verdict->outcome == DUEQ_DONE)
        return;
    if (verdict->outcome == DUEQ_RETRY)
        verdict->delay_us = retry_after_us(response->retry_after, strlen(response->retry_after),
                                           response->date, strlen(response->date), time(NULL));

    if (status >= 300 && status <= 399 && response->location[0]) {
        char location[sizeof response->location];
        snprintf(location, sizeof location, "%s", response->location);
        scrub_userinfo(location);
        location[256] = '\0'; /* enough to recognise it */
        say(verdict,
            request->options->follow_redirects
                ? "HTTP %ld from %s: redirected too often, or to where this URL may not lead: %s"
                : "HTTP %ld from %s: redirects are not followed (follow_redirects), this one leads "
                  "to %s",
            status, host, location);
        return;
    }
    copy_tail(response, tail, sizeof tail);
    say(verdict, "HTTP %ld from %s%s%s", status, host, tail[0] ? ": " : "", tail);
}

/* A redirect that libcurl would not follow. */
static bool is_refused_redirect(CURLcode code, long status)
{
    return status >= 300 && status <= 399 &&
           (code == CURLE_TOO_MANY_REDIRECTS || code == CURLE_UNSUPPORTED_PROTOCOL ||
            code == CURLE_URL_MALFORMAT);
}

/* Whether the status may be taken for the receiver's answer. Its head must be whole, which libcurl
 * does not insist on. 2xx counts when the rest is whole too: a response that was cut may come from
 * a receiver that died at its work. */
static bool is_answer(const struct request *request, CURLcode code, long status)
{
    if (is_refused_redirect(code, status))
        return true;
    if (request->phase != REQUEST_READING || !request->response.head_done)
        return false;
    /* Not 3xx: the failure may be that of the step after a redirect. */
    return code == CURLE_OK || request->response.body_enough || status >= 400;
}

static void judge_failure(const struct request *request, CURLcode code, const char *host,
                          struct verdict *verdict)
{
    const char *words = request->curl_error[0] ? request->curl_error : curl_easy_strerror(code);
    const char *phase = phase_words(request, code);

    verdict->outcome = DUEQ_RETRY;
    if (request->response.head_too_long)
        say(verdict, "reading the response of %s: its headers have no end", host);
    else if (code == CURLE_OK)
        say(verdict, "reading the response of %s: it was cut within its headers", host);
    else if (request->socket_error)
        say(verdict, "%s %s: no socket could be opened: %s", phase, host,
            strerror(request->socket_error));
    else if (code == CURLE_PEER_FAILED_VERIFICATION)
        say(verdict, "the certificate of %s is not to be trusted: %s", host, words);
    else if (request->phase == REQUEST_READING && request->response.status > 0)
        say(verdict, "%s %s (HTTP %d): %s", phase, host, request->response.status, words);
    else
        say(verdict, "%s %s: %s", phase, host, words);
}

static bool is_want_of_memory(CURLcode code)
{
    return code == CURLE_OUT_OF_MEMORY || code == CURLE_FAILED_INIT;
}

enum destination_end verdict_of_end(const struct request *request, CURLcode code,
                                    struct verdict *ret_verdict)
{
    struct url_parts parts;
    long status = 0;

    *ret_verdict = (struct verdict){ .delay_us = -1 };
    find_host(request, &parts);
    curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
    if (is_answer(request, code, status)) {
        judge_status(request, status, parts.host, ret_verdict);
        return status >= 502 && status <= 504 ? DESTINATION_FAILED : DESTINATION_REACHED;
    }
    judge_failure(request, code, parts.host, ret_verdict);
    return is_want_of_memory(code) || request->socket_error ? DESTINATION_ABANDONED
                                                            : DESTINATION_FAILED;
}

void verdict_of_rest(int64_t wait_us, struct verdict *ret_verdict)
{
    enum { LEAST_US = 1000000 };
    int64_t base_us = wait_us > LEAST_US ? wait_us : LEAST_US;
    uint32_t spread_ms = arc4random_uniform((uint32_t) (base_us / 2000) + 1);

    *ret_verdict = (struct verdict){ .outcome = DUEQ_SNOOZE,
                                     .delay_us = base_us + INT64_C(1000) * spread_ms };
}

void verdict_of_cancel(const struct request *request, struct verdict *ret_verdict)
{
    struct url_parts parts;

    *ret_verdict = (struct verdict){ .outcome = DUEQ_RETRY, .delay_us = -1 };
    find_host(request, &parts);
    say(ret_verdict, "%s %s: stopped by dueqd", phase_words(request, CURLE_OK), parts.host);
}
