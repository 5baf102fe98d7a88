#include "base/version.h"

#include <proffer/types.h>

const char *proffer_version(void)
{
    return PROFFER_VERSION;
}
