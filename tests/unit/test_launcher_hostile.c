/* A launcher whose agent has been broken into: what it is asked at its channel and its desks is checked against what
 * it was told before there was an agent. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/unit/launcher_rig.h"

#define NOBODY 65534

static const struct rig_plan plain = {.is_posix = true};

/* It lives, and does what is right. */
static void assert_well(struct rig *rig, const char *id)
{
    assert_int_equal(rig_run(rig, &(struct rig_task){.id = id, .shell = "exit 3"})->exit->code, 3);
}

static const char *at(struct rig *rig, const char *path)
{
    return arena_printf(rig->arena, "%s/%s", rig->dir, path);
}

static void make_file(struct rig *rig, const char *path, mode_t mode, uid_t uid)
{
    CLEANUP(close_fd) int fd = open(at(rig, path), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "secret\n", 7), 7);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(fchown(fd, uid, uid), 0);
}

/* --- the channel -------------------------------------------------------------------------------- */

static const char *refusal(struct rig *rig, const char *sandbox, const struct volume_link *volume)
{
    const struct command_info command = {.value = "touch here"};

    rig_send(rig,
             &MESSAGE(LAUNCH_CONTAINER, launch_container, .container_id = "bad", .sandbox = sandbox,
                      .command = &command, .volumes = volume, .volumes_count = volume ? 1 : 0));
    return rig_wait(rig, MSG_CONTAINER_EXITED, "bad")->container_exited->error;
}

static void a_sandbox_elsewhere_is_refused(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const char *const below[] = {"",     "/f1",    "/f1/",          "/f1/t/deeper", "//t",
                                 "/./t", "/f1/..", "/../records/x", "/f1/../../x",  "X/f1/t",
                                 "/f1//"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(below); i++)
        assert_non_null(strstr(
            refusal(rig, arena_printf(rig->arena, "%s/sandboxes%s", rig->dir, below[i]), NULL),
            "is no sandbox"));
    assert_non_null(strstr(refusal(rig, "/etc/f1/t", NULL), "is no sandbox"));
    assert_int_equal(access("/etc/f1", F_OK), -1);
    assert_well(rig, "t1");
}

static void a_volume_elsewhere_is_refused(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const char *const bad[] = {"volumes",        "volumes/r",    "volumes/r/v/deeper",
                               "volumes/../x/y", "volumes/r/..", "records/r/v"};
    struct volume_link volume = {.path = "/etc", .container_path = "data"};

    (void)state;
    assert_non_null(strstr(refusal(rig, at(rig, "sandboxes/f1/bad"), &volume), "is no volume"));
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        volume.path = at(rig, bad[i]);
        assert_non_null(strstr(refusal(rig, at(rig, "sandboxes/f1/bad"), &volume), "is no volume"));
    }
    assert_well(rig, "t1");
}

static void no_place_of_a_volume_leads_out_of_the_sandbox(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const char *const bad[] = {"../../../victim/v",
                               "../v",
                               "..",
                               "a/../../v",
                               "/v",
                               "/",
                               "a//v",
                               "a/",
                               "a/./v",
                               "a/..",
                               "."};
    struct volume_link volume = {.path = at(rig, "volumes/r/v")};
    struct stat before, after;

    (void)state;
    assert_int_equal(mkdir(at(rig, "volumes"), 0755), 0);
    assert_int_equal(mkdir(at(rig, "volumes/r"), 0755), 0);
    assert_int_equal(mkdir(volume.path, 0755), 0);
    assert_int_equal(mkdir(at(rig, "victim"), 0755), 0);
    assert_int_equal(stat(at(rig, "victim"), &before), 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        volume.container_path = bad[i];
        assert_non_null(
            strstr(refusal(rig, at(rig, "sandboxes/f1/bad"), &volume), "is no path in a sandbox"));
    }
    assert_int_equal(access(at(rig, "sandboxes/f1/bad"), F_OK), -1);
    assert_int_equal(stat(at(rig, "victim"), &after), 0);
    assert_int_equal(after.st_uid, before.st_uid);
    assert_int_equal(access(at(rig, "victim/v"), F_OK), -1);
    assert_well(rig, "t1");
}

