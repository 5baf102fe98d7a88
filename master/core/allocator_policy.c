/* master/core/allocator_policy.c - weights and quotas as they are set. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/units.h"
#include "master/core/allocator_order.h"

/* --- weights ----------------------------------------------------------------- */

int allocator_check_weight(const char *name, int64_t weight_milli, struct err *err)
{
    int r = role_check(name, err);

    if (r < 0)
        return r;
    if (weight_milli <= 0 || weight_milli > WEIGHT_MAX_MILLI)
        return err_set(err, -EINVAL,
                       "weight of role %.128s: expected a number above 0 and up to a million",
                       name);
    return 0;
}

int allocator_set_weight(struct allocator *self, const char *name, int64_t weight_milli,
                         struct err *err)
{
    struct role *role;
    int r = allocator_check_weight(name, weight_milli, err);

    if (r < 0)
        return r;
    role = role_get_or_add(self, name);
    role->weight_milli = weight_milli;
    role->node.inverse_weight = (double)WEIGHT_DEFAULT_MILLI / (double)weight_milli;
    role->node.share = node_share(self, &role->node);
    self->ops->rebuild(&role->node.parent->order);
    role_release(self, role);
    return 0;
}

/* --- quotas: as asked for ---------------------------------------------------- */

static int read_amounts(struct allocator *self, const struct quota_amount *amounts, size_t count,
                        const char *what, wide *ret_amounts, scalar_set *ret_set, struct err *err)
{
    *ret_set = 0;
    for (size_t i = 0; i < count; i++) {
        CLEANUP(resources_fini) struct resources probe = {0};
        const struct quota_amount *amount = &amounts[i];
        int r = resources_add_scalar(&probe, amount->name, NULL, amount->milli, err);
        unsigned number;

        if (r < 0)
            return err_wrap(err, r, "%s", what);
        number = scalar_get_or_add(self, amount->name);
        if (number == SCALARS_MAX)
            return err_set(err, -E2BIG, "%s %s: more than %d scalars are counted", what,
                           amount->name, SCALARS_MAX);
        if (*ret_set & SCALAR_BIT(number))
            return err_set(err, -EINVAL, "%s %s is given twice", what, amount->name);
        *ret_set |= SCALAR_BIT(number);
        ret_amounts[number] = amount->milli;
    }
    return 0;
}

/* What a role and those in it are guaranteed in all. */
static wide guaranteed(const struct role *role, unsigned number)
{
    wide own = 0, below = 0;
    struct node *node;

    if (role->quota && (role->quota->guaranteed & SCALAR_BIT(number)))
        own = role->quota->guarantee[number];
    DL_FOREACH (role->children, node)
        if (node->is_role)
            below += guaranteed(node_role(node), number);
    return own > below ? own : below;
}

/* No role is guaranteed more than its limit, from this role up. */
static int check_limits(const struct allocator *self, const struct role *role, struct err *err)
{
    for (; role; role = role->node.parent)
        for (unsigned number = 0; role->quota && number < self->names_count; number++) {
            if (!(role->quota->limited & SCALAR_BIT(number)) ||
                guaranteed(role, number) <= role->quota->limit[number])
                continue;
            return err_set(err, -EINVAL,
                           "role %.100s and those in it would be guaranteed more %.63s than its "
                           "limit: lower the guarantees or raise the limit",
                           role->name, self->names[number]);
        }
    return 0;
}

/* --- quotas: as they come into force ----------------------------------------- */

static void count_quota(struct allocator *self, const struct quota *quota, int sign)
{
    if (!quota)
        return;
    self->quotas_count += (size_t)sign;
    if (quota->guaranteed)
        self->guarantees_count += (size_t)sign;
}

/* The lists and sums follow from what lacked before. */
static void role_change_quota(struct allocator *self, struct role *role, struct quota *quota)
{
    struct quota *old = role->quota;
    wide before[SCALARS_MAX] = {0};

    for (unsigned number = 0; number < self->names_count; number++)
        before[number] = role_lack(role, number);
    count_quota(self, quota, 1);
    role->quota = quota;
    for (unsigned number = 0; number < self->names_count && self->guarantees_count; number++) {
        wide change = role_lack(role, number) - before[number];

        role_note_lacking(self, role, number);
        role_count(self, role->node.parent, number, 0, change);
    }
    count_quota(self, old, -1);
    free(old);
}

void quota_free(struct allocator *self, struct role *role)
{
    role_change_quota(self, role, NULL);
}

static int quota_read(struct allocator *self, const struct quota_request *request,
                      struct quota *ret_quota, struct err *err)
{
    int r = role_check(request->role, err);

