/* proffer_set_needs: from what an author writes to what the driver takes. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "framework-sdk/err.h"
#include "framework-sdk/scheduler.h"
#include "proto/resources_info.h"

#define HOLD_SECONDS_MAX (366.0 * 86400)
#define SECONDS_MAX      (10 * 366.0 * 86400)
#define NEEDS_MEMORY_MAX ((size_t)1024 * 1024)

static int read_amounts(const char *text, struct arena *arena,
                        const struct resource_info **ret_amounts, size_t *ret_count,
                        struct err *err)
{
    CLEANUP(resources_fini) struct resources amounts = {0};
    struct resource_info *copies;
    const struct resource_info *infos;
    int rc = text ? resources_parse(&amounts, text, err) : 0;

    if (rc < 0)
        return rc;
    infos = resources_to_info(&amounts, arena, ret_count);
    copies = infos ? arena_array(arena, *ret_count, sizeof(*copies)) : NULL;
    for (size_t i = 0; copies && i < *ret_count; i++) {
        const void *copy = record_copy(&resource_info_def, &infos[i], arena);

        if (!copy)
            return err_set(err, -E2BIG, "too much is needed to be said");
        memcpy(&copies[i], copy, sizeof(copies[i]));
    }
    *ret_amounts = copies;
    return copies ? 0 : err_set(err, -E2BIG, "too much is needed to be said");
}

static int read_constraints(const struct proffer_constraint *constraints, struct arena *arena,
                            struct need_info *need, struct err *err)
{
    struct constraint_info *infos;
    size_t count = 0;

    while (constraints && constraints[count].attribute)
        count++;
    infos = arena_array(arena, count, sizeof(*infos));
    if (!infos)
        return err_set(err, -E2BIG, "too many constraints");
    for (size_t i = 0; i < count; i++)
        infos[i] = (struct constraint_info){.attribute = constraints[i].attribute,
                                            .kind = (enum constraint_kind)constraints[i].kind,
                                            .value = constraints[i].value};
    need->constraints = infos;
    need->constraints_count = count;
    return 0;
}

static int read_need(const struct proffer_need *need, struct arena *arena,
                     struct need_info *ret_info, struct err *err)
{
    int rc;

    if (!(need->hold_seconds >= 0 && need->hold_seconds <= HOLD_SECONDS_MAX))
        return err_set(err, -EINVAL, "need %s: hold_seconds is %g, it must be 0 to %g",
                       need->name ? need->name : "without a name", need->hold_seconds,
                       HOLD_SECONDS_MAX);
    if (!(need->min_available_seconds >= 0 && need->min_available_seconds <= SECONDS_MAX))
        return err_set(err, -EINVAL, "need %s: min_available_seconds is %g, it must be 0 to %g",
                       need->name ? need->name : "without a name", need->min_available_seconds,
                       SECONDS_MAX);
    *ret_info =
        (struct need_info){.name = need->name,
                           .count = need->count,
                           .gang = need->gang,
                           .priority = need->priority,
                           .min_available_ms = (int64_t)(need->min_available_seconds * 1000 + 0.5),
                           .hold_ms = (int64_t)(need->hold_seconds * 1000 + 0.5)};
    rc = read_amounts(need->minimum, arena, &ret_info->minimum, &ret_info->minimum_count, err);
    if (rc == 0)
        rc = read_amounts(need->wanted, arena, &ret_info->wanted, &ret_info->wanted_count, err);
    if (rc == 0)
        rc = read_constraints(need->constraints, arena, ret_info, err);
    return rc < 0 ? err_wrap(err, rc, "need %s", need->name ? need->name : "without a name") : 0;
}

int proffer_set_needs(struct proffer_scheduler *scheduler, const char *role,
                      const struct proffer_need *needs, size_t count, struct proffer_err *err)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(NEEDS_MEMORY_MAX);
    struct need_info *infos = arena_array(arena, count, sizeof(*infos));
    struct role_needs all = {
        .role = role ? role : RESOURCE_ROLE_ANY, .needs = infos, .needs_count = count};
    int rc = infos ? 0 : err_set(sdk_err(err), -E2BIG, "%zu needs are too many", count);

    for (size_t i = 0; i < count && rc == 0; i++)
        rc = read_need(&needs[i], arena, &infos[i], sdk_err(err));
    if (rc == 0)
        rc = driver_set_needs(scheduler->driver, &all, sdk_err(err));
    if (rc == 0)
        sdk_scheduler_wake(scheduler);
    return rc;
}
