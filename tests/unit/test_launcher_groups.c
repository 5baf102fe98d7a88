/* Groups of tasks on the real kernel: what they share, what they do not, and how the holder lives and ends. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "tests/unit/launcher_rig.h"

#define PORT 8080

/* Most tests are run with both: their state is the plan. */
static const struct rig_plan below_init = {
    .also = ARGV("namespaces/mount", "namespaces/pid", "namespaces/ipc", "namespaces/uts",
                 "namespaces/net", "namespaces/cgroup", "volume/group"),
};
static const struct rig_plan below_shim = {
    .also = ARGV("namespaces/mount", "namespaces/pid", "namespaces/ipc", "namespaces/uts",
                 "namespaces/net", "linux/capabilities", "volume/group"),
};

static const char *const volumes[] = {"data"};
static const struct group_info alone = {.id = "pod",
                                        .network = "none",
                                        .hostname = "the-pod",
                                        .shm_bytes = 4 << 20,
                                        .volumes = volumes,
                                        .volumes_count = 1};

/* --- who talks, as a task ------------------------------------------------------------------------ */

static int open_socket(struct sockaddr_in *ret_at)
{
    *ret_at = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(PORT)};
    inet_pton(AF_INET, "127.0.0.1", &ret_at->sin_addr);
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int serve(void)
{
    struct sockaddr_in at;
    CLEANUP(close_fd) int fd = open_socket(&at);

    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 8) < 0)
        return 2;
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        int who = accept(fd, NULL, NULL);

        dprintf(who, "hello");
        close(who);
    }
}

