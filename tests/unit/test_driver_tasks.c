/* The driver's core and tasks: acknowledgements, who counts as alive, and the loop that asks about
 * them after each subscription; then anything in any order. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/deadlines.h"
#include "base/rng.h"
#include "tests/unit/driver_fixture.h"

/* --- updates ---------------------------------------------------------------------------------- */

static void not_acknowledged_yet(struct driver_fixture *f, const struct task_status *status)
{
    (void)status;
    assert_int_equal(driver_fixture_sent(f, MSG_ACKNOWLEDGE), 0);
}

static void an_update_is_acknowledged_when_its_callback_returns(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();
    const struct msg_acknowledge *acknowledge;

    (void)state;
    f->in_update = not_acknowledged_yet;
    driver_fixture_update(f, "t1", TASK_RUNNING, true);
    acknowledge = driver_fixture_last(f, MSG_ACKNOWLEDGE)->acknowledge;
    assert_string_equal(acknowledge->task_id, "t1");
    assert_string_equal(acknowledge->agent_id, "A1");
    assert_memory_equal(acknowledge->uuid.data, "0123456789abcdef", 16);
}

static void an_update_without_a_uuid_is_not_acknowledged(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();

    (void)state;
    driver_fixture_update(f, "t1", TASK_UNREACHABLE, false);
    assert_int_equal(f->updates, 1);
    assert_int_equal(f->sent_count, 0);
}

static void acknowledging_by_hand_is_left_to_the_author(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new();
    struct msg_acknowledge acknowledge = {
        .agent_id = "A1", .task_id = "t1", .uuid = {"0123456789abcdef", 16}};

    (void)state;
    f->settings.acknowledge_by_hand = true;
    driver_fixture_subscribe(f);
    driver_fixture_update(f, "t1", TASK_FINISHED, true);
    assert_int_equal(f->sent_count, 0);
    assert_int_equal(driver_acknowledge(f->driver, &acknowledge, NULL), 0);
    driver_fixture_last(f, MSG_ACKNOWLEDGE);
    acknowledge.uuid.size = 0;
    assert_int_equal(driver_acknowledge(f->driver, &acknowledge, NULL), -EINVAL);
}

static void a_task_is_alive_until_its_terminal_update(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();

    (void)state;
    driver_fixture_update(f, "t1", TASK_RUNNING, true); /* of an earlier life of ours */
    assert_true(driver_has_task(f->driver, "t1"));
    driver_fixture_update(f, "t1", TASK_UNREACHABLE, false);
    assert_true(driver_has_task(f->driver, "t1"));
    driver_fixture_update(f, "t1", TASK_FINISHED, true);
    assert_false(driver_has_task(f->driver, "t1"));
    driver_fixture_update(f, "t1", TASK_FINISHED, true); /* again: the acknowledgement was lost */
    assert_int_equal(f->updates, 4);
    assert_int_equal(driver_fixture_sent(f, MSG_ACKNOWLEDGE), 3);
}

static void messages_and_lost_agents_are_told(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();

    (void)state;
    driver_fixture_hear(f, MESSAGE(MESSAGE_TO_FRAMEWORK, message_to_framework, .framework_id = "F1",
                                   .task_id = "t1", .data = {"hi", 2}));
    assert_int_equal(f->messages, 1);
    driver_fixture_hear(f, MESSAGE(AGENT_LOST, agent_lost, .agent_id = "A1"));
    assert_int_equal(f->agents_lost, 1);
    assert_string_equal(f->text, "A1");
}

/* --- reconciliation --------------------------------------------------------------------------- */

static void resubscribe(struct driver_fixture *f)
{
    driver_fixture_disconnect(f);
    driver_fixture_connect(f);
    driver_fixture_forget(f);
    driver_fixture_hear_subscribed(f, "F1");
}

