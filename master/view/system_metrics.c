#include "master/view/system_metrics.h"

#include <stdlib.h>
#include <sys/sysinfo.h>
#include <unistd.h>

static void load_members(struct json *json)
{
    static const char *const names[] = {"system/load_1min", "system/load_5min",
                                        "system/load_15min"};
    double loads[3];
    int count = getloadavg(loads, 3);

    for (int i = 0; i < count; i++)
        json_pair_milli(json, names[i], (int64_t)(loads[i] * 1000));
}

static void memory_members(struct json *json)
{
    struct sysinfo info;

    if (sysinfo(&info) < 0)
        return;
    json_pair_milli(json, "system/mem_total_bytes", (int64_t)info.totalram * info.mem_unit * 1000);
    json_pair_milli(json, "system/mem_free_bytes", (int64_t)info.freeram * info.mem_unit * 1000);
}

void system_metrics(struct json *json)
{
    json_pair_milli(json, "system/cpus_total", (int64_t)sysconf(_SC_NPROCESSORS_ONLN) * 1000);
    load_members(json);
    memory_members(json);
}
