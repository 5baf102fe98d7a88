/* Whom tasks may be, as the command line says it: checked against the users that this host has. */
#include <errno.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/task_users.h"

#define NONE "no-such-user"

static const struct agent_user agent = {.is_split = true, .uid = 61000, .gid = 61000};

static struct agent_flags switching(const char *default_user, const char *task_users)
{
    return (struct agent_flags){
        .switch_user = true, .default_user = default_user, .task_users = task_users};
}

static void assert_taken(struct agent_flags flags)
{
    struct err err;

    if (task_users_check(&flags, &agent, &err) < 0)
        fail_msg("%s", err.text);
}

static void assert_refused(struct agent_flags flags, const struct agent_user *user, const char *why)
{
    struct err err = {""};

    assert_int_equal(task_users_check(&flags, user, &err), -EINVAL);
    if (!strstr(err.text, why))
        fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static void who_is_there_is_taken(void **state)
{
    (void)state;
    assert_taken(switching("", ""));
    assert_taken(switching("nobody", ""));
    assert_taken(switching("nobody", "root,nobody"));
    assert_taken(switching("", ",daemon,,nobody,"));
    assert_taken(switching("0", "root"));
}

static void who_is_not_there_is_refused(void **state)
{
    (void)state;
    assert_refused(switching(NONE, ""), &agent, "--default-user: there is no user 'no-such-user'");
    assert_refused(switching("", NONE), &agent, "--task-users: there is no user 'no-such-user'");
    assert_refused(switching("", "root,nobody," NONE), &agent, "no user 'no-such-user'");
    assert_refused(switching("", "root, nobody"), &agent, "no user ' nobody'");
}

/* A task that says a number is found by the name that it has. */
static void numbers_are_those_of_users(void **state)
{
    const struct passwd *nobody = getpwnam("nobody");
    char number[32], both[40];

    (void)state;
    snprintf(number, sizeof(number), "%u", nobody->pw_uid);
    snprintf(both, sizeof(both), "%s,root", number);
    assert_taken(switching(number, ""));
    assert_taken(switching(number, both));
    assert_refused(switching("", "61234567"), &agent, "no user '61234567'");
    assert_refused(switching("", "0"), &agent, "'0' is root: say root");
    assert_refused(switching("61234567", ""), &agent, "no user '61234567'");
    assert_refused(switching("99999999999", ""), &agent, "no user '99999999999'");
}

static void a_default_that_no_task_may_be_is_refused(void **state)
{
    const struct agent_user is_nobody = {
        .is_split = true, .uid = getpwnam("nobody")->pw_uid, .gid = getpwnam("nobody")->pw_gid};

    (void)state;
    assert_refused(switching("nobody", "daemon"), &agent, "no task may be that, see --task-users");
    assert_refused(switching("root", "daemon"), &agent, "no task may be that, see --task-users");
    assert_refused(switching("nobody", ""), &is_nobody, "that is the agent itself");
    assert_taken(switching("nobody", "nobody"));
}

static void who_cannot_switch_is_who_he_is(void **state)
{
    struct agent_flags flags = {.default_user = getpwuid(geteuid())->pw_name, .task_users = ""};
    const struct agent_user whole = {0};
    struct err err;

    (void)state;
    assert_int_equal(task_users_check(&flags, &whole, &err), 0);
    flags.task_users = flags.default_user;
    assert_int_equal(task_users_check(&flags, &whole, &err), 0);
    flags.task_users = "daemon";
    assert_refused(flags, &whole, "--task-users: here tasks run as who has started the agent");
    flags = (struct agent_flags){.default_user = "daemon", .task_users = ""};
    assert_refused(flags, &whole, "--default-user daemon: here tasks run as who has started");
    flags.default_user = NONE;
    assert_refused(flags, &whole, "there is no user 'no-such-user'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_there_is_taken),
        cmocka_unit_test(who_is_not_there_is_refused),
        cmocka_unit_test(numbers_are_those_of_users),
        cmocka_unit_test(a_default_that_no_task_may_be_is_refused),
        cmocka_unit_test(who_cannot_switch_is_who_he_is),
    };

    return cmocka_run_group_tests_name("task users", tests, NULL, NULL);
}
