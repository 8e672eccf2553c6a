#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "directory.h"
#include "fail.h"
#include "wait.h"

enum { ARGUMENTS_MAX = 64, RUN_LIMIT_S = 60 };

/* One of the two files that the process writes to. */
struct stream {
    int fd;
    char *text; /* what was read from it, ended by a NUL */
    size_t len;
    size_t seen; /* up to where process_wait_line has looked; the start of a line */
};

struct process {
    struct process *next;
    pid_t pid;
    pid_t owner;
    bool ended;
    int exit_status; /* valid once ended */
    char name[64];
    struct stream out, err;
};

static struct process *processes;

const char *process_program(const char *name)
{
    static char paths[8][512];
    static unsigned count;
    const char *bin = getenv("DUEQ_TEST_BIN");
    char path[512];
    if (!bin || !*bin)
        bin = DUEQ_BINARY_DIR "/bin";
    if (snprintf(path, sizeof path, "%s/%s", bin, name) >= (int) sizeof path)
        test_fail("the path of %s is too long", name);
    for (unsigned i = 0; i < count; i++)
        if (strcmp(paths[i], path) == 0)
            return paths[i];
    if (count == sizeof paths / sizeof *paths)
        test_fail("process_program knows no more than %u programs", count);
    memcpy(paths[count], path, sizeof path);
    return paths[count++];
}

static void open_stream(struct stream *stream)
{
    /* In memory, so that there is nothing to clean up after a test that was killed. Parent and
     * child share the offset, and the parent only reads with pread. */
    stream->fd = memfd_create("output", MFD_CLOEXEC);
    if (stream->fd < 0)
        test_fail("cannot make a file in memory: %s", strerror(errno));
}

static void close_stream(struct stream *stream)
{
    if (stream->fd >= 0)
        close(stream->fd);
    free(stream->text);
}

static void read_stream(struct stream *stream)
{
    struct stat status;
    if (fstat(stream->fd, &status) < 0)
        test_fail("what a process wrote cannot be read: %s", strerror(errno));
    size_t len = (size_t) status.st_size;
    if (stream->text && len <= stream->len)
        return;
    stream->text = realloc(stream->text, len + 1);
    if (!stream->text)
        abort();
    while (stream->len < len) {
        ssize_t count = pread(stream->fd, stream->text + stream->len, len - stream->len,
                              (off_t) stream->len);
        if (count <= 0)
            break;
        stream->len += (size_t) count;
    }
    stream->text[stream->len] = '\0';
}

static int input_of(const char *input)
{
    if (!input)
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    int fd = memfd_create("input", MFD_CLOEXEC);
    size_t len = strlen(input);
    if (fd < 0 || write(fd, input, len) != (ssize_t) len || lseek(fd, 0, SEEK_SET) < 0)
        test_fail("cannot prepare the input of a process: %s", strerror(errno));
    return fd;
}

static bool is_named(const char *entry, const char *change)
{
    size_t len = strcspn(change, "=");
    return strncmp(entry, change, len) == 0 && (entry[len] == '=' || entry[len] == '\0');
}

/* The test's environment with the changes, to be freed; the strings are borrowed. */
static char **changed_environment(const char *const *changes)
{
    size_t count = 0, change_count = 0;
    while (environ[count])
        count++;
    while (changes && changes[change_count])
        change_count++;
    char **environment = calloc(count + change_count + 1, sizeof *environment);
    if (!environment)
        abort();
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        bool changed = false;
        for (size_t j = 0; j < change_count; j++)
            changed = changed || is_named(environ[i], changes[j]);
        if (!changed)
            environment[kept++] = environ[i];
    }
    for (size_t j = 0; j < change_count; j++)
        if (strchr(changes[j], '='))
            environment[kept++] = (char *) changes[j];
    return environment;
}

/* In the child: only what is allowed between fork and exec in a program with threads. */
static _Noreturn void become(char *const *argv, char *const *environment, const int fds[3],
                             pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it was killed before it could be said */
        _exit(127);
    for (int i = 0; i < 3; i++)
        if (dup2(fds[i], i) < 0)
            _exit(127);
    execvpe(argv[0], argv, environment);
    static const char words[] = "the test cannot run this program\n";
    (void) !write(STDERR_FILENO, words, sizeof words - 1);
    _exit(127);
}

static void end_all_at_exit(void)
{
    process_end_all();
}

struct process *process_start_with(const char *const *arguments, const char *const *environment,
                                   const char *input)
{
    static bool registered;
    if (!registered && atexit(end_all_at_exit) == 0)
        registered = true;

    char *argv[ARGUMENTS_MAX + 1] = { NULL };
    size_t count = 0;
    for (; arguments[count]; count++) {
        if (count == ARGUMENTS_MAX)
            test_fail("more than %d arguments", ARGUMENTS_MAX);
        argv[count] = (char *) arguments[count];
    }
    if (strcmp(argv[0], "dueqd") == 0 || strcmp(argv[0], "dueq") == 0)
        argv[0] = (char *) process_program(argv[0]);

    struct process *process = calloc(1, sizeof *process);
    if (!process)
        abort();
    snprintf(process->name, sizeof process->name, "%s", arguments[0]);
    open_stream(&process->out);
    open_stream(&process->err);
    process->owner = getpid();
    char **changed = changed_environment(environment);
    const int fds[3] = { input_of(input), process->out.fd, process->err.fd };
    if (fds[0] < 0)
        test_fail("cannot prepare the input of %s: %s", process->name, strerror(errno));

    process->pid = fork();
    if (process->pid == 0)
        become(argv, changed, fds, process->owner);
    if (process->pid < 0)
        test_fail("cannot start %s: %s", process->name, strerror(errno));
    setpgid(process->pid, process->pid); /* in both, so that neither has to wait for the other */
    close(fds[0]);
    free(changed);
    process->next = processes;
    processes = process;
    return process;
}

