#include "cli/group_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/units.h"
#include "cli/cli.h"

#define TASKS_MAX 64

/* --- what is said of mistakes ------------------------------------------------------------------- */

struct reading {
    const char *path;
    const char *place; /* "task web"; "": the group */
    struct group_file *file;
    bool is_wrong; /* and that was said */
};

__attribute__((format(printf, 2, 3))) static void complain(struct reading *self, const char *format,
                                                           ...)
{
    char text[256];
    va_list args;

    if (self->is_wrong)
        return;
    self->is_wrong = true;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    cli_fail(EXIT_USAGE, "%s: %s%s%s", self->path, self->place, *self->place ? ": " : "", text);
}

static bool is_of_docker(const char *name)
{
    return !strcmp(name, "docker") || !strcmp(name, "image") || !strcmp(name, "container");
}

/* A name that nobody reads is a mistake, and not an extra. */
static void check_names(struct reading *self, json_t *object, const char *const *known)
{
    const char *name;
    json_t *value;

    json_object_foreach(object, name, value)
    {
        size_t i = 0;

        while (known[i] && strcmp(known[i], name) != 0)
            i++;
        if (!known[i] && is_of_docker(name))
            complain(self, "\"%s\": the tasks of a group do not run in an Engine's containers",
                     name);
        else if (!known[i])
            complain(self, "\"%.64s\" is not known here", name);
    }
}

static void *keep(struct reading *self, void *memory)
{
    struct group_file *file = self->file;

    file->memory = mem_resize(file->memory, file->memory_count + 1, sizeof(*file->memory));
    file->memory[file->memory_count++] = memory;
    return memory;
}

/* --- single values ------------------------------------------------------------------------------ */

static const char *text(struct reading *self, json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);

    if (value && !json_is_string(value))
        complain(self, "\"%s\": want a text", name);
    return json_string_value(value);
}

static int64_t number(struct reading *self, json_t *object, const char *name, int64_t max)
{
    json_t *value = json_object_get(object, name);

    if (value && (!json_is_integer(value) || json_integer_value(value) < 0 ||
                  json_integer_value(value) > max))
        complain(self, "\"%s\": want a number from 0 to %lld", name, (long long)max);
    return json_integer_value(value);
}

static bool flag(struct reading *self, json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);

    if (value && !json_is_boolean(value))
        complain(self, "\"%s\": want true or false", name);
    return json_is_true(value);
}

/* "5s" */
static int64_t duration(struct reading *self, json_t *object, const char *name)
{
    const char *value = text(self, object, name);
    struct err err;
    int64_t ms = 0;

    if (value && units_parse_duration_ms(value, &ms, &err) < 0)
        complain(self, "\"%s\": %s", name, err.text);
    return ms;
}

/* The SDK's 0 is the default: "0s" is less than anything. */
static int64_t grace(struct reading *self, json_t *object, const char *name)
{
    int64_t ms = duration(self, object, name);

    return ms == 0 && json_object_get(object, name) ? -1 : ms;
}

static json_t *list(struct reading *self, json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);

    if (value && !json_is_array(value))
        complain(self, "\"%s\": want a list", name);
    return json_is_array(value) ? value : NULL;
}

static const char *const *texts(struct reading *self, json_t *object, const char *name)
{
    json_t *items = list(self, object, name);
    const char **result;

    if (!items)
        return NULL;
    result = keep(self, mem_calloc(json_array_size(items) + 1, sizeof(*result)));
    for (size_t i = 0; i < json_array_size(items); i++) {
        result[i] = json_string_value(json_array_get(items, i));
        if (!result[i]) {
            complain(self, "\"%s\": want a list of texts", name);
            return NULL;
        }
    }
    return result;
}

