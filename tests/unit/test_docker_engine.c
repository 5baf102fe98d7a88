/* proffer-docker's calls over a real socket, to an Engine that is played here: one that answers in pieces, too much,
 * nonsense, or not at all; and what a container writes on its way into the sandbox. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/docker/calls.h"
#include "agent/docker/culprits.h"
#include "agent/docker/transcript.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "tests/unit/agent_site.h"

#define WAIT_MS 10000

struct play {
    char *dir, *socket;
    int listener, peer; /* -1: none */
    int state_dir;
    struct calls *calls;
    const struct msg_docker_configure *want;
    struct arena *arena;
    struct buf request;
    /* The last answer. */
    int answers;
    int status;
    bool is_refused, is_late;
    char error[300];
    char event[64];
    char progress[128];
    uint64_t number;
};

static void on_answer(void *owner, const struct dock_answer *answer)
{
    struct play *self = owner;

    self->answers++;
    self->status = answer->status;
    self->is_refused = answer->is_refused;
    self->is_late = answer->is_late;
    self->number = answer->number;
    snprintf(self->error, sizeof(self->error), "%s", answer->error);
}

static void on_event(void *owner, const char *container_id)
{
    struct play *self = owner;

    snprintf(self->event, sizeof(self->event), "%s", container_id);
}

