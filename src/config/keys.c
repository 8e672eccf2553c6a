#include "keys.h"

#include <stddef.h>
#include <string.h>

#include "config.h"

#define MILLISECOND 1000LL
#define SECOND (1000 * MILLISECOND)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define YEAR (365 * DAY)

#define AT(type, field) .offset = offsetof(struct type, field)
#define COUNT(type, field) .count_offset = offsetof(struct type, field)
#define SECTION(section_name, type, section_keys, section_title)                                   \
    {                                                                                              \
        .name = (section_name), .title = (section_title), .size = sizeof(struct type),             \
        .keys = (section_keys), .key_count = sizeof(section_keys) / sizeof *(section_keys)         \
    }

/* The longest names that a MySQL or MariaDB server knows, and the longest path of a unix socket. */
enum {
    DATABASE_MAX = 64,
    USER_MAX = 80,
    SOCKET_MAX = 107,
    HOST_MAX = 255,
    PASSWORD_MAX = 4096,
    PATH_LEN_MAX = 4095
};

static const struct key_choice tls_modes[] = {
    { "off", CONFIG_TLS_OFF },
    { "required", CONFIG_TLS_REQUIRED },
    { "verify-ca", CONFIG_TLS_VERIFY_CA },
    { "verify-identity", CONFIG_TLS_VERIFY_IDENTITY },
    { NULL, 0 },
};

static const struct key_choice doorbells[] = {
    { "off", CONFIG_DOORBELL_OFF },
    { "binlog", CONFIG_DOORBELL_BINLOG },
    { NULL, 0 },
};

static const struct key_choice log_levels[] = {
    { "error", LOG_LEVEL_ERROR },
    { "warning", LOG_LEVEL_WARNING },
    { "info", LOG_LEVEL_INFO },
    { "debug", LOG_LEVEL_DEBUG },
    { NULL, 0 },
};

static const struct key_choice claim_modes[] = {
    { "adaptive", CONFIG_CLAIM_ADAPTIVE },
    { "lease", CONFIG_CLAIM_LEASE },
    { "hold", CONFIG_CLAIM_HOLD },
    { NULL, 0 },
};

static const struct key_choice isolations[] = {
    { "none", CONFIG_ISOLATION_NONE },
    { "process", CONFIG_ISOLATION_PROCESS },
    { NULL, 0 },
};

/* A table and its sentences are read best as they are set here. */
/* clang-format off */

static const struct key tls_keys[] = {
    { "mode", KEY_CHOICE, AT(config_source, tls.mode), .choices = tls_modes, .default_text = "off",
      .description =
          "How the connection is encrypted: not at all; encrypted, whoever the server is; only "
          "with a server whose certificate the CA has signed; only if that certificate also "
          "bears the host's name." },
    { "ca", KEY_FILE, AT(config_source, tls.ca), .maximum = PATH_LEN_MAX,
      .absent = "the client library's own, where it has them",
      .sample = "/etc/ssl/certs/ca-certificates.crt",
      .description = "The certificates of the authorities that are trusted, in PEM." },
    { "cert", KEY_FILE, AT(config_source, tls.cert), .maximum = PATH_LEN_MAX,
      .absent = "none is shown", .sample = "/etc/dueq/client.crt",
      .description = "The certificate that dueqd shows to the server, in PEM. It goes with key." },
    { "key", KEY_FILE, AT(config_source, tls.key), .maximum = PATH_LEN_MAX,
      .absent = "none", .sample = "/etc/dueq/client.key",
      .description = "The private key of cert, in PEM." },
};
static const struct section tls_section =
    SECTION("sources.tls", config_source, tls_keys,
            "Encryption of the connections to this database.");

