/* The algebra of resources against a model so plain that it is easily believed: numbers, bits for
 * ports and set members, counts for volumes. Seeded: a failure repeats. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/portion.h"
#include "base/resources.h"
#include "base/rng.h"

#define CASES   3000
#define SCALARS 2
#define BITS    24
#define KEYS    9
#define VOLUMES 4

static const char *const scalar_names[SCALARS] = {"cpus", "mem"};

#define TEXT(text) ((char *)(text)) /* only read */

static struct label tier_gold[] = {{TEXT("tier"), TEXT("gold")}},
                    tier_iron[] = {{TEXT("tier"), TEXT("iron")}};
static struct reservation gold[] = {{TEXT("ads"), TEXT("ops"), tier_gold, 1, true}};
static struct reservation iron[] = {{TEXT("ads"), TEXT("ops"), tier_iron, 1, true}};
static struct reservation refined[] = {{.role = TEXT("eng")},
                                       {.role = TEXT("eng/db"), .is_dynamic = true}};
static struct resource_terms gold_terms = {gold, 1, NULL}, iron_terms = {iron, 1, NULL},
                             refined_terms = {refined, 2, NULL};

static const struct {
    const char *role;
    struct resource_terms *terms;
    bool revocable;
} keys[KEYS] = {
    {NULL, NULL, false},        {NULL, NULL, true},         {"ads", NULL, false},
    {"ads", NULL, true},        {"eng/db", NULL, false},    {"eng/db", NULL, true},
    {NULL, &gold_terms, false}, {NULL, &iron_terms, false}, {NULL, &refined_terms, false},
};

static struct volume sole = {TEXT("v"), NULL, false}, owned = {TEXT("w"), TEXT("ops"), false},
                     shared = {TEXT("s"), TEXT("ops"), true};
static struct resource_terms volume_terms[VOLUMES] = {
    {NULL, 0, &sole}, {gold, 1, &owned}, {refined, 2, &sole}, {gold, 1, &shared}};

struct model {
    int64_t scalars[SCALARS][KEYS];
    uint32_t ports[KEYS];
    uint32_t disks[KEYS];
    int64_t copies[VOLUMES]; /* 0: not there; of the last, which is shared, up to many */
    int64_t sizes[VOLUMES];
};

/* Half of all cases have their ports at the very end of the numbers, where sums could wrap. */
struct world {
    struct rng rng;
    uint64_t first_port;
};

/* --- from the model to resources -------------------------------------------------------------- */

static void add(struct resources *sum, const struct resource *portion)
{
    struct err err;

    if (resources_add_portion(sum, portion, &err) < 0)
        fail_msg("%s", err.text);
}

static void add_bits(struct world *world, struct resources *sum, int key, bool are_ports,
                     uint32_t bits)
{
    struct resource portion = {
        .role = (char *)keys[key].role, .terms = keys[key].terms, .revocable = keys[key].revocable};
    int start = (int)rng_below(&world->rng, BITS);
    struct range range;
    char member[16];
    char *members[1] = {member};

    /* One by one, from anywhere: joining and sorting is the algebra's work. */
    for (int i = 0; i < BITS; i++) {
        unsigned bit = (unsigned)(start + i * 7) % BITS;

        if (!(bits & UINT32_C(1) << bit))
            continue;
        if (are_ports) {
            portion.name = (char *)"ids"; /* ports are not that large */
            portion.kind = RESOURCE_RANGES;
            range = (struct range){world->first_port + bit, world->first_port + bit};
            portion.ranges = (struct ranges){&range, 1};
        } else {
            portion.name = (char *)"disks";
            portion.kind = RESOURCE_SET;
            snprintf(member, sizeof(member), "d%u", bit);
            portion.set = (struct string_set){members, 1};
        }
        add(sum, &portion);
    }
}

static void add_volumes(struct resources *sum, const struct model *model)
{
    for (int i = 0; i < VOLUMES; i++) {
        struct resource portion = {
            .name = (char *)"disk",
            .role = (char *)(volume_terms[i].depth ? NULL : "ads"),
            .terms = &volume_terms[i],
            .milli = model->sizes[i],
            .copies = model->copies[i],
        };

        if (model->copies[i])
            add(sum, &portion);
    }
}

