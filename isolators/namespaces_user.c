/* namespaces/user: the task's user outside is himself or root inside; what rights it has inside reach what is inside. Nobody
 * else is there, unless the agent has a range of users for that. */
#include "isolators/builtin.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fds.h"
#include "isolators/namespaces.h"
#include "isolators/user_map.h"

static uint32_t range_base; /* 0: none */

/* --- can the range be had? ----------------------------------------------------------------------- */

__attribute__((noreturn)) static void be_inside(pid_t parent, int fd)
{
    char byte;

    fds_close_but(&fd, 1);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
        _exit(1);
    byte = unshare(CLONE_NEWUSER) < 0 ? 1 : 0;

    (void)!write(fd, &byte, 1);
    for (;;)
        pause();
}

static int write_map(pid_t pid, const char *file)
{
    char path[64], text[USER_MAP_TEXT_SIZE];
    CLEANUP(close_fd) int fd = -1;

    user_map_print(0, 0, range_base, text);
    snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* In a user namespace of somebody's own there may be less users than that. */
static int try_range(struct err *err)
{
    CLEANUP(close_fd) int read_fd = -1;
    CLEANUP(close_fd) int write_fd = -1;
    const pid_t parent = getpid();
    int ends[2], rc = -EPERM;
    char byte = 1;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_errno(err, -errno, "pipe");
    read_fd = ends[0];
    write_fd = ends[1];
    pid = fork();
    if (pid == 0)
        be_inside(parent, write_fd);
    if (pid < 0)
        return err_errno(err, -errno, "fork");
    close_fd(&write_fd);
    if (read(read_fd, &byte, 1) == 1 && byte == 0) {
        rc = write_map(pid, "uid_map");
        if (rc == 0)
            rc = write_map(pid, "gid_map");
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return rc < 0 ? err_errno(err, rc, "range=%" PRIu32 ": cannot map these users and groups",
                              range_base)
                  : 0;
}

static int take_range(const char *text, struct err *err)
{
    char *end = NULL;
    unsigned long base = strtoul(text, &end, 10);

    if (end == text || *end || *text == '-' || base < USER_RANGE_SIZE ||
        base > UINT32_MAX - 2 * USER_RANGE_SIZE)
        return err_set(err, -ISOLATOR_WRONG_SETTING,
                       "range=%.32s: want the first of %u users and groups that are nobody's, as "
                       "100000",
                       text, USER_RANGE_SIZE);
    if (geteuid() != 0)
        return err_set(err, -EPERM, "range=%.32s: the agent is not root, and can map one user only",
                       text);
    range_base = (uint32_t)base;
    return try_range(err);
}

static int user_setup(const struct isolator_host *host, struct err *err)
{
    const char *range = isolator_option(host, "namespaces/user", "range");
    int rc = namespaces_try(host, "user", CLONE_NEWUSER, NULL, err);

    range_base = 0;
    return rc == 0 && range ? take_range(range, err) : rc;
}

/* --- life ---------------------------------------------------------------------------------------- */

static bool is_in_range(uint32_t number)
{
    return range_base && number >= range_base && number - range_base < USER_RANGE_SIZE;
}

static int user_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                        struct err *err)
{
    const uid_t uid = want->has_user ? want->uid : geteuid();
    const gid_t gid = want->has_user ? want->gid : getegid();

    (void)ret_state;
    if (is_in_range(uid) || is_in_range(gid))
        return err_set(err, -EINVAL, "its user %u or group %u is one of range=%" PRIu32, uid, gid,
                       range_base);
    spawn->namespaces |= CLONE_NEWUSER;
    spawn->inner_uid = want->asks->inner_root ? 0 : uid;
    spawn->inner_gid = want->asks->inner_root ? 0 : gid;
    spawn->inner_base = range_base;
    return 0;
}

static const struct isolator_option user_options[] = {
    {"range", "the first of 65536 users and groups of the host for the others inside: 100000"},
    {NULL, NULL},
};

const struct isolator_ops isolator_namespaces_user = {
    .name = "namespaces/user",
    .options = user_options,
    .setup = user_setup,
    .prepare = user_prepare,
    .enter = user_prepare,
};
