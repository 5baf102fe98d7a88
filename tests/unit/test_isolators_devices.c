/* cgroup/devices, gpu/devices and cgroup/hugetlb on the real kernel: what can be opened, by whom. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "tests/unit/launcher_rig.h"

#define MIB       (1024 * 1024)
#define HUGE_FILE "/proc/sys/vm/nr_hugepages"

/* --- tasks that are this program ------------------------------------------------------------------ */

static int map_huge(int mib)
{
    volatile char *memory = mmap(NULL, (size_t)mib * MIB, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

    if ((void *)memory == MAP_FAILED) {
        printf("%s\n", strerrorname_np(errno));
        return errno == ENOMEM ? 12 : 3;
    }
    for (int64_t offset = 0; offset < (int64_t)mib * MIB; offset += 1024)
        memory[offset] = 1;
    puts("mapped");
    fflush(stdout);
    pause();
    return 0;
}

/* 13: not permitted; 6: it is, and there is no such device. */
static int open_device(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK);

    printf("%s\n", fd < 0 ? strerrorname_np(errno) : "open");
    return fd >= 0 ? 0 : errno == EPERM ? 13 : errno == ENXIO ? 6 : 3;
}

/* The node can be made, and not be opened. */
static int make_node(const char *like)
{
    struct stat status;

    if (stat(like, &status) < 0 || mknod("node", status.st_mode, status.st_rdev) < 0)
        return 3;
    return open_device("node", O_RDONLY);
}

static int be_a_task(int argc, char **argv)
{
    const char *argument = argc > 2 ? argv[2] : "";
    int code = 64;

    if (!strcmp(argv[1], "huge"))
        code = map_huge((int)strtol(argument, NULL, 10));
    if (!strcmp(argv[1], "read"))
        code = open_device(argument, O_RDONLY);
    if (!strcmp(argv[1], "write"))
        code = open_device(argument, O_WRONLY);
    if (!strcmp(argv[1], "mknod"))
        code = make_node(argument);
    fflush(stdout);
    _exit(code);
}

static void end(struct rig *rig, const char *id)
{
    rig_signal(rig, id, true);
    rig_wait(rig, MSG_CONTAINER_EXITED, id);
}

/* --- cgroup/devices, gpu/devices ------------------------------------------------------------------ */

static int open_in_task(struct rig *rig, const char *how, const char *path, const char *const *gpus)
{
    static unsigned number;
    char id[24];
    const struct rig_task task = {.id = id, .argv = ARGV(rig_self_path(), how, path), .gpus = gpus};
    const struct msg_container_exited *exited;

    snprintf(id, sizeof(id), "d%u", number++);
    exited = rig_run(rig, &task);
    if (*exited->error)
        print_message("%s\n", exited->error);
    return exited->exit ? (int)exited->exit->code : -1;
}

/* Root may, in the host's own groups: so it is the isolator that refuses. */
static void only_harmless_devices_can_be_opened(void **state)
{
    const struct rig_plan plan = ISOLATE("cgroup/devices");
    CLEANUP(rig_destroy) struct rig *rig = rig_new_or_skip(&plan);

    (void)state;
    assert_int_equal(open_in_task(rig, "write", "/dev/null", NULL), 0);
    assert_int_equal(open_in_task(rig, "read", "/dev/urandom", NULL), 0);
    if (access("/dev/kmsg", R_OK) == 0)
        assert_int_equal(open_in_task(rig, "read", "/dev/kmsg", NULL), 13);
    assert_int_equal(open_in_task(rig, "mknod", "/dev/null", NULL), 0);
    if (access("/dev/kmsg", R_OK) == 0)
        assert_int_equal(open_in_task(rig, "mknod", "/dev/kmsg", NULL), 13);
}

static void a_device_of_the_settings_can_be_opened_as_far_as_they_say(void **state)
{
    struct rig_plan plan = ISOLATE("cgroup/devices");
    plan.devices = ARGV("/dev/kmsg:r");
    if (access("/dev/kmsg", R_OK) < 0) {
        print_message("skip: no /dev/kmsg\n");
        skip();
    }
    CLEANUP(rig_destroy) struct rig *rig = rig_new_or_skip(&plan);

    (void)state;
    assert_int_equal(open_in_task(rig, "read", "/dev/kmsg", NULL), 0);
    assert_int_equal(open_in_task(rig, "write", "/dev/kmsg", NULL), 13);
}

