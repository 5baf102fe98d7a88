/* Files of sandboxes: what is shown, and that nothing leads out of them. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "agent/view/sandbox_files.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "tests/unit/agent_fixture.h"
#include "tests/unit/agent_site.h"

static void json_drop(json_t **json)
{
    json_decref(*json);
}

static int set_up(void **state)
{
    struct agent_site *site = agent_site_new();

    agent_site_write(site, "F/c1/stdout", "hello\nworld\n");
    agent_site_write(site, "F/c1/sub/deep", "x");
    *state = site;
    return 0;
}

static int tear_down(void **state)
{
    struct agent_site *site = *state;

    agent_site_destroy(&site);
    return 0;
}

static json_t *get_json(const struct agent_site *site, const char *target)
{
    CLEANUP(buf_fini) struct buf body = {0};
    json_error_t error;
    json_t *json;

    assert_int_equal(agent_site_get(site, target, &body), 200);
    json = json_loads(buf_text(&body), 0, &error);
    if (!json)
        fail_msg("%s: %s", target, error.text);
    return json;
}

static int get_status(const struct agent_site *site, const char *target)
{
    CLEANUP(buf_fini) struct buf body = {0};

    return agent_site_get(site, target, &body);
}

/* --- what is shown ------------------------------------------------------------------------------ */

static void folder_is_listed_by_name_as_mesos_does(void **state)
{
    CLEANUP(json_drop) json_t *list = get_json(*state, "/files/browse?path=F/c1");
    const json_t *file = json_array_get(list, 0), *folder = json_array_get(list, 1);

    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(json_string_value(json_object_get(file, "path")), "F/c1/stdout");
    assert_string_equal(json_string_value(json_object_get(file, "mode")), "-rw-r--r--");
    assert_int_equal(json_integer_value(json_object_get(file, "size")), 12);
    assert_int_equal(json_integer_value(json_object_get(file, "nlink")), 1);
    assert_true(json_is_string(json_object_get(file, "uid")));
    assert_true(json_is_string(json_object_get(file, "gid")));
    assert_true(json_is_integer(json_object_get(file, "mtime")));
    assert_string_equal(json_string_value(json_object_get(folder, "mode")), "drwxr-xr-x");
}

static void absolute_path_of_a_sandbox_is_taken(void **state)
{
    const struct agent_site *site = *state;
    CLEANUP(free_p) char *target = mem_printf("/files/browse?path=%s/F/c1/", site->sandboxes);
    CLEANUP(json_drop) json_t *list = get_json(site, target);
    CLEANUP(free_p) char *path = mem_printf("%s/F/c1/stdout", site->sandboxes);

    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "path")), path);
}

static void assert_piece(const struct agent_site *site, const char *target, const char *data,
                         int offset)
{
    CLEANUP(json_drop) json_t *piece = get_json(site, target);

    assert_string_equal(json_string_value(json_object_get(piece, "data")), data);
    assert_int_equal(json_integer_value(json_object_get(piece, "offset")), offset);
}

static void file_is_read_in_pieces_and_minus_one_tells_its_size(void **state)
{
    const struct agent_site *site = *state;

    assert_piece(site, "/files/read?path=F/c1/stdout&offset=0", "hello\nworld\n", 0);
    assert_piece(site, "/files/read?path=F/c1/stdout&offset=6&length=3", "wor", 6);
    assert_piece(site, "/files/read?path=F/c1/stdout&offset=0&length=-1", "hello\nworld\n", 0);
    assert_piece(site, "/files/read?path=F/c1/stdout&offset=-1", "", 12);
    assert_piece(site, "/files/read?path=F/c1/stdout", "", 12);
    assert_piece(site, "/files/read?path=F/c1/stdout&offset=12", "", 12);
    assert_piece(site, "/files/read?path=F/c1/stdout&offset=9223372036854775807", "", 12);
}

