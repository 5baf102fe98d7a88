/* What is asked of a Docker Engine for a task, and what of it the operator has to allow; the sandbox that it is given. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "agent/docker/sandbox.h"
#include "agent/docker/spec.h"
#include "base/cleanup.h"
#include "base/mem.h"

/* --- specifications ----------------------------------------------------------------------------- */

struct wish {
    struct docker_info docker;
    struct msg_launch_container order;
    struct msg_docker_configure want;
    struct command_info command;
};

static const struct range_info ports[] = {{31000, 31003}};
static const struct resource_info resources[] = {
    {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 500, .role = ""},
    {.name = "mem", .kind = VALUE_SCALAR, .scalar = 64000, .role = ""},
    {.name = "ports", .kind = VALUE_RANGES, .ranges = ports, .ranges_count = 1, .role = ""}};

/* Texts are never NULL in what was decoded. */
static struct msg_launch_container *wish_order(struct wish *self, struct arena *arena)
{
    self->order.container_id = "t.1";
    self->order.sandbox = "/work/sandboxes/f/t.1";
    self->order.command = &self->command;
    self->order.docker = &self->docker;
    if (!self->docker.image)
        self->docker.image = "busybox";
    if (!self->order.resources) {
        self->order.resources = resources;
        self->order.resources_count = ARRAY_SIZE(resources);
    }
    return (void *)message_copy_body(MSG_LAUNCH_CONTAINER, &self->order, arena);
}

static const struct msg_docker_configure *wish_want(struct wish *self, struct arena *arena)
{
    self->want.socket = "/s";
    self->want.owner = "a1";
    self->want.state_dir = "/d";
    self->want.cgroup_parent = "proffer/a1/docker";
    self->want.pids_max = 100;
    self->want.log_max_bytes = 16 << 20;
    return message_copy_body(MSG_DOCKER_CONFIGURE, &self->want, arena);
}

static json_t *made(struct wish *wish)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    CLEANUP(free_p) char *text = NULL;
    struct err err;

    if (spec_make(wish_want(wish, arena), "cgroupfs", wish_order(wish, arena), &text, &err) < 0)
        fail_msg("%s", err.text);
    return json_loads(text, 0, NULL);
}

static void refused(struct wish *wish, const char *why)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    char *text = NULL;
    struct err err = {""};

    if (spec_make(wish_want(wish, arena), "cgroupfs", wish_order(wish, arena), &text, &err) >= 0)
        fail_msg("it is taken: %s", text);
    if (!strstr(err.text, why))
        fail_msg("expected '%s' in: %s", why, err.text);
}

static const json_t *at(const json_t *root, const char *path)
{
    char part[64];

    while (root && *path) {
        size_t size = strcspn(path, "|");

        snprintf(part, sizeof(part), "%.*s", (int)size, path);
        root = json_is_array(root) ? json_array_get(root, (size_t)strtol(part, NULL, 10))
                                   : json_object_get(root, part);
        path += size + (path[size] == '|');
    }
    return root;
}

#define assert_text(root, path, text)                                                              \
    assert_string_equal(json_string_value(at((root), (path))), (text))
#define assert_number(root, path, number)                                                          \
    assert_int_equal(json_integer_value(at((root), (path))), (number))

static void limits_are_as_granted_and_privileges_are_few(void **state)
{
    struct wish wish = {.command = {.value = "echo hi"}};
    json_t *root = made(&wish);

    (void)state;
    assert_number(root, "HostConfig|CpuQuota", 50000);
    assert_number(root, "HostConfig|CpuShares", 512);
    assert_number(root, "HostConfig|Memory", 64 << 20);
    assert_number(root, "HostConfig|MemorySwap", 64 << 20);
    assert_number(root, "HostConfig|PidsLimit", 100);
    assert_text(root, "HostConfig|CgroupParent", "/proffer/a1/docker");
    assert_text(root, "HostConfig|NetworkMode", "host");
    assert_text(root, "HostConfig|SecurityOpt|0", "no-new-privileges");
    assert_null(at(root, "HostConfig|Privileged"));
    assert_text(root, "HostConfig|Mounts|0|Source", "/work/sandboxes/f/t.1");
    assert_text(root, "HostConfig|Mounts|0|Target", DOCKER_SANDBOX);
    assert_text(root, "Labels|proffer.owner", "a1");
    assert_text(root, "Labels|proffer.container", "t.1");
    assert_text(root, "Cmd|0", "/bin/sh");
    assert_text(root, "Cmd|2", "echo hi");
    assert_int_equal(json_array_size(at(root, "Entrypoint")), 0);
    json_decref(root);
}

