/* Capabilities, seccomp and no_new_privs on the real kernel. */
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "isolators/isolator.h"
#include "tests/unit/launcher_rig.h"

static const struct rig_plan bounded = {.also = ARGV("linux/capabilities")};
static const struct rig_plan filtered = {
    .also = ARGV("linux/capabilities", "linux/seccomp", "linux/nnp")};

#define CAPS "grep -E 'Cap(Eff|Bnd|Amb)' /proc/self/status | cut -f2 | tr '\\n' ' '"

static const char *output_of(struct rig *rig, const struct rig_task *task)
{
    const struct msg_container_exited *exited = rig_run(rig, task);

    assert_string_equal(exited->error, "");
    if (exited->exit->code || exited->exit->signal)
        fail_msg("exit %d, signal %d: %s", (int)exited->exit->code, (int)exited->exit->signal,
                 rig_read(rig, task->id, "stderr"));
    return rig_read(rig, task->id, "stdout");
}

/* --- a task that is this program: what do calls answer? --------------------------------------------------- */

static void show(const char *name, long rc)
{
    printf("%s %s\n", name, rc >= 0 ? "ok" : strerrorname_np(errno));
}

static int probe(void)
{
    struct clone_args args = {.flags = CLONE_NEWUSER};

    show("mount", mount("none", "/mnt", "tmpfs", 0, NULL));
    show("unshare", unshare(CLONE_NEWUSER));
    show("clone3", syscall(SYS_clone3, &args, sizeof(args)));
    show("bpf", syscall(SYS_bpf, 0, NULL, 0));
    show("keyctl", syscall(SYS_keyctl, 0, 0, 0));
    show("io_uring", syscall(SYS_io_uring_setup, 1, NULL));
    show("vsock", socket(40, SOCK_STREAM, 0));
    show("wide vsock",
         syscall(SYS_socket, (1L << 32) + 40, SOCK_STREAM, 0)); /* the kernel reads an int */
    show("new", syscall(2000));
    show("inet", socket(AF_INET, SOCK_STREAM, 0));
    fflush(stdout);
    _exit(0);
}

/* --- capabilities ------------------------------------------------------------------------------------------- */

static void root_has_what_is_left_of_its_rights(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&bounded);

    (void)state;
    assert_int_equal(rig->ready.launcher_ready->warnings_count, 0);
    assert_string_equal(output_of(rig, &(struct rig_task){.id = "t1", .shell = CAPS}),
                        "00000000a00425fb 00000000a00425fb 0000000000000000 ");
}

/* It keeps its own; what it would execute has no more than tasks can be given. */
static void the_launcher_can_hand_on_no_more_than_tasks_may_have(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&bounded);
    char path[64], line[128], bounding[64] = "", effective[64] = "";
    FILE *file;

    (void)state;
    snprintf(path, sizeof(path), "/proc/%d/status", rig->pid);
    file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file)) {
        sscanf(line, "CapBnd: %63s", bounding);
        sscanf(line, "CapEff: %63s", effective);
    }
    fclose(file);
    assert_string_equal(bounding, "00000000a00425fb");
    assert_true(strtoull(effective, NULL, 16) & 1 << 21); /* CAP_SYS_ADMIN */
}

/* Where the kernel gives out all of them anew. */
static void in_a_user_namespace_as_much_is_given_up(void **state)
{
    rig_skip_unless_root();
    const struct rig_plan plan = {.also = ARGV("namespaces/user", "namespaces/mount",
                                               "namespaces/pid", "linux/capabilities")};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
    const struct isolation_info asks = {.inner_root = true};

    (void)state;
    assert_string_equal(
        output_of(rig, &(struct rig_task){.id = "t1", .shell = CAPS, .isolation = &asks}),
        "00000000a00425fb 00000000a00425fb 0000000000000000 ");
}

static void a_task_gives_up_more(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&bounded);
    const struct isolation_info asks = {.capabilities_drop = ARGV("ALL"),
                                        .capabilities_drop_count = 1,
                                        .capabilities_add = ARGV("CAP_CHOWN"),
                                        .capabilities_add_count = 1};

    (void)state;
    assert_string_equal(
        output_of(rig, &(struct rig_task){.id = "t1", .shell = CAPS, .isolation = &asks}),
        "0000000000000001 0000000000000001 0000000000000000 ");
}

