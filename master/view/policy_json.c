#include "master/view/policy_json.h"

#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "base/cleanup.h"
#include "base/resources.h"
#include "proto/resources_info.h"

#define AMOUNTS_MAX 1024

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

    if (!json_is_number(plain) || number < 0 || number > (double)RESOURCE_MILLI_MAX)
        return err_set(err, -EINVAL, "%.64s: expected a number that is not negative, as 4 or 0.5",
                       what);
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

static json_t *either(const json_t *object, const char *name, const char *mesos_name)
{
    json_t *value = json_object_get(object, name);

    return value ? value : json_object_get(object, mesos_name);
}

int policy_read_quota(const char *text, size_t size, struct arena *arena,
                      struct msg_operator_set_quota *ret_call, struct err *err)
{
    json_auto_t *root = parse(text, size, err);
    int r = root ? read_role(root, arena, &ret_call->role, err) : -EINVAL;

    if (r == 0)
        r = read_amounts(either(root, "guarantees", "guarantee"), "guarantees", arena,
                         &ret_call->guarantees, &ret_call->guarantees_count, err);
    if (r == 0)
        r = read_amounts(either(root, "limits", "limit"), "limits", arena, &ret_call->limits,
                         &ret_call->limits_count, err);
    if (r == 0)
        ret_call->force = json_is_true(json_object_get(root, "force"));
    return r;
}

/* An object, or a list with one. NULL with a text. */
static const json_t *one_of(const json_t *root, const char *example, struct err *err)
{
    if (!json_is_array(root))
        return root;
    if (json_array_size(root) == 1)
        return json_array_get(root, 0);
    err_set(err, -EINVAL, "one role at a time: %s", example);
    return NULL;
}

int policy_read_weight(const char *text, size_t size, struct arena *arena,
                       struct msg_operator_set_weight *ret_call, struct err *err)
{
    json_auto_t *root = parse(text, size, err);
    const json_t *object = root ? one_of(root, "[{\"role\":\"ads\",\"weight\":2.5}]", err) : NULL;
    int r;

    if (!object)
        return -EINVAL;
    r = read_role(object, arena, &ret_call->role, err);
    if (r == 0)
        r = read_milli(json_object_get(object, "weight"), "weight", &ret_call->weight_milli, err);
    if (r == 0 && !ret_call->weight_milli)
        r = err_set(err, -EINVAL, "weight: expected at least 0.001");
    return r;
}

int policy_read_priority(const char *text, size_t size, struct arena *arena,
                         struct msg_operator_set_priority *ret_call, struct err *err)
{
    json_auto_t *root = parse(text, size, err);
    const json_t *object = root ? one_of(root, "[{\"role\":\"ads\",\"priority\":10}]", err) : NULL;
    const json_t *priority = json_object_get(object, "priority");
    int r;

    if (!object)
        return -EINVAL;
    r = read_role(object, arena, &ret_call->role, err);
    if (r < 0)
        return r;
    if (!json_is_integer(priority))
        return err_set(err, -EINVAL, "priority: expected a whole number, as 10 or -5");
    ret_call->priority = json_integer_value(priority);
    return 0;
}
