/* network/bridge on the real kernel, all of it in a network namespace of this program's own. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "isolators/nat.h"
#include "tests/unit/launcher_rig.h"

#define HOST    "10.77.0.1"
#define OUTSIDE "192.0.2.2"
#define WAIT_MS 20000

/* --- who talks ----------------------------------------------------------------------------------- */

static struct sockaddr_in address_of(const char *address, int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    inet_pton(AF_INET, address, &at.sin_addr);
    return at;
}

/* Tells each who comes, where from. */
static int serve(int port, bool is_once)
{
    const struct sockaddr_in at = address_of("0.0.0.0", port);
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 8) < 0)
        return 2;
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        struct sockaddr_in peer;
        socklen_t size = sizeof(peer);
        int who = accept(fd, (struct sockaddr *)&peer, &size);
        char text[INET_ADDRSTRLEN];

        inet_ntop(AF_INET, &peer.sin_addr, text, sizeof(text));
        dprintf(who, "%s", text);
        close(who);
        if (is_once)
            return 0;
    }
}

/* What it says; "" and why on stderr: it cannot be had. */
static const char *ask(const char *address, int port)
{
    static char text[64];
    const struct sockaddr_in at = address_of(address, port);
    CLEANUP(close_fd) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ssize_t size;

    *text = '\0';
    if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 && errno != EINPROGRESS)
        perror("connect");
    else if (poll(&(struct pollfd){fd, POLLIN, 0}, 1, WAIT_MS) <= 0)
        fprintf(stderr, "no answer of %s:%d\n", address, port);
    else if ((size = read(fd, text, sizeof(text) - 1)) >= 0)
        text[size] = '\0';
    else
        perror("read");
    return text;
}

static int be_a_task(int argc, char **argv)
{
    if (argc == 3)
        return serve(atoi(argv[2]), strcmp(argv[1], "serve-one") == 0);
    if (argc != 4)
        return 2;
    printf("%s\n", ask(argv[2], atoi(argv[3])));
    return 0;
}

/* --- the site ------------------------------------------------------------------------------------ */

static const struct label_info subnet[] = {
    {.key = "network/bridge.subnet", .value = "10.77.0.0/24"}, {NULL, NULL}};
static const struct label_info tiny_subnet[] = {
    {.key = "network/bridge.subnet", .value = "10.77.0.0/30"}, {NULL, NULL}};
static const struct rig_plan bridged = {
    .also = ARGV("network/bridge", "namespaces/mount", "namespaces/pid", "linux/capabilities"),
    .options = subnet,
};
static const struct isolation_info plain_asks = {.network = "bridge"};
static const struct range_info ports[] = {{.begin = 31000, .end = 31001}};
static const struct port_mapping to_8080[] = {{.host_port = 31000, .container_port = 8080}};
static const struct isolation_info mapped_asks = {
    .network = "bridge", .port_mappings = to_8080, .port_mappings_count = 1};

static struct rig_task server(const char *id)
{
    static const char *argv[4] = {"", "serve", "8080"};

    argv[0] = rig_self_path();
    return (struct rig_task){.id = id, .argv = argv, .isolation = &mapped_asks, .ports = ports};
}

static struct rig *new_rig(const struct rig_plan *plan)
{
    struct rig *rig = rig_new(plan);

    for (size_t i = 0; i < rig->ready.launcher_ready->warnings_count; i++)
        print_message("%s\n", rig->ready.launcher_ready->warnings[i]);
    assert_true(rig_uses(rig, "network/bridge"));
    return rig;
}

static void end_task(struct rig *rig, const char *id)
{
    rig_signal(rig, id, true);
    rig_wait(rig, MSG_CONTAINER_EXITED, id);
}

static bool has_table(void)
{
    static struct netlink net;
    const struct nat_mapping none = {.host_port = 1};
    int rc;

    assert_int_equal(netlink_open(&net, NETLINK_NETFILTER, NULL), 0);
    rc = nat_unmap(&net, "proffer0", &none, NULL);
    if (rc == 0) /* either there is no such element, or no table */
        rc = nat_map(&net, "proffer0", &none, NULL);
    netlink_close(&net);
    return rc == 0;
}

static void expect_nothing_left(void)
{
    assert_int_equal(system("ip -br link | grep -E 'proffer|^pf'"), 256);
    assert_false(has_table());
}

/* Another host: a namespace with one link to us. */
static pid_t outside;

