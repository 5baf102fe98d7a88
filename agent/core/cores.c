#include "agent/core/cores.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"

struct core {
    struct numbers threads;
};

struct node {
    unsigned number; /* the kernel's */
    struct numbers threads;
    struct core *cores; /* owned */
    size_t cores_count;
    int64_t mem_bytes;
    int64_t bound_bytes; /* of that, promised to tasks bound to it */
    int64_t bound_milli; /* cpus of shared tasks that are bound to it */
};

struct cores {
    struct node *nodes; /* owned */
    size_t nodes_count;
    struct numbers all;
    struct numbers taken;
    int64_t shared_milli; /* cpus of those who share */
    size_t shared_count;
};

/* --- the machine --------------------------------------------------------------------------------- */

static int add_core(struct node *node, const struct numbers *threads)
{
    node->cores = mem_resize(node->cores, node->cores_count + 1, sizeof(*node->cores));
    node->cores[node->cores_count++].threads = *threads;
    return 0;
}

/* Who does not tell cores has one a thread. */
static int read_cores(struct node *node, const struct numa_info *info)
{
    struct numbers left = node->threads;
    size_t count = info->threads ? info->threads->cores_count : 0;

    for (size_t i = 0; i < count; i++) {
        struct numbers threads;
        int rc = numbers_parse(info->threads->cores[i], &threads);

        if (rc < 0)
            return rc;
        numbers_intersect(&threads, &left);
        numbers_remove(&left, &threads);
        if (numbers_count(&threads))
            add_core(node, &threads);
    }
    NUMBERS_EACH(&left, n)
    {
        struct numbers one = {0};

        numbers_set(&one, n);
        add_core(node, &one);
    }
    return 0;
}

static int read_node(struct cores *self, struct node *node, const struct numa_info *info)
{
    int rc = numbers_parse(info->cpus, &node->threads);

    if (rc < 0 || info->number < 0 || info->number >= NUMBERS_MAX)
        return -EINVAL;
    node->number = (unsigned)info->number;
    node->mem_bytes = info->mem_bytes;
    numbers_remove(&node->threads, &self->all); /* a thread next to two nodes is the first one's */
    numbers_add(&self->all, &node->threads);
    return read_cores(node, info);
}

int cores_new(const struct topology_info *topology, struct cores **ret_cores, struct err *err)
{
    CLEANUP(cores_destroy) struct cores *self = mem_new(struct cores);

    self->nodes = mem_calloc(topology->numa_nodes_count + 1, sizeof(*self->nodes));
    self->nodes_count = topology->numa_nodes_count;
    for (size_t i = 0; i < self->nodes_count; i++)
        if (read_node(self, &self->nodes[i], &topology->numa_nodes[i]) < 0)
            return err_set(err, -EINVAL, "NUMA node %" PRId64 " cannot be understood",
                           topology->numa_nodes[i].number);
    if (!numbers_count(&self->all))
        return err_set(err, -EINVAL, "no processor next to any NUMA node");
    *ret_cores = TAKE(self);
    return 0;
}

void cores_destroy(struct cores **self_p)
{
    struct cores *self = TAKE(*self_p);

    if (!self)
        return;
    for (size_t i = 0; i < self->nodes_count; i++)
        free(self->nodes[i].cores);
    free(self->nodes);
    free(self);
}

static struct numbers free_of(const struct cores *self, const struct numbers *among)
{
    struct numbers left = *among;

    numbers_remove(&left, &self->taken);
    return left;
}

static unsigned count_free(const struct cores *self, const struct numbers *among)
{
    const struct numbers left = free_of(self, among);

    return numbers_count(&left);
}

/* --- exclusive ----------------------------------------------------------------------------------- */

static void take_threads(struct cores *self, const struct numbers *from, unsigned count,
                         struct numbers *taken)
{
    NUMBERS_EACH(from, n)
    {
        if (!count--)
            return;
        numbers_set(taken, n);
        numbers_set(&self->taken, n);
    }
}

/* Of those that fit the largest, else the smallest: so that cores stay whole as far as can be. */
static const struct core *choose_core(const struct cores *self, const struct node *node,
                                      unsigned wanted)
{
    const struct core *best = NULL;
    unsigned best_free = 0;

    for (size_t i = 0; i < node->cores_count; i++) {
        unsigned left = count_free(self, &node->cores[i].threads);
        bool is_better = !best || (left <= wanted ? best_free > wanted || left > best_free
                                                  : best_free > wanted && left < best_free);

        if (left && is_better) {
            best = &node->cores[i];
            best_free = left;
        }
    }
    return best;
}

static unsigned take_in_node(struct cores *self, const struct node *node, unsigned wanted,
                             struct numbers *taken)
{
    unsigned begun = wanted;
    const struct core *core;

    while (wanted && (core = choose_core(self, node, wanted))) {
        const struct numbers left = free_of(self, &core->threads);
        unsigned count = numbers_count(&left);

        count = count < wanted ? count : wanted;
        take_threads(self, &left, count, taken);
        wanted -= count;
    }
    return begun - wanted;
}

