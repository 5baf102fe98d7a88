/* Fitting tasks to offers: never more than there is, no port twice, spread over the agents. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <proffer/scheduler.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/rng.h"
#include "framework-sdk/offers.h"
#include "framework-sdk/scheduler.h"
#include "proto/resources_info.h"

#define OFFERS_MAX 64

/* A subscribed scheduler without a link, and what it sent. */
struct desk {
    struct proffer_scheduler scheduler;
    struct arena *arena;
    struct message *sent;
    size_t sent_count;
    struct offer_info infos[OFFERS_MAX];
    struct proffer_offer offers[OFFERS_MAX];
    const struct proffer_offer *list[OFFERS_MAX];
    size_t count;
};

static int on_send(void *ctx, const struct message *message, struct err *err)
{
    struct desk *desk = ctx;

    if (message_check(message, err) < 0)
        fail_msg("%s", err->text);
    desk->sent = mem_resize(desk->sent, desk->sent_count + 1, sizeof(*desk->sent));
    desk->sent[desk->sent_count] = *message;
    desk->sent[desk->sent_count++].body =
        message_copy_body(message->type, message->body, desk->arena);
    return 0;
}

static void on_registered(void *ctx, const char *framework_id, const char *master_id, bool again)
{
    (void)ctx, (void)framework_id, (void)master_id, (void)again;
}

static void on_offers(void *ctx, const struct offer_info *const *offers, size_t count)
{
    (void)ctx, (void)offers, (void)count;
}

static void on_log(void *ctx, int level, const char *text)
{
    (void)ctx, (void)level, (void)text;
}

static struct desk *desk_new(void)
{
    static const char *const roles[] = {"*", "ads"};
    const struct framework_info framework = {
        .name = "f", .principal = "ops", .roles = roles, .roles_count = 2};
    const struct driver_settings settings = {.framework = &framework};
    const struct now now = {0};
    const struct msg_subscribed subscribed = {.framework_id = "F1", .master_id = "M1"};
    struct desk *desk = mem_new(struct desk);
    const struct driver_env env = {.ctx = desk,
                                   .send = on_send,
                                   .registered = on_registered,
                                   .offers = on_offers,
                                   .log = on_log};

    desk->arena = arena_new(0);
    desk->scheduler.is_dispatching = true; /* as inside a callback: nobody needs to be woken */
    assert_int_equal(driver_new(&settings, &env, &desk->scheduler.driver, NULL), 0);
    driver_on_connected(desk->scheduler.driver, now);
    driver_on_message(desk->scheduler.driver, now,
                      &(struct message){.type = MSG_SUBSCRIBED, .subscribed = &subscribed});
    desk->sent_count = 0;
    return desk;
}

static void desk_destroy(struct desk **desk_p)
{
    struct desk *desk = *desk_p;

    for (size_t i = 0; i < desk->count; i++)
        sdk_offer_fini(&desk->offers[i]);
    driver_destroy(&desk->scheduler.driver);
    arena_destroy(&desk->arena);
    free(desk->sent);
    free(desk);
    *desk_p = NULL;
}

#define DESK CLEANUP(desk_destroy) struct desk

static void offer(struct desk *desk, const char *agent_id, const char *role, const char *text)
{
    CLEANUP(resources_fini) struct resources resources = {0};
    struct offer_info *info = &desk->infos[desk->count];
    struct msg_offers offers = {.offers = info, .offers_count = 1};
    struct err err = {0};

    assert_true(desk->count < OFFERS_MAX);
    if (resources_parse(&resources, text, &err) < 0)
        fail_msg("%s", err.text);
    *info = (struct offer_info){.id = arena_printf(desk->arena, "O%zu", desk->count),
                                .agent_id = arena_strdup(desk->arena, agent_id),
                                .hostname = arena_printf(desk->arena, "host-%s", agent_id),
                                .role = arena_strdup(desk->arena, role)};
    info->resources = resources_to_info(&resources, desk->arena, &info->resources_count);
    *info = *(const struct offer_info *)record_copy(&offer_info_def, info, desk->arena);
    driver_on_message(desk->scheduler.driver, (struct now){0},
                      &(struct message){.type = MSG_OFFERS, .offers = &offers});
    assert_int_equal(sdk_offer_init(&desk->offers[desk->count], info, desk->arena, &err), 0);
    desk->list[desk->count] = &desk->offers[desk->count];
    desk->count++;
}

