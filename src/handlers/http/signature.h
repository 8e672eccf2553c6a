#pragma once

#include <stddef.h>
#include <stdint.h>

enum { SIGNATURE_SIZE = sizeof "v1=" + 64 };

/* "v1=" and, in hex, the HMAC-SHA256 of "TIMESTAMP.BODY" under the secret: what Dueq-Signature
 * says. Signing the time as well lets a receiver refuse a request that was recorded and is sent
 * again later. timestamp_s: as it stands in Dueq-Timestamp. Any thread. 0, or -ENOMEM where
 * libcrypto failed. */
int signature_make(const char *secret, size_t secret_len, int64_t timestamp_s, const char *body,
                   size_t body_len, char ret_signature[SIGNATURE_SIZE])
    __attribute__((warn_unused_result));
