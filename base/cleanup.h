/* base/cleanup.h - scope-bound ownership with the compiler's cleanup attribute.
 *
 * A type T has `void T_destroy(struct T **self_p)`, which takes NULL and half-built objects and sets
 * the caller's pointer to NULL. Then:
 *
 *     CLEANUP(thing_destroy) struct thing *thing = thing_new();
 *     ...
 *     return TAKE(thing);           // hands it on: the cleanup sees NULL
 */
#ifndef PROFFER_BASE_CLEANUP_H
#define PROFFER_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(destroy) __attribute__((cleanup(destroy)))

#define TAKE(pointer)                                                                              \
    __extension__({                                                                                \
        __typeof__(pointer) taken_ = (pointer);                                                    \
        (pointer) = NULL;                                                                          \
        taken_;                                                                                    \
    })

#define TAKE_FD(fd)                                                                                \
    __extension__({                                                                                \
        int taken_ = (fd);                                                                         \
        (fd) = -1;                                                                                 \
        taken_;                                                                                    \
    })

/* For memory from malloc: CLEANUP(free_p) char *text = ...; */
static inline void free_p(void *pointer_p)
{
    free(*(void **)pointer_p);
    *(void **)pointer_p = NULL;
}

/* For descriptors: CLEANUP(close_fd) int fd = open(...); a negative one is left alone. */
static inline void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

#define CONTAINER_OF(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer) - __builtin_offsetof(type, member)))

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif
