#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "channel.h"
#include "host.h"
#include "host_files.h"
#include "loader.h"
#include "log.h"
#include "options.h"
#include "slot.h"

/* dueq-host: runs the jobs of one kind in a process of its own. dueqd starts it, and tells it all
 * over a channel; see host_process.h. */

enum { SLOTS_MAX = 1024 };

struct plan {
    uint32_t slots;
    uint32_t memory_mib; /* 0: no limit */
    struct options_place place;
    struct config_option *options;
    size_t option_count;
};

struct hosted {
    struct plugin plugin;
    struct dueq_host host;
    struct dueq_options *options;
    struct slot_handler handler;
};

static void take_option(struct frame *frame, struct config_option *option)
{
    option->name = take_text(frame, NULL);
    option->line = take_u32(frame);
    option->file = take_text(frame, NULL);
    option->text = take_text(frame, NULL);
    option->item_count = take_u32(frame);
    if (frame->bad || option->item_count > (size_t) (frame->end - frame->at)) {
        frame->bad = 1;
        return;
    }
    const char **items = calloc(option->item_count + 1, sizeof *items);
    for (size_t i = 0; items && i < option->item_count; i++)
        items[i] = take_text(frame, NULL);
    option->items = items;
    option->is_list = take_u32(frame);
    frame->bad |= !items;
}

/* What it points to is the frame's. */
static bool take_plan(struct frame *frame, const char *handler, struct plan *plan,
                      struct slot_handler *ret_handler)
{
    const char *version = take_text(frame, NULL);
    if (!version || strcmp(version, DUEQ_VERSION) != 0) {
        log_error("dueqd is of another version than dueq-host, restart it: host=%s dueqd=%s",
                  DUEQ_VERSION, version ? version : "?");
        return false;
    }
    log_set_level((enum log_level) take_u32(frame));
    plan->slots = take_u32(frame);
    plan->memory_mib = take_u32(frame);
    ret_handler->cpu_us = take_i64(frame);
    plan->place.file = take_text(frame, NULL);
    plan->place.line = take_u32(frame);
    plan->place.handler = handler;
    const char *path = take_text(frame, NULL);
    snprintf(plan->place.path, sizeof plan->place.path, "%s", path ? path : "");
    plan->option_count = take_u32(frame);
    if (frame->bad || plan->slots > SLOTS_MAX ||
        plan->option_count > (size_t) (frame->end - frame->at))
        return false;
    plan->options = calloc(plan->option_count + 1, sizeof *plan->options);
    if (!plan->options)
        return false;
    for (size_t i = 0; i < plan->option_count && !frame->bad; i++)
        take_option(frame, &plan->options[i]);
    return !frame->bad;
}

static bool send_opened(struct channel *control, bool opened)
{
    struct buffer frame = { 0 };
    frame_begin(&frame, FRAME_OPENED);
    put_u32(&frame, opened);
    bool sent = channel_send(control, &frame) == 0;
    buffer_done(&frame);
    return sent;
}

static void send_problem(struct channel *control, const struct options_problem *problem)
{
    struct buffer frame = { 0 };
    frame_begin(&frame, FRAME_PROBLEM);
    put_string(&frame, problem->file);
    put_u32(&frame, problem->line);
    put_string(&frame, problem->text);
    int error = channel_send(control, &frame);
    (void) error; /* it will be known that it failed */
    buffer_done(&frame);
}

static void send_problems(struct channel *control, const struct dueq_options *options)
{
    struct options_problem problem;
    for (size_t i = 0; options_problem(options, i, &problem); i++)
        send_problem(control, &problem);
}

/* What dueqd waits for: true if jobs may come. */
static bool open_plugin(struct channel *control, const struct plan *plan, const char *pattern,
                        struct hosted *hosted)
{
    const struct dueq_handler *handler = &hosted->plugin.handler;
    struct error error = { "" };
    char path[32];