static void who_is_not_root_has_what_it_was_given_by_name(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&bounded);
    const struct isolation_info asks = {
        .capabilities_add = ARGV("net_bind_service"), .capabilities_add_count = 1, .ambient = true};
    const struct rig_task plain = {.id = "t1", .shell = CAPS, .user = "nobody"};
    const struct rig_task given = {.id = "t2", .shell = CAPS, .user = "nobody", .isolation = &asks};

    (void)state;
    assert_string_equal(output_of(rig, &plain),
                        "0000000000000000 00000000a00425fb 0000000000000000 ");
    assert_string_equal(output_of(rig, &given),
                        "0000000000000400 00000000a00425fb 0000000000000400 ");
}

static void what_the_operator_does_not_allow_is_refused(void **state)
{
    rig_skip_unless_root();
    static const struct label_info options[] = {{"linux/capabilities.allow", "SYS_TIME"},
                                                {NULL, NULL}};
    const struct rig_plan plan = {.also = bounded.also, .options = options};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
    const struct isolation_info admin = {.capabilities_add = ARGV("SYS_ADMIN"),
                                         .capabilities_add_count = 1},
                                time = {.capabilities_add = ARGV("SYS_TIME"),
                                        .capabilities_add_count = 1},
                                wrong = {.capabilities_add = ARGV("SYS_SMTH"),
                                         .capabilities_add_count = 1};

    (void)state;
    assert_string_equal(
        rig_run(rig, &(struct rig_task){.id = "t1", .shell = CAPS, .isolation = &admin})->error,
        "linux/capabilities: it asks for CAP_SYS_ADMIN, which this agent does not allow "
        "(linux/capabilities.allow)");
    assert_non_null(
        strstr(output_of(rig, &(struct rig_task){.id = "t2", .shell = CAPS, .isolation = &time}),
               "00000000a20425fb "));
    assert_non_null(strstr(
        rig_run(rig, &(struct rig_task){.id = "t3", .shell = CAPS, .isolation = &wrong})->error,
        "there is no capability 'SYS_SMTH'"));
}

/* --- seccomp --------------------------------------------------------------------------------------------------- */

static void a_task_can_make_the_calls_of_its_profile(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&filtered);
    const struct rig_task root = {.id = "t1", .argv = ARGV(rig_self_path(), "probe")};

    (void)state;
    assert_int_equal(rig->ready.launcher_ready->warnings_count, 0);
    assert_string_equal(output_of(rig, &root),
                        "mount EPERM\nunshare EPERM\nclone3 ENOSYS\nbpf EPERM\nkeyctl EPERM\n"
                        "io_uring EPERM\nvsock ENOSYS\nwide vsock ENOSYS\nnew ENOSYS\ninet ok\n");
}

static void usual_programs_work_under_it(void **state)
{
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&filtered);
    const struct rig_task task = {
        .id = "t1",
        .shell =
            "ls -l / >/dev/null && (sleep 0.01 & wait) && date >d && tar cf t d && python3 -c "
            "'import threading; t=threading.Thread(target=print, args=(1,)); t.start(); t.join()'"};

    (void)state;
    assert_string_equal(output_of(rig, &task), "1\n");
}

static void unconfined_is_for_whom_the_operator_lets(void **state)
{
    rig_skip_unless_root();
    static const struct label_info options[] = {{"linux/seccomp.allow_unconfined", "yes"},
                                                {NULL, NULL}};
    const struct rig_plan plan = {.also = filtered.also, .options = options};
    const struct isolation_info asks = {.seccomp_profile = "unconfined"};
    const struct rig_task task = {
        .id = "t1", .shell = "grep Seccomp: /proc/self/status", .isolation = &asks};

    (void)state;
    {
        CLEANUP(rig_destroy) struct rig *rig = rig_new(&filtered);

        assert_non_null(strstr(rig_run(rig, &task)->error, "it asks to be unconfined"));
    }
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
    assert_string_equal(output_of(rig, &task), "Seccomp:\t0\n");
}

static void a_profile_of_the_operator_is_used_by_its_name(void **state)
{
    rig_skip_unless_root();
    char folder[] = "/tmp/proffer-test-seccomp-XXXXXX", path[64];
    const struct label_info options[] = {{"linux/seccomp.dir", folder}, {NULL, NULL}};
    const struct rig_plan plan = {.also = filtered.also, .options = options};
    const struct isolation_info asks = {.seccomp_profile = "nomkdir"},
                                absent = {.seccomp_profile = "none"};
    FILE *file;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/nomkdir.json", folder);
    file = fopen(path, "we");
    fputs("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"mkdir\",\"mkdirat\"],"
          "\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":30}]}",
          file);
    fclose(file);
    {
        CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);

        assert_string_equal(output_of(rig, &(struct rig_task){.id = "t1",
                                                              .shell = "mkdir x 2>&1; true",
                                                              .isolation = &asks}),
                            "mkdir: cannot create directory 'x': Read-only file system\n");
        assert_non_null(strstr(
            rig_run(rig, &(struct rig_task){.id = "t2", .shell = "true", .isolation = &absent})
                ->error,
            "none.json: No such file or directory"));
    }
    rig_remove(folder);
}