static const struct key protect_keys[] = {
    { "history", KEY_INTEGER, AT(config_source, protect.history), .maximum = 1000000000,
      .default_text = "0", .absent = "no bound", .sample = "1000000",
      .description =
          "Length of InnoDB's history list: what a long transaction or dump keeps from being "
          "purged. MySQL shows it to a user with PROCESS only." },
    { "deadlocks", KEY_INTEGER, AT(config_source, protect.deadlocks), .maximum = 1000000,
      .default_text = "0", .absent = "no bound", .sample = "20",
      .description =
          "Deadlocks a second, of all users of the server. MySQL shows them to a user with PROCESS "
          "only." },
    { "apply_queue", KEY_INTEGER, AT(config_source, protect.apply_queue), .maximum = 1000000000,
      .default_text = "0", .absent = "no bound", .sample = "10000",
      .description =
          "Transactions that a node has yet to apply: in a Galera cluster the node that dueqd is "
          "connected to, in a MySQL group any, where the user may read performance_schema." },
};
static const struct section protect_section =
    SECTION("sources.protect", config_source, protect_keys,
            "Bounds beyond which claims go at a fifth of their speed, until the server is below "
            "them again.");

static const struct key source_keys[] = {
    { "name", KEY_NAME, AT(config_source, name), .required = true, .sample = "main", .active = true,
      .description =
          "What the source is called in the log and in what handlers are given." },
    { "socket", KEY_PATH, AT(config_source, socket), .maximum = SOCKET_MAX,
      .absent = "host is used", .sample = "/run/mysqld/mysqld.sock", .active = true,
      .description =
          "The server's unix socket, for a server on this machine. Every source has a socket, a "
          "host or hosts." },
    { "host", KEY_STRING, AT(config_source, host), .minimum = 1, .maximum = HOST_MAX,
      .not_with = "socket", .absent = "socket is used", .sample = "db.example.com",
      .description = "The server's name or address." },
    { "hosts", KEY_HOSTS, AT(config_source, hosts), COUNT(config_source, host_count),
      .maximum = HOST_MAX, .not_with = "socket", .absent = "socket or host is used",
      .sample = "[ \"db1.example.com\", \"db2.example.com:3307\" ]",
      .description =
          "The servers of one replicated database, in place of host: where one cannot be reached, or "
          "takes no writes, the next is used. All connections go to the same one." },
    { "port", KEY_INTEGER, AT(config_source, port), .minimum = 1, .maximum = 65535,
      .not_with = "socket", .default_text = "3306",
      .description = "The server's TCP port; of hosts, where they do not name one." },
    { "database", KEY_STRING, AT(config_source, database), .minimum = 1, .maximum = DATABASE_MAX,
      .required = true, .sample = "shop", .active = true,
      .description = "The database that holds the dueq_* tables." },
    { "user", KEY_STRING, AT(config_source, user), .minimum = 1, .maximum = USER_MAX,
      .required = true, .sample = "dueq", .active = true,
      .description = "The database user that dueqd connects as." },
    { "password", KEY_SECRET, AT(config_source, password), .maximum = PASSWORD_MAX,
      .not_with = "password_file", .default_text = "", .sample = "change-me",
      .absent = "none, as where the server knows the user by the socket",
      .description =
          "The password itself. Who can read this file can then read the password, so "
          "password_file is the better place for it, and this file should be its owner's alone "
          "(chmod 600)." },
    { "password_file", KEY_FILE, AT(config_source, password_file), .maximum = PATH_LEN_MAX,
      .absent = "password is used", .sample = "db-password",
      .description =
          "A file with the password and nothing else; a newline at its end does not count." },
    { "lanes", KEY_INTEGER, AT(config_source, lanes), .minimum = 1, .maximum = 64,
      .default_text = "2",
      .description =
          "Connections that claim jobs and settle them, each with a thread of its own." },
    { "doorbell", KEY_CHOICE, AT(config_source, doorbell), .choices = doorbells,
      .default_text = "off",
      .description =
          "What tells dueqd of a new job besides looking for it: nothing; the server's binlog, "
          "which dueqd then follows as a replica would, so that a job begins within a few "
          "milliseconds of its commit. That needs a binlog and two more privileges (REPLICATION "
          "SLAVE and BINLOG MONITOR, or REPLICATION CLIENT on MySQL); without them the queues are "
          "polled as ever." },
    { "connect_timeout", KEY_DURATION, AT(config_source, connect_timeout_us), .minimum = SECOND,
      .maximum = HOUR, .default_text = "5s",
      .description = "How long it may take to connect." },
    { "read_timeout", KEY_DURATION, AT(config_source, read_timeout_us), .minimum = SECOND,
      .maximum = HOUR, .default_text = "30s",
      .description =
          "How long the server may take to answer, or to take what is sent, before the "
          "connection counts as lost." },
    { "tls", KEY_GROUP, .section = &tls_section },
    { "protect", KEY_GROUP, .section = &protect_section },
};
static const struct section source_section =
    SECTION("sources", config_source, source_keys,
            "The databases that jobs are taken from: a list of groups, at least one. Each is a "
            "MySQL or MariaDB database with the dueq_* tables in it.");

