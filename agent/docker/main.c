/* proffer-docker: started by proffer-agent with its end of a socket pair as descriptor 3; not for people.
 * See agent/docker/process.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/docker/process.h"
#include "base/log.h"
#include "base/table.h"

#define CHANNEL_FD 3
#define EXIT_USAGE 2

/* A container is an open answer or two. */
static void raise_files(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

/* It ends with its agent and by nothing else; no Ctrl-C of the agent's terminal reaches it. */
static int become_plain(void)
{
    int null = open("/dev/null", O_RDWR);

    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
        return -errno;
    if (fcntl(CHANNEL_FD, F_SETFD, FD_CLOEXEC) < 0 ||
        syscall(SYS_close_range, CHANNEL_FD + 1, ~0U, 0) < 0)
        return -errno;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    umask(022);
    setsid();
    raise_files();
    return 0;
}

int main(void)
{
    int type;
    socklen_t size = sizeof(type);
    int rc;

    if (getsockopt(CHANNEL_FD, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_STREAM) {
        fputs("proffer-docker is started by proffer-agent, with a socket as descriptor 3\n",
              stderr);
        return EXIT_USAGE;
    }
    log_open("proffer-docker", LOG_LEVEL_INFO);
    rc = become_plain();
    if (rc < 0) {
        log_error("cannot start: %s", strerror(-rc));
        return 1;
    }
    table_randomize();
    return docker_process_run(CHANNEL_FD);
}
