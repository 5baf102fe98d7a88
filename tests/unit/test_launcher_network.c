/* Network isolators on the real kernel. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "isolators/listeners.h"
#include "tests/unit/launcher_rig.h"

/* --- tasks that are this program ---------------------------------------------------------------- */

static int say(const char *what)
{
    perror(what);
    return 2;
}

/* Listens on one port of 127.0.0.1, "0": any, or of ::1; says which, and stays. */
static int listen_on(const char *kind, const char *port)
{
    const bool is_udp = strcmp(kind, "udp") == 0;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(port)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 address6 = {
        .sin6_family = AF_INET6, .sin6_port = address.sin_port, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const bool is_6 = strcmp(kind, "tcp6") == 0;
    struct sockaddr *at = is_6 ? (struct sockaddr *)&address6 : (struct sockaddr *)&address;
    socklen_t size = is_6 ? sizeof(address6) : sizeof(address);
    int fd = socket(is_6 ? AF_INET6 : AF_INET, is_udp ? SOCK_DGRAM : SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, at, size) < 0 || (!is_udp && listen(fd, 1) < 0) ||
        getsockname(fd, at, &size) < 0)
        return say("listen");
    printf("%d\n", ntohs(is_6 ? address6.sin6_port : address.sin_port));
    fflush(stdout);
    for (;;)
        pause();
}

/* As many as it may have, and its children as many each; the last one listens. */
static int listen_behind(int processes)
{
    while (dup(STDIN_FILENO) >= 0)
        ;
    close(STDERR_FILENO + 1);
    if (processes == 1)
        return listen_on("tcp", "0");
    if (fork() == 0)
        return listen_behind(processes - 1);
    for (;;)
        pause();
}

static int be_a_task(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "behind") == 0)
        return listen_behind(atoi(argv[2]));
    if (argc != 3)
        return 2;
    return listen_on(argv[1], argv[2]);
}

/* --- network/ports ------------------------------------------------------------------------------- */

/* The second says udp=no where this kernel does not list UDP sockets. */
static struct label_info each_second[] = {
    {.key = "network/ports.interval", .value = "1"}, {NULL, NULL}, {NULL, NULL}};
static struct label_info only_report[] = {{.key = "network/ports.interval", .value = "1"},
                                          {.key = "network/ports.action", .value = "report"},
                                          {NULL, NULL},
                                          {NULL, NULL}};
static bool has_udp;

static int look_for_udp(void **state)
{
    struct listeners all = {0};

    (void)state;
    has_udp = listeners_read(&all, true, NULL) == 0;
    if (!has_udp) {
        print_message("this kernel does not list UDP sockets\n");
        each_second[1] = only_report[2] = (struct label_info){"network/ports.udp", "no"};
    }
    listeners_fini(&all);
    return 0;
}

static const struct rig_plan watched = {.also = ARGV("network/ports"), .options = each_second};

/* A task of another range listens where it is told to, and that is its end; the port, for the text. */
static void expect_found(const struct rig_plan *plan, const struct rig_task *task, const char *what,
                         const char *granted)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(plan);
    const struct msg_container_exited *exited;
    char text[256];

    rig_skip_unless_cgroups(rig);
    assert_int_equal(rig->ready.launcher_ready->warnings_count, 0);
    rig_launch(rig, task);
    exited = rig_wait(rig, MSG_CONTAINER_EXITED, task->id)->container_exited;
    snprintf(text, sizeof(text), "it listens on %s %d; the ports it was granted: %s", what,
             atoi(rig_read(rig, task->id, "stdout")), granted);
    assert_string_equal(exited->message ? exited->message : "", text);
    assert_int_equal(exited->limitation, REASON_CONTAINER_LIMITATION);
    assert_int_equal(exited->exit->signal, SIGKILL);
}

static const struct range_info some_ports[] = {{.begin = 31000, .end = 31005}};

