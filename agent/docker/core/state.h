/* agent/docker/core/state.h - the tables behind dock.h, for agent/docker/core/ only.
 *
 *     dock.c     making, events to whom they belong, calls in flight
 *     engine.c   is the Engine there? ping, version, events, sweeps
 *     course.c   a container's way: what the Engine shows decides
 *     making.c   files, image, create, start; remove
 *     logs.c     its output
 *     signals.c  those that end it
 *     cpus.c     new cores of the shared pool
 *     fleet.c    all of them
 *     pulls.c    images on their way
 *     usage.c    USAGE_REQUEST
 *     exec.c     EXEC_CONTAINER, CHECK_CONTAINER
 *     update.c   UPDATE_CONTAINER
 *     images.c   images that nobody needs
 */
#ifndef PROFFER_AGENT_DOCKER_CORE_STATE_H
#define PROFFER_AGENT_DOCKER_CORE_STATE_H

#include "agent/docker/core/dock.h"
#include "agent/docker/core/image_name.h"
#include "base/arena.h"
#include "base/bug.h"
#include "base/cleanup.h"
#include "base/deadlines.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"

#define CALL_MS     60000 /* defaults of DOCKER_CONFIGURE */
#define PULL_MS     1800000
#define PATIENCE_MS 60000
#define PING_MS     5000
#define QUICK_MS    20000 /* what only reads */
#define SWEEP_US    ((int64_t)10 * US_PER_S)
#define HEAVY_MAX                                                                                  \
    8 /* creates, starts and removes at the same time: more would only wait inside the Engine */
#define PULLS_MAX      8  /* at the same time, */
#define PULLS_HOST_MAX 3  /* of one registry; */
#define PULLS_MOST     32 /* but each registry can have one */
#define AGAIN_MIN_US   ((int64_t)100 * US_PER_MS)
#define AGAIN_MAX_US   ((int64_t)10 * US_PER_S)
#define KILL_AGAIN_US  ((int64_t)10 * US_PER_S)
#define LOGS_WAIT_US   ((int64_t)10 * US_PER_S) /* for the rest, once a container has ended */
#define PROGRESS_US    ((int64_t)5 * US_PER_S)  /* each is an update, acknowledged and shown */

#define USAGES_MAX 8

#define EXIT_ENGINE 125 /* as `docker run` ends when it is the Engine's fault */

enum stage {
    STAGE_FETCHING = 1, /* its URIs */
    STAGE_PULLING,      /* waits for its image */
    STAGE_READY,        /* to be created: waits for a slot, or for the Engine */
    STAGE_CREATING,
    STAGE_CREATED, /* to be started: waits for a slot */
    STAGE_STARTING,
    STAGE_LOOKING, /* inspect is on its way */
    STAGE_DOUBT,   /* to be looked at when the Engine answers, or a while has passed */
    STAGE_RUNNING,
    STAGE_DRAINING, /* has ended; its last output is on its way */
    STAGE_ENDED,    /* the agent was told */
    STAGE_GOING,    /* to be removed: waits for a slot */
    STAGE_REMOVING,
    STAGE_MAX,
};

struct call {
    uint64_t number;
    enum dock_call_kind kind;
    void (*answered)(struct dock *self, void *owner, const struct dock_answer *answer);
    void *owner; /* borrowed */
    UT_hash_handle hh;
};

struct container {
    struct arena *arena; /* owned; the texts */
    const char *id;
    struct msg_launch_container *order; /* NULL: adopted */
    const char *sandbox;
    char engine_id[DOCK_ENGINE_ID_MAX]; /* its name, until the id is known */
    enum stage stage;
    uint64_t call; /* of its stage; 0: none in flight */
    uint64_t logs, kill;
    bool may_exist;     /* in the Engine: a create was sent, or it was seen */
    bool is_start_sent; /* ever */
    bool is_told;       /* CONTAINER_STARTED */
    bool is_orphan;     /* nobody knows it: nothing is told of it */
    bool is_fetching;
    bool look_again;     /* something happened while we were looking */
    bool logs_are_whole; /* the stream came to its own end since it was last seen running */
    int want_signal;     /* 0, 1: to end; 2: by force */
    int sent_signal;
    const char *error; /* why it could not be started; "" */
    int error_code;    /* as `docker run` has it: 125, 126, 127 */
    const char *stop_signal;
    bool is_host_network;            /* as the Engine says */
    const char *address;             /* of a network of its own; "": none */
    struct msg_container_exited end; /* texts in arena */
    struct exit_info exit;
    int rounds; /* of pull and create */
    int drains; /* how often the rest of it was asked for in vain */
    int64_t logs_begun_us, logs_wait_us;
    struct deadline logs_again; /* set: it is not followed before */
    bool logs_are_refused;
    char *cpus;                        /* owned; the newest of UPDATE_CONTAINER; NULL: none came */
    bool cpus_are_due, cpus_are_newer; /* than those in flight */
    uint64_t cpus_call;
    int64_t cpus_wait_us;
    struct deadline cpus_again;
    int64_t drained;  /* bytes of its output, when that was last looked at */
    int64_t again_us; /* the next wait */
    struct deadline again;
    int64_t progress_us; /* of the last one told */
    struct pull *pull;
    struct container *prev, *next;           /* in dock->queue, STAGE_READY, _CREATED, _GOING */
    struct container *pull_prev, *pull_next; /* in pull->waiting */
    bool is_queued;
    bool is_heavy; /* has a slot */
    UT_hash_handle hh;
};