static void a_limit_above_the_grant_is_the_limit_and_the_grant_is_kept(void **state)
{
    static const struct limit_info limits[] = {{.name = "mem", .scalar = 128000},
                                               {.name = "cpus", .unlimited = true}};
    struct wish wish = {.order = {.limits = limits, .limits_count = 2}};
    json_t *root = made(&wish);

    (void)state;
    assert_number(root, "HostConfig|Memory", 128 << 20);
    assert_number(root, "HostConfig|MemoryReservation", 64 << 20);
    assert_number(root, "HostConfig|CpuQuota", -1);
    json_decref(root);
}

static void arguments_go_to_the_images_entrypoint(void **state)
{
    static const char *const argv[] = {"--port", "80"};
    struct wish wish = {.command = {.argv = argv, .argv_count = 2}};
    json_t *root = made(&wish);

    (void)state;
    assert_text(root, "Cmd|0", "--port");
    assert_null(at(root, "Entrypoint"));
    json_decref(root);
}

static void ports_are_those_that_were_granted(void **state)
{
    static const struct port_mapping good[] = {{.container_port = 80},
                                               {.host_port = 31002, .protocol = "udp"}};
    static const struct port_mapping bad[] = {{.host_port = 80, .container_port = 80}};
    struct wish wish = {
        .docker = {.network = "bridge", .port_mappings = good, .port_mappings_count = 2}};
    json_t *root = made(&wish);

    (void)state;
    assert_text(root, "HostConfig|PortBindings|80/tcp|0|HostPort", "31000");
    assert_text(root, "HostConfig|PortBindings|31002/udp|0|HostPort", "31002");
    assert_non_null(at(root, "ExposedPorts|80/tcp"));
    json_decref(root);
    wish.docker.port_mappings = bad;
    wish.docker.port_mappings_count = 1;
    refused(&wish, "80 is not among the ports");
    wish.docker.network = "none";
    refused(&wish, "has no port mappings");
    wish.docker.network = "container:abc";
    refused(&wish, "cannot be the name of a network");
}

static void port_that_is_left_open_is_none_that_another_mapping_names(void **state)
{
    static const struct port_mapping mappings[] = {
        {.host_port = 31001, .container_port = 80}, {.container_port = 81}, {.container_port = 82}};
    static const struct port_mapping asked[] = {{.host_port = 31002, .container_port = 83},
                                                {.container_port = 84}};
    const struct isolation_info asks = {.port_mappings = asked, .port_mappings_count = 1};
    struct wish wish = {.docker = {.network = "bridge",
                                   .port_mappings = mappings,
                                   .port_mappings_count = ARRAY_SIZE(mappings)},
                        .order = {.isolation = &asks}};
    json_t *root = made(&wish);

    (void)state;
    assert_text(root, "HostConfig|PortBindings|80/tcp|0|HostPort", "31001");
    assert_text(root, "HostConfig|PortBindings|81/tcp|0|HostPort", "31000");
    assert_text(root, "HostConfig|PortBindings|82/tcp|0|HostPort", "31003");
    assert_text(root, "HostConfig|PortBindings|83/tcp|0|HostPort", "31002");
    wish.order.isolation =
        &(const struct isolation_info){.port_mappings = asked, .port_mappings_count = 2};
    refused(&wish, "port mapping 4: the task is granted less ports than it maps");
    json_decref(root);
}

