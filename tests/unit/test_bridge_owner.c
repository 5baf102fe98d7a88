/* Whose a bridge is, when launchers of several agents come and go at the same time. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "isolators/bridge_owner.h"
#include "isolators/kept.h"

#define BRIDGE     "proffer0"
#define TIMEOUT_US ((int64_t)120 * US_PER_S)

static char folder[] = "/tmp/proffer-bridge-XXXXXX";
static char path[128];

/* --- launchers ----------------------------------------------------------------------------------- */

/* Records of that agent, made when they are first opened. */
static void be_of(const char *agent)
{
    char name[PATH_MAX];

    snprintf(name, sizeof(name), "%s/%s", folder, agent);
    mkdir(name, 0700);
    kept_open(open(name, O_PATH | O_DIRECTORY | O_CLOEXEC));
}

struct launcher {
    pid_t pid;
    int fd;
};

enum order { OWN, LEAVE };

static struct launcher begin(const char *agent)
{
    struct launcher self;
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    self = (struct launcher){fork(), ends[0]};
    if (self.pid == 0) {
        enum order order;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ends[0]);
        be_of(agent);
        while (read(ends[1], &order, sizeof(order)) == (ssize_t)sizeof(order)) {
            struct err err;
            int rc = order == OWN ? bridge_own(BRIDGE, &err) : 0;

            if (order == LEAVE)
                bridge_leave();
            if (write(ends[1], &rc, sizeof(rc)) < 0)
                break;
        }
        _exit(0);
    }
    close(ends[1]);
    return self;
}

static void order(const struct launcher *self, enum order order)
{
    assert_int_equal(write(self->fd, &order, sizeof(order)), sizeof(order));
}

static int answer(const struct launcher *self)
{
    int rc = 1;

    assert_int_equal(read(self->fd, &rc, sizeof(rc)), sizeof(rc));
    return rc;
}

static int ask(const struct launcher *self, enum order what)
{
    order(self, what);
    return answer(self);
}

static void end(struct launcher *self, int signal)
{
    if (signal)
        kill(self->pid, signal);
    shutdown(self->fd, SHUT_RDWR); /* those that began later have it, too */
    close_fd(&self->fd);
    waitpid(self->pid, NULL, 0);
}

static bool is_there(void)
{
    return access(path, F_OK) == 0;
}

/* Has it opened the file? */
static bool has_opened(const struct launcher *self)
{
    char name[64], target[PATH_MAX];
    DIR *fds;
    const struct dirent *entry;
    bool found = false;

    snprintf(name, sizeof(name), "/proc/%d/fd", self->pid);
    fds = opendir(name);
    assert_non_null(fds);
    while (!found && (entry = readdir(fds))) {
        ssize_t size = readlinkat(dirfd(fds), entry->d_name, target, sizeof(target) - 1);

        target[size > 0 ? size : 0] = '\0';
        found = strcmp(target, path) == 0;
    }
    closedir(fds);
    return found;
}

static void wait_until_opened(const struct launcher *self)
{
    const int64_t until_us = clock_now().mono_us + TIMEOUT_US;

    while (!has_opened(self)) {
        assert_true(clock_now().mono_us < until_us);
        sched_yield();
    }
}

/* --- tests --------------------------------------------------------------------------------------- */

static void who_leaves_removes_what_says_so(void **state)
{
    struct launcher one, other;

    (void)state;
    if (geteuid() != 0)
        skip();
    one = begin("a");
    other = begin("b");
    assert_int_equal(ask(&one, OWN), 0);
    assert_true(is_there());
    assert_int_equal(ask(&other, OWN), -EBUSY);
    assert_int_equal(ask(&other, LEAVE), 0);
    assert_true(is_there()); /* it is not his */
    assert_int_equal(ask(&one, LEAVE), 0);
    assert_false(is_there());
    assert_int_equal(ask(&other, OWN), 0);
    assert_int_equal(ask(&one, LEAVE), 0);
    assert_true(is_there());
    assert_int_equal(ask(&other, LEAVE), 0);
    assert_false(is_there());
    end(&one, 0);
    end(&other, 0);
}

