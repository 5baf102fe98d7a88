/* master/core/errand_room.c - what stands in an operator's way: offers, which go, and tasks, which do not. */
#include <errno.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/units.h"
#include "master/core/errands.h"
#include "master/core/offers.h"

void errand_idle(const struct agent *agent, struct resources *ret)
{
    const struct offer *offer;

    resources_copy(ret, &agent->free);
    for (offer = agent->offers; offer; offer = offer->agent_next) {
        CLEANUP(resources_fini) struct resources part = {0};

        if (offer->is_shown) /* it takes nothing from what is free */
            continue;
        resources_unshared(&part, &offer->resources);
        BUG_ON(resources_add(ret, &part, NULL) < 0);
    }
}

/* --- saying who has it ------------------------------------------------------- */

/* How much the sum has under the key of that portion, a scalar. */
static int64_t amount_of(const struct resources *sum, const struct resource *portion)
{
    struct resource most = *portion; /* borrowed */
    const struct resources one = {.items = &most, .count = 1};
    CLEANUP(resources_fini) struct resources both = {0};

    most.milli = RESOURCE_MILLI_MAX;
    resources_intersect(&both, sum, &one);
    return both.count ? both.items[0].milli : 0;
}

/* "cpus that are reserved for ads", "ports [31000-31001]", "volume db of role ads" */
static void print_thing(const struct resource *portion, struct buf *out)
{
    const struct volume *volume = resource_volume(portion);

    if (volume) {
        buf_printf(out, "volume %.64s of role %.64s", volume->id, resource_role(portion));
        return;
    }
    buf_puts(out, portion->name);
    if (portion->kind != RESOURCE_SCALAR) {
        buf_puts(out, " ");
        resource_print_value(portion, out);
    }
    if (portion->revocable)
        buf_puts(out, " that may be revoked");
    if (portion->role)
        buf_printf(out, " reserved for %.64s", portion->role);
}

/* The task that has the most of it, and how many others have some. */
static const struct task *find_user(const struct agent *agent, const struct resource *portion,
                                    int64_t *ret_milli, size_t *ret_others)
{
    const struct resources one = {.items = (struct resource *)portion, .count = 1};
    const struct task *found = NULL, *task;
    size_t count = 0;

    *ret_milli = 0;
    DL_FOREACH (agent->tasks, task) {
        CLEANUP(resources_fini) struct resources both = {0};
        int64_t milli = 1;

        resources_intersect(&both, &task->resources, &one);
        if (!task->is_holding || resources_are_empty(&both))
            continue;
        if (portion->kind == RESOURCE_SCALAR && !resource_volume(portion))
            milli = amount_of(&task->resources, portion);
        if (milli > *ret_milli) {
            found = task;
            *ret_milli = milli;
        }
        count++;
    }
    *ret_others = count - (found != NULL);
    return found;
}

static void print_user(const struct agent *agent, const struct resource *portion, struct buf *out)
{
    int64_t milli;
    size_t others;
    const struct task *task = find_user(agent, portion, &milli, &others);

    if (!task)
        return;
    buf_puts(out, resource_volume(portion) ? " is" : "; ");
    if (!resource_volume(portion) && portion->kind == RESOURCE_SCALAR)
        units_print_milli(milli, out);
    else if (!resource_volume(portion))
        buf_puts(out, "some");
    if (!resource_volume(portion))
        buf_puts(out, portion->kind == RESOURCE_SCALAR && milli == 1000 ? " is" : " are");
    buf_printf(out, " used by task %.60s of framework %.60s", task->id,
               task->subscription->framework->id);
    if (others)
        buf_printf(out, ", and more by %zu others", others);
}

/* "agent a7 has 2 of 4 cpus free; 2 are used by task t3 of framework f1" */
static int describe_blocker(const struct agent *agent, const struct resources *idle,
                            const struct resource *portion, struct err *err)
{
    const struct resources one = {.items = (struct resource *)portion, .count = 1};
    CLEANUP(buf_fini) struct buf text = {0};
    bool is_amount = portion->kind == RESOURCE_SCALAR && !resource_volume(portion);

    if (!resources_contain(&agent->total, &one)) {
        buf_puts(&text, " has ");
        if (is_amount)
            units_print_milli(amount_of(&agent->total, portion), &text);
        buf_puts(&text, is_amount ? " " : "not all of ");
        print_thing(portion, &text);
        if (is_amount) {
            buf_puts(&text, " in all; asked for are ");
            units_print_milli(portion->milli, &text);
        }
    } else if (is_amount) {
        buf_puts(&text, " has ");
        units_print_milli(amount_of(idle, portion), &text);
        buf_puts(&text, " of ");
        units_print_milli(amount_of(&agent->total, portion), &text);
        buf_puts(&text, " ");
        print_thing(portion, &text);
        buf_puts(&text, " free");
        print_user(agent, portion, &text);
    } else {
        buf_puts(&text, ": ");
        print_thing(portion, &text);
        print_user(agent, portion, &text);
    }
    return err_set(err, -ERANGE, "agent %.64s%s", agent->id, buf_text(&text));
}

static int describe_blockers(const struct agent *agent, const struct resources *idle,
                             const struct resources *wanted, struct err *err)
{
    for (size_t i = 0; i < wanted->count; i++) {
        const struct resources one = {.items = &wanted->items[i], .count = 1};

        if (!resources_contain(idle, &one))
            return describe_blocker(agent, idle, &wanted->items[i], err);
    }
    BUG_ON(true);
    return -ERANGE;
}

/* --- making room ------------------------------------------------------------- */

/* The first offer that holds some of what is not free. Optimistic ones hold nothing: they become smaller. */
static struct offer *find_offer(const struct agent *agent, const struct resources *wanted)
{
    CLEANUP(resources_fini) struct resources free = {0}, lack = {0};
    struct offer *offer;

    resources_intersect(&free, &agent->free, wanted);
    resources_copy(&lack, wanted);
    BUG_ON(resources_subtract(&lack, &free, NULL) < 0);
    for (offer = agent->offers; offer; offer = offer->agent_next) {
        CLEANUP(resources_fini) struct resources both = {0};

        resources_intersect(&both, &offer->resources, &lack);
        if (!offer->is_shown && !resources_are_empty(&both))
            return offer;
    }
    return NULL;
}

int errand_make_room(struct master *master, struct agent *agent, const struct resources *wanted,
                     struct err *err)
{
    CLEANUP(resources_fini) struct resources idle = {0};

    errand_idle(agent, &idle);
    if (!resources_contain(&idle, wanted))
        return describe_blockers(agent, &idle, wanted, err);
    while (!resources_contain(&agent->free, wanted)) {
        struct offer *offer = find_offer(agent, wanted);

        BUG_ON(!offer);
        offer_remove(master, offer, OFFER_RESCINDED, "an operator needs what was offered");
    }
    return 0;
}
