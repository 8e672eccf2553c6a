/* The program that the tests of the exec handler run: does what its first argument says. */

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <jansson.h>

extern char **environ;

static void sleep_for_ever(void)
{
    for (;;)
        pause();
}

/* The numbers of this process and of `other`, in a file that appears whole. */
static void write_pids(const char *file, pid_t other)
{
    char draft[4096];

    snprintf(draft, sizeof draft, "%s.draft", file);
    FILE *out = fopen(draft, "we");
    if (!out)
        _exit(99);
    fprintf(out, "%d %d\n", (int) getpid(), (int) other);
    fclose(out);
    rename(draft, file);
}

/* Starts a process that keeps all our descriptors. */
static pid_t start_grandchild(void (*on_term)(int))
{
    pid_t pid = fork();

    if (pid == 0) {
        signal(SIGTERM, on_term);
        sleep_for_ever();
    }
    return pid;
}

static int count_stdin(void)
{
    static char bytes[65536];
    size_t len, total = 0, nuls = 0;

    while ((len = fread(bytes, 1, sizeof bytes, stdin)) > 0) {
        total += len;
        for (size_t i = 0; i < len; i++)
            nuls += bytes[i] == '\0';
    }
    fprintf(stderr, "%zu bytes, %zu NULs\n", total, nuls);
    return 1;
}

/* What comes back at once, while stdin is still being written. */
static int copy_stdin(void)
{
    static char bytes[65536];
    size_t len;

    while ((len = fread(bytes, 1, sizeof bytes, stdin)) > 0)
        if (fwrite(bytes, 1, len, stdout) != len || fwrite(bytes, 1, len, stderr) != len)
            return 99;
    return 0;
}

static int flood_stderr(size_t len)
{
    for (size_t i = 0; i < len; i++)
        putc(i % 3 ? 0xff : 'x', stderr);
    fputs("\xe4\xb8\xad\xe6\x96\x87 the \xc3 end\n", stderr);
    return 1;
}

static int list_environment(void)
{
    for (char **entry = environ; *entry; entry++)
        fprintf(stderr, "%s\n", *entry);
    return 1;
}

static int list_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(dir))
            fprintf(stderr, "%s ", entry->d_name);
    if (dir)
        closedir(dir);
    return 1;
}

/* Those of the C library, 32 and up, are its own affair. */
static int list_signals(void)
{
    struct sigaction action;
    sigset_t blocked;
    bool any = false;

    sigprocmask(SIG_BLOCK, NULL, &blocked);
    for (int signal = 1; signal < 32; signal++) {
        sigaction(signal, NULL, &action);
        if (sigismember(&blocked, signal) || action.sa_handler == SIG_IGN) {
            fprintf(stderr, "%d ", signal);
            any = true;
        }
    }
    if (!any)
        fputs("none", stderr);
    return 1;
}

static int print_directory(void)
{
    char name[4096];

    fprintf(stderr, "%s", getcwd(name, sizeof name));
    return 1;
}

static int stop_ignorer(const char *file)
{
    signal(SIGTERM, SIG_IGN);
    write_pids(file, start_grandchild(SIG_IGN));
    sleep_for_ever();
    return 0;
}

static void on_term(int signal)
{
    (void) signal;
    _exit(0);
}

static void answer(const char *outcome, const char *message)
{
    json_t *json = json_pack("{s:s, s:s}", "outcome", outcome, "message", message);
    char *line = json_dumps(json, JSON_COMPACT);

    puts(line);
    fflush(stdout);
    free(line);
    json_decref(json);
}

static void answer_number(uint64_t number)
{
    char text[32];

    snprintf(text, sizeof text, "%" PRIu64, number);
    answer("retry", text);
}

/* A payload that begins with '!' is a command; another one is the line to answer with. */
static void obey(const char *payload, const char *line, uint64_t jobs)
{
    const char *rest = strchr(payload, ' ');

    rest = rest ? rest + 1 : "";
    if (payload[0] != '!') {
        printf("%s\n", payload);
        fflush(stdout);
    } else if (strcmp(payload, "!echo") == 0) {
        answer("retry", line);
    } else if (strcmp(payload, "!pid") == 0) {
        answer_number((uint64_t) getpid());
    } else if (strcmp(payload, "!jobs") == 0) {
        answer_number(jobs);
    } else if (strcmp(payload, "!answer-and-exit") == 0) {
        answer("done", "");
        exit(0);
    } else if (strcmp(payload, "!crash") == 0) {
        fputs("last words\n", stderr);
        signal(SIGUSR1, SIG_DFL);
        raise(SIGUSR1);
    } else if (strncmp(payload, "!exit", 5) == 0) {
        exit(atoi(rest));
    } else if (strcmp(payload, "!half") == 0) {
        fputs("{\"outcome\":\"do", stdout);
        exit(0);
    } else if (strcmp(payload, "!long") == 0) {
        for (int i = 0; i < 100000; i++)
            putchar('z');
        fflush(stdout);
        sleep_for_ever();
    } else if (strncmp(payload, "!stderr", 7) == 0) {
        for (int i = atoi(rest); i > 0; i--)
            fprintf(stderr, "line %d\n", i);
        answer("done", "");
    } else if (strncmp(payload, "!afterthought ", 14) ==
               0) { /* when the test says that it has the answer */
        char go[4096];
        answer("done", "");
        snprintf(go, sizeof go, "%s.go", rest);
        while (access(go, F_OK) < 0)
            usleep(1000);
        answer("dead", "an afterthought");
        write_pids(rest, 0);
    } else if (strncmp(payload, "!escape ", 8) == 0) { /* one out of reach keeps our descriptors */
        pid_t pid = fork();
        if (pid == 0) {
            setsid();
            write_pids(rest, getppid());
            sleep_for_ever();
        }
        while (access(rest, F_OK) < 0)
            usleep(1000);
        exit(3);
    } else if (strncmp(payload, "!hang-all ", 10) == 0) {
        write_pids(rest, start_grandchild(SIG_DFL));
        sleep_for_ever();
    } else if (strncmp(payload, "!hang ", 6) == 0) {
        write_pids(rest, start_grandchild(SIG_IGN));
        sleep_for_ever();
    } else {
        _exit(98);
    }
}

