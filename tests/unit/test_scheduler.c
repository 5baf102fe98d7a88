/* Schedulers against a fake master on real sockets of 127.0.0.1. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <cmocka.h>

#include <proffer/proffer.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "tests/unit/fake_master.h"

#define PATIENCE_MS 20000
#define MASTER      CLEANUP(fake_master_destroy) struct fake_master
#define SCHEDULER   CLEANUP(proffer_scheduler_destroy) struct proffer_scheduler

/* What a framework's author was told. */
struct told {
    int registered, again, offers, rescinded, updates, messages, agents_lost, errors, disconnected;
    int preempted;
    int finished, reduced;
    int launch;          /* so many tasks, when offers come */
    bool stop_when_done; /* with teardown */
    bool destroy_on_offers;
    struct proffer_scheduler *scheduler;
    int dispatched; /* what dispatch and run answer inside a callback */
    int ran;
    char text[256];
    char uuid[16];
    struct proffer_status status; /* the last one; only numbers and the uuid may be read */
    char offer_text[256];
};

static void note(struct told *told, const char *text)
{
    snprintf(told->text, sizeof(told->text), "%s", text);
}

static void on_registered(struct proffer_scheduler *scheduler, const char *framework_id,
                          const char *master_id, bool again, void *user)
{
    struct told *told = user;

    assert_string_equal(proffer_scheduler_framework_id(scheduler), framework_id);
    assert_string_equal(master_id, "M1");
    told->registered++;
    told->again += again;
    told->dispatched = proffer_scheduler_dispatch(scheduler);
    told->ran = proffer_scheduler_run(scheduler);
}

static void describe(struct told *told, const struct proffer_offer *offer)
{
    snprintf(told->offer_text, sizeof(told->offer_text), "%s %s %s %s %s %s %s %.1f %s %s %s",
             proffer_offer_id(offer), proffer_offer_agent_id(offer), proffer_offer_hostname(offer),
             proffer_offer_agent_address(offer), proffer_offer_role(offer),
             proffer_offer_resources(offer), proffer_offer_resources(offer),
             proffer_offer_scalar(offer, "cpus"), proffer_offer_attribute(offer, "rack"),
             proffer_offer_attribute(offer, "level"), proffer_offer_attribute(offer, "span"));
    assert_null(proffer_offer_attribute(offer, "none"));
}

static void on_offers(struct proffer_scheduler *scheduler,
                      const struct proffer_offer *const *offers, size_t count, void *user)
{
    struct told *told = user;
    struct proffer_fit *fit;

    told->offers += (int)count;
    describe(told, offers[0]);
    if (told->destroy_on_offers) {
        proffer_scheduler_destroy(&told->scheduler);
        assert_null(told->scheduler);
    }
    if (!told->launch)
        return;
    fit = proffer_fit_new(scheduler, offers, count);
    for (int i = 0; i < told->launch; i++) {
        char id[32];
        struct proffer_task task = {
            .id = id, .resources = "cpus:0.1;mem:32", .command = "true", .ports = 1};
        struct proffer_err err = {0};

        snprintf(id, sizeof(id), "t%d", i);
        if (proffer_fit_launch(fit, &task, &err) < 0)
            fail_msg("%s", err.text);
    }
    assert_int_equal(proffer_fit_finish(&fit, 10.5), told->launch);
}

static void on_rescinded(struct proffer_scheduler *scheduler, const char *offer_id, void *user)
{
    struct told *told = user;

    (void)scheduler;
    told->rescinded++;
    note(told, offer_id);
}

static void on_reduced(struct proffer_scheduler *scheduler,
                       const struct proffer_reduction *reduction, void *user)
{
    struct told *told = user;

    (void)scheduler;
    told->reduced++;
    snprintf(told->text, sizeof(told->text), "%s lost %s, has %s for %d units: %s",
             reduction->offer_id, reduction->lost, reduction->left, (int)reduction->units,
             reduction->reason);
}

