/* agent/docker/spec_internal.h - between spec.c, spec_mounts.c, spec_isolation.c and spec_parameters.c. */
#ifndef PROFFER_AGENT_DOCKER_SPEC_INTERNAL_H
#define PROFFER_AGENT_DOCKER_SPEC_INTERNAL_H

#include <jansson.h>

#include "agent/docker/spec.h"

struct spec {
    const struct msg_docker_configure *want;
    const struct msg_launch_container *order;
    const struct docker_info *docker;
    json_t *root; /* owned */
    json_t *host; /* HostConfig, in root */
};

/* Appends to the list of that name, made when it is missing. */
void spec_add(json_t *object, const char *list, json_t *value);
/* -EPERM with advice unless the operator allows it. */
int spec_need(const struct spec *self, const char *allowance, const char *what, struct err *err);

/* Bytes that it is granted. */
int64_t spec_memory(const struct spec *self);
int spec_add_mounts(const struct spec *self, struct err *err);
/* A folder of the host: beneath one that the operator has named? */
int spec_check_host_path(const struct spec *self, const char *path, struct err *err);
/* Of `isolation`: beside what spec.c itself looks up there. */
int spec_add_isolation(const struct spec *self, struct err *err);
int spec_add_isolation_mount(const struct spec *self, const struct isolation_mount *mount,
                             struct err *err);
int spec_add_gpus(const struct spec *self, struct err *err);
/* A limit that lets a process take processors from those of others? */
int spec_check_ulimit(const struct spec *self, const char *name, struct err *err);
int spec_add_parameters(const struct spec *self, struct err *err);

#endif