static int speak_lines(void)
{
    char *line = NULL;
    size_t size = 0;
    uint64_t jobs = 0;

    while (getline(&line, &size, stdin) > 0) {
        json_t *job = json_loads(line, JSON_ALLOW_NUL, NULL);
        const char *payload = json_string_value(json_object_get(job, "payload"));
        if (!payload)
            return 97;
        obey(payload, line, ++jobs);
        json_decref(job);
    }
    free(line);
    return 0;
}

/* One byte more in a file, so that a test can count the starts. */
static void count_start(const char *file)
{
    int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, ".", 1) != 1)
        _exit(99);
    close(fd);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    const char *rest = argc > 2 ? argv[2] : "";

    if (strcmp(what, "exit") == 0)
        return atoi(rest);
    if (strcmp(what, "say") == 0) {
        fputs(rest, stderr);
        return argc > 3 ? atoi(argv[3]) : 1;
    }
    if (strcmp(what, "say-on-stdout") == 0) {
        fputs(rest, stdout);
        return 1;
    }
    if (strcmp(what, "signal") == 0) {
        raise(atoi(rest));
        sleep_for_ever();
    }
    if (strcmp(what, "count") == 0)
        return count_stdin();
    if (strcmp(what, "copy") == 0)
        return copy_stdin();
    if (strcmp(what, "flood") == 0)
        return flood_stderr((size_t) atoi(rest));
    if (strcmp(what, "environment") == 0)
        return list_environment();
    if (strcmp(what, "descriptors") == 0)
        return list_descriptors();
    if (strcmp(what, "signals") == 0)
        return list_signals();
    if (strcmp(what, "directory") == 0)
        return print_directory();
    if (strcmp(what, "sleep") == 0)
        sleep_for_ever();
    if (strcmp(what, "hang") == 0) {
        write_pids(rest, start_grandchild(SIG_IGN));
        sleep_for_ever();
    }
    if (strcmp(what, "hang-all") == 0) { /* what it starts heeds SIGTERM too */
        write_pids(rest, start_grandchild(SIG_DFL));
        sleep_for_ever();
    }
    if (strcmp(what, "ignore-term") == 0)
        return stop_ignorer(rest);
    if (strcmp(what, "done-on-term") == 0) {
        signal(SIGTERM, on_term);
        write_pids(rest, 0);
        sleep_for_ever();
    }
    if (strcmp(what, "stopped") == 0) {
        write_pids(rest, 0);
        raise(SIGSTOP);
        sleep_for_ever();
    }
    if (strcmp(what, "linger") == 0) { /* ends, and leaves one behind that holds stderr */
        write_pids(rest, start_grandchild(SIG_IGN));
        return 0;
    }
    if (strcmp(what, "talk-for-ever") == 0) { /* likewise, out of reach, and never quiet */
        pid_t pid = fork();
        if (pid == 0) {
            setsid();
            signal(SIGPIPE, SIG_DFL);
            for (;;)
                fputs("more and more and more ", stderr);
        }
        return 0;
    }
    if (strcmp(what, "lines") == 0)
        return speak_lines();
    if (strcmp(what, "lines-counted") == 0) {
        count_start(rest);
        return speak_lines();
    }
    if (strcmp(what, "lines-banner") == 0) {
        puts("Welcome!");
        fflush(stdout);
        return speak_lines();
    }
    if (strcmp(what, "lines-die-unless") ==
        0) { /* counts its starts, and works once a file is there */
        char mended[4096];
        count_start(rest);
        snprintf(mended, sizeof mended, "%s.mended", rest);
        if (access(mended, F_OK) == 0)
            return speak_lines();
        fputs("not configured\n", stderr);
        return 1;
    }
    if (strcmp(what, "lines-stubborn") == 0) { /* heeds neither the end of its stdin nor SIGTERM */
        signal(SIGTERM, SIG_IGN);
        speak_lines();
        sleep_for_ever();
    }
    if (strcmp(what, "lines-deaf") == 0) { /* answers without reading to the end of the line */
        char some[100];
        if (fread(some, 1, sizeof some, stdin) == sizeof some)
            answer("done", "");
        sleep_for_ever();
    }
    fprintf(stderr, "exec_fixture: what is \"%s\"?\n", what);
    return 96;
}
