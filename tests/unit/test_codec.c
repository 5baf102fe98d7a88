/* The codec from the outside: what goes in comes out, and what is not ours is refused with a
 * reason. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "proto/scan.h"
#include "tests/unit/records.h"

#define ROUNDS 100

static void every_message_comes_back_as_it_was_sent(void **state)
{
    struct rng rng = {.state = 1};

    (void)state;
    for (enum msg_type type = message_next(0); type; type = message_next(type)) {
        for (int round = 0; round < ROUNDS; round++) {
            CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
            struct message message = message_random(type, &rng, arena);

            assert_comes_back(&message);
        }
    }
}

static void the_least_and_the_most_of_every_message_come_back(void **state)
{
    (void)state;
    for (enum msg_type type = message_next(0); type; type = message_next(type)) {
        CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
        const struct record_def *def = message_def_get(type)->body;
        struct message least = {.type = type, .body = record_least(def, arena)};
        struct message most = {.type = type, .body = record_full(def, arena)};

        most.epoch = most.number = UINT64_MAX;
        assert_comes_back(&least);
        assert_comes_back(&most);
        assert_true(record_is_full(def, most.body));
    }
}

static void a_copy_is_equal_and_borrows_nothing(void **state)
{
    struct rng rng = {.state = 2};

    (void)state;
    for (enum msg_type type = message_next(0); type; type = message_next(type)) {
        CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
        CLEANUP(arena_destroy) struct arena *first = arena_new(0);
        CLEANUP(arena_destroy) struct arena *second = arena_new(0);
        const struct record_def *def = message_def_get(type)->body;
        const void *body = record_random(def, &rng, arena);
        const void *one = message_copy_body(type, body, first);
        const void *two = record_copy(def, body, second);

        arena_destroy(&arena);
        assert_true(record_is_equal(def, one, two));
    }
}

static void a_copy_beyond_the_limit_of_its_arena_is_null(void **state)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    const void *task = record_full(&task_info_def, arena);
    size_t refused = 0;

    (void)state;
    for (size_t limit = 16; limit < 4096; limit += 16) {
        CLEANUP(arena_destroy) struct arena *small = arena_new(limit);
        const void *copy = record_copy(&task_info_def, task, small);

        refused += !copy;
        if (copy)
            assert_true(record_is_equal(&task_info_def, task, copy));
    }
    assert_true(refused > 10);
}

static void absent_things_have_their_defaults(void **state)
{
    static const struct label_info labels[] = {{.key = "k"}};
    static const struct command_info command = {0};
    static const struct task_info task = {
        .task_id = "t", .agent_id = "a", .command = &command, .labels = labels, .labels_count = 1};
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    CLEANUP(free_p) char *frame = NULL;
    static const struct framework_info framework = {.name = "f"};
    struct message message = MESSAGE(RUN_TASK, run_task, .framework = &framework, .task = &task);
    struct message decoded;
    const struct task_info *got;
    size_t size;

    (void)state;
    frame = frame_of(&message, &size);
    assert_int_equal(message_decode(frame, size, arena, &decoded, NULL), 0);
    got = decoded.run_task->task;
    assert_string_equal(decoded.run_task->role, "");
    assert_string_equal(got->name, "");
    assert_string_equal(got->command->value, "");
    assert_string_equal(got->labels[0].value, "");
    assert_null(got->kill_policy);
    assert_null(got->resources);
    assert_int_equal(got->resources_count, 0);
    assert_int_equal(got->data.size, 0);
}

static void what_is_empty_is_not_sent_but_an_empty_record_is(void **state)
{
    static const struct filters at_once = {.refuse_ms = 0};
    static const char *const offers[] = {"o"};
    struct message with =
        MESSAGE(DECLINE, decline, .offer_ids = offers, .offer_ids_count = 1, .filters = &at_once);
    struct message without = MESSAGE(DECLINE, decline, .offer_ids = offers, .offer_ids_count = 1);
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    CLEANUP(free_p) char *long_frame = NULL, *short_frame = NULL;
    struct message decoded;
    size_t long_size, short_size;

    (void)state;
    long_frame = frame_of(&with, &long_size);
    short_frame = frame_of(&without, &short_size);
    assert_int_equal(long_size, short_size + 2);
    assert_int_equal(message_decode(long_frame, long_size, arena, &decoded, NULL), 0);
    assert_non_null(decoded.decline->filters);
    assert_int_equal(message_decode(short_frame, short_size, arena, &decoded, NULL), 0);
    assert_null(decoded.decline->filters);
}

static void all_fields_of_a_record_are_gone_through_in_the_order_of_tags(void **state)
{
    const struct record_def last = {.end = 256, .tags = {0, 0, 0, UINT64_C(1) << 63}};

    (void)state;
    for (unsigned type = 0; type < MSG_TYPE_MAX; type++) {
        const struct message_def *message = message_def_get((enum msg_type)type);
        size_t next = 0;

        if (!message)
            continue;
        for (size_t tag = 1; tag < message->body->end; tag++)
            if (message->body->fields[tag].kind) {
                next = record_tag_after(message->body, next);
                assert_int_equal(next, tag);
            }
        assert_int_equal(record_tag_after(message->body, next), 0);
    }
    assert_int_equal(record_tag_after(&last, 0), FIELD_TAG_MAX);
    assert_int_equal(record_tag_after(&last, FIELD_TAG_MAX), 0);
}

/* --- bounds ----------------------------------------------------------------------------------- */

