/* agent/docker/calls.h - the core's calls as HTTP requests, and answers as the core wants them. Between core and http.
 *
 * Streams go where they belong as they come: logs into the sandbox, events and progress to the core (from calls_run, not
 * from within libcurl).
 */
#ifndef PROFFER_AGENT_DOCKER_CALLS_H
#define PROFFER_AGENT_DOCKER_CALLS_H

#include "agent/docker/core/dock.h"
#include "agent/docker/http.h"

struct calls;

struct calls_settings {
    const struct msg_docker_configure *want; /* borrowed, for life */
    int state_dir;                           /* borrowed */
    void *owner;
    void (*on_answer)(void *owner, const struct dock_answer *answer);
    void (*on_event)(void *owner, const char *container_id);
    void (*on_progress)(void *owner, uint64_t number, const char *text);
};

int calls_new(const struct calls_settings *settings, struct calls **ret_calls, struct err *err);
void calls_destroy(struct calls **self_p);
void calls_begin(struct calls *self, const struct dock_call *call);
void calls_cancel(struct calls *self, uint64_t number);
int calls_fd(const struct calls *self);
int64_t calls_next_us(const struct calls *self);
void calls_run(struct calls *self);
/* "cgroupfs" until the engine has said otherwise. */
const char *calls_cgroup_driver(const struct calls *self);

#endif
