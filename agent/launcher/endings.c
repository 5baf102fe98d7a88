/* From the end of a shim to CONTAINER_EXITED: record, isolators, groups; tried again until all is gone. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/launcher/state.h"
#include "agent/shim/shim.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

#define RECORD_BYTES_MAX 16384 /* MESSAGE_MAX texts and numbers */
#define RETRY_MAX_MS     200

/* --- notes -------------------------------------------------------------------------------------- */

static struct launched *find_by_shim(struct launcher *self, pid_t pid)
{
    struct launched *launched;

    HASH_FIND(by_shim, self->by_shim, &pid, sizeof(pid), launched);
    return launched;
}

static void on_note(struct launcher *self, const struct shim_note *note)
{
    struct launched *launched = find_by_shim(self, note->shim_pid);

    if (!launched || launched->state == LAUNCHED_ENDING)
        return;
    if (note->kind == SHIM_FAILED)
        launched->start_error = (int)note->value;
    if (note->kind == SHIM_ENDED) {
        launched->status = (int)note->value;
        launched->has_status = true;
    }
    if (note->kind != SHIM_STARTED)
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
        size = read(self->notes_read_fd, notes, sizeof(notes));
        for (ssize_t i = 0; i < size / (ssize_t)sizeof(notes[0]); i++)
            on_note(self, &notes[i]);
    } while (size == (ssize_t)sizeof(notes));
}

/* --- the record --------------------------------------------------------------------------------- */

/* What the shim wrote; -ENOENT: nothing. */
static int read_record(struct launcher *self, const struct launched *launched,
                       struct msg_container_exited *ret_exited)
{
    char bytes[RECORD_BYTES_MAX];
    struct message message;
    struct err err;
    int size = records_read(&self->records, launched->id, bytes, sizeof(bytes));
    int rc;

    if (size < 0)
        return size;
    rc = message_decode(bytes, (size_t)size, self->arena, &message, &err);
    if (rc == 0 && message.type != MSG_CONTAINER_EXITED)
        rc = err_set(&err, -EBADMSG, "it is a %s", message_name(message.type));
    if (rc < 0) {
        log_error("container %s: its exit record: %s", launched->id, err.text);
        return rc;
    }
    *ret_exited = *message.container_exited;
    return 0;
}

/* The shim was killed, or had no room for its record. */
static void make_up_record(struct launcher *self, const struct launched *launched,
                           struct exit_info *exit_info, struct msg_container_exited *ret_exited)
{
    const int status = launched->status;

    *ret_exited = (struct msg_container_exited){.started_us = launched->started_us,
                                                .ended_us = clock_now().wall_us};
    if (launched->start_error) {
        ret_exited->error =
            arena_printf(self->arena, "cannot be started: %s; nor was there room to say more",
                         strerror(-launched->start_error));
        return;
    }
    if (!launched->has_status) {
        ret_exited->error = "its shim was killed, so its end was not seen";
        return;
    }
    *exit_info = (struct exit_info){
        .code = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
        .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
    };
    ret_exited->exit = exit_info;
}

/* --- what a dead shim left ----------------------------------------------------------------------- */

/* We are the next reaper above a shim: what ran under one that was killed is our own child now, and not a
 * shim that we know. Answers whether there was any. */
static bool kill_strays(struct launcher *self)
{
    FILE *file = fopen("/proc/thread-self/children", "re");
    bool any = false;
    int pid;

    if (!file)
        return false;
    while (fscanf(file, "%d", &pid) == 1)
        if (!find_by_shim(self, pid)) {
            any = true;
            kill(pid, SIGKILL);
        }
    fclose(file);
    return any;
}

static bool is_empty(struct launcher *self, const struct launched *launched)
{
    bool has_strays = kill_strays(self);

    if (!launched->isolators->cgroups)
        return !has_strays;
    launched_kill(launched);
    return cgroups_count_processes(launched->isolators->cgroups, launched->id) <= 0;
}

/* --- ending ------------------------------------------------------------------------------------- */

static void forget(struct launcher *self, struct launched *launched)
{
    deadline_cancel(&self->deadlines, &launched->retry);
    HASH_DELETE(by_id, self->by_id, launched);
    launched_destroy(&launched);
}

/* False: something still lives in it. */
static bool finish(struct launcher *self, struct launched *launched)
{
    struct msg_container_exited exited;
    struct exit_info exit_info;

    if (launched->is_orphaned && !is_empty(self, launched))
        return false;
    launched_ask_isolators(launched);
    if (launched_release(launched) < 0) {
        launched->is_orphaned = true;
        return false;
    }
    if (read_record(self, launched, &exited) < 0)
        make_up_record(self, launched, &exit_info, &exited);
    exited.container_id = launched->id;
    if (launched->peak_mem_bytes)
        exited.peak_mem_bytes = launched->peak_mem_bytes;
    if (launched->limitation.reason) {
        exited.limitation = launched->limitation.reason;
        exited.message = launched->limitation.message;
    }
    launcher_send(self,
                  &(struct message){.type = MSG_CONTAINER_EXITED, .container_exited = &exited});
    records_give(&self->records, launched->spare, launched->id);
    forget(self, launched);
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

static void on_shim_ended(struct launcher *self, struct launched *launched, int status)
{
    /* Its notes were written before it ended, but perhaps after we last looked. */
    launcher_read_notes(self);
    HASH_DELETE(by_shim, self->by_shim, launched);
    launched->shim = 0;
    launched->is_orphaned = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    launched_move(launched, LAUNCHED_ENDING);
    arena_reset(self->arena);
    try_to_finish(self, launched);
}

void launcher_reap(struct launcher *self)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct launched *launched = find_by_shim(self, pid);

        if (launched) /* else one that a dead shim left */
            on_shim_ended(self, launched, status);
    }
}
