/* Containers outlive their agent and their launcher: the next launcher adopts them, or ends what nobody wants. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/launcher/records.h"
#include "agent/shim/shim.h"
#include "base/cleanup.h"
#include "tests/unit/launcher_rig.h"

#define MIB (1024 * 1024)

static const struct rig_plan plain;
static const struct rig_plan posix = {.is_posix = true};
static const struct rig_plan v1 = {.hides_cgroup2 = true};
/* The shim is the first process of a PID namespace. */
static const struct rig_plan contained = {
    .also = ARGV("namespaces/mount", "namespaces/pid", "linux/capabilities")};
static const struct rig_plan contained_v1 = {
    .hides_cgroup2 = true,
    .also = ARGV("namespaces/mount", "namespaces/pid", "linux/capabilities")};

/* Leaves the process group, the session and its parent, as a daemon does; its pid stands in `pid`. */
#define DAEMONIZE                                                                                  \
    "(setsid sh -c 'echo $$ >pid; exec sleep 1000' >/dev/null 2>&1 &); "                           \
    "while [ ! -s pid ]; do :; done; "

static int eat_memory(void)
{
    for (int i = 0; i < 4096; i++) {
        volatile char *chunk = malloc(MIB);

        if (!chunk)
            return 2;
        for (int offset = 0; offset < MIB; offset += 1024)
            chunk[offset] = 1;
    }
    return 0;
}

static struct rig *rig_of(void **state)
{
    const struct rig_plan *plan = *state;
    struct rig *rig;

    if (plan->hides_cgroup2)
        rig_skip_unless_root();
    rig = rig_new(plan);
    if (!plan->is_posix)
        rig_skip_unless_cgroups(rig);
    return rig;
}

static pid_t start(struct rig *rig, const char *id, const char *shell)
{
    rig_launch(rig, &(struct rig_task){.id = id, .shell = shell});
    return (pid_t)rig_wait(rig, MSG_CONTAINER_STARTED, id)->container_started->pid;
}

static const struct msg_container_exited *wait_exited(struct rig *rig, const char *id)
{
    return rig_wait(rig, MSG_CONTAINER_EXITED, id)->container_exited;
}

static const struct usage_info *read_usage(struct rig *rig, const char *id)
{
    const struct msg_usage_reply *reply;

    rig_send(rig, &MESSAGE(USAGE_REQUEST, usage_request, .number = 1, .container_ids = &id,
                           .container_ids_count = 1));
    reply = rig_wait(rig, MSG_USAGE_REPLY, NULL)->usage_reply;
    return reply->usages_count == 1 ? reply->usages : NULL;
}

/* --- alive -------------------------------------------------------------------------------------- */

#define OBEDIENT "trap 'echo caught; exit 7' TERM; echo ready; while :; do sleep 0.01; done"

static void a_task_of_a_dead_agent_is_adopted(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_of(state);
    const struct msg_container_started *before, *after;
    const struct msg_container_exited *exited;
    struct rig *next;

    rig_launch(rig, &(struct rig_task){.id = "t1", .shell = OBEDIENT});
    before = rig_wait(rig, MSG_CONTAINER_STARTED, "t1")->container_started;
    rig_wait_file(rig, "t1", "stdout");
    rig_leave(rig);
    assert_int_equal(kill((pid_t)before->pid, 0), 0);
    next = rig_again(rig, ARGV("t1"));
    after = rig_wait(next, MSG_CONTAINER_STARTED, "t1")->container_started;

    assert_int_equal(after->pid, before->pid);
    assert_int_equal(after->started_us, before->started_us);
    assert_non_null(read_usage(next, "t1"));
    rig_signal(next, "t1", false);
    exited = wait_exited(next, "t1");
    assert_non_null(exited->exit);
    assert_int_equal(exited->exit->code, 7);
    assert_int_equal(exited->started_us, before->started_us);
    assert_int_equal(exited->stdout_bytes, 13);
    assert_false(exited->never_launched);
    assert_string_equal(rig_read(next, "t1", "stdout"), "ready\ncaught\n");
    assert_int_equal(next->events_count, 0);
    rig_destroy(&next);
}

