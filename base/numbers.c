#include "base/numbers.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int read_number(const char **text, unsigned *ret_number)
{
    unsigned long value;
    char *end;

    if (!isdigit((unsigned char)**text))
        return -EINVAL;
    value = strtoul(*text, &end, 10);
    if (value >= NUMBERS_MAX)
        return -ERANGE;
    *text = end;
    *ret_number = (unsigned)value;
    return 0;
}

static int read_range(const char **text, struct numbers *numbers)
{
    unsigned first, last;
    int rc = read_number(text, &first);

    last = first;
    if (rc == 0 && **text == '-') {
        (*text)++;
        rc = read_number(text, &last);
    }
    if (rc == 0 && last < first)
        rc = -EINVAL;
    for (unsigned n = first; rc == 0 && n <= last; n++)
        numbers_set(numbers, n);
    return rc;
}

int numbers_parse(const char *text, struct numbers *ret_numbers)
{
    struct numbers numbers = {0};
    int rc = 0;

    while (*text && rc == 0) {
        rc = read_range(&text, &numbers);
        if (rc == 0 && *text == ',' && text[1])
            text++;
        else if (rc == 0 && *text)
            rc = -EINVAL;
    }
    if (rc == 0)
        *ret_numbers = numbers;
    return rc;
}

void numbers_print(const struct numbers *self, struct buf *out)
{
    const char *comma = "";

    for (unsigned n = numbers_next(self, 0); n < NUMBERS_MAX; comma = ",") {
        unsigned last = n;

        while (last + 1 < NUMBERS_MAX && numbers_have(self, last + 1))
            last++;
        if (last == n)
            buf_printf(out, "%s%u", comma, n);
        else
            buf_printf(out, "%s%u-%u", comma, n, last);
        n = numbers_next(self, last + 1);
    }
}

void numbers_set(struct numbers *self, unsigned number)
{
    self->words[number / 64] |= UINT64_C(1) << number % 64;
}

void numbers_clear(struct numbers *self, unsigned number)
{
    self->words[number / 64] &= ~(UINT64_C(1) << number % 64);
}

bool numbers_have(const struct numbers *self, unsigned number)
{
    return number < NUMBERS_MAX && self->words[number / 64] >> number % 64 & 1;
}

unsigned numbers_count(const struct numbers *self)
{
    unsigned count = 0;

    for (size_t i = 0; i < NUMBERS_MAX / 64; i++)
        count += (unsigned)__builtin_popcountll(self->words[i]);
    return count;
}

unsigned numbers_next(const struct numbers *self, unsigned from)
{
    while (from < NUMBERS_MAX) {
        uint64_t word = self->words[from / 64] >> from % 64;

        if (word)
            return from + (unsigned)__builtin_ctzll(word);
        from = (from / 64 + 1) * 64;
    }
    return NUMBERS_MAX;
}

void numbers_add(struct numbers *self, const struct numbers *others)
{
    for (size_t i = 0; i < NUMBERS_MAX / 64; i++)
        self->words[i] |= others->words[i];
}

void numbers_remove(struct numbers *self, const struct numbers *others)
{
    for (size_t i = 0; i < NUMBERS_MAX / 64; i++)
        self->words[i] &= ~others->words[i];
}

void numbers_intersect(struct numbers *self, const struct numbers *others)
{
    for (size_t i = 0; i < NUMBERS_MAX / 64; i++)
        self->words[i] &= others->words[i];
}
