#include "agent/docker/answers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "agent/docker/core/image_name.h"
#include "agent/docker/demux.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/units.h"

#define TEXT_MOST 1000 /* bytes of one text */
#define ID_MOST   255
#define NS_PER_US 1000
#define OLD_TIME  "0001-" /* how an engine writes "never" */
#define API_MAJOR 1

static void decref(json_t **value)
{
    json_decref(*value);
}

/* --- pieces ------------------------------------------------------------------------------------- */

static int load(const char *body, size_t size, json_t **ret_root, struct err *err)
{
    json_error_t error;
    int rc = json_check_bounds(body, size, err);

    if (rc < 0)
        return err_wrap(err, -EBADMSG, "the Docker Engine's answer");
    *ret_root = json_loadb(body, size, JSON_REJECT_DUPLICATES, &error);
    if (!*ret_root)
        return err_set(err, -EBADMSG, "the Docker Engine's answer is no JSON: %s", error.text);
    return 0;
}

/* Cut where a character ends. */
static const char *cut(const char *text, size_t most, struct arena *arena)
{
    size_t size = text ? strlen(text) : 0;

    if (size > most)
        for (size = most; size && ((unsigned char)text[size] & 0xc0) == 0x80; size--)
            ;
    return arena_memdup(arena, text ? text : "", size);
}

static const char *text_of(const json_t *object, const char *key, struct arena *arena)
{
    return cut(json_string_value(json_object_get(object, key)), TEXT_MOST, arena);
}

static int64_t number_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    double real;

    if (json_is_integer(value))
        return json_integer_value(value);
    real = json_real_value(value);
    return real > -9e15 && real < 9e15 ? (int64_t)real : 0;
}

static int64_t positive_of(const json_t *object, const char *key)
{
    int64_t value = number_of(object, key);

    return value < 0 ? 0 : value;
}

static bool flag_of(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

static int64_t time_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    int64_t ns = text && strncmp(text, OLD_TIME, strlen(OLD_TIME))
                     ? demux_parse_time_ns(text, strlen(text))
                     : -1;

    return ns < 0 ? 0 : ns / NS_PER_US;
}

static int nonsense(struct err *err, const char *what)
{
    return err_set(err, -EBADMSG, "the Docker Engine's answer has no %s", what);
}

/* --- containers --------------------------------------------------------------------------------- */

static enum dock_seen_state state_of(const char *status)
{
    if (!strcmp(status, "created"))
        return SEEN_CREATED;
    if (!strcmp(status, "exited") || !strcmp(status, "dead") || !strcmp(status, "removing"))
        return SEEN_EXITED;
    return SEEN_RUNNING; /* running, paused, restarting */
}

static void read_labels(const json_t *labels, struct dock_seen *seen, struct arena *arena)
{
    seen->owner = text_of(labels, LABEL_OWNER, arena);
    seen->container_id =
        cut(json_string_value(json_object_get(labels, LABEL_CONTAINER)), ID_MOST, arena);
    seen->sandbox =
        cut(json_string_value(json_object_get(labels, LABEL_SANDBOX)), MESSAGE_MAX - 1, arena);
}

static void read_nothing(struct dock_seen *seen)
{
    *seen = (struct dock_seen){.engine_id = "",
                               .owner = "",
                               .container_id = "",
                               .sandbox = "",
                               .error = "",
                               .stop_signal = "",
                               .address = ""};
}

static int read_list(const json_t *root, struct arena *arena, struct dock_answer *answer,
                     struct err *err)
{
    size_t count = json_array_size(root);
    struct dock_seen *seen = arena_array(arena, count, sizeof(*seen));

    if (!json_is_array(root))
        return nonsense(err, "list of containers");
    for (size_t i = 0; i < count; i++) {
        const json_t *one = json_array_get(root, i);

        read_nothing(&seen[i]);
        seen[i].engine_id = cut(json_string_value(json_object_get(one, "Id")), ID_MOST, arena);
        if (!*seen[i].engine_id)
            return nonsense(err, "id of a container");
        seen[i].state = state_of(text_of(one, "State", arena));
        read_labels(json_object_get(one, "Labels"), &seen[i], arena);
    }
    answer->seen = seen;
    answer->seen_count = count;
    return 0;
}

/* Of the first network that gives it one. */
static const char *address_of(json_t *settings, struct arena *arena)
{
    json_t *networks = json_object_get(settings, "Networks");
    const char *name;
    json_t *network;

    json_object_foreach(networks, name, network)
    {
        const char *address = text_of(network, "IPAddress", arena);

        if (!*address)
            address = text_of(network, "GlobalIPv6Address", arena);
        if (*address)
            return address;
    }
    return text_of(settings, "IPAddress", arena);
}