/* The fewest bytes in which a record may stand, in an array. */
static size_t wire_size_least(const struct record_def *def)
{
    size_t size = 1;

    for (size_t tag = 1; tag < def->end; tag++)
        if (def->fields[tag].flags & FIELD_REQUIRED)
            size += 2 + (def->fields[tag].kind == KIND_REC ? 0 : 1) *
                            (def->fields[tag].kind == KIND_STR);
    return size;
}

/* Records that stand in arrays, and how deep a frame can be because of them. */
static size_t check_arrays(const struct record_def *def)
{
    size_t depth = 0;

    for (size_t tag = 1; tag < def->end; tag++) {
        const struct field_def *field = &def->fields[tag];
        size_t below = field->record ? 1 + check_arrays(field->record) : 0;

        if (field->kind == KIND_RECS) {
            below++;
            assert_true(field->record->size + MESSAGE_MEMORY_STEP <=
                        MESSAGE_MEMORY_FACTOR * wire_size_least(field->record));
        } else if (field->kind == KIND_STRS) {
            below++;
        }
        depth = below > depth ? below : depth;
    }
    return depth;
}

static void no_honest_message_is_beyond_the_bounds(void **state)
{
    (void)state;
    for (enum msg_type type = message_next(0); type; type = message_next(type))
        assert_true(2 + check_arrays(message_def_get(type)->body) <= SCAN_DEPTH_MAX);
}

static void a_message_that_is_too_long_leaves_the_buffer_alone(void **state)
{
    CLEANUP(buf_fini) struct buf out = {0};
    CLEANUP(free_p) char *data = calloc(1, FRAME_MAX);
    struct message message = MESSAGE(MESSAGE_TO_EXECUTOR, message_to_executor, .agent_id = "a",
                                     .task_id = "t", .data = {.data = data, .size = FRAME_MAX});
    struct err err;

    (void)state;
    buf_puts(&out, "before");
    assert_int_equal(message_encode(&message, &out, &err), -EMSGSIZE);
    assert_string_equal(out.data, "before");
    assert_int_equal(out.size, 6);
    assert_int_equal(message_check(&message, &err), -EBADMSG);
    assert_string_equal(err.text, "MESSAGE_TO_EXECUTOR: data: 4194304 bytes long, at most 1048576 "
                                  "are allowed");
}

static void a_frame_beyond_the_limit_is_not_even_looked_at(void **state)
{
    CLEANUP(free_p) char *frame = calloc(1, FRAME_MAX + 1);
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct message message;
    struct err err;

    (void)state;
    assert_int_equal(message_decode(frame, FRAME_MAX + 1, arena, &message, &err), -EBADMSG);
    assert_string_equal(err.text, "message: 4194305 bytes long, at most 4194304 are allowed");
}

static void texts_may_be_as_long_as_the_schema_says_and_no_longer(void **state)
{
    CLEANUP(free_p) char *text = calloc(1, MESSAGE_MAX + 2);
    struct message message = MESSAGE(ERROR, error, .message = text);
    struct err err;

    (void)state;
    memset(text, 'x', MESSAGE_MAX);
    assert_comes_back(&message);
    text[MESSAGE_MAX] = 'x';
    assert_int_equal(message_check(&message, &err), -EBADMSG);
    assert_string_equal(err.text, "ERROR: message: 4097 bytes long, at most 4096 are allowed");
}

