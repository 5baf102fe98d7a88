/* proffer/sandbox.h - read what a task wrote: files of its sandbox, over the agent's HTTP.
 *
 * A fetcher downloads many files at once without blocking: poll its fd, call dispatch. One thread
 * per fetcher; callbacks come from dispatch only. `agent_address` and `sandbox` are those of a
 * proffer_status.
 */
#ifndef PROFFER_SANDBOX_H
#define PROFFER_SANDBOX_H

#include <proffer/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct proffer_fetcher;

/* `error` is 0, or -errno with a text (-ENOENT: no such file, -EHOSTUNREACH: no agent, -ECONNRESET: it
 * broke off, -ETIMEDOUT: it says nothing any more, -EFBIG: there is more than `bytes_max`). `bytes` have
 * been written in either case: who asks again asks for what comes after them. */
typedef void proffer_fetched_fn(void *user, int error, const char *message, int64_t bytes);

PROFFER_API int proffer_fetcher_new(unsigned parallel, struct proffer_fetcher **ret_fetcher,
                                    struct proffer_err *err);
/* What is under way is dropped without a callback. May be called inside one. */
PROFFER_API void proffer_fetcher_destroy(struct proffer_fetcher **fetcher_p);
/* An agent that is not there or breaks off may be about to come back: ask it again, from where it broke
 * off, until it has sent nothing for so long. 0, the default: it is an error at once. For what begins,
 * or breaks, from now on. -EINVAL. */
PROFFER_API int proffer_fetcher_set_patience(struct proffer_fetcher *fetcher, int64_t patience_ms,
                                             struct proffer_err *err);

/* Write the bytes of `file` ("stdout") from `offset` on to `fd` (borrowed until the callback), at
 * most `bytes_max` (0: no limit). `timeout_ms` 0: 30 s without progress. */
PROFFER_API int proffer_fetcher_add(struct proffer_fetcher *fetcher, const char *agent_address,
                                    const char *sandbox, const char *file, int64_t offset,
                                    int64_t bytes_max, int fd, int64_t timeout_ms,
                                    proffer_fetched_fn *done, void *user, struct proffer_err *err);
/* Like tail -f, a piece at a time: at most 1 MiB from `offset` on. With `wait` the agent answers as
 * soon as there is something there, or with 0 bytes after 20 s or once the task has ended (before
 * its last update may be here: do not ask again at once); without, at once. */
PROFFER_API int proffer_fetcher_follow(struct proffer_fetcher *fetcher, const char *agent_address,
                                       const char *sandbox, const char *file, int64_t offset,
                                       bool wait, int fd, proffer_fetched_fn *done, void *user,
                                       struct proffer_err *err);
/* A reader's place in what a task writes. The agent puts a file that becomes too large aside (its --log-max) and begins
 * another: this knows which one it is in. Of zeroes: the beginning, or of what is left the oldest. */
struct proffer_log_place {
    char file[48];  /* for the agent alone */
    int64_t offset; /* in that file */
    bool
        has_gap; /* what came before the last piece is lost: the agent keeps so many files only (--log-files) */
};

/* The same over all files that `file` was, each from its beginning to its end. `place` is borrowed until the callback, and
 * then behind what was written. */
PROFFER_API int proffer_fetcher_follow_log(struct proffer_fetcher *fetcher,
                                           const char *agent_address, const char *sandbox,
                                           const char *file, struct proffer_log_place *place,
                                           bool wait, int fd, proffer_fetched_fn *done, void *user,
                                           struct proffer_err *err);
/* Readable when dispatch has something to do, timers included. */
PROFFER_API int proffer_fetcher_fd(const struct proffer_fetcher *fetcher);
/* Waits for nothing but a write to the fds given. How many are under way or waiting; -EDEADLK inside
 * a callback. */
PROFFER_API int proffer_fetcher_dispatch(struct proffer_fetcher *fetcher);

#ifdef __cplusplus
}
#endif

#endif
