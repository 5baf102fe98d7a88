#include "base/ids.h"

#include <errno.h>
#include <string.h>

#include "base/utf8.h"

int id_check(const char *id, const char *what, struct err *err)
{
    size_t size = strlen(id);

    if (size == 0)
        return err_set(err, -EINVAL, "%s is empty", what);
    if (size > ID_MAX)
        return err_set(err, -EINVAL, "%s is %zu bytes long, at most %d are allowed", what, size,
                       ID_MAX);
    if (!strcmp(id, ".") || !strcmp(id, ".."))
        return err_set(err, -EINVAL, "%s must not be \"%s\"", what, id);
    for (const unsigned char *byte = (const unsigned char *)id; *byte; byte++)
        if (*byte < 0x20 || *byte == 0x7f || *byte == '/' || *byte == '\\')
            return err_set(err, -EINVAL, "%s has a character that is not allowed (0x%02x)", what,
                           *byte);
    if (!utf8_is_valid(id, size))
        return err_set(err, -EINVAL, "%s is not valid UTF-8", what);
    return 0;
}

void uuid_make(struct rng *rng, unsigned char ret_uuid[UUID_BYTES])
{
    uint64_t words[2];

    /* One after the other: in an initializer the order would be the compiler's choice. */
    words[0] = rng_next(rng);
    words[1] = rng_next(rng);
    memcpy(ret_uuid, words, UUID_BYTES);
    ret_uuid[6] = (unsigned char)((ret_uuid[6] & 0x0f) | 0x40);
    ret_uuid[8] = (unsigned char)((ret_uuid[8] & 0x3f) | 0x80);
}

void uuid_print(const unsigned char uuid[UUID_BYTES], char ret_text[UUID_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    char *end = ret_text;

    for (int i = 0; i < UUID_BYTES; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *end++ = '-';
        *end++ = digits[uuid[i] >> 4];
        *end++ = digits[uuid[i] & 15];
    }
    *end = '\0';
}
