#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dueq_handler.h"

/* What a program says, made fit for people: its last words, valid UTF-8, nothing that moves a
 * cursor. */

/* How many of the bytes at `text` are the well-formed UTF-8 character it begins with; 0: none. */
size_t text_character(const char *text, size_t len);

/* Makes the bytes valid UTF-8 without changing how many they are: a byte of no character becomes
 * '?', a control character other than newline and tab a space. */
void text_clean(char *text, size_t len);

/* The last bytes of a stream. */
struct tail {
    char *bytes;
    size_t len;
    size_t size;
    bool cut; /* there was more before them */
};

/* 0 or -ENOMEM. A size of 0 is a tail that keeps nothing. */
int tail_init(struct tail *tail, size_t size) __attribute__((warn_unused_result));
void tail_done(struct tail *tail);
void tail_add(struct tail *tail, const char *bytes, size_t len);
void tail_clear(struct tail *tail);

/* result->message: a sentence of ours, and behind it, after a colon, what the program said. Where
 * both do not fit it is the beginning of what it said that goes. */
void message_set(struct dueq_result *result, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void message_add_end_of(struct dueq_result *result, const char *bytes, size_t len, bool cut);

/* Times as programs get them. */
enum { TEXT_TIME_SIZE = 48 };
char *text_time(int64_t us, char out[TEXT_TIME_SIZE]);    /* "2026-11-22T08:30:00.250000Z" */
char *text_seconds(int64_t us, char out[TEXT_TIME_SIZE]); /* "30", "0.25"; 0 for less */
