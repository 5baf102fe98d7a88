/* From the end of a shim to CONTAINER_EXITED: record, isolators, groups; tried again until all is gone. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/launcher/state.h"
#include "agent/shim/record.h"
#include "agent/shim/shim.h"
#include "base/children.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "isolators/worker.h"

#define RETRY_MAX_MS 200
/* How often it is looked whether the kernel has ended a command with its shim, where nothing else can be seen. */
#define LOOKS_MAX 10

/* --- notes -------------------------------------------------------------------------------------- */

struct launched *launcher_find_by_shim(struct launcher *self, pid_t pid)
{
    struct launched *launched;

    HASH_FIND(by_shim, self->by_shim, &pid, sizeof(pid), launched);
    return launched;
}

/* Of two that had the same number, one after the other, the newer is found by it. */
static struct launched *find_noted(struct launcher *self, const struct shim_note *note)
{
    struct launched *launched = launcher_find_by_shim(self, note->shim_pid), *next;

    if (!launched || !note->container || note->container == shim_note_mark(launched->id))
        return launched;
    HASH_ITER (by_id, self->by_id, launched, next)
        if (launched->shim == note->shim_pid && note->container == shim_note_mark(launched->id))
            return launched;
    return NULL;
}

static void on_note(struct launcher *self, const struct shim_note *note)
{
    struct launched *launched = find_noted(self, note);

    if (!launched || launched->state == LAUNCHED_ENDING)
        return;
    if (note->kind == SHIM_FETCHING)
        launcher_send(self,
                      &MESSAGE(CONTAINER_FETCHING, container_fetching, .container_id = launched->id,
                               .uri = note->wall_us, .bytes = note->value));
    if (note->kind == SHIM_FAILED)
        launched->start_error = (int)note->value;
    if (note->kind == SHIM_ENDED) {
        launched->status = (int)note->value;
        launched->has_status = true;
    }
    if (note->kind != SHIM_STARTED || launched->state != LAUNCHED_STARTING)
        return;
    launched_move(launched, LAUNCHED_RUNNING);
    launched->pid = (pid_t)note->value;
    launched->started_us = note->wall_us;
    launcher_send(self, &MESSAGE(CONTAINER_STARTED, container_started, .container_id = launched->id,
                                 .pid = launched->pid, .started_us = launched->started_us));
}

void launcher_read_notes(struct launcher *self)
{
    struct shim_note notes[64];
    ssize_t size;

    do {
        size = read(self->records.notes_read_fd, notes, sizeof(notes));
        for (ssize_t i = 0; i < size / (ssize_t)sizeof(notes[0]); i++)
            on_note(self, &notes[i]);
    } while (size == (ssize_t)sizeof(notes));
}

/* --- what is told ------------------------------------------------------------------------------- */

struct end {
    struct record record; /* fd -1: there is none that could be opened */
    struct record_text text;
    struct msg_container_exited exited;
    struct exit_info exit_info;
};

/* The shim was killed, or had no room for its record. */
static void make_up(struct launcher *self, const struct launched *launched, bool has_record,
                    const char *damage, struct end *end)
{
    const struct msg_container_started *started = end->text.started;
    const int status = launched->status;

    end->exited = (struct msg_container_exited){
        .started_us = started ? started->started_us : launched->started_us,
        .ended_us = clock_now().wall_us,
    };
    if (launched->start_error) {
        end->exited.error =
            arena_printf(self->arena, "cannot be started: %s; nor was there room to say more",
                         strerror(-launched->start_error));
    } else if (launched->has_status) {
        end->exit_info = (struct exit_info){
            .code = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
            .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
        };
        end->exited.exit = &end->exit_info;
    } else if (!has_record && launched->state == LAUNCHED_ENDING && !launched->pid) {
        end->exited.error = "its shim ended before it began"; /* it takes its record first of all */
        end->exited.never_launched = true;
    } else {
        end->exited.error = *damage ? arena_printf(self->arena, "its end was not seen: %s", damage)
                                    : "its shim was killed, so its end was not seen";
    }
}

static void read_end(struct launcher *self, const struct launched *launched, struct end *ret_end)
{
    struct err err = {""};
    int rc = record_open(self->records.dir, launched->id, &ret_end->record);

    if (rc < 0 && rc != -ENOENT)
        err_errno(&err, rc, "its record cannot be opened");
    if (rc == 0)
        record_read(&ret_end->record, launched->id, self->arena, &ret_end->text, &err);
    if (*err.text)
        log_error("container %s: %s", launched->id, err.text);
    if (ret_end->text.exited)
        ret_end->exited = *ret_end->text.exited;
    else
        make_up(self, launched, rc != -ENOENT, err.text, ret_end);
    ret_end->exited.container_id = launched->id;
}

/* The groups that this is known from go before the agent has written it down: so the record gets it. */
static void complete(const struct launched *launched, struct end *end)
{
    bool is_new = !end->text.exited;

    if (launched->peak_mem_bytes) {
        end->exited.peak_mem_bytes = launched->peak_mem_bytes;
        is_new = true;
    }
    if (launched->cpu_user_us || launched->cpu_system_us) {
        end->exited.cpu_user_us = launched->cpu_user_us;
        end->exited.cpu_system_us = launched->cpu_system_us;
        is_new = true;
    }
    if (launched->limitation) {
        end->exited.limitation = launched->limitation->reason;
        end->exited.message = launched->limitation->message;
        is_new = true;
    }
    if (!is_new || end->record.fd < 0)
        return;
    end->record.size = end->text.exited_at;
    record_append(&end->record, &(struct message){.type = MSG_CONTAINER_EXITED,
                                                  .container_exited = &end->exited});
}

