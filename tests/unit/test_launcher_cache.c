/* What tasks have fetched once for all of them, by a real launcher from a real server: the cache. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
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

static size_t cached(struct scene *self, off_t *ret_bytes)
{
    DIR *dir = opendir(self->settings.cache_dir);
    const struct dirent *entry;
    size_t count = 0;

    assert_non_null(dir);
    *ret_bytes = 0;
    while ((entry = readdir(dir))) {
        struct stat info;

        if (strlen(entry->d_name) != 64)
            continue;
        assert_int_equal(fstatat(dirfd(dir), entry->d_name, &info, 0), 0);
        assert_int_equal(info.st_mode & 07777, 0444);
        assert_int_equal(info.st_uid, geteuid());
        *ret_bytes += info.st_size;
        count++;
    }
    closedir(dir);
    return count;
}

/* libcurl calls these a success. */
static void what_is_not_all_of_it_is_refused(void **state)
{
    static const char *const statuses[] = {"204", "206", "300", "302", "304"};
    CLEANUP(scene_fini) struct scene scene;

    (void)state;
    scene_init(&scene);
    scene_begin(&scene);
    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
        scene_serve(&scene, "status", statuses[i]);
        assert_fails(&scene, scene_text(&scene, "t%zu", i),
                     (struct uri_info){.value = scene_url(&scene, "status"), .cache = i % 2},
                     scene_text(&scene, "/status: HTTP status %s", statuses[i]));
    }
    assert_int_equal(cached(&scene, &(off_t){0}), 0);
    assert_fails(&scene, "t9", (struct uri_info){.value = scene_url(&scene, "huge/x")},
                 "it has more than the");
}

