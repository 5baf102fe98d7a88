/* The socket for executors, and what anybody on the host may do to it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/executor_socket.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/rng.h"
#include "proto/channel.h"

struct scene {
    char dir[64];
    struct executor_socket *socket;
    int64_t now_us;
    uint64_t last; /* connection that said something */
    int heard, lost, ready;
    uint64_t lost_id;
    bool admits; /* whoever says hello */
    bool drops;  /* likewise */
    int hears;   /* so many more of what is said; negative: all */
};

static void on_message(void *owner, uint64_t connection, const struct message *message)
{
    struct scene *scene = owner;

    (void)message;
    scene->heard++;
    scene->last = connection;
    if (scene->hears > 0 && --scene->hears == 0)
        executor_socket_hear(scene->socket, connection, false);
    if (scene->admits)
        executor_socket_admit(scene->socket, connection);
    if (scene->drops) {
        executor_socket_send(scene->socket, connection,
                             &MESSAGE(EXECUTOR_ERROR, executor_error, .message = "go"), false);
        executor_socket_drop(scene->socket, connection);
    }
}

static void on_lost(void *owner, uint64_t connection)
{
    struct scene *scene = owner;

    scene->lost++;
    scene->lost_id = connection;
}

static void on_ready(void *owner, uint64_t connection)
{
    struct scene *scene = owner;

    (void)connection;
    scene->ready++;
}

static int open_in(const char *dir, const struct executor_events *events,
                   struct executor_socket **ret_socket, struct err *err)
{
    CLEANUP(close_fd) int dir_fd = open(dir, O_PATH | O_CLOEXEC);

    return executor_socket_open(dir_fd, events, ret_socket, err);
}

static struct scene *scene_new(void)
{
    struct scene *scene = mem_new(struct scene);
    const struct executor_events events = {scene, on_message, on_lost, on_ready};
    struct err err;

    strcpy(scene->dir, "/tmp/proffer-executors.XXXXXX");
    assert_non_null(mkdtemp(scene->dir));
    scene->admits = true;
    if (open_in(scene->dir, &events, &scene->socket, &err) < 0)
        fail_msg("%s", err.text);
    return scene;
}

static char *path_of(const struct scene *scene)
{
    return mem_printf("%s/agent.sock", scene->dir);
}

static void scene_destroy(struct scene **self_p)
{
    struct scene *scene = *self_p;
    CLEANUP(free_p) char *path = path_of(scene);

    executor_socket_close(&scene->socket);
    unlink(path);
    rmdir(scene->dir);
    free(scene);
    *self_p = NULL;
}

#define SCENE CLEANUP(scene_destroy) struct scene

static void turn(struct scene *scene)
{
    executor_socket_run(scene->socket, scene->now_us);
    executor_socket_flush(scene->socket);
}

/* As long as there is something to do. */
static void turns(struct scene *scene)
{
    struct pollfd fd = {.fd = executor_socket_fd(scene->socket), .events = POLLIN};

    while (poll(&fd, 1, 20) > 0)
        turn(scene);
    turn(scene);
}

