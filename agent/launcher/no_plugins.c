/* Of the static launcher. */
#include "agent/launcher/plugins.h"

#include <errno.h>

int plugins_load(const char *path, struct err *err)
{
    return err_set(err, -ENOTSUP,
                   "%.100s: this launcher cannot load modules; proffer-launcher-modules can", path);
}

const struct isolator_ops *plugins_find(const char *name)
{
    (void)name;
    return NULL;
}
