#include "agent/docker/spec.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/docker/answers.h"
#include "agent/docker/spec_internal.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/resources.h"
#include "proto/host_ports.h"
#include "proto/resources_info.h"

#define MIB            (INT64_C(1024) * 1024)
#define MEM_LEAST      (6 * MIB) /* the Engine takes no less */
#define PERIOD_US      100000
#define QUOTA_LEAST_US 1000
#define SHARES_PER_CPU 1024
#define SHARES_LEAST   2
#define SHARES_MOST    262144
#define RLIMIT_PREFIX  "RLMT_"
#define NETWORK_NAME   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
#define LOG_BYTES_SPARE                                                                            \
    4 /* an Engine's log has so many times what is kept: time, stream and quotes of each line */

/* What Docker gives a container that says nothing. */
static const char *const plain_capabilities[] = {
    "AUDIT_WRITE",      "CHOWN",   "DAC_OVERRIDE", "FOWNER", "FSETID",  "KILL",   "MKNOD",
    "NET_BIND_SERVICE", "NET_RAW", "SETFCAP",      "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"};

static void decref(json_t **value)
{
    json_decref(*value);
}

void spec_add(json_t *object, const char *list, json_t *value)
{
    json_t *items = json_object_get(object, list);

    if (!items) {
        items = json_array();
        json_object_set_new(object, list, items);
    }
    json_array_append_new(items, value);
}

bool spec_is_allowed(const struct msg_docker_configure *want, const char *name)
{
    for (size_t i = 0; i < want->allow_count; i++)
        if (!strcmp(want->allow[i], name))
            return true;
    return false;
}

int spec_need(const struct spec *self, const char *allowance, const char *what, struct err *err)
{
    if (spec_is_allowed(self->want, allowance))
        return 0;
    return err_set(err, -EPERM, "docker: this agent allows no %s (--docker-allow=%s)", what,
                   allowance);
}

static void set_text(json_t *object, const char *key, const char *text)
{
    if (text && *text)
        json_object_set_new(object, key, json_string(text));
}

/* --- the command -------------------------------------------------------------------------------- */

static void set_list(json_t *object, const char *key, const char *const *texts, size_t count)
{
    json_t *items = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(items, json_string(texts[i]));
    json_object_set_new(object, key, items);
}

/* A line is a shell's, so the image's entrypoint has no part in it; arguments are given to it. */
static void set_command(const struct spec *self)
{
    const struct command_info *command = self->order->command;
    const char *const shell[] = {"/bin/sh", "-c", command->value};

    if (self->docker->entrypoint_count)
        set_list(self->root, "Entrypoint", self->docker->entrypoint,
                 self->docker->entrypoint_count);
    if (command->argv_count) {
        set_list(self->root, "Cmd", command->argv, command->argv_count);
    } else if (*command->value) {
        set_list(self->root, "Cmd", shell, 3);
        if (!self->docker->entrypoint_count)
            set_list(self->root, "Entrypoint", NULL, 0);
    }
}

static void set_environment(const struct spec *self)
{
    const struct command_info *command = self->order->command;

    for (size_t i = 0; i < command->env_count; i++) {
        CLEANUP(free_p)
        char *text = mem_printf("%s=%s", command->env[i].name, command->env[i].value);

        spec_add(self->root, "Env", json_string(text));
    }
}

static void set_labels(const struct spec *self)
{
    json_t *labels = json_object();

    for (size_t i = 0; i < self->order->labels_count; i++)
        json_object_set_new(labels, self->order->labels[i].key,
                            json_string(self->order->labels[i].value));
    set_text(labels, LABEL_OWNER, self->want->owner);
    set_text(labels, LABEL_CONTAINER, self->order->container_id);
    set_text(labels, LABEL_SANDBOX, self->order->sandbox);
    json_object_set_new(self->root, "Labels", labels);
}

int spec_check_ulimit(const struct spec *self, const char *name, struct err *err)
{
    return !strcmp(name, "rtprio") || !strcmp(name, "nice")
               ? spec_need(self, "unsafe-parameters", "priority above that of others", err)
               : 0;
}

