#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "directory.h"
#include "process.h"
#include "server.h"

/* Connections that were asked to be encrypted. */

static char certificate[128], key[128], stranger[128];

static void make_certificate(const char *path, const char *key_path, const char *names)
{
    char *output = NULL, extension[128];
    snprintf(extension, sizeof extension, "subjectAltName=%s", names);
    int status = process_run((const char *const[]){ "openssl", "req", "-x509", "-newkey", "ec",
                                                    "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                                                    "-keyout", key_path, "-out", path, "-days", "2",
                                                    "-subj", "/CN=test", "-addext", extension,
                                                    NULL },
                             NULL, &output);
    if (status != 0)
        test_fail("openssl cannot make a certificate: %s", output);
    free(output);
}

static int set_up(void **state)
{
    (void) state;
    const char *directory = test_directory_new();
    char other_key[128];
    snprintf(certificate, sizeof certificate, "%s/cert.pem", directory);
    snprintf(key, sizeof key, "%s/key.pem", directory);
    snprintf(stranger, sizeof stranger, "%s/stranger.pem", directory);
    snprintf(other_key, sizeof other_key, "%s/stranger-key.pem", directory);
    make_certificate(certificate, key, "IP:127.0.0.1");
    make_certificate(stranger, other_key, "IP:127.0.0.1");
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    process_end_all();
    return 0;
}

static bool is_mysql(void)
{
    const char *kind = getenv("DUEQ_TEST_SERVER");
    return kind && strcmp(kind, "mysql") == 0;
}

static struct db_options options_for(const struct fixture *fixture, enum db_tls tls, const char *ca)
{
    struct db_options options = fixture_options(fixture, NULL);
    options.socket = NULL;
    options.tls = tls;
    options.ca = ca;
    return options;
}

static void a_server_without_tls_is_refused_when_tls_is_asked_for(void **state)
{
    (void) state;
    /* MySQL makes itself a certificate; without a version of the protocol it has no use for it. */
    struct test_server *server = test_server_new(
        (const char *const[]){ is_mysql() ? "--tls-version=" : "--skip-ssl", NULL });
    struct fixture f;
    fixture_set_up_on(&f, server);

    static const enum db_tls modes[] = { DB_TLS_REQUIRED, DB_TLS_VERIFY_CA,
                                         DB_TLS_VERIFY_IDENTITY };
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        struct db_options options = options_for(&f, modes[i], NULL);
        struct db *db = NULL;
        struct error error = { "" };
        assert_int_not_equal(db_open(&options, &db, &error), DB_OK);
        assert_null(db);
        if (!strstr(error.text, "TLS") && !strstr(error.text, "SSL")) /* as the library says it */
            test_fail("neither TLS nor SSL is in \"%s\"", error.text);
    }
    fixture_tear_down(&f);
    test_server_free(server);
}

static void expect_encrypted(const struct db_options *options)
{
    struct db *db;
    struct db_result *result;
    struct error error = { "" };
    static const char sql[] = "SHOW SESSION STATUS LIKE 'Ssl_cipher'";
    expect_status(db_open(options, &db, &error), DB_OK, error);
    expect_status(db_query(db, sql, sizeof sql - 1, &result, &error), DB_OK, error);
    assert_true(db_result_next(result));
    assert_string_not_equal(db_text(result, 1, NULL), "");
    db_result_free(result);
    db_close(db);
}

static void expect_refusal(const struct db_options *options)
{
    struct db *db = NULL;
    struct error error = { "" };
    assert_int_not_equal(db_open(options, &db, &error), DB_OK);
    assert_null(db);
    assert_string_not_equal(error.text, "");
}

static void tls_is_used_and_the_certificate_checked_as_far_as_was_asked_for(void **state)
{
    (void) state;
    char certificate_option[160], key_option[160];
    snprintf(certificate_option, sizeof certificate_option, "--ssl-cert=%s", certificate);
    snprintf(key_option, sizeof key_option, "--ssl-key=%s", key);
    struct test_server *server = test_server_new(
        (const char *const[]){ certificate_option, key_option, NULL });
    struct fixture f;
    fixture_set_up_on(&f, server);

    struct db_options options = options_for(&f, DB_TLS_REQUIRED, NULL);
    expect_encrypted(&options);
    options = options_for(&f, DB_TLS_VERIFY_CA, certificate);
    expect_encrypted(&options);
    options = options_for(&f, DB_TLS_VERIFY_IDENTITY, certificate);
    expect_encrypted(&options);

    options = options_for(&f, DB_TLS_VERIFY_CA, stranger);
    expect_refusal(&options);
    options = options_for(&f, DB_TLS_VERIFY_IDENTITY, stranger);
    expect_refusal(&options);

    /* From now on it calls itself something else. */
    make_certificate(certificate, key, "DNS:elsewhere.invalid");
    sql_run(f.admin, "%s", is_mysql() ? "ALTER INSTANCE RELOAD TLS" : "FLUSH SSL");
    options = options_for(&f, DB_TLS_REQUIRED, NULL);
    expect_encrypted(&options);
    options = options_for(&f, DB_TLS_VERIFY_IDENTITY, certificate);
    expect_refusal(&options);

    fixture_tear_down(&f);
    test_server_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_without_tls_is_refused_when_tls_is_asked_for),
        cmocka_unit_test(tls_is_used_and_the_certificate_checked_as_far_as_was_asked_for),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
