/* Frames of earlier versions, kept as bytes: this version must still read them as they were meant.
 *
 * tests/unit/golden/<message>.hex holds a frame in hexadecimal lines, then one line of JSON with
 * what it says. A vector is never changed. After a field was added, UPDATE_GOLDEN=1 adds a vector
 * that has it, beside the old one. Runs from the top of the tree. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "tests/unit/records.h"

#define GOLDEN     "tests/unit/golden"
#define HEX_LINE   48 /* bytes */
#define FILE_LIMIT (1024 * 1024)
#define EDITIONS   100

struct vector {
    struct arena *arena; /* owned; holds what is below */
    char *frame;
    size_t size;
    const char *json;
    struct message message; /* decoded */
};

static void vector_fini(struct vector *self)
{
    arena_destroy(&self->arena);
}

/* --- files
 * ------------------------------------------------------------------------------------------- */

static char *read_file(const char *path, struct arena *arena)
{
    char *text = arena_alloc(arena, FILE_LIMIT);
    FILE *file = fopen(path, "re");
    size_t size;

    if (!file)
        fail_msg("%s: %s", path, strerror(errno));
    size = fread(text, 1, FILE_LIMIT - 1, file);
    fclose(file);
    text[size] = '\0';
    return text;
}

static unsigned char hex_value(char digit)
{
    return (unsigned char)(isdigit((unsigned char)digit) ? digit - '0' : digit - 'a' + 10);
}

/* Hexadecimal up to the line that begins the JSON. */
static void parse_vector(const char *path, struct vector *vector, const char *text)
{
    vector->frame = arena_alloc(vector->arena, strlen(text) / 2);
    for (; *text && *text != '{'; text++) {
        if (*text == '\n')
            continue;
        if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]))
            fail_msg("%s: neither hexadecimal nor JSON: %.20s", path, text);
        vector->frame[vector->size++] = (char)(hex_value(text[0]) << 4 | hex_value(text[1]));
        text++;
    }
    vector->json = text;
}

static void read_vector(const char *name, struct vector *ret_vector)
{
    struct vector vector = {.arena = arena_new(0)};
    const char *path = arena_printf(vector.arena, "%s/%s", GOLDEN, name);
    struct err err;

    parse_vector(path, &vector, read_file(path, vector.arena));
    if (message_decode(vector.frame, vector.size, vector.arena, &vector.message, &err) < 0)
        fail_msg("%s: %s", path, err.text);
    *ret_vector = vector;
}

typedef void vector_fn(const char *name, const struct vector *vector, void *data);

static size_t for_each_vector(vector_fn *visit, void *data)
{
    DIR *directory = opendir(GOLDEN);
    const struct dirent *entry;
    size_t count = 0;

    if (!directory)
        fail_msg("%s: %s; run from the top of the tree", GOLDEN, strerror(errno));
    while ((entry = readdir(directory))) {
        const char *dot = strrchr(entry->d_name, '.');
        CLEANUP(vector_fini) struct vector vector = {0};

        if (!dot || strcmp(dot, ".hex") != 0)
            continue;
        read_vector(entry->d_name, &vector);
        visit(entry->d_name, &vector, data);
        count++;
    }
    closedir(directory);
    return count;
}

/* --- what a vector says
 * -------------------------------------------------------------------------------- */

static void write_json(const struct message *message, struct buf *out)
{
    struct json json = JSON(out);

    json_object_begin(&json);
    json_pair_string(&json, "type", message_name(message->type));
    json_pair_int(&json, "epoch", (int64_t)message->epoch);
    json_pair_int(&json, "number", (int64_t)message->number);
    json_key(&json, "body");
    record_write_json(message_def_get(message->type)->body, message->body, &json);
    json_object_end(&json);
    buf_puts(out, "\n");
}

static void assert_vector_holds(const char *name, const struct vector *vector, void *data)
{
    const struct record_def *def = message_def_get(vector->message.type)->body;
    CLEANUP(buf_fini) struct buf said = {0};
    CLEANUP(buf_fini) struct buf again = {0};

    (void)data;
    write_json(&vector->message, &said);
    if (strcmp(said.data, vector->json) != 0)
        fail_msg("%s: expected %s, read %s", name, vector->json, said.data);
    if (record_is_full(def, vector->message.body))
        assert_true(record_is_equal(def, vector->message.body, record_full(def, vector->arena)));
    assert_int_equal(message_encode(&vector->message, &again, NULL), 0);
    assert_int_equal(again.size, vector->size);
    assert_memory_equal(again.data, vector->frame, vector->size);
}

static void every_vector_is_read_as_it_was_meant(void **state)
{
    (void)state;
    assert_true(for_each_vector(assert_vector_holds, NULL) > 0);
}

/* --- completeness
 * --------------------------------------------------------------------------------------- */

static void note_if_full(const char *name, const struct vector *vector, void *data)
{
    bool *has_full = data;

    (void)name;
    if (record_is_full(message_def_get(vector->message.type)->body, vector->message.body))
        has_full[vector->message.type] = true;
}

/* The first name that is free: "kill.hex", "kill-2.hex". Never writes to a file that is there. */
static FILE *create_vector(const char *name, struct arena *arena)
{
    for (int edition = 1; edition < EDITIONS; edition++) {
        const char *path = edition == 1
                               ? arena_printf(arena, "%s/%s.hex", GOLDEN, name)
                               : arena_printf(arena, "%s/%s-%d.hex", GOLDEN, name, edition);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

        if (fd >= 0)
            return fdopen(fd, "w");
        if (errno != EEXIST)
            fail_msg("%s: %s", path, strerror(errno));
    }
    fail_msg("%s: too many editions", name);
    return NULL;
}

static void add_vector(enum msg_type type)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    CLEANUP(buf_fini) struct buf json = {0};
    const struct record_def *def = message_def_get(type)->body;
    struct message message = {
        .type = type, .epoch = 300, .number = 70000, .body = record_full(def, arena)};
    FILE *file = create_vector(def->name, arena);
    size_t size;
    CLEANUP(free_p) char *frame = frame_of(&message, &size);

    for (size_t i = 0; i < size; i++)
        fprintf(file, "%02x%s", (unsigned char)frame[i],
                (i + 1) % HEX_LINE == 0 || i + 1 == size ? "\n" : "");
    write_json(&message, &json);
    fputs(json.data, file);
    assert_int_equal(fclose(file), 0);
}

static void every_message_has_a_vector_with_all_its_fields(void **state)
{
    bool has_full[MSG_TYPE_MAX] = {false};

    (void)state;
    for_each_vector(note_if_full, has_full);
    for (enum msg_type type = message_next(0); type; type = message_next(type)) {
        if (has_full[type])
            continue;
        if (!getenv("UPDATE_GOLDEN"))
            fail_msg("%s has a field that no vector has; UPDATE_GOLDEN=1 adds a vector",
                     message_name(type));
        add_vector(type);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_has_a_vector_with_all_its_fields),
        cmocka_unit_test(every_vector_is_read_as_it_was_meant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
