#include "agent/launcher/collector.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/launcher/removal.h"
#include "agent/launcher/state.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/mem.h"

/* Of one collection: what is older than the others is taken first, the rest by the next one. */
#define FOUND_MAX       65536
#define COLLECT_MOST_US ((int64_t)60 * US_PER_S)
#define IDLE_CLASS      (3 << 13) /* IOPRIO_CLASS_IDLE, see ioprio_set(2) */
#define NICEST          19

/* --- the helper: what there is ------------------------------------------------------------------ */

struct found {
    int64_t ended_us;
    char *framework, *container; /* owned */
};

struct walk {
    const struct msg_collect_sandboxes *order;
    const char *dir;
    int64_t ended_before_us;
    int64_t now_us;
    int ask_fd;
    int dir_fd;
    struct found *items; /* owned */
    size_t count, capacity;
    struct removal removal;
    struct collector_report report;
};

static void note_left(struct walk *self, int64_t ended_us)
{
    self->report.left++;
    if (!self->report.oldest_us || ended_us < self->report.oldest_us)
        self->report.oldest_us = ended_us;
}

static void note_failure(struct walk *self, const char *what, const struct err *why)
{
    self->report.failed++;
    if (!*self->report.error)
        snprintf(self->report.error, sizeof(self->report.error), "%.120s: %.120s", what, why->text);
}

static int compare_ages(const void *a, const void *b)
{
    int64_t left = ((const struct found *)a)->ended_us, right = ((const struct found *)b)->ended_us;

    return (left > right) - (left < right);
}

static void found_fini(struct found *found)
{
    free(found->framework);
    free(found->container);
}

/* The older half stays. */
static void drop_younger(struct walk *self)
{
    qsort(self->items, self->count, sizeof(*self->items), compare_ages);
    while (self->count > FOUND_MAX / 2) {
        struct found *last = &self->items[--self->count];

        note_left(self, last->ended_us);
        found_fini(last);
    }
}

static void add(struct walk *self, const char *framework, const char *container, int64_t ended_us)
{
    if (self->count == FOUND_MAX)
        drop_younger(self);
    if (self->count == self->capacity) {
        self->capacity = self->capacity ? self->capacity * 2 : 64;
        self->items = mem_resize(self->items, self->capacity, sizeof(*self->items));
    }
    self->items[self->count++] = (struct found){
        .ended_us = ended_us,
        .framework = mem_strdup(framework),
        .container = mem_strdup(container),
    };
}

