/* How often an agent begins anew by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "agent/restart.h"
#include "base/clock.h"

#define NOW (1000 * (int64_t)US_PER_S)

static void assert_due(const char *times, bool is_due)
{
    assert_int_equal(setenv("PROFFER_AGENT_RESTARTED", times, 1), 0);
    assert_int_equal(restart_is_due(NOW), is_due);
}

static void third_restart_of_a_minute_is_the_last(void **state)
{
    (void)state;
    unsetenv("PROFFER_AGENT_RESTARTED");
    assert_true(restart_is_due(NOW));
    assert_due("999000000", true);
    assert_due("999000000 998000000", true);
    assert_due("999000000 998000000 997000000", false);
    assert_due("999000000 998000000 939000000", true);
}

static void nonsense_in_the_environment_does_no_harm(void **state)
{
    (void)state;
    assert_due("", true);
    assert_due("often", true);
    assert_due("999000000 x 998000000 997000000", true);
    assert_due("99999999999999999999999999 1 2 3 4 5 6 7 8 9", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(third_restart_of_a_minute_is_the_last),
        cmocka_unit_test(nonsense_in_the_environment_does_no_harm),
    };

    return cmocka_run_group_tests_name("restart", tests, NULL, NULL);
}
