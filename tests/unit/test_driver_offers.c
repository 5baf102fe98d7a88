/* The driver's core and offers: until when one is ours, and what may be done with it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/driver_fixture.h"

static void an_offer_is_ours_until_it_is_answered(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();

    (void)state;
    driver_fixture_offer(f, "O1", "A1", "*");
    driver_fixture_offer(f, "O1", "A1", "*"); /* a doubled message is no second offer */
    assert_int_equal(f->offers, 1);
    assert_string_equal(driver_offer_agent(f->driver, "O1"), "A1");
    assert_int_equal(driver_fixture_launch(f, "O1", "A1", "t1"), 0);
    assert_string_equal(driver_fixture_last(f, MSG_ACCEPT)->accept->offer_ids[0], "O1");
    assert_null(driver_offer_agent(f->driver, "O1"));
    assert_true(driver_has_task(f->driver, "t1"));
    assert_int_equal(driver_fixture_launch(f, "O1", "A1", "t2"), -ENOENT);
    assert_false(driver_has_task(f->driver, "t2"));
}

static void offers_are_void_after_a_disconnection(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();

    (void)state;
    driver_fixture_offer(f, "O1", "A1", "*");
    driver_fixture_disconnect(f);
    assert_int_equal(driver_offers(f->driver), 0);
    assert_int_equal(driver_fixture_launch(f, "O1", "A1", "t1"), -ENOTCONN);
    driver_fixture_connect(f);
    driver_fixture_hear_subscribed(f, "F1");
    assert_int_equal(driver_fixture_launch(f, "O1", "A1", "t1"), -ENOENT);
    assert_int_equal(driver_tasks(f->driver), 0);
}

static void a_rescinded_offer_is_gone_and_told_once(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();

    (void)state;
    driver_fixture_offer(f, "O1", "A1", "*");
    driver_fixture_hear(f, MESSAGE(RESCIND, rescind, .offer_id = "O1"));
    driver_fixture_hear(f, MESSAGE(RESCIND, rescind, .offer_id = "O1"));
    assert_int_equal(f->rescinded, 1);
    assert_int_equal(driver_offers(f->driver), 0);
}

static void a_reduced_offer_stays_ours_and_one_that_is_answered_is_not_told(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();
    const char *id = "O1";

    (void)state;
    driver_fixture_offer(f, id, "A1", "*");
    driver_fixture_hear(f, MESSAGE(OFFER_REDUCED, offer_reduced, .offer_id = id));
    assert_int_equal(f->reduced, 1);
    assert_int_equal(driver_offers(f->driver), 1);
    assert_int_equal(driver_decline(f->driver, &id, 1, 0, NULL), 0);
    driver_fixture_hear(f, MESSAGE(OFFER_REDUCED, offer_reduced, .offer_id = id));
    assert_int_equal(f->reduced, 1);
}

static void offers_that_nobody_looks_at_are_declined_for_an_hour(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new();

    (void)state;
    f->settings.decline_all = true;
    driver_fixture_subscribe(f);
    driver_fixture_offer(f, "O1", "A1", "*");
    assert_int_equal(f->offers, 0);
    assert_int_equal(driver_fixture_last(f, MSG_DECLINE)->decline->filters->refuse_ms, 3600000);
    assert_int_equal(driver_offers(f->driver), 0);
}

static void declining_takes_only_what_is_ours(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();
    const char *ids[] = {"O1", "nobody's", "O1"};

    (void)state;
    driver_fixture_offer(f, "O1", "A1", "*");
    driver_fixture_offer(f, "O2", "A1", "*");
    assert_int_equal(driver_decline(f->driver, ids, 3, -1, NULL), 0);
    assert_string_equal(driver_fixture_last(f, MSG_DECLINE)->decline->offer_ids[0], "O1");
    assert_int_equal(driver_fixture_last(f, MSG_DECLINE)->decline->filters->refuse_ms, -1);
    assert_int_equal(driver_offers(f->driver), 1);
    assert_int_equal(driver_decline(f->driver, ids, 3, -1, NULL), -ENOENT);
}

static void answer_inside(struct driver_fixture *f, const struct offer_info *const *offers,
                          size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(
            driver_fixture_launch(f, offers[i]->id, offers[i]->agent_id, offers[i]->id), 0);
}

static void offers_may_be_answered_inside_the_callback(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();

    (void)state;
    f->in_offers = answer_inside;
    driver_fixture_offer(f, "O1", "A1", "*");
    assert_int_equal(driver_offers(f->driver), 0);
    assert_int_equal(driver_tasks(f->driver), 1);
}