static int read_inspect(json_t *root, struct arena *arena, struct dock_answer *answer,
                        struct err *err)
{
    struct dock_seen *seen = arena_alloc(arena, sizeof(*seen));
    json_t *state = json_object_get(root, "State");
    json_t *config = json_object_get(root, "Config");

    read_nothing(seen);
    seen->engine_id = cut(json_string_value(json_object_get(root, "Id")), ID_MOST, arena);
    if (!*seen->engine_id || !json_is_object(state))
        return nonsense(err, "id and state of the container");
    seen->state = state_of(text_of(state, "Status", arena));
    seen->pid = positive_of(state, "Pid");
    seen->exit_code = positive_of(state, "ExitCode");
    seen->oom_killed = flag_of(state, "OOMKilled");
    seen->error = text_of(state, "Error", arena);
    seen->started_us = time_of(state, "StartedAt");
    seen->ended_us = time_of(state, "FinishedAt");
    read_labels(json_object_get(config, "Labels"), seen, arena);
    seen->stop_signal = text_of(config, "StopSignal", arena);
    seen->address = address_of(json_object_get(root, "NetworkSettings"), arena);
    seen->mem_limit_bytes = positive_of(json_object_get(root, "HostConfig"), "Memory");
    seen->is_host_network =
        !strcmp(text_of(json_object_get(root, "HostConfig"), "NetworkMode", arena), "host");
    answer->seen = seen;
    answer->seen_count = 1;
    return 0;
}

/* --- usage -------------------------------------------------------------------------------------- */

static void read_cpu(const json_t *cpu, struct usage_info *usage)
{
    const json_t *used = json_object_get(cpu, "cpu_usage");
    const json_t *throttling = json_object_get(cpu, "throttling_data");
    int64_t total = positive_of(used, "total_usage") / NS_PER_US;

    usage->cpu_user_us = positive_of(used, "usage_in_usermode") / NS_PER_US;
    usage->cpu_system_us = positive_of(used, "usage_in_kernelmode") / NS_PER_US;
    if (total > usage->cpu_user_us + usage->cpu_system_us) /* v1 counts the two in ticks */
        usage->cpu_user_us = total - usage->cpu_system_us;
    usage->cpu_periods = positive_of(throttling, "periods");
    usage->cpu_throttled = positive_of(throttling, "throttled_periods");
    usage->cpu_throttled_us = positive_of(throttling, "throttled_time") / NS_PER_US;
}

static void read_memory(const json_t *memory, struct usage_info *usage)
{
    const json_t *stats = json_object_get(memory, "stats");
    bool is_v2 = json_object_get(stats, "anon") != NULL;

    usage->mem_total_bytes = positive_of(memory, "usage");
    usage->mem_peak_bytes = positive_of(memory, "max_usage");
    usage->mem_limit_bytes = positive_of(memory, "limit");
    usage->mem_rss_bytes = positive_of(stats, is_v2 ? "anon" : "total_rss");
    usage->mem_cache_bytes = positive_of(stats, is_v2 ? "file" : "total_cache");
}

static int read_stats(const json_t *root, struct arena *arena, struct dock_answer *answer,
                      struct err *err)
{
    struct usage_info *usage = arena_alloc(arena, sizeof(*usage));
    const json_t *pids = json_object_get(root, "pids_stats");

    if (!json_is_object(json_object_get(root, "cpu_stats")))
        return nonsense(err, "cpu_stats");
    usage->container_id = "";
    read_cpu(json_object_get(root, "cpu_stats"), usage);
    read_memory(json_object_get(root, "memory_stats"), usage);
    usage->threads = positive_of(pids, "current"); /* the pids controller counts threads */
    answer->usage = usage;
    return 0;
}

/* --- the engine --------------------------------------------------------------------------------- */

/* "1.41" as 1041; negative: it is no version. */
static int version_number(const char *text)
{
    unsigned major, minor;
    char rest;

    if (sscanf(text, "%3u.%3u%c", &major, &minor, &rest) != 2)
        return -1;
    return (int)(major * 1000 + minor);
}

/* The oldest that both speak: our requests mean the same in all of them. */
static int read_version(const json_t *root, struct arena *arena, struct dock_answer *answer,
                        struct err *err)
{
    const char *newest = text_of(root, "ApiVersion", arena);
    const char *oldest = text_of(root, "MinAPIVersion", arena);

    answer->version = text_of(root, "Version", arena);
    if (version_number(newest) < 0)
        return nonsense(err, "ApiVersion as 1.41");
    if (version_number(newest) < version_number(API_LEAST))
        return err_set(err, -EBADMSG,
                       "the Docker Engine %.40s speaks the API up to %.20s; %s is needed, as "
                       "Docker 20.10 and later have it",
                       answer->version, newest, API_LEAST);
    answer->api_version = version_number(oldest) > version_number(API_LEAST) ? oldest : API_LEAST;
    return 0;
}