/* The one with least that is enough; if there is none, the one with most. */
static struct node *choose_compact(struct cores *self, unsigned wanted)
{
    struct node *best = NULL;
    unsigned best_free = 0;

    for (size_t i = 0; i < self->nodes_count; i++) {
        unsigned left = count_free(self, &self->nodes[i].threads);
        bool is_better = !best || (left >= wanted ? best_free < wanted || left < best_free
                                                  : best_free < wanted && left > best_free);

        if (left && is_better) {
            best = &self->nodes[i];
            best_free = left;
        }
    }
    return best;
}

static void take_compact(struct cores *self, unsigned wanted, struct numbers *taken)
{
    while (wanted)
        wanted -= take_in_node(self, choose_compact(self, wanted), wanted, taken);
}

static void take_spread(struct cores *self, unsigned wanted, struct numbers *taken)
{
    for (; wanted; wanted--) {
        const struct node *node = choose_compact(self, NUMBERS_MAX); /* the one with most */
        const struct core *core = NULL;
        unsigned most = 0;
        struct numbers left;

        for (size_t i = 0; i < node->cores_count; i++) {
            unsigned count = count_free(self, &node->cores[i].threads);

            if (count > most) {
                most = count;
                core = &node->cores[i];
            }
        }
        left = free_of(self, &core->threads);
        take_threads(self, &left, 1, taken);
    }
}

static int check_exclusive(const struct cores *self, const struct cores_wish *wish, struct err *err)
{
    unsigned left = count_free(self, &self->all);
    int64_t wanted = wish->cpus_milli / 1000;

    if (wanted <= 0 || wish->cpus_milli % 1000)
        return err_set(err, -EINVAL, "exclusive cores are whole: cpus:1, cpus:2 and so on");
    if (wanted > left)
        return err_set(err, -EBUSY, "%" PRId64 " cores are wanted for one task, %u are free",
                       wanted, left);
    if (self->shared_count && (wanted == left || (left - wanted) * 1000 < self->shared_milli))
        return err_set(err, -EBUSY,
                       "%" PRId64
                       " cores are wanted for one task, %u are free, and %zu tasks share them",
                       wanted, left, self->shared_count);
    return 0;
}

/* --- memory -------------------------------------------------------------------------------------- */

static int64_t free_bytes(const struct node *node)
{
    return node->mem_bytes > node->bound_bytes ? node->mem_bytes - node->bound_bytes : 0;
}

static struct node *node_with_most(struct cores *self, const struct numbers *but)
{
    struct node *best = NULL;

    for (size_t i = 0; i < self->nodes_count; i++) {
        struct node *node = &self->nodes[i];

        if (!numbers_have(but, node->number) && free_bytes(node) &&
            (!best || free_bytes(node) > free_bytes(best)))
            best = node;
    }
    return best;
}

/* The nodes of its threads, and others besides when these have not enough: who is bound to too little is killed. */
static void bind_memory(struct cores *self, const struct numbers *cpus, int64_t mem_bytes,
                        struct numbers *ret_mems)
{
    int64_t sum = 0;
    struct node *more;

    for (size_t i = 0; i < self->nodes_count; i++) {
        struct numbers both = self->nodes[i].threads;

        numbers_intersect(&both, cpus);
        if (!numbers_count(&both) || !self->nodes[i].mem_bytes)
            continue;
        numbers_set(ret_mems, self->nodes[i].number);
        sum += free_bytes(&self->nodes[i]);
    }
    while (sum < mem_bytes && (more = node_with_most(self, ret_mems))) {
        numbers_set(ret_mems, more->number);
        sum += free_bytes(more);
    }
}

/* In equal parts, the rest to the first: an estimate, as is all that is said of free memory. */
static void account(struct cores *self, const struct cores_grant *grant, int sign)
{
    unsigned nodes = numbers_count(&grant->mems);
    int64_t part = nodes ? grant->mem_bytes / nodes : 0;
    int64_t rest = nodes ? grant->mem_bytes % nodes : 0;
    int64_t milli = nodes && !grant->is_exclusive ? grant->cpus_milli / nodes : 0;

    for (size_t i = 0; i < self->nodes_count; i++) {
        if (!numbers_have(&grant->mems, self->nodes[i].number))
            continue;
        self->nodes[i].bound_bytes += sign * (part + rest);
        self->nodes[i].bound_milli += sign * milli;
        rest = 0;
    }
    if (grant->is_exclusive)
        return;
    self->shared_milli += sign * grant->cpus_milli;
    self->shared_count += (size_t)sign;
}

/* --- shared -------------------------------------------------------------------------------------- */

static int64_t unpromised_milli(const struct cores *self, const struct node *node)
{
    return (int64_t)count_free(self, &node->threads) * 1000 - node->bound_milli;
}

