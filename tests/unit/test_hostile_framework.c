/* What a framework of somebody else may send to a master: a real proffer-master on one side (of the build
 * folder in PROFFER_BUILD), the bare link on the other, because the SDK would not send such things. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "proto/link.h"

#define PATIENCE_MS 20000
#define INBOX_MAX   256

/* An agent or a framework: its session, and what came in that nobody has asked for yet. */
struct peer {
    struct link_client *client;
    struct message inbox[INBOX_MAX]; /* bodies are in the cluster's arena */
    size_t inbox_count;
    bool is_open, is_closed;
    char reason[ERR_TEXT_MAX]; /* of the close */
    struct cluster *cluster;
};

struct cluster {
    pid_t master;
    char address[64];
    struct link_context *context;
    struct arena *arena;
    struct peer agent, framework, other;
    const char *agent_id;
};

/* --- the peers' side of the link ---------------------------------------------------------------- */

static void on_open(void *owner, const struct msg_welcome *welcome)
{
    (void)welcome;
    ((struct peer *)owner)->is_open = true;
}

static void on_message(void *owner, const struct message *message)
{
    struct peer *peer = owner;
    struct message *kept = &peer->inbox[peer->inbox_count];

    assert_true(peer->inbox_count < INBOX_MAX);
    *kept = *message;
    kept->body = message_copy_body(message->type, message->body, peer->cluster->arena);
    peer->inbox_count++;
}

static void on_close(void *owner, const char *reason, bool final)
{
    struct peer *peer = owner;

    (void) final;
    peer->is_closed = true;
    peer->is_open = false;
    snprintf(peer->reason, sizeof(peer->reason), "%s", reason);
}

static void on_trouble(void *owner, const char *reason)
{
    (void)owner;
    print_message("connecting: %s\n", reason);
}

/* One round of everybody's loop; at most 50 ms. */
static void turn(struct cluster *self)
{
    struct peer *peers[] = {&self->agent, &self->framework, &self->other};
    struct pollfd fds[ARRAY_SIZE(peers)];

    for (size_t i = 0; i < ARRAY_SIZE(peers); i++)
        fds[i] =
            (struct pollfd){peers[i]->client ? link_client_fd(peers[i]->client) : -1, POLLIN, 0};
    poll(fds, ARRAY_SIZE(fds), 50);
    for (size_t i = 0; i < ARRAY_SIZE(peers); i++)
        if (peers[i]->client)
            link_client_run(peers[i]->client, clock_now().mono_us, 100);
}

static void connect_peer(struct cluster *self, struct peer *peer, enum peer_kind kind)
{
    const struct link_client_settings settings = {
        .address = self->address, .kind = kind, .version = "hostile", .seed = 1};
    const struct link_client_events events = {.owner = peer,
                                              .on_open = on_open,
                                              .on_message = on_message,
                                              .on_close = on_close,
                                              .on_trouble = on_trouble};
    int64_t until_us = clock_now().mono_us + PATIENCE_MS * US_PER_MS;
    struct err err = {0};

    peer->cluster = self;
    if (link_client_new(self->context, &settings, &events, &peer->client, &err) < 0)
        fail_msg("%s", err.text);
    while (!peer->is_open && clock_now().mono_us < until_us)
        turn(self);
    assert_true(peer->is_open);
}

static void say(struct peer *peer, struct message message)
{
    struct err err = {0};

    if (link_client_send(peer->client, &message, &err) < 0)
        fail_msg("%s: %s", message_name(message.type), err.text);
}

/* The next message of that type; what came before it and after the last one asked for is dropped. */
static struct message await(struct peer *peer, enum msg_type type)
{
    int64_t until_us = clock_now().mono_us + PATIENCE_MS * US_PER_MS;

    while (clock_now().mono_us < until_us) {
        for (size_t i = 0; i < peer->inbox_count; i++) {
            struct message found = peer->inbox[i];

            if (found.type != type)
                continue;
            peer->inbox_count -= i + 1;
            memmove(peer->inbox, peer->inbox + i + 1, peer->inbox_count * sizeof(found));
            return found;
        }
        turn(peer->cluster);
    }
    fail_msg("%s did not come", message_name(type));
    return (struct message){0};
}

