/* The registries: what they have said they keep is there again, whatever happens in between. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/rng.h"
#include "master/store/store.h"

#define FOLDER_MAX  64
#define THINGS      8
#define DEADLINE_MS 20000

/* A folder, and a registry in it. */
struct rig {
    char folder[FOLDER_MAX];
    const struct store_ops *ops;
    struct store *store;
    uint64_t tickets;
    uint64_t answered; /* the last ticket; they come in order here */
    int rc;            /* of the last answer */
    char why[ERR_TEXT_MAX];
    /* What the last load found: value of each thing, 0 for none. */
    int64_t loaded[THINGS];
    int64_t epoch;
    size_t loaded_count;
    int64_t loaded_weight; /* of the role that has the name of an agent */
};

static int setup(void **state)
{
    struct rig *rig = calloc(1, sizeof(*rig));

    snprintf(rig->folder, sizeof(rig->folder), "/tmp/test_store.XXXXXX");
    if (!rig || !mkdtemp(rig->folder))
        return -1;
    rig->ops = &store_sqlite;
    *state = rig;
    return 0;
}

static const char *path_of(const struct rig *rig, const char *name)
{
    static char path[FOLDER_MAX + 32];

    snprintf(path, sizeof(path), "%s/%s", rig->folder, name);
    return path;
}

static int teardown(void **state)
{
    struct rig *rig = *state;

    rig->ops->close(&rig->store);
    unlink(path_of(rig, "registry.sqlite"));
    unlink(path_of(rig, "registry.sqlite-wal"));
    unlink(path_of(rig, "registry.sqlite-shm"));
    assert_int_equal(rmdir(rig->folder), 0);
    free(rig);
    return 0;
}

/* --- what is done with it -------------------------------------------------------------------- */

static int note_record(void *ctx, const struct message *record, struct err *err)
{
    struct rig *rig = ctx;
    int thing;

    (void)err;
    rig->loaded_count++;
    if (record->type == MSG_KEPT_REIGN) {
        rig->epoch = record->kept_reign->epoch;
        return 0;
    }
    if (record->type == MSG_KEPT_ROLE) {
        rig->loaded_weight += record->kept_role->weight_milli;
        return 0;
    }
    assert_int_equal(record->type, MSG_KEPT_AGENT);
    assert_int_equal(sscanf(record->kept_agent->agent->id, "a%d", &thing), 1);
    assert_in_range(thing, 0, THINGS - 1);
    assert_int_equal(rig->loaded[thing], 0);
    rig->loaded[thing] = record->kept_agent->since_us;
    return 0;
}

static int begin(struct rig *rig, struct err *err)
{
    const struct message reign = MESSAGE(KEPT_REIGN, kept_reign, .registry_id = "r",
                                         .epoch = rig->epoch + 1, .master_id = "m");

    return rig->ops->begin(rig->store, &reign, err);
}

static int open_and_load(struct rig *rig, struct err *err)
{
    int r = rig->ops->open(rig->folder, &rig->store, err);

    memset(rig->loaded, 0, sizeof(rig->loaded));
    rig->loaded_count = 0;
    rig->loaded_weight = 0;
    rig->epoch = 0;
    return r < 0 ? r : rig->ops->load(rig->store, note_record, rig, err);
}

static void open_it(struct rig *rig)
{
    struct err err = {""};

    if (open_and_load(rig, &err) < 0 || begin(rig, &err) < 0)
        fail_msg("%s", err.text);
}

static void close_it(struct rig *rig)
{
    rig->ops->close(&rig->store);
    assert_null(rig->store);
}

static void put(struct rig *rig, int thing, int64_t value)
{
    char id[16], padding[1000];
    struct agent_info info = {.id = id, .hostname = padding};
    struct message record =
        MESSAGE(KEPT_AGENT, kept_agent, .agent = &info, .state = KEPT_ADMITTED, .since_us = value);
    struct message forget = MESSAGE(DROP_AGENT, drop_agent, .agent_id = id);

    memset(padding, 'x', sizeof(padding) - 1);
    padding[sizeof(padding) - 1] = '\0';
    snprintf(id, sizeof(id), "a%d", thing);
    record.number = forget.number = ++rig->tickets;
    rig->ops->put(rig->store, value ? &record : &forget);
}