static void character_is_not_cut_in_half(void **state)
{
    const struct agent_site *site = *state;

    agent_site_write(site, "F/c1/utf8", "ab\xc3\xa9\xff");
    assert_piece(site, "/files/read?path=F/c1/utf8&offset=0&length=3", "ab", 0);
    assert_piece(site, "/files/read?path=F/c1/utf8&offset=2&length=2", "\xc3\xa9", 2);
    assert_piece(site, "/files/read?path=F/c1/utf8&offset=2&length=1", "\xef\xbf\xbd", 2);
    assert_piece(site, "/files/read?path=F/c1/utf8&offset=4&length=9", "\xef\xbf\xbd", 4);
}

static void file_is_downloaded_whole_or_in_part(void **state)
{
    const struct agent_site *site = *state;
    CLEANUP(buf_fini) struct buf body = {0};

    assert_int_equal(agent_site_get(site, "/files/download?path=F/c1/stdout", &body), 200);
    assert_string_equal(buf_text(&body), "hello\nworld\n");
    assert_int_equal(
        agent_site_get(site, "/files/download?path=F/c1/stdout&offset=6&length=5", &body), 200);
    assert_string_equal(buf_text(&body), "world");
    assert_int_equal(agent_site_get(site, "/files/download?path=F/c1/stdout&offset=12", &body),
                     200);
    assert_int_equal(body.size, 0);
    assert_int_equal(get_status(site, "/files/download?path=F/c1/stdout&offset=13"), 416);
    assert_int_equal(
        get_status(site, "/files/download?path=F/c1/stdout&offset=9223372036854775807"), 416);
}

static void bad_questions_are_answered_with_400_or_404(void **state)
{
    const struct agent_site *site = *state;

    assert_int_equal(get_status(site, "/files/browse"), 400);
    assert_int_equal(get_status(site, "/files/read?path="), 400);
    assert_int_equal(get_status(site, "/files/read?path=F/c1/stdout&offset=abc"), 400);
    assert_int_equal(get_status(site, "/files/read?path=F/c1/stdout&offset=-2"), 400);
    assert_int_equal(get_status(site, "/files/read?path=F/c1/stdout&offset=99999999999999999999"),
                     400);
    assert_int_equal(get_status(site, "/files/download?path=F/c1/stdout&wait_ms=99999999"), 400);
    assert_int_equal(get_status(site, "/files/read?path=F/c1"), 400);
    assert_int_equal(get_status(site, "/files/browse?path=F/c1/stdout"), 400);
    assert_int_equal(get_status(site, "/files/read?path=F/none"), 404);
    assert_int_equal(get_status(site, "/files/browse?path=none"), 404);
}

/* --- what leads out ----------------------------------------------------------------------------- */

static void assert_closed(const struct agent_site *site, const char *path)
{
    static const char *const doors[] = {"/files/browse", "/files/read", "/files/download"};

    for (size_t i = 0; i < ARRAY_SIZE(doors); i++) {
        CLEANUP(free_p) char *target = mem_printf("%s?path=%s&offset=0", doors[i], path);
        CLEANUP(buf_fini) struct buf body = {0};

        assert_int_not_equal(agent_site_get(site, target, &body), 200);
        assert_null(strstr(buf_text(&body), "root:"));
    }
}

static void no_path_leads_out(void **state)
{
    const struct agent_site *site = *state;
    CLEANUP(free_p) char *sibling = mem_printf("%s-else", site->sandboxes);
    CLEANUP(free_p) char *up = mem_printf("%s/../secret", site->sandboxes);
    CLEANUP(free_p) char *secret = mem_printf("%s/secret", site->dir);

    agent_site_write(site, "../secret", "root:secret");
    agent_site_write(site, "../sandboxes-else/x", "root:secret");
    assert_closed(site, "/etc/passwd");
    assert_closed(site, "/");
    assert_closed(site, "..");
    assert_closed(site, "../secret");
    assert_closed(site, "F/../../secret");
    assert_closed(site, "F/c1/../../../../../../../etc/passwd");
    assert_closed(site, "%2e%2e/secret");
    assert_closed(site, up);
    assert_closed(site, secret);
    assert_closed(site, sibling);
}