static struct proffer_fit *fit_new(struct desk *desk)
{
    return proffer_fit_new(&desk->scheduler, desk->list, desk->count);
}

static int launch(struct proffer_fit *fit, const char *id, const char *resources, size_t ports,
                  struct proffer_err *err)
{
    const struct proffer_task task = {
        .id = id, .resources = resources, .ports = ports, .command = "true"};

    return proffer_fit_launch(fit, &task, err);
}

static const struct msg_accept *accepted(const struct desk *desk, size_t index)
{
    assert_true(index < desk->sent_count);
    assert_int_equal(desk->sent[index].type, MSG_ACCEPT);
    return desk->sent[index].accept;
}

static void check_granted(const struct msg_accept *accept, size_t task, const char *expected)
{
    const struct task_info *info = &accept->operations[0].tasks[task];
    CLEANUP(resources_fini) struct resources granted = {0};
    CLEANUP(buf_fini) struct buf text = {0};

    assert_int_equal(resources_from_info(&granted, info->resources, info->resources_count, NULL),
                     0);
    resources_print(&granted, &text);
    assert_string_equal(buf_text(&text), expected);
}

/* --- examples --------------------------------------------------------------------------------- */

static void a_task_gets_what_it_asks_for_and_its_ports(void **state)
{
    DESK *desk = desk_new();
    struct proffer_fit *fit;

    (void)state;
    offer(desk, "A1", "*", "cpus:2;mem:1024;ports:[31000-31003]");
    fit = fit_new(desk);
    assert_int_equal(launch(fit, "t1", "cpus:0.5;mem:128;ports:[31001-31001]", 2, NULL), 0);
    assert_int_equal(proffer_fit_finish(&fit, 3), 1);
    assert_null(fit);
    check_granted(accepted(desk, 0), 0, "cpus:0.5;mem:128;ports:[31000-31002]");
    assert_int_equal(accepted(desk, 0)->filters->refuse_ms, 3000);
    assert_true(driver_has_task(desk->scheduler.driver, "t1"));
}

static void offers_of_one_agent_are_added_up(void **state)
{
    DESK *desk = desk_new();
    struct proffer_fit *fit;

    (void)state;
    offer(desk, "A1", "*", "cpus:1;mem:512");
    offer(desk, "A2", "*", "cpus:1;mem:512");
    offer(desk, "A1", "*", "cpus:1;mem:512");
    fit = fit_new(desk);
    assert_int_equal(launch(fit, "t1", "cpus:2;mem:600", 0, NULL), 0);
    assert_int_equal(proffer_fit_finish(&fit, PROFFER_REFUSE_DEFAULT), 1);
    assert_int_equal(desk->sent_count, 2);
    assert_int_equal(accepted(desk, 0)->offer_ids_count, 2);
    assert_int_equal(desk->sent[1].type, MSG_DECLINE);
    assert_int_equal(desk->sent[1].decline->filters->refuse_ms, -1);
    assert_int_equal(driver_offers(desk->scheduler.driver), 0);
}

static void tasks_spread_over_the_agents(void **state)
{
    DESK *desk = desk_new();
    struct proffer_fit *fit;

    (void)state;
    offer(desk, "A1", "*", "cpus:4;mem:4096");
    offer(desk, "A2", "*", "cpus:2;mem:4096");
    offer(desk, "A3", "*", "cpus:3;mem:4096");
    fit = fit_new(desk);
    for (int i = 0; i < 6; i++)
        assert_int_equal(launch(fit, (char[]){(char)('a' + i), 0}, "cpus:1;mem:32", 0, NULL), 0);
    assert_int_equal(proffer_fit_finish(&fit, 0), 6);
    assert_int_equal(accepted(desk, 0)->operations[0].tasks_count, 3);
    assert_int_equal(accepted(desk, 1)->operations[0].tasks_count, 1);
    assert_int_equal(accepted(desk, 2)->operations[0].tasks_count, 2);
}