static void await_close(struct peer *peer, const char *part_of_reason)
{
    int64_t until_us = clock_now().mono_us + PATIENCE_MS * US_PER_MS;

    while (!peer->is_closed && clock_now().mono_us < until_us)
        turn(peer->cluster);
    assert_true(peer->is_closed);
    if (!strstr(peer->reason, part_of_reason))
        fail_msg("the reason is \"%s\", without \"%s\"", peer->reason, part_of_reason);
}

/* --- a master, an agent, a framework -------------------------------------------------------------- */

static void read_address(struct cluster *self, int fd)
{
    char text[256] = "";
    size_t used = 0;
    int64_t until_us = clock_now().mono_us + PATIENCE_MS * US_PER_MS;

    while (clock_now().mono_us < until_us && used < sizeof(text) - 1) {
        struct pollfd ready = {fd, POLLIN, 0};
        ssize_t size =
            poll(&ready, 1, 1000) > 0 ? read(fd, text + used, sizeof(text) - 1 - used) : 0;

        used += size > 0 ? (size_t)size : 0;
        text[used] = '\0';
        if (sscanf(text, "READY %63s %*s\n", self->address) == 1 && text[used - 1] == '\n')
            return;
    }
    fail_msg("the master did not start: %s", text);
}

static void start_master(struct cluster *self)
{
    const char *build = getenv("PROFFER_BUILD");
    CLEANUP(free_p) char *program = mem_printf("%s/bin/proffer-master", build ? build : "build");
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    self->master = fork();
    if (self->master == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(fds[0]);
        if (dup2(fds[1], 3) == 3)
            execl(program, program, "--port=0", "--http-port=0", "--ready-fd=3",
                  "--log-level=error", "--registry=memory", (char *)NULL);
        perror(program);
        _exit(127);
    }
    close(fds[1]);
    read_address(self, fds[0]);
    close(fds[0]);
}

static void register_agent(struct cluster *self)
{
    static const struct resource_info resources[] = {
        {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 4000, .role = ""},
        {.name = "mem", .kind = VALUE_SCALAR, .scalar = 1024000, .role = ""},
    };
    const struct agent_info info = {
        .hostname = "silent", .resources = resources, .resources_count = ARRAY_SIZE(resources)};

    connect_peer(self, &self->agent, PEER_AGENT);
    say(&self->agent, MESSAGE(REGISTER_AGENT, register_agent, .agent = &info));
    self->agent_id = await(&self->agent, MSG_AGENT_REGISTERED).agent_registered->agent_id;
}

static void subscribe(struct cluster *self, struct peer *peer)
{
    const struct framework_info info = {.name = "hostile"};

    connect_peer(self, peer, PEER_FRAMEWORK);
    say(peer, MESSAGE(SUBSCRIBE, subscribe, .framework = &info));
    await(peer, MSG_SUBSCRIBED);
}

static int setup(void **state)
{
    struct cluster *self = mem_new(struct cluster);
    struct err err = {0};

    *state = self;
    self->arena = arena_new(0);
    start_master(self); /* forks: before the context */
    assert_int_equal(link_context_new(&self->context, &err), 0);
    register_agent(self);
    subscribe(self, &self->framework);
    return 0;
}

static int teardown(void **state)
{
    struct cluster *self = *state;

    link_client_destroy(&self->framework.client, 0);
    link_client_destroy(&self->other.client, 0);
    link_client_destroy(&self->agent.client, 0);
    link_context_destroy(&self->context);
    if (self->master > 0) {
        int status = -1;

        kill(self->master, SIGTERM);
        waitpid(self->master, &status, 0);
        assert_int_equal(status, 0); /* it lived to the end, and ended well */
    }
    arena_destroy(&self->arena);
    free(self);
    return 0;
}

/* --- what is sent ------------------------------------------------------------------------------------ */

static const char *next_offer(struct peer *peer)
{
    return await(peer, MSG_OFFERS).offers->offers[0].id;
}

