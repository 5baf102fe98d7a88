/* agent/docker/fetches.h - the URIs of tasks on their way into their sandboxes: a proffer-fetcher each (docs/fetcher.md).
 *
 * It works as the container's user, if that is a number, else as nobody, within the limits of the task (fetch_groups.h). It is a process group of its own and ends
 * with us, and what it has left is killed: what was being fetched then is fetched anew with its task.
 */
#ifndef PROFFER_AGENT_DOCKER_FETCHES_H
#define PROFFER_AGENT_DOCKER_FETCHES_H

#include "proto/message.h"

struct fetches;

struct fetches_settings {
    const struct msg_docker_configure *want; /* borrowed, for life */
    void *owner;
    /* error "": all is there; limitation 0: it is no limit of the task that ended it */
    void (*on_fetched)(void *owner, const char *container_id, const char *error,
                       enum task_reason limitation);
    void (*on_progress)(void *owner, const char *container_id, int64_t uri, int64_t bytes);
};

int fetches_new(const struct fetches_settings *settings, struct fetches **ret_fetches,
                struct err *err);
/* Those on their way are killed. */
void fetches_destroy(struct fetches **self_p);
/* Into the order's sandbox, which is there. on_fetched comes later, from fetches_run, unless it is cancelled. */
int fetches_begin(struct fetches *self, const struct msg_launch_container *order, struct err *err);
void fetches_cancel(struct fetches *self, const char *container_id);
/* Readable when fetches_run has something to do. */
int fetches_fd(const struct fetches *self);
void fetches_run(struct fetches *self);

#endif
