/* What a look at a container may, and what is left of it: in namespaces, as who is not root, when the launcher dies. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <asm/sockios.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/launcher/check_confine.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/unit/launcher_rig.h"

#define NOBODY 65534

/* A sanitizer works with system calls that are filtered. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FILTERED "0"
#else
#define FILTERED "2"
#endif

static const char *const all_of_them[] = {
    "namespaces/mount", "namespaces/pid", "namespaces/ipc",
    "namespaces/uts",   "namespaces/net", "linux/capabilities",
    "linux/seccomp",    "linux/nnp",      NULL};

static void begin(struct rig *rig, const char *user)
{
    rig_launch(rig, &(struct rig_task){.id = "t1", .shell = "exec sleep 1000", .user = user});
    rig_wait(rig, MSG_CONTAINER_STARTED, "t1");
}

/* Its helper is the only one then. */
static void ask(struct rig *rig, const struct check_info *info)
{
    rig_wait_no_child(rig->pid, "proffer-helper");
    rig_send(rig, &MESSAGE(CHECK_CONTAINER, check_container, .container_id = "t1", .number = 7,
                           .check = info));
}

static const struct check_status *answer(struct rig *rig)
{
    return rig_wait(rig, MSG_CONTAINER_CHECKED, NULL)->container_checked->result;
}

static const struct check_status *run(struct rig *rig, const char *shell, int64_t timeout_ms)
{
    const struct command_info command = {.value = shell};

    ask(rig, &(struct check_info){.command = &command, .timeout_ms = timeout_ms});
    return answer(rig);
}

static void end(struct rig *rig)
{
    rig_signal(rig, "t1", true);
    rig_wait(rig, MSG_CONTAINER_EXITED, "t1");
}

/* --- what is left of it -------------------------------------------------------------------------- */

/* By a session of its own and an orphan of an orphan; `name` gets its number, as it is seen in there. */
#define DAEMON(name)                                                                               \
    "setsid sh -c 'sh -c \"echo \\$\\$ >" name "; exec sleep 1000\" &' >/dev/null 2>&1 & "         \
    "until [ -s " name " ]; do sleep 0.01; done; "

#define IS_GONE(name) "! kill -0 $(cat " name ")"

static void what_a_check_leaves_in_a_pid_namespace_is_ended(void **state)
{
    rig_skip_unless_root();
    const struct rig_plan plan = {.also = all_of_them};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);

    (void)state;
    begin(rig, NULL);
    assert_true(run(rig, DAEMON("one") DAEMON("two"), 0)->passed);
    assert_true(run(rig, IS_GONE("one") " && " IS_GONE("two"), 0)->passed);
    assert_true(run(rig, DAEMON("three") "sleep 1000", 1000)->timed_out);
    assert_true(run(rig, IS_GONE("three"), 0)->passed);
    end(rig);
}

/* The same where there are no groups: nothing else would find it. */
static void what_a_check_leaves_in_a_namespace_without_groups_is_ended(void **state)
{
    rig_skip_unless_root();
    const struct rig_plan plan = {.is_posix = true,
                                  .also = ARGV("namespaces/mount", "namespaces/pid")};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);

    (void)state;
    begin(rig, NULL);
    assert_true(run(rig, DAEMON("one") "exit 0", 0)->passed);
    assert_true(run(rig, IS_GONE("one"), 0)->passed);
    end(rig);
}

/* Faster than anybody could list them one after the other: all of them have the folder open. */
static void forks_are_ended(const struct rig_plan *plan)
{
    struct rig *rig = rig_new(plan);
    const char *forks = "mkdir -p here && cd here && f() { f | f & }; f 2>/dev/null; sleep 1000";

    rig_skip_unless_cgroups(rig);
    rig_launch(rig, &(struct rig_task){
                        .id = "t1", .shell = "exec sleep 1000", .pids_max = 500, .mem_mib = 1024});
    rig_wait(rig, MSG_CONTAINER_STARTED, "t1");
    for (int i = 0; i < 3; i++) {
        run(rig, forks, 500); /* it may come to an end for want of processes, before that */
        assert_true(run(rig, "! ls -l /proc/[0-9]*/cwd | grep here", 0)->passed);
    }
    assert_int_equal(system(arena_printf(
                         rig->arena, "! ls -d /sys/fs/cgroup/*/%s/t1/*/ 2>/dev/null", rig->root)),
                     0);
    end(rig);
    rig_destroy(&rig);
}