static const struct proffer_pair *pairs(struct reading *self, json_t *object, const char *name)
{
    json_t *items = json_object_get(object, name), *value;
    struct proffer_pair *result;
    const char *key;
    size_t count = 0;

    if (!items)
        return NULL;
    if (!json_is_object(items)) {
        complain(self, "\"%s\": want {\"NAME\": \"VALUE\"}", name);
        return NULL;
    }
    result = keep(self, mem_calloc(json_object_size(items) + 1, sizeof(*result)));
    json_object_foreach(items, key, value)
    {
        if (!json_is_string(value))
            complain(self, "\"%s\": %.64s: want a text", name, key);
        result[count++] = (struct proffer_pair){key, json_string_value(value)};
    }
    return result;
}

/* --- the group ---------------------------------------------------------------------------------- */

static void read_ports(struct reading *self, json_t *object, struct proffer_group *group)
{
    static const char *const known[] = {"host_port", "container_port", "protocol", NULL};
    json_t *items = list(self, object, "ports");
    struct proffer_port *ports;

    if (!items)
        return;
    ports = keep(self, mem_calloc(json_array_size(items) + 1, sizeof(*ports)));
    group->ports = ports;
    group->port_count = json_array_size(items);
    for (size_t i = 0; i < group->port_count; i++) {
        json_t *item = json_array_get(items, i);

        if (!json_is_object(item)) {
            complain(self, "\"ports\": want [{\"container_port\": 8080}]");
            return;
        }
        check_names(self, item, known);
        ports[i] = (struct proffer_port){
            .host_port = (uint16_t)number(self, item, "host_port", UINT16_MAX),
            .container_port = (uint16_t)number(self, item, "container_port", UINT16_MAX),
            .protocol = text(self, item, "protocol"),
        };
    }
}

static void read_group(struct reading *self, json_t *root)
{
    static const char *const known[] = {"id",        "volumes", "network", "ports", "hostname",
                                        "shm_bytes", "labels",  "tasks",   NULL};
    struct proffer_group *group = &self->file->group;

    check_names(self, root, known);
    *group = (struct proffer_group){
        .id = text(self, root, "id"),
        .volumes = texts(self, root, "volumes"),
        .network = text(self, root, "network"),
        .hostname = text(self, root, "hostname"),
        .shm_bytes = number(self, root, "shm_bytes", INT64_MAX),
        .labels = pairs(self, root, "labels"),
    };
    read_ports(self, root, group);
    if (!group->id)
        complain(self, "it has no \"id\"");
}

/* --- its tasks ---------------------------------------------------------------------------------- */

static enum proffer_part read_part(struct reading *self, json_t *object)
{
    static const char *const names[] = {
        [PROFFER_MAIN] = "main", [PROFFER_INIT] = "init", [PROFFER_SIDECAR] = "sidecar"};
    const char *part = text(self, object, "part");

    for (size_t i = PROFFER_MAIN; part && i <= PROFFER_SIDECAR; i++)
        if (strcmp(part, names[i]) == 0)
            return (enum proffer_part)i;
    if (part)
        complain(self, "\"part\": want init, sidecar or main");
    return PROFFER_MAIN;
}

/* A volume of the group, or else a persistent one among the task's resources. */
static struct proffer_mount read_mount(struct reading *self, json_t *item)
{
    static const char *const known[] = {"volume", "path", "read_only", NULL};
    struct proffer_mount mount = {.volume = NULL};

    if (!json_is_object(item)) {
        complain(self, "\"mounts\": want [{\"volume\": \"data\", \"path\": \"/data\"}]");
        return mount;
    }
    check_names(self, item, known);
    mount.volume = text(self, item, "volume");
    mount.path = text(self, item, "path");
    mount.read_only = flag(self, item, "read_only");
    if (!mount.volume || !mount.path)
        complain(self, "\"mounts\": each needs \"volume\" and \"path\"");
    return mount;
}

static bool is_of_group(const struct reading *self, const struct proffer_mount *mount)
{
    const char *const *volumes = self->file->group.volumes;

    for (size_t i = 0; volumes && volumes[i]; i++)
        if (mount->volume && !strcmp(volumes[i], mount->volume))
            return true;
    return false;
}