static const struct key queue_keys[] = {
    { "name", KEY_NAME, AT(config_queue, name), .required = true, .sample = "default",
      .active = true,
      .description = "The name that producers write into the column queue." },
    { "threads", KEY_INTEGER, AT(config_queue, threads), .minimum = 1, .maximum = 1024,
      .default_text = "8",
      .description = "Jobs that run at the same time, each in a thread of its own." },
    { "batch", KEY_INTEGER, AT(config_queue, batch), .minimum = 1, .maximum = 10000,
      .default_text = "1000",
      .description = "Jobs that one claim takes at most." },
    { "pending", KEY_INTEGER, AT(config_queue, pending), .minimum = 1, .maximum = 1000000,
      .default_text = "1000",
      .description =
          "Jobs in flight at most, counting those that wait for their handler to finish them "
          "without a thread, as those of the http handler do." },
    { "weight", KEY_INTEGER, AT(config_queue, weight), .minimum = 1, .maximum = 1000,
      .default_text = "1",
      .description =
          "The queue's share of the claims while several have jobs that are due: one of weight "
          "3 is served three times as often as one of weight 1." },
    { "claim", KEY_CHOICE, AT(config_queue, claim), .choices = claim_modes,
      .default_text = "adaptive",
      .description =
          "How a job that runs is kept from other daemons: by the row locks of a transaction that "
          "stays open meanwhile (hold: half the writes, and no other attempt is charged when a "
          "daemon dies), or by a lease that is committed before it begins (lease). adaptive holds "
          "the jobs of a kind whose handler has lately been quicker than the key hold, and leases "
          "all others." },
    { "hold", KEY_DURATION, AT(config_queue, hold_us), .minimum = MILLISECOND, .maximum = SECOND,
      .default_text = "20ms",
      .description =
          "How long a transaction stays open for the jobs that it holds. One that still runs then "
          "is leased, one that has not begun is given back." },
    { "lease", KEY_DURATION, AT(config_queue, lease_us), .minimum = SECOND, .maximum = DAY,
      .default_text = "60s",
      .description =
          "How long a job is kept from other daemons without a sign of life from this one. The "
          "leases of running jobs are renewed: this is how soon a job runs again after a crash, "
          "and no limit to its run time." },
    { "poll", KEY_DURATION, AT(config_queue, poll_us), .minimum = MILLISECOND, .maximum = HOUR,
      .default_text = "100ms",
      .description =
          "How often the queue is looked at when nothing else says that a job is due: how late "
          "a new job may begin." },
    { "poll_idle", KEY_DURATION, AT(config_queue, poll_idle_us), .minimum = MILLISECOND,
      .maximum = HOUR, .default_text = "1s",
      .description =
          "The same once nothing has been due for ten seconds, so that an idle daemon costs the "
          "database next to nothing. As long as poll, or shorter: poll holds always." },
    { "timeout", KEY_DURATION, AT(config_queue, timeout_us), .minimum = MILLISECOND,
      .maximum = 30 * DAY, .default_text = "30s",
      .description = "How long an attempt may take before it is told to stop." },
    { "retry", KEY_RETRY, AT(config_queue, retry), .default_text = "exponential",
      .description =
          "The retry policy of its jobs, where neither the job nor its kind names one." },
};
static const struct section queue_section =
    SECTION("queues", config_queue, queue_keys,
            "The queues that this daemon serves: a list of groups. Without the list there is "
            "one queue, named default, with the defaults below.");

