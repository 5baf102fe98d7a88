/* network/ports: a task that listens outside of the ports it was granted is found, and killed or only reported.
 *
 * All share the host's network: nothing keeps a task from taking a port, so a worker looks every few seconds who listens
 * (listeners.h), and tells of those that should not. Whose a socket is says the cgroup that made it, inner groups included;
 * where the kernel does not tell that, the descriptors of the task's processes do. A task in a network namespace of its own
 * is not seen, and takes nothing from anybody. */
#include "isolators/builtin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/units.h"
#include "isolators/cgroup_state.h"
#include "isolators/kept.h"
#include "isolators/listeners.h"
#include "isolators/worker.h"

#define KEPT             "ports"
#define CHECK_MS         500
#define INTERVAL_SECONDS 5
#define INTERVAL_MAX     3600
#define REST             10   /* times what the last look took */
#define SEARCH_MS        5000 /* of processor time, for the descriptors of one task */
#define SEARCH_STEP      1024 /* descriptors, from one look at that to the next */
#define HANDLE_KERNFS                                                                              \
    0xfe /* FILEID_KERNFS of the kernel's exportfs.h: eight bytes, the cgroup's id */
#define OUTSIDE_TEXT_SIZE 112

struct ports_state {
    struct cgroup_state *group; /* owned */
    struct resources granted;   /* `ports` only */
    uint64_t cgroup_id;         /* on the cgroup2 mount; 0: not known */
    char outside[OUTSIDE_TEXT_SIZE];
    char found[OUTSIDE_TEXT_SIZE]; /* by the worker that works, so far */
    bool has_news;                 /* to be judged */
    bool has_changed;              /* what it was granted, since the worker began */
    UT_hash_handle hh;
};

/* What a worker tells of one task. */
struct finding {
    char id[CGFS_NAME_MAX + 1];
    char outside[OUTSIDE_TEXT_SIZE];
};

static struct ports_state *all; /* by id; one launcher */
static struct worker worker = {-1, -1};
static int64_t began_us, due_us, read_us;

static int64_t interval_us;
static bool is_reported_only, with_udp;

/* --- settings ------------------------------------------------------------------------------------ */

static int parse_interval(const char *text, struct err *err)
{
    int64_t ms;

    if (units_parse_duration_ms(text, &ms, NULL) < 0 || ms < 1000 || ms > INTERVAL_MAX * 1000)
        return err_set(err, -ISOLATOR_WRONG_SETTING,
                       "interval=%.32s: want 1 to %d seconds, as 5s or 1m", text, INTERVAL_MAX);
    interval_us = ms * US_PER_MS;
    return 0;
}