static void live_tasks_are_asked_about_after_each_subscription(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();
    const struct msg_reconcile *reconcile;

    (void)state;
    driver_fixture_offer(f, "O1", "A1", "*");
    assert_int_equal(driver_fixture_launch(f, "O1", "A1", "t1"), 0);
    driver_fixture_update(f, "t2", TASK_FINISHED, true);
    resubscribe(f);
    reconcile = driver_fixture_last(f, MSG_RECONCILE)->reconcile;
    assert_int_equal(reconcile->tasks_count, 1);
    assert_string_equal(reconcile->tasks[0].task_id, "t1");
    assert_string_equal(reconcile->tasks[0].agent_id, "A1");
    assert_int_equal(driver_unanswered(f->driver), 1);
    driver_fixture_update(f, "t1", TASK_RUNNING, false);
    assert_int_equal(driver_unanswered(f->driver), 0);
}

/* How often tasks were named. */
static size_t asked(const struct driver_fixture *f)
{
    size_t count = 0;

    for (size_t i = 0; i < f->sent_count; i++)
        count += f->sent[i].type == MSG_RECONCILE && f->sent[i].reconcile->tasks_count;
    return count;
}

static void when_nothing_is_alive_only_what_else_there_is_is_asked(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();

    (void)state;
    resubscribe(f);
    assert_int_equal(f->sent_count, 0);
    driver_fixture_pass(f, 5 * S);
    assert_int_equal(f->sent_count, 1);
    assert_int_equal(driver_fixture_last(f, MSG_RECONCILE)->reconcile->tasks_count, 0);
    driver_fixture_pass(f, 3600 * (int64_t)S); /* every quarter of an hour, give or take */
    assert_in_range(f->sent_count, 5, 9);
    assert_int_equal(asked(f), 0);
    driver_fixture_disconnect(f);
    driver_fixture_forget(f);
    driver_fixture_pass(f, 3600 * (int64_t)S);
    assert_int_equal(f->sent_count, 0);
}

static void a_task_that_is_named_is_asked_about_until_it_is_answered(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new();
    const struct task_ref t1 = {.task_id = "t1", .agent_id = "A1"}, t2 = {.task_id = "t2"};

    (void)state;
    driver_fixture_start(f);
    assert_int_equal(driver_reconcile(f->driver, &t1, NULL), 0); /* before there is a master */
    driver_fixture_connect(f);
    driver_fixture_forget(f);
    driver_fixture_hear_subscribed(f, "F1");
    assert_string_equal(driver_fixture_last(f, MSG_RECONCILE)->reconcile->tasks[0].agent_id, "A1");
    driver_fixture_pass(f, 2 * S);
    assert_in_range(asked(f), 2, 4);
    driver_fixture_update(f, "t1", TASK_RUNNING, false);
    driver_fixture_forget(f);
    assert_int_equal(driver_reconcile(f->driver, &t2, NULL), 0);
    assert_int_equal(driver_reconcile(f->driver, &t1, NULL), 0); /* its answer may be old */
    driver_fixture_pass(f, 0);
    assert_int_equal(driver_fixture_last(f, MSG_RECONCILE)->reconcile->tasks_count, 2);
    resubscribe(f);
    assert_int_equal(driver_fixture_last(f, MSG_RECONCILE)->reconcile->tasks_count, 2);
    driver_fixture_update(f, "t1", TASK_UNKNOWN, false);
    driver_fixture_update(f, "t2", TASK_UNKNOWN, false);
    assert_int_equal(driver_tasks(f->driver), 0);
}

static void one_that_is_named_while_others_are_waited_for_is_asked_about_at_once(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();
    const struct task_ref t2 = {.task_id = "t2"};

    (void)state;
    driver_fixture_update(f, "t1", TASK_UNREACHABLE, false);
    driver_fixture_pass(f, 30 * S);
    driver_fixture_forget(f);
    assert_int_equal(driver_reconcile(f->driver, &t2, NULL), 0);
    driver_fixture_pass(f, 0);
    assert_int_equal(driver_fixture_last(f, MSG_RECONCILE)->reconcile->tasks_count, 1);
    assert_string_equal(driver_fixture_last(f, MSG_RECONCILE)->reconcile->tasks[0].task_id, "t2");
}