static void a_task_of_a_killed_launcher_is_adopted_and_killed_as_a_whole(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_of(state);
    const struct msg_container_exited *exited;
    struct rig *next;
    pid_t pid, child;

    pid = start(rig, "t1", "trap '' TERM; " DAEMONIZE "echo ready; while :; do sleep 0.01; done");
    rig_wait_file(rig, "t1", "stdout");
    child = rig_pid_beside(pid, (pid_t)atol(rig_read(rig, "t1", "pid")));
    rig_end_launcher(rig, SIGKILL);
    next = rig_again(rig, ARGV("t1"));
    rig_wait(next, MSG_CONTAINER_STARTED, "t1");
    rig_signal(next, "t1", true);
    exited = wait_exited(next, "t1");

    assert_int_equal(exited->exit->signal, SIGKILL);
    rig_wait_gone(child);
    rig_destroy(&next);
}

static void usage_of_an_adopted_task_is_told(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_of(state);
    const struct usage_info *usage;
    struct rig *next;

    rig_launch(rig, &(struct rig_task){.id = "t1", .shell = "sleep 1000", .mem_mib = 100});
    rig_wait(rig, MSG_CONTAINER_STARTED, "t1");
    rig_leave(rig);
    next = rig_again(rig, ARGV("t1"));
    usage = read_usage(next, "t1");

    assert_non_null(usage);
    assert_in_range(usage->processes, 1, 2);
    assert_int_equal(usage->cpus_limit, 1000);
    assert_int_equal(usage->mem_limit_bytes, 100 * MIB);
    assert_in_range(usage->mem_peak_bytes, 1, 100 * MIB);
    rig_destroy(&next);
}

static void an_adopted_task_that_eats_memory_says_so(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_of(state);
    const struct msg_container_exited *exited;
    struct rig *next;
    char shell[600];

    snprintf(shell, sizeof(shell), "while [ ! -e go ]; do sleep 0.01; done; exec %s eat",
             rig_self_path());
    rig_launch(rig, &(struct rig_task){.id = "t1", .shell = shell, .mem_mib = 32});
    rig_wait(rig, MSG_CONTAINER_STARTED, "t1");
    rig_leave(rig);
    next = rig_again(rig, ARGV("t1"));
    rig_write(next, "t1", "go");
    exited = wait_exited(next, "t1");

    assert_int_equal(exited->exit->signal, SIGKILL);
    assert_int_equal(exited->limitation, REASON_CONTAINER_LIMITATION_MEMORY);
    assert_non_null(strstr(exited->message, "the limit is 32MiB"));
    assert_in_range(exited->peak_mem_bytes, 28 * MIB, 32 * MIB);
    rig_destroy(&next);
}

static void many_are_adopted_with_few_descriptors(void **state)
{
    enum { COUNT = 40, FILES = 64 };
    static char ids[COUNT][8];
    const char *recover[COUNT + 1] = {NULL};
    CLEANUP(rig_destroy) struct rig *rig = rig_of(state);
    struct rlimit before, few;
    struct rig *next;

    getrlimit(RLIMIT_NOFILE, &before);
    few = (struct rlimit){FILES, before.rlim_max};
    for (int i = 0; i < COUNT; i++) {
        snprintf(ids[i], sizeof(ids[i]), "t%d", i);
        recover[i] = ids[i];
        start(rig, ids[i], "exec sleep 1000");
    }
    rig_leave(rig);
    setrlimit(RLIMIT_NOFILE, &few);
    next = rig_again(rig, recover);
    setrlimit(RLIMIT_NOFILE, &before);
    for (int i = 0; i < COUNT; i++)
        rig_wait(next, MSG_CONTAINER_STARTED, ids[i]);
    rig_run(next, &(struct rig_task){.id = "new", .shell = "ulimit -Sn"});

    assert_string_equal(rig_read(next, "new", "stdout"), "64\n");
    rig_destroy(&next);
}

/* --- dead --------------------------------------------------------------------------------------- */

static void an_end_that_nobody_saw_is_told(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_of(state);
    const struct msg_container_exited *exited;
    struct rig *next;

    start(rig, "t1", "while [ ! -e go ]; do sleep 0.01; done; echo done; echo oh >&2; exit 9");
    rig_end_launcher(rig, SIGKILL);
    rig_write(rig, "t1", "go");
    rig_wait_record(rig, "t1");
    next = rig_again(rig, ARGV("t1"));
    exited = wait_exited(next, "t1");

    assert_int_equal(exited->exit->code, 9);
    assert_string_equal(exited->error, "");
    assert_int_equal(exited->stdout_bytes, 5);
    assert_string_equal(rig_read(next, "t1", "stdout"), "done\n");
    assert_string_equal(rig_read(next, "t1", "stderr"), "oh\n");
    rig_destroy(&next);
}

