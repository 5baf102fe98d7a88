/* master/view/system_metrics.h - the gauges of the machine, by the names of Mesos: system/... */
#ifndef PROFFER_MASTER_VIEW_SYSTEM_METRICS_H
#define PROFFER_MASTER_VIEW_SYSTEM_METRICS_H

#include "base/json.h"

/* Adds members to the object being written; what the kernel does not tell is left out. */
void system_metrics(struct json *json);

#endif
