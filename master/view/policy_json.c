#include "master/view/policy_json.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include "base/cleanup.h"
#include "base/resources.h"
#include "proto/resources_info.h"

#define AMOUNTS_MAX 1024
#define ROLES_MAX   1024

static json_t *parse(const char *text, size_t size, struct err *err)
{
    json_error_t trouble;
    json_t *root;

    if (json_check_bounds(text, size, err) < 0)
        return NULL;
    root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &trouble);
    if (!root)
        err_set(err, -EINVAL, "JSON: line %d, column %d: %s", trouble.line, trouble.column,
                trouble.text);
    return root;
}

/* A number, or Mesos's {"value":4.0}, in thousandths. */
static int read_milli(const json_t *value, const char *what, int64_t *ret_milli, struct err *err)
{
    const json_t *plain = json_is_object(value) ? json_object_get(value, "value") : value;
    double number = json_number_value(plain) * 1000;

    if (!json_is_number(plain) || number < 0)
        return err_set(err, -EINVAL, "%.64s: expected a number that is not negative, as 4 or 0.5",
                       what);
    if (number > (double)RESOURCE_MILLI_MAX)
        return err_set(err, -EINVAL, "%.64s: %g is too large, at most %" PRId64 " is possible",
                       what, number / 1000, RESOURCE_MILLI_MAX / 1000);
    *ret_milli = (int64_t)(number + 0.5);
    return 0;
}

/* --- amounts --------------------------------------------------------------------------------- */

struct amounts {
    struct resource_info *items;
    size_t count;
};

static int add_amount(struct amounts *self, const char *name, const json_t *value,
                      struct arena *arena, struct err *err)
{
    int64_t milli = 0;
    int r = read_milli(value, name, &milli, err);

    if (r < 0)
        return r;
    self->items[self->count++] = (struct resource_info){
        .name = arena_strdup(arena, name), .kind = VALUE_SCALAR, .scalar = milli};
    return 0;
}

static int read_object(struct amounts *self, json_t *object, struct arena *arena, struct err *err)
{
    const char *name;
    json_t *value;

    json_object_foreach(object, name, value)
    {
        int r = add_amount(self, name, value, arena, err);

        if (r < 0)
            return r;
    }
    return 0;
}

/* Mesos's Resource objects. */
static int read_array(struct amounts *self, const json_t *array, struct arena *arena,
                      struct err *err)
{
    const json_t *item;
    size_t i;

    json_array_foreach(array, i, item)
    {
        const char *name = json_string_value(json_object_get(item, "name"));
        int r = name ? add_amount(self, name, json_object_get(item, "scalar"), arena, err)
                     : err_set(err, -EINVAL, "resource %zu has no name", i + 1);

        if (r < 0)
            return r;
    }
    return 0;
}

static int read_text(const char *text, struct arena *arena, const struct resource_info **ret_items,
                     size_t *ret_count, struct err *err)
{
    CLEANUP(resources_fini) struct resources resources = {0};
    struct msg_kept_role borrowed = {.role = "x"};
    const struct msg_kept_role *copy;
    int r = resources_parse(&resources, text, err);

    if (r < 0)
        return r;
    borrowed.limits = resources_to_info(&resources, arena, &borrowed.limits_count);
    copy = record_copy(&msg_kept_role_def, &borrowed, arena);
    *ret_items = copy->limits;
    *ret_count = copy->limits_count;
    return 0;
}

static int read_amounts(json_t *value, const char *what, struct arena *arena,
                        const struct resource_info **ret_items, size_t *ret_count, struct err *err)
{
    size_t size = json_is_object(value) ? json_object_size(value) : json_array_size(value);
    struct amounts amounts = {0};
    int r;

    if (!value || json_is_null(value))
        return 0;
    if (size > AMOUNTS_MAX)
        return err_set(err, -EINVAL, "%s: more than %d names", what, AMOUNTS_MAX);
    amounts.items = arena_alloc(arena, (size + 1) * sizeof(*amounts.items));
    if (json_is_string(value))
        r = read_text(json_string_value(value), arena, ret_items, ret_count, err);
    else if (json_is_object(value))
        r = read_object(&amounts, value, arena, err);
    else if (json_is_array(value))
        r = read_array(&amounts, value, arena, err);
    else
        r = err_set(err, -EINVAL, "expected {\"cpus\":4} or \"cpus:4;mem:1024\"");
    if (r < 0)
        return err_wrap(err, r, "%s", what);
    if (!json_is_string(value)) {
        *ret_items = amounts.items;
        *ret_count = amounts.count;
    }
    return 0;
}

/* --- calls ----------------------------------------------------------------------------------- */

static int read_role(const json_t *object, struct arena *arena, const char **ret_role,
                     struct err *err)
{
    const char *role = json_string_value(json_object_get(object, "role"));

    if (!role)
        return err_set(err, -EINVAL, "expected an object with a \"role\"");
    *ret_role = arena_strdup(arena, role);
    return 0;
}

/* A name that is misspelt is not to end in a quota of nothing. */
static int check_names(json_t *object, const char *const names[], struct err *err)
{
    const char *name;
    json_t *value;

    json_object_foreach(object, name, value)
    {
        CLEANUP(buf_fini) struct buf known = {0};
        size_t i;

        for (i = 0; names[i] && strcmp(names[i], name) != 0; i++)
            buf_printf(&known, "%s%s", i ? ", " : "", names[i]);
        /* We know who asks. */
        if (!names[i] && strcmp(name, "asked_by") != 0)
            return err_set(err, -EINVAL, "there is no field \"%.64s\", only %s", name,
                           buf_text(&known));
    }
    return 0;
}

