/* What tasks have fetched, by a real launcher from a real server: files, ends of all kinds. */
#include <archive_entry.h>
#include <sched.h>
#include <sys/mount.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "tests/unit/fetch_site.h"

/* --- files -------------------------------------------------------------------------------------- */

static void file_is_there_before_the_task_starts(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    const struct msg_container_fetching *fetching;

    (void)state;
    scene_init(&scene);
    scene_begin(&scene);
    scene_serve(&scene, "tool", "#!/bin/sh\necho it works\n");
    rig_launch(scene.rig,
               &(struct rig_task){.id = "t1",
                                  .shell = "./tool && ! test -e .proffer-fetch",
                                  .uris = &(struct uri_info){.value = scene_url(&scene, "tool?v=1"),
                                                             .executable = true},
                                  .uris_count = 1});
    fetching = rig_wait(scene.rig, MSG_CONTAINER_FETCHING, NULL)->container_fetching;
    assert_string_equal(fetching->container_id, "t1");
    assert_int_equal(fetching->uri, 0);
    assert_int_equal(rig_wait(scene.rig, MSG_CONTAINER_EXITED, "t1")->container_exited->exit->code,
                     0);
    assert_string_equal(rig_read(scene.rig, "t1", "stdout"), "it works\n");
}

static void file_may_have_another_name_in_a_folder(void **state)
{
    CLEANUP(scene_fini) struct scene scene;

    (void)state;
    scene_init(&scene);
    scene_begin(&scene);
    scene_serve(&scene, "data", "x");
    assert_runs(&scene, "t1",
                (struct uri_info){.value = scene_url(&scene, "data"), .output_file = "in/here/d"},
                "test -f in/here/d && ! test -x in/here/d && ! test -e data");
}

static void what_cannot_be_fetched_says_why(void **state)
{
    CLEANUP(scene_fini) struct scene scene;

    (void)state;
    scene_init(&scene);
    scene_begin(&scene);
    scene_serve(&scene, "data", "x");
    assert_fails(&scene, "t1", (struct uri_info){.value = scene_url(&scene, "nothing")},
                 scene_text(&scene, "cannot fetch http://127.0.0.1:%d/nothing: HTTP status 404",
                            scene.port));
    assert_fails(&scene, "t2", (struct uri_info){.value = "http://127.0.0.1:1/x"},
                 "Couldn't connect");
    assert_fails(&scene, "t3", (struct uri_info){.value = scene_url(&scene, "short/data")},
                 "Transferred a partial file");
    assert_fails(&scene, "t4", (struct uri_info){.value = scene_url(&scene, "redirect/6/data")},
                 "it redirects more than 5 times");
    assert_runs(&scene, "t5", (struct uri_info){.value = scene_url(&scene, "redirect/5/data")},
                "grep -q x data");
    assert_fails(&scene, "t6",
                 (struct uri_info){
                     .value = scene_text(&scene, "http://me:secret@127.0.0.1:%d/no", scene.port)},
                 "cannot fetch http://***@127.0.0.1");
}

static void sum_that_is_expected_is_checked(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    static const char sum[] = "2D711642B726B04401627CA9FBAC32F5C8530FB1903CC4DB02258717921A4881";
    static const char other[] = "0000000000000000000000000000000000000000000000000000000000000000";

    (void)state;
    scene_init(&scene);
    scene_begin(&scene);
    scene_serve(&scene, "data", "x");
    assert_runs(&scene, "t1", (struct uri_info){.value = scene_url(&scene, "data"), .sha256 = sum},
                "grep -q x data");
    assert_fails(&scene, "t2",
                 (struct uri_info){.value = scene_url(&scene, "data"), .sha256 = other},
                 "its sha256 is 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881, "
                 "expected 0000");
    assert_false(rig_has(scene.rig, "t2", "data"));
}

