/* Resources between the wire and the algebra, and attributes as people write them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "proto/message.h"
#include "proto/resources_info.h"

static void parse(struct resources *self, const char *text)
{
    struct err err = {""};

    if (resources_parse(self, text, &err) < 0)
        fail_msg("%s: %s", text, err.text);
}

/* --- resources
 * ---------------------------------------------------------------------------------------- */

static void resources_come_back_from_the_wire(void **state)
{
    static const char *const texts[] = {
        "",
        "cpus:4",
        "cpus:0.001;mem:8192",
        "cpus:4;cpus(ads):2;mem(ads/web):512",
        "ports:[31000-32000]",
        "ports:[31000-31000, 31002-31005];ports(r):[1-2]",
        "disks:{d1,d2}",
        "cpus:4;mem:8192;disk:10000;ports:[31000-32000];disks:{d1,d2};gpus(a):1",
        "cpus(ads dynamic):1;ports(ads dynamic by ops {k=v, k=w, l=\"\"}):[1-2]",
        "cpus(eng)(eng/db dynamic by ops)(eng/db/x dynamic):1;disks(eng)(eng/db dynamic):{d1}",
        "disk(ads)[v]:10;disk(ads dynamic)[\"a b\" by ops]:11;disk(ads)[s shared]:12",
        "disk(ads dynamic by ops)[s by ops shared x7]:12",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
        CLEANUP(resources_fini) struct resources sent = {0}, got = {0};
        const struct resource_info *infos;
        size_t count;
        struct err err = {""};

        parse(&sent, texts[i]);
        infos = resources_to_info(&sent, arena, &count);
        assert_non_null(infos);
        for (size_t j = 0; j < count; j++)
            assert_int_equal(record_check(&resource_info_def, &infos[j], &err), 0);
        if (resources_from_info(&got, infos, count, &err) < 0)
            fail_msg("%s: %s", texts[i], err.text);
        assert_true(resources_are_equal(&sent, &got));
    }
}

static void the_revocable_flag_is_kept(void **state)
{
    static const struct resource_info info = {
        .name = "cpus", .kind = VALUE_SCALAR, .scalar = 500, .revocable = true};
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    CLEANUP(resources_fini) struct resources resources = {0};
    const struct resource_info *back;
    size_t count;

    (void)state;
    assert_int_equal(resources_from_info(&resources, &info, 1, NULL), 0);
    assert_non_null(resources_find(&resources, "cpus", NULL, true));
    back = resources_to_info(&resources, arena, &count);
    assert_int_equal(count, 1);
    assert_true(back[0].revocable);
    assert_string_equal(back[0].role, "");
}

static void portions_of_one_key_add_up_and_replace_what_was_there(void **state)
{
    static const struct resource_info infos[] = {
        {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 500},
        {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 250, .role = "*"},
        {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 125, .role = ""},
    };
    CLEANUP(resources_fini) struct resources resources = {0};

    (void)state;
    parse(&resources, "mem:1");
    assert_int_equal(resources_from_info(&resources, infos, ARRAY_SIZE(infos), NULL), 0);
    assert_int_equal(resources.count, 1);
    assert_int_equal(resources_scalar(&resources, "cpus"), 875);
}

static void bad_resources_leave_the_target_alone(void **state)
{
    static const struct range_info negative[] = {{.begin = -1, .end = 5}};
    static const struct range_info backwards[] = {{.begin = 5, .end = 1}};
    static const struct range_info zero[] = {{.begin = 0, .end = 9}};
    static const struct range_info high[] = {{.begin = 65530, .end = 65536}};
    static const struct range_info twice[] = {{.begin = 1, .end = 5}, {.begin = 5, .end = 9}};
    static const struct reservation_info for_ads[] = {{.role = "ads", .dynamic = true}};
    static const struct reservation_info twice_ads[] = {{.role = "ads", .dynamic = true},
                                                        {.role = "ads", .dynamic = true}};
    static const struct reservation_info labelled[] = {
        {.role = "ads", .dynamic = true, .labels_count = RESERVATION_LABELS_MAX + 1}};
    static const struct volume_info volume = {.id = "v"}, nameless = {.id = ""};
    static const struct resource_info bad[] = {
        {.name = "cpus", .kind = VALUE_SCALAR, .scalar = -1},
        {.name = "cpus", .kind = VALUE_SCALAR, .scalar = INT64_MAX},
        {.name = "cpus", .kind = VALUE_TEXT},
        {.name = "cpus"},
        {.name = "", .kind = VALUE_SCALAR, .scalar = 1},
        {.name = "c:p", .kind = VALUE_SCALAR, .scalar = 1},
        {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 1, .role = "-x"},
        {.name = "cpus",
         .kind = VALUE_SCALAR,
         .scalar = 1,
         .role = "eng",
         .reservations = for_ads,
         .reservations_count = 1},
        {.name = "cpus",
         .kind = VALUE_SCALAR,
         .scalar = 1,
         .reservations = twice_ads,
         .reservations_count = 2},
        {.name = "cpus",
         .kind = VALUE_SCALAR,
         .scalar = 1,
         .reservations = twice_ads,
         .reservations_count = RESERVATIONS_MAX + 1},
        {.name = "cpus",
         .kind = VALUE_SCALAR,
         .scalar = 1,
         .reservations = labelled,
         .reservations_count = 1},
        {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 1, .role = "ads", .volume = &volume},
        {.name = "disk", .kind = VALUE_SCALAR, .scalar = 1, .volume = &volume},
        {.name = "disk",
         .kind = VALUE_SCALAR,
         .scalar = 1,
         .role = "ads",
         .volume = &volume,
         .copies = -1},
        {.name = "disk", .kind = VALUE_SCALAR, .scalar = 1, .role = "ads", .volume = &nameless},
        {.name = "ports", .kind = VALUE_RANGES, .ranges = negative, .ranges_count = 1},
        {.name = "ports", .kind = VALUE_RANGES, .ranges = backwards, .ranges_count = 1},
        {.name = "ports", .kind = VALUE_RANGES, .ranges = twice, .ranges_count = 2},
        {.name = "ports", .kind = VALUE_RANGES, .ranges = zero, .ranges_count = 1},
        {.name = "ports", .kind = VALUE_RANGES, .ranges = high, .ranges_count = 1},
        {.name = "ports",
         .kind = VALUE_RANGES,
         .ranges = twice,
         .ranges_count = RESOURCE_RANGES_MAX + 1},
    };
    CLEANUP(resources_fini) struct resources resources = {0}, before = {0};

    (void)state;
    parse(&before, "mem:7");
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct resource_info items[] = {{.name = "mem", .kind = VALUE_SCALAR, .scalar = 1}, bad[i]};
        struct err err = {""};

        parse(&resources, "mem:7");
        if (resources_from_info(&resources, items, ARRAY_SIZE(items), &err) >= 0)
            fail_msg("case %zu was taken", i);
        assert_string_not_equal(err.text, "");
        assert_true(resources_are_equal(&resources, &before));
    }
}

