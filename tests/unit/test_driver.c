/* The driver's core: what it says to the master, what it tells the framework's author, and when. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/deadlines.h"
#include "tests/unit/driver_fixture.h"

/* --- subscription ----------------------------------------------------------------------------- */

static void it_subscribes_in_each_new_session_with_the_id_it_got(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new();

    (void)state;
    driver_fixture_start(f);
    assert_int_equal(f->sent_count, 0);
    driver_fixture_connect(f);
    assert_string_equal(driver_fixture_last(f, MSG_SUBSCRIBE)->subscribe->framework->id, "");
    driver_fixture_hear_subscribed(f, "F1");
    assert_int_equal(f->registered, 1);
    assert_false(f->again);
    assert_string_equal(driver_framework_id(f->driver), "F1");

    driver_fixture_disconnect(f);
    assert_int_equal(f->disconnected, 1);
    assert_false(driver_is_subscribed(f->driver));
    driver_fixture_connect(f);
    assert_string_equal(driver_fixture_last(f, MSG_SUBSCRIBE)->subscribe->framework->id, "F1");
    driver_fixture_hear_subscribed(f, "F1");
    assert_int_equal(f->registered, 2);
    assert_true(f->again);
}

static void it_continues_an_earlier_life(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new();

    (void)state;
    f->framework.id = "F0";
    driver_fixture_start(f);
    assert_string_equal(driver_framework_id(f->driver), "F0");
    driver_fixture_connect(f);
    assert_string_equal(driver_fixture_last(f, MSG_SUBSCRIBE)->subscribe->framework->id, "F0");
    driver_fixture_hear_subscribed(f, "F0");
    assert_false(f->again);
}

static void it_subscribes_again_with_growing_pauses_until_it_is_answered(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new();
    int64_t pause_us = 0, longest_us = 0;

    (void)state;
    driver_fixture_start(f);
    driver_fixture_connect(f);
    for (int i = 0; i < 12; i++) {
        pause_us = driver_next_deadline_us(f->driver) - f->now.mono_us;
        assert_in_range(pause_us, 1 * S, 60 * S);
        longest_us = pause_us > longest_us ? pause_us : longest_us;
        driver_fixture_pass(f, pause_us);
        assert_int_equal(driver_fixture_sent(f, MSG_SUBSCRIBE), 2 + i);
    }
    assert_true(longest_us > 30 * S);
    driver_fixture_hear_subscribed(f, "F1");
    driver_fixture_hear_subscribed(f, "F1"); /* the answer to the one sent again */
    assert_int_equal(f->registered, 1);
    driver_fixture_forget(f);
    driver_fixture_pass(f, 1000 * S);
    assert_int_equal(driver_fixture_sent(f, MSG_SUBSCRIBE), 0);
}

static void what_comes_before_subscribed_is_dropped(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new();

    (void)state;
    driver_fixture_start(f);
    driver_fixture_offer(f, "O0", "A1", "*");
    driver_fixture_connect(f);
    driver_fixture_offer(f, "O1", "A1", "*");
    driver_fixture_update(f, "t1", TASK_RUNNING, true);
    assert_int_equal(f->offers + f->updates, 0);
    assert_int_equal(driver_offers(f->driver), 0);
    assert_int_equal(driver_fixture_sent(f, MSG_ACKNOWLEDGE), 0);
}

static void what_is_not_for_a_framework_is_dropped(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();

    (void)state;
    driver_fixture_hear(f, MESSAGE(SHUTDOWN_AGENT, shutdown_agent, .reason = "?"));
    assert_false(driver_has_ended(f->driver));
    assert_int_equal(f->sent_count, 0);
}

static void a_framework_without_a_name_is_refused(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new();
    const struct driver_env env = {0};
    struct err err = {0};

    (void)state;
    f->framework.name = "";
    assert_int_equal(driver_new(&f->settings, &env, &f->driver, &err), -EINVAL);
    assert_non_null(strstr(err.text, "name"));
    f->framework.name = "f";
    f->framework.roles = (const char *const[]){"a//b"};
    f->framework.roles_count = 1;
    assert_int_equal(driver_new(&f->settings, &env, &f->driver, &err), -EINVAL);
    assert_null(f->driver);
}

