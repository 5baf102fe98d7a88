/* Images that nobody needs, when the Engine's disk is nearly full: those that we have pulled ourselves, that no
 * container uses, that were not used for a while and that the operator does not want to keep; the one that was not used
 * for the longest time goes first, until enough is free. */
#include "agent/docker/core/state.h"

#include <fnmatch.h>
#include <string.h>

#define LOOK_US   ((int64_t)60 * US_PER_S)
#define SOON_US   ((int64_t)US_PER_S)
#define REMOVE_MS 120000

static struct kept_image *kept_find(const struct dock *self, const char *name)
{
    struct kept_image *image;

    HASH_FIND_STR(self->images, name, image);
    return image;
}

/* `name`: a normal one. */
static void kept_set(struct dock *self, const char *name, int64_t used_us)
{
    struct kept_image *image = kept_find(self, name);

    if (!image) {
        image = mem_new(struct kept_image);
        image->name = mem_strdup(name);
        HASH_ADD_KEYPTR(hh, self->images, image->name, strlen(image->name), image);
    }
    image->used_us = used_us;
}

static void kept_drop(struct dock *self, struct kept_image *image)
{
    HASH_DEL(self->images, image);
    free(image->name);
    free(image);
}

void dock_on_kept_image(struct dock *self, const char *name, int64_t used_us)
{
    char normal[IMAGE_NAME_MAX];

    image_name_normal(name, normal);
    kept_set(self, normal, used_us);
}

void images_use(struct dock *self, const char *text, bool is_pulled)
{
    char name[IMAGE_NAME_MAX];

    image_name_normal(text, name);
    if (!is_pulled && !kept_find(self, name))
        return;
    kept_set(self, name, self->now.wall_us);
    self->env.keep_image(self->env.ctx, name, self->now.wall_us);
}

/* --- which one ---------------------------------------------------------------------------------- */

static bool shows(const struct dock_image *image, const char *name)
{
    for (size_t i = 0; i < image->names_count; i++)
        if (!strcmp(image->names[i], name))
            return true;
    return false;
}

static const struct dock_image *find_shown(const struct dock_answer *answer, const char *name)
{
    for (size_t i = 0; i < answer->images_count; i++)
        if (shows(&answer->images[i], name))
            return &answer->images[i];
    return NULL;
}

static bool is_wanted(const struct dock *self, const char *name)
{
    for (size_t i = 0; i < self->want->gc_keep_count; i++)
        if (fnmatch(self->want->gc_keep[i], name, 0) == 0 ||
            fnmatch(self->want->gc_keep[i], image_name_familiar(name), 0) == 0)
            return true;
    return false;
}

static bool is_needed_soon(const struct dock *self, const char *name)
{
    char needed[IMAGE_NAME_MAX];

    for (const struct container *c = self->containers; c; c = c->hh.next) {
        if (!c->order)
            continue;
        image_name_normal(c->order->docker->image, needed);
        if (!strcmp(needed, name))
            return true;
    }
    return false;
}

/* It may have come under several names: if one of them was used lately, or is to stay, so is the image. */
static bool may_go(struct dock *self, const struct dock_image *shown)
{
    int64_t old_us = self->now.wall_us - self->want->gc_min_age_ms * US_PER_MS;
    struct kept_image *image, *next;

    if (shown->is_used)
        return false;
    HASH_ITER (hh, self->images, image, next)
        if (shows(shown, image->name) && (image->used_us > old_us || is_wanted(self, image->name) ||
                                          is_needed_soon(self, image->name)))
            return false;
    return true;
}

static struct kept_image *choose(struct dock *self, const struct dock_answer *answer)
{
    struct kept_image *oldest = NULL, *image, *next;

    HASH_ITER (hh, self->images, image, next) {
        const struct dock_image *shown = find_shown(answer, image->name);

        if (!shown) { /* somebody else has removed it */
            self->env.keep_image(self->env.ctx, image->name, 0);
            kept_drop(self, image);
        } else if (may_go(self, shown) && (!oldest || image->used_us < oldest->used_us)) {
            oldest = image;
        }
    }
    return oldest;
}

/* --- asking ------------------------------------------------------------------------------------- */

static void look_for_one(struct dock *self);

static int percent(const struct dock *self)
{
    return self->env.disk_percent(self->env.ctx,
                                  self->engine.info.root_dir ? self->engine.info.root_dir : "");
}

static void on_image_removed(struct dock *self, void *owner, const struct dock_answer *answer)
{
    (void)owner;
    self->engine.images = 0;
    if (answer->status != 200)
        dock_log(self, LOG_LEVEL_WARNING, "an image cannot be removed: %s", answer->error);
    else if (percent(self) >= (int)self->want->gc_low)
        look_for_one(self);
    engine_suspect(self, answer);
}

static void on_images(struct dock *self, void *owner, const struct dock_answer *answer)
{
    struct kept_image *image = answer->status == 200 ? choose(self, answer) : NULL;
    char *name;

    (void)owner;
    self->engine.images = 0;
    engine_suspect(self, answer);
    if (!image || !engine_is_up(self))
        return;
    name = mem_strdup(image->name);
    kept_drop(self, image);
    self->env.keep_image(self->env.ctx, name, 0);
    dock_log(self, LOG_LEVEL_INFO, "removing the image %s: %d %% of the disk are in use", name,
             percent(self));
    self->engine.images = dock_call(
        self, (struct dock_call){.kind = CALL_REMOVE_IMAGE, .image = name, .timeout_ms = REMOVE_MS},
        NULL, on_image_removed);
    free(name);
}

static void look_for_one(struct dock *self)
{
    self->engine.images = dock_call(
        self, (struct dock_call){.kind = CALL_IMAGES, .timeout_ms = QUICK_MS}, NULL, on_images);
}

static void gc_due(void *owner, struct deadline *deadline)
{
    struct dock *self = owner;

    deadline_set(&self->deadlines, deadline, self->now.mono_us + LOOK_US);
    if (self->images && engine_is_up(self) && !self->engine.images && !self->is_ending &&
        percent(self) >= (int)self->want->gc_high)
        look_for_one(self);
}

void images_look_soon(struct dock *self)
{
    if (self->want->gc_high && self->gc.at_us > self->now.mono_us + SOON_US)
        deadline_set(&self->deadlines, &self->gc, self->now.mono_us + SOON_US);
}

void images_begin(struct dock *self)
{
    self->gc.due = gc_due;
    if (self->want->gc_high)
        deadline_set(&self->deadlines, &self->gc, self->now.mono_us + LOOK_US);
}

void images_fini(struct dock *self)
{
    struct kept_image *image, *next;

    dock_cancel(self, &self->engine.images);
    deadline_cancel(&self->deadlines, &self->gc);
    HASH_ITER (hh, self->images, image, next)
        kept_drop(self, image);
}
