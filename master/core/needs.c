/* master/core/needs.c - what a framework needs, and what an agent has for it. */
#include "master/core/needs.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/printable.h"
#include "base/units.h"
#include "master/core/changes.h"
#include "master/core/frameworks.h"
#include "master/core/gangs.h"
#include "master/core/log.h"
#include "master/core/offers.h"
#include "master/core/preempt.h"

#define UNITS_MAX INT64_C(1000000000)
#define PARTS     16 /* of an agent, that one without end gets at a time */

/* --- constraints ----------------------------------------------------------------------- */

/* `*` is any text, `?` any one byte. Each star is tried from where the last one matched: linear but for
 * one going back, so that no pattern takes long. */
static bool glob_matches(const char *pattern, const char *text)
{
    const char *star = NULL, *from = NULL;

    while (*text) {
        if (*pattern == '*') {
            star = ++pattern;
            from = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            text = ++from;
        } else {
            return false;
        }
    }
    return pattern[strspn(pattern, "*")] == '\0';
}

static void print_attribute(const struct attribute_info *attribute, struct buf *out)
{
    if (attribute->kind == VALUE_SCALAR) {
        units_print_milli(attribute->scalar, out);
        return;
    }
    if (attribute->kind != VALUE_RANGES) {
        buf_puts(out, attribute->text);
        return;
    }
    buf_puts(out, "[");
    for (size_t i = 0; i < attribute->ranges_count; i++)
        buf_printf(out, "%s%" PRId64 "-%" PRId64, i ? ", " : "", attribute->ranges[i].begin,
                   attribute->ranges[i].end);
    buf_puts(out, "]");
}

static bool value_agrees(const struct constraint_info *constraint, const char *value)
{
    if (constraint->kind == CONSTRAINT_MATCHES || constraint->kind == CONSTRAINT_NOT_MATCHES)
        return glob_matches(constraint->value, value);
    if (constraint->kind == CONSTRAINT_EQUALS || constraint->kind == CONSTRAINT_NOT_EQUALS)
        return !strcmp(constraint->value, value);
    return true;
}

/* Does any attribute of that name have such a value? */
static bool any_agrees(const struct constraint_info *constraint, const struct agent *agent)
{
    const struct agent_info *info = agent->info;

    if (!strcmp(constraint->attribute, "hostname") && value_agrees(constraint, info->hostname))
        return true;
    for (size_t i = 0; i < info->attributes_count; i++) {
        CLEANUP(buf_fini) struct buf value = {0};

        if (strcmp(info->attributes[i].name, constraint->attribute) != 0)
            continue;
        if (info->attributes[i].kind == VALUE_TEXT) {
            if (value_agrees(constraint, info->attributes[i].text))
                return true;
            continue;
        }
        print_attribute(&info->attributes[i], &value);
        if (value_agrees(constraint, buf_text(&value)))
            return true;
    }
    return false;
}

static bool is_negated(enum constraint_kind kind)
{
    return kind == CONSTRAINT_NOT_EXISTS || kind == CONSTRAINT_NOT_EQUALS ||
           kind == CONSTRAINT_NOT_MATCHES;
}

const struct constraint_info *need_violated(const struct need *need, const struct agent *agent)
{
    for (size_t i = 0; i < need->info->constraints_count; i++) {
        const struct constraint_info *constraint = &need->info->constraints[i];

        if (any_agrees(constraint, agent) == is_negated(constraint->kind))
            return constraint;
    }
    return NULL;
}

/* --- fitting ----------------------------------------------------------------------------- */

int64_t need_amount(const struct resources *available, const char *name)
{
    int64_t sum = 0;

    for (size_t i = 0; i < available->count; i++) {
        const struct resource *item = &available->items[i];

        if (item->revocable || resource_volume(item) || strcmp(item->name, name) != 0)
            continue;
        if (item->kind == RESOURCE_SCALAR && __builtin_add_overflow(sum, item->milli, &sum))
            return RESOURCE_MILLI_MAX;
        for (size_t j = 0; item->kind == RESOURCE_RANGES && j < item->ranges.count; j++) {
            uint64_t numbers = item->ranges.items[j].end - item->ranges.items[j].begin;

            sum += numbers < RESOURCE_RANGES_MAX ? ((int64_t)numbers + 1) * 1000
                                                 : (int64_t)RESOURCE_RANGES_MAX * 1000;
        }
    }
    return sum < RESOURCE_MILLI_MAX ? sum : RESOURCE_MILLI_MAX;
}

