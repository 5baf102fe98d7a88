/* An archive into the sandbox: plain files, folders, and links that stay inside. Everything is named by one
 * name beneath an open folder, links are never followed, what is written is counted. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/fetcher/fetcher.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "proto/uris.h"

#define ENTRIES_MAX 200000
#define DEPTH_MAX   100
#define BLOCK_BYTES 65536
#define FILE_BITS   0777 /* no setuid, setgid, sticky */

struct unpacking {
    const struct fetch_job *job;
    struct archive *archive;
    int64_t max_bytes;
    int64_t bytes;
    int64_t entries;
    int64_t told;
};

static int say_archive(const struct unpacking *self, struct err *err)
{
    const char *text = archive_error_string(self->archive);

    return err_set(err, -EILSEQ, "it cannot be unpacked: %.150s",
                   text ? text : "not a tar or zip archive");
}

/* "./a//b/" is "a/b", and "./" nothing; owned. */
static char *tidy(const char *path)
{
    char *tidied = mem_strdup(path), *to = tidied;

    for (const char *part = path; *part;) {
        size_t size = strcspn(part, "/");

        if (size && !(size == 1 && *part == '.')) {
            if (to != tidied)
                *to++ = '/';
            memmove(to, part, size);
            to += size;
        }
        part += size;
        part += *part == '/';
    }
    *to = '\0';
    return tidied;
}

static int check_path(const char *path, const char *tidied, struct err *err)
{
    size_t depth = 1;

    for (const char *c = tidied; *c; c++)
        depth += *c == '/';
    if (*path == '/' || !path_is_beneath(tidied))
        return err_set(err, -EINVAL, "it has an entry that leads out of the sandbox: %.120s", path);
    if (depth > DEPTH_MAX)
        return err_set(err, -ENAMETOOLONG, "it has an entry more than %d folders deep", DEPTH_MAX);
    if (path_is_log(tidied))
        return err_set(err, -EINVAL, "it has an entry where the task's output goes: %.80s", path);
    return 0;
}

/* --- entries ------------------------------------------------------------------------------------ */

static int count(struct unpacking *self, int64_t bytes, struct err *err)
{
    self->bytes += bytes;
    if (self->max_bytes && self->bytes > self->max_bytes)
        return err_set(err, -EFBIG,
                       "what is in it has more than the %lld bytes that may be fetched",
                       (long long)self->max_bytes);
    if (self->bytes - self->told > INT64_C(64) << 20) {
        self->told = self->bytes;
        fetch_tell_progress(self->job, self->bytes);
    }
    return 0;
}

static int write_at(int fd, const char *data, size_t size, int64_t offset)
{
    while (size > 0) {
        ssize_t written = pwrite(fd, data, size, offset);

        if (written < 0 && errno != EINTR)
            return -errno;
        if (written > 0) {
            data += written;
            offset += written;
            size -= (size_t)written;
        }
    }
    return 0;
}

/* Holes count as if they were written. */
static int write_data(struct unpacking *self, int fd, struct err *err)
{
    int64_t end = 0;

    for (;;) {
        const void *data;
        size_t size;
        int64_t offset;
        int rc = archive_read_data_block(self->archive, &data, &size, &offset);

        if (rc == ARCHIVE_EOF)
            return ftruncate(fd, end) < 0 ? err_errno(err, -errno, "cannot write") : 0;
        if (rc < ARCHIVE_WARN)
            return say_archive(self, err);
        if (offset < end || size > INT32_MAX || offset > INT64_MAX - (int64_t)size)
            return err_set(err, -EILSEQ, "it cannot be unpacked: its parts overlap");
        rc = count(self, offset + (int64_t)size - end, err);
        if (rc < 0)
            return rc;
        rc = write_at(fd, data, size, offset);
        if (rc < 0)
            return err_errno(err, rc, "cannot write what is in it");
        end = offset + (int64_t)size;
    }
}

/* A size that stands in front, and nothing behind it: as sparse as it is, it is a hole. */
static int make_file(struct unpacking *self, struct archive_entry *entry, const char *path,
                     struct err *err)
{
    CLEANUP(close_fd) int fd = -1;
    mode_t mode = (archive_entry_perm(entry) & FILE_BITS) | S_IRUSR | S_IWUSR;
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};
    int rc = place_make_file(self->job->sandbox_fd, path, S_IRUSR | S_IWUSR, &fd, err);

    if (rc == 0)
        rc = write_data(self, fd, err);
    if (rc == 0 && fchmod(fd, mode & ~(mode_t)(S_IWGRP | S_IWOTH)) < 0)
        rc = err_errno(err, -errno, "%.80s", path);
    if (rc == 0 && archive_entry_mtime_is_set(entry)) {
        times[1] = (struct timespec){.tv_sec = archive_entry_mtime(entry)};
        futimens(fd, times);
    }
    return rc;
}

/* Does the target of a link at `path` stay inside, whatever lies on the way? */
static bool stays_inside(const char *path, const char *target)
{
    int depth = 0;

    if (*target == '/' || !*target)
        return false;
    for (const char *c = path; *c; c++)
        depth += *c == '/';
    for (const char *part = target; *part;) {
        size_t size = strcspn(part, "/");

        if (size == 2 && !strncmp(part, "..", 2))
            depth--;
        else if (size && !(size == 1 && *part == '.'))
            depth++;
        if (depth < 0)
            return false;
        part += size;
        part += *part == '/';
    }
    return true;
}