static json_t *either(const json_t *object, const char *name, const char *mesos_name)
{
    json_t *value = json_object_get(object, name);

    return value ? value : json_object_get(object, mesos_name);
}

static int read_quota(json_t *object, struct arena *arena, struct role_policy *ret, bool *force,
                      struct err *err)
{
    static const char *const names[] = {"role",      "guarantees", "limits", "force",
                                        "guarantee", "limit",      NULL};
    int r = read_role(object, arena, &ret->role, err);

    if (r == 0)
        r = check_names(object, names, err);
    if (r == 0)
        r = read_amounts(either(object, "guarantees", "guarantee"), "guarantees", arena,
                         &ret->guarantees, &ret->guarantees_count, err);
    if (r == 0)
        r = read_amounts(either(object, "limits", "limit"), "limits", arena, &ret->limits,
                         &ret->limits_count, err);
    if (r == 0 && json_is_true(json_object_get(object, "force")))
        *force = true;
    return r;
}

static int read_weight(json_t *object, struct arena *arena, struct role_policy *ret, bool *force,
                       struct err *err)
{
    static const char *const names[] = {"role", "weight", NULL};
    int r = read_role(object, arena, &ret->role, err);

    (void)force;
    if (r == 0)
        r = check_names(object, names, err);
    if (r == 0)
        r = read_milli(json_object_get(object, "weight"), "weight", &ret->weight_milli, err);
    if (r == 0 && !ret->weight_milli)
        r = err_set(err, -EINVAL, "weight: expected at least 0.001");
    return r;
}

static int read_priority(json_t *object, struct arena *arena, struct role_policy *ret, bool *force,
                         struct err *err)
{
    static const char *const names[] = {"role", "priority", NULL};
    const json_t *priority = json_object_get(object, "priority");
    int r = read_role(object, arena, &ret->role, err);

    (void)force;
    if (r == 0)
        r = check_names(object, names, err);
    if (r == 0 && !json_is_integer(priority))
        r = err_set(err, -EINVAL, "priority: expected a whole number, as 10 or -5");
    ret->priority = json_integer_value(priority);
    ret->has_priority = true;
    return r;
}

int policy_json_offers(const char *text, size_t size, struct arena *arena,
                       struct msg_operator_set_offers *ret_call, struct err *err)
{
    static const char *const names[] = {"role", "offers", NULL};
    json_auto_t *root = parse(text, size, err);
    const char *offers = json_string_value(json_object_get(root, "offers"));
    int r = root ? read_role(root, arena, &ret_call->role, err) : -EINVAL;

    if (r == 0)
        r = check_names(root, names, err);
    if (r < 0)
        return r;
    if (offers && !strcmp(offers, "optimistic"))
        ret_call->offers = OFFERS_OPTIMISTIC;
    else if (offers && !strcmp(offers, "exclusive"))
        ret_call->offers = OFFERS_EXCLUSIVE;
    else
        return err_set(err, -EINVAL, "offers: expected \"exclusive\" or \"optimistic\"");
    return 0;
}

typedef int read_fn(json_t *object, struct arena *arena, struct role_policy *ret, bool *force,
                    struct err *err);

/* Of one role, or of each in a list. */
static int read_roles(json_t *items, read_fn *read, struct arena *arena,
                      struct msg_operator_set_roles *ret_call, struct err *err)
{
    size_t count = json_is_array(items) ? json_array_size(items) : 1;
    struct role_policy *roles = arena_array(arena, count, sizeof(*roles));
    int r = 0;

    if (!count)
        return err_set(err, -EINVAL, "expected at least one object with a \"role\"");
    if (count > ROLES_MAX)
        return err_set(err, -E2BIG, "%zu roles, at most %d at a time", count, ROLES_MAX);
    for (size_t i = 0; i < count && r == 0; i++) {
        json_t *item = json_is_array(items) ? json_array_get(items, i) : items;

        r = read(item, arena, &roles[i], &ret_call->force, err);
        if (r < 0 && json_is_array(items))
            r = err_wrap(err, r, "number %zu", i + 1);
    }
    ret_call->roles = roles;
    ret_call->roles_count = count;
    return r;
}

int policy_json_quotas(const char *text, size_t size, struct arena *arena,
                       struct msg_operator_set_roles *ret_call, struct err *err)
{
    json_auto_t *root = parse(text, size, err);
    json_t *list = root ? either(root, "configs", "quota_configs") : NULL;

    if (!root)
        return -EINVAL;
    ret_call->is_quota = true;
    ret_call->force = json_is_true(json_object_get(root, "force"));
    return read_roles(json_is_array(list) ? list : root, read_quota, arena, ret_call, err);
}

int policy_json_weights(const char *text, size_t size, struct arena *arena,
                        struct msg_operator_set_roles *ret_call, struct err *err)
{
    json_auto_t *root = parse(text, size, err);

    return root ? read_roles(root, read_weight, arena, ret_call, err) : -EINVAL;
}

int policy_json_priorities(const char *text, size_t size, struct arena *arena,
                           struct msg_operator_set_roles *ret_call, struct err *err)
{
    json_auto_t *root = parse(text, size, err);

    ret_call->is_priority = true;
    return root ? read_roles(root, read_priority, arena, ret_call, err) : -EINVAL;
}
