/* tests/unit/dock_fixture.h - proffer-docker's core beside an Engine that is modelled: images, containers, and faults.
 *
 * Calls are answered when the test lets the engine work; every answer is followed by dock_check.
 */
#ifndef PROFFER_TESTS_DOCK_FIXTURE_H
#define PROFFER_TESTS_DOCK_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "agent/docker/core/dock.h"
#include "agent/docker/core/image_name.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/rng.h"

#define BENCH_BOXES 64
#define BENCH_CALLS 256
#define BENCH_TOLD  1024

enum engine_mood {
    MOOD_WELL,
    MOOD_REFUSES, /* nobody listens */
    MOOD_HANGS,   /* takes calls and does not answer: they come to their time limit */
};

/* A container of the engine. */
struct box {
    bool has_own_network; /* then */
    char address[48];     /* in it */
    bool is_there;
    char name[128], container_id[128], owner[64], sandbox[128];
    enum dock_seen_state state;
    int64_t exit_code;
    bool oom;
    const char *error;
    int starts; /* how often it began to run */
};

struct asked {
    uint64_t number; /* 0: free */
    enum dock_call_kind kind;
    char engine_id[DOCK_ENGINE_ID_MAX], container_id[128], image[256], credentials[64], signal[16];
    int64_t until_us; /* when its time is over; 0: a stream */
    char sandbox[128];
    bool follow;
    bool is_done; /* the engine has done it, and its answer was lost on the way */
};

struct dock_bench {
    struct arena *arena;
    struct dock *dock;
    struct now now;
    struct box boxes[BENCH_BOXES];
    struct asked asked[BENCH_CALLS];
    struct message told[BENCH_TOLD]; /* copies */
    size_t told_count;
    enum engine_mood mood;
    const char *images; /* " busybox nginx " */
    const char *start_error;
    int start_status;
    const char *pull_error;
    const char *pull_digest;
    bool pulls_in_vain;    /* an image that was pulled is still not there */
    const char *slow_pull; /* of this image: never answered */
    bool refuses_logs;
    char created_cpus[64];                 /* of the newest create */
    int update_status;                     /* 0: 200 */
    bool holds_updates;                    /* they are not answered */
    const struct dock_image *shown_images; /* NULL: some */
    size_t shown_images_count;
    char removed_image[IMAGE_NAME_MAX]; /* the last one */
    int disk_percent;
    int removed_images;
    bool is_over;
    int over_code;
    int prepared;
    int calls_of[CALL_KIND_MAX];
    struct err refusal; /* of the next prepare; empty: it works */
    int64_t killed_pid;
    bool execs_are_slow; /* what they run has no pid yet */
    char fetched[64];    /* the newest that is fetched for */
    int fetches, cancelled_fetches;
    const struct msg_docker_configure *configure; /* of the next life */
    /* Chance, for random runs: in a hundred. */
    struct rng rng;
    int lose_answer;
};

struct dock_bench *bench_new(const struct msg_docker_configure *configure);
void bench_destroy(struct dock_bench **self_p);
/* The process dies and another begins, with these to recover; the engine goes on. */
void bench_reborn(struct dock_bench *self, const char *const *recover, size_t count);

/* Answer all that can be answered, and what comes of it, until nothing is left but streams. */
void bench_work(struct dock_bench *self);
/* Answer one call at most; false: there was none. */
bool bench_step(struct dock_bench *self);
void bench_pass(struct dock_bench *self, int64_t ms);

void bench_launch(struct dock_bench *self, const char *id);
void bench_launch_image(struct dock_bench *self, const char *id, const char *image,
                        enum pull_policy pull);
/* With a URI. */
void bench_launch_fetching(struct dock_bench *self, const char *id);
void bench_signal(struct dock_bench *self, const char *id, bool kill);
void bench_forget(struct dock_bench *self, const char *id);
/* In the engine: it ends, its log with it, and an event is sent. */
void bench_end_box(struct dock_bench *self, const char *id, int64_t exit_code);
void bench_end_box_silently(struct dock_bench *self, const char *id, int64_t exit_code);
void bench_add_box(struct dock_bench *self, const char *id, enum dock_seen_state state,
                   int64_t exit_code);
struct box *bench_box(struct dock_bench *self, const char *id);
/* The engine goes away with all connections. */
void bench_break(struct dock_bench *self, enum engine_mood mood);

/* The newest of that type about that container ("": any), or NULL; how many. */
const struct message *bench_told(const struct dock_bench *self, enum msg_type type, const char *id);
size_t bench_told_count(const struct dock_bench *self, enum msg_type type, const char *id);
size_t bench_asked(const struct dock_bench *self, enum dock_call_kind kind);

#define assert_exit(bench, id, code_)                                                              \
    assert_int_equal(                                                                              \
        bench_told((bench), MSG_CONTAINER_EXITED, (id))->container_exited->exit->code, (code_))

#endif