static void make_outside(void)
{
    char command[512];
    int ready[2];
    char byte;

    assert_int_equal(pipe(ready), 0);
    outside = fork();
    if (outside == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (unshare(CLONE_NEWNET) < 0 || write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    snprintf(command, sizeof(command),
             "ip link add out0 type veth peer name eth0 netns %d && ip addr add 192.0.2.1/24 dev "
             "out0 && ip link set out0 up && nsenter -t %d -n sh -c 'ip link set lo up; ip addr "
             "add " OUTSIDE "/24 dev eth0; ip link set eth0 up'",
             outside, outside);
    assert_int_equal(system(command), 0);
}

/* A command's output there, one line. */
static const char *run_outside(const char *how, const char *address, const char *port)
{
    static char text[64];
    char command[512];
    FILE *pipe;

    snprintf(command, sizeof(command), "nsenter -t %d -n %s %s %s %s", outside, rig_self_path(),
             how, address, port);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    *text = '\0';
    if (fgets(text, sizeof(text), pipe))
        text[strcspn(text, "\n")] = '\0';
    pclose(pipe);
    return text;
}

static int go_apart(void **state)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    CLEANUP(close_fd) int fd = -1;

    (void)state;
    if (geteuid() != 0)
        return 0;
    if (unshare(CLONE_NEWNET) < 0)
        return -1;
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        return -1;
    make_outside();
    return 0;
}

static int end_outside(void **state)
{
    (void)state;
    if (outside) {
        kill(outside, SIGKILL);
        waitpid(outside, NULL, 0);
    }
    return 0;
}

/* --- tests --------------------------------------------------------------------------------------- */

static void a_task_has_a_network_of_its_own(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = new_rig(&bridged);
    const struct rig_task task = {
        .id = "t1",
        .shell = "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' | sort | xargs",
        .isolation = &plain_asks};

    (void)state;
    assert_string_equal(rig_run(rig, &task)->error, "");
    assert_string_equal(rig_read(rig, "t1", "stdout"), "eth0 lo\n");
    expect_nothing_left();
}

static void a_port_of_the_host_leads_to_it(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = new_rig(&bridged);
    const struct rig_task task = server("t1");
    const struct rig_task by_address = {.id = "t2",
                                        .argv = ARGV(rig_self_path(), "ask", "10.77.0.2", "8080"),
                                        .isolation = &plain_asks};
    const struct rig_task by_host = {
        .id = "t3", .argv = ARGV(rig_self_path(), "ask", HOST, "31000"), .isolation = &plain_asks};

    (void)state;
    rig_launch(rig, &task);
    rig_wait_file(rig, "t1", "stdout");
    assert_string_equal(rig_usage(rig, "t1")->more->address, "10.77.0.2");
    assert_string_equal(ask("10.77.0.2", 8080), HOST);
    assert_string_equal(ask(HOST, 31000), HOST);
    assert_string_equal(run_outside("ask", "192.0.2.1", "31000"), OUTSIDE);
    assert_string_equal(rig_run(rig, &by_address)->error, "");
    assert_string_equal(rig_read(rig, "t2", "stdout"), "10.77.0.3\n");
    assert_string_equal(rig_run(rig, &by_host)->error, "");
    assert_string_equal(rig_read(rig, "t3", "stdout"), HOST "\n");
    end_task(rig, "t1");
    expect_nothing_left();
}

/* The holder has the network; who joins it serves, and is asked from beside it and from outside. */
static void a_group_has_one_network_and_its_ports_lead_to_its_tasks(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = new_rig(&bridged);
    const struct group_info group = {
        .id = "pod", .network = "bridge", .port_mappings = to_8080, .port_mappings_count = 1};
    const char *serves[] = {rig_self_path(), "serve", "8080", NULL};
    const char *asks[] = {rig_self_path(), "ask", "127.0.0.1", "8080", NULL};

    (void)state;
    rig_launch(rig, &(struct rig_task){.id = "h", .shell = "-", .group = &group, .ports = ports});
    rig_wait(rig, MSG_CONTAINER_STARTED, "h");
    rig_launch(rig, &(struct rig_task){.id = "server", .argv = serves, .holder = "h"});
    rig_wait_file(rig, "server", "stdout");
    assert_string_equal(ask(HOST, 31000), HOST);
    assert_int_equal(
        rig_run(rig, &(struct rig_task){.id = "client", .argv = asks, .holder = "h"})->exit->code,
        0);
    assert_string_equal(rig_read(rig, "client", "stdout"), "127.0.0.1\n");
    assert_string_equal(rig_usage(rig, "h")->more->address, "10.77.0.2");
    end_task(rig, "server");
    assert_string_equal(ask(HOST, 31000), ""); /* the network is there still, and nobody serves */
    end_task(rig, "h");
    expect_nothing_left();
}

static void what_leaves_it_comes_from_the_host(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = new_rig(&bridged);
    const struct rig_task task = {.id = "t1",
                                  .argv = ARGV(rig_self_path(), "ask", OUTSIDE, "8081"),
                                  .isolation = &plain_asks};
    char command[256], line[16];
    FILE *there;

    (void)state;
    snprintf(command, sizeof(command), "exec nsenter -t %d -n timeout 60 %s serve-one 8081",
             outside, rig_self_path());
    there = popen(command, "r");
    assert_non_null(fgets(line, sizeof(line), there));
    assert_string_equal(rig_run(rig, &task)->error, "");
    assert_string_equal(rig_read(rig, "t1", "stdout"), "192.0.2.1\n");
    assert_int_equal(pclose(there), 0);
}

static void ports_are_those_that_it_was_granted(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = new_rig(&bridged);
    static const struct port_mapping without[] = {{.container_port = 80, .protocol = ""},
                                                  {.container_port = 81, .protocol = ""},
                                                  {.container_port = 82, .protocol = ""}};
    struct rig_task task = server("t1");
    struct isolation_info asks;

    (void)state;
    task.ports = NULL;
    assert_string_equal(
        rig_run(rig, &task)->error,
        "network/bridge: it asks for port 31000 of the host, which it is not granted");
    task = server("t0");
    asks = *task.isolation;
    asks.port_mappings = without;
    asks.port_mappings_count = ARRAY_SIZE(without);
    task.isolation = &asks;
    assert_string_equal(
        rig_run(rig, &task)->error,
        "network/bridge: it maps 3 ports and is granted less: each needs one of the host's");
    task = server("t2");
    rig_launch(rig, &task);
    rig_wait_file(rig, "t2", "stdout");
    task.id = "t3";
    assert_string_equal(rig_run(rig, &task)->error,
                        "network/bridge: port 31000 of the host is mapped to another task");
    assert_string_equal(ask(HOST, 31000), HOST); /* and the other's mapping is still there */
    end_task(rig, "t2");
    expect_nothing_left();
}

static void a_port_that_is_left_open_is_none_that_another_mapping_names(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = new_rig(&bridged);
    static const struct port_mapping mappings[] = {
        {.host_port = 31001, .container_port = 80, .protocol = ""},
        {.container_port = 8080, .protocol = ""}};
    struct rig_task task = server("t1");
    struct isolation_info asks = *task.isolation;

    (void)state;
    asks.port_mappings = mappings;
    asks.port_mappings_count = ARRAY_SIZE(mappings);
    task.isolation = &asks;
    rig_launch(rig, &task);
    rig_wait_file(rig, "t1", "stdout");
    assert_string_equal(ask(HOST, 31000), HOST);
    end_task(rig, "t1");
    expect_nothing_left();
}

static void addresses_come_to_an_end(void **state)
{
    rig_skip_unless_root();
    const struct rig_plan plan = {.also = ARGV("network/bridge"), .options = tiny_subnet};
    CLEANUP(rig_destroy) struct rig *rig = new_rig(&plan);
    struct rig_task task = {.id = "t1", .shell = "echo; sleep 1000", .isolation = &plain_asks};

    (void)state;
    rig_launch(rig, &task);
    rig_wait_file(rig, "t1", "stdout");
    task.id = "t2";
    assert_string_equal(rig_run(rig, &task)->error,
                        "network/bridge: all 1 addresses of the subnet are taken");
    end_task(rig, "t1");
    task.id = "t3";
    task.shell = "true";
    assert_string_equal(rig_run(rig, &task)->error, "");
}

static void it_outlives_the_launcher(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = new_rig(&bridged);
    CLEANUP(rig_destroy) struct rig *next = NULL;
    const struct rig_task task = server("t1"), other = server("t2");

    (void)state;
    rig_launch(rig, &task);
    rig_wait_file(rig, "t1", "stdout");
    rig_end_launcher(rig, SIGKILL);
    assert_string_equal(ask(HOST, 31000), HOST);
    next = rig_again(rig, ARGV("t1"));
    rig_wait(next, MSG_CONTAINER_STARTED, "t1");
    assert_string_equal(ask(HOST, 31000), HOST);
    assert_string_equal(rig_usage(next, "t1")->more->address, "10.77.0.2");
    assert_string_equal(rig_run(next, &other)->error,
                        "network/bridge: port 31000 of the host is mapped to another task");
    end_task(next, "t1");
    expect_nothing_left();
}

static void what_nobody_adopts_is_removed(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = new_rig(&bridged);
    CLEANUP(rig_destroy) struct rig *next = NULL;
    const struct rig_task task = server("t1");

    (void)state;
    rig_launch(rig, &task);
    rig_wait_file(rig, "t1", "stdout");
    rig_end_launcher(rig, SIGKILL);
    assert_true(has_table());
    next = rig_again(rig, (const char *const[]){NULL});
    expect_nothing_left();
    rig_launch(next, &task);
    rig_wait_file(next, "t1", "stdout");
    end_task(next, "t1");
    expect_nothing_left();
}

static const struct label_info other_subnet[] = {
    {.key = "network/bridge.subnet", .value = "10.78.0.0/24"}, {NULL, NULL}};
static const struct label_info other_bridge[] = {
    {.key = "network/bridge.subnet", .value = "10.77.0.0/24"},
    {.key = "network/bridge.bridge", .value = "proffer1"},
    {NULL, NULL}};
static const struct label_info all_other[] = {
    {.key = "network/bridge.subnet", .value = "10.78.0.0/24"},
    {.key = "network/bridge.bridge", .value = "proffer1"},
    {NULL, NULL}};

/* Begins t1, and goes on with other settings. */
static struct rig *change_settings(struct rig *rig, const struct label_info *options, bool adopts)
{
    const struct rig_task task = server("t1");
    struct rig *next;

    rig_launch(rig, &task);
    rig_wait_file(rig, "t1", "stdout");
    rig_end_launcher(rig, SIGKILL);
    rig->plan.options = options;
    next = rig_again(rig, adopts ? ARGV("t1") : (const char *const[]){NULL});
    if (adopts) {
        rig_wait(next, MSG_CONTAINER_STARTED, "t1");
        assert_string_equal(ask(HOST, 31000), HOST);
        assert_string_equal(rig_usage(next, "t1")->more->address, "10.77.0.2");
    }
    return next;
}

static void tasks_of_an_earlier_subnet_keep_it_and_leave_nothing(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = new_rig(&bridged);
    CLEANUP(rig_destroy) struct rig *next = change_settings(rig, other_subnet, true);
    const struct rig_task task = {
        .id = "t2", .argv = ARGV(rig_self_path(), "ask", HOST, "31000"), .isolation = &plain_asks};
    struct rig_task again = task;

    (void)state;
    assert_string_equal(rig_run(next, &task)->error,
                        "network/bridge: tasks from before its settings were changed are still in "
                        "10.77.0.0/24 on the bridge proffer0: until they have ended, set another "
                        "subnet and another bridge");
    assert_string_equal(ask(HOST, 31000), HOST);
    end_task(next, "t1");
    expect_nothing_left();
    again = server("t3");
    rig_launch(next, &again);
    rig_wait_file(next, "t3", "stdout");
    assert_string_equal(rig_usage(next, "t3")->more->address, "10.78.0.3");
    assert_string_equal(ask("10.78.0.1", 31000), "10.78.0.1");
    end_task(next, "t3");
    expect_nothing_left();
}

static void tasks_of_an_earlier_bridge_keep_it_and_leave_nothing(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = new_rig(&bridged);
    CLEANUP(rig_destroy) struct rig *next = change_settings(rig, other_bridge, true);
    const struct rig_task task = {.id = "t2", .shell = "true", .isolation = &plain_asks};

    (void)state;
    assert_non_null(strstr(rig_run(next, &task)->error, "are still in 10.77.0.0/24 on the bridge "
                                                        "proffer0"));
    end_task(next, "t1");
    expect_nothing_left();
}

static void earlier_and_new_networks_live_side_by_side(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = new_rig(&bridged);
    CLEANUP(rig_destroy) struct rig *next = change_settings(rig, all_other, true);
    const struct rig_task task = {
        .id = "t2", .argv = ARGV(rig_self_path(), "ask", HOST, "31000"), .isolation = &plain_asks};
    struct rig_task other = server("t3");
    const struct port_mapping to_it[] = {{.host_port = 31001, .container_port = 8080}};
    const struct isolation_info asks = {
        .network = "bridge", .port_mappings = to_it, .port_mappings_count = 1};

    (void)state;
    assert_string_equal(rig_run(next, &task)->error, "");
    assert_string_equal(rig_read(next, "t2", "stdout"), HOST "\n");
    other.isolation = &asks;
    rig_launch(next, &other);
    rig_wait_file(next, "t3", "stdout");
    assert_string_equal(ask("10.78.0.1", 31001), "10.78.0.1");
    end_task(next, "t1");
    assert_false(has_table());
    assert_string_equal(ask("10.78.0.1", 31001), "10.78.0.1");
    end_task(next, "t3");
    expect_nothing_left();
}

static void what_nobody_adopts_of_an_earlier_network_is_removed(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = new_rig(&bridged);
    CLEANUP(rig_destroy) struct rig *next = change_settings(rig, all_other, false);

    (void)state;
    (void)next;
    expect_nothing_left();
}

static void without_a_subnet_it_says_what_it_needs(void **state)
{
    rig_skip_unless_root();
    const struct rig_plan plan = {.also = ARGV("network/bridge")};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);

    (void)state;
    assert_non_null(strstr(rig->ready.launcher_ready->warnings[0],
                           "it needs network/bridge.subnet, one that nobody else uses"));
}

