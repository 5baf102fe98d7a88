#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/resources.h"

static struct resources parse(const char *text)
{
    struct resources sum = {0};
    struct err err;

    if (resources_parse(&sum, text, &err) < 0)
        fail_msg("\"%s\": %s", text, err.text);
    return sum;
}

static void assert_prints(const struct resources *sum, const char *wanted)
{
    CLEANUP(buf_fini) struct buf text = {0};

    resources_print(sum, &text);
    assert_string_equal(buf_text(&text), wanted);
}

/* --- text ------------------------------------------------------------------------------------- */

static void texts_are_read_into_one_canonical_form(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},
        {" \t\n", ""},
        {";; ;", ""},
        {"cpus:4", "cpus:4"},
        {"cpus:4;mem:8192;disk:10000;ports:[31000-32000];disks:{d1,d2}",
         "cpus:4;disk:10000;disks:{d1, d2};mem:8192;ports:[31000-32000]"},
        {" cpus : 4 ; mem ( ads ) : 10 ;", "cpus:4;mem(ads):10"},
        {"cpus(*):4", "cpus:4"},
        {"cpus:1;cpus:0.5;cpus(a):1;cpus(*):1.5", "cpus:3;cpus(a):1"},
        {"cpus:500m", "cpus:0.5"},
        {"cpus:.25", "cpus:0.25"},
        {"cpus:0", ""},
        {"cpus:0.0004", ""},
        {"cpus:0.12349", "cpus:0.123"},
        {"cpus{REV}:2;cpus:1", "cpus:1;cpus{REV}:2"},
        {"cpus(a/b){REV}:2", "cpus(a/b){REV}:2"},
        {"cpus(a:b;c):2", "cpus(a:b;c):2"},
        {"ports:[]", ""},
        {"ports:[ 5 - 7 , 1-2, 3 ]", "ports:[1-3, 5-7]"},
        {"ports:[1-3];ports:[7];ports:[4-6]", "ports:[1-7]"},
        {"ports:[1-65535]", "ports:[1-65535]"},
        {"ids:[0-18446744073709551615]", "ids:[0-18446744073709551615]"},
        {"ids:[18446744073709551615,0]", "ids:[0-0, 18446744073709551615-18446744073709551615]"},
        {"disks:{}", ""},
        {"disks:{ b , a };disks:{c}", "disks:{a, b, c}"},
        {"disks:{/dev/sda:1, (x)}", "disks:{(x), /dev/sda:1}"},
        {"my-gpu_1.x:2", "my-gpu_1.x:2"},
        {"x:2305843009213693", "x:2305843009213693"},
        {"cpus(z):1;cpus(!):1;cpus:1", "cpus:1;cpus(!):1;cpus(z):1"},
        {"cpus(ads dynamic):1", "cpus(ads dynamic):1"},
        {"cpus ( ads  dynamic  by  ops { z = 1 , a=2 } ) : 1",
         "cpus(ads dynamic by ops {a=2, z=1}):1"},
        {"cpus(ads dynamic by \"J. \\\"X\\\" \\\\\" {\"k =\"=\"\"}):1",
         "cpus(ads dynamic by \"J. \\\"X\\\" \\\\\" {\"k =\"=\"\"}):1"},
        {"cpus(ads dynamic by \"\"):1;cpus(ads dynamic):1", "cpus(ads dynamic):2"},
        {"cpus(eng)(eng/db dynamic)(eng/db/x dynamic by a):1",
         "cpus(eng)(eng/db dynamic)(eng/db/x dynamic by a):1"},
        {"cpus(e dynamic):1;cpus(e):1;cpus:1;cpus(e dynamic by p):1",
         "cpus:1;cpus(e):1;cpus(e dynamic):1;cpus(e dynamic by p):1"},
        {"cpus(e dynamic {k=v}):1;cpus(e dynamic {k=w}):1;cpus(e dynamic {k=v}):1",
         "cpus(e dynamic {k=v}):2;cpus(e dynamic {k=w}):1"},
        {"disk(ads)[v]:10;disk(ads):5", "disk(ads):5;disk(ads)[v]:10"},
        {"disk(ads dynamic by ops) [ \"a b\" by ops ] : 10",
         "disk(ads dynamic by ops)[\"a b\" by ops]:10"},
        {"disk(ads)[v shared]:10;disk(ads)[v shared x2]:10", "disk(ads)[v shared x3]:10"},
        {"disk(ads)[v]:0", ""},
        {"ports(ads dynamic):[1-2];ports:[3]", "ports:[3-3];ports(ads dynamic):[1-2]"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(resources_fini) struct resources sum = parse(cases[i][0]);
        CLEANUP(resources_fini) struct resources again = parse(cases[i][1]);

        assert_prints(&sum, cases[i][1]);
        assert_true(resources_are_equal(&sum, &again));
    }
}