struct pull {
    char *image, *credentials; /* owned */
    char registry[IMAGE_PART_MAX];
    uint64_t call; /* 0: waits for its turn */
    char text[256];
    int attempts; /* that were not answered */
    struct container *waiting;
    struct pull *prev, *next;
};

struct exec {
    struct arena *arena; /* owned */
    const struct msg_exec_container *order;
    struct container *container; /* NULL: gone meanwhile */
    char engine_id[DOCK_ENGINE_ID_MAX];
    char exec_id[DOCK_ENGINE_ID_MAX];
    uint64_t call;
    bool is_late;          /* its time is over */
    bool is_told;          /* it is only looked for, to be killed */
    int hunts;             /* how often it was looked for in vain */
    bool is_waiting;       /* for the Engine */
    enum check_kind check; /* 0: none, it is EXEC_CONTAINER's */
    struct bytes output;
    const struct check_status *failed; /* not told yet: does the container run at all? */
    struct deadline due;
    struct exec *prev, *next;
};

/* UPDATE_CONTAINER on its way. */
struct update {
    char *container_id; /* owned */
    int64_t number;
    uint64_t call;
    struct update *prev, *next;
};

struct usage_round {
    struct arena *arena; /* owned */
    int64_t number;
    char (*ids)[DOCK_ENGINE_ID_MAX]; /* whom to ask */
    const char **names;              /* ours */
    size_t ids_count, asked;
    struct usage_ask {
        struct usage_round *round;
        uint64_t call; /* 0: none */
        size_t index;
    } asks[USAGES_MAX];
    struct usage_info *items;
    size_t count;
    struct deadline due;
    struct usage_round *prev, *next;
};

struct kept_image {
    char *name;      /* its normal one */
    int64_t used_us; /* wall clock */
    UT_hash_handle hh;
};

enum engine_state {
    ENGINE_UNKNOWN, /* never answered in this life */
    ENGINE_MEETING, /* answers; version, info and list are being asked for */
    ENGINE_UP,
    ENGINE_DOWN, /* did answer once */
};

struct engine {
    enum engine_state state;
    struct engine_info info; /* texts in `arena` */
    struct arena *arena;
    uint64_t meeting; /* the call in flight of ping, version, info, list */
    uint64_t events, sweep, images;
    struct deadline look; /* the next ping or sweep */
    int64_t again_us;     /* the next wait for one that is away */
    int64_t sweep_us;     /* when the next is due */
    int64_t down_us;      /* mono: since when it is away */
    int pings_lost;
    char problem[256];
    bool has_told_ready;
    bool has_been_up; /* in this life */
};

struct dock {
    struct dock_env env;
    struct arena *arena; /* owned; of `want` */
    const struct msg_docker_configure *want;
    struct now now;
    struct deadlines deadlines;
    struct engine engine;
    uint64_t calls_made;
    struct call *calls;
    struct container *containers; /* owned; by our id */
    struct container *queue;      /* who waits for a slot */
    size_t heavy;
    struct pull *pulls; /* owned */
    size_t pulls_active;
    struct exec *execs;         /* owned */
    struct usage_round *usages; /* owned */
    struct update *updates;     /* owned */
    struct kept_image *images;  /* owned */
    struct deadline gc;
    bool is_ending;
    bool is_over;
    struct deadline end_by;
};

/* --- dock.c ------------------------------------------------------------------------------------- */