static void build(struct world *world, const struct model *model, struct resources *ret_sum)
{
    struct resources sum = {0};

    for (int key = 0; key < KEYS; key++) {
        for (int i = 0; i < SCALARS; i++) {
            struct resource portion = {
                .name = (char *)scalar_names[i],
                .role = (char *)keys[key].role,
                .terms = keys[key].terms,
                .revocable = keys[key].revocable,
                .milli = model->scalars[i][key],
            };

            add(&sum, &portion);
        }
        add_bits(world, &sum, key, true, model->ports[key]);
        add_bits(world, &sum, key, false, model->disks[key]);
    }
    add_volumes(&sum, model);
    *ret_sum = sum;
}

/* Thinly filled, so that sums often succeed. */
static void draw(struct world *world, struct model *ret_model)
{
    struct rng *rng = &world->rng;
    struct model model = {0};
    unsigned thinness = (unsigned)rng_below(rng, 4);

    for (int key = 0; key < KEYS; key++) {
        for (int i = 0; i < SCALARS; i++)
            model.scalars[i][key] = rng_below(rng, 2) ? 0 : (int64_t)rng_below(rng, 8) * 125;
        model.ports[key] = model.disks[key] = (UINT32_C(1) << BITS) - 1;
        for (unsigned k = 0; k <= thinness; k++) {
            model.ports[key] &= (uint32_t)rng_next(rng);
            model.disks[key] &= (uint32_t)rng_next(rng);
        }
        if (rng_below(rng, 3) == 0)
            model.ports[key] = 0;
        if (rng_below(rng, 3) == 0)
            model.disks[key] = 0;
    }
    for (int i = 0; i < VOLUMES; i++) {
        model.copies[i] = (int64_t)rng_below(rng, i == VOLUMES - 1 ? 4 : 2);
        if (rng_below(rng, 3))
            model.copies[i] = 0;
        /* Mostly the same: it is one volume. */
        model.sizes[i] = rng_below(rng, 8) ? 1000 : 2000;
    }
    *ret_model = model;
}

/* --- the model's algebra ---------------------------------------------------------------------- */

static bool volumes_clash(const struct model *a, const struct model *b)
{
    for (int i = 0; i < VOLUMES; i++)
        if (a->copies[i] && b->copies[i] && (i < VOLUMES - 1 || a->sizes[i] != b->sizes[i]))
            return true;
    return false;
}

static bool model_add(struct model *a, const struct model *b)
{
    if (volumes_clash(a, b))
        return false;
    for (int key = 0; key < KEYS; key++)
        if (a->ports[key] & b->ports[key] || a->disks[key] & b->disks[key])
            return false;
    for (int key = 0; key < KEYS; key++) {
        for (int i = 0; i < SCALARS; i++)
            a->scalars[i][key] += b->scalars[i][key];
        a->ports[key] |= b->ports[key];
        a->disks[key] |= b->disks[key];
    }
    for (int i = 0; i < VOLUMES; i++) {
        if (!a->copies[i])
            a->sizes[i] = b->sizes[i];
        a->copies[i] += b->copies[i];
    }
    return true;
}

static bool model_subtract(struct model *a, const struct model *b)
{
    for (int key = 0; key < KEYS; key++) {
        for (int i = 0; i < SCALARS; i++)
            if (a->scalars[i][key] < b->scalars[i][key])
                return false;
        if (b->ports[key] & ~a->ports[key] || b->disks[key] & ~a->disks[key])
            return false;
    }
    for (int i = 0; i < VOLUMES; i++)
        if (b->copies[i] && (a->sizes[i] != b->sizes[i] || a->copies[i] < b->copies[i]))
            return false;
    for (int i = 0; i < VOLUMES; i++)
        a->copies[i] -= b->copies[i];
    for (int key = 0; key < KEYS; key++) {
        for (int i = 0; i < SCALARS; i++)
            a->scalars[i][key] -= b->scalars[i][key];
        a->ports[key] &= ~b->ports[key];
        a->disks[key] &= ~b->disks[key];
    }
    return true;
}

static void model_intersect(struct model *a, const struct model *b)
{
    for (int key = 0; key < KEYS; key++) {
        for (int i = 0; i < SCALARS; i++)
            if (b->scalars[i][key] < a->scalars[i][key])
                a->scalars[i][key] = b->scalars[i][key];
        a->ports[key] &= b->ports[key];
        a->disks[key] &= b->disks[key];
    }
    for (int i = 0; i < VOLUMES; i++)
        if (a->sizes[i] != b->sizes[i])
            a->copies[i] = 0;
        else if (b->copies[i] < a->copies[i])
            a->copies[i] = b->copies[i];
}

/* --- checks ----------------------------------------------------------------------------------- */