static void on_update(struct proffer_scheduler *scheduler, const struct proffer_status *status,
                      void *user)
{
    struct told *told = user;

    told->updates++;
    told->finished += status->state == PROFFER_TASK_FINISHED;
    told->status = *status;
    if (status->uuid)
        memcpy(told->uuid, status->uuid, sizeof(told->uuid));
    snprintf(told->text, sizeof(told->text), "%s %s %s|%s|%s %s %s", status->task_id,
             proffer_task_state_name(status->state), status->source, status->reason,
             status->message, status->sandbox, status->agent_address);
    if (told->stop_when_done && told->finished == told->launch)
        proffer_scheduler_stop(scheduler, true);
}

static void on_message(struct proffer_scheduler *scheduler, const char *agent_id,
                       const char *task_id, const void *data, size_t size, void *user)
{
    struct told *told = user;

    (void)scheduler;
    told->messages++;
    snprintf(told->text, sizeof(told->text), "%s %s %.*s", agent_id, task_id, (int)size,
             (const char *)data);
}

static void on_agent_lost(struct proffer_scheduler *scheduler, const char *agent_id,
                          const char *hostname, void *user)
{
    struct told *told = user;

    (void)scheduler;
    told->agents_lost++;
    snprintf(told->text, sizeof(told->text), "%s %s", agent_id, hostname);
}

static void on_error(struct proffer_scheduler *scheduler, const char *message, void *user)
{
    struct told *told = user;

    (void)scheduler;
    told->errors++;
    note(told, message);
}

static void on_disconnected(struct proffer_scheduler *scheduler, const char *reason, void *user)
{
    struct told *told = user;

    (void)scheduler;
    told->disconnected++;
    note(told, reason);
}

static const struct proffer_callbacks all = {
    .registered = on_registered,
    .offers = on_offers,
    .rescinded = on_rescinded,
    .offer_reduced = on_reduced,
    .update = on_update,
    .message = on_message,
    .agent_lost = on_agent_lost,
    .error = on_error,
    .disconnected = on_disconnected,
};

static struct proffer_scheduler *scheduler_new(const struct proffer_scheduler_options *options,
                                               const struct proffer_callbacks *callbacks,
                                               struct told *told)
{
    struct proffer_scheduler *scheduler;
    struct proffer_err err = {0};

    if (proffer_scheduler_new(options, callbacks, told, &scheduler, &err) < 0)
        fail_msg("%s", err.text);
    return scheduler;
}

static struct proffer_scheduler *scheduler_of(const struct fake_master *master, struct told *told)
{
    const struct proffer_scheduler_options options = {.master = fake_master_address(master),
                                                      .name = "test"};

    return scheduler_new(&options, &all, told);
}

/* --- a loop of our own ------------------------------------------------------------------------ */

/* Dispatch until *counter is at least `wanted`. What dispatch answered last. */
static int dispatch_until(struct proffer_scheduler *scheduler, const int *counter, int wanted)
{
    int64_t until_us = clock_now().mono_us + PATIENCE_MS * (int64_t)US_PER_MS;
    int rc = 1;

    while (*counter < wanted && rc > 0) {
        struct pollfd fd = {.fd = proffer_scheduler_fd(scheduler), .events = POLLIN};

        if (clock_now().mono_us > until_us)
            fail_msg("waited in vain for %d, got to %d", wanted, *counter);
        poll(&fd, 1, 1000);
        rc = proffer_scheduler_dispatch(scheduler);
    }
    return rc;
}

/* Dispatch until the master has heard `wanted` such messages. */
static void dispatch_until_heard(struct proffer_scheduler *scheduler, struct fake_master *master,
                                 enum msg_type type, size_t wanted)
{
    int64_t until_us = clock_now().mono_us + PATIENCE_MS * (int64_t)US_PER_MS;

    while (fake_master_heard(master, type) < wanted) {
        struct pollfd fds[] = {{.fd = proffer_scheduler_fd(scheduler), .events = POLLIN},
                               {.fd = fake_master_fd(master), .events = POLLIN}};

        if (clock_now().mono_us > until_us)
            fail_msg("the master never heard %s", message_name(type));
        poll(fds, ARRAY_SIZE(fds), 1000);
        proffer_scheduler_dispatch(scheduler);
    }
}