/* --- wishes ----------------------------------------------------------------------------------- */

static void suppressed_roles_stay_so_across_sessions(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_with_roles();
    const struct msg_subscribe *subscribe;

    (void)state;
    driver_fixture_subscribe(f);
    assert_int_equal(driver_suppress(f->driver, "ops", NULL), 0);
    assert_string_equal(driver_fixture_last(f, MSG_SUPPRESS)->suppress->roles[0], "ops");
    driver_fixture_disconnect(f);
    driver_fixture_connect(f);
    subscribe = driver_fixture_last(f, MSG_SUBSCRIBE)->subscribe;
    assert_int_equal(subscribe->suppressed_roles_count, 1);
    assert_string_equal(subscribe->suppressed_roles[0], "ops");
    driver_fixture_forget(f);
    driver_fixture_hear_subscribed(f, "F1");
    assert_int_equal(f->sent_count, 0);
}

static void all_roles_are_suppressed_from_the_start_when_so_asked(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_with_roles();

    (void)state;
    f->settings.suppressed = true;
    driver_fixture_start(f);
    driver_fixture_connect(f);
    assert_int_equal(driver_fixture_last(f, MSG_SUBSCRIBE)->subscribe->suppressed_roles_count, 2);
    driver_fixture_hear_subscribed(f, "F1");
    assert_int_equal(driver_revive(f->driver, NULL, NULL), 0);
    assert_int_equal(driver_fixture_last(f, MSG_REVIVE)->revive->roles_count, 0);
}

static void wishes_made_without_a_session_are_told_in_the_next(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_with_roles();

    (void)state;
    driver_fixture_subscribe(f);
    driver_fixture_disconnect(f);
    assert_int_equal(driver_revive(f->driver, "dev", NULL), 0);
    driver_fixture_connect(f);
    assert_int_equal(driver_suppress(f->driver, "ops", NULL), 0);
    assert_int_equal(driver_fixture_sent(f, MSG_REVIVE) + driver_fixture_sent(f, MSG_SUPPRESS), 0);
    driver_fixture_hear_subscribed(f, "F1");
    assert_int_equal(driver_fixture_sent(f, MSG_REVIVE), 1);
    assert_string_equal(driver_fixture_last(f, MSG_SUPPRESS)->suppress->roles[0], "ops");
    /* and only once */
    driver_fixture_disconnect(f);
    driver_fixture_connect(f);
    driver_fixture_hear_subscribed(f, "F1");
    assert_int_equal(driver_fixture_sent(f, MSG_REVIVE), 1);
}

static void needs_are_told_at_once_and_with_each_subscription(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_with_roles();
    const struct resource_info cpus = {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 1000};
    const struct need_info need = {.name = "web", .minimum = &cpus, .minimum_count = 1};
    const struct role_needs needs = {.role = "dev", .needs = &need, .needs_count = 1};
    const struct role_needs none = {.role = "dev"}, other = {.role = "other"};
    const struct msg_subscribe *subscribe;

    (void)state;
    driver_fixture_subscribe(f);
    assert_int_equal(driver_set_needs(f->driver, &other, NULL), -EINVAL);
    assert_int_equal(driver_set_needs(f->driver, &needs, NULL), 0);
    assert_string_equal(driver_fixture_last(f, MSG_NEEDS)->needs->roles[0].needs[0].name, "web");
    driver_fixture_disconnect(f);
    driver_fixture_connect(f);
    subscribe = driver_fixture_last(f, MSG_SUBSCRIBE)->subscribe;
    assert_int_equal(subscribe->needs_count, 1);
    assert_string_equal(subscribe->needs[0].needs[0].name, "web");
    /* Changed after SUBSCRIBE has left: told when it is answered. */
    assert_int_equal(driver_set_needs(f->driver, &none, NULL), 0);
    assert_int_equal(driver_fixture_sent(f, MSG_NEEDS), 1);
    driver_fixture_hear_subscribed(f, "F1");
    assert_int_equal(driver_fixture_sent(f, MSG_NEEDS), 2);
    assert_int_equal(driver_fixture_last(f, MSG_NEEDS)->needs->roles[0].needs_count, 0);
}