static void asking_goes_on_with_growing_pauses_until_all_have_been_answered(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();
    int64_t pause_us = 0;

    (void)state;
    driver_fixture_update(f, "t1", TASK_RUNNING, false);
    driver_fixture_update(f, "t2", TASK_RUNNING, false);
    resubscribe(f);
    driver_fixture_update(f, "t2", TASK_RUNNING, false);
    for (size_t i = 1; i < 10; i++) {
        assert_int_equal(asked(f), i);
        for (pause_us = 0; asked(f) == i; pause_us += S / 4)
            driver_fixture_pass(f, S / 4);
        assert_in_range(pause_us, S / 2, 65 * S);
    }
    assert_true(pause_us >= 32 * S);
    driver_fixture_update(f, "t1", TASK_GONE, false);
    assert_int_equal(driver_unanswered(f->driver), 0);
    driver_fixture_forget(f);
    driver_fixture_pass(f, 1000 * S);
    assert_int_equal(asked(f), 0);
}

static void unknown_is_an_answer_too(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();

    (void)state;
    driver_fixture_update(f, "t1", TASK_RUNNING, false);
    resubscribe(f);
    driver_fixture_update(f, "t1", TASK_UNKNOWN, false);
    assert_int_equal(driver_unanswered(f->driver), 0);
    assert_int_equal(driver_tasks(f->driver), 0);
    assert_int_equal(f->updates, 2);
}

static void an_unreachable_task_is_asked_about_until_it_is_not(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();

    (void)state;
    driver_fixture_update(f, "t1", TASK_UNREACHABLE, false);
    assert_int_equal(asked(f), 0);
    driver_fixture_pass(f, 64 * S);
    assert_int_equal(asked(f), 1);
    driver_fixture_update(f, "t1", TASK_UNREACHABLE, false);
    driver_fixture_pass(f, 64 * S);
    assert_int_equal(asked(f), 2);
    driver_fixture_update(f, "t1", TASK_GONE, false);
    driver_fixture_pass(f, 1000 * S);
    assert_int_equal(asked(f), 2);
}

static void answer(struct driver_fixture *f, enum task_state task_state)
{
    const struct task_status status = {
        .task_id = "t1", .state = task_state, .reason = REASON_RECONCILIATION, .agent_id = "A1"};

    driver_fixture_hear(f, MESSAGE(UPDATE, update, .status = &status));
}

static void an_answer_that_crossed_the_end_is_not_told(void **state)
{
    const struct task_ref ref = {.task_id = "t1"};
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();

    (void)state;
    assert_int_equal(driver_reconcile(f->driver, &ref, NULL), 0);
    driver_fixture_update(f, "t1", TASK_DROPPED, false);
    answer(f, TASK_GONE);
    assert_int_equal(f->updates, 1);
    assert_int_equal(driver_reconcile(f->driver, &ref, NULL), 0);
    answer(f, TASK_GONE);
    assert_int_equal(f->updates, 2);
}

static void a_lost_session_ends_the_asking(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();

    (void)state;
    driver_fixture_update(f, "t1", TASK_RUNNING, false);
    resubscribe(f);
    driver_fixture_disconnect(f);
    assert_int_equal(driver_unanswered(f->driver), 0);
    assert_int_equal(driver_next_deadline_us(f->driver), DEADLINE_NEVER);
    driver_fixture_connect(f);
    driver_fixture_hear_subscribed(f, "F1");
    assert_int_equal(driver_unanswered(f->driver), 1);
}