static void malformed_texts_are_refused_with_a_reason(void **state)
{
    static const struct {
        const char *text;
        int code;
        const char *reason;
    } cases[] = {
        {"cpus", -EINVAL, "\":\" and a value"},
        {"cpus:", -EINVAL, "a value, as in cpus:4"},
        {"cpus:;", -EINVAL, "a value"},
        {":4", -EINVAL, "a name"},
        {"4:4", -EINVAL, "\"4\" is no resource name"},
        {"c pus:4", -EINVAL, "\"c pus\" is no resource name"},
        {"c\xc3\xa4:4", -EINVAL, "no resource name"},
        {"cpus:-1", -EINVAL, "cpus: \"-1\""},
        {"cpus:+1", -EINVAL, "\"+1\""},
        {"cpus:nan", -EINVAL, "cpus"},
        {"cpus:inf", -EINVAL, "cpus"},
        {"cpus:1e3", -EINVAL, "\"1e3\""},
        {"cpus:0x10", -EINVAL, "\"0x10\""},
        {"cpus:4 5", -EINVAL, "\"4 5\""},
        {"cpus:4,5", -EINVAL, "\"4,5\""},
        {"cpus:4}", -EINVAL, "\"4}\""},
        {"mem:8G", -EINVAL, "count MiB"},
        {"mem:500m", -EINVAL, "count MiB"},
        {"cpus=4", -EINVAL, "\":\""},
        {"cpus:2305843009213694", -ERANGE, "too large"},
        {"cpus:99999999999999999999", -ERANGE, "too large"},
        {"cpus:2305843009213693;cpus:1", -ERANGE, "the sum is too large"},
        {"cpus(:4", -EINVAL, "a role"},
        {"cpus():4", -EINVAL, "a role"},
        {"cpus(a b):4", -EINVAL, "white space"},
        {"cpus(-a):4", -EINVAL, "'-'"},
        {"cpus(a//b):4", -EINVAL, "empty part"},
        {"cpus(../x):4", -EINVAL, "cannot be a part"},
        {"cpus(a dynamic:4", -EINVAL, "\")\""},
        {"cpus(a dynamic by):4", -EINVAL, "a principal"},
        {"cpus(a dynamic by \"x):4", -EINVAL, "closing quote"},
        {"cpus(a by x):4", -EINVAL, "dynamic"},
        {"cpus(a dynamic {}):4", -EINVAL, "a label"},
        {"cpus(a dynamic {k}):4", -EINVAL, "\"=\""},
        {"cpus(a dynamic {k=v):4", -EINVAL, "\"}\""},
        {"cpus(a dynamic {=v}):4", -EINVAL, "a label"},
        {"cpus(a)(b dynamic):4", -EINVAL, "a role below it"},
        {"cpus(a)(a dynamic):4", -EINVAL, "a role below it"},
        {"cpus(a/b)(a dynamic):4", -EINVAL, "a role below it"},
        {"cpus(a)(ab dynamic):4", -EINVAL, "a role below it"},
        {"cpus(a)(a/b):4", -EINVAL, "must be dynamic"},
        {"cpus(* dynamic):4", -EINVAL, "role *"},
        {"cpus(a dynamic){REV}:4", -EINVAL, "revocable cannot be reserved"},
        {"disk(a)[]:4", -EINVAL, "a volume's id"},
        {"disk(a)[v:4", -EINVAL, "\"]\""},
        {"disk(a)[v x2]:4", -EINVAL, "\"]\""},
        {"disk(a)[v shared x0]:4", -EINVAL, "as x2"},
        {"disk(a)[v shared x99999999999]:4", -EINVAL, "as x2"},
        {"disk(a)[..]:4", -EINVAL, "volume's id"},
        {"disk(a)[a/b]:4", -EINVAL, "volume's id"},
        {"disk[v]:4", -EINVAL, "reserve it first"},
        {"mem(a)[v]:4", -EINVAL, "only disk"},
        {"disk(a)[v]{REV}:4", -EINVAL, "revocable"},
        {"disk(a)[v]:4;disk(a)[v]:4", -EEXIST, "volume v is there already"},
        {"disk(a)[v shared]:4;disk(a)[v shared]:5", -EINVAL, "two sizes"},
        {"cpus{rev}:4", -EINVAL, "\":\""},
        {"ports:[", -EINVAL, "a range"},
        {"ports:[1-2", -EINVAL, "\"]\""},
        {"ports:[1-]", -EINVAL, "a range"},
        {"ports:[-2]", -EINVAL, "a range"},
        {"ports:[1-2,]", -EINVAL, "a range"},
        {"ports:[1-2]3", -EINVAL, "\";\""},
        {"ports:[2-1]", -EINVAL, "ends before it begins"},
        {"ports:[1-5, 5-6]", -EEXIST, "5 is in it twice"},
        {"ports:[1-5];ports:[3]", -EEXIST, "3 is there already"},
        {"ports:[18446744073709551616]", -ERANGE, "64 bits"},
        {"ports:[0]", -EINVAL, "0 is none: they are numbers from 1 to 65535"},
        {"ports:[80, 0-9]", -EINVAL, "0 is none"},
        {"ports:[65535-65536]", -EINVAL, "65536 is none"},
        {"ports(ads):[31000-32000, 70000]", -EINVAL, "70000 is none"},
        {"disks:{", -EINVAL, "a member"},
        {"disks:{a", -EINVAL, "\"}\""},
        {"disks:{a,}", -EINVAL, "a member"},
        {"disks:{a b}", -EINVAL, "no space"},
        {"disks:{\xff}", -EINVAL, "UTF-8"},
        {"disks:{a,a}", -EEXIST, "a is in it twice"},
        {"disks:{a};disks:{b,a}", -EEXIST, "a is there already"},
        {"cpus:1;cpus:[1-2]", -EINVAL, "a number and cannot be ranges"},
        {"x(a):{q};x:1", -EINVAL, "a set and cannot be a number"},
        {"x(a):1;x{REV}:[1]", -EINVAL, "a number and cannot be ranges"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(resources_fini) struct resources sum = parse("mem:7");
        struct err err = {""};
        int rc = resources_parse(&sum, cases[i].text, &err);

        if (rc != cases[i].code || !strstr(err.text, cases[i].reason))
            fail_msg("\"%s\": %d %s", cases[i].text, rc, err.text);
        assert_prints(&sum, "mem:7");
        assert_int_equal(resources_parse(&sum, cases[i].text, NULL), rc);
    }
}

static void roles_follow_the_rules(void **state)
{
    static const char *const good[] = {"*", "a", "a/b/c", "...", "a-b", "b\xc3\xa4r", "a.b", "(x"};
    static const char *const bad[] = {"",     ".",     "..",    "-a",   "a/-b", "/a",
                                      "a/",   "a//b",  "a/./b", "a/*",  "*/a",  "a b",
                                      "a\tb", "a\x7f", "a)b",   "\xff", "a/.."};
    char longest[257];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        assert_int_equal(role_check(good[i], NULL), 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct err err = {""};

        assert_int_equal(role_check(bad[i], &err), -EINVAL);
        assert_non_null(strstr(err.text, "role"));
    }
    memset(longest, 'x', 256);
    longest[256] = '\0';
    assert_int_equal(role_check(longest, NULL), -EINVAL);
    assert_int_equal(role_check(longest + 1, NULL), 0);
}

/* --- portions from outside -------------------------------------------------------------------- */

static void a_portion_in_disorder_is_put_in_order(void **state)
{
    struct range ranges[] = {{7, 9}, {1, 2}, {3, 3}, {20, 20}};
    char *members[] = {(char *)"c", (char *)"a", (char *)"b"};
    struct resource ports = {
        .kind = RESOURCE_RANGES, .name = (char *)"ports", .ranges = {ranges, ARRAY_SIZE(ranges)}};
    struct resource disks = {.kind = RESOURCE_SET,
                             .name = (char *)"disks",
                             .role = (char *)"*",
                             .set = {members, ARRAY_SIZE(members)}};
    CLEANUP(resources_fini) struct resources sum = {0};

    (void)state;
    assert_int_equal(resources_add_portion(&sum, &ports, NULL), 0);
    assert_int_equal(resources_add_portion(&sum, &disks, NULL), 0);
    assert_prints(&sum, "disks:{a, b, c};ports:[1-3, 7-9, 20-20]");
    assert_int_equal(ranges[0].begin, 7);
    assert_string_equal(members[0], "c");
}

static void a_bad_portion_is_refused(void **state)
{
    struct range overlapping[] = {{1, 5}, {5, 6}}, reversed[] = {{6, 5}};
    char *twice[] = {(char *)"a", (char *)"a"}, *empty[] = {(char *)""};
    char name[RESOURCE_NAME_MAX + 2], member[RESOURCE_MEMBER_MAX + 2], *members[] = {member};
    const struct resource portions[] = {
        {.kind = RESOURCE_RANGES, .name = (char *)"p", .ranges = {overlapping, 2}},
        {.kind = RESOURCE_RANGES, .name = (char *)"p", .ranges = {reversed, 1}},
        {.kind = RESOURCE_SET, .name = (char *)"d", .set = {twice, 2}},
        {.kind = RESOURCE_SET, .name = (char *)"d", .set = {empty, 1}},
        {.kind = RESOURCE_SET, .name = (char *)"d", .set = {members, 1}},
        {.kind = RESOURCE_KIND_MAX, .name = (char *)"x"},
        {.kind = RESOURCE_SCALAR, .name = NULL, .milli = 1},
        {.kind = RESOURCE_SCALAR, .name = (char *)"", .milli = 1},
        {.kind = RESOURCE_SCALAR, .name = name, .milli = 1},
        {.kind = RESOURCE_SCALAR, .name = (char *)"x", .role = (char *)"", .milli = 1},
        {.kind = RESOURCE_SCALAR, .name = (char *)"x", .role = (char *)"a b", .milli = 1},
        {.kind = RESOURCE_SCALAR, .name = (char *)"x", .milli = -1},
        {.kind = RESOURCE_SCALAR, .name = (char *)"x", .milli = INT64_MIN},
        {.kind = RESOURCE_SCALAR, .name = (char *)"x", .milli = RESOURCE_MILLI_MAX + 1},
    };
    CLEANUP(resources_fini) struct resources sum = {0};

    (void)state;
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    memset(member, 'x', sizeof(member) - 1);
    member[sizeof(member) - 1] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(portions); i++) {
        struct err err = {""};

        assert_true(resources_add_portion(&sum, &portions[i], &err) < 0);
        assert_true(strlen(err.text) > 10);
        assert_true(resources_are_empty(&sum));
    }
    name[RESOURCE_NAME_MAX] = '\0';
    assert_int_equal(resources_add_scalar(&sum, name, NULL, 1, NULL), 0);
}

