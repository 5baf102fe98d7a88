#include "agent/store/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/store/queue.h"
#include "base/cleanup.h"
#include "base/mem.h"

#define APPLICATION_ID 1347569217 /* "PRFA", at a fixed place of the file */

struct checkpoint {
    sqlite3 *db;
    char *path;
    sqlite3_stmt *put, *forget, *begin, *commit;
    bool is_synced; /* the mode that the next transaction would have */

    struct queue queue;
    bool is_failing; /* what is queued could not be written the last time */
};

/* --- errors ------------------------------------------------------------------------------------- */

static int code_of(int result)
{
    switch (result & 0xff) {
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EBADMSG;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_BUSY:
        return -EBUSY;
    case SQLITE_READONLY:
        return -EROFS;
    default:
        return -EIO;
    }
}

static int fail(const struct checkpoint *self, struct err *err)
{
    int system = sqlite3_system_errno(self->db);

    return err_set(err, code_of(sqlite3_extended_errcode(self->db)), "%s: %s%s%s", self->path,
                   sqlite3_errmsg(self->db), system ? ": " : "",
                   system ? strerrordesc_np(system) : "");
}

#define ADVICE                                                                                     \
    "move it away to begin anew (the agent gets another id, and tasks that still run are ended), " \
    "or give --work-dir another folder"

/* Nothing is guessed from a file that cannot be trusted. */
static int refuse(const struct checkpoint *self, struct err *err, const char *why)
{
    return err_set(err, -EBADMSG, "the checkpoint %s is not used: %s: " ADVICE, self->path, why);
}

static int refuse_if_damaged(const struct checkpoint *self, struct err *err)
{
    int rc = code_of(sqlite3_extended_errcode(self->db));

    return rc == -EBADMSG ? refuse(self, err, "it is damaged, or no checkpoint") : fail(self, err);
}

/* --- SQL ---------------------------------------------------------------------------------------- */

