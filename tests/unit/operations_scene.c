#include "tests/unit/operations_scene.h"

#include <string.h>

#include "base/resources.h"
#include "proto/resources_info.h"

const struct master_settings scene_patient = {
    .id = "M", .epoch = CLUSTER_EPOCH, .offer_timeout_ms = -1};

struct node scene_framework(struct cluster *cluster, const char *role)
{
    return cluster_subscribe(
        cluster, (struct framework_info){
                     .name = "test", .principal = "ops", .roles = &role, .roles_count = 1});
}

struct scene scene_of(struct cluster *cluster)
{
    struct scene scene = {.cluster = cluster};

    scene.agent = cluster_agent(cluster, "cpus:4;mem:1024;disk:100;ports:[100-109]");
    scene.framework = scene_framework(cluster, "ads");
    return scene;
}

struct resource_change *scene_change(struct cluster *cluster, const char *resources)
{
    struct resource_change *change = arena_alloc(cluster->arena, sizeof(*change));

    change->resources = cluster_resources(cluster, resources, &change->resources_count);
    return change;
}

struct operation_info scene_operation(struct cluster *cluster, enum operation_kind kind,
                                      const char *id, const char *resources, int64_t amount)
{
    struct resource_change *change = scene_change(cluster, resources);

    change->id = id;
    change->amount = amount;
    return (struct operation_info){.kind = kind, .change = change};
}

struct operation_info scene_launch(struct scene *scene, const char *task_id, const char *resources)
{
    struct task_info *task = arena_alloc(scene->cluster->arena, sizeof(*task));

    *task = cluster_task(scene->cluster, task_id, scene->agent.id, resources);
    return (struct operation_info){.kind = OPERATION_LAUNCH, .tasks = task, .tasks_count = 1};
}

void scene_accept(struct scene *scene, const struct operation_info *operations, size_t count)
{
    const struct offer_info *offer = cluster_offer(scene->cluster, scene->framework);
    const struct filters filters = {.refuse_ms = 3600 * SECOND};

    assert_non_null(offer);
    cluster_framework_says(scene->cluster, scene->framework.session,
                           MESSAGE(ACCEPT, accept, .offer_ids = &offer->id, .offer_ids_count = 1,
                                   .operations = operations, .operations_count = count,
                                   .filters = &filters));
}

void scene_do(struct scene *scene, enum operation_kind kind, const char *id, const char *resources,
              int64_t amount)
{
    const struct operation_info one = scene_operation(scene->cluster, kind, id, resources, amount);

    scene_accept(scene, &one, 1);
}

const struct operation_status *scene_told(const struct scene *scene, const char *id)
{
    const struct operation_status *last = NULL;

    for (size_t i = 0; i < scene->cluster->sent_count; i++) {
        const struct sent *sent = &scene->cluster->sent[i];

        if (sent->session == scene->framework.session &&
            sent->message.type == MSG_OPERATION_UPDATE &&
            !strcmp(sent->message.operation_update->status->operation_id, id))
            last = sent->message.operation_update->status;
    }
    return last;
}

void scene_assert_told(const struct scene *scene, const char *id, enum operation_state state,
                       const char *text)
{
    const struct operation_status *status = scene_told(scene, id);

    assert_non_null(status);
    if (status->state != state || !strstr(status->message, text))
        fail_msg("%s: %d \"%s\", want %d \"%s\"", id, (int)status->state, status->message,
                 (int)state, text);
}

const char *scene_print(struct scene *scene, const struct resource_info *items, size_t count)
{
    CLEANUP(resources_fini) struct resources resources = {0};
    CLEANUP(buf_fini) struct buf text = {0};

    assert_int_equal(resources_from_info(&resources, items, count, NULL), 0);
    resources_print(&resources, &text);
    return arena_strdup(scene->cluster->arena, buf_text(&text));
}

const char *scene_total(struct scene *scene)
{
    const struct agent_info *info =
        cluster_last(scene->cluster, 0, MSG_CHANGE_AGENT)->change_agent->agent;

    return scene_print(scene, info->resources, info->resources_count);
}

const char *scene_offered(struct scene *scene)
{
    return cluster_offered(scene->cluster, cluster_offer(scene->cluster, scene->framework));
}

const struct msg_apply_operation *scene_applied(const struct scene *scene)
{
    const struct message *message =
        cluster_last(scene->cluster, scene->agent.session, MSG_APPLY_OPERATION);

    return message ? message->apply_operation : NULL;
}
