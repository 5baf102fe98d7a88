#include "base/printable.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/utf8.h"

#define ESCAPE_MAX 8

/* U+0080 to U+009F: what a terminal may take for ESC and a letter. */
static bool is_c1(const char *text, size_t step)
{
    return step == 2 && (unsigned char)text[0] == 0xc2 && (unsigned char)text[1] < 0xa0;
}

static const char *short_name(char control)
{
    return control == '\n' ? "\\n" : control == '\t' ? "\\t" : control == '\r' ? "\\r" : NULL;
}

/* Of the character at `text`, *ret_step bytes long: what stands for it, or NULL: it may stay. */
static const char *escape(const char *text, size_t size, char ret_text[ESCAPE_MAX],
                          size_t *ret_step)
{
    size_t step = utf8_char_size(text, size);
    unsigned char byte = (unsigned char)text[0];
    const char *name = short_name(text[0]);

    *ret_step = step ? step : 1;
    if (name)
        return name;
    if (step == 0 || byte < 0x20 || byte == 0x7f)
        snprintf(ret_text, ESCAPE_MAX, "\\x%02x", byte);
    else if (is_c1(text, step))
        snprintf(ret_text, ESCAPE_MAX, "\\u%04x", (unsigned char)text[1]);
    else
        return NULL;
    return ret_text;
}

size_t printable_copy(char *out, size_t size, const char *text, const char *kept)
{
    size_t left = strlen(text), total = 0, used = 0, step;
    bool is_full = size == 0;

    for (; left > 0; text += step, left -= step) {
        char room[ESCAPE_MAX];
        const char *shown = escape(text, left, room, &step);
        size_t shown_size;

        if (!shown || strchr(kept, *text))
            shown = text;
        shown_size = shown == text ? step : strlen(shown);
        total += shown_size;
        is_full = is_full || used + shown_size >= size;
        if (is_full)
            continue;
        memcpy(out + used, shown, shown_size);
        used += shown_size;
    }
    if (size > 0)
        out[used] = '\0';
    return total;
}

static char *copy_all(const char *text, const char *kept)
{
    size_t size = printable_copy(NULL, 0, text, kept) + 1;
    char *copy = mem_alloc(size);

    printable_copy(copy, size, text, kept);
    return copy;
}

char *printable(const char *text)
{
    return copy_all(text, "");
}

void print_line_args(FILE *out, const char *format, va_list args)
{
    CLEANUP(free_p) char *shown = NULL, *text = NULL;

    if (vasprintf(&text, format, args) < 0)
        abort();
    shown = printable(text);
    fprintf(out, "%s\n", shown);
}

void print_line(FILE *out, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_line_args(out, format, args);
    va_end(args);
}

void print_lines(FILE *out, const char *text)
{
    CLEANUP(free_p) char *shown = copy_all(text, "\n");

    fprintf(out, "%s\n", shown);
}

/* What is no ASCII is in its strings alone. */
void print_json(FILE *out, const char *json)
{
    size_t left = strlen(json), step;

    for (; left > 0; json += step, left -= step) {
        step = utf8_char_size(json, left);
        step = step ? step : 1;
        if (is_c1(json, step) || *json == 0x7f)
            fprintf(out, "\\u%04x", (unsigned char)json[step - 1]);
        else
            fwrite(json, 1, step, out);
    }
    fputc('\n', out);
}
