/* hwloc's tree as a flat record that can be sent. */
#include "agent/probe/probe.h"

#include <errno.h>
#include <hwloc.h>

#define CACHES_MAX  1024 /* a big machine has two or three a core */
#define SOCKETS_MAX 256
#define NODES_MAX   1024

static void topology_destroy(hwloc_topology_t *topology)
{
    if (*topology)
        hwloc_topology_destroy(*topology);
}

/* "0-3,8": hardware threads, as the kernel writes cpusets. */
static const char *print_cpus(hwloc_const_cpuset_t cpus, struct arena *arena)
{
    char text[TEXT_MAX];

    if (!cpus)
        return "";
    hwloc_bitmap_list_snprintf(text, sizeof(text), cpus);
    return arena_strdup(arena, text);
}

static size_t count_of(hwloc_topology_t topology, hwloc_obj_type_t type, size_t most)
{
    int count = hwloc_get_nbobjs_by_type(topology, type);

    if (count < 0)
        return 0;
    return (size_t)count < most ? (size_t)count : most;
}

static void fill_sockets(hwloc_topology_t topology, struct arena *arena, struct topology_info *info)
{
    size_t count = count_of(topology, HWLOC_OBJ_PACKAGE, SOCKETS_MAX);
    struct socket_info *items = arena_array(arena, count, sizeof(*items));

    for (size_t i = 0; i < count; i++) {
        hwloc_obj_t obj = hwloc_get_obj_by_type(topology, HWLOC_OBJ_PACKAGE, (unsigned)i);
        const char *model = hwloc_obj_get_info_by_name(obj, "CPUModel");

        items[i] = (struct socket_info){
            .number = obj->os_index == HWLOC_UNKNOWN_INDEX ? (int64_t)i : obj->os_index,
            .model = arena_strdup(arena, model ? model : ""),
            .cores = hwloc_get_nbobjs_inside_cpuset_by_type(topology, obj->cpuset, HWLOC_OBJ_CORE),
            .cpus = print_cpus(obj->cpuset, arena),
        };
    }
    info->sockets = items;
    info->sockets_count = count;
}

/* The hardware threads of each core next to it. */
static void list_cores(hwloc_topology_t topology, hwloc_const_cpuset_t near, struct arena *arena,
                       struct numa_info *info)
{
    int count = hwloc_get_nbobjs_inside_cpuset_by_type(topology, near, HWLOC_OBJ_CORE);
    const char **cores = arena_array(arena, count > 0 ? (size_t)count : 0, sizeof(*cores));
    struct node_threads *threads = arena_alloc(arena, sizeof(*threads));

    for (int i = 0; i < count; i++) {
        hwloc_obj_t core =
            hwloc_get_obj_inside_cpuset_by_type(topology, near, HWLOC_OBJ_CORE, (unsigned)i);

        if (core)
            cores[threads->cores_count++] = print_cpus(core->cpuset, arena);
    }
    threads->cores = cores;
    info->threads = threads;
}

static void fill_nodes(hwloc_topology_t topology, struct arena *arena, struct topology_info *info)
{
    size_t count = count_of(topology, HWLOC_OBJ_NUMANODE, NODES_MAX);
    struct numa_info *items = arena_array(arena, count, sizeof(*items));

    for (size_t i = 0; i < count; i++) {
        hwloc_obj_t obj = hwloc_get_obj_by_type(topology, HWLOC_OBJ_NUMANODE, (unsigned)i);

        items[i] = (struct numa_info){
            .number = obj->os_index == HWLOC_UNKNOWN_INDEX ? (int64_t)i : obj->os_index,
            .mem_bytes = (int64_t)obj->attr->numanode.local_memory,
            .cpus = print_cpus(obj->cpuset, arena),
        };
        list_cores(topology, obj->cpuset, arena, &items[i]);
    }
    info->numa_nodes = items;
    info->numa_nodes_count = count;
}

static const char *cache_kind(hwloc_obj_cache_type_t type)
{
    switch (type) {
    case HWLOC_OBJ_CACHE_DATA:
        return "data";
    case HWLOC_OBJ_CACHE_INSTRUCTION:
        return "instruction";
    case HWLOC_OBJ_CACHE_UNIFIED:
        break;
    }
    return "unified";
}

static void fill_caches(hwloc_topology_t topology, struct arena *arena, struct topology_info *info)
{
    static const hwloc_obj_type_t levels[] = {HWLOC_OBJ_L5CACHE, HWLOC_OBJ_L4CACHE,
                                              HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L2CACHE,
                                              HWLOC_OBJ_L1CACHE};
    struct cache_info *items = arena_array(arena, CACHES_MAX, sizeof(*items));
    size_t count = 0;

    for (size_t level = 0; level < sizeof(levels) / sizeof(levels[0]); level++)
        for (hwloc_obj_t obj = hwloc_get_next_obj_by_type(topology, levels[level], NULL);
             obj && count < CACHES_MAX;
             obj = hwloc_get_next_obj_by_type(topology, levels[level], obj))
            items[count++] = (struct cache_info){
                .level = obj->attr->cache.depth,
                .kind = cache_kind(obj->attr->cache.type),
                .size_bytes = (int64_t)obj->attr->cache.size,
                .cpus = print_cpus(obj->cpuset, arena),
            };
    info->caches = items;
    info->caches_count = count;
}

int probe_topology(struct arena *arena, struct topology_info **ret_topology, struct err *err)
{
    __attribute__((cleanup(topology_destroy))) hwloc_topology_t topology = NULL;
    struct topology_info *info = arena_alloc(arena, sizeof(*info));

    /* Without the flag for it, hwloc leaves out what our cpuset does not allow. */
    if (hwloc_topology_init(&topology) < 0)
        return err_set(err, -EIO, "hwloc cannot be set up");
    if (hwloc_topology_load(topology) < 0)
        return err_errno(err, -errno, "hwloc cannot read this machine's topology");
    fill_sockets(topology, arena, info);
    fill_nodes(topology, arena, info);
    fill_caches(topology, arena, info);
    info->cores = (int64_t)count_of(topology, HWLOC_OBJ_CORE, SIZE_MAX);
    info->threads = (int64_t)count_of(topology, HWLOC_OBJ_PU, SIZE_MAX);
    info->mem_bytes = (int64_t)hwloc_get_root_obj(topology)->total_memory;
    *ret_topology = info;
    return 0;
}