static void what_is_reserved_for_the_offers_role_is_used_first(void **state)
{
    DESK *desk = desk_new();
    struct proffer_fit *fit;

    (void)state;
    offer(desk, "A1", "ads", "cpus:2;cpus(ads):1;mem:512");
    offer(desk, "A1", "*", "mem:512");
    fit = fit_new(desk);
    assert_int_equal(launch(fit, "t1", "cpus:1.5;mem:512", 0, NULL), 0);
    assert_int_equal(proffer_fit_finish(&fit, 0), 1);
    check_granted(accepted(desk, 0), 0, "cpus:0.5;cpus(ads):1;mem:512");
    assert_int_equal(accepted(desk, 0)->offer_ids_count, 1);
}

static void what_fits_nowhere_tells_the_nearest_miss(void **state)
{
    DESK *desk = desk_new();
    CLEANUP(proffer_fit_destroy) struct proffer_fit *fit = NULL;
    struct proffer_err err = {0};

    (void)state;
    offer(desk, "A1", "*", "cpus:1;mem:512;ports:[31000-31000]");
    offer(desk, "A2", "*", "cpus:1.5;mem:512");
    fit = fit_new(desk);
    assert_int_equal(launch(fit, "t1", "cpus:2;mem:128", 0, &err), -ENOSPC);
    assert_string_equal(err.text, "task t1 fits nowhere: host-A2 lacks 0.5 cpus");
    assert_int_equal(launch(fit, "t1", "cpus:1", 2, &err), -ENOSPC);
    assert_non_null(strstr(err.text, "ports"));
    assert_int_equal(launch(fit, "t1", "cpus:1", 1, &err), 0);
}

static void what_is_wrong_is_not_placed(void **state)
{
    DESK *desk = desk_new();
    CLEANUP(proffer_fit_destroy) struct proffer_fit *fit = NULL;
    struct proffer_task nothing = {.id = "t9"};
    struct proffer_err err = {0};

    (void)state;
    offer(desk, "A1", "*", "cpus:1;mem:512");
    fit = fit_new(desk);
    assert_int_equal(launch(fit, NULL, "cpus:1", 0, &err), -EINVAL);
    assert_int_equal(launch(fit, "a/b", "cpus:0.1", 0, &err), -EINVAL);
    assert_int_equal(launch(fit, "t1", "cpus:many", 0, &err), -EINVAL);
    assert_non_null(strstr(err.text, "task t1: resources: "));
    assert_int_equal(proffer_fit_launch(fit, &nothing, &err), -EINVAL);
    assert_int_equal(launch(fit, "t1", "cpus:0.1", 0, &err), 0);
    assert_int_equal(launch(fit, "t1", "cpus:0.1", 0, &err), -EEXIST);
    assert_string_equal(err.text, "task t1 is alive already");
}

static void without_offers_nothing_fits(void **state)
{
    DESK *desk = desk_new();
    struct proffer_fit *fit = fit_new(desk);
    struct proffer_err err = {0};

    (void)state;
    assert_int_equal(launch(fit, "t1", "cpus:1", 0, &err), -ENOSPC);
    assert_string_equal(err.text, "task t1 fits nowhere: there is no offer");
    assert_int_equal(proffer_fit_finish(&fit, 0), 0);
    assert_int_equal(desk->sent_count, 0);
}

static void without_finish_nothing_is_answered(void **state)
{
    DESK *desk = desk_new();
    struct proffer_fit *fit;

    (void)state;
    offer(desk, "A1", "*", "cpus:1;mem:512");
    fit = fit_new(desk);
    assert_int_equal(launch(fit, "t1", "cpus:1", 0, NULL), 0);
    proffer_fit_destroy(&fit);
    assert_int_equal(desk->sent_count, 0);
    assert_int_equal(driver_offers(desk->scheduler.driver), 1);
    assert_false(driver_has_task(desk->scheduler.driver, "t1"));
}

/* A large environment each: the message is full long before the agent is. */
static void one_message_never_gets_too_large(void **state)
{
    DESK *desk = desk_new();
    CLEANUP(buf_fini) struct buf frame = {0};
    char value[60000] = "";
    const struct proffer_pair env[] = {{"BIG", value}, {NULL, NULL}};
    struct proffer_task task = {.resources = "cpus:0.001", .command = "true", .env = env};
    struct proffer_fit *fit;
    struct proffer_err err = {0};
    int placed = 0, rc = 0;

    (void)state;
    memset(value, 'x', sizeof(value) - 1);
    offer(desk, "A1", "*", "cpus:1000");
    fit = fit_new(desk);
    while (rc >= 0 && placed < 10000) {
        char id[16];

        snprintf(id, sizeof(id), "t%d", placed);
        task.id = id;
        rc = proffer_fit_launch(fit, &task, &err);
        placed += rc >= 0;
    }
    assert_int_equal(rc, -ENOSPC);
    assert_non_null(strstr(err.text, "message"));
    assert_int_equal(proffer_fit_finish(&fit, 0), placed);
    assert_int_equal(message_encode(&desk->sent[0], &frame, NULL), 0);
}