static const struct key process_keys[] = {
    { "count", KEY_INTEGER, AT(config_kind, process.count), .minimum = 1, .maximum = 1024,
      .default_text = "8",
      .description = "Processes at most. One is there from the start, the others come with the work." },
    { "jobs", KEY_INTEGER, AT(config_kind, process.jobs), .minimum = 1, .maximum = 1024,
      .default_text = "1",
      .description =
          "Jobs that each of them runs at the same time. With one, a process that dies takes no "
          "other job with it; with more, those others are run again uncharged, where it can be told "
          "which job is to blame." },
    { "memory", KEY_INTEGER, AT(config_kind, process.memory_mib), .maximum = 16777216,
      .default_text = "0", .absent = "no limit", .sample = "512",
      .description = "MiB of memory that each may have." },
    { "cpu", KEY_DURATION, AT(config_kind, process.cpu_us), .maximum = DAY,
      .default_text = "0s", .absent = "no limit", .sample = "10s",
      .description =
          "Processor time that a process may use for a job, rounded up to a second; it is killed "
          "beyond that." },
    { "recycle", KEY_INTEGER, AT(config_kind, process.recycle), .maximum = 1000000000,
      .default_text = "0", .absent = "never", .sample = "10000",
      .description = "Jobs after which a process is replaced by a fresh one, for a handler that leaks." },
    { "kill_after", KEY_DURATION, AT(config_kind, process.kill_after_us), .minimum = MILLISECOND,
      .maximum = HOUR, .default_text = "5s",
      .description =
          "How long after its timeout, when it has been told to stop, a job may still run before "
          "its process is killed." },
};
static const struct section process_section =
    SECTION("kinds.process", config_kind, process_keys,
            "The processes of an isolated kind.");

static const struct key kind_keys[] = {
    { "kind", KEY_KIND, AT(config_kind, kind), .required = true, .sample = "order.*",
      .description =
          "The kind of job: its exact name, a prefix such as order.*, or * for all that nothing "
          "else fits. An exact name goes before a prefix, a longer prefix before a shorter one." },
    { "handler", KEY_HANDLER, AT(config_kind, handler), .required = true, .sample = "http",
      .description = "The handler that runs these jobs, by its plugin's name." },
    { "retry", KEY_RETRY, AT(config_kind, retry), .absent = "the queue's", .sample = "wechatpay",
      .description = "The retry policy of these jobs, where the job itself names none." },
    { "timeout", KEY_DURATION, AT(config_kind, timeout_us), .minimum = MILLISECOND,
      .maximum = 30 * DAY, .absent = "the queue's", .sample = "30s",
      .description = "How long an attempt may take before it is told to stop." },
    { "isolation", KEY_CHOICE, AT(config_kind, isolation), .choices = isolations,
      .default_text = "none", .sample = "process",
      .description =
          "Where the handler runs: in dueqd itself, the quickest; or in processes of its own, so "
          "that a crash costs the job an attempt and nothing else, and a job that does not stop is "
          "killed." },
    { "process", KEY_GROUP, .section = &process_section, .only_with = "isolation" },
    { "options", KEY_OPTIONS, AT(config_kind, options), COUNT(config_kind, option_count),
      .absent = "none", .sample = "{ url = \"https://shop.example.com/hooks\"; }",
      .description =
          "What the handler itself wants to know; its manual says what there is. An option is a "
          "string, a number, true or false, a list of these, or a group of options." },
};
static const struct section kind_section =
    SECTION("kinds", config_kind, kind_keys,
            "Which handler runs which kind of job: a list of groups. A kind that is a handler's "
            "very name needs none.");

