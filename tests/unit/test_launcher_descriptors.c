/* What each process around a task has open: nothing but what it works with. And an agent that sees its launcher die at
 * once, whatever else goes on. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "tests/unit/fetch_site.h"

#define OPEN_MAX_ 64

static const char *const all_of_them[] = {
    "namespaces/mount", "namespaces/pid", "namespaces/ipc",
    "namespaces/uts",   "namespaces/net", "linux/capabilities",
    "linux/seccomp",    "linux/nnp",      NULL};
/* With that one the shim is not the init itself. */
static const char *const with_init[] = {"namespaces/mount", "namespaces/pid", "namespaces/cgroup",
                                        NULL};

/* --- what is open -------------------------------------------------------------------------------- */

static size_t list_open(struct rig *rig, pid_t pid, const char *ret_links[OPEN_MAX_])
{
    DIR *dir = opendir(arena_printf(rig->arena, "/proc/%d/fd", pid));
    const struct dirent *entry;
    size_t count = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        char link[512];
        ssize_t size = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);

        if (size < 0)
            continue;
        link[size] = '\0';
        assert_true(count < OPEN_MAX_);
        ret_links[count++] = arena_printf(rig->arena, "%s %s", entry->d_name, link);
    }
    closedir(dir);
    return count;
}

/* "2 pipe:*" or "* pipe:*": each stands for one descriptor. With a ? in front it need not be there, and may be there more
 * than once. */
static bool explains(const char **pattern, const char *link)
{
    if (!*pattern)
        return false;
    if (**pattern == '?')
        return fnmatch(*pattern + 1, link, 0) == 0;
    if (fnmatch(*pattern, link, 0) != 0)
        return false;
    *pattern = NULL;
    return true;
}

static void assert_open(struct rig *rig, const char *who, pid_t pid, const char *const *patterns)
{
    const char *left[OPEN_MAX_], *links[OPEN_MAX_];
    size_t count = 0, open = list_open(rig, pid, links);

    while (patterns[count]) {
        left[count] = patterns[count];
        count++;
    }
    for (size_t i = 0; i < open; i++) {
        size_t j = 0;

        while (j < count && !explains(&left[j], links[i]))
            j++;
        if (j == count)
            fail_msg("%s has open: %s", who, links[i]);
    }
    for (size_t j = 0; j < count; j++)
        if (left[j] && *left[j] != '?')
            fail_msg("%s has not open: %s", who, left[j]);
}

static const char *in_sandbox(struct rig *rig, const char *file)
{
    return arena_printf(rig->arena, "* %s", rig_path(rig, "t1", file));
}

static void assert_shim(struct rig *rig, pid_t pid)
{
    bool has_groups = strcmp(rig->ready.launcher_ready->cgroups, "none") != 0;

    assert_open(
        rig, "the shim", pid,
        ARGV("0 /dev/null", "1 /dev/null", "2 /dev/null", "* pipe:*", "* pipe:*",
             "* anon_inode:?signalfd?",
             arena_printf(rig->arena, "* %s/records/.launcher", rig->dir),
             arena_printf(rig->arena, "* %s", rig_record_path(rig, "t1")),
             arena_printf(rig->arena, "* %s/sandboxes/f1/t1", rig->dir), in_sandbox(rig, "stdout"),
             in_sandbox(rig, "stderr"),
             has_groups ? arena_printf(rig->arena, "* /sys/fs/cgroup/*%s", rig->root) : "?none",
             arena_printf(rig->arena, "?* /sys/fs/cgroup/*%s", rig->root)));
}

/* It closes what it does not need while another begins, and then waits. */
static void wait_until_it_waits(struct rig *rig, pid_t pid)
{
    while (!strstr(rig_status_of(rig, pid, "State"), "S (sleeping)"))
        poll(NULL, 0, 1);
}

/* A command that sleeps; it has its name before the loader has opened its libraries, and closed them. */
static void assert_command(struct rig *rig, pid_t pid)
{
    wait_until_it_waits(rig, pid);
    assert_open(rig, "the command", pid, ARGV("0 /dev/null", "1 pipe:*", "2 pipe:*"));
}

static void expect_nothing_open(const char *const *also, bool has_init)
{
    const struct rig_plan plan = {.also = also};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
    pid_t pid, shim;

    rig_launch(rig, &(struct rig_task){.id = "t1", .shell = "exec sleep 1000"});
    pid = (pid_t)rig_wait(rig, MSG_CONTAINER_STARTED, "t1")->container_started->pid;
    shim = rig_parent_of(pid);
    rig_wait_child(shim, "sleep");
    wait_until_it_waits(rig, shim);
    assert_shim(rig, shim);
    assert_command(rig, pid);
    if (has_init)
        assert_open(rig, "the init", rig_wait_child(shim, "proffer-init"),
                    ARGV("0 /dev/null", "1 /dev/null", "2 /dev/null"));
    rig_signal(rig, "t1", true);
    rig_wait(rig, MSG_CONTAINER_EXITED, "t1");
}

