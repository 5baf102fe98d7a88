/* Which processes there are, and whose children. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/children.h"
#include "base/cleanup.h"
#include "tests/unit/launcher_rig.h"

pid_t rig_parent_of(pid_t pid)
{
    CLEANUP(close_fd) int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    pid_t parent = process_parent(proc_fd, pid);

    if (!parent)
        fail_msg("process %d has ended", pid);
    return parent;
}

/* --- PID namespaces ----------------------------------------------------------------------------- */

struct in_namespace {
    char of[64]; /* what /proc/<pid>/ns/pid of it leads to */
    pid_t number;
    pid_t found;
};

static bool read_pid_namespace(pid_t pid, char ret_link[64])
{
    char path[64];
    ssize_t size;

    snprintf(path, sizeof(path), "/proc/%d/ns/pid", pid);
    size = readlink(path, ret_link, 63);
    ret_link[size < 0 ? 0 : size] = '\0';
    return size > 0;
}

static void look_for_number(void *owner, pid_t pid)
{
    struct in_namespace *want = owner;
    char link[64], path[64], line[256];
    FILE *status;

    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    status =
        read_pid_namespace(pid, link) && strcmp(link, want->of) == 0 ? fopen(path, "re") : NULL;
    while (status && fgets(line, sizeof(line), status))
        if (strncmp(line, "NSpid:", 6) == 0 && atol(strrchr(line, '\t') + 1) == want->number)
            want->found = pid;
    if (status)
        fclose(status);
}

pid_t rig_pid_beside(pid_t pid, pid_t number)
{
    CLEANUP(close_fd) int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct in_namespace want = {.number = number};

    assert_true(read_pid_namespace(pid, want.of));
    assert_true(processes_each(proc_fd, look_for_number, &want) > 0);
    if (!want.found)
        fail_msg("no process beside %d is number %d there", pid, number);
    return want.found;
}

/* --- children ----------------------------------------------------------------------------------- */

static pid_t find_child(pid_t parent, const char *name)
{
    char path[64], comm[32];
    FILE *children;
    int pid;
    pid_t found = 0;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", parent, parent);
    children = fopen(path, "re");
    while (children && !found && fscanf(children, "%d", &pid) == 1) {
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/comm", pid);
        file = fopen(path, "re");
        if (file && fscanf(file, "%31[^\n]", comm) == 1 && !strcmp(comm, name))
            found = pid;
        if (file)
            fclose(file);
    }
    if (children)
        fclose(children);
    return found;
}

pid_t rig_wait_child(pid_t parent, const char *name)
{
    int64_t left_ms = RIG_TIMEOUT_MS;
    pid_t pid;

    while (!(pid = find_child(parent, name)))
        rig_pause(&left_ms, name);
    return pid;
}

void rig_wait_no_child(pid_t parent, const char *name)
{
    int64_t left_ms = RIG_TIMEOUT_MS;

    /* One that was forked just now has the launcher's name yet. */
    while (find_child(parent, name) || find_child(parent, "proffer-launcher"))
        rig_pause(&left_ms, name);
}