/* Canonical, as base/resources.h has it. */
static void assert_canonical(const struct resources *sum)
{
    for (size_t i = 0; i < sum->count; i++) {
        const struct resource *item = &sum->items[i];

        if (!item->terms)
            assert_ptr_equal(resources_find(sum, item->name, item->role, item->revocable), item);
        if (i > 0)
            assert_true(portion_compare_keys(&sum->items[i - 1], item) < 0);
        if (item->kind == RESOURCE_SCALAR)
            assert_true(item->milli > 0);
        if (item->kind == RESOURCE_RANGES)
            assert_true(item->ranges.count > 0);
        if (item->kind == RESOURCE_SET)
            assert_true(item->set.count > 0);
        for (size_t k = 1; item->kind == RESOURCE_RANGES && k < item->ranges.count; k++)
            assert_true(item->ranges.items[k].begin - 1 > item->ranges.items[k - 1].end);
        for (size_t k = 1; item->kind == RESOURCE_SET && k < item->set.count; k++)
            assert_true(strcmp(item->set.items[k - 1], item->set.items[k]) < 0);
    }
}

static void assert_same(const struct resources *a, const struct resources *b)
{
    if (!resources_are_equal(a, b)) {
        CLEANUP(buf_fini) struct buf x = {0}, y = {0};

        resources_print(a, &x);
        resources_print(b, &y);
        fail_msg("\n%s\n%s", buf_text(&x), buf_text(&y));
    }
}

static void assert_is(struct world *world, const struct resources *sum, const struct model *model)
{
    CLEANUP(resources_fini) struct resources wanted = {0};

    assert_canonical(sum);
    build(world, model, &wanted);
    assert_same(sum, &wanted);
}

struct sample {
    struct world world;
    struct model a_model, b_model;
    struct resources a, b;
};

static void sample_fini(struct sample *sample)
{
    resources_fini(&sample->a);
    resources_fini(&sample->b);
}

static void sample_init(struct sample *sample, int number)
{
    struct world *world = &sample->world;

    *sample = (struct sample){.world.rng = {(uint64_t)number}};
    world->first_port = number % 2 ? UINT64_MAX - BITS + 1 : 31000;
    draw(world, &sample->a_model);
    draw(world, &sample->b_model);
    if (number % 5 == 0) /* a part of a, else subtracting would hardly ever succeed */
        model_intersect(&sample->b_model, &sample->a_model);
    build(world, &sample->a_model, &sample->a);
    build(world, &sample->b_model, &sample->b);
}

/* --- properties ------------------------------------------------------------------------------- */

static void what_is_printed_reads_as_it_was(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++) {
        CLEANUP(sample_fini) struct sample sample;
        CLEANUP(resources_fini) struct resources again = {0};
        CLEANUP(buf_fini) struct buf text = {0}, text_again = {0};

        sample_init(&sample, i);
        resources_print(&sample.a, &text);
        assert_int_equal(resources_parse(&again, buf_text(&text), NULL), 0);
        assert_same(&again, &sample.a);
        resources_print(&again, &text_again);
        assert_string_equal(buf_text(&text), buf_text(&text_again));
    }
}

static void adding_agrees_with_the_model(void **state)
{
    int successes = 0;

    (void)state;
    for (int i = 0; i < CASES; i++) {
        CLEANUP(sample_fini) struct sample sample;
        CLEANUP(resources_fini) struct resources swapped = {0};
        int rc;

        sample_init(&sample, i);
        resources_copy(&swapped, &sample.b);
        rc = resources_add(&sample.a, &sample.b, NULL);
        assert_int_equal(rc == 0, model_add(&sample.a_model, &sample.b_model));
        assert_true(rc == 0 || rc == -EEXIST || rc == -EINVAL);
        assert_is(&sample.world, &sample.a, &sample.a_model); /* untouched on failure */
        if (rc < 0)
            continue;
        successes++;
        /* (a + b) - b == a, and b + a == a + b */
        assert_int_equal(resources_subtract(&sample.a, &sample.b, NULL), 0);
        assert_int_equal(resources_add(&swapped, &sample.a, NULL), 0);
        assert_is(&sample.world, &swapped, &sample.a_model);
        assert_true(model_subtract(&sample.a_model, &sample.b_model));
        assert_is(&sample.world, &sample.a, &sample.a_model);
    }
    assert_true(successes > CASES / 20);
}

