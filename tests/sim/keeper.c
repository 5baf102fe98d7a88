/* tests/sim/keeper.c - what sets a keeper apart from other good frameworks: before it launches its jobs on
 * an offer it reserves, makes volumes, changes their size, destroys and unreserves, and expects to be told
 * what became of each operation to which it gave an id. When the bad time is over it only undoes.
 */
#include <stdio.h>
#include <string.h>

#include "framework-sdk/core/driver.h"
#include "proto/resources_info.h"
#include "tests/sim/world.h"

struct keeping {
    struct instance *instance;
    const struct held_offer *offer;
    struct resources *left;
    struct resources from, to; /* what the next operation does */
};

/* --- which -------------------------------------------------------------------------------------- */

typedef bool portion_test(const struct keeping *self, const struct resource *portion);

static bool is_mine(const struct keeping *self, const struct resource *portion)
{
    return portion->role && !strcmp(portion->role, self->offer->role);
}

static bool can_be_reserved(const struct keeping *self, const struct resource *portion)
{
    return !portion->revocable && !resource_volume(portion) && !is_mine(self, portion);
}

static bool is_reserved(const struct keeping *self, const struct resource *portion)
{
    return is_mine(self, portion) && portion->terms && !portion->terms->volume &&
           portion->terms->depth;
}

static bool can_be_a_volume(const struct keeping *self, const struct resource *portion)
{
    return is_mine(self, portion) && !strcmp(portion->name, "disk") && !resource_volume(portion);
}

static bool is_volume(const struct keeping *self, const struct resource *portion)
{
    return is_mine(self, portion) && resource_volume(portion);
}

static bool can_be_resized(const struct keeping *self, const struct resource *portion)
{
    return is_volume(self, portion) && !resource_is_shared(portion);
}

/* One of those that pass, perhaps only a part of it, in `from`. */
static bool pick(struct keeping *self, portion_test *test)
{
    struct sim *sim = self->instance->process.sim;
    const struct resource *chosen = NULL;
    unsigned seen = 0;

    for (size_t i = 0; i < self->left->count; i++)
        if (test(self, &self->left->items[i]) && sim_below(sim, ++seen) == 0)
            chosen = &self->left->items[i];
    if (!chosen || resources_add_portion(&self->from, chosen, NULL) < 0)
        return false;
    if (chosen->kind == RESOURCE_SCALAR && !resource_volume(chosen) && sim_chance(sim, 60))
        self->from.items[0].milli = 1 + (int64_t)sim_below(sim, (uint64_t)chosen->milli);
    return true;
}

/* --- the operations ------------------------------------------------------------------------------- */

static bool reserve(struct keeping *self, struct resource_change *change)
{
    static const struct label labels[] = {{(char *)"tier", (char *)"gold"}};
    const struct reserving how = {
        .role = self->offer->role,
        .principal = "keeper",
        .labels = labels,
        .labels_count = sim_below(self->instance->process.sim, 2),
    };

    (void)change;
    return pick(self, can_be_reserved) &&
           resources_reserve(&self->from, &how, &self->to, NULL) == 0;
}

static bool unreserve(struct keeping *self, struct resource_change *change)
{
    (void)change;
    return pick(self, is_reserved) && resources_unreserve(&self->from, &self->to, NULL) == 0;
}

static bool create(struct keeping *self, struct resource_change *change)
{
    struct sim_framework *framework = self->instance->framework;
    char id[32];
    const struct volume volume = {id, (char *)"keeper", sim_chance(framework->sim, 40)};

    (void)change;
    snprintf(id, sizeof(id), "v%zu-%u", framework->number, framework->volumes++);
    return pick(self, can_be_a_volume) &&
           resources_make_volume(&self->from, &volume, &self->to, NULL) == 0;
}

static bool destroy(struct keeping *self, struct resource_change *change)
{
    (void)change;
    return pick(self, is_volume) && resources_unmake_volumes(&self->from, &self->to, NULL) == 0;
}

static bool resize(struct keeping *self, struct resource_change *change, int64_t sign)
{
    struct resources *source = sign > 0 ? &self->from : &self->to;
    CLEANUP(resources_fini) struct resources disk = {0};

    if (!pick(self, can_be_resized))
        return false;
    change->amount = 1 + (int64_t)sim_below(self->instance->process.sim, 20000);
    return resources_resize_volume(&self->from, sign * change->amount, &self->to, &disk, NULL) ==
               0 &&
           resources_add(source, &disk, NULL) == 0;
}

