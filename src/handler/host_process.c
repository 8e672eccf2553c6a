#include "host_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "host_files.h"

extern char **environ;

enum {
    SEND_US = 10000000, /* a process that takes nothing for so long is stuck */
    TICK_US = 100000,   /* how soon a job that is cancelled is seen to be */
    OPEN_US = 60000000, /* for the plugin's open() */
};

/* What the service manager and the configuration have given to dueqd alone. */
static const char *const kept_back[] = { "NOTIFY_SOCKET=", "WATCHDOG_USEC=", "WATCHDOG_PID=",
                                         "LISTEN_",        "CREDENTIALS_",   "MYSQL_PWD=" };

static bool is_kept_back(const char *variable)
{
    for (size_t i = 0; i < sizeof kept_back / sizeof *kept_back; i++)
        if (strncmp(variable, kept_back[i], strlen(kept_back[i])) == 0)
            return true;
    return false;
}

/* NULL: no memory. */
static char **make_environment(void)
{
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    char **variables = calloc(count + 1, sizeof *variables);
    for (size_t i = 0; variables && i < count; i++)
        if (!is_kept_back(environ[i]))
            variables[kept++] = environ[i];
    return variables;
}

/* A copy that is not in the way of the numbers which the process finds its files at; or a negative
 * errno. */
static int copy_aside(int fd, size_t slots)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, HOST_SLOTS + (int) slots);
    return copy < 0 ? -errno : copy;
}

/* A pair, of which the channel takes one end; the other one, or a negative errno. */
static int connect_channel(struct channel *channel, size_t slots)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    channel_init(channel, pair[0]);
    int peer = copy_aside(pair[1], slots);
    int error = peer < 0 ? peer : channel_set_timeout(channel, SEND_US, TICK_US);
    close(pair[1]);
    if (error && peer >= 0)
        close(peer);
    return error ? error : peer;
}

static struct host_process *allocate(size_t slots)
{
    struct host_process *process = calloc(1, sizeof *process);
    if (!process)
        return NULL;
    channel_init(&process->control, -1);
    process->killed_for = -1;
    process->slots = calloc(slots, sizeof *process->slots);
    if (!process->slots) {
        free(process);
        return NULL;
    }
    mutex_init(&process->lock);
    for (size_t i = 0; i < slots; i++) {
        process->slots[i].process = process;
        process->slots[i].index = (int) i;
        channel_init(&process->slots[i].channel, -1);
    }
    process->slot_count = slots;
    return process;
}

/* files: what the process finds, in the order of host_files.h. */
static int make_files(struct host_process *process, int plugin, int *files)
{
    size_t count = 0, slots = process->slot_count;

    files[count++] = connect_channel(&process->control, slots);
    files[count++] = copy_aside(plugin, slots);
    for (size_t i = 0; i < slots; i++)
        files[count++] = connect_channel(&process->slots[i].channel, slots);
    for (size_t i = 0; i < count; i++)
        if (files[i] < 0)
            return files[i];
    return 0;
}

static int give_files(posix_spawn_file_actions_t *actions, const int *files, size_t count)
{
    int error = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    for (size_t i = 0; !error && i < count; i++)
        error = posix_spawn_file_actions_adddup2(actions, files[i], HOST_CONTROL + (int) i);
    if (!error)
        error = posix_spawn_file_actions_addclosefrom_np(actions, HOST_CONTROL + (int) count);
    return error;
}

/* No signal is blocked in it or handled, and it leads a group, which can be killed as one. */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int error = posix_spawnattr_setflags(
        attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    if (!error)
        error = posix_spawnattr_setsigmask(attributes, &none);
    if (!error)
        error = posix_spawnattr_setsigdefault(attributes, &all);
    return error ? error : posix_spawnattr_setpgroup(attributes, 0);
}