/* 2,500 tasks; the master answers only for those with an even number. */
static void many_tasks_are_asked_about_one_batch_at_a_time(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();
    char id[32];

    (void)state;
    for (int i = 0; i < 2500; i++) {
        snprintf(id, sizeof(id), "t%d", i);
        driver_fixture_update(f, id, TASK_RUNNING, false);
    }
    resubscribe(f);
    assert_int_equal(f->sent_count, 1);
    assert_int_equal(driver_fixture_last(f, MSG_RECONCILE)->reconcile->tasks_count, 1000);
    for (int i = 0; i < 1000; i++) {
        snprintf(id, sizeof(id), "t%d", i);
        assert_int_equal(f->sent_count, 1);
        driver_fixture_update(f, id, TASK_RUNNING, false);
    }
    assert_int_equal(f->sent_count, 2); /* at once: the first was answered */
    driver_fixture_pass(f, S);
    assert_int_equal(f->sent_count, 3); /* the second was not */
    assert_int_equal(driver_fixture_last(f, MSG_RECONCILE)->reconcile->tasks_count, 500);
    for (int i = 1000; i < 2500; i += 2) {
        snprintf(id, sizeof(id), "t%d", i);
        driver_fixture_update(f, id, TASK_RUNNING, false);
    }
    assert_int_equal(driver_unanswered(f->driver), 750);
    driver_fixture_pass(f, 2 * S);
    assert_int_equal(driver_fixture_last(f, MSG_RECONCILE)->reconcile->tasks_count, 750);
}

/* --- kills ------------------------------------------------------------------------------------ */

static size_t kills(const struct driver_fixture *f)
{
    return driver_fixture_sent(f, MSG_KILL);
}

static void a_kill_is_said_again_with_growing_pauses_until_it_works(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();
    const struct kill_policy policy = {.grace_ms = 250};
    int64_t pause_us = 0;

    (void)state;
    driver_fixture_update(f, "t1", TASK_RUNNING, false);
    assert_int_equal(driver_kill(f->driver, "t1", &policy, NULL), 0);
    for (size_t i = 1; i < 8; i++) {
        assert_int_equal(kills(f), i);
        for (pause_us = 0; kills(f) == i; pause_us += S / 4)
            driver_fixture_pass(f, S / 4);
        assert_in_range(pause_us, 2 * S, 65 * S);
    }
    assert_true(pause_us >= 32 * S);
    assert_int_equal(driver_fixture_last(f, MSG_KILL)->kill->kill_policy->grace_ms, 250);
    assert_string_equal(driver_fixture_last(f, MSG_KILL)->kill->agent_id, "A1");
    driver_fixture_forget(f);
    driver_fixture_update(f, "t1", TASK_KILLING, false);
    driver_fixture_pass(f, 1000 * S);
    assert_int_equal(kills(f), 0);
    driver_fixture_update(f, "t1", TASK_RUNNING, false); /* its agent has forgotten it */
    assert_int_equal(kills(f), 1);
    driver_fixture_update(f, "t1", TASK_KILLED, false);
    driver_fixture_pass(f, 1000 * S);
    assert_int_equal(kills(f), 1);
}

static void a_kill_outlasts_the_session(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();

    (void)state;
    driver_fixture_update(f, "t1", TASK_RUNNING, false);
    assert_int_equal(driver_kill(f->driver, "t1", NULL, NULL), 0);
    resubscribe(f);
    assert_int_equal(kills(f), 1);
    driver_fixture_disconnect(f);
    driver_fixture_pass(f, 1000 * S);
    assert_int_equal(kills(f), 1);
    assert_int_equal(driver_kill(f->driver, "t2", NULL, NULL), 0); /* one of an earlier life */
    driver_fixture_connect(f);
    driver_fixture_forget(f);
    driver_fixture_hear_subscribed(f, "F1");
    assert_int_equal(kills(f), 2);
    driver_fixture_update(f, "t2", TASK_UNKNOWN, false);
    driver_fixture_update(f, "t1", TASK_GONE, false);
    driver_fixture_forget(f);
    driver_fixture_pass(f, 1000 * S);
    assert_int_equal(kills(f), 0);
}

static void a_kill_waits_while_its_task_is_unreachable(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();

    (void)state;
    driver_fixture_update(f, "t1", TASK_UNREACHABLE, false);
    assert_int_equal(driver_kill(f->driver, "t1", NULL, NULL), 0);
    assert_int_equal(kills(f), 1);
    driver_fixture_pass(f, 1000 * S);
    assert_int_equal(kills(f), 1); /* the master keeps it in mind */
    driver_fixture_update(f, "t1", TASK_RUNNING, false);
    assert_int_equal(kills(f), 2); /* or it does not: it may be another one */
}

