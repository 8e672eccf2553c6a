#include "config_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "directory.h"
#include "fail.h"

enum { PATH_SIZE = 128 };

const char *config_file_write(const struct test_database *database,
                              const struct config_file *content)
{
    static char paths[64][PATH_SIZE];
    static unsigned count;
    const char *directory = content->directory ? content->directory : test_directory_new();
    const struct test_account *user = content->user ? content->user : &database->daemon;
    const char *handlers = content->handlers;
    if (!handlers)
        handlers = getenv("DUEQ_TEST_HANDLERS");
    if (!handlers || !*handlers)
        handlers = DUEQ_BINARY_DIR "/handlers";

    char password_file[PATH_SIZE];
    if (snprintf(password_file, sizeof password_file, "%s/password", directory) >= PATH_SIZE)
        test_fail("%s is too long a name", directory);
    test_file_write(password_file, 0600, user->password);

    char socket[128];
    snprintf(socket, sizeof socket, "socket = \"%s\";", database->server->socket);
    char *text;
    if (asprintf(&text,
                 "sources = ( { name = \"main\"; %s database = \"%s\"; user = \"%s\"; "
                 "password_file = \"%s\"; %s } );\n"
                 "handlers = { directory = \"%s\"; };\n"
                 "%s\n",
                 content->server ? content->server : socket, database->name, user->user,
                 password_file, content->source ? content->source : "", handlers,
                 content->text ? content->text : "") < 0)
        abort();

    char *path = paths[count++ % (sizeof paths / sizeof *paths)];
    snprintf(path, PATH_SIZE, "%s/dueq.conf", directory);
    test_file_write(path, 0644, text);
    free(text);
    return path;
}