static void refuses(struct driver_fixture *f, int code, const char *const *offers,
                    size_t offers_count, const struct task_info *tasks, size_t tasks_count,
                    const char *text)
{
    const struct operation_info launch = {
        .kind = OPERATION_LAUNCH, .tasks = tasks, .tasks_count = tasks_count};
    const struct msg_accept accept = {.offer_ids = offers,
                                      .offer_ids_count = offers_count,
                                      .operations = &launch,
                                      .operations_count = 1};
    size_t held = driver_offers(f->driver), alive = driver_tasks(f->driver);
    struct err err = {0};

    assert_int_equal(driver_accept(f->driver, &accept, &err), code);
    assert_non_null(strstr(err.text, text));
    assert_int_equal(driver_offers(f->driver), held);
    assert_int_equal(driver_tasks(f->driver), alive);
    assert_int_equal(driver_check(f->driver, &err), 0);
    assert_int_equal(driver_fixture_sent(f, MSG_ACCEPT), 0);
}

static void a_wrong_accept_is_refused_and_changes_nothing(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_with_roles();
    const struct command_info command = {.value = "true"};
    const struct task_info t1 = {.task_id = "t1", .agent_id = "A1", .command = &command};
    const struct task_info alive = {.task_id = "alive", .agent_id = "A1", .command = &command};
    const struct task_info foreign = {.task_id = "t2", .agent_id = "A2", .command = &command};

    (void)state;
    driver_fixture_subscribe(f);
    driver_fixture_offer(f, "O1", "A1", "dev");
    driver_fixture_offer(f, "O2", "A2", "dev");
    driver_fixture_offer(f, "O3", "A1", "ops");
    driver_fixture_update(f, "alive", TASK_RUNNING, false);
    refuses(f, -EINVAL, NULL, 0, &t1, 1, "no offer");
    refuses(f, -ENOENT, (const char *[]){"O1", "O9"}, 2, &t1, 1, "offer O9 is not ours");
    refuses(f, -EINVAL, (const char *[]){"O1", "O1"}, 2, &t1, 1, "offer O1 stands there twice");
    refuses(f, -EINVAL, (const char *[]){"O1", "O2"}, 2, &t1, 1, "different agents");
    refuses(f, -EINVAL, (const char *[]){"O1", "O3"}, 2, &t1, 1, "different roles");
    refuses(f, -EINVAL, (const char *[]){"O1"}, 1, &foreign, 1, "is for agent A2");
    refuses(f, -EEXIST, (const char *[]){"O1"}, 1, (const struct task_info[]){t1, alive}, 2,
            "task alive is alive already (TASK_RUNNING)");
    refuses(f, -EEXIST, (const char *[]){"O1"}, 1, (const struct task_info[]){t1, t1}, 2,
            "task t1");
}

static void an_accept_that_cannot_be_sent_changes_nothing(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();

    (void)state;
    driver_fixture_offer(f, "O1", "A1", "*");
    f->send_answer = -EMSGSIZE;
    assert_int_equal(driver_fixture_launch(f, "O1", "A1", "t1"), -EMSGSIZE);
    assert_int_equal(driver_tasks(f->driver), 0);
    assert_int_equal(driver_offers(f->driver), 1);
    assert_int_equal(driver_decline(f->driver, (const char *[]){"O1"}, 1, 0, NULL), -EMSGSIZE);
    assert_int_equal(driver_offers(f->driver), 1);
}

static int accept_gang(struct driver_fixture *f, const char *const offers[2],
                       const struct task_info tasks[2], struct err *err)
{
    const struct operation_info launches[] = {
        {.kind = OPERATION_LAUNCH, .tasks = &tasks[0], .tasks_count = 1},
        {.kind = OPERATION_LAUNCH, .tasks = &tasks[1], .tasks_count = 1},
    };
    const struct gang_part parts[] = {
        {&offers[0], 1, &launches[0], 1},
        {&offers[1], 1, &launches[1], 1},
    };
    const struct msg_accept_gang gang = {.parts = parts, .parts_count = 2};
    int rc = driver_accept_gang(f->driver, &gang, err);

    assert_int_equal(driver_check(f->driver, NULL), 0);
    return rc;
}

