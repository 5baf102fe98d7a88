/* base/fds.h - descriptors of a process that was forked, and keeps what it works with. */
#ifndef PROFFER_BASE_FDS_H
#define PROFFER_BASE_FDS_H

#include <stddef.h>

/* Closes all but 0 to 2 and these; those below 3 stand for none. Sorts them. */
void fds_close_but(int fds[], size_t count);

#endif
