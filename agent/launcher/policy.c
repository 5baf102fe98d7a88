/* What orders may not ask for, whoever gives them: the agent's process reads the network, and may be another's by now.
 * The policy came from who started the launcher, before that process was there. */
#include <errno.h>
#include <string.h>

#include "agent/launcher/state.h"
#include "base/folder.h"

#define SANDBOX_DEPTH 2 /* <framework>/<container> */
#define VOLUME_DEPTH  2 /* <role>/<id> */

int launcher_check_sandbox(const struct launcher *self, const char *path, struct err *err)
{
    if (folder_has(self->policy->sandboxes_dir, path, SANDBOX_DEPTH))
        return 0;
    return err_set(err, -EACCES, "%.200s is no sandbox: want two names below %.200s", path,
                   self->policy->sandboxes_dir);
}

static int check_volume(const struct launcher *self, const struct volume_link *volume,
                        struct err *err)
{
    if (!folder_has(self->policy->volumes_dir, volume->path, VOLUME_DEPTH))
        return err_set(err, -EACCES, "%.200s is no volume: want two names below %.200s",
                       volume->path, self->policy->volumes_dir);
    if (!folder_is_plain(volume->container_path))
        return err_set(err, -EACCES, "%.200s is no path in a sandbox: want data or data/db",
                       volume->container_path);
    return 0;
}

int launcher_check_launch(const struct launcher *self, const struct msg_launch_container *order,
                          struct err *err)
{
    int rc = launcher_check_sandbox(self, order->sandbox, err);

    if (rc == 0 && *order->group_folder)
        rc = launcher_check_sandbox(self, order->group_folder, err);
    for (size_t i = 0; i < order->volumes_count && rc == 0; i++)
        rc = check_volume(self, &order->volumes[i], err);
    return rc;
}

int launcher_check_collection(const struct launcher *self, const char *sandboxes_dir,
                              struct err *err)
{
    if (strcmp(sandboxes_dir, self->policy->sandboxes_dir) == 0)
        return 0;
    return err_set(err, -EACCES, "%.200s is not where sandboxes are: that is %.200s", sandboxes_dir,
                   self->policy->sandboxes_dir);
}
