/* Requests that wait for a file to grow: how `proffer logs -f` follows without asking again and again. */
#include "agent/view/front.h"

#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/cleanup.h"
#include "base/mem.h"

#define ENDINGS (IN_CLOSE_WRITE | IN_MOVE_SELF | IN_DELETE_SELF | IN_IGNORED | IN_Q_OVERFLOW)

static void follower_free(struct follower *follower)
{
    struct front *front = follower->front;

    DL_DELETE(front->followers, follower);
    if (!front->followers)
        inbox_set_wake(front->changes, AGENT_VIEW_WAKE_BYTES);
    followed_release(front, follower->followed);
    free(follower);
}

static void on_gone(void *owner, struct http_request *request)
{
    (void)request;
    follower_free(owner);
}

static uint64_t count_new(const struct follower *follower)
{
    struct stat info;

    if (fstat(follower->followed->fd, &info) < 0 || (uint64_t)info.st_size <= follower->offset)
        return 0;
    return (uint64_t)info.st_size - follower->offset;
}

/* Emptied, by a rotation that keeps one file: its reader has to begin anew. */
static bool is_shorter(const struct follower *follower)
{
    struct stat info;

    return follower->tells_place && fstat(follower->followed->fd, &info) == 0 &&
           (uint64_t)info.st_size < follower->offset;
}

static void answer(struct follower *follower)
{
    uint64_t size = count_new(follower);
    int fd = fcntl(follower->followed->fd, F_DUPFD_CLOEXEC, 0);

    if (follower->tells_place)
        agent_tell_place(follower->request, follower->followed->fd, follower->offset, false);
    if (fd < 0)
        http_reply_error(follower->request, 503, "no descriptor is free");
    else
        http_reply_file(follower->request, "application/octet-stream", NULL, fd, follower->offset,
                        size < follower->length ? size : follower->length);
    follower_free(follower);
}

void followers_add(struct front *self, const struct follower *want)
{
    struct follower *follower = mem_new(struct follower);

    *follower = *want;
    follower->front = self;
    DL_APPEND(self->followers, follower);
    http_request_on_gone(follower->request, on_gone, follower);
    inbox_set_wake(self->changes, 0);
    /* It may have grown before it was watched; and without a watch there is nothing to wait for. */
    if (follower->followed->watch < 0 || count_new(follower))
        answer(follower);
}

/* --- tasks -------------------------------------------------------------------------------------- */

static bool is_below(const struct front *self, const char *path, const char *sandbox)
{
    const char *relative = sandbox_files_relative(&self->files, sandbox);
    size_t size = relative ? strlen(relative) : 0;

    return size && !strncmp(path, relative, size) && path[size] == '/';
}

bool followers_may_hope(struct front *self, const char *path)
{
    const struct shown_framework *framework;
    const struct shown_task *task;

    for (framework = self->replica->frameworks; framework; framework = framework->hh.next)
        for (task = framework->tasks; task; task = task->hh.next)
            if (!task_state_is_terminal(task->state) && is_below(self, path, task->change->sandbox))
                return true;
    return false;
}

/* What a task leaves unwritten is not a change of its file. They are answered by followers_expire, between
 * requests. */
static void hurry(struct front *self, const char *sandbox)
{
    struct follower *follower;

    for (follower = self->followers; follower; follower = follower->next) {
        if (is_below(self, follower->followed->path, sandbox))
            follower->until_us = 0;
    }
}

void followers_on_change(struct front *self, const struct message *change)
{
    const struct msg_change_task_status *moved = change->change_task_status;
    const struct shown_task *task;

    if (!self->followers || change->type != MSG_CHANGE_TASK_STATUS ||
        !task_state_is_terminal(moved->state))
        return;
    task = agent_replica_find_task(self->replica, moved->framework_id, moved->task_id);
    if (task)
        hurry(self, task->change->sandbox);
}

/* --- files -------------------------------------------------------------------------------------- */

static void on_event(struct front *self, const struct inotify_event *event)
{
    struct follower *follower, *next;

    for (follower = self->followers; follower; follower = next) {
        bool is_meant = follower->followed->watch == event->wd || event->mask & IN_Q_OVERFLOW;

        next = follower->next;
        if (is_meant && (event->mask & ENDINGS || count_new(follower) || is_shorter(follower)))
            answer(follower);
    }
    followed_on_event(self, event);
}

/* Also when nobody follows any more: the end of a watch is an event, too. */
void followers_on_inotify(struct front *self)
{
    _Alignas(struct inotify_event) char events[4096];
    ssize_t size;

    while ((size = read(self->files.inotify_fd, events, sizeof(events))) > 0)
        for (ssize_t at = 0; at < size;) {
            const struct inotify_event *event = (const void *)(events + at);

            on_event(self, event);
            at += (ssize_t)(sizeof(*event) + event->len);
        }
}

void followers_expire(struct front *self, int64_t now_us)
{
    struct follower *follower, *next;

    for (follower = self->followers; follower; follower = next) {
        next = follower->next;
        if (follower->until_us <= now_us)
            answer(follower);
    }
}

void followers_drop(struct front *self)
{
    while (self->followers) {
        http_request_on_gone(self->followers->request, NULL, NULL);
        follower_free(self->followers);
    }
}
