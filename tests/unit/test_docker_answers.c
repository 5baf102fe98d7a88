/* What an Engine says, and what is said to it: parsers, the log stream, names, credentials, specifications. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "agent/docker/answers.h"
#include "agent/docker/core/image_name.h"
#include "agent/docker/credentials.h"
#include "agent/docker/demux.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"

/* --- times -------------------------------------------------------------------------------------- */

static int64_t time_ns(const char *text)
{
    return demux_parse_time_ns(text, strlen(text));
}

static void times_are_read_to_the_nanosecond(void **state)
{
    (void)state;
    assert_true(time_ns("1970-01-01T00:00:01.5Z") == 1500000000);
    assert_true(time_ns("2026-11-29T23:04:39.057727037Z") == INT64_C(1795993479057727037));
    assert_true(time_ns("2026-11-29T23:04:39Z") == INT64_C(1795993479000000000));
    assert_true(time_ns("2026-11-30T01:04:39+02:00") == INT64_C(1795993479000000000));
}

static void what_is_no_time_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "2026",
                                      "2026-11-29 23:04:39Z",
                                      "2026-13-29T23:04:39Z",
                                      "2026-11-29T23:04:39",
                                      "2026-11-29T23:04:39.5",
                                      "2026-11-29T23:04:39+0200",
                                      "abcd-11-29T23:04:39Z",
                                      "0001-01-01T00:00:00Z"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (time_ns(bad[i]) >= 0)
            fail_msg("'%s' is taken for a time", bad[i]);
}

/* --- the log stream ----------------------------------------------------------------------------- */

struct heard {
    struct buf out, err, frames;
};

static void heard_fini(struct heard *self)
{
    buf_fini(&self->out);
    buf_fini(&self->err);
    buf_fini(&self->frames);
}

static void on_frame(void *owner, int stream, int64_t stamp_ns)
{
    struct heard *self = owner;

    buf_printf(&self->frames, "%d@%lld ", stream, (long long)(stamp_ns / 1000000000));
}

static void on_bytes(void *owner, int stream, const char *data, size_t size)
{
    struct heard *self = owner;

    buf_append(stream == 1 ? &self->out : &self->err, data, size);
}

static void add_frame(struct buf *to, int stream, const char *text)
{
    size_t size = strlen(text);
    const unsigned char header[8] = {
        (unsigned char)stream, 0, 0, 0, 0, 0, (unsigned char)(size >> 8), (unsigned char)size};

    buf_append(to, header, sizeof(header));
    buf_append(to, text, size);
}

static void streams_are_told_apart_however_the_bytes_come(void **state)
{
    CLEANUP(buf_fini) struct buf bytes = {0};

    (void)state;
    add_frame(&bytes, 1, "2026-11-29T23:04:39.057727037Z out one\n");
    add_frame(&bytes, 2, "2026-11-29T23:04:40.057727037Z err\n");
    add_frame(&bytes, 1, "2026-11-29T23:04:41.057727037Z ");
    add_frame(&bytes, 1, "2026-11-29T23:04:42.057727037Z out two\n");
    for (size_t step = 1; step <= bytes.size; step++) {
        CLEANUP(heard_fini) struct heard heard = {0};
        struct demux demux = {
            .has_stamps = true, .owner = &heard, .frame = on_frame, .bytes = on_bytes};

        for (size_t at = 0; at < bytes.size; at += step)
            assert_true(demux_push(&demux, bytes.data + at,
                                   bytes.size - at < step ? bytes.size - at : step));
        assert_true(demux_is_whole(&demux));
        assert_string_equal(buf_text(&heard.out), "out one\nout two\n");
        assert_string_equal(buf_text(&heard.err), "err\n");
        assert_string_equal(buf_text(&heard.frames),
                            "1@1795993479 2@1795993480 1@1795993481 1@1795993482 ");
    }
}

static void what_is_no_log_stream_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
    } bad[] = {
        {"HTTP/1.1 ", 9},
        {"\3\0\0\0\0\0\0\1x", 9},
        {"\1\0\0\0\377\377\377\377", 8},
        {"\1\0\0\0\0\0\0\5hello", 13},   /* ends within its time */
        {"\1\0\0\0\0\0\0\6hello x", 14}, /* no time */
        {"\1\0\0\0\0\0\1\0xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 64},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        CLEANUP(heard_fini) struct heard heard = {0};
        struct demux demux = {.has_stamps = true, .owner = &heard, .bytes = on_bytes};

        if (demux_push(&demux, bad[i].bytes, bad[i].size))
            fail_msg("stream %zu is taken", i);
    }
}