static void running_task_has_nothing_open_that_is_not_its_own(void **state)
{
    (void)state;
    rig_skip_unless_root();
    expect_nothing_open(all_of_them, false);
    expect_nothing_open(with_init, true);
}

/* --- checks -------------------------------------------------------------------------------------- */

/* Its helper is the only one then. */
static void ask(struct rig *rig, const struct check_info *info)
{
    rig_wait_no_child(rig->pid, "proffer-helper");
    rig_send(rig, &MESSAGE(CHECK_CONTAINER, check_container, .container_id = "t1", .number = 7,
                           .check = info));
}

/* Helper, keeper and command of a check; the log of the launcher is the helper's. */
static void check_has_nothing_open_that_is_not_its_own(void **state)
{
    rig_skip_unless_root();
    const struct rig_plan plan = {.also = all_of_them};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
    const struct command_info command = {.value = "echo >ready; exec sleep 1000"};
    pid_t helper, keeper;

    (void)state;
    rig_launch(rig, &(struct rig_task){.id = "t1", .shell = "exec sleep 1000"});
    rig_wait(rig, MSG_CONTAINER_STARTED, "t1");
    ask(rig, &(struct check_info){.command = &command, .timeout_ms = 60000});
    rig_wait_file(rig, "t1", "ready");
    helper = rig_wait_child(rig->pid, "proffer-helper");
    keeper = rig_wait_child(helper, "proffer-keeper");
    assert_command(rig, rig_wait_child(keeper, "sleep"));
    wait_until_it_waits(rig, keeper);
    wait_until_it_waits(rig, helper);
    assert_open(rig, "the keeper", keeper, ARGV("0 /dev/null", "1 /dev/null", "2 *", "* pipe:*"));
    assert_open(rig, "the helper", helper,
                ARGV("0 /dev/null", "1 /dev/null", "2 *", "* pipe:*", "* pipe:*", "* socket:*",
                     "* /proc", "* anon_inode:?pidfd?",
                     arena_printf(rig->arena, "?* /sys/fs/cgroup/*%s", rig->root)));
    rig_signal(rig, "t1", true);
    rig_wait(rig, MSG_CONTAINER_EXITED, "t1");
}

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

static void connection_has_nothing_open_that_is_not_its_own(void **state)
{
    const struct {
        const char *scheme, *name;
        const char *const *open;
    } cases[] = {
        {"http", "proffer-helper",
         ARGV("0 /dev/null", "1 /dev/null", "2 *", "* socket:*", "* socket:*")},
        {"https", "proffer-check",
         ARGV("0 /dev/null", "1 /dev/null", "2 /dev/null", "3 socket:*", "* socket:*",
              /* what libcurl wakes itself by */
              "?* socket:*", "?* pipe:*", "?* anon_inode:?event*")},
    };
    CLEANUP(rig_destroy) struct rig *rig = NULL;

    (void)state;
    rig_skip_unless_root();
    rig = rig_new(&(struct rig_plan){.is_posix = false});
    rig_launch(rig, &(struct rig_task){.id = "t1", .shell = "exec sleep 1000"});
    rig_wait(rig, MSG_CONTAINER_STARTED, "t1");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int port, fd = listen_somewhere(&port), peer;
        const struct http_check http = {.port = port, .scheme = cases[i].scheme};
        char request[512];

        ask(rig, &(struct check_info){.http = &http, .timeout_ms = 20000});
        peer = accept(fd, NULL, NULL);
        assert_true(recv(peer, request, sizeof(request), 0) > 0);
        assert_open(rig, cases[i].name, rig_wait_child(rig->pid, cases[i].name), cases[i].open);
        close(peer);
        close(fd);
        rig_wait(rig, MSG_CONTAINER_CHECKED, NULL);
    }
    rig_signal(rig, "t1", true);
    rig_wait(rig, MSG_CONTAINER_EXITED, "t1");
}

/* --- fetching ------------------------------------------------------------------------------------ */

