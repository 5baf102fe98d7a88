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
#define STDERR      2
#define SLACK_NS                                                                                   \
    INT64_C(10000000000) /* the two streams are not further apart in the Engine's log */

/* In the file; of this host. A stream's times only grow, but the two are not in order with each other. */
struct place {
    uint64_t magic;
    struct stream_place {
        int64_t stamp_ns; /* of the last piece */
        int64_t same;     /* how many had that time, with it */
        int64_t bytes;    /* of that piece, are written */
        int64_t written;  /* in all */
    } streams[2];
};

struct transcript {
    struct log_stream streams[2];
    struct demux demux;
    struct place place;
    int sandbox_fd;
    int state_fd;
    /* Going on: what was written by then is passed over. */
    bool is_catching_up[2];
    int64_t seen_same[2]; /* of those with the time of the place */
    int64_t skip;         /* bytes of the piece at hand */
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

static void begin_new(struct transcript *self, int index, int64_t stamp_ns)
{
    struct stream_place *place = &self->place.streams[index];

    self->is_catching_up[index] = false;
    place->same = stamp_ns == place->stamp_ns ? place->same + 1 : 1;
    place->stamp_ns = stamp_ns;
    place->bytes = 0;
    self->skip = 0;
}

static void on_frame(void *owner, int stream, int64_t stamp_ns)
{
    struct transcript *self = owner;
    int index = stream == STDERR;
    const struct stream_place *place = &self->place.streams[index];

    if (!self->is_catching_up[index] || stamp_ns > place->stamp_ns) {
        begin_new(self, index, stamp_ns); /* or the Engine has no more what we had */
    } else if (stamp_ns < place->stamp_ns || ++self->seen_same[index] < place->same) {
        pass_over(self);
    } else { /* the last one: what is missing of it follows */
        self->is_catching_up[index] = false;
        self->skip = place->bytes;
    }
}

static void flush(struct transcript *self)
{
    if (self->batch.size)
        log_stream_write(&self->streams[self->batch_stream == STDERR], self->batch.data,
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
    self->place.streams[stream == STDERR].bytes += (int64_t)size;
    self->place.streams[stream == STDERR].written += (int64_t)size;
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
    int64_t out_ns = self->place.streams[0].stamp_ns, err_ns = self->place.streams[1].stamp_ns;
    int64_t first_ns = !err_ns || (out_ns && out_ns < err_ns) ? out_ns : err_ns;

    return first_ns > SLACK_NS ? first_ns - SLACK_NS : 0;
}

/* --- files -------------------------------------------------------------------------------------- */

static bool is_sane(const struct stream_place *place)
{
    return place->stamp_ns >= 0 && place->same >= 0 && place->bytes >= 0 && place->written >= 0;
}

static bool read_place(int fd, struct place *ret_place)
{
    return pread(fd, ret_place, sizeof(*ret_place), 0) == (ssize_t)sizeof(*ret_place) &&
           ret_place->magic == STATE_MAGIC && is_sane(&ret_place->streams[0]) &&
           is_sane(&ret_place->streams[1]);
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
    for (int i = 0; i < 2 && rc == 0; i++) {
        self->streams[i].name = names[i];
        self->streams[i].dir_fd = self->sandbox_fd;
        self->streams[i].max_bytes = settings->max_bytes;
        self->streams[i].files = settings->files;
        self->is_catching_up[i] = self->place.streams[i].stamp_ns > 0;
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
    *ret_stdout = place.streams[0].written;
    *ret_stderr = place.streams[1].written;
}

void transcript_forget(int state_dir, const char *id)
{
    char name[NAME_BYTES];

    name_of(id, name);
    unlinkat(state_dir, name, 0);
}