/* --- answers ------------------------------------------------------------------------------------ */

static int answer(enum dock_call_kind kind, int status, const char *body, struct arena *arena,
                  struct dock_answer *ret_answer)
{
    struct err err = {""};

    *ret_answer = (struct dock_answer){0};
    return answers_read(kind, status, body, strlen(body), arena, ret_answer, &err);
}

static void a_container_is_read_as_the_engine_shows_it(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct dock_answer read;

    (void)state;
    assert_int_equal(
        answer(CALL_INSPECT, 200,
               "{\"Id\":\"abc\",\"State\":{\"Status\":\"exited\",\"Pid\":0,\"ExitCode\":137,"
               "\"OOMKilled\":true,\"Error\":\"\",\"StartedAt\":\"2026-11-29T23:04:39.5Z\","
               "\"FinishedAt\":\"2026-11-29T23:04:40Z\"},\"Config\":{\"StopSignal\":\"SIGQUIT\","
               "\"Labels\":{\"proffer.owner\":\"a1\",\"proffer.container\":\"t.1\"}},"
               "\"HostConfig\":{\"Memory\":67108864},\"NetworkSettings\":{\"IPAddress\":\"\","
               "\"Networks\":{\"net\":{\"IPAddress\":\"172.18.0.2\"}}}}",
               arena, &read),
        0);
    assert_int_equal(read.seen->state, SEEN_EXITED);
    assert_int_equal(read.seen->exit_code, 137);
    assert_true(read.seen->oom_killed);
    assert_true(read.seen->started_us == INT64_C(1795993479500000));
    assert_string_equal(read.seen->container_id, "t.1");
    assert_string_equal(read.seen->stop_signal, "SIGQUIT");
    assert_string_equal(read.seen->address, "172.18.0.2");
    assert_int_equal(read.seen->mem_limit_bytes, 67108864);
}

static void one_that_never_started_has_no_times(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct dock_answer read;

    (void)state;
    assert_int_equal(answer(CALL_INSPECT, 200,
                            "{\"Id\":\"abc\",\"State\":{\"Status\":\"created\",\"StartedAt\":"
                            "\"0001-01-01T00:00:00Z\"}}",
                            arena, &read),
                     0);
    assert_int_equal(read.seen->state, SEEN_CREATED);
    assert_int_equal(read.seen->started_us, 0);
    assert_string_equal(read.seen->owner, "");
}

