#include "agent/view/front.h"

#include <errno.h>
#include <sys/epoll.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/deadlines.h"
#include "base/log.h"
#include "base/mem.h"

#define CONNECTIONS_MAX 256
#define BODY_MAX        4096 /* nothing is posted to an agent */

static int watch(struct front *self, int fd, struct err *err)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (epoll_ctl(self->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        return err_errno(err, -errno, "epoll of the view");
    return 0;
}

static int start_http(struct front *self, const struct agent_view_settings *settings,
                      struct err *err)
{
    const struct http_server_settings http = {
        .address = settings->address,
        .port = settings->port,
        .body_max = BODY_MAX,
        .connections_max = CONNECTIONS_MAX,
        .routes = agent_routes,
        .owner = self,
    };

    return http_server_new(&http, &self->http, err);
}

static int start(struct front *self, const struct agent_view_settings *settings, struct err *err)
{
    int rc;

    sandbox_files_init(&self->files, settings->sandboxes_dir, settings->desk_fd);
    rc = start_http(self, settings, err);
    if (rc < 0)
        return rc;
    self->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (self->epoll_fd < 0)
        return err_errno(err, -errno, "the view's descriptors");
    rc = watch(self, http_server_fd(self->http), err);
    return rc < 0 ? rc : watch(self, inbox_fd(self->changes), err);
}

int agent_front_new(const struct agent_view_settings *settings, struct inbox *changes,
                    struct inbox *questions, struct front **ret_front, struct err *err)
{
    CLEANUP(agent_front_destroy) struct front *self = mem_new(struct front);
    int rc;

    self->epoll_fd = -1;
    self->changes = changes;
    self->questions = questions;
    self->arena = arena_new(0);
    self->replica = agent_replica_new();
    self->master = mem_strdup(settings->master);
    self->context = (struct document_context){
        .flags = settings->flags,
        .master = self->master,
        .started_us = clock_now().wall_us,
    };
    self->is_open = true;
    rc = start(self, settings, err);
    if (rc < 0)
        return rc;
    *ret_front = TAKE(self);
    return 0;
}

void agent_front_destroy(struct front **self_p)
{
    struct front *self = *self_p;

    if (!self)
        return;
    questions_drop(self);
    followers_drop(self);
    followed_expire(self, INT64_MAX);
    http_server_destroy(&self->http);
    agent_replica_destroy(&self->replica);
    sandbox_files_fini(&self->files);
    close_fd(&self->epoll_fd);
    arena_destroy(&self->arena);
    buf_fini(&self->taken);
    buf_fini(&self->replies);
    buf_fini(&self->asked);
    free(self->master);
    free(self);
    *self_p = NULL;
}

uint16_t agent_front_port(const struct front *self)
{
    return http_server_port(self->http);
}

/* --- changes ------------------------------------------------------------------------------------ */

static void take_message(struct front *self, const struct message *message)
{
    if (message->type == MSG_USAGE_REPLY || message->type == MSG_METRICS_REPLY)
        BUG_ON(frames_add(&self->replies, message, NULL) < 0);
    else
        agent_replica_apply(self->replica, message);
    followers_on_change(self, message);
}

void agent_front_catch_up(struct front *self)
{
    struct message message;
    size_t offset = 0;
    struct err err;
    int rc;

    self->is_open = inbox_take(self->changes, &self->taken) && self->is_open;
    do {
        arena_reset(self->arena);
        rc = frames_read(&self->taken, &offset, self->arena, &message, &err);
        if (rc > 0)
            take_message(self, &message);
        else if (rc < 0)
            log_error("view: a change is lost: %s", err.text);
    } while (rc != 0);
}

const struct replica *agent_front_replica(struct front *self, struct http_request *request)
{
    agent_front_catch_up(self);
    if (!self->replica->has_gap)
        return self->replica;
    http_reply_error(request, 503,
                     "the view has lost changes: restart the agent to read its state again");
    return NULL;
}

static void answer_questions(struct front *self)
{
    struct message reply;
    size_t offset = 0;

    for (;;) {
        arena_reset(self->arena);
        if (frames_read(&self->replies, &offset, self->arena, &reply, NULL) <= 0)
            break;
        questions_on_reply(self, &reply);
    }
    self->replies.size = 0;
}

/* --- the loop ----------------------------------------------------------------------------------- */

static int64_t next_deadline_us(const struct front *self, int64_t now_us)
{
    int64_t http_ms = http_server_timeout_ms(self->http);
    int64_t next_us = followed_due_us(self);
    const struct question *question;
    const struct follower *follower;

    if (http_ms >= 0 && now_us + http_ms * US_PER_MS < next_us)
        next_us = now_us + http_ms * US_PER_MS;
    for (question = self->waiting; question; question = question->next) {
        if (question->until_us < next_us)
            next_us = question->until_us;
    }
    for (follower = self->followers; follower; follower = follower->next) {
        if (follower->until_us < next_us)
            next_us = follower->until_us;
    }
    return next_us;
}

static int timeout_ms(const struct front *self)
{
    int64_t now_us = clock_now().mono_us;
    int64_t next_us = next_deadline_us(self, now_us);

    if (next_us == DEADLINE_NEVER)
        return -1;
    return next_us <= now_us ? 0 : (int)((next_us - now_us + US_PER_MS - 1) / US_PER_MS);
}

static void turn(struct front *self)
{
    int64_t now_us = clock_now().mono_us;

    agent_front_catch_up(self);
    answer_questions(self);
    followers_on_inotify(self);
    followers_expire(self, now_us);
    followed_expire(self, now_us);
    questions_expire(self, now_us);
    http_server_run(self->http);
    answer_questions(self);
    questions_ask(self, now_us);
    if (inbox_post(self->questions, &self->asked, true) < 0)
        self->asked.size = 0; /* they expire */
}

void agent_front_run(struct front *self)
{
    while (self->is_open) {
        struct epoll_event events[4];

        if (epoll_wait(self->epoll_fd, events, 4, timeout_ms(self)) < 0)
            BUG_ON(errno != EINTR);
        turn(self);
    }
}
