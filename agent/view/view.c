#include "agent/view/view.h"

#include <pthread.h>

#include "agent/view/front.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/inbox.h"

#define QUESTIONS_MAX ((size_t)1024 * 1024)

struct agent_view {
    struct front *front; /* the thread's own while it runs */
    pthread_t thread;
    bool is_running;
    struct inbox *changes;   /* to the thread */
    struct inbox *questions; /* from it */
    struct buf gathered;     /* since the last flush */
    bool has_answer;         /* somebody waits for what was gathered */
    bool has_lost;           /* told once */
    struct buf taken;
    struct arena *arena;
};

static void *run(void *front)
{
    agent_front_run(front);
    return NULL;
}

static int start(struct agent_view *self, const struct agent_view_settings *settings,
                 struct err *err)
{
    int rc = inbox_new(AGENT_VIEW_BACKLOG_MAX, AGENT_VIEW_WAKE_BYTES, &self->changes, err);

    if (rc == 0)
        rc = inbox_new(QUESTIONS_MAX, 0, &self->questions, err);
    if (rc == 0)
        rc = agent_front_new(settings, self->changes, self->questions, &self->front, err);
    if (rc < 0)
        return rc;
    rc = pthread_create(&self->thread, NULL, run, self->front);
    if (rc > 0)
        return err_errno(err, -rc, "thread of the view");
    self->is_running = true;
    return 0;
}

int agent_view_new(const struct agent_view_settings *settings, struct agent_view **ret_view,
                   struct err *err)
{
    CLEANUP(agent_view_destroy) struct agent_view *self = mem_new(struct agent_view);
    int rc;

    self->arena = arena_new(0);
    rc = start(self, settings, err);
    if (rc < 0)
        return rc;
    *ret_view = TAKE(self);
    return 0;
}

void agent_view_destroy(struct agent_view **self_p)
{
    struct agent_view *self = *self_p;

    if (!self)
        return;
    if (self->is_running) {
        inbox_close(self->changes);
        pthread_join(self->thread, NULL);
    }
    agent_front_destroy(&self->front);
    inbox_destroy(&self->changes);
    inbox_destroy(&self->questions);
    buf_fini(&self->gathered);
    buf_fini(&self->taken);
    arena_destroy(&self->arena);
    free(self);
    *self_p = NULL;
}

uint16_t agent_view_port(const struct agent_view *self)
{
    return agent_front_port(self->front);
}

void agent_view_publish(struct agent_view *self, const struct message *message)
{
    struct err err;

    if (frames_add(&self->gathered, message, &err) < 0)
        log_error("view: %s is not shown: %s", message_name(message->type), err.text);
    if (message->type == MSG_USAGE_REPLY || message->type == MSG_METRICS_REPLY)
        self->has_answer = true;
}

void agent_view_flush(struct agent_view *self)
{
    int rc = inbox_post(self->changes, &self->gathered, self->has_answer);

    self->has_answer = false;
    if (rc == 0)
        return;
    self->gathered.size = 0;
    if (!self->has_lost)
        log_error("view: more than %zu bytes behind: /state answers 503 from now on",
                  AGENT_VIEW_BACKLOG_MAX);
    self->has_lost = true;
}

int agent_view_questions_fd(const struct agent_view *self)
{
    return inbox_fd(self->questions);
}

void agent_view_take_questions(struct agent_view *self,
                               void (*on_question)(void *owner, const struct message *question),
                               void *owner)
{
    struct message question;
    size_t offset = 0;
    struct err err;
    int rc;

    inbox_take(self->questions, &self->taken);
    do {
        arena_reset(self->arena);
        rc = frames_read(&self->taken, &offset, self->arena, &question, &err);
        if (rc > 0)
            on_question(owner, &question);
        else if (rc < 0)
            log_error("view: a question is lost: %s", err.text);
    } while (rc != 0);
}