static void closedir_p(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

static DIR *open_dir(int parent_fd, const char *name)
{
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (fd >= 0 && !dir)
        close(fd);
    return dir;
}

/* The clock was wrong when it ended: its age begins now. */
static int64_t age_anew(const struct walk *self, int fd, const char *name)
{
    if (utimensat(fd, name, NULL, AT_SYMLINK_NOFOLLOW) < 0)
        return self->now_us - 1;
    return self->now_us;
}

static void look_at_sandbox(struct walk *self, int fd, const char *framework, const char *name)
{
    struct stat info;
    int64_t ended_us;

    if (id_check(name, "", NULL) < 0 || fstatat(fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0 ||
        !S_ISDIR(info.st_mode))
        return;
    ended_us = (int64_t)info.st_ctim.tv_sec * US_PER_S + info.st_ctim.tv_nsec / 1000;
    if (ended_us > self->now_us)
        ended_us = age_anew(self, fd, name);
    if (ended_us < self->ended_before_us)
        add(self, framework, name, ended_us);
    else
        note_left(self, ended_us);
}

static void look_at_framework(struct walk *self, const char *name)
{
    CLEANUP(closedir_p) DIR *dir = open_dir(self->dir_fd, name);
    const struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        look_at_sandbox(self, dirfd(dir), name, entry->d_name);
}

static int look_at_all(struct walk *self, struct err *err)
{
    CLEANUP(closedir_p) DIR *dir = open_dir(AT_FDCWD, self->dir);
    const struct dirent *entry;

    if (!dir)
        return err_errno(err, -errno, "%s", self->dir);
    self->dir_fd = dup(dirfd(dir));
    if (self->dir_fd < 0)
        return err_errno(err, -errno, "%s", self->dir);
    while ((entry = readdir(dir)))
        if (id_check(entry->d_name, "", NULL) == 0)
            look_at_framework(self, entry->d_name);
    if (self->count)
        qsort(self->items, self->count, sizeof(*self->items), compare_ages);
    return 0;
}

/* --- the helper: what goes ---------------------------------------------------------------------- */

static bool is_kept(const struct walk *self, const char *container)
{
    for (size_t i = 0; i < self->order->keep_count; i++)
        if (!strcmp(self->order->keep[i], container))
            return true;
    return false;
}

/* 1: nobody lives there, as far as agent and launcher know. */
static int ask(const struct walk *self, const char *container)
{
    char answer = 0;

    if (is_kept(self, container))
        return 0;
    if (send(self->ask_fd, container, strlen(container), MSG_NOSIGNAL) < 0 ||
        recv(self->ask_fd, &answer, 1, 0) != 1)
        return -EPIPE;
    return answer == 1;
}

static void take(struct walk *self, const struct found *found)
{
    CLEANUP(close_fd)
    int fd =
        openat(self->dir_fd, found->framework, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct err err;
    int rc = fd < 0 ? err_errno(&err, -errno, "cannot be opened")
                    : removal_take(&self->removal, fd, found->container, &err);

    if (rc == -ENOENT)
        return;
    if (rc < 0) {
        note_failure(self, found->container, &err);
        return;
    }
    removal_empty(&self->removal);
    self->report.removed++;
    close_fd(&fd);
    unlinkat(self->dir_fd, found->framework, AT_REMOVEDIR); /* if that was the last one */
}

/* What lives does not count as left over: it would be the oldest for as long as it runs. */
static int take_all(struct walk *self, struct err *err)
{
    int64_t until_us = clock_now().mono_us + COLLECT_MOST_US;

    for (size_t i = 0; i < self->count; i++) {
        const struct found *found = &self->items[i];
        int rc;

        if (clock_now().mono_us > until_us) {
            note_left(self, found->ended_us);
            continue;
        }
        rc = ask(self, found->container);
        if (rc < 0)
            return err_errno(err, rc, "the launcher does not answer");
        if (rc)
            take(self, found);
        else
            self->report.left++;
    }
    return 0;
}

static int collect(struct walk *self, struct err *err)
{
    CLEANUP(free_p) char *trash = mem_printf("%s.trash", self->dir);
    int rc = removal_open(&self->removal, trash, err);

    if (rc < 0)
        return rc;
    removal_empty(&self->removal);
    rc = look_at_all(self, err);
    if (rc == 0)
        rc = take_all(self, err);
    self->report.removed_bytes = self->removal.bytes;
    if (self->removal.stuck)
        note_failure(self, trash, &self->removal.why);
    return rc;
}

static int run(void *arg, int fd)
{
    const struct msg_collect_sandboxes *order = arg;
    struct walk self = {
        .order = order,
        .dir = order->sandboxes_dir,
        .ended_before_us = order->ended_before_us,
        .now_us = clock_now().wall_us,
        .ask_fd = fd,
        .dir_fd = -1,
    };
    struct err err;

    setpriority(PRIO_PROCESS, 0, NICEST);
    syscall(SYS_ioprio_set, 1, 0, IDLE_CLASS);
    if (collect(&self, &err) < 0)
        snprintf(self.report.error, sizeof(self.report.error), "%s", err.text);
    return send(fd, &self.report, sizeof(self.report), MSG_NOSIGNAL) < 0;
}

/* --- the launcher ------------------------------------------------------------------------------- */

/* Without a report nothing is known: oldest_us is the oldest that can be. */
static void answer_failure(struct launcher *launcher, const char *why)
{
    launcher_send(launcher, &MESSAGE(SANDBOXES_COLLECTED, sandboxes_collected, .oldest_us = 1,
                                     .failed = 1, .error = why));
}

static void on_question(struct launcher *launcher, const struct helper *helper, const char *id)
{
    char may_go = launcher_find(launcher, id) == NULL;

    if (send(helper->fd, &may_go, 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        helper_kill(helper);
}

static void on_readable(struct launcher *launcher, struct helper *helper)
{
    struct collector *self = CONTAINER_OF(helper, struct collector, helper);
    union {
        struct collector_report report;
        char id[ID_MAX + 1];
    } packet;
    ssize_t size = recv(helper->fd, &packet, sizeof(packet), MSG_DONTWAIT);

    if (size == (ssize_t)sizeof(packet.report)) {
        self->has_report = true;
        self->report = packet.report;
        self->report.error[sizeof(self->report.error) - 1] = '\0';
    } else if (size > 0 && size <= ID_MAX) {
        packet.id[size] = '\0';
        on_question(launcher, helper, packet.id);
    }
}

/* Not before: from the answer on, the agent may want another collection. */
static void on_ended(struct launcher *launcher, struct helper *helper, int status)
{
    struct collector *self = CONTAINER_OF(helper, struct collector, helper);
    const struct collector_report *report = &self->report;

    if (!self->has_report) {
        answer_failure(launcher,
                       arena_printf(launcher->arena,
                                    "the process that removes them ended with wait status %d",
                                    status));
        return;
    }
    launcher_send(launcher,
                  &MESSAGE(SANDBOXES_COLLECTED, sandboxes_collected, .removed = report->removed,
                           .removed_bytes = report->removed_bytes, .left = report->left,
                           .oldest_us = report->oldest_us, .failed = report->failed,
                           .error = report->error));
}

_Static_assert(sizeof(struct collector_report) > ID_MAX + 1,
               "a question is told from a report by its size");

void launcher_collect(struct launcher *launcher, const struct msg_collect_sandboxes *order)
{
    struct collector *self = &launcher->collector;
    struct err err;

    if (!launcher->policy || launcher_check_collection(launcher, order->sandboxes_dir, &err) < 0) {
        answer_failure(launcher, launcher->policy ? err.text : "the launcher is not configured");
        return;
    }
    if (self->helper.pid) {
        log_error("the agent wants sandboxes collected twice at once");
        return;
    }
    self->has_report = false;
    self->helper.on_readable = on_readable;
    self->helper.on_ended = on_ended;
    if (helper_start(launcher, &self->helper, false, run, (void *)(uintptr_t)order, &err) < 0)
        answer_failure(launcher, err.text);
}

void launcher_mark_sandbox(struct launcher *launcher, const char *path)
{
    struct sandbox sandbox;

    if (*path && launcher_check_sandbox(launcher, path, NULL) == 0 &&
        sandboxes_find(&launcher->sandboxes, path, &sandbox) == 0)
        utimensat(sandbox.parent_fd, sandbox.name, NULL, AT_SYMLINK_NOFOLLOW);
}
