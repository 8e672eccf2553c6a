#include "server.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "directory.h"
#include "fail.h"

enum { ARGUMENTS_MAX = 32 };

/* Those of test_server_new that are not freed yet, to be ended at exit: by the process that started
 * them, for a child that a test forks and that calls exit() has the list, too. */
static struct listed_server {
    struct test_server public; /* first: what the test has is a pointer to it */
    struct listed_server *next;
    pid_t owner;
} * servers;

static struct test_server *shared;

/* scripts/server with these arguments; 0 or its exit status. */
static int run_script(const char *const *arguments)
{
    static const char script[] = DUEQ_SOURCE_DIR "/scripts/server";
    char *argv[ARGUMENTS_MAX + 8] = { (char *) script };
    size_t count = 1;
    for (; *arguments; arguments++)
        argv[count++] = (char *) *arguments;

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", 0, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    pid_t pid;
    int error = posix_spawn(&pid, script, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error) {
        fprintf(stderr, "cannot run %s: %s\n", script, strerror(error));
        return -1;
    }
    int status;
    while (waitpid(pid, &status, 0) < 0)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void set_address(struct test_server *server, const char *socket, const char *host,
                        const char *port)
{
    if (!socket || strlen(socket) >= sizeof server->socket)
        test_fail("\"%s\" is no path of a socket", socket ? socket : "");
    snprintf(server->socket, sizeof server->socket, "%s", socket);
    snprintf(server->host, sizeof server->host, "%s", host ? host : "127.0.0.1");
    server->port = port ? (unsigned) strtoul(port, NULL, 10) : 0;
}

static struct test_server *server_of_the_run(void)
{
    const char *socket = getenv("DUEQ_TEST_SOCKET");
    if (!socket || !*socket)
        return NULL;
    struct test_server *server = calloc(1, sizeof *server);
    if (!server)
        abort();
    set_address(server, socket, getenv("DUEQ_TEST_HOST"), getenv("DUEQ_TEST_PORT"));
    return server;
}

/* From the lines NAME=value that scripts/server wrote. */
static void read_address(struct test_server *server)
{
    char path[256], *line, *rest = NULL;
    const char *socket = NULL, *host = NULL, *port = NULL;
    snprintf(path, sizeof path, "%s/env", server->directory);
    char *text = test_file_read(path);
    for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *value = strchr(line, '=');
        if (!value)
            continue;
        *value++ = '\0';
        if (strcmp(line, "DUEQ_TEST_SOCKET") == 0)
            socket = value;
        else if (strcmp(line, "DUEQ_TEST_HOST") == 0)
            host = value;
        else if (strcmp(line, "DUEQ_TEST_PORT") == 0)
            port = value;
    }
    set_address(server, socket, host, port);
    free(text);
}

static void free_all(void)
{
    while (servers) {
        if (servers->owner == getpid())
            test_server_free(&servers->public);
        else
            servers = servers->next;
    }
}

struct test_server *test_server_new(const char *const *arguments)
{
    static bool registered;
    struct listed_server *listed = calloc(1, sizeof *listed);
    if (!listed)
        abort();
    struct test_server *server = &listed->public;
    if (asprintf(&server->directory, "%s/server", test_directory_new()) < 0)
        abort();
    /* After the directory's, so that it runs before it. */
    if (!registered && atexit(free_all) == 0)
        registered = true;
    listed->owner = getpid();
    listed->next = servers;
    servers = listed;

    char pid[16];
    snprintf(pid, sizeof pid, "%d", (int) getpid());
    const char *kind = getenv("DUEQ_TEST_SERVER");
    if (!kind || !*kind)
        kind = "mariadb";
    const char *all[ARGUMENTS_MAX + 1] = {
        "start", kind, server->directory, "--until-exit", pid, "--",
    };
    size_t count = 6;
    for (; arguments && *arguments && count < ARGUMENTS_MAX; arguments++)
        all[count++] = *arguments;
    if (run_script(all))
        test_fail("a private %s could not be started in %s", kind, server->directory);
    read_address(server);
    return server;
}

static void control(struct test_server *server, const char *action)
{
    if (!server->directory)
        test_fail("the server of the run is not one test's to %s: use test_server_new", action);
    if (run_script((const char *const[]){ action, server->directory, NULL }))
        test_fail("scripts/server %s %s failed", action, server->directory);
}

void test_server_stop(struct test_server *server)
{
    control(server, "stop");
}

void test_server_kill(struct test_server *server)
{
    control(server, "kill");
}

void test_server_start(struct test_server *server)
{
    control(server, "start");
}

static void send_signal(struct test_server *server, int number)
{
    char path[256];
    if (!server->directory)
        test_fail("the server of the run is not one test's to hold: use test_server_new");
    snprintf(path, sizeof path, "%s/pid", server->directory);
    char *text = test_file_read(path);
    pid_t pid = (pid_t) strtol(text, NULL, 10);
    free(text);
    if (pid <= 1 || kill(pid, number) < 0)
        test_fail("no server runs in %s", server->directory);
}

void test_server_freeze(struct test_server *server)
{
    send_signal(server, SIGSTOP);
}

void test_server_thaw(struct test_server *server)
{
    send_signal(server, SIGCONT);
}

void test_server_free(struct test_server *server)
{
    if (!server)
        return;
    for (struct listed_server **link = &servers; *link; link = &(*link)->next) {
        if (&(*link)->public == server) {
            *link = (*link)->next;
            break;
        }
    }
    /* Killed: nobody wants the data. One that a test has stopped already makes the script complain,
     * in vain. */
    char path[256];
    if (server->directory) {
        snprintf(path, sizeof path, "%s/pid", server->directory);
        if (access(path, F_OK) == 0)
            (void) run_script((const char *const[]){ "kill", server->directory, NULL });
    }
    free(server->directory);
    free(server);
}

/* The run's server has no process of ours; one of our own is in the list. */
static void forget_shared(void)
{
    if (shared && !shared->directory)
        free(shared);
    shared = NULL;
}

const struct test_server *test_server_get(void)
{
    if (!shared) {
        shared = server_of_the_run();
        if (shared)
            atexit(forget_shared);
        else
            shared = test_server_new(NULL);
    }
    return shared;
}