/* Those of the group. */
static void add_mounts(struct reading *self, json_t *items, json_t *mounts)
{
    for (size_t i = 0; i < json_array_size(items); i++) {
        struct proffer_mount mount = read_mount(self, json_array_get(items, i));

        if (is_of_group(self, &mount))
            json_array_append_new(mounts, json_pack("{s:s, s:s, s:s, s:b}", "source_kind",
                                                    "MOUNT_GROUP", "source", mount.volume,
                                                    "container_path", mount.path ? mount.path : "",
                                                    "read_only", mount.read_only));
    }
}

/* The others, which go with its resources; what is not there the SDK names. */
static const struct proffer_mount *read_persistent(struct reading *self, json_t *object)
{
    json_t *items = list(self, object, "mounts");
    struct proffer_mount *mounts;
    size_t count = 0;

    if (!items)
        return NULL;
    mounts = keep(self, mem_calloc(json_array_size(items) + 1, sizeof(*mounts)));
    for (size_t i = 0; i < json_array_size(items) && !self->is_wrong; i++) {
        struct proffer_mount mount = read_mount(self, json_array_get(items, i));

        if (!is_of_group(self, &mount))
            mounts[count++] = mount;
    }
    return mounts;
}

/* --- its health --------------------------------------------------------------------------------- */

static const struct proffer_check *read_health(struct reading *self, json_t *object)
{
    static const char *const known[] = {"command", "http",     "https",       "tcp",
                                        "port",    "delay",    "interval",    "timeout",
                                        "grace",   "failures", "report_only", NULL};
    json_t *value = json_object_get(object, "health_check");
    struct proffer_check *check;
    const char *https;

    if (!value)
        return NULL;
    if (!json_is_object(value)) {
        complain(self,
                 "\"health_check\": want {\"http\": \"/health\", \"port\": 8080} and the like");
        return NULL;
    }
    check_names(self, value, known);
    https = text(self, value, "https");
    check = keep(self, mem_calloc(1, sizeof(*check)));
    *check = (struct proffer_check){
        .command = text(self, value, "command"),
        .http = https ? https : text(self, value, "http"),
        .https = https,
        .tcp = flag(self, value, "tcp"),
        .port = (int)number(self, value, "port", UINT16_MAX),
        .delay_ms = duration(self, value, "delay"),
        .interval_ms = duration(self, value, "interval"),
        .timeout_ms = duration(self, value, "timeout"),
        .grace_ms = grace(self, value, "grace"),
        .failures = number(self, value, "failures", INT32_MAX),
        .report_only = flag(self, value, "report_only"),
    };
    if (!!check->command + !!json_object_get(value, "http") + !!https + check->tcp != 1)
        complain(self, "\"health_check\": want one of command, http, https and tcp");
    return check;
}

static const char *read_isolation(struct reading *self, json_t *object)
{
    json_t *own = json_object_get(object, "isolation"), *items = list(self, object, "mounts");
    json_t *isolation, *mounts;
    char *result;

    if (own && !json_is_object(own))
        complain(self, "\"isolation\": want an object");
    if (!own && !items)
        return NULL;
    isolation = own ? json_deep_copy(own) : json_object();
    mounts = json_object_get(isolation, "mounts");
    if (!mounts && items) {
        mounts = json_array();
        json_object_set_new(isolation, "mounts", mounts);
    }
    add_mounts(self, items, mounts);
    result = keep(self, json_dumps(isolation, JSON_COMPACT));
    json_decref(isolation);
    return result;
}

