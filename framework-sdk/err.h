/* framework-sdk/err.h - the public error text is the base's, under a name of its own. */
#ifndef PROFFER_SDK_ERR_H
#define PROFFER_SDK_ERR_H

#include <proffer/types.h>

#include "base/err.h"

_Static_assert(sizeof(struct proffer_err) == sizeof(struct err), "same layout");

/* Both are one array of char and nothing else; NULL stays NULL. */
static inline struct err *sdk_err(struct proffer_err *err)
{
    return (struct err *)(void *)err;
}

#endif
