#include "agent/docker/culprits.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#define ROUNDS_MAX 16 /* what forks while it is killed is found in the next one */

static bool read_text(const char *path, char *ret_text, size_t size)
{
    CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t count = fd < 0 ? -1 : read(fd, ret_text, size - 1);

    ret_text[count > 0 ? count : 0] = '\0';
    return count > 0;
}

/* "PID (name) STATE PPID PGRP SESSION ..."; a name may have anything in it. One that is dead already does not count. */
static bool is_of(long number, long pid)
{
    char path[64], text[512], state;
    long group, session;
    const char *behind;

    snprintf(path, sizeof(path), "/proc/%ld/stat", number);
    if (!read_text(path, text, sizeof(text)) || !(behind = strrchr(text, ')')))
        return false;
    if (sscanf(behind + 1, " %c %*d %ld %ld", &state, &group, &session) != 3 || state == 'Z' ||
        state == 'X')
        return false;
    return group == pid || session == pid;
}

static bool is_in_container(long number, const char *engine_id)
{
    char path[64], groups[4096];

    snprintf(path, sizeof(path), "/proc/%ld/cgroup", number);
    return *engine_id && read_text(path, groups, sizeof(groups)) && strstr(groups, engine_id);
}

/* What is looked at through /proc is the one that the descriptor holds, if that was there before and lives after. */
static bool kill_one(long number, long pid, const char *engine_id)
{
    CLEANUP(close_fd) int pidfd = (int)syscall(SYS_pidfd_open, (pid_t)number, 0);

    return pidfd >= 0 && is_of(number, pid) && is_in_container(number, engine_id) &&
           syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) == 0;
}

static size_t kill_round(long pid, const char *engine_id)
{
    DIR *stream = opendir("/proc");
    const struct dirent *entry;
    size_t count = 0;

    while (stream && (entry = readdir(stream))) {
        long number = strtol(entry->d_name, NULL, 10);

        if (isdigit((unsigned char)entry->d_name[0]) && is_of(number, pid))
            count += kill_one(number, pid, engine_id);
    }
    if (stream)
        closedir(stream);
    return count;
}

void culprits_kill(int64_t pid, const char *engine_id)
{
    for (int i = 0; i < ROUNDS_MAX && pid > 1; i++)
        if (!kill_round((long)pid, engine_id))
            return;
}
