/* tests/unit/test_offer_table.c - the table of offers against a plain array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/rng.h"
#include "master/core/offer_table.h"

#define NUMBERS 3000
#define STEPS   40000

/* Offers are only pointers to it. */
static struct offer *offer_of(uint64_t number)
{
    return (struct offer *)(uintptr_t)(number + 1);
}

/* Numbers far apart that want the same place, and long runs of neighbours. */
static uint64_t number_at(size_t index)
{
    return index % 3 ? index : (uint64_t)index << 40;
}

static void table_has_what_was_added_and_not_removed(void **state)
{
    CLEANUP(offer_table_fini) struct offer_table table = {0};
    struct rng rng = {.state = 11};
    bool is_in[NUMBERS] = {false};
    size_t count = 0;

    (void)state;
    for (size_t step = 0; step < STEPS; step++) {
        size_t index = (size_t)rng_below(&rng, NUMBERS);
        bool grows = rng_below(&rng, 100) < (step / 4000 % 2 ? 20 : 80);

        if (grows && !is_in[index]) {
            offer_table_add(&table, number_at(index), offer_of(index));
            count++;
        } else if (!grows && is_in[index]) {
            offer_table_remove(&table, number_at(index));
            count--;
        } else {
            continue;
        }
        is_in[index] = grows;
        assert_int_equal(table.count, count);
        for (size_t i = index > 20 ? index - 20 : 0; i < NUMBERS && i < index + 20; i++)
            assert_ptr_equal(offer_table_find(&table, number_at(i)), is_in[i] ? offer_of(i) : NULL);
    }
    for (size_t i = 0; i < NUMBERS; i++)
        assert_ptr_equal(offer_table_find(&table, number_at(i)), is_in[i] ? offer_of(i) : NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_has_what_was_added_and_not_removed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