static void links_are_not_followed(void **state)
{
    const struct agent_site *site = *state;
    CLEANUP(free_p) char *link = mem_printf("%s/F/c1/link", site->sandboxes);
    CLEANUP(free_p) char *up = mem_printf("%s/F/c1/up", site->sandboxes);
    CLEANUP(free_p) char *inside = mem_printf("%s/F/c1/inside", site->sandboxes);
    CLEANUP(free_p) char *magic = mem_printf("%s/F/c1/magic", site->sandboxes);

    assert_int_equal(symlink("/etc/passwd", link), 0);
    assert_int_equal(symlink("/etc", up), 0);
    assert_int_equal(symlink("stdout", inside), 0);
    assert_int_equal(symlink("/proc/self/root/etc", magic), 0);
    assert_closed(site, "F/c1/link");
    assert_closed(site, "F/c1/up");
    assert_closed(site, "F/c1/up/passwd");
    assert_closed(site, "F/c1/inside");
    assert_closed(site, "F/c1/magic/passwd");
    CLEANUP(json_drop) json_t *list = get_json(site, "/files/browse?path=F/c1");
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "mode")) + 0,
                        "lrwxrwxrwx");
}

static void fifos_and_devices_are_not_opened(void **state)
{
    const struct agent_site *site = *state;
    CLEANUP(free_p) char *fifo = mem_printf("%s/F/c1/fifo", site->sandboxes);
    CLEANUP(free_p) char *device = mem_printf("%s/F/c1/zero", site->sandboxes);

    assert_int_equal(mkfifo(fifo, 0666), 0);
    assert_closed(site, "F/c1/fifo");
    if (mknod(device, S_IFCHR | 0666, makedev(1, 5)) < 0)
        print_message("skip: devices cannot be made here: %s\n", strerror(errno));
    else
        assert_closed(site, "F/c1/zero");
}

static void errors_say_which_kind_of_wrong(void **state)
{
    const struct agent_site *site = *state;
    CLEANUP(sandbox_files_fini) struct sandbox_files files = {0};
    struct sandbox_list list;
    struct stat info;
    struct err err;

    sandbox_files_init(&files, site->sandboxes, site->desk_fd);
    assert_int_equal(sandbox_files_open(&files, "F/c1/none", &info, &err), -ENOENT);
    assert_int_equal(sandbox_files_open(&files, "F/c1", &info, &err), -EISDIR);
    assert_int_equal(sandbox_files_open(&files, "../secret", &info, &err), -EACCES);
    assert_int_equal(sandbox_files_open(&files, "/etc/passwd", &info, &err), -EACCES);
    assert_int_equal(sandbox_files_list(&files, "F/c1/stdout", &list, &err), -ENOTDIR);
    assert_string_equal(sandbox_files_relative(&files, site->sandboxes), ".");
}

/* As tmpfiles.d does under /tmp; the launcher makes it again for the next task. */
static void a_folder_that_was_removed_and_made_again_is_shown(void **state)
{
    const struct agent_site *site = *state;
    CLEANUP(free_p) char *aside = mem_printf("%s.aside", site->sandboxes);
    CLEANUP(free_p) char *target = mem_printf("/files/browse?path=%s", site->sandboxes);
    json_t *entries;

    assert_int_equal(rename(site->sandboxes, aside), 0);
    assert_int_equal(get_status(site, target), 404);
    assert_int_equal(mkdir(site->sandboxes, 0755), 0);
    entries = get_json(site, target);
    assert_int_equal(json_array_size(entries), 0);
    json_decref(entries);
    assert_int_equal(rmdir(site->sandboxes), 0);
    assert_int_equal(rename(aside, site->sandboxes), 0);
}

/* --- files that grow ---------------------------------------------------------------------------- */

static void publish(struct agent_site *site, const struct world *world, size_t *published)
{
    for (; *published < world->changes.count; (*published)++)
        agent_view_publish(site->view, &world->changes.items[*published]);
    agent_view_flush(site->view);
}

/* A running task whose sandbox is a folder of the site. */
static struct world *world_of(struct agent_site *site, char **ret_path, size_t *published)
{
    const struct world_plan plan = {.sandboxes_dir = site->sandboxes};
    struct world *world = world_new(&plan);
    const char *sandbox;