/* "RLMT_NOFILE" is "nofile". */
static int add_rlimit(const struct spec *self, const struct rlimit_info *rlimit, struct err *err)
{
    char name[32];
    size_t size = strlen(rlimit->name);

    if (strncmp(rlimit->name, RLIMIT_PREFIX, strlen(RLIMIT_PREFIX)) || size > sizeof(name))
        return err_set(err, -EINVAL, "there is no limit '%.40s'", rlimit->name);
    snprintf(name, sizeof(name), "%s", rlimit->name + strlen(RLIMIT_PREFIX));
    for (char *c = name; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    spec_add(self->host, "Ulimits",
             json_pack("{s:s,s:I,s:I}", "Name", name, "Soft",
                       (json_int_t)(rlimit->unlimited ? -1 : rlimit->soft), "Hard",
                       (json_int_t)(rlimit->unlimited ? -1 : rlimit->hard)));
    return spec_check_ulimit(self, name, err);
}

static int set_rlimits(const struct spec *self, struct err *err)
{
    const struct command_info *command = self->order->command;
    int rc = 0;

    for (size_t i = 0; i < command->rlimits_count && rc == 0; i++)
        rc = add_rlimit(self, &command->rlimits[i], err);
    return rc;
}

/* --- what it is granted ------------------------------------------------------------------------- */

/* Thousandths; INT64_MAX: as much as there is. */
static int64_t limit_of(const struct limit_info *limits, size_t count, const char *name,
                        int64_t granted)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(limits[i].name, name))
            return limits[i].unlimited ? INT64_MAX : limits[i].scalar;
    return granted;
}

static int64_t bytes_of(int64_t milli)
{
    int64_t bytes = milli > INT64_MAX / MIB ? INT64_MAX / 1000 : milli * MIB / 1000;

    return bytes < MEM_LEAST ? MEM_LEAST : bytes;
}

static void set_int(json_t *object, const char *key, int64_t value)
{
    json_object_set_new(object, key, json_integer(value));
}

static void set_cpu(json_t *host, int64_t granted, int64_t limit)
{
    int64_t shares = granted > SHARES_MOST ? SHARES_MOST : granted * SHARES_PER_CPU / 1000;
    int64_t quota = limit > INT64_MAX / PERIOD_US ? -1 : limit * (PERIOD_US / 1000);

    if (shares < SHARES_LEAST)
        shares = SHARES_LEAST;
    if (shares > SHARES_MOST)
        shares = SHARES_MOST;
    if (quota >= 0 && quota < QUOTA_LEAST_US)
        quota = QUOTA_LEAST_US;
    set_int(host, "CpuShares", shares);
    set_int(host, "CpuPeriod", PERIOD_US);
    set_int(host, "CpuQuota", quota);
}

/* No swap: memory with swap is as much as memory. -1 is unlimited. */
static void set_memory(json_t *host, int64_t granted, int64_t limit)
{
    int64_t bytes = limit == INT64_MAX ? -1 : bytes_of(limit);

    set_int(host, "Memory", bytes < 0 ? 0 : bytes);
    set_int(host, "MemorySwap", bytes);
    if (limit != granted)
        set_int(host, "MemoryReservation", bytes_of(granted));
}

static int set_limits(json_t *host, const struct resource_info *infos, size_t infos_count,
                      const struct limit_info *limits, size_t limits_count, struct err *err)
{
    CLEANUP(resources_fini) struct resources resources = {0};
    int rc = resources_from_info(&resources, infos, infos_count, err);
    int64_t cpus, mem;

    if (rc < 0)
        return rc;
    cpus = resources_scalar(&resources, "cpus");
    mem = resources_scalar(&resources, "mem");
    set_cpu(host, cpus, limit_of(limits, limits_count, "cpus", cpus));
    set_memory(host, mem, limit_of(limits, limits_count, "mem", mem));
    return 0;
}

int64_t spec_memory(const struct spec *self)
{
    CLEANUP(resources_fini) struct resources resources = {0};

    if (resources_from_info(&resources, self->order->resources, self->order->resources_count,
                            NULL) < 0)
        return MEM_LEAST;
    return bytes_of(resources_scalar(&resources, "mem"));
}

