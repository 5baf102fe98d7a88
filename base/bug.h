/* base/bug.h - assertions that stay on in production.
 *
 * BUG_ON is for what the code itself rules out; never for what a peer, a user or a disk sent.
 */
#ifndef PROFFER_BASE_BUG_H
#define PROFFER_BASE_BUG_H

__attribute__((noreturn, cold)) void bug(const char *file, int line, const char *condition);

#define BUG_ON(condition)                                                                          \
    do {                                                                                           \
        if (__builtin_expect(!!(condition), 0))                                                    \
            bug(__FILE__, __LINE__, #condition);                                                   \
    } while (0)

#endif
