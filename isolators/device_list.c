#include "isolators/device_list.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/mem.h"

#define ALL (DEVICE_MKNOD | DEVICE_READ | DEVICE_WRITE)

struct gpu {
    char *name; /* owned */
    struct device_rules rules;
};

static struct device_rules common, of_gpus;
static struct gpu *gpus;
static size_t gpus_count;

static const struct device_rule usual[] = {
    {'c', DEVICE_ANY, DEVICE_ANY, DEVICE_MKNOD},
    {'b', DEVICE_ANY, DEVICE_ANY, DEVICE_MKNOD},
    {'c', 1, 3, ALL},            /* null */
    {'c', 1, 5, ALL},            /* zero */
    {'c', 1, 7, ALL},            /* full */
    {'c', 1, 8, ALL},            /* random */
    {'c', 1, 9, ALL},            /* urandom */
    {'c', 5, 0, ALL},            /* tty */
    {'c', 5, 2, ALL},            /* ptmx */
    {'c', 136, DEVICE_ANY, ALL}, /* pts */
};

static void print_number(int64_t number, char ret_text[24])
{
    if (number == DEVICE_ANY)
        snprintf(ret_text, 24, "*");
    else
        snprintf(ret_text, 24, "%" PRId64, number);
}

void device_rule_print(const struct device_rule *rule, char ret_text[DEVICE_RULE_TEXT])
{
    char major[24], minor[24];

    print_number(rule->major, major);
    print_number(rule->minor, minor);
    snprintf(ret_text, DEVICE_RULE_TEXT, "%c %s:%s %s%s%s", rule->type, major, minor,
             rule->access & DEVICE_READ ? "r" : "", rule->access & DEVICE_WRITE ? "w" : "",
             rule->access & DEVICE_MKNOD ? "m" : "");
}

void device_rules_add(struct device_rules *self, const struct device_rule *rule)
{
    self->items = mem_resize(self->items, self->count + 1, sizeof(*self->items));
    self->items[self->count++] = *rule;
}

void device_rules_add_all(struct device_rules *self, const struct device_rules *others)
{
    for (size_t i = 0; i < others->count; i++)
        device_rules_add(self, &others->items[i]);
}

void device_rules_fini(struct device_rules *self)
{
    free(self->items);
    *self = (struct device_rules){0};
}

static bool is_same_node(const struct device_rule *a, const struct device_rule *b)
{
    return a->type == b->type && a->major == b->major && a->minor == b->minor;
}

bool device_rules_have(const struct device_rules *self, const struct device_rule *rule)
{
    for (size_t i = 0; i < self->count; i++)
        if (is_same_node(&self->items[i], rule))
            return true;
    return false;
}

static void forget_all(void)
{
    for (size_t i = 0; i < gpus_count; i++) {
        free(gpus[i].name);
        device_rules_fini(&gpus[i].rules);
    }
    free(gpus);
    gpus = NULL;
    gpus_count = 0;
    device_rules_fini(&common);
    device_rules_fini(&of_gpus);
}

static int read_node(const char *path, struct device_rule *ret_rule, struct err *err)
{
    struct stat status;

    if (stat(path, &status) < 0)
        return err_errno(err, -errno, "the device %.200s", path);
    if (!S_ISCHR(status.st_mode) && !S_ISBLK(status.st_mode))
        return err_set(err, -ENODEV, "%.200s is no device", path);
    *ret_rule = (struct device_rule){S_ISCHR(status.st_mode) ? 'c' : 'b', major(status.st_rdev),
                                     minor(status.st_rdev), ALL};
    return 0;
}

static int read_access(const char *text, unsigned *ret_access, struct err *err)
{
    unsigned access = 0;

    for (const char *at = text; *at; at++) {
        if (!strchr("rwm", *at))
            return err_set(err, -EINVAL, "'%.20s': want r, w, m or some of them", text);
        access |= *at == 'r' ? DEVICE_READ : *at == 'w' ? DEVICE_WRITE : DEVICE_MKNOD;
    }
    *ret_access = access ? access : ALL;
    return 0;
}

/* "/dev/fuse:rw" */
static int add_device(const char *text, struct err *err)
{
    CLEANUP(free_p) char *path = mem_strdup(text);
    char *colon = strrchr(path, ':');
    struct device_rule rule;
    unsigned access = ALL;
    int rc = 0;

    if (colon) {
        *colon = '\0';
        rc = read_access(colon + 1, &access, err);
    }
    if (rc == 0)
        rc = read_node(path, &rule, err);
    if (rc < 0)
        return rc;
    rule.access = access;
    if (!device_rules_have(&of_gpus, &rule))
        device_rules_add(&common, &rule);
    return 0;
}

static int add_gpu(const struct gpu_info *info, struct err *err)
{
    struct gpu *gpu;

    if (device_list_gpu(info->name))
        return err_set(err, -EEXIST, "two GPUs are called %.64s", info->name);
    gpus = mem_resize(gpus, gpus_count + 1, sizeof(*gpus));
    gpu = &gpus[gpus_count++];
    *gpu = (struct gpu){.name = mem_strdup(info->name)};
    for (size_t i = 0; i < info->paths_count; i++) {
        struct device_rule rule;
        int rc = read_node(info->paths[i], &rule, err);

        if (rc == 0 && device_rules_have(&of_gpus, &rule))
            rc = err_set(err, -EEXIST, "%.200s belongs to two GPUs", info->paths[i]);
        if (rc < 0)
            return err_wrap(err, rc, "GPU %.64s", info->name);
        device_rules_add(&gpu->rules, &rule);
        device_rules_add(&of_gpus, &rule);
    }
    return 0;
}

int device_list_configure(const char *const *devices, size_t devices_count,
                          const struct gpu_info *infos, size_t infos_count, struct err *err)
{
    int rc = 0;

    forget_all();
    for (size_t i = 0; i < infos_count && rc == 0; i++)
        rc = add_gpu(&infos[i], err);
    for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
        if (!device_rules_have(&of_gpus, &usual[i]))
            device_rules_add(&common, &usual[i]);
    for (size_t i = 0; i < devices_count && rc == 0; i++)
        rc = add_device(devices[i], err);
    if (rc < 0)
        forget_all();
    return rc;
}

const struct device_rules *device_list_common(void)
{
    return &common;
}

const struct device_rules *device_list_gpus(void)
{
    return &of_gpus;
}

const struct device_rules *device_list_gpu(const char *name)
{
    for (size_t i = 0; i < gpus_count; i++)
        if (!strcmp(gpus[i].name, name))
            return &gpus[i].rules;
    return NULL;
}
