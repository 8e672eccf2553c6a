#include "daemon.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "directory.h"
#include "fail.h"
#include "sql.h"

enum { START_LIMIT_S = 30, STOP_LIMIT_S = 45, HEARTBEAT_LIMIT_S = 30 };

struct process *daemon_start(const char *config)
{
    struct process *daemon = process_start("dueqd", "-c", config, NULL);
    process_expect_line(daemon, ">ready", START_LIMIT_S);
    return daemon;
}

void daemon_stop(struct process *daemon)
{
    process_signal(daemon, SIGTERM);
    int status = process_wait(daemon, STOP_LIMIT_S);
    if (status != 0)
        test_fail("dueqd ended with %d:\n%s", status, process_stderr(daemon));
}

void daemon_reload(struct process *daemon)
{
    process_signal(daemon, SIGHUP);
    process_expect_line(daemon, ">reloaded: ", START_LIMIT_S);
}

void daemon_wait_counter(struct process *daemon, MYSQL *admin, const char *counter, uint64_t value)
{
    sql_wait_until(admin, HEARTBEAT_LIMIT_S,
                   "SELECT SUM(JSON_VALUE(status, '$.counters.%s')) >= %llu FROM dueq_worker"
                   " WHERE name LIKE '%%:%d'",
                   counter, (unsigned long long) value, (int) process_id(daemon));
}

void daemon_wait_heartbeat(struct process *daemon, MYSQL *admin)
{
    sql_run(admin, "SET @heartbeat_after = NOW(6)");
    sql_wait_until(admin, HEARTBEAT_LIMIT_S,
                   "SELECT seen_at > @heartbeat_after FROM dueq_worker WHERE name LIKE '%%:%d'",
                   (int) process_id(daemon));
}

long daemon_memory_kib(struct process *daemon)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/status", (int) process_id(daemon));
    char *text = test_file_read(path), *line = strstr(text, "VmHWM:");
    if (!line)
        test_fail("%s says nothing of VmHWM", path);
    long kib = strtol(line + strlen("VmHWM:"), NULL, 10);
    free(text);
    return kib;
}

static unsigned count_entries(struct process *daemon, const char *what)
{
    char path[64];
    unsigned count = 0;
    const struct dirent *entry;
    snprintf(path, sizeof path, "/proc/%d/%s", (int) process_id(daemon), what);
    DIR *directory = opendir(path);
    if (!directory)
        test_fail("%s cannot be read", path);
    while ((entry = readdir(directory)))
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

unsigned daemon_open_files(struct process *daemon)
{
    return count_entries(daemon, "fd");
}

unsigned daemon_threads(struct process *daemon)
{
    return count_entries(daemon, "task");
}

void daemon_install_handler(const char *directory, const char *name)
{
    char from[512], as[512], to[512];
    bool of_ours = strcmp(name, "stubborn") == 0 || strcmp(name, "crasher") == 0 ||
                   strcmp(name, "guest") == 0 || strcmp(name, "threads") == 0;
    snprintf(from, sizeof from, DUEQ_BINARY_DIR "/%s/%s.so",
             of_ours ? "tests/e2e/plugins" : "handlers", name);
    snprintf(as, sizeof as, "%s/.%s.so.new", directory, name);
    snprintf(to, sizeof to, "%s/%s.so", directory, name);
    if (process_run((const char *const[]){ "install", "-m", "0755", from, as, NULL }, NULL, NULL) ||
        rename(as, to) < 0)
        test_fail("%s cannot be installed as %s", from, to);
}

const char *daemon_handlers(const char *const *names)
{
    const char *directory = test_directory_new();
    for (; *names; names++)
        daemon_install_handler(directory, *names);
    return directory;
}
