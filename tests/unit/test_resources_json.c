/* Resources in the JSON of Mesos. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "proto/mesos_json.h"

typedef void write_fn(struct json *json, const struct resources *resources);

static void check(write_fn *write, const char *resources, const char *wanted)
{
    CLEANUP(resources_fini) struct resources sum = {0};
    CLEANUP(buf_fini) struct buf out = {0};
    struct json json = JSON(&out);
    struct err err;

    if (resources_parse(&sum, resources, &err) < 0)
        fail_msg("%s: %s", resources, err.text);
    write(&json, &sum);
    assert_string_equal(buf_text(&out), wanted);
}

static void offered_to_ads(struct json *json, const struct resources *resources)
{
    mesos_json_resources_allocated(json, resources, "ads");
}

static void a_summary_has_no_reservations(void **state)
{
    (void)state;
    check(mesos_json_resources,
          "cpus:1;cpus(ads):0.5;cpus(ads dynamic by ops):2;cpus{REV}:3;disk(ads)[v]:10;"
          "disk(ads)[s shared x2]:5;disk:1;ports:[1-2];ports(ads dynamic):[3]",
          "{\"cpus\":3.5,\"gpus\":0.0,\"mem\":0.0,\"disk\":16.0,\"cpus_revocable\":3.0,"
          "\"ports\":\"[1-3]\"}");
}

static void reservations_are_told_level_by_level(void **state)
{
    (void)state;
    check(mesos_json_resources_full, "cpus(eng)(eng/db dynamic by ops {b=2, a=1}):1",
          "[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1.0},"
          "\"role\":\"eng/db\",\"reservations\":[{\"type\":\"STATIC\",\"role\":\"eng\"},"
          "{\"type\":\"DYNAMIC\",\"role\":\"eng/db\",\"principal\":\"ops\",\"labels\":"
          "{\"labels\":[{\"key\":\"a\",\"value\":\"1\"},{\"key\":\"b\",\"value\":\"2\"}]}}]}]");
}

static void a_volume_is_told_as_persistence(void **state)
{
    (void)state;
    check(mesos_json_resources_full, "disk(ads)[v by ops shared]:10",
          "[{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":{\"value\":10.0},"
          "\"role\":\"ads\",\"reservations\":[{\"type\":\"STATIC\",\"role\":\"ads\"}],"
          "\"disk\":{\"persistence\":{\"id\":\"v\",\"principal\":\"ops\"}},\"shared\":{}}]");
}

static void what_is_offered_says_to_whom(void **state)
{
    (void)state;
    check(offered_to_ads, "cpus{REV}:1",
          "[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1.0},\"role\":\"*\","
          "\"revocable\":{},\"allocation_info\":{\"role\":\"ads\"}}]");
}

static void what_is_reserved_is_told_by_role(void **state)
{
    (void)state;
    check(mesos_json_reserved, "cpus:9;cpus(ads):1;cpus(ads dynamic):2;mem(eng)(eng/db dynamic):4",
          "{\"ads\":{\"cpus\":3.0,\"gpus\":0.0,\"mem\":0.0,\"disk\":0.0},"
          "\"eng/db\":{\"cpus\":0.0,\"gpus\":0.0,\"mem\":4.0,\"disk\":0.0}}");
}

static void a_domain_is_a_region_and_a_zone(void **state)
{
    const struct domain_info domain = {.region = "eu", .zone = "a"};
    CLEANUP(buf_fini) struct buf out = {0};
    struct json json = JSON(&out);

    (void)state;
    mesos_json_domain(&json, &domain);
    assert_string_equal(buf_text(&out), "{\"fault_domain\":{\"region\":{\"name\":\"eu\"},"
                                        "\"zone\":{\"name\":\"a\"}}}");
}

static void limits_of_a_task_may_be_infinite(void **state)
{
    static const struct limit_info limits[] = {{.name = "cpus", .scalar = 1500},
                                               {.name = "mem", .unlimited = true}};
    static const struct command_info command = {.value = "true"};
    const struct task_info task = {
        .task_id = "t", .agent_id = "A", .command = &command, .limits = limits, .limits_count = 2};
    const struct msg_change_task change = {.framework_id = "F", .task = &task};
    const struct resources none = {0};
    CLEANUP(buf_fini) struct buf out = {0};
    struct json json = JSON(&out);

    (void)state;
    json_object_begin(&json);
    mesos_json_task(&json, &change, &none);
    json_object_end(&json);
    assert_non_null(strstr(buf_text(&out), "\"limits\":{\"cpus\":1.5,\"mem\":\"Infinity\"}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_summary_has_no_reservations),
        cmocka_unit_test(reservations_are_told_level_by_level),
        cmocka_unit_test(a_volume_is_told_as_persistence),
        cmocka_unit_test(what_is_offered_says_to_whom),
        cmocka_unit_test(what_is_reserved_is_told_by_role),
        cmocka_unit_test(a_domain_is_a_region_and_a_zone),
        cmocka_unit_test(limits_of_a_task_may_be_infinite),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