static void adding_is_associative(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++) {
        CLEANUP(sample_fini) struct sample sample;
        CLEANUP(resources_fini) struct resources c = {0}, left = {0}, right = {0};
        struct model c_model;
        bool left_fails, right_fails;

        sample_init(&sample, i);
        draw(&sample.world, &c_model);
        build(&sample.world, &c_model, &c);
        resources_copy(&left, &sample.a);
        left_fails =
            resources_add(&left, &sample.b, NULL) < 0 || resources_add(&left, &c, NULL) < 0;
        resources_copy(&right, &sample.b);
        right_fails =
            resources_add(&right, &c, NULL) < 0 || resources_add(&right, &sample.a, NULL) < 0;
        assert_int_equal(left_fails, right_fails);
        if (!left_fails)
            assert_same(&left, &right);
    }
}

static void subtracting_agrees_with_the_model_and_with_containing(void **state)
{
    int successes = 0;

    (void)state;
    for (int i = 0; i < CASES; i++) {
        CLEANUP(sample_fini) struct sample sample;
        CLEANUP(buf_fini) struct buf lack = {0};
        bool is_contained;
        int rc;

        sample_init(&sample, i);
        is_contained = resources_contain(&sample.a, &sample.b);
        resources_describe_lack(&sample.a, &sample.b, &lack);
        assert_int_equal(lack.size == 0, is_contained);
        rc = resources_subtract(&sample.a, &sample.b, NULL);
        assert_int_equal(rc, is_contained ? 0 : -ERANGE);
        assert_int_equal(model_subtract(&sample.a_model, &sample.b_model), is_contained);
        assert_is(&sample.world, &sample.a, &sample.a_model);
        successes += is_contained;
    }
    assert_true(successes > CASES / 10);
}

static void the_intersection_is_the_largest_common_part(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++) {
        CLEANUP(sample_fini) struct sample sample;
        CLEANUP(resources_fini) struct resources common = {0}, swapped = {0}, other = {0};

        sample_init(&sample, i);
        resources_intersect(&common, &sample.a, &sample.b);
        resources_intersect(&swapped, &sample.b, &sample.a);
        assert_same(&common, &swapped);
        assert_true(resources_contain(&sample.a, &common));
        assert_true(resources_contain(&sample.b, &common));
        model_intersect(&sample.a_model, &sample.b_model);
        assert_is(&sample.world, &common, &sample.a_model);
        /* The rests have nothing in common with each other. */
        assert_int_equal(resources_subtract(&sample.a, &common, NULL), 0);
        assert_int_equal(resources_subtract(&sample.b, &common, NULL), 0);
        resources_intersect(&other, &sample.a, &sample.b);
        assert_true(resources_are_empty(&other));
    }
}

static void an_operand_may_be_the_target(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++) {
        CLEANUP(sample_fini) struct sample sample;

        sample_init(&sample, i);
        resources_copy(&sample.a, &sample.a);
        resources_intersect(&sample.a, &sample.a, &sample.a);
        assert_is(&sample.world, &sample.a, &sample.a_model);
        resources_add(&sample.a, &sample.a, NULL);
        model_add(&sample.a_model, &sample.a_model);
        assert_is(&sample.world, &sample.a, &sample.a_model);
        assert_int_equal(resources_subtract(&sample.a, &sample.a, NULL), 0);
        assert_true(resources_are_empty(&sample.a));
    }
}

static void roles_part_a_sum_without_rest(void **state)
{
    static const char *const roles[] = {"*", "ads", "eng/db"};

    (void)state;
    for (int i = 0; i < CASES; i++) {
        CLEANUP(sample_fini) struct sample sample;
        CLEANUP(resources_fini) struct resources sum = {0}, seen = {0}, own = {0};

        sample_init(&sample, i);
        for (size_t k = 0; k < ARRAY_SIZE(roles); k++) {
            CLEANUP(resources_fini) struct resources part = {0};

            resources_of_role(&part, &sample.a, roles[k]);
            assert_int_equal(resources_add(&sum, &part, NULL), 0);
        }
        assert_same(&sum, &sample.a);
        resources_for_role(&seen, &sample.a, "ads");
        resources_of_role(&own, &sample.a, "eng/db");
        assert_int_equal(resources_add(&seen, &own, NULL), 0);
        assert_same(&seen, &sample.a);
    }
}

/* What is asked for without a role is served by a role's portions and the unreserved ones together.
 */