static void what_is_cached_is_fetched_once(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    struct stat info;
    off_t bytes;

    (void)state;
    scene_init(&scene);
    scene_begin(&scene);
    scene_serve(&scene, "data", "x");
    for (int i = 0; i < 3; i++)
        assert_runs(&scene, scene_text(&scene, "t%d", i),
                    (struct uri_info){.value = scene_url(&scene, "data"), .cache = true},
                    "grep -q x data && echo mine >data");
    assert_int_equal(scene_requests(&scene, "/data"), 1);
    assert_int_equal(cached(&scene, &bytes), 1);
    assert_int_equal(bytes, 1);
    assert_int_equal(stat(scene.settings.cache_dir, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    assert_runs(&scene, "t9", (struct uri_info){.value = scene_url(&scene, "data")},
                "grep -q x data");
    assert_int_equal(scene_requests(&scene, "/data"), 2);
}

static void tasks_that_start_together_share_one_download(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    struct uri_info uri;

    (void)state;
    scene_init(&scene);
    scene_begin(&scene);
    scene_serve_bytes(&scene, "data", 'x', 4096);
    uri = (struct uri_info){.value = scene_url(&scene, "slow/data"), .cache = true};
    for (int i = 0; i < 6; i++)
        rig_launch(scene.rig, &(struct rig_task){.id = scene_text(&scene, "t%d", i),
                                                 .shell = "test $(wc -c <data) = 4096",
                                                 .uris = &uri,
                                                 .uris_count = 1});
    for (int i = 0; i < 6; i++) {
        const struct msg_container_exited *exited =
            rig_wait(scene.rig, MSG_CONTAINER_EXITED, scene_text(&scene, "t%d", i))
                ->container_exited;

        if (!exited->exit)
            fail_msg("%s", exited->error);
        assert_int_equal(exited->exit->code, 0);
    }
    assert_int_equal(scene_requests(&scene, "/slow/data"), 1);
}

/* Who fetches for all is killed: the next one begins anew. */
static void next_one_fetches_when_the_first_is_killed(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    struct uri_info uri;

    (void)state;
    scene_init(&scene);
    scene_begin(&scene);
    scene_serve_bytes(&scene, "data", 'x', 4096);
    uri = (struct uri_info){.value = scene_url(&scene, "slow/data"), .cache = true};
    rig_launch(scene.rig,
               &(struct rig_task){.id = "t1", .shell = "true", .uris = &uri, .uris_count = 1});
    while (scene_requests(&scene, "/slow/data") == 0)
        poll(NULL, 0, 5);
    rig_launch(scene.rig, &(struct rig_task){.id = "t2",
                                             .shell = "test $(wc -c <data) = 4096",
                                             .uris = &uri,
                                             .uris_count = 1});
    rig_wait(scene.rig, MSG_CONTAINER_FETCHING, NULL);
    rig_signal(scene.rig, "t1", true);
    assert_null(rig_wait(scene.rig, MSG_CONTAINER_EXITED, "t1")->container_exited->exit);
    assert_int_equal(rig_wait(scene.rig, MSG_CONTAINER_EXITED, "t2")->container_exited->exit->code,
                     0);
    assert_int_equal(scene_requests(&scene, "/slow/data"), 2);
}

static void what_was_not_used_for_long_gives_room(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    char *data = mem_calloc(1, 400 * 1024);
    off_t bytes;

    (void)state;
    scene_init(&scene);
    scene_begin(&scene);
    for (int i = 0; i < 3; i++)
        scene_write(scene_text(&scene, "%s/d%d", scene.www, i), data, 400 * 1024);
    free(data);
    for (int i = 0; i < 2; i++)
        assert_runs(&scene, scene_text(&scene, "a%d", i),
                    (struct uri_info){.value = scene_url(&scene, scene_text(&scene, "d%d", i)),
                                      .cache = true},
                    "true");
    assert_int_equal(cached(&scene, &bytes), 2);
    assert_runs(&scene, "b0", (struct uri_info){.value = scene_url(&scene, "d0"), .cache = true},
                "true");
    assert_runs(&scene, "c2", (struct uri_info){.value = scene_url(&scene, "d2"), .cache = true},
                "true");
    assert_int_equal(cached(&scene, &bytes), 2);
    assert_true(bytes <= MIB);
    assert_runs(&scene, "d0", (struct uri_info){.value = scene_url(&scene, "d0"), .cache = true},
                "true");
    assert_int_equal(scene_requests(&scene, "/d0"), 1);
    assert_runs(&scene, "d1", (struct uri_info){.value = scene_url(&scene, "d1"), .cache = true},
                "true");
    assert_int_equal(scene_requests(&scene, "/d1"), 2);
}

static void what_is_too_large_for_the_cache_is_fetched_without_it(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    char *data = mem_calloc(1, 2 * MIB);
    off_t bytes;

    (void)state;
    scene_init(&scene);
    scene_begin(&scene);
    scene_write(scene_text(&scene, "%s/data", scene.www), data, 2 * MIB);
    free(data);
    assert_runs(&scene, "t1", (struct uri_info){.value = scene_url(&scene, "data"), .cache = true},
                "test $(wc -c <data) = 2097152");
    assert_int_equal(cached(&scene, &bytes), 0);
}

/* How many names end so; `ending` NULL: all but that of the one who makes room. */
static size_t cache_has(struct scene *self, const char *ending)
{
    DIR *dir = opendir(self->settings.cache_dir);
    const struct dirent *entry;
    size_t count = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        const char *dot = strrchr(entry->d_name, '.');

        if (*entry->d_name != '.')
            count += !ending || (dot && !strcmp(dot, ending));
    }
    closedir(dir);
    return count;
}

static void what_is_done_with_leaves_nothing_in_the_cache(void **state)
{
    CLEANUP(scene_fini) struct scene scene;

    (void)state;
    scene_init(&scene);
    scene_begin(&scene);
    scene_serve(&scene, "data", "x");
    assert_fails(&scene, "t1",
                 (struct uri_info){.value = scene_url(&scene, "nothing"), .cache = true}, "404");
    assert_fails(&scene, "t2",
                 (struct uri_info){.value = scene_url(&scene, "short/data"), .cache = true},
                 "partial file");
    assert_int_equal(cache_has(&scene, NULL), 0);
    assert_runs(&scene, "t3", (struct uri_info){.value = scene_url(&scene, "data"), .cache = true},
                "true");
    assert_int_equal(cache_has(&scene, NULL), 1);
}

static void begin_slow(struct scene *scene, const char *id, size_t size)
{
    static struct uri_info uri;

    scene_serve_bytes(scene, "data", 'x', size);
    uri = (struct uri_info){.value = scene_url(scene, "slow/data"), .cache = true};
    rig_launch(scene->rig,
               &(struct rig_task){.id = id, .shell = "true", .uris = &uri, .uris_count = 1});
    while (scene_requests(scene, "/slow/data") == 0)
        poll(NULL, 0, 5);
}

static void what_a_killed_fetch_has_left_is_removed(void **state)
{
    CLEANUP(scene_fini) struct scene scene;

    (void)state;
    scene_init(&scene);
    scene_begin(&scene);
    begin_slow(&scene, "t1", 16384);
    rig_signal(scene.rig, "t1", true);
    rig_wait(scene.rig, MSG_CONTAINER_EXITED, "t1");
    assert_int_equal(cache_has(&scene, ".part"), 1);
    scene_serve(&scene, "other", "x");
    assert_runs(&scene, "t2", (struct uri_info){.value = scene_url(&scene, "other"), .cache = true},
                "true");
    assert_int_equal(cache_has(&scene, NULL), 1);
}

static void wait_for_part(struct scene *self)
{
    CLEANUP(close_fd) int dir = open(self->settings.cache_dir, O_RDONLY | O_DIRECTORY);

    for (int64_t size = 0; !size; poll(NULL, 0, 5)) {
        DIR *listing = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY));
        const struct dirent *entry;
        struct stat info;

        while ((entry = readdir(listing)))
            if (strstr(entry->d_name, ".part") && fstatat(dir, entry->d_name, &info, 0) == 0)
                size = info.st_size;
        closedir(listing);
    }
}