static bool is_ranges(const struct resources *available, const char *name)
{
    for (size_t i = 0; i < available->count; i++)
        if (!strcmp(available->items[i].name, name))
            return available->items[i].kind == RESOURCE_RANGES;
    return false;
}

static const struct resource_info *find_amount(const struct resource_info *amounts, size_t count,
                                               const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(amounts[i].name, name))
            return &amounts[i];
    return NULL;
}

/* Take this much of one name: what is reserved, which stands last, first. Volumes serve no need. */
static int take(const struct resources *available, const char *name, int64_t milli,
                struct resources *sum)
{
    CLEANUP(resources_fini) struct resources part = {0};

    if (is_ranges(available, name)) {
        int r = resources_take_numbers(available, name, (size_t)(milli / 1000), &part, NULL);

        return r < 0 ? r : resources_add(sum, &part, NULL);
    }
    for (size_t i = available->count; i-- > 0 && milli > 0;) {
        struct resource some = available->items[i]; /* borrowed */
        int r;

        if (some.kind != RESOURCE_SCALAR || some.revocable || resource_volume(&some) ||
            strcmp(some.name, name) != 0)
            continue;
        if (some.milli > milli)
            some.milli = milli;
        r = resources_add_portion(sum, &some, NULL);
        if (r < 0)
            return r;
        milli -= some.milli;
    }
    return 0;
}

static int64_t least_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t units_that_fit(const struct need_info *info, const struct resources *available,
                              int64_t most)
{
    for (size_t i = 0; i < info->minimum_count && most > 0; i++)
        if (info->minimum[i].scalar > 0)
            most = least_of(most, need_amount(available, info->minimum[i].name) /
                                      info->minimum[i].scalar);
    return most;
}

static int64_t times(int64_t each, int64_t units)
{
    int64_t product;

    return __builtin_mul_overflow(each, units, &product) ? RESOURCE_MILLI_MAX : product;
}

/* Of each scalar: what is wanted for so many units, if there is as much; at least the minimum. */
static int take_units(const struct need_info *info, const struct resources *available,
                      int64_t units, struct resources *sum)
{
    int r = 0;

    for (size_t i = 0; i < info->minimum_count && r == 0; i++) {
        const char *name = info->minimum[i].name;
        const struct resource_info *wanted = find_amount(info->wanted, info->wanted_count, name);
        int64_t each = wanted && wanted->scalar > info->minimum[i].scalar ? wanted->scalar
                                                                          : info->minimum[i].scalar;

        r = take(available, name, least_of(need_amount(available, name), times(each, units)), sum);
    }
    for (size_t i = 0; i < info->wanted_count && r == 0; i++) {
        const struct resource_info *wanted = &info->wanted[i];

        if (!find_amount(info->minimum, info->minimum_count, wanted->name))
            r = take(available, wanted->name,
                     least_of(need_amount(available, wanted->name), times(wanted->scalar, units)),
                     sum);
    }
    return r;
}

int64_t need_count(const struct need *need, const struct resources *available, int64_t most)
{
    return units_that_fit(need->info, available, most);
}

int64_t need_units(const struct need *need, const struct agent *agent,
                   const struct resources *available)
{
    int64_t fit = units_that_fit(need->info, available, need->left);

    return fit > 0 && !need_violated(need, agent) ? fit : 0;
}

int64_t need_fit(const struct need *need, const struct agent *agent,
                 const struct resources *available, struct resources *ret_resources)
{
    CLEANUP(resources_fini) struct resources sum = {0};
    int64_t fit = need_units(need, agent, available);
    int64_t units = need->info->count ? fit : fit / PARTS + (fit % PARTS > 0);

    if (units <= 0 || take_units(need->info, available, units, &sum) < 0 ||
        resources_are_empty(&sum))
        return 0;
    resources_swap(ret_resources, &sum);
    return units;
}

