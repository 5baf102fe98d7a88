/* What tasks have fetched, by a real launcher from a real server: files, archives as bad as can be, the cache. */
#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "tests/unit/launcher_rig.h"

#define MIB (1024 * 1024)

/* A server on a folder of its own, and a launcher that may fetch. */
struct scene {
    char dir[64]; /* www/ cache/ files/ */
    char www[96];
    char log[96];
    pid_t server;
    int port;
    const char *files[1];
    struct fetcher_info settings;
    struct rig_plan plan;
    struct rig *rig;
    struct arena *arena;
};

static const char *text(struct scene *self, const char *format, ...)
{
    char buffer[8192];
    va_list args;

    va_start(args, format);
    vsnprintf(buffer, sizeof(buffer), format, args);
    va_end(args);
    return arena_strdup(self->arena, buffer);
}

static void write_to(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
}

static void serve_text(struct scene *self, const char *name, const char *data)
{
    write_to(text(self, "%s/%s", self->www, name), data, strlen(data));
}

static void start_server(struct scene *self)
{
    const char *own = rig_self_path();
    const char *program = text(self, "%.*s/server", (int)(strrchr(own, '/') - own), own);
    FILE *log;

    self->server = fork();
    assert_true(self->server >= 0);
    if (self->server == 0) {
        int fd = open(self->log, O_WRONLY | O_CREAT | O_APPEND, 0644);

        if (dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0 ||
            prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
            _exit(126);
        execl(program, program, self->www, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 1000 && !self->port; i++) {
        log = fopen(self->log, "re");
        if (log && fscanf(log, "%d", &self->port) != 1)
            self->port = 0;
        if (log)
            fclose(log);
        if (!self->port)
            poll(NULL, 0, 10);
    }
    assert_true(self->port > 0);
}

static void scene_init(struct scene *self)
{
    const char *tmp = getenv("TMPDIR");

    *self = (struct scene){.arena = arena_new(0)};
    snprintf(self->dir, sizeof(self->dir), "%s/proffer-test-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(self->dir));
    assert_int_equal(chmod(self->dir, 0755), 0);
    snprintf(self->www, sizeof(self->www), "%s/www", self->dir);
    snprintf(self->log, sizeof(self->log), "%s/log", self->dir);
    assert_int_equal(mkdir(self->www, 0755), 0);
    assert_int_equal(mkdir(text(self, "%s/files", self->dir), 0755), 0);
    self->files[0] = text(self, "%s/files", self->dir);
    self->settings = (struct fetcher_info){
        .cache_dir = text(self, "%s/cache", self->dir),
        .cache_bytes = MIB,
        .files = self->files,
        .files_count = 1,
        .max_bytes = 4 * MIB,
        .timeout_ms = 60000,
    };
    self->plan.fetcher = &self->settings;
    start_server(self);
}

static void begin(struct scene *self)
{
    self->rig = rig_new(&self->plan);
}

static void scene_fini(struct scene *self)
{
    rig_destroy(&self->rig);
    kill(self->server, SIGKILL);
    waitpid(self->server, NULL, 0);
    rig_remove(self->dir);
    arena_destroy(&self->arena);
}

static const char *url(struct scene *self, const char *path)
{
    return text(self, "http://127.0.0.1:%d/%s", self->port, path);
}

/* Of how many requests for a path the server knows. */
static int requests(struct scene *self, const char *path)
{
    FILE *log = fopen(self->log, "re");
    char line[1024];
    int count = 0;

    assert_non_null(log);
    while (fgets(line, sizeof(line), log)) {
        line[strcspn(line, "\n")] = '\0';
        count += !strcmp(line, path);
    }
    fclose(log);
    return count;
}

static const struct msg_container_exited *run(struct scene *self, const char *id,
                                              struct uri_info uri, const char *shell)
{
    return rig_run(self->rig,
                   &(struct rig_task){.id = id, .shell = shell, .uris = &uri, .uris_count = 1});
}

static void assert_runs(struct scene *self, const char *id, struct uri_info uri, const char *shell)
{
    const struct msg_container_exited *exited = run(self, id, uri, shell);

    if (!exited->exit)
        fail_msg("%s", exited->error);
    if (exited->exit->code)
        fail_msg("%s: %s", shell, rig_read(self->rig, id, "stderr"));
}

static void assert_fails(struct scene *self, const char *id, struct uri_info uri, const char *why)
{
    const struct msg_container_exited *exited = run(self, id, uri, "echo started >started");

    assert_null(exited->exit);
    if (!strstr(exited->error, why))
        fail_msg("'%s' does not say '%s'", exited->error, why);
    assert_false(rig_has(self->rig, id, "started"));
}

/* --- files -------------------------------------------------------------------------------------- */

static void file_is_there_before_the_task_starts(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    const struct msg_container_fetching *fetching;

    (void)state;
    scene_init(&scene);
    begin(&scene);
    serve_text(&scene, "tool", "#!/bin/sh\necho it works\n");
    rig_launch(scene.rig,
               &(struct rig_task){
                   .id = "t1",
                   .shell = "./tool && ! test -e .proffer-fetch",
                   .uris = &(struct uri_info){.value = url(&scene, "tool?v=1"), .executable = true},
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
    begin(&scene);
    serve_text(&scene, "data", "x");
    assert_runs(&scene, "t1",
                (struct uri_info){.value = url(&scene, "data"), .output_file = "in/here/d"},
                "test -f in/here/d && ! test -x in/here/d && ! test -e data");
}

static void what_cannot_be_fetched_says_why(void **state)
{
    CLEANUP(scene_fini) struct scene scene;

    (void)state;
    scene_init(&scene);
    begin(&scene);
    serve_text(&scene, "data", "x");
    assert_fails(
        &scene, "t1", (struct uri_info){.value = url(&scene, "nothing")},
        text(&scene, "cannot fetch http://127.0.0.1:%d/nothing: HTTP status 404", scene.port));
    assert_fails(&scene, "t2", (struct uri_info){.value = "http://127.0.0.1:1/x"},
                 "Couldn't connect");
    assert_fails(&scene, "t3", (struct uri_info){.value = url(&scene, "short/data")},
                 "Transferred a partial file");
    assert_fails(&scene, "t4", (struct uri_info){.value = url(&scene, "redirect/6/data")},
                 "it redirects more than 5 times");
    assert_runs(&scene, "t5", (struct uri_info){.value = url(&scene, "redirect/5/data")},
                "grep -q x data");
    assert_fails(
        &scene, "t6",
        (struct uri_info){.value = text(&scene, "http://me:secret@127.0.0.1:%d/no", scene.port)},
        "cannot fetch http://***@127.0.0.1");
}

static void sum_that_is_expected_is_checked(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    static const char sum[] = "2D711642B726B04401627CA9FBAC32F5C8530FB1903CC4DB02258717921A4881";
    static const char other[] = "0000000000000000000000000000000000000000000000000000000000000000";

    (void)state;
    scene_init(&scene);
    begin(&scene);
    serve_text(&scene, "data", "x");
    assert_runs(&scene, "t1", (struct uri_info){.value = url(&scene, "data"), .sha256 = sum},
                "grep -q x data");
    assert_fails(&scene, "t2", (struct uri_info){.value = url(&scene, "data"), .sha256 = other},
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
    begin(&scene);
    folder = scene.files[0];
    write_to(text(&scene, "%s/ours", folder), "x", 1);
    assert_int_equal(symlink("/etc/passwd", text(&scene, "%s/link", folder)), 0);
    assert_int_equal(mkfifo(text(&scene, "%s/pipe", folder), 0666), 0);
    assert_runs(&scene, "t1", (struct uri_info){.value = text(&scene, "file://%s/ours", folder)},
                "test -s ours");
    assert_runs(&scene, "t2", (struct uri_info){.value = text(&scene, "%s/ours", folder)},
                "test -s ours");
    assert_fails(&scene, "t3", (struct uri_info){.value = "/etc/passwd"}, "--fetcher-files");
    assert_fails(&scene, "t4", (struct uri_info){.value = text(&scene, "%s/../log", folder)},
                 "Invalid cross-device link");
    assert_fails(&scene, "t5", (struct uri_info){.value = text(&scene, "%s/link", folder)},
                 "Invalid cross-device link");
    assert_fails(&scene, "t6", (struct uri_info){.value = text(&scene, "%s/pipe", folder)},
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
    begin(&scene);
    serve_text(&scene, "data", "x");
    secret = text(&scene, "%s/secret", scene.files[0]);
    write_to(secret, "x", 1);
    assert_int_equal(chmod(secret, 0600), 0);
    uris[0] = (struct uri_info){.value = url(&scene, "data"), .cache = true};
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
    begin(&scene);
    write_to(text(&scene, "%s/much", scene.www), much, 5 * MIB);
    free(much);
    assert_fails(&scene, "t1", (struct uri_info){.value = url(&scene, "much")},
                 "more than the 4194304 bytes");
    assert_false(rig_has(scene.rig, "t1", "much"));
}

/* --- archives ----------------------------------------------------------------------------------- */

struct piece {
    const char *path;
    unsigned type; /* AE_IF...; 0: a hard link to `data` */
    const char *data;
    unsigned mode;
    int64_t size; /* of zeros; 0: `data` */
};

static void add_piece(struct archive *archive, const struct piece *piece)
{
    static char zeros[65536];
    struct archive_entry *entry = archive_entry_new();
    int64_t left = piece->size;
    size_t size = piece->data && piece->type == AE_IFREG ? strlen(piece->data) : 0;

    archive_entry_set_pathname(entry, piece->path);
    archive_entry_set_filetype(entry, piece->type ? piece->type : AE_IFREG);
    archive_entry_set_perm(entry, piece->mode ? piece->mode : 0644);
    archive_entry_set_size(entry, left ? left : (int64_t)size);
    if (piece->type == AE_IFLNK)
        archive_entry_set_symlink(entry, piece->data);
    if (!piece->type)
        archive_entry_set_hardlink(entry, piece->data);
    assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
    if (size)
        archive_write_data(archive, piece->data, size);
    for (; left > 0; left -= (int64_t)sizeof(zeros))
        archive_write_data(archive, zeros,
                           left < (int64_t)sizeof(zeros) ? (size_t)left : sizeof(zeros));
    archive_entry_free(entry);
}

static void make_archive(struct scene *self, const char *name, const struct piece *pieces)
{
    struct archive *archive = archive_write_new();

    if (strstr(name, ".zip"))
        archive_write_set_format_zip(archive);
    else
        archive_write_set_format_pax_restricted(archive);
    if (strstr(name, ".gz"))
        archive_write_add_filter_gzip(archive);
    if (strstr(name, ".xz"))
        archive_write_add_filter_xz(archive);
    if (strstr(name, ".zst"))
        archive_write_add_filter_zstd(archive);
    assert_int_equal(archive_write_open_filename(archive, text(self, "%s/%s", self->www, name)),
                     ARCHIVE_OK);
    for (; pieces->path; pieces++)
        add_piece(archive, pieces);
    archive_write_close(archive);
    archive_write_free(archive);
}

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
    begin(&scene);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        make_archive(&scene, names[i], pieces);
        assert_runs(
            &scene, text(&scene, "t%zu", i),
            (struct uri_info){.value = url(&scene, names[i]), .extract = true},
            text(&scene,
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
    begin(&scene);
    make_archive(&scene, "a.tar", pieces);
    assert_runs(&scene, "t1", (struct uri_info){.value = url(&scene, "a.tar"), .extract = true},
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
    };
    CLEANUP(scene_fini) struct scene scene;

    (void)state;
    scene_init(&scene);
    begin(&scene);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        make_archive(&scene, "a.tar", cases[i].pieces);
        assert_fails(&scene, text(&scene, "t%zu", i),
                     (struct uri_info){.value = url(&scene, "a.tar"), .extract = true},
                     cases[i].why);
        assert_false(rig_has(scene.rig, "..", "f1/evil"));
        assert_false(rig_has(scene.rig, "..", "evil"));
    }
    assert_int_equal(access("/tmp/proffer-evil", F_OK), -1);
}

static void bomb_is_refused(void **state)
{
    static const struct piece zeros[] = {{"zeros", AE_IFREG, NULL, 0, INT64_C(200) * MIB},
                                         {NULL, 0, NULL, 0, 0}};
    CLEANUP(scene_fini) struct scene scene;

    (void)state;
    scene_init(&scene);
    begin(&scene);
    make_archive(&scene, "a.tar.gz", zeros);
    assert_fails(&scene, "t1", (struct uri_info){.value = url(&scene, "a.tar.gz"), .extract = true},
                 "what is in it has more than the 4194304 bytes");
    make_archive(&scene, "a.zip", zeros);
    assert_fails(&scene, "t2", (struct uri_info){.value = url(&scene, "a.zip"), .extract = true},
                 "what is in it has more than the 4194304 bytes");
}

static void what_is_no_archive_is_refused(void **state)
{
    CLEANUP(scene_fini) struct scene scene;

    (void)state;
    scene_init(&scene);
    begin(&scene);
    serve_text(&scene, "a.tar", "this is no archive at all, whatever its name says");
    serve_text(&scene, "cut.tar.gz", "\x1f\x8b\x08");
    assert_fails(&scene, "t1", (struct uri_info){.value = url(&scene, "a.tar"), .extract = true},
                 "it cannot be unpacked");
    assert_fails(&scene, "t2",
                 (struct uri_info){.value = url(&scene, "cut.tar.gz"), .extract = true},
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
    if (system(text(&scene,
                    "cd %s && mkdir -p img/bin img/proc img/dev img/sys img/tmp img/mnt && "
                    "cp /bin/busybox img/bin && ln -s busybox img/bin/sh && : >img/only-here && "
                    "tar -czf www/img.tar.gz img",
                    scene.dir)) != 0) {
        print_message("skip: no busybox\n");
        skip();
    }
    begin(&scene);
    rig_skip_unless_cgroups(scene.rig);
    uri = (struct uri_info){.value = url(&scene, "img.tar.gz"), .extract = true};
    rig_launch(scene.rig, &(struct rig_task){.id = "t1",
                                             .shell = "test -e /only-here && ! test -e /usr && "
                                                      "exec busybox sleep 1000",
                                             .env = ARGV("PATH", "/bin"),
                                             .uris = &uri,
                                             .uris_count = 1,
                                             .isolation = &asks});
    rig_wait(scene.rig, MSG_CONTAINER_STARTED, "t1");
    rig_send(scene.rig, &MESSAGE(CHECK_CONTAINER, check_container, .container_id = "t1",
                                 .number = 1, .isolation = &asks, .sandbox = "/mnt/sandbox",
                                 .check = &(struct check_info){.command = &command}));
    result = rig_wait(scene.rig, MSG_CONTAINER_CHECKED, NULL)->container_checked->result;
    if (!result->passed)
        fail_msg("%s", result->message);
    rig_signal(scene.rig, "t1", true);
    assert_int_equal(
        rig_wait(scene.rig, MSG_CONTAINER_EXITED, "t1")->container_exited->exit->signal, SIGKILL);
}

/* --- the cache ---------------------------------------------------------------------------------- */

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

static void what_is_cached_is_fetched_once(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    struct stat info;
    off_t bytes;

    (void)state;
    scene_init(&scene);
    begin(&scene);
    serve_text(&scene, "data", "x");
    for (int i = 0; i < 3; i++)
        assert_runs(&scene, text(&scene, "t%d", i),
                    (struct uri_info){.value = url(&scene, "data"), .cache = true},
                    "grep -q x data && echo mine >data");
    assert_int_equal(requests(&scene, "/data"), 1);
    assert_int_equal(cached(&scene, &bytes), 1);
    assert_int_equal(bytes, 1);
    assert_int_equal(stat(scene.settings.cache_dir, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    assert_runs(&scene, "t9", (struct uri_info){.value = url(&scene, "data")}, "grep -q x data");
    assert_int_equal(requests(&scene, "/data"), 2);
}

static void tasks_that_start_together_share_one_download(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    struct uri_info uri;
    char data[4096];

    (void)state;
    scene_init(&scene);
    begin(&scene);
    memset(data, 'x', sizeof(data));
    write_to(text(&scene, "%s/data", scene.www), data, sizeof(data));
    uri = (struct uri_info){.value = url(&scene, "slow/data"), .cache = true};
    for (int i = 0; i < 6; i++)
        rig_launch(scene.rig, &(struct rig_task){.id = text(&scene, "t%d", i),
                                                 .shell = "test $(wc -c <data) = 4096",
                                                 .uris = &uri,
                                                 .uris_count = 1});
    for (int i = 0; i < 6; i++) {
        const struct msg_container_exited *exited =
            rig_wait(scene.rig, MSG_CONTAINER_EXITED, text(&scene, "t%d", i))->container_exited;

        if (!exited->exit)
            fail_msg("%s", exited->error);
        assert_int_equal(exited->exit->code, 0);
    }
    assert_int_equal(requests(&scene, "/slow/data"), 1);
}

/* Who fetches for all is killed: the next one begins anew. */
static void next_one_fetches_when_the_first_is_killed(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    struct uri_info uri;
    char data[4096];

    (void)state;
    scene_init(&scene);
    begin(&scene);
    memset(data, 'x', sizeof(data));
    write_to(text(&scene, "%s/data", scene.www), data, sizeof(data));
    uri = (struct uri_info){.value = url(&scene, "slow/data"), .cache = true};
    rig_launch(scene.rig,
               &(struct rig_task){.id = "t1", .shell = "true", .uris = &uri, .uris_count = 1});
    while (requests(&scene, "/slow/data") == 0)
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
    assert_int_equal(requests(&scene, "/slow/data"), 2);
}

static void what_was_not_used_for_long_gives_room(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    char *data = mem_calloc(1, 400 * 1024);
    off_t bytes;

    (void)state;
    scene_init(&scene);
    begin(&scene);
    for (int i = 0; i < 3; i++)
        write_to(text(&scene, "%s/d%d", scene.www, i), data, 400 * 1024);
    free(data);
    for (int i = 0; i < 2; i++)
        assert_runs(&scene, text(&scene, "a%d", i),
                    (struct uri_info){.value = url(&scene, text(&scene, "d%d", i)), .cache = true},
                    "true");
    assert_int_equal(cached(&scene, &bytes), 2);
    assert_runs(&scene, "b0", (struct uri_info){.value = url(&scene, "d0"), .cache = true}, "true");
    assert_runs(&scene, "c2", (struct uri_info){.value = url(&scene, "d2"), .cache = true}, "true");
    assert_int_equal(cached(&scene, &bytes), 2);
    assert_true(bytes <= MIB);
    assert_runs(&scene, "d0", (struct uri_info){.value = url(&scene, "d0"), .cache = true}, "true");
    assert_int_equal(requests(&scene, "/d0"), 1);
    assert_runs(&scene, "d1", (struct uri_info){.value = url(&scene, "d1"), .cache = true}, "true");
    assert_int_equal(requests(&scene, "/d1"), 2);
}

static void what_is_too_large_for_the_cache_is_fetched_without_it(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    char *data = mem_calloc(1, 2 * MIB);
    off_t bytes;

    (void)state;
    scene_init(&scene);
    begin(&scene);
    write_to(text(&scene, "%s/data", scene.www), data, 2 * MIB);
    free(data);
    assert_runs(&scene, "t1", (struct uri_info){.value = url(&scene, "data"), .cache = true},
                "test $(wc -c <data) = 2097152");
    assert_int_equal(cached(&scene, &bytes), 0);
}

static void cache_that_others_can_enter_is_refused(void **state)
{
    CLEANUP(scene_fini) struct scene scene;

    (void)state;
    scene_init(&scene);
    begin(&scene);
    serve_text(&scene, "data", "x");
    assert_int_equal(mkdir(scene.settings.cache_dir, 0755), 0);
    assert_fails(&scene, "t1", (struct uri_info){.value = url(&scene, "data"), .cache = true},
                 "must belong to the agent, with mode 0700");
}

/* --- ends --------------------------------------------------------------------------------------- */

static void killed_task_stops_its_fetch(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    struct uri_info uri;
    const struct msg_container_exited *exited;

    (void)state;
    scene_init(&scene);
    begin(&scene);
    uri = (struct uri_info){.value = url(&scene, "silent")};
    rig_launch(scene.rig,
               &(struct rig_task){.id = "t1", .shell = "true", .uris = &uri, .uris_count = 1});
    while (requests(&scene, "/silent") == 0)
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
    begin(&scene);
    assert_fails(&scene, "t1", (struct uri_info){.value = url(&scene, "silent")}, "cannot fetch");
}

static void fetch_goes_on_under_the_next_launcher(void **state)
{
    CLEANUP(scene_fini) struct scene scene;
    struct rig *second;
    struct uri_info uri;
    char data[4096];

    (void)state;
    scene_init(&scene);
    begin(&scene);
    memset(data, 'x', sizeof(data));
    write_to(text(&scene, "%s/data", scene.www), data, sizeof(data));
    uri = (struct uri_info){.value = url(&scene, "slow/data")};
    rig_launch(scene.rig, &(struct rig_task){.id = "t1",
                                             .shell = "test $(wc -c <data) = 4096",
                                             .uris = &uri,
                                             .uris_count = 1});
    while (requests(&scene, "/slow/data") == 0)
        poll(NULL, 0, 5);
    rig_leave(scene.rig);
    second = rig_again(scene.rig, ARGV("t1"));
    assert_int_equal(rig_wait(second, MSG_CONTAINER_EXITED, "t1")->container_exited->exit->code, 0);
    assert_int_equal(requests(&scene, "/slow/data"), 1);
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
    begin(&scene);
    sandboxes = text(&scene, "%s/sandboxes", scene.rig->dir);
    assert_int_equal(mkdir(sandboxes, 0755), 0);
    rig_leave(scene.rig);
    assert_int_equal(mount("tmpfs", sandboxes, "tmpfs", 0, "size=1m"), 0);
    {
        struct rig *second = rig_again(scene.rig, ARGV(NULL));
        struct rig *first = scene.rig;

        scene.rig = second;
        write_to(text(&scene, "%s/data", scene.www), data, 2 * MIB);
        free(data);
        assert_fails(&scene, "t1", (struct uri_info){.value = url(&scene, "data")},
                     "No space left on device");
        assert_false(rig_has(second, "t1", "data"));
        make_archive(&scene, "a.tar.gz", pieces);
        assert_fails(&scene, "t2",
                     (struct uri_info){.value = url(&scene, "a.tar.gz"), .extract = true},
                     "No space left on device");
        umount2(sandboxes, MNT_DETACH);
        rig_destroy(&scene.rig);
        scene.rig = first;
    }
}

static void agent_without_a_fetcher_says_so(void **state)
{
    CLEANUP(scene_fini) struct scene scene;

    (void)state;
    scene_init(&scene);
    scene.plan.fetcher = NULL;
    begin(&scene);
    assert_fails(&scene, "t1", (struct uri_info){.value = url(&scene, "data")},
                 "this agent fetches no URIs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_is_there_before_the_task_starts),
        cmocka_unit_test(file_may_have_another_name_in_a_folder),
        cmocka_unit_test(what_cannot_be_fetched_says_why),
        cmocka_unit_test(sum_that_is_expected_is_checked),
        cmocka_unit_test(files_of_the_host_are_those_of_its_folders),
        cmocka_unit_test(files_are_fetched_as_the_tasks_user),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(archive_is_unpacked),
        cmocka_unit_test(nothing_in_it_is_privileged),
        cmocka_unit_test(archive_that_leads_out_is_refused),
        cmocka_unit_test(bomb_is_refused),
        cmocka_unit_test(what_is_no_archive_is_refused),
        cmocka_unit_test(unpacked_archive_can_be_the_tasks_root),
        cmocka_unit_test(what_is_cached_is_fetched_once),
        cmocka_unit_test(tasks_that_start_together_share_one_download),
        cmocka_unit_test(next_one_fetches_when_the_first_is_killed),
        cmocka_unit_test(what_was_not_used_for_long_gives_room),
        cmocka_unit_test(what_is_too_large_for_the_cache_is_fetched_without_it),
        cmocka_unit_test(cache_that_others_can_enter_is_refused),
        cmocka_unit_test(killed_task_stops_its_fetch),
        cmocka_unit_test(fetch_ends_when_its_time_is_over),
        cmocka_unit_test(fetch_goes_on_under_the_next_launcher),
        cmocka_unit_test(full_disk_is_told),
        cmocka_unit_test(agent_without_a_fetcher_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