static void what_breaks_out_is_for_the_operator_to_allow(void **state)
{
    static const char *const caps[] = {"CAP_SYS_ADMIN"};
    static const char *const plain[] = {"net_raw"};
    static const struct docker_device devices[] = {{.host_path = "/dev/mem"}};
    static const struct docker_volume etc[] = {{.container_path = "/x", .host_path = "/etc"}};
    static const struct docker_volume up[] = {{.container_path = "/x", .host_path = "a/../../b"}};
    static const struct docker_volume named[] = {{.container_path = "/x", .name = "data"}};
    static const struct docker_parameter pid[] = {{"pid", "host"}};
    static const struct docker_parameter opt[] = {{"security-opt", "seccomp=unconfined"}};
    static const struct docker_parameter label[] = {{"label", "proffer.owner=x"}};
    static const struct docker_parameter odd[] = {{"detach", "true"}};
    static const struct docker_parameter cores[] = {{"cpuset-cpus", "0-63"}};

    (void)state;
    refused(&(struct wish){.docker = {.privileged = true}}, "--docker-allow=privileged");
    refused(&(struct wish){.docker = {.cap_add = caps, .cap_add_count = 1}},
            "--docker-allow=capabilities");
    refused(&(struct wish){.docker = {.devices = devices, .devices_count = 1}},
            "--docker-allow=devices");
    refused(&(struct wish){.docker = {.volumes = etc, .volumes_count = 1}}, "--docker-host-paths");
    refused(&(struct wish){.docker = {.volumes = up, .volumes_count = 1}}, "out of the sandbox");
    refused(&(struct wish){.docker = {.volumes = named, .volumes_count = 1}},
            "--docker-allow=named-volumes");
    refused(&(struct wish){.docker = {.parameters = pid, .parameters_count = 1}},
            "--docker-allow=host-namespaces");
    refused(&(struct wish){.docker = {.parameters = opt, .parameters_count = 1}},
            "--docker-allow=unsafe-parameters");
    refused(&(struct wish){.docker = {.parameters = label, .parameters_count = 1}},
            "are the agent's");
    refused(&(struct wish){.docker = {.parameters = odd, .parameters_count = 1}}, "is not known");
    refused(&(struct wish){.docker = {.parameters = cores, .parameters_count = 1},
                           .order = {.cpus = "0"}},
            "the agent gives out cores");
    json_decref(made(&(struct wish){.docker = {.cap_add = plain, .cap_add_count = 1}}));
}

static void what_the_operator_allows_is_done(void **state)
{
    static const char *const allow[] = {"privileged", "devices"};
    static const char *const paths[] = {"/usr/share"};
    static const struct docker_volume volumes[] = {
        {.container_path = "/x", .host_path = "/usr/share/doc", .read_only = true}};
    static const struct docker_volume next_door[] = {
        {.container_path = "/x", .host_path = "/usr/shared"}};
    struct wish wish = {
        .docker = {.privileged = true, .volumes = volumes, .volumes_count = 1},
        .want = {.allow = allow, .allow_count = 2, .host_paths = paths, .host_paths_count = 1}};
    json_t *root = made(&wish);

    (void)state;
    assert_true(json_is_true(at(root, "HostConfig|Privileged")));
    assert_text(root, "HostConfig|Mounts|1|Source", "/usr/share/doc");
    assert_true(json_is_true(at(root, "HostConfig|Mounts|1|ReadOnly")));
    json_decref(root);
    wish.docker.volumes = next_door;
    refused(&wish, "--docker-host-paths");
}

static void parameters_are_those_of_docker_run(void **state)
{
    static const struct docker_parameter some[] = {
        {"hostname", "web"},      {"dns", "10.0.0.1"}, {"dns", "10.0.0.2"},
        {"shm-size", "64M"},      {"label", "a=b"},    {"ulimit", "nofile=10:20"},
        {"tmpfs", "/run:size=1m"}};
    struct wish wish = {.docker = {.parameters = some, .parameters_count = ARRAY_SIZE(some)}};
    json_t *root = made(&wish);

    (void)state;
    assert_text(root, "Hostname", "web");
    assert_text(root, "HostConfig|Dns|1", "10.0.0.2");
    assert_number(root, "HostConfig|ShmSize", 64 << 20);
    assert_text(root, "Labels|a", "b");
    assert_number(root, "HostConfig|Ulimits|0|Hard", 20);
    assert_text(root, "HostConfig|Tmpfs|/run", "size=1m");
    json_decref(root);
}