static int parse_choice(const struct isolator_host *host, const char *key, const char *first,
                        const char *second, bool *ret_is_second, struct err *err)
{
    const char *value = isolator_option(host, "network/ports", key);

    if (value && strcmp(value, first) != 0 && strcmp(value, second) != 0)
        return err_set(err, -ISOLATOR_WRONG_SETTING, "%s=%.32s: want %s or %s", key, value, first,
                       second);
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
    if (rc == 0) {
        struct listeners now = {0};

        rc = listeners_read(&now, with_udp, err);
        listeners_fini(&now);
    }
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
    if (self->hh.tbl)
        HASH_DEL(all, self);
    if (!all)
        worker_end(&worker);
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

static void enter_table(struct ports_state *self)
{
    HASH_ADD_KEYPTR(hh, all, self->group->id, strlen(self->group->id), self);
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
    enter_table(self);
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
    enter_table(self);
    *ret_state = TAKE(self);
    return 0;
}

static int ports_update(void *state, const struct isolation *now, struct err *err)
{
    struct ports_state *self = state;
    int rc = take_granted(self, &now->limits, err);

    self->has_changed = true;
    return rc < 0 ? rc : keep(self, err);
}

/* --- the worker: whose is a socket? ---------------------------------------------------------------- */

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

/* Each once: there are two sockets where it listens by IPv4 and IPv6. As many as there is room for. */
static void note(struct ports_state *self, const struct listener *one)
{
    size_t size = strlen(self->found);
    char text[24];
    const int length =
        snprintf(text, sizeof(text), "%s %u", one->is_udp ? "UDP" : "TCP", one->port);

    for (const char *at = self->found; (at = strstr(at, text)); at += length)
        if (at[length] == '\0' || at[length] == ',')
            return;
    if (size + (size_t)length + 3 <= sizeof(self->found))
        snprintf(self->found + size, sizeof(self->found) - size, "%s%s", size ? ", " : "", text);
}

static void note_by_group(const struct listener *one, int unified)
{
    CLEANUP(free_p) char *owner = NULL;
    struct ports_state *task = NULL;

    if (unified < 0 || !one->cgroup_id || !(owner = find_owner(unified, one->cgroup_id)))
        return;
    HASH_FIND(hh, all, owner, strlen(owner), task);
    if (task && !is_granted(task, one->port))
        note(task, one);
}

/* --- where the kernel does not tell that --------------------------------------------------------- */

struct search {
    struct ports_state *task;
    const struct listeners *listeners; /* by inode */
    size_t looked;
    int64_t until_us; /* of our processor time */
};

static int compare_inodes(const void *a, const void *b)
{
    const struct listener *one = a, *other = b;

    return one->inode < other->inode ? -1 : one->inode > other->inode;
}

/* Only for sockets whose maker the kernel does not name. */
static bool is_wanted(const struct ports_state *task, const struct listener *one)
{
    return (!task->cgroup_id || !one->cgroup_id) && !is_granted(task, one->port);
}

static void match_inode(const struct search *self, uint32_t inode)
{
    const struct listener key = {.inode = inode};
    const struct listener *found =
        bsearch(&key, self->listeners->items, self->listeners->count, sizeof(key), compare_inodes);

    if (found && is_wanted(self->task, found))
        note(self->task, found);
}

static int64_t processor_us(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return used.tv_sec * US_PER_S + used.tv_nsec / 1000;
}

static bool has_time(struct search *self)
{
    if (++self->looked % SEARCH_STEP == 0 && processor_us() > self->until_us)
        self->until_us = 0;
    return self->until_us > 0;
}

static void search_process(void *owner, pid_t pid)
{
    struct search *self = owner;
    char path[64], target[64];
    const struct dirent *entry;
    DIR *stream;

    snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    stream = opendir(path);
    while (stream && has_time(self) && (entry = readdir(stream))) {
        ssize_t size = readlinkat(dirfd(stream), entry->d_name, target, sizeof(target) - 1);
        uint32_t inode;

        target[size > 0 ? size : 0] = '\0';
        if (sscanf(target, "socket:[%" SCNu32 "]", &inode) == 1)
            match_inode(self, inode);
    }
    if (stream)
        closedir(stream);
}

static void search_descriptors(struct ports_state *task, const struct listeners *listeners)
{
    struct search search = {.task = task,
                            .listeners = listeners,
                            .until_us = processor_us() + (int64_t)SEARCH_MS * US_PER_MS};

    for (size_t i = 0; i < listeners->count; i++)
        if (is_wanted(task, &listeners->items[i])) {
            cgfs_each_process(task->group->group, search_process, &search);
            return;
        }
}

/* --- the worker: all of it ----------------------------------------------------------------------- */

static void tell(const struct ports_state *task, int result_fd)
{
    struct finding finding = {.id = ""};

    snprintf(finding.id, sizeof(finding.id), "%s", task->group->id);
    memcpy(finding.outside, task->found, sizeof(finding.outside));
    if (write(result_fd, &finding, sizeof(finding)) != (ssize_t)sizeof(finding))
        _exit(1);
}

/* The last thing that it says is about nobody: then it has seen all. */
static void look_around(const void *arg, int result_fd)
{
    const struct cgroups *cgroups = arg;
    const struct finding end = {.id = ""};
    struct listeners now = {0};
    struct ports_state *task, *next;

    if (listeners_read(&now, with_udp, NULL) < 0)
        return;
    for (size_t i = 0; i < now.count; i++)
        note_by_group(&now.items[i], cgroups->unified);
    if (now.count)
        qsort(now.items, now.count, sizeof(now.items[0]), compare_inodes);
    HASH_ITER (hh, all, task, next) {
        search_descriptors(task, &now);
        if (*task->found)
            tell(task, result_fd);
    }
    (void)!write(result_fd, &end, sizeof(end));
}

/* --- the check ----------------------------------------------------------------------------------- */

static void begin(const struct ports_state *self)
{
    const int kept[] = {self->group->cgroups->unified, self->group->group.dir};
    struct ports_state *task, *next;

    began_us = clock_now().mono_us;
    due_us = began_us + interval_us;
    HASH_ITER (hh, all, task, next) {
        *task->found = '\0';
        task->has_changed = false;
    }
    worker_start(&worker, kept, ARRAY_SIZE(kept), look_around, self->group->cgroups);
}

/* Of one that has changed meanwhile the next look tells. */
static void take_all(void)
{
    struct ports_state *task, *next;

    HASH_ITER (hh, all, task, next) {
        if (task->has_changed)
            continue;
        memcpy(task->outside, task->found, sizeof(task->outside));
        task->has_news = true;
    }
}

static void take(const struct finding *finding)
{
    struct ports_state *task;

    HASH_FIND(hh, all, finding->id, strlen(finding->id), task);
    if (task)
        memcpy(task->found, finding->outside, sizeof(task->found));
}

static void read_findings(void)
{
    struct finding finding;
    int rc;

    while ((rc = worker_read(&worker, &finding, sizeof(finding))) > 0) {
        if (*finding.id)
            take(&finding);
        else
            take_all();
    }
    if (rc == 0) {
        int64_t now_us = clock_now().mono_us;
        int64_t rested_us = now_us + REST * (now_us - began_us);

        worker_end(&worker);
        due_us = rested_us > due_us ? rested_us : due_us;
    }
}

/* Once for all tasks that are asked for in a row. */
static void look(const struct ports_state *self)
{
    int64_t now_us = clock_now().mono_us;

    if (now_us - read_us < CHECK_MS * US_PER_MS / 2)
        return;
    read_us = now_us;
    if (worker_is_there(&worker))
        read_findings();
    else if (now_us >= due_us)
        begin(self);
}

static void ports_check(void *state, struct limitation *ret_limitation)
{
    struct ports_state *self = state;
    CLEANUP(buf_fini) struct buf granted = {0};

    look(self);
    if (!self->has_news)
        return;
    self->has_news = false;
    if (!*self->outside || is_reported_only)
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