static int dial(const struct scene *scene)
{
    CLEANUP(free_p) char *path = path_of(scene);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void say_hello(int fd)
{
    CLEANUP(free_p) char *version = mem_printf("%0500d", 0);
    struct channel channel;

    channel_init(&channel, dup(fd));
    assert_int_equal(channel_send(&channel,
                                  &MESSAGE(EXECUTOR_HELLO, executor_hello, .framework_id = "f",
                                           .executor_id = "e", .token = "t", .version = version,
                                           .protocol_version = PROTOCOL_VERSION),
                                  NULL),
                     0);
    assert_int_equal(channel_flush(&channel), 0);
    channel_fini(&channel);
}

static bool is_closed(int fd)
{
    char byte;
    ssize_t size;

    do
        size = recv(fd, &byte, 1, MSG_DONTWAIT);
    while (size > 0);
    return size == 0 || errno == ECONNRESET;
}

static void everybody_may_connect(void **state)
{
    SCENE *scene = scene_new();
    CLEANUP(free_p) char *path = path_of(scene);
    struct stat info;

    (void)state;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0666);
    assert_int_equal(stat(scene->dir, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0755);
}

static void executor_is_heard_and_its_end_too(void **state)
{
    SCENE *scene = scene_new();
    int fd = dial(scene);

    (void)state;
    say_hello(fd);
    turns(scene);
    assert_int_equal(scene->heard, 1);
    assert_false(is_closed(fd));
    close(fd);
    turns(scene);
    assert_int_equal(scene->lost, 1);
    assert_int_equal(scene->lost_id, scene->last);
}

static void what_it_said_before_it_went_is_heard(void **state)
{
    SCENE *scene = scene_new();
    int fd = dial(scene);

    (void)state;
    for (int i = 0; i < 3; i++)
        say_hello(fd);
    close(fd);
    turns(scene);
    assert_int_equal(scene->heard, 3);
    assert_int_equal(scene->lost, 1);
}

static void silent_stranger_is_dropped_in_time(void **state)
{
    SCENE *scene = scene_new();
    int fd = dial(scene);

    (void)state;
    turns(scene);
    assert_int_equal(executor_socket_next_deadline_us(scene->socket), STRANGER_US);
    scene->now_us = STRANGER_US - 1;
    turns(scene);
    assert_false(is_closed(fd));
    scene->now_us = STRANGER_US;
    turns(scene);
    assert_true(is_closed(fd));
    assert_int_equal(scene->lost, 0);
    close(fd);
}

static void half_a_message_is_waited_for_no_longer(void **state)
{
    SCENE *scene = scene_new();
    int fd = dial(scene);

    (void)state;
    assert_int_equal(write(fd, "\x40\x00\x00\x00PRF\x01", 8), 8);
    turns(scene);
    assert_int_equal(scene->heard, 0);
    assert_false(is_closed(fd));
    scene->now_us = STRANGER_US;
    turns(scene);
    assert_true(is_closed(fd));
    close(fd);
}

static void admitted_one_may_be_silent(void **state)
{
    SCENE *scene = scene_new();
    int fd = dial(scene);

    (void)state;
    say_hello(fd);
    turns(scene);
    scene->now_us = 100 * STRANGER_US;
    turns(scene);
    assert_false(is_closed(fd));
    close(fd);
}

/* Three, of which the first is heard. */
static int say_three(struct scene *scene)
{
    int fd = dial(scene);

    scene->hears = 1;
    for (int i = 0; i < 3; i++)
        say_hello(fd);
    turns(scene);
    assert_int_equal(scene->heard, 1);
    return fd;
}

static void who_is_not_heard_waits(void **state)
{
    static const char much[4096];
    SCENE *scene = scene_new();
    int fd = say_three(scene);
    size_t size = 0;

    (void)state;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    for (ssize_t sent; (sent = write(fd, much, sizeof(much))) > 0; turns(scene))
        size += (size_t)sent;
    assert_true(size < 4 * 1024 * 1024); /* what the kernel holds for it */
    assert_int_equal(scene->heard, 1);
    assert_int_equal(executor_socket_next_deadline_us(scene->socket), INT64_MAX);
    scene->hears = 1;
    executor_socket_hear(scene->socket, scene->last, true);
    assert_int_equal(executor_socket_next_deadline_us(scene->socket), scene->now_us);
    turns(scene);
    assert_int_equal(scene->heard, 2);
    close(fd);
}

static void who_hangs_up_unheard_is_heard_to_its_end(void **state)
{
    SCENE *scene = scene_new();
    int fd = say_three(scene);
    struct pollfd poll_fd = {.fd = executor_socket_fd(scene->socket), .events = POLLIN};

    (void)state;
    say_hello(fd);
    close(fd);
    turns(scene);
    assert_int_equal(poll(&poll_fd, 1, 0), 0); /* nobody goes round and round */
    assert_int_equal(scene->lost, 0);
    scene->hears = -1;
    executor_socket_hear(scene->socket, scene->last, true);
    turns(scene);
    assert_int_equal(scene->heard, 4);
    assert_int_equal(scene->lost, 1);
}

static void garbage_closes_the_connection(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
    } garbage[] = {
        {"GET / HTTP/1.1\r\n\r\n", 18},
        {"\x00\x00\x00\x00", 4},
        {"\xff\xff\xff\xff", 4},
        {"\x08\x00\x00\x00PRF\x01\xc1\xc1\xc1\xc1", 12},
        {"\x06\x00\x00\x00PRF\x02\x94\x01", 10},
        {"\x0c\x00\x00\x00PRF\x01\x94\x46\x00\x00\xdf\xff\xff\xff", 16},
        {"\x09\x00\x00\x00PRF\x01\x94\x46\x00\x00\x80", 13},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(garbage); i++) {
        SCENE *scene = scene_new();
        int fd = dial(scene);

        assert_int_equal(write(fd, garbage[i].bytes, garbage[i].size), garbage[i].size);
        turns(scene);
        assert_int_equal(scene->heard, 0);
        assert_true(is_closed(fd));
        close(fd);
    }
}

