/* A new launcher and what earlier ones have left: the agent's containers are adopted, all else is removed.
 *
 * No earlier launcher lives any more, and none of its shims starts anything after that (agent/shim/shim.h): so what is
 * found is all that there is, and a container without a record never came to run. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/launcher/state.h"
#include "agent/shim/record.h"
#include "agent/shim/shim.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

#define FILES_SPARE    256 /* descriptors beside one for each adopted shim */
#define HOLDER_TRIES   16
#define END_TIMEOUT_MS 3000 /* for all shims that nobody wants, to end what they hold */
#define KILL_WAIT_MS   1000 /* for one that was killed */

/* --- shims -------------------------------------------------------------------------------------- */

/* 1: the shim lives, and *ret_fd is its pidfd: that it has the lock before and after the pidfd was made shows whose it
 * is. 0: it is dead. */
static int find_shim(const struct record *record, pid_t *ret_pid, int *ret_fd, struct err *err)
{
    for (int i = 0; i < HOLDER_TRIES; i++) {
        pid_t pid = record_holder(record);
        CLEANUP(close_fd) int fd = -1;

        if (pid < 0)
            return err_errno(err, pid, "cannot see who holds its record");
        if (pid == 0)
            return 0;
        fd = (int)syscall(SYS_pidfd_open, pid, 0);
        if (fd < 0 && errno != ESRCH)
            return err_errno(err, -errno, "cannot watch its shim, pid %d", pid);
        if (fd < 0 || record_holder(record) != pid)
            continue;
        *ret_pid = pid;
        *ret_fd = TAKE_FD(fd);
        return 1;
    }
    return err_set(err, -ESRCH, "who holds its record cannot be seen from here");
}

/* --- adopting ----------------------------------------------------------------------------------- */

/* As many more as need be, as far as they can be had: who lacks one says so. */
static void raise_files(struct launcher *self, size_t adopted)
{
    struct rlimit files = self->files;

    if (!adopted || files.rlim_cur >= adopted + FILES_SPARE)
        return;
    files.rlim_cur = adopted + FILES_SPARE;
    if (files.rlim_cur > files.rlim_max)
        files.rlim_cur = files.rlim_max;
    self->has_more_files = setrlimit(RLIMIT_NOFILE, &files) == 0;
}

static int watch(struct launcher *self, struct launched *launched, struct err *err)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = launched};

    if (epoll_ctl(self->adopted_fd, EPOLL_CTL_ADD, launched->shim_fd, &event) < 0)
        return err_errno(err, -errno, "cannot watch its shim, pid %d", launched->shim);
    return 0;
}

/* After the shim was looked for: what a living one writes later, it tells by a note. */
static void read_start(struct launcher *self, struct launched *launched,
                       const struct record *record)
{
    struct record_text text;

    record_read(record, launched->id, self->arena, &text, NULL);
    if (!text.started)
        return;
    launched->pid = (pid_t)text.started->pid;
    launched->started_us = text.started->started_us;
    launched_move(launched, LAUNCHED_RUNNING);
}

static int adopt_from(struct launcher *self, const char *id, const struct record *record,
                      struct err *err)
{
    const struct isolation was = {
        .container_id = id,
        .cgroups = self->isolators.cgroups,
        .asks = &isolation_asks_nothing,
    };
    CLEANUP(launched_destroy) struct launched *launched = NULL;
    int rc;

    launched_recover(&was, &self->isolators, &launched);
    rc = record->fd < 0 ? 0 : find_shim(record, &launched->shim, &launched->shim_fd, err);
    if (rc > 0)
        rc = watch(self, launched, err);
    if (rc < 0) {
        isolation_leave(); /* it lives on, and this launcher ends */
        return err_wrap(err, rc, "container %s", id);
    }
    HASH_ADD_KEYPTR(by_id, self->by_id, launched->id, strlen(launched->id), launched);
    read_start(self, launched, record);
    if (launched->shim)
        HASH_ADD(by_shim, self->by_shim, shim, sizeof(launched->shim), launched);
    else
        launched_move(launched, LAUNCHED_ENDING);
    launched = NULL;
    return 0;
}

static int adopt(struct launcher *self, const char *id, struct err *err)
{
    struct record record = {.fd = -1};
    int rc;

    if (strlen(id) > CGFS_NAME_MAX || launcher_find(self, id))
        return 0;
    rc = record_open(self->records.dir, id, &record);
    if (rc == -ENOENT)
        return 0;
    if (rc < 0) /* something is there, so something may have run */
        log_error("container %s: its record cannot be opened: %s", id, strerror(-rc));
    rc = adopt_from(self, id, &record, err);
    record_close(&record);
    return rc;
}

