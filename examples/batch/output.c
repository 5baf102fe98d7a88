/* What jobs wrote, brought home: DIR/NAME.out, and DIR/NAME.err when there is any. */
#include "examples/batch/batch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "examples/batch/memory.h"

#define PARALLEL    16    /* downloads at the same time */
#define PATIENCE_MS 20000 /* with an agent that is away: then the job runs again elsewhere */
#define MOVE_BYTES  65536

/* One of stdout and stderr. An agent puts a file that becomes too large aside, as stdout.1, .2...; the
 * pieces are fetched from the last to the first, each is put before what is there already. */
struct stream {
    struct fetch *fetch; /* borrowed */
    const char *file;
    const char *suffix;
    int fd;        /* owned; -1: not wanted */
    int piece;     /* 0: the last one, straight into fd */
    int piece_fd;  /* owned; -1 */
    int64_t total; /* what the task wrote */
    int64_t left;  /* of that, what comes before all that is here */
};

/* One job's downloads. */
struct fetch {
    struct batch *batch;
    struct job *job;
    char *agent_address, *sandbox; /* owned */
    struct stream streams[2];
    int left;
    bool is_ours; /* the error: another agent would not help */
    char error[200];
};

int output_open(struct batch *batch, struct proffer_err *err)
{
    const char *dir = batch->options->output_dir;
    int r;

    batch->output_fd = -1;
    if (!dir)
        return 0;
    if (mkdir(dir, 0777) < 0 && errno != EEXIST) {
        r = -errno;
        snprintf(err->text, sizeof(err->text), "--output %.150s: %s", dir, strerror(errno));
        return r;
    }
    batch->output_fd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    if (batch->output_fd < 0) {
        r = -errno;
        snprintf(err->text, sizeof(err->text), "--output %.150s: %s", dir, strerror(errno));
        return r;
    }
    r = proffer_fetcher_new(PARALLEL, &batch->fetcher, err);
    if (r < 0)
        return r;
    return proffer_fetcher_set_patience(batch->fetcher, PATIENCE_MS, err);
}

void output_close(struct batch *batch)
{
    proffer_fetcher_destroy(&batch->fetcher);
    if (batch->output_fd >= 0)
        close(batch->output_fd);
    batch->output_fd = -1;
}

__attribute__((format(printf, 3, 4))) static void fail(struct fetch *fetch, bool is_ours,
                                                       const char *format, ...)
{
    va_list args;

    if (fetch->error[0])
        return;
    fetch->is_ours = is_ours;
    va_start(args, format);
    vsnprintf(fetch->error, sizeof(fetch->error), format, args);
    va_end(args);
}

static void fetch_ends(struct fetch *fetch)
{
    for (int i = 0; i < 2; i++) {
        int fd = fetch->streams[i].fd;

        /* Before the journal says that it is here. */
        if (fd >= 0 && fetch->batch->journal && fsync(fd) < 0 && errno != EINVAL && errno != EROFS)
            fail(fetch, true, "%s%s: %s", fetch->job->name, fetch->streams[i].suffix,
                 strerror(errno));
        if (fd >= 0)
            close(fd);
        if (fetch->streams[i].piece_fd >= 0)
            close(fetch->streams[i].piece_fd);
    }
    batch_output_done(fetch->batch, fetch->job, fetch->error[0] ? fetch->error : NULL,
                      fetch->is_ours);
    free(fetch->agent_address);
    free(fetch->sandbox);
    free(fetch);
}

/* `size` bytes of `from` to `to`; the two may be one file. -errno. */
static int move_bytes(int from, int64_t from_at, int to, int64_t to_at, int64_t size)
{
    char *piece = batch_resize(NULL, MOVE_BYTES, 1);
    int64_t done = 0;
    int r = 0;

    while (r == 0 && done < size) {
        int64_t count = size - done < MOVE_BYTES ? size - done : MOVE_BYTES;
        /* Upwards from the end, downwards from the beginning: so nothing is overwritten unread. */
        int64_t at = to_at > from_at ? size - done - count : done;

        if (pread(from, piece, (size_t)count, from_at + at) != count ||
            pwrite(to, piece, (size_t)count, to_at + at) != count)
            r = errno ? -errno : -EIO;
        done += count;
    }
    free(piece);
    return r;
}

