/* /files/browse, /files/read, /files/download, with the parameters and answers of Mesos. */
#include "agent/view/front.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/view/rotation.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"
#include "base/utf8.h"

#define READ_MAX    ((int64_t)256 * 1024) /* bytes of one answer of /files/read */
#define WAIT_MAX_MS 60000
#define NAME_BYTES  4096 /* of a user's record */

static void reply_wrong(struct http_request *request, int rc, const struct err *err)
{
    int status = 500;

    if (rc == -ENOENT)
        status = 404;
    else if (rc == -EACCES)
        status = 403;
    else if (rc == -ETIMEDOUT || rc == -EPIPE)
        status = 503;
    else if (rc == -EISDIR || rc == -ENOTDIR || rc == -EINVAL || rc == -ERANGE ||
             rc == -ENAMETOOLONG)
        status = 400;
    http_reply_error(request, status, "%s", err->text);
}

/* A whole number from the query; `value` as it was when it is absent. */
static int get_number(struct http_request *request, const char *name, int64_t min, int64_t max,
                      int64_t *value, struct err *err)
{
    const char *text = http_request_query(request, name);
    int rc;

    if (!text || !*text)
        return 0;
    /* Mesos's web page asks for length=-1: all of it. */
    if (!strcmp(text, "-1") && min == 0)
        return 0;
    if (!strcmp(text, "-1") && min == -1) {
        *value = -1;
        return 0;
    }
    rc = units_parse_int(text, 0, max, value, err);
    return rc < 0 ? err_wrap(err, rc, "%s", name) : 0;
}

static int get_path(struct http_request *request, const char **ret_path, struct err *err)
{
    const char *path = http_request_query(request, "path");

    if (!path || !*path)
        return err_set(err, -EINVAL, "expected ?path=");
    *ret_path = path;
    return 0;
}

/* --- browse ------------------------------------------------------------------------------------- */

static char kind_letter(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return 'd';
    case S_IFLNK:
        return 'l';
    case S_IFIFO:
        return 'p';
    case S_IFSOCK:
        return 's';
    case S_IFCHR:
        return 'c';
    case S_IFBLK:
        return 'b';
    default:
        return '-';
    }
}

/* "-rw-r--r--" */
static void write_mode(struct json *json, mode_t mode)
{
    static const char letters[] = "rwxrwxrwx";
    char text[11] = {kind_letter(mode)};

    for (int i = 0; i < 9; i++)
        text[i + 1] = mode & (mode_t)(0400 >> i) ? letters[i] : '-';
    json_pair_string(json, "mode", text);
}

static void write_user(struct json *json, uid_t uid)
{
    char buffer[NAME_BYTES], number[24];
    struct passwd entry, *found = NULL;

    snprintf(number, sizeof(number), "%u", (unsigned)uid);
    if (getpwuid_r(uid, &entry, buffer, sizeof(buffer), &found) == 0 && found)
        json_pair_string(json, "uid", entry.pw_name);
    else
        json_pair_string(json, "uid", number);
}

static void write_group(struct json *json, gid_t gid)
{
    char buffer[NAME_BYTES], number[24];
    struct group entry, *found = NULL;

    snprintf(number, sizeof(number), "%u", (unsigned)gid);
    if (getgrgid_r(gid, &entry, buffer, sizeof(buffer), &found) == 0 && found)
        json_pair_string(json, "gid", entry.gr_name);
    else
        json_pair_string(json, "gid", number);
}

static void write_entry(struct json *json, const char *folder, const struct sandbox_entry *entry)
{
    size_t size = strlen(folder);
    bool has_slash = size && folder[size - 1] == '/';
    CLEANUP(free_p) char *path = mem_printf("%s%s%s", folder, has_slash ? "" : "/", entry->name);

    json_object_begin(json);
    json_pair_string(json, "path", path);
    json_pair_int(json, "nlink", (int64_t)entry->info.st_nlink);
    json_pair_int(json, "size", entry->info.st_size);
    json_pair_int(json, "mtime", entry->info.st_mtime);
    write_mode(json, entry->info.st_mode);
    write_user(json, entry->info.st_uid);
    write_group(json, entry->info.st_gid);
    json_object_end(json);
}

void agent_route_browse(void *front, struct http_request *request)
{
    struct front *self = front;
    CLEANUP(sandbox_list_fini) struct sandbox_list list = {0};
    CLEANUP(buf_fini) struct buf body = {0};
    struct json json = JSON(&body);
    const char *path = NULL;
    struct err err;
    int rc = get_path(request, &path, &err);

    if (rc == 0)
        rc = sandbox_files_list(&self->files, path, &list, &err);
    if (rc < 0) {
        reply_wrong(request, rc, &err);
        return;
    }
    json_array_begin(&json);
    for (size_t i = 0; i < list.count; i++)
        write_entry(&json, path, &list.items[i]);
    json_array_end(&json);
    http_reply_json(request, &body);
}

/* --- read --------------------------------------------------------------------------------------- */

/* Without a character that is cut in half at the end: its other half comes with the next piece. What is
 * nothing but such a half is given as it is, so that a reader always gets on. */
static size_t whole_characters(const char *data, size_t size)
{
    for (size_t back = 1; back <= 3 && back < size; back++) {
        unsigned char byte = (unsigned char)data[size - back];

        if ((byte & 0xc0) == 0x80)
            continue;
        return byte >= 0xc0 && !utf8_char_size(data + size - back, back) ? size - back : size;
    }
    return size;
}

static void reply_piece(struct http_request *request, int64_t offset, const char *data, size_t size)
{
    CLEANUP(buf_fini) struct buf body = {0};
    struct json json = JSON(&body);

    json_object_begin(&json);
    json_key(&json, "data");
    json_text_size(&json, data, size);
    json_pair_int(&json, "offset", offset);
    json_object_end(&json);
    http_reply_json(request, &body);
}

