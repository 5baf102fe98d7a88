/* base/err.h - an error's text for a person, beside the -errno that code acts on.
 *
 * A function that can fail returns 0 or positive for success and -errno for failure; where a person
 * will read the reason, its last parameter is `struct err *err`, which may be NULL. No allocation,
 * so an error can be told when memory is short. Texts that are too long are cut, always terminated.
 * A text is UTF-8 when its arguments are, wherever "%.80s" cuts them: it can go into any message.
 */
#ifndef PROFFER_BASE_ERR_H
#define PROFFER_BASE_ERR_H

#define ERR_TEXT_MAX 256

struct err {
    char text[ERR_TEXT_MAX];
};

/* Write the text; returns `code` (which must be negative), so that `return err_set(...)` works. */
int err_set(struct err *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, with ": " and strerror(-code) after it. */
int err_errno(struct err *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "context: " before the text that is there already; returns `code`. */
int err_wrap(struct err *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