/* Only a '..' in front is simple: one behind a name would go where a link there leads. */
static bool is_simple(const char *target)
{
    while (!strncmp(target, "../", 3))
        target += 3;
    return !strcmp(target, "..") ||
           (!strstr(target, "/../") && strncmp(target, "../", 3) != 0 &&
            (strlen(target) < 3 || strcmp(target + strlen(target) - 3, "/..") != 0));
}

static int make_link(struct unpacking *self, struct archive_entry *entry, const char *path,
                     struct err *err)
{
    CLEANUP(close_fd) int fd = -1;
    const char *target = archive_entry_symlink(entry);
    const char *name;
    int rc;

    if (!target || !stays_inside(path, target) || !is_simple(target))
        return err_set(err, -EINVAL, "it has a link that leads out of the sandbox: %.60s -> %.60s",
                       path, target ? target : "");
    rc = place_open_above(self->job->sandbox_fd, path, &fd, &name, err);
    if (rc < 0)
        return rc;
    unlinkat(fd, name, 0);
    return symlinkat(target, fd, name) < 0 ? err_errno(err, -errno, "the link %.80s", path) : 0;
}

/* A second name for a plain file that was unpacked before. */
static int make_hard_link(struct unpacking *self, const char *target, const char *path,
                          struct err *err)
{
    CLEANUP(free_p) char *tidied = tidy(target);
    CLEANUP(close_fd) int from_fd = -1;
    CLEANUP(close_fd) int to_fd = -1;
    const char *from, *to;
    struct stat info;
    int rc = check_path(target, tidied, err);

    if (rc == 0)
        rc = place_open_above(self->job->sandbox_fd, tidied, &from_fd, &from, err);
    if (rc == 0)
        rc = place_open_above(self->job->sandbox_fd, path, &to_fd, &to, err);
    if (rc < 0)
        return rc;
    if (fstatat(from_fd, from, &info, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(info.st_mode))
        return err_set(err, -EINVAL, "it has a hard link to what is no plain file of it: %.80s",
                       target);
    unlinkat(to_fd, to, 0);
    return linkat(from_fd, from, to_fd, to, 0) < 0 ? err_errno(err, -errno, "the link %.80s", path)
                                                   : 0;
}

static int make_entry(struct unpacking *self, struct archive_entry *entry, const char *path,
                      struct err *err)
{
    const char *hard_link = archive_entry_hardlink(entry);
    mode_t perm = archive_entry_perm(entry) & FILE_BITS;

    if (hard_link)
        return make_hard_link(self, hard_link, path, err);
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
        return make_file(self, entry, path, err);
    case AE_IFDIR:
        return place_make_folder(self->job->sandbox_fd, path,
                                 (perm | S_IRWXU) & ~(mode_t)(S_IWGRP | S_IWOTH), err);
    case AE_IFLNK:
        return make_link(self, entry, path, err);
    default:
        return err_set(err, -EINVAL, "it has a device, a pipe or a socket: %.120s", path);
    }
}

static int unpack_entry(struct unpacking *self, struct archive_entry *entry, struct err *err)
{
    const char *path = archive_entry_pathname(entry);
    CLEANUP(free_p) char *tidied = tidy(path ? path : "");
    int rc;

    if (++self->entries > ENTRIES_MAX)
        return err_set(err, -EFBIG, "it has more than %d entries", ENTRIES_MAX);
    if (path && *path != '/' && !*tidied && archive_entry_filetype(entry) == AE_IFDIR)
        return 0; /* the sandbox itself */
    rc = check_path(path ? path : "", tidied, err);
    return rc < 0 ? rc : make_entry(self, entry, tidied, err);
}

static int unpack_all(struct unpacking *self, int fd, struct err *err)
{
    struct archive_entry *entry;
    int rc;

    archive_read_support_filter_gzip(self->archive);
    archive_read_support_filter_bzip2(self->archive);
    archive_read_support_filter_xz(self->archive);
    archive_read_support_filter_zstd(self->archive);
    archive_read_support_format_tar(self->archive);
    archive_read_support_format_zip(self->archive);
    if (lseek(fd, 0, SEEK_SET) < 0)
        return err_errno(err, -errno, "cannot read it again");
    if (archive_read_open_fd(self->archive, fd, BLOCK_BYTES) != ARCHIVE_OK)
        return say_archive(self, err);
    while ((rc = archive_read_next_header(self->archive, &entry)) != ARCHIVE_EOF) {
        if (rc < ARCHIVE_WARN)
            return say_archive(self, err);
        rc = unpack_entry(self, entry, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int unpack(const struct fetch_job *job, int fd, struct err *err)
{
    struct unpacking self = {
        .job = job,
        .archive = archive_read_new(),
        .max_bytes = job->fetch->settings->max_bytes,
    };
    int rc = self.archive ? unpack_all(&self, fd, err) : err_set(err, -ENOMEM, "libarchive");

    archive_read_free(self.archive);
    return rc;
}
