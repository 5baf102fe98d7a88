/* isolators/device_list.h - which device nodes tasks may open, and which belong to whom.
 *
 * What every task may use: null, zero, full, random, urandom, tty, ptmx, pseudo terminals, as in Docker; what the
 * operator adds; and to make nodes of any kind, which gives no access to what they stand for. GPUs are whole devices
 * with a name, each one or more nodes; a node that belongs to one is nobody's else, even if it is one of the usual.
 * Settings of the launcher: made once, one thread.
 */
#ifndef PROFFER_ISOLATORS_DEVICE_LIST_H
#define PROFFER_ISOLATORS_DEVICE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/schema.h"

#define DEVICE_ANY (-1) /* number */

enum device_access { /* as the kernel's BPF_DEVCG_ACC_ */
                     DEVICE_MKNOD = 1,
                     DEVICE_READ = 2,
                     DEVICE_WRITE = 4,
};

struct device_rule {
    char type; /* 'c' or 'b' */
    int64_t major, minor;
    unsigned access;
};

struct device_rules {
    struct device_rule *items; /* owned */
    size_t count;
};

/* "c 1:3 rwm", as v1 writes it. */
#define DEVICE_RULE_TEXT 64
void device_rule_print(const struct device_rule *rule, char ret_text[DEVICE_RULE_TEXT]);

/* Replaces the settings. `devices`: paths of nodes, with what may be done behind them if that is not all:
 * "/dev/fuse:rw". -ENODEV, -EINVAL, -EEXIST (a node of two GPUs) with a text; the settings are empty then. */
int device_list_configure(const char *const *devices, size_t devices_count,
                          const struct gpu_info *gpus, size_t gpus_count, struct err *err);
/* What every task may use. */
const struct device_rules *device_list_common(void);
/* The nodes of one GPU; NULL: there is none of that name. */
const struct device_rules *device_list_gpu(const char *name);
/* The nodes of all GPUs. */
const struct device_rules *device_list_gpus(void);

void device_rules_add(struct device_rules *self, const struct device_rule *rule);
void device_rules_add_all(struct device_rules *self, const struct device_rules *others);
void device_rules_fini(struct device_rules *self);
bool device_rules_have(const struct device_rules *self, const struct device_rule *rule);

#endif
