#include "examples/batch/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *or_exit(void *memory)
{
    if (!memory) {
        fputs("proffer-batch: out of memory\n", stderr);
        exit(3);
    }
    return memory;
}

void *batch_resize(void *memory, size_t count, size_t size)
{
    return or_exit(reallocarray(memory, count ? count : 1, size));
}

char *batch_strdup(const char *text)
{
    return or_exit(strdup(text));
}

char *batch_printf(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    int size;

    va_start(args, format);
    size = vasprintf(&text, format, args);
    va_end(args);
    return or_exit(size < 0 ? NULL : text);
}
