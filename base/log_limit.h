/* base/log_limit.h - how much of the same a log takes: what a peer or a full disk brings about again and again
 * must not fill the disk. Pure: the time comes from the caller.
 *
 * Texts are of one kind when they have the same level and the same words, not counting those with a digit,
 * '/', ':' or '-' in them, which are names and numbers. So many of a kind are written, the next ones are
 * counted, until LOG_WINDOW_US after the first. Who makes up words cannot get by: there are only so many
 * kinds at a time, and what is beyond is one kind.
 */
#ifndef PROFFER_BASE_LOG_LIMIT_H
#define PROFFER_BASE_LOG_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_WINDOW_US ((int64_t)10 * 1000000)
#define LOG_KINDS_MAX 32
#define LOG_EXAMPLE   80 /* bytes of a text of the kind */

struct log_kind {
    uint64_t hash;
    int64_t since_us; /* monotonic */
    int level;
    unsigned written, left_out;
    char example[LOG_EXAMPLE];
};

/* Zeroed it is ready. */
struct log_limit {
    struct log_kind kinds[LOG_KINDS_MAX]; /* the last one is for all that is beyond */
    size_t count;
};

enum log_verdict { LOG_WRITE, LOG_LEAVE_OUT_FIRST, LOG_LEAVE_OUT };

/* May it be written, when `burst` of its kind may? */
enum log_verdict log_limit_check(struct log_limit *self, int64_t now_us, int level,
                                 const char *text, unsigned burst);
/* One whose time is over, and of which something was left out; false: there is none (left). */
bool log_limit_take_over(struct log_limit *self, int64_t now_us, struct log_kind *ret_kind);

#endif
