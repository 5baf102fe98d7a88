/* proffer-launcher: started by proffer-agent with its end of a socket pair as descriptor 3; not for people.
 * See agent/launcher/launcher.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/launcher/launcher.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/sealed.h"

#define CHANNEL_FD 3
#define DESKS_FD   (CHANNEL_FD + 1) /* the first of them */
#define EXIT_USAGE 2

/* By the kernel's own call: the C library lets nobody touch the two signals that it uses itself, and who
 * started us may have left them ignored. Its first word is the handler; zeroes are the default. */
static void reset_signal(int number)
{
    static const unsigned long plain[8];

    syscall(SYS_rt_sigaction, number, plain, NULL, sizeof(uint64_t));
}

/* Whatever state we were started in, shims and tasks inherit a plain one. */
static int become_plain(void)
{
    int null = open("/dev/null", O_RDWR);
    sigset_t all;

    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
        return -errno;
    for (int fd = CHANNEL_FD; fd < DESKS_FD + DESKS_MAX; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (syscall(SYS_close_range, DESKS_FD + DESKS_MAX, ~0U, 0) < 0)
        return -errno;
    for (int number = 1; number < NSIG; number++)
        reset_signal(number);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    umask(022);
    /* Executed by a descriptor, it would be called by that one's number. */
    prctl(PR_SET_NAME, "proffer-launcher", 0, 0, 0);
#ifndef __SANITIZE_ADDRESS__
    /* No task of our own user traces us, or a shim. (A sanitizer's search for leaks is a trace.) */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
    setsid(); /* no Ctrl-C of the agent's terminal reaches us or a task */
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
        return -errno;
    return 0;
}

/* Once more, from memory that cannot be written to: the shims are forks of us, and what runs in a container could get
 * at their file. */
static void become_sealed(void)
{
    static char name[] = "proffer-launcher";
    char *const argv[] = {name, NULL};
    CLEANUP(close_fd) int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    CLEANUP(close_fd) int sealed = -1;
    struct err err;

    if (file < 0)
        err_errno(&err, -errno, "/proc/self/exe");
    else if (is_sealed(file))
        return;
    else if (sealed_from_file(name, file, &sealed, &err) == 0) {
        syscall(SYS_execveat, sealed, "", argv, environ, AT_EMPTY_PATH);
        err_errno(&err, -errno, "cannot execute a file in memory");
    }
    log_warning("the launcher and its shims run from their file on disk: %s", err.text);
}

static bool is_socket(int fd, int wanted_type)
{
    int type;
    socklen_t size = sizeof(type);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == wanted_type;
}

/* Tests may do without. */
static void find_desks(int ret_fds[DESKS_MAX])
{
    for (int i = 0; i < DESKS_MAX; i++) {
        ret_fds[i] = DESKS_FD + i;
        if (!is_socket(DESKS_FD + i, SOCK_SEQPACKET))
            close_fd(&ret_fds[i]);
    }
}

int main(void)
{
    int desk_fds[DESKS_MAX];
    int rc;

    if (!is_socket(CHANNEL_FD, SOCK_STREAM)) {
        fputs("proffer-launcher is started by proffer-agent, with a socket as descriptor 3\n",
              stderr);
        return EXIT_USAGE;
    }
    log_open("proffer-launcher", LOG_LEVEL_INFO);
    become_sealed();
    rc = become_plain();
    if (rc < 0) {
        log_error("cannot start: %s", strerror(-rc));
        return 1;
    }
    find_desks(desk_fds);
    return launcher_run(CHANNEL_FD, desk_fds);
}
