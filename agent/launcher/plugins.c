#include "agent/launcher/plugins.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

#define LOADING_SECONDS 10

static const struct isolator_plugin *loaded[PLUGINS_MAX];
static size_t loaded_count;

const struct isolator_ops *plugins_find(const char *name)
{
    for (size_t i = 0; i < loaded_count; i++)
        for (const struct isolator_ops *const *one = loaded[i]->isolators; *one; one++)
            if (strcmp((*one)->name, name) == 0)
                return *one;
    return NULL;
}

/* --- may it be trusted? --------------------------------------------------------------------------- */

/* Others may not write; a sticky folder is no better, as it is ours only as long as the name is. */
static int check_owner(const char *path, const struct stat *info, struct err *err)
{
    if (info->st_uid != 0 && info->st_uid != geteuid())
        return err_set(err, -EPERM, "%.150s belongs to user %u: want root", path, info->st_uid);
    if (info->st_mode & (S_IWGRP | S_IWOTH))
        return err_set(err, -EPERM, "others than its owner may write to %.150s", path);
    return 0;
}

static int check_folders(char *path, struct err *err)
{
    struct stat info;
    char *slash;

    while ((slash = strrchr(path, '/'))) {
        const char *folder = slash == path ? "/" : path;
        int rc;

        *slash = '\0';
        if (lstat(folder, &info) < 0)
            return err_errno(err, -errno, "%.150s", folder);
        rc = check_owner(folder, &info, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* The file as it is now: what is loaded is this descriptor, whatever becomes of the name. */
static int open_trusted(const char *path, int *ret_fd, struct err *err)
{
    CLEANUP(free_p) char *real = realpath(path, NULL);
    CLEANUP(close_fd) int fd = -1;
    struct stat info;
    int rc;

    if (!real || (fd = open(real, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) < 0 ||
        fstat(fd, &info) < 0)
        return err_errno(err, -errno, "%.150s", path);
    if (!S_ISREG(info.st_mode))
        return err_set(err, -ENOEXEC, "%.150s is no file", path);
    rc = check_owner(real, &info, err);
    if (rc == 0)
        rc = check_folders(real, err);
    if (rc < 0)
        return err_wrap(err, rc, "the module %.100s is not loaded", path);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* --- is it one of ours? ---------------------------------------------------------------------------- */

static int check_names(const struct isolator_plugin *plugin, const char *path, struct err *err)
{
    for (const struct isolator_ops *const *one = plugin->isolators; *one; one++) {
        if (!(*one)->name || !(*one)->prepare)
            return err_set(err, -ENOEXEC, "%.150s: an isolator in it has no name, or no prepare",
                           path);
        if (isolator_find((*one)->name) || plugins_find((*one)->name))
            return err_set(err, -EEXIST, "%.150s: there is an isolator '%.64s' already", path,
                           (*one)->name);
    }
    return 0;
}

static int check_plugin(const struct isolator_plugin *plugin, const char *path, struct err *err)
{
    if (!plugin)
        return err_set(err, -ENOEXEC, "%.150s is no plug-in: it has no " ISOLATOR_PLUGIN_SYMBOL,
                       path);
    if (plugin->api_version != ISOLATOR_API_VERSION)
        return err_set(
            err, -ENOEXEC,
            "%.100s is for version %u of the isolator interface, this is %u: build it anew", path,
            plugin->api_version, ISOLATOR_API_VERSION);
    if (plugin->sizes != ISOLATOR_SIZES)
        return err_set(err, -ENOEXEC,
                       "%.100s was built with other headers than this: build it anew", path);
    return check_names(plugin, path, err);
}

static int open_plugin(int fd, const char *path, const struct isolator_plugin **ret_plugin,
                       struct err *err)
{
    char name[32];
    void *handle;
    int rc;

    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return err_set(err, -ENOEXEC, "%.100s: %.150s", path, dlerror());
    *ret_plugin = dlsym(handle, ISOLATOR_PLUGIN_SYMBOL);
    rc = check_plugin(*ret_plugin, path, err);
    if (rc < 0)
        dlclose(handle);
    return rc;
}

/* --- the trial ------------------------------------------------------------------------------------- */

/* Constructors run as soon as it is in memory, before anything of it can be checked. */
__attribute__((noreturn)) static void try_and_tell(int fd, const char *path, int told_fd)
{
    const struct isolator_plugin *plugin;
    const struct rlimit no_core = {0, 0};
    struct err err = {""};
    sigset_t none;

    setrlimit(RLIMIT_CORE, &no_core);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    alarm(LOADING_SECONDS);
    open_plugin(fd, path, &plugin, &err);
    _exit(write(told_fd, &err, sizeof(err)) == (ssize_t)sizeof(err) ? 0 : 1);
}

static int judge(const char *path, int status, const struct err *told, struct err *err)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        return err_set(err, -ETIMEDOUT, "%.150s takes longer than %d seconds to load", path,
                       LOADING_SECONDS);
    if (WIFSIGNALED(status))
        return err_set(err, -ENOEXEC,
                       "%.100s ended the process that loaded it by signal %d (%s): a constructor "
                       "of it, or of what it is linked with",
                       path, WTERMSIG(status), strsignal(WTERMSIG(status)));
    if (WEXITSTATUS(status) != 0)
        return err_set(err, -ENOEXEC, "%.150s ended the process that loaded it", path);
    return *told->text ? err_set(err, -ENOEXEC, "%s", told->text) : 0;
}

/* In a process that ends with it, so that the launcher lives to tell. */
static int try_loading(int fd, const char *path, struct err *err)
{
    CLEANUP(close_fd) int told_fd = -1;
    struct err told = {""};
    int status = 0, ends[2];
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_errno(err, -errno, "pipe");
    told_fd = ends[0];
    pid = fork();
    if (pid == 0)
        try_and_tell(fd, path, ends[1]);
    close(ends[1]);
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return err_errno(err, -errno, "cannot try to load %.150s", path);
    if (read(told_fd, &told, sizeof(told)) != (ssize_t)sizeof(told) && WIFEXITED(status))
        status = 1 << 8; /* whatever it called its end */
    return judge(path, status, &told, err);
}

int plugins_load(const char *path, struct err *err)
{
    CLEANUP(close_fd) int fd = -1;
    const struct isolator_plugin *plugin;
    int rc;

    if (loaded_count == PLUGINS_MAX)
        return err_set(err, -E2BIG, "more than %d modules", PLUGINS_MAX);
    rc = open_trusted(path, &fd, err);
    if (rc == 0)
        rc = try_loading(fd, path, err);
    if (rc == 0)
        rc = open_plugin(fd, path, &plugin, err);
    if (rc < 0)
        return rc;
    loaded[loaded_count++] = plugin;
    log_info("loaded %s: %s", path, plugin->name ? plugin->name : "");
    return 0;
}