static void files_of_the_host_are_those_of_its_folders(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    const char *folder;

    (void)state;
    scene_init(&scene);
    scene_begin(&scene);
    folder = scene.files[0];
    scene_write(scene_text(&scene, "%s/ours", folder), "x", 1);
    assert_int_equal(symlink("/etc/passwd", scene_text(&scene, "%s/link", folder)), 0);
    assert_int_equal(mkfifo(scene_text(&scene, "%s/pipe", folder), 0666), 0);
    assert_runs(&scene, "t1",
                (struct uri_info){.value = scene_text(&scene, "file://%s/ours", folder)},
                "test -s ours");
    assert_runs(&scene, "t2", (struct uri_info){.value = scene_text(&scene, "%s/ours", folder)},
                "test -s ours");
    assert_fails(&scene, "t3", (struct uri_info){.value = "/etc/passwd"}, "--fetcher-files");
    assert_fails(&scene, "t4", (struct uri_info){.value = scene_text(&scene, "%s/../log", folder)},
                 "Invalid cross-device link");
    assert_fails(&scene, "t5", (struct uri_info){.value = scene_text(&scene, "%s/link", folder)},
                 "Invalid cross-device link");
    assert_fails(&scene, "t6", (struct uri_info){.value = scene_text(&scene, "%s/pipe", folder)},
                 "it is no plain file");
}

static void files_are_fetched_as_the_tasks_user(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    const char *secret;
    struct uri_info uris[2];

    (void)state;
    rig_skip_unless_root();
    scene_init(&scene);
    scene_begin(&scene);
    scene_serve(&scene, "data", "x");
    secret = scene_text(&scene, "%s/secret", scene.files[0]);
    scene_write(secret, "x", 1);
    assert_int_equal(chmod(secret, 0600), 0);
    uris[0] = (struct uri_info){.value = scene_url(&scene, "data"), .cache = true};
    uris[1] = (struct uri_info){.value = secret};
    assert_int_equal(
        rig_run(scene.rig, &(struct rig_task){.id = "t1",
                                              .shell = "test $(stat -c %U data) = nobody",
                                              .user = "nobody",
                                              .uris = uris,
                                              .uris_count = 1})
            ->exit->code,
        0);
    assert_non_null(strstr(
        rig_run(scene.rig,
                &(struct rig_task){
                    .id = "t2", .shell = "true", .user = "nobody", .uris = uris, .uris_count = 2})
            ->error,
        "Permission denied"));
}

static void too_much_is_refused(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    char *much = mem_calloc(1, 5 * MIB);

    (void)state;
    scene_init(&scene);
    scene_begin(&scene);
    scene_write(scene_text(&scene, "%s/much", scene.www), much, 5 * MIB);
    free(much);
    assert_fails(&scene, "t1", (struct uri_info){.value = scene_url(&scene, "much")},
                 "more than the 4194304 bytes");
    assert_false(rig_has(scene.rig, "t1", "much"));
}

/* --- ends --------------------------------------------------------------------------------------- */

static void killed_task_stops_its_fetch(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    struct uri_info uri;
    const struct msg_container_exited *exited;

    (void)state;
    scene_init(&scene);
    scene_begin(&scene);
    uri = (struct uri_info){.value = scene_url(&scene, "silent")};
    rig_launch(scene.rig,
               &(struct rig_task){.id = "t1", .shell = "true", .uris = &uri, .uris_count = 1});
    while (scene_requests(&scene, "/silent") == 0)
        poll(NULL, 0, 5);
    rig_signal(scene.rig, "t1", true);
    exited = rig_wait(scene.rig, MSG_CONTAINER_EXITED, "t1")->container_exited;
    assert_null(exited->exit);
    assert_non_null(strstr(exited->error, "ended while its URIs were fetched"));
}

static void fetch_ends_when_its_time_is_over(void **state)
{
    CLEANUP(scene_fini) struct scene scene;

    (void)state;
    scene_init(&scene);
    scene.settings.timeout_ms = 300;
    scene_begin(&scene);
    assert_fails(&scene, "t1", (struct uri_info){.value = scene_url(&scene, "silent")},
                 "it takes longer than all that may be fetched for a task");
}

static void fetch_goes_on_under_the_next_launcher(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    struct rig *second;
    struct uri_info uri;

    (void)state;
    scene_init(&scene);
    scene_begin(&scene);
    scene_serve_bytes(&scene, "data", 'x', 4096);
    uri = (struct uri_info){.value = scene_url(&scene, "slow/data")};
    rig_launch(scene.rig, &(struct rig_task){.id = "t1",
                                             .shell = "test $(wc -c <data) = 4096",
                                             .uris = &uri,
                                             .uris_count = 1});
    while (scene_requests(&scene, "/slow/data") == 0)
        poll(NULL, 0, 5);
    rig_leave(scene.rig);
    second = rig_again(scene.rig, ARGV("t1"));
    assert_int_equal(rig_wait(second, MSG_CONTAINER_EXITED, "t1")->container_exited->exit->code, 0);
    assert_int_equal(scene_requests(&scene, "/slow/data"), 1);
    rig_destroy(&second);
}

