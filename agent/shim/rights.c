#include "agent/shim/rights.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GID_OF_NOBODY 65534

bool rights_be_nobodys_equal(void)
{
    /* What we do we do by the effective one, which stays; what we execute has that one only. */
    return syscall(SYS_setresgid, -1, -1, GID_OF_NOBODY) == 0;
}

void rights_exceed_limits(bool may)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    const uint32_t bit = CAP_TO_MASK(CAP_SYS_RESOURCE);
    const int word = CAP_TO_INDEX(CAP_SYS_RESOURCE);

    if (syscall(SYS_capget, &header, data) < 0)
        return;
    data[word].effective &= ~bit;
    if (may)
        data[word].effective |= data[word].permitted & bit;
    syscall(SYS_capset, &header, data);
}

/* Where that may not be done (root without CAP_SETPCAP), disk/quota is not in use either. */
static int keep_limits(const struct spawn_step *step, struct spawned *spawned, struct err *err)
{
    (void)step;
    (void)spawned;
    (void)err;
    prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE, 0, 0, 0);
    return 0;
}

const struct spawn_step rights_keep_limits = {
    .phase = SPAWN_BOUNDING, .what = "keep to its limits", .run = keep_limits};
