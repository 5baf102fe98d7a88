#include "agent/shim/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/shim/child.h"
#include "agent/shim/fetch.h"
#include "agent/shim/logs.h"
#include "agent/shim/record.h"
#include "agent/shim/rights.h"
#include "base/children.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fds.h"
#include "proto/message.h"

/* How often the rest of a container is killed again, for what slipped through between two looks. */
#define KILL_AGAIN_MS 20
#define KEPT_FDS_MAX  16

enum shim_stream { SHIM_STDOUT, SHIM_STDERR, SHIM_STREAMS };

struct shim {
    const struct shim_plan *plan;
    struct record record;
    int sandbox_fd;
    struct log_stream streams[SHIM_STREAMS];
    pid_t task;
    pid_t told_task; /* its number, and ours, as the launcher has them */
    pid_t told_shim;
    pid_t init;      /* of its PID namespace; 0: it has none, or it has ended */
    int task_status; /* as wait gives it */
    bool task_ended;
    bool all_ended; /* nothing is left in the container */
    bool is_killing;
    int64_t started_us;
    bool came_too_late; /* its launcher died before it could start anything */
    struct err error;   /* why the command never ran */
};

/* FNV-1a, folded: among the few that a pid can be mistaken for. */
uint16_t shim_note_mark(const char *container_id)
{
    uint32_t hash = 2166136261;

    for (const char *c = container_id; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619;
    hash = (hash >> 16 ^ hash) & UINT16_MAX;
    return (uint16_t)(hash ? hash : 1);
}

static void note(const struct shim *self, enum shim_note_kind kind, int64_t value, int64_t wall_us)
{
    const struct shim_note one = {
        .shim_pid = self->told_shim,
        .kind = (uint16_t)kind,
        .container = shim_note_mark(self->plan->order->container_id),
        .value = value,
        .wall_us = wall_us,
    };

    /* The launcher may be gone; the record tells whoever comes next. */
    if (write(self->plan->notes_fd, &one, sizeof(one)) < 0)
        return;
}

/* --- start --------------------------------------------------------------------------------------
 */

static int open_streams(struct shim *self, int write_fds[SHIM_STREAMS], struct err *err)
{
    static const char *const names[SHIM_STREAMS] = {"stdout", "stderr"};
    int rc = 0;

    for (int i = 0; i < SHIM_STREAMS && rc == 0; i++) {
        self->streams[i] = (struct log_stream){
            .name = names[i],
            .dir_fd = self->sandbox_fd,
            .account = self->plan->account,
            .max_bytes = self->plan->log_max_bytes,
            .files = self->plan->log_files,
            .pipe_fd = -1,
        };
        rc = log_stream_open(&self->streams[i], &write_fds[i], err);
    }
    return rc;
}

static int open_sandbox(struct shim *self, struct err *err)
{
    const struct sandbox *sandbox = &self->plan->sandbox;

    self->sandbox_fd =
        openat(sandbox->parent_fd, sandbox->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return self->sandbox_fd < 0 ? err_errno(err, -errno, "cannot open its sandbox") : 0;
}

static bool is_locked(const struct shim_plan *plan, off_t start, off_t size)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = size};

    return fcntl(plan->notes_fd, F_GETLK, &lock) < 0 || lock.l_type != F_UNLCK;
}

/* That nothing ran is what no record says, too; this one might be found by nobody any more. */
static void take_back_record(const struct shim_plan *plan)
{
    char name[RECORD_NAME_MAX + 1];

    record_name(plan->order->container_id, name);
    unlinkat(plan->records_dir, name, 0);
}

static int take_record(struct shim *self, struct err *err)
{
    const struct shim_plan *plan = self->plan;
    int rc =
        record_take(plan->records_dir, plan->spare, plan->order->container_id, &self->record, err);

    if (rc < 0)
        return rc;
    /* As long as that is our launcher's, no later one can have looked for records. */
    if (is_locked(plan, SHIM_LOCK_OF(plan->launcher), 1))
        return 0;
    self->came_too_late = true;
    if (!is_locked(plan, 0, 0)) /* by any launcher */
        take_back_record(plan);
    return err_set(err, -ECANCELED, "its launcher died before it was started");
}

static void note_progress(void *owner, int64_t uri, int64_t bytes)
{
    note(owner, SHIM_FETCHING, bytes, uri);
}

static int fetch(struct shim *self, struct err *err)
{
    const struct shim_plan *plan = self->plan;
    const struct shim_fetch want = {
        .container_id = plan->order->container_id,
        .command = plan->order->command,
        .settings = plan->fetcher,
        .program = plan->fetcher_program,
        .account = plan->account,
        .cgroups = plan->cgroups,
        .sandbox_fd = self->sandbox_fd,
        .signals_fd = plan->signals_fd,
        .on_progress = note_progress,
        .owner = self,
    };

    if (!plan->order->command->uris_count)
        return 0;
    if (!plan->fetcher)
        return err_set(err, -ENOTSUP, "this agent fetches no URIs");
    return shim_fetch(&want, err);
}

