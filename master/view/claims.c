#include "master/view/claims.h"

#include <errno.h>
#include <stddef.h>

#include "master/view/replica.h"

static int scalars_of(const struct resources *from, struct resources *ret_scalars, struct err *err)
{
    int r = 0;

    for (size_t i = 0; i < from->count && r == 0; i++) {
        struct resource scalar = from->items[i];

        scalar.role = NULL;
        if (scalar.kind == RESOURCE_SCALAR)
            r = resources_add_portion(ret_scalars, &scalar, err);
    }
    return r;
}

typedef int arithmetic_fn(struct resources *sum, const struct resources *what, struct err *err);

static int with_scalars(arithmetic_fn *act, struct resources *sum, const struct resources *what,
                        struct err *err)
{
    struct resources scalars = {0};
    int r = scalars_of(what, &scalars, err);

    if (r == 0)
        r = act(sum, &scalars, err);
    resources_fini(&scalars);
    return r;
}

int scalars_add(struct resources *sum, const struct resources *what, struct err *err)
{
    return with_scalars(resources_add, sum, what, err);
}

int scalars_subtract(struct resources *sum, const struct resources *what, struct err *err)
{
    return with_scalars(resources_subtract, sum, what, err);
}

void holdings_fini(struct holdings *self)
{
    resources_fini(&self->used);
    resources_fini(&self->offered);
}

void claim_fini(struct claim *self)
{
    resources_fini(&self->resources);
}

static struct resources *side(struct holdings *holdings, const struct claim *claim)
{
    return claim->is_offer ? &holdings->offered : &holdings->used;
}

static int apply(struct claim *self, arithmetic_fn *exact, arithmetic_fn *scalars, struct err *err)
{
    int worst = 0, r;

    if (self->agent) {
        r = exact(side(&self->agent->holdings, self), &self->resources, err);
        worst = r < 0 ? r : worst;
    }
    r = scalars(side(&self->framework->holdings, self), &self->resources, err);
    worst = r < 0 ? r : worst;
    r = scalars(side(&self->role->holdings, self), &self->resources, err);
    worst = r < 0 ? r : worst;
    return worst < 0 ? err_wrap(err, -EBADMSG, "books") : 0;
}

int claim_book(struct claim *self, struct err *err)
{
    if (self->is_booked)
        return 0;
    self->is_booked = true;
    if (self->agent)
        DL_APPEND(self->agent->holdings.claims, self);
    return apply(self, resources_add, scalars_add, err);
}

int claim_unbook(struct claim *self, struct err *err)
{
    int r;

    if (!self->is_booked)
        return 0;
    self->is_booked = false;
    r = apply(self, resources_subtract, scalars_subtract, err);
    if (self->agent)
        DL_DELETE(self->agent->holdings.claims, self);
    return r;
}
