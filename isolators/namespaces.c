#include "isolators/namespaces.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

int namespaces_check(const char *kind, struct err *err)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/ns/%s", kind);
    if (access(path, F_OK) < 0)
        return err_set(err, -ENOTSUP, "this kernel has no %s namespaces (there is no %s)", kind,
                       path);
    return 0;
}