struct process *process_start(const char *program, ...)
{
    const char *arguments[ARGUMENTS_MAX + 2] = { program };
    va_list args;
    va_start(args, program);
    for (size_t i = 1; i <= ARGUMENTS_MAX + 1; i++) {
        arguments[i] = va_arg(args, const char *);
        if (!arguments[i])
            break;
    }
    va_end(args);
    return process_start_with(arguments, NULL, NULL);
}

pid_t process_id(const struct process *process)
{
    return process->pid;
}

/* Leaves the zombie be until process_free: it keeps the number of the process, and of its group,
 * from being given to others. */
static bool has_ended(void *userdata)
{
    struct process *process = userdata;
    siginfo_t info = { 0 };
    if (process->ended)
        return true;
    if (waitid(P_PID, (id_t) process->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
        test_fail("%s (%d) is nobody's child: %s", process->name, (int) process->pid,
                  strerror(errno));
    if (info.si_pid == 0)
        return false;
    process->ended = true;
    process->exit_status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    return true;
}

bool process_is_running(struct process *process)
{
    return !has_ended(process);
}

/* The whole lines that have not been looked at yet, up to the first with the text. */
static bool find_line(struct stream *stream, const char *text)
{
    read_stream(stream);
    size_t at = stream->seen;
    char *end;
    while ((end = memchr(stream->text + at, '\n', stream->len - at))) {
        size_t next = (size_t) (end - stream->text) + 1;
        bool found = memmem(stream->text + at, next - at, text, strlen(text));
        at = next;
        if (found) {
            stream->seen = at;
            return true;
        }
    }
    return false;
}

struct line {
    struct process *process;
    const char *text;
    bool found;
};

static bool is_written(void *userdata)
{
    struct line *line = userdata;
    /* In this order: what it wrote last stands there when it has ended. */
    bool ended = has_ended(line->process);
    line->found = find_line(&line->process->err, line->text) ||
                  find_line(&line->process->out, line->text);
    return line->found || ended;
}

bool process_wait_line(struct process *process, const char *text, int limit_s)
{
    struct line line = { .process = process, .text = text };
    return wait_until(is_written, &line, limit_s) && line.found;
}

/* Shows what was written, for the one who wants to know why. Not with cmocka's message, which is
 * cut. */
static void show(struct process *process)
{
    fprintf(stderr, "--- %s (%d) wrote to standard error:\n%s", process->name, (int) process->pid,
            process_stderr(process));
    fprintf(stderr, "--- and to standard output:\n%s---\n", process_stdout(process));
}

void process_expect_line(struct process *process, const char *text, int limit_s)
{
    if (process_wait_line(process, text, limit_s))
        return;
    show(process);
    if (process->ended)
        test_fail("%s ended with %d and without a line \"%s\"", process->name, process->exit_status,
                  text);
    test_fail("%s has not written a line \"%s\" within %d s", process->name, text, limit_s);
}

unsigned process_count(struct process *process, const char *text)
{
    unsigned count = 0;
    const char *at = process_stderr(process);
    while ((at = strstr(at, text))) {
        count++;
        at += strlen(text);
    }
    return count;
}

const char *process_stdout(struct process *process)
{
    read_stream(&process->out);
    return process->out.text;
}

const char *process_stderr(struct process *process)
{
    read_stream(&process->err);
    return process->err.text;
}

void process_signal(struct process *process, int signal_number)
{
    if (has_ended(process) || kill(process->pid, signal_number) < 0) {
        show(process);
        test_fail("%s has ended already, with %d", process->name, process->exit_status);
    }
}

int process_wait(struct process *process, int limit_s)
{
    if (!wait_until(has_ended, process, limit_s)) {
        kill(-process->pid, SIGKILL);
        show(process);
        test_fail("%s has not ended within %d s", process->name, limit_s);
    }
    return process->exit_status;
}

int process_run(const char *const *arguments, char **ret_stdout, char **ret_stderr)
{
    struct process *process = process_start_with(arguments, NULL, NULL);
    int status = process_wait(process, RUN_LIMIT_S);
    if (ret_stdout)
        *ret_stdout = strdup(process_stdout(process));
    if (ret_stderr)
        *ret_stderr = strdup(process_stderr(process));
    process_free(process);
    return status;
}

void process_free(struct process *process)
{
    if (!process)
        return;
    for (struct process **link = &processes; *link; link = &(*link)->next) {
        if (*link == process) {
            *link = process->next;
            break;
        }
    }
    if (process->owner ==
        getpid()) { /* else a child of the test has the list, and not the process */
        kill(-process->pid, SIGKILL);
        while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    close_stream(&process->out);
    close_stream(&process->err);
    free(process);
}

void process_end_all(void)
{
    while (processes)
        process_free(processes);
}
