/* tests/unit/maintenance_scene.h - what tests of maintenance begin with and do. */
#ifndef PROFFER_TESTS_UNIT_MAINTENANCE_SCENE_H
#define PROFFER_TESTS_UNIT_MAINTENANCE_SCENE_H

#include "tests/unit/master_fixture.h"

#define RESOURCES "cpus:4;mem:1024"
#define MINUTE    (60 * (int64_t)SECOND)
#define HOUR      (60 * MINUTE)

struct maintenance_scene {
    struct node agent, framework;
};

struct node maintenance_framework(struct cluster *cluster);
/* One agent, on which a framework that knows inverse offers runs t1, and the rest of which it is offered. */
struct maintenance_scene maintenance_scene(struct cluster *cluster);
/* In so long, for so long (0: without end); of one agent. */
int64_t maintenance_schedule(struct cluster *cluster, const char *id, const char *agent,
                             int64_t in_ms, int64_t for_ms);
int64_t maintenance_cancel(struct cluster *cluster, const char *id);
/* Of the window that changed last. */
enum window_state maintenance_state(const struct cluster *cluster);

#endif
