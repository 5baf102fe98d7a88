/* Any bytes as an archive that a task has unpacked into its sandbox. Nothing is made beside the sandbox, nothing in it leads
 * out, and there is nothing in it but files, folders and links, none of them privileged. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/fetcher/fetcher.h"
#include "base/bug.h"
#include "base/cleanup.h"

#define UNPACKED_MAX ((int64_t)1 << 20)
#define DEPTH_OPEN   32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* main.c of the fetcher, where nobody listens. */
void fetch_tell_progress(const struct fetch_job *job, int64_t bytes)
{
    (void)job;
    BUG_ON(bytes < 0 || bytes > UNPACKED_MAX);
}

static char above[64], sandbox[80];

static int check_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    char target[PATH_MAX];
    size_t size = strlen(sandbox);

    (void)kind;
    (void)where;
    BUG_ON(!S_ISREG(info->st_mode) && !S_ISDIR(info->st_mode) && !S_ISLNK(info->st_mode));
    BUG_ON(!S_ISLNK(info->st_mode) && info->st_mode & (07000 | S_IWGRP | S_IWOTH));
    BUG_ON(S_ISREG(info->st_mode) && info->st_size > UNPACKED_MAX);
    if (S_ISLNK(info->st_mode) && realpath(path, target))
        BUG_ON(strncmp(target, sandbox, size) != 0 || (target[size] && target[size] != '/'));
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    BUG_ON(remove(path) < 0);
    return 0;
}

static void begin(void)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(above, sizeof(above), "%.32s/proffer-fuzz-XXXXXX", tmp ? tmp : "/tmp");
    BUG_ON(!mkdtemp(above));
    snprintf(sandbox, sizeof(sandbox), "%s/sandbox", above);
    BUG_ON(mkdir(sandbox, 0755) < 0);
}

/* That its folder can be removed says that there is nothing else in it. */
static void end(void)
{
    BUG_ON(nftw(sandbox, check_one, DEPTH_OPEN, FTW_PHYS) < 0);
    BUG_ON(nftw(sandbox, remove_one, DEPTH_OPEN, FTW_PHYS | FTW_DEPTH) < 0);
    BUG_ON(rmdir(above) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct fetcher_info settings = {.max_bytes = UNPACKED_MAX};
    static const struct msg_fetch fetch = {.settings = &settings};
    CLEANUP(close_fd) int archive = memfd_create("archive", MFD_CLOEXEC);
    struct err err = {""};
    struct fetch_job job = {.fetch = &fetch};
    int rc;

    umask(022);
    begin();
    job.sandbox_fd = open(sandbox, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    BUG_ON(archive < 0 || job.sandbox_fd < 0 || write(archive, data, size) != (ssize_t)size);
    rc = unpack(&job, archive, &err);
    BUG_ON((rc < 0) != (*err.text != '\0'));
    BUG_ON(rc == -EBADMSG); /* that is what a wrong sum is, see fetcher.h */
    close_fd(&job.sandbox_fd);
    end();
    return 0;
}
