#include "base/log_limit.h"

#include <stdio.h>
#include <string.h>

#define FNV_BASIS 14695981039346656037u
#define FNV_PRIME 1099511628211u

static bool is_name(const char *word, size_t size)
{
    static const char marks[] = "0123456789/:-";

    for (size_t i = 0; i < size; i++)
        if (strchr(marks, word[i]))
            return true;
    return false;
}

static uint64_t hash_of(int level, const char *text)
{
    uint64_t hash = FNV_BASIS + (unsigned)level;

    while (*text) {
        size_t size = strcspn(text, " ");

        for (size_t i = 0; i < size && !is_name(text, size); i++)
            hash = (hash ^ (unsigned char)text[i]) * FNV_PRIME;
        text += size;
        text += strspn(text, " ");
    }
    return hash;
}

static struct log_kind *kind_of(struct log_limit *self, int64_t now_us, int level, const char *text)
{
    uint64_t hash = hash_of(level, text);
    struct log_kind *kind;

    for (size_t i = 0; i < self->count; i++)
        if (self->kinds[i].hash == hash)
            return &self->kinds[i];
    if (self->count == LOG_KINDS_MAX)
        return &self->kinds[LOG_KINDS_MAX - 1];
    kind = &self->kinds[self->count++];
    *kind = (struct log_kind){.hash = hash, .since_us = now_us, .level = level};
    snprintf(kind->example, sizeof(kind->example), "%s", text);
    return kind;
}

enum log_verdict log_limit_check(struct log_limit *self, int64_t now_us, int level,
                                 const char *text, unsigned burst)
{
    struct log_kind *kind = kind_of(self, now_us, level, text);

    if (kind->written < burst) {
        kind->written++;
        return LOG_WRITE;
    }
    return kind->left_out++ == 0 ? LOG_LEAVE_OUT_FIRST : LOG_LEAVE_OUT;
}

bool log_limit_take_over(struct log_limit *self, int64_t now_us, struct log_kind *ret_kind)
{
    for (size_t i = 0; i < self->count;) {
        struct log_kind *kind = &self->kinds[i];

        if (now_us - kind->since_us < LOG_WINDOW_US) {
            i++;
            continue;
        }
        *ret_kind = *kind;
        *kind = self->kinds[--self->count];
        if (ret_kind->left_out)
            return true;
    }
    return false;
}
