#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/mem.h"

#define CAPACITY_FIRST 256

void buf_fini(struct buf *self)
{
    free(self->data);
    *self = (struct buf){0};
}

char *buf_reserve(struct buf *self, size_t more)
{
    size_t wanted = self->size + more + 1;

    BUG_ON(more > SIZE_MAX / 4); /* doubling would never get there */
    if (wanted > self->capacity) {
        size_t capacity = self->capacity ? self->capacity : CAPACITY_FIRST;

        while (capacity < wanted)
            capacity *= 2;
        self->data = mem_resize(self->data, capacity, 1);
        self->data[self->size] = '\0';
        self->capacity = capacity;
    }
    return self->data + self->size;
}

void buf_append(struct buf *self, const void *data, size_t size)
{
    char *end = buf_reserve(self, size);

    if (size)
        memcpy(end, data, size);
    self->size += size;
    self->data[self->size] = '\0';
}

void buf_puts(struct buf *self, const char *text)
{
    buf_append(self, text, strlen(text));
}

void buf_printf(struct buf *self, const char *format, ...)
{
    va_list args;
    int size;

    va_start(args, format);
    size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    BUG_ON(size < 0);
    buf_reserve(self, (size_t)size);
    va_start(args, format);
    vsnprintf(self->data + self->size, (size_t)size + 1, format, args);
    va_end(args);
    self->size += (size_t)size;
}

void buf_consume(struct buf *self, size_t size)
{
    BUG_ON(size > self->size);
    if (!size)
        return;
    memmove(self->data, self->data + size, self->size - size + 1);
    self->size -= size;
}

const char *buf_text(const struct buf *self)
{
    return self->data ? self->data : "";
}