char *spec_cgroup_parent(const struct msg_docker_configure *want, const char *cgroup_driver)
{
    char *slice;

    if (strcmp(cgroup_driver, "systemd") != 0)
        return mem_printf("/%s", want->cgroup_parent);
    /* systemd's slices are nested at each '-' of their names. */
    slice = mem_printf("%s.slice", want->cgroup_parent);
    for (char *c = slice; *c; c++)
        if (*c == '-' || *c == '/')
            *c = '_';
    return slice;
}

static int set_granted(const struct spec *self, const char *cgroup_driver, struct err *err)
{
    CLEANUP(free_p) char *parent = spec_cgroup_parent(self->want, cgroup_driver);
    int64_t pids = self->order->pids_max ? self->order->pids_max : self->want->pids_max;

    set_text(self->host, "CgroupParent", parent);
    if (pids)
        set_int(self->host, "PidsLimit", pids);
    set_text(self->host, "CpusetCpus", self->order->cpus);
    set_text(self->host, "CpusetMems", self->order->mems);
    return set_limits(self->host, self->order->resources, self->order->resources_count,
                      self->order->limits, self->order->limits_count, err);
}

/* --- network ------------------------------------------------------------------------------------ */

static bool is_protocol(const char *text)
{
    return !*text || !strcmp(text, "tcp") || !strcmp(text, "udp") || !strcmp(text, "sctp");
}

static int map_port(const struct spec *self, const struct port_mapping *mapping, size_t index,
                    int64_t host_port, struct err *err)
{
    json_t *exposed = json_object_get(self->root, "ExposedPorts");
    json_t *bindings = json_object_get(self->host, "PortBindings");
    int64_t port = mapping->container_port ? mapping->container_port : host_port;
    char key[48], number[16];

    if (port > HOST_PORT_MAX || !is_protocol(mapping->protocol))
        return err_set(err, -EINVAL,
                       "docker: port mapping %zu: expected a port up to %d and tcp, "
                       "udp or sctp",
                       index, HOST_PORT_MAX);
    snprintf(key, sizeof(key), "%lld/%s", (long long)port,
             *mapping->protocol ? mapping->protocol : "tcp");
    snprintf(number, sizeof(number), "%lld", (long long)host_port);
    json_object_set_new(exposed, key, json_object());
    if (!json_object_get(bindings, key))
        json_object_set_new(bindings, key, json_array());
    json_array_append_new(json_object_get(bindings, key), json_pack("{s:s}", "HostPort", number));
    return 0;
}

/* Of the two places where a task can say it. */
static int find_network(const struct spec *self, const char **ret_name, struct err *err)
{
    const char *docker = self->docker->network;
    const char *isolation = self->order->isolation ? self->order->isolation->network : "";

    if (*docker && *isolation && strcmp(docker, isolation) != 0)
        return err_set(err, -EINVAL,
                       "docker: the network is %.60s, and %.60s where it asks for isolation",
                       docker, isolation);
    *ret_name = *docker ? docker : *isolation ? isolation : "host";
    if ((*ret_name)[strspn(*ret_name, NETWORK_NAME)])
        return err_set(err, -EINVAL, "docker: '%.60s' cannot be the name of a network", *ret_name);
    return 0;
}

static int check_host_port(const struct resources *granted, size_t index, int64_t port,
                           struct err *err)
{
    if (!port)
        return err_set(err, -EINVAL,
                       "docker: port mapping %zu: the task is granted less ports than it maps",
                       index);
    if (host_ports_has(granted, port))
        return 0;
    return err_set(err, -EINVAL,
                   "docker: port mapping %zu: %lld is not among the ports that the task is granted",
                   index, (long long)port);
}