static void a_role_of_somebody_else_is_refused(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_with_roles();
    struct err err = {0};

    (void)state;
    driver_fixture_subscribe(f);
    assert_int_equal(driver_suppress(f->driver, "other", &err), -EINVAL);
    assert_string_equal(err.text, "'other' is not a role of this framework");
    assert_int_equal(driver_revive(f->driver, "*", &err), -EINVAL);
    assert_int_equal(f->sent_count, 0);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void an_error_is_the_end(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();

    (void)state;
    driver_fixture_offer(f, "O1", "A1", "*");
    driver_fixture_hear(f, MESSAGE(ERROR, error, .message = "Framework failed over"));
    assert_true(driver_has_ended(f->driver));
    assert_string_equal(f->text, "Framework failed over");
    driver_fixture_disconnect(f);
    driver_fixture_connect(f);
    driver_fixture_hear_subscribed(f, "F1");
    assert_int_equal(f->errors, 1);
    assert_int_equal(f->disconnected, 0);
    assert_int_equal(f->sent_count, 0);
    assert_int_equal(driver_fixture_launch(f, "O1", "A1", "t1"), -ENOTCONN);
}

static void a_final_disconnection_is_an_error(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new();

    (void)state;
    driver_fixture_start(f);
    driver_fixture_disconnect(f); /* an attempt that failed */
    assert_int_equal(f->disconnected, 1);
    driver_on_disconnected(f->driver, "wrong version", true);
    assert_true(driver_has_ended(f->driver));
    assert_int_equal(f->errors, 1);
}

static void stopping_with_teardown_says_so(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();

    (void)state;
    driver_stop(f->driver, f->now, true);
    driver_fixture_last(f, MSG_TEARDOWN);
    assert_true(driver_has_ended(f->driver));
    driver_stop(f->driver, f->now, true);
    assert_int_equal(f->sent_count, 1);
}

static void stopping_without_teardown_says_nothing(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();

    (void)state;
    driver_stop(f->driver, f->now, false);
    assert_int_equal(f->sent_count, 0);
    assert_true(driver_has_ended(f->driver));
    assert_int_equal(f->errors + f->disconnected, 0);
}

static void teardown_waits_a_little_for_a_session(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();

    (void)state;
    driver_fixture_disconnect(f);
    driver_stop(f->driver, f->now, true);
    assert_false(driver_has_ended(f->driver));
    driver_fixture_connect(f);
    assert_int_equal(driver_fixture_sent(f, MSG_SUBSCRIBE), 1);
    driver_fixture_last(f, MSG_TEARDOWN);
    assert_true(driver_has_ended(f->driver));
}

static void teardown_does_not_wait_for_ever(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();

    (void)state;
    driver_fixture_disconnect(f);
    driver_stop(f->driver, f->now, true);
    driver_fixture_pass(f, 4 * S);
    assert_false(driver_has_ended(f->driver));
    driver_fixture_pass(f, 1 * S);
    assert_true(driver_has_ended(f->driver));
}

static void a_second_stop_without_teardown_does_not_wait(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();

    (void)state;
    driver_fixture_disconnect(f);
    driver_stop(f->driver, f->now, true);
    driver_stop(f->driver, f->now, false);
    assert_true(driver_has_ended(f->driver));
    assert_int_equal(driver_next_deadline_us(f->driver), DEADLINE_NEVER);
}

static void who_was_never_registered_stops_at_once(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new();

    (void)state;
    driver_fixture_start(f);
    driver_stop(f->driver, f->now, true);
    assert_true(driver_has_ended(f->driver));
}

static void after_the_end_nothing_is_wanted_any_more(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();
    const struct task_ref ref = {.task_id = "t1"};
    struct err err = {0};

    (void)state;
    driver_stop(f->driver, f->now, false);
    assert_int_equal(driver_kill(f->driver, "t1", NULL, &err), -ENOTCONN);
    assert_string_equal(err.text, "the scheduler is ended");
    assert_int_equal(driver_reconcile(f->driver, &ref, NULL), -ENOTCONN);
}

static void without_a_session_what_cannot_wait_cannot_be_called(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new();
    const struct msg_message_to_executor message = {.agent_id = "A1", .task_id = "t1"};
    struct err err = {0};

    (void)state;
    driver_fixture_start(f);
    assert_int_equal(driver_message(f->driver, &message, &err), -ENOTCONN);
    assert_string_equal(err.text, "no connection to the master: disconnected");
    assert_int_equal(driver_reconcile(f->driver, NULL, NULL), -ENOTCONN);
    assert_int_equal(driver_decline(f->driver, (const char *[]){"O1"}, 1, 0, NULL), -ENOTCONN);
}

static void calls_about_tasks_go_out_as_they_are(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();
    const struct kill_policy policy = {.grace_ms = 250};
    const struct task_ref task = {.task_id = "t1", .agent_id = "A1"};
    const struct msg_message_to_executor message = {
        .agent_id = "A1", .task_id = "t1", .data = {"hi", 2}};
    const struct msg_message_to_executor large = {
        .agent_id = "A1", .task_id = "t1", .data = {"", DATA_MAX + 1}};

    (void)state;
    driver_fixture_update(f, "t1", TASK_RUNNING, false);
    assert_int_equal(driver_kill(f->driver, "t1", &policy, NULL), 0);
    assert_string_equal(driver_fixture_last(f, MSG_KILL)->kill->agent_id, "A1");
    assert_int_equal(driver_fixture_last(f, MSG_KILL)->kill->kill_policy->grace_ms, 250);
    assert_int_equal(driver_kill(f->driver, "a/b", NULL, NULL), -EINVAL);
    assert_int_equal(driver_reconcile(f->driver, &task, NULL), 0);
    driver_fixture_pass(f, 0);
    assert_int_equal(driver_fixture_last(f, MSG_RECONCILE)->reconcile->tasks_count, 1);
    assert_int_equal(driver_reconcile(f->driver, NULL, NULL), 0);
    assert_int_equal(driver_fixture_last(f, MSG_RECONCILE)->reconcile->tasks_count, 0);
    assert_int_equal(driver_message(f->driver, &message, NULL), 0);
    driver_fixture_last(f, MSG_MESSAGE_TO_EXECUTOR);
    assert_int_equal(driver_message(f->driver, &large, NULL), -EMSGSIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_subscribes_in_each_new_session_with_the_id_it_got),
        cmocka_unit_test(it_continues_an_earlier_life),
        cmocka_unit_test(it_subscribes_again_with_growing_pauses_until_it_is_answered),
        cmocka_unit_test(what_comes_before_subscribed_is_dropped),
        cmocka_unit_test(what_is_not_for_a_framework_is_dropped),
        cmocka_unit_test(a_framework_without_a_name_is_refused),
        cmocka_unit_test(suppressed_roles_stay_so_across_sessions),
        cmocka_unit_test(all_roles_are_suppressed_from_the_start_when_so_asked),
        cmocka_unit_test(needs_are_told_at_once_and_with_each_subscription),
        cmocka_unit_test(wishes_made_without_a_session_are_told_in_the_next),
        cmocka_unit_test(a_role_of_somebody_else_is_refused),
        cmocka_unit_test(an_error_is_the_end),
        cmocka_unit_test(a_final_disconnection_is_an_error),
        cmocka_unit_test(stopping_with_teardown_says_so),
        cmocka_unit_test(stopping_without_teardown_says_nothing),
        cmocka_unit_test(teardown_waits_a_little_for_a_session),
        cmocka_unit_test(teardown_does_not_wait_for_ever),
        cmocka_unit_test(a_second_stop_without_teardown_does_not_wait),
        cmocka_unit_test(who_was_never_registered_stops_at_once),
        cmocka_unit_test(without_a_session_what_cannot_wait_cannot_be_called),
        cmocka_unit_test(after_the_end_nothing_is_wanted_any_more),
        cmocka_unit_test(calls_about_tasks_go_out_as_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