static void a_link_in_place_of_a_volume_is_not_followed(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct volume_link volume = {.path = at(rig, "volumes/r/v"), .container_path = "data"};

    (void)state;
    assert_int_equal(mkdir(at(rig, "volumes"), 0755), 0);
    assert_int_equal(mkdir(at(rig, "volumes/r"), 0755), 0);
    assert_int_equal(symlink("/etc", volume.path), 0);
    assert_non_null(strstr(refusal(rig, at(rig, "sandboxes/f1/bad"), &volume), "volume "));
    assert_well(rig, "t1");
}

static void another_configuration_is_refused(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);

    (void)state;
    rig_send(rig, &MESSAGE(LAUNCHER_CONFIGURE, launcher_configure, .records_dir = "/tmp",
                           .cgroup_root = "x", .sandboxes_dir = "/etc", .volumes_dir = "/"));
    rig_launch(rig, &(struct rig_task){.id = "lives", .shell = "sleep 1000"});
    rig_wait(rig, MSG_CONTAINER_STARTED, "lives");
    rig_send(rig, &MESSAGE(LAUNCHER_RECOVER, launcher_recover, .recover = NULL));
    assert_non_null(strstr(refusal(rig, "/etc/f1/t", NULL), "is no sandbox"));
    assert_well(rig, "t1");
    rig_signal(rig, "lives", true);
    assert_int_equal(rig_wait(rig, MSG_CONTAINER_EXITED, "lives")->container_exited->exit->signal,
                     9);
}

static void a_collection_elsewhere_is_refused(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const char *const bad[] = {"/", "/etc", at(rig, "records"), at(rig, "sandboxes/..")};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        rig_send(rig, &MESSAGE(COLLECT_SANDBOXES, collect_sandboxes, .sandboxes_dir = bad[i],
                               .ended_before_us = clock_now().wall_us));
        assert_non_null(strstr(
            rig_wait(rig, MSG_SANDBOXES_COLLECTED, NULL)->sandboxes_collected->error, bad[i]));
    }
}

/* There are no isolators before that; what is answered afterwards is of all of them. */
static void total_before_it_is_configured_is_none(void **state)
{
    const struct rig_plan plan = {.is_unconfigured = true};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
    const struct message total = MESSAGE(USAGE_REQUEST, usage_request, .number = 1, .total = true);

    (void)state;
    rig_send(rig, &total);
    assert_int_equal(rig_wait(rig, MSG_USAGE_REPLY, NULL)->usage_reply->usages_count, 0);
    rig_configure(rig);
    rig_wait(rig, MSG_LAUNCHER_READY, NULL);
    rig_send(rig, &total);
    assert_int_equal(rig_wait(rig, MSG_USAGE_REPLY, NULL)->usage_reply->usages_count, 1);
    assert_well(rig, "t1");
}

static void what_is_not_for_a_launcher_is_refused(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);

    (void)state;
    rig_send(rig, &MESSAGE(GOODBYE, goodbye, .reason = "x"));
    rig_send(rig, &MESSAGE(LAUNCHER_READY, launcher_ready, .cgroups = "none"));
    rig_send(rig, &MESSAGE(MAKE_VOLUME, make_volume, .role = "r", .id = "v"));
    assert_well(rig, "t1");
    assert_int_equal(access(at(rig, "volumes/r"), F_OK), -1);
}

/* --- users -------------------------------------------------------------------------------------- */

static void assert_user_refused(struct rig *rig, const char *user)
{
    const struct msg_container_exited *exited =
        rig_run(rig, &(struct rig_task){.id = "bad", .shell = "true", .user = user});

    assert_null(exited->exit);
    assert_non_null(strstr(exited->error, "no task may run as"));
    assert_int_equal(access(at(rig, "sandboxes/f1/bad"), F_OK), -1);
}

