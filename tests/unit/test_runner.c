/* The runner: what an executor's side of the talk keeps, says again, and never says twice. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/deadlines.h"
#include "base/mem.h"
#include "framework-sdk/core/runner.h"

#define SAID_MAX 256

struct scene {
    struct runner *runner;
    struct arena *arena;
    struct now now;
    struct message said[SAID_MAX];
    size_t count;
    int connects, registered, launches, kills, messages, shutdowns, disconnected, errors;
    bool again, is_slow;
    int64_t grace_ms;
    char text[256];
    enum task_state in_launch; /* what is said of a task inside the callback */
};

static void on_connect(void *ctx)
{
    ((struct scene *)ctx)->connects++;
}

static int on_send(void *ctx, const struct message *message, bool can_wait)
{
    struct scene *scene = ctx;
    struct err err;

    if (message_check(message, &err) < 0)
        fail_msg("%s", err.text);
    if (can_wait && scene->is_slow)
        return -EAGAIN;
    assert_true(scene->count < SAID_MAX);
    scene->said[scene->count] = *message;
    scene->said[scene->count++].body =
        message_copy_body(message->type, message->body, scene->arena);
    return 0;
}

static void on_registered(void *ctx, const struct msg_executor_subscribed *answer, bool again)
{
    struct scene *scene = ctx;

    (void)answer;
    scene->registered++;
    scene->again = again;
}

static void update(struct scene *scene, const char *task_id, enum task_state state)
{
    const struct task_status status = {.task_id = task_id, .state = state};
    struct err err;

    if (runner_update(scene->runner, &status, &err) < 0)
        fail_msg("%s", err.text);
}

static void on_launch(void *ctx, const struct task_info *task)
{
    struct scene *scene = ctx;

    scene->launches++;
    snprintf(scene->text, sizeof(scene->text), "%s", task->task_id);
    if (scene->in_launch)
        update(scene, task->task_id, scene->in_launch);
}

static void on_kill(void *ctx, const char *task_id, int64_t grace_ms)
{
    struct scene *scene = ctx;

    scene->kills++;
    scene->grace_ms = grace_ms;
    snprintf(scene->text, sizeof(scene->text), "%s", task_id);
}

static void on_message(void *ctx, const struct msg_message_to_executor *message)
{
    (void)message;
    ((struct scene *)ctx)->messages++;
}

static void on_shutdown(void *ctx, int64_t grace_ms)
{
    ((struct scene *)ctx)->shutdowns++;
    ((struct scene *)ctx)->grace_ms = grace_ms;
}

static void on_disconnected(void *ctx, const char *reason)
{
    (void)reason;
    ((struct scene *)ctx)->disconnected++;
}

static void on_error(void *ctx, const char *text)
{
    struct scene *scene = ctx;

    scene->errors++;
    snprintf(scene->text, sizeof(scene->text), "%s", text);
}

static struct scene *scene_new(void)
{
    struct scene *scene = mem_new(struct scene);
    const struct runner_settings settings = {
        .framework_id = "F1", .executor_id = "e1", .token = "secret", .recovery_ms = 60000};
    const struct runner_env env = {
        .ctx = scene,
        .connect = on_connect,
        .send = on_send,
        .registered = on_registered,
        .launch = on_launch,
        .kill = on_kill,
        .message = on_message,
        .shutdown = on_shutdown,
        .disconnected = on_disconnected,
        .error = on_error,
    };

    scene->arena = arena_new(0);
    scene->now = (struct now){.mono_us = 1000000, .wall_us = 5000000};
    assert_int_equal(runner_new(&settings, &env, scene->now, &scene->runner, NULL), 0);
    return scene;
}

static void scene_destroy(struct scene **self_p)
{
    runner_destroy(&(*self_p)->runner);
    arena_destroy(&(*self_p)->arena);
    free(*self_p);
    *self_p = NULL;
}

static void pass(struct scene *scene, int64_t ms)
{
    int64_t end_us = scene->now.mono_us + ms * US_PER_MS, next_us;

    while ((next_us = runner_next_deadline_us(scene->runner)) <= end_us) {
        if (next_us > scene->now.mono_us)
            scene->now.mono_us = next_us;
        runner_on_deadline(scene->runner, scene->now);
        if (scene->errors)
            break;
    }
    scene->now.mono_us = end_us;
}

static void hear(struct scene *scene, struct message message)
{
    runner_on_message(scene->runner, scene->now, &message);
}

static void connect(struct scene *scene)
{
    pass(scene, 5000);
    runner_on_connected(scene->runner, scene->now);
}

static void hear_subscribed(struct scene *scene)
{
    static const struct framework_info framework = {.id = "F1", .name = "test"};

    hear(scene, MESSAGE(EXECUTOR_SUBSCRIBED, executor_subscribed, .framework = &framework,
                        .agent_id = "A1"));
}

