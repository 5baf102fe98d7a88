#include "base/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U /* Linux 6.3: where a setting takes it away else */
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20 /* Linux 6.3 */
#endif

#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)

static int make(const char *name, struct err *err)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

    if (fd < 0 && errno == EINVAL)
        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd < 0 ? err_errno(err, -errno, "cannot make a file in memory for %s", name) : fd;
}

/* Nor may it be made unexecutable for others, where the kernel can promise that. */
static int seal(int fd, const char *name, struct err *err)
{
    if (fcntl(fd, F_ADD_SEALS, SEALS | F_SEAL_EXEC) < 0 && fcntl(fd, F_ADD_SEALS, SEALS) < 0)
        return err_errno(err, -errno, "cannot seal %s", name);
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL) < 0)
        return err_errno(err, -errno, "cannot seal the seals of %s", name);
    return 0;
}

int sealed_from_bytes(const char *name, const void *data, size_t size, mode_t mode, int *ret_fd,
                      struct err *err)
{
    CLEANUP(close_fd) int fd = make(name, err);
    int rc;

    if (fd < 0)
        return fd;
    if (write(fd, data, size) != (ssize_t)size)
        return err_errno(err, errno ? -errno : -EIO, "cannot write %s into memory", name);
    if (fchmod(fd, mode) < 0)
        return err_errno(err, -errno, "cannot set the permissions of %s", name);
    rc = seal(fd, name, err);
    if (rc < 0)
        return rc;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int sealed_from_file(const char *name, int file_fd, int *ret_fd, struct err *err)
{
    CLEANUP(close_fd) int fd = make(name, err);
    struct stat info;
    off_t from = 0;
    int rc;

    if (fd < 0)
        return fd;
    if (fstat(file_fd, &info) < 0)
        return err_errno(err, -errno, "cannot read %s", name);
    while (from < info.st_size) {
        ssize_t copied = sendfile(fd, file_fd, &from, (size_t)(info.st_size - from));

        if (copied <= 0)
            return err_errno(err, copied < 0 ? -errno : -EIO, "cannot copy %s into memory", name);
    }
    rc = seal(fd, name, err);
    if (rc < 0)
        return rc;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

bool is_sealed(int fd)
{
    int seals = fcntl(fd, F_GET_SEALS);

    return seals >= 0 && (seals & SEALS) == SEALS;
}