static void nobody_is_whom_the_policy_does_not_name(void **state)
{
    const struct rig_plan plan = {.is_posix = true, .users = ARGV("nobody")};

    (void)state;
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
    assert_user_refused(rig, "");
    assert_user_refused(rig, "root");
    assert_user_refused(rig, "0");
    assert_user_refused(rig, "daemon");
    assert_int_equal(
        rig_run(rig, &(struct rig_task){.id = "t1", .shell = "true", .user = "nobody"})->exit->code,
        0);
}

static const struct check_status *look(struct rig *rig, const char *shell)
{
    const struct command_info command = {
        .value = shell, .user = "root", .rlimits = NULL, .rlimits_count = 0};
    const struct check_info check = {.command = &command, .timeout_ms = INT64_MAX};

    rig_send(rig,
             &MESSAGE(CHECK_CONTAINER, check_container, .container_id = "t1", .check = &check));
    return rig_wait(rig, MSG_CONTAINER_CHECKED, NULL)->container_checked->result;
}

#define WHO                                                                                        \
    "id -u; id -G; ulimit -n; basename $(pwd); grep -E '^(Cap|NoNew|Seccomp)' /proc/self/status"

/* Who has taken the agent over says what is run in a container, and not as whom: that is what it was launched as, also for
 * the next launcher. */
static void a_check_is_who_its_task_was_launched_as(void **state)
{
    static const char *const dropped[] = {"ALL"};
    static const struct isolation_info asks = {.capabilities_drop = dropped,
                                               .capabilities_drop_count = 1};
    static const struct rlimit_info files = {
        .name = "RLMT_NOFILE", .hard = 77, .soft = 77, .unlimited = false};
    const struct rig_plan plan = {.is_posix = true,
                                  .also = ARGV("linux/capabilities", "linux/seccomp", "linux/nnp")};
    CLEANUP(rig_destroy) struct rig *second = NULL;

    (void)state;
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *first = rig_new_or_skip(&plan);
    rig_launch(first, &(struct rig_task){.id = "t1",
                                         .shell = "(" WHO ") >task; echo >ready; exec sleep 1000",
                                         .user = "nobody",
                                         .rlimit = &files,
                                         .isolation = &asks});
    rig_wait(first, MSG_CONTAINER_STARTED, "t1");
    rig_wait_file(first, "t1", "ready");
    assert_non_null(strstr(rig_read(first, "t1", "task"), "77\nt1\n"));
    assert_string_equal(look(first, "(" WHO ") | cmp - task && echo same")->message, "same");
    rig_leave(first);
    second = rig_again(first, ARGV("t1"));
    rig_wait(second, MSG_CONTAINER_STARTED, "t1");
    assert_string_equal(look(second, "(" WHO ") | cmp - task && echo same")->message, "same");
    rig_signal(second, "t1", true);
    rig_wait(second, MSG_CONTAINER_EXITED, "t1");
}

static void what_was_not_launched_to_be_looked_at_is_not(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);

    (void)state;
    rig_launch(rig, &(struct rig_task){.id = "t1", .shell = "sleep 1000", .is_unchecked = true});
    rig_wait(rig, MSG_CONTAINER_STARTED, "t1");
    assert_string_equal(look(rig, "echo >checked")->message, "it was not launched to be looked at");
    assert_false(rig_has(rig, "t1", "checked"));
    rig_signal(rig, "t1", true);
    rig_wait(rig, MSG_CONTAINER_EXITED, "t1");
}

/* It would have no room in the record. */
static void what_cannot_be_kept_for_checks_is_refused(void **state)
{
    static const char *names[64];
    static const struct isolation_info asks = {.capabilities_drop = names,
                                               .capabilities_drop_count = 64};
    const struct msg_container_exited *exited;

    (void)state;
    rig_skip_unless_root();
    for (size_t i = 0; i < 64; i++)
        names[i] = "CAP_SOMETHING_THAT_IS_AS_LONG_AS_A_NAME_MAY_BE_IN_A_MESSAGE";
    CLEANUP(rig_destroy)
    struct rig *rig =
        rig_new(&(struct rig_plan){.is_posix = true, .also = ARGV("linux/capabilities")});
    exited = rig_run(rig, &(struct rig_task){.id = "t1", .shell = "true", .isolation = &asks});
    assert_null(exited->exit);
    assert_non_null(strstr(exited->error, "names many capabilities"));
}

