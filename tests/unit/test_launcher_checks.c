/* CHECK_CONTAINER in a real launcher: commands in real containers, real connections. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/unit/launcher_rig.h"

static const struct rig_plan plain;

/* One that lives, and whose check is asked about. */
static struct rig *rig_with(const char *shell)
{
    struct rig *rig = rig_new(&plain);

    rig_launch(rig, &(struct rig_task){.id = "t1", .shell = shell});
    rig_wait(rig, MSG_CONTAINER_STARTED, "t1");
    return rig;
}

static void ask(struct rig *rig, const struct check_info *info)
{
    rig_send(rig, &MESSAGE(CHECK_CONTAINER, check_container, .container_id = "t1", .number = 7,
                           .check = info));
}

static const struct check_status *answer(struct rig *rig)
{
    const struct msg_container_checked *checked =
        rig_wait(rig, MSG_CONTAINER_CHECKED, NULL)->container_checked;

    assert_string_equal(checked->container_id, "t1");
    assert_int_equal(checked->number, 7);
    return checked->result;
}

static const struct check_status *run(struct rig *rig, const char *shell, int64_t timeout_ms)
{
    const struct command_info command = {.value = shell};

    ask(rig, &(struct check_info){.command = &command, .timeout_ms = timeout_ms});
    return answer(rig);
}

static void end(struct rig *rig)
{
    rig_signal(rig, "t1", true);
    rig_wait(rig, MSG_CONTAINER_EXITED, "t1");
}

static void command_passes_by_its_exit_code_and_says_what_it_printed(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_with("exec sleep 1000");
    const struct check_status *result;

    (void)state;
    result = run(rig, "echo fine", 0);
    assert_true(result->passed);
    assert_int_equal(result->kind, CHECK_COMMAND);
    assert_string_equal(result->message, "fine");
    result = run(rig, "echo 'so\tbad' >&2; exit 3", 0);
    assert_false(result->passed);
    assert_int_equal(result->exit_code, 3);
    assert_string_equal(result->message, "so bad");
    result = run(rig, "kill -USR1 $$", 0);
    assert_int_equal(result->signal, SIGUSR1);
    assert_false(result->passed);
    end(rig);
}

static void command_that_cannot_be_executed_says_why(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_with("exec sleep 1000");
    const char *const argv[] = {"/no/such/program"};
    const struct command_info command = {.argv = argv, .argv_count = 1};
    const struct check_status *result;

    (void)state;
    ask(rig, &(struct check_info){.command = &command});
    result = answer(rig);
    assert_false(result->passed);
    assert_non_null(strstr(result->message, "exec /no/such/program: No such file"));
    end(rig);
}

static void command_runs_in_the_sandbox_and_the_groups_of_the_container(void **state)
{
    CLEANUP(rig_destroy)
    struct rig *rig = rig_with("cat /proc/self/cgroup >groups; exec sleep 1000");

    (void)state;
    rig_skip_unless_cgroups(rig);
    rig_wait_file(rig, "t1", "groups");
    assert_true(run(rig, "test -s stdout -o -e stdout", 0)->passed);
    assert_true(
        run(rig, "grep pids: groups >a; grep pids: /proc/self/cgroup | cmp - a", 0)->passed);
    end(rig);
}

static void output_without_end_is_cut(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_with("exec sleep 1000");
    const struct check_status *result = run(rig, "head -c 300000 /dev/zero | tr '\\0' x", 0);

    (void)state;
    assert_true(result->passed);
    assert_int_equal(strlen(result->message), 511);
    end(rig);
}

static void check_that_takes_too_long_is_ended_with_all_that_came_of_it(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_with("exec sleep 1000");
    const char *shell = "setsid sh -c 'echo $$ >child; exec sleep 1000' & echo waiting; sleep 1000";
    const struct check_status *result = run(rig, shell, 700);

    (void)state;
    assert_false(result->passed);
    assert_true(result->timed_out);
    assert_string_equal(result->message, "waiting");
    rig_wait_gone(atoi(rig_wait_file(rig, "t1", "child")));
    /* The task goes on. */
    assert_true(run(rig, "true", 0)->passed);
    end(rig);
}

static void what_a_check_leaves_behind_is_ended(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_with("exec sleep 1000");

    (void)state;
    assert_true(run(rig,
                    "setsid sh -c 'echo $$ >child; exec sleep 1000' >/dev/null 2>&1 & "
                    "until [ -s child ]; do :; done",
                    20000)
                    ->passed);
    rig_wait_gone(atoi(rig_read(rig, "t1", "child")));
    end(rig);
}