static void full_disk_is_told(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    static const struct piece pieces[] = {{"zeros", AE_IFREG, NULL, 0, 2 * MIB},
                                          {NULL, 0, NULL, 0, 0}};
    char *data = mem_calloc(1, 2 * MIB);
    const char *sandboxes;

    (void)state;
    rig_skip_unless_root();
    scene_init(&scene);
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        print_message("skip: cannot mount\n");
        skip();
    }
    scene_begin(&scene);
    sandboxes = scene_text(&scene, "%s/sandboxes", scene.rig->dir);
    assert_int_equal(mkdir(sandboxes, 0755), 0);
    rig_leave(scene.rig);
    assert_int_equal(mount("tmpfs", sandboxes, "tmpfs", 0, "size=1m"), 0);
    {
        struct rig *second = rig_again(scene.rig, ARGV(NULL));
        struct rig *first = scene.rig;

        scene.rig = second;
        scene_write(scene_text(&scene, "%s/data", scene.www), data, 2 * MIB);
        free(data);
        assert_fails(&scene, "t1", (struct uri_info){.value = scene_url(&scene, "data")},
                     "No space left on device");
        assert_false(rig_has(second, "t1", "data"));
        scene_make_archive(&scene, "a.tar.gz", pieces);
        assert_fails(&scene, "t2",
                     (struct uri_info){.value = scene_url(&scene, "a.tar.gz"), .extract = true},
                     "No space left on device");
        umount2(sandboxes, MNT_DETACH);
        rig_destroy(&scene.rig);
        scene.rig = first;
    }
}

/* In place of the program that fetches: it reads its order, then goes on with `rest`. */
static void fetch_by(struct scene *self, const char *rest)
{
    const char *program = scene_text(self, "%s/proffer-fetcher", self->dir);
    const char *text = scene_text(self,
                                  "#!/bin/sh\n"
                                  "exec 3<&1\n"
                                  "n=$(head -c 4 <&3 | od -An -tu4)\n"
                                  "head -c $n <&3 >/dev/null\n"
                                  "%s\n",
                                  rest);

    self->plan.programs = self->dir;
    scene_write(program, text, strlen(text));
    assert_int_equal(chmod(program, 0755), 0);
}

#define EAT      "dd if=/dev/zero of=/dev/null bs=100M count=1 2>/dev/null\n"
#define SAY_DONE "printf '\\002\\000\\000\\000'; head -c 268 /dev/zero\n"

/* One that says it is done, and leaves something running: that is ended, and the command can fork all the same. On v1 it
 * is the want of processes that keeps what is killed from going on. */
static void what_a_fetch_leaves_running_is_ended_before_the_command(void **state)
{
    CLEANUP(scene_fini) struct scene scene;

    (void)state;
    rig_skip_unless_root();
    scene_init(&scene);
    scene.plan.hides_cgroup2 = true;
    fetch_by(&scene, "setsid sleep 1000 >/dev/null 3<&- &\n"
                     "echo $! >left\n" SAY_DONE);
    scene_begin(&scene);
    rig_skip_unless_cgroups(scene.rig);
    assert_runs(&scene, "t1", (struct uri_info){.value = "http://127.0.0.1:1/x"},
                "sleep 0 & wait; ! kill -0 $(cat left)");
}

/* Whichever of its processes the kernel takes: itself, or a child whose end it does not care for. */
static void fetch_that_meets_the_memory_of_its_task_fails_it(void **state)
{
    static const char *const ways[] = {
        "exec " EAT,
        EAT SAY_DONE,
        EAT "exit 7\n",
    };

    (void)state;
    rig_skip_unless_root();
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        CLEANUP(scene_fini) struct scene scene;
        struct uri_info uri = {.value = "http://127.0.0.1:1/x"};
        const struct rig_task task = {
            .id = "t1", .shell = "sleep 1000", .uris = &uri, .uris_count = 1, .mem_mib = 32};
        const struct msg_container_exited *exited;

        scene_init(&scene);
        fetch_by(&scene, ways[i]);
        scene_begin(&scene);
        rig_skip_unless_cgroups(scene.rig);
        exited = rig_run(scene.rig, &task);
        print_message("%s; %s\n", exited->error, exited->message);
        assert_int_equal(exited->limitation, REASON_CONTAINER_LIMITATION_MEMORY);
        assert_non_null(strstr(exited->message, "Memory limit exceeded: the limit is 32MiB"));
    }
}

