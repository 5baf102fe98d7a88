#include "agent/launcher/lean.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Of the linker: memory that begins as zeroes, and where it ends. */
extern char __bss_start[] __attribute__((visibility("hidden")));
extern char _end[] __attribute__((visibility("hidden")));

typedef uint64_t __attribute__((may_alias)) word;

/* Across variables and what lies between them, which a sanitizer must not take for somebody's mistake: so by itself, as
 * it would look into memcmp(). */
__attribute__((no_sanitize_address)) static bool is_zero(const char *page, size_t size)
{
    const word *const end = (const word *)(page + size);
    word any = 0;

    for (const word *at = (const word *)page; at < end; at++)
        any |= *at;
    return any == 0;
}

void lean_make(void)
{
    const size_t size = (size_t)sysconf(_SC_PAGESIZE);
    char *const first = __bss_start + (size - (uintptr_t)__bss_start % size) % size;

    malloc_trim(0);
    for (char *page = first; page + size <= _end; page += size)
        if (is_zero(page, size))
            madvise(page, size, MADV_DONTNEED);
}
