/* network/ports: a task that listens outside of the ports it was granted is found, and killed or only reported.
 *
 * All share the host's network: nothing keeps a task from taking a port, so it is looked every few seconds who listens
 * (listeners.h). Whose a socket is says the cgroup that made it, inner groups included; where the kernel does not tell
 * that, the descriptors of the task's processes do. A task in a network namespace of its own is not seen, and takes
 * nothing from anybody. */
#include "isolators/builtin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "isolators/cgroup_state.h"
#include "isolators/kept.h"
#include "isolators/listeners.h"

#define KEPT             "ports"
#define CHECK_MS         1000
#define INTERVAL_SECONDS 5
#define INTERVAL_MAX     3600
#define FDS_MAX          65536 /* that are looked at of one task in one round */
#define HANDLE_KERNFS                                                                              \
    0xfe /* FILEID_KERNFS of the kernel's exportfs.h: eight bytes, the cgroup's id */
#define OUTSIDE_TEXT_SIZE 112

struct ports_state {
    struct cgroup_state *group; /* owned */
    struct resources granted;   /* `ports` only */
    uint64_t cgroup_id;         /* on the cgroup2 mount; 0: not known */
    uint64_t round;             /* the last that it was looked at in */
    char outside[OUTSIDE_TEXT_SIZE];
};

/* What was last seen of the whole host; one launcher. */
static struct {
    struct listeners all;
    char **owners; /* owned; of each, the container it belongs to, or NULL */
    uint64_t round;
    int64_t due_us;
} seen;

static int64_t interval_us;
static bool is_reported_only, with_udp;

/* --- settings ------------------------------------------------------------------------------------ */

static int parse_interval(const char *text, struct err *err)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (end == text || *end || value < 1 || value > INTERVAL_MAX)
        return err_set(err, -EINVAL, "interval=%.32s: want 1 to %d seconds", text, INTERVAL_MAX);
    interval_us = value * US_PER_MS * 1000;
    return 0;
}

static int parse_choice(const struct isolator_host *host, const char *key, const char *first,
                        const char *second, bool *ret_is_second, struct err *err)
{
    const char *value = isolator_option(host, "network/ports", key);

    if (value && strcmp(value, first) != 0 && strcmp(value, second) != 0)
        return err_set(err, -EINVAL, "%s=%.32s: want %s or %s", key, value, first, second);
    *ret_is_second = value && strcmp(value, second) == 0;
    return 0;
}

static int ports_setup(const struct isolator_host *host, struct err *err)
{
    const char *interval = isolator_option(host, "network/ports", "interval");
    bool without_udp = false;
    int rc = 0;

    interval_us = (int64_t)INTERVAL_SECONDS * 1000 * US_PER_MS;
    if (interval)
        rc = parse_interval(interval, err);
    if (rc == 0)
        rc = parse_choice(host, "action", "kill", "report", &is_reported_only, err);
    if (rc == 0)
        rc = parse_choice(host, "udp", "yes", "no", &without_udp, err);
    with_udp = !without_udp;
    if (rc == 0)
        rc = listeners_read(&seen.all, with_udp, err);
    listeners_fini(&seen.all);
    return rc;
}

/* --- what it was granted ------------------------------------------------------------------------- */

static bool is_granted(const struct ports_state *self, uint64_t port)
{
    for (size_t i = 0; i < self->granted.count; i++) {
        const struct ranges *ranges = &self->granted.items[i].ranges;

        for (size_t j = 0; j < ranges->count; j++)
            if (port >= ranges->items[j].begin && port <= ranges->items[j].end)
                return true;
    }
    return false;
}

static void print_granted(const struct ports_state *self, struct buf *out)
{
    for (size_t i = 0; i < self->granted.count; i++) {
        buf_puts(out, i ? " " : "");
        resource_print_value(&self->granted.items[i], out);
    }
    if (!self->granted.count)
        buf_puts(out, "none");
}

/* The form that resources_parse reads. */
static int take_granted(struct ports_state *self, const struct resources *limits, struct err *err)
{
    CLEANUP(buf_fini) struct buf text = {0};

    for (size_t i = 0; i < limits->count; i++) {
        if (limits->items[i].kind != RESOURCE_RANGES || strcmp(limits->items[i].name, "ports") != 0)
            continue;
        buf_puts(&text, text.size ? ";ports:" : "ports:");
        resource_print_value(&limits->items[i], &text);
    }
    return resources_parse(&self->granted, buf_text(&text), err);
}

static int keep(const struct ports_state *self, struct err *err)
{
    CLEANUP(buf_fini) struct buf text = {0};

    buf_puts(&text, "granted ");
    resources_print(&self->granted, &text);
    buf_puts(&text, "\n");
    return kept_write(self->group->id, KEPT, &text, err);
}

/* --- life ---------------------------------------------------------------------------------------- */

static void ports_free(struct ports_state *self)
{
    cgroup_state_destroy_typed(&self->group);
    resources_fini(&self->granted);
    free(self);
}