static const struct key retry_keys[] = {
    { "name", KEY_NAME, AT(retry_policy, name), .required = true, .sample = "gentle",
      .description =
          "What queues, kinds and jobs call the policy. The name of a built-in one replaces it." },
    { "schedule", KEY_DURATIONS, AT(retry_policy, schedule_us), COUNT(retry_policy, schedule_len),
      .maximum = YEAR, .absent = "the delays follow from first, factor and max",
      .sample = "[ \"15s\", \"15s\", \"30s\", \"3m\" ]",
      .description = "The delays after the first failure, after the second, and so on." },
    { "first", KEY_DURATION, AT(retry_policy, first_us), .maximum = YEAR, .not_with = "schedule",
      .default_text = "1s",
      .description = "The delay after the first failure." },
    { "factor", KEY_REAL, AT(retry_policy, factor), .real_minimum = 1, .real_maximum = 100,
      .not_with = "schedule", .default_text = "2.0",
      .description = "What each delay is multiplied by to give the next one." },
    { "max", KEY_DURATION, AT(retry_policy, max_us), .maximum = YEAR, .not_with = "schedule",
      .default_text = "1h",
      .description =
          "No delay is longer, not even one that a handler asks for (Retry-After). With a "
          "schedule it is the longest of its delays." },
    { "jitter", KEY_REAL, AT(retry_policy, jitter), .real_minimum = 0, .real_maximum = 1,
      .default_text = "0.1",
      .description =
          "How far a delay is spread at random, so that jobs that failed together do not come "
          "back together: 0.1 spreads it from 10 % less to 10 % more, 0 not at all." },
    { "attempts", KEY_INTEGER, AT(retry_policy, max_attempts), .minimum = 1, .maximum = 1000000,
      .default_text = "20", .absent = "with a schedule: one more than it has delays",
      .description =
          "How often a job is run before it is dead, the first time included. A schedule that "
          "is too short for them repeats its last delay." },
    { "max_age", KEY_DURATION, AT(retry_policy, max_age_us), .maximum = 10 * YEAR,
      .default_text = "0s", .absent = "no limit",
      .description = "How long after its creation a job may still be tried again." },
};
static const struct section retry_section =
    SECTION("retry", retry_policy, retry_keys,
            "When a failed job is tried again: a list of groups, each a policy. A policy is "
            "either a schedule, or a curve of first, factor and max.");

static const struct key handlers_keys[] = {
    { "directory", KEY_DIRECTORY, AT(config, handler_directory), .maximum = PATH_LEN_MAX,
      .default_text = DUEQ_HANDLER_DIR_FULL, .absent = "where dueq's own were installed",
      .sample = "/usr/lib/dueq/handlers",
      .description = "The directory of the handler plugins: each *.so in it is loaded." },
};
static const struct section handlers_section =
    SECTION("handlers", config, handlers_keys, "The plugins that run the jobs.");

static const struct key log_keys[] = {
    { "level", KEY_CHOICE, AT(config, log_level), .choices = log_levels, .default_text = "info",
      .description = "The least important lines that are written." },
};
static const struct section log_section =
    SECTION("log", config, log_keys, "The log, which goes to standard error.");

static const struct key root_keys[] = {
    { "sources", KEY_LIST, AT(config, sources), COUNT(config, source_count),
      .section = &source_section },
    { "queues", KEY_LIST, AT(config, queues), COUNT(config, queue_count),
      .section = &queue_section },
    { "kinds", KEY_LIST, AT(config, kinds), COUNT(config, kind_count), .section = &kind_section },
    { "retry", KEY_LIST, AT(config, retries), COUNT(config, retry_count),
      .section = &retry_section },
    { "handlers", KEY_GROUP, .section = &handlers_section },
    { "log", KEY_GROUP, .section = &log_section },
    { "drain", KEY_DURATION, AT(config, drain_us), .maximum = HOUR, .default_text = "30s",
      .description =
          "How long running jobs may take to end when dueqd is stopped; what still runs then is "
          "given up." },
    { "state", KEY_DIRECTORY, AT(config, state_directory), .maximum = PATH_LEN_MAX,
      .absent = "what the service manager gives it ($RUNTIME_DIRECTORY, else $STATE_DIRECTORY), or none",
      .sample = "/run/dueq",
      .description =
          "A directory of dueqd's own, on this machine, in which it notes what it runs: so that after a "
          "crash the job that is to blame is known. It is read when dueqd starts, not at a reload." },
    { "crash_limit", KEY_INTEGER, AT(config, crash_limit), .minimum = 1, .maximum = 1000,
      .default_text = "3",
      .description = "A job that has crashed a daemon so often is dead." },
    { "keep_errors", KEY_DURATION, AT(config, keep_errors_us), .minimum = MINUTE, .maximum = 10 * YEAR,
      .default_text = "30d",
      .description =
          "How long a row of dueq_error is kept: what failed attempts said. Older ones are deleted in "
          "small batches." },
};
const struct section key_root = SECTION("", config, root_keys, "What concerns the whole daemon.");

/* clang-format on */

const struct key *key_find(const struct section *section, const char *name)
{
    for (size_t i = 0; i < section->key_count; i++)
        if (strcmp(section->keys[i].name, name) == 0)
            return &section->keys[i];
    return NULL;
}
