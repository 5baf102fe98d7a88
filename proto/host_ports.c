#include "proto/host_ports.h"

#include <string.h>

static bool is_ports(const struct resource *portion)
{
    return portion->kind == RESOURCE_RANGES && !strcmp(portion->name, "ports");
}

bool host_ports_has(const struct resources *granted, int64_t port)
{
    for (size_t i = 0; i < granted->count; i++) {
        const struct resource *one = &granted->items[i];

        for (size_t r = 0; is_ports(one) && r < one->ranges.count; r++)
            if (port > 0 && (uint64_t)port >= one->ranges.items[r].begin &&
                (uint64_t)port <= one->ranges.items[r].end)
                return true;
    }
    return false;
}

/* No two portions have the same port, so there are no more than a host has. */
static size_t list_ports(const struct resources *granted, uint16_t *list)
{
    size_t count = 0;

    for (size_t i = 0; i < granted->count; i++) {
        const struct resource *one = &granted->items[i];

        for (size_t r = 0; is_ports(one) && r < one->ranges.count; r++)
            for (uint64_t port = one->ranges.items[r].begin;
                 port <= one->ranges.items[r].end && port <= HOST_PORT_MAX && count < HOST_PORT_MAX;
                 port++)
                list[count++] = (uint16_t)port;
    }
    return count;
}

void host_ports_choose(const struct resources *granted, int64_t *ports, size_t count)
{
    bool is_taken[HOST_PORT_MAX + 1] = {[0] = true};
    uint16_t list[HOST_PORT_MAX];
    size_t list_count = list_ports(granted, list), next = 0;

    for (size_t i = 0; i < count; i++)
        if (ports[i] > 0 && ports[i] <= HOST_PORT_MAX)
            is_taken[ports[i]] = true;
    for (size_t i = 0; i < count && i < list_count; i++)
        if (!ports[i] && !is_taken[list[i]])
            is_taken[ports[i] = list[i]] = true;
    for (size_t i = 0; i < count; i++) {
        while (!ports[i] && next < list_count && is_taken[list[next]])
            next++;
        if (!ports[i] && next < list_count)
            is_taken[ports[i] = list[next]] = true;
    }
}