/* --- limits ----------------------------------------------------------------------------------- */

static void sums_stop_at_the_largest_scalar(void **state)
{
    CLEANUP(resources_fini) struct resources sum = {0}, one = parse("cpus:0.001");
    struct err err;

    (void)state;
    assert_int_equal(resources_add_scalar(&sum, "cpus", "*", RESOURCE_MILLI_MAX - 1, &err), 0);
    assert_int_equal(resources_add(&sum, &one, &err), 0);
    assert_int_equal(resources_add(&sum, &one, &err), -ERANGE);
    assert_non_null(strstr(err.text, "cpus"));
    assert_true(resources_scalar(&sum, "cpus") == RESOURCE_MILLI_MAX);
    for (char role[] = "a"; role[0] <= 'h'; role[0]++)
        assert_int_equal(resources_add_scalar(&sum, "cpus", role, RESOURCE_MILLI_MAX, &err), 0);
    assert_true(resources_scalar(&sum, "cpus") == INT64_MAX);
}

static void portions_are_limited_in_number(void **state)
{
    CLEANUP(resources_fini) struct resources sum = {0}, copy = {0}, more = {0};
    char role[16];

    (void)state;
    for (int i = 0; i < RESOURCES_MAX; i++) {
        snprintf(role, sizeof(role), "r%d", (i * 7) % RESOURCES_MAX);
        assert_int_equal(resources_add_scalar(&sum, "cpus", role, 1000, NULL), 0);
    }
    resources_copy(&copy, &sum);
    assert_int_equal(resources_add_scalar(&sum, "cpus", "r5", 1000, NULL), 0);
    assert_int_equal(resources_add_scalar(&sum, "cpus", NULL, 1000, NULL), -ERANGE);
    more = parse("cpus(r1):1;mem:1");
    assert_int_equal(resources_add(&copy, &more, NULL), -ERANGE);
    assert_int_equal(resources_scalar(&copy, "cpus"), RESOURCES_MAX * 1000);
    assert_int_equal(resources_subtract(&sum, &copy, NULL), 0);
    assert_prints(&sum, "cpus(r5):1");
}