static void put_role(struct rig *rig, int64_t weight_milli)
{
    struct message record =
        MESSAGE(KEPT_ROLE, kept_role, .role = "a1", .weight_milli = weight_milli);
    struct message drop = MESSAGE(DROP_ROLE, drop_role, .role = "a1");

    record.number = drop.number = ++rig->tickets;
    rig->ops->put(rig->store, weight_milli ? &record : &drop);
}

static void on_done(void *owner, uint64_t ticket, int rc, const char *why)
{
    struct rig *rig = owner;

    assert_int_equal(ticket, rig->answered + 1);
    rig->answered = ticket;
    rig->rc = rc;
    snprintf(rig->why, sizeof(rig->why), "%s", why);
}

/* Until all that was put is answered. */
static void await_answers(struct rig *rig)
{
    struct pollfd ready = {.fd = rig->ops->fd(rig->store), .events = POLLIN};

    rig->ops->flush(rig->store);
    while (rig->answered < rig->tickets) {
        assert_int_equal(poll(&ready, 1, DEADLINE_MS), 1);
        rig->ops->take(rig->store, on_done, rig);
    }
}

/* --- tests ----------------------------------------------------------------------------------- */

static void stores_are_found_by_their_names(void **state)
{
    (void)state;
    assert_ptr_equal(store_find("sqlite"), &store_sqlite);
    assert_ptr_equal(store_find("memory"), &store_memory);
    assert_null(store_find("etcd"));
}

static void memory_answers_each_record_and_keeps_nothing(void **state)
{
    struct rig *rig = *state;

    rig->ops = &store_memory;
    open_it(rig);
    put(rig, 0, 1);
    put(rig, 1, 1);
    await_answers(rig);
    assert_int_equal(rig->rc, 0);
    close_it(rig);
    open_it(rig);
    assert_int_equal(rig->loaded_count, 0);
}

static void what_is_kept_is_there_again(void **state)
{
    struct rig *rig = *state;
    struct rng rng = {.state = 5};
    int64_t wanted[THINGS] = {0};

    open_it(rig);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 200; i++) {
            int thing = (int)rng_below(&rng, THINGS);
            int64_t value = (int64_t)rng_below(&rng, 4);

            put(rig, thing, value);
            wanted[thing] = value;
            if (rng_below(&rng, 10) == 0)
                await_answers(rig);
        }
        await_answers(rig);
        assert_int_equal(rig->rc, 0);
        close_it(rig);
        open_it(rig);
        assert_int_equal(rig->epoch, round + 1);
        assert_memory_equal(rig->loaded, wanted, sizeof(wanted));
    }
}

static void role_and_agent_of_one_name_are_two_things(void **state)
{
    struct rig *rig = *state;

    open_it(rig);
    put(rig, 1, 7);
    put_role(rig, 2000);
    close_it(rig);
    rig->tickets = rig->answered = 0;
    open_it(rig);
    assert_int_equal(rig->loaded[1], 7);
    assert_int_equal(rig->loaded_weight, 2000);
    put_role(rig, 0);
    await_answers(rig);
    close_it(rig);
    open_it(rig);
    assert_int_equal(rig->loaded[1], 7);
    assert_int_equal(rig->loaded_weight, 0);
}