/* Two at a time; the others are refused at once. */
static void looks_at_a_container_are_bounded(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct command_info command = {.value = "exec sleep 1000"};
    const struct check_info check = {.command = &command, .timeout_ms = 600000};

    (void)state;
    rig_launch(rig, &(struct rig_task){.id = "t1", .shell = "sleep 1000"});
    rig_wait(rig, MSG_CONTAINER_STARTED, "t1");
    for (int i = 0; i < 100; i++)
        rig_send(rig,
                 &MESSAGE(CHECK_CONTAINER, check_container, .container_id = "t1", .check = &check));
    for (int i = 0; i < 98; i++)
        assert_non_null(
            strstr(rig_wait(rig, MSG_CONTAINER_CHECKED, NULL)->container_checked->result->message,
                   "2 others look at it"));
    rig_signal(rig, "t1", true);
    rig_wait(rig, MSG_CONTAINER_EXITED, "t1");
}

static void no_task_is_the_agent(void **state)
{
    const struct rig_plan plan = {.is_posix = true, .agent_uid = NOBODY};

    (void)state;
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
    assert_user_refused(rig, "nobody");
    assert_user_refused(rig, "65534");
    assert_well(rig, "t1");
}

/* --- volumes ------------------------------------------------------------------------------------ */

static int ask(struct rig *rig, const struct message *question)
{
    struct err err;

    return desk_ask(&rig->desk, question, rig->arena, NULL, NULL, &err);
}

static int make(struct rig *rig, const char *role, const char *id)
{
    return ask(rig, &MESSAGE(MAKE_VOLUME, make_volume, .role = role, .id = id));
}

static int take_away(struct rig *rig, const char *role, const char *id)
{
    return ask(rig, &MESSAGE(REMOVE_VOLUME, remove_volume, .role = role, .id = id));
}

