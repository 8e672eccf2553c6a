#include "dev_server.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "output.h"
#include "remove_tree.h"

/* PATH, and where distributions put servers that are not in a user's PATH. */
static bool find_program(const char *name, char path[PATH_MAX])
{
    static const char more[] = "/usr/sbin:/usr/local/sbin:/usr/local/mysql/bin:/usr/libexec";
    const char *own = getenv("PATH");
    const char *lists[] = { own ? own : "/usr/bin:/bin", more };

    for (size_t i = 0; i < 2; i++)
        for (const char *start = lists[i]; *start;) {
            size_t len = strcspn(start, ":");
            int written = snprintf(path, PATH_MAX, "%.*s/%s", (int) len, start, name);
            if (len > 0 && written < PATH_MAX && access(path, X_OK) == 0)
                return true;
            start += len + (start[len] == ':');
        }
    return false;
}

/* MariaDB comes with a program of that name, too. */
static bool is_mysql(const char *program)
{
    char real[PATH_MAX];
    return !realpath(program, real) || !strstr(real, "mariadb");
}

static bool find_mariadb(struct dev_server *server)
{
    return find_program("mariadbd", server->program) &&
           (find_program("mariadb-install-db", server->installer) ||
            find_program("mysql_install_db", server->installer));
}

static bool find_mysql(struct dev_server *server)
{
    return find_program("mysqld", server->program) && is_mysql(server->program);
}

/* What the data in the directory was made by; "" where there is none. */
static void read_made_by(const char *directory, char made_by[16])
{
    char path[PATH_MAX];
    made_by[0] = '\0';
    snprintf(path, sizeof path, "%s/server", directory);
    FILE *file = fopen(path, "re");
    if (!file)
        return;
    if (!fgets(made_by, 16, file))
        made_by[0] = '\0';
    fclose(file);
    made_by[strcspn(made_by, "\n")] = '\0';
}

int dev_server_find(struct dev_server *server, const char *directory, const char *wanted)
{
    char made_by[16];

    *server = (struct dev_server){ .directory = directory };
    if (snprintf(server->socket, sizeof server->socket, "%s/mysqld.sock", directory) >=
        (int) sizeof server->socket) {
        output_error("%s: too long for the path of a socket, which has %d bytes at most", directory,
                     DEV_SOCKET_MAX);
        return EX_CANTCREAT;
    }
    snprintf(server->log, sizeof server->log, "%s/server.log", directory);
    read_made_by(directory, made_by);
    if (wanted && *made_by && strcmp(wanted, made_by) != 0) {
        output_error("the data in %s is a %s server's: leave --server out, or take another "
                     "directory",
                     directory, made_by);
        return EX_USAGE;
    }
    if (*made_by)
        wanted = made_by;
    server->mysql = wanted ? strcmp(wanted, "mysql") == 0 : false;
    bool found = server->mysql ? find_mysql(server) : find_mariadb(server);
    if (!found && !wanted) {
        server->mysql = true;
        found = find_mysql(server);
    }
    if (found)
        return EX_OK;
    if (!wanted)
        output_error("no database server is installed: install mariadb-server or mysql-server");
    else if (server->mysql)
        output_error("no MySQL server is installed: there is no mysqld of MySQL's own in PATH or "
                     "/usr/sbin");
    else
        output_error("no MariaDB server is installed: mariadbd and mariadb-install-db are not in "
                     "PATH or /usr/sbin");
    return EX_UNAVAILABLE;
}

/* As root a server looks for a user of its own, unless told that root is meant. */
static const char *user_option(char option[64])
{
    const struct passwd *user = getpwuid(geteuid());
    snprintf(option, 64, "--user=%.50s", user ? user->pw_name : "root");
    return option;
}

/* A directory of its own: a MariaDB that starts removes the temporary tables of others from there.
 */
static void tmpdir_option(const struct dev_server *server, char *option, size_t size)
{
    snprintf(option, size, "--tmpdir=%s", server->directory);
}

static int write_made_by(const struct dev_server *server)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/server", server->directory);
    FILE *file = fopen(path, "we");
    bool written = file && fputs(server->mysql ? "mysql\n" : "mariadb\n", file) >= 0;
    if ((file && fclose(file) != 0) || !written) {
        output_error("writing %s: %s", path, strerror(errno));
        return EX_CANTCREAT;
    }
    return EX_OK;
}

