/* Archives that tasks have fetched and unpacked, as bad as can be. */
#include <archive_entry.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
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
#include "proto/isolation.h"
#include "tests/unit/fetch_site.h"

/* --- archives ----------------------------------------------------------------------------------- */

static void archive_is_unpacked(void **state)
{
    static const char *const names[] = {"a.tar", "a.tar.gz", "a.tar.xz", "a.tar.zst", "a.zip"};
    static const struct piece pieces[] = {
        {"./", AE_IFDIR, NULL, 0755, 0},
        {"./bin/", AE_IFDIR, NULL, 0700, 0},
        {"./bin/run", AE_IFREG, "#!/bin/sh\necho unpacked\n", 0755, 0},
        {"lib/deep/er/data", AE_IFREG, "12345", 0644, 0},
        {"lib/current", AE_IFLNK, "deep/er", 0777, 0},
        {"lib/deep/up", AE_IFLNK, "../../bin/run", 0777, 0},
        {NULL, 0, NULL, 0, 0},
    };
    CLEANUP(scene_fini) struct scene scene;

    (void)state;
    scene_init(&scene);
    scene_begin(&scene);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        scene_make_archive(&scene, names[i], pieces);
        assert_runs(
            &scene, scene_text(&scene, "t%zu", i),
            (struct uri_info){.value = scene_url(&scene, names[i]), .extract = true},
            scene_text(
                &scene,
                "./bin/run && sh lib/deep/up && grep -q 12345 lib/current/data && ! test -e %s",
                names[i]));
    }
}

static void nothing_in_it_is_privileged(void **state)
{
    static const struct piece pieces[] = {
        {"su", AE_IFREG, "x", 06777, 0},
        {"same", 0, "su", 0, 0},
        {NULL, 0, NULL, 0, 0},
    };
    CLEANUP(scene_fini) struct scene scene;

    (void)state;
    scene_init(&scene);
    scene_begin(&scene);
    scene_make_archive(&scene, "a.tar", pieces);
    assert_runs(&scene, "t1",
                (struct uri_info){.value = scene_url(&scene, "a.tar"), .extract = true},
                "test $(stat -c %a su) = 755 && test $(stat -c %h same) = 2");
}

static void archive_that_leads_out_is_refused(void **state)
{
    static const struct {
        const char *why;
        struct piece pieces[4];
    } cases[] = {
        {"leads out of the sandbox: ../evil", {{"../evil", AE_IFREG, "x", 0, 0}}},
        {"leads out of the sandbox: a/../../evil", {{"a/../../evil", AE_IFREG, "x", 0, 0}}},
        {"leads out of the sandbox: /tmp/proffer-evil",
         {{"/tmp/proffer-evil", AE_IFREG, "x", 0, 0}}},
        {"link that leads out", {{"l", AE_IFLNK, "/etc", 0, 0}}},
        {"link that leads out", {{"a/l", AE_IFLNK, "../../x", 0, 0}}},
        {"link that leads out", {{"a/l", AE_IFLNK, "b/../../..", 0, 0}}},
        {"link that leads out",
         {{"d/e", AE_IFDIR, NULL, 0755, 0}, {"l", AE_IFLNK, "d/../..", 0, 0}}},
        /* By two links, each of which stays inside. */
        {"Not a directory",
         {{"d", AE_IFLNK, ".", 0, 0},
          {"d/l", AE_IFLNK, "..", 0, 0},
          {"d/l/evil", AE_IFREG, "x", 0, 0}}},
        {"link that leads out",
         {{"s/t", AE_IFDIR, NULL, 0755, 0},
          {"k", AE_IFLNK, "s/t", 0, 0},
          {"m", AE_IFLNK, "k/../../..", 0, 0}}},
        {"Not a directory", {{"l", AE_IFLNK, "sub", 0, 0}, {"l/x", AE_IFREG, "x", 0, 0}}},
        {"leads out of the sandbox: ../../log", {{"h", 0, "../../log", 0, 0}}},
        {"hard link to what is no plain file", {{"l", AE_IFLNK, "x", 0, 0}, {"h", 0, "l", 0, 0}}},
        {"a device, a pipe or a socket", {{"null", AE_IFCHR, NULL, 0666, 0}}},
        {"a device, a pipe or a socket", {{"pipe", AE_IFIFO, NULL, 0666, 0}}},
        {"where the task's output goes", {{"stdout", AE_IFREG, "x", 0, 0}}},
        {"where the task's output goes", {{"./stderr.2", AE_IFREG, "x", 0, 0}}},
    };
    CLEANUP(scene_fini) struct scene scene;

    (void)state;
    scene_init(&scene);
    scene_begin(&scene);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        scene_make_archive(&scene, "a.tar", cases[i].pieces);
        assert_fails(&scene, scene_text(&scene, "t%zu", i),
                     (struct uri_info){.value = scene_url(&scene, "a.tar"), .extract = true},
                     cases[i].why);
        assert_false(rig_has(scene.rig, "..", "f1/evil"));
        assert_false(rig_has(scene.rig, "..", "evil"));
    }
    assert_int_equal(access("/tmp/proffer-evil", F_OK), -1);
}

