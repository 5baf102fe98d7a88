/* A container is made: its files are fetched, its image is there, create, start; and in the end it is removed. */
#include "agent/docker/core/state.h"

#include <stdio.h>
#include <string.h>

/* As `docker run` ends, beside EXIT_ENGINE. */
#define EXIT_NO_EXEC 126
#define EXIT_NO_FILE 127

#define ROUNDS_MAX                                                                                 \
    3 /* of pull and create: an image that is pulled and not there is none for this host */

static void take_slot(struct dock *self, struct container *c)
{
    c->is_heavy = true;
    self->heavy++;
}

/* --- files -------------------------------------------------------------------------------------- */

static void want_image_or_create(struct dock *self, struct container *c)
{
    if (c->order->docker->pull == PULL_ALWAYS)
        making_pull(self, c);
    else
        course_queue(self, c);
}

void making_begin(struct dock *self, struct container *c)
{
    struct err err;

    if (!c->order->command->uris_count) {
        c->stage = STAGE_READY;
        want_image_or_create(self, c);
        return;
    }
    c->stage = STAGE_FETCHING;
    c->is_fetching = self->env.fetch(self->env.ctx, c->order, &err) == 0;
    if (!c->is_fetching)
        course_fail(self, c, EXIT_ENGINE, err.text);
}

void making_fetched(struct dock *self, struct container *c, const char *error,
                    enum task_reason limitation)
{
    c->is_fetching = false;
    if (*error) {
        c->end.limitation = limitation;
        if (limitation)
            c->end.message = arena_strdup(c->arena, error);
        course_fail(self, c, EXIT_ENGINE, limitation ? "" : error);
        return;
    }
    c->progress_us = 0;
    course_move(self, c, STAGE_READY);
    want_image_or_create(self, c);
}

/* --- image -------------------------------------------------------------------------------------- */

static bool is_missing_image(const struct dock_answer *answer)
{
    return answer->status == 404 && strstr(answer->error, "No such image");
}

void making_pull(struct dock *self, struct container *c)
{
    const struct docker_info *docker = c->order->docker;

    if (docker->pull == PULL_NEVER) {
        course_fail(self, c, EXIT_ENGINE,
                    arena_printf(c->arena,
                                 "the image %.200s is not here, and the task forbids to pull it",
                                 docker->image));
        return;
    }
    course_move(self, c, STAGE_PULLING);
    pulls_wait(self, c);
}

static void on_missing_image(struct dock *self, struct container *c,
                             const struct dock_answer *answer)
{
    c->may_exist = false;
    if (++c->rounds > ROUNDS_MAX)
        course_fail(
            self, c, EXIT_ENGINE,
            arena_printf(c->arena,
                         "the image %.200s was pulled %d times, and the Docker Engine still "
                         "says: %.200s",
                         c->order->docker->image, ROUNDS_MAX, answer->error));
    else
        making_pull(self, c);
}

/* --- create, start ------------------------------------------------------------------------------ */

static void on_created(struct dock *self, void *owner, const struct dock_answer *answer)
{
    struct container *c = owner;

    c->call = 0;
    if (answer->status == 201) {
        course_found(c, answer->id);
        images_use(self, c->order->docker->image, false);
        if (c->want_signal) {
            course_fail_killed(self, c);
            return;
        }
        course_move(self, c, STAGE_CREATED);
        making_start(self, c);
    } else if (is_missing_image(answer) && !c->want_signal) {
        on_missing_image(self, c, answer);
    } else if (answer->status == 409) {
        course_look(self, c);
    } else if (answer->status == 0) {
        course_doubt(self, c);
    } else {
        c->may_exist = false;
        course_fail(self, c, EXIT_ENGINE, answer->error);
    }
    engine_suspect(self, answer);
}

void making_create(struct dock *self, struct container *c)
{
    course_move(self, c, STAGE_CREATING);
    take_slot(self, c);
    c->may_exist = true;
    cpus_are_in_order(c);
    c->call = dock_call(self,
                        (struct dock_call){.kind = CALL_CREATE,
                                           .order = c->order,
                                           .container_id = c->id,
                                           .timeout_ms = dock_call_ms(self)},
                        c, on_created);
}

/* As `docker run` ends when a command cannot be started. */
static int code_of(const struct dock_answer *answer)
{
    if (strstr(answer->error, "executable file not found") ||
        strstr(answer->error, "no such file or directory"))
        return EXIT_NO_FILE;
    return strstr(answer->error, "permission denied") ? EXIT_NO_EXEC : EXIT_ENGINE;
}

static void on_started(struct dock *self, void *owner, const struct dock_answer *answer)
{
    struct container *c = owner;

    c->call = 0;
    if (answer->status >= 400) {
        c->error = arena_strdup(c->arena, *answer->error ? answer->error : "it cannot be started");
        c->error_code = code_of(answer);
    }
    if (answer->status)
        course_look(self, c);
    else
        course_doubt(self, c);
    engine_suspect(self, answer);
}

void making_start(struct dock *self, struct container *c)
{
    course_move(self, c, STAGE_STARTING);
    take_slot(self, c);
    c->is_start_sent = true;
    c->call = dock_call(self,
                        (struct dock_call){.kind = CALL_START,
                                           .engine_id = c->engine_id,
                                           .container_id = c->id,
                                           .timeout_ms = dock_call_ms(self)},
                        c, on_started);
}

/* --- remove ------------------------------------------------------------------------------------- */

static void on_removed(struct dock *self, void *owner, const struct dock_answer *answer)
{
    struct container *c = owner;

    c->call = 0;
    if ((answer->status >= 200 && answer->status < 300) || answer->status == 404) {
        self->env.forget(self->env.ctx, c->id);
        container_destroy(self, c);
        images_look_soon(self);
    } else {
        if (answer->status)
            dock_log(self, LOG_LEVEL_WARNING, "container %s cannot be removed: %s", c->id,
                     answer->error);
        course_move(self, c, STAGE_GOING);
        course_again(self, c);
    }
    engine_suspect(self, answer);
}

void making_remove(struct dock *self, struct container *c)
{
    course_move(self, c, STAGE_REMOVING);
    take_slot(self, c);
    c->call = dock_call(self,
                        (struct dock_call){.kind = CALL_REMOVE,
                                           .engine_id = c->engine_id,
                                           .container_id = c->id,
                                           .timeout_ms = dock_call_ms(self)},
                        c, on_removed);
}