/* --- what a dead shim left ----------------------------------------------------------------------- */

struct strays {
    struct launcher *launcher;
    bool any;
};

static void end_stray(void *owner, pid_t pid)
{
    struct strays *self = owner;

    if (launcher_find_by_shim(self->launcher, pid) || helpers_have(&self->launcher->helpers, pid) ||
        workers_have(pid))
        return;
    self->any = true;
    kill(pid, SIGKILL);
}

/* We are the next reaper above a shim or a helper: what ran under one that was killed is our own child now, and none
 * that we know. */
bool launcher_kill_strays(struct launcher *self)
{
    CLEANUP(close_fd) int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct strays strays = {.launcher = self};

    children_each(proc_fd, getpid(), end_stray, &strays);
    return strays.any;
}

/* Without cgroups, of a shim that was not our child: the kernel kills its command with it, and we look on. By a pidfd,
 * as who has become its parent may be slow to wait for it. */
static bool has_command(const struct launched *launched)
{
    CLEANUP(close_fd) int fd = -1;

    if (!launched->pid || launched->tries >= LOOKS_MAX)
        return false;
    fd = (int)syscall(SYS_pidfd_open, launched->pid, 0);
    return fd >= 0 && poll(&(struct pollfd){fd, POLLIN, 0}, 1, 0) == 0;
}

static bool is_empty(struct launcher *self, const struct launched *launched)
{
    bool has_strays = launcher_kill_strays(self);

    if (!launched->isolators->cgroups)
        return !has_strays && !has_command(launched);
    launched_kill(launched);
    return cgroups_count_processes(launched->isolators->cgroups, launched->id) <= 0;
}

/* --- ending ------------------------------------------------------------------------------------- */

void launcher_drop(struct launcher *self, struct launched *launched)
{
    deadline_cancel(&self->deadlines, &launched->retry);
    HASH_DELETE(by_id, self->by_id, launched);
    launched_destroy(&launched);
}

/* False: something still lives in it. */
static bool finish(struct launcher *self, struct launched *launched)
{
    struct end end = {.record.fd = -1};

    if (launched->is_orphaned && !is_empty(self, launched))
        return false;
    launched_ask_isolators(launched);
    read_end(self, launched, &end);
    complete(launched, &end);
    record_close(&end.record);
    if (launched_release(launched) < 0) {
        launched->is_orphaned = true;
        return false;
    }
    launcher_send(self,
                  &(struct message){.type = MSG_CONTAINER_EXITED, .container_exited = &end.exited});
    launcher_drop(self, launched);
    return true;
}

static void on_retry(void *owner, struct deadline *deadline);

static void try_to_finish(struct launcher *self, struct launched *launched)
{
    int64_t pause_ms = (int64_t)1 << (launched->tries < 16 ? launched->tries : 16);

    if (finish(self, launched))
        return;
    launched->tries++;
    launched->retry.due = on_retry;
    if (pause_ms > RETRY_MAX_MS)
        pause_ms = RETRY_MAX_MS;
    deadline_set(&self->deadlines, &launched->retry, clock_now().mono_us + pause_ms * US_PER_MS);
}

static void on_retry(void *owner, struct deadline *deadline)
{
    struct launcher *self = owner;

    arena_reset(self->arena);
    try_to_finish(self, CONTAINER_OF(deadline, struct launched, retry));
}

static void on_shim_ended(struct launcher *self, struct launched *launched, bool is_orphaned)
{
    /* Its notes were written before it ended, but perhaps after we last looked. */
    launcher_read_notes(self);
    if (launcher_find_by_shim(self, launched->shim) == launched)
        HASH_DELETE(by_shim, self->by_shim, launched);
    launched->shim = 0;
    launched->is_orphaned = is_orphaned;
    launched_move(launched, LAUNCHED_ENDING);
    try_to_finish(self, launched);
}

void launcher_reap(struct launcher *self)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct launched *launched = launcher_find_by_shim(self, pid);

        arena_reset(self->arena);
        if (launched)
            on_shim_ended(self, launched, !WIFEXITED(status) || WEXITSTATUS(status) != 0);
        else if (!helpers_reap(self, pid, status)) /* or one that a dead shim left */
            workers_reaped(pid);
    }
}

/* --- the ends of adopted ones ------------------------------------------------------------------- */

/* How a process ended that was not our child is not ours to know. */
static bool has_written_its_end(struct launcher *self, const struct launched *launched)
{
    struct record record;
    struct record_text text = {0};

    if (record_open(self->records.dir, launched->id, &record) < 0)
        return false;
    record_read(&record, launched->id, self->arena, &text, NULL);
    record_close(&record);
    return text.exited != NULL;
}

void launcher_end(struct launcher *self, struct launched *launched)
{
    const bool is_orphaned = !has_written_its_end(self, launched);

    if (launched->shim) {
        epoll_ctl(self->adopted_fd, EPOLL_CTL_DEL, launched->shim_fd, NULL);
        close_fd(&launched->shim_fd);
        on_shim_ended(self, launched, is_orphaned);
    } else {
        launched->is_orphaned = is_orphaned;
        try_to_finish(self, launched);
    }
}

void launcher_reap_adopted(struct launcher *self)
{
    struct epoll_event events[64];
    int count;

    while ((count = epoll_wait(self->adopted_fd, events, ARRAY_SIZE(events), 0)) > 0)
        for (int i = 0; i < count; i++) {
            arena_reset(self->arena);
            launcher_end(self, events[i].data.ptr);
        }
}
