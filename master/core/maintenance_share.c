/* master/core/maintenance_share.c - how much of the cluster windows take down at the same time. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "master/core/maintenance.h"

/* So many more agents are down from then on, or less. */
struct edge {
    int64_t at_us;
    int64_t change;
};

/* What ends is up again before what begins at the same moment is down. */
static int compare_edges(const void *a, const void *b)
{
    const struct edge *x = a, *y = b;

    if (x->at_us != y->at_us)
        return x->at_us < y->at_us ? -1 : 1;
    return (x->change > y->change) - (x->change < y->change);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool counts(const struct agent *agent)
{
    return agent->state != AGENT_UNREACHABLE && agent->state != AGENT_REMOVED;
}

static int64_t count_named(const struct master *master, const struct window_info *info)
{
    CLEANUP(free_p) const char **names = mem_calloc(info->agents_count + 1, sizeof(*names));
    const struct agent *agent;
    int64_t count = 0;

    for (size_t i = 0; i < info->agents_count; i++)
        names[i] = info->agents[i];
    qsort(names, info->agents_count, sizeof(*names), compare_names);
    for (agent = master->agents; agent; agent = agent->hh.next) {
        const char *id = agent->id, *hostname = agent->info->hostname;

        count += counts(agent) &&
                 (bsearch(&id, names, info->agents_count, sizeof(*names), compare_names) ||
                  bsearch(&hostname, names, info->agents_count, sizeof(*names), compare_names));
    }
    return count;
}

static int64_t count_stays(const struct window *window)
{
    const struct stay *stay;
    int64_t count = 0;

    DL_FOREACH (window->stays, stay)
        count += counts(stay->agent);
    return count;
}

/* As far as it overlaps `within`: what is before and behind that is no business of its. */
static size_t add_edges(struct edge *edges, size_t count, const struct window_info *info,
                        const struct window_info *within, int64_t agents)
{
    int64_t start_us = info->start_us > within->start_us ? info->start_us : within->start_us;
    int64_t end_us = window_end_us(info);

    if (end_us > window_end_us(within))
        end_us = window_end_us(within);
    if (start_us >= end_us || !agents)
        return count;
    edges[count++] = (struct edge){start_us, agents};
    edges[count++] = (struct edge){end_us, -agents};
    return count;
}

size_t maintenance_down_at_once(const struct master *master, const struct window_info *info,
                                size_t *ret_of)
{
    size_t room = 2 * (size_t)HASH_COUNT(master->maintenance->windows) + 2;
    CLEANUP(free_p) struct edge *edges = mem_calloc(room, sizeof(*edges));
    const struct window *window;
    int64_t down = 0, most = 0;
    size_t count;

    count = add_edges(edges, 0, info, info, count_named(master, info));
    for (window = master->maintenance->windows; window; window = window->hh.next)
        if (window->state != WINDOW_OVER && strcmp(window->info->id, info->id) != 0)
            count = add_edges(edges, count, window->info, info, count_stays(window));
    if (count)
        qsort(edges, count, sizeof(*edges), compare_edges);
    for (size_t i = 0; i < count; i++) {
        down += edges[i].change;
        most = down > most ? down : most;
    }
    *ret_of = HASH_COUNT(master->agents) - master->unreachable_count;
    return (size_t)most;
}
