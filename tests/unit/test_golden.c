/* Frames kept as bytes: this version must read them as they were meant, and write the same.
 *
 * A vector is a frame in hexadecimal lines, then one line of JSON with what it says.
 *
 *     tests/unit/golden/<message>.hex            of the version that is being made, with all its fields
 *     tests/unit/golden/<version>/<message>.hex  of a version that was released: never changed
 *
 * After a field was added, UPDATE_GOLDEN=1 writes the vectors of the first kind anew where they lack
 * it, and removes what is of no message. With a release they are copied into a folder of its name. Runs
 * from the top of the tree. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "tests/unit/records.h"

#define GOLDEN     "tests/unit/golden"
#define HEX_LINE   48 /* bytes */
#define FILE_LIMIT (1024 * 1024)

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

static void read_vector(const char *version, const char *name, struct vector *ret_vector)
{
    struct vector vector = {.arena = arena_new(0)};
    const char *path = arena_printf(vector.arena, "%s/%s/%s", GOLDEN, version, name);
    struct err err;

    parse_vector(path, &vector, read_file(path, vector.arena));
    if (message_decode(vector.frame, vector.size, vector.arena, &vector.message, &err) < 0)
        fail_msg("%s: %s", path, err.text);
    *ret_vector = vector;
}

/* `version`: the folder of one, or "". */
typedef void vector_fn(const char *version, const char *name, void *data);

static bool is_hex(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot && !strcmp(dot, ".hex");
}

static size_t for_each_of(const char *version, vector_fn *visit, void *data)
{
    CLEANUP(free_p) char *path = mem_printf("%s/%s", GOLDEN, version);
    DIR *directory = opendir(path);
    const struct dirent *entry;
    size_t count = 0;

    if (!directory)
        fail_msg("%s: %s; run from the top of the tree", path, strerror(errno));
    while ((entry = readdir(directory))) {
        if (!is_hex(entry->d_name))
            continue;
        visit(version, entry->d_name, data);
        count++;
    }
    closedir(directory);
    return count;
}

static size_t for_each_vector(vector_fn *visit, void *data)
{
    size_t count = for_each_of("", visit, data);
    DIR *directory = opendir(GOLDEN);
    const struct dirent *entry;

    while (directory && (entry = readdir(directory)))
        if (entry->d_type == DT_DIR && *entry->d_name != '.')
            count += for_each_of(entry->d_name, visit, data);
    if (directory)
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

static void assert_vector_holds(const char *version, const char *name, void *data)
{
    CLEANUP(vector_fini) struct vector vector = {0};
    CLEANUP(buf_fini) struct buf said = {0};
    CLEANUP(buf_fini) struct buf again = {0};
    const struct record_def *def;

    (void)data;
    read_vector(version, name, &vector);
    def = message_def_get(vector.message.type)->body;
    write_json(&vector.message, &said);
    if (strcmp(said.data, vector.json) != 0)
        fail_msg("%s/%s: expected %s, read %s", version, name, vector.json, said.data);
    if (record_is_full(def, vector.message.body))
        assert_true(record_is_equal(def, vector.message.body, record_full(def, vector.arena)));
    assert_int_equal(message_encode(&vector.message, &again, NULL), 0);
    assert_int_equal(again.size, vector.size);
    assert_memory_equal(again.data, vector.frame, vector.size);
}

static void every_vector_is_read_as_it_was_meant(void **state)
{
    (void)state;
    assert_true(for_each_vector(assert_vector_holds, NULL) > 0);
}

/* --- completeness
 * --------------------------------------------------------------------------------------- */

static const char *path_of(const char *name, struct arena *arena)
{
    return arena_printf(arena, "%s/%s.hex", GOLDEN, name);
}

static bool is_of_a_message(const char *file)
{
    for (enum msg_type type = message_next(0); type; type = message_next(type)) {
        const char *name = message_def_get(type)->body->name;
        size_t size = strlen(name);

        if (!strncmp(file, name, size) && !strcmp(file + size, ".hex"))
            return true;
    }
    return false;
}

static void look_whose_it_is(const char *version, const char *name, void *data)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);

    (void)version;
    (void)data;
    if (is_of_a_message(name))
        return;
    if (!getenv("UPDATE_GOLDEN"))
        fail_msg("%s is of no message; UPDATE_GOLDEN=1 removes it", name);
    assert_int_equal(unlink(arena_printf(arena, "%s/%s", GOLDEN, name)), 0);
}

static bool has_full_vector(const char *name)
{
    CLEANUP(vector_fini) struct vector vector = {0};
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);

    if (access(path_of(name, arena), F_OK) < 0)
        return false;
    read_vector("", arena_printf(arena, "%s.hex", name), &vector);
    return record_is_full(message_def_get(vector.message.type)->body, vector.message.body);
}

static void write_vector(enum msg_type type)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    CLEANUP(buf_fini) struct buf json = {0};
    const struct record_def *def = message_def_get(type)->body;
    struct message message = {
        .type = type, .epoch = 300, .number = 70000, .body = record_full(def, arena)};
    FILE *file = fopen(path_of(def->name, arena), "we");
    size_t size;
    CLEANUP(free_p) char *frame = frame_of(&message, &size);

    assert_non_null(file);
    for (size_t i = 0; i < size; i++)
        fprintf(file, "%02x%s", (unsigned char)frame[i],
                (i + 1) % HEX_LINE == 0 || i + 1 == size ? "\n" : "");
    write_json(&message, &json);
    fputs(json.data, file);
    assert_int_equal(fclose(file), 0);
}

static void every_message_has_a_vector_with_all_its_fields(void **state)
{
    (void)state;
    for_each_of("", look_whose_it_is, NULL);
    for (enum msg_type type = message_next(0); type; type = message_next(type)) {
        if (has_full_vector(message_def_get(type)->body->name))
            continue;
        if (!getenv("UPDATE_GOLDEN"))
            fail_msg("%s has a field that its vector lacks; UPDATE_GOLDEN=1 writes it anew",
                     message_name(type));
        write_vector(type);
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