static void nonsense_is_an_error_with_a_text_and_nothing_else(void **state)
{
    static const struct {
        enum dock_call_kind kind;
        const char *body;
    } bad[] = {{CALL_INSPECT, ""},
               {CALL_INSPECT, "{}"},
               {CALL_INSPECT, "[1,2"},
               {CALL_INSPECT, "{\"Id\":7}"},
               {CALL_LIST, "{}"},
               {CALL_LIST, "[{}]"},
               {CALL_LIST, "[7]"},
               {CALL_VERSION, "null"},
               {CALL_VERSION, "{}"},
               {CALL_VERSION, "{\"ApiVersion\":\"x\"}"},
               {CALL_INFO, "[]"},
               {CALL_CREATE, "{\"Id\":\"\"}"},
               {CALL_STATS, "{}"},
               {CALL_IMAGES, "{}"},
               {CALL_EXEC_INSPECT, "[]"},
               {CALL_EXEC_CREATE, "{}"},
               {CALL_INSPECT, "{\"Id\":\"a\",\"Id\":\"b\",\"State\":{}}"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
        struct dock_answer read;

        if (answer(bad[i].kind, 200, bad[i].body, arena, &read) != -EBADMSG || read.status != 0 ||
            !strstr(read.error, "Docker Engine"))
            fail_msg("%s of kind %d is taken", bad[i].body, (int)bad[i].kind);
    }
}

static void an_error_has_the_engines_words_or_its_number(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct dock_answer read;

    (void)state;
    assert_int_equal(answer(CALL_START, 404, "{\"message\":\"network x not found\"}", arena, &read),
                     0);
    assert_int_equal(read.status, 404);
    assert_string_equal(read.error, "network x not found");
    assert_int_equal(answer(CALL_START, 502, "<html>", arena, &read), 0);
    assert_string_equal(read.error, "the Docker Engine answers with HTTP 502");
}

static void the_api_that_both_speak_is_chosen(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct dock_answer read;

    (void)state;
    assert_int_equal(answer(CALL_VERSION, 200,
                            "{\"Version\":\"20.10.24\",\"ApiVersion\":\"1.41\","
                            "\"MinAPIVersion\":\"1.12\"}",
                            arena, &read),
                     0);
    assert_string_equal(read.api_version, "1.41");
    assert_int_equal(answer(CALL_VERSION, 200,
                            "{\"Version\":\"29.0\",\"ApiVersion\":\"1.52\",\"MinAPIVersion\":"
                            "\"1.44\"}",
                            arena, &read),
                     0);
    assert_string_equal(read.api_version, "1.44");
    assert_int_equal(answer(CALL_VERSION, 200,
                            "{\"Version\":\"18.09\",\"ApiVersion\":\"1.39\",\"MinAPIVersion\":"
                            "\"1.12\"}",
                            arena, &read),
                     -EBADMSG);
    assert_non_null(strstr(read.error, "1.41 is needed"));
}

static void usage_is_read_in_microseconds_and_bytes(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct dock_answer read;

    (void)state;
    assert_int_equal(
        answer(CALL_STATS, 200,
               "{\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":33670544,\"usage_in_kernelmode\":"
               "10000000,\"usage_in_usermode\":20000000},\"throttling_data\":{\"periods\":2,"
               "\"throttled_periods\":1,\"throttled_time\":5000}},\"memory_stats\":{\"usage\":"
               "438272,\"max_usage\":4087808,\"limit\":67108864,\"stats\":{\"total_rss\":49152,"
               "\"total_cache\":7}},\"pids_stats\":{\"current\":3}}",
               arena, &read),
        0);
    assert_int_equal(read.usage->cpu_system_us, 10000);
    assert_int_equal(read.usage->cpu_user_us, 23670);
    assert_int_equal(read.usage->mem_peak_bytes, 4087808);
    assert_int_equal(read.usage->mem_rss_bytes, 49152);
    assert_int_equal(read.usage->threads, 3);
}

static void a_pull_is_followed_over_its_layers(void **state)
{
    static const char *const lines[] = {
        "{\"status\":\"Pulling from busybox\",\"id\":\"v1\"}",
        "{\"status\":\"Pulling fs layer\",\"id\":\"a1\"}",
        "{\"status\":\"Pulling fs layer\",\"id\":\"b2\"}",
        "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":1048576,\"total\":2097152},"
        "\"id\":\"a1\"}",
        "{\"status\":\"Already exists\",\"id\":\"b2\"}",
    };
    struct pull_view view = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
        pull_view_read(&view, lines[i], strlen(lines[i]));
    assert_string_equal(view.text, "1 of 2 layers, 1MiB of 2MiB");
    assert_string_equal(view.error, "");
    pull_view_read(&view, "{\"error\":\"unauthorized\"}", 24);
    assert_string_equal(view.error, "unauthorized");
}

/* --- images and credentials --------------------------------------------------------------------- */

static void names_of_images_are_taken_apart_as_docker_does(void **state)
{
    static const struct {
        const char *text, *name, *tag, *registry;
    } cases[] = {
        {"busybox", "busybox", "latest", "docker.io"},
        {"busybox:1.35", "busybox", "1.35", "docker.io"},
        {"eco/busybox:1", "eco/busybox", "1", "docker.io"},
        {"127.0.0.1:5000/busybox", "127.0.0.1:5000/busybox", "latest", "127.0.0.1:5000"},
        {"localhost/x:2", "localhost/x", "2", "localhost"},
        {"reg.example.com/a/b:v1", "reg.example.com/a/b", "v1", "reg.example.com"},
        {"a/b@sha256:0123", "a/b", "sha256:0123", "docker.io"},
        {"r:1/b:v@sha256:0123", "r:1/b", "sha256:0123", "r:1"},
        {"Reg/b", "Reg/b", "latest", "Reg"}, /* no name of the Hub's has capitals: a host's */
        {"index.docker.io/a/b", "index.docker.io/a/b", "latest", "docker.io"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct image_name name;
        struct err err;

        if (image_name_parse(cases[i].text, &name, &err) < 0)
            fail_msg("%s: %s", cases[i].text, err.text);
        assert_string_equal(name.name, cases[i].name);
        assert_string_equal(name.tag, cases[i].tag);
        assert_string_equal(name.registry, cases[i].registry);
    }
    for (size_t i = 0; i < 4; i++) {
        static const char *const bad[] = {"", "a b", "a?b", ":x"};
        struct image_name name;

        assert_int_equal(image_name_parse(bad[i], &name, NULL), -EINVAL);
    }
}

static void images_are_read_with_all_their_names(void **state)
{
    static const char body[] =
        "[{\"Id\":\"sha256:1\",\"Size\":5,\"RepoTags\":[\"x:1\"],\"RepoDigests\":[\"x@sha256:2\"]},"
        "{\"Id\":\"sha256:2\",\"RepoTags\":[\"<none>:<none>\"],\"RepoDigests\":[\"y@sha256:3\"]},"
        "{\"Id\":\"sha256:3\",\"RepoTags\":null,\"RepoDigests\":[\"<none>@<none>\"]}]";
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct dock_answer answer = {0};
    struct err err;

    (void)state;
    assert_int_equal(answers_read(CALL_IMAGES, 200, body, strlen(body), arena, &answer, &err), 0);
    assert_int_equal(answer.images_count, 3);
    assert_int_equal(answer.images[0].names_count, 2);
    assert_string_equal(answer.images[0].names[1], "docker.io/library/x@sha256:2");
    assert_int_equal(answer.images[1].names_count, 1);
    assert_string_equal(answer.images[1].names[0], "docker.io/library/y@sha256:3");
    assert_int_equal(answer.images[2].names_count, 0);
}

static void all_names_of_an_image_have_one_form(void **state)
{
    static const struct {
        const char *text, *normal, *familiar;
    } cases[] = {
        {"busybox", "docker.io/library/busybox:latest", "busybox:latest"},
        {"docker.io/library/busybox:1", "docker.io/library/busybox:1", "busybox:1"},
        {"index.docker.io/library/x", "docker.io/library/x:latest", "x:latest"},
        {"a/b:2", "docker.io/a/b:2", "a/b:2"},
        {"docker.io/a/b:2", "docker.io/a/b:2", "a/b:2"},
        {"busybox:1@sha256:01", "docker.io/library/busybox@sha256:01", "busybox@sha256:01"},
        {"r:5000/x", "r:5000/x:latest", "r:5000/x:latest"},
        {"r:5000/x@sha256:01", "r:5000/x@sha256:01", "r:5000/x@sha256:01"},
        {"no name", "no name", "no name"},
    };
    char normal[IMAGE_NAME_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        image_name_normal(cases[i].text, normal);
        assert_string_equal(normal, cases[i].normal);
        assert_string_equal(image_name_familiar(normal), cases[i].familiar);
    }
}

static char *find(const char *config, const char *registry, int expected)
{
    char *value = NULL;
    struct err err;

    assert_int_equal(credentials_find(config, strlen(config), registry, &value, &err), expected);
    return value;
}

static void credentials_are_those_of_the_registry_in_its_own_form(void **state)
{
    static const char config[] =
        "{\"auths\":{\"127.0.0.1:5000\":{\"auth\":\"dTpwYTpzcw==\"},"
        "\"https://index.docker.io/v1/\":{\"username\":\"me\",\"password\":\"x\"}}}";
    CLEANUP(free_p) char *value = find(config, "127.0.0.1:5000", 0);
    CLEANUP(free_p) char *hub = find(config, "docker.io", 0);

    (void)state;
    /* {"serveraddress":"127.0.0.1:5000","username":"u","password":"pa:ss"} */
    assert_string_equal(value, "eyJzZXJ2ZXJhZGRyZXNzIjoiMTI3LjAuMC4xOjUwMDAiLCJ1c2VybmFtZSI6InUiLCJ"
                               "wYXNzd29yZCI6InBhOnNzIn0=");
    assert_non_null(hub);
    assert_null(find(config, "other", 0));
    find("{\"auths\":{\"r\":{\"auth\":\"!\"}}}", "r", -EINVAL);
    find("{\"auths\":{\"r\":{\"auth\":\"dQ==\"}}}", "r", -EINVAL);
    find("{}", "r", -EINVAL);
    find("{\"auths\"", "r", -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read_to_the_nanosecond),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(streams_are_told_apart_however_the_bytes_come),
        cmocka_unit_test(what_is_no_log_stream_is_refused),
        cmocka_unit_test(a_container_is_read_as_the_engine_shows_it),
        cmocka_unit_test(one_that_never_started_has_no_times),
        cmocka_unit_test(nonsense_is_an_error_with_a_text_and_nothing_else),
        cmocka_unit_test(an_error_has_the_engines_words_or_its_number),
        cmocka_unit_test(the_api_that_both_speak_is_chosen),
        cmocka_unit_test(usage_is_read_in_microseconds_and_bytes),
        cmocka_unit_test(a_pull_is_followed_over_its_layers),
        cmocka_unit_test(names_of_images_are_taken_apart_as_docker_does),
        cmocka_unit_test(all_names_of_an_image_have_one_form),
        cmocka_unit_test(credentials_are_those_of_the_registry_in_its_own_form),
        cmocka_unit_test(images_are_read_with_all_their_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