/* A task of so many thousandths of cpus on an offer; the rest may be offered again at once. */
static void accept_task(struct cluster *self, const char *offer_id, const struct task_info *task)
{
    const struct operation_info launch = {
        .kind = OPERATION_LAUNCH, .tasks = task, .tasks_count = 1};
    static const struct filters none = {.refuse_ms = 0};

    (void)self;
    say(&self->framework, MESSAGE(ACCEPT, accept, .offer_ids = &offer_id, .offer_ids_count = 1,
                                  .operations = &launch, .operations_count = 1, .filters = &none));
}

#define COMMAND(text) (&(const struct command_info){.value = (text)})
#define CPUS(milli)                                                                                \
    (&(const struct resource_info){.name = "cpus", .kind = VALUE_SCALAR, .scalar = (milli)})
#define TASK(cluster, ...)                                                                         \
    (&(const struct task_info){.agent_id = (cluster)->agent_id, .resources_count = 1, __VA_ARGS__})

static void expect_update(struct cluster *self, const char *task_id, enum task_state state,
                          const char *part_of_message)
{
    const struct task_status *status = await(&self->framework, MSG_UPDATE).update->status;

    assert_string_equal(status->task_id, task_id);
    assert_string_equal(task_state_name(status->state), task_state_name(state));
    if (!strstr(status->message, part_of_message))
        fail_msg("the message is \"%s\", without \"%s\"", status->message, part_of_message);
}

static void await_run(struct cluster *self, const char *task_id)
{
    while (strcmp(await(&self->agent, MSG_RUN_TASK).run_task->task->task_id, task_id) != 0)
        ;
}

/* The master still takes tasks and sends them on: on this offer, or NULL on the next one. */
static void assert_all_is_well(struct cluster *self, const char *offer_id)
{
    accept_task(self, offer_id ? offer_id : next_offer(&self->framework),
                TASK(self, .task_id = "good", .resources = CPUS(100), .command = COMMAND("true")));
    await_run(self, "good");
    assert_false(self->agent.is_closed);
}

/* --- tests --------------------------------------------------------------------------------------------- */

static void a_task_that_asks_for_more_than_its_offer_is_an_error(void **state)
{
    struct cluster *self = *state;

    accept_task(
        self, next_offer(&self->framework),
        TASK(self, .task_id = "much", .resources = CPUS(400000), .command = COMMAND("true")));
    expect_update(self, "much", TASK_ERROR, "more than is left of the offers");
    assert_all_is_well(self, NULL);
}

static void a_task_id_that_is_in_use_is_an_error(void **state)
{
    struct cluster *self = *state;

    for (int i = 0; i < 2; i++)
        accept_task(
            self, next_offer(&self->framework),
            TASK(self, .task_id = "twin", .resources = CPUS(100), .command = COMMAND("true")));
    expect_update(self, "twin", TASK_ERROR, "in use");
    assert_all_is_well(self, NULL);
}

static void an_offer_that_is_not_there_drops_its_tasks(void **state)
{
    struct cluster *self = *state;
    const char *offer = next_offer(&self->framework);

    accept_task(self, "never-made-O1",
                TASK(self, .task_id = "early", .resources = CPUS(100), .command = COMMAND("true")));
    expect_update(self, "early", TASK_DROPPED, "never-made-O1 is not valid");
    assert_all_is_well(self, offer);
}

static void an_offer_cannot_be_used_twice(void **state)
{
    struct cluster *self = *state;
    const char *offer = next_offer(&self->framework);

    accept_task(self, offer,
                TASK(self, .task_id = "first", .resources = CPUS(100), .command = COMMAND("true")));
    accept_task(self, offer,
                TASK(self, .task_id = "again", .resources = CPUS(100), .command = COMMAND("true")));
    expect_update(self, "again", TASK_DROPPED, "not valid (any more)");
    assert_all_is_well(self, NULL);
}