static void a_bridge_is_one_agents(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = new_rig(&bridged);
    CLEANUP(rig_destroy) struct rig *other = rig_new(&bridged);
    const struct msg_launcher_ready *ready = other->ready.launcher_ready;
    const struct rig_task task = {.id = "t1", .shell = "true", .isolation = &plain_asks};

    (void)state;
    assert_false(rig_uses(other, "network/bridge"));
    assert_int_equal(ready->warnings_count, 1);
    assert_non_null(strstr(ready->warnings[0],
                           "network/bridge is not used: another agent of this host has the bridge "
                           "proffer0 (its launcher is process "));
    assert_non_null(strstr(rig_run(other, &task)->error, "does not use network/bridge"));
    assert_string_equal(rig_run(rig, &task)->error, "");
    expect_nothing_left();
}

/* Of this network namespace. */
static bool has_owner(void)
{
    struct stat network;
    char path[128];

    assert_int_equal(stat("/proc/self/ns/net", &network), 0);
    snprintf(path, sizeof(path), "/run/proffer-bridge-%ju-proffer0", (uintmax_t)network.st_ino);
    return access(path, F_OK) == 0;
}

static void what_says_whose_it_is_goes_with_the_launcher(void **state)
{
    rig_skip_unless_root();
    struct rig *rig = new_rig(&bridged);
    CLEANUP(rig_destroy) struct rig *killed = NULL;

    (void)state;
    assert_true(has_owner());
    rig_destroy(&rig);
    assert_false(has_owner());
    killed = new_rig(&bridged);
    rig_end_launcher(killed, SIGKILL);
    assert_true(has_owner());
    rig = rig_again(killed, (const char *const[]){NULL});
    assert_true(rig_uses(rig, "network/bridge"));
    rig_destroy(&rig);
    assert_false(has_owner());
}