static int start(struct shim *self, struct err *err)
{
    const struct shim_plan *plan = self->plan;
    struct spawn *spawn = plan->spawn;
    struct child child = {
        .command = plan->order->command,
        .account = plan->account,
        .spawn = spawn,
        .is_holder = plan->order->group,
        .ends_with_parent = !plan->cgroups,
        .files = plan->files,
        .shim_is_init = plan->is_init,
        .proc_fd = plan->proc_fd,
    };
    int write_fds[SHIM_STREAMS];
    int rc = take_record(self, err);

    if (rc == 0)
        rc = open_sandbox(self, err);
    if (rc == 0)
        rc = open_streams(self, write_fds, err);
    if (rc == 0)
        rc = fetch(self, err);
    if (rc == 0 && plan->cgroups)
        rc = cgroups_enter(plan->cgroups, plan->order->container_id, spawn, err);
    if (rc == 0)
        rc = child_prepare(&child, err);
    if (rc < 0)
        return rc;
    child.sandbox_fd = self->sandbox_fd;
    child.sandbox = plan->order->sandbox;
    child.stdout_fd = write_fds[SHIM_STDOUT];
    child.stderr_fd = write_fds[SHIM_STDERR];
    self->started_us = clock_now().wall_us;
    rights_exceed_limits(true); /* its limits may be above ours */
    rc = child_start(&child, err);
    rights_exceed_limits(false);
    if (rc < 0)
        return rc;
    self->task = rc;
    self->told_task = child.told_pid;
    self->init = child.init;
    return 0;
}

/* Holds nothing but what it works with: above all not the write ends of the task's pipes. */
static void close_others(const struct shim *self)
{
    int kept[KEPT_FDS_MAX] = {self->sandbox_fd, self->record.fd, self->plan->notes_fd,
                              self->plan->signals_fd};
    size_t count = 4;

    dup2(STDIN_FILENO, STDERR_FILENO);
    for (int i = 0; i < SHIM_STREAMS; i++) {
        kept[count++] = self->streams[i].pipe_fd;
        kept[count++] = self->streams[i].file_fd;
    }
    if (self->plan->cgroups)
        count += cgroups_kill_fds(self->plan->cgroups, &kept[count]);
    fds_close_but(kept, count);
}

/* --- the end of the task ------------------------------------------------------------------------
 */

static void kill_child(void *owner, pid_t pid)
{
    (void)owner;
    kill(pid, SIGKILL);
}

/* Our children, which all that descends from the task becomes when its parent
 * dies. */
static void kill_children(const struct shim *self)
{
    CLEANUP(close_fd) int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (!self->task_ended)
        kill(-self->task, SIGKILL);
    children_each(proc_fd, getpid(), kill_child, NULL);
}

/* What is in a PID namespace ends with its init. Whoever is in the groups and not in there keeps them from being removed,
 * and is ended before that (launched_release), or 20 ms later by us. */
static void kill_all(struct shim *self)
{
    bool again = self->is_killing;

    self->is_killing = true;
    if (self->init)
        kill(self->init, SIGKILL);
    else if (self->plan->is_init)
        kill(-1, SIGKILL); /* all in our namespace but ourselves */
    if ((self->init || self->plan->is_init) && !again)
        return;
    if (self->plan->cgroups)
        cgroups_kill(self->plan->cgroups, self->plan->order->container_id);
    /* A task that is root may have left its groups; it cannot leave its ancestors. */
    if (!self->plan->is_init && (!self->plan->cgroups || again))
        kill_children(self);
}

/* We are the subreaper of all that descends from the task: when there is nothing left to wait for,
 * nothing is left at all. */
static void reap(struct shim *self)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == self->task) {
            self->task_status = status;
            self->task_ended = true;
        }
        if (pid == self->init)
            self->init = 0;
    }
    if (pid < 0 && errno == ECHILD)
        self->all_ended = true;
    else if (self->task_ended)
        kill_all(self);
}

static void on_signals(struct shim *self)
{
    struct signalfd_siginfo infos[4];
    ssize_t size = read(self->plan->signals_fd, infos, sizeof(infos));

    for (ssize_t i = 0; i < size / (ssize_t)sizeof(infos[0]); i++) {
        if (infos[i].ssi_signo == SIGCHLD)
            reap(self);
        else if (infos[i].ssi_signo == SHIM_SIGNAL_TERM && !self->task_ended)
            kill(-self->task, SIGTERM);
        else if (infos[i].ssi_signo == SHIM_SIGNAL_KILL)
            kill_all(self);
    }
}

/* What is blocked is kept for us, whoever sends it: root in the task could have us search a queue of a hundred thousand
 * whenever a child ends. An init is sent nothing that it neither blocks nor handles. */
