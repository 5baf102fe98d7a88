/* tests/unit/preempt_scene.h - a cluster in which tasks may have to give way, for tests of who does. */
#ifndef PROFFER_TESTS_PREEMPT_SCENE_H
#define PROFFER_TESTS_PREEMPT_SCENE_H

#include "tests/unit/master_fixture.h"

#define GRACE (30 * SECOND) /* the master's default */
#define HOUR  (3600 * SECOND)

extern const struct master_settings preempting_master;

/* With PREEMPTION_NOTICE (and revocable resources), or with neither. */
struct node framework_in(struct cluster *cluster, const char *role, bool hears);
/* Its newest offer, with that task; the rest is refused for long. */
void runs_task(struct cluster *cluster, struct node framework, const struct task_info *task);
void runs(struct cluster *cluster, struct node framework, const char *id, const char *resources,
          int64_t priority);
/* It says so, in a need "web". */
void needs(struct cluster *cluster, struct node framework, const char *role, const char *minimum,
           int64_t count, int64_t priority);
/* A framework that says so from the start. */
struct node needy_in(struct cluster *cluster, const char *role, const char *minimum, int64_t count,
                     int64_t priority);
/* One that was there before, which says so anew, of one unit. */
struct node needy_again(struct cluster *cluster, const char *id, const char *role,
                        const char *minimum);
struct msg_operator_reply set_priority(struct cluster *cluster, const char *role, int64_t priority);
/* NULL: none. It is set. */
void set_quota(struct cluster *cluster, const char *role, const char *guarantee, const char *limit);
/* The newest notice that it was given, or NULL; how many. */
const struct msg_preempt *notice(struct cluster *cluster, struct node framework);
size_t notices(struct cluster *cluster, struct node framework);
size_t kills(struct cluster *cluster, struct node agent);

/* One agent, cpus:4;mem:400, full of a task "t" of role "low" that hears notices; role "high" comes
 * first. */
struct scene {
    struct node agent, low;
};
struct scene full_scene(struct cluster *cluster);
/* A framework of role "high" needs one unit; "t" has notice, and ends by itself: it is offered that. */
struct node freed_for_high(struct cluster *cluster, const struct scene *scene, const char *minimum);
/* The same, and "t" was told to end, and has not yet. */
struct node killed_for_high(struct cluster *cluster, const struct scene *scene,
                            const char *minimum);

#endif
