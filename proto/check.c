#include "proto/check.h"

#include <errno.h>
#include <string.h>

#include "base/bug.h"
#include "base/ids.h"
#include "base/utf8.h"
#include "proto/message.h"

/* Nearly all text is plain ASCII, and the check by characters is what costs most in decoding. */
static size_t ascii_size(const char *text, size_t size)
{
    size_t done = 0;

    while (size - done >= sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, text + done, sizeof(word));
        if (word & UINT64_C(0x8080808080808080))
            break;
        done += sizeof(word);
    }
    while (done < size && !((unsigned char)text[done] & 0x80))
        done++;
    return done;
}

static int check_text(const struct field_def *field, const char *text, const struct report *report,
                      const struct place *place)
{
    size_t size = strlen(text);
    size_t ascii;
    struct err why;

    if (size > field->limit)
        return report_at(report, place, "%zu bytes long, at most %u are allowed", size,
                         field->limit);
    if (field->flags & FIELD_ID && size > 0 && id_check(text, "it", &why) < 0)
        return report_at(report, place, "%s", why.text);
    ascii = ascii_size(text, size);
    if (!utf8_is_valid(text + ascii, size - ascii))
        return report_at(report, place, "is not valid UTF-8");
    return 0;
}

static int check_texts(const struct field_def *field, const void *record,
                       const struct report *report, struct place *place)
{
    for (size_t i = 0; i < field_count(field, record); i++) {
        int result;

        place->index = i;
        result = check_text(field, field_item_text(field, record, i), report, place);
        if (result < 0)
            return result;
    }
    return 0;
}

static int check_records(const struct field_def *field, const void *record,
                         const struct report *report, struct place *place)
{
    for (size_t i = 0; i < field_count(field, record); i++) {
        int result;

        place->index = i;
        result = check_record(field->record, field_item_record(field, record, i), report, place);
        if (result < 0)
            return result;
    }
    return 0;
}

static int check_value(const struct field_def *field, const void *record,
                       const struct report *report, struct place *place)
{
    switch ((enum field_kind)field->kind) {
    case KIND_INT:
        if (field->flags & FIELD_NOT_NEGATIVE && field_int(field, record) < 0)
            return report_at(report, place, "is negative");
        return 0;
    case KIND_STR:
        return check_text(field, field_text(field, record), report, place);
    case KIND_BYTES:
        if (field_bytes(field, record).size > field->limit)
            return report_at(report, place, "%zu bytes long, at most %u are allowed",
                             field_bytes(field, record).size, field->limit);
        return 0;
    case KIND_REC:
        return check_record(field->record, field_record(field, record), report, place);
    case KIND_STRS:
        return check_texts(field, record, report, place);
    case KIND_RECS:
        return check_records(field, record, report, place);
    case KIND_BOOL:
    case KIND_ENUM:
    case KIND_NONE:
    case KIND_MAX:
        break;
    }
    return 0;
}

int check_record(const struct record_def *def, const void *record, const struct report *report,
                 const struct place *place)
{
    RECORD_FOREACH_TAG (tag, def) {
        const struct field_def *field = &def->fields[tag];
        struct place here = {.up = place, .name = field->name, .index = PLACE_NO_INDEX};
        int result;

        if (field_has_meaning(field, record)) {
            result = check_value(field, record, report, &here);
            if (result < 0)
                return result;
        } else if (field->flags & FIELD_REQUIRED) {
            return report_at(report, &here, "is missing");
        }
    }
    return 0;
}

int record_check(const struct record_def *def, const void *record, struct err *err)
{
    struct report report = {.subject = def->name, .code = -EBADMSG, .err = err};

    return check_record(def, record, &report, NULL);
}

int message_check(const struct message *message, struct err *err)
{
    const struct message_def *def = message_def_get(message->type);
    struct report report = {.code = -EBADMSG, .err = err};

    if (!def)
        return err_set(err, -ENOMSG, "no message has the number %u", (unsigned)message->type);
    BUG_ON(!message->body);
    report.subject = def->name;
    return check_record(def->body, message->body, &report, NULL);
}