/* --- tests ------------------------------------------------------------------------------------ */

static void it_registers_and_is_offered(void **state)
{
    MASTER *master = fake_master_new(&(struct fake_master_settings){.is_lively = true});
    struct told told = {0};
    SCHEDULER *scheduler = scheduler_of(master, &told);
    const struct framework_info *framework;

    (void)state;
    assert_string_equal(proffer_scheduler_framework_id(scheduler), "");
    assert_false(proffer_scheduler_is_connected(scheduler));
    dispatch_until(scheduler, &told.offers, 1);
    assert_int_equal(told.registered, 1);
    assert_int_equal(told.again, 0);
    assert_true(proffer_scheduler_is_connected(scheduler));
    assert_string_equal(told.offer_text,
                        "O1 A1 host1 127.0.0.1:5051 * cpus:4;mem:1024;ports:[31000-31009] "
                        "cpus:4;mem:1024;ports:[31000-31009] 4.0 r1 -1.5 [1-10]");
    framework = fake_master_last(master, MSG_SUBSCRIBE).subscribe->framework;
    assert_string_equal(framework->name, "test");
    assert_true(strlen(framework->hostname) > 0);
}

static void inside_a_callback_the_loop_is_refused(void **state)
{
    MASTER *master = fake_master_new(&(struct fake_master_settings){0});
    struct told told = {0};
    SCHEDULER *scheduler = scheduler_of(master, &told);

    (void)state;
    dispatch_until(scheduler, &told.registered, 1);
    assert_int_equal(told.dispatched, -EDEADLK);
    assert_int_equal(told.ran, -EDEADLK);
}

static void an_accept_arrives_as_it_was_meant(void **state)
{
    MASTER *master = fake_master_new(&(struct fake_master_settings){.is_lively = true});
    struct told told = {.launch = 2};
    SCHEDULER *scheduler = scheduler_of(master, &told);
    const struct msg_accept *accept;
    const struct task_info *task;

    (void)state;
    dispatch_until(scheduler, &told.finished, 2);
    dispatch_until_heard(scheduler, master, MSG_ACKNOWLEDGE, 4);
    accept = fake_master_last(master, MSG_ACCEPT).accept;
    assert_int_equal(accept->offer_ids_count, 1);
    assert_string_equal(accept->offer_ids[0], "O1");
    assert_int_equal(accept->filters->refuse_ms, 10500);
    assert_int_equal(accept->operations_count, 1);
    assert_int_equal(accept->operations[0].kind, OPERATION_LAUNCH);
    assert_int_equal(accept->operations[0].tasks_count, 2);
    task = &accept->operations[0].tasks[1];
    assert_string_equal(task->task_id, "t1");
    assert_string_equal(task->agent_id, "A1");
    assert_string_equal(task->command->value, "true");
    assert_int_equal(task->resources_count, 3);
    assert_int_equal(task->resources[0].scalar, 100);
    assert_int_equal(task->resources[2].ranges[0].begin, 31001);
    assert_string_equal(
        told.text, "t1 TASK_FINISHED SOURCE_AGENT||from the fake /work/sandbox 127.0.0.1:5051");
    assert_true(told.status.has_exit);
    assert_int_equal(told.status.exit_code, 0);
    assert_int_equal(told.status.peak_mem_bytes, 4096);
    assert_true(told.status.timestamp == 1.5);
}

static void run_ends_when_it_is_stopped_and_tears_down(void **state)
{
    MASTER *master = fake_master_new(&(struct fake_master_settings){.is_lively = true});
    struct told told = {.launch = 3, .stop_when_done = true};
    SCHEDULER *scheduler = scheduler_of(master, &told);
    struct pollfd fd = {.fd = fake_master_fd(master), .events = POLLIN};

    (void)state;
    assert_int_equal(proffer_scheduler_run(scheduler), 0);
    proffer_scheduler_destroy(&scheduler);
    while (!fake_master_heard(master, MSG_TEARDOWN))
        assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
}

