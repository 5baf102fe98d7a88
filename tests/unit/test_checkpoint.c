/* The agent's checkpoint on disk: what was written is there, whatever happened since. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "agent/store/checkpoint.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/rng.h"

struct place {
    char folder[64];
    char path[96];
    struct arena *arena;
};

static int setup(void **state)
{
    struct place *self = mem_new(struct place);

    snprintf(self->folder, sizeof(self->folder), "/tmp/proffer-checkpoint.XXXXXX");
    assert_non_null(mkdtemp(self->folder));
    snprintf(self->path, sizeof(self->path), "%s/agent.db", self->folder);
    self->arena = arena_new(0);
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    struct place *self = *state;
    static const char *const names[] = {"agent.db", "agent.db-wal", "agent.db-journal", "other.db",
                                        "other.db-wal"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        unlink(arena_printf(self->arena, "%s/%s", self->folder, names[i]));
    assert_int_equal(rmdir(self->folder), 0);
    arena_destroy(&self->arena);
    free(self);
    return 0;
}

static struct checkpoint *open_it(const struct place *place)
{
    struct checkpoint *checkpoint = NULL;
    struct err err = {""};

    if (checkpoint_open(place->path, &checkpoint, &err) < 0)
        fail_msg("%s", err.text);
    return checkpoint;
}

static void commit(struct checkpoint *checkpoint)
{
    struct err err = {""};

    if (checkpoint_commit(checkpoint, &err) < 0)
        fail_msg("%s", err.text);
    assert_false(checkpoint_has_queued(checkpoint));
}

static struct agent_past load(const struct place *place, struct checkpoint *checkpoint)
{
    struct agent_past past = {0};
    struct err err = {""};

    if (checkpoint_load(checkpoint, place->arena, &past, &err) < 0)
        fail_msg("%s", err.text);
    return past;
}

static void put_state(struct checkpoint *checkpoint, const char *task_id, int64_t pid)
{
    checkpoint_put(checkpoint, &MESSAGE(KEEP_TASK_STATE, keep_task_state, .framework_id = "F",
                                        .task_id = task_id, .state = TASK_RUNNING, .started = true,
                                        .pid = pid));
}

static void put_task(struct checkpoint *checkpoint, const char *task_id)
{
    static const struct command_info command = {.value = "true"};
    const struct task_info task = {.task_id = task_id, .agent_id = "A", .command = &command};

    checkpoint_put(checkpoint, &MESSAGE(KEEP_TASK, keep_task, .framework_id = "F", .role = "*",
                                        .task = &task, .container_id = task_id, .sandbox = "/s"));
}

static void put_identity(struct checkpoint *checkpoint, uint64_t epoch)
{
    checkpoint_put(checkpoint, &MESSAGE(KEEP_IDENTITY, keep_identity, .agent_id = "A",
                                        .epoch = (int64_t)epoch));
}

static int64_t pid_of(const struct agent_past *past, const char *task_id)
{
    for (size_t i = 0; i < past->count; i++)
        if (past->records[i].type == MSG_KEEP_TASK_STATE &&
            !strcmp(past->records[i].keep_task_state->task_id, task_id))
            return past->records[i].keep_task_state->pid;
    return -1;
}

/* --- what comes back ---------------------------------------------------------------------------- */

static void new_checkpoint_is_empty(void **state)
{
    CLEANUP(checkpoint_close) struct checkpoint *checkpoint = open_it(*state);

    assert_int_equal(load(*state, checkpoint).count, 0);
}

static void newest_record_of_each_thing_comes_back(void **state)
{
    CLEANUP(checkpoint_close) struct checkpoint *checkpoint = open_it(*state);
    struct agent_past past;

    put_identity(checkpoint, 1);
    put_task(checkpoint, "t1");
    put_state(checkpoint, "t1", 1);
    put_state(checkpoint, "t2", 2);
    commit(checkpoint);
    put_state(checkpoint, "t1", 3);
    put_identity(checkpoint, UINT64_C(1) << 50);
    commit(checkpoint);
    checkpoint_close(&checkpoint);
    checkpoint = open_it(*state);
    past = load(*state, checkpoint);
    assert_int_equal(past.count, 4);
    assert_int_equal(pid_of(&past, "t1"), 3);
    assert_int_equal(pid_of(&past, "t2"), 2);
    assert_int_equal(past.records[0].type, MSG_KEEP_IDENTITY);
    assert_int_equal(past.records[0].keep_identity->epoch, INT64_C(1) << 50);
}