static void a_task_that_listens_elsewhere_is_killed(void **state)
{
    (void)state;
    rig_skip_unless_root();
    expect_found(&watched,
                 &(struct rig_task){
                     .id = "t1", .argv = ARGV(rig_self_path(), "tcp", "0"), .ports = some_ports},
                 "TCP", "[31000-31005]");
    if (access("/proc/net/if_inet6", F_OK) == 0)
        expect_found(&watched,
                     &(struct rig_task){.id = "t1", .argv = ARGV(rig_self_path(), "tcp6", "0")},
                     "TCP", "none");
    if (has_udp)
        expect_found(&watched,
                     &(struct rig_task){.id = "t1",
                                        .argv = ARGV(rig_self_path(), "udp", "4711"),
                                        .ports = some_ports},
                     "UDP", "[31000-31005]");
}

/* Neither a child nor a group of its own hides it. */
static void a_child_in_an_inner_group_is_found(void **state)
{
    char shell[1024];

    (void)state;
    rig_skip_unless_root();
    snprintf(shell, sizeof(shell),
             "g=$(sed -n 's/^0:://p' /proc/self/cgroup); for m in /sys/fs/cgroup/unified "
             "/sys/fs/cgroup; do [ -e $m$g/cgroup.procs ] && mkdir $m$g/inner && "
             "sh -c 'echo $$ >'$m$g'/inner/cgroup.procs; exec \"$0\" tcp 0' %s & wait; done; "
             "sleep 1000",
             rig_self_path());
    expect_found(&watched, &(struct rig_task){.id = "t1", .shell = shell, .ports = some_ports},
                 "TCP", "[31000-31005]");
}

/* Where the kernel does not name the group. */
static void on_v1_alone_it_is_found_by_its_descriptors(void **state)
{
    const struct rig_plan plan = {
        .also = ARGV("network/ports"), .options = each_second, .hides_cgroup2 = true};

    (void)state;
    rig_skip_unless_root();
    expect_found(&plan,
                 &(struct rig_task){
                     .id = "t1", .argv = ARGV(rig_self_path(), "tcp", "0"), .ports = some_ports},
                 "TCP", "[31000-31005]");
}

/* Microseconds on a processor. */
static int64_t time_of(pid_t pid)
{
    char path[64];
    long long ns = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
    file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lld", &ns), 1);
    fclose(file);
    return ns / 1000;
}

/* Where all its descriptors have to be looked at, it hides behind none of them, and the launcher does not look. */
static void a_hundred_thousand_descriptors_hide_nothing_and_hold_nobody_up(void **state)
{
    const struct rig_plan plan = {
        .also = ARGV("network/ports"), .options = each_second, .hides_cgroup2 = true};
    const struct rlimit_info files = {.name = "RLMT_NOFILE", .soft = 10000, .hard = 10000};
    const struct rig_task task = {.id = "t1",
                                  .argv = ARGV(rig_self_path(), "behind", "10"),
                                  .rlimit = &files,
                                  .ports = some_ports};

    (void)state;
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
    const struct msg_container_exited *exited;
    int64_t began_us;

    rig_skip_unless_cgroups(rig);
    rig_launch(rig, &task);
    rig_wait_file(rig, "t1", "stdout");
    began_us = time_of(rig->pid);
    exited = rig_wait(rig, MSG_CONTAINER_EXITED, "t1")->container_exited;
    assert_int_equal(exited->limitation, REASON_CONTAINER_LIMITATION);
    print_message("the launcher itself worked for %lld us meanwhile\n",
                  (long long)(time_of(rig->pid) - began_us));
    /* One look at all of them is a hundred thousand system calls. Forking takes a sanitizer 20 ms. */
    assert_true(time_of(rig->pid) - began_us < 60000);
}

/* The figure of a task that has been looked at. */
static const char *wait_outside(struct rig *rig, const char *id, bool is_any)
{
    for (int i = 0; i < 400; i++) {
        const char *outside = rig_usage(rig, id)->more->ports_outside;

        if (outside && !*outside != is_any)
            return outside;
        usleep(25000);
    }
    fail_msg("nothing is reported");
    return "";
}

