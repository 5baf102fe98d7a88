/* agent/docker/demux.h - the Engine's stream of what a container writes: frames of eight bytes and a payload.
 *
 *     stream (1: stdout, 2: stderr, 0: stdin as echoed), 0, 0, 0, length as four bytes, big-endian
 *
 * With timestamps=1 each payload begins with when it was written, as 2026-11-29T23:04:39.057727037Z and a space. Bytes
 * come in pieces of any size; nothing is copied but what a header or a timestamp is made of. Pure.
 * Source: https://docs.docker.com/engine/api/v1.41/ (ContainerAttach, "Stream format").
 */
#ifndef PROFFER_AGENT_DOCKER_DEMUX_H
#define PROFFER_AGENT_DOCKER_DEMUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEMUX_STAMP_MAX 40

struct demux {
    bool has_stamps; /* set by whoever uses it */
    void *owner;
    /* A frame begins; `stamp_ns` since 1970, 0 without stamps. May be NULL. */
    void (*frame)(void *owner, int stream, int64_t stamp_ns);
    /* Some of its payload. `stream`: 1 or 2. */
    void (*bytes)(void *owner, int stream, const char *data, size_t size);

    unsigned char header[8];
    size_t header_size;
    uint32_t left; /* of the payload */
    bool is_in_stamp;
    char stamp[DEMUX_STAMP_MAX];
    size_t stamp_size;
};

/* False: it is no such stream; then it must not be called again. */
bool demux_push(struct demux *self, const char *data, size_t size);
/* Has the last frame come whole? */
bool demux_is_whole(const struct demux *self);

/* "2026-11-29T23:04:39.057727037Z", with up to nine decimals, in UTC or with an offset. Negative: it is no such text. */
int64_t demux_parse_time_ns(const char *text, size_t size);

#endif
