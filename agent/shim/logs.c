#include "agent/shim/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define STEP_BYTES  ((int64_t)64 * 1024) /* what a pipe holds, unless somebody made it larger */
#define PUMP_STEPS  16                   /* between two looks at the signals */
#define DRAIN_STEPS 64
#define NAME_SIZE   32

static int make_file(const struct log_stream *self)
{
    /* O_EXCL: whatever the task put there is not opened. Not O_APPEND: splice refuses such files.
     */
    int fd = openat(self->dir_fd, self->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    0644);

    if (fd >= 0 && self->account && fchown(fd, self->account->uid, self->account->gid) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int log_stream_open(struct log_stream *self, int *ret_write_fd, struct err *err)
{
    int ends[2];

    self->file_fd = make_file(self);
    if (self->file_fd < 0)
        return err_errno(err, -errno, "cannot make %s in the sandbox", self->name);
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_errno(err, -errno, "cannot make a pipe for %s", self->name);
    self->pipe_fd = ends[0];
    *ret_write_fd = ends[1];
    return 0;
}

/* --- rotation -----------------------------------------------------------------------------------
 */

static void name_of(const struct log_stream *self, int64_t number, char ret_name[NAME_SIZE])
{
    if (number)
        snprintf(ret_name, NAME_SIZE, "%s.%" PRId64, self->name, number);
    else
        snprintf(ret_name, NAME_SIZE, "%s", self->name);
}

/* Start again in the file that is open: one file only, or the task blocks the names. */
static void empty_file(struct log_stream *self)
{
    if (ftruncate(self->file_fd, 0) == 0)
        lseek(self->file_fd, 0, SEEK_SET);
    self->size = 0;
}

static void rotate(struct log_stream *self)
{
    char from[NAME_SIZE], to[NAME_SIZE];
    int fd;

    for (int64_t number = self->files - 1; number > 0; number--) {
        name_of(self, number - 1, from);
        name_of(self, number, to);
        renameat(self->dir_fd, from, self->dir_fd, to);
    }
    fd = self->files > 1 ? make_file(self) : -1;
    if (fd < 0) {
        empty_file(self);
        return;
    }
    close(self->file_fd);
    self->file_fd = fd;
    self->size = 0;
}

/* --- moving -------------------------------------------------------------------------------------
 */

static void count(struct log_stream *self, int64_t bytes)
{
    self->written += bytes;
    self->size += bytes;
    if (self->max_bytes && self->size >= self->max_bytes)
        rotate(self);
}

static void note_drops(struct log_stream *self)
{
    char line[96];
    int size = snprintf(line, sizeof(line), "\n[proffer: %" PRId64 " bytes were dropped here]\n",
                        self->dropped);

    if (write(self->file_fd, line, (size_t)size) != size)
        return;
    self->size += size;
    self->dropped = 0;
}

static void note_drop(struct log_stream *self, int64_t bytes)
{
    self->written += bytes;
    self->dropped += bytes;
}

/* Descriptor 0 is /dev/null: what is moved there is gone without being read. */
static ssize_t drop(struct log_stream *self, size_t size)
{
    ssize_t moved = splice(self->pipe_fd, NULL, STDIN_FILENO, NULL, size, SPLICE_F_NONBLOCK);

    if (moved > 0)
        note_drop(self, moved);
    return moved;
}

static ssize_t copy(struct log_stream *self, size_t size)
{
    static char bytes[STEP_BYTES];
    ssize_t got = read(self->pipe_fd, bytes, size < sizeof(bytes) ? size : sizeof(bytes));
    ssize_t put;

    if (got <= 0)
        return got;
    put = write(self->file_fd, bytes, (size_t)got);
    if (put < 0)
        put = 0;
    note_drop(self, got - put);
    count(self, put);
    return got;
}

/* One step: bytes moved, 0: all writers have closed, -1 with errno. */
static ssize_t move(struct log_stream *self)
{
    int64_t room = self->max_bytes ? self->max_bytes - self->size : STEP_BYTES;
    size_t size = (size_t)(room > 0 && room < STEP_BYTES ? room : STEP_BYTES);
    ssize_t moved;

    if (self->is_copied)
        return copy(self, size);
    moved =
        splice(self->pipe_fd, NULL, self->file_fd, NULL, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (moved > 0) {
        count(self, moved);
        if (self->dropped)
            note_drops(self);
        return moved;
    }
    if (moved == 0 || errno == EAGAIN || errno == EINTR)
        return moved;
    if (errno != EINVAL)
        return drop(self, size); /* ENOSPC, EDQUOT, EFBIG, EIO */
    self->is_copied = true;
    fcntl(self->pipe_fd, F_SETFL, O_NONBLOCK);
    return copy(self, size);
}

static void run(struct log_stream *self, int steps)
{
    while (self->pipe_fd >= 0 && steps-- > 0) {
        ssize_t moved = move(self);

        if (moved == 0)
            close_fd(&self->pipe_fd);
        else if (moved < 0 && errno == EAGAIN)
            return;
        else if (moved < 0 && errno != EINTR)
            close_fd(&self->pipe_fd);
    }
}

void log_stream_pump(struct log_stream *self)
{
    run(self, PUMP_STEPS);
}

void log_stream_drain(struct log_stream *self)
{
    run(self, DRAIN_STEPS);
    if (self->dropped)
        note_drops(self);
}

/* --- without a pipe ----------------------------------------------------------------------------- */

/* A plain file that has no other name: it can only be the one that was begun. */
static int open_again(struct log_stream *self)
{
    CLEANUP(close_fd)
    int fd = openat(self->dir_fd, self->name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat info;

    if (fd < 0 || fstat(fd, &info) < 0 || !S_ISREG(info.st_mode) || info.st_nlink != 1)
        return -1;
    self->size = lseek(fd, 0, SEEK_END);
    return TAKE_FD(fd);
}

static void put_aside(struct log_stream *self)
{
    char to[NAME_SIZE];

    name_of(self, 1, to);
    if (renameat(self->dir_fd, self->name, self->dir_fd, to) < 0)
        unlinkat(self->dir_fd, self->name, 0);
}

int log_stream_append(struct log_stream *self, struct err *err)
{
    self->file_fd = make_file(self);
    if (self->file_fd < 0)
        self->file_fd = open_again(self);
    if (self->file_fd < 0) {
        put_aside(self);
        self->file_fd = make_file(self);
    }
    return self->file_fd < 0 ? err_errno(err, -errno, "cannot make %s in the sandbox", self->name)
                             : 0;
}

void log_stream_write(struct log_stream *self, const void *data, size_t size)
{
    const char *at = data;

    while (size) {
        int64_t room = self->max_bytes ? self->max_bytes - self->size : STEP_BYTES;
        size_t part = room > 0 && (size_t)room < size ? (size_t)room : size;
        ssize_t put;

        if (self->dropped)
            note_drops(self);
        put = write(self->file_fd, at, part);
        note_drop(self, (int64_t)part - (put < 0 ? 0 : put));
        count(self, put < 0 ? 0 : put);
        at += part;
        size -= part;
    }
}