    world_run(world, "t1");
    world_started(world, "t1");
    sandbox = world_launch(world, "t1")->sandbox;
    *ret_path = mem_printf("%s/stdout", sandbox + strlen(site->sandboxes) + 1);
    agent_site_write(site, *ret_path, "begun\n");
    *published = 0;
    publish(site, world, published);
    return world;
}

static void follower_gets_what_is_written(void **state)
{
    struct agent_site *site = *state;
    CLEANUP(free_p) char *path = NULL;
    CLEANUP(buf_fini) struct buf body = {0};
    size_t published;
    CLEANUP(world_destroy) struct world *world = world_of(site, &path, &published);
    CLEANUP(free_p)
    char *target = mem_printf("/files/download?path=%s&offset=6&wait_ms=15000", path);
    int fd = agent_site_ask(site, target);

    assert_non_null(world);
    agent_site_write(site, path, "more\n");
    assert_int_equal(agent_site_receive(fd, &body), 200);
    assert_string_equal(buf_text(&body), "more\n");
}

static void follower_is_answered_when_the_task_ends(void **state)
{
    struct agent_site *site = *state;
    CLEANUP(free_p) char *path = NULL;
    CLEANUP(buf_fini) struct buf body = {0};
    size_t published;
    CLEANUP(world_destroy) struct world *world = world_of(site, &path, &published);
    CLEANUP(free_p)
    char *target = mem_printf("/files/download?path=%s&offset=6&wait_ms=15000", path);
    int first = agent_site_ask(site, target), second = agent_site_ask(site, target);

    world_exited_code(world, "t1", 0);
    publish(site, world, &published);
    assert_int_equal(agent_site_receive(first, &body), 200);
    assert_int_equal(body.size, 0);
    assert_int_equal(agent_site_receive(second, &body), 200);
    assert_int_equal(agent_site_get(site, target, &body), 200); /* nothing to hope for any more */
    assert_int_equal(body.size, 0);
}

/* --- a reader's place over rotation --------------------------------------------------------------- */

/* What follows: headers, as far as there are any, and the body. */
struct piece {
    char file[64], offset[24];
    bool has_gap;
    char body[256];
};

static struct piece receive_piece(int fd)
{
    CLEANUP(close_fd) int owned = fd;
    struct piece piece = {0};
    char text[2048];
    size_t size = 0;
    const char *at;
    ssize_t got;

    while ((got = recv(owned, text + size, sizeof(text) - 1 - size, 0)) > 0)
        size += (size_t)got;
    text[size] = '\0';
    assert_non_null(strstr(text, "HTTP/1.1 200 "));
    if ((at = strstr(text, "X-Proffer-File: ")))
        sscanf(at, "X-Proffer-File: %63s", piece.file);
    if ((at = strstr(text, "X-Proffer-Offset: ")))
        sscanf(at, "X-Proffer-Offset: %23s", piece.offset);
    piece.has_gap = strstr(text, "X-Proffer-Gap: 1") != NULL;
    snprintf(piece.body, sizeof(piece.body), "%s", strstr(text, "\r\n\r\n") + 4);
    return piece;
}

static struct piece get_piece(const struct agent_site *site, const char *file, int offset)
{
    CLEANUP(free_p)
    char *target = mem_printf("/files/download?path=F/c1/log&file=%s&offset=%d", file, offset);

    return receive_piece(agent_site_ask(site, target));
}

static void rotate(const struct agent_site *site, int kept)
{
    for (int number = kept - 1; number > 0; number--) {
        CLEANUP(free_p)
        char *from = number > 1 ? mem_printf("%s/F/c1/log.%d", site->sandboxes, number - 1)
                                : mem_printf("%s/F/c1/log", site->sandboxes);
        CLEANUP(free_p) char *to = mem_printf("%s/F/c1/log.%d", site->sandboxes, number);

        rename(from, to);
    }
}

static void assert_piece_is(const struct piece *piece, const char *offset, const char *body,
                            bool has_gap)
{
    assert_string_equal(piece->offset, offset);
    assert_string_equal(piece->body, body);
    assert_int_equal(piece->has_gap, has_gap);
}

