#include "master/view/view.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/mem.h"
#include "master/view/front.h"
#include "proto/inbox.h"

#define CALLS_MAX ((size_t)128 * 1024 * 1024) /* more than all connections can ask at once */
/* Changes that nobody has asked for are taken when so much has gathered: no wake-up a turn. */
#define WAKE_BYTES ((size_t)256 * 1024)

struct view {
    struct front *front; /* the thread's own while it runs */
    pthread_t thread;
    bool is_running;
    struct inbox *changes; /* to the thread */
    struct inbox *calls;   /* from it */
    struct buf gathered;   /* since the last flush */
    struct buf taken;      /* calls */
    struct arena *arena;
    bool has_reply; /* among what is gathered: somebody waits for it */
    bool has_lost;  /* told once */
};

static void *run_front(void *front)
{
    front_run(front);
    return NULL;
}

static int start(struct view *self, const struct view_settings *settings, struct err *err)
{
    int r;

    r = inbox_new(VIEW_BACKLOG_MAX, WAKE_BYTES, &self->changes, err);
    if (r < 0)
        return r;
    r = inbox_new(CALLS_MAX, 0, &self->calls, err);
    if (r < 0)
        return r;
    r = front_new(settings, self->changes, self->calls, &self->front, err);
    if (r < 0)
        return r;
    r = pthread_create(&self->thread, NULL, run_front, self->front);
    if (r > 0)
        return err_errno(err, -r, "thread of the view");
    self->is_running = true;
    pthread_setname_np(self->thread, "view");
    return 0;
}

int view_new(const struct view_settings *settings, struct view **ret_view, struct err *err)
{
    CLEANUP(view_destroy) struct view *self = mem_new(struct view);
    int r;

    self->arena = arena_new(0);
    r = start(self, settings, err);
    if (r < 0)
        return r;
    *ret_view = TAKE(self);
    return 0;
}

void view_destroy(struct view **self_p)
{
    struct view *self = *self_p;

    if (!self)
        return;
    if (self->is_running) {
        inbox_close(self->changes);
        pthread_join(self->thread, NULL);
    }
    front_destroy(&self->front);
    inbox_destroy(&self->changes);
    inbox_destroy(&self->calls);
    buf_fini(&self->gathered);
    buf_fini(&self->taken);
    arena_destroy(&self->arena);
    free(self);
    *self_p = NULL;
}

uint16_t view_port(const struct view *self)
{
    return front_port(self->front);
}

void view_publish(struct view *self, const struct message *message)
{
    struct err err;

    self->has_reply |= message->type == MSG_OPERATOR_REPLY || message->type == MSG_METRICS_REPLY;
    if (frames_add(&self->gathered, message, &err) < 0)
        log_error("view: %s is not shown: %s", message_name(message->type), err.text);
}

void view_flush(struct view *self)
{
    bool is_urgent = self->has_reply;

    self->has_reply = false;
    if (inbox_post(self->changes, &self->gathered, is_urgent) == 0)
        return;
    self->gathered.size = 0;
    if (!self->has_lost)
        log_error(
            "view: more than %zu bytes behind; it answers 503 from now on, restart the master "
            "to read its state again",
            VIEW_BACKLOG_MAX);
    self->has_lost = true;
}

int view_calls_fd(const struct view *self)
{
    return inbox_fd(self->calls);
}

void view_take_calls(struct view *self, void (*on_call)(void *owner, const struct message *call),
                     void *owner)
{
    size_t offset = 0;
    struct message call;
    struct err err;
    int r;

    inbox_take(self->calls, &self->taken);
    for (;;) {
        arena_reset(self->arena);
        r = frames_read(&self->taken, &offset, self->arena, &call, &err);
        if (r == 0)
            return;
        if (r < 0)
            log_error("view: a call is lost: %s", err.text);
        else
            on_call(owner, &call);
    }
}