static void what_a_killed_one_leaves_is_taken_by_the_next(void **state)
{
    struct launcher one, other;

    (void)state;
    if (geteuid() != 0)
        skip();
    one = begin("a");
    assert_int_equal(ask(&one, OWN), 0);
    end(&one, SIGKILL);
    assert_true(is_there());
    other = begin("b");
    assert_int_equal(ask(&other, OWN), 0);
    assert_int_equal(ask(&other, LEAVE), 0);
    assert_false(is_there());
    end(&other, 0);
}

/* The next launcher has the file open and waits; the earlier one leaves, and has not ended, when another agent comes. */
static void a_lock_on_what_was_removed_is_nobodys(void **state)
{
    struct launcher earlier, next, other;

    (void)state;
    if (geteuid() != 0)
        skip();
    earlier = begin("a");
    next = begin("a");
    other = begin("b");
    assert_int_equal(ask(&earlier, OWN), 0);
    order(&next, OWN);
    wait_until_opened(&next);
    assert_int_equal(ask(&earlier, LEAVE), 0);
    assert_int_equal(ask(&other, OWN), 0);
    end(&earlier, 0);
    assert_int_equal(answer(&next), -EBUSY);
    assert_int_equal(ask(&other, LEAVE), 0);
    assert_int_equal(ask(&next, OWN), 0);
    assert_int_equal(ask(&next, LEAVE), 0);
    end(&next, 0);
    end(&other, 0);
}

#define AGENTS 4
#define ROUNDS 300

/* 0: it had it ROUNDS times, and nobody else at the same time. */
static int come_and_go(const char *agent, atomic_int *owners)
{
    const int64_t until_us = clock_now().mono_us + TIMEOUT_US;
    struct err err;

    be_of(agent);
    for (int i = 0; i < ROUNDS;) {
        if (clock_now().mono_us > until_us)
            return 2;
        if (bridge_own(BRIDGE, &err) < 0) {
            sched_yield();
            continue;
        }
        if (atomic_fetch_add(owners, 1) != 0)
            return 1;
        sched_yield();
        atomic_fetch_sub(owners, 1);
        bridge_leave();
        i++;
    }
    return 0;
}

static void however_many_come_and_go_one_has_it(void **state)
{
    atomic_int *owners =
        mmap(NULL, sizeof(*owners), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pids[AGENTS];

    (void)state;
    if (geteuid() != 0)
        skip();
    for (int i = 0; i < AGENTS; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            _exit(come_and_go((char[]){(char)('a' + i), '\0'}, owners));
    }
    for (int i = 0; i < AGENTS; i++) {
        int status;

        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    assert_false(is_there());
    munmap(owners, sizeof(*owners));
}

/* --- the site ------------------------------------------------------------------------------------ */

/* A network namespace of our own gives the file a name of our own. */
static int go_apart(void **state)
{
    struct stat network;

    (void)state;
    if (!mkdtemp(folder))
        return -1;
    if (geteuid() != 0)
        return 0;
    if (unshare(CLONE_NEWNET) < 0 || stat("/proc/self/ns/net", &network) < 0)
        return -1;
    snprintf(path, sizeof(path), "/run/proffer-bridge-%ju-" BRIDGE, (uintmax_t)network.st_ino);
    return 0;
}

static int clean_up(void **state)
{
    char command[128];

    (void)state;
    unlink(path);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_leaves_removes_what_says_so),
        cmocka_unit_test(what_a_killed_one_leaves_is_taken_by_the_next),
        cmocka_unit_test(a_lock_on_what_was_removed_is_nobodys),
        cmocka_unit_test(however_many_come_and_go_one_has_it),
    };

    return cmocka_run_group_tests(tests, go_apart, clean_up);
}