static void a_gang_takes_offers_of_several_agents_in_one_message(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();
    const struct command_info command = {.value = "true"};
    struct task_info tasks[] = {{.task_id = "t1", .agent_id = "A1", .command = &command},
                                {.task_id = "t2", .agent_id = "A2", .command = &command}};
    struct err err = {0};

    (void)state;
    driver_fixture_offer(f, "O1", "A1", "*");
    driver_fixture_offer(f, "O2", "A2", "*");
    assert_int_equal(accept_gang(f, (const char *[]){"O1", "O1"}, tasks, &err), -EINVAL);
    assert_non_null(strstr(err.text, "O1 stands there twice"));
    assert_int_equal(accept_gang(f, (const char *[]){"O1", "O9"}, tasks, &err), -ENOENT);
    tasks[1].task_id = "t1";
    assert_int_equal(accept_gang(f, (const char *[]){"O1", "O2"}, tasks, &err), -EEXIST);
    tasks[1].task_id = "t2";
    tasks[1].agent_id = "A1";
    assert_int_equal(accept_gang(f, (const char *[]){"O1", "O2"}, tasks, &err), -EINVAL);
    tasks[1].agent_id = "A2";
    /* So far nothing has changed. */
    assert_int_equal(driver_offers(f->driver), 2);
    assert_int_equal(driver_tasks(f->driver), 0);
    f->send_answer = -EMSGSIZE;
    assert_int_equal(accept_gang(f, (const char *[]){"O1", "O2"}, tasks, &err), -EMSGSIZE);
    assert_int_equal(driver_tasks(f->driver), 0);
    f->send_answer = 0;
    assert_int_equal(accept_gang(f, (const char *[]){"O1", "O2"}, tasks, &err), 0);
    assert_int_equal(driver_fixture_last(f, MSG_ACCEPT_GANG)->accept_gang->parts_count, 2);
    assert_int_equal(driver_offers(f->driver), 0);
    assert_int_equal(driver_tasks(f->driver), 2);
    assert_int_equal(driver_accept_gang(f->driver, &(struct msg_accept_gang){0}, &err), -EINVAL);
}

/* --- inverse offers ------------------------------------------------------------------------------ */

static size_t count_capabilities(struct driver_fixture *f)
{
    driver_fixture_connect(f);
    return driver_fixture_last(f, MSG_SUBSCRIBE)->subscribe->framework->capabilities_count;
}

static void who_can_be_asked_to_leave_says_so(void **state)
{
    static const char *const capabilities[] = {"TOPOLOGY"};
    DRIVER_FIXTURE *f = driver_fixture_new(), *g = driver_fixture_new();
    const struct framework_info *framework;

    (void)state;
    f->framework.capabilities = capabilities;
    f->framework.capabilities_count = 1;
    f->leaves_agents = true;
    driver_fixture_start(f);
    assert_int_equal(count_capabilities(f), 2);
    framework = driver_fixture_last(f, MSG_SUBSCRIBE)->subscribe->framework;
    assert_string_equal(framework->capabilities[0], "TOPOLOGY");
    assert_string_equal(framework->capabilities[1], "INVERSE_OFFERS");
    driver_fixture_start(g);
    assert_int_equal(count_capabilities(g), 0);
}

static void inverse_offers_are_told_and_answered(void **state)
{
    const struct unavailability unavailability = {.start_us = 1};
    const struct inverse_offer_info offers[] = {
        {.id = "I1", .agent_id = "A1", .unavailability = &unavailability},
        {.id = "I2", .agent_id = "A2", .unavailability = &unavailability}};
    DRIVER_FIXTURE *f = driver_fixture_new();

    (void)state;
    f->leaves_agents = true;
    assert_int_equal((driver_fixture_start(f), driver_accept_inverse(f->driver, "I1", NULL)),
                     -ENOTCONN);
    driver_fixture_connect(f);
    driver_fixture_hear_subscribed(f, "F1");
    driver_fixture_hear(
        f, MESSAGE(INVERSE_OFFERS, inverse_offers, .offers = offers, .offers_count = 2));
    assert_int_equal(f->inverse_offers, 2);
    assert_string_equal(f->text, "A2");
    assert_int_equal(driver_accept_inverse(f->driver, "I1", NULL), 0);
    assert_string_equal(driver_fixture_last(f, MSG_ACCEPT_INVERSE)->accept_inverse->ids[0], "I1");
    assert_int_equal(driver_decline_inverse(f->driver, "I1", 7000, NULL), 0);
    assert_int_equal(
        driver_fixture_last(f, MSG_DECLINE_INVERSE)->decline_inverse->filters->refuse_ms, 7000);
    assert_int_equal(driver_accept_inverse(f->driver, "", NULL), -EINVAL);
    driver_fixture_hear(f, MESSAGE(RESCIND_INVERSE, rescind_inverse, .id = "I2"));
    assert_int_equal(f->inverse_rescinded, 1);
    assert_string_equal(f->text, "I2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_offer_is_ours_until_it_is_answered),
        cmocka_unit_test(offers_are_void_after_a_disconnection),
        cmocka_unit_test(a_rescinded_offer_is_gone_and_told_once),
        cmocka_unit_test(a_reduced_offer_stays_ours_and_one_that_is_answered_is_not_told),
        cmocka_unit_test(offers_that_nobody_looks_at_are_declined_for_an_hour),
        cmocka_unit_test(declining_takes_only_what_is_ours),
        cmocka_unit_test(offers_may_be_answered_inside_the_callback),
        cmocka_unit_test(a_wrong_accept_is_refused_and_changes_nothing),
        cmocka_unit_test(an_accept_that_cannot_be_sent_changes_nothing),
        cmocka_unit_test(a_gang_takes_offers_of_several_agents_in_one_message),
        cmocka_unit_test(who_can_be_asked_to_leave_says_so),
        cmocka_unit_test(inverse_offers_are_told_and_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