/* What a native task asks of isolators means the same to an Engine. */
static void what_is_asked_of_isolators_is_done(void **state)
{
    static const char *const add[] = {"CAP_KILL"}, *const drop[] = {"ALL"};
    static const char *const paths[] = {"/usr/share"};
    static const struct isolation_mount mounts[] = {
        {.source_kind = MOUNT_HOST,
         .source = "/usr/share/doc",
         .container_path = "/doc",
         .read_only = true},
        {.source_kind = MOUNT_SANDBOX, .source = "cache", .container_path = "/cache"},
        {.source_kind = MOUNT_TMPFS, .container_path = "/scratch"}};
    static const struct port_mapping mappings[] = {{.container_port = 80}};
    static const struct isolation_info asks = {.hostname = "web",
                                               .network = "bridge",
                                               .capabilities_add = add,
                                               .capabilities_add_count = 1,
                                               .capabilities_drop = drop,
                                               .capabilities_drop_count = 1,
                                               .shm_bytes = 1 << 20,
                                               .mounts = mounts,
                                               .mounts_count = 3,
                                               .port_mappings = mappings,
                                               .port_mappings_count = 1};
    struct wish wish = {.order = {.isolation = &asks},
                        .want = {.host_paths = paths, .host_paths_count = 1}};
    json_t *root = made(&wish);

    (void)state;
    assert_text(root, "Hostname", "web");
    assert_text(root, "HostConfig|NetworkMode", "bridge");
    assert_text(root, "HostConfig|PortBindings|80/tcp|0|HostPort", "31000");
    assert_text(root, "HostConfig|CapAdd|0", "CAP_KILL");
    assert_text(root, "HostConfig|CapDrop|0", "ALL");
    assert_number(root, "HostConfig|ShmSize", 1 << 20);
    assert_text(root, "HostConfig|Mounts|1|Source", "/usr/share/doc");
    assert_text(root, "HostConfig|Mounts|2|Source", "/work/sandboxes/f/t.1/cache");
    assert_number(root, "HostConfig|Mounts|3|TmpfsOptions|SizeBytes", 32 << 20);
    assert_text(root, "HostConfig|SecurityOpt|0", "no-new-privileges");
    json_decref(root);
    wish.want.host_paths_count = 0;
    refused(&wish, "--docker-host-paths");
    wish.want.host_paths_count = 1;
    wish.docker.network = "none";
    refused(&wish, "the network is none, and bridge");
}

static void what_is_asked_of_isolators_is_for_the_operator_to_allow_as_well(void **state)
{
    static const char *const add[] = {"NET_ADMIN"};
    static const struct isolation_info more = {.capabilities_add = add,
                                               .capabilities_add_count = 1};
    static const struct isolation_info bare = {.seccomp_profile = "unconfined"};
    static const struct isolation_info unknown = {.seccomp_profile = "mine"};
    static const struct isolation_info outside = {.seccomp_profile = "../mine"};
    static const struct isolation_info setuid = {.new_privileges = true};
    json_t *root;

    (void)state;
    refused(&(struct wish){.order = {.isolation = &more}}, "--docker-allow=capabilities");
    refused(&(struct wish){.order = {.isolation = &bare}}, "--docker-allow=unsafe-parameters");
    refused(&(struct wish){.order = {.isolation = &unknown}}, "linux/seccomp.dir is not set");
    refused(&(struct wish){.order = {.isolation = &unknown}, .want = {.seccomp_dir = "/nowhere"}},
            "/nowhere/mine.json");
    refused(&(struct wish){.order = {.isolation = &outside}, .want = {.seccomp_dir = "/tmp"}},
            "cannot be its name");
    root = made(&(struct wish){.order = {.isolation = &setuid}});
    assert_null(at(root, "HostConfig|SecurityOpt"));
    json_decref(root);
}

