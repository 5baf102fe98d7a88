/* tests/unit/fetch_site.h - a server on a folder of its own, and a launcher whose tasks have URIs fetched; for
 * test_launcher_fetch.c, test_launcher_cache.c and test_launcher_unpack.c. */
#ifndef PROFFER_TESTS_FETCH_SITE_H
#define PROFFER_TESTS_FETCH_SITE_H

#include <sys/types.h>

#include "tests/unit/launcher_rig.h"

#define MIB (1024 * 1024)

struct scene {
    char dir[64]; /* www/ cache/ files/ log */
    char www[96];
    char log[96];
    pid_t server;
    int port;
    const char *files[1];
    struct fetcher_info settings;
    struct rig_plan plan;
    struct rig *rig;
    struct arena *arena;
};

/* With a server; settings and plan may be changed until scene_begin starts the launcher. */
void scene_init(struct scene *self);
void scene_begin(struct scene *self);
void scene_fini(struct scene *self);

/* Lives as long as the scene. */
const char *scene_text(struct scene *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void scene_write(const char *path, const void *data, size_t size);
/* A file of the server's, and its URL. */
void scene_serve(struct scene *self, const char *name, const char *data);
/* One of `size` bytes, which are all `byte`. */
void scene_serve_bytes(struct scene *self, const char *name, char byte, size_t size);
const char *scene_url(struct scene *self, const char *path);
/* Of how many requests for a path the server knows. */
int scene_requests(struct scene *self, const char *path);

/* A task with one URI, until its end. */
const struct msg_container_exited *scene_run(struct scene *self, const char *id,
                                             struct uri_info uri, const char *shell);
void assert_runs(struct scene *self, const char *id, struct uri_info uri, const char *shell);
/* It never starts, and says why. */
void assert_fails(struct scene *self, const char *id, struct uri_info uri, const char *why);

/* What an archive is made of; ends with a NULL path. */
struct piece {
    const char *path;
    unsigned type; /* AE_IF...; 0: a hard link to `data` */
    const char *data;
    unsigned mode;
    int64_t size; /* of zeros; 0: `data`; negative: of a hole, before one byte at its end */
};

/* By its name: tar or zip, .gz, .xz, .zst. A file of the server's. */
void scene_make_archive(struct scene *self, const char *name, const struct piece *pieces);

#endif