static pid_t begin_fetch(struct scene *scene)
{
    const struct uri_info uri = {.value = scene_url(scene, "silent"), .cache = true};

    rig_launch(scene->rig,
               &(struct rig_task){.id = "t1", .shell = "true", .uris = &uri, .uris_count = 1});
    while (scene_requests(scene, "/silent") == 0)
        poll(NULL, 0, 5);
    return rig_wait_child(scene->rig->pid, "proffer-shim");
}

/* Shim, fetcher, and the process of one URI. What isolators have open is the shim's for as long as it starts things. */
static void fetch_has_nothing_open_that_is_not_its_own(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    struct rig *rig;
    pid_t shim, fetcher, job;

    (void)state;
    rig_skip_unless_root();
    scene_init(&scene);
    scene_begin(&scene);
    rig = scene.rig;
    shim = begin_fetch(&scene);
    fetcher = rig_wait_child(shim, "proffer-fetcher");
    job = rig_wait_child(fetcher, "proffer-fetcher");
    assert_open(rig, "the shim", shim,
                ARGV("0 /dev/null", "1 /dev/null", "2 *", "* /proc", "* pipe:*", "* pipe:*",
                     "* pipe:*", "* pipe:*", "* socket:*", "* anon_inode:?signalfd?",
                     arena_printf(rig->arena, "* %s/records/.launcher", rig->dir),
                     arena_printf(rig->arena, "* %s", rig_record_path(rig, "t1")),
                     arena_printf(rig->arena, "* %s/records", rig->dir),
                     arena_printf(rig->arena, "?* %s/sandboxes/f1", rig->dir),
                     arena_printf(rig->arena, "?* %s/sandboxes", rig->dir),
                     arena_printf(rig->arena, "* %s/sandboxes/f1/t1", rig->dir),
                     in_sandbox(rig, "stdout"), in_sandbox(rig, "stderr"),
                     arena_printf(rig->arena, "?* /sys/fs/cgroup/*%s", rig->root),
                     /* of cgroup/memory, which is told by these of an end for want of it */
                     "?* anon_inode:?eventfd?", "?* anon_inode:inotify",
                     arena_printf(rig->arena, "?* /sys/fs/cgroup/*%s/t1/memory.*", rig->root)));
    assert_open(rig, "the fetcher", fetcher,
                ARGV("0 /dev/null", "1 socket:*", "2 /dev/null", "* pipe:*",
                     arena_printf(rig->arena, "* %s/sandboxes/f1/t1", rig->dir),
                     arena_printf(rig->arena, "* %s", scene.settings.cache_dir),
                     arena_printf(rig->arena, "* %s/*.lock", scene.settings.cache_dir),
                     arena_printf(rig->arena, "* %s/*.part", scene.settings.cache_dir)));
    /* As the task's user: nothing of the cache but what it writes. */
    assert_open(rig, "the process of a URI", job,
                ARGV("0 /dev/null", "1 socket:*", "2 /dev/null", "* pipe:*", "* socket:*",
                     arena_printf(rig->arena, "* %s/sandboxes/f1/t1", rig->dir),
                     arena_printf(rig->arena, "* %s/*.part", scene.settings.cache_dir),
                     "?* socket:*", "?* anon_inode:?event*"));
    rig_signal(rig, "t1", true);
    rig_wait(rig, MSG_CONTAINER_EXITED, "t1");
}

static void agent_sees_a_launcher_die_while_a_task_fetches(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    struct rig *second, *first;
    pid_t shim;
    char byte;

    (void)state;
    scene_init(&scene);
    scene_begin(&scene);
    first = scene.rig;
    shim = begin_fetch(&scene);
    rig_end_launcher(first, SIGKILL);
    assert_int_equal(
        poll(&(struct pollfd){first->channel.fd, POLLIN | POLLHUP, 0}, 1, RIG_TIMEOUT_MS), 1);
    while (recv(first->channel.fd, &byte, 1, MSG_DONTWAIT) == 1)
        ;
    assert_int_equal(recv(first->channel.fd, &byte, 1, MSG_DONTWAIT), 0);
    assert_int_equal(kill(shim, 0), 0); /* and the fetch goes on */
    channel_fini(&first->channel);
    second = rig_again(first, ARGV("t1"));
    rig_signal(second, "t1", true);
    rig_wait(second, MSG_CONTAINER_EXITED, "t1");
    rig_destroy(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(running_task_has_nothing_open_that_is_not_its_own),
        cmocka_unit_test(check_has_nothing_open_that_is_not_its_own),
        cmocka_unit_test(connection_has_nothing_open_that_is_not_its_own),
        cmocka_unit_test(fetch_has_nothing_open_that_is_not_its_own),
        cmocka_unit_test(agent_sees_a_launcher_die_while_a_task_fetches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
