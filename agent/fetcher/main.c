/* proffer-fetcher: fetches what a task needs before it starts; executed by its shim, not by people. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/fetcher/fetcher.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "proto/message.h"
#include "proto/uris.h"

#define EXIT_USAGE      2
#define TIMEOUT_MS      (60 * 60 * 1000)
#define FILE_MODE       0644
#define EXECUTABLE_MODE 0755
#define TEMPORARY       ".proffer-fetch"

/* --- what is told ------------------------------------------------------------------------------- */

static void tell(const struct fetch_report *report)
{
    (void)!send(FETCH_FD, report, sizeof(*report), MSG_NOSIGNAL);
}

void fetch_tell_progress(const struct fetch_job *job, int64_t bytes)
{
    struct fetch_report report = {
        .kind = FETCH_PROGRESS, .uri = (int32_t)job->index, .bytes = bytes};

    (void)!send(job->report_fd, &report, sizeof(report), MSG_NOSIGNAL);
}

int fetch_left_ms(const struct fetch_job *job)
{
    int64_t left_us = job->until_us - clock_now().mono_us;

    return left_us > 0 ? (int)(left_us / US_PER_MS) + 1 : 0;
}

/* --- one URI, as the task's user ---------------------------------------------------------------- */

static mode_t mode_of(const struct uri_info *uri)
{
    return uri->executable ? EXECUTABLE_MODE : FILE_MODE;
}

/* Into a file without its name yet: nobody takes half of it for the whole. */
static int fill_temporary(const struct fetch_job *job, int cached_fd, int *ret_fd, struct err *err)
{
    CLEANUP(close_fd) int fd = -1;
    int rc = place_make_file(job->sandbox_fd, TEMPORARY, mode_of(job->uri), &fd, err);

    if (rc == 0 && cached_fd >= 0)
        rc = copy_checked(job, cached_fd, fd, err);
    else if (rc == 0)
        rc = download(job, fd, job->fetch->settings->max_bytes, err);
    if (rc < 0) {
        unlinkat(job->sandbox_fd, TEMPORARY, 0);
        return rc;
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int fetch_as_user(const struct fetch_job *job, int cached_fd, struct err *err)
{
    CLEANUP(close_fd) int fd = -1;
    struct arena *arena = arena_new(0);
    const char *output = uri_output(job->uri, arena);
    int rc;

    umask(022);
    rc = fill_temporary(job, cached_fd, &fd, err);
    if (rc == 0 && !job->uri->extract)
        rc = place_rename(job->sandbox_fd, TEMPORARY, output, err);
    if (rc == 0 && job->uri->extract) {
        unlinkat(job->sandbox_fd, TEMPORARY, 0);
        rc = unpack(job, fd, err);
    }
    arena_destroy(&arena);
    return rc;
}

/* --- all ---------------------------------------------------------------------------------------- */

static bool is_cached(const struct fetch_job *job)
{
    return job->uri->cache && *job->fetch->settings->cache_dir && !uri_path(job->uri->value);
}

static int fetch_one(const struct fetch_job *job, struct err *err)
{
    CLEANUP(close_fd) int cached_fd = -1;
    int rc = is_cached(job) ? cache_get(job, &cached_fd, err) : 0;

    if (rc == -EFBIG || rc == -ENOSPC) /* then without the cache */
        rc = 0;
    if (rc == 0)
        rc = job_run(job, fetch_as_user, cached_fd, err);
    if (rc != -EBADMSG || cached_fd < 0 || !*job->uri->sha256)
        return rc;
    cache_drop(job);
    return job_run(job, fetch_as_user, -1, err);
}

static void fail(size_t index, const char *text)
{
    struct fetch_report report = {.kind = FETCH_FAILED, .uri = (int32_t)index};

    snprintf(report.text, sizeof(report.text), "%s", text);
    tell(&report);
}

static int fetch_all(const struct msg_fetch *fetch, struct arena *arena)
{
    int64_t timeout_ms = fetch->settings->timeout_ms ? fetch->settings->timeout_ms : TIMEOUT_MS;
    struct fetch_job job = {
        .fetch = fetch,
        .sandbox_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
        .until_us = clock_now().mono_us + timeout_ms * US_PER_MS,
        .report_fd = FETCH_FD,
    };
    struct err err;

    for (job.index = 0; job.index < fetch->uris_count; job.index++) {
        job.uri = &fetch->uris[job.index];
        fetch_tell_progress(&job, 0);
        if (fetch_one(&job, &err) < 0) {
            err_wrap(&err, -EIO, "cannot fetch %.150s", uri_shown(job.uri->value, arena));
            fail(job.index, err.text);
            return 1;
        }
    }
    tell(&(struct fetch_report){.kind = FETCH_DONE});
    return 0;
}

/* --- the order ---------------------------------------------------------------------------------- */

static int read_all(void *data, size_t size)
{
    for (char *at = data; size > 0;) {
        ssize_t got = read(FETCH_FD, at, size);

        if (got == 0 || (got < 0 && errno != EINTR))
            return -EPIPE;
        if (got > 0) {
            at += got;
            size -= (size_t)got;
        }
    }
    return 0;
}

static int read_order(struct arena *arena, struct message *ret_message, struct err *err)
{
    uint32_t size;
    char *frame;

    if (read_all(&size, sizeof(size)) < 0 || size > FRAME_MAX)
        return err_set(err, -EPIPE, "no order");
    frame = arena_alloc(arena, size + 1);
    if (read_all(frame, size) < 0)
        return err_set(err, -EPIPE, "no order");
    return message_decode(frame, size, arena, ret_message, err);
}

int main(void)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct message message;
    int type;
    socklen_t size = sizeof(type);
    struct err err;

    if (getsockopt(FETCH_FD, SOL_SOCKET, SO_TYPE, &type, &size) < 0) {
        fputs("proffer-fetcher is started by proffer-launcher\n", stderr);
        return EXIT_USAGE;
    }
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (read_order(arena, &message, &err) < 0 || message.type != MSG_FETCH) {
        fail(0, "the order to fetch cannot be read");
        return 1;
    }
    return fetch_all(message.fetch, arena);
}
