#pragma once

#include <stddef.h>

#include "config.h"

/* For the tests of the configuration: each runs in an empty directory of its own and loads a
 * dueq.conf there, so that the messages name nothing but "dueq.conf". */

int case_setup(void **state);
int case_teardown(void **state);

/* A source, on line 1: a file that is good but for what a test adds from line 2 on. */
#define CASE_SOURCE                                                                                \
    "sources = ( { name = \"main\"; socket = \"/run/s\"; database = \"shop\"; user = \"dueq\"; } " \
    ");\n"

/* A source's group with more in it. */
#define CASE_SOURCE_WITH(text)                                                                     \
    "sources = ( { name = \"main\"; database = \"shop\"; user = \"dueq\";\n" text " } );\n"

void case_write(const char *name, unsigned mode, const char *text);
void case_write_bytes(const char *name, const void *bytes, size_t len);

/* Loads dueq.conf as it is. The test fails where there is any problem; freed with the test. */
struct config *case_load_file(void);

/* Writes the text into dueq.conf, mode 0600, and loads it. */
struct config *case_load(const char *text);

/* The problems of dueq.conf as it is, one line each, warnings marked as such; valid until the next
 * call. The result of config_load must go with them. */
const char *case_problems_of_file(void);
const char *case_problems(const char *text);

/* The whole report, to the letter. */
void assert_problems(const char *text, const char *problems);