static void random_bytes_do_no_harm(void **state)
{
    SCENE *scene = scene_new();
    struct rng rng = {.state = 4711};

    (void)state;
    for (int i = 0; i < 2000; i++) {
        unsigned char bytes[256];
        size_t size = 1 + rng_below(&rng, sizeof(bytes));
        int fd = dial(scene);

        for (size_t j = 0; j < size; j++)
            bytes[j] = (unsigned char)rng_next(&rng);
        if (rng_below(&rng, 2)) /* one whose length is right and that begins well */
            memcpy(bytes,
                   (unsigned char[]){(unsigned char)(size > 4 ? size - 4 : 1), 0, 0, 0, 'P', 'R',
                                     'F', 1, 0x94},
                   9);
        (void)!write(fd, bytes, size);
        if (rng_below(&rng, 2))
            turn(scene);
        close(fd);
        turn(scene);
    }
    turns(scene);
    assert_int_equal(executor_socket_next_deadline_us(scene->socket), INT64_MAX);
}

static void large_first_message_of_a_stranger_is_not_heard(void **state)
{
    SCENE *scene = scene_new();
    int fd = dial(scene);
    static char much[256 * 1024] = {0x00, 0x00, 0x20, 0x00};

    (void)state;
    (void)!send(fd, much, sizeof(much), MSG_DONTWAIT);
    turns(scene);
    assert_int_equal(scene->heard, 0);
    assert_true(is_closed(fd));
    close(fd);
}

static void flood_of_strangers_drops_the_oldest(void **state)
{
    SCENE *scene = scene_new();
    int fds[STRANGERS_MAX + 40], honest = dial(scene);
    int open = 0;

    (void)state;
    say_hello(honest);
    turns(scene);
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        fds[i] = dial(scene);
        turns(scene);
    }
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        open += !is_closed(fds[i]);
    assert_int_equal(open, STRANGERS_MAX);
    assert_true(is_closed(fds[0]));
    assert_false(is_closed(fds[ARRAY_SIZE(fds) - 1]));
    assert_false(is_closed(honest));
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        close(fds[i]);
    close(honest);
}

static void dropped_one_reads_why(void **state)
{
    SCENE *scene = scene_new();
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct channel channel;
    struct message message;
    int fd = dial(scene);

    (void)state;
    scene->admits = false;
    scene->drops = true;
    say_hello(fd);
    turns(scene);
    channel_init(&channel, fd);
    assert_true(channel_fill(&channel) > 0);
    assert_int_equal(channel_next(&channel, arena, &message, NULL), 1);
    assert_string_equal(message.executor_error->message, "go");
    assert_int_equal(channel_fill(&channel), 0);
    channel_fini(&channel);
    assert_int_equal(scene->lost, 0);
}

static int send_data(struct scene *scene, bool can_wait)
{
    static char data[256 * 1024];

    return executor_socket_send(scene->socket, scene->last,
                                &MESSAGE(MESSAGE_TO_EXECUTOR, message_to_executor, .agent_id = "a",
                                         .task_id = "t", .data = {data, sizeof(data)}),
                                can_wait);
}

static void who_reads_slowly_is_told_to_wait_and_then_when(void **state)
{
    SCENE *scene = scene_new();
    int fd = dial(scene), sent = 0;
    static char sink[65536];

    (void)state;
    say_hello(fd);
    turns(scene);
    while (send_data(scene, true) == 0 && sent++ < 100)
        turn(scene);
    assert_in_range(sent, 4, 20);
    assert_int_equal(scene->ready, 0);
    for (int i = 0; i < 1000 && !scene->ready; i++) {
        while (recv(fd, sink, sizeof(sink), MSG_DONTWAIT) > 0)
            ;
        turn(scene);
    }
    assert_int_equal(scene->ready, 1);
    assert_int_equal(send_data(scene, true), 0);
    close(fd);
}