/* Every second number, `count` of them, from `first` on. */
static void add_every_second(struct resources *sum, uint64_t first, size_t count)
{
    CLEANUP(buf_fini) struct buf text = {0};
    CLEANUP(resources_fini) struct resources ids = {0};

    buf_puts(&text, "ids:[");
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "%s%llu", i ? "," : "", (unsigned long long)first + 2 * i);
    buf_puts(&text, "]");
    ids = parse(buf_text(&text));
    assert_int_equal(resources_add(sum, &ids, NULL), 0);
}

static void ranges_are_limited_in_number(void **state)
{
    CLEANUP(resources_fini) struct resources most = {0}, one = parse("ids:[900000]");
    CLEANUP(resources_fini) struct resources all = parse("ids:[0-1000000]");
    CLEANUP(resources_fini) struct resources gap = parse("ids:[1]");

    (void)state;
    add_every_second(&most, 0, RESOURCE_RANGES_MAX);
    assert_int_equal(resources_add(&most, &one, NULL), -ERANGE);
    assert_int_equal(resources_add(&most, &gap, NULL), 0); /* joins two */
    assert_int_equal(resources_add(&most, &one, NULL), 0);
    /* Taking them from the whole leaves one range between each two, and one behind the last. */
    assert_int_equal(resources_subtract(&all, &most, NULL), 0);
    assert_int_equal(resources_find(&all, "ids", NULL, false)->ranges.count, RESOURCE_RANGES_MAX);
    resources_fini(&one);
    one = parse("ids:[800000]");
    assert_int_equal(resources_subtract(&all, &one, NULL), -ERANGE);
    assert_true(resources_contain(&all, &one));
}

