/* base/resources.h - the resource algebra: what an agent has, what is offered, what a task takes.
 *
 * A `struct resources` is a sum of portions, always in canonical form: sorted by (name, role, terms,
 * revocable), no two portions with the same key, no empty portion, ranges sorted and disjoint and
 * joined where they touch, sets sorted without doubles. So equal values print equally, and
 * `resources_are_equal` is a plain comparison. A zeroed struct is the empty sum.
 *
 * A portion is unreserved, or reserved for a role, and then for the roles below it too. Reservations
 * stack: what is reserved for `eng` can be reserved further for `eng/db`. The outermost may be static
 * (the agent's settings), all others are dynamic: they carry who made them and labels, and portions
 * with different ones never merge. A volume is reserved disk with a name: there is one of it, and it
 * is added and taken away whole. Of a shared volume a sum counts how often it is in it (`copies`).
 *
 * Scalars are fixed point, 1/1000 in int64 (`milli`): never floats. `mem` and `disk` count MiB, as
 * in Mesos. Ranges are of any numbers, those called `ports` of 1 to 65535. Every operation is total:
 * what cannot be done answers an error and leaves its target as it was. Single-threaded per object; no
 * global state. Source: Mesos docs/attributes-resources.md.
 */
#ifndef PROFFER_BASE_RESOURCES_H
#define PROFFER_BASE_RESOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define RESOURCE_NAME_MAX      63   /* bytes: a letter, then letters, digits, '_', '-', '.' */
#define RESOURCES_MAX          1024 /* portions */
#define RESOURCE_RANGES_MAX    65536
#define RESOURCE_PORT_MIN      1 /* of ranges that are called ports */
#define RESOURCE_PORT_MAX      65535
#define RESOURCE_SET_MAX       65536
#define RESOURCE_MEMBER_MAX    255 /* bytes of a set's member: UTF-8, no space, none of ,;{}[] */
#define RESOURCE_MILLI_MAX     (INT64_MAX / 4) /* a scalar; sums beyond it are -ERANGE */
#define RESOURCE_ROLE_ANY      "*"             /* the unreserved pool */
#define RESERVATIONS_MAX       16              /* levels of a stack */
#define RESERVATION_LABELS_MAX 64
#define RESOURCE_COPIES_MAX    INT32_MAX

enum resource_kind {
    RESOURCE_SCALAR,
    RESOURCE_RANGES,
    RESOURCE_SET,
    RESOURCE_KIND_MAX,
};

struct range {
    uint64_t begin; /* both inclusive */
    uint64_t end;
};

struct ranges {
    struct range *items; /* owned */
    size_t count;
};

struct string_set {
    char **items; /* owned, as are the strings */
    size_t count;
};

struct label {
    char *key; /* owned, as is the other */
    char *value;
};

/* One level of a stack. */
struct reservation {
    char *role;           /* owned; below that of the level before */
    char *principal;      /* owned; who made it; NULL: not known */
    struct label *labels; /* owned; sorted */
    size_t labels_count;
    bool is_dynamic; /* a static one has neither principal nor labels */
};

struct volume {
    char *id;        /* owned; unique in its role on its agent */
    char *principal; /* owned; who made it; NULL: not known */
    bool is_shared;  /* many tasks may have it at once */
};

/* What a portion carries beside its role. */
struct resource_terms {
    struct reservation *stack; /* owned; outermost first, the last one's role is the portion's */
    size_t depth;              /* 0: just a static reservation for the role, if there is one */
    struct volume *volume;     /* owned; NULL: none */
};

/* One portion. Owned by its `struct resources`; read it, change it only through the functions. */
struct resource {
    enum resource_kind kind;
    bool revocable;
    const char *name;             /* owned, or one of the usual names */
    char *role;                   /* owned; whom it is reserved for; NULL: "*" */
    struct resource_terms *terms; /* owned; NULL: nothing of that kind */
    union {
        struct {
            int64_t milli;
            int64_t copies; /* of a shared volume, else 0 */
        };
        struct ranges ranges;
        struct string_set set;
    };
};

struct resources {
    struct resource *items; /* owned */
    size_t count;
    size_t capacity;
};