static void names_that_only_begin_as_the_output_are_taken(void **state)
{
    CLEANUP(scene_fini) struct scene scene;

    (void)state;
    scene_init(&scene);
    scene_begin(&scene);
    scene_make_archive(&scene, "stdout.tar",
                       (const struct piece[]){{"stdout_parser.py", AE_IFREG, "x", 0, 0},
                                              {"stderr.txt", AE_IFREG, "y", 0, 0},
                                              {"stdout.", AE_IFREG, "z", 0, 0},
                                              {NULL, 0, NULL, 0, 0}});
    assert_runs(&scene, "t1",
                (struct uri_info){.value = scene_url(&scene, "stdout.tar"), .extract = true},
                "test -s stdout_parser.py && test -s stderr.txt && test -s stdout.");
}

static void bomb_is_refused(void **state)
{
    static const struct piece zeros[] = {{"zeros", AE_IFREG, NULL, 0, INT64_C(200) * MIB},
                                         {NULL, 0, NULL, 0, 0}};
    CLEANUP(scene_fini) struct scene scene;

    (void)state;
    scene_init(&scene);
    scene_begin(&scene);
    scene_make_archive(&scene, "a.tar.gz", zeros);
    assert_fails(&scene, "t1",
                 (struct uri_info){.value = scene_url(&scene, "a.tar.gz"), .extract = true},
                 "what is in it has more than the 4194304 bytes");
    scene_make_archive(&scene, "a.zip", zeros);
    assert_fails(&scene, "t2",
                 (struct uri_info){.value = scene_url(&scene, "a.zip"), .extract = true},
                 "what is in it has more than the 4194304 bytes");
}

/* A few bytes of it say that there is much more, and there is nothing. */
static void holes_count_as_what_they_stand_for(void **state)
{
    static const struct piece small[] = {{.path = "hole", .type = AE_IFREG, .size = -MIB},
                                         {.path = NULL}};
    static const struct piece large[] = {{.path = "hole", .type = AE_IFREG, .size = -5 * MIB},
                                         {.path = NULL}};
    CLEANUP(scene_fini) struct scene scene;

    (void)state;
    scene_init(&scene);
    scene_begin(&scene);
    scene_make_archive(&scene, "a.tar", small);
    assert_runs(&scene, "t1",
                (struct uri_info){.value = scene_url(&scene, "a.tar"), .extract = true},
                "test $(wc -c <hole) = 1048577");
    scene_make_archive(&scene, "b.tar", large);
    assert_fails(&scene, "t2",
                 (struct uri_info){.value = scene_url(&scene, "b.tar"), .extract = true},
                 "what is in it has more than the 4194304 bytes");
}

static void too_many_entries_are_refused(void **state)
{
    struct piece *pieces = mem_calloc(200002, sizeof(*pieces));
    CLEANUP(scene_fini) struct scene scene;

    (void)state;
    for (int i = 0; i < 200001; i++)
        pieces[i] = (struct piece){.path = "d", .type = AE_IFDIR, .mode = 0755};
    scene_init(&scene);
    scene_begin(&scene);
    scene_make_archive(&scene, "a.tar.gz", pieces);
    free(pieces);
    assert_fails(&scene, "t1",
                 (struct uri_info){.value = scene_url(&scene, "a.tar.gz"), .extract = true},
                 "it has more than 200000 entries");
}

static void too_many_levels_are_refused(void **state)
{
    char path[101 * 2 + 2] = "";
    const struct piece pieces[] = {{.path = path, .type = AE_IFREG, .data = "x"}, {.path = NULL}};
    CLEANUP(scene_fini) struct scene scene;

    (void)state;
    scene_init(&scene);
    scene_begin(&scene);
    for (int i = 0; i < 99; i++)
        strcat(path, "d/");
    strcat(path, "f");
    scene_make_archive(&scene, "a.tar", pieces);
    assert_runs(&scene, "t1",
                (struct uri_info){.value = scene_url(&scene, "a.tar"), .extract = true}, "true");
    memcpy(path, "d/d/f", 5);
    path[4] = 'd';
    strcat(path, "/f");
    scene_make_archive(&scene, "b.tar", pieces);
    assert_fails(&scene, "t2",
                 (struct uri_info){.value = scene_url(&scene, "b.tar"), .extract = true},
                 "more than 100 folders deep");
}