static void check_that_forks_on_and_on_is_ended(void **state)
{
    rig_skip_unless_root();
    const struct rig_plan plan = {.also = all_of_them};

    (void)state;
    forks_are_ended(&plan);
}

static void check_that_forks_on_and_on_is_ended_by_v1_alone(void **state)
{
    rig_skip_unless_root();
    const struct rig_plan plan = {.also = all_of_them, .hides_cgroup2 = true};

    (void)state;
    forks_are_ended(&plan);
}

static void check_of_a_killed_launcher_leaves_nothing(const struct rig_plan *plan)
{
    struct rig *first = rig_new(plan);
    CLEANUP(rig_destroy) struct rig *second = NULL;
    const struct command_info command = {.value = DAEMON("one") "echo >ready; exec sleep 1000"};

    begin(first, NULL);
    ask(first, &(struct check_info){.command = &command, .timeout_ms = 60000});
    rig_wait_file(first, "t1", "ready");
    rig_end_launcher(first, SIGKILL);
    channel_fini(&first->channel);
    second = rig_again(first, ARGV("t1"));
    rig_wait(second, MSG_CONTAINER_STARTED, "t1");
    assert_true(run(second,
                    "i=0; while kill -0 $(cat one) && [ $((i += 1)) -lt 1000 ]; do sleep 0.01; "
                    "done; " IS_GONE("one"),
                    0)
                    ->passed);
    end(second);
    rig_destroy(&first);
}

static void check_ends_with_its_launcher(void **state)
{
    const struct rig_plan plain = {.is_posix = false};

    (void)state;
    check_of_a_killed_launcher_leaves_nothing(&plain);
}

static void check_in_a_pid_namespace_ends_with_its_launcher(void **state)
{
    rig_skip_unless_root();
    const struct rig_plan plan = {.also = all_of_them};

    (void)state;
    check_of_a_killed_launcher_leaves_nothing(&plan);
}

/* Who looks after a check has no filter of the task's to hold it, and so one of its own. */
static void keeper_of_a_check_does_nothing_but_wait(void **state)
{
    rig_skip_unless_root();
    const struct rig_plan plan = {.also = all_of_them};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
    const struct command_info command = {.value = "echo >ready; exec sleep 1000"};
    pid_t helper;

    (void)state;
    begin(rig, NULL);
    ask(rig, &(struct check_info){.command = &command, .timeout_ms = 60000});
    rig_wait_file(rig, "t1", "ready");
    helper = rig_wait_child(rig->pid, "proffer-helper");
    while (strcmp(rig_status_of(rig, rig_wait_child(helper, "proffer-keeper"), "Seccomp"),
                  FILTERED) != 0)
        ; /* it executes the command before that */
    end(rig);
}

/* A task of the same user can kill who looks after its check: then it has failed, and its own session with it. */
static void check_whose_keeper_is_killed_has_failed(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&(struct rig_plan){.is_posix = false});
    const struct command_info command = {.value = "echo $$ >check; exec sleep 1000"};
    const struct check_status *result;
    pid_t pid;

    (void)state;
    begin(rig, NULL);
    ask(rig, &(struct check_info){.command = &command, .timeout_ms = 60000});
    pid = atoi(rig_wait_file(rig, "t1", "check"));
    kill(rig_parent_of(pid), SIGKILL);
    result = answer(rig);
    assert_false(result->passed);
    assert_string_equal(result->message, "the process that looked was killed");
    rig_wait_gone(pid);
    end(rig);
}

/* The helper itself is killed, as by the launcher when it is stuck: what its command has started goes, with its group. */
static void what_a_killed_helper_leaves_is_ended(const struct rig_plan *plan)
{
    struct rig *rig = rig_new(plan);
    const struct command_info command = {.value = DAEMON("one") "echo >ready; exec sleep 1000"};

    begin(rig, NULL);
    ask(rig, &(struct check_info){.command = &command, .timeout_ms = 60000});
    rig_wait_file(rig, "t1", "ready");
    kill(rig_wait_child(rig->pid, "proffer-helper"), SIGKILL);
    assert_string_equal(answer(rig)->message, "the process that looked was killed");
    rig_wait_gone(atoi(rig_read(rig, "t1", "one")));
    end(rig);
    rig_destroy(&rig);
}

static void what_a_killed_helper_leaves_in_a_group_is_ended(void **state)
{
    (void)state;
    what_a_killed_helper_leaves_is_ended(&(struct rig_plan){.is_posix = false});
}

