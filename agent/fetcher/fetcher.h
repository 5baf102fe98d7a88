/* agent/fetcher/fetcher.h - what the files of proffer-fetcher share.
 *
 *     main.c      the order from the shim, one URI after the other, what is told
 *     job.c       a process for each URI, which has given up what its task may not have
 *     download.c  from a URL or a file into a descriptor, with its SHA-256
 *     unpack.c    an archive into the sandbox
 *     place.c     names beneath the sandbox, without links
 *     cache.c     what is fetched once for many
 *
 * The program runs in the container's cgroups, in its sandbox, started by the shim (agent/shim/fetch.h). What
 * speaks with a server, and what reads what came from there, is a process of its own that runs as the task's
 * user; as it has given up its old user without an exec, no other process of that user can look into it.
 */
#ifndef PROFFER_AGENT_FETCHER_FETCHER_H
#define PROFFER_AGENT_FETCHER_FETCHER_H

#include <stdint.h>
#include <sys/types.h>

#include "agent/shim/fetch_report.h"
#include "base/err.h"
#include "proto/schema.h"

#define SHA256_BYTES 32

/* One URI. */
struct fetch_job {
    const struct msg_fetch *fetch;
    const struct uri_info *uri;
    size_t index;
    int sandbox_fd;
    int64_t until_us; /* monotonic: the end of all patience */
    int report_fd;
};

/* main.c */
void fetch_tell_progress(const struct fetch_job *job, int64_t bytes);
int fetch_left_ms(const struct fetch_job *job);

/* job.c: in a process as the task's user call `run`; what it says in err is ours. */
int job_run(const struct fetch_job *job,
            int (*run)(const struct fetch_job *job, int fd, struct err *err), int fd,
            struct err *err);

/* download.c: all of it into `fd`, which is empty; then it is what its sha256 says, if it says so, else -EBADMSG.
 * `max_bytes`: -EFBIG beyond. */
int download(const struct fetch_job *job, int fd, int64_t max_bytes, struct err *err);
/* The same from a descriptor, from its beginning on. */
int copy_checked(const struct fetch_job *job, int from_fd, int to_fd, struct err *err);

/* unpack.c; never -EBADMSG */
int unpack(const struct fetch_job *job, int fd, struct err *err);

/* place.c: `path` is relative, see path_is_beneath. */
/* The folder above its last part, made if need be; *ret_name points into `path`. */
int place_open_above(int root_fd, const char *path, int *ret_fd, const char **ret_name,
                     struct err *err);
int place_make_folder(int root_fd, const char *path, mode_t mode, struct err *err);
/* A new file; what had that name is gone, unless it is a folder. */
int place_make_file(int root_fd, const char *path, mode_t mode, int *ret_fd, struct err *err);
/* A name for what is already there, in place of what had it. */
int place_rename(int root_fd, const char *from, const char *path, struct err *err);

/* cache.c: its file, open for reading; fetched before, or now, by us or by somebody else who wants the same.
 * -EFBIG: it is too large for the cache. */
int cache_get(const struct fetch_job *job, int *ret_fd, struct err *err);
/* It is not what it should be. */
void cache_drop(const struct fetch_job *job);

#endif
