/* linux/nnp: no_new_privs is always on; a task that asks for it may go without, if the operator says so (allow=yes). */
#include "isolators/builtin.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool is_allowed;

static int nnp_setup(const struct isolator_host *host, struct err *err)
{
    const char *value = isolator_option(host, "linux/nnp", "allow");

    if (value && strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
        return err_set(err, -ISOLATOR_WRONG_SETTING, "allow=%.32s: want yes or no", value);
    is_allowed = value && strcmp(value, "yes") == 0;
    return 0;
}

static int nnp_prepare(const struct isolation *want, struct spawn *spawn, void **ret_state,
                       struct err *err)
{
    (void)ret_state;
    if (!want->asks->new_privileges)
        return 0;
    if (!is_allowed)
        return err_set(err, -EPERM,
                       "it asks for new privileges; this agent does not allow that "
                       "(linux/nnp.allow=yes would)");
    spawn->may_gain_privileges = true;
    return 0;
}

static const struct isolator_option nnp_options[] = {
    {"allow", "yes: a task that asks for it can run setuid programs"},
    {NULL, NULL},
};

const struct isolator_ops isolator_linux_nnp = {
    .name = "linux/nnp",
    .options = nnp_options,
    .setup = nnp_setup,
    .prepare = nnp_prepare,
    .enter = nnp_prepare,
};