static void picking_serves_exactly_what_is_asked(void **state)
{
    int successes = 0;

    (void)state;
    for (int i = 0; i < CASES; i++) {
        CLEANUP(sample_fini) struct sample sample;
        CLEANUP(resources_fini) struct resources taken = {0};
        struct model want = {0}, served = {0};
        int rc, key;

        sample_init(&sample, i);
        for (key = 0; key < 2; key++) {
            for (int k = 0; k < SCALARS; k++)
                want.scalars[k][key] = sample.b_model.scalars[k][key];
            want.ports[key] = sample.b_model.ports[key] & 0xff;
            want.disks[key] = sample.b_model.disks[key] & 0xf;
        }
        resources_fini(&sample.b);
        build(&sample.world, &want, &sample.b);
        for (key = 0; key < 2; key++) {
            for (int k = 0; k < SCALARS; k++)
                served.scalars[k][key] =
                    sample.a_model.scalars[k][key] + sample.a_model.scalars[k][key + 2];
            served.ports[key] = sample.a_model.ports[key] | sample.a_model.ports[key + 2];
            served.disks[key] = sample.a_model.disks[key] | sample.a_model.disks[key + 2];
        }
        for (int dynamic = 6; dynamic < 8; dynamic++) { /* of ads, too, with labels */
            for (int k = 0; k < SCALARS; k++)
                served.scalars[k][0] += sample.a_model.scalars[k][dynamic];
            served.ports[0] |= sample.a_model.ports[dynamic];
            served.disks[0] |= sample.a_model.disks[dynamic];
        }
        rc = resources_pick(&sample.a, "ads", &sample.b, &taken, NULL);
        assert_int_equal(rc, model_subtract(&served, &want) ? 0 : -ERANGE);
        if (rc < 0) {
            assert_true(resources_are_empty(&taken));
            continue;
        }
        successes++;
        assert_true(resources_contain(&sample.a, &taken));
        for (int k = 0; k < SCALARS; k++)
            assert_int_equal(resources_scalar(&taken, scalar_names[k]),
                             resources_scalar(&sample.b, scalar_names[k]));
    }
    assert_true(successes > CASES / 20);
}

/* What is not revocable: only that can be reserved. */
static void draw_reservable(struct sample *sample, struct resources *ret)
{
    struct model model = sample->a_model;

    memset(model.copies, 0, sizeof(model.copies));
    for (int key = 0; key < KEYS; key++)
        if (keys[key].revocable || key > 4) /* `ads` and `eng/db` have roles below them */
            model.ports[key] = model.disks[key] = 0;
    for (int i = 0; i < SCALARS; i++)
        model.scalars[i][1] = model.scalars[i][3] = model.scalars[i][5] = 0;
    for (int i = 0; i < SCALARS; i++)
        model.scalars[i][6] = model.scalars[i][7] = model.scalars[i][8] = 0;
    build(&sample->world, &model, ret);
}

static void what_is_reserved_can_be_unreserved(void **state)
{
    static const struct label labels[] = {{TEXT("b"), TEXT("2")}, {TEXT("a"), TEXT("1")}};

    (void)state;
    for (int i = 0; i < CASES; i++) {
        CLEANUP(sample_fini) struct sample sample;
        CLEANUP(resources_fini) struct resources all = {0}, part = {0}, reserved = {0}, back = {0};
        CLEANUP(resources_fini) struct resources plain = {0}, plain_reserved = {0};
        const struct reserving how = {"ads/web", "ops", labels, 2};

        sample_init(&sample, i);
        draw_reservable(&sample, &all);
        resources_for_role(&part, &all, "ads");
        assert_int_equal(resources_reserve(&part, &how, &reserved, NULL), 0);
        assert_canonical(&reserved);
        resources_strip(&part, &plain);
        resources_strip(&reserved, &plain_reserved);
        assert_same(&plain_reserved, &plain);
        assert_int_equal(resources_unreserve(&reserved, &back, NULL), 0);
        assert_same(&back, &part);
        assert_int_equal(resources_exchange(&all, &part, &reserved, NULL), 0);
        assert_true(resources_contain(&all, &reserved));
        assert_int_equal(resources_exchange(&all, &reserved, &part, NULL), 0);
        assert_true(resources_contain(&all, &part));
        assert_int_equal(resources_undo(&reserved, &back, NULL), 0);
        assert_same(&back, &part);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_printed_reads_as_it_was),
        cmocka_unit_test(adding_agrees_with_the_model),
        cmocka_unit_test(adding_is_associative),
        cmocka_unit_test(subtracting_agrees_with_the_model_and_with_containing),
        cmocka_unit_test(the_intersection_is_the_largest_common_part),
        cmocka_unit_test(an_operand_may_be_the_target),
        cmocka_unit_test(roles_part_a_sum_without_rest),
        cmocka_unit_test(picking_serves_exactly_what_is_asked),
        cmocka_unit_test(what_is_reserved_can_be_unreserved),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