static struct proffer_scheduler *alarmed;

static void on_alarm(int signal)
{
    (void)signal;
    proffer_scheduler_stop(alarmed, false);
}

static void stop_works_from_a_signal_handler(void **state)
{
    MASTER *master = fake_master_new(&(struct fake_master_settings){0});
    struct told told = {0};
    SCHEDULER *scheduler = scheduler_of(master, &told);
    const struct sigaction action = {.sa_handler = on_alarm};
    const struct itimerval soon = {.it_value = {.tv_usec = 50000}};
    struct sigaction before;

    (void)state;
    alarmed = scheduler;
    sigaction(SIGALRM, &action, &before);
    setitimer(ITIMER_REAL, &soon, NULL);
    assert_int_equal(proffer_scheduler_run(scheduler), 0);
    sigaction(SIGALRM, &before, NULL);
    assert_int_equal(proffer_scheduler_dispatch(scheduler), 0);
}

static void it_comes_back_by_its_id_when_the_master_restarts(void **state)
{
    MASTER *master = fake_master_new(&(struct fake_master_settings){0});
    uint16_t port = fake_master_port(master);
    struct told told = {0};
    SCHEDULER *scheduler = scheduler_of(master, &told);

    (void)state;
    dispatch_until(scheduler, &told.registered, 1);
    fake_master_destroy(&master);
    dispatch_until(scheduler, &told.disconnected, 1);
    assert_false(proffer_scheduler_is_connected(scheduler));
    assert_int_equal(proffer_kill(scheduler, "t1", -1), 0);
    assert_int_equal(proffer_message(scheduler, "A1", "t1", "hi", 2), -ENOTCONN);
    master = fake_master_new(&(struct fake_master_settings){.port = port});
    dispatch_until(scheduler, &told.registered, 2);
    assert_int_equal(told.again, 1);
    dispatch_until_heard(scheduler, master, MSG_KILL, 1); /* what was wished for meanwhile */
    assert_string_equal(fake_master_last(master, MSG_SUBSCRIBE).subscribe->framework->id, "F1");
}

static void a_master_that_comes_later_is_no_error(void **state)
{
    MASTER *master = fake_master_new(&(struct fake_master_settings){0});
    struct fake_master_settings later = {.port = fake_master_port(master)};
    struct told told = {0};
    SCHEDULER *scheduler = scheduler_of(master, &told);

    (void)state;
    fake_master_destroy(&master);
    dispatch_until(scheduler, &told.disconnected, 1);
    assert_int_equal(told.registered, 0);
    master = fake_master_new(&later);
    dispatch_until(scheduler, &told.registered, 1);
    assert_int_equal(told.again, 0);
}

static void all_that_the_master_says_is_told(void **state)
{
    const struct resource_info cpus = {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 2000};
    const struct resource_info mem = {.name = "mem", .kind = VALUE_SCALAR, .scalar = 64000};
    MASTER *master = fake_master_new(&(struct fake_master_settings){.is_lively = true});
    struct told told = {0};
    SCHEDULER *scheduler = scheduler_of(master, &told);

    (void)state;
    dispatch_until(scheduler, &told.offers, 1);
    fake_master_say(master, &MESSAGE(OFFER_REDUCED, offer_reduced, .offer_id = "O1", .lost = &cpus,
                                     .lost_count = 1, .left = &mem, .left_count = 1, .units = 2,
                                     .reason = "somebody was first"));
    dispatch_until(scheduler, &told.reduced, 1);
    assert_string_equal(told.text, "O1 lost cpus:2, has mem:64 for 2 units: somebody was first");
    fake_master_say(master, &MESSAGE(RESCIND, rescind, .offer_id = "O1"));
    dispatch_until(scheduler, &told.rescinded, 1);
    assert_string_equal(told.text, "O1");
    fake_master_say(master,
                    &MESSAGE(MESSAGE_TO_FRAMEWORK, message_to_framework, .framework_id = "F1",
                             .agent_id = "A1", .task_id = "t1", .data = {"hi", 2}));
    dispatch_until(scheduler, &told.messages, 1);
    assert_string_equal(told.text, "A1 t1 hi");
    fake_master_say(master,
                    &MESSAGE(AGENT_LOST, agent_lost, .agent_id = "A1", .hostname = "host1"));
    dispatch_until(scheduler, &told.agents_lost, 1);
    assert_string_equal(told.text, "A1 host1");
    fake_master_hang_up(master);
    dispatch_until(scheduler, &told.disconnected, 1);
    dispatch_until(scheduler, &told.registered, 2);
    fake_master_say(master, &MESSAGE(ERROR, error, .message = "Framework has been removed"));
    assert_int_equal(proffer_scheduler_run(scheduler), -ECONNABORTED);
    assert_int_equal(told.errors, 1);
    assert_string_equal(told.text, "Framework has been removed");
}