/* --- whatever is offered and wanted ----------------------------------------------------------- */

#define RUNS 300

static void add_info(struct resources *sum, const struct resource_info *items, size_t count)
{
    CLEANUP(resources_fini) struct resources part = {0};
    struct err err = {0};

    if (resources_from_info(&part, items, count, &err) < 0 || resources_add(sum, &part, &err) < 0)
        fail_msg("%s", err.text);
}

static const struct offer_info *offer_by_id(const struct desk *desk, const char *id)
{
    for (size_t i = 0; i < desk->count; i++)
        if (!strcmp(desk->infos[i].id, id))
            return &desk->infos[i];
    fail_msg("no offer %s", id);
    return NULL;
}

/* The tasks of one ACCEPT, added up (which fails when two have the same port), are in its offers. */
static size_t check_accept(const struct desk *desk, const struct msg_accept *accept)
{
    CLEANUP(resources_fini) struct resources offered = {0};
    CLEANUP(resources_fini) struct resources used = {0};
    const struct operation_info *operation = accept->operations;

    for (size_t i = 0; i < accept->offer_ids_count; i++) {
        const struct offer_info *info = offer_by_id(desk, accept->offer_ids[i]);

        assert_string_equal(info->agent_id, operation->tasks[0].agent_id);
        add_info(&offered, info->resources, info->resources_count);
    }
    for (size_t i = 0; i < operation->tasks_count; i++)
        add_info(&used, operation->tasks[i].resources, operation->tasks[i].resources_count);
    assert_true(resources_contain(&offered, &used));
    return operation->tasks_count;
}

static void random_offers(struct desk *desk, struct rng *rng)
{
    size_t count = rng_below(rng, 8);

    for (size_t i = 0; i < count; i++) {
        const char *role = rng_below(rng, 3) ? "*" : "ads";
        char agent_id[8], text[256];

        snprintf(agent_id, sizeof(agent_id), "A%d", (int)rng_below(rng, 3));
        snprintf(text, sizeof(text), "cpus:%d.%d;mem:%d;mem(%s):%d;ports:[%zu-%zu]",
                 (int)rng_below(rng, 4), (int)rng_below(rng, 10), (int)rng_below(rng, 1000), role,
                 1 + (int)rng_below(rng, 500), 31000 + i * 10, 31000 + i * 10 + rng_below(rng, 8));
        offer(desk, agent_id, role, text);
    }
}

static size_t random_launches(struct proffer_fit *fit, struct rng *rng)
{
    size_t placed = 0;

    for (int i = 0; i < 20; i++) {
        char id[16], text[128];
        int port = 31000 + (int)rng_below(rng, 40);
        size_t used;

        snprintf(id, sizeof(id), "t%d", i);
        snprintf(text, sizeof(text), "cpus:0.%d;mem:%d", 1 + (int)rng_below(rng, 9),
                 1 + (int)rng_below(rng, 200));
        used = strlen(text);
        if (!rng_below(rng, 4))
            snprintf(text + used, sizeof(text) - used, ";ports:[%d-%d]", port, port);
        placed += launch(fit, id, text, rng_below(rng, 4), NULL) == 0;
    }
    return placed;
}

static void never_more_than_there_is_and_each_offer_answered_once(void **state)
{
    size_t total = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        DESK *desk = desk_new();
        struct rng rng = {seed};
        struct proffer_fit *fit;
        size_t placed, launched = 0;

        random_offers(desk, &rng);
        fit = fit_new(desk);
        placed = random_launches(fit, &rng);
        assert_int_equal(proffer_fit_finish(&fit, 0), placed);
        for (size_t i = 0; i < desk->sent_count; i++)
            if (desk->sent[i].type == MSG_ACCEPT)
                launched += check_accept(desk, desk->sent[i].accept);
        assert_int_equal(launched, placed);
        assert_int_equal(driver_offers(desk->scheduler.driver), 0);
        total += placed;
    }
    assert_true(total > RUNS); /* else it would prove little */
}

