/* What jobs wrote, brought home: DIR/NAME.out, and DIR/NAME.err when there is any. */
#include "examples/batch/batch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "examples/batch/memory.h"

#define PARALLEL 16 /* downloads at the same time */

/* One job's downloads. */
struct fetch {
    struct batch *batch;
    struct job *job;
    int fds[2]; /* stdout, stderr; -1: not wanted */
    int left;
    char error[200];
};

int output_open(struct batch *batch, struct proffer_err *err)
{
    const char *dir = batch->options->output_dir;

    batch->output_fd = -1;
    if (!dir)
        return 0;
    if (mkdir(dir, 0777) < 0 && errno != EEXIST) {
        int r = -errno;

        snprintf(err->text, sizeof(err->text), "--output %.150s: %s", dir, strerror(errno));
        return r;
    }
    batch->output_fd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    if (batch->output_fd < 0) {
        int r = -errno;

        snprintf(err->text, sizeof(err->text), "--output %.150s: %s", dir, strerror(errno));
        return r;
    }
    return proffer_fetcher_new(PARALLEL, &batch->fetcher, err);
}

void output_close(struct batch *batch)
{
    proffer_fetcher_destroy(&batch->fetcher);
    if (batch->output_fd >= 0)
        close(batch->output_fd);
    batch->output_fd = -1;
}

static void fetch_ends(struct fetch *fetch)
{
    for (int i = 0; i < 2; i++)
        if (fetch->fds[i] >= 0)
            close(fetch->fds[i]);
    batch_output_done(fetch->batch, fetch->job, fetch->error[0] ? fetch->error : NULL);
    free(fetch);
}

static void on_fetched(void *user, int error, const char *message, int64_t bytes)
{
    struct fetch *fetch = user;

    (void)bytes;
    if (error < 0 && !fetch->error[0])
        snprintf(fetch->error, sizeof(fetch->error), "its output: %.180s", message);
    if (--fetch->left == 0)
        fetch_ends(fetch);
}

static int open_file(const struct batch *batch, const struct job *job, const char *suffix)
{
    char *name = batch_printf("%s%s", job->name, suffix);
    int fd =
        openat(batch->output_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);

    free(name);
    return fd;
}

static void start_one(struct fetch *fetch, int which, const struct proffer_status *status)
{
    static const char *const files[2] = {"stdout", "stderr"};
    static const char *const suffixes[2] = {".out", ".err"};
    int64_t sizes[2] = {status->stdout_bytes, status->stderr_bytes};
    struct proffer_err err;

    if (which == 1 && sizes[1] == 0)
        return;
    fetch->fds[which] = open_file(fetch->batch, fetch->job, suffixes[which]);
    if (fetch->fds[which] < 0) {
        snprintf(fetch->error, sizeof(fetch->error), "%s%s: %s", fetch->job->name, suffixes[which],
                 strerror(errno));
        return;
    }
    if (sizes[which] == 0)
        return;
    fetch->left++;
    if (proffer_fetcher_add(fetch->batch->fetcher, status->agent_address, status->sandbox,
                            files[which], 0, 0, fetch->fds[which], 0, on_fetched, fetch,
                            &err) < 0) {
        fetch->left--;
        snprintf(fetch->error, sizeof(fetch->error), "%.190s", err.text);
    }
}

void output_fetch(struct batch *batch, struct job *job, const struct proffer_status *status)
{
    struct fetch *fetch;

    if (batch->output_fd < 0) {
        batch_output_done(batch, job, NULL);
        return;
    }
    fetch = batch_resize(NULL, 1, sizeof(*fetch));
    *fetch = (struct fetch){.batch = batch, .job = job, .fds = {-1, -1}};
    /* Held while the downloads are being added: one may end at once. */
    fetch->left = 1;
    for (int which = 0; which < 2; which++)
        start_one(fetch, which, status);
    if (--fetch->left == 0)
        fetch_ends(fetch);
}