static void destroying_inside_a_callback_waits_for_its_end(void **state)
{
    MASTER *master = fake_master_new(&(struct fake_master_settings){.is_lively = true});
    struct told told = {.destroy_on_offers = true, .launch = 2};

    (void)state;
    told.scheduler = scheduler_of(master, &told);
    assert_int_equal(proffer_scheduler_run(told.scheduler), 0);
    assert_null(told.scheduler);
    assert_int_equal(told.updates, 0);
}

static void without_callbacks_offers_are_declined(void **state)
{
    MASTER *master = fake_master_new(&(struct fake_master_settings){.is_lively = true});
    const struct proffer_scheduler_options options = {.master = fake_master_address(master),
                                                      .name = "test"};
    SCHEDULER *scheduler = scheduler_new(&options, NULL, NULL);

    (void)state;
    dispatch_until_heard(scheduler, master, MSG_DECLINE, 1);
    assert_int_equal(fake_master_last(master, MSG_DECLINE).decline->filters->refuse_ms, 3600000);
}

static void acknowledging_by_hand_takes_a_copy_of_the_status(void **state)
{
    MASTER *master = fake_master_new(&(struct fake_master_settings){.is_lively = true});
    const struct proffer_scheduler_options options = {
        .master = fake_master_address(master), .name = "test", .acknowledge_by_hand = true};
    struct told told = {.launch = 1};
    SCHEDULER *scheduler = scheduler_new(&options, &all, &told);
    struct proffer_status copy = {.task_id = "t0", .agent_id = "A1", .uuid = told.uuid};

    (void)state;
    dispatch_until(scheduler, &told.finished, 1);
    assert_int_equal(fake_master_heard(master, MSG_ACKNOWLEDGE), 0);
    assert_int_equal(proffer_acknowledge(scheduler, &copy), 0);
    dispatch_until_heard(scheduler, master, MSG_ACKNOWLEDGE, 1);
    assert_memory_equal(fake_master_last(master, MSG_ACKNOWLEDGE).acknowledge->uuid.data,
                        "0123456789abcdef", 16);
    copy.uuid = NULL;
    assert_int_equal(proffer_acknowledge(scheduler, &copy), -EINVAL);
}

static void a_gang_arrives_as_it_was_meant(void **state)
{
    MASTER *master = fake_master_new(&(struct fake_master_settings){.is_lively = true});
    struct told told = {0};
    SCHEDULER *scheduler = scheduler_of(master, &told);
    const struct proffer_task task = {.id = "t1", .command = "true", .resources = "cpus:1"};
    const char *const offers[] = {"O1", "O9"};
    const struct proffer_gang_part parts[] = {{&offers[0], 1, &task, 1}, {&offers[1], 1, &task, 1}};
    const struct msg_accept_gang *gang;
    struct proffer_err err = {0};

    (void)state;
    dispatch_until(scheduler, &told.offers, 1);
    assert_int_equal(proffer_accept_gang(scheduler, parts, 0, 0, &err), -EINVAL);
    assert_int_equal(proffer_accept_gang(scheduler, parts, 2, 0, &err), -ENOENT);
    assert_string_equal(err.text, "part 2: offer O9 is not ours: answered, rescinded or void");
    assert_int_equal(proffer_accept_gang(scheduler, parts, 1, 10.5, &err), 0);
    dispatch_until_heard(scheduler, master, MSG_ACCEPT_GANG, 1);
    gang = fake_master_last(master, MSG_ACCEPT_GANG).accept_gang;
    assert_int_equal(gang->filters->refuse_ms, 10500);
    assert_string_equal(gang->parts[0].offer_ids[0], "O1");
    assert_string_equal(gang->parts[0].operations[0].tasks[0].task_id, "t1");
    assert_string_equal(gang->parts[0].operations[0].tasks[0].agent_id, "A1");
}