static void end_of_the_container_ends_its_check(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_with("exec sleep 1000");
    const struct command_info command = {.value = "echo $$ >check; sleep 1000"};
    pid_t pid;

    (void)state;
    rig_skip_unless_cgroups(rig);
    ask(rig, &(struct check_info){.command = &command, .timeout_ms = 60000});
    pid = atoi(rig_wait_file(rig, "t1", "check"));
    end(rig);
    rig_wait_gone(pid);
}

static void next_launcher_checks_what_it_has_adopted(void **state)
{
    CLEANUP(rig_destroy) struct rig *first = rig_with("exec sleep 1000");
    CLEANUP(rig_destroy) struct rig *second = NULL;
    const struct command_info command = {.value = "echo $$ >check; sleep 1000"};
    pid_t pid;

    (void)state;
    ask(first, &(struct check_info){.command = &command, .timeout_ms = 60000});
    pid = atoi(rig_wait_file(first, "t1", "check"));
    rig_leave(first);
    rig_wait_gone(pid); /* a check ends with its launcher */
    second = rig_again(first, ARGV("t1"));
    rig_wait(second, MSG_CONTAINER_STARTED, "t1");
    assert_true(run(second, "true", 0)->passed);
    end(second);
}

static void command_runs_as_the_tasks_user(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = NULL;
    const struct command_info command = {.value = "test $(id -un) = nobody && echo >mine"};

    (void)state;
    rig_skip_unless_root();
    rig = rig_new(&plain);
    rig_launch(rig, &(struct rig_task){.id = "t1", .shell = "exec sleep 1000", .user = "nobody"});
    rig_wait(rig, MSG_CONTAINER_STARTED, "t1");
    rig_send(rig, &MESSAGE(CHECK_CONTAINER, check_container, .container_id = "t1", .number = 7,
                           .check = &(struct check_info){.command = &command}));
    assert_true(answer(rig)->passed);
    end(rig);
}

/* The task has unshared them; its check must be where it is. */
static void command_joins_the_namespaces_of_the_task(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = NULL;

    (void)state;
    rig_skip_unless_root();
    rig =
        rig_with("exec unshare --uts --net --mount sh -c 'hostname inside; mount -t tmpfs x /mnt; "
                 "echo >/mnt/here; echo >ready; exec sleep 1000'");
    rig_wait_file(rig, "t1", "ready");
    assert_true(run(rig, "test $(hostname) = inside && test -e /mnt/here", 0)->passed);
    assert_int_equal(access("/mnt/here", F_OK), -1);
    end(rig);
}

/* --- containment --------------------------------------------------------------------------------- */

static const char *const all_of_them[] = {
    "namespaces/mount", "namespaces/pid", "namespaces/ipc",
    "namespaces/uts",   "namespaces/net", "linux/capabilities",
    "linux/seccomp",    "linux/nnp",      NULL};

/* What the kernel says of its rights, of the task and of its check. */
#define RIGHTS                                                                                     \
    "grep -E '^(Uid|Gid|Groups|NoNewPrivs|Seccomp|Seccomp_filters|Cap...):' /proc/self/status"

static const char *rights_of_both(struct rig *rig, const char *user,
                                  const struct isolation_info *asks)
{
    const struct command_info command = {.value = RIGHTS " >check.rights && cmp task.rights "
                                                         "check.rights && echo same"};
    const struct check_status *result;

    rig_launch(rig,
               &(struct rig_task){.id = "t1",
                                  .shell = RIGHTS " >task.rights; echo >ready; exec sleep 1000",
                                  .user = user,
                                  .isolation = asks});
    rig_wait_file(rig, "t1", "ready");
    rig_send(rig, &MESSAGE(CHECK_CONTAINER, check_container, .container_id = "t1", .number = 7,
                           .check = &(struct check_info){.command = &command}));
    result = answer(rig);
    return arena_printf(rig->arena, "%s", result->message);
}

static void command_has_no_more_rights_than_the_task(void **state)
{
    rig_skip_unless_root();
    const struct rig_plan plan = {.also = all_of_them};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);

    (void)state;
    assert_int_equal(rig->ready.launcher_ready->warnings_count, 0);
    assert_string_equal(rights_of_both(rig, "", NULL), "same");
    assert_non_null(strstr(rig_read(rig, "t1", "check.rights"), "Seccomp:\t2"));
    end(rig);
}

static void command_has_the_rights_that_the_task_asked_for(void **state)
{
    static const char *const dropped[] = {"CHOWN", "KILL"};
    static const struct isolation_info asks = {.capabilities_drop = dropped,
                                               .capabilities_drop_count = 2};
    rig_skip_unless_root();
    const struct rig_plan plan = {.also = all_of_them};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);

    (void)state;
    assert_string_equal(rights_of_both(rig, "nobody", &asks), "same");
    end(rig);
}

