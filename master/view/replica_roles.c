#include "master/view/replica_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct role *replica_role(struct replica *self, const char *name)
{
    struct role *role;

    if (!name || !*name)
        name = RESOURCE_ROLE_ANY;
    HASH_FIND_STR(self->roles, name, role);
    if (role)
        return role;
    role = mem_new(struct role);
    role->name = mem_strdup(name);
    HASH_ADD_KEYPTR(hh, self->roles, role->name, strlen(role->name), role);
    return role;
}

static bool is_used(const struct role *role)
{
    return role->members_count || role->policy || !resources_are_empty(&role->reserved) ||
           !resources_are_empty(&role->holdings.used) ||
           !resources_are_empty(&role->holdings.offered);
}

void replica_drop_role_if_unused(struct replica *self, struct role *role)
{
    if (!is_used(role))
        replica_free_role(self, role);
}

/* --- what is set --------------------------------------------------------------------------------
 */

int replica_on_role(struct replica *self, const struct msg_change_role *change)
{
    struct role *role = replica_role(self, change->role);

    arena_destroy(&role->arena);
    role->policy = NULL;
    if (change->weight_milli || change->guarantees_count || change->limits_count ||
        change->has_priority || change->offers) {
        role->arena = arena_new(0);
        role->policy = message_copy_body(MSG_CHANGE_ROLE, change, role->arena);
    }
    replica_drop_role_if_unused(self, role);
    return 0;
}

void replica_free_role(struct replica *self, struct role *role)
{
    HASH_DEL(self->roles, role);
    holdings_fini(&role->holdings);
    resources_fini(&role->reserved);
    arena_destroy(&role->arena);
    free(role->members);
    free(role->name);
    free(role);
}

/* --- who is subscribed --------------------------------------------------------------------------
 */

static void join(struct framework *framework, struct role *role)
{
    for (size_t i = 0; i < framework->roles_count; i++)
        if (framework->roles[i] == role)
            return;
    framework->roles =
        mem_resize(framework->roles, framework->roles_count + 1, sizeof(*framework->roles));
    framework->roles[framework->roles_count++] = role;
    role->members = mem_resize(role->members, role->members_count + 1, sizeof(*role->members));
    role->members[role->members_count++] = framework;
}

void replica_join_roles(struct replica *self, struct framework *framework)
{
    const struct framework_info *info = framework->change->framework;

    for (size_t i = 0; i < info->roles_count; i++)
        join(framework, replica_role(self, info->roles[i]));
    if (!info->roles_count)
        join(framework, replica_role(self, RESOURCE_ROLE_ANY));
}

static void remove_member(struct role *role, const struct framework *framework)
{
    size_t kept = 0;

    for (size_t i = 0; i < role->members_count; i++)
        if (role->members[i] != framework)
            role->members[kept++] = role->members[i];
    role->members_count = kept;
}

void replica_leave_roles(struct replica *self, struct framework *framework)
{
    for (size_t i = 0; i < framework->roles_count; i++) {
        remove_member(framework->roles[i], framework);
        replica_drop_role_if_unused(self, framework->roles[i]);
    }
    free(framework->roles);
    framework->roles = NULL;
    framework->roles_count = 0;
}

/* --- what is reserved, used, offered ------------------------------------------------------------
 */

typedef int scalars_fn(struct resources *sum, const struct resources *what, struct err *err);

static int for_each_reservation(struct replica *self, const struct resources *total,
                                scalars_fn *act, struct err *err)
{
    int r = 0;

    for (size_t i = 0; i < total->count && r == 0; i++) {
        struct resources portion = {.items = &total->items[i], .count = 1};
        struct role *role;

        if (!total->items[i].role)
            continue;
        role = replica_role(self, total->items[i].role);
        r = act(&role->reserved, &portion, err);
        replica_drop_role_if_unused(self, role);
    }
    return r;
}

int replica_reserve(struct replica *self, const struct resources *total, struct err *err)
{
    return for_each_reservation(self, total, scalars_add, err);
}

int replica_unreserve(struct replica *self, const struct resources *total, struct err *err)
{
    return for_each_reservation(self, total, scalars_subtract, err);
}

int replica_book(struct replica *self, struct claim *claim, const char *role, struct err *err)
{
    if (claim->is_booked)
        return 0;
    claim->role = replica_role(self, role);
    return claim_book(claim, err);
}

int replica_unbook(struct replica *self, struct claim *claim, struct err *err)
{
    int r;

    if (!claim->is_booked)
        return 0;
    r = claim_unbook(claim, err);
    replica_drop_role_if_unused(self, claim->role);
    claim->role = NULL;
    return r;
}
