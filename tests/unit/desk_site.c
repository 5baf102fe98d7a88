#include "tests/unit/desk_site.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/launcher/files.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "proto/desk.h"

static int inotify_fd;

static void answer_open(int fd, const char *sandboxes_dir, const struct desk_packet *packet)
{
    const struct msg_open_file *wanted = packet->message.open_file;
    CLEANUP(free_p)
    char *path = mem_printf("%.*s", (int)wanted->path.size, (const char *)wanted->path.data);
    CLEANUP(close_fd) int found = -1;
    struct err err;
    int rc = files_open(sandboxes_dir, path, wanted->folder, &found, &err);
    int watch = rc == 0 && wanted->watched ? files_watch(inotify_fd, found, NULL) : 0;

    desk_answer(fd, packet->number, rc, &err, watch, (int[]){found, inotify_fd},
                rc < 0  ? 0
                : watch ? 2
                        : 1);
}

/* Each by a process of its own: it becomes somebody else. */
static void answer(int fd, const char *sandboxes_dir, const struct desk_packet *packet)
{
    pid_t pid;

    pid = fork();
    if (pid == 0) {
        answer_open(fd, sandboxes_dir, packet);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
}

__attribute__((noreturn)) static void serve(int fd, const char *sandboxes_dir)
{
    struct arena *arena = arena_new(0);
    struct desk_packet packet;
    int rc = 1;

    inotify_fd = files_watches_new(0, NULL);
    while (rc) {
        poll(&(struct pollfd){fd, POLLIN, 0}, 1, -1);
        arena_reset(arena);
        rc = desk_receive(fd, arena, &packet, NULL);
        if (rc > 0) {
            answer(fd, sandboxes_dir, &packet);
            desk_packet_fini(&packet);
        }
    }
    _exit(0);
}

int desk_site_new(const char *sandboxes_dir, pid_t *ret_pid)
{
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    *ret_pid = fork();
    assert_true(*ret_pid >= 0);
    if (*ret_pid == 0) {
        close(ends[0]);
        serve(ends[1], sandboxes_dir);
    }
    close(ends[1]);
    return ends[0];
}

void desk_site_wait(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}
