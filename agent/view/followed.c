/* Files that are followed: each is opened once, however often its reader comes back, until it is put aside. */
#include "agent/view/front.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/deadlines.h"
#include "base/mem.h"

#define IDLE_US  (10 * US_PER_S) /* for which one is kept that nobody waits for */
#define IDLE_MAX 64              /* such ones */
#define ENDINGS  (IN_MOVE_SELF | IN_DELETE_SELF | IN_IGNORED | IN_Q_OVERFLOW)

/* inotify gives the same number to all names of one file. */
static bool has_other(const struct front *self, const struct followed *followed)
{
    const struct followed *other;

    for (other = self->followed; other; other = other->next) {
        if (other != followed && other->watch == followed->watch)
            return true;
    }
    return false;
}

static void followed_free(struct front *self, struct followed *followed)
{
    if (!has_other(self, followed))
        sandbox_files_unwatch(&self->files, followed->watch);
    DL_DELETE(self->followed, followed);
    close_fd(&followed->fd);
    free(followed->path);
    free(followed);
}

static void drop_oldest_idle(struct front *self)
{
    struct followed *followed, *oldest = NULL;
    size_t count = 0;

    for (followed = self->followed; followed; followed = followed->next) {
        if (followed->users)
            continue;
        count++;
        if (!oldest || followed->used_us < oldest->used_us)
            oldest = followed;
    }
    if (count > IDLE_MAX)
        followed_free(self, oldest);
}

void followed_release(struct front *self, struct followed *followed)
{
    followed->used_us = clock_now().mono_us;
    if (--followed->users)
        return;
    if (followed->is_over || followed->watch < 0)
        followed_free(self, followed);
    else
        drop_oldest_idle(self);
}

/* Who has a path of its own; one that was put aside has none any more. */
static struct followed *find(const struct front *self, const char *path)
{
    struct followed *followed;
    struct stat info;

    for (followed = self->followed; followed; followed = followed->next)
        if (!followed->is_over && !strcmp(followed->path, path))
            break;
    if (followed && fstat(followed->fd, &info) == 0 && info.st_nlink == 0)
        followed->is_over = true; /* removed: who has it open is not told */
    return followed && !followed->is_over ? followed : NULL;
}

/* The inotify is the launcher's, and comes with the first file. */
static void listen_to(struct front *self)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = self->files.inotify_fd};

    if (!self->has_inotify && self->files.inotify_fd >= 0)
        self->has_inotify =
            epoll_ctl(self->epoll_fd, EPOLL_CTL_ADD, self->files.inotify_fd, &event) == 0;
}

static int open_one(struct front *self, const char *path, struct followed **ret_followed,
                    struct err *err)
{
    struct followed *followed;
    int watch;
    int fd = sandbox_files_open_watched(&self->files, path, &watch, err);

    if (fd < 0)
        return fd;
    listen_to(self);
    followed = mem_new(struct followed);
    followed->path = mem_strdup(path);
    followed->fd = fd;
    followed->watch = watch;
    rotation_id(fd, followed->id);
    DL_APPEND(self->followed, followed);
    *ret_followed = followed;
    return 0;
}

int followed_get(struct front *self, const char *path, struct followed **ret_followed,
                 struct err *err)
{
    int rc = 0;

    followers_on_inotify(self); /* it may have been put aside by now */
    *ret_followed = find(self, path);
    if (!*ret_followed)
        rc = open_one(self, path, ret_followed, err);
    if (rc == 0)
        (*ret_followed)->users++;
    return rc;
}

void followed_on_event(struct front *self, const struct inotify_event *event)
{
    struct followed *followed, *next;

    if (!(event->mask & ENDINGS))
        return;
    for (followed = self->followed; followed; followed = next) {
        next = followed->next;
        if (followed->watch != event->wd && !(event->mask & IN_Q_OVERFLOW))
            continue;
        followed->is_over = true;
        if (!followed->users)
            followed_free(self, followed);
    }
}

int64_t followed_due_us(const struct front *self)
{
    const struct followed *followed;
    int64_t due_us = DEADLINE_NEVER;

    for (followed = self->followed; followed; followed = followed->next) {
        if (!followed->users && followed->used_us + IDLE_US < due_us)
            due_us = followed->used_us + IDLE_US;
    }
    return due_us;
}

void followed_expire(struct front *self, int64_t now_us)
{
    struct followed *followed, *next;

    for (followed = self->followed; followed; followed = next) {
        next = followed->next;
        if (!followed->users && followed->used_us + IDLE_US <= now_us)
            followed_free(self, followed);
    }
}
