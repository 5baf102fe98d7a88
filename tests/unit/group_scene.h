/* tests/unit/group_scene.h - a group of tasks on an agent's core, and what becomes of its containers. */
#ifndef PROFFER_TESTS_GROUP_SCENE_H
#define PROFFER_TESTS_GROUP_SCENE_H

#include "tests/unit/agent_fixture.h"

#define GROUP       "pod"
#define WHOLE_COUNT 6

/* One task of a group. */
struct part {
    const char *task_id;
    enum group_part part;
    bool may_end;
    int64_t grace_ms; /* 0: the agent's */
};

/* What one is granted; nothing: nothing. */
struct grant {
    int64_t port;        /* if any has one, port 31000 leads to the group */
    const char *volume;  /* of 100 MiB, of role `ads`; there is one, `own` */
    const char *mounted; /* at `at` */
    bool read_only;
    const char *user;
};

/* An init, another, a sidecar, another, two mains. */
extern const struct part whole[WHOLE_COUNT];

void run_parts(struct world *world, const struct part *parts, size_t count);
/* The one that tasks can be granted. */
void make_volume(struct world *world);
/* As many grants. */
void run_granted(struct world *world, const struct part *parts, const struct grant *grants,
                 size_t count);
/* The newest order for a holder, in this life or in what was written. */
const struct msg_launch_container *holder_order(const struct world *world);
void holder_started(struct world *world);
void holder_exited(struct world *world, struct msg_container_exited end);
void holder_exits(struct world *world);
size_t holder_kills(const struct world *world);
/* world_reborn, and the holder is known still. */
void reborn(struct world *world);
bool is_launched(const struct world *world, const char *task_id);
/* "init1 log main1 ": the tasks that were launched in this life. */
const char *launched(const struct world *world);
void finish(struct world *world, const char *task_id);
void killed(struct world *world, const char *task_id);
/* The last update of a task, though those before it wait. */
const struct task_status *last_of(struct world *world, const char *task_id);
struct world *world_with_group(void);
/* Everything but the inits runs. */
struct world *world_with_running_group(void);
void assert_nothing_left(struct world *world);

#define assert_end(world, task_id, state_, reason_)                                                \
    do {                                                                                           \
        const struct task_status *last = last_of((world), (task_id));                              \
        assert_string_equal(task_state_name(last->state), #state_);                                \
        assert_string_equal(task_reason_name(last->reason), #reason_);                             \
    } while (0)

#endif