static void what_a_killed_helper_leaves_without_groups_is_ended(void **state)
{
    (void)state;
    what_a_killed_helper_leaves_is_ended(&(struct rig_plan){.is_posix = true});
}

/* Then it is an orphan of the container's init, and its session, parent and name are what it likes. In a container that
 * has none but its own, that and the next one's sleeps are all that there are. */
#define NONE_IS_LEFT "! pgrep -f 'sleep 100[1]'"

static void assert_gone_in_there(struct rig *rig)
{
    assert_true(run(rig,
                    "i=0; until " NONE_IS_LEFT " >/dev/null || [ $((i += 1)) -gt 500 ]; do sleep "
                    "0.01; done; " NONE_IS_LEFT,
                    0)
                    ->passed);
}

static void what_is_killed_leaves_nothing_in_a_pid_namespace(const struct rig_plan *plan)
{
    static const struct command_info command = {
        .value = "setsid sh -c 'sh -c \"exec sleep 1001\" &' & until pgrep -f 'sleep 100[1]'; do "
                 "sleep 0.01; done; echo >ready; exec sleep 1000"};
    struct rig *rig = rig_new_or_skip(plan);
    pid_t helper;

    if (access("/proc/self/ns/time_for_children", F_OK) < 0)
        rig_skip(rig, "this kernel has no time namespaces");
    begin(rig, NULL);
    for (int kills_helper = 0; kills_helper < 2; kills_helper++) {
        unlink(rig_path(rig, "t1", "ready"));
        ask(rig, &(struct check_info){.command = &command, .timeout_ms = 60000});
        rig_wait_file(rig, "t1", "ready");
        helper = rig_wait_child(rig->pid, "proffer-helper");
        kill(kills_helper ? helper : rig_wait_child(helper, "proffer-keeper"), SIGKILL);
        assert_string_equal(answer(rig)->message, "the process that looked was killed");
        assert_gone_in_there(rig);
    }
    end(rig);
    rig_destroy(&rig);
}

static void what_is_killed_leaves_nothing_in_a_pid_namespace_without_groups(void **state)
{
    const struct rig_plan plan = {.is_posix = true, .also = all_of_them};

    (void)state;
    rig_skip_unless_root();
    what_is_killed_leaves_nothing_in_a_pid_namespace(&plan);
}

static void what_is_killed_leaves_nothing_to_who_is_not_root(void **state)
{
    const struct rig_plan plan = {
        .is_posix = true,
        .uid = NOBODY,
        .also = ARGV("namespaces/user", "namespaces/mount", "namespaces/pid")};

    (void)state;
    rig_skip_unless_root();
    rig_skip_unless_readable_by(NOBODY);
    what_is_killed_leaves_nothing_in_a_pid_namespace(&plan);
}

/* --- who is not root ----------------------------------------------------------------------------- */

#define RIGHTS                                                                                     \
    "grep -E '^(Uid|Gid|Groups|NoNewPrivs|Seccomp|Seccomp_filters|Cap...):' /proc/self/status"

static void command_of_who_is_not_root_joins_the_user_namespace(void **state)
{
    rig_skip_unless_root();
    rig_skip_unless_readable_by(NOBODY);
    const struct rig_plan plan = {
        .is_posix = true,
        .uid = NOBODY,
        .also = ARGV("namespaces/user", "namespaces/mount", "namespaces/pid", "namespaces/ipc",
                     "namespaces/uts", "namespaces/net", "linux/capabilities", "linux/seccomp")};
    CLEANUP(rig_destroy) struct rig *rig = rig_new_or_skip(&plan);
    const struct check_status *result;

    (void)state;
    rig_launch(rig, &(struct rig_task){
                        .id = "t1", .shell = RIGHTS " >task.rights; echo >ready; exec sleep 1000"});
    rig_wait_file(rig, "t1", "ready");
    result = run(rig, RIGHTS " >check.rights; cmp task.rights check.rights && echo same", 0);
    assert_string_equal(result->message, "same");
    assert_true(result->passed);
    assert_true(run(rig, DAEMON("one") "exit 0", 0)->passed);
    assert_true(run(rig, IS_GONE("one"), 0)->passed);
    /* Its own network: nobody listens there, but it can be asked. */
    ask(rig, &(struct check_info){.tcp = &(struct tcp_check){.port = 1}});
    result = answer(rig);
    assert_non_null(strstr(result->message, "Connection refused"));
    end(rig);
}

