#include "agent/docker/demux.h"

#include <string.h>
#include <time.h>

#define STREAM_MAX 2
#define FRAME_MOST                                                                                 \
    ((uint32_t)64 * 1024 * 1024) /* the Engine's are of 16 KiB; lines of exec may be longer */
#define NS_PER_S INT64_C(1000000000)

/* --- times -------------------------------------------------------------------------------------- */

/* `digits` of them; negative: they are not all digits. */
static int read_number(const char *text, int digits)
{
    int value = 0;

    for (int i = 0; i < digits; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

/* Behind the seconds; what is left of the text is the zone. */
static int64_t read_fraction(const char **text_p, const char *end)
{
    const char *text = *text_p;
    int64_t ns = 0, unit = NS_PER_S;

    if (text == end || *text != '.')
        return 0;
    for (text++; text < end && *text >= '0' && *text <= '9'; text++) {
        unit /= 10;
        ns += unit * (*text - '0');
    }
    *text_p = text;
    return ns;
}

/* Seconds east of UTC; INT64_MAX: it is no zone. */
static int64_t read_zone(const char *text, const char *end)
{
    int hours, minutes;

    if (end - text == 1 && *text == 'Z')
        return 0;
    if (end - text != 6 || (*text != '+' && *text != '-') || text[3] != ':')
        return INT64_MAX;
    hours = read_number(text + 1, 2);
    minutes = read_number(text + 4, 2);
    if (hours < 0 || minutes < 0 || hours > 23 || minutes > 59)
        return INT64_MAX;
    return (*text == '-' ? -60 : 60) * (hours * INT64_C(60) + minutes);
}

int64_t demux_parse_time_ns(const char *text, size_t size)
{
    const char *end = text + size, *at = text + 19;
    struct tm tm = {0};
    int64_t seconds, ns, zone;

    if (size < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
        text[16] != ':')
        return -1;
    tm.tm_year = read_number(text, 4);
    tm.tm_mon = read_number(text + 5, 2);
    tm.tm_mday = read_number(text + 8, 2);
    tm.tm_hour = read_number(text + 11, 2);
    tm.tm_min = read_number(text + 14, 2);
    tm.tm_sec = read_number(text + 17, 2);
    if (tm.tm_year < 1970 || tm.tm_year > 2200 || tm.tm_mon < 1 || tm.tm_mon > 12 ||
        tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour < 0 || tm.tm_hour > 23 || tm.tm_min < 0 ||
        tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60)
        return -1;
    tm.tm_year -= 1900;
    tm.tm_mon--;
    ns = read_fraction(&at, end);
    zone = read_zone(at, end);
    if (zone == INT64_MAX)
        return -1;
    seconds = (int64_t)timegm(&tm) - zone;
    return seconds < 0 ? -1 : seconds * NS_PER_S + ns;
}

/* --- frames ------------------------------------------------------------------------------------- */

static bool begin_frame(struct demux *self)
{
    const unsigned char *h = self->header;

    if (h[0] > STREAM_MAX || h[1] || h[2] || h[3])
        return false;
    self->left = (uint32_t)h[4] << 24 | (uint32_t)h[5] << 16 | (uint32_t)h[6] << 8 | (uint32_t)h[7];
    if (self->left > FRAME_MOST)
        return false;
    self->stamp_size = 0;
    self->is_in_stamp = self->has_stamps;
    if (!self->has_stamps && self->frame)
        self->frame(self->owner, h[0], 0);
    if (self->left == 0)
        self->header_size = 0;
    return true;
}

static bool take_stamp(struct demux *self, const char **data_p, size_t *size_p)
{
    while (*size_p && self->left) {
        char c = **data_p;

        (*data_p)++;
        (*size_p)--;
        self->left--;
        if (c == ' ') {
            int64_t ns = demux_parse_time_ns(self->stamp, self->stamp_size);

            if (ns < 0)
                return false;
            self->is_in_stamp = false;
            if (self->frame)
                self->frame(self->owner, self->header[0], ns);
            return true;
        }
        if (self->stamp_size == sizeof(self->stamp))
            return false;
        self->stamp[self->stamp_size++] = c;
    }
    return self->left > 0; /* a frame that ends within its timestamp is none */
}

bool demux_push(struct demux *self, const char *data, size_t size)
{
    while (size) {
        size_t part;

        if (self->header_size < sizeof(self->header)) {
            self->header[self->header_size++] = (unsigned char)*data++;
            size--;
            if (self->header_size == sizeof(self->header) && !begin_frame(self))
                return false;
            continue;
        }
        if (self->is_in_stamp) {
            if (!take_stamp(self, &data, &size))
                return false;
        } else {
            part = size < self->left ? size : self->left;
            self->bytes(self->owner, self->header[0] ? self->header[0] : 1, data, part);
            data += part;
            size -= part;
            self->left -= (uint32_t)part;
        }
        if (!self->left)
            self->header_size = 0;
    }
    return true;
}

bool demux_is_whole(const struct demux *self)
{
    return self->header_size == 0;
}
