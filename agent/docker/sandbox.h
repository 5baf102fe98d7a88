/* agent/docker/sandbox.h - the folders of the host that a container is given, before it is made. */
#ifndef PROFFER_AGENT_DOCKER_SANDBOX_H
#define PROFFER_AGENT_DOCKER_SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

#include "proto/message.h"

/* Whom the sandbox belongs to: the container's user if that is a number ("1000", "1000:1000"; what a name means only the
 * image knows); else nobody is known, and root has it. */
struct sandbox_owner {
    bool is_known;
    uid_t uid;
    gid_t gid;
};

struct sandbox_owner sandbox_owner(const char *user);

/* The sandbox, and folders in it that the task names as volumes. What asks for it reads the network: it lies two names below
 * want->sandboxes_dir and no link is followed, or it is -EPERM. Nobody else of the host comes in: root of a container could
 * leave programs there that run as root. Persistent volumes lie two names below want->volumes_dir; those that are still
 * root's are given to its owner, too.
 *
 * It is made, or it was made for that container before, as `state_dir` knows; else it is -EEXIST, and left alone. */
int sandbox_make(const struct msg_docker_configure *want, int state_dir,
                 const struct msg_launch_container *order, struct err *err);
/* The container is no more; its sandbox stays. */
void sandbox_forget(int state_dir, const char *id);
/* One that was made. */
int sandbox_open(const struct msg_docker_configure *want, const char *path, int *ret_fd,
                 struct err *err);

#endif
