/* master/core/allocator_check.c - do the allocator's books balance? For tests and the simulator. */
#include <errno.h>

#include "base/bug.h"
#include "master/core/allocator_order.h"

int allocator_check_client(struct allocator *self, const struct allocator_client *client,
                           const struct resources *const *held, size_t held_count, struct err *err)
{
    struct amount sums[SCALARS_MAX] = {0};

    for (size_t i = 0; i < held_count; i++) {
        struct delta delta;

        delta_read(self, held[i], &delta);
        for (size_t j = 0; j < delta.count; j++) {
            sums[delta.items[j].number].held += delta.items[j].all;
            sums[delta.items[j].number].counted += delta.items[j].counted;
        }
    }
    for (unsigned i = 0; i < self->names_count; i++)
        if (sums[i].held != node_held(&client->node, i) ||
            sums[i].counted != node_counted(&client->node, i))
            return err_set(err, -EINVAL,
                           "a client in role %.128s is charged with another sum of %s",
                           client->node.parent->name, self->names[i]);
    return 0;
}

int allocator_check_free(struct allocator *self, const struct resources *const *free,
                         size_t free_count, struct err *err)
{
    wide sums[SCALARS_MAX] = {0};

    for (size_t i = 0; i < free_count; i++) {
        struct delta delta;

        delta_read(self, free[i], &delta);
        for (size_t j = 0; j < delta.count; j++)
            sums[delta.items[j].number] += delta.items[j].counted;
    }
    for (unsigned i = 0; i < self->names_count; i++)
        if (sums[i] != self->free[i])
            return err_set(err, -EINVAL, "the allocator believes in another sum of free %s",
                           self->names[i]);
    return 0;
}

/* A role has what its children have. */
static int check_sums(const struct allocator *self, const struct role *role, unsigned number,
                      struct err *err)
{
    struct amount sum = {.counted = role->reserved ? role->reserved[number] : 0};
    struct node *node;
    wide lack = 0;

    DL_FOREACH (role->children, node) {
        sum.held += node_held(node, number);
        sum.counted += node_counted(node, number);
        lack += node->is_role ? role_lack(node_role(node), number) : 0;
    }
    if (sum.held != node_held(&role->node, number) ||
        sum.counted != node_counted(&role->node, number))
        return err_set(err, -EINVAL, "role %.128s has not the sum of its children's %s", role->name,
                       self->names[number]);
    if (lack != (role->lack_below ? role->lack_below[number] : 0))
        return err_set(err, -EINVAL, "role %.128s: another sum of %s lacks below", role->name,
                       self->names[number]);
    if ((role_gap(role, number) > 0) != ((role->lacking & SCALAR_BIT(number)) != 0))
        return err_set(err, -EINVAL, "role %.128s lacks %s, or not, and nobody knows", role->name,
                       self->names[number]);
    return 0;
}

static int check_role(const struct allocator *self, const struct role *role, struct err *err)
{
    size_t offers = 0, wanting = 0;
    struct node *node;
    int r = self->ops->check(&role->order);

    DL_FOREACH (role->children, node) {
        offers += node->offers;
        wanting += node->slot != NOT_IN_ORDER;
        if (node->is_role && (node_role(node)->order.count > 0) != (node->slot != NOT_IN_ORDER))
            return err_set(err, -EINVAL, "role %.128s: asked without a client, or not with one",
                           node_role(node)->name);
    }
    if (r < 0 || wanting != role->order.count)
        return err_set(err, -EINVAL, "the order in role %.128s is wrong", role->name);
    if (offers != role->node.offers)
        return err_set(err, -EINVAL, "role %.128s: the number of offers is wrong", role->name);
    for (unsigned i = 0; i < self->names_count && r == 0; i++)
        r = check_sums(self, role, i, err);
    return r;
}

int allocator_check(const struct allocator *self, struct err *err)
{
    size_t quotas = 0, lacking = 0, listed;
    const struct role *role;
    int r = check_role(self, self->root, err);

    for (role = self->roles; role && r == 0; role = role->hh.next) {
        quotas += role->quota != NULL;
        lacking += role->lacking != 0;
        r = check_role(self, role, err);
    }
    DL_COUNT2(self->lacking, role, listed, next_lacking);
    if (r == 0 && (quotas != self->quotas_count || lacking != listed))
        return err_set(err, -EINVAL, "the allocator has another number of quotas");
    if (r == 0 && self->is_broken)
        return err_set(err, -EINVAL,
                       "an offer took what is held back for a guarantee, or beyond a limit");
    for (size_t i = 0; i < self->names_count && r == 0; i++)
        if (self->total[i] < 0)
            return err_set(err, -EINVAL, "the pool has less than no %s", self->names[i]);
    return r;
}
