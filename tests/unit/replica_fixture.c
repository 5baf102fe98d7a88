#include "tests/unit/replica_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "proto/resources_info.h"

#define SECOND_US INT64_C(1000000)

static void replay(void *replica, const struct message *change)
{
    struct err err = {""};

    if (replica_apply(replica, change, &err) < 0)
        fail_msg("%s", err.text);
}

struct publisher replaying(struct replica *replica)
{
    return (struct publisher){.publish = replay, .ctx = replica};
}

/* As the real ones, bodies have been through the codec: absent texts are "". */
void say(struct publisher *to, struct message change)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);

    change.number = ++to->number;
    change.body = message_copy_body(change.type, change.body, arena);
    to->publish(to->ctx, &change);
}

void say_master(struct publisher *to)
{
    say(to, MESSAGE(CHANGE_MASTER, change_master, .master_id = "M", .hostname = "m1",
                    .address = "10.0.0.1:5055", .cluster = "c", .started_us = 100 * SECOND_US,
                    .elected_us = 100 * SECOND_US));
}

static const struct resource_info *info_of(const char *text, struct arena *arena, size_t *ret_count)
{
    struct resources *resources = arena_alloc(arena, sizeof(*resources));
    const struct resource_info *info;
    struct err err;

    if (resources_parse(resources, text, &err) < 0)
        fail_msg("%s", err.text);
    info = resources_to_info(resources, arena, ret_count);
    info = ((const struct task_info *)record_copy(
                &task_info_def,
                &(const struct task_info){.resources = info, .resources_count = *ret_count}, arena))
               ->resources;
    resources_fini(resources);
    return info;
}

void say_agent(struct publisher *to, const char *id)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    static const struct attribute_info attributes[] = {
        {.name = "rack", .kind = VALUE_TEXT, .text = "r1"},
        {.name = "level", .kind = VALUE_SCALAR, .scalar = 2500},
    };
    static const struct socket_info socket = {.model = "some cpu", .cores = 4, .cpus = "0-3"};
    static const struct topology_info topology = {
        .sockets = &socket, .sockets_count = 1, .cores = 4, .threads = 4};
    static const char *const isolation[] = {"cgroup/cpu"};
    struct agent_info info = {
        .id = id,
        .hostname = "a1",
        .address = "10.0.0.2:5051",
        .attributes = attributes,
        .attributes_count = ARRAY_SIZE(attributes),
        .topology = &topology,
        .version = "0.1.0",
        .boot_id = "boot",
        .isolation = isolation,
        .isolation_count = ARRAY_SIZE(isolation),
    };

    info.resources = info_of("cpus:3;cpus(ads):1;mem:7900;mem(ads):100;disk:1000;"
                             "ports:[31000-32000];fpgas:{f1,f2}",
                             arena, &info.resources_count);
    say(to, MESSAGE(CHANGE_AGENT, change_agent, .agent = &info, .connected = true, .active = true,
                    .registered_us = 200 * SECOND_US));
}

void say_agent_removed(struct publisher *to, const char *id, enum removal_reason reason)
{
    say(to, MESSAGE(CHANGE_AGENT_REMOVED, change_agent_removed, .agent_id = id, .reason = reason,
                    .when_us = 900 * SECOND_US));
}

void say_framework(struct publisher *to, const char *id, const char *name)
{
    static const char *const roles[] = {"ads"};
    static const char *const capabilities[] = {"MULTI_ROLE"};
    static const struct label_info label = {.key = "team", .value = "x"};
    const struct framework_info info = {
        .id = id,
        .name = name,
        .user = "nobody",
        .roles = roles,
        .roles_count = 1,
        .failover_timeout_ms = 604800000,
        .capabilities = capabilities,
        .capabilities_count = 1,
        .hostname = "h",
        .principal = "p",
        .webui_url = "http://h/",
        .labels = &label,
        .labels_count = 1,
    };

    say(to, MESSAGE(CHANGE_FRAMEWORK, change_framework, .framework = &info, .connected = true,
                    .active = true, .registered_us = 300 * SECOND_US,
                    .reregistered_us = 310 * SECOND_US));
}

void say_framework_removed(struct publisher *to, const char *id)
{
    say(to, MESSAGE(CHANGE_FRAMEWORK_REMOVED, change_framework_removed, .framework_id = id,
                    .reason = REMOVED_TEARDOWN, .unregistered_us = 800 * SECOND_US));
}

