#include "agent/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/restart.h"
#include "agent/shell.h"
#include "base/bug.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/daemon.h"
#include "base/log.h"

#define EXIT_FAILED 1

struct keeper {
    struct agent_flags flags;
    const struct agent_user *user;
    struct work_dir work_dir;
    struct crew crew;
    pid_t agent; /* 0: it has ended */
    int status;  /* of the agent that has ended */
    int signals_fd;
    int words_fd;    /* the agent's words come here */
    int handed_on;   /* the signal that was handed on last; for the next agent, too */
    bool ends_tasks; /* what the agent has said */
    bool wants_again;
};

/* --- the agent ---------------------------------------------------------------------------------- */

void keeper_tell(int words_fd, enum keeper_word word)
{
    const char letter = (char)word;

    while (words_fd >= 0 && write(words_fd, &letter, 1) < 0 && errno == EINTR)
        ;
}

/* No Ctrl-C of the terminal: the keeper hands it on. */
__attribute__((noreturn)) static void become_agent(const struct keeper *self, pid_t keeper,
                                                   int words_fd)
{
    struct kept kept = {
        .work_dir = self->work_dir,
        .crew = self->crew,
        .user = *self->user,
        .keeper = keeper,
        .words_fd = words_fd,
    };
    struct err err;
    int rc;

    kept.crew.launcher.pid = kept.crew.docker.pid = 0;
    setsid();
    rc = agent_shell_run(&self->flags, NULL, &kept, &err);
    if (rc < 0) {
        log_error("%s", err.text);
        rc = EXIT_FAILED;
    }
    exit(rc);
}

static int start_agent(struct keeper *self, struct err *err)
{
    CLEANUP(close_fd) int read_end = -1;
    CLEANUP(close_fd) int write_end = -1;
    pid_t keeper = getpid();
    int ends[2];

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return err_errno(err, -errno, "pipe for the agent");
    read_end = ends[0];
    write_end = ends[1];
    self->agent = fork();
    if (self->agent < 0) {
        self->agent = 0;
        return err_errno(err, -errno, "fork for the agent");
    }
    if (self->agent == 0) {
        close_fd(&read_end);
        close_fd(&self->signals_fd);
        become_agent(self, keeper, write_end);
    }
    self->words_fd = TAKE_FD(read_end);
    if (self->handed_on)
        kill(self->agent, self->handed_on);
    return 0;
}

/* --- waiting for it ----------------------------------------------------------------------------- */

static void on_ready(struct keeper *self)
{
    int ready_fd = (int)self->flags.ready_fd;
    struct err err;

    /* Whoever reads there until its end must not wait for ours. */
    close_fd(&ready_fd);
    self->flags.ready_fd = -1;
    if (daemon_tell_systemd("READY=1", &err) < 0)
        log_warning("%s", err.text);
}

static void on_word(struct keeper *self, char word)
{
    if (word == KEEPER_READY)
        on_ready(self);
    else if (word == KEEPER_ENDS_TASKS)
        self->ends_tasks = true;
    else if (word == KEEPER_AGAIN)
        self->wants_again = true;
    else if (word == KEEPER_STOPPING)
        self->handed_on = SIGTERM;
}

static void read_words(struct keeper *self)
{
    char words[16];
    ssize_t size = read(self->words_fd, words, sizeof(words));

    for (ssize_t i = 0; i < size; i++)
        on_word(self, words[i]);
    if (size == 0)
        close_fd(&self->words_fd); /* the agent has ended, or is about to */
}

static void take_signals(struct keeper *self)
{
    struct signalfd_siginfo info;

    while (read(self->signals_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        int signal = (int)info.ssi_signo;

        if (signal == SIGCHLD || !self->agent)
            continue;
        self->handed_on = signal;
        kill(self->agent, signal);
    }
    if (self->agent && waitpid(self->agent, &self->status, WNOHANG) == self->agent)
        self->agent = 0;
}

static void wait_for_agent(struct keeper *self)
{
    self->ends_tasks = self->wants_again = false;
    while (self->agent) {
        struct pollfd fds[] = {{self->signals_fd, POLLIN, 0}, {self->words_fd, POLLIN, 0}};

        if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
            continue;
        if (fds[1].revents)
            read_words(self);
        if (fds[0].revents)
            take_signals(self);
    }
    if (self->words_fd >= 0)
        read_words(self); /* its last ones */
    close_fd(&self->words_fd);
}

/* --- all of it ---------------------------------------------------------------------------------- */

static int run_once(struct keeper *self, struct err *err)
{
    int rc = crew_start(&self->crew, &self->flags, &self->work_dir, self->user->uid, err);

    if (rc == 0)
        rc = start_agent(self, err);
    crew_leave(&self->crew);
    if (rc == 0)
        wait_for_agent(self);
    if (crew_end(&self->crew, self->ends_tasks) < 0 && self->ends_tasks)
        crew_clear_up(&self->flags, &self->work_dir);
    return rc;
}

/* Whether another agent is to follow the one that has ended. Its word is not enough to do so again and again. */
static bool is_to_go_on(struct keeper *self)
{
    int64_t now_us = clock_now().mono_us;
    bool is_due = restart_is_due(now_us);

    if (WIFSIGNALED(self->status)) {
        log_error("the agent's process, which reads the network, was ended by signal %d%s",
                  WTERMSIG(self->status), is_due ? ": beginning anew" : ", again and again");
        self->wants_again = true;
    } else if (self->wants_again && !is_due) {
        log_error("the agent's process, which reads the network, wants to begin anew again and "
                  "again");
    }
    return self->wants_again && is_due && restart_note(now_us) == 0;
}

/* Who wanted to begin anew, and may not, has failed, whatever it says. */
static int exit_code(const struct keeper *self)
{
    int code = WIFEXITED(self->status) ? WEXITSTATUS(self->status) : EXIT_FAILED;

    return self->wants_again && code == 0 ? EXIT_FAILED : code;
}

static int open_signals(struct keeper *self, struct err *err)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGUSR1);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
        return err_errno(err, -errno, "sigprocmask");
    self->signals_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    return self->signals_fd < 0 ? err_errno(err, -errno, "signalfd") : 0;
}

static int keep(struct keeper *self, struct err *err)
{
    int rc = open_signals(self, err);

    if (rc == 0)
        rc = work_dir_open(self->flags.work_dir, &self->work_dir, err);
    if (rc == 0 && !self->flags.port)
        work_dir_open_port(&self->work_dir);
    if (rc == 0)
        rc = work_dir_give(&self->work_dir, self->user->uid, self->user->gid, err);
    if (rc < 0)
        return rc;
    do
        rc = run_once(self, err);
    while (rc == 0 && is_to_go_on(self));
    return rc < 0 ? rc : exit_code(self);
}

int keeper_run(const struct agent_flags *flags, const struct agent_user *user, struct err *err)
{
    struct keeper self = {
        .flags = *flags,
        .user = user,
        .work_dir = WORK_DIR_NONE,
        .crew = CREW_NONE,
        .signals_fd = -1,
        .words_fd = -1,
    };
    int rc = keep(&self, err);

    work_dir_close(&self.work_dir);
    close_fd(&self.signals_fd);
    return rc;
}
