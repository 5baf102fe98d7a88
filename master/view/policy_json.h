/* master/view/policy_json.h - quotas, weights, priorities, kinds of offers as people and Mesos's tools write them.
 *
 *     {"role":"ads","guarantees":{"cpus":4},"limits":{"cpus":{"value":8}},"force":false}
 *     {"role":"ads","guarantee":[{"name":"cpus","scalar":{"value":4}}]}
 *     {"role":"ads","limits":"cpus:8;mem:1024"}
 *     [{"role":"ads","weight":2.5},{"role":"web","weight":1}]
 *     [{"role":"ads","priority":10},{"role":"batch","priority":-5}]
 *     {"configs":[{"role":"ads",...},{"role":"web",...}],"force":false}, or just the list
 *     {"role":"ads","offers":"optimistic"}
 *
 * One role or several, which are set together or not at all.
 * -EINVAL with a text that says what would be right. Results are in the arena. */
#ifndef PROFFER_MASTER_VIEW_POLICY_JSON_H
#define PROFFER_MASTER_VIEW_POLICY_JSON_H

#include "proto/message.h"

int policy_json_quotas(const char *text, size_t size, struct arena *arena,
                       struct msg_operator_set_roles *ret_call, struct err *err);
int policy_json_weights(const char *text, size_t size, struct arena *arena,
                        struct msg_operator_set_roles *ret_call, struct err *err);
int policy_json_priorities(const char *text, size_t size, struct arena *arena,
                           struct msg_operator_set_roles *ret_call, struct err *err);
int policy_json_offers(const char *text, size_t size, struct arena *arena,
                       struct msg_operator_set_offers *ret_call, struct err *err);

#endif
