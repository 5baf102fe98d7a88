/* agent/docker/answers.h - what a Docker Engine says, read into what the core knows. Pure.
 *
 * Nothing is believed: a field that is missing or of another kind is absent, texts are cut, numbers that cannot be are
 * refused. So a broken or hostile engine gets an error, or a container that looks wrong, and nothing worse.
 */
#ifndef PROFFER_AGENT_DOCKER_ANSWERS_H
#define PROFFER_AGENT_DOCKER_ANSWERS_H

#include "agent/docker/core/dock.h"
#include "base/arena.h"

/* Labels that our containers have. */
#define LABEL_OWNER     "proffer.owner"
#define LABEL_CONTAINER "proffer.container"
#define LABEL_SANDBOX   "proffer.sandbox"

#define API_LEAST                                                                                  \
    "1.41" /* what our requests are written for; the least that an engine must speak */

/* Of a call that came to an end with an HTTP status and a body: fills `answer`, texts in `arena`. -EBADMSG with a text:
 * it makes no sense; then only status and error are set, as 0 and that text. */
int answers_read(enum dock_call_kind kind, int status, const char *body, size_t size,
                 struct arena *arena, struct dock_answer *answer, struct err *err);

/* One line of GET /events: whose container it is about, or NULL. */
const char *answers_read_event(const char *line, size_t size, struct arena *arena);

/* The names of images in use, by their ids, of GET /containers/json. */
int answers_read_used(const char *body, size_t size, struct arena *arena,
                      const char *const **ret_ids, size_t *ret_count);
void answers_mark_used(struct dock_answer *answer, const char *const *ids, size_t count,
                       struct arena *arena);

/* A pull as it goes on. */
#define PULL_LAYERS_MAX 256

struct pull_view {
    struct pull_layer {
        char id[20];
        int64_t done, total;
        bool is_over;
    } layers[PULL_LAYERS_MAX];
    size_t count;
    char error[400];  /* it failed */
    char digest[200]; /* "sha256:..." of what came */
    char text[160];   /* "3 of 7 layers, 12.3MiB of 40MiB" */
};

/* One line of POST /images/create. */
void pull_view_read(struct pull_view *self, const char *line, size_t size);

#endif
