/* A connection to a container's port, and one line of HTTP. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/launcher/check_answer.h"
#include "agent/launcher/check_confine.h"
#include "agent/launcher/check_run.h"
#include "base/cleanup.h"
#include "base/fds.h"
#include "proto/checks.h"

#define PROGRAM     "proffer-check"
#define PROGRAM_FD  3
#define NOTHING_FD  4 /* the root that it is to take, once its libraries are there */
#define REQUEST_MAX 2048
#define LINE_MAX_   1024 /* of an answer's first line */

struct place {
    struct sockaddr_storage address;
    socklen_t size;
    const char *text;
    int64_t port;
};

static int find_place(const char *text, int64_t port, struct place *ret, struct err *err)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&ret->address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ret->address;

    *ret = (struct place){.text = text && *text ? text : CHECK_ADDRESS, .port = port};
    if (inet_pton(AF_INET, ret->text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        ret->size = sizeof(*v4);
    } else if (inet_pton(AF_INET6, ret->text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        ret->size = sizeof(*v6);
    } else {
        return err_set(err, -EINVAL, "'%.64s' is no numeric address", ret->text);
    }
    return 0;
}

/* --- in time ------------------------------------------------------------------------------------ */

static int wait_for(int fd, short events, const struct check_time *time)
{
    struct pollfd poll_fd = {fd, events, 0};
    int left_ms = check_time_left_ms(time);

    return left_ms && poll(&poll_fd, 1, left_ms) > 0 ? 0 : -ETIMEDOUT;
}

static int connect_to(const struct place *place, const struct check_time *time, int *ret_fd)
{
    CLEANUP(close_fd)
    int fd = socket(place->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t size = sizeof(int);
    int error = 0;

    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&place->address, place->size) < 0) {
        if (errno != EINPROGRESS)
            return -errno;
        if (wait_for(fd, POLLOUT, time) < 0)
            return -ETIMEDOUT;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error)
            return error ? -error : -errno;
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int send_all(int fd, const char *text, size_t size, const struct check_time *time)
{
    while (size) {
        ssize_t sent = send(fd, text, size, MSG_NOSIGNAL);

        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        if (sent < 0 && wait_for(fd, POLLOUT, time) < 0)
            return -ETIMEDOUT;
        if (sent > 0) {
            text += sent;
            size -= (size_t)sent;
        }
    }
    return 0;
}

/* The first line, or as much of it as fits. */
static int read_line(int fd, char ret_line[LINE_MAX_], size_t *ret_size,
                     const struct check_time *time)
{
    size_t size = 0;

    while (size < LINE_MAX_) {
        ssize_t got = recv(fd, ret_line + size, LINE_MAX_ - size, 0);

        if (got == 0)
            break;
        if (got < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        if (got < 0 && wait_for(fd, POLLIN, time) < 0)
            return -ETIMEDOUT;
        if (got > 0)
            size += (size_t)got;
        if (memchr(ret_line, '\n', size))
            break;
    }
    *ret_size = size;
    return 0;
}

/* --- HTTP --------------------------------------------------------------------------------------- */

static int ask(int fd, const struct place *place, const struct http_check *http,
               const struct check_time *time, int *ret_status)
{
    bool is_v6 = place->address.ss_family == AF_INET6;
    char request[REQUEST_MAX], line[LINE_MAX_];
    int size = snprintf(request, sizeof(request),
                        "GET %s HTTP/1.1\r\nHost: %s%s%s:%d\r\nUser-Agent: proffer\r\n"
                        "Accept: */*\r\nConnection: close\r\n\r\n",
                        http->path && *http->path ? http->path : "/", is_v6 ? "[" : "", place->text,
                        is_v6 ? "]" : "", (int)place->port);
    size_t line_size = 0;
    int rc = send_all(fd, request, (size_t)size, time);

    if (rc == 0)
        rc = read_line(fd, line, &line_size, time);
    if (rc == 0)
        *ret_status = check_answer_status(line, line_size, false);
    return rc == 0 && !*ret_status ? -EPROTO : rc;
}

static void fail(struct check_outcome *ret, const struct place *place, int rc)
{
    ret->timed_out = rc == -ETIMEDOUT;
    snprintf(ret->message, sizeof(ret->message), "%s port %d: %s", place->text, (int)place->port,
             rc == -EPROTO ? "no answer of HTTP/1.x" : strerror(-rc));
}

/* Both in their places, which may be the other's; nothing else stays. */
static int hand_on(int fd, int nothing_fd)
{
    int far = fcntl(fd, F_DUPFD_CLOEXEC, NOTHING_FD + 1);

    if (far < 0 || dup2(STDIN_FILENO, STDERR_FILENO) < 0 ||
        (nothing_fd >= 0 && nothing_fd != NOTHING_FD && dup2(nothing_fd, NOTHING_FD) < 0) ||
        (nothing_fd == NOTHING_FD && fcntl(NOTHING_FD, F_SETFD, 0) < 0) ||
        dup2(far, PROGRAM_FD) < 0)
        return -errno;
    syscall(SYS_close_range, nothing_fd < 0 ? NOTHING_FD : NOTHING_FD + 1, ~0U, 0);
    return 0;
}

/* The program with the TLS library, as the container's user. Returns only when it cannot be executed. */
static int execute(const struct check_plan *plan, const struct place *place,
                   const struct check_time *time, int fd, int nothing_fd)
{
    bool is_v6 = place->address.ss_family == AF_INET6;
    const char *path = plan->info->http->path;
    char url[REQUEST_MAX], left[16];
    char *const argv[] = {(char[]){PROGRAM}, url, left, NULL};
    char *const envp[] = {NULL};
    sigset_t none;
    int rc;

    snprintf(url, sizeof(url), "https://%s%s%s:%d%s", is_v6 ? "[" : "", place->text,
             is_v6 ? "]" : "", (int)place->port, path && *path ? path : "/");
    snprintf(left, sizeof(left), "%d", check_time_left_ms(time));
    if (!check_time_left_ms(time))
        return -ETIMEDOUT;
    rc = hand_on(fd, nothing_fd);
    if (rc < 0)
        return rc;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(plan->program, argv, envp);
    return -errno;
}

/* --- with the container's rights at most ---------------------------------------------------------- */

static int enter_groups(const struct check_plan *plan, struct err *err)
{
    struct spawn spawn;
    int rc = 0;

    spawn_init(&spawn);
    if (plan->cgroups)
        rc = cgroups_enter(plan->cgroups, plan->container_id, &spawn, err);
    if (rc == 0 && spawn.cgroup_fd >= 0)
        spawn.procs_fds[spawn.procs_count++] =
            openat(spawn.cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    for (size_t i = 0; i < spawn.procs_count && rc == 0; i++)
        if (write(spawn.procs_fds[i], "0", 1) < 0)
            rc = err_errno(err, -errno, "cannot enter its cgroups");
    return rc;
}

/* Who is not root makes network namespaces inside of a user namespace, and comes into them only by that. */
static int join_network(const struct check_plan *plan, int pidfd, struct err *err)
{
    int rc = check_join(pidfd, plan->pid, CLONE_NEWNET, err);

    return rc == -EPERM ? check_join(pidfd, plan->pid, CLONE_NEWUSER | CLONE_NEWNET, err) : rc;
}

/* Over the exec, for a change of the root there; the program gives it up with that. */
static int keep_chroot(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};
    const uint32_t bit = CAP_TO_MASK(CAP_SYS_CHROOT);

    data[CAP_TO_INDEX(CAP_SYS_CHROOT)] = (struct __user_cap_data_struct){bit, bit, bit};
    if (syscall(SYS_capset, &header, data) < 0)
        return -errno;
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_CHROOT, 0, 0) < 0 ? -errno : 0;
}

/* A root, too, is one without capabilities, also behind an exec; and it still ends with the launcher, which a change of
 * the user takes back. `has_root`: one is to be taken behind an exec. */
static int become_user(const struct check_plan *plan, bool has_root, struct err *err)
{
    const struct account *account = plan->account;
    int rc;

    prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, 0, 0,
          0); /* if that is ours to set */
    if (has_root)
        prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    if (account && (syscall(SYS_setgroups, account->groups_count, account->groups) < 0 ||
                    syscall(SYS_setresgid, account->gid, account->gid, account->gid) < 0 ||
                    syscall(SYS_setresuid, account->uid, account->uid, account->uid) < 0))
        return err_errno(err, -errno, "cannot become its user");
    rc = has_root ? keep_chroot() : check_clear_capabilities();
    if (rc < 0)
        return err_errno(err, rc, "cannot give up rights");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return err_errno(err, -errno, "cannot give up rights");
    return getppid() == plan->launcher ? 0 : err_set(err, -ESRCH, "its launcher has ended");
}