/* Calls from outside dispatch leave without another push. */
static void calls_arrive(void **state)
{
    MASTER *master = fake_master_new(&(struct fake_master_settings){.is_lively = true});
    struct told told = {0};
    SCHEDULER *scheduler = scheduler_of(master, &told);
    struct proffer_task task = {.id = "t1", .command = "true", .ports = 1};
    const char *const offer = "O1";
    struct proffer_err err = {0};

    (void)state;
    dispatch_until(scheduler, &told.offers, 1);
    assert_int_equal(proffer_accept(scheduler, &offer, 1, &task, 1, 0, &err), -EINVAL);
    assert_string_equal(err.text,
                        "task t1: `ports` is for proffer_fit_launch; name them in `resources`");
    task.ports = 0;
    task.resources = "cpus:1;ports:[31005-31005]";
    assert_int_equal(proffer_accept(scheduler, &offer, 1, &task, 1, 0, &err), 0);
    assert_int_equal(proffer_accept(scheduler, &offer, 1, &task, 1, 0, &err), -ENOENT);
    assert_int_equal(proffer_kill(scheduler, "t1", 500), 0);
    assert_int_equal(proffer_reconcile(scheduler, "t1", NULL), 0);
    assert_int_equal(proffer_message(scheduler, "A1", "t1", "hi", 2), 0);
    assert_int_equal(proffer_suppress(scheduler, NULL), 0);
    assert_int_equal(proffer_revive(scheduler, "*"), 0);
    assert_int_equal(proffer_revive(scheduler, "other"), -EINVAL);
    dispatch_until_heard(scheduler, master, MSG_REVIVE, 1);
    dispatch_until_heard(scheduler, master, MSG_RECONCILE, 1);
    assert_int_equal(fake_master_last(master, MSG_KILL).kill->kill_policy->grace_ms, 500);
    assert_string_equal(fake_master_last(master, MSG_RECONCILE).reconcile->tasks[0].task_id, "t1");
    assert_int_equal(fake_master_last(master, MSG_ACCEPT).accept->filters->refuse_ms, 0);
    assert_int_equal(fake_master_heard(master, MSG_SUPPRESS), 1);
    assert_int_equal(fake_master_heard(master, MSG_MESSAGE_TO_EXECUTOR), 1);
}

static void needs_arrive_as_they_were_written(void **state)
{
    MASTER *master = fake_master_new(&(struct fake_master_settings){.is_lively = true});
    struct told told = {0};
    SCHEDULER *scheduler = scheduler_of(master, &told);
    const struct proffer_constraint constraints[] = {{"rack", PROFFER_MATCHES, "r1*"}, {0}};
    struct proffer_need need = {.name = "web",
                                .minimum = "cpus:1;ports:2",
                                .wanted = "mem:64",
                                .count = 3,
                                .priority = 7,
                                .constraints = constraints};
    const struct need_info *heard;
    struct proffer_err err = {0};

    (void)state;
    dispatch_until(scheduler, &told.offers, 1);
    assert_int_equal(proffer_set_needs(scheduler, NULL, &need, 1, &err), 0);
    dispatch_until_heard(scheduler, master, MSG_NEEDS, 1);
    assert_string_equal(fake_master_last(master, MSG_NEEDS).needs->roles[0].role, "*");
    heard = &fake_master_last(master, MSG_NEEDS).needs->roles[0].needs[0];
    assert_string_equal(heard->name, "web");
    assert_int_equal(heard->count, 3);
    assert_int_equal(heard->priority, 7);
    assert_int_equal(heard->minimum_count, 2);
    assert_int_equal(heard->minimum[1].scalar, 2000);
    assert_int_equal(heard->wanted[0].scalar, 64000);
    assert_int_equal(heard->constraints[0].kind, CONSTRAINT_MATCHES);
    need.minimum = "cpus:";
    assert_int_equal(proffer_set_needs(scheduler, "*", &need, 1, &err), -EINVAL);
    assert_non_null(strstr(err.text, "need web"));
    assert_int_equal(proffer_set_needs(scheduler, "other", &need, 0, &err), -EINVAL);
}