static bool grow(struct keeping *self, struct resource_change *change)
{
    return resize(self, change, 1);
}

static bool shrink(struct keeping *self, struct resource_change *change)
{
    return resize(self, change, -1);
}

static const struct {
    enum operation_kind kind;
    bool (*make)(struct keeping *self, struct resource_change *change);
    bool names_result, undoes;
} kinds[] = {
    {OPERATION_RESERVE, reserve, true, false},   {OPERATION_UNRESERVE, unreserve, false, true},
    {OPERATION_CREATE, create, true, false},     {OPERATION_DESTROY, destroy, false, true},
    {OPERATION_GROW_VOLUME, grow, false, false}, {OPERATION_SHRINK_VOLUME, shrink, false, false},
};

/* A resize names the volume alone. */
static const struct resource_info *name(const struct keeping *self, bool names_result,
                                        size_t *ret_count)
{
    struct sim *sim = self->instance->process.sim;
    const struct resources *named = names_result ? &self->to : &self->from;
    struct resources volume = {0};

    for (size_t i = 0; i < named->count && named->count > 1; i++)
        if (resource_volume(&named->items[i]))
            volume = (struct resources){.items = &named->items[i], .count = 1};
    return resources_to_info(volume.count ? &volume : named, sim->arena, ret_count);
}

static struct open_operation *find_open(struct sim_framework *framework, const char *id)
{
    for (size_t i = 0; i < OPEN_OPERATIONS_MAX; i++)
        if (!strcmp(framework->open[i].id, id))
            return &framework->open[i];
    return NULL;
}

/* With an id, mostly. */
static const char *give_id(struct keeping *self)
{
    struct sim_framework *framework = self->instance->framework;
    struct open_operation *open = find_open(framework, "");

    if (!open || sim_chance(framework->sim, 20))
        return "";
    snprintf(open->id, sizeof(open->id), "o%zu-%u", framework->number, framework->operations++);
    snprintf(open->agent_id, sizeof(open->agent_id), "%s", self->offer->agent_id);
    return arena_strdup(framework->sim->arena, open->id);
}

static bool convert(struct keeping *self, struct operation_info *ret_operation)
{
    struct sim *sim = self->instance->process.sim;
    size_t which = sim_below(sim, ARRAY_SIZE(kinds));
    struct resource_change *change = arena_alloc(sim->arena, sizeof(*change));

    *change = (struct resource_change){.id = ""};
    if ((sim->phase != SIM_BAD_TIME && !kinds[which].undoes) || !kinds[which].make(self, change))
        return false;
    change->resources = name(self, kinds[which].names_result, &change->resources_count);
    /* Sometimes it is wrong: more than there is. */
    if (resources_exchange(self->left, &self->from, &self->to, NULL) < 0 && sim_chance(sim, 80))
        return false;
    change->id = give_id(self);
    *ret_operation = (struct operation_info){
        .kind = kinds[which].kind,
        .change = record_copy(&resource_change_def, change, sim->arena),
    };
    return true;
}

size_t keeper_convert(struct instance *instance, const struct held_offer *offer,
                      struct resources *left, struct operation_info *operations)
{
    size_t count = 0;

    if (sim_chance(instance->process.sim, 30))
        return 0;
    for (size_t i = 0; i < 3 * CONVERSIONS_MAX && count < CONVERSIONS_MAX; i++) {
        struct keeping keeping = {.instance = instance, .offer = offer, .left = left};

        count += convert(&keeping, &operations[count]);
        resources_fini(&keeping.from);
        resources_fini(&keeping.to);
    }
    return count;
}

/* --- what became of them -------------------------------------------------------------------------- */

void keeper_on_operation(struct instance *self, const struct operation_status *status)
{
    struct open_operation *open = find_open(self->framework, status->operation_id);

    if (!open || status->state == OPERATION_PENDING || status->state == OPERATION_UNREACHABLE)
        return;
    open->id[0] = '\0';
}

void keeper_ask(struct instance *self)
{
    for (size_t i = 0; i < OPEN_OPERATIONS_MAX; i++) {
        const struct open_operation *open = &self->framework->open[i];
        const struct operation_ref ref = {.operation_id = open->id, .agent_id = open->agent_id};

        if (*open->id && sim_chance(self->process.sim, 10))
            (void)driver_reconcile_operation(self->driver, &ref, NULL);
    }
}

bool keeper_is_done(const struct sim_framework *self)
{
    for (size_t i = 0; i < OPEN_OPERATIONS_MAX; i++)
        if (*self->open[i].id)
            return false;
    return true;
}
