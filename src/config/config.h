#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log.h"
#include "retry_policy.h"

/* What a configuration file says, checked: built once by config_load, then only read. Every pointer
 * in it lives as long as it does. Durations are microseconds. Where a key may be absent the field
 * says so. */

enum config_tls {
    CONFIG_TLS_OFF,
    CONFIG_TLS_REQUIRED,
    CONFIG_TLS_VERIFY_CA,
    CONFIG_TLS_VERIFY_IDENTITY
};

enum config_doorbell { CONFIG_DOORBELL_OFF, CONFIG_DOORBELL_BINLOG };

/* Bounds beyond which a server is spared; 0: none. */
struct config_protect {
    uint32_t history;     /* entries of InnoDB's history list */
    uint32_t deadlocks;   /* of all users, a second */
    uint32_t apply_queue; /* transactions that a node of the cluster has yet to apply */
};

struct config_host {
    const char *host;
    uint32_t port; /* 0: the source's */
};

struct config_source {
    const char *name;
    const char *socket; /* NULL: a host or hosts, and port */
    const char *host;
    const struct config_host *hosts; /* in the order in which they are tried */
    size_t host_count;
    uint32_t port;
    const char *database;
    const char *user;
    const char *password;      /* what the file or `password` said; "" for none */
    const char *password_file; /* NULL: none; as it was resolved */
    uint32_t lanes;
    enum config_doorbell doorbell;
    int64_t connect_timeout_us;
    int64_t read_timeout_us; /* for an answer, also for a write to go through */
    struct {
        enum config_tls mode;
        const char *ca, *cert, *key; /* files, or NULL */
    } tls;
    struct config_protect protect;
};

enum config_claim { CONFIG_CLAIM_ADAPTIVE, CONFIG_CLAIM_LEASE, CONFIG_CLAIM_HOLD };

struct config_queue {
    const char *name;
    uint32_t threads;
    uint32_t batch;   /* jobs a claim takes at most */
    uint32_t pending; /* jobs in flight at most, counting those that a handler finishes later */
    uint32_t weight;
    enum config_claim claim;
    int64_t hold_us;
    int64_t lease_us;
    int64_t poll_us;
    int64_t poll_idle_us; /* while nothing has been due for a while */
    int64_t timeout_us;
    const struct retry_policy *retry;
};

/* One `name = value` of a kind's options. Scalars stand as text ("42", "true", "0.5"). A group
 * within the options is flattened: `headers = { a = "1"; }` becomes "headers.a". */
struct config_option {
    const char *name;
    unsigned line;
    bool is_list;
    const char *text;         /* scalar */
    const char *const *items; /* list, NULL-terminated */
    size_t item_count;
    const char *file; /* in which `line` is: the configuration file or one that it includes */
};

enum config_isolation { CONFIG_ISOLATION_NONE, CONFIG_ISOLATION_PROCESS };

/* The processes that run the jobs of an isolated kind. */
struct config_process {
    uint32_t count;      /* at most */
    uint32_t jobs;       /* at the same time, in each */
    uint32_t memory_mib; /* of each; 0: no limit */
    int64_t cpu_us;      /* of each, for a job; 0: no limit */
    uint32_t recycle;    /* jobs after which one is replaced; 0: never */
    int64_t kill_after_us;
};

struct config_kind {
    const char *kind; /* exact, or a prefix that ends in ".*" or is "*" */
    const char *handler;
    const struct retry_policy *retry; /* NULL: the queue's */
    int64_t timeout_us;               /* 0: the queue's */
    enum config_isolation isolation;
    struct config_process process;
    const struct config_option *options;
    size_t option_count;
    unsigned line;
    const char *file; /* in which `line` is: the configuration file or one that it includes */
};

struct config {
    const char *file;
    const struct config_source *sources;
    size_t source_count;
    const struct config_queue *queues; /* at least one */
    size_t queue_count;
    const struct config_kind *kinds;
    size_t kind_count;
    const struct retry_policy
        *retries; /* the built-in ones first; a configured one of such a name replaces it */
    size_t retry_count;
    const char *handler_directory;
    const char *state_directory; /* NULL: none */
    uint32_t crash_limit;
    int64_t drain_us;
    int64_t keep_errors_us;
    enum log_level log_level;
};

/* What is wrong with a file, or doubtful, one line each: "dueq.conf:12: queues[0].threads: expected
 * an integer from 1 to 1024, found 0". In the order of the file. Zero-initialise it. */
struct config_report {
    struct config_problem {
        bool warning;
        char *text;
        uint64_t order; /* config_load's own */
    } * problems;
    size_t count;
    size_t error_count;
};

void config_report_done(struct config_report *report);
void config_report_add(struct config_report *report, bool warning, const char *file, unsigned line,
                       const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Reads and checks the whole file, and goes on after an error so that the report names all of them.
 * Password files are read too. 0, or -EINVAL with at least one error in the report,
 * -ENOENT/-EACCES/… where the file itself could not be read (also in the report), -ENOMEM. */
int config_load(const char *file, struct config **ret_config, struct config_report *report)
    __attribute__((warn_unused_result));

/* Wipes the passwords. Takes NULL. */
void config_free(struct config *config);

const struct config_queue *config_find_queue(const struct config *config, const char *name);
const struct retry_policy *config_find_retry(const struct config *config, const char *name);
