/* Any bytes as the file of `proffer run --group`. One mistake is said, with the file's name; what is taken either fits on a large
 * offer and becomes an ACCEPT that a master reads, or is refused with a reason. */
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/bug.h"
#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/group_file.h"
#include "framework-sdk/offers.h"
#include "framework-sdk/scheduler.h"
#include "proto/resources_info.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    char path[64];
    int complaints;
} file;

/* In place of that of the command. */
int cli_fail(int code, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    BUG_ON(strncmp(text, file.path, strlen(file.path)) != 0 || !text[strlen(file.path) + 2]);
    file.complaints++;
    return code;
}

/* --- a framework without a link ----------------------------------------------------------------- */

struct desk {
    struct proffer_scheduler scheduler;
    struct arena *arena;
    struct offer_info info;
    struct proffer_offer offer;
    size_t sent; /* tasks */
};

static int on_send(void *ctx, const struct message *message, struct err *err)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    CLEANUP(buf_fini) struct buf frame = {0};
    struct desk *desk = ctx;
    struct message read;

    (void)err;
    BUG_ON(message_encode(message, &frame, NULL) < 0);
    BUG_ON(message_decode(frame.data, frame.size, arena, &read, NULL) < 0);
    if (read.type == MSG_ACCEPT && read.accept->operations_count)
        desk->sent += read.accept->operations[0].tasks_count;
    return 0;
}

static void on_registered(void *ctx, const char *framework_id, const char *master_id, bool again)
{
    (void)ctx, (void)framework_id, (void)master_id, (void)again;
}

static void on_offers(void *ctx, const struct offer_info *const *offers, size_t count)
{
    (void)ctx, (void)offers, (void)count;
}

static void on_log(void *ctx, int level, const char *text)
{
    (void)ctx, (void)level, (void)text;
}

static void desk_init(struct desk *desk)
{
    static const char *const roles[] = {"*"};
    const struct framework_info framework = {.name = "f", .roles = roles, .roles_count = 1};
    const struct driver_settings settings = {.framework = &framework};
    const struct msg_subscribed subscribed = {.framework_id = "F1", .master_id = "M1"};
    const struct msg_offers offers = {.offers = &desk->info, .offers_count = 1};
    CLEANUP(resources_fini) struct resources resources = {0};
    const struct now now = {0};
    const struct driver_env env = {.ctx = desk,
                                   .send = on_send,
                                   .registered = on_registered,
                                   .offers = on_offers,
                                   .log = on_log};

    *desk = (struct desk){.arena = arena_new(0), .scheduler.is_dispatching = true};
    BUG_ON(driver_new(&settings, &env, &desk->scheduler.driver, NULL) < 0);
    driver_on_connected(desk->scheduler.driver, now);
    driver_on_message(desk->scheduler.driver, now,
                      &(struct message){.type = MSG_SUBSCRIBED, .subscribed = &subscribed});
    BUG_ON(resources_parse(&resources, "cpus:1000;mem:1000000;disk:1000000;gpus:8;ports:[1-65535]",
                           NULL) < 0);
    desk->info = (struct offer_info){.id = "O1", .agent_id = "A1", .hostname = "h", .role = "*"};
    desk->info.resources = resources_to_info(&resources, desk->arena, &desk->info.resources_count);
    desk->info = *(const struct offer_info *)record_copy(&offer_info_def, &desk->info, desk->arena);
    driver_on_message(desk->scheduler.driver, now,
                      &(struct message){.type = MSG_OFFERS, .offers = &offers});
    BUG_ON(sdk_offer_init(&desk->offer, &desk->info, desk->arena, NULL) < 0);
}

static void launch(const struct group_file *group)
{
    const struct proffer_offer *offers[1];
    struct proffer_err err = {""};
    struct proffer_fit *fit;
    struct desk desk;
    int rc;

    desk_init(&desk);
    offers[0] = &desk.offer;
    fit = proffer_fit_new(&desk.scheduler, offers, 1);
    rc = proffer_fit_launch_group(fit, &group->group, group->tasks, group->tasks_count, &err);
    BUG_ON((rc < 0) != (*err.text != '\0'));
    proffer_fit_finish(&fit, 1);
    BUG_ON(desk.sent != (rc < 0 ? 0 : group->tasks_count));
    sdk_offer_fini(&desk.offer);
    driver_destroy(&desk.scheduler.driver);
    arena_destroy(&desk.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(close_fd) int fd = memfd_create("group", MFD_CLOEXEC);
    CLEANUP(group_file_fini) struct group_file group = {.root = NULL};
    int code;

    BUG_ON(fd < 0 || write(fd, data, size) != (ssize_t)size);
    snprintf(file.path, sizeof(file.path), "/proc/self/fd/%d", fd);
    file.complaints = 0;
    code = group_file_read(file.path, &group);
    BUG_ON(code != 0 && code != EXIT_USAGE);
    BUG_ON(file.complaints != !!code);
    if (!code)
        launch(&group);
    return 0;
}