static void memory_that_was_exceeded_unseen_is_told_again_and_again(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_of(state);
    struct rig *rigs[2];
    char shell[600];

    snprintf(shell, sizeof(shell), "while [ ! -e go ]; do sleep 0.01; done; exec %s eat",
             rig_self_path());
    rig_launch(rig, &(struct rig_task){.id = "t1", .shell = shell, .mem_mib = 32});
    rig_wait(rig, MSG_CONTAINER_STARTED, "t1");
    rig_leave(rig);
    rig_write(rig, "t1", "go");
    rig_wait_record(rig, "t1");
    /* The first of them removes the group that this is known from. */
    for (int i = 0; i < 2; i++) {
        const struct msg_container_exited *exited;

        rigs[i] = rig_again(i ? rigs[i - 1] : rig, ARGV("t1"));
        exited = wait_exited(rigs[i], "t1");
        assert_int_equal(exited->exit->signal, SIGKILL);
        assert_int_equal(exited->limitation, REASON_CONTAINER_LIMITATION_MEMORY);
        assert_non_null(strstr(exited->message, "the limit is 32MiB"));
        assert_in_range(exited->peak_mem_bytes, 28 * MIB, 32 * MIB);
        if (i == 0)
            rig_leave(rigs[i]);
    }
    rig_destroy(&rigs[1]);
    rig_destroy(&rigs[0]);
}

static void an_end_is_told_until_it_may_be_forgotten(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_of(state);
    struct rig *second, *third, *fourth;

    rig_run(rig, &(struct rig_task){.id = "t1", .shell = "exit 5"});
    rig_run(rig, &(struct rig_task){.id = "t2", .argv = ARGV("/x")});
    rig_leave(rig);
    second = rig_again(rig, ARGV("t1", "t2"));
    assert_int_equal(wait_exited(second, "t1")->exit->code, 5);
    assert_string_equal(wait_exited(second, "t2")->error, "exec /x: No such file or directory");
    rig_leave(second);
    third = rig_again(second, ARGV("t1"));
    assert_int_equal(wait_exited(third, "t1")->exit->code, 5);
    rig_forget(third, "t1");
    rig_run(third, &(struct rig_task){.id = "t3", .shell = "true"});
    assert_int_not_equal(access(rig_record_path(third, "t1"), F_OK), 0);
    assert_int_equal(access(rig_record_path(third, "t3"), F_OK), 0);
    rig_leave(third);
    fourth = rig_again(third, ARGV("t1"));
    assert_true(wait_exited(fourth, "t1")->never_launched);

    rig_destroy(&fourth);
    rig_destroy(&third);
    rig_destroy(&second);
}

static void what_runs_is_not_forgotten(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_of(state);
    struct rig *next;

    start(rig, "t1", "exec sleep 1000");
    rig_forget(rig, "t1");
    rig_leave(rig);
    next = rig_again(rig, ARGV("t1"));

    rig_wait(next, MSG_CONTAINER_STARTED, "t1");
    rig_destroy(&next);
}

static void a_task_whose_shim_was_killed_unseen_is_ended(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_of(state);
    const struct rig_plan *plan = *state;
    pid_t pid = start(rig, "t1", DAEMONIZE "echo ready; exec sleep 1000"), shim, child;
    const struct msg_container_exited *exited;
    struct rig *next;

    rig_wait_file(rig, "t1", "stdout");
    child = rig_pid_beside(pid, (pid_t)atol(rig_read(rig, "t1", "pid")));
    shim = rig_parent_of(pid);
    rig_end_launcher(rig, SIGKILL);
    kill(shim, SIGKILL);
    rig_wait_gone(shim);
    next = rig_again(rig, ARGV("t1"));
    exited = wait_exited(next, "t1");

    assert_null(exited->exit);
    assert_false(exited->never_launched);
    assert_string_equal(exited->error, "its shim was killed, so its end was not seen");
    assert_true(exited->started_us > 0);
    rig_wait_gone(pid);
    if (plan->is_posix) /* what left its parent without cgroups cannot be held by anybody */
        kill(child, SIGKILL);
    rig_wait_gone(child);
    rig_destroy(&next);
}

