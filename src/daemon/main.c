#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "config_print.h"
#include "connection.h"
#include "engine.h"
#include "ledger.h"
#include "log.h"
#include "options.h"
#include "service.h"
#include "state_directory.h"

/* Errors and warnings for a person at a terminal. */
static void print_report(const struct config_report *report)
{
    for (size_t i = 0; i < report->count; i++)
        fprintf(stderr, "%s%s\n", report->problems[i].warning ? "warning: " : "",
                report->problems[i].text);
}

static int check(const struct options *options)
{
    struct config_report report = { 0 };
    struct config *config = NULL;
    struct engine *engine = NULL;

    int error = config_load(options->config_file, &config, &report);
    if (!error)
        error = engine_new(config, ENGINE_REFUSES_BAD_PLUGINS, &engine, &report);
    print_report(&report);
    config_report_done(&report);
    if (!error)
        engine_free(engine);
    if (error)
        fprintf(stderr, "%s: not usable\n", options->config_file);
    else
        printf("%s: ok\n", options->config_file);
    return error ? EX_CONFIG : EX_OK;
}

static int print_config(const struct options *options)
{
    struct config_report report = { 0 };
    struct config *config = NULL;

    int error = config_load(options->config_file, &config, &report);
    print_report(&report);
    config_report_done(&report);
    if (error)
        return EX_CONFIG;
    config_print(config, stdout);
    config_free(config);
    return fflush(stdout) != 0 || ferror(stdout) ? EX_IOERR : EX_OK;
}

static int run(const struct options *options)
{
    struct config_report report = { 0 };
    struct config *config = NULL;
    struct engine *engine = NULL;

    service_block_signals();
    if (db_library_init() != 0) {
        log_error("the database client library cannot be initialised: out of memory");
        return EX_OSERR;
    }
    int error = config_load(options->config_file, &config, &report);
    if (!error) {
        log_set_level(config->log_level);
        error = engine_new(config, ENGINE_PASSES_OVER_BAD_PLUGINS, &engine, &report);
    }
    service_log_report(&report);
    config_report_done(&report);
    if (error) {
        log_error("the configuration is not usable: file=%s", options->config_file);
        return EX_CONFIG;
    }
    log_info("dueqd " DUEQ_VERSION " starts: file=%s pid=%d", options->config_file, (int) getpid());
    struct ledger *ledger = state_directory_open(engine_config(engine));
    error = engine_start(engine, ledger);
    if (error) {
        log_error("cannot start: %s", strerror(-error));
        engine_free(engine);
        ledger_free(ledger);
        return EX_OSERR;
    }
    if (!service_run(engine, ledger, options->config_file))
        _exit(EX_OK); /* with threads in it that do not return, and the ledger that says so */
    ledger_free(ledger);
    db_library_done();
    return EX_OK;
}

int main(int argc, char **argv)
{
    struct options options;
    int status;

    if (!options_parse(argc, argv, &options, &status))
        return status;
    switch (options.mode) {
    case MODE_CHECK:
        return check(&options);
    case MODE_PRINT_CONFIG:
        return print_config(&options);
    default:
        return run(&options);
    }
}
