#pragma once

/* dueq_handler.h: the interface between dueqd and its handler plugins, ABI 1.0.
 *
 * A plugin is a shared object in the handler directory (`pkg-config --variable=handlerdir dueq`)
 * that exports one symbol, a constant `struct dueq_handler` named `dueq_handler`:
 *
 *     static int32_t run(void *instance, void *local, const struct dueq_job *job,
 *                        struct dueq_result *result)
 *     {
 *         return send_mail(job->payload, job->payload_len) ? DUEQ_DONE : DUEQ_RETRY;
 *     }
 *
 *     DUEQ_EXPORT const struct dueq_handler dueq_handler = {
 *         .abi_major = DUEQ_ABI_MAJOR, .abi_minor = DUEQ_ABI_MINOR, .size = sizeof dueq_handler,
 *         .name = "mail", .run = run,
 *     };
 *
 * It depends on nothing but <stddef.h> and <stdint.h>, and a plugin links against nothing of dueq.
 *
 * Compatibility. A struct only ever grows at its end, and begins with its size, so that either side
 * may be the older one: before reading a field that came after 1.0, compare its offset with `size`.
 * dueqd loads any plugin of its own major version and refuses another, by name.
 *
 * Delivery. A job is run at least once: after a crash, a lost connection or a lease that could not
 * be renewed in time it may be run again, under the next attempt number. Make the effect of a
 * handler idempotent with job->message_id as the key.
 *
 * Every field is since 1.0 where nothing else is said. */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DUEQ_ABI_MAJOR 1
#define DUEQ_ABI_MINOR 0

#define DUEQ_EXPORT __attribute__((visibility("default")))

/* What came of an attempt. */
enum dueq_outcome {
    DUEQ_DONE = 0,    /* succeeded: the job is removed */
    DUEQ_RETRY = 1,   /* failed for now: run again by the job's retry policy, at last dead */
    DUEQ_SNOOZE = 2,  /* not now: run again after result->delay_us; does not count as an attempt */
    DUEQ_DEAD = 3,    /* failed for good: moved to the dead-letter table at once */
    DUEQ_PENDING = 4, /* not known yet: the handler calls host->finish later, from any thread */
};

enum dueq_log_level {
    DUEQ_LOG_ERROR = 3, /* the numbers are syslog's */
    DUEQ_LOG_WARNING = 4,
    DUEQ_LOG_INFO = 6,
    DUEQ_LOG_DEBUG = 7,
};

/* One attempt of one job. Owned by dueqd and constant; it and all it points to are valid until
 * run() returns, or, after DUEQ_PENDING, until host->finish has been called. */
struct dueq_job {
    uint32_t size;          /* sizeof this struct in the dueqd that made it */
    uint32_t attempt;       /* 1 for the first run */
    uint32_t max_attempts;  /* the attempt after which a failure is final */
    uint32_t flags;         /* 0; reserved for a later minor */
    uint64_t id;            /* dueq_job.id; unique within its source */
    const char *message_id; /* the same for every attempt and after a redrive, unique among sources:
                               the idempotency key to hand to whoever is called */
    const char *source;     /* name of the source in dueqd's configuration */
    const char *queue;
    const char *kind;
    const char *payload; /* byte for byte what the producer wrote; may contain NUL bytes, and is
                            followed by one that payload_len does not count */
    size_t payload_len;
    const char *headers; /* JSON text, or NULL where the producer gave none */
    size_t headers_len;
    int64_t created_at_us; /* microseconds since 1970-01-01 UTC, by the database's clock */
    int64_t due_at_us;     /* when this attempt was due, likewise */
    int64_t timeout_us; /* how long the attempt may take, from the call of run(); see cancelled() */
};

/* What a handler may say besides its outcome. dueqd fills it before the call. */
struct dueq_result {
    uint32_t size;
    uint32_t message_size; /* bytes at `message`, the final NUL included; at least 1024 */
    int64_t delay_us;      /* RETRY, SNOOZE: run again after this long (RETRY: clamped by the retry
                              policy's maximum); -1, as dueqd sets it: RETRY by the policy, SNOOZE 1 s */
    char *message;         /* why it failed, for the operator: write with snprintf(result->message,
                              result->message_size, …). Kept with RETRY and DEAD. Bytes that are not UTF-8
                              are replaced, a text that is not ended is cut. */
};

struct dueq_options; /* what the configuration's `options = { … }` says; opaque */

/* What dueqd offers to a plugin. One for each instance, valid from open() until close() has
 * returned. Every function may be called from any thread. */