int launcher_adopt(struct launcher *self, const struct msg_launcher_configure *want,
                   struct err *err)
{
    int rc = 0;

    raise_files(self, want->recover_count);
    for (size_t i = 0; i < want->recover_count && rc == 0; i++)
        rc = adopt(self, want->recover[i], err);
    return rc;
}

/* --- removing ----------------------------------------------------------------------------------- */

struct others {
    struct launcher *launcher;
    int64_t until_us; /* when a shim that has not ended is killed */
    int count;
};

/* Calls `each` with the shim, if it lives. */
static void with_shim(const struct others *self, const char *id,
                      void (*each)(const struct others *self, int shim_fd))
{
    struct record record;
    struct err err;
    pid_t pid;
    int fd;
    int rc = record_open(self->launcher->records.dir, id, &record);

    if (rc < 0)
        return;
    rc = find_shim(&record, &pid, &fd, &err);
    record_close(&record);
    if (rc < 0)
        log_error("container %s: %s", id, err.text);
    if (rc <= 0)
        return;
    each(self, fd);
    close(fd);
}

static void tell_to_kill(const struct others *self, int shim_fd)
{
    (void)self;
    syscall(SYS_pidfd_send_signal, shim_fd, SHIM_SIGNAL_KILL, NULL, 0);
}

static void wait_or_kill(const struct others *self, int shim_fd)
{
    int64_t left_us = self->until_us - clock_now().mono_us;
    struct pollfd poll_fd = {shim_fd, POLLIN, 0};

    if (poll(&poll_fd, 1, left_us > 0 ? (int)(left_us / US_PER_MS) + 1 : 0) > 0)
        return;
    syscall(SYS_pidfd_send_signal, shim_fd, SIGKILL, NULL, 0);
    poll(&poll_fd, 1, KILL_WAIT_MS);
}

static void begin_end(void *owner, const char *id)
{
    struct others *self = owner;

    if (!launcher_find(self->launcher, id))
        with_shim(self, id, tell_to_kill);
}

static void remove_one(void *owner, const char *id)
{
    struct others *self = owner;

    if (launcher_find(self->launcher, id))
        return;
    with_shim(self, id, wait_or_kill);
    records_give(&self->launcher->records, id);
    self->count++;
}

static bool is_adopted(const void *owner, const char *id)
{
    const struct launched *launched, *table = owner;

    HASH_FIND(by_id, table, id, strlen(id), launched);
    return launched != NULL;
}

int launcher_remove_others(struct launcher *self, struct err *err)
{
    struct others others = {.launcher = self};
    int rc;

    rc = records_each(&self->records, begin_end, &others);
    others.until_us = clock_now().mono_us + (int64_t)END_TIMEOUT_MS * US_PER_MS;
    if (rc == 0)
        rc = records_each(&self->records, remove_one, &others);
    if (rc < 0)
        return err_errno(err, rc, "cannot look for records of earlier agents");
    if (self->isolators.cgroups)
        rc = cgroups_clear(self->isolators.cgroups, is_adopted, self->by_id, err);
    return rc < 0 ? rc : others.count + rc;
}

/* --- telling ------------------------------------------------------------------------------------ */

static void tell_never_launched(struct launcher *self, const char *id)
{
    launcher_send(self, &MESSAGE(CONTAINER_EXITED, container_exited, .container_id = id,
                                 .error = "its launcher died before it was started",
                                 .ended_us = clock_now().wall_us, .never_launched = true));
}

void launcher_tell_adopted(struct launcher *self, const struct msg_launcher_configure *want)
{
    struct launched *launched, *next;

    /* First, as ends take the others out of the table. */
    for (size_t i = 0; i < want->recover_count; i++)
        if (!launcher_find(self, want->recover[i]))
            tell_never_launched(self, want->recover[i]);
    HASH_ITER (by_id, self->by_id, launched, next) {
        if (launched->state == LAUNCHED_RUNNING)
            launcher_send(self, &MESSAGE(CONTAINER_STARTED, container_started,
                                         .container_id = launched->id, .pid = launched->pid,
                                         .started_us = launched->started_us));
        if (launched->state == LAUNCHED_ENDING)
            launcher_end(self, launched);
    }
}
