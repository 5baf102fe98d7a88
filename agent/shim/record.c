#include "agent/shim/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define LENGTH_BYTES 4

void record_name(const char *id, char ret_name[RECORD_NAME_MAX + 1])
{
    snprintf(ret_name, RECORD_NAME_MAX + 1, "%s" RECORD_SUFFIX, id);
}

void record_close(struct record *self)
{
    close_fd(&self->fd);
}

/* --- writing ------------------------------------------------------------------------------------ */

/* The file is one that an earlier record was in: some file systems (ext4 without a journal) look at every inode
 * that was freed in the last minutes before they hand out one, and records come and go by the thousand. */
int record_take(int dir, const char *spare, const char *id, struct record *ret_record,
                struct err *err)
{
    static const char nothing[LENGTH_BYTES];
    const struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char name[RECORD_NAME_MAX + 1];
    CLEANUP(close_fd)
    int fd = openat(dir, spare, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

    if (fd < 0)
        return err_errno(err, -errno, "cannot make its record");
    if (fcntl(fd, F_SETLK, &lock) < 0)
        return err_errno(err, -errno, "cannot lock its record");
    /* A new file may be empty for want of room, an old one not. */
    if (pwrite(fd, nothing, sizeof(nothing), 0) < 0 && errno != ENOSPC && errno != EDQUOT)
        return err_errno(err, -errno, "cannot write its record");
    record_name(id, name);
    if (renameat(dir, spare, dir, name) < 0)
        return err_errno(err, -errno, "cannot name its record");
    *ret_record = (struct record){.fd = TAKE_FD(fd)};
    return 0;
}

int record_append(struct record *self, const struct message *message)
{
    static const char nothing[LENGTH_BYTES];
    CLEANUP(buf_fini) struct buf bytes = {0};
    size_t length;
    int rc;

    buf_append(&bytes, nothing, LENGTH_BYTES);
    rc = message_encode(message, &bytes, NULL);
    if (rc < 0)
        return rc;
    length = bytes.size - LENGTH_BYTES;
    for (int i = 0; i < LENGTH_BYTES; i++)
        bytes.data[i] = (char)(length >> (8 * i) & 0xff);
    buf_append(&bytes, nothing, LENGTH_BYTES);
    if (self->size + (off_t)bytes.size > RECORD_MAX)
        return -EMSGSIZE;
    if (pwrite(self->fd, bytes.data, bytes.size, self->size) != (ssize_t)bytes.size)
        return -EIO;
    self->size += (off_t)(bytes.size - LENGTH_BYTES);
    return 0;
}

/* --- reading ------------------------------------------------------------------------------------ */

int record_open(int dir, const char *id, struct record *ret_record)
{
    char name[RECORD_NAME_MAX + 1];
    int fd;

    record_name(id, name);
    fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    *ret_record = (struct record){.fd = fd};
    return 0;
}

pid_t record_holder(const struct record *self)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(self->fd, F_GETLK, &lock) < 0)
        return -errno;
    if (lock.l_type == F_UNLCK)
        return 0;
    return lock.l_pid > 0 ? lock.l_pid : -ESRCH; /* of another pid namespace */
}

static size_t read_length(const char *data)
{
    const unsigned char *bytes = (const unsigned char *)data;

    return bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 24;
}

static int take_frame(const char *id, const struct message *message, off_t at,
                      struct record_text *text, struct err *err)
{
    const char *whose = "";

    if (message->type == MSG_CONTAINER_KEPT && !text->kept && !text->started && !text->exited) {
        text->kept = message->container_kept;
        whose = text->kept->container_id;
    } else if (message->type == MSG_CONTAINER_STARTED && !text->started && !text->exited) {
        text->started = message->container_started;
        whose = text->started->container_id;
    } else if (message->type == MSG_CONTAINER_EXITED && !text->exited) {
        text->exited = message->container_exited;
        text->exited_at = at;
        whose = text->exited->container_id;
    } else {
        return err_set(err, -EBADMSG, "its record is damaged: there is a %s at byte %d",
                       message_name(message->type), (int)at);
    }
    if (strcmp(whose, id) == 0)
        return 0;
    *text = (struct record_text){0};
    return err_set(err, -EBADMSG, "its record is damaged: it is one of container %.64s", whose);
}

static int parse(const char *id, const char *bytes, size_t size, struct arena *arena,
                 struct record_text *text, struct err *err)
{
    size_t at = 0;

    while (size - at >= LENGTH_BYTES) {
        size_t length = read_length(bytes + at);
        struct message message;
        int rc;

        if (!length)
            break;
        if (length > size - at - LENGTH_BYTES)
            return err_set(err, -EBADMSG, "its record is damaged: it ends within a message");
        rc = message_decode(bytes + at + LENGTH_BYTES, length, arena, &message, err);
        if (rc < 0)
            return err_wrap(err, -EBADMSG, "its record is damaged");
        rc = take_frame(id, &message, (off_t)at, text, err);
        if (rc < 0)
            return rc;
        at += LENGTH_BYTES + length;
        if (!text->exited)
            text->exited_at = (off_t)at;
    }
    return 0;
}

int record_read(const struct record *self, const char *id, struct arena *arena,
                struct record_text *ret_text, struct err *err)
{
    char bytes[RECORD_MAX];
    ssize_t size = pread(self->fd, bytes, sizeof(bytes), 0);

    *ret_text = (struct record_text){0};
    if (size < 0)
        return err_errno(err, -errno, "its record cannot be read");
    return parse(id, bytes, (size_t)size, arena, ret_text, err);
}
