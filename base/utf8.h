/* base/utf8.h - is it UTF-8 (RFC 3629: no surrogates, no overlong forms)? */
#ifndef PROFFER_BASE_UTF8_H
#define PROFFER_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Length in bytes of the valid character at `text` (1 to 4, at most `size`), 0 if it is none. */
size_t utf8_char_size(const char *text, size_t size);
bool utf8_is_valid(const char *text, size_t size);

#endif
