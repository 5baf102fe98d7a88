/* isolators/volumes.h - what the isolators volume/... share: folders and files that are bound into a task's tree. */
#ifndef PROFFER_ISOLATORS_VOLUMES_H
#define PROFFER_ISOLATORS_VOLUMES_H

#include "base/err.h"
#include "isolators/isolator.h"

/* One that is to be bound. */
struct binding {
    char *source; /* what it means is the isolator's */
    char *target;
    bool is_read_only;
};

struct bindings {
    size_t count;
    struct binding items[];
};

struct bindings *bindings_new(size_t max);
struct binding *bindings_add(struct bindings *self, const char *source, const char *target,
                             bool is_read_only);
void bindings_destroy(void **state_p);

/* Those of a kind that a task asks for, each with a step; *ret_state stays as it is when there is none. */
int bindings_prepare(const struct isolation *want, enum mount_source kind,
                     const struct spawn_step *step, struct spawn *spawn, void **ret_state,
                     struct err *err);

/* For steps of SPAWN_VOLUMES. Its sandbox, opened in this mount namespace (O_PATH). */
int bindings_open_sandbox(const struct spawned *spawned, int *ret_fd, struct err *err);
/* The same as the task will see it: where its new root has it, or on the host. */
int bindings_open_seen(const struct spawned *spawned, int *ret_fd, struct err *err);
/* Bind what is at `source_fd`: into the new root, where its place is made, or onto a place that the host's tree has.
 * Never with device nodes or setuid. */
int bindings_bind(const struct spawned *spawned, int source_fd, const struct binding *binding,
                  struct err *err);

#endif