static void reader_goes_on_in_the_file_that_it_was_in(void **state)
{
    const struct agent_site *site = *state;
    struct piece first, second, third;

    agent_site_write(site, "F/c1/log", "one");
    first = get_piece(site, "", 1);
    assert_piece_is(&first, "1", "ne", false);
    rotate(site, 3);
    agent_site_write(site, "F/c1/log", "two");
    second = get_piece(site, first.file, 1);
    assert_piece_is(&second, "1", "ne", false);
    assert_string_equal(second.file, first.file);
    second = get_piece(site, first.file, 3);
    assert_piece_is(&second, "0", "two", false);
    assert_string_not_equal(second.file, first.file);
    rotate(site, 3);
    agent_site_write(site, "F/c1/log", "three");
    third = get_piece(site, first.file, 3);
    assert_piece_is(&third, "0", "two", false);
    /* Two more, and the first and the second are gone. */
    rotate(site, 3);
    agent_site_write(site, "F/c1/log", "four");
    rotate(site, 3);
    agent_site_write(site, "F/c1/log", "five");
    third = get_piece(site, second.file, 3);
    assert_piece_is(&third, "0", "three", true);
    third = get_piece(site, "oldest", 0);
    assert_piece_is(&third, "0", "three", true);
    third = get_piece(site, third.file, 5);
    assert_piece_is(&third, "0", "four", false);
    third = get_piece(site, third.file, 4);
    assert_piece_is(&third, "0", "five", false);
    third = get_piece(site, third.file, 4);
    assert_piece_is(&third, "4", "", false);
}

static void reader_of_a_file_that_was_emptied_begins_anew(void **state)
{
    const struct agent_site *site = *state;
    CLEANUP(free_p) char *path = mem_printf("%s/F/c1/log", site->sandboxes);
    struct piece first, second;

    agent_site_write(site, "F/c1/log", "much");
    first = get_piece(site, "", 0);
    assert_int_equal(truncate(path, 0), 0);
    agent_site_write(site, "F/c1/log", "new");
    second = get_piece(site, first.file, 4);
    assert_piece_is(&second, "0", "new", true);
}

/* A task can give its files any name. */
static void no_place_leads_out(void **state)
{
    const struct agent_site *site = *state;
    CLEANUP(free_p) char *link_path = mem_printf("%s/F/c1/log.1", site->sandboxes);
    struct piece piece;

    agent_site_write(site, "F/c1/log", "one");
    assert_int_equal(symlink("/etc/passwd", link_path), 0);
    piece = get_piece(site, "1-2.3", 7);
    assert_piece_is(&piece, "0", "one", true);
}

static void follower_is_answered_when_its_file_is_put_aside(void **state)
{
    struct agent_site *site = *state;
    CLEANUP(free_p) char *path = NULL;
    size_t published;
    CLEANUP(world_destroy) struct world *world = world_of(site, &path, &published);
    CLEANUP(free_p) char *target = mem_printf("/files/download?path=%s&file=", path);
    CLEANUP(free_p) char *from = mem_printf("%s/%s", site->sandboxes, path);
    CLEANUP(free_p) char *to = mem_printf("%s.1", from);
    struct piece piece = receive_piece(agent_site_ask(site, target));
    CLEANUP(free_p)
    char *more =
        mem_printf("/files/download?path=%s&file=%s&offset=6&wait_ms=15000", path, piece.file);
    int fd;

    assert_non_null(world);
    assert_piece_is(&piece, "0", "begun\n", false);
    fd = agent_site_ask(site, more);
    assert_int_equal(rename(from, to), 0);
    agent_site_write(site, path, "more\n");
    piece = receive_piece(fd);
    /* Before the rename was seen or after: from there it goes on. */
    if (!*piece.body)
        piece = receive_piece(agent_site_ask(site, more));
    assert_piece_is(&piece, "0", "more\n", false);
}