static void a_gpu_is_open_to_whom_it_is_granted_only(void **state)
{
    static const char *const full[] = {"/dev/full"}, *const zero[] = {"/dev/zero", "/dev/random"};
    static const struct gpu_info gpus[] = {{.name = "gpu0", .paths = full, .paths_count = 1},
                                           {.name = "gpu1", .paths = zero, .paths_count = 2}};
    struct rig_plan plan = ISOLATE("cgroup/devices", "gpu/devices");
    plan.gpus = gpus;
    plan.gpus_count = 2;
    CLEANUP(rig_destroy) struct rig *rig = rig_new_or_skip(&plan);

    (void)state;
    assert_int_equal(open_in_task(rig, "write", "/dev/full", ARGV("gpu0")), 0);
    assert_int_equal(open_in_task(rig, "read", "/dev/zero", ARGV("gpu0")), 13);
    assert_int_equal(open_in_task(rig, "read", "/dev/random", ARGV("gpu0")), 13);
    assert_int_equal(open_in_task(rig, "read", "/dev/zero", ARGV("gpu1")), 0);
    assert_int_equal(open_in_task(rig, "read", "/dev/random", ARGV("gpu1")), 0);
    assert_int_equal(open_in_task(rig, "read", "/dev/full", ARGV("gpu1")), 13);
    assert_int_equal(open_in_task(rig, "read", "/dev/full", ARGV("gpu0", "gpu1")), 0);
    assert_int_equal(open_in_task(rig, "read", "/dev/zero", NULL), 13);
    assert_int_equal(open_in_task(rig, "read", "/dev/null", NULL), 0);
    assert_int_equal(open_in_task(rig, "read", "/dev/null", ARGV("gpu7")), -1);
}

/* A Docker Engine gives its containers, whose groups are below the agent's, what a native task has not. */
static void the_agents_group_is_left_as_it_is_where_containers_are_in_it(void **state)
{
    static const char *const full[] = {"/dev/full"}, *const zero[] = {"/dev/zero"};
    static const struct gpu_info gpus[] = {{.name = "gpu0", .paths = full, .paths_count = 1},
                                           {.name = "gpu1", .paths = zero, .paths_count = 1}};
    static const struct label_info options[] = {{"cgroup/devices.per_task", "yes"}, {NULL, NULL}};
    struct rig_plan plan = ISOLATE("cgroup/devices", "gpu/devices");
    plan.gpus = gpus;
    plan.gpus_count = 2;
    plan.options = options;
    CLEANUP(rig_destroy) struct rig *rig = rig_new_or_skip(&plan);
    CLEANUP(free_p) char *path = mem_printf("/sys/fs/cgroup/devices/%s/devices.list", rig->root);
    FILE *file = fopen(path, "re");
    char line[64] = "";

    (void)state;
    if (file) { /* v1 */
        assert_non_null(fgets(line, sizeof(line), file));
        assert_string_equal(line, "a *:* rwm\n");
        fclose(file);
    }
    assert_int_equal(open_in_task(rig, "write", "/dev/null", NULL), 0);
    assert_int_equal(open_in_task(rig, "write", "/dev/full", ARGV("gpu0")), 0);
    assert_int_equal(open_in_task(rig, "read", "/dev/zero", ARGV("gpu0")), 13);
    assert_int_equal(open_in_task(rig, "read", "/dev/zero", NULL), 13);
    if (access("/dev/kmsg", R_OK) == 0)
        assert_int_equal(open_in_task(rig, "read", "/dev/kmsg", NULL), 13);
}

#define GPU_MAJOR 195 /* of NVIDIA's; no driver here has it */

static bool has_driver(unsigned number)
{
    char line[128];
    bool found = false;
    FILE *file = fopen("/proc/devices", "re");
    unsigned one;

    while (file && fgets(line, sizeof(line), file))
        found = found || (sscanf(line, "%u ", &one) == 1 && one == number);
    if (file)
        fclose(file);
    return found;
}

/* Nodes as a driver makes them, told apart by their minor; what is behind them is not there. */
static void neighbours_have_gpus_of_one_driver(void **state)
{
    static char folder[32], nodes[3][48];
    static const char *const first[] = {nodes[0]}, *const second[] = {nodes[1]};
    static const struct gpu_info gpus[] = {{.name = "gpu0", .paths = first, .paths_count = 1},
                                           {.name = "gpu1", .paths = second, .paths_count = 1}};
    struct rig_plan plan = ISOLATE("cgroup/devices", "gpu/devices");

    (void)state;
    rig_skip_unless_root();
    if (has_driver(GPU_MAJOR)) {
        print_message("skip: there is a driver for device %d\n", GPU_MAJOR);
        skip();
    }
    strcpy(folder, "/tmp/proffer-gpu-XXXXXX");
    assert_non_null(mkdtemp(folder));
    for (unsigned i = 0; i < 3; i++) {
        snprintf(nodes[i], sizeof(nodes[i]), "%s/nvidia%u", folder, i);
        assert_int_equal(mknod(nodes[i], S_IFCHR | 0666, makedev(GPU_MAJOR, i)), 0);
    }
    plan.gpus = gpus;
    plan.gpus_count = 2;
    CLEANUP(rig_destroy) struct rig *rig = rig_new_or_skip(&plan);
    const struct rig_task neighbour = {
        .id = "neighbour", .shell = "echo; exec sleep 1000", .gpus = ARGV("gpu0")};

    rig_launch(rig, &neighbour);
    rig_wait_file(rig, "neighbour", "stdout");
    assert_int_equal(open_in_task(rig, "read", nodes[0], ARGV("gpu0")), 6);
    assert_int_equal(open_in_task(rig, "write", nodes[1], ARGV("gpu1")), 6);
    assert_int_equal(open_in_task(rig, "read", nodes[0], ARGV("gpu1")), 13); /* the neighbour's */
    assert_int_equal(open_in_task(rig, "read", nodes[1], ARGV("gpu0")), 13);
    assert_int_equal(open_in_task(rig, "read", nodes[2], ARGV("gpu0", "gpu1")), 13); /* nobody's */
    assert_int_equal(open_in_task(rig, "read", nodes[0], NULL), 13);
    assert_int_equal(open_in_task(rig, "mknod", nodes[0], ARGV("gpu1")), 13); /* one of its own */
    end(rig, "neighbour");
    rig_remove(folder);
}