/* --- no_new_privs -------------------------------------------------------------------------------------------------- */

/* --- settings --------------------------------------------------------------------------------------------------- */

static void what_a_setting_cannot_mean_leaves_no_task_unheld(void **state)
{
    static const struct {
        const char *isolator;
        struct label_info options[2];
        const char *text;
    } cases[] = {
        {"linux/capabilities",
         {{"linux/capabilities.default", "CHWON"}},
         "linux/capabilities.default: there is no capability 'CHWON'"},
        {"linux/capabilities",
         {{"linux/capabilities.allow", "NO:SUCH"}},
         "linux/capabilities.allow: there is no capability 'NO'"},
        {"linux/seccomp",
         {{"linux/seccomp.default", "strict"}},
         "linux/seccomp.default=strict: profile strict: there is no profile 'strict'"},
        {"linux/seccomp",
         {{"linux/seccomp.allow_unconfined", "ja"}},
         "linux/seccomp.allow_unconfined=ja: want yes or no"},
        {"linux/nnp", {{"linux/nnp.allow", "1"}}, "linux/nnp.allow=1: want yes or no"},
        {"disk/usage", {{"disk/usage.interval", "often"}}, "disk/usage.interval=often: want 1 to"},
    };

    (void)state;
    rig_skip_unless_root();
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *const also[] = {cases[i].isolator, NULL};
        const struct rig_plan plan = {.also = also, .options = cases[i].options};
        CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);

        if (!strstr(rig->ready.launcher_ready->error, cases[i].text))
            fail_msg("'%s' does not say '%s'", rig->ready.launcher_ready->error, cases[i].text);
        rig_end_launcher(rig, 0);
    }
}

static void settings_of_isolators_that_are_not_named_are_told(void **state)
{
    static const struct label_info options[] = {{"linux/nnp.allow", "no"},
                                                {"disk/usage.interval", "5m"},
                                                {"network/ports.udp", "no"},
                                                {NULL, NULL}};
    const struct rig_plan plan = {.also = ARGV("linux/nnp"), .options = options};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
    const struct msg_launcher_ready *ready = rig->ready.launcher_ready;

    (void)state;
    assert_string_equal(ready->error, "");
    for (size_t i = 0; i < ready->warnings_count; i++)
        if (strstr(ready->warnings[i], "does not name: disk/usage.interval, network/ports.udp"))
            return;
    fail_msg("nothing is said of them");
}

static const struct isolation_info wants_privileges = {.new_privileges = true};

static void new_privileges_are_for_whom_the_operator_lets(void **state)
{
    rig_skip_unless_root();
    static const struct label_info options[] = {{"linux/nnp.allow", "yes"}, {NULL, NULL}};
    const struct rig_plan plan = {.also = filtered.also, .options = options};
    const struct rig_task task = {.id = "t1",
                                  .shell =
                                      "grep -E 'NoNewPrivs|Seccomp:' /proc/self/status | cut -f2",
                                  .user = "nobody",
                                  .isolation = &wants_privileges};

    (void)state;
    {
        CLEANUP(rig_destroy) struct rig *rig = rig_new(&filtered);

        assert_non_null(strstr(rig_run(rig, &task)->error, "it asks for new privileges"));
    }
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
    assert_string_equal(output_of(rig, &task), "0\n2\n");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(root_has_what_is_left_of_its_rights),
        cmocka_unit_test(the_launcher_can_hand_on_no_more_than_tasks_may_have),
        cmocka_unit_test(in_a_user_namespace_as_much_is_given_up),
        cmocka_unit_test(a_task_gives_up_more),
        cmocka_unit_test(who_is_not_root_has_what_it_was_given_by_name),
        cmocka_unit_test(what_the_operator_does_not_allow_is_refused),
        cmocka_unit_test(a_task_can_make_the_calls_of_its_profile),
        cmocka_unit_test(usual_programs_work_under_it),
        cmocka_unit_test(unconfined_is_for_whom_the_operator_lets),
        cmocka_unit_test(a_profile_of_the_operator_is_used_by_its_name),
        cmocka_unit_test(new_privileges_are_for_whom_the_operator_lets),
        cmocka_unit_test(what_a_setting_cannot_mean_leaves_no_task_unheld),
        cmocka_unit_test(settings_of_isolators_that_are_not_named_are_told),
    };

    if (argc > 1 && strcmp(argv[1], "probe") == 0)
        return probe();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
