/* examples/batch/memory.h - allocation that succeeds or ends the program. */
#ifndef PROFFER_BATCH_MEMORY_H
#define PROFFER_BATCH_MEMORY_H

#include <stddef.h>

void *batch_resize(void *memory, size_t count, size_t size);
char *batch_strdup(const char *text);
char *batch_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
