#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/deadlines.h"
#include "base/rng.h"

#define COUNT 200

struct alarm {
    struct deadline deadline;
    int number;
};

struct run {
    struct deadlines deadlines;
    struct alarm alarms[COUNT];
    int came[10 * COUNT];
    size_t came_count;
    int again; /* how often an alarm sets itself anew */
};

static void note(void *owner, struct deadline *deadline)
{
    struct run *run = owner;

    assert_false(deadline_is_set(deadline));
    run->came[run->came_count++] = CONTAINER_OF(deadline, struct alarm, deadline)->number;
    if (run->again > 0) {
        run->again--;
        deadline_set(&run->deadlines, deadline, deadline->at_us + 10);
    }
}

static int start(void **state)
{
    static struct run run;

    memset(&run, 0, sizeof(run));
    for (int i = 0; i < COUNT; i++) {
        run.alarms[i].number = i;
        run.alarms[i].deadline.due = note;
    }
    *state = &run;
    return 0;
}

static int finish(void **state)
{
    struct run *run = *state;

    deadlines_fini(&run->deadlines);
    return 0;
}

static void set(struct run *run, int number, int64_t at_us)
{
    deadline_set(&run->deadlines, &run->alarms[number].deadline, at_us);
}

static void nothing_is_due_when_nothing_is_set(void **state)
{
    struct run *run = *state;

    assert_int_equal(deadlines_next(&run->deadlines), DEADLINE_NEVER);
    deadlines_run(&run->deadlines, INT64_MAX, run);
    deadline_cancel(&run->deadlines, &run->alarms[0].deadline);
    assert_int_equal(run->came_count, 0);
}

static void each_comes_due_at_its_time(void **state)
{
    struct run *run = *state;

    set(run, 0, 30);
    set(run, 1, 10);
    set(run, 2, 20);
    assert_int_equal(deadlines_next(&run->deadlines), 10);
    deadlines_run(&run->deadlines, 9, run);
    assert_int_equal(run->came_count, 0);
    deadlines_run(&run->deadlines, 20, run);
    assert_int_equal(run->came_count, 2);
    assert_int_equal(run->came[0], 1);
    assert_int_equal(run->came[1], 2);
    assert_true(deadline_is_set(&run->alarms[0].deadline));
    assert_int_equal(deadlines_next(&run->deadlines), 30);
}

static void ties_come_due_in_the_order_in_which_they_were_set(void **state)
{
    struct run *run = *state;

    for (int i = 0; i < COUNT; i++)
        set(run, (i * 7) % COUNT, 5);
    deadlines_run(&run->deadlines, 5, run);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(run->came[i], (i * 7) % COUNT);
}

static void a_deadline_can_be_moved_and_cancelled(void **state)
{
    struct run *run = *state;

    set(run, 0, 10);
    set(run, 1, 20);
    set(run, 0, 30);
    deadlines_run(&run->deadlines, 20, run);
    assert_int_equal(run->came_count, 1);
    deadline_cancel(&run->deadlines, &run->alarms[0].deadline);
    assert_false(deadline_is_set(&run->alarms[0].deadline));
    assert_int_equal(deadlines_next(&run->deadlines), DEADLINE_NEVER);
}

static void a_deadline_may_set_itself_anew(void **state)
{
    struct run *run = *state;

    run->again = 3;
    set(run, 0, 10);
    deadlines_run(&run->deadlines, 30, run); /* 10, 20, 30 */
    assert_int_equal(run->came_count, 3);
    assert_int_equal(deadlines_next(&run->deadlines), 40);
}

/* Against a plain search for the smallest. */
static void random_use_agrees_with_a_plain_list(void **state)
{
    struct run *run = *state;
    int64_t times[COUNT];
    struct rng rng = {42};

    for (int i = 0; i < COUNT; i++)
        times[i] = DEADLINE_NEVER;
    for (int step = 0; step < 20000; step++) {
        int number = (int)rng_below(&rng, COUNT);
        int64_t least = DEADLINE_NEVER;

        if (rng_below(&rng, 3) == 0) {
            deadline_cancel(&run->deadlines, &run->alarms[number].deadline);
            times[number] = DEADLINE_NEVER;
        } else {
            times[number] = (int64_t)rng_below(&rng, 1000);
            set(run, number, times[number]);
        }
        for (int i = 0; i < COUNT; i++)
            least = times[i] < least ? times[i] : least;
        assert_int_equal(deadlines_next(&run->deadlines), least);
    }
    deadlines_run(&run->deadlines, 1000, run);
    for (size_t i = 1; i < run->came_count; i++)
        assert_true(times[run->came[i - 1]] <= times[run->came[i]]);
    assert_int_equal(run->deadlines.count, 0);
}

#define alarm_test(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        alarm_test(nothing_is_due_when_nothing_is_set),
        alarm_test(each_comes_due_at_its_time),
        alarm_test(ties_come_due_in_the_order_in_which_they_were_set),
        alarm_test(a_deadline_can_be_moved_and_cancelled),
        alarm_test(a_deadline_may_set_itself_anew),
        alarm_test(random_use_agrees_with_a_plain_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