static int ask(void)
{
    struct sockaddr_in at;
    CLEANUP(close_fd) int fd = open_socket(&at);
    char text[16] = "";

    if (connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
        printf("refused\n");
    else if (read(fd, text, sizeof(text) - 1) > 0)
        printf("%s\n", text);
    return 0;
}

/* --- the rig ------------------------------------------------------------------------------------- */

static pid_t start_holder(struct rig *rig, const struct group_info *group)
{
    rig_launch(rig, &(struct rig_task){.id = "h", .shell = "-", .group = group});
    return (pid_t)rig_wait(rig, MSG_CONTAINER_STARTED, "h")->container_started->pid;
}

static void end_holder(struct rig *rig)
{
    rig_signal(rig, "h", true);
    rig_wait(rig, MSG_CONTAINER_EXITED, "h");
}

static const char *output_of(struct rig *rig, const struct rig_task *task)
{
    const struct msg_container_exited *exited = rig_run(rig, task);

    assert_string_equal(exited->error, "");
    if (exited->exit->code || exited->exit->signal)
        fail_msg("exit %d, signal %d: %s", (int)exited->exit->code, (int)exited->exit->signal,
                 rig_read(rig, task->id, "stderr"));
    return rig_read(rig, task->id, "stdout");
}

/* --- what is shared ------------------------------------------------------------------------------ */

static void loopback_is_shared_by_its_tasks_and_by_nobody_else(void **state)
{
    static const struct isolation_info no_network = {
        .rootfs = "", .hostname = "", .seccomp_profile = "", .network = "none"};
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(*state);
    const char *server[] = {rig_self_path(), "serve", NULL};
    const char *client[] = {rig_self_path(), "ask", NULL};

    start_holder(rig, &alone);
    rig_launch(rig, &(struct rig_task){.id = "server", .argv = server, .holder = "h"});
    rig_wait_file(rig, "server", "stdout");
    assert_string_equal(
        output_of(rig, &(struct rig_task){.id = "client", .argv = client, .holder = "h"}),
        "hello\n");
    assert_string_equal(output_of(rig, &(struct rig_task){.id = "stranger", .argv = client}),
                        "refused\n");
    assert_string_equal(
        output_of(rig,
                  &(struct rig_task){.id = "stranger2", .argv = client, .isolation = &no_network}),
        "refused\n");
    rig_signal(rig, "server", true);
    rig_wait(rig, MSG_CONTAINER_EXITED, "server");
    end_holder(rig);
}

static void host_name_and_queues_and_shared_memory_are_the_groups(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(*state);

    start_holder(rig, &alone);
    assert_string_equal(
        output_of(rig, &(struct rig_task){.id = "a",
                                          .shell = "uname -n; ipcmk -M 4096 >/dev/null && "
                                                   "echo seen >/dev/shm/mark",
                                          .holder = "h"}),
        "the-pod\n");
    assert_string_equal(
        output_of(rig, &(struct rig_task){.id = "b",
                                          .shell = "uname -n; ipcs -m | grep -c 4096; "
                                                   "cat /dev/shm/mark; df --output=size /dev/shm "
                                                   "| tail -1 | tr -d ' '",
                                          .holder = "h"}),
        "the-pod\n1\nseen\n4096\n");
    assert_string_equal(
        output_of(rig, &(struct rig_task){.id = "c",
                                          .shell = "ls /dev/shm; ipcs -m | grep -c 4096 "
                                                   "|| true"}),
        "0\n");
    assert_int_not_equal(access("/dev/shm/mark", F_OK), 0);
    end_holder(rig);
}

static void processes_and_mounts_are_each_ones_own(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(*state);
    const struct rig_task other = {
        .id = "a", .shell = "mkdir m; mount -t tmpfs none m; echo; sleep 1000", .holder = "h"};

    start_holder(rig, &alone);
    rig_launch(rig, &other);
    rig_wait_file(rig, "a", "stdout");
    assert_string_equal(
        output_of(rig, &(struct rig_task){.id = "b",
                                          .shell = "cd /proc; echo [0-9]*; cat /proc/1/comm; "
                                                   "grep -c sandboxes/f1/a/m /proc/mounts || true",
                                          .holder = "h"}),
        *state == &below_init ? "1 2\nproffer-init\n0\n" : "1 2\nproffer-shim\n0\n");
    rig_signal(rig, "a", true);
    rig_wait(rig, MSG_CONTAINER_EXITED, "a");
    end_holder(rig);
}

static struct isolation_info mount_at(struct isolation_mount *mount, const char *path,
                                      bool is_read_only)
{
    *mount = (struct isolation_mount){.source_kind = MOUNT_GROUP,
                                      .source = "data",
                                      .container_path = path,
                                      .read_only = is_read_only};
    return (struct isolation_info){.rootfs = "",
                                   .hostname = "",
                                   .network = "",
                                   .seccomp_profile = "",
                                   .mounts = mount,
                                   .mounts_count = 1};
}

static void volume_is_seen_where_each_wants_it(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(*state);
    struct isolation_mount inside, elsewhere;
    const struct isolation_info in_sandbox = mount_at(&inside, "in/data", false);
    const struct isolation_info at_media = mount_at(&elsewhere, "/media", true);

    start_holder(rig, &alone);
    /* Another user than the holder's. */
    assert_string_equal(output_of(rig, &(struct rig_task){.id = "a",
                                                          .shell = "echo text >in/data/file; id -u",
                                                          .user = "nobody",
                                                          .isolation = &in_sandbox,
                                                          .holder = "h"}),
                        "65534\n");
    assert_string_equal(
        output_of(rig, &(struct rig_task){.id = "b",
                                          .shell = "cat /media/file; touch /media/x 2>/dev/null || "
                                                   "echo read-only",
                                          .isolation = &at_media,
                                          .holder = "h"}),
        "text\nread-only\n");
    assert_string_equal(rig_read(rig, "h", "volumes/data/file"), "text\n");
    end_holder(rig);
}

static void without_mounts_volumes_are_links_and_others_places_are_refused(void **state)
{
    static const struct rig_plan plain;
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    struct isolation_mount inside, elsewhere;
    const struct isolation_info in_sandbox = mount_at(&inside, "data", false);
    const struct isolation_info at_media = mount_at(&elsewhere, "/media", false);
    const struct group_info group = {.id = "pod", .volumes = volumes, .volumes_count = 1};

    (void)state;
    start_holder(rig, &group);
    output_of(rig, &(struct rig_task){.id = "a",
                                      .shell = "echo text >data/file",
                                      .isolation = &in_sandbox,
                                      .holder = "h"});
    assert_string_equal(output_of(rig, &(struct rig_task){.id = "b",
                                                          .shell = "cat data/file",
                                                          .isolation = &in_sandbox,
                                                          .holder = "h"}),
                        "text\n");
    assert_string_equal(
        rig_run(
            rig,
            &(struct rig_task){.id = "c", .shell = "true", .isolation = &at_media, .holder = "h"})
            ->error,
        "it asks for a volume of its group as a mount, and this agent does not use volume/group");
    end_holder(rig);
}

static void link_in_the_groups_folder_leads_nowhere(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(*state);
    struct isolation_mount elsewhere;
    const struct isolation_info at_media = mount_at(&elsewhere, "/media", false);
    char from[256], to[264];

    start_holder(rig, &alone);
    snprintf(from, sizeof(from), "%s", rig_path(rig, "h", "volumes"));
    snprintf(to, sizeof(to), "%s.away", from);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(symlink("/", from), 0);
    assert_non_null(
        strstr(rig_run(rig,
                       &(struct rig_task){
                           .id = "a", .shell = "true", .isolation = &at_media, .holder = "h"})
                   ->error,
               "volume volumes/data of its group"));
    end_holder(rig);
}

/* --- limits -------------------------------------------------------------------------------------- */

static void one_that_takes_too_much_memory_takes_it_from_nobody(void **state)
{
    static const char hog[] = "x=a; while :; do x=$x$x; done";
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(*state);
    const struct msg_container_exited *exited;

    rig_skip_unless_cgroups(rig);
    start_holder(rig, &alone);
    rig_launch(rig, &(struct rig_task){.id = "a", .shell = "echo; sleep 1000", .holder = "h"});
    rig_wait_file(rig, "a", "stdout");
    exited =
        rig_run(rig, &(struct rig_task){.id = "b", .shell = hog, .mem_mib = 16, .holder = "h"});
    assert_int_equal(exited->limitation, REASON_CONTAINER_LIMITATION_MEMORY);
    assert_true(rig_usage(rig, "a")->mem_total_bytes < 16 << 20);
    rig_signal(rig, "a", false);
    exited = rig_wait(rig, MSG_CONTAINER_EXITED, "a")->container_exited;
    assert_int_equal(exited->limitation, 0);
    assert_int_equal(exited->exit->signal, SIGTERM);
    end_holder(rig);
}

/* --- the holder ---------------------------------------------------------------------------------- */

static void holder_is_adopted_and_can_be_joined_then(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *first = rig_new(*state);
    CLEANUP(rig_destroy) struct rig *rig = NULL;

    start_holder(first, &alone);
    output_of(first,
              &(struct rig_task){.id = "a", .shell = "echo x >/dev/shm/mark", .holder = "h"});
    rig_forget(first, "a");
    rig_leave(first);
    rig = rig_again(first, ARGV("h"));
    rig_wait(rig, MSG_CONTAINER_STARTED, "h");
    assert_string_equal(output_of(rig, &(struct rig_task){.id = "b",
                                                          .shell = "cat /dev/shm/mark; uname -n",
                                                          .holder = "h"}),
                        "x\nthe-pod\n");
    end_holder(rig);
}

static void nobody_joins_a_holder_that_does_not_run(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&(struct rig_plan){0});
    pid_t pid;

    (void)state;
    assert_string_equal(
        rig_run(rig, &(struct rig_task){.id = "a", .shell = "true", .holder = "h"})->error,
        "what holds its group does not run");
    pid = start_holder(rig, &(struct group_info){.id = "pod"});
    kill(pid, SIGKILL);
    rig_wait(rig, MSG_CONTAINER_EXITED, "h");
    assert_string_equal(
        rig_run(rig, &(struct rig_task){.id = "b", .shell = "true", .holder = "h"})->error,
        "what holds its group does not run");
}

