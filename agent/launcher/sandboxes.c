#include "agent/launcher/sandboxes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"

#define PARENT_MODE  0755 /* a task must be able to reach what is its own */
#define SANDBOX_MODE 0750

void sandboxes_init(struct sandboxes *self)
{
    *self = (struct sandboxes){.parent_fd = -1};
}

void sandboxes_fini(struct sandboxes *self)
{
    free(self->parent);
    close_fd(&self->parent_fd);
    sandboxes_init(self);
}

static int make_parents(const char *parent, struct err *err)
{
    CLEANUP(free_p) char *path = mem_strdup(parent);

    for (char *slash = path; slash;) {
        slash = strchr(slash + 1, '/');
        if (slash)
            *slash = '\0';
        if (mkdir(path, PARENT_MODE) < 0 && errno != EEXIST)
            return err_errno(err, -errno, "cannot make %s", path);
        if (slash)
            *slash = '/';
    }
    return 0;
}

static int open_parent(struct sandboxes *self, const char *path, size_t size, bool is_made,
                       struct err *err)
{
    CLEANUP(free_p) char *parent = mem_printf("%.*s", (int)size, path);
    int fd, rc;

    if (self->parent && strcmp(self->parent, parent) == 0)
        return 0;
    rc = is_made ? make_parents(parent, err) : 0;
    if (rc < 0)
        return rc;
    fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, -errno, "cannot open %s", parent);
    sandboxes_fini(self);
    self->parent = TAKE(parent);
    self->parent_fd = fd;
    return 0;
}

static int make_beneath(const struct sandboxes *self, const char *name,
                        const struct account *account, struct err *err)
{
    if (mkdirat(self->parent_fd, name, SANDBOX_MODE) < 0)
        return err_errno(err, -errno, "cannot make the sandbox %s/%s", self->parent, name);
    if (account &&
        fchownat(self->parent_fd, name, account->uid, account->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return err_errno(err, -errno, "cannot give the sandbox to %s", account->name);
    return 0;
}

static bool is_plain(const char *path, const char *last)
{
    return *path == '/' && last != path && last[1] && !strstr(path, "/../") &&
           strcmp(last, "/..") != 0 && strcmp(last, "/.") != 0;
}

int sandboxes_make(struct sandboxes *self, const char *path, const struct account *account,
                   struct sandbox *ret_sandbox, struct err *err)
{
    const char *last = strrchr(path, '/');
    int rc = -ENOENT;

    if (!last || !is_plain(path, last))
        return err_set(err, -EINVAL, "sandbox '%.100s': expected an absolute path without '..'",
                       path);
    /* The kept parent may have been removed meanwhile: then it is made anew, once. */
    for (int i = 0; i < 2 && rc == -ENOENT; i++) {
        rc = open_parent(self, path, (size_t)(last - path), true, err);
        if (rc < 0)
            return rc;
        rc = make_beneath(self, last + 1, account, err);
        if (rc == -ENOENT)
            sandboxes_fini(self);
    }
    if (rc < 0)
        return rc;
    *ret_sandbox = (struct sandbox){self->parent_fd, last + 1};
    return 0;
}

int sandboxes_find(struct sandboxes *self, const char *path, struct sandbox *ret_sandbox)
{
    const char *last = strrchr(path, '/');
    int rc;

    if (!last || !is_plain(path, last))
        return -EINVAL;
    rc = open_parent(self, path, (size_t)(last - path), false, NULL);
    if (rc < 0)
        return rc;
    *ret_sandbox = (struct sandbox){self->parent_fd, last + 1};
    return 0;
}
