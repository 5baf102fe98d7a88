/* base/printable.h - text of others on its way to a terminal or a log: a status's message, the name of a task, what a
 * server answers.
 *
 * Control characters (C0, DEL, and C1 in UTF-8) and bytes that are no UTF-8 are written as a person reads them: \n, \t, \r,
 * \x1b, \u009b. So such a text cannot act on the terminal, and cannot end a line and begin another. A backslash is itself.
 */
#ifndef PROFFER_BASE_PRINTABLE_H
#define PROFFER_BASE_PRINTABLE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

/* As snprintf: at most size - 1 bytes and a NUL, the size that all of it has is answered. Nothing is cut in half. `kept`:
 * characters that stay as they are. */
size_t printable_copy(char *out, size_t size, const char *text, const char *kept);
/* All of it; the caller frees it. */
char *printable(const char *text);

/* One line, whatever is in it. */
void print_line(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
void print_line_args(FILE *out, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
/* Several lines, each of which was made of what is printable. */
void print_lines(FILE *out, const char *text);
/* JSON, which escapes only C0 itself: the same values, with \u. */
void print_json(FILE *out, const char *json);

#endif
