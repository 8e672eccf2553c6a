#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every key a configuration file may have. This table and nothing else says what a key is called,
 * what it may hold and what holds in its absence: it drives reading, checking, printing, the
 * commented sample file and the manual page. */

enum key_type {
    KEY_STRING,    /* const char *; minimum, maximum: bytes */
    KEY_SECRET,    /* likewise, and is never shown */
    KEY_NAME,      /* const char *: [A-Za-z0-9_.:-]{1,64} */
    KEY_HANDLER,   /* const char *: [a-z0-9_.-]{1,64}, as the plugin interface has it */
    KEY_KIND,      /* const char *: a kind's name, or a prefix that ends in ".*" or is "*" */
    KEY_PATH,      /* const char *: an absolute path */
    KEY_FILE,      /* const char *: a file that can be read; see value_file() */
    KEY_DIRECTORY, /* const char *: a relative one is beside the configuration file */
    KEY_INTEGER,   /* uint32_t */
    KEY_REAL,      /* double */
    KEY_BOOLEAN,   /* bool */
    KEY_DURATION,  /* int64_t, microseconds */
    KEY_DURATIONS, /* const int64_t * at offset, uint32_t at count_offset; bounds are each one's */
    KEY_HOSTS,     /* const struct config_host * at offset, size_t at count_offset */
    KEY_CHOICE,    /* an enum */
    KEY_RETRY,     /* const struct retry_policy *, by its name */
    KEY_OPTIONS,   /* const struct config_option * at offset, size_t at count_offset */
    KEY_GROUP,     /* a section of the same struct */
    KEY_LIST,      /* groups of a section: an array at offset, size_t at count_offset */
};

struct key_choice {
    const char *text;
    int value;
};

struct key {
    const char *name;
    enum key_type type;
    bool required;
    size_t offset; /* into the struct of its section */
    size_t count_offset;
    int64_t minimum, maximum;
    double real_minimum, real_maximum;
    const struct key_choice *choices; /* ended by a NULL text */
    const struct section *section;    /* KEY_GROUP, KEY_LIST */
    const char *not_with;  /* a key that it excludes; beside that one it has no default */
    const char *only_with; /* a KEY_CHOICE beside it: with the first choice this one has no effect,
                              and is not printed */
    const char *default_text; /* as in the file, but without quotes; NULL: NULL or 0 */
    const char *absent;       /* for people: what its absence means, if it is not the default */
    const char *sample;       /* the value in the sample file, if it is not the default */
    bool active;              /* not commented out there */
    const char *description; /* for people, whole sentences; a section's title stands for its key */
};

struct section {
    const char *name;  /* "" for the file itself, "sources.tls" for a group in a group */
    const char *title; /* one sentence */
    size_t size;       /* of its struct, where a list holds it */
    const struct key *keys;
    size_t key_count;
};

/* The file itself; all others hang on it. */
extern const struct section key_root;

/* NULL where there is none. */
const struct key *key_find(const struct section *section, const char *name);