struct dueq_host {
    uint32_t size;
    uint32_t abi_minor;  /* of this dueqd */
    const char *handler; /* the name of the handler this instance belongs to */
    const char *kind;    /* the kind or prefix ("order.*") that it is bound to */

    /* Writes a line to dueqd's log, with the handler's name. Never log payloads or secrets. */
    void (*log)(const struct dueq_host *host, enum dueq_log_level level, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

    /* Ends a job whose run() returned, or is about to return, DUEQ_PENDING. Exactly one call a job;
     * afterwards `job` is no longer valid. outcome: any but DUEQ_PENDING. message: borrowed for the
     * call, NUL-terminated, may be NULL. delay_us: as in dueq_result. */
    void (*finish)(const struct dueq_job *job, enum dueq_outcome outcome, int64_t delay_us,
                   const char *message);

    /* 1 if the attempt should stop: its timeout has passed, the job was cancelled or taken over by
     * another daemon, or this dueqd is shutting down and the drain time is over. Cheap enough for
     * an inner loop. */
    int32_t (*cancelled)(const struct dueq_job *job);

    /* Moves the timeout to `timeout_us` microseconds from now. */
    void (*extend)(const struct dueq_job *job, int64_t timeout_us);

    /* Options, to be read within open(). An option that open() never asked for is reported to the
     * user as unknown, so ask for each one that exists. Names are borrowed; what comes back lives
     * until close() has returned.
     *
     * The int32_t ones return 0 and set *ret (to `fallback` where the option is absent), or -1
     * where the value is of another type or out of bounds: dueqd then reports it with its place in
     * the file, and open() just returns -1. */
    const char *(*option_string)(const struct dueq_options *options, const char *name,
                                 const char *fallback);
    /* NULL-terminated; NULL where absent. A single string counts as a list of one. */
    const char *const *(*option_list)(const struct dueq_options *options, const char *name,
                                      size_t *ret_count);
    int32_t (*option_integer)(const struct dueq_options *options, const char *name, int64_t minimum,
                              int64_t maximum, int64_t fallback, int64_t *ret);
    int32_t (*option_boolean)(const struct dueq_options *options, const char *name,
                              int32_t fallback, int32_t *ret);
    int32_t (*option_duration)(const struct dueq_options *options, const char *name,
                               int64_t minimum_us, int64_t maximum_us, int64_t fallback_us,
                               int64_t *ret_us); /* "250ms", "30s", "1h30m" */

    /* Says why open() is about to fail, or what is wrong with the option `name` (NULL: none in
     * particular). Reported with the option's place in the file. */
    void (*option_error)(const struct dueq_options *options, const char *name, const char *format,
                         ...) __attribute__((format(printf, 3, 4)));
};

/* The one symbol that a plugin exports. Only `name` and `run` are required. */
struct dueq_handler {
    uint32_t abi_major; /* DUEQ_ABI_MAJOR; these three are checked before anything else is read */
    uint32_t abi_minor; /* DUEQ_ABI_MINOR */
    uint32_t size;      /* sizeof(struct dueq_handler) */
    uint32_t flags;     /* 0; a dueqd refuses a plugin with a flag that it does not know */
    const char *name; /* [a-z0-9_.-]{1,64}; what `handler = "…"` says. A job whose kind is this very
                         name needs no line in the configuration. */

    /* Makes an instance: once for each line in `kinds` that names the handler, at start and at each
     * reload, before any run(); for a reload, while the instance before it is still in use.
     * Returns 0, or -1 to refuse the configuration (say why with host->option_error).
     * *ret_instance: passed to all the others, NULL until set. */
    int32_t (*open)(const struct dueq_host *host, const struct dueq_options *options,
                    void **ret_instance);
    /* Ends it; no run() is active and no job pending. Called for what open() made, never after a
     * failed open(). */
    void (*close)(void *instance);

    /* Called in each thread that runs jobs with this instance, before its first and after its last
     * one. Where thread_open returns other than 0 the job at hand is tried again later, as after
     * DUEQ_RETRY. *ret_local: passed to run() in that thread. */
    int32_t (*thread_open)(void *instance, void **ret_local);
    void (*thread_close)(void *instance, void *local);

    /* Runs one attempt. Called from many threads at once. Returns an enum dueq_outcome; any other
     * number counts as DUEQ_RETRY, with a message that says so. */
    int32_t (*run)(void *instance, void *local, const struct dueq_job *job,
                   struct dueq_result *result);
};

#ifdef __cplusplus
}
#endif