static int run(struct checkpoint *self, const char *sql, struct err *err)
{
    return sqlite3_exec(self->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(self, err);
}

static int prepare(struct checkpoint *self, const char *sql, sqlite3_stmt **ret, struct err *err)
{
    int result = sqlite3_prepare_v3(self->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL);

    return result == SQLITE_OK ? 0 : fail(self, err);
}

static void finalize(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}

/* The first column of the first row. */
static int ask_number(struct checkpoint *self, const char *sql, int64_t *ret_number,
                      struct err *err)
{
    CLEANUP(finalize) sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v2(self->db, sql, -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        return refuse_if_damaged(self, err);
    *ret_number = sqlite3_column_int64(statement, 0);
    return 0;
}

static int check_integrity(struct checkpoint *self, struct err *err)
{
    CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    const char *answer;

    if (sqlite3_prepare_v2(self->db, "PRAGMA quick_check(1)", -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        return refuse_if_damaged(self, err);
    answer = (const char *)sqlite3_column_text(statement, 0);
    return answer && !strcmp(answer, "ok") ? 0 : refuse(self, err, "it is damaged");
}

/* --- opening ------------------------------------------------------------------------------------ */

/* One transaction: a file that is there has all of it or is empty. */
static int make_tables(struct checkpoint *self, struct err *err)
{
    CLEANUP(free_p)
    char *sql = mem_printf("BEGIN;"
                           "CREATE TABLE records(type INTEGER NOT NULL, framework TEXT NOT NULL,"
                           " task TEXT NOT NULL, frame BLOB NOT NULL,"
                           " PRIMARY KEY(type, framework, task)) WITHOUT ROWID;"
                           "PRAGMA application_id=%d; PRAGMA user_version=%d;"
                           "COMMIT",
                           APPLICATION_ID, CHECKPOINT_VERSION);

    return run(self, sql, err);
}

static int check_version(struct checkpoint *self, struct err *err)
{
    int64_t application = 0, version = 0, tables = 0;
    int rc = ask_number(self, "PRAGMA application_id", &application, err);

    if (rc == 0)
        rc = ask_number(self, "PRAGMA user_version", &version, err);
    if (rc == 0)
        rc = ask_number(self, "SELECT count(*) FROM sqlite_schema", &tables, err);
    if (rc < 0)
        return rc;
    if (!application && !version && !tables)
        return make_tables(self, err);
    if (application != APPLICATION_ID)
        return refuse(self, err, "it is the file of another program");
    if (version > CHECKPOINT_VERSION)
        return err_set(err, -EPROTONOSUPPORT,
                       "the checkpoint %s was written by a newer agent (version %lld, this one "
                       "reads up to %d): start that one, or " ADVICE,
                       self->path, (long long)version, CHECKPOINT_VERSION);
    return check_integrity(self, err);
}

/* Exclusive: no other process reads along, so there is no shared memory, whose pages a full disk could
 * not back. */
static int set_up(struct checkpoint *self, struct err *err)
{
    int rc = run(self, "PRAGMA locking_mode=EXCLUSIVE", err);

    if (rc == 0)
        rc = check_version(self, err);
    if (rc == 0)
        rc = run(self, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL", err);
    if (rc == 0)
        rc =
            prepare(self, "INSERT OR REPLACE INTO records VALUES(?1, ?2, ?3, ?4)", &self->put, err);
    if (rc == 0)
        rc = prepare(self, "DELETE FROM records WHERE type=?1 AND framework=?2 AND task=?3",
                     &self->forget, err);
    if (rc == 0)
        rc = prepare(self, "BEGIN", &self->begin, err);
    return rc == 0 ? prepare(self, "COMMIT", &self->commit, err) : rc;
}

/* SQLite would make an absolute path of a name, and look at each folder of it: we may not be allowed to. */
static int keep_name(sqlite3_vfs *vfs, const char *name, int size, char *ret_name)
{
    (void)vfs;
    if (strlen(name) >= (size_t)size)
        return SQLITE_CANTOPEN;
    memcpy(ret_name, name, strlen(name) + 1);
    return SQLITE_OK;
}

static const char *vfs_name(void)
{
    static sqlite3_vfs ours;
    static const char name[] = "proffer";

    if (ours.zName)
        return name;
    ours = *sqlite3_vfs_find(NULL);
    ours.zName = name;
    ours.xFullPathname = keep_name;
    sqlite3_vfs_register(&ours, 0);
    return name;
}

int checkpoint_open(const char *path, struct checkpoint **ret_checkpoint, struct err *err)
{
    return checkpoint_open_as(path, path, ret_checkpoint, err);
}

int checkpoint_open_as(const char *name, const char *path, struct checkpoint **ret_checkpoint,
                       struct err *err)
{
    CLEANUP(checkpoint_close) struct checkpoint *self = mem_new(struct checkpoint);
    int rc;

    self->path = mem_strdup(path);
    queue_init(&self->queue);
    if (sqlite3_initialize() != SQLITE_OK)
        return err_set(err, -EIO, "%s: SQLite does not start", path);
    if (sqlite3_open_v2(name, &self->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                            SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE,
                        vfs_name()) != SQLITE_OK)
        return fail(self, err);
    rc = set_up(self, err);
    if (rc < 0)
        return rc;
    *ret_checkpoint = TAKE(self);
    return 0;
}

void checkpoint_close(struct checkpoint **self_p)
{
    struct checkpoint *self = *self_p;

    if (!self)
        return;
    finalize(&self->put);
    finalize(&self->forget);
    finalize(&self->begin);
    finalize(&self->commit);
    sqlite3_close(self->db);
    queue_fini(&self->queue);
    free(self->path);
    free(self);
    *self_p = NULL;
}

/* --- reading ------------------------------------------------------------------------------------ */

static bool is_named_so(sqlite3_stmt *row, const struct message *record)
{
    const struct record_key key = agent_record_key(record);

    return sqlite3_column_int64(row, 0) == key.type &&
           !strcmp((const char *)sqlite3_column_text(row, 1), key.framework_id) &&
           !strcmp((const char *)sqlite3_column_text(row, 2), key.task_id);
}

static int read_row(struct checkpoint *self, sqlite3_stmt *row, struct arena *arena,
                    struct message *ret_record, struct err *err)
{
    const void *frame = sqlite3_column_blob(row, 3);
    size_t size = (size_t)sqlite3_column_bytes(row, 3);
    struct err why;

    if (message_decode(frame, size, arena, ret_record, &why) < 0)
        return refuse(self, err, why.text);
    if (!is_named_so(row, ret_record))
        return refuse(self, err, "a record does not have the name that it is filed under");
    return 0;
}

int checkpoint_load(struct checkpoint *self, struct arena *arena, struct agent_past *ret_past,
                    struct err *err)
{
    CLEANUP(finalize) sqlite3_stmt *rows = NULL;
    struct message *records;
    int64_t count = 0;
    size_t at = 0;
    int rc = ask_number(self, "SELECT count(*) FROM records", &count, err);

    if (rc < 0)
        return rc;
    records = arena_array(arena, (size_t)count, sizeof(*records));
    rc = prepare(self, "SELECT type, framework, task, frame FROM records", &rows, err);
    while (rc == 0 && sqlite3_step(rows) == SQLITE_ROW && at < (size_t)count)
        rc = read_row(self, rows, arena, &records[at++], err);
    if (rc < 0)
        return rc;
    if (at < (size_t)count)
        return refuse_if_damaged(self, err);
    *ret_past = (struct agent_past){records, at};
    return 0;
}

/* --- writing ------------------------------------------------------------------------------------ */

void checkpoint_put(struct checkpoint *self, const struct message *record)
{
    queue_put(&self->queue, record);
    if (self->is_failing)
        queue_thin(&self->queue);
}

bool checkpoint_has_queued(const struct checkpoint *self)
{
    return self->queue.count > 0;
}

size_t checkpoint_queued_bytes(const struct checkpoint *self)
{
    return self->queue.frames.size;
}

static int step(struct checkpoint *self, sqlite3_stmt *statement, struct err *err)
{
    int result = sqlite3_step(statement);

    /* A step that failed says why by itself; the reset only says so again. */
    if (result != SQLITE_DONE)
        fail(self, err);
    sqlite3_reset(statement);
    return result == SQLITE_DONE ? 0 : code_of(result);
}

static void bind_key(sqlite3_stmt *statement, enum msg_type type, const struct record_key *key)
{
    sqlite3_bind_int64(statement, 1, type);
    sqlite3_bind_text(statement, 2, key->framework_id, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 3, key->task_id, -1, SQLITE_STATIC);
}

static int forget(struct checkpoint *self, enum msg_type type, const struct record_key *key,
                  struct err *err)
{
    bind_key(self->forget, type, key);
    return step(self, self->forget, err);
}

static int put(struct checkpoint *self, const struct queued *queued, struct err *err)
{
    bind_key(self->put, queued->key.type, &queued->key);
    sqlite3_bind_blob64(self->put, 4, self->queue.frames.data + queued->at, queued->size,
                        SQLITE_STATIC);
    return step(self, self->put, err);
}

static int write_one(struct checkpoint *self, const struct queued *queued, struct err *err)
{
    enum msg_type rows[QUEUED_ROWS_MAX];
    size_t count = queued_rows(queued, rows);
    int rc = 0;

    if (rows[0] == queued->key.type)
        return put(self, queued, err);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = forget(self, rows[i], &queued->key, err);
    return rc;
}

/* What a crash of the host must not undo. */
static bool has_lasting(const struct checkpoint *self)
{
    for (size_t i = 0; i < self->queue.count; i++)
        if (self->queue.items[i].key.type == MSG_KEEP_IDENTITY ||
            self->queue.items[i].key.type == MSG_KEEP_RESOURCES)
            return true;
    return false;
}

static int set_synced(struct checkpoint *self, bool is_synced, struct err *err)
{
    int rc;

    if (is_synced == self->is_synced)
        return 0;
    rc = run(self, is_synced ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", err);
    if (rc == 0)
        self->is_synced = is_synced;
    return rc;
}

static int write_all(struct checkpoint *self, struct err *err)
{
    int rc = step(self, self->begin, err);

    for (size_t i = 0; i < self->queue.count && rc == 0; i++)
        rc = write_one(self, &self->queue.items[i], err);
    if (rc == 0)
        rc = step(self, self->commit, err);
    if (rc < 0 && !sqlite3_get_autocommit(self->db))
        sqlite3_exec(self->db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

int checkpoint_commit(struct checkpoint *self, struct err *err)
{
    int rc = set_synced(self, has_lasting(self), err);

    if (rc == 0)
        rc = write_all(self, err);
    self->is_failing = rc < 0;
    if (rc < 0)
        return rc;
    queue_clear(&self->queue);
    return 0;
}