/* What comes first is not on the agent any more. */
static int accept_gap(struct stream *stream)
{
    struct fetch *fetch = stream->fetch;
    int64_t size = stream->total - stream->left;
    int r = move_bytes(stream->fd, stream->left, stream->fd, 0, size);

    progress_say(
        fetch->batch,
        "%s: only the last %lld of %lld bytes of its %s are left (agent's --log-max, --log-files)",
        fetch->job->name, (long long)size, (long long)stream->total, stream->file);
    if (r == 0 && ftruncate(stream->fd, size) < 0)
        r = -errno;
    return r;
}

/* A piece has come: put it in its place. */
static int place(struct stream *stream, int64_t bytes)
{
    int64_t at = stream->left - bytes;

    if (at < 0) {
        fail(stream->fetch, true,
             "%s has written to the file %s of its sandbox, where its output is kept",
             stream->fetch->job->name, stream->file);
        return -EFBIG;
    }
    stream->left = at;
    if (at == 0 && stream->piece == 0)
        return 0;
    return move_bytes(stream->piece ? stream->piece_fd : stream->fd, 0, stream->fd, at, bytes);
}

static void ask(struct stream *stream);

static int next_piece(struct stream *stream)
{
    if (stream->piece_fd < 0)
        stream->piece_fd = memfd_create("piece", MFD_CLOEXEC);
    if (stream->piece_fd < 0 || ftruncate(stream->piece_fd, 0) < 0 ||
        lseek(stream->piece_fd, 0, SEEK_SET) < 0)
        return -errno;
    stream->piece++;
    ask(stream);
    return 0;
}

static void on_fetched(void *user, int error, const char *message, int64_t bytes)
{
    struct stream *stream = user;
    struct fetch *fetch = stream->fetch;
    int r = 0;

    if (error == -ENOENT && stream->piece > 0)
        r = accept_gap(stream);
    else if (error < 0)
        fail(fetch, false, "its output: %.180s", message);
    else
        r = place(stream, bytes);
    if (r == 0 && error == 0 && stream->left > 0)
        r = next_piece(stream);
    if (r < 0)
        fail(fetch, true, "%s%s: %s", fetch->job->name, stream->suffix, strerror(-r));
    if (--fetch->left == 0)
        fetch_ends(fetch);
}

static int open_file(const struct batch *batch, const struct job *job, const char *suffix)
{
    char *name = batch_printf("%s%s", job->name, suffix);
    int fd =
        openat(batch->output_fd, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);

    free(name);
    return fd;
}

static void ask(struct stream *stream)
{
    struct fetch *fetch = stream->fetch;
    char *file = stream->piece ? batch_printf("%s.%d", stream->file, stream->piece)
                               : batch_strdup(stream->file);
    struct proffer_err err;

    fetch->left++;
    if (proffer_fetcher_add(fetch->batch->fetcher, fetch->agent_address, fetch->sandbox, file, 0, 0,
                            stream->piece ? stream->piece_fd : stream->fd, 0, on_fetched, stream,
                            &err) < 0) {
        fetch->left--;
        fail(fetch, false, "%.190s", err.text);
    }
    free(file);
}

static void start_one(struct stream *stream)
{
    struct fetch *fetch = stream->fetch;

    if (stream->total == 0 && stream != &fetch->streams[0])
        return;
    stream->fd = open_file(fetch->batch, fetch->job, stream->suffix);
    if (stream->fd < 0)
        fail(fetch, true, "%s%s: %s", fetch->job->name, stream->suffix, strerror(errno));
    else if (stream->total > 0)
        ask(stream);
}

void output_fetch(struct batch *batch, struct job *job)
{
    struct fetch *fetch;

    if (batch->output_fd < 0) {
        batch_output_done(batch, job, NULL, false);
        return;
    }
    fetch = batch_resize(NULL, 1, sizeof(*fetch));
    *fetch = (struct fetch){
        .batch = batch,
        .job = job,
        .agent_address = batch_strdup(job->host),
        .sandbox = batch_strdup(job->sandbox),
        .streams = {{.file = "stdout", .suffix = ".out", .total = job->stdout_bytes},
                    {.file = "stderr", .suffix = ".err", .total = job->stderr_bytes}},
    };
    /* Held while the downloads are being added: one may end at once. */
    fetch->left = 1;
    for (int which = 0; which < 2; which++) {
        struct stream *stream = &fetch->streams[which];

        stream->fetch = fetch;
        stream->fd = stream->piece_fd = -1;
        stream->left = stream->total;
        start_one(stream);
    }
    if (--fetch->left == 0)
        fetch_ends(fetch);
}
