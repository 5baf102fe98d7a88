#include "tests/unit/fetch_site.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"

const char *scene_text(struct scene *self, const char *format, ...)
{
    char buffer[8192];
    va_list args;

    va_start(args, format);
    vsnprintf(buffer, sizeof(buffer), format, args);
    va_end(args);
    return arena_strdup(self->arena, buffer);
}

void scene_write(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
}

void scene_serve(struct scene *self, const char *name, const char *data)
{
    scene_write(scene_text(self, "%s/%s", self->www, name), data, strlen(data));
}

static void start_server(struct scene *self)
{
    const char *own = rig_self_path();
    const char *program = scene_text(self, "%.*s/server", (int)(strrchr(own, '/') - own), own);
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

void scene_init(struct scene *self)
{
    const char *tmp = getenv("TMPDIR");

    *self = (struct scene){.arena = arena_new(0)};
    snprintf(self->dir, sizeof(self->dir), "%s/proffer-test-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(self->dir));
    assert_int_equal(chmod(self->dir, 0755), 0);
    snprintf(self->www, sizeof(self->www), "%s/www", self->dir);
    snprintf(self->log, sizeof(self->log), "%s/log", self->dir);
    assert_int_equal(mkdir(self->www, 0755), 0);
    assert_int_equal(mkdir(scene_text(self, "%s/files", self->dir), 0755), 0);
    self->files[0] = scene_text(self, "%s/files", self->dir);
    self->settings = (struct fetcher_info){
        .cache_dir = scene_text(self, "%s/cache", self->dir),
        .cache_bytes = MIB,
        .files = self->files,
        .files_count = 1,
        .max_bytes = 4 * MIB,
        .timeout_ms = 60000,
    };
    self->plan.fetcher = &self->settings;
    start_server(self);
}

void scene_begin(struct scene *self)
{
    self->rig = rig_new(&self->plan);
}

void scene_fini(struct scene *self)
{
    rig_destroy(&self->rig);
    kill(self->server, SIGKILL);
    waitpid(self->server, NULL, 0);
    rig_remove(self->dir);
    arena_destroy(&self->arena);
}

void scene_serve_bytes(struct scene *self, const char *name, char byte, size_t size)
{
    char *data = arena_alloc(self->arena, size);

    memset(data, byte, size);
    scene_write(scene_text(self, "%s/%s", self->www, name), data, size);
}

const char *scene_url(struct scene *self, const char *path)
{
    return scene_text(self, "http://127.0.0.1:%d/%s", self->port, path);
}

/* Of how many requests for a path the server knows. */
int scene_requests(struct scene *self, const char *path)
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

/* The fetcher is in the task's group, and the address sanitizer holds on to what is freed. 0: as other tasks. */
#ifdef __SANITIZE_ADDRESS__
#define MEM_MIB 512
#else
#define MEM_MIB 0
#endif

const struct msg_container_exited *scene_run(struct scene *self, const char *id,
                                             struct uri_info uri, const char *shell)
{
    return rig_run(
        self->rig,
        &(struct rig_task){
            .id = id, .shell = shell, .uris = &uri, .uris_count = 1, .mem_mib = MEM_MIB});
}

void assert_runs(struct scene *self, const char *id, struct uri_info uri, const char *shell)
{
    const struct msg_container_exited *exited = scene_run(self, id, uri, shell);

    if (!exited->exit)
        fail_msg("%s", exited->error);
    if (exited->exit->code)
        fail_msg("%s: %s", shell, rig_read(self->rig, id, "stderr"));
}

void assert_fails(struct scene *self, const char *id, struct uri_info uri, const char *why)
{
    const struct msg_container_exited *exited = scene_run(self, id, uri, "echo started >started");

    assert_null(exited->exit);
    if (!strstr(exited->error, why))
        fail_msg("'%s' does not say '%s' (%s)", exited->error, why, exited->message);
    assert_false(rig_has(self->rig, id, "started"));
}

/* --- archives --- */

static void add_hole(struct archive *archive, int64_t size)
{
    static char zeros[65536];

    for (; size > 0; size -= (int64_t)sizeof(zeros))
        archive_write_data(archive, zeros,
                           size < (int64_t)sizeof(zeros) ? (size_t)size : sizeof(zeros));
    archive_write_data(archive, "x", 1);
}

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
    if (left < 0) {
        archive_entry_set_size(entry, 1 - left);
        archive_entry_sparse_add_entry(entry, -left, 1);
    }
    assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
    if (left < 0)
        add_hole(archive, -left);
    if (size)
        archive_write_data(archive, piece->data, size);
    for (; left > 0; left -= (int64_t)sizeof(zeros))
        archive_write_data(archive, zeros,
                           left < (int64_t)sizeof(zeros) ? (size_t)left : sizeof(zeros));
    archive_entry_free(entry);
}

void scene_make_archive(struct scene *self, const char *name, const struct piece *pieces)
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
    assert_int_equal(
        archive_write_open_filename(archive, scene_text(self, "%s/%s", self->www, name)),
        ARCHIVE_OK);
    for (; pieces->path; pieces++)
        add_piece(archive, pieces);
    archive_write_close(archive);
    archive_write_free(archive);
}