    snprintf(path, sizeof path, "/proc/self/fd/%d", HOST_PLUGIN);
    if (plugin_open(path, &hosted->plugin, &error) < 0) {
        send_problem(control, &(struct options_problem){ .file = plan->place.file,
                                                         .line = plan->place.line,
                                                         .text = error.text });
        (void) send_opened(control, false);
        return false;
    }
    hosted->options = options_new(&plan->place, plan->options, plan->option_count);
    if (!hosted->options)
        return false;
    host_init(&hosted->host, handler->name, pattern, &slot_callbacks);
    hosted->handler.handler = handler;
    bool opened = !handler->open ||
                  handler->open(&hosted->host, hosted->options, &hosted->handler.instance) == 0;
    bool usable = options_end_open(hosted->options, opened);
    send_problems(control, hosted->options);
    if (!send_opened(control, usable) || !usable) {
        if (opened && handler->close)
            handler->close(hosted->handler.instance);
        return false;
    }
    return true;
}

/* What a plugin takes by accident shall not be the machine's last, and not dueqd's either. */
static void limit(uint32_t memory_mib)
{
    static const char adjustment[] = "500";
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (write(fd, adjustment, sizeof adjustment - 1) < 0)
            log_debug("this process stays as dear to the kernel as dueqd: oom_score_adj: %s",
                      strerror(errno));
        close(fd);
    }
    struct rlimit memory = { (rlim_t) memory_mib << 20, (rlim_t) memory_mib << 20 };
    if (memory_mib && setrlimit(RLIMIT_DATA, &memory) < 0)
        log_error("the limit of memory cannot be set: %s", strerror(errno));
    struct rlimit cpu;
    if (getrlimit(RLIMIT_CPU, &cpu) < 0 || setrlimit(RLIMIT_CPU, &cpu) < 0)
        log_error("the limit of processor time cannot be set: %s", strerror(errno));
}

/* dueqd is gone, or has given this process up: whatever runs here must not go on. */
static _Noreturn void die(void)
{
    kill(0, SIGKILL);
    _exit(1);
}

static void await_end(struct channel *control)
{
    struct frame frame;
    for (;;) {
        if (channel_receive(control, &frame) != 1)
            die();
        if (frame.type == FRAME_END)
            return;
    }
}

static void plan_done(struct plan *plan)
{
    for (size_t i = 0; plan->options && i < plan->option_count; i++)
        free((void *) plan->options[i].items);
    free(plan->options);
}

/* The exit status. */
static int serve(struct channel *control, const struct plan *plan, const char *pattern,
                 struct hosted *hosted)
{
    struct slots *slots;

    for (int fd = HOST_CONTROL; fd < HOST_SLOTS + (int) plan->slots; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    limit(plan->memory_mib);
    if (!open_plugin(control, plan, pattern, hosted))
        return 78;
    if (slots_start(&hosted->handler, HOST_SLOTS, plan->slots, &slots) < 0)
        return 71;
    await_end(control);
    slots_join(slots);
    if (hosted->handler.handler->close)
        hosted->handler.handler->close(hosted->handler.instance);
    options_free(hosted->options);
    return 0;
}

int main(int argc, char **argv)
{
    struct channel control;
    struct plan plan = { .slots = 0 };
    struct hosted hosted = { .handler = { .control = HOST_CONTROL } };
    struct frame frame;

    channel_init(&control, HOST_CONTROL);
    if (argc != 3 || fcntl(HOST_PLUGIN, F_GETFD) < 0 || channel_receive(&control, &frame) != 1 ||
        frame.type != FRAME_OPEN) {
        fprintf(stderr, "dueq-host is started by dueqd, for kinds with isolation = \"process\"\n");
        return 64;
    }
    int status = take_plan(&frame, argv[1], &plan, &hosted.handler)
                     ? serve(&control, &plan, argv[2], &hosted)
                     : 70;
    plan_done(&plan);
    return status;
}