void dock_log(struct dock *self, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void dock_tell(struct dock *self, struct message message);
/* Its number; `call` has all but that. */
uint64_t dock_call(struct dock *self, struct dock_call call, void *owner,
                   void (*answered)(struct dock *self, void *owner,
                                    const struct dock_answer *answer));
/* Takes 0. */
void dock_cancel(struct dock *self, uint64_t *number_p);
int64_t dock_call_ms(const struct dock *self);
/* LAUNCHER_END: leave when nothing is left. */
void dock_end_if_done(struct dock *self);

/* --- engine.c ----------------------------------------------------------------------------------- */

void engine_begin(struct dock *self);
void engine_fini(struct dock *self);
/* A call was not answered: is it still there? */
void engine_suspect(struct dock *self, const struct dock_answer *answer);
bool engine_is_up(const struct dock *self);
/* New tasks cannot be taken, and need not wait. */
bool engine_is_absent(const struct dock *self);

/* --- course.c ------------------------------------------------------------------------------------- */

struct container *container_find(const struct dock *self, const char *id);
struct container *container_add(struct dock *self, const char *id);
void container_destroy(struct dock *self, struct container *container);
void course_launch(struct dock *self, const struct msg_launch_container *order);
void course_signal(struct dock *self, const struct msg_signal_container *order);
void course_forget(struct dock *self, const char *id);
void course_hint(struct dock *self, const char *id);
/* Ask what it is now, or later if the Engine is away. */
void course_look(struct dock *self, struct container *container);
/* The only way into a stage. */
void course_move(struct dock *self, struct container *container, enum stage stage);
/* Wait for a slot. */
void course_queue(struct dock *self, struct container *container);
/* Set its deadline, later each time. */
void course_again(struct dock *self, struct container *container);
/* Look what it is, when the Engine answers. */
void course_doubt(struct dock *self, struct container *container);
/* The agent is told how it ended. */
void course_end(struct dock *self, struct container *container);
/* It was killed before it was started. */
void course_fail_killed(struct dock *self, struct container *container);
/* It never ran: told so, with a code as `docker run` ends (0: none). */
void course_fail(struct dock *self, struct container *container, int code, const char *text);
/* The Engine has it, under that id. */
void course_found(struct container *container, const char *id);
/* Remove it, from the Engine if it may be there. */
void course_let_go(struct dock *self, struct container *container);
/* Its URIs are there, or they are not: `error` "" or why. */
void course_fetched(struct dock *self, const char *id, const char *error,
                    enum task_reason limitation);
void course_fetching(struct dock *self, const char *id, int64_t uri, int64_t bytes);
/* The image is there, or it is not: `error` "" or why. */
void course_pulled(struct dock *self, struct container *container, const char *error, int code);
void course_progress(struct dock *self, struct container *container, const char *text);
/* Whoever waits for a slot and can have one. */
void course_run_queue(struct dock *self);

/* --- making.c, logs.c, signals.c, cpus.c ----------------------------------------------------------- */

/* Of one that has no stage yet. */
void making_begin(struct dock *self, struct container *container);
void making_fetched(struct dock *self, struct container *container, const char *error,
                    enum task_reason limitation);
void making_pull(struct dock *self, struct container *container);
void making_create(struct dock *self, struct container *container);
void making_start(struct dock *self, struct container *container);
void making_remove(struct dock *self, struct container *container);

void logs_begin(struct container *container);
void logs_end(struct dock *self, struct container *container);
/* Unless that is being done, or failed just now. */
void logs_read(struct dock *self, struct container *container, bool follow);
/* Of one that has ended: its deadline has come. */
void logs_drain(struct dock *self, struct container *container);

/* If a signal is due. */
void signals_send(struct dock *self, struct container *container);

void cpus_begin(struct container *container);
/* It has ended. */
void cpus_end(struct dock *self, struct container *container);
void cpus_fini(struct dock *self, struct container *container);
void cpus_set(struct dock *self, struct container *container, const char *cpus);
/* If they are due and it can be told. */
void cpus_send(struct dock *self, struct container *container);
/* It is being made with them. */
void cpus_are_in_order(struct container *container);

/* --- fleet.c ------------------------------------------------------------------------------------ */

/* The Engine has come (back), and this is all that it has of ours. */
void fleet_meet(struct dock *self, const struct dock_seen *seen, size_t count);
/* The same without a break. */
void fleet_sweep(struct dock *self, const struct dock_seen *seen, size_t count);
/* No Engine, and no patience left: those that were never created. */
void fleet_give_up(struct dock *self, const char *why);
void fleet_end_all(struct dock *self);

/* --- pulls.c ------------------------------------------------------------------------------------ */

void pulls_wait(struct dock *self, struct container *container);
void pulls_leave(struct dock *self, struct container *container);
void pulls_run(struct dock *self);
void pulls_fini(struct dock *self);
void pulls_on_progress(struct dock *self, uint64_t number, const char *text);

/* --- usage.c, exec.c, images.c ------------------------------------------------------------------ */

void usage_ask(struct dock *self, const struct msg_usage_request *request);
void usage_fini(struct dock *self);
void exec_begin(struct dock *self, const struct msg_exec_container *order);
void check_begin(struct dock *self, const struct msg_check_container *order);
void exec_forget_container(struct dock *self, const struct container *container);
void exec_fini(struct dock *self);
/* update.c */
void update_begin(struct dock *self, const struct msg_update_container *order);
void update_fini(struct dock *self);
void images_begin(struct dock *self);
void images_use(struct dock *self, const char *name, bool is_pulled);
/* The disk may be fuller than before, or an image not needed any more. */
void images_look_soon(struct dock *self);
void images_fini(struct dock *self);

#endif