static int spawn(const struct host_plan *plan, const int *files, size_t count, pid_t *ret_pid)
{
    const char *const arguments[] = { plan->program, plan->handler, plan->pattern, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char **environment = make_environment();

    if (!environment)
        return -ENOMEM;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    int error = give_files(&actions, files, count);
    if (!error)
        error = set_attributes(&attributes);
    if (!error)
        error = posix_spawn(ret_pid, plan->program, &actions, &attributes,
                            (char *const *) arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    free(environment);
    return -error;
}

static void put_options(struct buffer *frame, const struct host_plan *plan)
{
    put_u32(frame, (uint32_t) plan->option_count);
    for (size_t i = 0; i < plan->option_count; i++) {
        const struct config_option *option = &plan->options[i];
        put_string(frame, option->name);
        put_u32(frame, option->line);
        put_string(frame, option->file);
        put_string(frame, option->text);
        put_u32(frame, (uint32_t) option->item_count);
        for (size_t k = 0; k < option->item_count; k++)
            put_string(frame, option->items[k]);
        put_u32(frame, option->is_list);
    }
}

static int send_plan(struct host_process *process, const struct host_plan *plan)
{
    struct buffer frame = { 0 };

    frame_begin(&frame, FRAME_OPEN);
    put_string(&frame, DUEQ_VERSION);
    put_u32(&frame, (uint32_t) log_get_level());
    put_u32(&frame, (uint32_t) process->slot_count);
    put_u32(&frame, plan->config->memory_mib);
    put_i64(&frame, plan->config->cpu_us);
    put_string(&frame, plan->place.file);
    put_u32(&frame, plan->place.line);
    put_string(&frame, plan->place.path);
    put_options(&frame, plan);
    int error = channel_send(&process->control, &frame);
    explicit_bzero(frame.bytes, frame.len); /* options may be secrets */
    buffer_done(&frame);
    return error;
}

/* 0, -EINVAL: refused, or another negative errno. */
static int await_opened(struct host_process *process, struct config_report *report,
                        struct error *error)
{
    int64_t until_us = clock_now_us() + OPEN_US;
    struct frame frame;

    for (;;) {
        int got = channel_receive(&process->control, &frame);
        if (got == 0 && clock_now_us() < until_us)
            continue;
        if (got <= 0) {
            got = got == 0 ? -ETIMEDOUT : got;
            error_set(error, "%s while it opened the plugin",
                      got == -EPIPE ? "it ended" : strerror(-got));
            return got;
        }
        if (frame.type == FRAME_OPENED) {
            return take_u32(&frame) ? 0 : -EINVAL;
        }
        const char *file = take_text(&frame, NULL);
        unsigned line = take_u32(&frame);
        const char *text = take_text(&frame, NULL);
        if (frame.type != FRAME_PROBLEM || frame.bad) {
            error_set(error, "it does not speak the language of this dueqd");
            return -EPROTO;
        }
        error_set(error, "%s", text);
        if (report)
            config_report_add(report, false, file, line, "%s", text);
    }
}

int host_process_start(const struct host_plan *plan, struct host_process **ret_process,
                       struct config_report *report, struct error *error)
{
    struct host_process *process = allocate(plan->config->jobs);
    size_t count = HOST_SLOTS - HOST_CONTROL + plan->config->jobs;
    int *files = malloc(count * sizeof *files);

    if (!process || !files) {
        free(files);
        host_process_free(process);
        error_set(error, "out of memory");
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++)
        files[i] = -1;
    int result = make_files(process, plan->plugin, files);
    if (!result)
        result = spawn(plan, files, count, &process->pid);
    if (result)
        error_set(error, "%s: %s", plan->program, strerror(-result));
    for (size_t i = 0; i < count; i++)
        if (files[i] >= 0)
            close(files[i]);
    free(files);
    if (!result) {
        result = send_plan(process, plan);
        if (result && result != -EPIPE) /* await_opened has the better words for that one */
            error_set(error, "%s: %s", plan->program, strerror(-result));
        if (!result || result == -EPIPE)
            result = await_opened(process, report, error);
    }
    if (result) {
        (void) host_process_bury(process);
        host_process_free(process);
        return result;
    }
    *ret_process = process;
    return 0;
}

bool host_process_is_dead(struct host_process *process)
{
    siginfo_t info = { .si_pid = 0 };

    mutex_lock(&process->lock);
    bool dead = process->pid == 0 ||
                (waitid(P_PID, (id_t) process->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
                 info.si_pid != 0);
    mutex_unlock(&process->lock);
    return dead;
}

void host_process_kill(struct host_process *process, int slot)
{
    mutex_lock(&process->lock);
    if (process->pid > 0 && process->killed_for < 0) {
        process->killed_for = slot;
        kill(-process->pid, SIGKILL);
    }
    mutex_unlock(&process->lock);
}

/* The last words of a process that is dead. */
static int fault_slot(struct host_process *process)
{
    struct frame frame;
    while (channel_receive(&process->control, &frame) == 1)
        if (frame.type == FRAME_FAULT)
            return (int) take_u32(&frame);
    return -1;
}

struct host_end host_process_bury(struct host_process *process)
{
    mutex_lock(&process->lock);
    if (process->pid > 0) {
        int status = 0;
        kill(-process->pid, SIGKILL); /* what it has started goes with it */
        while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
            ;
        process->pid = 0;
        process->end = (struct host_end){ .status = status,
                                          .fault_slot = fault_slot(process),
                                          .killed_for = process->killed_for };
    }
    struct host_end end = process->end;
    mutex_unlock(&process->lock);
    return end;
}

void host_process_finish(struct host_process *process)
{
    struct buffer frame = { 0 };

    for (size_t i = 0; i < process->slot_count; i++)
        channel_done(&process->slots[i].channel);
    frame_begin(&frame, FRAME_END);
    if (channel_send(&process->control, &frame) < 0)
        host_process_kill(process, 0);
    buffer_done(&frame);
}

void host_process_free(struct host_process *process)
{
    if (!process)
        return;
    for (size_t i = 0; i < process->slot_count; i++) {
        channel_done(&process->slots[i].channel);
        buffer_done(&process->slots[i].frame);
    }
    channel_done(&process->control);
    mutex_done(&process->lock);
    free(process->slots);
    free(process);
}