/* --- connections --------------------------------------------------------------------------------- */

static int listen_somewhere(int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void assert_powerless(struct rig *rig, pid_t pid, const char *uids)
{
    assert_string_equal(rig_status_of(rig, pid, "Uid"), uids);
    assert_string_equal(rig_status_of(rig, pid, "CapPrm"), "0000000000000000");
    assert_string_equal(rig_status_of(rig, pid, "CapEff"), "0000000000000000");
    assert_string_equal(rig_status_of(rig, pid, "NoNewPrivs"), "1");
}

/* It sees no file: what it has for its root is empty, and cannot be added to. */
static void assert_shut_in(struct rig *rig, pid_t pid)
{
    const char *root = arena_printf(rig->arena, "/proc/%d/root", pid);
    DIR *dir = opendir(root);
    struct statvfs info;
    size_t count = 0;

    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    assert_int_equal(count, 2);
    assert_int_equal(statvfs(root, &info), 0);
    assert_true(info.f_flag & ST_RDONLY);
    assert_string_equal(rig_status_of(rig, pid, "Seccomp"), FILTERED);
}

static void assert_in_groups_of(struct rig *rig, pid_t pid)
{
    char path[64], line[512];
    FILE *file;
    int own = 0;

    snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
    file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file))
        own += strstr(line, arena_printf(rig->arena, "%s/t1", rig->root)) != NULL;
    fclose(file);
    /* cpu, cpuacct, memory and pids, or the one of v2 */
    assert_true(own >= (strcmp(rig->ready.launcher_ready->cgroups, "v2") ? 3 : 1));
}

/* It waits for a server that says nothing, so that one can look at it: the launcher's helper, and the program for TLS. */
static void connection_has_no_rights(const char *user, const char *uids)
{
    const char *const schemes[] = {"http", "https"};
    struct rig *rig = rig_new(&(struct rig_plan){.is_posix = false});

    begin(rig, user);
    for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
        int port, fd = listen_somewhere(&port), peer;
        const struct http_check http = {.port = port, .scheme = schemes[i]};
        pid_t pid;

        ask(rig, &(struct check_info){.http = &http, .timeout_ms = 20000});
        peer = accept(fd, NULL, NULL);
        pid = rig_wait_child(rig->pid, i ? "proffer-check" : "proffer-helper");
        assert_powerless(rig, pid, uids);
        assert_shut_in(rig, pid);
        if (strcmp(rig->ready.launcher_ready->cgroups, "none") != 0)
            assert_in_groups_of(rig, pid);
        close(peer);
        close(fd);
        assert_false(answer(rig)->passed);
        rig_wait_gone(pid);
    }
    end(rig);
    rig_destroy(&rig);
}

static void connection_has_no_rights_of_its_own(void **state)
{
    (void)state;
    rig_skip_unless_root();
    connection_has_no_rights(NULL, "0\t0\t0\t0");
    connection_has_no_rights("nobody", "65534\t65534\t65534\t65534");
}

/* What it would be of use to who has taken it over; it is called in a process that has the filter. */
static const char *find_open_way(void)
{
    struct pollfd none = {-1, 0, 0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || poll(&none, 1, 0) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
        return "what it works with is refused";
    if (open("/dev/null", O_RDONLY) >= 0 || errno != EPERM)
        return "open";
    if (syscall(SYS_execve, "/bin/true", NULL, NULL) >= 0 || errno != EPERM)
        return "execve";
    if (syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) >= 0 || errno != EPERM)
        return "clone";
    if (kill(getpid(), 0) == 0 || ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0)
        return "kill, ptrace";
    if (socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || socket(AF_NETLINK, SOCK_RAW, 0) >= 0 ||
        socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) >= 0 || errno != EPERM)
        return "sockets of other kinds";
    if (fcntl(fd, F_SETOWN, getppid()) == 0 || ioctl(fd, FIOSETOWN, &none.fd) == 0 ||
        errno != EPERM)
        return "signals by a descriptor";
    if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
        return "memory that can be executed";
    return setns(fd, CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER) == 0 ? "namespaces" : NULL;
}

