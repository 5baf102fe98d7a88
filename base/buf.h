/* base/buf.h - a growing run of bytes: an answer being written, a frame being read.
 *
 * `data` is always followed by a NUL that `size` does not count. Aborts when memory is out; whoever
 * appends what a peer sends checks `size` against a limit first.
 */
#ifndef PROFFER_BASE_BUF_H
#define PROFFER_BASE_BUF_H

#include <stddef.h>

struct buf {
    char *data; /* NULL while empty and never grown */
    size_t size;
    size_t capacity;
};

void buf_fini(struct buf *self); /* leaves an empty, usable buffer */
/* Room for `more` bytes behind `size` and a NUL; answers where they go. The caller then adds to
 * `size`, and writes the NUL when someone is to read the buffer as text. */
char *buf_reserve(struct buf *self, size_t more);
void buf_append(struct buf *self, const void *data, size_t size);
void buf_puts(struct buf *self, const char *text);
void buf_printf(struct buf *self, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Drop the first `size` bytes. */
void buf_consume(struct buf *self, size_t size);
/* The text so far, never NULL. */
const char *buf_text(const struct buf *self);

#endif