static void hear_no_other_signals(void)
{
    sigset_t ours;

    sigemptyset(&ours);
    sigaddset(&ours, SIGCHLD);
    sigaddset(&ours, SHIM_SIGNAL_TERM);
    sigaddset(&ours, SHIM_SIGNAL_KILL);
    sigprocmask(SIG_SETMASK, &ours, NULL);
}

/* Somebody has set limits for us by which we cannot wait for anything but an end. */
static void give_up(struct shim *self)
{
    poll(NULL, 0, KILL_AGAIN_MS);
    kill_all(self);
    reap(self);
}

static void hold(struct shim *self)
{
    if (self->plan->is_init)
        hear_no_other_signals();
    while (!self->all_ended) {
        struct pollfd fds[1 + SHIM_STREAMS] = {{self->plan->signals_fd, POLLIN, 0}};
        int ready;

        for (int i = 0; i < SHIM_STREAMS; i++)
            fds[1 + i] = (struct pollfd){self->streams[i].pipe_fd, POLLIN, 0};
        ready = poll(fds, 1 + SHIM_STREAMS, self->is_killing ? KILL_AGAIN_MS : -1);
        for (int i = 0; ready > 0 && i < SHIM_STREAMS; i++)
            if (fds[1 + i].revents)
                log_stream_pump(&self->streams[i]);
        if (ready > 0 && fds[0].revents)
            on_signals(self);
        if (ready == 0)
            kill_all(self);
        if (ready < 0 && errno != EINTR)
            give_up(self);
    }
    for (int i = 0; i < SHIM_STREAMS; i++)
        log_stream_drain(&self->streams[i]);
}

/* --- the record ---------------------------------------------------------------------------------
 */

static int64_t us_of(struct timeval time)
{
    return (int64_t)time.tv_sec * US_PER_S + time.tv_usec;
}

static void tell_start(struct shim *self)
{
    if (self->plan->kept)
        record_append(&self->record, &(struct message){.type = MSG_CONTAINER_KEPT,
                                                       .container_kept = self->plan->kept});
    record_append(&self->record, &MESSAGE(CONTAINER_STARTED, container_started,
                                          .container_id = self->plan->order->container_id,
                                          .pid = self->told_task, .started_us = self->started_us));
    note(self, SHIM_STARTED, self->told_task, self->started_us);
}

static int write_end(struct shim *self)
{
    const int status = self->task_status;
    const struct exit_info exit_info = {
        .code = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
        .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
    };
    struct rusage used = {0};

    getrusage(RUSAGE_CHILDREN, &used);
    return record_append(
        &self->record,
        &MESSAGE(CONTAINER_EXITED, container_exited,
                 .container_id = self->plan->order->container_id,
                 .exit = self->task_ended ? &exit_info : NULL, .error = self->error.text,
                 .peak_mem_bytes = self->task_ended ? used.ru_maxrss * 1024 : 0,
                 .cpu_user_us = self->task_ended ? us_of(used.ru_utime) : 0,
                 .cpu_system_us = self->task_ended ? us_of(used.ru_stime) : 0,
                 .stdout_bytes = self->streams[SHIM_STDOUT].written,
                 .stderr_bytes = self->streams[SHIM_STDERR].written, .started_us = self->started_us,
                 .ended_us = clock_now().wall_us, .never_launched = self->came_too_late));
}

/* In few bytes, over the FIFO, what a full disk has no room for. */
static void tell_end(struct shim *self, int start_rc)
{
    if (write_end(self) == 0)
        return;
    if (self->task_ended)
        note(self, SHIM_ENDED, self->task_status, clock_now().wall_us);
    else if (start_rc < 0)
        note(self, SHIM_FAILED, start_rc, clock_now().wall_us);
}

/* Or the agent would not see its launcher die as long as we start something. What else is the launcher's alone matters
 * when that may take long; close_others sees to it soon. */
static void leave_launcher(const struct shim_plan *plan)
{
    if (plan->order->command->uris_count)
        plan->leave_launcher(plan->launcher_self);
    else
        close(plan->channel_fd);
}

void shim_run(const struct shim_plan *plan)
{
    struct shim self = {.plan = plan, .sandbox_fd = -1, .record.fd = -1};
    int rc;

    /* No session of its own: the launcher has left the agent's terminal already, and a new session costs
     * a scheduling group, made and freed for each shim. */
    leave_launcher(plan);
    setpgid(0, 0);
    prctl(PR_SET_NAME, "proffer-shim", 0, 0, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    rights_exceed_limits(false);
    self.told_shim = plan->is_init ? process_self(plan->proc_fd) : getpid();
    rc = start(&self, &self.error);
    if (rc == 0) {
        tell_start(&self);
        close_others(&self);
        hold(&self);
    }
    tell_end(&self, rc);
    _exit(0);
}
