#include "agent/launcher/desks.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/launcher/files.h"
#include "agent/launcher/state.h"
#include "agent/launcher/volume_folders.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/desk.h"

#define CLERKS_MAX       16
#define CLERK_MOST_S     20 /* a disk that hangs; who asked has given up long before */
#define BACKSTOP_US      ((int64_t)(CLERK_MOST_S + 2) * US_PER_S)
#define NICEST           19
#define CLERK_DESK_FD    3 /* in the helper */
#define CLERK_INOTIFY_FD 4

/* A question that is being answered. */
struct clerk {
    struct helper helper;
    struct deadline backstop;
    int desk_fd;    /* borrowed */
    int inotify_fd; /* borrowed; -1: none */
    uint64_t number;
    struct clerk *prev, *next;
    bool is_removal;
    /* For the helper, which has a copy of all this. */
    const struct message *question;
    const struct msg_launcher_configure *policy;
};

/* --- the helper --------------------------------------------------------------------------------- */

/* It is another user's in a moment: it keeps nothing that it does not need. */
static void keep_desk(int desk_fd, int inotify_fd)
{
    int far = inotify_fd < 0 ? -1 : fcntl(inotify_fd, F_DUPFD_CLOEXEC, CLERK_INOTIFY_FD + 1);

    if (desk_fd != CLERK_DESK_FD)
        dup3(desk_fd, CLERK_DESK_FD, O_CLOEXEC);
    if (far >= 0)
        dup3(far, CLERK_INOTIFY_FD, O_CLOEXEC);
    syscall(SYS_close_range, far < 0 ? CLERK_INOTIFY_FD : CLERK_INOTIFY_FD + 1, ~0U, 0);
}