void resources_fini(struct resources *self); /* leaves the empty sum */
void resources_copy(struct resources *self,
                    const struct resources *from); /* replaces what was there */
void resources_swap(struct resources *a, struct resources *b);

/* --- building --------------------------------------------------------------------------------- */

/* "cpus:4;mem(ads):8192;disk:10000;ports:[31000-32000, 33000];disks:{d1,d2}". White space around
 * tokens is allowed, an empty text is the empty sum, the same name twice adds up, `cpus(*)` is
 * `cpus`, and `cpus:500m` is half a cpu. Behind the name stand, in this order:
 *
 *     (ads)                             a static reservation
 *     (ads dynamic by ops {k=v, l=w})   a dynamic one, with its principal and labels
 *     (eng)(eng/db dynamic)             a stack, outermost first
 *     [db1 by ops shared x2]            a volume, made by ops, shared, twice in this sum
 *     {REV}                             revocable
 *
 * where principals, labels and ids with other characters than letters, digits and _-./@+ stand in
 * double quotes, with a backslash before a quote or a backslash. Replaces *self; -EINVAL, -EEXIST (a
 * port or member twice) or -ERANGE with the offending part in the text and what would be right. At
 * most RESOURCES_MAX portions. */
int resources_parse(struct resources *self, const char *text, struct err *err);
/* Canonical: parsing it gives an equal value. */
void resources_print(const struct resources *self, struct buf *out);

/* `role` NULL or "*" is the unreserved pool. A negative scalar, a bad name or role: -EINVAL; on top
 * of that what resources_add answers. */
int resources_add_scalar(struct resources *self, const char *name, const char *role, int64_t milli,
                         struct err *err);
/* Adds a copy of one portion of any kind, which need not be canonical (a peer may have sent it).
 * The same number or member twice, in it or in self, is -EEXIST: a port exists once. */
int resources_add_portion(struct resources *self, const struct resource *portion, struct err *err);

/* --- algebra ---------------------------------------------------------------------------------- */

/* self += other. Ranges and sets are disjoint unions: -EEXIST when the same port or member, or the
 * same volume, is on both sides with the same key; -EINVAL when the same name has another kind or the
 * same shared volume another size; -ERANGE on overflow. */
int resources_add(struct resources *self, const struct resources *other, struct err *err);
/* self -= other; other must be contained, else -ERANGE with what is missing ("lacks 0.5 cpus").
 * Also -ERANGE when more than RESOURCE_RANGES_MAX ranges would remain. */
int resources_subtract(struct resources *self, const struct resources *other, struct err *err);
bool resources_contain(const struct resources *self, const struct resources *other);
/* What of `want` is missing in `self`, as text for a person: "0.5 cpus, ports [31000-31000]". */
void resources_describe_lack(const struct resources *self, const struct resources *want,
                             struct buf *out);
/* Replaces *self by the largest value contained in both. */
void resources_intersect(struct resources *self, const struct resources *a,
                         const struct resources *b);
/* The portion at this place, a scalar, becomes at most `milli`; one of nothing vanishes. */
void resources_cap(struct resources *self, size_t place, int64_t milli);
bool resources_are_equal(const struct resources *a, const struct resources *b);
bool resources_are_empty(const struct resources *self);

/* --- looking ---------------------------------------------------------------------------------- */

/* Sum of a scalar over all roles, revocable or not, volumes included, a shared one once; 0 when there
 * is none, INT64_MAX when it is more. */
int64_t resources_scalar(const struct resources *self, const char *name);
/* The portion with exactly this key and no terms, or NULL. */
const struct resource *resources_find(const struct resources *self, const char *name,
                                      const char *role, bool revocable);
/* Portions that a framework of `role` may use: unreserved ones, and those that are reserved for
 * `role` or for one above it. Replaces *self. */
