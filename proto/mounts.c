#include "proto/mounts.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/folder.h"
#include "proto/resources_info.h"

#define PATH_TEXT_MAX 255

static bool is_named(const struct mount_info *mount, const struct resource *portion)
{
    const struct volume *volume = resource_volume(portion);

    return volume && !strcmp(volume->id, mount->volume_id) &&
           (!mount->role || !*mount->role || !strcmp(mount->role, resource_role(portion)));
}

/* --- in a group --------------------------------------------------------------------------------- */

static bool names(const struct mount_info *mount, const struct resource_info *resource)
{
    return resource->volume && !strcmp(resource->volume->id, mount->volume_id) &&
           (!mount->role || !*mount->role || !strcmp(mount->role, resource->role));
}

static bool has_own(const struct task_info *task, const struct mount_info *mount)
{
    for (size_t i = 0; i < task->resources_count; i++)
        if (names(mount, &task->resources[i]))
            return true;
    return false;
}

static bool is_borrowed(const struct task_info *task, const struct resource_info *resource)
{
    for (size_t i = 0; i < task->mounts_count && resource->volume; i++)
        if (names(&task->mounts[i], resource) && !has_own(task, &task->mounts[i]))
            return true;
    return false;
}

bool mounts_borrow(const struct task_info *task, const struct task_info *owner)
{
    for (size_t i = 0; i < owner->resources_count; i++)
        if (is_borrowed(task, &owner->resources[i]))
            return true;
    return false;
}

bool mounts_has(const struct task_info *task, const struct resource *volume)
{
    for (size_t i = 0; i < task->resources_count; i++) {
        const struct resource_info *info = &task->resources[i];

        if (info->volume && !strcmp(info->volume->id, resource_volume(volume)->id) &&
            !strcmp(info->role, resource_role(volume)))
            return true;
    }
    return false;
}

static bool has_same(const struct resources *resources, const struct resource *volume)
{
    for (size_t i = 0; i < resources->count; i++) {
        const struct volume *other = resource_volume(&resources->items[i]);

        if (other && !strcmp(other->id, resource_volume(volume)->id) &&
            !strcmp(resource_role(&resources->items[i]), resource_role(volume)))
            return true;
    }
    return false;
}

int mounts_add_borrowed(struct resources *seen, const struct task_info *task,
                        const struct task_info *owner, struct err *err)
{
    int rc = 0;

    for (size_t i = 0; i < owner->resources_count && rc == 0; i++) {
        CLEANUP(resources_fini) struct resources one = {0};

        if (!is_borrowed(task, &owner->resources[i]))
            continue;
        rc = resources_from_info(&one, &owner->resources[i], 1, err);
        if (rc == 0 && one.count &&
            !has_same(seen, &one.items[0])) /* of a shared one two may be owners */
            rc = resources_add(seen, &one, err);
    }
    return rc;
}

int mounts_seen(const struct task_info *tasks, size_t count, const struct task_info *task,
                struct resources *seen, struct err *err)
{
    int rc = 0;

    if (task->mounts_count > MOUNTS_MAX) /* mounts_check refuses them */
        return 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        if (&tasks[i] != task)
            rc = mounts_add_borrowed(seen, task, &tasks[i], err);
    return rc;
}

/* --- for a task --------------------------------------------------------------------------------- */

static int check_volume(const struct mount_info *mount, const struct resources *resources,
                        struct err *err)
{
    size_t found = 0;

    for (size_t i = 0; i < resources->count; i++)
        found += is_named(mount, &resources->items[i]);
    if (!found)
        return err_set(err, -EINVAL, "mounts: there is no volume %.80s among its resources",
                       mount->volume_id);
    if (found > 1)
        return err_set(err, -EINVAL, "mounts: two volumes are called %.80s: name the role, too",
                       mount->volume_id);
    return 0;
}

/* "data", "data/db": relative, and never out of the sandbox. */
static int check_path(const char *path, struct err *err)
{
    if (strlen(path) > PATH_TEXT_MAX)
        return err_set(err, -EINVAL, "mounts: a path is longer than %d bytes", PATH_TEXT_MAX);
    if (folder_is_plain(path))
        return 0;
    return err_set(err, -EINVAL,
                   "mounts: \"%.80s\" is no path in the sandbox: want data or data/db", path);
}

/* One in the other would be in the other's volume. */
static bool overlap(const char *a, const char *b)
{
    size_t size = strlen(a) < strlen(b) ? strlen(a) : strlen(b);

    return !strncmp(a, b, size) && (a[size] == '\0' || a[size] == '/') &&
           (b[size] == '\0' || b[size] == '/');
}

static const struct mount_info *mount_of(const struct mount_info *mounts, size_t count,
                                         const struct resource *portion)
{
    for (size_t i = 0; i < count; i++)
        if (is_named(&mounts[i], portion))
            return &mounts[i];
    return NULL;
}

const struct mounted *mounts_list(const struct mount_info *mounts, size_t count,
                                  const struct resources *resources, struct arena *arena,
                                  size_t *ret_count)
{
    struct mounted *list = arena_array(arena, resources->count, sizeof(*list));

    *ret_count = 0;
    for (size_t i = 0; list && i < resources->count; i++) {
        const struct resource *portion = &resources->items[i];
        const struct mount_info *mount = mount_of(mounts, count, portion);

        if (!resource_volume(portion))
            continue;
        list[(*ret_count)++] = (struct mounted){
            .portion = portion,
            .is_read_only = mount && mount->read_only,
            .path = mount ? mount->container_path : resource_volume(portion)->id,
        };
    }
    return list;
}

static int check_places(const struct mount_info *mounts, size_t count,
                        const struct resources *resources, struct err *err)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    size_t mounted_count;
    const struct mounted *list = mounts_list(mounts, count, resources, arena, &mounted_count);

    if (mounted_count > MOUNTS_MAX)
        return err_set(err, -E2BIG, "%zu volumes, a task may have %d", mounted_count, MOUNTS_MAX);
    for (size_t i = 0; i < mounted_count; i++)
        for (size_t j = 0; j < i; j++)
            if (overlap(list[i].path, list[j].path))
                return err_set(err, -EINVAL,
                               "mounts: %.80s and %.80s are one place: give each volume its own",
                               list[j].path, list[i].path);
    return 0;
}

static bool have_volumes(const struct resources *resources)
{
    for (size_t i = 0; i < resources->count; i++)
        if (resource_volume(&resources->items[i]))
            return true;
    return false;
}

int mounts_check(const struct mount_info *mounts, size_t count, const struct resources *resources,
                 struct err *err)
{
    if (!count && !have_volumes(resources))
        return 0;
    if (count > MOUNTS_MAX)
        return err_set(err, -E2BIG, "%zu mounts, at most %d are allowed", count, MOUNTS_MAX);
    for (size_t i = 0; i < count; i++) {
        int rc = check_volume(&mounts[i], resources, err);

        if (rc == 0)
            rc = check_path(mounts[i].container_path, err);
        for (size_t j = 0; j < i && rc == 0; j++)
            if (!strcmp(mounts[i].volume_id, mounts[j].volume_id) &&
                !strcmp(mounts[i].role, mounts[j].role))
                rc = err_set(err, -EEXIST, "mounts: volume %.80s is named twice",
                             mounts[i].volume_id);
        if (rc < 0)
            return rc;
    }
    return check_places(mounts, count, resources, err);
}
