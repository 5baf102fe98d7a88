/* What is fetched once for many.
 *
 *     <key>        what a URI names; read-only, the time of its last use is its mtime
 *     <key>.lock   held by who fetches it, and removed by whoever holds it; others wait for that
 *     <key>.part   what is not whole yet
 *     .lock        held by who makes room
 *
 * A key is the SHA-256 of the URI and of the sum that is expected of it. The folder is ours alone; who reads an
 * entry is given a descriptor, so it may go at any time. Who fetches may die at any time: the lock is free then,
 * the next one begins anew, and whoever makes room removes what is left. Everything counts, whole or not.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "agent/fetcher/fetcher.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"

#define CACHE_MODE 0700
#define ENTRY_MODE 0444
#define KEY_SIZE   (2 * crypto_hash_sha256_BYTES)
#define NAME_SIZE  (KEY_SIZE + 8)
#define TICK_S     1

struct cache {
    const struct fetch_job *job;
    int dir; /* owned */
    char key[KEY_SIZE + 1];
    char part[NAME_SIZE], lock[NAME_SIZE];
    int64_t max_bytes; /* of an entry */
};

static void make_names(struct cache *self)
{
    const struct uri_info *uri = self->job->uri;
    CLEANUP(free_p) char *text = mem_printf("%s\n%s", uri->value, uri->sha256);
    unsigned char sum[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(sum, (const unsigned char *)text, strlen(text));
    sodium_bin2hex(self->key, sizeof(self->key), sum, sizeof(sum));
    snprintf(self->part, sizeof(self->part), "%s.part", self->key);
    snprintf(self->lock, sizeof(self->lock), "%s.lock", self->key);
}

static int open_cache(struct cache *self, struct err *err)
{
    const struct fetcher_info *settings = self->job->fetch->settings;
    struct stat info;

    if (mkdir(settings->cache_dir, CACHE_MODE) < 0 && errno != EEXIST)
        return err_errno(err, -errno, "the cache %.100s", settings->cache_dir);
    self->dir = open(settings->cache_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (self->dir < 0 || fstat(self->dir, &info) < 0)
        return err_errno(err, -errno, "the cache %.100s", settings->cache_dir);
    if (info.st_uid != geteuid() || info.st_mode & 077)
        return err_set(err, -EPERM, "the cache %.100s must belong to the agent, with mode 0700",
                       settings->cache_dir);
    self->max_bytes = settings->cache_bytes;
    if (settings->max_bytes && settings->max_bytes < self->max_bytes)
        self->max_bytes = settings->max_bytes;
    return 0;
}

/* --- locks -------------------------------------------------------------------------------------- */

/* Only to interrupt flock(2). */
static void on_alarm(int number)
{
    (void)number;
}

static int lock_file(const struct cache *self, int fd, struct err *err)
{
    struct sigaction action = {.sa_handler = on_alarm};
    const struct itimerval ticks = {{TICK_S, 0}, {TICK_S, 0}}, none = {0};
    sigset_t alarms;
    int rc = -1;

    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    sigaction(SIGALRM, &action, NULL);
    sigprocmask(SIG_UNBLOCK, &alarms, NULL);
    setitimer(ITIMER_REAL, &ticks, NULL);
    errno = EINTR; /* as when no time is left at once */
    while (rc < 0 && fetch_left_ms(self->job) > 0) {
        rc = flock(fd, LOCK_EX);
        if (rc < 0 && errno != EINTR)
            break;
    }
    rc = rc < 0 ? (errno == EINTR ? -ETIMEDOUT : -errno) : 0;
    setitimer(ITIMER_REAL, &none, NULL);
    return rc < 0 ? err_errno(err, rc, "waiting for somebody else to fetch it") : 0;
}

/* Nobody else has it now. */
static int try_lock_file(const struct cache *self, int fd, struct err *err)
{
    (void)self;
    (void)err;
    return flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

/* The file of that name: it may have gone while we waited. */
static int lock_by(const struct cache *self, const char *name,
                   int (*lock)(const struct cache *self, int fd, struct err *err), int *ret_fd,
                   struct err *err)
{
    for (;;) {
        CLEANUP(close_fd)
        int fd = openat(self->dir, name, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        struct stat ours, there;
        int rc;

        if (fd < 0 || fstat(fd, &ours) < 0)
            return err_errno(err, -errno, "the cache's lock");
        rc = lock(self, fd, err);
        if (rc < 0)
            return rc;
        if (fstatat(self->dir, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
            ours.st_ino == there.st_ino) {
            *ret_fd = TAKE_FD(fd);
            return 0;
        }
    }
}

static int lock_name(const struct cache *self, const char *name, int *ret_fd, struct err *err)
{
    return lock_by(self, name, lock_file, ret_fd, err);
}

/* --- room --------------------------------------------------------------------------------------- */

struct entry {
    char name[KEY_SIZE + 1];
    int64_t bytes;
    int64_t used_us;
};

struct entries {
    struct entry *items; /* owned */
    size_t count, capacity;
    int64_t bytes; /* theirs, and of what others are fetching */
    int64_t fetching;
};

static void add_entry(struct entries *self, const char *name, const struct stat *info)
{
    if (self->count == self->capacity) {
        self->capacity = self->capacity ? self->capacity * 2 : 64;
        self->items = mem_resize(self->items, self->capacity, sizeof(*self->items));
    }
    self->items[self->count] = (struct entry){
        .bytes = info->st_size,
        .used_us = (int64_t)info->st_mtim.tv_sec * US_PER_S + info->st_mtim.tv_nsec / 1000,
    };
    memcpy(self->items[self->count++].name, name, KEY_SIZE + 1);
    self->bytes += info->st_size;
}

/* What belongs to a fetch that goes on stays. */
static bool sweep(const struct cache *self, const char *key)
{
    char part[NAME_SIZE], lock[NAME_SIZE];
    CLEANUP(close_fd) int fd = -1;

    snprintf(part, sizeof(part), "%.*s.part", (int)KEY_SIZE, key);
    snprintf(lock, sizeof(lock), "%.*s.lock", (int)KEY_SIZE, key);
    if (lock_by(self, lock, try_lock_file, &fd, NULL) < 0)
        return false;
    unlinkat(self->dir, part, 0);
    unlinkat(self->dir, lock, 0);
    return true;
}

static void note_name(const struct cache *self, const char *name, struct entries *ret)
{
    struct stat info;

    if (strlen(name) < KEY_SIZE || fstatat(self->dir, name, &info, AT_SYMLINK_NOFOLLOW) < 0 ||
        !S_ISREG(info.st_mode))
        return;
    if (strlen(name) == KEY_SIZE)
        add_entry(ret, name, &info);
    else if (strncmp(name, self->key, KEY_SIZE) != 0 && !sweep(self, name)) {
        ret->bytes += info.st_size;
        ret->fetching += info.st_size;
    }
}

static int list_entries(const struct cache *self, struct entries *ret)
{
    int fd = openat(self->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (!listing) {
        close_fd(&fd);
        return -errno;
    }
    while ((entry = readdir(listing)))
        note_name(self, entry->d_name, ret);
    closedir(listing);
    return 0;
}

static int compare_uses(const void *a, const void *b)
{
    int64_t left = ((const struct entry *)a)->used_us, right = ((const struct entry *)b)->used_us;

    return (left > right) - (left < right);
}

/* For so many bytes more; what was used longest ago goes first. -EFBIG: there is none. */
static int make_room(const struct cache *self, int64_t bytes)
{
    struct entries entries = {0};
    int64_t most = self->job->fetch->settings->cache_bytes - bytes;
    int rc = list_entries(self, &entries);

    if (entries.fetching > most)
        entries.count = 0; /* nothing goes in vain */
    if (rc == 0 && entries.count)
        qsort(entries.items, entries.count, sizeof(*entries.items), compare_uses);
    for (size_t i = 0; i < entries.count && entries.bytes > most; i++) {
        unlinkat(self->dir, entries.items[i].name, 0);
        entries.bytes -= entries.items[i].bytes;
    }
    free(entries.items);
    return rc < 0 ? rc : entries.bytes > most ? -EFBIG : 0;
}

/* --- an entry ----------------------------------------------------------------------------------- */

static int open_entry(const struct cache *self, int *ret_fd)
{
    int fd = openat(self->dir, self->key, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    futimens(fd, NULL); /* its last use */
    *ret_fd = fd;
    return 0;
}

static int download_part(const struct fetch_job *job, int fd, struct err *err)
{
    const struct fetcher_info *settings = job->fetch->settings;
    int64_t most = settings->cache_bytes;

    if (settings->max_bytes && settings->max_bytes < most)
        most = settings->max_bytes;
    return download(job, fd, most, err);
}

/* It was written by a process of the task's user. A lease on reading is had only when nobody has it open for
 * writing any more, see fcntl(2). */
static int check_unwritten(int fd, struct err *err)
{
    if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0)
        fcntl(fd, F_SETLEASE, F_UNLCK);
    else if (errno == EAGAIN)
        return err_set(err, -EBUSY, "somebody else can write to what was fetched");
    return 0; /* or a file system without leases */
}

/* What has no room beside that which others are fetching has no name, and is used once. */
static int place(const struct cache *self, int64_t bytes, struct err *err)
{
    CLEANUP(close_fd) int room_fd = -1;
    int rc = lock_name(self, ".lock", &room_fd, err);

    if (rc < 0)
        return rc;
    rc = make_room(self, bytes);
    if (rc == -EFBIG)
        rc = unlinkat(self->dir, self->part, 0) < 0 ? -errno : 0;
    else if (rc == 0)
        rc = renameat(self->dir, self->part, self->dir, self->key) < 0 ? -errno : 0;
    return rc < 0 ? err_errno(err, rc, "the cache") : 0;
}

static int finish(const struct cache *self, int *fd, int *ret_fd, struct err *err)
{
    CLEANUP(close_fd) int entry_fd = -1;
    struct stat info;
    int rc;

    if (fchmod(*fd, ENTRY_MODE) < 0 || fdatasync(*fd) < 0 || fstat(*fd, &info) < 0)
        return err_errno(err, -errno, "the cache");
    close_fd(fd);
    entry_fd = openat(self->dir, self->part, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (entry_fd < 0)
        return err_errno(err, -errno, "the cache");
    rc = check_unwritten(entry_fd, err);
    if (rc == 0)
        rc = place(self, info.st_size, err);
    if (rc == 0)
        *ret_fd = TAKE_FD(entry_fd);
    return rc;
}

static int begin_part(const struct cache *self, int *ret_fd, struct err *err)
{
    unlinkat(self->dir, self->part, 0); /* of one that died */
    *ret_fd =
        openat(self->dir, self->part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return *ret_fd < 0 ? err_errno(err, -errno, "the cache") : 0;
}

static int fill(const struct cache *self, int *ret_fd, struct err *err)
{
    CLEANUP(close_fd) int fd = -1;
    int rc = begin_part(self, &fd, err);

    if (rc == 0)
        rc = job_run(self->job, download_part, fd, err);
    if (rc == 0)
        rc = finish(self, &fd, ret_fd, err);
    if (rc < 0)
        unlinkat(self->dir, self->part, 0);
    return rc;
}

static int get(const struct cache *self, int *ret_fd, struct err *err)
{
    CLEANUP(close_fd) int lock_fd = -1;
    int rc;

    if (open_entry(self, ret_fd) == 0)
        return 0;
    rc = lock_name(self, self->lock, &lock_fd, err);
    if (rc < 0)
        return rc;
    if (open_entry(self, ret_fd) < 0) /* else who had the lock has fetched it */
        rc = fill(self, ret_fd, err);
    unlinkat(self->dir, self->lock, 0);
    return rc;
}

int cache_get(const struct fetch_job *job, int *ret_fd, struct err *err)
{
    struct cache self = {.job = job, .dir = -1};
    int rc;

    make_names(&self);
    rc = open_cache(&self, err);
    if (rc == 0)
        rc = get(&self, ret_fd, err);
    close_fd(&self.dir);
    return rc;
}

void cache_drop(const struct fetch_job *job)
{
    struct cache self = {.job = job, .dir = -1};

    make_names(&self);
    if (open_cache(&self, NULL) == 0)
        unlinkat(self.dir, self.key, 0);
    close_fd(&self.dir);
}