static void forgetting_takes_all_of_a_thing_away(void **state)
{
    CLEANUP(checkpoint_close) struct checkpoint *checkpoint = open_it(*state);
    const struct framework_info framework = {.id = "F", .name = "f"};
    struct agent_past past;

    checkpoint_put(checkpoint, &MESSAGE(KEEP_FRAMEWORK, keep_framework, .framework = &framework));
    put_task(checkpoint, "t1");
    put_state(checkpoint, "t1", 1);
    put_state(checkpoint, "t2", 2);
    checkpoint_put(checkpoint,
                   &MESSAGE(FORGET_TASK, forget_task, .framework_id = "F", .task_id = "t1"));
    commit(checkpoint);
    past = load(*state, checkpoint);
    assert_int_equal(past.count, 2);
    assert_int_equal(pid_of(&past, "t1"), -1);
    checkpoint_put(checkpoint, &MESSAGE(FORGET_FRAMEWORK, forget_framework, .framework_id = "F"));
    commit(checkpoint);
    assert_int_equal(load(*state, checkpoint).count, 1);
}

static void what_was_not_committed_is_not_there(void **state)
{
    CLEANUP(checkpoint_close) struct checkpoint *checkpoint = open_it(*state);

    put_state(checkpoint, "t1", 1);
    assert_true(checkpoint_has_queued(checkpoint));
    checkpoint_close(&checkpoint);
    checkpoint = open_it(*state);
    assert_int_equal(load(*state, checkpoint).count, 0);
}

/* --- SIGKILL ------------------------------------------------------------------------------------ */

#define KILLS 25

/* Two tasks that always say the same, until it is killed; each number that is written goes to `fd`. */
__attribute__((noreturn)) static void write_for_ever(const struct place *place, int64_t from,
                                                     int fd)
{
    struct checkpoint *checkpoint = NULL;

    if (checkpoint_open(place->path, &checkpoint, NULL) < 0)
        _exit(1);
    for (int64_t pid = from;; pid++) {
        put_state(checkpoint, "left", pid);
        if (pid % 7 == 0)
            put_identity(checkpoint, (uint64_t)pid);
        put_state(checkpoint, "right", pid);
        if (checkpoint_commit(checkpoint, NULL) < 0 ||
            write(fd, &pid, sizeof(pid)) != (ssize_t)sizeof(pid))
            _exit(1);
    }
}

/* The last number that it has said to be written, when it is killed at a random time. */
static int64_t kill_a_writer(const struct place *place, int64_t from, uint64_t after)
{
    int ends[2];
    int64_t number, last = from - 1;
    pid_t child;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    child = fork();
    if (child == 0)
        write_for_ever(place, from, ends[1]);
    close(ends[1]);
    while (read(ends[0], &number, sizeof(number)) == (ssize_t)sizeof(number)) {
        last = number;
        if (after-- == 0)
            kill(child, SIGKILL);
    }
    close(ends[0]);
    waitpid(child, NULL, 0);
    return last;
}

static void killed_writer_leaves_all_that_it_has_committed(void **state)
{
    struct rng rng = {.state = 5};
    int64_t from = 1;

    for (int i = 0; i < KILLS; i++) {
        int64_t last = kill_a_writer(*state, from, rng_below(&rng, 200));
        CLEANUP(checkpoint_close) struct checkpoint *checkpoint = open_it(*state);
        struct agent_past past = load(*state, checkpoint);

        assert_true(last >= from);
        assert_int_equal(pid_of(&past, "left"), pid_of(&past, "right"));
        assert_true(pid_of(&past, "left") >= last);
        from = pid_of(&past, "left") + 1;
    }
}

/* --- files that are no good --------------------------------------------------------------------- */

static void make_good_one(const struct place *place)
{
    CLEANUP(checkpoint_close) struct checkpoint *checkpoint = open_it(place);

    put_identity(checkpoint, 7);
    for (int i = 0; i < 50; i++) {
        put_task(checkpoint, arena_printf(place->arena, "task-%d", i));
        put_state(checkpoint, arena_printf(place->arena, "task-%d", i), 100 + i);
    }
    commit(checkpoint);
}

