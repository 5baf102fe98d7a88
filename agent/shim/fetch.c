#include "agent/shim/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/shim/child.h"
#include "agent/shim/fetch_report.h"
#include "agent/shim/rights.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "proto/message.h"

#define KILL_AGAIN_MS 20

struct fetching {
    const struct shim_fetch *want;
    int fd; /* owned: our end */
    pid_t pid;
    bool has_ended; /* it, and all that came of it */
    bool is_canceled;
    bool is_done;
    int status;
    struct err failure;
};

/* --- start -------------------------------------------------------------------------------------- */

static int start(struct fetching *self, struct err *err)
{
    const char *const argv[] = {self->want->program};
    const struct command_info command = {.argv = argv, .argv_count = 1};
    struct spawn spawn;
    struct child child = {
        .command = &command,
        .spawn = &spawn,
        .sandbox_fd = self->want->sandbox_fd,
        .ends_with_parent = true,
    };
    CLEANUP(close_fd) int theirs = -1;
    CLEANUP(close_fd) int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int ends[2];
    int rc = 0;

    spawn_init(&spawn);
    spawn_add_step(&spawn, &rights_keep_limits, NULL); /* the first: there is room */
    if (null < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return err_errno(err, -errno, "socket pair for the fetcher");
    self->fd = ends[0];
    theirs = ends[1];
    if (self->want->cgroups)
        rc = cgroups_enter(self->want->cgroups, self->want->container_id, &spawn, err);
    if (rc == 0)
        rc = child_prepare(&child, err);
    if (rc < 0)
        return rc;
    child.stdout_fd = theirs;
    child.stderr_fd = null;
    self->pid = child_start(&child, err);
    for (size_t i = 0; i < spawn.procs_count; i++)
        close(spawn.procs_fds[i]);
    close_fd(&spawn.cgroup_fd);
    return self->pid < 0 ? self->pid : 0;
}

static int send_order(const struct fetching *self, struct err *err)
{
    const struct shim_fetch *want = self->want;
    const struct account *account = want->account;
    const struct msg_fetch fetch = {
        .uris = want->command->uris,
        .uris_count = want->command->uris_count,
        .settings = want->settings,
        .has_user = account != NULL,
        .uid = account ? account->uid : 0,
        .gid = account ? account->gid : 0,
        .groups = {.data = account ? account->groups : NULL,
                   .size = account ? account->groups_count * sizeof(gid_t) : 0},
    };
    CLEANUP(buf_fini) struct buf frame = {0};
    uint32_t size;
    int rc = message_encode(&(struct message){.type = MSG_FETCH, .fetch = &fetch}, &frame, err);

    if (rc < 0)
        return rc;
    size = (uint32_t)frame.size;
    if (send(self->fd, &size, sizeof(size), MSG_NOSIGNAL) != (ssize_t)sizeof(size))
        return err_errno(err, -errno, "the fetcher");
    for (size_t sent = 0; sent < frame.size;) {
        ssize_t part = send(self->fd, frame.data + sent, frame.size - sent, MSG_NOSIGNAL);

        if (part < 0 && errno != EINTR)
            return err_errno(err, -errno, "the fetcher");
        sent += part > 0 ? (size_t)part : 0;
    }
    return 0;
}

/* --- while it works ----------------------------------------------------------------------------- */

static void on_report(struct fetching *self, struct fetch_report *report)
{
    if (report->kind == FETCH_PROGRESS)
        self->want->on_progress(self->want->owner, report->uri, report->bytes);
    else if (report->kind == FETCH_DONE)
        self->is_done = true;
    else if (!*self->failure.text) {
        report->text[sizeof(report->text) - 1] = '\0';
        err_set(&self->failure, -EIO, "%s", report->text);
    }
}

/* False: it has closed its end. Reports are far smaller than the socket's buffer: each comes as a whole. */
static bool read_reports(struct fetching *self)
{
    struct fetch_report report;
    ssize_t size;

    while ((size = recv(self->fd, &report, sizeof(report), MSG_DONTWAIT | MSG_PEEK)) > 0) {
        if (size < (ssize_t)sizeof(report))
            return true;
        if (recv(self->fd, &report, sizeof(report), 0) != (ssize_t)sizeof(report))
            return false;
        on_report(self, &report);
    }
    return size < 0;
}

static void kill_all(struct fetching *self)
{
    const struct cgroups *cgroups = self->want->cgroups;

    if (cgroups && self->is_done && !self->is_canceled)
        cgroups_kill_and_go_on(cgroups, self->want->container_id);
    else if (cgroups)
        cgroups_kill(cgroups, self->want->container_id);
    if (self->pid > 0)
        kill(-self->pid, SIGKILL);
}

static void reap(struct fetching *self)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == self->pid) {
            self->status = status;
            self->pid = 0;
        }
    if (pid < 0 && errno == ECHILD)
        self->has_ended = true;
}

static void on_signals(struct fetching *self)
{
    struct signalfd_siginfo infos[4];
    ssize_t size = read(self->want->signals_fd, infos, sizeof(infos));

    for (ssize_t i = 0; i < size / (ssize_t)sizeof(infos[0]); i++) {
        if (infos[i].ssi_signo == SIGCHLD)
            reap(self);
        else
            self->is_canceled =
                true; /* before the command there is nothing that could end gracefully */
    }
}

static void hold(struct fetching *self)
{
    bool is_open = true;

    while (!self->has_ended) {
        struct pollfd fds[2] = {{self->want->signals_fd, POLLIN, 0},
                                {is_open ? self->fd : -1, POLLIN, 0}};
        /* What outlives it is nobody's. */
        bool is_killing = self->is_canceled || !self->pid;
        int ready;

        if (is_killing)
            kill_all(self);
        ready = poll(fds, 2, is_killing ? KILL_AGAIN_MS : -1);
        if (ready > 0 && fds[1].revents)
            is_open = read_reports(self);
        if (ready > 0 && fds[0].revents)
            on_signals(self);
        if (is_killing)
            reap(self);
    }
    if (is_open)
        read_reports(self);
}

static int judge(const struct fetching *self, struct err *err)
{
    if (self->is_canceled)
        return err_set(err, -ECANCELED, "ended while its URIs were fetched");
    if (*self->failure.text)
        return err_set(err, -EIO, "%s", self->failure.text);
    if (self->is_done)
        return 0;
    if (WIFSIGNALED(self->status))
        return err_set(err, -EIO, "fetching its URIs was ended by signal %d (%s)",
                       WTERMSIG(self->status), strsignal(WTERMSIG(self->status)));
    return err_set(err, -EIO, "the program that fetches its URIs ended with status %d",
                   WEXITSTATUS(self->status));
}

int shim_fetch(const struct shim_fetch *want, struct err *err)
{
    struct fetching self = {.want = want, .fd = -1};
    int rc = start(&self, err);

    if (rc < 0) {
        close_fd(&self.fd);
        return err_wrap(err, rc, "proffer-fetcher");
    }
    rc = send_order(&self, err);
    if (rc < 0)
        kill_all(&self);
    hold(&self);
    close_fd(&self.fd);
    return rc < 0 && !*self.failure.text && !self.is_canceled ? rc : judge(&self, err);
}