static void command_is_whom_the_task_is_in_its_user_namespace(void **state)
{
    static const struct isolation_info asks = {.inner_root = true};
    rig_skip_unless_root();
    const struct rig_plan plan = {.also = ARGV("namespaces/user", "namespaces/mount",
                                               "namespaces/pid", "linux/capabilities")};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);

    (void)state;
    assert_string_equal(rights_of_both(rig, "nobody", &asks), "same");
    assert_non_null(strstr(rig_read(rig, "t1", "check.rights"), "Uid:\t0\t"));
    end(rig);
}

static void command_sees_the_processes_of_its_container_only(void **state)
{
    rig_skip_unless_root();
    const struct rig_plan plan = {.also = all_of_them};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);
    const struct check_status *result;

    (void)state;
    rig_launch(rig, &(struct rig_task){.id = "t1", .argv = ARGV("sleep", "1000")});
    rig_wait(rig, MSG_CONTAINER_STARTED, "t1");
    result = run(rig, "cat /proc/1/comm /proc/2/comm", 0);
    assert_string_equal(result->message, "proffer-shim sleep");
    /* Ended wholly, though its orphans are not the helper's there: the container goes on. */
    assert_true(run(rig, "sleep 1234", 300)->timed_out);
    assert_true(run(rig, "test -d /proc/2 && ! pgrep -f 'sleep [1]234'", 0)->passed);
    end(rig);
}

/* --- connections -------------------------------------------------------------------------------- */