static void an_adopted_task_whose_shim_is_killed_is_ended(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_of(state);
    pid_t pid = start(rig, "t1", "exec sleep 1000");
    const struct msg_container_exited *exited;
    struct rig *next;

    rig_leave(rig);
    next = rig_again(rig, ARGV("t1"));
    rig_wait(next, MSG_CONTAINER_STARTED, "t1");
    kill(rig_parent_of(pid), SIGKILL);
    exited = wait_exited(next, "t1");

    assert_string_equal(exited->error, "its shim was killed, so its end was not seen");
    rig_wait_gone(pid);
    rig_destroy(&next);
}

static void one_that_never_came_to_run_is_told_apart(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_of(state);
    const struct msg_container_exited *exited;
    struct rig *next;

    rig_leave(rig);
    next = rig_again(rig, ARGV("t1"));
    exited = wait_exited(next, "t1");

    assert_true(exited->never_launched);
    assert_null(exited->exit);
    assert_string_equal(exited->error, "its launcher died before it was started");
    rig_destroy(&next);
}

/* --- all at once -------------------------------------------------------------------------------- */

enum { BURST = 50 };

/* What is said of one container, to its end. */
static void check_account(struct rig *rig, const char *id, bool *ret_ran)
{
    const struct msg_container_exited *exited = wait_exited(rig, id);

    *ret_ran = !exited->never_launched;
    if (exited->never_launched)
        assert_null(exited->exit);
    else if (exited->exit)
        assert_int_equal(exited->exit->code, 3);
}

static void a_launcher_is_killed_while_it_starts_many(struct rig *rig, int started)
{
    static char ids[BURST][8];
    const char *recover[BURST + 1] = {NULL};
    struct rig *next;
    bool ran[BURST];
    int count = 0;

    for (int i = 0; i < BURST; i++) {
        snprintf(ids[i], sizeof(ids[i]), "t%d", i);
        recover[i] = ids[i];
        rig_launch(rig, &(struct rig_task){.id = ids[i], .shell = "echo ran; exit 3"});
    }
    for (int i = 0; i < started; i++)
        rig_wait(rig, MSG_CONTAINER_STARTED, NULL);
    rig_end_launcher(rig, SIGKILL);
    next = rig_again(rig, recover);
    for (int i = 0; i < BURST; i++)
        check_account(next, ids[i], &ran[i]);
    for (int i = 0; i < BURST; i++) {
        assert_string_equal(rig_read(next, ids[i], "stdout"), ran[i] ? "ran\n" : "");
        count += ran[i];
    }
    for (size_t i = 0; i < next->events_count; i++)
        assert_int_equal(next->events[i]->type, MSG_CONTAINER_STARTED);
    print_message("%d of %d were launched\n", count, BURST);
    assert_true(count >= started);
    rig_destroy(&next);
}

static void all_are_accounted_for_when_a_launcher_dies_starting_them(void **state)
{
    static const int moments[] = {0, 1, 7, 20, 35};

    for (size_t i = 0; i < ARRAY_SIZE(moments); i++) {
        CLEANUP(rig_destroy) struct rig *rig = rig_of(state);

        a_launcher_is_killed_while_it_starts_many(rig, moments[i]);
    }
}

/* --- what belongs to nobody --------------------------------------------------------------------- */

static void what_is_not_to_be_recovered_is_removed(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_of(state);
    pid_t wanted = start(rig, "t1", "exec sleep 1000"), child;
    pid_t other = start(rig, "t2", DAEMONIZE "echo ready; exec sleep 1000");
    struct rig *next;

    rig_wait_file(rig, "t2", "stdout");
    child = rig_pid_beside(other, (pid_t)atol(rig_read(rig, "t2", "pid")));
    rig_run(rig, &(struct rig_task){.id = "t3", .shell = "exit 3"});
    rig_leave(rig);
    next = rig_again(rig, ARGV("t1"));

    rig_wait(next, MSG_CONTAINER_STARTED, "t1");
    rig_wait_gone(other);
    rig_wait_gone(child);
    assert_int_equal(kill(wanted, 0), 0);
    assert_int_not_equal(access(rig_record_path(next, "t2"), F_OK), 0);
    assert_int_not_equal(access(rig_record_path(next, "t3"), F_OK), 0);
    assert_int_equal(next->events_count, 0);
    rig_destroy(&next);
    rig_wait_gone(wanted);
}

