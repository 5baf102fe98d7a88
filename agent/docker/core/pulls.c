/* Images on their way. Tasks that want the same image with the same credentials wait for one pull. A registry that is slow,
 * or only pretends to send, keeps nobody from another one. */
#include "agent/docker/core/state.h"

#include <stdio.h>
#include <string.h>

#define ATTEMPTS_MAX 3

static struct pull *pull_find(const struct dock *self, const char *image, const char *credentials)
{
    struct pull *pull;

    DL_FOREACH (self->pulls, pull)
        if (!strcmp(pull->image, image) && !strcmp(pull->credentials, credentials))
            return pull;
    return NULL;
}

static void pull_destroy(struct dock *self, struct pull *pull)
{
    if (pull->call)
        self->pulls_active--;
    dock_cancel(self, &pull->call);
    DL_DELETE(self->pulls, pull);
    free(pull->image);
    free(pull->credentials);
    free(pull);
}

void pulls_fini(struct dock *self)
{
    while (self->pulls)
        pull_destroy(self, self->pulls);
}

static void set_registry(struct pull *pull)
{
    struct image_name name;

    if (image_name_parse(pull->image, &name, NULL) == 0)
        snprintf(pull->registry, sizeof(pull->registry), "%s", name.registry);
}

void pulls_wait(struct dock *self, struct container *container)
{
    const struct docker_info *docker = container->order->docker;
    struct pull *pull = pull_find(self, docker->image, docker->credentials);

    if (!pull) {
        pull = mem_new(struct pull);
        pull->image = mem_strdup(docker->image);
        pull->credentials = mem_strdup(docker->credentials);
        set_registry(pull);
        snprintf(pull->text, sizeof(pull->text), "pulling the image %.200s", pull->image);
        DL_APPEND(self->pulls, pull);
    }
    container->pull = pull;
    DL_APPEND2(pull->waiting, container, pull_prev, pull_next);
    course_progress(self, container, pull->text);
}

/* Who waits for nobody's sake is not waited for. */
void pulls_leave(struct dock *self, struct container *container)
{
    struct pull *pull = TAKE(container->pull);

    if (!pull)
        return;
    DL_DELETE2(pull->waiting, container, pull_prev, pull_next);
    if (!pull->waiting)
        pull_destroy(self, pull);
}

/* The Engine went away in between: once more when it is back. */
static bool is_to_be_repeated(struct pull *pull, const struct dock_answer *answer)
{
    if (answer->status != 0 || answer->is_late)
        return false;
    return answer->is_refused || ++pull->attempts < ATTEMPTS_MAX;
}

/* By its digest as well: so it is found when its tag is another image's. */
static void note_pulled(struct dock *self, const struct pull *pull, const char *digest)
{
    struct image_name name;
    char text[IMAGE_NAME_MAX];

    images_use(self, pull->image, true);
    images_look_soon(self);
    if (!digest || !*digest || image_name_parse(pull->image, &name, NULL) < 0)
        return;
    snprintf(text, sizeof(text), "%s@%.200s", name.name, digest);
    images_use(self, text, true);
}

static void on_pulled(struct dock *self, void *owner, const struct dock_answer *answer)
{
    struct pull *pull = owner;
    char error[700] = "";

    pull->call = 0;
    self->pulls_active--;
    engine_suspect(self, answer);
    if (is_to_be_repeated(pull, answer))
        return;

    if (answer->status != 200 || *answer->error)
        snprintf(error, sizeof(error), "cannot pull the image %.200s: %.400s", pull->image,
                 *answer->error ? answer->error : "the Engine does not say why");
    else
        note_pulled(self, pull, answer->digest);
    while (pull->waiting) {
        struct container *container = pull->waiting;

        DL_DELETE2(pull->waiting, container, pull_prev, pull_next);
        container->pull = NULL;
        course_pulled(self, container, error, 125);
    }
    pull_destroy(self, pull);
}

static bool has_turn(const struct dock *self, const struct pull *pull)
{
    const struct pull *other;
    size_t count = 0;

    DL_FOREACH (self->pulls, other)
        count += other->call && !strcmp(other->registry, pull->registry);
    return count ? count < PULLS_HOST_MAX && self->pulls_active < PULLS_MAX
                 : self->pulls_active < PULLS_MOST;
}

void pulls_run(struct dock *self)
{
    int64_t ms = self->want->pull_timeout_ms ? self->want->pull_timeout_ms : PULL_MS;
    struct pull *pull;

    DL_FOREACH (self->pulls, pull) {
        if (!engine_is_up(self))
            return;
        if (pull->call || !has_turn(self, pull))
            continue;
        self->pulls_active++;
        pull->call = dock_call(self,
                               (struct dock_call){.kind = CALL_PULL,
                                                  .image = pull->image,
                                                  .credentials = pull->credentials,
                                                  .timeout_ms = ms},
                               pull, on_pulled);
    }
}

void pulls_on_progress(struct dock *self, uint64_t number, const char *text)
{
    struct container *container;
    struct pull *pull;

    DL_FOREACH (self->pulls, pull) {
        if (pull->call != number)
            continue;
        snprintf(pull->text, sizeof(pull->text), "pulling the image %.120s: %.100s", pull->image,
                 text);
        DL_FOREACH2(pull->waiting, container, pull_next)
        course_progress(self, container, pull->text);
        return;
    }
}
