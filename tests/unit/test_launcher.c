/* The launcher as the agent sees it: orders in, what became of them out. Real processes and cgroups. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "tests/unit/launcher_driver.h"

static const struct driver_plan plain;

static void a_task_that_ends_well_is_reported(void **state)
{
    CLEANUP(launcher_driver_destroy) struct driver *driver = launcher_driver_new(&plain);
    const struct msg_container_exited *exited;
    const struct message *started;

    (void)state;
    driver_launch(driver, &(struct driver_task){.id = "t1", .shell = "echo hello; echo world >&2"});
    started = driver_wait(driver, MSG_CONTAINER_STARTED, "t1");
    exited = driver_wait(driver, MSG_CONTAINER_EXITED, "t1")->container_exited;

    assert_true(started->container_started->pid > 0);
    assert_non_null(exited->exit);
    assert_int_equal(exited->exit->code, 0);
    assert_int_equal(exited->exit->signal, 0);
    assert_string_equal(exited->error, "");
    assert_string_equal(driver_read(driver, "t1", "stdout"), "hello\n");
    assert_string_equal(driver_read(driver, "t1", "stderr"), "world\n");
    assert_int_equal(exited->stdout_bytes, 6);
    assert_int_equal(exited->started_us, started->container_started->started_us);
    assert_true(exited->ended_us >= exited->started_us);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_that_ends_well_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
