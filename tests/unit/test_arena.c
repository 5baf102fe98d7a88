#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/rng.h"

static void memory_is_zeroed_and_aligned(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct rng rng = {7};

    (void)state;
    for (int i = 0; i < 1000; i++) {
        size_t size = rng_below(&rng, 300);
        unsigned char *memory = arena_alloc(arena, size);

        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
        for (size_t k = 0; k < size; k++)
            assert_int_equal(memory[k], 0);
        memset(memory, 0xff, size);
    }
}

static void pieces_do_not_overlap(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct rng rng = {8};
    unsigned char *pieces[200];
    size_t sizes[200];

    (void)state;
    for (int i = 0; i < 200; i++) {
        sizes[i] = rng_below(&rng, 5000);
        pieces[i] = arena_alloc(arena, sizes[i]);
        memset(pieces[i], i, sizes[i]);
    }
    for (int i = 0; i < 200; i++)
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(pieces[i][k], i);
}

static void a_limit_is_kept(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(4096);

    (void)state;
    assert_null(arena_alloc(arena, 4097));
    assert_null(arena_alloc(arena, SIZE_MAX));
    assert_non_null(arena_alloc(arena, 4000));
    assert_null(arena_alloc(arena, 200));
    assert_non_null(arena_alloc(arena, 96));
    assert_null(arena_alloc(arena, 1));
    assert_null(arena_strdup(arena, "text"));
    assert_null(arena_printf(arena, "%d", 1));
    assert_int_equal(arena_used(arena), 4096);
}

static void an_array_whose_size_overflows_is_refused(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);

    (void)state;
    assert_null(arena_array(arena, SIZE_MAX / 2, 4));
    assert_null(arena_memdup(arena, "", SIZE_MAX));
    assert_non_null(arena_array(arena, 10, 4));
    assert_non_null(arena_array(arena, 0, 4));
}

static void texts_are_copied_with_their_end(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    char text[] = "abc";
    char *copy = arena_strdup(arena, text);

    (void)state;
    text[0] = 'x';
    assert_string_equal(copy, "abc");
    assert_string_equal(arena_memdup(arena, text, 2), "xb");
    assert_string_equal(arena_memdup(arena, NULL, 0), "");
    assert_string_equal(arena_printf(arena, "%s-%d", "n", 5), "n-5");
}

static void a_reset_arena_serves_anew(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(100000);

    (void)state;
    for (int round = 0; round < 10; round++) {
        assert_int_equal(arena_used(arena), 0);
        for (int i = 0; i < 90; i++)
            memset(arena_alloc(arena, 1000), 0xff, 1000);
        assert_null(arena_alloc(arena, 20000));
        arena_reset(arena);
    }
    assert_int_equal(*(char *)arena_alloc(arena, 1), 0);
}

static void destroying_nothing_is_allowed(void **state)
{
    struct arena *arena = NULL;

    (void)state;
    arena_destroy(&arena);
    arena = arena_new(1);
    arena_destroy(&arena);
    assert_null(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_aligned),
        cmocka_unit_test(pieces_do_not_overlap),
        cmocka_unit_test(a_limit_is_kept),
        cmocka_unit_test(an_array_whose_size_overflows_is_refused),
        cmocka_unit_test(texts_are_copied_with_their_end),
        cmocka_unit_test(a_reset_arena_serves_anew),
        cmocka_unit_test(destroying_nothing_is_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