static void gpus_are_not_held_without_cgroup_devices(void **state)
{
    const struct rig_plan plan = {.isolators = ARGV("gpu/devices", "cgroup/pids")};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
    const struct msg_launcher_ready *ready = rig->ready.launcher_ready;

    (void)state;
    assert_int_equal(ready->warnings_count, 1);
    assert_non_null(strstr(ready->warnings[0], "gpu/devices is not used: it needs cgroup/devices"));
}

static void a_node_of_two_gpus_is_refused(void **state)
{
    static const char *const full[] = {"/dev/full"};
    static const struct gpu_info gpus[] = {{.name = "gpu0", .paths = full, .paths_count = 1},
                                           {.name = "gpu1", .paths = full, .paths_count = 1}};
    struct rig_plan plan = {.isolation = "cgroup/pids", .gpus = gpus, .gpus_count = 2};
    struct rig *rig = rig_new(&plan);

    (void)state;
    assert_non_null(
        strstr(rig->ready.launcher_ready->error, "GPU gpu1: /dev/full belongs to two GPUs"));
    rig_end_launcher(rig, 0);
    rig_destroy(&rig);
}

/* --- cgroup/hugetlb ------------------------------------------------------------------------------- */

static char huge_pages_before[16]; /* "": they are as they were */

static int set_huge_pages(const char *count)
{
    CLEANUP(close_fd) int fd = open(HUGE_FILE, O_WRONLY | O_CLOEXEC);

    return fd < 0 || write(fd, count, strlen(count)) < 0 ? -1 : 0;
}

static void huge_pages_are_for_whom_they_are_granted(void **state)
{
    const struct rig_plan plan = ISOLATE("cgroup/hugetlb");
    CLEANUP(rig_destroy) struct rig *rig = rig_new_or_skip(&plan);
    struct rig_task task = {.id = "t1", .argv = ARGV(rig_self_path(), "huge", "4")};
    const struct msg_container_exited *none, *little;
    const struct usage_info *usage;
    CLEANUP(close_fd) int fd = open(HUGE_FILE, O_RDONLY | O_CLOEXEC);

    (void)state;
    if (fd < 0 || read(fd, huge_pages_before, sizeof(huge_pages_before) - 1) <= 0 ||
        set_huge_pages("8") < 0)
        rig_skip(TAKE(rig), "no huge pages can be had");
    none = rig_run(rig, &task);
    task.id = "t2";
    task.resource = "hugetlb_2MB";
    task.resource_mib = 2;
    little = rig_run(rig, &task);
    task.id = "t3";
    task.resource_mib = 6;
    rig_launch(rig, &task);
    rig_wait_file(rig, "t3", "stdout");
    usage = rig_usage(rig, "t3");
    print_message("%s", rig_read(rig, "t3", "stdout"));
    end(rig, "t3");
    assert_int_equal(none->exit->code, 12);
    assert_int_equal(little->exit->code, 12);
    assert_string_equal(rig_read(rig, "t3", "stdout"), "mapped\n");
    assert_int_equal(usage->more->hugetlb_bytes, 4 * MIB);
}

/* Whatever became of the test. */
static int put_huge_pages_back(void **state)
{
    (void)state;
    if (*huge_pages_before)
        set_huge_pages(huge_pages_before);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_harmless_devices_can_be_opened),
        cmocka_unit_test(a_device_of_the_settings_can_be_opened_as_far_as_they_say),
        cmocka_unit_test(a_gpu_is_open_to_whom_it_is_granted_only),
        cmocka_unit_test(the_agents_group_is_left_as_it_is_where_containers_are_in_it),
        cmocka_unit_test(neighbours_have_gpus_of_one_driver),
        cmocka_unit_test(gpus_are_not_held_without_cgroup_devices),
        cmocka_unit_test(a_node_of_two_gpus_is_refused),
        cmocka_unit_test_teardown(huge_pages_are_for_whom_they_are_granted, put_huge_pages_back),
    };

    if (argc > 1)
        return be_a_task(argc, argv);
    if (geteuid() != 0) {
        print_message("skip: not root\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