static void a_seccomp_profile_is_the_operators_of_that_name(void **state)
{
    static const struct isolation_info asks = {.seccomp_profile = "default-deny"};
    char dir[] = "/tmp/proffer-seccomp.XXXXXX";
    CLEANUP(free_p) char *path = NULL;
    json_t *root;
    FILE *file;

    (void)state;
    assert_non_null(mkdtemp(dir));
    path = mem_printf("%s/default-deny.json", dir);
    file = fopen(path, "w");
    fputs("{\"defaultAction\":\"SCMP_ACT_ALLOW\"}", file);
    fclose(file);
    root = made(&(struct wish){.order = {.isolation = &asks}, .want = {.seccomp_dir = dir}});
    assert_text(root, "HostConfig|SecurityOpt|1", "seccomp={\"defaultAction\":\"SCMP_ACT_ALLOW\"}");
    json_decref(root);
    unlink(path);
    rmdir(dir);
}

static void devices_are_those_of_the_name_that_was_granted(void **state)
{
    static const char *const paths[] = {"/dev/fuse", "/dev/net/tun"};
    static const struct gpu_info gpus[] = {{.name = "gpu0", .paths = paths, .paths_count = 2}};
    static const char *const granted[] = {"gpu0"}, *const strange[] = {"gpu1"};
    static const struct resource_info some[] = {
        {.name = "cpus", .kind = VALUE_SCALAR, .scalar = 500, .role = ""},
        {.name = "gpus", .kind = VALUE_SCALAR, .scalar = 1000, .role = ""}};
    struct wish wish = {
        .order = {.resources = some, .resources_count = 2, .gpus = granted, .gpus_count = 1},
        .want = {.gpus = gpus, .gpus_count = 1}};
    json_t *root = made(&wish);

    (void)state;
    assert_text(root, "HostConfig|Devices|1|PathOnHost", "/dev/net/tun");
    assert_int_equal(json_array_size(at(root, "HostConfig|Devices")), 2);
    json_decref(root);
    wish.order.gpus = strange;
    refused(&wish, "no GPU gpu1");
    wish.order.gpus_count = 0;
    refused(&wish, "cannot give out");
}

static void priorities_above_others_are_for_the_operator_to_allow(void **state)
{
    static const struct docker_parameter rtprio[] = {{"ulimit", "rtprio=99"}};
    static const struct rlimit_info nice[] = {{.name = "RLMT_NICE", .soft = 40, .hard = 40}};
    static const char *const allow[] = {"unsafe-parameters"};
    struct wish wish = {.docker = {.parameters = rtprio, .parameters_count = 1}};

    (void)state;
    refused(&wish, "--docker-allow=unsafe-parameters");
    refused(&(struct wish){.command = {.rlimits = nice, .rlimits_count = 1}},
            "--docker-allow=unsafe-parameters");
    wish.want = (struct msg_docker_configure){.allow = allow, .allow_count = 1};
    json_decref(made(&wish));
}

/* --- the sandbox -------------------------------------------------------------------------------- */

struct place {
    char dir[64];
    char *sandboxes, *volumes; /* owned */
    struct docker_info docker;
    struct command_info command;
    struct msg_docker_configure want;
    struct msg_launch_container order;
    int state_dir;
};

static void place_begin(struct place *self)
{
    snprintf(self->dir, sizeof(self->dir), "/tmp/proffer-place.XXXXXX");
    assert_non_null(mkdtemp(self->dir));
    self->sandboxes = mem_printf("%s/sandboxes", self->dir);
    self->volumes = mem_printf("%s/volumes", self->dir);
    mkdir(self->sandboxes, 0755);
    mkdir(self->volumes, 0755);
    self->state_dir = open(self->dir, O_RDONLY | O_DIRECTORY);
    assert_true(self->state_dir >= 0);
    self->docker = (struct docker_info){.image = "x", .user = ""};
    self->want = (struct msg_docker_configure){.sandboxes_dir = self->sandboxes,
                                               .volumes_dir = self->volumes};
    self->order = (struct msg_launch_container){
        .container_id = "t.1", .docker = &self->docker, .command = &self->command};
}

