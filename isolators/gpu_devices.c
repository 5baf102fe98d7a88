/* gpu/devices: whole devices by name. Which one a task gets is chosen by the agent (agent/core/gpus.h), who knows what
 * all tasks have; cgroup/devices opens it to that task, and to no other. Here it is seen to that there is such a device:
 * the agent is not believed. */
#include "isolators/builtin.h"

#include <errno.h>

#include "isolators/device_list.h"

static int gpu_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                       struct err *err)
{
    (void)spawn;
    (void)ret_state; /* cgroup/devices has it */
    for (size_t i = 0; i < want->gpus_count; i++)
        if (!device_list_gpu(want->gpus[i]))
            return err_set(err, -ENODEV, "there is no GPU %.64s here", want->gpus[i]);
    return 0;
}

static int gpu_recover(const struct isolation *was, void **ret_state, struct err *err)
{
    (void)was;
    (void)ret_state;
    (void)err;
    return 0;
}

static void gpu_destroy(void **state_p)
{
    *state_p = NULL;
}

static const char *const needed[] = {"cgroup/devices", NULL};

const struct isolator_ops isolator_gpu_devices = {
    .name = "gpu/devices",
    .with = needed,
    .prepare = gpu_prepare,
    .recover = gpu_recover,
    .destroy = gpu_destroy,
};