/* And is not taken for left. */
static void what_is_being_fetched_counts(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    off_t bytes;

    (void)state;
    scene_init(&scene);
    scene.settings.cache_bytes = 16384;
    scene_begin(&scene);
    begin_slow(&scene, "t1", 16384);
    wait_for_part(&scene); /* a kilobyte at a time */
    scene_serve_bytes(&scene, "other", 'y', 16000);
    assert_runs(&scene, "t2", (struct uri_info){.value = scene_url(&scene, "other"), .cache = true},
                "test $(wc -c <other) = 16000");
    assert_int_equal(scene_requests(&scene, "/other"), 1);
    assert_int_equal(cached(&scene, &bytes), 0);
    assert_int_equal(cache_has(&scene, ".part"), 1);
    assert_int_equal(rig_wait(scene.rig, MSG_CONTAINER_EXITED, "t1")->container_exited->exit->code,
                     0);
    assert_int_equal(cached(&scene, &bytes), 1);
    assert_int_equal(bytes, 16384);
}

/* As one that fetches for as long as the test likes. */
static int hold_part(struct scene *self, size_t size)
{
    CLEANUP(free_p) char *part = mem_alloc(size);
    static const char key[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    int fd = open(scene_text(self, "%s/%s.lock", self->settings.cache_dir, key),
                  O_RDONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_int_equal(flock(fd, LOCK_EX), 0);
    memset(part, 'p', size);
    scene_write(scene_text(self, "%s/%s.part", self->settings.cache_dir, key), part, size);
    return fd;
}

static void nothing_goes_for_what_has_no_room_in_the_end(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    CLEANUP(close_fd) int fd = -1;
    off_t bytes;

    (void)state;
    scene_init(&scene);
    scene.settings.cache_bytes = 16384;
    scene_begin(&scene);
    scene_serve(&scene, "small", "x");
    assert_runs(&scene, "t1", (struct uri_info){.value = scene_url(&scene, "small"), .cache = true},
                "true");
    fd = hold_part(&scene, 8000);
    scene_serve_bytes(&scene, "other", 'y', 12000);
    assert_runs(&scene, "t2", (struct uri_info){.value = scene_url(&scene, "other"), .cache = true},
                "test $(wc -c <other) = 12000");
    assert_int_equal(cached(&scene, &bytes), 1);
    assert_int_equal(bytes, 1);
}

/* It is what was asked for; that it is no archive is another thing. */
static void what_cannot_be_unpacked_stays_in_the_cache(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    static const char sum[] = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
    struct uri_info uri;
    off_t bytes;

    (void)state;
    scene_init(&scene);
    scene_begin(&scene);
    scene_serve(&scene, "a.tar", "x");
    uri = (struct uri_info){
        .value = scene_url(&scene, "a.tar"), .cache = true, .extract = true, .sha256 = sum};
    assert_fails(&scene, "t1", uri, "it cannot be unpacked");
    assert_fails(&scene, "t2", uri, "it cannot be unpacked");
    assert_int_equal(scene_requests(&scene, "/a.tar"), 1);
    assert_int_equal(cached(&scene, &bytes), 1);
}

/* Somebody has changed it: once more, and only once. */
static void what_has_another_sum_in_the_cache_is_fetched_again(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    static const char sum[] = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
    struct uri_info uri;

    (void)state;
    rig_skip_unless_root();
    scene_init(&scene);
    scene_begin(&scene);
    scene_serve(&scene, "data", "x");
    uri = (struct uri_info){.value = scene_url(&scene, "data"), .cache = true, .sha256 = sum};
    assert_runs(&scene, "t1", uri, "true");
    assert_int_equal(system(scene_text(&scene, "for f in %s/????*; do echo changed >$f; done",
                                       scene.settings.cache_dir)),
                     0);
    assert_runs(&scene, "t2", uri, "test $(cat data) = x");
    assert_int_equal(scene_requests(&scene, "/data"), 2);
    scene_serve(&scene, "data", "changed");
    assert_fails(&scene, "t3", uri, "its sha256 is");
}

static void cache_that_others_can_enter_is_refused(void **state)
{
    CLEANUP(scene_fini) struct scene scene;

    (void)state;
    scene_init(&scene);
    scene_begin(&scene);
    scene_serve(&scene, "data", "x");
    assert_int_equal(mkdir(scene.settings.cache_dir, 0755), 0);
    assert_fails(&scene, "t1", (struct uri_info){.value = scene_url(&scene, "data"), .cache = true},
                 "must belong to the agent, with mode 0700");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_all_of_it_is_refused),
        cmocka_unit_test(what_is_cached_is_fetched_once),
        cmocka_unit_test(tasks_that_start_together_share_one_download),
        cmocka_unit_test(next_one_fetches_when_the_first_is_killed),
        cmocka_unit_test(what_was_not_used_for_long_gives_room),
        cmocka_unit_test(what_is_too_large_for_the_cache_is_fetched_without_it),
        cmocka_unit_test(what_is_done_with_leaves_nothing_in_the_cache),
        cmocka_unit_test(what_a_killed_fetch_has_left_is_removed),
        cmocka_unit_test(what_is_being_fetched_counts),
        cmocka_unit_test(nothing_goes_for_what_has_no_room_in_the_end),
        cmocka_unit_test(what_cannot_be_unpacked_stays_in_the_cache),
        cmocka_unit_test(what_has_another_sum_in_the_cache_is_fetched_again),
        cmocka_unit_test(cache_that_others_can_enter_is_refused),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