/* --- its disk ------------------------------------------------------------------------------------ */

static const struct label_info each_second[] = {{.key = "disk/usage.interval", .value = "1"},
                                                {NULL, NULL}};

static void begin_measured(struct scene *self)
{
    scene_init(self);
    self->plan.also = ARGV("disk/usage");
    self->plan.options = each_second;
    scene_begin(self);
    assert_int_equal(self->rig->ready.launcher_ready->warnings_count, 0);
}

/* The server says nothing after the first file: it is ended for that one, by what looks at its disk. */
static void fetch_that_is_more_than_its_disk_is_ended(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    struct uri_info uris[2];
    const struct msg_container_exited *exited;

    (void)state;
    begin_measured(&scene);
    scene_make_archive(&scene, "zeros.tar",
                       (const struct piece[]){{"z", AE_IFREG, NULL, 0644, 3 * MIB}, {0}});
    uris[0] = (struct uri_info){.value = scene_url(&scene, "zeros.tar"), .extract = true};
    uris[1] = (struct uri_info){.value = scene_url(&scene, "silent")};
    exited = rig_run(scene.rig, &(struct rig_task){.id = "t1",
                                                   .shell = "true",
                                                   .uris = uris,
                                                   .uris_count = 2,
                                                   .resource = "disk",
                                                   .resource_mib = 1});
    assert_int_equal(exited->limitation, REASON_CONTAINER_LIMITATION_DISK);
    assert_non_null(strstr(exited->message, "MiB of 1 MiB"));
}

static void who_fetches_keeps_nobody_from_being_measured(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    struct uri_info uri;
    const struct msg_container_exited *exited;

    (void)state;
    begin_measured(&scene);
    uri = (struct uri_info){.value = scene_url(&scene, "silent")};
    rig_launch(scene.rig,
               &(struct rig_task){.id = "t1", .shell = "true", .uris = &uri, .uris_count = 1});
    while (scene_requests(&scene, "/silent") == 0)
        poll(NULL, 0, 5);
    exited =
        rig_run(scene.rig, &(struct rig_task){.id = "t2",
                                              .shell = "sleep 3; head -c 8000000 /dev/zero >f; "
                                                       "sleep 1000",
                                              .resource = "disk",
                                              .resource_mib = 4});
    assert_int_equal(exited->limitation, REASON_CONTAINER_LIMITATION_DISK);
    rig_signal(scene.rig, "t1", true);
    rig_wait(scene.rig, MSG_CONTAINER_EXITED, "t1");
}

static void agent_without_a_fetcher_says_so(void **state)
{
    CLEANUP(scene_fini) struct scene scene;

    (void)state;
    scene_init(&scene);
    scene.plan.fetcher = NULL;
    scene_begin(&scene);
    assert_fails(&scene, "t1", (struct uri_info){.value = scene_url(&scene, "data")},
                 "this agent fetches no URIs");
}

/* With a pattern: those alone. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_is_there_before_the_task_starts),
        cmocka_unit_test(file_may_have_another_name_in_a_folder),
        cmocka_unit_test(what_cannot_be_fetched_says_why),
        cmocka_unit_test(sum_that_is_expected_is_checked),
        cmocka_unit_test(files_of_the_host_are_those_of_its_folders),
        cmocka_unit_test(files_are_fetched_as_the_tasks_user),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(killed_task_stops_its_fetch),
        cmocka_unit_test(fetch_ends_when_its_time_is_over),
        cmocka_unit_test(fetch_goes_on_under_the_next_launcher),
        cmocka_unit_test(full_disk_is_told),
        cmocka_unit_test(what_a_fetch_leaves_running_is_ended_before_the_command),
        cmocka_unit_test(fetch_that_meets_the_memory_of_its_task_fails_it),
        cmocka_unit_test(fetch_that_is_more_than_its_disk_is_ended),
        cmocka_unit_test(who_fetches_keeps_nobody_from_being_measured),
        cmocka_unit_test(agent_without_a_fetcher_says_so),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
