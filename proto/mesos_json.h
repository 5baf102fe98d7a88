/* proto/mesos_json.h - how records look in the JSON that Mesos's tools read.
 *
 * Names and forms follow Mesos src/common/http.cpp; what Mesos lacks stands after what it has.
 * Resources are the summary object (numbers, ranges and sets as text), "full" ones arrays of
 * Mesos's Resource.
 */
#ifndef PROFFER_PROTO_MESOS_JSON_H
#define PROFFER_PROTO_MESOS_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/resources.h"
#include "proto/message.h"

#define COMMAND_SHOWN_MAX 512 /* bytes of a task's command line */

/* {"cpus":4.0,"gpus":0.0,"mem":8000.0,"disk":0.0,"ports":"[31000-32000]"} */
void mesos_json_resources(struct json *json, const struct resources *resources);
void mesos_json_resources_full(struct json *json, const struct resources *resources);
/* The same with whom they are offered to, or used by. */
void mesos_json_resources_allocated(struct json *json, const struct resources *resources,
                                    const char *role);
/* {"role": summary, ...} of what is reserved, and the same with full forms */
void mesos_json_reserved(struct json *json, const struct resources *resources);
void mesos_json_reserved_full(struct json *json, const struct resources *resources);

/* {"fault_domain": {"region": {"name": ...}, "zone": {"name": ...}}} */
void mesos_json_domain(struct json *json, const struct domain_info *domain);
void mesos_json_attributes(struct json *json, const struct attribute_info *items, size_t count);
void mesos_json_labels(struct json *json, const struct label_info *items, size_t count);
void mesos_json_texts(struct json *json, const char *const *items, size_t count);

/* The members of a task's object that never change, without braces: all but state and statuses. */
void mesos_json_task(struct json *json, const struct msg_change_task *change,
                     const struct resources *resources);
/* The members of the object of a task that is an executor, without braces. */
void mesos_json_executor(struct json *json, const struct msg_change_task *change,
                         const struct resources *resources);
/* The object of a task's limits, {"cpus": 4, "mem": "Infinity"}. */
void mesos_json_limits(struct json *json, const struct limit_info *limits, size_t count);
/* One entry of a task's statuses. */
void mesos_json_status(struct json *json, const struct task_status *status);

/* Of "10.0.0.1:5055" or "[::1]:5055": the port, 0 when there is none; the text of the ip in a
 * buffer. */
int64_t mesos_json_address_port(const char *address);
void mesos_json_address_ip(const char *address, struct buf *out);

#endif
