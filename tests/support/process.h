#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A program run by a test, as a user would run it: dueqd, dueq, a script. Its standard output and
 * error go to files, its input is empty. It is killed with its process group when the test frees
 * it, calls process_end_all or exits, and by the kernel when the test is killed. Only for the
 * test's own thread. */
struct process;

/* program: "dueqd" and "dueq" mean the ones that were built (or those in DUEQ_TEST_BIN); anything
 * else is searched in PATH. arguments: after the program's name, ended by NULL. */
struct process *process_start(const char *program, ...) __attribute__((sentinel));

/* The same; environment: "NAME=value" on top of the test's own, "NAME" alone removes it; NULL:
 * none. input: given on standard input and closed; NULL: empty. */
struct process *process_start_with(const char *const *arguments, const char *const *environment,
                                   const char *input);

pid_t process_id(const struct process *process);

/* Waits until a whole line that contains the text has been written to standard error (dueqd logs
 * there) or output since the start, or since the last line that this waited for; false when the
 * limit is over or the process has ended without it. */
bool process_wait_line(struct process *process, const char *text, int limit_s)
    __attribute__((warn_unused_result));

/* The same, but the test fails, showing all that was written, where the line does not come. */
void process_expect_line(struct process *process, const char *text, int limit_s);

/* How often the text stands in what was written to standard error so far. */
unsigned process_count(struct process *process, const char *text);

/* All that was written so far, ended by a NUL; valid until the next call with the same process. */
const char *process_stdout(struct process *process);
const char *process_stderr(struct process *process);

void process_signal(struct process *process, int signal_number);
bool process_is_running(struct process *process);

/* Waits for the end; the exit status, or 128 + the number of the signal that ended it. The test
 * fails, and the process is killed, where it has not ended within the limit. */
int process_wait(struct process *process, int limit_s);

/* Runs it to its end: process_start and process_wait with a minute's limit. *ret_stdout,
 * *ret_stderr: to be freed; may be NULL. */
int process_run(const char *const *arguments, char **ret_stdout, char **ret_stderr);

void process_free(struct process *process);

/* Kills and frees every process that is left: for a teardown, since a failed assertion leaves the
 * test by a jump. */
void process_end_all(void);

/* The path of a program that was built: "dueqd" → "/…/bin/dueqd". Valid until exit. */
const char *process_program(const char *name);
