#include "master/view/view.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/mem.h"
#include "master/view/front.h"
#include "master/view/mailbox.h"

#define CALLS_MAX ((size_t)128 * 1024 * 1024) /* more than all connections can ask at once */

struct view {
    struct front *front; /* the thread's own while it runs */
    pthread_t thread;
    bool is_running;
    struct mailbox *changes; /* to the thread */
    struct mailbox *calls;   /* from it */
    struct buf gathered;     /* since the last flush */
    struct buf taken;        /* calls */
    struct arena *arena;
    bool has_lost; /* told once */
};

static void *run_front(void *front)
{
    front_run(front);
    return NULL;
}

static int start(struct view *self, const struct view_settings *settings, struct err *err)
{
    int r;

    r = mailbox_new(VIEW_BACKLOG_MAX, &self->changes, err);
    if (r < 0)
        return r;
    r = mailbox_new(CALLS_MAX, &self->calls, err);
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
        mailbox_close(self->changes);
        pthread_join(self->thread, NULL);
    }
    front_destroy(&self->front);
    mailbox_destroy(&self->changes);
    mailbox_destroy(&self->calls);
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

    if (frames_append(&self->gathered, message, &err) < 0)
        log_error("view: %s is not shown: %s", message_name(message->type), err.text);
}

void view_flush(struct view *self)
{
    if (mailbox_post(self->changes, &self->gathered) == 0)
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
    return mailbox_fd(self->calls);
}

void view_take_calls(struct view *self, void (*on_call)(void *owner, const struct message *call),
                     void *owner)
{
    const void *frame;
    size_t offset = 0, size;
    struct message call;
    struct err err;

    mailbox_take(self->calls, &self->taken);
    while (frames_next(&self->taken, &offset, &frame, &size)) {
        arena_reset(self->arena);
        if (message_decode(frame, size, self->arena, &call, &err) < 0)
            log_error("view: a call is lost: %s", err.text);
        else
            on_call(owner, &call);
    }
}