static int run_to_end(struct child *child, bool *ret_interrupted)
{
    struct child *const children[] = { child };
    *ret_interrupted = false;
    while (child->pid)
        if (child_wait(children, 1, -1)) {
            *ret_interrupted = true;
            if (child->pid) /* with the programs that it has started */
                kill(-child->pid, SIGKILL);
        }
    return child->status;
}

/* Into another directory, renamed once it is whole: what was interrupted is never taken for data.
 */
static int initialise(const struct dev_server *server, const char *data, bool *ret_interrupted)
{
    char half[PATH_MAX + 8], datadir[PATH_MAX + 24], tmpdir[PATH_MAX + 16], user[64];
    snprintf(half, sizeof half, "%s.new", data);
    snprintf(datadir, sizeof datadir, "--datadir=%s", half);
    tmpdir_option(server, tmpdir, sizeof tmpdir);
    user_option(user);
    remove_tree(half); /* of a time before that was interrupted */
    const char *const mariadb[] = { server->installer,
                                    "--no-defaults",
                                    "--force", /* where the host cannot look up its own name, too */
                                    datadir,
                                    tmpdir,
                                    user,
                                    "--auth-root-authentication-method=normal",
                                    "--skip-test-db",
                                    NULL };
    const char *const mysql[] = { server->program,
                                  "--no-defaults",
                                  "--initialize-insecure",
                                  datadir,
                                  tmpdir,
                                  user,
                                  "--secure-file-priv=NULL",
                                  NULL };
    const struct child_spec spec = {
        .argv = server->mysql ? mysql : mariadb,
        .log = server->log,
        .death_signal = SIGKILL,
        .own_group = true,
    };
    struct child child;

    int r = child_start(&child, "server", &spec);
    if (r < 0) {
        output_error("starting %s: %s", spec.argv[0], strerror(-r));
        return EX_OSERR;
    }
    r = run_to_end(&child, ret_interrupted);
    if (*ret_interrupted)
        return EX_OK;
    if (r == 0 && rename(half, data) == 0)
        return write_made_by(server);
    output_error("the data of the server could not be made in %s", server->directory);
    dev_server_show_log(server);
    return EX_UNAVAILABLE;
}

int dev_server_start(struct dev_server *server, bool *ret_interrupted)
{
    char data[PATH_MAX], datadir[PATH_MAX + 16], socket[DEV_SOCKET_MAX + 16], user[64];
    char pid_file[PATH_MAX + 16], tmpdir[PATH_MAX + 16];

    *ret_interrupted = false;
    if (snprintf(data, sizeof data, "%s/data", server->directory) >= (int) sizeof data - 8)
        return EX_CANTCREAT;
    if (access(data, F_OK) < 0) {
        int status = initialise(server, data, ret_interrupted);
        if (status != EX_OK || *ret_interrupted)
            return status;
    }
    snprintf(datadir, sizeof datadir, "--datadir=%s", data);
    snprintf(socket, sizeof socket, "--socket=%s", server->socket);
    snprintf(pid_file, sizeof pid_file, "--pid-file=%s/server.pid", server->directory);
    tmpdir_option(server, tmpdir, sizeof tmpdir);
    const char *const argv[] = {
        server->program,
        "--no-defaults",
        datadir,
        tmpdir,
        socket,
        pid_file,
        user_option(user),
        "--skip-networking",
        "--max-allowed-packet=64M",
        "--innodb-buffer-pool-size=64M",
        /* MySQL's second protocol has a port and a socket of its own, and its LOAD DATA wants a
         * directory that a distribution may have left out. For MariaDB the list ends here. */
        server->mysql ? "--mysqlx=0" : NULL,
        "--secure-file-priv=NULL",
        NULL,
    };
    const struct child_spec spec = {
        .argv = argv,
        .log = server->log,
        .death_signal = SIGTERM, /* it then ends in an orderly way */
        .own_group = true,
    };
    int r = child_start(&server->process, "the database server", &spec);
    if (r < 0) {
        output_error("starting %s: %s", server->program, strerror(-r));
        return EX_OSERR;
    }
    return EX_OK;
}

void dev_server_show_log(const struct dev_server *server)
{
    enum { TAIL = 2000 };
    struct buffer text = { 0 };
    char tail[TAIL];

    int fd = open(server->log, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    off_t size = lseek(fd, 0, SEEK_END);
    ssize_t len = pread(fd, tail, sizeof tail, size > TAIL ? size - TAIL : 0);
    close(fd);
    if (len <= 0)
        return;
    output_escape_lines(&text, "  ", tail, (size_t) len);
    if (!text.failed)
        fwrite(text.bytes, 1, text.len, stderr);
    buffer_done(&text);
}