/* A fork of the launcher for each piece of a log would be dear: the file stays open, also when nobody waits for a moment. */
static void who_follows_has_the_file_opened_once(void **state)
{
    struct agent_site *site = *state;
    CLEANUP(free_p) char *path = NULL;
    size_t published;
    CLEANUP(world_destroy) struct world *world = world_of(site, &path, &published);
    CLEANUP(free_p)
    char *begin = mem_printf("/files/download?path=%s&file=&wait_ms=15000", path);
    CLEANUP(free_p) char *whole = mem_printf("/files/download?path=%s", path);
    CLEANUP(buf_fini) struct buf body = {0};
    struct piece piece = receive_piece(agent_site_ask(site, begin));
    int offset = 6;

    assert_non_null(world);
    assert_piece_is(&piece, "0", "begun\n", false);
    assert_int_equal(kill(site->desk, SIGSTOP), 0); /* who would be asked */
    for (int i = 0; i < 20; i++, offset += 5) {
        CLEANUP(free_p)
        char *more = mem_printf("/files/download?path=%s&file=%s&offset=%d&wait_ms=15000", path,
                                piece.file, offset);
        CLEANUP(free_p) char *text = mem_printf("%d", offset);
        int fd = agent_site_ask(site, more);

        agent_site_write(site, path, "more\n");
        piece = receive_piece(fd);
        assert_piece_is(&piece, text, "more\n", false);
    }
    assert_int_equal(kill(site->desk, SIGCONT), 0);
    /* One that is put in its place is another one. */
    CLEANUP(free_p) char *from = mem_printf("%s/%s", site->sandboxes, path);
    assert_int_equal(unlink(from), 0);
    agent_site_write(site, path, "anew\n");
    piece = receive_piece(agent_site_ask(site, begin));
    assert_piece_is(&piece, "0", "anew\n", false);
    assert_int_equal(agent_site_get(site, whole, &body), 200);
    assert_string_equal(buf_text(&body), "anew\n");
}

static void follower_waits_no_longer_than_asked(void **state)
{
    struct agent_site *site = *state;
    CLEANUP(free_p) char *path = NULL;
    CLEANUP(buf_fini) struct buf body = {0};
    size_t published;
    CLEANUP(world_destroy) struct world *world = world_of(site, &path, &published);
    CLEANUP(free_p) char *target = mem_printf("/files/download?path=%s&offset=6&wait_ms=30", path);

    assert_non_null(world);
    assert_int_equal(agent_site_get(site, target, &body), 200);
    assert_int_equal(body.size, 0);
}

static void follower_that_leaves_is_forgotten(void **state)
{
    struct agent_site *site = *state;
    CLEANUP(free_p) char *path = NULL;
    CLEANUP(buf_fini) struct buf body = {0};
    size_t published;
    CLEANUP(world_destroy) struct world *world = world_of(site, &path, &published);
    CLEANUP(free_p)
    char *target = mem_printf("/files/download?path=%s&offset=6&wait_ms=15000", path);

    assert_non_null(world);
    for (int i = 0; i < 20; i++)
        close(agent_site_ask(site, target));
    agent_site_write(site, path, "more\n");
    assert_int_equal(agent_site_get(site, target, &body), 200);
    assert_string_equal(buf_text(&body), "more\n");
    close(agent_site_ask(site, target)); /* one is left when the view ends */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(folder_is_listed_by_name_as_mesos_does, set_up, tear_down),
        cmocka_unit_test_setup_teardown(absolute_path_of_a_sandbox_is_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(file_is_read_in_pieces_and_minus_one_tells_its_size, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(character_is_not_cut_in_half, set_up, tear_down),
        cmocka_unit_test_setup_teardown(file_is_downloaded_whole_or_in_part, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_questions_are_answered_with_400_or_404, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(no_path_leads_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(links_are_not_followed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fifos_and_devices_are_not_opened, set_up, tear_down),
        cmocka_unit_test_setup_teardown(errors_say_which_kind_of_wrong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_that_was_removed_and_made_again_is_shown, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(follower_gets_what_is_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(follower_is_answered_when_the_task_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reader_goes_on_in_the_file_that_it_was_in, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(reader_of_a_file_that_was_emptied_begins_anew, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(no_place_leads_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(follower_is_answered_when_its_file_is_put_aside, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_follows_has_the_file_opened_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(follower_waits_no_longer_than_asked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(follower_that_leaves_is_forgotten, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("agent files", tests, NULL, NULL);
}