static int read_info(const json_t *root, struct arena *arena, struct dock_answer *answer,
                     struct err *err)
{
    if (!json_is_object(root))
        return nonsense(err, "object");
    answer->root_dir = text_of(root, "DockerRootDir", arena);
    answer->driver = text_of(root, "Driver", arena);
    answer->cgroups = text_of(root, "CgroupDriver", arena);
    return 0;
}

static int read_id(const json_t *root, struct arena *arena, struct dock_answer *answer,
                   struct err *err)
{
    answer->id = cut(json_string_value(json_object_get(root, "Id")), ID_MOST, arena);
    return *answer->id ? 0 : nonsense(err, "Id");
}

static int read_exec(const json_t *root, struct dock_answer *answer, struct err *err)
{
    if (!json_is_object(root))
        return nonsense(err, "object");
    answer->exit_code = positive_of(root, "ExitCode");
    answer->pid = positive_of(root, "Pid");
    return 0;
}

/* --- images ------------------------------------------------------------------------------------- */

/* By tag and by digest; "<none>" is none. */
static void read_names(const json_t *names, struct arena *arena, struct dock_image *image,
                       const char **texts)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *text = json_string_value(json_array_get(names, i));
        char normal[IMAGE_NAME_MAX];

        if (!text || strchr(text, '<'))
            continue;
        image_name_normal(text, normal);
        texts[image->names_count++] = cut(normal, TEXT_MOST, arena);
    }
}

static void read_image(const json_t *one, struct arena *arena, struct dock_image *image)
{
    const json_t *tags = json_object_get(one, "RepoTags");
    const json_t *digests = json_object_get(one, "RepoDigests");
    const char **texts =
        arena_array(arena, json_array_size(tags) + json_array_size(digests), sizeof(*texts));

    image->id = cut(json_string_value(json_object_get(one, "Id")), ID_MOST, arena);
    image->size_bytes = positive_of(one, "Size");
    read_names(tags, arena, image, texts);
    read_names(digests, arena, image, texts);
    image->names = texts;
}

static int read_images(const json_t *root, struct arena *arena, struct dock_answer *answer,
                       struct err *err)
{
    size_t count = json_array_size(root);
    struct dock_image *images = arena_array(arena, count, sizeof(*images));

    if (!json_is_array(root))
        return nonsense(err, "list of images");
    for (size_t i = 0; i < count; i++)
        read_image(json_array_get(root, i), arena, &images[i]);
    answer->images = images;
    answer->images_count = count;
    return 0;
}

int answers_read_used(const char *body, size_t size, struct arena *arena,
                      const char *const **ret_ids, size_t *ret_count)
{
    CLEANUP(decref) json_t *root = NULL;
    const char **ids;
    int rc = load(body, size, &root, NULL);

    if (rc < 0)
        return rc;
    ids = arena_array(arena, json_array_size(root), sizeof(*ids));
    for (size_t i = 0; i < json_array_size(root); i++)
        ids[i] = text_of(json_array_get(root, i), "ImageID", arena);
    *ret_ids = ids;
    *ret_count = json_array_size(root);
    return 0;
}

void answers_mark_used(struct dock_answer *answer, const char *const *ids, size_t count,
                       struct arena *arena)
{
    struct dock_image *images = arena_array(arena, answer->images_count, sizeof(*images));

    for (size_t i = 0; i < answer->images_count; i++) {
        images[i] = answer->images[i];
        for (size_t n = 0; n < count; n++)
            if (!strcmp(ids[n], images[i].id))
                images[i].is_used = true;
    }
    answer->images = images;
}

/* --- by kind ------------------------------------------------------------------------------------ */

static int read_kind(enum dock_call_kind kind, json_t *root, struct arena *arena,
                     struct dock_answer *answer, struct err *err)
{
    switch (kind) {
    case CALL_VERSION:
        return read_version(root, arena, answer, err);
    case CALL_INFO:
        return read_info(root, arena, answer, err);
    case CALL_LIST:
        return read_list(root, arena, answer, err);
    case CALL_INSPECT:
        return read_inspect(root, arena, answer, err);
    case CALL_STATS:
        return read_stats(root, arena, answer, err);
    case CALL_CREATE:
    case CALL_EXEC_CREATE:
        return read_id(root, arena, answer, err);
    case CALL_EXEC_INSPECT:
        return read_exec(root, answer, err);
    case CALL_IMAGES:
        return read_images(root, arena, answer, err);
    default:
        return 0;
    }
}