static void it_can_be_reported_only(void **state)
{
    rig_skip_unless_root();
    const struct rig_plan plan = {.also = ARGV("network/ports"), .options = only_report};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
    const struct rig_task task = {.id = "t1", .argv = ARGV(rig_self_path(), "tcp", "0")};
    struct range_info granted[1];
    struct rig_task more = task;
    char text[64];

    (void)state;
    rig_skip_unless_cgroups(rig);
    rig_launch(rig, &task);
    granted[0].begin = granted[0].end = atoi(rig_wait_file(rig, "t1", "stdout"));
    snprintf(text, sizeof(text), "TCP %d", (int)granted[0].begin);
    assert_string_equal(wait_outside(rig, "t1", true), text);
    /* And what is granted later counts. */
    more.ports = granted;
    assert_string_equal(rig_update(rig, &more), "");
    wait_outside(rig, "t1", false);
    rig_signal(rig, "t1", true);
    rig_wait(rig, MSG_CONTAINER_EXITED, "t1");
}

static int find_free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    CLEANUP(close_fd) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    return ntohs(address.sin_port);
}

/* A neighbour that listens is found, this one is not; and the next launcher still knows what it was granted. */
static void who_keeps_to_its_ports_is_left_alone(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&watched);
    CLEANUP(rig_destroy) struct rig *next = NULL;
    const int port = find_free_port();
    const struct range_info ports[] = {{.begin = port - 1, .end = port}};
    char text[16];
    const struct rig_task good = {
        .id = "good", .argv = ARGV(rig_self_path(), "tcp", text), .ports = ports};
    const struct rig_task bad = {.id = "bad", .argv = ARGV(rig_self_path(), "tcp", "0")};
    const struct rig_task worse = {.id = "worse", .argv = bad.argv};

    (void)state;
    rig_skip_unless_cgroups(rig);
    snprintf(text, sizeof(text), "%d", port);
    rig_launch(rig, &good);
    rig_wait_file(rig, "good", "stdout");
    rig_launch(rig, &bad);
    rig_wait(rig, MSG_CONTAINER_EXITED, "bad");
    rig_leave(rig);
    next = rig_again(rig, ARGV("good"));
    rig_wait(next, MSG_CONTAINER_STARTED, "good");
    rig_launch(next, &worse);
    assert_int_equal(rig_wait(next, MSG_CONTAINER_EXITED, "worse")->container_exited->limitation,
                     REASON_CONTAINER_LIMITATION);
    assert_string_equal(rig_usage(next, "good")->more->ports_outside, "");
    rig_signal(next, "good", true);
    assert_int_equal(rig_wait(next, MSG_CONTAINER_EXITED, "good")->container_exited->limitation, 0);
    assert_int_not_equal(access(rig_path(next, "good", "../../../records/good.ports"), F_OK), 0);
}

static void a_wrong_setting_says_what_is_right(void **state)
{
    rig_skip_unless_root();
    const struct label_info options[] = {{.key = "network/ports.action", .value = "shout"},
                                         {NULL, NULL}};
    const struct rig_plan plan = {.also = ARGV("network/ports"), .options = options};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);

    (void)state;
    if (!*rig->ready.launcher_ready->error)
        rig_skip_unless_cgroups(rig);
    assert_string_equal(rig->ready.launcher_ready->error,
                        "network/ports.action=shout: want kill or report");
    rig_end_launcher(rig, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_that_listens_elsewhere_is_killed),
        cmocka_unit_test(a_child_in_an_inner_group_is_found),
        cmocka_unit_test(on_v1_alone_it_is_found_by_its_descriptors),
        cmocka_unit_test(a_hundred_thousand_descriptors_hide_nothing_and_hold_nobody_up),
        cmocka_unit_test(it_can_be_reported_only),
        cmocka_unit_test(who_keeps_to_its_ports_is_left_alone),
        cmocka_unit_test(a_wrong_setting_says_what_is_right),
    };

    return argc > 1 ? be_a_task(argc, argv) : cmocka_run_group_tests(tests, look_for_udp, NULL);
}
