/* Roots and volumes on the real kernel: what a task sees, what it can write, and what is left of it. */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "isolators/isolator.h"
#include "tests/unit/launcher_rig.h"

#define BUSYBOX "/bin/busybox"
#define NOBODY  65534

/* A folder of roots with one in it, `tiny`: a shell and its tools. Besides folders of a host. */
struct site {
    struct rig *rig;
    char dir[64];
    char roots[80];
    char srv[80];
    char allow[160];
    struct label_info options[4];
};

static char *at(const struct site *self, const char *path)
{
    return mem_printf("%s/%s", self->dir, path);
}

static void make_dir(const struct site *self, const char *path)
{
    CLEANUP(free_p) char *full = at(self, path);

    assert_int_equal(mkdir(full, 0755), 0);
}

static void make_link(const struct site *self, const char *to, const char *path)
{
    CLEANUP(free_p) char *full = at(self, path);

    assert_int_equal(symlink(to, full), 0);
}

static void make_file(const struct site *self, const char *path, const char *text)
{
    CLEANUP(free_p) char *full = at(self, path);
    FILE *file = fopen(full, "we");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void remove_at(const struct site *self, const char *path)
{
    CLEANUP(free_p) char *full = at(self, path);

    assert_int_equal(unlink(full), 0);
}

static bool has(const struct site *self, const char *path)
{
    CLEANUP(free_p) char *full = at(self, path);

    return access(full, F_OK) == 0;
}

static void make_tiny(const struct site *self)
{
    static const char *const names[] = {"sh",   "ls",    "cat", "mount", "mkdir", "id",
                                        "stat", "mknod", "df",  "pwd",   "rm",    "touch",
                                        "true", "grep",  "wc",  "sort"};
    CLEANUP(free_p) char *busybox = at(self, "roots/tiny/bin/busybox");
    CLEANUP(close_fd) int from = open(BUSYBOX, O_RDONLY | O_CLOEXEC);
    CLEANUP(close_fd) int to = -1;
    struct stat info;

    make_dir(self, "roots");
    make_dir(self, "roots/tiny");
    make_dir(self, "roots/tiny/bin");
    make_dir(self, "roots/tiny/etc");
    to = open(busybox, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    assert_true(to >= 0 && fstat(from, &info) == 0);
    assert_int_equal(sendfile(to, from, NULL, (size_t)info.st_size), info.st_size);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        CLEANUP(free_p) char *link = mem_printf("roots/tiny/bin/%s", names[i]);

        make_link(self, "busybox", link);
    }
}

static struct site *site_new(const char *const *also)
{
    static const char *const all[] = {
        "namespaces/mount",  "namespaces/pid", "namespaces/ipc", "filesystem/rootfs",
        "volume/persistent", "volume/host",    "volume/sandbox", NULL};
    struct site *self = mem_new(struct site);
    struct rig_plan plan = {
        .also = also ? also : all, .options = self->options, .volumes_dir = self->dir};

    snprintf(self->dir, sizeof(self->dir), "/tmp/proffer-test-site-XXXXXX");
    assert_non_null(mkdtemp(self->dir));
    assert_int_equal(chmod(self->dir, 0755), 0);
    make_tiny(self);
    make_dir(self, "srv");
    make_dir(self, "ro");
    make_dir(self, "secret");
    make_file(self, "secret/key", "secret\n");
    snprintf(self->roots, sizeof(self->roots), "%s/roots", self->dir);
    snprintf(self->srv, sizeof(self->srv), "%s/srv", self->dir);
    snprintf(self->allow, sizeof(self->allow), "%s/ro", self->dir);
    self->options[0] = (struct label_info){"filesystem/rootfs.dir", self->roots};
    self->options[1] = (struct label_info){"volume/host.allow", self->srv};
    self->options[2] = (struct label_info){"volume/host.allow_read_only", self->allow};
    self->rig = rig_new(&plan);
    assert_string_equal(self->rig->ready.launcher_ready->error, "");
    for (size_t i = 0; i < self->rig->ready.launcher_ready->warnings_count; i++)
        fail_msg("%s", self->rig->ready.launcher_ready->warnings[i]);
    return self;
}

static void site_destroy(struct site **self_p)
{
    struct site *self = TAKE(*self_p);

    rig_destroy(&self->rig);
    rig_remove(self->dir);
    free(self);
}

static void skip_unless_here(void)
{
    CLEANUP(close_fd) int overlay = -1;

    rig_skip_unless_root();
    overlay = (int)syscall(SYS_fsopen, "overlay", 0);
    if (access(BUSYBOX, X_OK) == 0 && overlay >= 0)
        return;
    print_message("skip: there is no " BUSYBOX ", or no overlay file system\n");
    skip();
}

static const char *output_of(const struct site *self, const char *id, const char *shell,
                             const struct isolation_info *asks)
{
    const struct rig_task task = {.id = id, .shell = shell, .isolation = asks};
    const struct msg_container_exited *exited = rig_run(self->rig, &task);

    assert_string_equal(exited->error, "");
    if (exited->exit->code || exited->exit->signal)
        fail_msg("exit %d, signal %d: %s", (int)exited->exit->code, (int)exited->exit->signal,
                 rig_read(self->rig, id, "stderr"));
    return rig_read(self->rig, id, "stdout");
}

static const char *refusal_of(const struct site *self, const char *id,
                              const struct isolation_info *asks)
{
    const struct rig_task task = {.id = id, .shell = "true", .isolation = asks};
    const struct msg_container_exited *exited = rig_run(self->rig, &task);

    assert_null(exited->exit);
    return exited->error;
}

/* --- a root ------------------------------------------------------------------------------------------ */

static const struct isolation_info tiny = {.rootfs = "tiny"};

static void a_task_sees_its_root_and_nothing_else(void **state)
{
    skip_unless_here();
    CLEANUP(site_destroy) struct site *site = site_new(NULL);

    (void)state;
    assert_string_equal(
        output_of(site, "t1", "ls /; pwd; ls /home /root /tmp 2>/dev/null; true", &tiny),
        "bin\ndev\netc\nproc\nsandbox\nsys\n/sandbox\n");
}

static void what_it_writes_is_its_own_and_goes_with_it(void **state)
{
    skip_unless_here();
    CLEANUP(site_destroy) struct site *site = site_new(NULL);

    (void)state;
    output_of(site, "t1", "echo x >/etc/new; rm /bin/wc; echo y >kept", &tiny);
    assert_string_equal(output_of(site, "t2", "ls /etc; ls /bin/wc", &tiny),
                        "hosts\nresolv.conf\n/bin/wc\n");
    assert_false(has(site, "roots/tiny/etc/new"));
    assert_false(has(site, "roots/tiny/proc"));
    assert_true(has(site, "roots/tiny/bin/wc"));
    assert_string_equal(rig_read(site->rig, "t1", "kept"), "y\n");
}

static void a_root_can_be_read_only(void **state)
{
    skip_unless_here();
    CLEANUP(site_destroy) struct site *site = site_new(NULL);
    const struct isolation_info asks = {.rootfs = "tiny", .rootfs_read_only = true};

    (void)state;
    assert_string_equal(
        output_of(site, "t1",
                  "touch /etc/x 2>/dev/null && echo written; touch here /dev/shm/x && ls", &asks),
        "here\nstderr\nstdout\n");
}

static void its_dev_is_small_and_real(void **state)
{
    skip_unless_here();
    CLEANUP(site_destroy) struct site *site = site_new(NULL);

    (void)state;
    assert_string_equal(
        output_of(site, "t1",
                  "ls /dev; stat -c '%t:%T' /dev/null /dev/urandom; echo x >/dev/null; "
                  "ls /dev/fd/0 /dev/pts; mknod /x c 1 5 && cat /x 2>&1; true",
                  &tiny),
        "fd\nfull\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n"
        "1:3\n1:9\n/dev/fd/0\n\n/dev/pts:\nptmx\ncat: can't open '/x': Permission denied\n");
}

static void a_link_in_an_image_leads_to_what_is_in_the_image(void **state)
{
    skip_unless_here();
    CLEANUP(site_destroy) struct site *site = site_new(NULL);

    (void)state;
    make_link(site, site->srv, "roots/tiny/dev");
    assert_non_null(strstr(refusal_of(site, "t1", &tiny), "/dev: No such file or directory"));
    remove_at(site, "roots/tiny/dev");
    make_link(site, site->srv, "roots/tiny/sandbox");
    assert_non_null(strstr(refusal_of(site, "t2", &tiny), "/sandbox: No such file or directory"));
    remove_at(site, "roots/tiny/sandbox");
    make_link(site, "/../../../../../../etc", "roots/tiny/proc");
    assert_non_null(
        strstr(refusal_of(site, "t3", &tiny), "/etc/resolv.conf: No such file or directory"));
    remove_at(site, "roots/tiny/proc");
    make_link(site, "../../../../../../etc", "roots/tiny/dev");
    assert_non_null(
        strstr(refusal_of(site, "t4", &tiny), "/dev/null: Too many levels of symbolic links"));
    assert_false(has(site, "srv/null"));
    assert_int_not_equal(access("/etc/null", F_OK), 0);
    assert_int_not_equal(access("/etc/1", F_OK), 0);
}

static void a_root_that_is_not_there_is_told(void **state)
{
    skip_unless_here();
    CLEANUP(site_destroy) struct site *site = site_new(NULL);
    const struct isolation_info absent = {.rootfs = "none"}, above = {.rootfs = "../secret"};

    (void)state;
    assert_string_equal(refusal_of(site, "t1", &absent),
                        "there is no root in the agent's filesystem/rootfs.dir: none: No such file "
                        "or directory");
    assert_string_equal(
        refusal_of(site, "t2", &above),
        "isolation: \"../secret\" is no root: want a name, or ./path in the sandbox");
}

static void a_link_among_the_roots_leads_not_out_of_them(void **state)
{
    skip_unless_here();
    CLEANUP(site_destroy) struct site *site = site_new(NULL);
    const struct isolation_info asks = {.rootfs = "out"};

    (void)state;
    make_link(site, "/", "roots/out");
    /* The folder of roots itself, in which there is no shell. */
    assert_non_null(strstr(refusal_of(site, "t1", &asks), "exec /bin/sh: No such file"));
}

static void no_mount_is_left_of_tasks_and_none_is_seen_by_others(void **state)
{
    skip_unless_here();
    CLEANUP(site_destroy) struct site *site = site_new(NULL);
    const struct rig_task task = {
        .id = "t1", .shell = "echo x >up; while :; do :; done", .isolation = &tiny};
    CLEANUP(free_p) char *mounts = NULL;
    size_t size = 0;
    FILE *file;

    (void)state;
    rig_launch(site->rig, &task);
    rig_wait_file(site->rig, "t1", "up");
    file = fopen("/proc/self/mountinfo", "re");
    assert_non_null(file);
    while (getline(&mounts, &size, file) > 0)
        if (strstr(mounts, site->dir) || strstr(mounts, site->rig->dir))
            fail_msg("seen outside: %s", mounts);
    fclose(file);
    rig_signal(site->rig, "t1", true);
    rig_wait(site->rig, MSG_CONTAINER_EXITED, "t1");
}

/* --- volumes --------------------------------------------------------------------------------------------- */

static void a_folder_of_the_host_is_seen_as_allowed(void **state)
{
    skip_unless_here();
    CLEANUP(site_destroy) struct site *site = site_new(NULL);
    CLEANUP(free_p) char *inner = at(site, "srv/in"), *ro = at(site, "ro");
    const struct isolation_mount mounts[] = {
        {.source_kind = MOUNT_HOST, .source = inner, .container_path = "/data"},
        {.source_kind = MOUNT_HOST, .source = ro, .container_path = "/ro", .read_only = true},
    };
    const struct isolation_info asks = {.rootfs = "tiny", .mounts = mounts, .mounts_count = 2};

    (void)state;
    make_dir(site, "srv/in");
    make_file(site, "ro/file", "read\n");
    assert_string_equal(
        output_of(site, "t1",
                  "echo out >/data/made; cat /ro/file; touch /ro/x 2>/dev/null && echo bad; true",
                  &asks),
        "read\n");
    assert_true(has(site, "srv/in/made"));
}

static const char *try_host(const struct site *site, const char *id, const char *source,
                            bool read_only)
{
    const struct isolation_mount mount = {.source_kind = MOUNT_HOST,
                                          .source = source,
                                          .container_path = "/data",
                                          .read_only = read_only};
    const struct isolation_info asks = {.rootfs = "tiny", .mounts = &mount, .mounts_count = 1};

    return refusal_of(site, id, &asks);
}

static void what_is_not_allowed_of_the_host_is_refused(void **state)
{
    skip_unless_here();
    CLEANUP(site_destroy) struct site *site = site_new(NULL);
    CLEANUP(free_p)
    char *secret = at(site, "secret"), *ro = at(site, "ro"), *up = at(site, "srv/../secret"),
         *like = at(site, "srv2"), *link = at(site, "srv/link/key");

    (void)state;
    make_link(site, secret, "srv/link");
    assert_non_null(strstr(try_host(site, "t1", secret, true), "is not among the folders"));
    assert_non_null(strstr(try_host(site, "t2", ro, false), "is allowed only read-only"));
    assert_non_null(strstr(try_host(site, "t3", up, false), "is no absolute path of a host"));
    assert_non_null(strstr(try_host(site, "t4", like, false), "is not among the folders"));
    assert_non_null(strstr(try_host(site, "t5", link, true), "Too many levels of symbolic links"));
    assert_non_null(strstr(try_host(site, "t6", "/", true), "is no absolute path of a host"));
}

static void a_folder_of_the_sandbox_is_seen_elsewhere(void **state)
{
    skip_unless_here();
    CLEANUP(site_destroy) struct site *site = site_new(NULL);
    const struct isolation_mount mount = {
        .source_kind = MOUNT_SANDBOX, .source = "data/app", .container_path = "/var/lib/app"};
    const struct isolation_info asks = {.rootfs = "tiny", .mounts = &mount, .mounts_count = 1};

    (void)state;
    output_of(site, "t1", "echo x >/var/lib/app/file", &asks);
    assert_string_equal(rig_read(site->rig, "t1", "data/app/file"), "x\n");
}

static void a_persistent_volume_is_mounted_and_can_be_read_only(void **state)
{
    skip_unless_here();
    CLEANUP(site_destroy) struct site *site = site_new(NULL);
    CLEANUP(free_p) char *one = at(site, "srv/one"), *two = at(site, "srv/two");
    const struct volume_link links[] = {
        {.path = one, .container_path = "data/one"},
        {.path = two, .container_path = "two", .read_only = true},
    };
    struct rig_task task = {
        .id = "t1",
        .shell = "echo x >data/one/file && touch two/x 2>/dev/null && echo bad; cat two/kept",
        .isolation = &tiny,
        .volumes = links,
        .volumes_count = 2};

    (void)state;
    make_dir(site, "srv/one");
    make_dir(site, "srv/two");
    make_file(site, "srv/two/kept", "kept\n");
    assert_int_equal(rig_run(site->rig, &task)->exit->code, 0);
    assert_string_equal(rig_read(site->rig, "t1", "stdout"), "kept\n");
    assert_true(has(site, "srv/one/file"));
    task.id = "t2"; /* in the host's tree */
    task.isolation = NULL;
    assert_int_equal(rig_run(site->rig, &task)->exit->code, 0);
    assert_string_equal(rig_read(site->rig, "t2", "stdout"), "kept\n");
    assert_false(rig_has(site->rig, "t2", "two/kept"));
}

static void nothing_is_mounted_where_isolators_work(void **state)
{
    skip_unless_here();
    CLEANUP(site_destroy) struct site *site = site_new(NULL);
    static const char *const places[] = {"/proc/sys",  "/dev", "/sys/x",
                                         "/sandbox/x", "data", "/a/../b"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        const struct isolation_mount mount = {
            .source_kind = MOUNT_TMPFS, .source = "", .container_path = places[i]};
        const struct isolation_info asks = {.mounts = &mount, .mounts_count = 1};
        char id[8];

        snprintf(id, sizeof(id), "t%zu", i);
        assert_non_null(strstr(refusal_of(site, id, &asks), "isolation: "));
    }
}

static void what_would_hide_a_sandbox_is_refused(void **state)
{
    skip_unless_here();
    CLEANUP(site_destroy) struct site *site = site_new(NULL);
    char place[128];
    const struct isolation_mount mount = {
        .source_kind = MOUNT_TMPFS, .source = "", .container_path = place};
    struct isolation_info asks = {.mounts = &mount, .mounts_count = 1};

    (void)state;
    snprintf(place, sizeof(place), "%s", site->rig->dir);
    *strrchr(place, '/') = '\0';
    assert_non_null(strstr(refusal_of(site, "t1", &asks), "would hide its sandbox, "));
    asks.rootfs = "tiny"; /* it is elsewhere then */
    assert_string_equal(
        rig_run(site->rig, &(struct rig_task){.id = "t2", .shell = "true", .isolation = &asks})
            ->error,
        "");
}

static void a_root_of_a_user_namespace_has_its_own_dev_and_root(void **state)
{
    skip_unless_here();
    CLEANUP(site_destroy)
    struct site *site = site_new(ARGV("namespaces/user", "namespaces/mount", "namespaces/pid",
                                      "namespaces/ipc", "filesystem/rootfs", "volume/host"));
    const struct isolation_info asks = {.rootfs = "tiny", .inner_root = true};
    const struct rig_task task = {
        .id = "t1",
        .shell = "id -u; echo x >/new && cat /new; echo y >here; test -c /dev/null; "
                 "ls /sys/fs/cgroup; ls -d /sys/kernel",
        .user = "nobody",
        .isolation = &asks};
    const struct msg_container_exited *exited;

    (void)state;
    exited = rig_run(site->rig, &task);
    assert_string_equal(exited->error, "");
    assert_string_equal(rig_read(site->rig, "t1", "stdout"), "0\nx\n/sys/kernel\n");
    assert_string_equal(rig_read(site->rig, "t1", "here"), "y\n");
}

/* --- groups ---------------------------------------------------------------------------------------- */

/* In roots of their own, too, tasks of a group have its volumes and its shared memory. */
static void roots_of_a_group_share_volumes_and_memory(void **state)
{
    static const char *const also[] = {"namespaces/mount",
                                       "namespaces/pid",
                                       "namespaces/ipc",
                                       "filesystem/rootfs",
                                       "volume/host",
                                       "volume/group",
                                       NULL};
    static const char *const volumes[] = {"data"};
    rig_skip_unless_root();
    CLEANUP(site_destroy) struct site *site = site_new(also);
    const struct group_info group = {
        .id = "pod", .volumes = volumes, .volumes_count = 1, .shm_bytes = 1 << 20};
    const struct isolation_mount mounts[] = {
        {.source_kind = MOUNT_GROUP, .source = "data", .container_path = "/srv/data"},
        {.source_kind = MOUNT_GROUP, .source = "data", .container_path = "here"}};
    const struct isolation_info asks = {.rootfs = "tiny", .mounts = mounts, .mounts_count = 2};

    (void)state;
    rig_launch(site->rig, &(struct rig_task){.id = "h", .shell = "-", .group = &group});
    rig_wait(site->rig, MSG_CONTAINER_STARTED, "h");
    assert_string_equal(
        rig_run(site->rig, &(struct rig_task){.id = "a",
                                              .shell = "cat >/srv/data/file </dev/null "
                                                       "&& ls here && touch /dev/shm/mark",
                                              .isolation = &asks,
                                              .holder = "h"})
            ->error,
        "");
    assert_string_equal(rig_read(site->rig, "a", "stdout"), "file\n");
    rig_run(site->rig, &(struct rig_task){.id = "b",
                                          .shell = "ls /srv/data /dev/shm; "
                                                   "df -k /dev/shm | grep -c 1024",
                                          .isolation = &asks,
                                          .holder = "h"});
    assert_string_equal(rig_read(site->rig, "b", "stdout"),
                        "/dev/shm:\nmark\n\n/srv/data:\nfile\n1\n");
    rig_signal(site->rig, "h", true);
    rig_wait(site->rig, MSG_CONTAINER_EXITED, "h");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_sees_its_root_and_nothing_else),
        cmocka_unit_test(what_it_writes_is_its_own_and_goes_with_it),
        cmocka_unit_test(a_root_can_be_read_only),
        cmocka_unit_test(its_dev_is_small_and_real),
        cmocka_unit_test(a_link_in_an_image_leads_to_what_is_in_the_image),
        cmocka_unit_test(a_root_that_is_not_there_is_told),
        cmocka_unit_test(a_link_among_the_roots_leads_not_out_of_them),
        cmocka_unit_test(no_mount_is_left_of_tasks_and_none_is_seen_by_others),
        cmocka_unit_test(a_folder_of_the_host_is_seen_as_allowed),
        cmocka_unit_test(what_is_not_allowed_of_the_host_is_refused),
        cmocka_unit_test(a_folder_of_the_sandbox_is_seen_elsewhere),
        cmocka_unit_test(a_persistent_volume_is_mounted_and_can_be_read_only),
        cmocka_unit_test(nothing_is_mounted_where_isolators_work),
        cmocka_unit_test(what_would_hide_a_sandbox_is_refused),
        cmocka_unit_test(a_root_of_a_user_namespace_has_its_own_dev_and_root),
        cmocka_unit_test(roots_of_a_group_share_volumes_and_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