static bool has_body(enum dock_call_kind kind)
{
    return kind == CALL_VERSION || kind == CALL_INFO || kind == CALL_LIST || kind == CALL_INSPECT ||
           kind == CALL_STATS || kind == CALL_CREATE || kind == CALL_EXEC_CREATE ||
           kind == CALL_EXEC_INSPECT || kind == CALL_IMAGES;
}

/* {"message":"..."}; of an engine that answers otherwise, its status. */
static const char *error_of(int status, const char *body, size_t size, struct arena *arena)
{
    CLEANUP(decref) json_t *root = json_loadb(body, size, 0, NULL);
    const char *text = text_of(root, "message", arena);

    return *text ? text : arena_printf(arena, "the Docker Engine answers with HTTP %d", status);
}

int answers_read(enum dock_call_kind kind, int status, const char *body, size_t size,
                 struct arena *arena, struct dock_answer *answer, struct err *err)
{
    CLEANUP(decref) json_t *root = NULL;
    int rc = 0;

    answer->status = status;
    answer->error = "";
    if (status >= 400) {
        answer->error = error_of(status, body, size, arena);
        return 0;
    }
    if (has_body(kind)) {
        rc = load(body, size, &root, err);
        if (rc == 0)
            rc = read_kind(kind, root, arena, answer, err);
    }
    if (rc < 0) {
        answer->status = 0;
        answer->error = arena_strdup(arena, err->text);
    }
    return rc;
}

const char *answers_read_event(const char *line, size_t size, struct arena *arena)
{
    CLEANUP(decref) json_t *root = NULL;
    const json_t *attributes;
    const char *id;

    if (load(line, size, &root, NULL) < 0)
        return NULL;
    attributes = json_object_get(json_object_get(root, "Actor"), "Attributes");
    id = cut(json_string_value(json_object_get(attributes, LABEL_CONTAINER)), ID_MOST, arena);
    return *id ? id : NULL;
}

/* --- pulling ------------------------------------------------------------------------------------ */

static struct pull_layer *layer_get(struct pull_view *self, const char *id)
{
    for (size_t i = 0; i < self->count; i++)
        if (!strcmp(self->layers[i].id, id))
            return &self->layers[i];
    if (self->count == PULL_LAYERS_MAX || strlen(id) >= sizeof(self->layers[0].id))
        return NULL;
    snprintf(self->layers[self->count].id, sizeof(self->layers[0].id), "%s", id);
    return &self->layers[self->count++];
}

static void describe(struct pull_view *self)
{
    CLEANUP(buf_fini) struct buf text = {0};
    int64_t done = 0, total = 0;
    size_t over = 0;

    for (size_t i = 0; i < self->count; i++) {
        over += self->layers[i].is_over;
        done += self->layers[i].done;
        total += self->layers[i].total;
    }
    buf_printf(&text, "%zu of %zu layers", over, self->count);
    if (total) {
        buf_puts(&text, ", ");
        units_print_bytes(done, &text);
        buf_puts(&text, " of ");
        units_print_bytes(total, &text);
    }
    snprintf(self->text, sizeof(self->text), "%s", buf_text(&text));
}

#define DIGEST "Digest: "

static void read_layer(struct pull_view *self, const json_t *root)
{
    const char *status = json_string_value(json_object_get(root, "status"));
    const char *id = json_string_value(json_object_get(root, "id"));
    const json_t *detail = json_object_get(root, "progressDetail");
    struct pull_layer *layer;

    if (status && !strncmp(status, DIGEST, strlen(DIGEST)) &&
        strlen(status + strlen(DIGEST)) < sizeof(self->digest))
        snprintf(self->digest, sizeof(self->digest), "%s", status + strlen(DIGEST));

    /* "Pulling from ..." has the tag as its id. */
    if (!status || !id || !*id || !strncmp(status, "Pulling from", 12))
        return;
    layer = layer_get(self, id);
    if (!layer)
        return;
    if (!strcmp(status, "Downloading")) {
        layer->done = positive_of(detail, "current") & 0xffffffffffff;
        layer->total = positive_of(detail, "total") & 0xffffffffffff;
    }
    if (!strcmp(status, "Download complete") || !strcmp(status, "Pull complete") ||
        !strcmp(status, "Already exists"))
        layer->done = layer->total;
    layer->is_over |= !strcmp(status, "Pull complete") || !strcmp(status, "Already exists");
    describe(self);
}

void pull_view_read(struct pull_view *self, const char *line, size_t size)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    CLEANUP(decref) json_t *root = NULL;
    const char *error;

    if (load(line, size, &root, NULL) < 0)
        return;
    error = json_string_value(json_object_get(root, "error"));
    if (error)
        snprintf(self->error, sizeof(self->error), "%s",
                 cut(error, sizeof(self->error) - 1, arena));
    else
        read_layer(self, root);
}
