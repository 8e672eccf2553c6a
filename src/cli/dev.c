#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "child.h"
#include "clock.h"
#include "commands.h"
#include "connection.h"
#include "dev_files.h"
#include "dev_server.h"
#include "json_output.h"
#include "output.h"
#include "schema.h"

/* Three processes, started one after the other and ended in the other order: the database server,
 * dueqd, and with --exec a command. */
struct dev {
    struct dev_files files;
    struct dev_server server;
    struct child daemon;
    struct child command;
    bool interrupted; /* by a signal to us */
};

enum {
    SERVER_LIMIT_MS = 60000, /* for the server to answer */
    DAEMON_LIMIT_MS = 60000, /* for dueqd to register */
    END_LIMIT_MS = 90000, /* for one of them to end when asked to; a drain takes 30 s by default */
    LOOK_MS = 50,
};

static bool wait_some(struct dev *dev, long timeout_ms)
{
    struct child *const children[] = { &dev->server.process, &dev->daemon, &dev->command };
    bool signalled = child_wait(children, sizeof children / sizeof *children, timeout_ms);
    if (signalled)
        dev->interrupted = true;
    return signalled;
}

static enum db_status open_db(const struct dev *dev, const char *database, struct db **ret_db,
                              struct error *error)
{
    const struct db_options options = {
        .socket = dev->server.socket,
        .user = "root",
        .password = "",
        .database = database,
        .multi_statements = true,
    };
    return db_open(&options, ret_db, error);
}

/* EX_OK with *ret_db NULL: interrupted. */
static int wait_for_server(struct dev *dev, struct db **ret_db)
{
    struct error error = { "" };
    int64_t end_us = clock_now_us() + (int64_t) SERVER_LIMIT_MS * 1000;

    *ret_db = NULL;
    while (!dev->interrupted && dev->server.process.pid && clock_now_us() < end_us) {
        enum db_status status = open_db(dev, NULL, ret_db, &error);
        if (status == DB_OK)
            return EX_OK;
        if (status != DB_LOST) /* it answers, and wants something else */
            break;
        wait_some(dev, LOOK_MS);
    }
    if (dev->interrupted)
        return EX_OK;
    output_error("the database server did not come up in %s: %s", dev->files.directory, error.text);
    dev_server_show_log(&dev->server);
    return EX_UNAVAILABLE;
}

/* dueq_worker has no rows of living daemons here: nobody else uses this server. */
static int apply_schema(struct db *db)
{
    struct error error;
    uint32_t from;
    enum db_status status = db_run(db, "CREATE DATABASE IF NOT EXISTS dueq", &error);
    if (status == DB_OK)
        status = db_run(db, "USE dueq", &error);
    if (status == DB_OK)
        status = schema_migrate(db, &from, &error);
    if (status == DB_OK)
        status = db_run(db, "DELETE FROM dueq_worker", &error);
    if (status == DB_OK)
        return EX_OK;
    output_error("preparing the database: %s", error.text);
    return EX_SOFTWARE;
}

static int start_daemon(struct dev *dev, const char *log)
{
    const char *const argv[] = { dev->files.daemon, "-c", dev->files.config, NULL };
    const struct child_spec spec = {
        .argv = argv,
        .log = log,
        .death_signal = SIGKILL, /* there is no database left to drain into */
        .own_group = true,
    };
    int r = child_start(&dev->daemon, "dueqd", &spec);
    if (r < 0) {
        output_error("starting %s: %s", dev->files.daemon, strerror(-r));
        return EX_UNAVAILABLE;
    }
    return EX_OK;
}

/* Until it has a row in dueq_worker. */
static int wait_for_daemon(struct dev *dev, struct db *db)
{
    int64_t end_us = clock_now_us() + (int64_t) DAEMON_LIMIT_MS * 1000;
    struct error error;

    while (!dev->interrupted && dev->daemon.pid && clock_now_us() < end_us) {
        uint64_t workers = 0;
        if (db_query_u64(db, "SELECT COUNT(*) FROM dueq_worker", &workers, &error) != DB_OK)
            break;
        if (workers > 0)
            return EX_OK;
        wait_some(dev, LOOK_MS);
    }
    if (dev->interrupted)
        return EX_OK;
    if (dev->daemon.pid == 0)
        output_error("dueqd ended at once, with status %d", dev->daemon.status);
    else
        output_error("dueqd did not get ready");
    return EX_SOFTWARE;
}

static int introduce(const struct dev *dev, const struct db *db, bool json)
{
    const char *client = dev->server.mysql ? "mysql" : "mariadb";
    const char *program = dev->server.mysql ? "MySQL" : "MariaDB";
    if (json) {
        int status = json_print(json_pack("{s:s, s:s, s:s, s:s, s:s}", "directory",
                                          dev->files.directory, "socket", dev->server.socket,
                                          "database", "dueq", "config", dev->files.config, "server",
                                          db_server_version(db)));
        fflush(stdout);
        return status;
    }
    printf("%s %s and dueqd run in %s%s\n\n", program, db_server_version(db), dev->files.directory,
           dev->files.temporary ? ", which goes away at the end" : "");
    printf("  connect   %s -u root --socket=%s dueq\n", client, dev->server.socket);
    printf("  a job     INSERT INTO dueq_job (kind, payload) VALUES ('noop', '{}');\n");
    printf("  look      dueq -c %s status\n", dev->files.config);
    printf("  end       Ctrl-C\n\n");
    fflush(stdout);
    return EX_OK;
}