static void a_user_namespace_has_no_bridge(void **state)
{
    rig_skip_unless_root();
    const struct rig_plan plan = {.also = ARGV("namespaces/user", "network/bridge"),
                                  .options = subnet};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);

    (void)state;
    if (!rig_uses(rig, "namespaces/user"))
        skip();
    assert_string_equal(
        rig_run(rig, &(struct rig_task){.id = "t1", .shell = "true", .isolation = &plain_asks})
            ->error,
        "network/bridge cannot be had with namespaces/user, which this agent uses");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_has_a_network_of_its_own),
        cmocka_unit_test(a_port_of_the_host_leads_to_it),
        cmocka_unit_test(a_group_has_one_network_and_its_ports_lead_to_its_tasks),
        cmocka_unit_test(what_leaves_it_comes_from_the_host),
        cmocka_unit_test(ports_are_those_that_it_was_granted),
        cmocka_unit_test(a_port_that_is_left_open_is_none_that_another_mapping_names),
        cmocka_unit_test(addresses_come_to_an_end),
        cmocka_unit_test(it_outlives_the_launcher),
        cmocka_unit_test(what_nobody_adopts_is_removed),
        cmocka_unit_test(tasks_of_an_earlier_subnet_keep_it_and_leave_nothing),
        cmocka_unit_test(tasks_of_an_earlier_bridge_keep_it_and_leave_nothing),
        cmocka_unit_test(earlier_and_new_networks_live_side_by_side),
        cmocka_unit_test(what_nobody_adopts_of_an_earlier_network_is_removed),
        cmocka_unit_test(without_a_subnet_it_says_what_it_needs),
        cmocka_unit_test(a_bridge_is_one_agents),
        cmocka_unit_test(what_says_whose_it_is_goes_with_the_launcher),
        cmocka_unit_test(a_user_namespace_has_no_bridge),
    };

    return argc > 1 ? be_a_task(argc, argv) : cmocka_run_group_tests(tests, go_apart, end_outside);
}