static void on_preempted(struct proffer_scheduler *scheduler,
                         const struct proffer_preemption *preemption, void *user)
{
    struct told *told = user;

    (void)scheduler;
    told->preempted++;
    snprintf(told->text, sizeof(told->text), "%s %s %.1f %s%s", preemption->task_id,
             preemption->agent_id, preemption->seconds, preemption->reason,
             preemption->withdrawn ? " withdrawn" : "");
}

static void who_has_the_callback_gets_notice_of_preemption(void **state)
{
    MASTER *master = fake_master_new(&(struct fake_master_settings){0});
    const struct proffer_callbacks callbacks = {.registered = on_registered,
                                                .preempted = on_preempted};
    static const char *const asked[] = {"TOPOLOGY", NULL};
    const struct proffer_scheduler_options options = {
        .master = fake_master_address(master), .name = "test", .capabilities = asked};
    struct told told = {0};
    SCHEDULER *scheduler = scheduler_new(&options, &callbacks, &told);
    const struct framework_info *framework;

    (void)state;
    dispatch_until(scheduler, &told.registered, 1);
    framework = fake_master_last(master, MSG_SUBSCRIBE).subscribe->framework;
    assert_int_equal(framework->capabilities_count, 2);
    assert_string_equal(framework->capabilities[0], "TOPOLOGY");
    assert_string_equal(framework->capabilities[1], "PREEMPTION_NOTICE");
    fake_master_say(master, &MESSAGE(PREEMPT, preempt, .task_id = "t1", .agent_id = "A1",
                                     .deadline_ms = 1500, .reason = "why"));
    dispatch_until(scheduler, &told.preempted, 1);
    assert_string_equal(told.text, "t1 A1 1.5 why");
    fake_master_say(
        master, &MESSAGE(PREEMPT, preempt, .task_id = "t1", .agent_id = "A1", .withdrawn = true));
    dispatch_until(scheduler, &told.preempted, 2);
    assert_string_equal(told.text, "t1 A1 0.0  withdrawn");
}

static void who_has_no_callback_asks_for_no_notice(void **state)
{
    MASTER *master = fake_master_new(&(struct fake_master_settings){0});
    struct told told = {0};
    SCHEDULER *scheduler = scheduler_of(master, &told);

    (void)state;
    dispatch_until(scheduler, &told.registered, 1);
    assert_int_equal(
        fake_master_last(master, MSG_SUBSCRIBE).subscribe->framework->capabilities_count, 0);
}

static void refuses(struct proffer_scheduler_options options, int code, const char *text)
{
    struct proffer_scheduler *scheduler = NULL;
    struct proffer_err err = {0};

    assert_int_equal(proffer_scheduler_new(&options, NULL, NULL, &scheduler, &err), code);
    if (!strstr(err.text, text))
        fail_msg("'%s' does not speak of '%s'", err.text, text);
    assert_null(scheduler);
}

