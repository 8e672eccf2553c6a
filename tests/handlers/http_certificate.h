#pragma once

/* A new key of a server and its certificate, signed by itself, for 127.0.0.1 and the given DNS
 * name. PEM; the caller frees both. Ends the test where it cannot. */
void certificate_make(const char *dns_name, char **ret_certificate, char **ret_key);

/* Writes text to a new file below /tmp, and its path, which the caller unlinks, to `path`. */
void certificate_write(const char *text, char path[64]);
