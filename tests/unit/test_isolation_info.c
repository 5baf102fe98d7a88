/* What a task may ask of isolators, as far as its text says it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "isolators/isolator.h"
#include "proto/isolation.h"

/* `info` with empty texts where it has none. */
static struct isolation_info whole(struct isolation_info info)
{
    info.rootfs = info.rootfs ? info.rootfs : "";
    info.hostname = info.hostname ? info.hostname : "";
    info.network = info.network ? info.network : "";
    info.seccomp_profile = info.seccomp_profile ? info.seccomp_profile : "";
    return info;
}

static void accepts(struct isolation_info given)
{
    const struct isolation_info info = whole(given);
    struct err err;

    if (isolation_info_check(&info, &err) != 0)
        fail_msg("%s", err.text);
}

static void refuses(struct isolation_info given, const char *text)
{
    const struct isolation_info info = whole(given);
    struct err err;

    assert_true(isolation_info_check(&info, &err) < 0);
    if (!strstr(err.text, text))
        fail_msg("'%s' does not say '%s'", err.text, text);
}

static void mount(enum mount_source kind, const char *source, const char *path, const char *text)
{
    const struct isolation_mount one = {
        .source_kind = kind, .source = source, .container_path = path};
    const struct isolation_info info = {.mounts = &one, .mounts_count = 1};

    if (text)
        refuses(info, text);
    else
        accepts(info);
}

static void nothing_asked_is_fine(void **state)
{
    (void)state;
    assert_int_equal(isolation_info_check(NULL, NULL), 0);
    accepts((struct isolation_info){0});
    assert_int_equal(isolation_info_check(&isolation_asks_nothing, NULL), 0);
}

static void a_path_says_where_it_leads(void **state)
{
    (void)state;
    mount(MOUNT_HOST, "/srv/data", "/data", NULL);
    mount(MOUNT_HOST, "/srv/../etc", "/data", "is no absolute path of a host");
    mount(MOUNT_HOST, "srv", "/data", "is no absolute path of a host");
    mount(MOUNT_HOST, "/srv//x", "/data", "is no absolute path of a host");
    mount(MOUNT_HOST, "/srv/", "/data", "is no absolute path of a host");
    mount(MOUNT_HOST, "/", "/data", "is no absolute path of a host");
    mount(MOUNT_SANDBOX, "a/b", "/data", NULL);
    mount(MOUNT_SANDBOX, "/a", "/data", "is no path in the sandbox");
    mount(MOUNT_SANDBOX, "a/..", "/data", "is no path in the sandbox");
    mount(MOUNT_TMPFS, "", "/tmp", NULL);
    mount(MOUNT_TMPFS, "x", "/tmp", "a tmpfs has no source");
    mount((enum mount_source)9, "", "/tmp", "is not known here");
    mount(MOUNT_TMPFS, "", "tmp", "is no place");
    mount(MOUNT_TMPFS, "", "/a/./b", "is no place");
    mount(MOUNT_TMPFS, "", "/", "is no place");
}

static void places_of_isolators_are_theirs(void **state)
{
    (void)state;
    mount(MOUNT_TMPFS, "", "/proc", "nothing can be mounted at /proc");
    mount(MOUNT_TMPFS, "", "/sys/fs", "nothing can be mounted at /sys/fs");
    mount(MOUNT_TMPFS, "", "/dev/shm", "nothing can be mounted at /dev/shm");
    mount(MOUNT_TMPFS, "", ISOLATION_SANDBOX "/x", "nothing can be mounted at");
    mount(MOUNT_TMPFS, "", "/processes", NULL);
}

static void a_root_is_a_name(void **state)
{
    (void)state;
    accepts((struct isolation_info){.rootfs = "debian/12"});
    accepts((struct isolation_info){.rootfs = "./unpacked", .rootfs_read_only = true});
    refuses((struct isolation_info){.rootfs = "/"}, "is no root");
    refuses((struct isolation_info){.rootfs = "./"}, "is no root");
    refuses((struct isolation_info){.rootfs = "a/../.."}, "is no root");
    refuses((struct isolation_info){.rootfs_read_only = true}, "but no rootfs");
}

static void names_are_plain(void **state)
{
    (void)state;
    accepts((struct isolation_info){.hostname = "web-1.example"});
    refuses((struct isolation_info){.hostname = "a b"}, "cannot be a host name");
    refuses((struct isolation_info){.hostname = "-a"}, "cannot be a host name");
    accepts((struct isolation_info){.seccomp_profile = "strict"});
    refuses((struct isolation_info){.seccomp_profile = "../x"}, "is no name of a seccomp profile");
}

static void new_privileges_need_files_that_are_not_its_own(void **state)
{
    const struct isolation_mount one = {
        .source_kind = MOUNT_TMPFS, .source = "", .container_path = "/etc"};

    (void)state;
    accepts((struct isolation_info){.new_privileges = true, .rootfs = "debian"});
    refuses((struct isolation_info){.new_privileges = true, .rootfs = "./own"}, "new_privileges");
    refuses((struct isolation_info){.new_privileges = true, .mounts = &one, .mounts_count = 1},
            "new_privileges");
}

static void map(struct port_mapping one, const char *network, const char *text)
{
    const struct isolation_info info = {
        .network = network, .port_mappings = &one, .port_mappings_count = 1};

    if (text)
        refuses(info, text);
    else
        accepts(info);
}

static void ports_are_mapped_for_a_bridge_only(void **state)
{
    const struct port_mapping good = {.host_port = 31000, .container_port = 80, .protocol = "udp"};

    (void)state;
    map(good, "bridge", NULL);
    map(good, "host", "only for the network bridge");
    map((struct port_mapping){.host_port = 65536, .protocol = ""}, "bridge", "up to 65535");
    map((struct port_mapping){.host_port = 1, .container_port = 65536, .protocol = ""}, "bridge",
        "up to 65535");
    map((struct port_mapping){.host_port = 1, .protocol = "sctp"}, "bridge", "want tcp or udp");
}

static void too_many_mounts_are_refused(void **state)
{
    struct isolation_mount many[ISOLATION_MOUNTS_MAX + 1];

    (void)state;
    for (size_t i = 0; i <= ISOLATION_MOUNTS_MAX; i++)
        many[i] = (struct isolation_mount){
            .source_kind = MOUNT_TMPFS, .source = "", .container_path = "/tmp"};
    refuses((struct isolation_info){.mounts = many, .mounts_count = ISOLATION_MOUNTS_MAX + 1},
            "at most 64 are allowed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_asked_is_fine),
        cmocka_unit_test(a_path_says_where_it_leads),
        cmocka_unit_test(places_of_isolators_are_theirs),
        cmocka_unit_test(a_root_is_a_name),
        cmocka_unit_test(names_are_plain),
        cmocka_unit_test(new_privileges_need_files_that_are_not_its_own),
        cmocka_unit_test(ports_are_mapped_for_a_bridge_only),
        cmocka_unit_test(too_many_mounts_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