static void several_roles_in_one_record_are_records_of_their_own(void **state)
{
    struct rig *rig = *state;
    const struct role_policy roles[] = {{.role = "a1"},
                                        {.role = "b", .weight_milli = 2000},
                                        {.role = "c", .weight_milli = 500},
                                        {.role = "d", .offers = OFFERS_OPTIMISTIC},
                                        {.role = "e", .has_priority = true}};
    struct message record = MESSAGE(KEPT_ROLES, kept_roles, .roles = roles, .roles_count = 5);

    open_it(rig);
    put_role(rig, 3000);
    record.number = ++rig->tickets;
    rig->ops->put(rig->store, &record);
    await_answers(rig);
    assert_int_equal(rig->rc, 0);
    close_it(rig);
    open_it(rig);
    /* The reign, "b" to "e"; "a1" has no values any more. */
    assert_int_equal(rig->loaded_count, 5);
    assert_int_equal(rig->loaded_weight, 2500);
    close_it(rig);
}

static void what_was_put_last_is_kept_when_it_is_closed(void **state)
{
    struct rig *rig = *state;

    open_it(rig);
    put(rig, 3, 7);
    close_it(rig);
    rig->tickets = 0;
    open_it(rig);
    assert_int_equal(rig->loaded[3], 7);
}

static void second_process_is_kept_out(void **state)
{
    struct rig *rig = *state;
    struct store *second = NULL;
    struct err err = {""};

    open_it(rig);
    assert_int_equal(rig->ops->open(rig->folder, &second, &err), -EBUSY);
    assert_non_null(strstr(err.text, "is open in another process"));
    assert_null(second);
}

/* --- files that it must not trust -------------------------------------------------------------- */