static void connection_has_system_calls_of_a_connection_only(void **state)
{
    pid_t pid;
    int status;

    (void)state;
    if (*FILTERED == '0')
        rig_skip(NULL, "a sanitizer works with what is filtered");
    pid = fork();
    if (pid == 0) {
        const char *way;

        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (check_filter(CHECK_FILTER_CONNECTION, NULL) < 0)
            _exit(2);
        way = find_open_way();
        if (way)
            (void)!write(STDERR_FILENO, way, strlen(way));
        _exit(way != NULL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void connection_ends_with_its_launcher(void **state)
{
    const char *const schemes[] = {"http", "https"};

    (void)state;
    rig_skip_unless_root();
    for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
        struct rig *first = rig_new(&(struct rig_plan){.is_posix = false}), *second;
        int port, fd = listen_somewhere(&port), peer;
        const struct http_check http = {.port = port, .scheme = schemes[i]};
        pid_t pid;

        begin(first, "nobody");
        ask(first, &(struct check_info){.http = &http, .timeout_ms = 600000});
        peer = accept(fd, NULL, NULL);
        pid = rig_wait_child(first->pid, i ? "proffer-check" : "proffer-helper");
        rig_end_launcher(first, SIGKILL);
        rig_wait_gone(pid);
        close(peer);
        close(fd);
        channel_fini(&first->channel);
        second = rig_again(first, ARGV("t1"));
        rig_wait(second, MSG_CONTAINER_STARTED, "t1");
        end(second);
        rig_destroy(&second);
        rig_destroy(&first);
    }
}

/* Says one line, then the other again and again, for ever. */
static pid_t serve_on_and_on(const char *first, const char *more, int *ret_port)
{
    int fd = listen_somewhere(ret_port);
    pid_t pid = fork();

    if (pid == 0)
        for (;;) {
            int peer = accept(fd, NULL, NULL);
            char request[4096];

            if (recv(peer, request, sizeof(request), 0) > 0)
                send(peer, first, strlen(first), MSG_NOSIGNAL);
            while (send(peer, more, strlen(more), MSG_NOSIGNAL) > 0)
                ;
            close(peer);
        }
    close(fd);
    return pid;
}

static void answer_without_end_is_cut_behind_its_status(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&(struct rig_plan){.is_posix = false});
    static const struct {
        const char *first, *more;
        int status;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\n", "X: y\r\n", 200},          /* headers */
        {"HTTP/1.1 200 OK\r\n\r\n", "more and more", 200}, /* a body */
        {"HTTP/1.1 200 ", "OK and OK ", 200},              /* the line itself */
        {"", "HTTP/1.1 100 Continue\r\n\r\n", 100},        /* only a part of what is to come */
        {"", "garbage ", 0},
    };

    (void)state;
    begin(rig, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int port;
        pid_t pid = serve_on_and_on(cases[i].first, cases[i].more, &port);
        const struct http_check http = {.port = port};
        const struct check_status *result;

        ask(rig, &(struct check_info){.http = &http, .timeout_ms = 25000});
        result = answer(rig);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        assert_int_equal(result->http_status, cases[i].status);
        assert_int_equal(result->passed, cases[i].status == 200);
        assert_false(result->timed_out);
    }
    end(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_check_leaves_in_a_pid_namespace_is_ended),
        cmocka_unit_test(what_a_check_leaves_in_a_namespace_without_groups_is_ended),
        cmocka_unit_test(check_that_forks_on_and_on_is_ended),
        cmocka_unit_test(check_that_forks_on_and_on_is_ended_by_v1_alone),
        cmocka_unit_test(check_ends_with_its_launcher),
        cmocka_unit_test(check_in_a_pid_namespace_ends_with_its_launcher),
        cmocka_unit_test(keeper_of_a_check_does_nothing_but_wait),
        cmocka_unit_test(check_whose_keeper_is_killed_has_failed),
        cmocka_unit_test(what_a_killed_helper_leaves_in_a_group_is_ended),
        cmocka_unit_test(what_a_killed_helper_leaves_without_groups_is_ended),
        cmocka_unit_test(what_is_killed_leaves_nothing_in_a_pid_namespace_without_groups),
        cmocka_unit_test(what_is_killed_leaves_nothing_to_who_is_not_root),
        cmocka_unit_test(command_of_who_is_not_root_joins_the_user_namespace),
        cmocka_unit_test(connection_has_no_rights_of_its_own),
        cmocka_unit_test(connection_has_system_calls_of_a_connection_only),
        cmocka_unit_test(connection_ends_with_its_launcher),
        cmocka_unit_test(answer_without_end_is_cut_behind_its_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