static void lose(struct scene *scene)
{
    runner_on_disconnected(scene->runner, scene->now, "gone");
}

static void hear_launch(struct scene *scene, const char *run_id, const char *task_id)
{
    static const struct command_info nothing = {0};
    const struct task_info task = {.task_id = task_id, .agent_id = "A1", .command = &nothing};

    hear(scene, MESSAGE(EXECUTOR_LAUNCH, executor_launch, .run_id = run_id, .task = &task));
}

static void hear_acknowledged(struct scene *scene, const char *run_id, int64_t number)
{
    hear(scene,
         MESSAGE(EXECUTOR_ACKNOWLEDGED, executor_acknowledged, .run_id = run_id, .number = number));
}

static const struct msg_executor_update *last_update(const struct scene *scene)
{
    for (size_t i = scene->count; i-- > 0;)
        if (scene->said[i].type == MSG_EXECUTOR_UPDATE)
            return scene->said[i].executor_update;
    return NULL;
}

static size_t updates(const struct scene *scene)
{
    size_t count = 0;

    for (size_t i = 0; i < scene->count; i++)
        count += scene->said[i].type == MSG_EXECUTOR_UPDATE;
    return count;
}

#define SCENE CLEANUP(scene_destroy) struct scene

/* Subscribed, with a task. */
static struct scene *scene_with_task(void)
{
    struct scene *scene = scene_new();

    connect(scene);
    hear_subscribed(scene);
    hear_launch(scene, "r1", "t1");
    assert_int_equal(scene->launches, 1);
    return scene;
}

static void hello_comes_first_and_then_what_it_has(void **state)
{
    SCENE *scene = scene_new();

    (void)state;
    connect(scene);
    assert_int_equal(scene->connects, 1);
    assert_int_equal(scene->said[0].type, MSG_EXECUTOR_HELLO);
    assert_string_equal(scene->said[0].executor_hello->token, "secret");
    assert_int_equal(scene->said[1].type, MSG_EXECUTOR_SUBSCRIBE);
    assert_int_equal(scene->said[1].executor_subscribe->runs_count, 0);
    assert_false(runner_is_subscribed(scene->runner));
    hear_subscribed(scene);
    assert_true(runner_is_subscribed(scene->runner));
    assert_false(scene->again);
}

static void task_is_launched_once(void **state)
{
    SCENE *scene = scene_with_task();

    (void)state;
    hear_launch(scene, "r1", "t1");
    assert_int_equal(scene->launches, 1);
}

static void update_is_kept_until_it_is_acknowledged(void **state)
{
    SCENE *scene = scene_with_task();

    (void)state;
    update(scene, "t1", TASK_RUNNING);
    assert_int_equal(updates(scene), 1);
    assert_int_equal(runner_pending(scene->runner), 1);
    hear_acknowledged(scene, "r1", last_update(scene)->number);
    assert_int_equal(runner_pending(scene->runner), 0);
    lose(scene);
    connect(scene);
    hear_subscribed(scene);
    assert_true(scene->again);
    assert_int_equal(updates(scene), 1);
}