static void an_arena_at_its_limit_gives_null(void **state)
{
    CLEANUP(resources_fini) struct resources resources = {0};
    size_t count, refused = 0;

    (void)state;
    parse(&resources, "cpus:4;ports:[1-2, 4-5, 7-8]");
    for (size_t limit = 16; limit < 512; limit += 32) {
        CLEANUP(arena_destroy) struct arena *arena = arena_new(limit);

        refused += resources_to_info(&resources, arena, &count) == NULL;
    }
    assert_true(refused > 5 && refused < 15);
}

/* --- attributes
 * --------------------------------------------------------------------------------------- */

static void attributes_have_the_kind_they_look_like(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    const struct attribute_info *items;
    size_t count;
    struct err err = {""};

    (void)state;
    if (attributes_parse("rack:abc; zone : west ;level:10;half:-0.5;span:[1-10, 20-20];;"
                         "url:http://a:80;unit:500m;version:1.2.3\n",
                         arena, &items, &count, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(count, 8);
    assert_string_equal(items[0].name, "rack");
    assert_int_equal(items[0].kind, VALUE_TEXT);
    assert_string_equal(items[0].text, "abc");
    assert_string_equal(items[1].name, "zone");
    assert_string_equal(items[1].text, "west");
    assert_int_equal(items[2].kind, VALUE_SCALAR);
    assert_int_equal(items[2].scalar, 10000);
    assert_string_equal(items[2].text, "");
    assert_int_equal(items[3].scalar, -500);
    assert_int_equal(items[4].kind, VALUE_RANGES);
    assert_int_equal(items[4].ranges_count, 2);
    assert_int_equal(items[4].ranges[0].end, 10);
    assert_int_equal(items[4].ranges[1].begin, 20);
    assert_string_equal(items[5].text, "http://a:80");
    assert_string_equal(items[6].text, "500m");
    assert_string_equal(items[7].text, "1.2.3");
    for (size_t i = 0; i < count; i++)
        assert_int_equal(record_check(&attribute_info_def, &items[i], NULL), 0);
}

static void no_attributes_are_fine(void **state)
{
    static const char *const nothing[] = {"", ";", " ; ;\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(nothing); i++) {
        CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
        const struct attribute_info *items;
        size_t count = 7;

        assert_int_equal(attributes_parse(nothing[i], arena, &items, &count, NULL), 0);
        assert_int_equal(count, 0);
    }
}

static void bad_attributes_are_named(void **state)
{
    static const char *const bad[] = {
        "rack",
        "rack:",
        ":abc",
        "a:1;rack;b:2",
        "span:[10-1]",
        "span:[1-]",
        "span:[",
        "span:[]",
        "span:[1-5,5-9]",
        "disks:{d1,d2}",
        "level:99999999999999999999",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
        const struct attribute_info *items = NULL;
        size_t count = 0;
        struct err err = {""};

        if (attributes_parse(bad[i], arena, &items, &count, &err) >= 0)
            fail_msg("%s was taken", bad[i]);
        assert_non_null(strstr(err.text, "attribute"));
        assert_null(items);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resources_come_back_from_the_wire),
        cmocka_unit_test(the_revocable_flag_is_kept),
        cmocka_unit_test(portions_of_one_key_add_up_and_replace_what_was_there),
        cmocka_unit_test(bad_resources_leave_the_target_alone),
        cmocka_unit_test(an_arena_at_its_limit_gives_null),
        cmocka_unit_test(attributes_have_the_kind_they_look_like),
        cmocka_unit_test(no_attributes_are_fine),
        cmocka_unit_test(bad_attributes_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
