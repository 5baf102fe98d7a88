/* isolators/namespaces.h - what the files namespaces_*.c share. */
#ifndef PROFFER_ISOLATORS_NAMESPACES_H
#define PROFFER_ISOLATORS_NAMESPACES_H

#include "base/err.h"

/* Does this kernel have namespaces of that kind: "pid", as in /proc/self/ns? -ENOTSUP. */
int namespaces_check(const char *kind, struct err *err);

#endif
