/* bench/docker.c - the limit of a Docker Engine: create, start, wait and remove by its API, so many at a time.
 *
 *     docker SOCKET COUNT LANES IMAGE CGROUP_PARENT      prints "RATE per_s"
 *
 * Each container is as `launch` asks for it: `true` by a shell, no network, the same limits and log. Nothing is read of what
 * it writes, nothing is inspected, nothing is kept. The next one is made when one has ended, while that is removed, as an
 * agent does it; the time is that until the last one has ended.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/docker/http.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/daemon.h"

#define LANES_MAX 64
#define API       "/v1.41"

struct bench {
    struct http *http;
    const char *image, *parent;
    size_t count, begun, ended, removed;
    int64_t ended_us; /* the last one */
    bool has_failed;
};

struct lane {
    struct bench *bench;
    size_t number;
    bool has_ended;   /* the wait has answered */
    bool has_started; /* the start has */
};

static void begin_next(struct lane *lane);

static void fail(struct bench *bench, const struct http_result *result)
{
    if (!bench->has_failed)
        fprintf(stderr, "docker: HTTP %d: %s%s\n", result->status, result->error, result->body);
    bench->has_failed = true;
}

static void send(struct lane *lane, const char *method, const char *path, const char *body,
                 void (*done)(void *owner, const struct http_result *result))
{
    const struct http_request request = {.method = method,
                                         .path = path,
                                         .body = body,
                                         .timeout_ms = 120000,
                                         .body_max = 65536,
                                         .owner = lane,
                                         .done = done};

    if (!http_send(lane->bench->http, &request))
        lane->bench->has_failed = true;
}

static void on_removed(void *owner, const struct http_result *result)
{
    struct lane *lane = owner;

    if (result->status != 204)
        fail(lane->bench, result);
    lane->bench->removed++;
}

static void remove_it(struct lane *lane)
{
    char path[96];

    if (!lane->has_started || !lane->has_ended)
        return;
    snprintf(path, sizeof(path), API "/containers/bench-%zu?force=true&v=true", lane->number);
    send(lane, "DELETE", path, NULL, on_removed);
    lane->bench->ended++;
    lane->bench->ended_us = clock_now().mono_us;
    begin_next(lane);
}

static void on_ended(void *owner, const struct http_result *result)
{
    struct lane *lane = owner;

    if (result->status != 200)
        fail(lane->bench, result);
    lane->has_ended = true;
    remove_it(lane);
}

static void on_started(void *owner, const struct http_result *result)
{
    struct lane *lane = owner;

    if (result->status != 204)
        fail(lane->bench, result);
    lane->has_started = true;
    remove_it(lane);
}

/* Waiting begins before the start, or an end may be missed. */
static void on_created(void *owner, const struct http_result *result)
{
    struct lane *lane = owner;
    char path[96];

    if (result->status != 201) {
        fail(lane->bench, result);
        return;
    }
    snprintf(path, sizeof(path), API "/containers/bench-%zu/wait?condition=next-exit",
             lane->number);
    send(lane, "POST", path, NULL, on_ended);
    snprintf(path, sizeof(path), API "/containers/bench-%zu/start", lane->number);
    send(lane, "POST", path, NULL, on_started);
}

static void begin_next(struct lane *lane)
{
    CLEANUP(buf_fini) struct buf body = {0};
    struct bench *bench = lane->bench;
    char path[96];

    if (bench->begun == bench->count || bench->has_failed)
        return;
    lane->number = bench->begun++;
    lane->has_started = lane->has_ended = false;
    buf_printf(
        &body,
        "{\"Image\":\"%s\",\"Cmd\":[\"/bin/sh\",\"-c\",\"true\"],\"Entrypoint\":[],"
        "\"HostConfig\":{\"CgroupParent\":\"%s\",\"Memory\":33554432,\"MemorySwap\":33554432,"
        "\"CpuShares\":1024,\"CpuPeriod\":100000,\"CpuQuota\":100000,\"PidsLimit\":4096,"
        "\"NetworkMode\":\"none\",\"SecurityOpt\":[\"no-new-privileges\"],"
        "\"LogConfig\":{\"Type\":\"json-file\",\"Config\":{\"max-size\":\"64m\","
        "\"max-file\":\"2\"}}}}",
        bench->image, bench->parent);
    snprintf(path, sizeof(path), API "/containers/create?name=bench-%zu", lane->number);
    send(lane, "POST", path, buf_text(&body), on_created);
}

static void turn(struct http *http)
{
    struct pollfd fd = {http_fd(http), POLLIN, 0};

    poll(&fd, 1, daemon_wait_ms(http_next_us(http)));
    http_run(http);
}

int main(int argc, char **argv)
{
    struct lane lanes[LANES_MAX];
    struct bench bench = {0};
    struct err err;
    size_t lanes_count;
    int64_t began_us;

    if (argc != 6)
        return 2;
    bench.count = strtoul(argv[2], NULL, 10);
    lanes_count = strtoul(argv[3], NULL, 10);
    bench.image = argv[4];
    bench.parent = argv[5];
    if (!bench.count || !lanes_count || lanes_count > LANES_MAX)
        return 2;
    if (http_new(argv[1], &bench.http, &err) < 0) {
        fprintf(stderr, "docker: %s\n", err.text);
        return 1;
    }
    began_us = clock_now().mono_us;
    for (size_t i = 0; i < lanes_count; i++) {
        lanes[i] = (struct lane){.bench = &bench};
        begin_next(&lanes[i]);
    }
    while (bench.removed < bench.count && !bench.has_failed)
        turn(bench.http);
    printf("%.2f per_s\n", (double)bench.count * US_PER_S / (double)(bench.ended_us - began_us));
    http_destroy(&bench.http);
    return bench.has_failed;
}