static void ports_free_typed(struct ports_state **self_p)
{
    struct ports_state *self = TAKE(*self_p);

    if (self)
        ports_free(self);
}

static void ports_destroy(void **state_p)
{
    struct ports_state *self = TAKE(*state_p);

    if (!self)
        return;
    if (!isolation_is_left())
        kept_remove(self->group->id, KEPT);
    ports_free(self);
}

static int ports_new(const struct isolation *want, struct ports_state **ret_state, struct err *err)
{
    CLEANUP(ports_free_typed) struct ports_state *self = mem_new(struct ports_state);
    const int unified = want->cgroups ? want->cgroups->unified : -1;
    struct stat info;
    int rc = cgroup_state_new(want, "pids", &self->group, err);

    if (rc < 0)
        return rc;
    /* A cgroup's id is the number of its inode. */
    if (unified >= 0 && fstatat(unified, want->container_id, &info, AT_SYMLINK_NOFOLLOW) == 0)
        self->cgroup_id = info.st_ino;
    *ret_state = TAKE(self);
    return 0;
}

static int ports_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                         struct err *err)
{
    CLEANUP(ports_free_typed) struct ports_state *self = NULL;
    int rc = ports_new(want, &self, err);

    (void)spawn;
    if (rc == 0)
        rc = take_granted(self, &want->limits, err);
    if (rc == 0)
        rc = keep(self, err);
    if (rc < 0)
        return rc;
    *ret_state = TAKE(self);
    return 0;
}

static int ports_recover(const struct isolation *was, void **ret_state, struct err *err)
{
    CLEANUP(ports_free_typed) struct ports_state *self = NULL;
    CLEANUP(free_p) char *text = kept_read(was->container_id, KEPT);
    size_t size = text ? strlen(text) + 1 : 0;
    CLEANUP(free_p) char *granted = mem_calloc(1, size + 1);
    int rc;

    if (!text || !kept_get(text, "granted", 0, granted, size))
        return err_set(err, -ENOENT, "what ports it was granted is not known any more");
    rc = ports_new(was, &self, err);
    if (rc == 0)
        rc = resources_parse(&self->granted, granted, err);
    if (rc < 0)
        return rc;
    *ret_state = TAKE(self);
    return 0;
}

static int ports_update(void *state, const struct isolation *now, struct err *err)
{
    struct ports_state *self = state;
    int rc = take_granted(self, &now->limits, err);

    return rc < 0 ? rc : keep(self, err);
}

/* --- whose it is --------------------------------------------------------------------------------- */

/* The path that a descriptor leads to, from our root. */
static bool read_path(int fd, char ret_path[PATH_MAX])
{
    char name[64];
    ssize_t size;

    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    size = readlink(name, ret_path, PATH_MAX - 1);
    if (size < 0)
        return false;
    ret_path[size] = '\0';
    return true;
}

/* The name of the group right below ours that this one is, or is in; the caller's to free. NULL: it is elsewhere. */
static char *find_owner(int unified, uint64_t cgroup_id)
{
    union {
        struct file_handle handle;
        char bytes[sizeof(struct file_handle) + sizeof(cgroup_id)];
    } at = {.handle = {.handle_bytes = sizeof(cgroup_id), .handle_type = HANDLE_KERNFS}};
    char ours[PATH_MAX], path[PATH_MAX];
    CLEANUP(close_fd) int fd = -1;
    size_t size;

    memcpy(at.handle.f_handle, &cgroup_id, sizeof(cgroup_id));
    fd = open_by_handle_at(unified, &at.handle, O_PATH | O_CLOEXEC);
    if (fd < 0 || !read_path(fd, path) || !read_path(unified, ours))
        return NULL;
    size = strlen(ours);
    if (strncmp(path, ours, size) != 0 || path[size] != '/')
        return NULL;
    path[size + 1 + strcspn(path + size + 1, "/")] = '\0';
    return mem_strdup(path + size + 1);
}

static void forget_round(void)
{
    for (size_t i = 0; i < seen.all.count && seen.owners; i++)
        free(seen.owners[i]);
    free(TAKE(seen.owners));
}

/* Once for all tasks. */
static void look_around(int unified)
{
    int64_t now_us = clock_now().mono_us;

    if (now_us < seen.due_us)
        return;
    seen.due_us = now_us + interval_us - CHECK_MS * US_PER_MS / 2;
    seen.round++;
    forget_round();
    if (listeners_read(&seen.all, with_udp, NULL) < 0)
        return;
    seen.owners = mem_calloc(seen.all.count + 1, sizeof(seen.owners[0]));
    for (size_t i = 0; i < seen.all.count; i++)
        if (unified >= 0 && seen.all.items[i].cgroup_id)
            seen.owners[i] = find_owner(unified, seen.all.items[i].cgroup_id);
}

/* --- whose it is, where the kernel does not tell ------------------------------------------------- */

struct search {
    const bool *is_wanted; /* of each listener */
    bool *is_found;
    size_t fds;
};

