/* base/utf8.h - is it UTF-8, and if not, make it so (RFC 3629: no surrogates, no overlong forms)? */
#ifndef PROFFER_BASE_UTF8_H
#define PROFFER_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Length in bytes of the valid character at `text` (1 to 4, at most `size`), 0 if it is none. */
size_t utf8_char_size(const char *text, size_t size);
bool utf8_is_valid(const char *text, size_t size);
/* Puts '?' for each byte that is not part of a character: of one that was cut in half, for example. */
void utf8_repair(char *text);

#endif