static void place_end(struct place *self)
{
    CLEANUP(free_p) char *command = mem_printf("rm -r %s", self->dir);

    assert_int_equal(system(command), 0);
    close(self->state_dir);
    free(self->sandboxes);
    free(self->volumes);
}

static int make_at(struct place *self, const char *where, struct err *err)
{
    CLEANUP(free_p) char *path = mem_printf("%s%s", self->dir, where);

    self->order.sandbox = path;
    return sandbox_make(&self->want, self->state_dir, &self->order, err);
}

/* An agent's word is not enough for a folder to be given away. */
static void no_sandbox_is_made_anywhere_else(void **state)
{
    CLEANUP(place_end) struct place place;
    CLEANUP(free_p) char *link_path = NULL;
    CLEANUP(free_p) char *volume_path = NULL;
    CLEANUP(free_p) char *parent_path = NULL;
    struct stat info;
    struct volume_link volume = {.container_path = "data"};
    struct err err;

    (void)state;
    place_begin(&place);
    assert_int_equal(make_at(&place, "/sandboxes/f.docker/t.1", &err), 0);
    assert_int_equal(make_at(&place, "/sandboxes/f.docker/t.1", &err), 0);
    parent_path = mem_printf("%s/sandboxes/f.docker", place.dir);
    assert_int_equal(stat(parent_path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700); /* whoever else is its user does not come in */
    assert_int_equal(info.st_uid, geteuid());
    assert_int_equal(make_at(&place, "/sandboxes/f/t.1", &err), -EPERM);
    assert_int_equal(make_at(&place, "/sandboxes/.docker/t.1", &err), -EPERM);
    assert_int_equal(make_at(&place, "/elsewhere/t.1", &err), -EPERM);
    assert_int_equal(make_at(&place, "/sandboxes", &err), -EPERM);
    assert_int_equal(make_at(&place, "/sandboxes/../x", &err), -EPERM);
    link_path = mem_printf("%s/sandboxes/link.docker", place.dir);
    assert_int_equal(symlink("/tmp", link_path), 0);
    assert_true(make_at(&place, "/sandboxes/link.docker/t.2", &err) < 0);
    place.order.volumes = &volume;
    place.order.volumes_count = 1;
    volume.path = "/etc";
    assert_int_equal(make_at(&place, "/sandboxes/f.docker/t.3", &err), -EPERM);
    volume_path = mem_printf("%s/volumes/../sandboxes", place.dir);
    volume.path = volume_path;
    assert_true(make_at(&place, "/sandboxes/f.docker/t.3", &err) < 0);
    place.want.sandboxes_dir = "";
    assert_int_equal(make_at(&place, "/sandboxes/f.docker/t.3", &err), -EPERM);
}

/* Its processes may work in there, and make a folder a link that the Engine follows. */
static void no_sandbox_of_another_is_taken(void **state)
{
    CLEANUP(place_end) struct place place;
    CLEANUP(free_p) char *path = NULL;
    struct stat info;
    struct err err;

    (void)state;
    place_begin(&place);
    place.docker.user = "4711";
    assert_int_equal(make_at(&place, "/sandboxes/f.docker/t.1", &err), 0);
    place.order.container_id = "t.2";
    assert_int_equal(make_at(&place, "/sandboxes/f.docker/t.1", &err), -EEXIST);
    place.order.container_id = "../t.1";
    assert_int_equal(make_at(&place, "/sandboxes/f.docker/t.1", &err), -EEXIST);
    assert_int_equal(make_at(&place, "/sandboxes/f.docker/t.2", &err), -EINVAL);
    path = mem_printf("%s/sandboxes/f.docker/native", place.dir);
    assert_int_equal(mkdir(path, 0750), 0);
    place.order.container_id = "t.1";
    assert_int_equal(make_at(&place, "/sandboxes/f.docker/native", &err), -EEXIST);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_uid, geteuid());
    assert_int_equal(info.st_mode & 07777, 0750);
    assert_int_equal(make_at(&place, "/sandboxes/f.docker/t.1", &err), 0);
    sandbox_forget(place.state_dir, "t.1");
    assert_int_equal(make_at(&place, "/sandboxes/f.docker/t.1", &err), -EEXIST);
}