static void wrong_options_are_refused_with_a_reason(void **state)
{
    struct proffer_scheduler *none = NULL;

    (void)state;
    refuses((struct proffer_scheduler_options){0}, -EINVAL, "no name");
    refuses((struct proffer_scheduler_options){.name = "f", .failover_timeout = -1}, -EINVAL,
            "failover_timeout is -1 s");
    refuses((struct proffer_scheduler_options){.name = "f", .master = "nonsense"}, -EINVAL,
            "nonsense");
    refuses((struct proffer_scheduler_options){.name = "f", .master = "192.0.2.1:5050"}, -EPERM,
            "192.0.2.1");
    refuses((struct proffer_scheduler_options){.name = "f", .keys = "/nowhere"}, -ENOENT,
            "/nowhere");
    refuses((struct proffer_scheduler_options){.name = "f", .framework_id = "a/b"}, -EINVAL, "id");
    refuses((struct proffer_scheduler_options){.name = "f",
                                               .roles = (const char *const[]){"a//b", NULL}},
            -EINVAL, "a//b");
    proffer_scheduler_destroy(&none);
}

static void *run_one(void *user)
{
    struct told *told = user;

    told->ran = proffer_scheduler_run(told->scheduler);
    return NULL;
}

static void many_schedulers_live_in_one_process(void **state)
{
    enum { MANY = 4 };
    struct fake_master *masters[MANY];
    struct told told[MANY] = {0};
    pthread_t threads[MANY];

    (void)state;
    for (int i = 0; i < MANY; i++) {
        masters[i] = fake_master_new(&(struct fake_master_settings){.is_lively = true});
        told[i] = (struct told){.launch = 10, .stop_when_done = true};
        told[i].scheduler = scheduler_of(masters[i], &told[i]);
        assert_int_equal(pthread_create(&threads[i], NULL, run_one, &told[i]), 0);
    }
    for (int i = 0; i < MANY; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(told[i].ran, 0);
        assert_int_equal(told[i].finished, 10);
        proffer_scheduler_destroy(&told[i].scheduler);
        fake_master_destroy(&masters[i]);
    }
}

static int descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;

    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

/* Neither a descriptor nor a signal handler of the program's is touched for good. */
static void nothing_is_left_behind(void **state)
{
    struct sigaction before, after;
    int descriptors_before = descriptors();

    (void)state;
    sigaction(SIGINT, NULL, &before);
    for (int i = 0; i < 3; i++) {
        MASTER *master = fake_master_new(&(struct fake_master_settings){.is_lively = true});
        struct told told = {.launch = 1};
        SCHEDULER *scheduler = scheduler_of(master, &told);

        dispatch_until(scheduler, &told.finished, 1);
        sigaction(SIGINT, NULL, &after);
        assert_true(before.sa_handler == after.sa_handler);
    }
    assert_int_equal(descriptors(), descriptors_before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_registers_and_is_offered),
        cmocka_unit_test(inside_a_callback_the_loop_is_refused),
        cmocka_unit_test(an_accept_arrives_as_it_was_meant),
        cmocka_unit_test(run_ends_when_it_is_stopped_and_tears_down),
        cmocka_unit_test(stop_works_from_a_signal_handler),
        cmocka_unit_test(it_comes_back_by_its_id_when_the_master_restarts),
        cmocka_unit_test(a_master_that_comes_later_is_no_error),
        cmocka_unit_test(all_that_the_master_says_is_told),
        cmocka_unit_test(destroying_inside_a_callback_waits_for_its_end),
        cmocka_unit_test(without_callbacks_offers_are_declined),
        cmocka_unit_test(acknowledging_by_hand_takes_a_copy_of_the_status),
        cmocka_unit_test(calls_arrive),
        cmocka_unit_test(needs_arrive_as_they_were_written),
        cmocka_unit_test(who_has_the_callback_gets_notice_of_preemption),
        cmocka_unit_test(who_has_no_callback_asks_for_no_notice),
        cmocka_unit_test(a_gang_arrives_as_it_was_meant),
        cmocka_unit_test(wrong_options_are_refused_with_a_reason),
        cmocka_unit_test(many_schedulers_live_in_one_process),
        cmocka_unit_test(nothing_is_left_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
