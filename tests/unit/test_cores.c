/* Who gets which hardware threads: a machine of two nodes, each with two cores of two threads. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/core/cores.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/rng.h"

#define GIB (INT64_C(1) << 30)

/* Threads 0 and 4 are one core, and so on: as Linux numbers them. */
static struct cores *two_nodes(void)
{
    static const char *const cores0[] = {"0,4", "1,5"}, *const cores1[] = {"2,6", "3,7"};
    static const struct node_threads threads[] = {{.cores = cores0, .cores_count = 2},
                                                  {.cores = cores1, .cores_count = 2}};
    static const struct numa_info nodes[] = {
        {.number = 0, .mem_bytes = 4 * GIB, .cpus = "0-1,4-5", .threads = &threads[0]},
        {.number = 1, .mem_bytes = 4 * GIB, .cpus = "2-3,6-7", .threads = &threads[1]},
    };
    const struct topology_info topology = {.numa_nodes = nodes, .numa_nodes_count = 2};
    struct cores *cores = NULL;

    assert_int_equal(cores_new(&topology, &cores, NULL), 0);
    return cores;
}

static const char *print(const struct numbers *numbers)
{
    static char text[8][256];
    static unsigned at;
    CLEANUP(buf_fini) struct buf buf = {0};
    char *ret = text[at++ % 8];

    numbers_print(numbers, &buf);
    strcpy(ret, buf_text(&buf));
    return ret;
}

static struct cores_grant take(struct cores *cores, enum core_policy policy, bool is_exclusive,
                               int64_t cpus)
{
    const struct cores_wish wish = {.policy = policy,
                                    .is_exclusive = is_exclusive,
                                    .cpus_milli = cpus * 1000,
                                    .mem_bytes = GIB};
    struct cores_grant grant;
    struct err err = {""};

    if (cores_take(cores, &wish, &grant, &err) < 0)
        fail_msg("%s", err.text);
    return grant;
}

static const char *now(const struct cores *cores, const struct cores_grant *grant)
{
    struct numbers cpus;

    cores_now(cores, grant, &cpus);
    return print(&cpus);
}

static void compact_threads_are_those_of_one_core(void **state)
{
    CLEANUP(cores_destroy) struct cores *cores = two_nodes();
    struct cores_grant two = take(cores, CORES_COMPACT, true, 2);
    struct cores_grant four;

    (void)state;
    assert_string_equal(print(&two.cpus), "0,4");
    assert_string_equal(print(&two.mems), "0");
    four = take(cores, CORES_COMPACT, true, 4); /* one node has room for all */
    assert_string_equal(print(&four.cpus), "2-3,6-7");
    assert_string_equal(print(&four.mems), "1");
    cores_give(cores, &two);
    four = take(cores, CORES_COMPACT, true, 3);
    assert_string_equal(print(&four.cpus), "0-1,4");
}

static void half_a_core_that_is_left_goes_first(void **state)
{
    CLEANUP(cores_destroy) struct cores *cores = two_nodes();
    struct cores_grant one = take(cores, CORES_COMPACT, true, 1);
    struct cores_grant other;

    (void)state;
    assert_string_equal(print(&one.cpus), "0");
    other = take(cores, CORES_COMPACT, true, 1);
    assert_string_equal(print(&other.cpus), "4");
}

static void spread_threads_are_far_from_each_other(void **state)
{
    CLEANUP(cores_destroy) struct cores *cores = two_nodes();
    struct cores_grant four = take(cores, CORES_SPREAD, true, 4);

    (void)state;
    assert_string_equal(print(&four.cpus), "0-3"); /* one a core, two a node */
    assert_string_equal(print(&four.mems), "0-1");
}

static void the_pool_shrinks_and_grows(void **state)
{
    CLEANUP(cores_destroy) struct cores *cores = two_nodes();
    struct cores_grant shared = take(cores, 0, false, 1);
    struct cores_grant own;

    (void)state;
    assert_string_equal(now(cores, &shared), "0-7");
    assert_string_equal(print(&shared.mems), "");
    own = take(cores, CORES_COMPACT, true, 4);
    assert_string_equal(now(cores, &shared), "2-3,6-7");
    cores_give(cores, &own);
    assert_string_equal(now(cores, &shared), "0-7");
}

static void who_shares_a_node_is_moved_when_others_have_it_for_themselves(void **state)
{
    CLEANUP(cores_destroy) struct cores *cores = two_nodes();
    struct cores_grant first = take(cores, CORES_COMPACT, false, 1);
    struct cores_grant second = take(cores, CORES_COMPACT, false, 1);
    struct cores_grant own;

    (void)state;
    assert_string_equal(now(cores, &first), "0-1,4-5");
    assert_string_equal(print(&first.mems), "0");
    assert_string_equal(now(cores, &second), "2-3,6-7"); /* that one had promised less */
    own = take(cores, CORES_COMPACT, true, 4);
    assert_string_equal(print(&own.cpus), "0-1,4-5");
    assert_string_equal(now(cores, &first), "2-3,6-7");
}

static int try(struct cores *cores, bool is_exclusive, int64_t milli, struct err *err)
{
    const struct cores_wish wish = {.is_exclusive = is_exclusive, .cpus_milli = milli};
    struct cores_grant grant;

    return cores_take(cores, &wish, &grant, err);
}