/* Those of both places are one list. */
static int map_ports(const struct spec *self, struct err *err)
{
    const struct docker_info *docker = self->docker;
    const struct isolation_info *asks = self->order->isolation;
    size_t count = docker->port_mappings_count + (asks ? asks->port_mappings_count : 0);
    CLEANUP(resources_fini) struct resources granted = {0};
    CLEANUP(free_p)
    const struct port_mapping **all = mem_calloc(count + 1, sizeof(struct port_mapping *));
    CLEANUP(free_p) int64_t *ports = mem_calloc(count + 1, sizeof(*ports));
    int rc =
        resources_from_info(&granted, self->order->resources, self->order->resources_count, err);

    for (size_t i = 0; i < count; i++) {
        all[i] = i < docker->port_mappings_count
                     ? &docker->port_mappings[i]
                     : &asks->port_mappings[i - docker->port_mappings_count];
        ports[i] = all[i]->host_port;
    }
    host_ports_choose(&granted, ports, count);
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = check_host_port(&granted, i, ports[i], err);
        if (rc == 0)
            rc = map_port(self, all[i], i, ports[i], err);
    }
    return rc;
}

static int set_network(const struct spec *self, struct err *err)
{
    const char *name = "host";
    int rc = find_network(self, &name, err);

    if (rc < 0)
        return rc;
    json_object_set_new(self->root, "ExposedPorts", json_object());
    json_object_set_new(self->host, "PortBindings", json_object());
    if (self->docker->port_mappings_count && (!strcmp(name, "host") || !strcmp(name, "none")))
        return err_set(err, -EINVAL, "docker: the network %s has no port mappings", name);
    set_text(self->host, "NetworkMode", name);
    return map_ports(self, err);
}

/* --- privileges --------------------------------------------------------------------------------- */

static bool is_plain_capability(const char *name)
{
    if (!strncasecmp(name, "CAP_", 4))
        name += 4;
    for (size_t i = 0; i < ARRAY_SIZE(plain_capabilities); i++)
        if (!strcasecmp(plain_capabilities[i], name))
            return true;
    return false;
}

static int add_capabilities(const struct spec *self, const char *const *names, size_t count,
                            struct err *err)
{
    int rc = 0;

    for (size_t i = 0; i < count && rc == 0; i++) {
        if (!is_plain_capability(names[i]))
            rc = spec_need(self, "capabilities", "capability beyond Docker's own set", err);
        spec_add(self->host, "CapAdd", json_string(names[i]));
    }
    return rc;
}

static void drop_capabilities(const struct spec *self, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        spec_add(self->host, "CapDrop", json_string(names[i]));
}

static int set_capabilities(const struct spec *self, struct err *err)
{
    const struct docker_info *docker = self->docker;
    const struct isolation_info *asks = self->order->isolation;
    int rc = add_capabilities(self, docker->cap_add, docker->cap_add_count, err);

    drop_capabilities(self, docker->cap_drop, docker->cap_drop_count);
    if (!asks || rc < 0)
        return rc;
    drop_capabilities(self, asks->capabilities_drop, asks->capabilities_drop_count);
    return add_capabilities(self, asks->capabilities_add, asks->capabilities_add_count, err);
}

static int set_devices(const struct spec *self, struct err *err)
{
    const struct docker_info *docker = self->docker;

    if (docker->devices_count && spec_need(self, "devices", "devices", err) < 0)
        return -EPERM;
    for (size_t i = 0; i < docker->devices_count; i++) {
        const struct docker_device *device = &docker->devices[i];

        spec_add(self->host, "Devices",
                 json_pack("{s:s,s:s,s:s}", "PathOnHost", device->host_path, "PathInContainer",
                           *device->container_path ? device->container_path : device->host_path,
                           "CgroupPermissions",
                           *device->permissions ? device->permissions : "rwm"));
    }
    return 0;
}

static int set_privileges(const struct spec *self, struct err *err)
{
    bool may_gain = self->order->isolation && self->order->isolation->new_privileges;
    int rc = set_capabilities(self, err);

    if (rc == 0)
        rc = set_devices(self, err);
    if (rc == 0 && self->docker->privileged)
        rc = spec_need(self, "privileged", "privileged container", err);
    if (rc < 0)
        return rc;
    if (self->docker->privileged)
        json_object_set_new(self->host, "Privileged", json_true());
    else if (!may_gain)
        spec_add(self->host, "SecurityOpt", json_string("no-new-privileges"));
    return 0;
}

/* --- all ---------------------------------------------------------------------------------------- */