int need_take(const struct need *need, const struct resources *available, int64_t units,
              struct resources *ret_resources)
{
    CLEANUP(resources_fini) struct resources sum = {0};
    int r = take_units(need->info, available, units, &sum);

    if (r == 0)
        resources_swap(ret_resources, &sum);
    return r;
}

void need_move(struct need *need, int64_t units)
{
    if (need->info->count)
        need->left += units;
}

bool needs_are_open(const struct needs *needs)
{
    for (size_t i = 0; needs && i < needs->count; i++)
        if (needs->items[i].left > 0)
            return true;
    return !needs;
}

/* --- checks ------------------------------------------------------------------------------ */

static int check_amounts(const struct resource_info *amounts, size_t count, struct err *err)
{
    if (count > NEED_RESOURCES_MAX)
        return err_set(err, -E2BIG, "%zu resources are named, at most %d are allowed", count,
                       NEED_RESOURCES_MAX);
    for (size_t i = 0; i < count; i++) {
        if (amounts[i].kind != VALUE_SCALAR || *amounts[i].role || amounts[i].revocable)
            return err_set(err, -EINVAL,
                           "%.63s: expected a plain number, as in cpus:2;mem:512;ports:1",
                           amounts[i].name);
        if (amounts[i].scalar > RESOURCE_MILLI_MAX / UNITS_MAX * 1000)
            return err_set(err, -ERANGE, "%.63s is too large", amounts[i].name);
        if (find_amount(amounts, i, amounts[i].name))
            return err_set(err, -EINVAL, "%.63s is named twice", amounts[i].name);
    }
    return 0;
}

static bool has_some(const struct need_info *need)
{
    for (size_t i = 0; i < need->minimum_count; i++)
        if (need->minimum[i].scalar > 0)
            return true;
    return false;
}

static int check_need(const struct need_info *need, struct err *err)
{
    int r = check_amounts(need->minimum, need->minimum_count, err);

    if (r == 0)
        r = check_amounts(need->wanted, need->wanted_count, err);
    if (r < 0)
        return r;
    if (!has_some(need))
        return err_set(err, -EINVAL, "its minimum is nothing");
    if (need->priority > PRIORITY_MAX || need->priority < -PRIORITY_MAX)
        return err_set(err, -ERANGE, "its priority is not -%d to %d", PRIORITY_MAX, PRIORITY_MAX);
    if (need->count > UNITS_MAX)
        return err_set(err, -ERANGE, "its count is above %" PRId64, UNITS_MAX);
    if (need->gang && !need->count)
        return err_set(err, -EINVAL, "a gang is so many units together: give it a count");
    if (need->constraints_count > NEED_CONSTRAINTS_MAX)
        return err_set(err, -E2BIG, "%zu constraints, at most %d are allowed",
                       need->constraints_count, NEED_CONSTRAINTS_MAX);
    return 0;
}

static bool has_role(const struct framework_info *framework, const char *role)
{
    if (!framework->roles_count)
        return !strcmp(role, RESOURCE_ROLE_ANY);
    for (size_t i = 0; i < framework->roles_count; i++)
        if (!strcmp(framework->roles[i], role))
            return true;
    return false;
}

static int check_role(const struct framework_info *framework, const struct role_needs *role,
                      struct err *err)
{
    if (!has_role(framework, role->role))
        return err_set(err, -EINVAL, "%.128s is not among the framework's roles", role->role);
    if (role->needs_count > NEEDS_MAX)
        return err_set(err, -E2BIG, "%zu needs, at most %d are allowed", role->needs_count,
                       NEEDS_MAX);
    for (size_t i = 0; i < role->needs_count; i++) {
        int r = check_need(&role->needs[i], err);

        for (size_t j = 0; j < i && r == 0; j++)
            if (!strcmp(role->needs[i].name, role->needs[j].name))
                r = err_set(err, -EINVAL, "the name is there twice");
        if (r < 0)
            return err_wrap(err, r, "need %.64s", role->needs[i].name);
    }
    return 0;
}