static const struct proffer_uri *read_uris(struct reading *self, json_t *object)
{
    const char *const *lines = texts(self, object, "uris");
    struct proffer_uri *uris;
    size_t count = 0;

    while (lines && lines[count])
        count++;
    uris = keep(self, mem_calloc(count + 1, sizeof(*uris)));
    for (size_t i = 0; i < count; i++) {
        struct proffer_err err;

        if (proffer_uri_parse(keep(self, mem_strdup(lines[i])), &uris[i], &err) < 0)
            complain(self, "\"uris\": %s", err.text);
    }
    return uris;
}

static void read_task(struct reading *self, json_t *object, struct proffer_task *task)
{
    static const char *const known[] = {
        "id",     "part",  "may_end", "command",   "argv",       "resources",    "ports",
        "env",    "user",  "labels",  "limits",    "kill_grace", "timeout",      "pids_max",
        "mounts", "cores", "rlimits", "isolation", "uris",       "health_check", NULL};

    check_names(self, object, known);
    *task = (struct proffer_task){
        .id = text(self, object, "id"),
        .part = read_part(self, object),
        .may_end = flag(self, object, "may_end"),
        .command = text(self, object, "command"),
        .argv = texts(self, object, "argv"),
        .resources = text(self, object, "resources"),
        .ports = (size_t)number(self, object, "ports", UINT16_MAX),
        .env = pairs(self, object, "env"),
        .user = text(self, object, "user"),
        .labels = pairs(self, object, "labels"),
        .limits = text(self, object, "limits"),
        .rlimits = pairs(self, object, "rlimits"),
        .kill_grace_ms = grace(self, object, "kill_grace"),
        .max_completion_ms = duration(self, object, "timeout"),
        .pids_max = number(self, object, "pids_max", INT32_MAX),
        .cores = text(self, object, "cores"),
        .isolation = read_isolation(self, object),
        .uris = read_uris(self, object),
        .mounts = read_persistent(self, object),
        .health_check = read_health(self, object),
    };
    if (!task->id)
        complain(self, "it has no \"id\"");
    if (!task->resources)
        complain(self, "it has no \"resources\", as \"cpus:0.5;mem:64\"");
}

static void read_tasks(struct reading *self, json_t *root)
{
    struct group_file *file = self->file;
    json_t *items = list(self, root, "tasks");
    char place[96];

    file->tasks_count = json_array_size(items);
    if (!file->tasks_count || file->tasks_count > TASKS_MAX) {
        complain(self, "\"tasks\": want a list of 1 to %d", TASKS_MAX);
        file->tasks_count = 0;
        return;
    }
    file->tasks = mem_calloc(file->tasks_count, sizeof(*file->tasks));
    self->place = place;
    for (size_t i = 0; i < file->tasks_count && !self->is_wrong; i++) {
        json_t *item = json_array_get(items, i);
        const char *id = json_string_value(json_object_get(item, "id"));

        snprintf(place, sizeof(place), "task %zu (%.64s)", i + 1, id ? id : "?");
        if (json_is_object(item))
            read_task(self, item, &file->tasks[i]);
        else
            complain(self, "want an object");
    }
    self->place = "";
}

int group_file_read(const char *path, struct group_file *ret_file)
{
    struct reading reading = {.path = path, .place = "", .file = ret_file};
    json_error_t error;

    *ret_file = (struct group_file){.root = json_load_file(path, JSON_REJECT_DUPLICATES, &error)};
    if (!ret_file->root)
        return cli_fail(EXIT_USAGE, "%s:%d: %s", path, error.line, error.text);
    if (!json_is_object(ret_file->root))
        return cli_fail(EXIT_USAGE, "%s: want an object: a group of tasks", path);
    read_group(&reading, ret_file->root);
    read_tasks(&reading, ret_file->root);
    return reading.is_wrong ? EXIT_USAGE : 0;
}

void group_file_fini(struct group_file *self)
{
    for (size_t i = 0; i < self->memory_count; i++)
        free(self->memory[i]);
    free(self->memory);
    free(self->tasks);
    json_decref(self->root);
    *self = (struct group_file){.root = NULL};
}