static void holder_has_no_rights_and_runs_nothing_but_itself(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(*state);
    char path[64], text[4096] = "";
    pid_t pid = start_holder(rig, &alone);
    FILE *file;

    /* It names itself when it runs. */
    rig_wait_child((pid_t)strtol(rig_status_of(rig, pid, "PPid"), NULL, 10), "proffer-init");
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    file = fopen(path, "re");
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
    fclose(file);
    assert_non_null(strstr(text, "Name:\tproffer-init"));
    assert_non_null(strstr(text, "CapEff:\t0000000000000000"));
    assert_non_null(strstr(text, "NoNewPrivs:\t1"));
    end_holder(rig);
}

static void what_cannot_be_had_for_a_group_is_said(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&(struct rig_plan){0});

    (void)state;
    assert_string_equal(
        rig_run(rig, &(struct rig_task){.id = "h", .shell = "-", .group = &alone})->error,
        "it asks for a host name, and this agent does not use namespaces/uts");
}

static void groups_are_refused_with_user_namespaces(void **state)
{
    rig_skip_unless_root();
    const struct rig_plan plan = {
        .also = ARGV("namespaces/user", "namespaces/mount", "namespaces/pid", "namespaces/ipc")};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
    const struct group_info group = {.id = "pod"};

    (void)state;
    assert_string_equal(
        rig_run(rig, &(struct rig_task){.id = "h", .shell = "-", .group = &group})->error,
        "groups of tasks cannot be had with namespaces/user, which this agent uses");
}

#define BOTH(test)                                                                                 \
    {#test " (below an init)", test, NULL, NULL, (void *)&below_init},                             \
    {                                                                                              \
#test " (below the shim)", test, NULL, NULL, (void *)&below_shim                           \
    }

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        BOTH(loopback_is_shared_by_its_tasks_and_by_nobody_else),
        BOTH(host_name_and_queues_and_shared_memory_are_the_groups),
        BOTH(processes_and_mounts_are_each_ones_own),
        BOTH(volume_is_seen_where_each_wants_it),
        cmocka_unit_test(without_mounts_volumes_are_links_and_others_places_are_refused),
        BOTH(link_in_the_groups_folder_leads_nowhere),
        BOTH(one_that_takes_too_much_memory_takes_it_from_nobody),
        BOTH(holder_is_adopted_and_can_be_joined_then),
        cmocka_unit_test(nobody_joins_a_holder_that_does_not_run),
        BOTH(holder_has_no_rights_and_runs_nothing_but_itself),
        cmocka_unit_test(what_cannot_be_had_for_a_group_is_said),
        cmocka_unit_test(groups_are_refused_with_user_namespaces),
    };

    if (argc == 2)
        return strcmp(argv[1], "serve") == 0 ? serve() : ask();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