static void volumes_are_made_and_removed(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    struct stat info;

    (void)state;
    assert_int_equal(mkdir(at(rig, "volumes"), 0755), 0);
    assert_int_equal(make(rig, "a b", "v"), 0);
    assert_int_equal(stat(at(rig, "volumes/a b/v"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0750);
    assert_int_equal(make(rig, "a b", "v"), 0); /* empty: it was never written down */
    assert_int_equal(mkdir(at(rig, "volumes/a b/v/deep"), 0755), 0);
    assert_int_equal(make(rig, "a b", "v"), -EEXIST);
    assert_int_equal(take_away(rig, "a b", "v"), 0);
    assert_int_equal(access(at(rig, "volumes/a b/v"), F_OK), -1);
    assert_int_equal(take_away(rig, "a b", "v"), 0);
    assert_int_equal(take_away(rig, "none", "v"), 0);
    for (int left_ms = RIG_TIMEOUT_MS; rmdir(at(rig, "trash")) < 0; left_ms--) {
        assert_true(left_ms > 0); /* until it is emptied */
        poll(NULL, 0, 1);
    }
}

static void names_of_volumes_lead_nowhere(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const char *const bad[] = {"..", ".", "a/b", "../records", "/", "a/"};

    (void)state;
    assert_int_equal(mkdir(at(rig, "volumes"), 0755), 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(make(rig, bad[i], "v"), -EINVAL);
        assert_int_equal(make(rig, "r", bad[i]), -EINVAL);
        assert_int_equal(take_away(rig, bad[i], "records"), -EINVAL);
        assert_int_equal(take_away(rig, "r", bad[i]), -EINVAL);
    }
    assert_int_equal(make(rig, "", "v"), -EBADMSG);
    assert_int_equal(symlink(rig->dir, at(rig, "volumes/link")), 0);
    assert_true(make(rig, "link", "v") < 0);
    assert_true(take_away(rig, "link", "records") < 0);
    assert_int_equal(access(at(rig, "records"), F_OK), 0);
    assert_int_equal(access(at(rig, "v"), F_OK), -1);
    assert_well(rig, "t1");
}

/* --- files -------------------------------------------------------------------------------------- */

static int open_at(struct rig *rig, const char *path, bool is_folder)
{
    const struct bytes bytes = {path, strlen(path)};
    struct err err;
    int fds[DESK_DESCRIPTORS_MAX];
    int rc =
        desk_ask(&rig->desk, &MESSAGE(OPEN_FILE, open_file, .path = bytes, .folder = is_folder),
                 rig->arena, NULL, fds, &err);

    if (rc == 0) {
        assert_true(fds[0] >= 0 && fds[1] < 0);
        close(fds[0]);
    }
    return rc;
}

static void files_are_opened_with_the_rights_of_the_task(void **state)
{
    (void)state;
    rig_skip_unless_root();
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    rig_run(rig, &(struct rig_task){.id = "t1",
                                    .user = "nobody",
                                    .shell = "umask 077; echo x >own; echo; mkdir closed"});
    rig_run(rig, &(struct rig_task){.id = "t2", .shell = "umask 077; echo x >own"});
    make_file(rig, "sandboxes/f1/t1/others", 0600, 0);
    make_file(rig, "sandboxes/f1/t1/daemons", 0600, 1);
    make_file(rig, "sandboxes/f1/t1/open", 0644, 0);
    make_file(rig, "sandboxes/f1/t1/closed/inside", 0644, NOBODY);
    assert_int_equal(chmod(at(rig, "sandboxes/f1/t1/closed"), 0000), 0);
    assert_int_equal(open_at(rig, "f1/t1/own", false), 0);
    assert_int_equal(open_at(rig, "f1/t1/stdout", false), 0);
    assert_int_equal(open_at(rig, "f1/t1/open", false), 0);
    assert_int_equal(open_at(rig, "f1/t1/others", false), -EACCES);
    assert_int_equal(open_at(rig, "f1/t1/daemons", false), -EACCES);
    assert_int_equal(open_at(rig, "f1/t1/closed", true), -EACCES);
    assert_int_equal(open_at(rig, "f1/t1/closed/inside", false), -EACCES);
    assert_int_equal(open_at(rig, "f1/t2/own", false), 0); /* a root task's */
    assert_int_equal(open_at(rig, "f1/t1", true), 0);
    assert_int_equal(open_at(rig, "f1", true), 0);
    assert_int_equal(open_at(rig, ".", true), 0);
}

static void no_path_of_a_file_leads_out(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const char *const bad[] = {"..",
                               "../records",
                               "/etc/passwd",
                               "f1/../../records",
                               "f1/t1/..",
                               "f1/t1/link",
                               "f1/t1/up/passwd",
                               "f1/t1/fifo",
                               "f1/t1/../t1/x",
                               "f1/t1/magic/etc/passwd",
                               "f1/t1/inside"};

    (void)state;
    rig_run(rig, &(struct rig_task){.id = "t1",
                                    .shell = "echo x >x; ln -s /etc/passwd link; ln -s /etc up; "
                                             "mkfifo fifo; ln -s /proc/self/root magic; "
                                             "ln -s x inside"});
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(open_at(rig, bad[i], false), -EACCES);
        assert_true(open_at(rig, bad[i], true) < 0);
    }
    assert_int_equal(open_at(rig, "f1/t1/x", false), 0);
    assert_int_equal(open_at(rig, "f1/t1/x", true), -ENOTDIR);
    assert_int_equal(open_at(rig, "f1/t1", false), -EISDIR);
    assert_int_equal(open_at(rig, "f1/t1/none", false), -ENOENT);
    assert_int_equal(ask(rig, &MESSAGE(OPEN_FILE, open_file, .path = {"f1/t1\0x", 7})), -EINVAL);
}

static int open_watched(struct rig *rig, const char *path, int fds[DESK_DESCRIPTORS_MAX])
{
    const struct msg_desk_answer *answer;
    const struct bytes bytes = {path, strlen(path)};
    struct err err;
    int rc = desk_ask(&rig->desk, &MESSAGE(OPEN_FILE, open_file, .path = bytes, .watched = true),
                      rig->arena, &answer, fds, &err);

    return rc < 0 ? rc : (int)answer->watch;
}

static int next_event(int inotify_fd, uint32_t kind)
{
    _Alignas(struct inotify_event) char bytes[4096];
    const struct inotify_event *event = (const void *)bytes;
    struct pollfd poll_fd = {inotify_fd, POLLIN, 0};

    assert_int_equal(poll(&poll_fd, 1, RIG_TIMEOUT_MS), 1);
    assert_true(read(inotify_fd, bytes, sizeof(bytes)) > 0);
    assert_true(event->mask & kind);
    return event->wd;
}

/* The launcher finds the file and watches it itself; nothing that it is sent is put into anything. */
static void a_file_is_watched_where_it_is_opened(void **state)
{
    CLEANUP(rig_destroy)
    struct rig *rig = rig_new(&(struct rig_plan){.is_posix = true, .agent_uid = 61000});
    int first[DESK_DESCRIPTORS_MAX], second[DESK_DESCRIPTORS_MAX], watch, other;

    (void)state;
    rig_run(rig, &(struct rig_task){
                     .id = "t1", .shell = "echo x >x; echo y >y; ln -s /etc/passwd link; mkdir d"});
    watch = open_watched(rig, "f1/t1/x", first);
    other = open_watched(rig, "f1/t1/y", second);
    assert_true(watch > 0 && other > 0 && watch != other);
    assert_true(first[0] >= 0 && first[1] >= 0 && second[1] >= 0);
    assert_int_equal(truncate(rig_path(rig, "t1", "y"), 0), 0);
    assert_int_equal(next_event(first[1], IN_MODIFY), other); /* one inotify for all */
    assert_int_equal(rename(rig_path(rig, "t1", "x"), rig_path(rig, "t1", "x.1")), 0);
    assert_int_equal(next_event(second[1], IN_MOVE_SELF), watch);
    for (size_t i = 0; i < DESK_DESCRIPTORS_MAX; i++) {
        close(first[i]);
        close(second[i]);
    }
    assert_int_equal(open_watched(rig, "f1/t1/link", first), -EACCES);
    assert_int_equal(open_watched(rig, "/etc/passwd", first), -EACCES);
    assert_int_equal(open_watched(rig, "f1/t1/d", first), -EISDIR);
    assert_well(rig, "t2");
}

/* --- garbage, and too much ---------------------------------------------------------------------- */

static void send_raw(struct rig *rig, const void *bytes, size_t size, size_t fds_count)
{
    char control[CMSG_SPACE(sizeof(int) * 16)] = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    struct cmsghdr *item;

    if (fds_count) {
        header.msg_control = control;
        header.msg_controllen = CMSG_SPACE(sizeof(int) * fds_count);
        item = CMSG_FIRSTHDR(&header);
        item->cmsg_level = SOL_SOCKET;
        item->cmsg_type = SCM_RIGHTS;
        item->cmsg_len = CMSG_LEN(sizeof(int) * fds_count);
        for (size_t i = 0; i < fds_count; i++)
            memcpy(CMSG_DATA(item) + i * sizeof(int), &(int){STDIN_FILENO}, sizeof(int));
    }
    assert_int_equal(sendmsg(rig->desk.fd, &header, MSG_NOSIGNAL), (ssize_t)size);
}

static size_t count_descriptors(pid_t pid)
{
    char path[64];
    size_t count = 0;

    for (int fd = 0; fd < 256; fd++) {
        snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
        count += faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    }
    return count;
}

static void garbage_at_a_desk_is_refused(void **state)
{
    static char long_one[20000];
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    size_t before;

    (void)state;
    assert_well(rig, "t0"); /* what it keeps open for tasks */
    before = count_descriptors(rig->pid);
    send_raw(rig, "x", 1, 0);
    send_raw(rig, "12345678", 8, 2);
    send_raw(rig, "12345678garbage", 15, 0);
    send_raw(rig, "12345678PRF\1\200\200\200\200", 16, 2);
    send_raw(rig, long_one, sizeof(long_one), 0);
    send_raw(rig, "12345678garbage", 15, 16);
    assert_int_equal(ask(rig, &MESSAGE(LAUNCHER_END, launcher_end, .reason = "x")), -EINVAL);
    assert_int_equal(ask(rig, &MESSAGE(LAUNCHER_RECOVER, launcher_recover, .recover = NULL)),
                     -EINVAL);
    assert_well(rig, "t1");
    for (int left_ms = RIG_TIMEOUT_MS; count_descriptors(rig->pid) > before; left_ms--) {
        assert_true(left_ms > 0); /* a helper has just answered, and is about to end */
        poll(NULL, 0, 1);
    }
}

/* Nobody reads the answers. */
static void thousands_of_questions_and_orders_leave_it_well(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct bytes path = {"f1/none", 7};
    const char *sandbox = at(rig, "records/f1/t");
    const struct command_info command = {.value = "true"};
    int refused = 0;

    (void)state;
    for (int i = 0; i < 5000; i++)
        if (desk_send(rig->desk.fd, 1, &MESSAGE(OPEN_FILE, open_file, .path = path), NULL, 0,
                      NULL) == -EAGAIN)
            poll(&(struct pollfd){rig->desk.fd, POLLOUT, 0}, 1, 1);
    for (int i = 0; i < 3000; i++) {
        rig_send(rig, &MESSAGE(SIGNAL_CONTAINER, signal_container, .container_id = "none"));
        rig_send(rig, &MESSAGE(FORGET_CONTAINER, forget_container, .container_id = "none",
                               .sandbox = "/etc"));
        rig_send(rig, &MESSAGE(LAUNCH_CONTAINER, launch_container, .container_id = "bad",
                               .sandbox = sandbox, .command = &command));
    }
    for (; refused < 3000; refused++)
        assert_non_null(strstr(rig_wait(rig, MSG_CONTAINER_EXITED, "bad")->container_exited->error,
                               "is no sandbox"));
    assert_well(rig, "t1");
}

static void a_desk_that_is_closed_is_no_matter(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);

    (void)state;
    desk_fini(&rig->desk);
    assert_well(rig, "t1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sandbox_elsewhere_is_refused),
        cmocka_unit_test(a_volume_elsewhere_is_refused),
        cmocka_unit_test(no_place_of_a_volume_leads_out_of_the_sandbox),
        cmocka_unit_test(a_link_in_place_of_a_volume_is_not_followed),
        cmocka_unit_test(another_configuration_is_refused),
        cmocka_unit_test(a_collection_elsewhere_is_refused),
        cmocka_unit_test(total_before_it_is_configured_is_none),
        cmocka_unit_test(what_is_not_for_a_launcher_is_refused),
        cmocka_unit_test(nobody_is_whom_the_policy_does_not_name),
        cmocka_unit_test(a_check_is_who_its_task_was_launched_as),
        cmocka_unit_test(what_was_not_launched_to_be_looked_at_is_not),
        cmocka_unit_test(what_cannot_be_kept_for_checks_is_refused),
        cmocka_unit_test(looks_at_a_container_are_bounded),
        cmocka_unit_test(no_task_is_the_agent),
        cmocka_unit_test(volumes_are_made_and_removed),
        cmocka_unit_test(names_of_volumes_lead_nowhere),
        cmocka_unit_test(files_are_opened_with_the_rights_of_the_task),
        cmocka_unit_test(no_path_of_a_file_leads_out),
        cmocka_unit_test(a_file_is_watched_where_it_is_opened),
        cmocka_unit_test(garbage_at_a_desk_is_refused),
        cmocka_unit_test(thousands_of_questions_and_orders_leave_it_well),
        cmocka_unit_test(a_desk_that_is_closed_is_no_matter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
