#include <proffer/types.h>

#include "base/printable.h"

char *proffer_printable(const char *text)
{
    return printable(text);
}

void proffer_print_line(FILE *out, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_line_args(out, format, args);
    va_end(args);
}
