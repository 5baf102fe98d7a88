/* proto/host_ports.h - which of a task's ports on the host its mappings have: one rule for the bridge and for the
 * containers of Docker.
 */
#ifndef PROFFER_PROTO_HOST_PORTS_H
#define PROFFER_PROTO_HOST_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/resources.h"

#define HOST_PORT_MAX 65535

bool host_ports_has(const struct resources *granted, int64_t port);
/* `ports[n]` is what the n-th mapping names, or 0: it leaves the choice to us. Such a one gets the n-th port that was
 * granted, or, if there is none or a mapping names that, the first which no other has. It is still 0 when none is left. */
void host_ports_choose(const struct resources *granted, int64_t *ports, size_t count);

#endif