static void a_stopped_shim_that_nobody_wants_is_killed(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_of(state);
    pid_t pid = start(rig, "t1", "exec sleep 1000"), shim = rig_parent_of(pid);
    struct rig *next;

    rig_leave(rig);
    kill(shim, SIGSTOP);
    next = rig_again(rig, NULL);

    rig_wait_gone(pid);
    rig_wait_gone(shim);
    rig_destroy(&next);
}

static void adopted_tasks_end_when_the_agent_says_so(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_of(state);
    pid_t first = start(rig, "t1", "trap '' TERM; while :; do sleep 1000; done");
    pid_t second = start(rig, "t2", DAEMONIZE "echo ready; exec sleep 1000"), child;
    struct rig *next;

    rig_wait_file(rig, "t2", "stdout");
    child = rig_pid_beside(second, (pid_t)atol(rig_read(rig, "t2", "pid")));
    rig_leave(rig);
    next = rig_again(rig, ARGV("t1", "t2"));
    rig_destroy(&next);

    rig_wait_gone(first);
    rig_wait_gone(second);
    rig_wait_gone(child);
}

/* --- two launchers ------------------------------------------------------------------------------ */

/* Begins the configuration of another launcher while the first one still lives. */
static struct rig *rig_beside(struct rig *rig, const char *const *recover)
{
    struct rig_plan plan = rig->plan;
    struct rig *other;

    plan.dir = rig->dir;
    plan.root = rig->root;
    plan.is_unconfigured = true;
    rig->keeps_root = true;
    other = rig_new(&plan);
    other->plan.recover = recover;
    rig_configure(other);
    return other;
}

static void a_launcher_waits_for_the_end_of_the_one_before(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_of(state);
    pid_t pid = start(rig, "t1", "exec sleep 1000");
    struct rig *next = rig_beside(rig, ARGV("t1"));

    /* The first one still rules: it launches, and the other one does not answer. */
    assert_int_equal(rig_run(rig, &(struct rig_task){.id = "t2", .shell = "exit 4"})->exit->code,
                     4);
    assert_int_equal(poll(&(struct pollfd){next->channel.fd, POLLIN, 0}, 1, 0), 0);
    rig_leave(rig);

    rig_wait(next, MSG_LAUNCHER_READY, NULL);
    assert_int_equal(rig_wait(next, MSG_CONTAINER_STARTED, "t1")->container_started->pid, pid);
    rig_destroy(&next);
}

static void a_launcher_that_hangs_without_its_agent_is_killed(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_of(state);
    struct rig *next;

    start(rig, "t1", "exec sleep 1000");
    kill(rig->pid, SIGSTOP);
    channel_fini(&rig->channel);
    next = rig_again(rig, ARGV("t1"));

    assert_string_equal(next->ready.launcher_ready->error, "");
    rig_wait(next, MSG_CONTAINER_STARTED, "t1");
    rig_end_launcher(rig, 0);
    assert_true(WIFSIGNALED(rig->status));
    rig_destroy(&next);
}

/* --- notes, records ------------------------------------------------------------------------------ */

/* As a shim before it would have said it that had the same pid. */
static void note_of_another_shim_with_that_pid_does_not_count(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_of(state);
    CLEANUP(close_fd) int fd = -1;
    struct shim_note note = {.kind = SHIM_FETCHING, .container = shim_note_mark("t0"), .value = 1};
    char path[256];

    rig_launch(rig, &(struct rig_task){.id = "t1", .argv = ARGV("sleep", "1000")});
    note.shim_pid =
        rig_parent_of((pid_t)rig_wait(rig, MSG_CONTAINER_STARTED, "t1")->container_started->pid);
    snprintf(path, sizeof(path), "%s/records/.launcher", rig->dir);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(fd, &note, sizeof(note)), sizeof(note));
    note.container = shim_note_mark("t1");
    note.value = 2;
    assert_int_equal(write(fd, &note, sizeof(note)), sizeof(note));
    assert_int_equal(rig_wait(rig, MSG_CONTAINER_FETCHING, NULL)->container_fetching->bytes, 2);
    note.container = 0; /* an older shim */
    note.value = 3;
    assert_int_equal(write(fd, &note, sizeof(note)), sizeof(note));
    assert_int_equal(rig_wait(rig, MSG_CONTAINER_FETCHING, NULL)->container_fetching->bytes, 3);
}

