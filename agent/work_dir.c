#include "agent/work_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/folder.h"
#include "base/mem.h"
#include "base/units.h"

#define LOCK_NAME "agent.lock"
#define PORT_NAME "agent.port"
#define PORT_MAX  8 /* bytes of a port as text */

static int make_folder(const char *path, mode_t mode, struct err *err)
{
    if (mkdir(path, mode) < 0 && errno != EEXIST)
        return err_errno(err, -errno, "cannot make the folder %s", path);
    return 0;
}

static int open_folder(const char *path, int *ret_fd, struct err *err)
{
    *ret_fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *ret_fd < 0 ? err_errno(err, -errno, "cannot open %s", path) : 0;
}

static int open_all(struct work_dir *self, const char *checkpoint, struct err *err)
{
    int rc = open_folder(self->path, &self->dir_fd, err);

    if (rc == 0)
        rc = open_folder(self->sandboxes, &self->sandboxes_fd, err);
    if (rc == 0)
        rc = open_folder(checkpoint, &self->checkpoint_fd, err);
    return rc < 0 ? rc : open_folder(self->executors, &self->executors_fd, err);
}

static int fill(struct work_dir *self, const char *path, struct err *err)
{
    CLEANUP(free_p) char *folder = NULL;
    struct stat info;
    int rc = folder_make(path, 0755, &self->path, err);

    if (rc == 0)
        rc = folder_lock(self->path, LOCK_NAME, "agent", &self->lock_fd, err);
    if (rc < 0)
        return rc;
    self->sandboxes = mem_printf("%s/sandboxes", self->path);
    self->records = mem_printf("%s/records", self->path);
    self->volumes = mem_printf("%s/volumes", self->path);
    self->trash = mem_printf("%s/trash", self->path);
    self->executors = mem_printf("%s/executors", self->path);
    self->checkpoint = mem_printf("%s/checkpoint/agent.db", self->path);
    folder = mem_printf("%s/checkpoint", self->path);
    if (stat(self->path, &info) < 0)
        return err_errno(err, -errno, "work folder %s", self->path);
    self->unique = mem_printf("agent-%llx-%llx", (unsigned long long)info.st_dev,
                              (unsigned long long)info.st_ino);
    rc = make_folder(self->sandboxes, 0755, err);
    if (rc == 0)
        rc = make_folder(self->records, 0700, err);
    if (rc == 0)
        rc = make_folder(self->volumes, 0755, err);
    if (rc == 0)
        rc = make_folder(self->trash, 0700, err);
    if (rc == 0)
        rc = make_folder(self->executors, 0755, err);
    if (rc == 0)
        rc = make_folder(folder, 0700, err);
    return rc < 0 ? rc : open_all(self, folder, err);
}

int work_dir_open(const char *path, struct work_dir *ret_dir, struct err *err)
{
    struct work_dir self = WORK_DIR_NONE;
    int rc = fill(&self, path, err);

    if (rc < 0) {
        work_dir_close(&self);
        return rc;
    }
    *ret_dir = self;
    return 0;
}

void work_dir_open_port(struct work_dir *self)
{
    self->port_fd = openat(self->dir_fd, PORT_NAME,
                           O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
}

uint16_t work_dir_port(const struct work_dir *self)
{
    char text[PORT_MAX + 1] = {0};
    ssize_t size = self->port_fd < 0 ? -1 : pread(self->port_fd, text, PORT_MAX, 0);
    int64_t port;

    if (size <= 0 || text[size - 1] != '\n')
        return 0;
    text[size - 1] = '\0';
    return units_parse_int(text, 1, UINT16_MAX, &port, NULL) < 0 ? 0 : (uint16_t)port;
}

void work_dir_note_port(const struct work_dir *self, uint16_t port)
{
    char text[PORT_MAX];
    int size = snprintf(text, sizeof(text), "%u\n", port);

    if (self->port_fd >= 0 && ftruncate(self->port_fd, 0) == 0)
        (void)!pwrite(self->port_fd, text, (size_t)size, 0);
}

/* --- whose it is -------------------------------------------------------------------------------- */

/* Who had the folder may have put anything there, links to what is not his too: only what is his alone changes hands. */
static int give_file(int dir_fd, const char *name, uid_t before, uid_t uid, gid_t gid)
{
    CLEANUP(close_fd) int fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat info;

    if (fd < 0 || fstat(fd, &info) < 0)
        return -errno;
    if (!S_ISREG(info.st_mode) || info.st_nlink != 1 || info.st_uid != before)
        return 0;
    return fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

static void closedir_p(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

static int give_files(int dir_fd, uid_t before, uid_t uid, gid_t gid)
{
    CLEANUP(close_fd) int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(closedir_p) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    int rc = 0;

    if (!dir)
        return -errno;
    (void)TAKE_FD(fd);
    while (rc == 0 && (entry = readdir(dir)))
        rc = give_file(dir_fd, entry->d_name, before, uid, gid);
    return rc;
}

/* The folder last: what is interrupted is done anew. */
int work_dir_give(const struct work_dir *self, uid_t uid, gid_t gid, struct err *err)
{
    struct stat info;
    int rc;

    if (fstat(self->checkpoint_fd, &info) < 0)
        return err_errno(err, -errno, "%s", self->checkpoint);
    if (fchownat(self->executors_fd, "", uid, gid, AT_EMPTY_PATH) < 0)
        return err_errno(err, -errno, "cannot give %s to user %u", self->executors, uid);
    if (info.st_uid == uid)
        return 0;
    rc = give_files(self->checkpoint_fd, info.st_uid, uid, gid);
    if (rc == 0 && fchownat(self->checkpoint_fd, "", uid, gid, AT_EMPTY_PATH) < 0)
        rc = -errno;
    return rc < 0 ? err_errno(err, rc, "cannot give %s to user %u", self->checkpoint, uid) : 0;
}

void work_dir_close(struct work_dir *self)
{
    close_fd(&self->lock_fd);
    close_fd(&self->dir_fd);
    close_fd(&self->sandboxes_fd);
    close_fd(&self->executors_fd);
    close_fd(&self->checkpoint_fd);
    close_fd(&self->port_fd);
    free(self->path);
    free(self->sandboxes);
    free(self->records);
    free(self->volumes);
    free(self->trash);
    free(self->executors);
    free(self->checkpoint);
    free(self->unique);
    *self = (struct work_dir)WORK_DIR_NONE;
}
