#include "framework-sdk/offers.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/units.h"
#include "proto/resources_info.h"

int sdk_offer_init(struct proffer_offer *self, const struct offer_info *info, struct arena *arena,
                   struct err *err)
{
    int rc = resources_from_info(&self->resources, info->resources, info->resources_count, err);

    if (rc < 0)
        return err_wrap(err, rc, "offer %s", info->id);
    self->info = info;
    self->arena = arena;
    self->texts = arena_array(arena, info->attributes_count + 1, sizeof(*self->texts));
    return 0;
}

void sdk_offer_fini(struct proffer_offer *self)
{
    resources_fini(&self->resources);
}

const char *proffer_offer_id(const struct proffer_offer *offer)
{
    return offer->info->id;
}

const char *proffer_offer_agent_id(const struct proffer_offer *offer)
{
    return offer->info->agent_id;
}

const char *proffer_offer_hostname(const struct proffer_offer *offer)
{
    return offer->info->hostname;
}

const char *proffer_offer_agent_address(const struct proffer_offer *offer)
{
    return offer->info->address;
}

const char *proffer_offer_role(const struct proffer_offer *offer)
{
    return *offer->info->role ? offer->info->role : RESOURCE_ROLE_ANY;
}

const char *proffer_offer_need(const struct proffer_offer *offer)
{
    return offer->info->need;
}

int64_t proffer_offer_units(const struct proffer_offer *offer)
{
    return offer->info->units;
}

bool proffer_offer_is_optimistic(const struct proffer_offer *offer)
{
    return offer->info->optimistic;
}

double proffer_offer_scalar(const struct proffer_offer *offer, const char *name)
{
    return (double)resources_scalar(&offer->resources, name) / 1000;
}

const char *proffer_offer_region(const struct proffer_offer *offer)
{
    return offer->info->domain ? offer->info->domain->region : "";
}

const char *proffer_offer_zone(const struct proffer_offer *offer)
{
    return offer->info->domain ? offer->info->domain->zone : "";
}

double proffer_offer_volume(const struct proffer_offer *offer, const char *volume_id)
{
    for (size_t i = 0; i < offer->resources.count; i++) {
        const struct volume *volume = resource_volume(&offer->resources.items[i]);

        if (volume && !strcmp(volume->id, volume_id))
            return (double)offer->resources.items[i].milli / 1000;
    }
    return -1;
}

struct proffer_unavailability sdk_unavailability(const struct unavailability *info)
{
    return (struct proffer_unavailability){.start = (double)info->start_us / 1e6,
                                           .duration = (double)info->duration_ms / 1e3,
                                           .reason = info->reason,
                                           .window = info->window_id};
}

bool proffer_offer_unavailability(const struct proffer_offer *offer,
                                  struct proffer_unavailability *ret_unavailability)
{
    if (!offer->info->unavailability)
        return false;
    *ret_unavailability = sdk_unavailability(offer->info->unavailability);
    return true;
}

bool proffer_offer_numa_node(const struct proffer_offer *offer, size_t index,
                             struct proffer_place *ret_node)
{
    const struct topology_info *topology = offer->info->topology;

    if (!topology || index >= topology->numa_nodes_count)
        return false;
    *ret_node = (struct proffer_place){
        .number = topology->numa_nodes[index].number,
        .mem_bytes = topology->numa_nodes[index].mem_bytes,
        .cpus = topology->numa_nodes[index].cpus,
    };
    return true;
}

bool proffer_offer_socket(const struct proffer_offer *offer, size_t index,
                          struct proffer_place *ret_socket)
{
    const struct topology_info *topology = offer->info->topology;

    if (!topology || index >= topology->sockets_count)
        return false;
    *ret_socket = (struct proffer_place){
        .number = topology->sockets[index].number,
        .cores = topology->sockets[index].cores,
        .cpus = topology->sockets[index].cpus,
    };
    return true;
}

/* --- texts made when they are asked for ------------------------------------------------------- */

const char *proffer_offer_resources(const struct proffer_offer *offer)
{
    CLEANUP(buf_fini) struct buf text = {0};

    if (!offer->texts[0]) {
        resources_print(&offer->resources, &text);
        offer->texts[0] = arena_strdup(offer->arena, buf_text(&text));
    }
    return offer->texts[0];
}

static void print_attribute(const struct attribute_info *attribute, struct buf *out)
{
    if (attribute->kind == VALUE_TEXT)
        buf_puts(out, attribute->text);
    if (attribute->kind == VALUE_SCALAR)
        units_print_milli(attribute->scalar, out);
    if (attribute->kind != VALUE_RANGES)
        return;
    buf_puts(out, "[");
    for (size_t i = 0; i < attribute->ranges_count; i++)
        buf_printf(out, "%s%" PRId64 "-%" PRId64, i ? ", " : "", attribute->ranges[i].begin,
                   attribute->ranges[i].end);
    buf_puts(out, "]");
}

const char *proffer_offer_attribute(const struct proffer_offer *offer, const char *name)
{
    CLEANUP(buf_fini) struct buf text = {0};
    size_t i = 0;

    while (i < offer->info->attributes_count && strcmp(offer->info->attributes[i].name, name) != 0)
        i++;
    if (i == offer->info->attributes_count)
        return NULL;
    if (!offer->texts[i + 1]) {
        print_attribute(&offer->info->attributes[i], &text);
        offer->texts[i + 1] = arena_strdup(offer->arena, buf_text(&text));
    }
    return offer->texts[i + 1];
}
