#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Names and values of HTTP header fields, judged before they are sent, and a list of them. Pure: no
 * libcurl, no I/O. */

/* A token of RFC 9110: letters, digits and !#$%&'*+-.^_`|~ ; at most HEADER_NAME_MAX bytes. */
bool header_name_valid(const char *name, size_t len);

/* No control character, so neither a line end nor a NUL; a tab neither. Empty is valid. */
bool header_value_valid(const char *value, size_t len);

enum { HEADER_NAME_MAX = 128 };

/* Who may set a field. What the handler sets itself, and what decides where a request ends, nobody
 * else may; what says who is calling is the operator's. */
enum header_owner { HEADER_ANYBODY, HEADER_OPERATOR, HEADER_HANDLER };

enum header_owner header_owner(const char *name);

struct header {
    char *name;
    char *value;
};

/* Owns its texts. Zero-initialise it. */
struct header_list {
    struct header *items;
    size_t count;
    size_t size;
};

void header_list_done(struct header_list *list);

/* The value under that name, whatever its case, or NULL. */
const char *header_list_find(const struct header_list *list, const char *name);

/* Copies both. 0 or -ENOMEM. */
int header_list_add(struct header_list *list, const char *name, const char *value)
    __attribute__((warn_unused_result));

/* As header_list_add, for text out of a row: every byte that is not printable ASCII becomes a '?'.
 */
int header_list_add_text(struct header_list *list, const char *name, const char *text)
    __attribute__((warn_unused_result));

/* Adds what a line "Name: value" says; spaces around the value are not part of it. 0, -ENOMEM, or
 * -EINVAL where it is no such line; *ret_problem is then words for it. */
int header_list_add_line(struct header_list *list, const char *line, const char **ret_problem)
    __attribute__((warn_unused_result));