/* Who may mount leaves the host's files behind as well: at once, or with `execs` behind its exec, by *ret_root_fd. */
static int enter(const struct check_plan *plan, int pidfd, bool execs, int *ret_root_fd,
                 struct err *err)
{
    CLEANUP(close_fd) int root_fd = check_open_nothing();
    int rc = enter_groups(plan, err);

    if (rc == 0)
        rc = join_network(plan, pidfd, err);
    if (rc == 0 && root_fd >= 0 && !execs)
        rc = check_enter_nothing(&root_fd, err);
    if (rc == 0)
        rc = become_user(plan, root_fd >= 0, err);
    if (rc == 0)
        *ret_root_fd = TAKE_FD(root_fd);
    return rc;
}

static int connect_and_ask(const struct check_plan *plan, const struct place *place,
                           const struct check_time *time, int *ret_status)
{
    CLEANUP(close_fd) int socket_fd = -1;
    int rc = connect_to(place, time, &socket_fd);

    return rc == 0 && plan->info->http ? ask(socket_fd, place, plan->info->http, time, ret_status)
                                       : rc;
}

void check_run_connection(const struct check_plan *plan, int pidfd, const struct check_time *time,
                          int outcome_fd, struct check_outcome *ret)
{
    const struct http_check *http = plan->info->http;
    const struct tcp_check *tcp = plan->info->tcp;
    const bool execs = http && http->scheme && !strcmp(http->scheme, "https");
    CLEANUP(close_fd) int root_fd = -1;
    struct place place;
    struct err err;
    int rc = find_place(http ? http->address : tcp->address, http ? http->port : tcp->port, &place,
                        &err);

    if (rc == 0)
        rc = enter(plan, pidfd, execs, &root_fd, &err);
    fds_close_but((int[]){outcome_fd, root_fd}, 2);
    if (rc == 0 && !execs)
        rc = check_filter(CHECK_FILTER_CONNECTION, &err);
    if (rc < 0) {
        snprintf(ret->message, sizeof(ret->message), "%s", err.text);
        return;
    }
    rc = execs ? execute(plan, &place, time, outcome_fd, root_fd)
               : connect_and_ask(plan, &place, time, &ret->http_status);
    if (rc < 0)
        fail(ret, &place, rc);
    else
        ret->passed = !http || (ret->http_status >= CHECK_STATUS_LEAST &&
                                ret->http_status <= CHECK_STATUS_MOST);
}
