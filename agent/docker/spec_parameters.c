/* What else `docker run` has, under its names there. One line of the table each. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/docker/spec_internal.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/units.h"

enum form { TEXT, LIST, BYTES, NUMBER, PAIR, ULIMIT, TMPFS };

struct parameter {
    const char *key;
    enum form form;
    bool is_of_host; /* in HostConfig */
    const char *field;
    const char *allowance; /* NULL: whoever may run a task */
};

static const struct parameter known[] = {
    {"hostname", TEXT, false, "Hostname", NULL},
    {"domainname", TEXT, false, "Domainname", NULL},
    {"mac-address", TEXT, false, "MacAddress", NULL},
    {"dns", LIST, true, "Dns", NULL},
    {"dns-search", LIST, true, "DnsSearch", NULL},
    {"dns-option", LIST, true, "DnsOptions", NULL},
    {"add-host", LIST, true, "ExtraHosts", NULL},
    {"group-add", LIST, true, "GroupAdd", NULL},
    {"shm-size", BYTES, true, "ShmSize", NULL},
    {"cpuset-cpus", TEXT, true, "CpusetCpus", NULL},
    {"cpuset-mems", TEXT, true, "CpusetMems", NULL},
    {"memory-swappiness", NUMBER, true, "MemorySwappiness", NULL},
    {"sysctl", PAIR, true, "Sysctls", "unsafe-parameters"},
    {"label", PAIR, false, "Labels", NULL},
    {"ulimit", ULIMIT, true, "Ulimits", NULL},
    {"tmpfs", TMPFS, true, "Tmpfs", NULL},
    {"oom-score-adj", NUMBER, true, "OomScoreAdj", "unsafe-parameters"},
    {"security-opt", LIST, true, "SecurityOpt", "unsafe-parameters"},
    {"runtime", TEXT, true, "Runtime", "unsafe-parameters"},
    {"volumes-from", LIST, true, "VolumesFrom", "unsafe-parameters"},
    {"pid", TEXT, true, "PidMode", "host-namespaces"},
    {"ipc", TEXT, true, "IpcMode", "host-namespaces"},
    {"uts", TEXT, true, "UTSMode", "host-namespaces"},
    {"userns", TEXT, true, "UsernsMode", "host-namespaces"},
    {"cgroupns", TEXT, true, "CgroupnsMode", "host-namespaces"},
};

static const struct parameter *find(const char *key)
{
    while (*key == '-')
        key++;
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (!strcmp(known[i].key, key))
            return &known[i];
    return NULL;
}

static int unknown(const char *key, struct err *err)
{
    CLEANUP(buf_fini) struct buf names = {0};

    for (size_t i = 0; i < 8; i++)
        buf_printf(&names, "%s%s", i ? ", " : "", known[i].key);
    return err_set(err, -EINVAL,
                   "docker: the parameter '%.40s' is not known; known are %s and others, see "
                   "docs/docker.md",
                   key, buf_text(&names));
}

static json_t *object_at(json_t *in, const char *field)
{
    json_t *object = json_object_get(in, field);

    if (!object) {
        object = json_object();
        json_object_set_new(in, field, object);
    }
    return object;
}

/* "name=value". Ours are not to be replaced. */
static int set_pair(json_t *in, const char *field, const char *value, char separator,
                    bool needs_value, struct err *err)
{
    const char *mark = strchr(value, separator);
    CLEANUP(free_p)
    char *name = mem_printf("%.*s", (int)(mark ? mark - value : (long)strlen(value)), value);

    if (!*name || (!mark && needs_value))
        return err_set(err, -EINVAL, "expected NAME%cVALUE", separator);
    if (!strncmp(name, "proffer.", 8))
        return err_set(err, -EINVAL, "names that begin with proffer. are the agent's");
    json_object_set_new(object_at(in, field), name, json_string(mark ? mark + 1 : ""));
    return 0;
}

/* "nofile=1024:2048" */
static int add_ulimit(const struct spec *self, json_t *in, const char *value, struct err *err)
{
    char name[32] = "";
    long long soft = 0, hard = 0;
    int count = sscanf(value, "%31[a-z]=%lld:%lld", name, &soft, &hard);

    if (count < 2)
        return err_set(err, -EINVAL, "expected NAME=SOFT[:HARD], as nofile=1024:2048");
    spec_add(in, "Ulimits",
             json_pack("{s:s,s:I,s:I}", "Name", name, "Soft", (json_int_t)soft, "Hard",
                       (json_int_t)(count == 3 ? hard : soft)));
    return spec_check_ulimit(self, name, err);
}

static int set_number(json_t *in, const struct parameter *parameter, const char *value,
                      struct err *err)
{
    int64_t number;
    int rc = parameter->form == BYTES
                 ? units_parse_bytes(value, &number, err)
                 : units_parse_int(*value == '-' ? value + 1 : value, 0, 1000000, &number, err);

    if (rc < 0)
        return rc;
    json_object_set_new(in, parameter->field, json_integer(*value == '-' ? -number : number));
    return 0;
}

static int set(const struct spec *self, const struct parameter *parameter, const char *value,
               struct err *err)
{
    json_t *in = parameter->is_of_host ? self->host : self->root;

    switch (parameter->form) {
    case TEXT:
        json_object_set_new(in, parameter->field, json_string(value));
        return 0;
    case LIST:
        spec_add(in, parameter->field, json_string(value));
        return 0;
    case BYTES:
    case NUMBER:
        return set_number(in, parameter, value, err);
    case PAIR:
        return set_pair(in, parameter->field, value, '=', true, err);
    case ULIMIT:
        return add_ulimit(self, in, value, err);
    case TMPFS:
        return set_pair(in, parameter->field, value, ':', false, err);
    }
    return 0;
}

int spec_add_parameters(const struct spec *self, struct err *err)
{
    for (size_t i = 0; i < self->docker->parameters_count; i++) {
        const struct docker_parameter *one = &self->docker->parameters[i];
        const struct parameter *parameter = find(one->key);
        int rc = 0;

        if (!parameter)
            return unknown(one->key, err);
        /* Those of others would be among them. */
        if (!strncmp(parameter->key, "cpuset-", 7) && *self->order->cpus)
            rc = err_set(err, -EPERM, "the agent gives out cores; ask for them by `cores`");
        if (rc == 0 && parameter->allowance)
            rc = spec_need(self, parameter->allowance, one->key, err);
        if (rc == 0)
            rc = set(self, parameter, one->value, err);
        if (rc < 0)
            return err_wrap(err, rc, "docker: parameter %.40s", one->key);
    }
    return 0;
}
