/* tests/unit/operations_scene.h - a cluster in which resources are reserved and volumes made. */
#ifndef PROFFER_TESTS_OPERATIONS_SCENE_H
#define PROFFER_TESTS_OPERATIONS_SCENE_H

#include "tests/unit/master_fixture.h"

/* One agent "cpus:4;mem:1024;disk:100;ports:[100-109]" and a framework of principal ops in role "ads"
 * that is offered it. */
struct scene {
    struct cluster *cluster;
    struct node agent, framework;
};

/* Offers stay until they are answered. */
extern const struct master_settings scene_patient;

struct node scene_framework(struct cluster *cluster, const char *role);
struct scene scene_of(struct cluster *cluster);
struct resource_change *scene_change(struct cluster *cluster, const char *resources);
struct operation_info scene_operation(struct cluster *cluster, enum operation_kind kind,
                                      const char *id, const char *resources, int64_t amount);
struct operation_info scene_launch(struct scene *scene, const char *task_id, const char *resources);
/* On the newest offer of the framework; what is left is refused for an hour. */
void scene_accept(struct scene *scene, const struct operation_info *operations, size_t count);
void scene_do(struct scene *scene, enum operation_kind kind, const char *id, const char *resources,
              int64_t amount);
/* The newest word on an operation, or NULL. */
const struct operation_status *scene_told(const struct scene *scene, const char *id);
void scene_assert_told(const struct scene *scene, const char *id, enum operation_state state,
                       const char *text);
const char *scene_print(struct scene *scene, const struct resource_info *items, size_t count);
/* All that the agent has, as published. */
const char *scene_total(struct scene *scene);
const char *scene_offered(struct scene *scene);
/* The newest APPLY_OPERATION to the agent, or NULL. */
const struct msg_apply_operation *scene_applied(const struct scene *scene);

#endif