static void a_record_is_checked_on_its_own(void **state)
{
    static const struct env_info env[] = {{.name = "A"}, {.value = "no name"}};
    static const struct command_info command = {.env = env, .env_count = 2};
    struct task_info task = {.task_id = "t", .agent_id = "a", .command = &command};
    struct err err;

    (void)state;
    assert_int_equal(record_check(&task_info_def, &task, &err), -EBADMSG);
    assert_string_equal(err.text, "task_info: command.env[1].name: is missing");
    task.task_id = "a/b";
    assert_int_equal(record_check(&task_info_def, &task, NULL), -EBADMSG);
}

static void names_are_those_of_the_schema(void **state)
{
    (void)state;
    assert_string_equal(message_name(MSG_RUN_TASK), "RUN_TASK");
    assert_string_equal(message_name(99), "?");
    assert_string_equal(message_name(100000), "?");
    assert_string_equal(task_state_name(TASK_GONE_BY_OPERATOR), "TASK_GONE_BY_OPERATOR");
    assert_string_equal(task_state_name(0), "");
    assert_string_equal(task_state_name(99), "");
    assert_string_equal(task_reason_name(REASON_RECONCILIATION), "REASON_RECONCILIATION");
    assert_string_equal(status_source_name(SOURCE_AGENT), "SOURCE_AGENT");
    assert_string_equal(removal_reason_name(REMOVED_GONE), "REMOVED_GONE");
    assert_true(task_state_is_terminal(TASK_DROPPED));
    assert_false(task_state_is_terminal(TASK_UNREACHABLE));
    assert_false(task_state_is_terminal(0));
}

static void record_alone_comes_back_as_it_was(void **state)
{
    static const char *const gpus[] = {"g0", "g1"};
    const struct container_info container = {.container_id = "c1",
                                             .pid = 42,
                                             .sandbox = "/s",
                                             .exclusive = true,
                                             .gpus = gpus,
                                             .gpus_count = 2};
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    CLEANUP(buf_fini) struct buf out = {0};
    const void *record = NULL;
    const struct container_info *back;
    struct err err;

    (void)state;
    assert_int_equal(record_encode(&container_info_def, &container, &out, &err), 0);
    for (size_t size = 0; size < out.size; size++)
        assert_int_equal(record_decode(&container_info_def, out.data, size, arena, &record, &err),
                         -EBADMSG);
    assert_null(record);
    assert_int_equal(record_decode(&container_info_def, out.data, out.size, arena, &record, &err),
                     0);
    back = record;
    assert_string_equal(back->container_id, "c1");
    assert_string_equal(back->sandbox, "/s");
    assert_string_equal(back->cpus, "");
    assert_int_equal(back->pid, 42);
    assert_true(back->exclusive);
    assert_int_equal(back->gpus_count, 2);
    assert_string_equal(back->gpus[1], "g1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(record_alone_comes_back_as_it_was),
        cmocka_unit_test(every_message_comes_back_as_it_was_sent),
        cmocka_unit_test(the_least_and_the_most_of_every_message_come_back),
        cmocka_unit_test(a_copy_is_equal_and_borrows_nothing),
        cmocka_unit_test(a_copy_beyond_the_limit_of_its_arena_is_null),
        cmocka_unit_test(absent_things_have_their_defaults),
        cmocka_unit_test(what_is_empty_is_not_sent_but_an_empty_record_is),
        cmocka_unit_test(all_fields_of_a_record_are_gone_through_in_the_order_of_tags),
        cmocka_unit_test(no_honest_message_is_beyond_the_bounds),
        cmocka_unit_test(a_message_that_is_too_long_leaves_the_buffer_alone),
        cmocka_unit_test(a_frame_beyond_the_limit_is_not_even_looked_at),
        cmocka_unit_test(texts_may_be_as_long_as_the_schema_says_and_no_longer),
        cmocka_unit_test(a_record_is_checked_on_its_own),
        cmocka_unit_test(names_are_those_of_the_schema),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
