#pragma once

#include <stddef.h>

#include "harness.h"

/* The http handler, opened with options, and jobs run with it to their end. */
struct sender {
    struct harness harness;
    struct config_option options[24];
    size_t option_count;
    char url[256];
};

/* Texts are borrowed until sender_close. */
void sender_option(struct sender *sender, const char *name, const char *text);
void sender_list(struct sender *sender, const char *name, const char *const *items, size_t count);

/* With the URL made of the format, and the options given before. The first for a zeroed sender;
 * ends the test where open() refuses. */
void sender_open(struct sender *sender, const char *url_format, ...)
    __attribute__((format(printf, 2, 3)));
void sender_close(struct sender *sender);

/* Runs a job and waits until it has ended; ends the test where it does not. Afterwards outcome,
 * delay_us and finish_message say what came of it, whichever way it was reported. */
void sender_run(struct sender *sender, struct harness_job *job);

/* The same with a plain job: its outcome; the message (may be NULL to leave it) is cut to `size`.
 */
enum dueq_outcome sender_send(struct sender *sender, const char *payload, char *message,
                              size_t size);

void assert_contains(const char *text, const char *part);
void assert_lacks(const char *text, const char *part);