static void bind_shared(struct cores *self, const struct cores_wish *wish,
                        struct cores_grant *grant)
{
    struct node *best = NULL;

    for (size_t i = 0; i < self->nodes_count; i++) {
        struct node *node = &self->nodes[i];

        if (count_free(self, &node->threads) &&
            (!best || unpromised_milli(self, node) > unpromised_milli(self, best)))
            best = node;
    }
    BUG_ON(!best); /* the caller has seen that something is free */
    grant->cpus = best->threads;
    if ((int64_t)numbers_count(&best->threads) * 1000 < wish->cpus_milli)
        grant->cpus = self->all; /* no node has so many */
    bind_memory(self, &grant->cpus, wish->mem_bytes, &grant->mems);
}

/* --- both ---------------------------------------------------------------------------------------- */

int cores_take(struct cores *self, const struct cores_wish *wish, struct cores_grant *ret_grant,
               struct err *err)
{
    struct cores_grant grant = {.is_exclusive = wish->is_exclusive,
                                .cpus_milli = wish->cpus_milli,
                                .mem_bytes = wish->mem_bytes};
    int rc = wish->is_exclusive ? check_exclusive(self, wish, err) : 0;

    if (rc < 0)
        return rc;
    if (!wish->is_exclusive && !count_free(self, &self->all))
        return err_set(err, -EBUSY, "other tasks have all cores for themselves");
    if (wish->is_exclusive) {
        unsigned count = (unsigned)(wish->cpus_milli / 1000);

        if (wish->policy == CORES_SPREAD)
            take_spread(self, count, &grant.cpus);
        else
            take_compact(self, count, &grant.cpus);
        bind_memory(self, &grant.cpus, wish->mem_bytes, &grant.mems);
    } else if (wish->policy == CORES_COMPACT) {
        bind_shared(self, wish, &grant);
    }
    account(self, &grant, 1);
    *ret_grant = grant;
    return 0;
}

int cores_retake(struct cores *self, const struct cores_grant *grant, struct err *err)
{
    if (grant->is_exclusive) {
        const struct numbers left = free_of(self, &grant->cpus);
        struct numbers here = left;

        numbers_intersect(&here, &self->all);
        if (numbers_count(&here) != numbers_count(&grant->cpus))
            return err_set(err, -EBUSY, "cores that it has are not here any more, or twice given");
        numbers_add(&self->taken, &grant->cpus);
    }
    account(self, grant, 1);
    return 0;
}

void cores_give(struct cores *self, const struct cores_grant *grant)
{
    if (grant->is_exclusive)
        numbers_remove(&self->taken, &grant->cpus);
    account(self, grant, -1);
}

void cores_now(const struct cores *self, const struct cores_grant *grant, struct numbers *ret_cpus)
{
    if (grant->is_exclusive) {
        *ret_cpus = grant->cpus;
        return;
    }
    *ret_cpus = free_of(self, &grant->cpus);
    if (!numbers_count(
            ret_cpus)) /* bound to none, or to a node that others have for themselves by now */
        *ret_cpus = free_of(self, &self->all);
}

void cores_describe(const struct cores *self, struct arena *arena, struct node_threads *nodes,
                    size_t nodes_count)
{
    for (size_t i = 0; i < nodes_count && i < self->nodes_count; i++) {
        const struct node *node = &self->nodes[i];
        const struct numbers left = free_of(self, &node->threads);
        CLEANUP(buf_fini) struct buf text = {0};

        numbers_print(&left, &text);
        nodes[i].free_cpus = arena_strdup(arena, buf_text(&text));
        nodes[i].free_cores = 0;
        for (size_t c = 0; c < node->cores_count; c++)
            nodes[i].free_cores +=
                count_free(self, &node->cores[c].threads) == numbers_count(&node->cores[c].threads);
        nodes[i].free_mem_bytes = free_bytes(node);
    }
}

int cores_check(const struct cores *self, const struct cores_grant *const grants[], size_t count,
                struct err *err)
{
    struct numbers taken = {0};
    int64_t shared_milli = 0, bound = 0, of_nodes = 0;

    for (size_t i = 0; i < count; i++) {
        if (grants[i]->is_exclusive) {
            struct numbers both = taken;

            numbers_intersect(&both, &grants[i]->cpus);
            if (numbers_count(&both))
                return err_set(err, -EINVAL, "two tasks have the same cores for themselves");
            numbers_add(&taken, &grants[i]->cpus);
        } else {
            shared_milli += grants[i]->cpus_milli;
        }
        bound += numbers_count(&grants[i]->mems) ? grants[i]->mem_bytes : 0;
    }
    for (size_t i = 0; i < self->nodes_count; i++)
        of_nodes += self->nodes[i].bound_bytes;
    if (memcmp(&taken, &self->taken, sizeof(taken)) != 0 || shared_milli != self->shared_milli ||
        bound != of_nodes)
        return err_set(err, -EINVAL, "the books of cores disagree with what tasks have");
    return 0;
}
