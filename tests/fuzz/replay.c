/* Run a fuzzer over the files of folders, as an ordinary test: replay_<fuzzer> FOLDER... Prints TAP. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define READ_BYTES 65536

static int read_file(int folder, const char *name, struct buf *ret_content)
{
    CLEANUP(close_fd) int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat status;
    ssize_t size;

    if (fd < 0 || fstat(fd, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return -EISDIR;
    do {
        size = read(fd, buf_reserve(ret_content, READ_BYTES), READ_BYTES);
        if (size < 0)
            return -errno;
        ret_content->size += (size_t)size;
    } while (size > 0);
    return 0;
}

/* The input in a block of its own size, so that a sanitizer sees each byte read beyond it. */
static void run_input(const struct buf *content)
{
    uint8_t *data = malloc(content->size ? content->size : 1);

    if (!data)
        abort();
    if (content->size)
        memcpy(data, content->data, content->size);
    LLVMFuzzerTestOneInput(data, content->size);
    free(data);
}

/* How many files were run; -errno when the folder or one of them cannot be read. */
static int run_folder(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    int count = 0;

    if (!folder)
        return -errno;
    while (count >= 0 && (entry = readdir(folder))) {
        CLEANUP(buf_fini) struct buf content = {0};
        int rc;

        if (entry->d_name[0] == '.')
            continue;
        rc = read_file(dirfd(folder), entry->d_name, &content);
        if (rc == 0)
            run_input(&content);
        count = rc < 0 ? rc : count + 1;
    }
    closedir(folder);
    return count;
}

int main(int argc, char **argv)
{
    const char *program = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
    int status = argc > 1 ? 0 : 1;

    printf("1..%d\n", argc - 1);
    for (int i = 1; i < argc; i++) {
        int count = run_folder(argv[i]);

        if (count > 0) {
            printf("ok %d - %s: %d inputs of %s\n", i, program, count, argv[i]);
            continue;
        }
        printf("not ok %d - %s: %s: %s\n", i, program, argv[i],
               count < 0 ? strerror(-count) : "no inputs");
        status = 1;
    }
    return status;
}