/* Spares lie beside records, and are removed when a launcher begins; an id may look like one. */
static void a_task_called_as_a_spare_is_adopted(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_of(state);
    struct rig *next;

    start(rig, "spare.1", "exec sleep 1000");
    start(rig, "spare.1.0", "exec sleep 1000");
    rig_leave(rig);
    next = rig_again(rig, ARGV("spare.1", "spare.1.0"));
    rig_wait(next, MSG_CONTAINER_STARTED, "spare.1");
    rig_wait(next, MSG_CONTAINER_STARTED, "spare.1.0");
    rig_signal(next, "spare.1", true);
    rig_signal(next, "spare.1.0", true);
    assert_int_equal(wait_exited(next, "spare.1")->exit->signal, SIGKILL);
    assert_int_equal(wait_exited(next, "spare.1.0")->exit->signal, SIGKILL);
    rig_destroy(&next);
}

/* --- damage ------------------------------------------------------------------------------------- */

static void put(struct rig *rig, const char *id, const char *bytes, size_t size)
{
    int fd = open(rig_record_path(rig, id), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    close(fd);
}

static void cut(struct rig *rig, const char *id, off_t by)
{
    struct stat info;

    assert_int_equal(stat(rig_record_path(rig, id), &info), 0);
    assert_int_equal(truncate(rig_record_path(rig, id), info.st_size - by), 0);
}

static const char *error_of(struct rig *rig, const char *id)
{
    const struct msg_container_exited *exited = wait_exited(rig, id);

    assert_null(exited->exit);
    assert_false(exited->never_launched);
    return exited->error;
}

static void damaged_records_are_said_to_be_so(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_of(state);
    char noise[6000];
    struct rig *next;

    memset(noise, 'x', sizeof(noise));
    rig_run(rig, &(struct rig_task){.id = "torn", .shell = "exit 3"});
    rig_run(rig, &(struct rig_task){.id = "one", .shell = "exit 3"});
    rig_leave(rig);
    cut(rig, "torn", 20);
    put(rig, "noise", noise, sizeof(noise));
    put(rig, "short", "\1", 1);
    put(rig, "frame", "\4\0\0\0PRF\1\0\0\0\0", 12);
    put(rig, "empty", "", 0);
    assert_int_equal(link(rig_record_path(rig, "one"), rig_record_path(rig, "two")), 0);
    assert_int_equal(mkdir(rig_record_path(rig, "dir"), 0700), 0);
    assert_int_equal(symlink("/etc/passwd", rig_record_path(rig, "link")), 0);
    assert_int_equal(mkfifo(rig_record_path(rig, "fifo"), 0600), 0);
    next = rig_again(
        rig, ARGV("torn", "noise", "short", "frame", "empty", "two", "dir", "link", "fifo", "one"));

    assert_non_null(strstr(error_of(next, "torn"), "it ends within a message"));
    assert_non_null(strstr(error_of(next, "noise"), "it ends within a message"));
    assert_non_null(strstr(error_of(next, "frame"), "its record is damaged"));
    assert_non_null(strstr(error_of(next, "two"), "it is one of container one"));
    assert_non_null(strstr(error_of(next, "short"), "its end was not seen"));
    assert_non_null(strstr(error_of(next, "empty"), "its end was not seen"));
    assert_non_null(strstr(error_of(next, "dir"), "its record cannot be opened"));
    assert_non_null(strstr(error_of(next, "link"), "its record cannot be opened"));
    assert_non_null(strstr(error_of(next, "fifo"), "its record cannot be read"));
    assert_non_null(wait_exited(next, "one"));
    rmdir(rig_record_path(rig, "dir"));
    rig_destroy(&next);
}

static void a_folder_that_is_not_as_it_should_be_is_refused(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_of(state);
    char path[200];
    struct rig *next;
    int fd;

    rig_leave(rig);
    snprintf(path, sizeof(path), "%s/records/.launcher", rig->dir);
    assert_int_equal(unlink(path), 0);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    close(fd);
    next = rig_again(rig, NULL);

    assert_non_null(strstr(next->ready.launcher_ready->error, "is no FIFO: remove it"));
    rig_end_launcher(next, 0);
    rig_destroy(&next);
}

#define TEST(name, plan)                                                                           \
    {                                                                                              \
#name " (" #plan ")", name, NULL, NULL, (void *)&(plan)                                    \
    }

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(a_task_of_a_dead_agent_is_adopted, plain),
        TEST(a_task_of_a_dead_agent_is_adopted, posix),
        TEST(a_task_of_a_dead_agent_is_adopted, v1),
        TEST(a_task_of_a_dead_agent_is_adopted, contained),
        TEST(a_task_of_a_killed_launcher_is_adopted_and_killed_as_a_whole, plain),
        TEST(a_task_of_a_killed_launcher_is_adopted_and_killed_as_a_whole, posix),
        TEST(a_task_of_a_killed_launcher_is_adopted_and_killed_as_a_whole, v1),
        TEST(a_task_of_a_killed_launcher_is_adopted_and_killed_as_a_whole, contained),
        TEST(a_task_of_a_killed_launcher_is_adopted_and_killed_as_a_whole, contained_v1),
        TEST(usage_of_an_adopted_task_is_told, plain),
        TEST(usage_of_an_adopted_task_is_told, v1),
        TEST(an_adopted_task_that_eats_memory_says_so, plain),
        TEST(an_adopted_task_that_eats_memory_says_so, contained),
        TEST(many_are_adopted_with_few_descriptors, posix),
        TEST(an_end_that_nobody_saw_is_told, plain),
        TEST(an_end_that_nobody_saw_is_told, posix),
        TEST(an_end_that_nobody_saw_is_told, contained),
        TEST(memory_that_was_exceeded_unseen_is_told_again_and_again, plain),
        TEST(an_end_is_told_until_it_may_be_forgotten, plain),
        TEST(an_end_is_told_until_it_may_be_forgotten, posix),
        TEST(what_runs_is_not_forgotten, posix),
        TEST(a_task_whose_shim_was_killed_unseen_is_ended, plain),
        TEST(a_task_whose_shim_was_killed_unseen_is_ended, posix),
        TEST(a_task_whose_shim_was_killed_unseen_is_ended, v1),
        TEST(a_task_whose_shim_was_killed_unseen_is_ended, contained),
        TEST(a_task_whose_shim_was_killed_unseen_is_ended, contained_v1),
        TEST(an_adopted_task_whose_shim_is_killed_is_ended, plain),
        TEST(an_adopted_task_whose_shim_is_killed_is_ended, posix),
        TEST(an_adopted_task_whose_shim_is_killed_is_ended, contained),
        TEST(one_that_never_came_to_run_is_told_apart, plain),
        TEST(all_are_accounted_for_when_a_launcher_dies_starting_them, plain),
        TEST(all_are_accounted_for_when_a_launcher_dies_starting_them, posix),
        TEST(all_are_accounted_for_when_a_launcher_dies_starting_them, contained),
        TEST(what_is_not_to_be_recovered_is_removed, plain),
        TEST(what_is_not_to_be_recovered_is_removed, posix),
        TEST(what_is_not_to_be_recovered_is_removed, v1),
        TEST(what_is_not_to_be_recovered_is_removed, contained),
        TEST(what_is_not_to_be_recovered_is_removed, contained_v1),
        TEST(a_stopped_shim_that_nobody_wants_is_killed, plain),
        TEST(a_stopped_shim_that_nobody_wants_is_killed, posix),
        TEST(a_stopped_shim_that_nobody_wants_is_killed, contained),
        TEST(adopted_tasks_end_when_the_agent_says_so, plain),
        TEST(adopted_tasks_end_when_the_agent_says_so, posix),
        TEST(adopted_tasks_end_when_the_agent_says_so, contained),
        TEST(a_launcher_waits_for_the_end_of_the_one_before, plain),
        TEST(a_launcher_that_hangs_without_its_agent_is_killed, plain),
        TEST(note_of_another_shim_with_that_pid_does_not_count, posix),
        TEST(note_of_another_shim_with_that_pid_does_not_count, contained),
        TEST(a_task_called_as_a_spare_is_adopted, posix),
        TEST(damaged_records_are_said_to_be_so, plain),
        TEST(damaged_records_are_said_to_be_so, posix),
        TEST(a_folder_that_is_not_as_it_should_be_is_refused, posix),
    };

    if (argc > 1 && strcmp(argv[1], "eat") == 0)
        _exit(eat_memory());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
