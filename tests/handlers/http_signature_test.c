#include "signature.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

/* The expected values were made with another implementation: Python's hmac. */

static void a_known_body_has_its_known_signature(void **state)
{
    (void) state;
    char signature[SIGNATURE_SIZE];
    assert_int_equal(
        signature_make("whsec-0123456789", 16, 1700000000, "{\"order\":42}", 12, signature), 0);
    assert_string_equal(signature,
                        "v1=8d510156df6943eb7b9be88cd66e14f4b7b95cb438c71945bfad24ee8e1b0e9f");
}

static void an_empty_body_is_signed_too(void **state)
{
    (void) state;
    char signature[SIGNATURE_SIZE];
    assert_int_equal(signature_make("k", 1, 0, "", 0, signature), 0);
    assert_string_equal(signature,
                        "v1=6b4a4b8b3c40f1e8f53a3d36682e5f99f7ad2ac1df1c93dfe336f329167641e7");
}

static void a_body_is_signed_beyond_a_nul(void **state)
{
    (void) state;
    char signature[SIGNATURE_SIZE];
    assert_int_equal(signature_make("k", 1, 1700000000, "a\0b", 3, signature), 0);
    assert_string_equal(signature,
                        "v1=583adf9d2536470d15404a5d2314df02359b9530b8af8a6a597891f2120d191d");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_body_has_its_known_signature),
        cmocka_unit_test(an_empty_body_is_signed_too),
        cmocka_unit_test(a_body_is_signed_beyond_a_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