static void a_text_of_too_many_parts_is_refused(void **state)
{
    CLEANUP(buf_fini) struct buf portions = {0}, ranges = {0};
    CLEANUP(resources_fini) struct resources sum = {0};

    (void)state;
    for (int i = 0; i <= RESOURCES_MAX; i++)
        buf_puts(&portions, "cpus:1;");
    assert_int_equal(resources_parse(&sum, buf_text(&portions), NULL), -ERANGE);
    buf_puts(&ranges, "ports:[0");
    for (int i = 1; i <= RESOURCE_RANGES_MAX; i++)
        buf_printf(&ranges, ",%d", 2 * i);
    buf_puts(&ranges, "]");
    assert_int_equal(resources_parse(&sum, buf_text(&ranges), NULL), -ERANGE);
}

/* --- algebra by example ----------------------------------------------------------------------- */

static void what_is_lacking_is_said(void **state)
{
    CLEANUP(resources_fini)
    struct resources have = parse("cpus:1;ports:[1-5];disks:{a};mem(ads):9");
    CLEANUP(resources_fini)
    struct resources want = parse("cpus:1.5;ports:[4-7];disks:{a,b};mem(ads){REV}:9;gpus:1");
    struct err err;

    (void)state;
    assert_int_equal(resources_subtract(&have, &want, &err), -ERANGE);
    assert_string_equal(err.text,
                        "lacks 0.5 cpus, disks {b}, 1 gpus, 9 mem(ads){REV}, ports [6-7]");
    assert_prints(&have, "cpus:1;disks:{a};mem(ads):9;ports:[1-5]");
}

static void another_kind_is_never_contained(void **state)
{
    CLEANUP(resources_fini) struct resources number = parse("x:5");
    CLEANUP(resources_fini) struct resources ranges = parse("x:[1-5]");
    CLEANUP(resources_fini) struct resources common = {0};

    (void)state;
    assert_false(resources_contain(&number, &ranges));
    assert_int_equal(resources_subtract(&number, &ranges, NULL), -ERANGE);
    assert_int_equal(resources_add(&number, &ranges, NULL), -EINVAL);
    resources_intersect(&common, &number, &ranges);
    assert_true(resources_are_empty(&common));
    assert_false(resources_are_equal(&number, &ranges));
}

static void a_failed_addition_changes_nothing(void **state)
{
    CLEANUP(resources_fini) struct resources sum = parse("cpus:1;ports:[1-5]");
    CLEANUP(resources_fini) struct resources other = parse("cpus:1;disk:5;ports:[5-6]");

    (void)state;
    assert_int_equal(resources_add(&sum, &other, NULL), -EEXIST);
    assert_prints(&sum, "cpus:1;ports:[1-5]");
}

/* --- choosing --------------------------------------------------------------------------------- */

static void the_smallest_numbers_are_taken(void **state)
{
    CLEANUP(resources_fini)
    struct resources have = parse("ports:[31000-31001,31005-31009];ports(ads):[5-6];cpus:1");
    CLEANUP(resources_fini) struct resources taken = parse("mem:1");
    struct err err;

    (void)state;
    assert_int_equal(resources_take_numbers(&have, "ports", 3, &taken, &err), 0);
    assert_prints(&taken, "ports:[31000-31001, 31005-31005]");
    assert_int_equal(resources_take_numbers(&have, "ports", 9, &taken, &err), 0);
    assert_prints(&taken, "ports:[31000-31001, 31005-31009];ports(ads):[5-6]");
    assert_true(resources_contain(&have, &taken));
    assert_int_equal(resources_take_numbers(&have, "ports", 10, &taken, &err), -ERANGE);
    assert_string_equal(err.text, "lacks 1 of 10 ports");
    assert_int_equal(resources_take_numbers(&have, "cpus", 1, &taken, &err), -ERANGE);
    assert_prints(&taken, "ports:[31000-31001, 31005-31009];ports(ads):[5-6]");
    assert_int_equal(resources_take_numbers(&have, "ports", 0, &taken, &err), 0);
    assert_prints(&taken, "");
}

static void numbers_are_taken_from_the_widest_range(void **state)
{
    CLEANUP(resources_fini) struct resources all = parse("n:[0-18446744073709551615]");
    CLEANUP(resources_fini) struct resources taken = {0};

    (void)state;
    assert_int_equal(resources_take_numbers(&all, "n", 2, &taken, NULL), 0);
    assert_prints(&taken, "n:[0-1]");
    assert_int_equal(resources_take_numbers(&all, "n", SIZE_MAX, &taken, NULL), 0);
    assert_prints(&taken, "n:[0-18446744073709551614]");
}

