#include "arena.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void memory_is_zeroed_and_aligned_for_any_type(void **state)
{
    (void) state;
    struct arena arena = { 0 };
    for (size_t size = 1; size < 100; size++) {
        unsigned char *memory = arena_alloc(&arena, size);
        assert_non_null(memory);
        assert_int_equal((uintptr_t) memory % alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(memory[i], 0);
        memset(memory, 0xff, size);
    }
    arena_done(&arena);
}

static void pieces_do_not_overlap_over_many_blocks(void **state)
{
    (void) state;
    enum { PIECES = 500, SIZE = 777 }; /* about six blocks */
    struct arena arena = { 0 };
    unsigned char *pieces[PIECES];
    for (int i = 0; i < PIECES; i++) {
        pieces[i] = arena_alloc(&arena, SIZE);
        assert_non_null(pieces[i]);
        memset(pieces[i], i & 0xff, SIZE);
    }
    for (int i = 0; i < PIECES; i++)
        for (int k = 0; k < SIZE; k++)
            assert_int_equal(pieces[i][k], i & 0xff);
    arena_done(&arena);
}

static void a_piece_larger_than_a_block_leaves_the_block_in_use_alone(void **state)
{
    (void) state;
    struct arena arena = { 0 };
    char *before = arena_alloc(&arena, 16);
    char *large = arena_alloc(&arena, 1000000);
    assert_non_null(large);
    memset(large, 1, 1000000);
    char *after = arena_alloc(&arena, 16);
    assert_ptr_equal(after, before + 16);
    arena_done(&arena);
}

static void a_large_piece_may_come_first(void **state)
{
    (void) state;
    struct arena arena = { 0 };
    char *large = arena_alloc(&arena, 1000000);
    char *small = arena_alloc(&arena, 16);
    assert_non_null(large);
    assert_non_null(small);
    memset(large, 1, 1000000);
    assert_int_equal(small[0], 0);
    arena_done(&arena);
}

static void a_copy_ends_in_a_nul_and_keeps_those_within(void **state)
{
    (void) state;
    struct arena arena = { 0 };
    char *copy = arena_copy(&arena, "a\0b!", 3);
    assert_memory_equal(copy, "a\0b", 4);
    assert_string_equal(arena_copy(&arena, NULL, 0), "");
    arena_done(&arena);
}

static void a_size_that_no_memory_can_hold_gives_null(void **state)
{
    (void) state;
    struct arena arena = { 0 };
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX - alignof(max_align_t)));
    assert_null(arena_copy(&arena, "", SIZE_MAX));
    assert_non_null(arena_alloc(&arena, 1));
    arena_done(&arena);
}

static void an_arena_that_was_given_back_can_be_used_again(void **state)
{
    (void) state;
    struct arena arena = { 0 };
    arena_done(&arena);
    assert_non_null(arena_alloc(&arena, 1));
    arena_done(&arena);
    assert_non_null(arena_alloc(&arena, 1));
    arena_done(&arena);
}

static void wiping_overwrites_every_piece_that_was_handed_out(void **state)
{
    (void) state;
    struct arena arena = { 0 };
    char *small = arena_copy(&arena, "secret", 6);
    char *large = arena_alloc(&arena, 100000);
    memset(large, 'x', 100000);
    arena_wipe(&arena);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(small[i], 0);
    for (size_t i = 0; i < 100000; i++)
        assert_int_equal(large[i], 0);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_aligned_for_any_type),
        cmocka_unit_test(pieces_do_not_overlap_over_many_blocks),
        cmocka_unit_test(a_piece_larger_than_a_block_leaves_the_block_in_use_alone),
        cmocka_unit_test(a_large_piece_may_come_first),
        cmocka_unit_test(a_copy_ends_in_a_nul_and_keeps_those_within),
        cmocka_unit_test(a_size_that_no_memory_can_hold_gives_null),
        cmocka_unit_test(an_arena_that_was_given_back_can_be_used_again),
        cmocka_unit_test(wiping_overwrites_every_piece_that_was_handed_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