/* What lies in the sandbox already is no way out of it either: what came with the URI before, say. */
static void archive_goes_through_no_link_that_is_there(void **state)
{
    static const struct piece link[] = {{.path = "sub/l", .type = AE_IFLNK, .data = "../other"},
                                        {.path = "other/x", .type = AE_IFREG, .data = "x"},
                                        {.path = NULL}};
    static const struct piece through[] = {{.path = "sub/l/x", .type = AE_IFREG, .data = "evil"},
                                           {.path = NULL}};
    static const struct piece instead[] = {{.path = "sub/l", .type = AE_IFREG, .data = "mine"},
                                           {.path = NULL}};
    CLEANUP(scene_fini) struct scene scene;
    struct uri_info uris[2];

    (void)state;
    scene_init(&scene);
    scene_begin(&scene);
    scene_make_archive(&scene, "a.tar", link);
    scene_make_archive(&scene, "b.tar", through);
    scene_make_archive(&scene, "c.tar", instead);
    uris[0] = (struct uri_info){.value = scene_url(&scene, "a.tar"), .extract = true};
    uris[1] = (struct uri_info){.value = scene_url(&scene, "b.tar"), .extract = true};
    assert_non_null(strstr(
        rig_run(scene.rig,
                &(struct rig_task){.id = "t1", .shell = "true", .uris = uris, .uris_count = 2})
            ->error,
        "Not a directory"));
    assert_string_equal(rig_read(scene.rig, "t1", "other/x"), "x");
    uris[1] = (struct uri_info){.value = scene_url(&scene, "c.tar"), .extract = true};
    assert_int_equal(
        rig_run(scene.rig, &(struct rig_task){.id = "t2",
                                              .shell = "! test -L sub/l && grep -q "
                                                       "mine sub/l && grep -q x other/x",
                                              .uris = uris,
                                              .uris_count = 2})
            ->exit->code,
        0);
}

static void what_is_no_archive_is_refused(void **state)
{
    CLEANUP(scene_fini) struct scene scene;

    (void)state;
    scene_init(&scene);
    scene_begin(&scene);
    scene_serve(&scene, "a.tar", "this is no archive at all, whatever its name says");
    scene_serve(&scene, "cut.tar.gz", "\x1f\x8b\x08");
    assert_fails(&scene, "t1",
                 (struct uri_info){.value = scene_url(&scene, "a.tar"), .extract = true},
                 "it cannot be unpacked");
    assert_fails(&scene, "t2",
                 (struct uri_info){.value = scene_url(&scene, "cut.tar.gz"), .extract = true},
                 "it cannot be unpacked");
}

/* What was fetched is there when the isolators make its root; and a check finds its way in there. */
static void unpacked_archive_can_be_the_tasks_root(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    const struct isolation_info asks = {.rootfs = "./img"};
    const struct command_info command = {
        .argv = (const char *const[]){"/bin/busybox", "test", "-e", "/only-here"}, .argv_count = 4};
    const struct check_status *result;
    struct uri_info uri;

    (void)state;
    rig_skip_unless_root();
    scene_init(&scene);
    scene.plan.also = ARGV("namespaces/mount", "namespaces/pid", "filesystem/rootfs");
    if (system(
            scene_text(&scene,
                       "cd %s && mkdir -p img/bin img/proc img/dev img/sys img/tmp img/mnt && "
                       "cp /bin/busybox img/bin && ln -s busybox img/bin/sh && : >img/only-here && "
                       "tar -czf www/img.tar.gz img",
                       scene.dir)) != 0) {
        print_message("skip: no busybox\n");
        skip();
    }
    scene_begin(&scene);
    rig_skip_unless_cgroups(scene.rig);
    uri = (struct uri_info){.value = scene_url(&scene, "img.tar.gz"), .extract = true};
    rig_launch(scene.rig, &(struct rig_task){.id = "t1",
                                             .shell = "test -e /only-here && ! test -e /usr && "
                                                      "exec busybox sleep 1000",
                                             .env = ARGV("PATH", "/bin"),
                                             .uris = &uri,
                                             .uris_count = 1,
                                             .isolation = &asks});
    rig_wait(scene.rig, MSG_CONTAINER_STARTED, "t1");
    rig_send(scene.rig, &MESSAGE(CHECK_CONTAINER, check_container, .container_id = "t1",
                                 .number = 1, .check = &(struct check_info){.command = &command}));
    result = rig_wait(scene.rig, MSG_CONTAINER_CHECKED, NULL)->container_checked->result;
    if (!result->passed)
        fail_msg("%s", result->message);
    rig_signal(scene.rig, "t1", true);
    assert_int_equal(
        rig_wait(scene.rig, MSG_CONTAINER_EXITED, "t1")->container_exited->exit->signal, SIGKILL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(archive_is_unpacked),
        cmocka_unit_test(nothing_in_it_is_privileged),
        cmocka_unit_test(archive_that_leads_out_is_refused),
        cmocka_unit_test(names_that_only_begin_as_the_output_are_taken),
        cmocka_unit_test(bomb_is_refused),
        cmocka_unit_test(holes_count_as_what_they_stand_for),
        cmocka_unit_test(too_many_entries_are_refused),
        cmocka_unit_test(too_many_levels_are_refused),
        cmocka_unit_test(archive_goes_through_no_link_that_is_there),
        cmocka_unit_test(what_is_no_archive_is_refused),
        cmocka_unit_test(unpacked_archive_can_be_the_tasks_root),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