static void a_kill_is_kept_for_a_task_that_became_unknown(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();

    (void)state;
    driver_fixture_update(f, "t1", TASK_RUNNING, false);
    assert_int_equal(driver_kill(f->driver, "t1", NULL, NULL), 0);
    driver_fixture_update(f, "t1", TASK_UNKNOWN, false);
    assert_int_equal(driver_tasks(f->driver), 0);
    driver_fixture_update(f, "t1", TASK_RUNNING, false);
    assert_int_equal(kills(f), 2);
    driver_fixture_update(f, "t1", TASK_UNKNOWN, false);
    driver_fixture_offer(f, "O1", "A1", "*");
    assert_int_equal(driver_fixture_launch(f, "O1", "A1", "t1"), 0); /* another one */
    driver_fixture_update(f, "t1", TASK_RUNNING, false);
    assert_int_equal(kills(f), 2);
}

/* --- anything in any order -------------------------------------------------------------------- */

#define RUNS   200
#define EVENTS 300

static void random_call(struct driver_fixture *f, struct rng *rng, const char *offer_id,
                        const char *task_id)
{
    const char *agent_id = rng_below(rng, 4) ? driver_offer_agent(f->driver, offer_id) : "A0";

    switch (rng_below(rng, 6)) {
    case 0:
        driver_fixture_launch(f, offer_id, agent_id ? agent_id : "A1", task_id);
        break;
    case 1:
        driver_decline(f->driver, &offer_id, 1, 0, NULL);
        break;
    case 2:
        driver_suppress(f->driver, NULL, NULL);
        break;
    case 3:
        driver_revive(f->driver, NULL, NULL);
        break;
    case 4:
        driver_reconcile(f->driver, &(struct task_ref){.task_id = task_id}, NULL);
        break;
    default:
        driver_kill(f->driver, task_id, NULL, NULL);
    }
}

static void random_event(struct driver_fixture *f, struct rng *rng)
{
    char offer_id[16], agent_id[16], task_id[16];

    snprintf(offer_id, sizeof(offer_id), "O%d", (int)rng_below(rng, 20));
    snprintf(agent_id, sizeof(agent_id), "A%d", (int)rng_below(rng, 3));
    snprintf(task_id, sizeof(task_id), "t%d", (int)rng_below(rng, 40));
    f->send_answer = rng_below(rng, 20) ? 0 : -ENOTCONN;
    switch (rng_below(rng, 12)) {
    case 0:
        driver_fixture_connect(f);
        break;
    case 1:
        if (!rng_below(rng, 3))
            driver_fixture_disconnect(f);
        break;
    case 2:
    case 3:
        driver_fixture_hear_subscribed(f, "F1");
        break;
    case 4:
    case 5:
        driver_fixture_offer(f, offer_id, agent_id, "*");
        break;
    case 6:
        driver_fixture_hear(f, MESSAGE(RESCIND, rescind, .offer_id = offer_id));
        break;
    case 7:
    case 8:
        driver_fixture_update(f, task_id, (enum task_state)(1 + rng_below(rng, 13)),
                              rng_below(rng, 2));
        break;
    case 9:
        driver_fixture_pass(f, (int64_t)rng_below(rng, 5 * S));
        break;
    default:
        random_call(f, rng, offer_id, task_id);
    }
}

/* The fixture checks the invariants after every event. In the end, with a master that answers, every
 * question is answered. */
static void random_events_keep_the_tables_right(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        DRIVER_FIXTURE *f = driver_fixture_new();
        struct rng rng = {seed};
        char task_id[16];

        f->settings.seed = seed;
        driver_fixture_start(f);
        for (int i = 0; i < EVENTS; i++)
            random_event(f, &rng);
        f->send_answer = 0;
        driver_fixture_connect(f);
        driver_fixture_hear_subscribed(f, "F1");
        assert_int_equal(driver_unanswered(f->driver), driver_tasks(f->driver));
        for (int i = 0; i < 40; i++) {
            snprintf(task_id, sizeof(task_id), "t%d", i);
            if (driver_has_task(f->driver, task_id))
                driver_fixture_update(f, task_id, TASK_GONE, false);
        }
        assert_int_equal(driver_tasks(f->driver), 0);
        driver_fixture_forget(f);
        driver_fixture_pass(f, 100 * S);
        assert_int_equal(f->sent_count, 1); /* what else there is */
    }
}