int needs_check(const struct framework_info *framework, const struct role_needs *roles,
                size_t roles_count, struct err *err)
{
    if (roles_count > FRAMEWORK_ROLES_MAX)
        return err_set(err, -E2BIG, "needs of %zu roles, at most %d are allowed", roles_count,
                       FRAMEWORK_ROLES_MAX);
    for (size_t i = 0; i < roles_count; i++) {
        int r = check_role(framework, &roles[i], err);

        if (r < 0)
            return err_wrap(err, r, "needs in role %.64s", roles[i].role);
    }
    return 0;
}

/* --- setting ----------------------------------------------------------------------------- */

void needs_destroy(struct master *master, struct needs **self_p)
{
    struct needs *self = *self_p;

    if (!self)
        return;
    gangs_remove(master, self);
    arena_destroy(&self->memory);
    free(self);
    *self_p = NULL;
}

static struct needs *needs_new(const struct role_needs *role)
{
    struct needs *self = mem_new(struct needs);
    const struct role_needs *copy;

    self->memory = arena_new(0);
    copy = record_copy(&role_needs_def, role, self->memory);
    self->count = role->needs_count;
    self->items = arena_array(self->memory, self->count, sizeof(struct need));
    for (size_t i = 0; i < self->count; i++) {
        self->items[i].info = &copy->needs[i];
        self->items[i].left = copy->needs[i].count ? copy->needs[i].count : INT64_MAX;
    }
    return self;
}

struct need *need_find(struct needs *needs, const char *name)
{
    for (size_t i = 0; needs && i < needs->count; i++)
        if (!strcmp(needs->items[i].info->name, name))
            return &needs->items[i];
    return NULL;
}

void need_print_name(const struct need *need, char ret_text[NEED_NAME_SHOWN])
{
    printable_copy(ret_text, NEED_NAME_SHOWN, need->info->name, "");
}

/* What is offered already serves the need of the same name, unless that is a gang, which gathers anew. */
static void adopt_offers(struct subscription *subscription, struct needs *needs)
{
    struct offer *offer;

    for (offer = subscription->framework->offers; offer; offer = offer->framework_next) {
        if (offer->subscription != subscription || !offer->need)
            continue;
        offer->need = need_find(needs, offer->need->info->name);
        if (offer->need && offer->need->info->gang)
            offer->need = NULL;
        if (!offer->need)
            continue;
        need_move(offer->need, -offer->units);
        offer->need->held++;
    }
}

static void set_role(struct master *master, struct subscription *subscription,
                     const struct role_needs *role)
{
    struct needs *needs = role->needs_count ? needs_new(role) : NULL;

    gangs_release(master, subscription->needs, "the framework has stated its needs anew");
    adopt_offers(subscription, needs);
    preempt_on_needs(master, subscription, needs);
    needs_destroy(master, &subscription->needs);
    subscription->needs = needs;
    gangs_add(master, subscription);
    subscription_settle(master, subscription);
    preempt_on_wish(master, subscription);
    subscription_forgive(master, subscription);
}

void needs_set(struct master *master, struct framework *framework, const struct role_needs *roles,
               size_t roles_count)
{
    for (size_t i = 0; i < roles_count; i++) {
        struct subscription *subscription = subscription_find(framework, roles[i].role);

        if (subscription)
            set_role(master, subscription, &roles[i]);
    }
}

void needs_subscribe(struct master *master, struct framework *framework,
                     const struct msg_subscribe *subscribe)
{
    struct subscription *subscription;

    DL_FOREACH (framework->subscriptions, subscription) {
        const struct role_needs none = {.role = subscription->role};
        const struct role_needs *role = &none;

        for (size_t i = 0; i < subscribe->needs_count; i++)
            if (!strcmp(subscribe->needs[i].role, subscription->role))
                role = &subscribe->needs[i];
        if (role->needs_count || subscription->needs)
            set_role(master, subscription, role);
    }
}

void on_needs(struct master *master, struct framework *framework, const struct message *message)
{
    const struct msg_needs *call = message->needs;
    struct err err;

    if (needs_check(framework->info, call->roles, call->roles_count, &err) < 0) {
        counter_add(master, COUNTER_MESSAGES_DROPPED);
        log_warn(master, "framework %s: its needs are dropped: %s", framework->id, err.text);
        return;
    }
    needs_set(master, framework, call->roles, call->roles_count);
}
