#include "agent/docker/transcript.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/docker/demux.h"
#include "agent/shim/logs.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"

#define NAME_SUFFIX ".logs"
#define NAME_BYTES  300
#define STATE_MAGIC UINT64_C(0x31474f4c52465250) /* "PRFRLOG1" */
#define STDOUT      1

/* In the file; of this host. */
struct place {
    uint64_t magic;
    int64_t stamp_ns;   /* of the last piece */
    int64_t same;       /* how many had that time, with it */
    int64_t bytes;      /* of that piece, are written */
    int64_t written[2]; /* in all */
};

struct transcript {
    struct log_stream streams[2];
    struct demux demux;
    struct place place;
    int sandbox_fd;
    int state_fd;
    /* Going on: what was written by then is passed over. */
    bool is_catching_up;
    int64_t seen_same; /* of those with the time of the place */
    int64_t skip;      /* bytes of the piece at hand */
    /* Of one stream, to be written at once: a line each would be a write each. */
    struct buf batch;
    int batch_stream;
};

static void name_of(const char *id, char ret_name[NAME_BYTES])
{
    snprintf(ret_name, NAME_BYTES, "%s%s", id, NAME_SUFFIX);
}

/* --- frames ------------------------------------------------------------------------------------- */

static void pass_over(struct transcript *self)
{
    self->skip = INT64_MAX;
}

static void begin_new(struct transcript *self, int64_t stamp_ns)
{
    self->place.same = stamp_ns == self->place.stamp_ns ? self->place.same + 1 : 1;
    self->place.stamp_ns = stamp_ns;
    self->place.bytes = 0;
    self->skip = 0;
}

static void on_frame(void *owner, int stream, int64_t stamp_ns)
{
    struct transcript *self = owner;

    (void)stream;
    if (!self->is_catching_up) {
        begin_new(self, stamp_ns);
        return;
    }
    if (stamp_ns < self->place.stamp_ns) {
        pass_over(self);
    } else if (stamp_ns > self->place.stamp_ns) {
        self->is_catching_up = false; /* the Engine has it no more */
        begin_new(self, stamp_ns);
    } else if (++self->seen_same < self->place.same) {
        pass_over(self);
    } else { /* the last one: what is missing of it follows */
        self->is_catching_up = false;
        self->skip = self->place.bytes;
    }
}

static void flush(struct transcript *self)
{
    if (self->batch.size)
        log_stream_write(&self->streams[self->batch_stream != STDOUT], self->batch.data,
                         self->batch.size);
    self->batch.size = 0;
}

static void on_bytes(void *owner, int stream, const char *data, size_t size)
{
    struct transcript *self = owner;

    if (self->skip >= (int64_t)size) {
        if (self->skip != INT64_MAX)
            self->skip -= (int64_t)size;
        return;
    }
    data += self->skip;
    size -= (size_t)self->skip;
    self->skip = 0;
    self->place.bytes += (int64_t)size;
    self->place.written[stream != STDOUT] += (int64_t)size;
    if (self->batch_stream != stream)
        flush(self);
    self->batch_stream = stream;
    buf_append(&self->batch, data, size);
}

bool transcript_push(struct transcript *self, const char *data, size_t size)
{
    bool is_right = demux_push(&self->demux, data, size);

    flush(self);
    if (pwrite(self->state_fd, &self->place, sizeof(self->place), 0) < 0)
        return is_right; /* a full disk: some output may come twice after a restart */
    return is_right;
}

int64_t transcript_since_ns(const struct transcript *self)
{
    return self->place.stamp_ns;
}

/* --- files -------------------------------------------------------------------------------------- */

static bool read_place(int fd, struct place *ret_place)
{
    return pread(fd, ret_place, sizeof(*ret_place), 0) == (ssize_t)sizeof(*ret_place) &&
           ret_place->magic == STATE_MAGIC && ret_place->same >= 0 && ret_place->bytes >= 0 &&
           ret_place->written[0] >= 0 && ret_place->written[1] >= 0;
}

static int open_files(struct transcript *self, const struct transcript_settings *settings,
                      struct err *err)
{
    static const char *const names[2] = {"stdout", "stderr"};
    char name[NAME_BYTES];
    int rc = 0;

    name_of(settings->id, name);
    self->state_fd =
        openat(settings->state_dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    self->sandbox_fd = open(settings->sandbox, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (self->state_fd < 0 || self->sandbox_fd < 0)
        return err_errno(err, -errno, "the output of container %.60s", settings->id);
    if (!read_place(self->state_fd, &self->place))
        self->place = (struct place){.magic = STATE_MAGIC};
    self->is_catching_up = self->place.stamp_ns > 0;
    for (int i = 0; i < 2 && rc == 0; i++) {
        self->streams[i].name = names[i];
        self->streams[i].dir_fd = self->sandbox_fd;
        self->streams[i].max_bytes = settings->max_bytes;
        self->streams[i].files = settings->files;
        self->streams[i].written = self->place.written[i];
        rc = log_stream_append(&self->streams[i], err);
    }
    return rc;
}

int transcript_open(const struct transcript_settings *settings, struct transcript **ret_transcript,
                    struct err *err)
{
    struct transcript *self = mem_new(struct transcript);
    int rc;

    self->sandbox_fd = self->state_fd = -1;
    for (int i = 0; i < 2; i++)
        self->streams[i].file_fd = self->streams[i].pipe_fd = -1;
    self->demux =
        (struct demux){.has_stamps = true, .owner = self, .frame = on_frame, .bytes = on_bytes};
    rc = open_files(self, settings, err);
    if (rc < 0)
        transcript_close(&self);
    else
        *ret_transcript = self;
    return rc;
}

void transcript_close(struct transcript **self_p)
{
    struct transcript *self = TAKE(*self_p);

    if (!self)
        return;
    for (int i = 0; i < 2; i++)
        close_fd(&self->streams[i].file_fd);
    close_fd(&self->state_fd);
    close_fd(&self->sandbox_fd);
    buf_fini(&self->batch);
    free(self);
}

void transcript_read_sizes(int state_dir, const char *id, int64_t *ret_stdout, int64_t *ret_stderr)
{
    CLEANUP(close_fd) int fd = -1;
    struct place place = {0};
    char name[NAME_BYTES];

    name_of(id, name);
    fd = openat(state_dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || !read_place(fd, &place))
        return;
    *ret_stdout = place.written[0];
    *ret_stderr = place.written[1];
}

void transcript_forget(int state_dir, const char *id)
{
    char name[NAME_BYTES];

    name_of(id, name);
    unlinkat(state_dir, name, 0);
}
