/* master/view/objects.h - the JSON objects that documents are made of: agents, frameworks, tasks,
 * offers. For documents*.c. `members` leave the braces to the caller, who may add more. */
#ifndef PROFFER_MASTER_VIEW_OBJECTS_H
#define PROFFER_MASTER_VIEW_OBJECTS_H

#include "base/json.h"
#include "master/view/replica.h"

void object_agent_members(struct json *json, const struct agent *agent);
void object_framework_summary_members(struct json *json, const struct framework *framework);
void object_framework(struct json *json, const struct framework *framework);
void object_task(struct json *json, const struct task *task);
/* With `full`, also what only our own /offers tells. */
void object_offer(struct json *json, const struct offer *offer, bool full);
/* {"start":{"nanoseconds":...},"duration":{...}}, without a duration when it has no end */
void object_unavailability(struct json *json, int64_t start_us, int64_t duration_ms);
void object_version_members(struct json *json);

#endif