static void die_in_time(void)
{
    sigset_t none;

    sigemptyset(&none);
    alarm(CLERK_MOST_S);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The number of its watch, or 0: then who asked has to look again. */
static int open_file(const struct clerk *self, const struct msg_open_file *wanted, int *ret_fd,
                     struct err *err)
{
    CLEANUP(free_p)
    char *path = mem_printf("%.*s", (int)wanted->path.size, (const char *)wanted->path.data);
    int rc;

    if (strlen(path) != wanted->path.size)
        return err_set(err, -EINVAL, "a path with a zero in it");
    rc = files_open(self->policy->sandboxes_dir, path, wanted->folder, ret_fd, err);
    if (rc < 0 || !wanted->watched || wanted->folder)
        return rc;
    rc = files_watch(CLERK_INOTIFY_FD, *ret_fd, NULL);
    return rc < 0 ? 0 : rc;
}

static int work(const struct clerk *self, int *ret_fd, struct err *err)
{
    const struct msg_launcher_configure *policy = self->policy;
    const struct message *question = self->question;

    switch (question->type) {
    case MSG_OPEN_FILE:
        return open_file(self, question->open_file, ret_fd, err);
    case MSG_MAKE_VOLUME:
        return volume_folder_make(policy->volumes_dir, question->make_volume->role,
                                  question->make_volume->id, err);
    default:
        return volume_folder_remove(policy->volumes_dir, policy->trash_dir,
                                    question->remove_volume->role, question->remove_volume->id,
                                    err);
    }
}

/* `rc` above 0: it is watched. */
static size_t count_fds(int rc, int found)
{
    if (rc < 0 || found < 0)
        return 0;
    return rc > 0 ? 2 : 1;
}

static int run(void *arg, int fd)
{
    const struct clerk *self = arg;
    CLEANUP(close_fd) int found = -1;
    struct err err;
    int rc;

    (void)fd;
    keep_desk(self->desk_fd, self->inotify_fd);
    die_in_time();
    rc = work(self, &found, &err);
    return desk_answer(CLERK_DESK_FD, self->number, rc < 0 ? rc : 0, &err, rc > 0 ? rc : 0,
                       (int[]){found, CLERK_INOTIFY_FD}, count_fds(rc, found)) < 0;
}

static int run_trash(void *arg, int fd)
{
    const struct msg_launcher_configure *policy = arg;

    (void)fd;
    setpriority(PRIO_PROCESS, 0, NICEST);
    volume_trash_empty(policy->trash_dir);
    return 0;
}

/* --- the trash ---------------------------------------------------------------------------------- */

static void on_nothing(struct launcher *launcher, struct helper *helper)
{
    (void)launcher;
    (void)helper;
}

static void on_trash_ended(struct launcher *launcher, struct helper *helper, int status)
{
    (void)helper;
    (void)status;
    if (launcher->desks.has_trash)
        desks_empty_trash(launcher);
}

void desks_empty_trash(struct launcher *launcher)
{
    struct desks *self = &launcher->desks;
    struct err err;

    self->has_trash = true;
    if (self->trash.pid || !*launcher->policy->trash_dir)
        return;
    self->has_trash = false;
    self->trash.on_readable = on_nothing;
    self->trash.on_ended = on_trash_ended;
    if (helper_start(launcher, &self->trash, false, run_trash, (void *)(uintptr_t)launcher->policy,
                     &err) < 0)
        log_warning("what was volumes stays for now: %s", err.text);
}

/* --- answers ------------------------------------------------------------------------------------ */

static void refuse(int desk_fd, uint64_t number, int rc, const struct err *err)
{
    desk_answer(desk_fd, number, rc, err, 0, NULL, 0);
}

/* A clerk keeps the time by itself; one that was stopped cannot, which a task of the same user may do to it. */
static void on_backstop(void *owner, struct deadline *deadline)
{
    const struct clerk *clerk = CONTAINER_OF(deadline, struct clerk, backstop);

    (void)owner;
    helper_kill(&clerk->helper);
}

static void drop(struct launcher *launcher, struct clerk *clerk)
{
    struct desks *self = &launcher->desks;

    deadline_cancel(&launcher->deadlines, &clerk->backstop);
    DL_DELETE(self->clerks, clerk);
    self->clerks_count--;
    free(clerk);
}

static bool is_open(const struct desks *self, int fd)
{
    for (size_t i = 0; i < DESKS_MAX; i++)
        if (self->fds[i] >= 0 && self->fds[i] == fd)
            return true;
    return false;
}

static void on_ended(struct launcher *launcher, struct helper *helper, int status)
{
    struct clerk *clerk = CONTAINER_OF(helper, struct clerk, helper);
    struct err err;

    if (status && is_open(&launcher->desks, clerk->desk_fd)) {
        err_set(&err, -EIO, "the process that was to do it has ended with wait status %d", status);
        refuse(clerk->desk_fd, clerk->number, -EIO, &err);
    }
    if (clerk->is_removal)
        desks_empty_trash(launcher);
    drop(launcher, clerk);
}

/* Made by us and not by who asks: files are put into it with the rights of others. But it counts to him, who reads it and can
 * have it filled. */
static int need_watches(struct launcher *launcher, size_t number, const struct message *question,
                        struct err *err)
{
    int *inotify_fd = &launcher->desks.inotify_fds[number];

    if (question->type != MSG_OPEN_FILE || !question->open_file->watched || *inotify_fd >= 0)
        return 0;
    *inotify_fd = files_watches_new((uid_t)launcher->policy->agent_uid, err);
    return *inotify_fd < 0 ? *inotify_fd : 0;
}

static int check(const struct launcher *launcher, const struct message *question, struct err *err)
{
    const struct msg_launcher_configure *policy = launcher->policy;

    if (!policy)
        return err_set(err, -EINVAL, "the launcher is not configured");
    if (question->type == MSG_OPEN_FILE)
        return *policy->sandboxes_dir ? 0 : err_set(err, -EACCES, "there are no sandboxes");
    if (question->type != MSG_MAKE_VOLUME && question->type != MSG_REMOVE_VOLUME)
        return err_set(err, -EINVAL, "%s is no question for a launcher",
                       message_name(question->type));
    return *policy->volumes_dir && *policy->trash_dir
               ? 0
               : err_set(err, -EACCES, "there are no volumes here");
}

static void start_clerk(struct launcher *launcher, size_t number, const struct desk_packet *packet)
{
    struct desks *self = &launcher->desks;
    const int desk_fd = self->fds[number];
    struct clerk *clerk = mem_new(struct clerk);
    struct err err;
    int rc = check(launcher, &packet->message, &err);

    if (rc == 0)
        rc = need_watches(launcher, number, &packet->message, &err);
    *clerk = (struct clerk){
        .helper = {.fd = -1, .on_readable = on_nothing, .on_ended = on_ended},
        .backstop = {.due = on_backstop},
        .desk_fd = desk_fd,
        .inotify_fd = self->inotify_fds[number],
        .number = packet->number,
        .is_removal = packet->message.type == MSG_REMOVE_VOLUME,
        .question = &packet->message,
        .policy = launcher->policy,
    };
    DL_APPEND(self->clerks, clerk);
    self->clerks_count++;
    if (rc == 0)
        rc = helper_start(launcher, &clerk->helper, true, run, clerk, &err);
    if (rc == 0) {
        deadline_set(&launcher->deadlines, &clerk->backstop, clock_now().mono_us + BACKSTOP_US);
        return;
    }
    refuse(desk_fd, packet->number, rc, &err);
    drop(launcher, clerk);
}

void desks_read(struct launcher *launcher, size_t number)
{
    int *desk_fd = &launcher->desks.fds[number];
    CLEANUP(desk_packet_fini) struct desk_packet packet = {0};
    struct err err;
    int rc;

    arena_reset(launcher->arena);
    rc = desk_receive(*desk_fd, launcher->arena, &packet, &err);
    if (rc == -EBADMSG)
        refuse(*desk_fd, packet.number, rc, &err);
    else if (rc <= 0 && rc != -EAGAIN)
        close_fd(desk_fd); /* the channel tells the rest */
    else if (rc > 0)
        start_clerk(launcher, number, &packet);
}

/* --- life --------------------------------------------------------------------------------------- */

void desks_init(struct desks *self, const int fds[DESKS_MAX])
{
    *self = (struct desks){.trash = {.fd = -1}};
    for (size_t i = 0; i < DESKS_MAX; i++)
        self->fds[i] = fds[i];
    for (size_t i = 0; i < DESKS_MAX; i++)
        self->inotify_fds[i] = -1;
}

void desks_fini(struct launcher *launcher)
{
    struct desks *self = &launcher->desks;

    while (self->clerks)
        drop(launcher, self->clerks);
    for (size_t i = 0; i < DESKS_MAX; i++)
        close_fd(&self->fds[i]);
    for (size_t i = 0; i < DESKS_MAX; i++)
        close_fd(&self->inotify_fds[i]);
}

void desks_leave(const struct desks *self)
{
    for (size_t i = 0; i < DESKS_MAX; i++)
        if (self->fds[i] >= 0)
            close(self->fds[i]);
    for (size_t i = 0; i < DESKS_MAX; i++)
        if (self->inotify_fds[i] >= 0)
            close(self->inotify_fds[i]);
}

int desks_fd(const struct desks *self, size_t number)
{
    return self->clerks_count < CLERKS_MAX ? self->fds[number] : -1;
}