/* The Engine keeps what we have not read yet, and no more than that. */
static void set_log(const struct spec *self)
{
    char size[32], files[32];
    int64_t bytes = self->want->log_max_bytes < INT64_MAX / LOG_BYTES_SPARE
                        ? self->want->log_max_bytes * LOG_BYTES_SPARE
                        : INT64_MAX;

    snprintf(size, sizeof(size), "%lld", (long long)(bytes < MIB ? MIB : bytes));
    snprintf(files, sizeof(files), "%d", 2);
    json_object_set_new(self->host, "LogConfig",
                        json_pack("{s:s,s:{s:s,s:s}}", "Type", "json-file", "Config", "max-size",
                                  size, "max-file", files));
}

static void set_plain(const struct spec *self)
{
    const struct docker_info *docker = self->docker;

    set_text(self->root, "Image", docker->image);
    set_text(self->root, "User", docker->user);
    set_text(self->root, "WorkingDir", docker->workdir);
    set_text(self->root, "StopSignal", docker->stop_signal);
    if (docker->init)
        json_object_set_new(self->host, "Init", json_true());
    if (docker->read_only)
        json_object_set_new(self->host, "ReadonlyRootfs", json_true());
    json_object_set_new(self->host, "RestartPolicy", json_pack("{s:s}", "Name", "no"));
    set_command(self);
    set_environment(self);
    set_labels(self);
    set_log(self);
}

static int fill(const struct spec *self, const char *cgroup_driver, struct err *err)
{
    int rc;

    set_plain(self);
    rc = set_rlimits(self, err);
    if (rc == 0)
        rc = set_granted(self, cgroup_driver, err);
    if (rc == 0)
        rc = set_network(self, err);
    if (rc == 0)
        rc = set_privileges(self, err);
    if (rc == 0)
        rc = spec_add_gpus(self, err);
    if (rc == 0)
        rc = spec_add_mounts(self, err);
    if (rc == 0)
        rc = spec_add_isolation(self, err);
    return rc == 0 ? spec_add_parameters(self, err) : rc;
}

int spec_make(const struct msg_docker_configure *want, const char *cgroup_driver,
              const struct msg_launch_container *order, char **ret_json, struct err *err)
{
    CLEANUP(decref) json_t *root = json_object();
    struct spec spec = {.want = want, .order = order, .docker = order->docker, .root = root};
    int rc;

    spec.host = json_object();
    json_object_set_new(root, "HostConfig", spec.host);
    rc = fill(&spec, cgroup_driver, err);
    if (rc < 0)
        return rc;
    *ret_json = json_dumps(root, JSON_COMPACT);
    return *ret_json ? 0 : err_set(err, -EINVAL, "docker: the task cannot be written as JSON");
}

char *spec_make_exec(const struct msg_exec_container *order)
{
    CLEANUP(decref)
    json_t *root = json_pack("{s:b,s:b}", "AttachStdout", true, "AttachStderr", true);

    set_list(root, "Cmd", order->argv, order->argv_count);
    for (size_t i = 0; i < order->env_count; i++) {
        CLEANUP(free_p) char *text = mem_printf("%s=%s", order->env[i].name, order->env[i].value);

        spec_add(root, "Env", json_string(text));
    }
    return json_dumps(root, JSON_COMPACT);
}

int spec_make_update(const struct msg_update_container *order, char **ret_json, struct err *err)
{
    CLEANUP(decref) json_t *root = json_object();
    int rc = 0;

    /* It takes 0 for "as it is". */
    if (!order->only_cpus && limit_of(order->limits, order->limits_count, "mem", 0) == INT64_MAX)
        return err_set(err, -ENOTSUP, "a Docker Engine cannot take away a limit of memory");
    if (!order->only_cpus)
        rc = set_limits(root, order->resources, order->resources_count, order->limits,
                        order->limits_count, err);
    if (rc < 0)
        return rc;
    if (order->pids_max)
        set_int(root, "PidsLimit", order->pids_max);
    set_text(root, "CpusetCpus", order->cpus);
    set_text(root, "CpusetMems", order->mems);
    *ret_json = json_dumps(root, JSON_COMPACT);
    return 0;
}
