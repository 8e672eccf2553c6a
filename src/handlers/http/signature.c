#include "signature.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

int signature_make(const char *secret, size_t secret_len, int64_t timestamp_s, const char *body,
                   size_t body_len, char ret_signature[SIGNATURE_SIZE])
{
    char prefix[32];
    unsigned char digest[32];
    size_t digest_len = sizeof digest;
    int r = -ENOMEM;

    int prefix_len = snprintf(prefix, sizeof prefix, "%" PRId64 ".", timestamp_s);

    /* In parts, so that no copy of a payload of many megabytes is needed. */
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_HMAC, NULL,
                                                 (const unsigned char *) secret, secret_len);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!key || !context || EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) != 1 ||
        EVP_DigestSignUpdate(context, prefix, (size_t) prefix_len) != 1 ||
        EVP_DigestSignUpdate(context, body, body_len) != 1 ||
        EVP_DigestSignFinal(context, digest, &digest_len) != 1)
        goto out;

    static const char hex[] = "0123456789abcdef";
    char *out = ret_signature;
    memcpy(out, "v1=", 3);
    out += 3;
    for (size_t i = 0; i < sizeof digest; i++) {
        *out++ = hex[digest[i] >> 4];
        *out++ = hex[digest[i] & 15];
    }
    *out = '\0';
    r = 0;
out:
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return r;
}
