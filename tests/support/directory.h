#pragma once

/* A directory for a test's files, removed with all that is in it when the test program exits. Its
 * path is short enough for a socket in it, and is valid until exit. */
const char *test_directory_new(void);

/* Writes a file of that mode. The test fails where it cannot. */
void test_file_write(const char *path, unsigned mode, const char *text);

/* The whole file, to be freed. */
char *test_file_read(const char *path);