    if (r == 0)
        r = read_amounts(self, request->guarantees, request->guarantees_count, "guarantee",
                         ret_quota->guarantee, &ret_quota->guaranteed, err);
    if (r == 0)
        r = read_amounts(self, request->limits, request->limits_count, "limit", ret_quota->limit,
                         &ret_quota->limited, err);
    return r < 0 ? err_wrap(err, r, "quota of role %.128s", request->role) : 0;
}

/* A guarantee that is raised must be among what the agents have. */
static int check_total(const struct allocator *self, const wide before[SCALARS_MAX],
                       struct err *err)
{
    for (unsigned number = 0; number < self->names_count; number++) {
        wide after = guaranteed(self->root, number);
        CLEANUP(buf_fini) struct buf text = {0};

        if (after <= before[number] || after <= self->total[number])
            continue;
        units_print_milli(to_milli(after), &text);
        buf_printf(&text, " %s would be guaranteed in all, and the agents have ",
                   self->names[number]);
        units_print_milli(to_milli(self->total[number]), &text);
        return err_set(err, -ENOSPC, "%s", buf_text(&text));
    }
    return 0;
}

/* A quota that a role would have. */
struct trial {
    const char *name; /* of the role */
    struct quota *quota, *old;
};

static void trials_free(struct trial *trials, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(trials[i].quota);
    free(trials);
}

static int trials_read(struct allocator *self, const struct quota_request *requests, size_t count,
                       struct trial *trials, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        int r;

        trials[i].name = requests[i].role;
        trials[i].quota = mem_new(struct quota);
        r = quota_read(self, &requests[i], trials[i].quota, err);
        if (r < 0)
            return r;
        for (size_t j = 0; j < i; j++)
            if (!strcmp(trials[j].name, trials[i].name))
                return err_set(err, -EINVAL, "role %.128s is there twice", trials[i].name);
    }
    return 0;
}

/* As if they had been set, and as it was. Some of the roles may exist for that time only, and go with
 * those below them. */
static void trials_begin(struct allocator *self, struct trial *trials, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct role *role = role_get_or_add(self, trials[i].name);

        trials[i].old = role->quota;
        role->quota = trials[i].quota;
    }
}

static void trials_end(struct allocator *self, const struct trial *trials, size_t count)
{
    for (size_t i = 0; i < count; i++)
        role_find(self, trials[i].name)->quota = trials[i].old;
}

static void trials_release(struct allocator *self, const struct trial *trials, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct role *role = role_find(self, trials[i].name);

        if (role)
            role_release(self, role);
    }
}

static int trials_check(struct allocator *self, struct trial *trials, size_t count, bool force,
                        struct err *err)
{
    wide before[SCALARS_MAX];
    int r = 0;

    for (unsigned number = 0; number < self->names_count; number++)
        before[number] = guaranteed(self->root, number);
    trials_begin(self, trials, count);
    for (size_t i = 0; i < count && r == 0; i++)
        r = check_limits(self, role_find(self, trials[i].name), err);
    if (r == 0 && !force)
        r = check_total(self, before, err);
    trials_end(self, trials, count);
    return r;
}

int allocator_check_quotas(struct allocator *self, const struct quota_request *quotas, size_t count,
                           bool force, struct err *err)
{
    struct trial *trials = mem_calloc(count, sizeof(*trials));
    int r = trials_read(self, quotas, count, trials, err);

    if (r == 0) {
        r = trials_check(self, trials, count, force, err);
        trials_release(self, trials, count);
    }
    trials_free(trials, count);
    return r;
}

static void trial_apply(struct allocator *self, struct trial *trial)
{
    struct role *role = role_find(self, trial->name);
    bool is_none = !trial->quota->guaranteed && !trial->quota->limited;

    role_change_quota(self, role, is_none ? NULL : TAKE(trial->quota));
    role->clipped = 0;
    node_recall(self, &role->node, SCALARS_ALL);
    self->must_rescind = true;
}

int allocator_set_quotas(struct allocator *self, const struct quota_request *quotas, size_t count,
                         struct err *err)
{
    struct trial *trials = mem_calloc(count, sizeof(*trials));
    int r = trials_read(self, quotas, count, trials, err);

    if (r == 0) {
        r = trials_check(self, trials, count, true, err);
        for (size_t i = 0; i < count && r == 0; i++)
            trial_apply(self, &trials[i]);
        trials_release(self, trials, count);
    }
    trials_free(trials, count);
    return r;
}

int allocator_set_quota(struct allocator *self, const struct quota_request *quota, struct err *err)
{
    return allocator_set_quotas(self, quota, 1, err);
}

bool allocator_has_quotas(const struct allocator *self)
{
    return self->quotas_count > 0;
}

const char *allocator_overcommitted(const struct allocator *self)
{
    for (unsigned number = 0; self->guarantees_count && number < self->names_count; number++)
        if (guaranteed(self->root, number) > self->total[number])
            return self->names[number];
    return NULL;
}