/* --- reservations and volumes ----------------------------------------------------------------- */

#define DISK "disk(ads dynamic by ops)"

static const char *print(const struct resource_info *items, size_t count, struct arena *arena)
{
    CLEANUP(resources_fini) struct resources resources = {0};
    CLEANUP(buf_fini) struct buf text = {0};

    assert_int_equal(resources_from_info(&resources, items, count, NULL), 0);
    resources_print(&resources, &text);
    return arena_strdup(arena, buf_text(&text));
}

static void check_operation(struct desk *desk, size_t index, enum operation_kind kind,
                            const char *named, int64_t amount)
{
    const struct operation_info *operation = &accepted(desk, 0)->operations[index];

    assert_int_equal(operation->kind, kind);
    assert_string_equal(
        print(operation->change->resources, operation->change->resources_count, desk->arena),
        named);
    assert_int_equal(operation->change->amount, amount);
}

static void what_operations_make_is_used_by_what_follows(void **state)
{
    static const struct proffer_pair labels[] = {{"tier", "gold"}, {NULL, NULL}};
    DESK *desk = desk_new();
    struct proffer_fit *fit;

    (void)state;
    offer(desk, "A1", "ads", "cpus:2;mem:64;disk:100;disk(ads):5");
    fit = fit_new(desk);
    assert_int_equal(proffer_fit_reserve(fit, "O0", "disk:100", NULL, "r", NULL), 0);
    assert_int_equal(proffer_fit_reserve(fit, "O0", "cpus:1", labels, NULL, NULL), 0);
    assert_int_equal(proffer_fit_create(fit, "O0", "db", 40, false, "c", NULL), 0);
    assert_int_equal(proffer_fit_resize(fit, "O0", "db", 10, "g", NULL), 0);
    assert_int_equal(proffer_fit_resize(fit, "O0", "db", -20, NULL, NULL), 0);
    assert_int_equal(launch(fit, "t1", "cpus:2;mem:32;disk(ads)[db]:1", 0, NULL), 0);
    assert_int_equal(proffer_fit_unreserve(fit, "O0", "disk(ads dynamic by ops):70", NULL, NULL),
                     0);
    assert_int_equal(proffer_fit_finish(&fit, 0), 1);
    assert_int_equal(accepted(desk, 0)->operations_count, 7);
    check_operation(desk, 0, OPERATION_RESERVE, DISK ":100", 0);
    assert_string_equal(accepted(desk, 0)->operations[0].change->id, "r");
    check_operation(desk, 1, OPERATION_RESERVE, "cpus(ads dynamic by ops {tier=gold}):1", 0);
    check_operation(desk, 2, OPERATION_CREATE, DISK "[db by ops]:40", 0);
    check_operation(desk, 3, OPERATION_GROW_VOLUME, DISK "[db by ops]:40", 10000);
    check_operation(desk, 4, OPERATION_SHRINK_VOLUME, DISK "[db by ops]:50", 20000);
    check_operation(desk, 5, OPERATION_UNRESERVE, DISK ":70", 0);
    assert_int_equal(accepted(desk, 0)->operations[6].kind, OPERATION_LAUNCH);
    assert_string_equal(
        print(accepted(desk, 0)->operations[6].tasks[0].resources,
              accepted(desk, 0)->operations[6].tasks[0].resources_count, desk->arena),
        "cpus:1;cpus(ads dynamic by ops {tier=gold}):1;" DISK "[db by ops]:30;mem:32");
}