static void match_inode(struct search *self, uint64_t inode)
{
    for (size_t i = 0; i < seen.all.count; i++)
        if (self->is_wanted[i] && seen.all.items[i].inode == inode)
            self->is_found[i] = true;
}

static void search_process(void *owner, pid_t pid)
{
    struct search *self = owner;
    char path[64], target[64];
    const struct dirent *entry;
    DIR *stream;

    snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    stream = opendir(path);
    while (stream && self->fds < FDS_MAX && (entry = readdir(stream))) {
        ssize_t size = readlinkat(dirfd(stream), entry->d_name, target, sizeof(target) - 1);
        uint64_t inode;

        self->fds++;
        target[size > 0 ? size : 0] = '\0';
        if (sscanf(target, "socket:[%" SCNu64 "]", &inode) == 1)
            match_inode(self, inode);
    }
    if (stream)
        closedir(stream);
}

/* Only for sockets whose maker the kernel does not name. */
static void search_descriptors(const struct ports_state *self, bool *is_found)
{
    CLEANUP(free_p) bool *is_wanted = mem_calloc(seen.all.count + 1, sizeof(*is_wanted));
    struct search search = {.is_wanted = is_wanted, .is_found = is_found};
    bool has_any = false;

    for (size_t i = 0; i < seen.all.count; i++) {
        is_wanted[i] = (!self->cgroup_id || !seen.all.items[i].cgroup_id) &&
                       !is_granted(self, seen.all.items[i].port);
        has_any = has_any || is_wanted[i];
    }
    if (has_any)
        cgfs_each_process(self->group->group, search_process, &search);
}

/* --- the check ----------------------------------------------------------------------------------- */

static bool is_own(const struct ports_state *self, size_t number)
{
    return seen.owners[number] && strcmp(seen.owners[number], self->group->id) == 0;
}

static bool is_outside(const struct ports_state *self, const bool *is_found, size_t number)
{
    return (is_found[number] || is_own(self, number)) &&
           !is_granted(self, seen.all.items[number].port);
}

static bool is_among_first(const struct ports_state *self, const bool *is_found, size_t number)
{
    const struct listener *one = &seen.all.items[number];

    for (size_t i = 0; i < number; i++)
        if (seen.all.items[i].port == one->port && seen.all.items[i].is_udp == one->is_udp &&
            is_outside(self, is_found, i))
            return true;
    return false;
}

/* Each once: there are two sockets where it listens by IPv4 and IPv6. As many as there is room for. */
static void print_outside(const struct ports_state *self, const bool *is_found, struct buf *out)
{
    for (size_t i = 0; i < seen.all.count && out->size + 16 < OUTSIDE_TEXT_SIZE; i++)
        if (is_outside(self, is_found, i) && !is_among_first(self, is_found, i))
            buf_printf(out, "%s%s %u", out->size ? ", " : "",
                       seen.all.items[i].is_udp ? "UDP" : "TCP", seen.all.items[i].port);
}

static void ports_check(void *state, struct limitation *ret_limitation)
{
    struct ports_state *self = state;
    CLEANUP(buf_fini) struct buf outside = {0}, granted = {0};
    CLEANUP(free_p) bool *is_found = NULL;

    look_around(self->group->cgroups->unified);
    if (self->round == seen.round || !seen.owners)
        return;
    self->round = seen.round;
    is_found = mem_calloc(seen.all.count + 1, sizeof(*is_found));
    search_descriptors(self, is_found);
    print_outside(self, is_found, &outside);
    snprintf(self->outside, sizeof(self->outside), "%s", buf_text(&outside));
    if (!outside.size || is_reported_only)
        return;
    print_granted(self, &granted);
    ret_limitation->reason = REASON_CONTAINER_LIMITATION;
    snprintf(ret_limitation->message, sizeof(ret_limitation->message),
             "it listens on %s; the ports it was granted: %.96s", self->outside,
             buf_text(&granted));
}

static int ports_usage(void *state, struct usage_info *usage, struct err *err)
{
    const struct ports_state *self = state;

    (void)err;
    usage_more(usage)->ports_outside = self->outside;
    return 0;
}

static void ports_settled(const struct isolator_living *living)
{
    kept_drop_others(KEPT, living);
}

static const struct isolator_option ports_options[] = {
    {"interval", "seconds from look to look (5)"},
    {"action", "kill, or only report in its statistics"},
    {"udp", "no: only TCP is looked at"},
    {NULL, NULL},
};

const struct isolator_ops isolator_network_ports = {
    .name = "network/ports",
    .needs = ISOLATOR_ROOT | ISOLATOR_CGROUPS,
    .controller = "pids",
    .options = ports_options,
    .setup = ports_setup,
    .prepare = ports_prepare,
    .recover = ports_recover,
    .update = ports_update,
    .usage = ports_usage,
    .check = ports_check,
    .check_ms = CHECK_MS,
    .destroy = ports_destroy,
    .settled = ports_settled,
};