static int start_command(struct dev *dev, const char *command)
{
    char socket[sizeof dev->server.socket + 16], config[PATH_MAX + 16];
    snprintf(socket, sizeof socket, "DUEQ_SOCKET=%s", dev->server.socket);
    snprintf(config, sizeof config, "DUEQ_CONF=%s", dev->files.config);
    const char *const argv[] = { "/bin/sh", "-c", command, NULL };
    const char *const environment[] = { socket, config, NULL };
    const struct child_spec spec = { .argv = argv,
                                     .environment = environment,
                                     .death_signal = SIGTERM };
    int r = child_start(&dev->command, "the command", &spec);
    if (r < 0)
        output_error("starting /bin/sh: %s", strerror(-r));
    return r < 0 ? EX_OSERR : EX_OK;
}

/* Until somebody says that it is enough, or one of the processes ends. */
static int attend(struct dev *dev, bool has_command)
{
    while (!dev->interrupted) {
        if (!dev->server.process.pid) {
            output_error("the database server ended, with status %d", dev->server.process.status);
            dev_server_show_log(&dev->server);
            return EX_UNAVAILABLE;
        }
        if (!dev->daemon.pid) {
            output_error("dueqd ended, with status %d", dev->daemon.status);
            return EX_SOFTWARE;
        }
        if (has_command && !dev->command.pid)
            return dev->command.status;
        wait_some(dev, -1);
    }
    return EX_OK;
}

/* Asks it to end and waits for that. Each signal to us meanwhile is passed on: dueqd skips ahead at
 * the second one. */
static void end(struct dev *dev, struct child *child)
{
    int64_t end_us = clock_now_us() + (int64_t) END_LIMIT_MS * 1000;

    child_signal(child, SIGTERM);
    while (child->pid) {
        if (wait_some(dev, LOOK_MS))
            child_signal(child, SIGTERM);
        if (clock_now_us() >= end_us)
            child_signal(child, SIGKILL);
    }
}

static int run(struct dev *dev, const char *command, const char *log, bool json)
{
    struct db *db = NULL;
    bool interrupted = false;

    int status = dev_server_start(&dev->server, &interrupted);
    if (interrupted)
        dev->interrupted = true;
    if (status == EX_OK && !dev->interrupted)
        status = wait_for_server(dev, &db);
    if (status == EX_OK && db)
        status = apply_schema(db);
    if (status == EX_OK && db)
        status = dev_files_write_config(&dev->files, dev->server.socket);
    if (status == EX_OK && db)
        status = start_daemon(dev, log);
    if (status == EX_OK && db)
        status = wait_for_daemon(dev, db);
    if (status == EX_OK && !dev->interrupted && !command)
        status = introduce(dev, db, json);
    db_close(db);
    if (status == EX_OK && !dev->interrupted && command)
        status = start_command(dev, command);
    if (status == EX_OK && !dev->interrupted)
        status = attend(dev, command != NULL);
    end(dev, &dev->command);
    end(dev, &dev->daemon);
    end(dev, &dev->server.process);
    return status;
}

int command_dev(struct cli *cli, const struct command *command, int argc, char **argv)
{
    const char *directory = NULL, *server = NULL, *exec = NULL, *log = NULL;
    const struct argument table[] = {
        { "dir", 0, ARGUMENT_TEXT, &directory, "DIR", "keep everything there, and use it again", 0,
          0 },
        { "server", 0, ARGUMENT_TEXT, &server, "mariadb|mysql",
          "default: whichever is installed, MariaDB first", 0, 0 },
        { "exec", 0, ARGUMENT_TEXT, &exec, "COMMAND",
          "run this by /bin/sh, with DUEQ_SOCKET and DUEQ_CONF in its environment, and end with it",
          0, 0 },
        { "log", 0, ARGUMENT_TEXT, &log, "FILE", "dueqd's log goes there, and not to stderr", 0,
          0 },
    };
    struct dev dev = { .interrupted = false };
    int status;

    if (!cli_arguments(cli, command, table, sizeof table / sizeof *table, 0, 0, &argc, argv,
                       &status))
        return status;
    if (server && strcmp(server, "mariadb") != 0 && strcmp(server, "mysql") != 0)
        return cli_usage(command, "--server is mariadb or mysql, not \"%s\"", server);
    child_signals_init();
    status = dev_files_init(&dev.files, directory);
    if (status == EX_OK)
        status = dev_server_find(&dev.server, dev.files.directory, server);
    if (status == EX_OK)
        status = run(&dev, exec, log, cli->json);
    dev_files_done(&dev.files);
    return status;
}