static void a_group_is_placed_on_one_agent_or_not_at_all(void **state)
{
    static const char *const volumes[] = {"data", NULL};
    static const struct proffer_group group = {.id = "pod", .volumes = volumes, .network = "none"};
    static const struct proffer_task tasks[] = {
        {.id = "init", .part = PROFFER_INIT, .command = "true", .resources = "cpus:1;mem:16"},
        {.id = "main", .command = "true", .resources = "cpus:1;mem:16", .ports = 1},
    };
    static const struct proffer_task bad[] = {
        {.id = "x", .part = PROFFER_INIT, .command = "true", .resources = "cpus:1"}};
    DESK *desk = desk_new();
    struct proffer_err err;
    struct proffer_fit *fit;
    const struct operation_info *operation;

    (void)state;
    offer(desk, "A1", "ads", "cpus:1.5;mem:64;ports:[31000-31009]");
    offer(desk, "A2", "ads", "cpus:2;mem:64;ports:[31000-31009]");
    fit = fit_new(desk);
    assert_int_equal(proffer_fit_launch_group(fit, &group, bad, 1, &err), -EINVAL);
    assert_string_equal(err.text, "group pod: none of its tasks is a main one");
    assert_int_equal(proffer_fit_launch_group(fit, &group, tasks, 2, &err), 0);
    assert_int_equal(proffer_fit_launch_group(fit, &group, tasks, 2, &err), -EEXIST);
    assert_int_equal(launch(fit, "t1", "cpus:1.5;mem:32", 0, NULL),
                     0); /* nothing was taken there */
    assert_int_equal(proffer_fit_finish(&fit, 0), 3);
    operation = accepted(desk, 0)->operations[0].kind == OPERATION_LAUNCH_GROUP
                    ? &accepted(desk, 0)->operations[0]
                    : &accepted(desk, 1)->operations[0];
    assert_int_equal(operation->kind, OPERATION_LAUNCH_GROUP);
    assert_string_equal(operation->group->volumes[0], "data");
    assert_string_equal(operation->tasks[0].agent_id, "A2");
    assert_int_equal(operation->tasks[0].group->part, GROUP_INIT);
    assert_int_equal(operation->tasks[1].group->part, GROUP_MAIN);
    assert_string_equal(operation->tasks[1].group->id, "pod");
    assert_int_equal(operation->tasks[1].resources_count, 3);
}

static void a_group_that_fits_nowhere_says_what_is_lacking(void **state)
{
    static const struct proffer_group group = {.id = "pod"};
    static const struct proffer_task tasks[] = {
        {.id = "a", .command = "true", .resources = "cpus:1;mem:16"},
        {.id = "b", .command = "true", .resources = "cpus:2;mem:16"},
    };
    DESK *desk = desk_new();
    struct proffer_err err;
    struct proffer_fit *fit;

    (void)state;
    offer(desk, "A1", "ads", "cpus:2;mem:64");
    fit = fit_new(desk);
    assert_int_equal(proffer_fit_launch_group(fit, &group, tasks, 2, &err), -ENOSPC);
    assert_non_null(strstr(err.text, "group pod fits nowhere: "));
    assert_non_null(strstr(err.text, "1 cpus"));
    assert_int_equal(launch(fit, "t1", "cpus:2", 0, NULL), 0);
    assert_int_equal(proffer_fit_finish(&fit, 0), 1);
}

static void a_shared_volume_is_for_each_task_and_can_be_destroyed(void **state)
{
    DESK *desk = desk_new();
    struct proffer_fit *fit;

    (void)state;
    offer(desk, "A1", "ads", "cpus:2;mem:64;disk(ads)[s by x shared]:10;disk(ads)[v]:5");
    fit = fit_new(desk);
    assert_int_equal(launch(fit, "t1", "cpus:1;disk(ads)[s]:1;disk(ads)[v]:1", 0, NULL), 0);
    assert_int_equal(launch(fit, "t2", "cpus:1;disk(ads)[v]:1", 0, NULL), -ENOSPC);
    assert_int_equal(launch(fit, "t2", "cpus:1;disk(ads)[s]:1", 0, NULL), 0);
    assert_int_equal(proffer_fit_destroy_volume(fit, "O0", "v", NULL, NULL), -ERANGE);
    assert_int_equal(proffer_fit_destroy_volume(fit, "O0", "s", NULL, NULL), 0);
    assert_int_equal(proffer_fit_finish(&fit, 0), 2);
    check_operation(desk, 0, OPERATION_DESTROY, "disk(ads)[s by x shared]:10", 0);
}