/* With another hand than ours. */
static void change(const struct place *place, const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* What opening and loading say. */
static int try_it(const struct place *place, struct err *err)
{
    CLEANUP(checkpoint_close) struct checkpoint *checkpoint = NULL;
    struct agent_past past;
    int rc = checkpoint_open(place->path, &checkpoint, err);

    return rc < 0 ? rc : checkpoint_load(checkpoint, place->arena, &past, err);
}

static void assert_refused(const struct place *place, int code, const char *why)
{
    struct err err = {""};

    assert_int_equal(try_it(place, &err), code);
    assert_non_null(strstr(err.text, place->path));
    assert_non_null(strstr(err.text, why));
    assert_non_null(strstr(err.text, "move it away"));
}

static void overwrite(const struct place *place, size_t at, const void *data, size_t size)
{
    CLEANUP(close_fd) int fd = open(place->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_int_equal(pwrite(fd, data, size, (off_t)at), size);
}

static void what_is_no_database_is_refused(void **state)
{
    char text[2000];

    memset(text, 'x', sizeof(text));
    overwrite(*state, 0, text, sizeof(text));
    assert_refused(*state, -EBADMSG, "damaged");
}

static void file_of_another_program_is_refused(void **state)
{
    change(*state, "CREATE TABLE t(a); PRAGMA application_id=99");
    assert_refused(*state, -EBADMSG, "another program");
}

static void database_without_a_name_is_refused(void **state)
{
    change(*state, "CREATE TABLE t(a)");
    assert_refused(*state, -EBADMSG, "another program");
}

static void newer_version_is_refused_and_left_as_it_is(void **state)
{
    make_good_one(*state);
    change(*state, "PRAGMA user_version=2");
    assert_refused(*state, -EPROTONOSUPPORT, "newer agent");
    change(*state, "PRAGMA user_version=1");
    assert_int_equal(try_it(*state, NULL), 0);
}

static void record_that_cannot_be_read_is_refused(void **state)
{
    make_good_one(*state);
    change(*state, "UPDATE records SET frame=x'50524601' WHERE task='task-7'");
    assert_refused(*state, -EBADMSG, "is not used");
}

static void record_under_another_name_is_refused(void **state)
{
    make_good_one(*state);
    change(*state, "UPDATE records SET task='task-99' WHERE task='task-7'");
    assert_refused(*state, -EBADMSG, "name");
}

static void damaged_page_is_refused(void **state)
{
    char zeros[4096] = {0};

    make_good_one(*state);
    overwrite(*state, 4096, zeros, sizeof(zeros));
    assert_refused(*state, -EBADMSG, "damaged");
}

static void file_that_was_cut_is_refused(void **state)
{
    const struct place *place = *state;

    make_good_one(place);
    assert_int_equal(truncate(place->path, 5000), 0);
    assert_refused(place, -EBADMSG, "damaged");
}

/* Whatever is wrong with it: it is read, or it is refused. */
static void no_byte_that_is_wrong_does_harm(void **state)
{
    const struct place *place = *state;
    struct rng rng = {.state = 11};
    struct stat info;

    make_good_one(place);
    assert_int_equal(stat(place->path, &info), 0);
    for (int i = 0; i < 300; i++) {
        size_t at = rng_below(&rng, (uint64_t)info.st_size);
        unsigned char wrong = (unsigned char)rng_below(&rng, 256);

        overwrite(place, at, &wrong, 1);
        (void)try_it(place, NULL);
        if (i % 20 == 19) {
            assert_int_equal(unlink(place->path), 0);
            make_good_one(place);
        }
    }
}

/* --- a full disk -------------------------------------------------------------------------------- */

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;

    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static void what_finds_no_room_is_written_when_there_is_some(void **state)
{
    CLEANUP(checkpoint_close) struct checkpoint *checkpoint = open_it(*state);
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    struct agent_past past;
    struct err err = {""};
    int written = 0, rc = 0;

    put_identity(checkpoint, 1);
    commit(checkpoint);
    limit_file_size(40000);
    while (rc == 0) {
        put_task(checkpoint, arena_printf(((struct place *)*state)->arena, "task-%d", written++));
        rc = checkpoint_commit(checkpoint, &err);
    }
    put_state(checkpoint, "task-0", 42);
    assert_int_equal(checkpoint_commit(checkpoint, NULL), rc);
    limit_file_size(RLIM_INFINITY);
    signal(SIGXFSZ, before);
    assert_true(rc == -EIO || rc == -ENOSPC);
    assert_true(*err.text != '\0');
    assert_true(checkpoint_has_queued(checkpoint));
    assert_int_equal(load(*state, checkpoint).count, 1 + (size_t)written - 1);
    commit(checkpoint);
    past = load(*state, checkpoint);
    assert_int_equal(past.count, 1 + written + 1);
    assert_int_equal(pid_of(&past, "task-0"), 42);
}

/* Nothing finds room while it runs. */
static void fill_disk(struct checkpoint *checkpoint)
{
    limit_file_size(0);
    put_state(checkpoint, "t0", 1);
    assert_true(checkpoint_commit(checkpoint, NULL) < 0);
}

static void what_is_said_again_and_again_is_kept_once_on_a_full_disk(void **state)
{
    CLEANUP(checkpoint_close) struct checkpoint *checkpoint = open_it(*state);
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    struct agent_past past;

    put_task(checkpoint, "t1");
    commit(checkpoint);
    fill_disk(checkpoint);
    for (int64_t i = 1; i <= 100000; i++) {
        put_state(checkpoint, "t1", i);
        put_state(checkpoint, "t2", 2 * i);
        assert_true(checkpoint_queued_bytes(checkpoint) < (size_t)300 * 1024);
    }
    assert_true(checkpoint_commit(checkpoint, NULL) < 0);
    limit_file_size(RLIM_INFINITY);
    signal(SIGXFSZ, before);
    commit(checkpoint);
    past = load(*state, checkpoint);
    assert_int_equal(past.count, 4);
    assert_int_equal(pid_of(&past, "t0"), 1);
    assert_int_equal(pid_of(&past, "t1"), 100000);
    assert_int_equal(pid_of(&past, "t2"), 200000);
}

static void put_any(struct checkpoint *checkpoint, struct rng *rng, int64_t number)
{
    const char *const ids[] = {"a", "b", "c", "d"};
    const char *id = ids[rng_below(rng, ARRAY_SIZE(ids))];
    const struct group_info group = {.id = id};
    const struct framework_info framework = {.id = id, .name = "f"};

    switch (rng_below(rng, 8)) {
    case 0:
        put_task(checkpoint, id);
        break;
    case 1:
        checkpoint_put(checkpoint,
                       &MESSAGE(FORGET_TASK, forget_task, .framework_id = "F", .task_id = id));
        break;
    case 2:
        checkpoint_put(checkpoint,
                       &MESSAGE(KEEP_FRAMEWORK, keep_framework, .framework = &framework));
        break;
    case 3:
        checkpoint_put(checkpoint,
                       &MESSAGE(FORGET_FRAMEWORK, forget_framework, .framework_id = id));
        break;
    case 4:
        checkpoint_put(checkpoint, &MESSAGE(KEEP_GROUP, keep_group, .framework_id = "F",
                                            .group = &group, .holder = "c", .folder = "/f"));
        break;
    case 5:
        checkpoint_put(checkpoint,
                       &MESSAGE(FORGET_GROUP, forget_group, .framework_id = "F", .group_id = id));
        break;
    default:
        put_state(checkpoint, id, number);
        break;
    }
}

static void assert_same(const struct agent_past *a, const struct agent_past *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        CLEANUP(buf_fini) struct buf x = {0};
        CLEANUP(buf_fini) struct buf y = {0};

        assert_true(message_encode(&a->records[i], &x, NULL) >= 0);
        assert_true(message_encode(&b->records[i], &y, NULL) >= 0);
        assert_int_equal(x.size, y.size);
        assert_memory_equal(x.data, y.data, x.size);
    }
}

/* The same records, with and without a disk that was full for a while. */
static void a_full_disk_makes_no_difference_once_there_is_room(void **state)
{
    struct place *place = *state;
    struct place other = {.arena = place->arena};
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);

    snprintf(other.path, sizeof(other.path), "%s/other.db", place->folder);
    for (uint64_t seed = 1; seed <= 8; seed++) {
        CLEANUP(checkpoint_close) struct checkpoint *full = open_it(place);
        CLEANUP(checkpoint_close) struct checkpoint *roomy = open_it(&other);
        struct rng rngs[2] = {{seed}, {seed}};
        struct agent_past pasts[2];
        int count = 20000 + (int)(seed * 500);

        fill_disk(full);
        put_state(roomy, "t0", 1);
        for (int i = 0; i < count; i++)
            put_any(full, &rngs[0], i);
        limit_file_size(RLIM_INFINITY);
        for (int i = 0; i < count; i++)
            put_any(roomy, &rngs[1], i);
        assert_true(checkpoint_queued_bytes(full) < checkpoint_queued_bytes(roomy));
        commit(full);
        commit(roomy);
        pasts[0] = load(place, full);
        pasts[1] = load(place, roomy);
        assert_same(&pasts[0], &pasts[1]);
    }
    signal(SIGXFSZ, before);
}

#define with_place(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_place(new_checkpoint_is_empty),
        with_place(newest_record_of_each_thing_comes_back),
        with_place(forgetting_takes_all_of_a_thing_away),
        with_place(what_was_not_committed_is_not_there),
        with_place(killed_writer_leaves_all_that_it_has_committed),
        with_place(what_is_no_database_is_refused),
        with_place(file_of_another_program_is_refused),
        with_place(database_without_a_name_is_refused),
        with_place(newer_version_is_refused_and_left_as_it_is),
        with_place(record_that_cannot_be_read_is_refused),
        with_place(record_under_another_name_is_refused),
        with_place(damaged_page_is_refused),
        with_place(file_that_was_cut_is_refused),
        with_place(no_byte_that_is_wrong_does_harm),
        with_place(what_finds_no_room_is_written_when_there_is_some),
        with_place(what_is_said_again_and_again_is_kept_once_on_a_full_disk),
        with_place(a_full_disk_makes_no_difference_once_there_is_room),
    };

    return cmocka_run_group_tests_name("checkpoint", tests, NULL, NULL);
}
