/* Any bytes as what a Docker Engine says: the stream of logs, in pieces, and each of its answers. What is taken must be
 * sendable to the agent. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "agent/docker/answers.h"
#include "agent/docker/core/image_name.h"
#include "agent/docker/credentials.h"
#include "agent/docker/demux.h"
#include "base/bug.h"
#include "base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct count {
    size_t bytes;
};

static void on_frame(void *owner, int stream, int64_t stamp_ns)
{
    (void)owner;
    BUG_ON(stream < 0 || stream > 2 || stamp_ns < 0);
}

static void on_bytes(void *owner, int stream, const char *bytes, size_t size)
{
    struct count *count = owner;

    BUG_ON(stream != 1 && stream != 2);
    BUG_ON(!size || !bytes);
    count->bytes += size;
}

/* In pieces of `step`: whether it is taken must not depend on how it comes. */
static bool demux(const uint8_t *data, size_t size, size_t step, bool has_stamps, size_t *ret_bytes)
{
    struct count count = {0};
    struct demux self = {
        .has_stamps = has_stamps, .owner = &count, .frame = on_frame, .bytes = on_bytes};
    bool is_right = true;

    for (size_t at = 0; at < size && is_right; at += step)
        is_right = demux_push(&self, (const char *)data + at, size - at < step ? size - at : step);
    *ret_bytes = count.bytes;
    BUG_ON(count.bytes > size);
    return is_right;
}

static void check_seen(const struct dock_answer *answer)
{
    for (size_t i = 0; i < answer->seen_count; i++) {
        const struct dock_seen *seen = &answer->seen[i];
        struct err err;

        BUG_ON(seen->pid < 0 || seen->exit_code < 0 || seen->started_us < 0);
        BUG_ON(message_check(&MESSAGE(CONTAINER_STARTED, container_started, .container_id = "t",
                                      .pid = seen->pid, .network_address = seen->address),
                             &err) < 0);
        BUG_ON(message_check(&MESSAGE(CONTAINER_EXITED, container_exited, .container_id = "t",
                                      .error = seen->error),
                             &err) < 0);
    }
}

static void read_answers(const char *text, size_t size)
{
    for (int kind = 0; kind < CALL_KIND_MAX; kind++) {
        CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
        struct dock_answer answer = {0};
        struct err err = {""};

        if (answers_read((enum dock_call_kind)kind, 200, text, size, arena, &answer, &err) < 0)
            BUG_ON(answer.status != 0 || !*answer.error);
        check_seen(&answer);
    }
}

static void read_lines(const char *text, size_t size)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct pull_view view = {0};
    const char *const *ids;
    char *value = NULL;
    size_t count;

    answers_read_event(text, size, arena);
    answers_read_used(text, size, arena, &ids, &count);
    pull_view_read(&view, text, size);
    BUG_ON(view.count > PULL_LAYERS_MAX);
    credentials_find(text, size, "r", &value, NULL);
    free(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(free_p) char *text = malloc(size + 1);
    size_t whole, parts;

    BUG_ON(!text);
    memcpy(text, data, size);
    text[size] = '\0';
    for (int has_stamps = 0; has_stamps < 2; has_stamps++) {
        bool is_right = demux(data, size, size ? size : 1, has_stamps, &whole);

        BUG_ON(demux(data, size, 3, has_stamps, &parts) != is_right);
        BUG_ON(is_right && whole != parts);
    }
    read_answers(text, size);
    read_lines(text, size);
    return 0;
}
