/* What an agent finds out about its machine, on real and synthetic topologies. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/probe/probe.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/resources.h"
#include "proto/message.h"
#include "proto/resources_info.h"

#define TWO_SOCKETS "pack:2 [numa(memory=8589934592)] l3:1 core:4 pu:2"

static struct agent_info *probe(struct arena *arena, struct probe_settings settings)
{
    struct agent_info *info = NULL;
    struct err err;

    settings.work_dir = "/";
    settings.hostname = settings.hostname ? settings.hostname : "";
    settings.resources = settings.resources ? settings.resources : "";
    settings.attributes = settings.attributes ? settings.attributes : "";
    if (probe_machine(&settings, arena, &info, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(record_check(&agent_info_def, info, &err), 0);
    return info;
}

static void print(const struct agent_info *info, struct buf *out)
{
    CLEANUP(resources_fini) struct resources resources = {0};

    assert_int_equal(resources_from_info(&resources, info->resources, info->resources_count, NULL),
                     0);
    resources_print(&resources, out);
}

static int synthetic(void **state)
{
    (void)state;
    return setenv("HWLOC_SYNTHETIC", TWO_SOCKETS, 1);
}

static int real(void **state)
{
    (void)state;
    return unsetenv("HWLOC_SYNTHETIC");
}

static void two_sockets_are_seen_with_all_that_is_in_them(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    const struct topology_info *topology = probe(arena, (struct probe_settings){0})->topology;

    (void)state;
    assert_int_equal(topology->sockets_count, 2);
    assert_int_equal(topology->sockets[0].cores, 4);
    assert_string_equal(topology->sockets[0].cpus, "0-7");
    assert_string_equal(topology->sockets[1].cpus, "8-15");
    assert_int_equal(topology->numa_nodes_count, 2);
    assert_int_equal(topology->numa_nodes[1].mem_bytes, INT64_C(8) << 30);
    assert_string_equal(topology->numa_nodes[1].cpus, "8-15");
    assert_int_equal(topology->caches_count, 2);
    assert_int_equal(topology->caches[0].level, 3);
    assert_string_equal(topology->caches[0].cpus, "0-7");
    assert_int_equal(topology->cores, 8);
    assert_int_equal(topology->threads, 16);
    assert_int_equal(topology->mem_bytes, INT64_C(16) << 30);
}

static void cpus_memory_and_ports_are_offered(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    CLEANUP(buf_fini) struct buf text = {0};

    (void)state;
    print(probe(arena, (struct probe_settings){0}), &text);
    assert_non_null(strstr(buf_text(&text), "cpus:16;"));
    assert_non_null(strstr(buf_text(&text), "mem:15360;")); /* 16 GiB but one */
    assert_non_null(strstr(buf_text(&text), "ports:[31000-32000]"));
    assert_non_null(strstr(buf_text(&text), "disk:"));
}

static void named_resources_replace_what_was_found(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    CLEANUP(buf_fini) struct buf text = {0};

    (void)state;
    print(probe(arena, (struct probe_settings){.resources = "cpus(ads):2;cpus:1;disk:10;gpus:1"}),
          &text);
    assert_non_null(strstr(buf_text(&text), "cpus:1;"));
    assert_non_null(strstr(buf_text(&text), "cpus(ads):2;"));
    assert_non_null(strstr(buf_text(&text), "disk:10;"));
    assert_non_null(strstr(buf_text(&text), "gpus:1;"));
    assert_non_null(strstr(buf_text(&text), "mem:15360;"));
}

static void resource_named_as_nothing_is_not_there(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    CLEANUP(buf_fini) struct buf text = {0};

    (void)state;
    print(probe(arena, (struct probe_settings){.resources = "disk:0;ports:[]"}), &text);
    assert_null(strstr(buf_text(&text), "disk"));
    assert_null(strstr(buf_text(&text), "ports"));
    assert_non_null(strstr(buf_text(&text), "mem"));
}

static void bad_overrides_are_refused_with_the_flags_name(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct probe_settings settings = {
        .work_dir = "/", .hostname = "", .resources = "cpus:many", .attributes = ""};
    struct agent_info *info = NULL;
    struct err err;

    (void)state;
    assert_int_equal(probe_machine(&settings, arena, &info, &err), -EINVAL);
    assert_int_equal(strncmp(err.text, "--resources: ", 13), 0);
    settings.resources = "";
    settings.attributes = "rack";
    assert_int_equal(probe_machine(&settings, arena, &info, &err), -EINVAL);
    assert_int_equal(strncmp(err.text, "--attributes: ", 14), 0);
}

static void ports_that_nobody_can_bind_are_refused(void **state)
{
    static const char *const bad[][2] = {
        {"ports:[0-100]", "--resources: ports: 0 is none: they are numbers from 1 to 65535"},
        {"ports:[31000-32000, 99000-99999]",
         "--resources: ports: 99999 is none: they are numbers from 1 to 65535"},
        {"ports:100", "--resources: ports: which ones must be said, as ports:[31000-32000]"},
        {"ports(ads):{a}", "--resources: ports: which ones must be said, as ports:[31000-32000]"},
    };
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct agent_info *info = NULL;
    struct err err;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct probe_settings settings = {
            .work_dir = "/", .hostname = "", .resources = bad[i][0], .attributes = ""};

        assert_true(probe_machine(&settings, arena, &info, &err) < 0);
        assert_string_equal(err.text, bad[i][1]);
    }
}

static void names_and_attributes_are_told(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    const struct agent_info *info =
        probe(arena, (struct probe_settings){.hostname = "node7", .attributes = "rack:a;level:2"});

    (void)state;
    assert_string_equal(info->hostname, "node7");
    assert_int_equal(info->attributes_count, 2);
    assert_int_equal(strlen(info->boot_id), 36);
    assert_string_equal(info->version, "0.1.0");
}

static void this_machine_can_be_probed(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    const struct agent_info *info = probe(arena, (struct probe_settings){0});

    (void)state;
    assert_true(*info->hostname);
    assert_in_range(info->topology->threads, 1, (uintmax_t)sysconf(_SC_NPROCESSORS_ONLN));
    assert_true(info->topology->mem_bytes > INT64_C(64) << 20);
    assert_true(info->topology->numa_nodes_count >= 1);
}

static void small_machines_keep_half(void **state)
{
    (void)state;
    assert_int_equal(probe_share(16384, 1024), 15360);
    assert_int_equal(probe_share(2048, 1024), 1024);
    assert_int_equal(probe_share(1000, 1024), 500);
    assert_int_equal(probe_share(0, 1024), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_sockets_are_seen_with_all_that_is_in_them, synthetic,
                                        real),
        cmocka_unit_test_setup_teardown(cpus_memory_and_ports_are_offered, synthetic, real),
        cmocka_unit_test_setup_teardown(named_resources_replace_what_was_found, synthetic, real),
        cmocka_unit_test_setup_teardown(resource_named_as_nothing_is_not_there, synthetic, real),
        cmocka_unit_test_setup_teardown(bad_overrides_are_refused_with_the_flags_name, synthetic,
                                        real),
        cmocka_unit_test(ports_that_nobody_can_bind_are_refused),
        cmocka_unit_test(names_and_attributes_are_told),
        cmocka_unit_test(this_machine_can_be_probed),
        cmocka_unit_test(small_machines_keep_half),
    };

    return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
