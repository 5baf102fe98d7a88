/* What is left to the process that reads the network, tried from within. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/confine.h"

#define SOMEBODY 61000

static int failed;

static void expect(const char *what, long rc, int want_errno)
{
    if (rc < 0 && errno == want_errno)
        return;
    if (rc == 0 && syscall(SYS_getpid) != getpid())
        _exit(0); /* a child that should not be */
    fprintf(stderr, "%s: %ld, %s\n", what, rc, rc < 0 ? "another error" : "it could");
    failed = 1;
}

static void *nothing(void *arg)
{
    return arg;
}

static void have_a_thread(void)
{
    pthread_t thread;
    int rc = pthread_create(&thread, NULL, nothing, NULL);

    if (rc == 0)
        rc = pthread_join(thread, NULL);
    if (rc != 0)
        failed = 1;
}

static void be_confined(pid_t parent)
{
    const struct agent_user user = {.uid = SOMEBODY, .gid = SOMEBODY};
    const struct linger linger = {1, 1000};
    const int yes = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct err err;

    if (confine(&user, parent, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        _exit(2);
    }
#ifdef SYS_fork
    expect("fork", syscall(SYS_fork), EPERM);
#endif
    expect("clone", syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0), EPERM);
    expect("a user namespace", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0), EPERM);
    expect("a namespace of a thread",
           syscall(SYS_clone, CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_NEWNET, 0, 0, 0, 0),
           EPERM);
    expect("clone3", syscall(SYS_clone3, NULL, 0), ENOSYS);
    expect("unshare", unshare(CLONE_NEWUSER), EPERM);
    expect("setns", setns(0, 0), EPERM);
    expect("linger", setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), EPERM);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0)
        failed = 1;
    have_a_thread();
    _exit(failed);
}

static void it_has_threads_and_no_children(void **state)
{
    pid_t parent = getpid(), child;
    int status;

    (void)state;
#ifdef __SANITIZE_ADDRESS__
    skip();
#endif
    if (geteuid() != 0)
        skip();
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        be_confined(parent);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_has_threads_and_no_children),
    };

    return cmocka_run_group_tests_name("confine", tests, NULL, NULL);
}