static void sql(const struct rig *rig, const char *text)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path_of(rig, "registry.sqlite"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void assert_refused(struct rig *rig, int code, const char *text)
{
    struct err err = {""};

    assert_int_equal(open_and_load(rig, &err), code);
    if (!strstr(err.text, text))
        fail_msg("'%s' is not in: %s", text, err.text);
    rig->ops->close(&rig->store);
}

static void fill(struct rig *rig)
{
    open_it(rig);
    for (int i = 0; i < THINGS; i++)
        put(rig, i, i + 1);
    await_answers(rig);
    close_it(rig);
}

static void newer_registry_is_refused(void **state)
{
    struct rig *rig = *state;

    fill(rig);
    sql(rig, "PRAGMA user_version = 2");
    assert_refused(rig, -EPROTONOSUPPORT, "newer proffer-master (format 2");
}

static void record_of_a_newer_version_is_refused(void **state)
{
    struct rig *rig = *state;

    fill(rig);
    sql(rig, "UPDATE record SET frame = x'505246019400c0c0c0' WHERE id = 'a3'");
    assert_refused(rig, -EBADMSG, "record 'a3'");
    sql(rig, "UPDATE record SET frame = x'5052460194ccc7000080' WHERE id = 'a3'");
    assert_refused(rig, -EPROTONOSUPPORT, "newer proffer-master");
}

static void foreign_file_is_refused(void **state)
{
    struct rig *rig = *state;
    FILE *file;

    sql(rig, "CREATE TABLE people (name TEXT)");
    assert_refused(rig, -EBADMSG, "see proffer-master(8)");
    file = fopen(path_of(rig, "registry.sqlite"), "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++)
        fputs("this is no database\n", file);
    fclose(file);
    assert_refused(rig, -EBADMSG, "--epoch-at-least");
}

static void damaged_registry_is_refused_with_advice(void **state)
{
    struct rig *rig = *state;
    int fd, refused = 0;
    off_t size;

    fill(rig);
    fd = open(path_of(rig, "registry.sqlite"), O_RDWR | O_CLOEXEC);
    size = lseek(fd, 0, SEEK_END);
    for (off_t at = 4096; at + 512 <= size; at += 4096) {
        char old[512], noise[512];
        struct err err = {""};

        memset(noise, 0xa5, sizeof(noise));
        assert_int_equal(pread(fd, old, sizeof(old), at), sizeof(old));
        assert_int_equal(pwrite(fd, noise, sizeof(noise), at), sizeof(noise));
        if (open_and_load(rig, &err) < 0) {
            assert_non_null(strstr(err.text, "--epoch-at-least"));
            refused++;
        }
        rig->ops->close(&rig->store);
        assert_int_equal(pwrite(fd, old, sizeof(old), at), sizeof(old));
    }
    close(fd);
    assert_true(refused > 0);
    open_it(rig);
    assert_int_equal(rig->loaded_count, THINGS + 1);
}

/* --- a full disk ------------------------------------------------------------------------------- */

static void full_disk_is_answered_and_forgotten_when_there_is_room(void **state)
{
    struct rig *rig = *state;
    struct rlimit old, small;

    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    open_it(rig);
    put(rig, 0, 1);
    await_answers(rig);
    assert_int_equal(rig->rc, 0);
    small = old;
    small.rlim_cur = 8192; /* less than any transaction takes */
    setrlimit(RLIMIT_FSIZE, &small);
    for (int64_t value = 2; value < 5; value++) {
        put(rig, 0, value);
        await_answers(rig);
        assert_true(rig->rc < 0);
        assert_non_null(strstr(rig->why, "registry.sqlite"));
    }
    setrlimit(RLIMIT_FSIZE, &old);
    put(rig, 1, 1);
    await_answers(rig);
    assert_int_equal(rig->rc, 0);
    close_it(rig);
    open_it(rig);
    assert_int_equal(rig->loaded[0], 1);
    assert_int_equal(rig->loaded[1], 1);
}

/* --- sudden death ------------------------------------------------------------------------------ */

/* Writes without end; tells which value of the thing was answered as kept. */
static void be_killed(struct rig *rig, int told)
{
    int64_t value = rig->loaded[0];

    open_it(rig);
    for (value = rig->loaded[0] + 1;; value++) {
        put(rig, 0, value);
        put(rig, 1, value);
        await_answers(rig);
        if (rig->rc < 0 || write(told, &value, sizeof(value)) != (ssize_t)sizeof(value))
            _exit(1);
    }
}

/* The last value that the child told. */
static int64_t kill_after(int told, int count)
{
    int64_t value = 0, last = 0;

    while (count-- > 0 && read(told, &value, sizeof(value)) == (ssize_t)sizeof(value))
        last = value;
    return last;
}

static void what_was_answered_survives_sudden_death(void **state)
{
    struct rig *rig = *state;
    struct rng rng = {.state = 11};
    int64_t epoch = 0;

    for (int round = 0; round < 20; round++) {
        int ends[2];
        int64_t last;
        pid_t child;

        assert_int_equal(pipe(ends), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(ends[0]);
            be_killed(rig, ends[1]);
        }
        close(ends[1]);
        last = kill_after(ends[0], 1 + (int)rng_below(&rng, 30));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        while (read(ends[0], &last, sizeof(last)) == (ssize_t)sizeof(last))
            ;
        close(ends[0]);
        open_it(rig); /* checks the integrity */
        assert_true(last > 0);
        assert_true(rig->loaded[0] >= last);
        assert_int_equal(rig->loaded[0],
                         rig->loaded[1]); /* one turn of the loop, one transaction */
        assert_int_equal(rig->epoch, epoch + 1);
        epoch = rig->epoch + 1;
        close_it(rig);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stores_are_found_by_their_names),
        TEST(memory_answers_each_record_and_keeps_nothing),
        TEST(what_is_kept_is_there_again),
        TEST(role_and_agent_of_one_name_are_two_things),
        TEST(several_roles_in_one_record_are_records_of_their_own),
        TEST(what_was_put_last_is_kept_when_it_is_closed),
        TEST(second_process_is_kept_out),
        TEST(newer_registry_is_refused),
        TEST(record_of_a_newer_version_is_refused),
        TEST(foreign_file_is_refused),
        TEST(damaged_registry_is_refused_with_advice),
        TEST(full_disk_is_answered_and_forgotten_when_there_is_room),
        TEST(what_was_answered_survives_sudden_death),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
