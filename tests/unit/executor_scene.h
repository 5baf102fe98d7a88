/* tests/unit/executor_scene.h - what executors and their agent say to each other, for tests of its core. */
#ifndef PROFFER_TESTS_EXECUTOR_SCENE_H
#define PROFFER_TESTS_EXECUTOR_SCENE_H

#include "tests/unit/agent_fixture.h"

#define E1    "pool"
#define LINK  UINT64_C(7)
#define WORLD CLEANUP(world_destroy) struct world

void run_executor_with(struct world *world, const struct executor_info *info);
void run_executor(struct world *world);
void run_inside(struct world *world, const char *task_id);
/* The run id of a task. */
const char *run_of(const struct world *world, const char *task_id);
void executor_greets_with(struct world *world, uint64_t link, const char *token);
void executor_greets(struct world *world, uint64_t link);
void executor_subscribes_with(struct world *world, uint64_t link, const char *const *runs,
                              size_t count);
/* Hello, and that it has nothing. */
void executor_subscribes(struct world *world, uint64_t link);
void executor_says_about(struct world *world, const char *run_id, enum task_state state,
                         int64_t number);
void executor_says(struct world *world, const char *task_id, enum task_state state, int64_t number);
/* An executor that runs and is there. */
struct world *executor_begins(void);
/* ... and has a task, of which it has said nothing yet. */
struct world *executor_begins_with_task(void);

#endif