static int listen_somewhere(int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

/* Says the same to everybody. */
static pid_t serve(const char *text, int *ret_port)
{
    int fd = listen_somewhere(ret_port);
    pid_t pid = fork();

    if (pid == 0)
        for (;;) {
            int peer = accept(fd, NULL, NULL);
            char request[4096];

            if (recv(peer, request, sizeof(request), 0) > 0)
                send(peer, text, strlen(text), MSG_NOSIGNAL);
            close(peer);
        }
    close(fd);
    return pid;
}

static void stop(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static const struct check_status *get(struct rig *rig, int port, int64_t timeout_ms)
{
    const struct http_check http = {.port = port, .path = "/x?y=1"};

    ask(rig, &(struct check_info){.http = &http, .timeout_ms = timeout_ms});
    return answer(rig);
}

static void http_passes_by_its_status(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_with("exec sleep 1000");
    static const struct {
        const char *text;
        int status;
        bool passes;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\n\r\nfine", 200, true},
        {"HTTP/1.0 302 Found\r\nLocation: /\r\n\r\n", 302, true},
        {"HTTP/1.1 404 Not Found\r\n\r\n", 404, false},
        {"HTTP/1.1 500\n", 500, false},
        {"SSH-2.0-OpenSSH_9.2\r\n", 0, false},
        {"HTTP/1.1 9", 0, false},
        {"HTTP/9.9 200 OK\r\n", 0, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int port;
        pid_t pid = serve(cases[i].text, &port);
        const struct check_status *result = get(rig, port, 0);

        stop(pid);
        assert_int_equal(result->http_status, cases[i].status);
        assert_int_equal(result->passed, cases[i].passes);
        if (!cases[i].status)
            assert_non_null(strstr(result->message, "no answer of HTTP"));
    }
    end(rig);
}

static void silent_server_is_given_up_in_time(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_with("exec sleep 1000");
    int port, fd = listen_somewhere(&port);
    const struct check_status *result = get(rig, port, 300);

    (void)state;
    close(fd);
    assert_false(result->passed);
    assert_true(result->timed_out);
    end(rig);
}

static void tcp_passes_when_somebody_listens(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_with("exec sleep 1000");
    int port, fd = listen_somewhere(&port);
    const struct tcp_check tcp = {.port = port};
    const struct check_info info = {.tcp = &tcp};
    const struct check_status *result;

    (void)state;
    ask(rig, &info);
    result = answer(rig);
    assert_true(result->passed);
    assert_int_equal(result->kind, CHECK_TCP);
    close(fd);
    ask(rig, &info);
    result = answer(rig);
    assert_false(result->passed);
    assert_non_null(strstr(result->message, "Connection refused"));
    end(rig);
}

/* Its own network: what listens on the host is not there. */
static void connection_is_made_in_the_network_of_the_task(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = NULL;
    int port, fd;
    const struct check_status *result;

    (void)state;
    rig_skip_unless_root();
    fd = listen_somewhere(&port);
    rig = rig_with("exec unshare --net sh -c 'echo >ready; exec sleep 1000'");
    rig_wait_file(rig, "t1", "ready");
    ask(rig, &(struct check_info){.tcp = &(struct tcp_check){.port = port}});
    result = answer(rig);
    close(fd);
    assert_false(result->passed);
    assert_non_null(strstr(result->message, "port"));
    end(rig);
}

static void many_checks_go_on_at_once(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct command_info command = {.value = "sleep 0.3"};
    const struct check_info info = {.command = &command, .timeout_ms = 60000};

    (void)state;
    for (int i = 0; i < 10; i++) {
        const char *id = arena_printf(rig->arena, "t%d", i);

        rig_launch(rig, &(struct rig_task){.id = id, .shell = "exec sleep 1000"});
        rig_wait(rig, MSG_CONTAINER_STARTED, id);
        for (int j = 0; j < 2; j++)
            rig_send(rig, &MESSAGE(CHECK_CONTAINER, check_container, .container_id = id,
                                   .check = &info));
    }
    for (int i = 0; i < 20; i++)
        assert_true(rig_wait(rig, MSG_CONTAINER_CHECKED, NULL)->container_checked->result->passed);
    for (int i = 0; i < 10; i++) {
        const char *id = arena_printf(rig->arena, "t%d", i);

        rig_signal(rig, id, true);
        rig_wait(rig, MSG_CONTAINER_EXITED, id);
    }
}

/* Its command has ended, and its shim has no time to say so: what comes next is its end. */
static void command_that_has_just_ended_is_not_unwell(void **state)
{
    static const struct tcp_check tcp = {.port = 1};
    static const struct command_info command = {.value = "true"};
    const struct check_info infos[] = {{.tcp = &tcp}, {.command = &command}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(infos); i++) {
        CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
        pid_t pid, shim;

        rig_launch(rig, &(struct rig_task){.id = "t1", .shell = "exec sleep 1000"});
        pid = (pid_t)rig_wait(rig, MSG_CONTAINER_STARTED, "t1")->container_started->pid;
        shim = rig_parent_of(pid);
        kill(shim, SIGSTOP);
        kill(pid, SIGKILL);
        while (*rig_status_of(rig, pid, "State") != 'Z')
            poll(NULL, 0, 5);
        ask(rig, &infos[i]);
        rig_usage(rig, "t1"); /* by then it has been begun */
        rig_wait_no_child(rig->pid, "proffer-helper");
        kill(shim, SIGCONT);
        rig_wait(rig, MSG_CONTAINER_EXITED, "t1");
        for (size_t n = 0; n < rig->events_count; n++)
            assert_int_not_equal(rig->events[n]->type, MSG_CONTAINER_CHECKED);
    }
}

static void container_that_is_not_there_has_no_answer(void **state)
{
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plain);
    const struct command_info command = {.value = "true"};

    (void)state;
    ask(rig, &(struct check_info){.command = &command});
    rig_run(rig, &(struct rig_task){.id = "t2", .shell = "true"});
    for (size_t i = 0; i < rig->events_count; i++)
        assert_int_not_equal(rig->events[i]->type, MSG_CONTAINER_CHECKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(command_passes_by_its_exit_code_and_says_what_it_printed),
        cmocka_unit_test(command_that_cannot_be_executed_says_why),
        cmocka_unit_test(command_runs_in_the_sandbox_and_the_groups_of_the_container),
        cmocka_unit_test(output_without_end_is_cut),
        cmocka_unit_test(check_that_takes_too_long_is_ended_with_all_that_came_of_it),
        cmocka_unit_test(what_a_check_leaves_behind_is_ended),
        cmocka_unit_test(end_of_the_container_ends_its_check),
        cmocka_unit_test(next_launcher_checks_what_it_has_adopted),
        cmocka_unit_test(command_runs_as_the_tasks_user),
        cmocka_unit_test(command_joins_the_namespaces_of_the_task),
        cmocka_unit_test(command_has_no_more_rights_than_the_task),
        cmocka_unit_test(command_has_the_rights_that_the_task_asked_for),
        cmocka_unit_test(command_is_whom_the_task_is_in_its_user_namespace),
        cmocka_unit_test(command_sees_the_processes_of_its_container_only),
        cmocka_unit_test(http_passes_by_its_status),
        cmocka_unit_test(silent_server_is_given_up_in_time),
        cmocka_unit_test(tcp_passes_when_somebody_listens),
        cmocka_unit_test(connection_is_made_in_the_network_of_the_task),
        cmocka_unit_test(many_checks_go_on_at_once),
        cmocka_unit_test(command_that_has_just_ended_is_not_unwell),
        cmocka_unit_test(container_that_is_not_there_has_no_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