static void what_was_not_acknowledged_is_said_again_in_order(void **state)
{
    SCENE *scene = scene_with_task();
    size_t before;

    (void)state;
    update(scene, "t1", TASK_STARTING);
    update(scene, "t1", TASK_RUNNING);
    lose(scene);
    assert_int_equal(scene->disconnected, 1);
    update(scene, "t1", TASK_FINISHED);
    assert_int_equal(updates(scene), 2);
    connect(scene);
    assert_int_equal(scene->said[scene->count - 1].executor_subscribe->runs_count, 1);
    assert_string_equal(scene->said[scene->count - 1].executor_subscribe->runs[0], "r1");
    before = scene->count;
    hear_subscribed(scene);
    assert_int_equal(scene->count, before + 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(scene->said[before + i].executor_update->number, i + 1);
    assert_int_equal(last_update(scene)->status->state, TASK_FINISHED);
}

static void run_is_known_until_its_end_is_acknowledged(void **state)
{
    SCENE *scene = scene_with_task();

    (void)state;
    update(scene, "t1", TASK_FINISHED);
    assert_int_equal(runner_tasks(scene->runner), 0);
    hear_launch(scene, "r1", "t1");
    assert_int_equal(scene->launches, 1);
    hear_acknowledged(scene, "r1", 1);
    lose(scene);
    connect(scene);
    assert_int_equal(scene->said[scene->count - 1].executor_subscribe->runs_count, 0);
}

static void progress_that_is_outdated_is_not_kept(void **state)
{
    SCENE *scene = scene_with_task();

    (void)state;
    lose(scene);
    update(scene, "t1", TASK_STARTING); /* of another state: it stays */
    for (int i = 0; i < 100; i++)
        update(scene, "t1", TASK_RUNNING);
    assert_int_equal(runner_pending(scene->runner), 2);
    connect(scene);
    hear_subscribed(scene);
    assert_int_equal(last_update(scene)->number, 101);
}

static void task_of_an_id_may_follow_another(void **state)
{
    SCENE *scene = scene_with_task();

    (void)state;
    update(scene, "t1", TASK_FINISHED);
    hear_launch(scene, "r2", "t1");
    assert_int_equal(scene->launches, 2);
    update(scene, "t1", TASK_RUNNING);
    assert_string_equal(last_update(scene)->run_id, "r2");
}

static void second_task_of_a_live_id_is_refused(void **state)
{
    SCENE *scene = scene_with_task();

    (void)state;
    hear_launch(scene, "r2", "t1");
    assert_int_equal(scene->launches, 1);
    assert_string_equal(last_update(scene)->run_id, "r2");
    assert_int_equal(last_update(scene)->status->state, TASK_FAILED);
    update(scene, "t1", TASK_FINISHED);
    assert_string_equal(last_update(scene)->run_id, "r1");
}

static int try(struct scene *scene, const char *task_id, enum task_state state, size_t size)
{
    static const char data[DATA_MAX + 1];
    const struct task_status status = {.task_id = task_id, .state = state, .data = {data, size}};

    return runner_update(scene->runner, &status, NULL);
}

static void what_cannot_be_is_not_said(void **state)
{
    SCENE *scene = scene_with_task();

    (void)state;
    assert_int_equal(try(scene, "nobody", TASK_RUNNING, 0), -ENOENT);
    assert_int_equal(try(scene, NULL, TASK_RUNNING, 0), -ENOENT);
    assert_int_equal(try(scene, "t1", TASK_STAGING, 0), -EINVAL);
    assert_int_equal(try(scene, "t1", TASK_KILLING, 0), -EINVAL);
    assert_int_equal(try(scene, "t1", TASK_GONE, 0), -EINVAL);
    assert_int_equal(try(scene, "t1", 0, 0), -EINVAL);
    assert_int_equal(try(scene, "t1", TASK_RUNNING, DATA_MAX + 1), -EMSGSIZE);
    assert_int_equal(try(scene, "t1", TASK_RUNNING, DATA_MAX), 0);
    assert_int_equal(try(scene, "t1", TASK_STARTING, 0), -EINVAL);
    assert_int_equal(try(scene, "t1", TASK_FINISHED, 0), 0);
    assert_int_equal(try(scene, "t1", TASK_FINISHED, 0), -ENOENT);
    assert_int_equal(updates(scene), 2);
}

static void too_much_that_is_not_acknowledged_is_refused_but_no_end(void **state)
{
    SCENE *scene = scene_with_task();
    int rc = 0;

    (void)state;
    scene->count = 0;
    for (int i = 0; i < 200 && rc == 0; i++) {
        rc = try(scene, "t1", TASK_RUNNING, DATA_MAX);
        scene->count = 0;
    }
    assert_int_equal(rc, -ENOBUFS);
    assert_int_equal(try(scene, "t1", TASK_FAILED, DATA_MAX), 0);
}

static void kill_is_passed_on_once_unless_it_is_shorter(void **state)
{
    SCENE *scene = scene_with_task();

    (void)state;
    hear(scene, MESSAGE(EXECUTOR_KILL, executor_kill, .run_id = "r1", .grace_ms = 500));
    hear(scene, MESSAGE(EXECUTOR_KILL, executor_kill, .run_id = "r1", .grace_ms = 500));
    hear(scene, MESSAGE(EXECUTOR_KILL, executor_kill, .run_id = "other", .grace_ms = 5));
    assert_int_equal(scene->kills, 1);
    hear(scene, MESSAGE(EXECUTOR_KILL, executor_kill, .run_id = "r1", .grace_ms = 100));
    assert_int_equal(scene->kills, 2);
    assert_int_equal(scene->grace_ms, 100);
    update(scene, "t1", TASK_KILLED);
    hear(scene, MESSAGE(EXECUTOR_KILL, executor_kill, .run_id = "r1", .grace_ms = 0));
    assert_int_equal(scene->kills, 2);
}

static void task_may_end_inside_its_launch(void **state)
{
    SCENE *scene = scene_with_task();

    (void)state;
    scene->in_launch = TASK_FINISHED;
    hear_launch(scene, "r2", "t2");
    assert_string_equal(last_update(scene)->run_id, "r2");
    hear_acknowledged(scene, "r2", last_update(scene)->number);
    assert_int_equal(runner_tasks(scene->runner), 1);
}

static void it_connects_again_with_growing_pauses(void **state)
{
    SCENE *scene = scene_new();

    (void)state;
    for (int i = 0; i < 8; i++) {
        pass(scene, i ? 2000 : 0);
        assert_int_equal(scene->connects, i + 1);
        lose(scene);
    }
    pass(scene, 500); /* it is two seconds by now, or half of that */
    assert_int_equal(scene->connects, 8);
    assert_int_equal(scene->disconnected, 0);
}

static void agent_that_stays_away_is_the_end(void **state)
{
    SCENE *scene = scene_with_task();

    (void)state;
    lose(scene);
    for (int i = 0; i < 59; i++) {
        pass(scene, 1000);
        lose(scene);
    }
    assert_int_equal(scene->errors, 0);
    pass(scene, 2000);
    assert_int_equal(scene->errors, 1);
    assert_true(runner_has_ended(scene->runner));
    assert_non_null(strstr(scene->text, "60000 ms"));
}

static void agent_that_does_not_know_it_is_the_end(void **state)
{
    SCENE *scene = scene_new();

    (void)state;
    connect(scene);
    hear(scene, MESSAGE(EXECUTOR_ERROR, executor_error, .message = "who are you?"));
    assert_string_equal(scene->text, "who are you?");
    assert_true(runner_has_ended(scene->runner));
    lose(scene);
    assert_int_equal(runner_next_deadline_us(scene->runner), DEADLINE_NEVER);
}

static void messages_need_a_connection(void **state)
{
    SCENE *scene = scene_with_task();

    (void)state;
    assert_int_equal(runner_message(scene->runner, NULL, "x", 1, NULL), 0);
    assert_string_equal(scene->said[scene->count - 1].message_to_framework->task_id, "e1");
    assert_int_equal(runner_message(scene->runner, "t1", "x", 1, NULL), 0);
    assert_int_equal(runner_message(scene->runner, "a/b", "x", 1, NULL), -EINVAL);
    assert_int_equal(runner_message(scene->runner, NULL, "x", DATA_MAX + 1, NULL), -EMSGSIZE);
    scene->is_slow = true;
    assert_int_equal(runner_message(scene->runner, NULL, "x", 1, NULL), -EAGAIN);
    lose(scene);
    assert_int_equal(runner_message(scene->runner, NULL, "x", 1, NULL), -ENOTCONN);
    connect(scene);
    hear(scene,
         MESSAGE(MESSAGE_TO_EXECUTOR, message_to_executor, .agent_id = "A1", .task_id = "e1"));
    assert_int_equal(scene->messages, 0); /* not before it is subscribed */
    hear_subscribed(scene);
    hear(scene,
         MESSAGE(MESSAGE_TO_EXECUTOR, message_to_executor, .agent_id = "A1", .task_id = "e1"));
    hear(scene, MESSAGE(EXECUTOR_SHUTDOWN, executor_shutdown, .grace_ms = 9));
    assert_int_equal(scene->messages, 1);
    assert_int_equal(scene->shutdowns, 1);
    assert_int_equal(scene->grace_ms, 9);
}

static void executor_needs_names_and_a_token(void **state)
{
    const struct runner_settings wrong[] = {
        {.framework_id = "a/b", .executor_id = "e", .token = "x"},
        {.framework_id = "f", .executor_id = "", .token = "x"},
        {.framework_id = "f", .executor_id = "e", .token = ""},
        {.framework_id = "f", .executor_id = "e", .token = "x", .recovery_ms = -1},
    };
    const struct runner_env env = {0};
    struct runner *runner;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        assert_int_equal(runner_new(&wrong[i], &env, (struct now){0}, &runner, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_comes_first_and_then_what_it_has),
        cmocka_unit_test(task_is_launched_once),
        cmocka_unit_test(update_is_kept_until_it_is_acknowledged),
        cmocka_unit_test(what_was_not_acknowledged_is_said_again_in_order),
        cmocka_unit_test(run_is_known_until_its_end_is_acknowledged),
        cmocka_unit_test(progress_that_is_outdated_is_not_kept),
        cmocka_unit_test(task_of_an_id_may_follow_another),
        cmocka_unit_test(second_task_of_a_live_id_is_refused),
        cmocka_unit_test(what_cannot_be_is_not_said),
        cmocka_unit_test(too_much_that_is_not_acknowledged_is_refused_but_no_end),
        cmocka_unit_test(kill_is_passed_on_once_unless_it_is_shorter),
        cmocka_unit_test(task_may_end_inside_its_launch),
        cmocka_unit_test(it_connects_again_with_growing_pauses),
        cmocka_unit_test(agent_that_stays_away_is_the_end),
        cmocka_unit_test(agent_that_does_not_know_it_is_the_end),
        cmocka_unit_test(messages_need_a_connection),
        cmocka_unit_test(executor_needs_names_and_a_token),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