void resources_for_role(struct resources *self, const struct resources *from, const char *role);
/* Portions of exactly `role` ("*": unreserved). Replaces *self. */
void resources_of_role(struct resources *self, const struct resources *from, const char *role);
/* All but the shared volumes: what only one can have at a time. Replaces *self. */
void resources_unshared(struct resources *self, const struct resources *from);
bool resources_have_shared(const struct resources *self);
void resources_drop_revocable(struct resources *self);
static inline const struct volume *resource_volume(const struct resource *resource)
{
    return resource->terms ? resource->terms->volume : NULL;
}
static inline bool resource_is_shared(const struct resource *resource)
{
    const struct volume *volume = resource_volume(resource);

    return volume && volume->is_shared;
}
static inline const char *resource_role(const struct resource *resource)
{
    return resource->role ? resource->role : RESOURCE_ROLE_ANY;
}
/* One range portion's value as Mesos prints it, "[31000-31005, 31007-31007]"; a set's, "{d1, d2}".
 */
void resource_print_value(const struct resource *resource, struct buf *out);

/* The smallest `count` numbers of the named ranges, with their role, terms and flag; unreserved portions
 * are drawn on first. Replaces *ret_taken; -ERANGE when there are not enough. How a scheduler picks
 * ports. */
int resources_take_numbers(const struct resources *self, const char *name, size_t count,
                           struct resources *ret_taken, struct err *err);
/* Of `from`, portions that cover the request `want`: what it asks of "*" comes from `role` first
 * (NULL: none), then from the roles above it, then from "*"; what it asks of a role comes from just
 * that role, whatever the reservation's terms; what it asks with terms, from exactly these. A volume
 * is taken whole, once, when its id and role are those of the request and it is as large or larger;
 * other disk is never taken from a volume. Ranges and sets are matched by value. Replaces *ret_taken;
 * -ERANGE with what is missing. */
int resources_pick(const struct resources *from, const char *role, const struct resources *want,
                   struct resources *ret_taken, struct err *err);

/* Role names: "*" or 1-255 bytes of UTF-8, '/'-separated parts, none of them empty, "*", ".", ".."
 * or with a leading '-'; no white space, control character or ')'. 0 or -EINVAL. Source: Mesos
 * src/common/roles.cpp. */
int role_check(const char *role, struct err *err);
/* Is it that role, or one below it: "eng/db" and "eng" are within "eng". */
bool role_is_within(const char *role, const char *ancestor);

/* --- reserving, and making volumes (base/resources_convert.c) --------------------------------- */

/* Who does it. */
struct reserving {
    const char *role;      /* not "*" */
    const char *principal; /* NULL or "": none */
    const struct label *labels;
    size_t labels_count;
};

/* Replace *ret by `from` with one more dynamic reservation on each portion. -EINVAL: revocable, a
 * volume, or the role is not below the one that it is reserved for. */
int resources_reserve(const struct resources *from, const struct reserving *how,
                      struct resources *ret, struct err *err);
/* Replace *ret by `from` without the innermost reservation of each portion. -EINVAL: it has none, a
 * static one, or is a volume. */
int resources_unreserve(const struct resources *from, struct resources *ret, struct err *err);
/* Replace *ret by `from`, one portion of reserved disk, as a volume. -EINVAL: it is something else. */
int resources_make_volume(const struct resources *from, const struct volume *volume,
                          struct resources *ret, struct err *err);
/* Replace *ret by the disk that these volumes are made of. -EINVAL: not only volumes. */
int resources_unmake_volumes(const struct resources *from, struct resources *ret, struct err *err);
/* Replace *ret by `from`, one volume, that is larger (or, negative, smaller) by `milli`, and *ret_disk
 * by the disk that this takes (or frees). -EINVAL: it is something else, or shared; -ERANGE: nothing,
 * or too much, would be left. */
int resources_resize_volume(const struct resources *from, int64_t milli, struct resources *ret,
                            struct resources *ret_disk, struct err *err);
/* Replace *ret by the same quantities without any reservation or volume. Shared volumes count once. */
void resources_strip(const struct resources *from, struct resources *ret);
/* Replace *ret by `from` as the agent's settings would have it: no volumes, no dynamic reservations.
 * -EEXIST, -ERANGE: it cannot have been made of anything. */
int resources_undo(const struct resources *from, struct resources *ret, struct err *err);
/* Take `from` out and put `to` in, both or none: what resources_subtract and _add answer. */
int resources_exchange(struct resources *self, const struct resources *from,
                       const struct resources *to, struct err *err);

#endif