static void on_progress(void *owner, uint64_t number, const char *text)
{
    struct play *self = owner;

    (void)number;
    snprintf(self->progress, sizeof(self->progress), "%s", text);
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

static struct play *play_new(void)
{
    struct play *self = mem_new(struct play);
    struct msg_docker_configure want = {0};
    struct calls_settings settings = {
        .owner = self, .on_answer = on_answer, .on_event = on_event, .on_progress = on_progress};
    struct err err;

    self->dir = temporary_dir_new();
    self->socket = mem_printf("%s/s", self->dir);
    self->arena = arena_new(0);
    self->peer = -1;
    self->listener = listen_at(self->socket);
    self->state_dir = open(self->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    want.socket = self->socket;
    want.owner = "a1";
    want.state_dir = self->dir;
    want.cgroup_parent = "p";
    want.log_files = 2;
    self->want = message_copy_body(MSG_DOCKER_CONFIGURE, &want, self->arena);
    settings.want = self->want;
    settings.state_dir = self->state_dir;
    if (calls_new(&settings, &self->calls, &err) < 0)
        fail_msg("%s", err.text);
    return self;
}

static void play_destroy(struct play **self_p)
{
    struct play *self = *self_p;

    calls_destroy(&self->calls);
    close_fd(&self->peer);
    close_fd(&self->listener);
    close_fd(&self->state_dir);
    temporary_dir_destroy(&self->dir);
    free(self->socket);
    buf_fini(&self->request);
    arena_destroy(&self->arena);
    free(self);
    *self_p = NULL;
}

/* One turn of everything. */
static void turn(struct play *self)
{
    struct pollfd fds[3] = {
        {calls_fd(self->calls), POLLIN, 0}, {self->listener, POLLIN, 0}, {self->peer, POLLIN, 0}};

    poll(fds, 3, 20);
    if (fds[1].revents) {
        close_fd(&self->peer);
        self->peer = accept4(self->listener, NULL, NULL, SOCK_CLOEXEC);
    }
    if (fds[2].revents) {
        ssize_t size = read(self->peer, buf_reserve(&self->request, 65536), 65536);

        if (size > 0)
            self->request.size += (size_t)size;
        self->request.data[self->request.size] = '\0';
    }
    calls_run(self->calls);
}

static void ask(struct play *self, struct dock_call call)
{
    int64_t end_us = clock_now().mono_us + (int64_t)WAIT_MS * US_PER_MS;
    static uint64_t number;

    call.number = ++number;
    self->answers = 0;
    buf_consume(&self->request, self->request.size);
    calls_begin(self->calls, &call);
    while (!strstr(buf_text(&self->request), "\r\n\r\n")) {
        turn(self);
        assert_true(clock_now().mono_us < end_us);
    }
}

static void say(struct play *self, const void *data, size_t size)
{
    while (size) {
        ssize_t put = send(self->peer, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (put < 0 && errno != EAGAIN)
            return; /* it has heard enough */
        if (put > 0) {
            data = (const char *)data + put;
            size -= (size_t)put;
        }
        turn(self);
    }
}

static void say_text(struct play *self, const char *text)
{
    say(self, text, strlen(text));
}

static void hang_up(struct play *self)
{
    close_fd(&self->peer);
}

static void wait_answer(struct play *self)
{
    int64_t end_us = clock_now().mono_us + (int64_t)WAIT_MS * US_PER_MS;

    while (!self->answers) {
        turn(self);
        assert_true(clock_now().mono_us < end_us);
    }
}

#define INSPECT                                                                                    \
    (struct dock_call)                                                                             \
    {                                                                                              \
        .kind = CALL_INSPECT, .engine_id = "abc", .timeout_ms = 5000                               \
    }

/* --- answers ------------------------------------------------------------------------------------ */

static void an_answer_in_pieces_is_one_answer(void **state)
{
    CLEANUP(play_destroy) struct play *play = play_new();
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 43\r\n\r\n"
                               "{\"Id\":\"abc\",\"State\":{\"Status\":\"running\"}}  ";

    (void)state;
    ask(play, INSPECT);
    assert_non_null(strstr(buf_text(&play->request), "GET /v1.41/containers/abc/json HTTP/1.1"));
    for (size_t i = 0; i < sizeof(text) - 1; i++)
        say(play, text + i, 1);
    wait_answer(play);
    assert_int_equal(play->status, 200);
}

static void an_answer_without_end_is_cut_off(void **state)
{
    CLEANUP(play_destroy) struct play *play = play_new();
    CLEANUP(free_p) char *much = mem_alloc(1 << 20);

    (void)state;
    memset(much, ' ', 1 << 20);
    ask(play, INSPECT);
    say_text(play, "HTTP/1.1 200 OK\r\n\r\n");
    for (int i = 0; i < 8 && !play->answers; i++)
        say(play, much, 1 << 20);
    wait_answer(play);
    assert_int_equal(play->status, 0);
    assert_string_equal(play->error, "its answer is too long");
}

static void what_is_no_http_is_an_error(void **state)
{
    CLEANUP(play_destroy) struct play *play = play_new();

    (void)state;
    ask(play, INSPECT);
    say_text(play, "SSH-2.0-OpenSSH_9.2\r\n");
    hang_up(play);
    wait_answer(play);
    assert_int_equal(play->status, 0);
    assert_true(*play->error);
}

static void an_answer_that_breaks_off_is_no_answer(void **state)
{
    CLEANUP(play_destroy) struct play *play = play_new();

    (void)state;
    ask(play, INSPECT);
    say_text(play, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"Id\":");
    hang_up(play);
    wait_answer(play);
    assert_int_equal(play->status, 0);
    assert_false(play->is_refused);
}

static void an_engine_that_says_nothing_is_late(void **state)
{
    CLEANUP(play_destroy) struct play *play = play_new();
    struct dock_call call = INSPECT;

    (void)state;
    call.timeout_ms = 200;
    ask(play, call);
    wait_answer(play);
    assert_true(play->is_late);
}

static void an_engine_that_is_not_there_refuses(void **state)
{
    CLEANUP(play_destroy) struct play *play = play_new();
    struct dock_call call = INSPECT;

    (void)state;
    close_fd(&play->listener);
    call.number = 1000;
    calls_begin(play->calls, &call);
    wait_answer(play);
    assert_true(play->is_refused);
    assert_int_equal(play->number, 1000);
}

static void what_was_cancelled_is_not_answered(void **state)
{
    CLEANUP(play_destroy) struct play *play = play_new();
    struct dock_call call = INSPECT;

    (void)state;
    call.number = 2000;
    calls_begin(play->calls, &call);
    turn(play);
    calls_cancel(play->calls, 2000);
    for (int i = 0; i < 5; i++)
        turn(play);
    assert_int_equal(play->answers, 0);
}

static void the_version_that_both_speak_is_spoken(void **state)
{
    CLEANUP(play_destroy) struct play *play = play_new();

    (void)state;
    ask(play, (struct dock_call){.kind = CALL_VERSION, .timeout_ms = 5000});
    assert_non_null(strstr(buf_text(&play->request), "GET /version HTTP"));
    say_text(play, "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n"
                   "{\"Version\":\"29\",\"ApiVersion\":\"1.52\",\"MinAPIVersion\":\"1.44\"}    ");
    wait_answer(play);
    assert_int_equal(play->status, 200);
    ask(play, INSPECT);
    assert_non_null(strstr(buf_text(&play->request), "GET /v1.44/containers"));
}

/* --- streams ------------------------------------------------------------------------------------ */

static void events_are_told_as_they_come(void **state)
{
    CLEANUP(play_destroy) struct play *play = play_new();

    (void)state;
    ask(play, (struct dock_call){.kind = CALL_EVENTS});
    say_text(play, "HTTP/1.1 200 OK\r\n\r\nno json\n{\"Actor\":{\"Attributes\":{\"proffer.");
    say_text(play, "container\":\"t.1\"}}}\n");
    for (int i = 0; i < 100 && !*play->event; i++)
        turn(play);
    assert_string_equal(play->event, "t.1");
    assert_int_equal(play->answers, 0);
    hang_up(play);
    wait_answer(play);
}

static void a_line_without_end_is_cut_off(void **state)
{
    CLEANUP(play_destroy) struct play *play = play_new();
    CLEANUP(free_p) char *much = mem_alloc(1 << 20);

    (void)state;
    memset(much, 'x', 1 << 20);
    ask(play, (struct dock_call){.kind = CALL_EVENTS});
    say_text(play, "HTTP/1.1 200 OK\r\n\r\n");
    say(play, much, 1 << 20);
    wait_answer(play);
    assert_int_equal(play->status, 0);
    assert_string_equal(play->error, "its answer makes no sense");
}

static void a_pull_that_fails_within_its_stream_has_failed(void **state)
{
    CLEANUP(play_destroy) struct play *play = play_new();

    (void)state;
    ask(play, (struct dock_call){
                  .kind = CALL_PULL, .image = "r:1/a:b", .credentials = "", .timeout_ms = 5000});
    assert_non_null(strstr(buf_text(&play->request), "fromImage=r%3A1%2Fa&tag=b"));
    say_text(play, "HTTP/1.1 200 OK\r\n\r\n{\"status\":\"Already exists\",\"id\":\"x\"}\n"
                   "{\"error\":\"no space left\"}\n");
    hang_up(play);
    wait_answer(play);
    assert_int_equal(play->status, 200);
    assert_string_equal(play->error, "no space left");
    assert_string_equal(play->progress, "1 of 1 layers");
}

static void an_image_without_a_name_is_never_asked_for(void **state)
{
    CLEANUP(play_destroy) struct play *play = play_new();
    const struct dock_call call = {
        .number = 3000, .kind = CALL_PULL, .image = "a b", .credentials = ""};

    (void)state;
    calls_begin(play->calls, &call);
    assert_int_equal(play->answers, 0); /* not from within */
    wait_answer(play);
    assert_int_equal(play->status, 400);
    assert_non_null(strstr(play->error, "cannot be the name of an image"));
}

/* --- what is written ---------------------------------------------------------------------------- */

static void add(struct buf *to, int stream, const char *second, const char *text)
{
    CLEANUP(free_p) char *stamped = mem_printf("2026-11-29T23:04:%sZ %s", second, text);
    const unsigned char header[8] = {(unsigned char)stream,         0, 0, 0, 0, 0, 0,
                                     (unsigned char)strlen(stamped)};

    buf_append(to, header, sizeof(header));
    buf_append(to, stamped, strlen(stamped));
}

static const char *content(const struct play *play, const char *name)
{
    CLEANUP(free_p) char *path = mem_printf("%s/%s", play->dir, name);
    static char text[4096];
    CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

    text[size < 0 ? 0 : size] = '\0';
    return text;
}

static struct transcript *open_transcript(const struct play *play, int64_t max_bytes)
{
    const struct transcript_settings settings = {.state_dir = play->state_dir,
                                                 .max_bytes = max_bytes,
                                                 .files = 2,
                                                 .id = "t.1",
                                                 .sandbox = play->dir};
    struct transcript *transcript = NULL;
    struct err err;

    if (transcript_open(&settings, &transcript, &err) < 0)
        fail_msg("%s", err.text);
    return transcript;
}

/* However much of it an earlier process had written, and wherever in a line it stopped. */
static void output_goes_on_where_it_was(void **state)
{
    CLEANUP(buf_fini) struct buf all = {0};

    (void)state;
    add(&all, 1, "39.1", "one\n");
    add(&all, 1, "39.2", "part "); /* a long line comes in parts of one time */
    add(&all, 1, "39.2", "of a line\n");
    add(&all, 2, "39.15", "err\n"); /* streams are not in order */
    add(&all, 1, "39.3", "last\n");
    for (size_t cut = 0; cut <= all.size; cut++) {
        CLEANUP(play_destroy) struct play *play = play_new();
        CLEANUP(transcript_close) struct transcript *before = open_transcript(play, 0);
        CLEANUP(transcript_close) struct transcript *after = NULL;
        int64_t out = 0, err = 0;

        assert_true(transcript_push(before, all.data, cut));
        transcript_close(&before);
        after = open_transcript(play, 0);
        assert_true(transcript_push(after, all.data, all.size)); /* the Engine begins anew */
        assert_string_equal(content(play, "stdout"), "one\npart of a line\nlast\n");
        assert_string_equal(content(play, "stderr"), "err\n");
        transcript_read_sizes(play->state_dir, "t.1", &out, &err);
        assert_int_equal(out, 24);
        assert_int_equal(err, 4);
    }
}

static void output_is_rotated(void **state)
{
    CLEANUP(play_destroy) struct play *play = play_new();
    CLEANUP(transcript_close) struct transcript *transcript = open_transcript(play, 8);
    CLEANUP(buf_fini) struct buf all = {0};

    (void)state;
    add(&all, 1, "39.1", "0123456789abcdef");
    add(&all, 1, "39.2", "XY");
    assert_true(transcript_push(transcript, all.data, all.size));
    assert_string_equal(content(play, "stdout"), "XY");
    assert_string_equal(content(play, "stdout.1"), "89abcdef");
}

static void a_link_in_the_place_of_its_output_is_not_followed(void **state)
{
    CLEANUP(play_destroy) struct play *play = play_new();
    CLEANUP(transcript_close) struct transcript *transcript = NULL;
    CLEANUP(free_p) char *link_path = mem_printf("%s/stdout", play->dir);
    CLEANUP(free_p) char *target = mem_printf("%s/target", play->dir);
    CLEANUP(buf_fini) struct buf all = {0};
    int fd = open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    (void)state;
    close(fd);
    assert_int_equal(symlink(target, link_path), 0);
    transcript = open_transcript(play, 0);
    add(&all, 1, "39.1", "mine");
    assert_true(transcript_push(transcript, all.data, all.size));
    assert_string_equal(content(play, "target"), "");
    assert_string_equal(content(play, "stdout"), "mine");
}

/* --- what a task serves ------------------------------------------------------------------------- */

/* A listener on loopback; its port. */
static int listen_on_loopback(struct play *self)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);

    close_fd(&self->listener);
    self->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(self->listener, (const struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(self->listener, 8), 0);
    assert_int_equal(getsockname(self->listener, (struct sockaddr *)&address, &size), 0);
    return ntohs(address.sin_port);
}

/* What streams for ever would keep us busy until the check's time is over. */
static void a_check_hears_the_status_and_no_more(void **state)
{
    CLEANUP(play_destroy) struct play *play = play_new();
    CLEANUP(free_p) char *url = NULL;

    (void)state;
    url = mem_printf("http://127.0.0.1:%d/x", listen_on_loopback(play));
    ask(play, (struct dock_call){.kind = CALL_CONNECT, .url = url, .timeout_ms = 60000});
    say_text(play, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n"); /* and nothing follows */
    wait_answer(play);
    assert_int_equal(play->status, 503);
}

static void headers_without_end_are_cut_off(void **state)
{
    CLEANUP(play_destroy) struct play *play = play_new();
    CLEANUP(free_p) char *url = NULL;

    (void)state;
    url = mem_printf("http://127.0.0.1:%d/x", listen_on_loopback(play));
    ask(play, (struct dock_call){.kind = CALL_CONNECT, .url = url, .timeout_ms = 60000});
    say_text(play, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 10000 && !play->answers; i++)
        say_text(play, "X-Header: one of many\r\n");
    wait_answer(play);
    assert_int_equal(play->status, 0);
    assert_string_equal(play->error, "its answer is too long");
}

/* --- what a command leaves ---------------------------------------------------------------------- */

/* A text of our own groups, as if we were in a container of that name. */
static void read_group(char ret_text[64])
{
    FILE *file = fopen("/proc/self/cgroup", "r");
    char line[4096] = "";

    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file));
    fclose(file);
    snprintf(ret_text, 64, "%.10s", strchr(line, ':'));
}

/* Until no process has the other end of that pipe. */
static bool is_over(int fd, int wait_ms)
{
    struct pollfd poll_fd = {fd, POLLIN, 0};

    return poll(&poll_fd, 1, wait_ms) > 0;
}

static void what_a_command_has_started_ends_with_it(void **state)
{
    char group[64];
    int ends[2], status;
    pid_t pid;

    (void)state;
    read_group(group);
    assert_int_equal(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        setsid(); /* as the runtime does */
        execl("/bin/sh", "sh", "-c", "sleep 1000 & sleep 1000 & exit 0", NULL);
        _exit(127);
    }
    close(ends[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid); /* it has ended itself */
    assert_false(is_over(ends[0], 50));
    culprits_kill(pid, "another-container");
    assert_false(is_over(ends[0], 50));
    culprits_kill(pid, group);
    assert_true(is_over(ends[0], WAIT_MS));
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_in_pieces_is_one_answer),
        cmocka_unit_test(an_answer_without_end_is_cut_off),
        cmocka_unit_test(what_is_no_http_is_an_error),
        cmocka_unit_test(an_answer_that_breaks_off_is_no_answer),
        cmocka_unit_test(an_engine_that_says_nothing_is_late),
        cmocka_unit_test(an_engine_that_is_not_there_refuses),
        cmocka_unit_test(what_was_cancelled_is_not_answered),
        cmocka_unit_test(the_version_that_both_speak_is_spoken),
        cmocka_unit_test(events_are_told_as_they_come),
        cmocka_unit_test(a_line_without_end_is_cut_off),
        cmocka_unit_test(a_pull_that_fails_within_its_stream_has_failed),
        cmocka_unit_test(an_image_without_a_name_is_never_asked_for),
        cmocka_unit_test(output_goes_on_where_it_was),
        cmocka_unit_test(output_is_rotated),
        cmocka_unit_test(a_link_in_the_place_of_its_output_is_not_followed),
        cmocka_unit_test(a_check_hears_the_status_and_no_more),
        cmocka_unit_test(headers_without_end_are_cut_off),
        cmocka_unit_test(what_a_command_has_started_ends_with_it),
    };

    return cmocka_run_group_tests_name("docker engine", tests, NULL, NULL);
}
