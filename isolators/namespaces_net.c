/* namespaces/net: no network but a loopback of its own, for a task that asks for `none`, or for all (default=none). */
#include "isolators/builtin.h"

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "isolators/namespaces.h"

static bool is_default; /* for tasks that do not say */

static int net_setup(const struct isolator_host *host, struct err *err)
{
    const char *value = isolator_option(host, "namespaces/net", "default");

    if (value && strcmp(value, "none") != 0 && strcmp(value, "host") != 0)
        return err_set(err, -ISOLATOR_WRONG_SETTING, "default=%.32s: want none or host", value);
    is_default = value && strcmp(value, "none") == 0;
    return namespaces_try(host, "net", CLONE_NEWNET, NULL, err);
}

static int raise_loopback(const struct spawn_step *step, struct spawned *spawned, struct err *err)
{
    CLEANUP(close_fd) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};

    (void)step;
    (void)spawned;
    (void)err;
    return fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

static int net_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                       struct err *err)
{
    const char *network = want->asks->network;
    const struct spawn_step step = {
        .phase = SPAWN_SYSTEM,
        .what = "bring up its loopback",
        .run = raise_loopback,
    };
    int rc;

    (void)ret_state;
    if (isolation_is_shared(want, CLONE_NEWNET) ||
        (*network ? strcmp(network, "none") != 0 : !is_default))
        return 0;
    rc = spawn_add_step(spawn, &step, err);
    if (rc == 0)
        spawn->namespaces |= CLONE_NEWNET;
    return rc;
}

static const struct isolator_option net_options[] = {
    {"default", "none: for all tasks that do not say otherwise"},
    {NULL, NULL},
};

const struct isolator_ops isolator_namespaces_net = {
    .name = "namespaces/net",
    .needs = ISOLATOR_PRIVILEGED,
    .options = net_options,
    .setup = net_setup,
    .prepare = net_prepare,
};