static void what_cannot_be_done_is_said_and_leaves_the_offers_alone(void **state)
{
    DESK *desk = desk_new();
    struct proffer_err err;
    struct proffer_fit *fit;

    (void)state;
    offer(desk, "A1", "ads", "cpus:2;disk(ads)[v]:5;disk(ads):10");
    fit = fit_new(desk);
    assert_int_equal(proffer_fit_reserve(fit, "O9", "cpus:1", NULL, NULL, &err), -ENOENT);
    assert_int_equal(proffer_fit_reserve(fit, "O0", "cpus:3", NULL, NULL, &err), -ERANGE);
    assert_int_equal(proffer_fit_reserve(fit, "O0", "disk:1", NULL, NULL, &err), -ERANGE);
    assert_int_equal(proffer_fit_reserve(fit, "O0", "cpus:x", NULL, NULL, &err), -EINVAL);
    assert_int_equal(proffer_fit_unreserve(fit, "O0", "cpus:1", NULL, &err), -EINVAL);
    assert_int_equal(proffer_fit_create(fit, "O0", "w", 11, false, NULL, &err), -ERANGE);
    assert_non_null(strstr(err.text, "reserve it first"));
    assert_int_equal(proffer_fit_create(fit, "O0", "w", 0, false, NULL, &err), -EINVAL);
    assert_int_equal(proffer_fit_create(fit, "O0", "a/b", 1, false, NULL, &err), -EINVAL);
    assert_int_equal(proffer_fit_resize(fit, "O0", "v", -5, NULL, &err), -ERANGE);
    assert_int_equal(proffer_fit_resize(fit, "O0", "v", 11, NULL, &err), -ERANGE);
    assert_int_equal(proffer_fit_resize(fit, "O0", "w", 1, NULL, &err), -ERANGE);
    assert_int_equal(proffer_fit_destroy_volume(fit, "O0", NULL, NULL, &err), -ERANGE);
    assert_int_equal(proffer_fit_finish(&fit, 0), 0);
    assert_int_equal(desk->sent[0].type, MSG_DECLINE);
}

static void limits_and_mounts_go_along(void **state)
{
    static const struct proffer_mount mounts[] = {{.volume = "v", .path = "data"},
                                                  {.volume = NULL}};
    DESK *desk = desk_new();
    struct proffer_task task = {.id = "t1",
                                .resources = "cpus:1;disk(ads)[v]:1",
                                .command = "true",
                                .limits = "cpus:2;mem:unlimited",
                                .mounts = mounts};
    const struct task_info *info;
    struct proffer_fit *fit;
    struct proffer_err err;

    (void)state;
    offer(desk, "A1", "ads", "cpus:2;mem:32;disk(ads)[v]:5");
    fit = fit_new(desk);
    assert_int_equal(proffer_fit_launch(fit, &task, NULL), 0);
    task.id = "t2";
    task.limits = "cpus=2";
    assert_int_equal(proffer_fit_launch(fit, &task, &err), -ENOSPC);
    task.resources = "cpus:1";
    task.mounts = NULL;
    assert_int_equal(proffer_fit_launch(fit, &task, &err), -EINVAL);
    assert_non_null(strstr(err.text, "wanted NAME:VALUE"));
    assert_int_equal(proffer_fit_finish(&fit, 0), 1);
    info = &accepted(desk, 0)->operations[0].tasks[0];
    assert_int_equal(info->limits_count, 2);
    assert_int_equal(info->limits[0].scalar, 2000);
    assert_true(info->limits[1].unlimited);
    assert_string_equal(info->mounts[0].container_path, "data");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_gets_what_it_asks_for_and_its_ports),
        cmocka_unit_test(offers_of_one_agent_are_added_up),
        cmocka_unit_test(tasks_spread_over_the_agents),
        cmocka_unit_test(what_is_reserved_for_the_offers_role_is_used_first),
        cmocka_unit_test(what_fits_nowhere_tells_the_nearest_miss),
        cmocka_unit_test(what_is_wrong_is_not_placed),
        cmocka_unit_test(without_offers_nothing_fits),
        cmocka_unit_test(without_finish_nothing_is_answered),
        cmocka_unit_test(one_message_never_gets_too_large),
        cmocka_unit_test(never_more_than_there_is_and_each_offer_answered_once),
        cmocka_unit_test(what_operations_make_is_used_by_what_follows),
        cmocka_unit_test(a_group_is_placed_on_one_agent_or_not_at_all),
        cmocka_unit_test(a_group_that_fits_nowhere_says_what_is_lacking),
        cmocka_unit_test(a_shared_volume_is_for_each_task_and_can_be_destroyed),
        cmocka_unit_test(what_cannot_be_done_is_said_and_leaves_the_offers_alone),
        cmocka_unit_test(limits_and_mounts_go_along),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