/* A limit of files' sizes ends the process at the first byte that it writes, which is of the mark. */
static void sandbox_whose_maker_was_killed_is_made_again(void **state)
{
    CLEANUP(place_end) struct place place;
    struct err err = {""};
    int status;
    pid_t child;

    (void)state;
    place_begin(&place);
    child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){0, 0});
        make_at(&place, "/sandboxes/f.docker/t.1", &err);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ);
    assert_int_equal(make_at(&place, "/sandboxes/f.docker/t.1", &err), 0);
    assert_int_equal(make_at(&place, "/sandboxes/f.docker/t.1", &err), 0);
}

static void new_limits_are_written_as_the_first_ones_were(void **state)
{
    const struct msg_update_container order = {.container_id = "t.1",
                                               .resources = resources,
                                               .resources_count = ARRAY_SIZE(resources),
                                               .pids_max = 7,
                                               .cpus = "0-1",
                                               .mems = ""};
    CLEANUP(free_p) char *text = NULL;
    struct err err;
    json_t *root;

    (void)state;
    assert_int_equal(spec_make_update(&order, &text, &err), 0);
    root = json_loads(text, 0, NULL);
    assert_number(root, "CpuQuota", 50000);
    assert_number(root, "MemorySwap", 64 << 20);
    assert_number(root, "PidsLimit", 7);
    assert_text(root, "CpusetCpus", "0-1");
    assert_null(at(root, "CpusetMems"));
    json_decref(root);
}

/* It would say yes and leave the old one. */
static void a_limit_of_memory_cannot_be_taken_away(void **state)
{
    static const struct limit_info none = {.name = "mem", .unlimited = true, .device = ""};
    const struct msg_update_container order = {.container_id = "t.1",
                                               .resources = resources,
                                               .resources_count = ARRAY_SIZE(resources),
                                               .limits = &none,
                                               .limits_count = 1,
                                               .cpus = "",
                                               .mems = ""};
    char *text = NULL;
    struct err err;

    (void)state;
    assert_int_equal(spec_make_update(&order, &text, &err), -ENOTSUP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_of_memory_cannot_be_taken_away),
        cmocka_unit_test(limits_are_as_granted_and_privileges_are_few),
        cmocka_unit_test(what_is_asked_of_isolators_is_done),
        cmocka_unit_test(what_is_asked_of_isolators_is_for_the_operator_to_allow_as_well),
        cmocka_unit_test(a_seccomp_profile_is_the_operators_of_that_name),
        cmocka_unit_test(devices_are_those_of_the_name_that_was_granted),
        cmocka_unit_test(priorities_above_others_are_for_the_operator_to_allow),
        cmocka_unit_test(no_sandbox_is_made_anywhere_else),
        cmocka_unit_test(no_sandbox_of_another_is_taken),
        cmocka_unit_test(sandbox_whose_maker_was_killed_is_made_again),
        cmocka_unit_test(a_limit_above_the_grant_is_the_limit_and_the_grant_is_kept),
        cmocka_unit_test(arguments_go_to_the_images_entrypoint),
        cmocka_unit_test(ports_are_those_that_were_granted),
        cmocka_unit_test(port_that_is_left_open_is_none_that_another_mapping_names),
        cmocka_unit_test(what_breaks_out_is_for_the_operator_to_allow),
        cmocka_unit_test(what_the_operator_allows_is_done),
        cmocka_unit_test(parameters_are_those_of_docker_run),
        cmocka_unit_test(new_limits_are_written_as_the_first_ones_were),
    };

    return cmocka_run_group_tests_name("docker spec", tests, NULL, NULL);
}