/* --- operations ------------------------------------------------------------------------------- */

static void hear_operation(struct driver_fixture *f, enum operation_state state, bool has_uuid)
{
    const struct operation_status status = {
        .operation_id = "o1",
        .agent_id = "A1",
        .state = state,
        .uuid = {.data = "0123456789abcdef", .size = has_uuid ? 16 : 0},
    };

    driver_fixture_hear(f, MESSAGE(OPERATION_UPDATE, operation_update, .status = &status));
}

static void the_result_of_an_operation_is_acknowledged(void **state)
{
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();
    const struct msg_acknowledge_operation *acknowledge;

    (void)state;
    hear_operation(f, OPERATION_ERROR, false);
    assert_int_equal(f->sent_count, 0);
    hear_operation(f, OPERATION_FINISHED, true);
    acknowledge = driver_fixture_last(f, MSG_ACKNOWLEDGE_OPERATION)->acknowledge_operation;
    assert_string_equal(acknowledge->operation_id, "o1");
    assert_string_equal(acknowledge->agent_id, "A1");
    assert_memory_equal(acknowledge->uuid.data, "0123456789abcdef", 16);
}

static void an_operation_is_asked_about_by_its_id_and_agent(void **state)
{
    const struct operation_ref good = {.operation_id = "o1", .agent_id = "A1"};
    const struct operation_ref bad = {.operation_id = "o1", .agent_id = ""};
    DRIVER_FIXTURE *f = driver_fixture_new_subscribed();

    (void)state;
    assert_int_equal(driver_reconcile_operation(f->driver, &bad, NULL), -EINVAL);
    assert_int_equal(driver_reconcile_operation(f->driver, &good, NULL), 0);
    assert_string_equal(driver_fixture_last(f, MSG_RECONCILE_OPERATIONS)
                            ->reconcile_operations->operations[0]
                            .operation_id,
                        "o1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_update_is_acknowledged_when_its_callback_returns),
        cmocka_unit_test(an_update_without_a_uuid_is_not_acknowledged),
        cmocka_unit_test(acknowledging_by_hand_is_left_to_the_author),
        cmocka_unit_test(a_task_is_alive_until_its_terminal_update),
        cmocka_unit_test(messages_and_lost_agents_are_told),
        cmocka_unit_test(live_tasks_are_asked_about_after_each_subscription),
        cmocka_unit_test(when_nothing_is_alive_only_what_else_there_is_is_asked),
        cmocka_unit_test(a_task_that_is_named_is_asked_about_until_it_is_answered),
        cmocka_unit_test(one_that_is_named_while_others_are_waited_for_is_asked_about_at_once),
        cmocka_unit_test(asking_goes_on_with_growing_pauses_until_all_have_been_answered),
        cmocka_unit_test(unknown_is_an_answer_too),
        cmocka_unit_test(an_unreachable_task_is_asked_about_until_it_is_not),
        cmocka_unit_test(an_answer_that_crossed_the_end_is_not_told),
        cmocka_unit_test(a_lost_session_ends_the_asking),
        cmocka_unit_test(many_tasks_are_asked_about_one_batch_at_a_time),
        cmocka_unit_test(a_kill_is_said_again_with_growing_pauses_until_it_works),
        cmocka_unit_test(a_kill_outlasts_the_session),
        cmocka_unit_test(a_kill_waits_while_its_task_is_unreachable),
        cmocka_unit_test(a_kill_is_kept_for_a_task_that_became_unknown),
        cmocka_unit_test(random_events_keep_the_tables_right),
        cmocka_unit_test(the_result_of_an_operation_is_acknowledged),
        cmocka_unit_test(an_operation_is_asked_about_by_its_id_and_agent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