void say_task(struct publisher *to, const char *framework_id, const char *id, const char *agent_id,
              const char *resources)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    static const struct port_info port = {.number = 31000, .name = "http", .protocol = "tcp"};
    static const struct discovery_info discovery = {
        .name = "www", .visibility = "CLUSTER", .ports = &port, .ports_count = 1};
    static const struct label_info label = {.key = "k", .value = "v"};
    static const struct command_info command = {.value = "sleep 100"};
    struct task_info info = {
        .task_id = id,
        .name = "web",
        .agent_id = agent_id,
        .command = &command,
        .labels = &label,
        .labels_count = 1,
        .discovery = &discovery,
    };

    info.resources = info_of(resources, arena, &info.resources_count);
    say(to, MESSAGE(CHANGE_TASK, change_task, .framework_id = framework_id, .role = "ads",
                    .user = "nobody", .task = &info, .state = TASK_STAGING));
}

void say_status(struct publisher *to, const char *framework_id, const char *id,
                enum task_state state)
{
    static const struct container_info container = {
        .container_id = "c1", .pid = 77, .sandbox = "/var/s/c1", .agent_address = "10.0.0.2:5051"};
    static const struct exit_info ended = {.code = 3};
    const struct task_status status = {
        .task_id = id,
        .state = state,
        .reason = REASON_CONTAINER_LIMITATION_MEMORY,
        .source = SOURCE_AGENT,
        .message = "of note",
        .agent_id = "M-S0",
        .timestamp_us = (1000 + (int64_t)to->number) * SECOND_US,
        .exit = task_state_is_terminal(state) ? &ended : NULL,
        .container = &container,
        .data = {"secret", 6},
    };

    say(to, MESSAGE(CHANGE_TASK_STATUS, change_task_status, .framework_id = framework_id,
                    .task_id = id, .state = state, .status = &status));
}

void say_task_removed(struct publisher *to, const char *framework_id, const char *id)
{
    say(to, MESSAGE(CHANGE_TASK_REMOVED, change_task_removed, .framework_id = framework_id,
                    .task_id = id));
}

void say_offer(struct publisher *to, const char *id, const char *framework_id, const char *agent_id,
               const char *resources)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct offer_info info = {
        .id = id,
        .framework_id = framework_id,
        .agent_id = agent_id,
        .hostname = "a1",
        .address = "10.0.0.2:5051",
        .role = "ads",
    };

    info.resources = info_of(resources, arena, &info.resources_count);
    say(to, MESSAGE(CHANGE_OFFER, change_offer, .offer = &info));
}

void say_offer_removed(struct publisher *to, const char *id)
{
    say(to, MESSAGE(CHANGE_OFFER_REMOVED, change_offer_removed, .offer_id = id));
}

/* --- looking ------------------------------------------------------------------------------------
 */

bool sum_is(const struct resources *resources, const char *text)
{
    struct resources wanted = {0};
    bool equal;

    assert_int_equal(resources_parse(&wanted, text, NULL), 0);
    equal = resources_are_equal(resources, &wanted);
    if (!equal) {
        CLEANUP(buf_fini) struct buf printed = {0};

        resources_print(resources, &printed);
        print_message("is %s\n", buf_text(&printed));
    }
    resources_fini(&wanted);
    return equal;
}

json_t *parsed(struct buf *document)
{
    json_error_t error;
    json_t *root = json_loadb(buf_text(document), document->size, JSON_REJECT_DUPLICATES, &error);

    if (!root)
        fail_msg("%s at %d of %.400s", error.text, error.position, buf_text(document));
    buf_fini(document);
    return root;
}

json_t *state_of(const struct replica *replica)
{
    static struct option_shown flag = {"http_port", "5055"};
    struct buf document = {0};

    document_state(replica, &(const struct options_shown){&flag, 1}, &document);
    return parsed(&document);
}

/* Keys may hold a '.' nowhere in what we test. */
json_t *at(const json_t *root, const char *path)
{
    CLEANUP(free_p) char *copy = strdup(path);
    char *rest = copy, *step;

    while (root && (step = strsep(&rest, ".")))
        root = json_is_array(root) ? json_array_get(root, strtoul(step, NULL, 10))
                                   : json_object_get(root, step);
    if (!root)
        fail_msg("there is no %s", path);
    return (json_t *)root;
}

const char *text_at(const json_t *root, const char *path)
{
    json_t *value = at(root, path);

    if (!json_is_string(value))
        fail_msg("%s is no string", path);
    return json_string_value(value);
}

double number_at(const json_t *root, const char *path)
{
    json_t *value = at(root, path);

    if (!json_is_number(value))
        fail_msg("%s is no number", path);
    return json_number_value(value);
}
