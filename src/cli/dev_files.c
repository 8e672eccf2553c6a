#include "dev_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "output.h"
#include "remove_tree.h"

static int make_temporary(struct dev_files *files)
{
    const char *parent = getenv("TMPDIR");
    snprintf(files->directory, sizeof files->directory, "%.60s/dueq-dev-XXXXXX",
             parent && parent[0] == '/' && strlen(parent) <= 60 ? parent : "/tmp");
    if (!mkdtemp(files->directory)) {
        output_error("making %s: %s", files->directory, strerror(errno));
        return EX_CANTCREAT;
    }
    files->temporary = true;
    return EX_OK;
}

static int open_wanted(struct dev_files *files, const char *wanted)
{
    if (mkdir(wanted, 0700) < 0 && errno != EEXIST) {
        output_error("making %s: %s", wanted, strerror(errno));
        return EX_CANTCREAT;
    }
    if (!realpath(wanted, files->directory)) {
        output_error("%s: %s", wanted, strerror(errno));
        return EX_CANTCREAT;
    }
    return EX_OK;
}

/* Two servers on the same data would destroy it. */
static int lock(struct dev_files *files)
{
    char path[PATH_MAX + 8];
    snprintf(path, sizeof path, "%s/lock", files->directory);
    files->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (files->lock < 0) {
        output_error("%s: %s", path, strerror(errno));
        return EX_CANTCREAT;
    }
    if (flock(files->lock, LOCK_EX | LOCK_NB) == 0)
        return EX_OK;
    output_error("another dueq dev runs in %s", files->directory);
    return EX_TEMPFAIL;
}

static bool has_plugins(const char *directory)
{
    bool found = false;
    DIR *entries = opendir(directory);
    if (!entries)
        return false;
    for (const struct dirent *entry; !found && (entry = readdir(entries));) {
        size_t len = strlen(entry->d_name);
        found = len > 3 && strcmp(entry->d_name + len - 3, ".so") == 0;
    }
    closedir(entries);
    return found;
}

/* Beside us in a build tree, or below our prefix, wherever that was moved to. */
static int find_handlers(struct dev_files *files, const char *bin)
{
    static const char *const places[] = { "../handlers", "../" DUEQ_HANDLER_DIR };
    char path[PATH_MAX];

    if (DUEQ_HANDLER_DIR[0] == '/' && has_plugins(DUEQ_HANDLER_DIR)) {
        snprintf(files->handlers, sizeof files->handlers, "%s", DUEQ_HANDLER_DIR);
        return EX_OK;
    }
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (snprintf(path, sizeof path, "%s/%s", bin, places[i]) >= (int) sizeof path)
            continue;
        if (has_plugins(path) && realpath(path, files->handlers))
            return EX_OK;
    }
    output_error("there are no handlers beside %s, in ../handlers or ../" DUEQ_HANDLER_DIR
                 ": dueq is not wholly installed",
                 bin);
    return EX_OSFILE;
}

static int find_programs(struct dev_files *files)
{
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len < 0) {
        output_error("/proc/self/exe: %s", strerror(errno));
        return EX_OSERR;
    }
    self[len] = '\0';
    const char *bin = dirname(self);
    if (snprintf(files->daemon, sizeof files->daemon, "%s/dueqd", bin) >=
            (int) sizeof files->daemon ||
        access(files->daemon, X_OK) < 0)
        snprintf(files->daemon, sizeof files->daemon, "dueqd"); /* by PATH */
    return find_handlers(files, bin);
}

int dev_files_init(struct dev_files *files, const char *wanted)
{
    *files = (struct dev_files){ .lock = -1 };
    int status = find_programs(files);
    if (status == EX_OK)
        status = wanted ? open_wanted(files, wanted) : make_temporary(files);
    if (status == EX_OK)
        status = lock(files);
    if (status != EX_OK)
        return status;
    if (snprintf(files->config, sizeof files->config, "%s/dueq.conf", files->directory) >=
        (int) sizeof files->config)
        return EX_CANTCREAT;
    return EX_OK;
}

void dev_files_done(struct dev_files *files)
{
    if (files->temporary)
        remove_tree(files->directory);
    if (files->lock >= 0)
        close(files->lock);
    *files = (struct dev_files){ .lock = -1 };
}

int dev_files_write_config(const struct dev_files *files, const char *socket)
{
    int fd = open(files->config, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return EX_OK; /* the user's own by now */
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file) {
        output_error("%s: %s", files->config, strerror(errno));
        return EX_CANTCREAT;
    }
    fprintf(
        file,
        "/* Written by `dueq dev`, which does not touch it again. Send dueqd a SIGHUP after a\n"
        " * change, or start `dueq dev` anew. Every key is explained in dueq.conf(5). */\n"
        "sources = ( { name = \"main\"; socket = \"%s\"; database = \"dueq\"; user = \"root\"; }"
        " );\n"
        "queues = ( { name = \"default\"; } );\n"
        "handlers = { directory = \"%s\"; };\n"
        "\n"
        "/* A job of the kind \"noop\" is run by the handler of that name. Others are bound "
        "here:\n"
        " * kinds = ( { kind = \"mail.*\"; handler = \"exec\";\n"
        " *             options = { command = [ \"/usr/local/bin/send-mail\" ]; }; } );\n"
        " */\n",
        socket, files->handlers);
    if (fclose(file) != 0) {
        output_error("%s: %s", files->config, strerror(errno));
        return EX_CANTCREAT;
    }
    return EX_OK;
}