static void a_request_is_served_from_its_role_first(void **state)
{
    static const struct {
        const char *have, *role, *want, *taken; /* taken NULL: refused */
    } cases[] = {
        {"cpus:4;cpus(ads):1", "ads", "cpus:2", "cpus:1;cpus(ads):1"},
        {"cpus:4;cpus(ads):1", "*", "cpus:2", "cpus:2"},
        {"cpus:4;cpus(ads):1", NULL, "cpus:2", "cpus:2"},
        {"cpus:4;cpus(ads):1", "ads", "cpus:0.5", "cpus(ads):0.5"},
        {"cpus:4;cpus(ads):1", "ads", "cpus:5.1", NULL},
        {"cpus:4;cpus(ads):1", "ads", "cpus:1;cpus(ads):1", "cpus:1;cpus(ads):1"},
        {"cpus:4;cpus(ads):1", NULL, "cpus(ads):1", "cpus(ads):1"},
        {"cpus:4;cpus(ads):1", NULL, "cpus(ads):2", NULL},
        {"cpus:4;cpus(eng):1", "ads", "cpus:5", NULL},
        {"cpus{REV}:4", "ads", "cpus:1", NULL},
        {"cpus{REV}:4", "ads", "cpus{REV}:1", "cpus{REV}:1"},
        {"ports:[1-9];ports(ads):[20-22]", "ads", "ports:[3,21]", "ports:[3-3];ports(ads):[21-21]"},
        {"ports:[1-9]", "ads", "ports:[9-10]", NULL},
        {"disks:{a};disks(ads):{b}", "ads", "disks:{a,b}", "disks:{a};disks(ads):{b}"},
        {"x:[1-5]", NULL, "x:1", NULL},
        {"cpus:1", NULL, "", ""},
        {"cpus:9;cpus(a):1;cpus(a dynamic by o):1;cpus(a/b):1", "a/b/c", "cpus:3.5",
         "cpus:0.5;cpus(a):1;cpus(a dynamic by o):1;cpus(a/b):1"},
        {"cpus(a):1;cpus(a/b):1", "a/b/c", "cpus:1", "cpus(a/b):1"},
        {"cpus(a/b):1", "a", "cpus:1", NULL},
        {"cpus(a dynamic {k=v}):1;cpus(a dynamic {k=w}):1", "b", "cpus(a):2",
         "cpus(a dynamic {k=v}):1;cpus(a dynamic {k=w}):1"},
        {"cpus(a dynamic {k=v}):1;cpus(a dynamic {k=w}):1", "a", "cpus(a dynamic {k=w}):1;cpus:1",
         "cpus(a dynamic {k=v}):1;cpus(a dynamic {k=w}):1"},
        {"cpus(a dynamic {k=v}):1", "a", "cpus(a dynamic):1", NULL},
        {"disk(a):1;disk(a)[v]:9", "a", "disk:1", "disk(a):1"},
        {"disk(a):1;disk(a)[v]:9", "a", "disk:2", NULL},
        {"disk(a):1;disk(a)[v]:9", "a", "disk(a)[v]:2;disk:1", "disk(a):1;disk(a)[v]:9"},
        {"disk(a dynamic)[v by o]:9", "a", "disk(a)[v]:9", "disk(a dynamic)[v by o]:9"},
        {"disk(a)[v]:9", "a", "disk(a)[v]:10", NULL},
        {"disk(a)[v]:9", "a", "disk(a)[w]:1", NULL},
        {"disk(b)[v]:9", "a", "disk(a)[v]:1", NULL},
        {"disk(a)[v shared x5]:9", "a", "disk(a)[v]:1", "disk(a)[v shared]:9"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(resources_fini) struct resources have = parse(cases[i].have);
        CLEANUP(resources_fini) struct resources want = parse(cases[i].want);
        CLEANUP(resources_fini) struct resources taken = parse("mem:7");
        struct err err = {""};
        int rc = resources_pick(&have, cases[i].role, &want, &taken, &err);

        assert_int_equal(rc, cases[i].taken ? 0 : -ERANGE);
        assert_prints(&taken, cases[i].taken ? cases[i].taken : "mem:7");
        assert_int_equal(!strncmp(err.text, "lacks ", 6), rc < 0);
        assert_prints(&have, cases[i].have);
    }
}

static void portions_are_found_by_their_key(void **state)
{
    CLEANUP(resources_fini) struct resources sum = parse("cpus:1;cpus(ads):2;cpus(ads){REV}:3");

    (void)state;
    assert_int_equal(resources_find(&sum, "cpus", NULL, false)->milli, 1000);
    assert_int_equal(resources_find(&sum, "cpus", "*", false)->milli, 1000);
    assert_int_equal(resources_find(&sum, "cpus", "ads", false)->milli, 2000);
    assert_int_equal(resources_find(&sum, "cpus", "ads", true)->milli, 3000);
    assert_null(resources_find(&sum, "cpus", NULL, true));
    assert_null(resources_find(&sum, "mem", NULL, false));
    assert_int_equal(resources_scalar(&sum, "cpus"), 6000);
    assert_int_equal(resources_scalar(&sum, "mem"), 0);
}

/* --- reservations and volumes ------------------------------------------------------------------ */

static void a_volume_is_taken_whole_or_not_at_all(void **state)
{
    CLEANUP(resources_fini) struct resources have = parse("disk(a):5;disk(a)[v]:10");
    CLEANUP(resources_fini) struct resources smaller = parse("disk(a)[v]:9");
    CLEANUP(resources_fini) struct resources same = parse("disk(a)[v]:10");
    CLEANUP(resources_fini) struct resources common = {0};

    (void)state;
    assert_false(resources_contain(&have, &smaller));
    assert_int_equal(resources_subtract(&have, &smaller, NULL), -ERANGE);
    resources_intersect(&common, &have, &smaller);
    assert_true(resources_are_empty(&common));
    assert_int_equal(resources_scalar(&have, "disk"), 15000);
    assert_int_equal(resources_add(&have, &same, NULL), -EEXIST);
    assert_int_equal(resources_subtract(&have, &same, NULL), 0);
    assert_prints(&have, "disk(a):5");
}

static void a_shared_volume_is_counted(void **state)
{
    CLEANUP(resources_fini) struct resources sum = parse("disk(a)[v shared]:10");
    CLEANUP(resources_fini) struct resources once = parse("disk(a)[v shared]:10");
    CLEANUP(resources_fini) struct resources thrice = parse("disk(a)[v shared x3]:10");

    (void)state;
    assert_int_equal(resources_add(&sum, &once, NULL), 0);
    assert_prints(&sum, "disk(a)[v shared x2]:10");
    assert_int_equal(resources_scalar(&sum, "disk"), 10000); /* there is only one */
    assert_false(resources_contain(&sum, &thrice));
    assert_int_equal(resources_subtract(&sum, &once, NULL), 0);
    assert_int_equal(resources_subtract(&sum, &once, NULL), 0);
    assert_true(resources_are_empty(&sum));
    resources_unshared(&sum, &thrice);
    assert_true(resources_are_empty(&sum));
    assert_true(resources_have_shared(&thrice));
}

static void a_reservation_goes_on_top_and_comes_off_again(void **state)
{
    static const struct label labels[] = {{(char *)"k", (char *)"v"}};
    const struct reserving db = {"eng/db", "ops", labels, 1};
    CLEANUP(resources_fini) struct resources from = parse("cpus(eng):2;ports:[1-3]");
    CLEANUP(resources_fini) struct resources made = {0}, back = {0};
    struct err err;

    (void)state;
    assert_int_equal(resources_reserve(&from, &db, &made, &err), 0);
    assert_prints(&made, "cpus(eng)(eng/db dynamic by ops {k=v}):2;"
                         "ports(eng/db dynamic by ops {k=v}):[1-3]");
    assert_int_equal(resources_unreserve(&made, &back, &err), 0);
    assert_true(resources_are_equal(&back, &from));
    assert_int_equal(resources_unreserve(&back, &made, &err), -EINVAL);
    assert_non_null(strstr(err.text, "static"));
    resources_strip(&made, &back);
    assert_prints(&back, "cpus:2;ports:[1-3]");
}

static void what_cannot_be_reserved_is_said(void **state)
{
    static const struct {
        const char *from, *role, *why;
    } cases[] = {
        {"cpus{REV}:1", "ads", "revocable"},
        {"cpus(ads):1", "eng", "a role below it"},
        {"cpus(ads):1", "ads", "a role below it"},
        {"cpus:1", "*", "role *"},
        {"cpus:1", "a//b", "empty part"},
        {"disk(ads)[v]:1", "ads/x", "destroy that first"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(resources_fini) struct resources from = parse(cases[i].from);
        CLEANUP(resources_fini) struct resources made = parse("mem:7");
        const struct reserving how = {.role = cases[i].role};
        struct err err = {""};

        assert_int_equal(resources_reserve(&from, &how, &made, &err), -EINVAL);
        if (!strstr(err.text, cases[i].why))
            fail_msg("\"%s\" does not say \"%s\"", err.text, cases[i].why);
        assert_prints(&made, "mem:7");
    }
}

static void reservations_cannot_be_stacked_without_end(void **state)
{
    CLEANUP(resources_fini) struct resources sum = parse("cpus:1");
    CLEANUP(buf_fini) struct buf role = {0};
    struct err err;

    (void)state;
    buf_puts(&role, "r");
    for (int i = 0; i < RESERVATIONS_MAX; i++) {
        const struct reserving how = {.role = buf_text(&role)};

        assert_int_equal(resources_reserve(&sum, &how, &sum, &err), 0);
        buf_puts(&role, "/r");
    }
    assert_int_equal(
        resources_reserve(&sum, &(struct reserving){.role = buf_text(&role)}, &sum, &err), -E2BIG);
}

static void volumes_are_made_of_reserved_disk(void **state)
{
    static const struct volume volume = {(char *)"v", (char *)"ops", false};
    static const struct {
        const char *from, *why; /* NULL: it can be made */
    } cases[] = {
        {"disk(ads):10", NULL},
        {"disk(ads dynamic by o):10", NULL},
        {"disk:10", "reserve it first"},
        {"cpus(ads):10", "only disk"},
        {"disk(ads)[w]:10", "destroy"},
        {"disk(ads):1;disk(eng):1", "one portion"},
        {"", "one portion"},
        {"disk(ads){REV}:1", "revocable"},
        {"ports(ads):[1-2]", "only disk"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(resources_fini) struct resources from = parse(cases[i].from);
        CLEANUP(resources_fini) struct resources made = {0}, back = {0};
        struct err err = {""};
        int rc = resources_make_volume(&from, &volume, &made, &err);

        assert_int_equal(rc, cases[i].why ? -EINVAL : 0);
        if (cases[i].why && !strstr(err.text, cases[i].why))
            fail_msg("\"%s\" does not say \"%s\"", err.text, cases[i].why);
        if (cases[i].why)
            continue;
        assert_string_equal(resource_volume(&made.items[0])->id, "v");
        assert_int_equal(resources_unmake_volumes(&made, &back, &err), 0);
        assert_true(resources_are_equal(&back, &from));
        assert_int_equal(resources_unmake_volumes(&back, &made, &err), -EINVAL);
    }
}

static void volumes_grow_and_shrink(void **state)
{
    CLEANUP(resources_fini) struct resources volume = parse("disk(ads dynamic)[v]:10");
    CLEANUP(resources_fini) struct resources shared = parse("disk(ads)[v shared]:10");
    CLEANUP(resources_fini) struct resources disk = {0}, changed = {0};
    struct err err;

    (void)state;
    assert_int_equal(resources_resize_volume(&volume, 5000, &changed, &disk, &err), 0);
    assert_prints(&changed, "disk(ads dynamic)[v]:15");
    assert_prints(&disk, "disk(ads dynamic):5");
    assert_int_equal(resources_resize_volume(&volume, -4000, &changed, &disk, &err), 0);
    assert_prints(&changed, "disk(ads dynamic)[v]:6");
    assert_prints(&disk, "disk(ads dynamic):4");
    assert_int_equal(resources_resize_volume(&volume, -10000, &changed, &disk, &err), -ERANGE);
    assert_int_equal(resources_resize_volume(&volume, INT64_MIN, &changed, &disk, &err), -ERANGE);
    assert_int_equal(resources_resize_volume(&volume, INT64_MAX, &changed, &disk, &err), -ERANGE);
    assert_int_equal(resources_resize_volume(&volume, 0, &changed, &disk, &err), -ERANGE);
    assert_int_equal(resources_resize_volume(&shared, 1000, &changed, &disk, &err), -EINVAL);
    assert_int_equal(resources_resize_volume(&disk, 1000, &changed, &disk, &err), -EINVAL);
    assert_prints(&changed, "disk(ads dynamic)[v]:6");
}

static void what_is_reserved_for_a_role_is_for_those_below_it(void **state)
{
    CLEANUP(resources_fini)
    struct resources all =
        parse("cpus:1;cpus(eng):2;cpus(eng)(eng/db dynamic):4;cpus(english):8;disk(eng)[v]:5");
    CLEANUP(resources_fini) struct resources part = {0};

    (void)state;
    resources_for_role(&part, &all, "eng/db");
    assert_prints(&part, "cpus:1;cpus(eng):2;cpus(eng)(eng/db dynamic):4;disk(eng)[v]:5");
    resources_for_role(&part, &all, "eng");
    assert_prints(&part, "cpus:1;cpus(eng):2;disk(eng)[v]:5");
    resources_for_role(&part, &all, "*");
    assert_prints(&part, "cpus:1");
    assert_true(role_is_within("eng/db", "eng") && role_is_within("eng", "eng"));
    assert_false(role_is_within("english", "eng") || role_is_within("eng", "eng/db"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_read_into_one_canonical_form),
        cmocka_unit_test(malformed_texts_are_refused_with_a_reason),
        cmocka_unit_test(roles_follow_the_rules),
        cmocka_unit_test(a_portion_in_disorder_is_put_in_order),
        cmocka_unit_test(a_bad_portion_is_refused),
        cmocka_unit_test(sums_stop_at_the_largest_scalar),
        cmocka_unit_test(portions_are_limited_in_number),
        cmocka_unit_test(ranges_are_limited_in_number),
        cmocka_unit_test(a_text_of_too_many_parts_is_refused),
        cmocka_unit_test(what_is_lacking_is_said),
        cmocka_unit_test(another_kind_is_never_contained),
        cmocka_unit_test(a_failed_addition_changes_nothing),
        cmocka_unit_test(the_smallest_numbers_are_taken),
        cmocka_unit_test(numbers_are_taken_from_the_widest_range),
        cmocka_unit_test(a_request_is_served_from_its_role_first),
        cmocka_unit_test(portions_are_found_by_their_key),
        cmocka_unit_test(a_volume_is_taken_whole_or_not_at_all),
        cmocka_unit_test(a_shared_volume_is_counted),
        cmocka_unit_test(a_reservation_goes_on_top_and_comes_off_again),
        cmocka_unit_test(what_cannot_be_reserved_is_said),
        cmocka_unit_test(reservations_cannot_be_stacked_without_end),
        cmocka_unit_test(volumes_are_made_of_reserved_disk),
        cmocka_unit_test(volumes_grow_and_shrink),
        cmocka_unit_test(what_is_reserved_for_a_role_is_for_those_below_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