static void what_cannot_be_is_refused_with_how_much_is_free(void **state)
{
    CLEANUP(cores_destroy) struct cores *cores = two_nodes();
    struct cores_grant all;
    struct err err;

    (void)state;
    assert_int_equal(try(cores, true, 1500, &err), -EINVAL);
    assert_int_equal(try(cores, true, 0, &err), -EINVAL);
    assert_int_equal(try(cores, true, 9000, &err), -EBUSY);
    assert_non_null(strstr(err.text, "9 cores are wanted for one task, 8 are free"));
    assert_int_equal(try(cores, false, 500, &err), 0);
    assert_int_equal(try(cores, true, 8000, &err), -EBUSY);
    assert_non_null(strstr(err.text, "1 tasks share them"));
    all = take(cores, CORES_COMPACT, true, 7);
    assert_int_equal(numbers_count(&all.cpus), 7);
}

static void who_comes_when_nothing_is_shared_is_refused(void **state)
{
    CLEANUP(cores_destroy) struct cores *cores = two_nodes();
    struct err err;

    (void)state;
    take(cores, CORES_COMPACT, true, 8);
    assert_int_equal(try(cores, false, 0, &err), -EBUSY);
}

/* Else the kernel would kill it for memory that other nodes have. */
static void memory_that_a_node_has_not_comes_from_others_too(void **state)
{
    CLEANUP(cores_destroy) struct cores *cores = two_nodes();
    const struct cores_wish wish = {
        .policy = CORES_COMPACT, .is_exclusive = true, .cpus_milli = 1000, .mem_bytes = 5 * GIB};
    struct cores_grant grant;

    (void)state;
    assert_int_equal(cores_take(cores, &wish, &grant, NULL), 0);
    assert_string_equal(print(&grant.mems), "0-1");
}

static void what_is_left_is_described(void **state)
{
    CLEANUP(cores_destroy) struct cores *cores = two_nodes();
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct node_threads nodes[2] = {{0}};

    (void)state;
    take(cores, CORES_COMPACT, true, 1);
    cores_describe(cores, arena, nodes, 2);
    assert_string_equal(nodes[0].free_cpus, "1,4-5");
    assert_int_equal(nodes[0].free_cores, 1);
    assert_int_equal(nodes[0].free_mem_bytes, 3 * GIB);
    assert_string_equal(nodes[1].free_cpus, "2-3,6-7");
    assert_int_equal(nodes[1].free_cores, 2);
}

/* Whatever comes and goes: no thread is given twice, nothing is lost, who shares has somewhere to run. */
static void books_agree_over_random_lives(void **state)
{
    struct rng rng = {.state = 7};

    (void)state;
    for (int round = 0; round < 200; round++) {
        CLEANUP(cores_destroy) struct cores *cores = two_nodes();
        struct cores_grant grants[16];
        const struct cores_grant *list[16];
        size_t count = 0;

        for (int step = 0; step < 60; step++) {
            const struct cores_wish wish = {
                .policy = (enum core_policy)(rng_next(&rng) % 3),
                .is_exclusive = rng_next(&rng) % 2,
                .cpus_milli = (int64_t)(rng_next(&rng) % 4) * 1000,
                .mem_bytes = (int64_t)(rng_next(&rng) % 3) * GIB,
            };
            struct err err = {""};

            if (count && rng_next(&rng) % 2) {
                size_t which = rng_next(&rng) % count;

                cores_give(cores, &grants[which]);
                grants[which] = grants[--count];
            } else if (count < 16 && cores_take(cores, &wish, &grants[count], NULL) == 0) {
                count++;
            }
            for (size_t i = 0; i < count; i++) {
                struct numbers cpus;

                list[i] = &grants[i];
                cores_now(cores, &grants[i], &cpus);
                assert_true(numbers_count(&cpus) > 0);
            }
            if (cores_check(cores, list, count, &err) < 0)
                fail_msg("%s", err.text);
        }
    }
}

static void lists_of_numbers_are_read_and_printed(void **state)
{
    static const char *const good[] = {"", "0", "0-3,8", "5,7,4095"};
    static const char *const bad[] = {"-1", "3-1", "1,", "a", "4096", "1 2", "1-"};
    struct numbers numbers;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_int_equal(numbers_parse(good[i], &numbers), 0);
        assert_string_equal(print(&numbers), good[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_true(numbers_parse(bad[i], &numbers) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compact_threads_are_those_of_one_core),
        cmocka_unit_test(half_a_core_that_is_left_goes_first),
        cmocka_unit_test(spread_threads_are_far_from_each_other),
        cmocka_unit_test(the_pool_shrinks_and_grows),
        cmocka_unit_test(who_shares_a_node_is_moved_when_others_have_it_for_themselves),
        cmocka_unit_test(what_cannot_be_is_refused_with_how_much_is_free),
        cmocka_unit_test(who_comes_when_nothing_is_shared_is_refused),
        cmocka_unit_test(memory_that_a_node_has_not_comes_from_others_too),
        cmocka_unit_test(what_is_left_is_described),
        cmocka_unit_test(books_agree_over_random_lives),
        cmocka_unit_test(lists_of_numbers_are_read_and_printed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