static void read_piece(struct http_request *request, int fd, int64_t offset, int64_t length)
{
    CLEANUP(buf_fini) struct buf data = {0};
    ssize_t size = pread(fd, buf_reserve(&data, (size_t)length), (size_t)length, offset);

    if (size < 0)
        http_reply_error(request, 500, "cannot read: %s", strerrordesc_np(errno));
    else
        reply_piece(request, offset, data.data, whole_characters(data.data, (size_t)size));
}

void agent_route_read(void *front, struct http_request *request)
{
    struct front *self = front;
    CLEANUP(close_fd) int fd = -1;
    int64_t offset = -1, length = READ_MAX;
    const char *path = NULL;
    struct stat info;
    struct err err;
    int rc = get_path(request, &path, &err);

    if (rc == 0)
        rc = get_number(request, "offset", -1, INT64_MAX, &offset, &err);
    if (rc == 0)
        rc = get_number(request, "length", 0, INT64_MAX, &length, &err);
    if (rc == 0)
        rc = fd = sandbox_files_open(&self->files, path, &info, &err);
    if (rc < 0)
        reply_wrong(request, rc, &err);
    else if (offset < 0 || offset >= info.st_size)
        reply_piece(request, info.st_size, "", 0);
    else
        read_piece(request, fd, offset, length < READ_MAX ? length : READ_MAX);
}

/* --- download ----------------------------------------------------------------------------------- */

struct download {
    const char *path;
    const char *file; /* the id of the one that `offset` is in; NULL: whichever has the name */
    int64_t offset;
    int64_t length;
    int64_t wait_ms;
};

static int get_download(struct http_request *request, struct download *ret, struct err *err)
{
    int rc = get_path(request, &ret->path, err);

    ret->file = http_request_query(request, "file");
    if (rc == 0)
        rc = get_number(request, "offset", 0, INT64_MAX, &ret->offset, err);
    if (rc == 0)
        rc = get_number(request, "length", 0, INT64_MAX, &ret->length, err);
    return rc < 0 ? rc : get_number(request, "wait_ms", 0, WAIT_MAX_MS, &ret->wait_ms, err);
}

static const char *last_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static void follow(struct front *self, struct http_request *request, struct followed *followed,
                   const struct download *download)
{
    const struct follower want = {
        .request = request,
        .followed = followed,
        .offset = (uint64_t)download->offset,
        .length = (uint64_t)download->length,
        .until_us = clock_now().mono_us + download->wait_ms * US_PER_MS,
        .tells_place = download->file != NULL,
    };

    followers_add(self, &want);
}

/* Of a file that a running task may write to: it is the one to be followed, if there is nothing to read yet. */
static int find_followed(struct front *self, const struct download *download,
                         struct followed **ret_followed, struct err *err)
{
    const char *path = sandbox_files_relative(&self->files, download->path);

    *ret_followed = NULL;
    if (!download->wait_ms || !path)
        return 0;
    agent_front_catch_up(self);
    return followers_may_hope(self, path) ? followed_get(self, path, ret_followed, err) : 0;
}

void agent_tell_place(struct http_request *request, int fd, uint64_t offset, bool has_gap)
{
    char id[ROTATION_ID_SIZE], text[24];

    rotation_id(fd, id);
    snprintf(text, sizeof(text), "%" PRIu64, offset);
    http_request_add_header(request, "X-Proffer-File", id);
    http_request_add_header(request, "X-Proffer-Offset", text);
    if (has_gap)
        http_request_add_header(request, "X-Proffer-Gap", "1");
}

/* `followed` is that very file, or NULL. */
static void reply_download(struct front *self, struct http_request *request, int fd,
                           const struct download *download, const struct rotated *place,
                           struct followed *followed)
{
    int64_t left = place->info.st_size - place->offset;
    struct download here = *download;

    here.offset = place->offset;
    if (left < 0) {
        http_reply_error(request, 416, "the file has only %lld bytes",
                         (long long)place->info.st_size);
        close(fd);
    } else if (left == 0 && place->is_newest && followed) {
        followed->users++;
        follow(self, request, followed, &here);
        close(fd);
    } else {
        if (here.file)
            agent_tell_place(request, fd, (uint64_t)here.offset, place->has_gap);
        http_reply_file(request, "application/octet-stream", last_name(here.path), fd,
                        (uint64_t)here.offset, (uint64_t)(left < here.length ? left : here.length));
    }
}

/* What is followed is open already; a reader of another file, older or gone, is taken to where he goes on. */
static int open_place(struct front *self, const struct download *download,
                      const struct followed *followed, struct rotated *ret_place, struct err *err)
{
    const char *file = download->file;

    if (followed && (!file || !*file || !strcmp(file, followed->id)))
        return rotation_go_on(followed->fd, file, download->offset, ret_place, err);
    return rotation_open(&self->files, download->path, file, download->offset, ret_place, err);
}

void agent_route_download(void *front, struct http_request *request)
{
    struct download download = {.length = INT64_MAX};
    struct front *self = front;
    struct followed *followed = NULL;
    struct rotated place;
    struct err err;
    int rc = get_download(request, &download, &err);

    if (rc == 0)
        rc = find_followed(self, &download, &followed, &err);
    if (rc == 0)
        rc = open_place(self, &download, followed, &place, &err);
    if (rc < 0)
        reply_wrong(request, rc, &err);
    else
        reply_download(self, request, rc, &download, &place,
                       followed && !strcmp(followed->id, place.id) ? followed : NULL);
    if (followed)
        followed_release(self, followed);
}