static void who_does_not_read_what_cannot_wait_is_lost(void **state)
{
    SCENE *scene = scene_new();
    int fd = dial(scene);

    (void)state;
    say_hello(fd);
    turns(scene);
    for (int i = 0; i < 80; i++)
        assert_int_equal(send_data(scene, false), 0);
    turns(scene);
    assert_int_equal(scene->lost, 1);
    assert_int_equal(send_data(scene, false), 0);
    close(fd);
}

static void flood_of_messages_is_taken_a_little_at_a_time(void **state)
{
    SCENE *scene = scene_new();
    int fd = dial(scene);

    (void)state;
    for (int i = 0; i < 100; i++)
        say_hello(fd);
    turn(scene); /* accepts */
    turn(scene);
    assert_in_range(scene->heard, 1, 99);
    turns(scene);
    assert_int_equal(scene->heard, 100);
    close(fd);
}

static void new_agent_takes_the_place_of_the_old(void **state)
{
    SCENE *scene = scene_new();
    const struct executor_events events = {scene, on_message, on_lost, on_ready};
    int fd;

    (void)state;
    executor_socket_close(&scene->socket); /* its socket file is still there */
    assert_int_equal(open_in(scene->dir, &events, &scene->socket, NULL), 0);
    fd = dial(scene);
    say_hello(fd);
    turns(scene);
    assert_int_equal(scene->heard, 1);
    close(fd);
}

static void folder_may_have_a_long_name(void **state)
{
    SCENE *scene = scene_new();
    const struct executor_events events = {scene, on_message, on_lost, on_ready};
    CLEANUP(free_p) char *dir = mem_printf("%s/%0150d", scene->dir, 0);
    CLEANUP(free_p) char *path = mem_printf("%s/agent.sock", dir);
    struct executor_socket *socket;

    (void)state;
    assert_int_equal(mkdir(dir, 0755), 0);
    assert_int_equal(open_in(dir, &events, &socket, NULL), 0);
    assert_int_equal(access(path, W_OK), 0);
    executor_socket_close(&socket);
    unlink(path);
    rmdir(dir);
}

/* Nor is it busy with who waits outside. */
static void without_descriptors_nobody_is_accepted_for_a_while(void **state)
{
    SCENE *scene = scene_new();
    int fd = dial(scene), next = dup(fd);
    struct rlimit limit, none;

    (void)state;
    close(next);
    say_hello(fd);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = (rlim_t)next;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    turns(scene);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(scene->heard, 0);
    assert_int_equal(executor_socket_next_deadline_us(scene->socket), scene->now_us + 100000);
    scene->now_us += 100000;
    turns(scene);
    turns(scene);
    assert_int_equal(scene->heard, 1);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_may_connect),
        cmocka_unit_test(executor_is_heard_and_its_end_too),
        cmocka_unit_test(what_it_said_before_it_went_is_heard),
        cmocka_unit_test(silent_stranger_is_dropped_in_time),
        cmocka_unit_test(half_a_message_is_waited_for_no_longer),
        cmocka_unit_test(admitted_one_may_be_silent),
        cmocka_unit_test(who_is_not_heard_waits),
        cmocka_unit_test(who_hangs_up_unheard_is_heard_to_its_end),
        cmocka_unit_test(garbage_closes_the_connection),
        cmocka_unit_test(random_bytes_do_no_harm),
        cmocka_unit_test(large_first_message_of_a_stranger_is_not_heard),
        cmocka_unit_test(flood_of_strangers_drops_the_oldest),
        cmocka_unit_test(dropped_one_reads_why),
        cmocka_unit_test(who_reads_slowly_is_told_to_wait_and_then_when),
        cmocka_unit_test(who_does_not_read_what_cannot_wait_is_lost),
        cmocka_unit_test(flood_of_messages_is_taken_a_little_at_a_time),
        cmocka_unit_test(new_agent_takes_the_place_of_the_old),
        cmocka_unit_test(folder_may_have_a_long_name),
        cmocka_unit_test(without_descriptors_nobody_is_accepted_for_a_while),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