static void the_offer_of_somebody_else_is_not_valid(void **state)
{
    struct cluster *self = *state;
    const char *offer = next_offer(&self->framework);
    const struct task_info *task =
        TASK(self, .task_id = "theft", .resources = CPUS(100), .command = COMMAND("true"));
    const struct operation_info launch = {
        .kind = OPERATION_LAUNCH, .tasks = task, .tasks_count = 1};
    const struct task_status *status;

    subscribe(self, &self->other);
    say(&self->other, MESSAGE(ACCEPT, accept, .offer_ids = &offer, .offer_ids_count = 1,
                              .operations = &launch, .operations_count = 1));
    status = await(&self->other, MSG_UPDATE).update->status;
    assert_string_equal(task_state_name(status->state), "TASK_DROPPED");
    accept_task(self, offer,
                TASK(self, .task_id = "mine", .resources = CPUS(100), .command = COMMAND("true")));
    assert_string_equal(await(&self->agent, MSG_RUN_TASK).run_task->task->task_id, "mine");
}

static void a_command_that_is_none_is_an_error(void **state)
{
    struct cluster *self = *state;

    accept_task(self, next_offer(&self->framework),
                TASK(self, .task_id = "idle", .resources = CPUS(100), .command = COMMAND("")));
    expect_update(self, "idle", TASK_ERROR, "command is empty");
    assert_all_is_well(self, NULL);
}

static void a_name_of_a_megabyte_ends_the_session_of_who_sent_it(void **state)
{
    struct cluster *self = *state;
    CLEANUP(free_p) char *name = mem_alloc(1048577);
    const struct task_info *task = TASK(self, .task_id = "long", .name = name,
                                        .resources = CPUS(100), .command = COMMAND("true"));
    const char *offer = next_offer(&self->framework);
    const struct operation_info launch = {
        .kind = OPERATION_LAUNCH, .tasks = task, .tasks_count = 1};

    memset(name, 'n', 1048576);
    name[1048576] = '\0';
    subscribe(self, &self->other);
    say(&self->other, MESSAGE(ACCEPT, accept, .offer_ids = &offer, .offer_ids_count = 1,
                              .operations = &launch, .operations_count = 1));
    await_close(&self->other, "name: 1048576 bytes long");
    assert_all_is_well(self, offer);
}

static void an_id_that_leaves_its_folder_ends_the_session_of_who_sent_it(void **state)
{
    struct cluster *self = *state;
    const struct task_info *task =
        TASK(self, .task_id = "../../etc", .resources = CPUS(100), .command = COMMAND("true"));
    const char *offer = next_offer(&self->framework);
    const struct operation_info launch = {
        .kind = OPERATION_LAUNCH, .tasks = task, .tasks_count = 1};

    say(&self->framework, MESSAGE(ACCEPT, accept, .offer_ids = &offer, .offer_ids_count = 1,
                                  .operations = &launch, .operations_count = 1));
    await_close(&self->framework, "task_id");
}

static void a_call_before_the_subscription_ends_the_session(void **state)
{
    struct cluster *self = *state;

    connect_peer(self, &self->other, PEER_FRAMEWORK);
    say(&self->other, MESSAGE(KILL, kill, .task_id = "good"));
    await_close(&self->other, "SUBSCRIBE must come first");
    assert_all_is_well(self, NULL);
}

static void a_framework_cannot_speak_as_an_agent(void **state)
{
    struct cluster *self = *state;
    const struct agent_info info = {.hostname = "impostor"};

    subscribe(self, &self->other);
    say(&self->other, MESSAGE(REGISTER_AGENT, register_agent, .agent = &info));
    await_close(&self->other, "REGISTER_AGENT is not for a framework to say");
    assert_all_is_well(self, NULL);
    for (size_t i = 0; i < self->other.inbox_count; i++)
        assert_int_not_equal(self->other.inbox[i].type, MSG_AGENT_REGISTERED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_task_that_asks_for_more_than_its_offer_is_an_error),
        TEST(a_task_id_that_is_in_use_is_an_error),
        TEST(an_offer_that_is_not_there_drops_its_tasks),
        TEST(an_offer_cannot_be_used_twice),
        TEST(the_offer_of_somebody_else_is_not_valid),
        TEST(a_command_that_is_none_is_an_error),
        TEST(a_name_of_a_megabyte_ends_the_session_of_who_sent_it),
        TEST(an_id_that_leaves_its_folder_ends_the_session_of_who_sent_it),
        TEST(a_call_before_the_subscription_ends_the_session),
        TEST(a_framework_cannot_speak_as_an_agent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
