/* master/store/sqlite.c - the registry in one file, registry.sqlite of the work folder.
 *
 * A thread of its own does what blocks. All records that have come since its last transaction go into
 * the next one, so that a burst costs one fsync. A transaction that fails is rolled back and answered
 * as a whole; what it held is given again by whoever still wants it, so no page that the kernel may
 * have dropped is ever taken to be on disk.
 *
 * The file belongs to one process: SQLite's exclusive mode keeps everybody else out, and needs no
 * shared memory, whose pages could be missing on a full disk.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "master/store/store.h"
#include "proto/inbox.h"

#define FILE_NAME      "registry.sqlite"
#define APPLICATION_ID 0x50524647 /* "PRFG": file(1) and we know it by that */
#define FORMAT         1          /* counted up when an older version could not read it any more */
#define BACKLOG_MAX    ((size_t)512 * 1024 * 1024)
#define BUSY_MS        1000

/* What became of the records with these tickets. */
struct answer {
    uint64_t first, last;
    int rc;
    struct err why;
};

struct store {
    char *path; /* owned */
    /* The thread's own while it runs. */
    sqlite3
        *db; /* NULL after an error that it did not survive: opened again with the next record */
    struct buf taken;
    struct arena *arena; /* of one record */

    pthread_t thread;
    bool is_running;
    struct inbox *records; /* to the thread */
    struct buf gathered;   /* since the last flush */
    uint64_t first, last;  /* of what is gathered */

    pthread_mutex_t lock; /* of the next three */
    struct answer *answers;
    size_t answers_count, answers_capacity;
    int fd;
};

/* --- SQLite -------------------------------------------------------------------------------------
 */

static int code_of(int sqlite_code)
{
    switch (sqlite_code & 0xff) {
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EBADMSG;
    default:
        return -EIO;
    }
}

/* `db` may be NULL: then it could not even be made. */
static int fail(const struct store *self, sqlite3 *db, struct err *err)
{
    int code = db ? sqlite3_extended_errcode(db) : SQLITE_NOMEM;
    int system = db ? sqlite3_system_errno(db) : 0;
    const char *text = db ? sqlite3_errmsg(db) : "out of memory";

    if ((code & 0xff) == SQLITE_BUSY)
        return err_set(err, -EBUSY, "%s is open in another process: stop that one", self->path);
    if (system)
        return err_set(err, code_of(code), "%s: %s (%s)", self->path, text, strerror(system));
    return err_set(err, code_of(code), "%s: %s", self->path, text);
}

static int run(const struct store *self, sqlite3 *db, const char *sql, struct err *err)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(self, db, err);
}

static void finalize_p(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}

static int prepare(const struct store *self, sqlite3 *db, const char *sql,
                   sqlite3_stmt **ret_statement, struct err *err)
{
    return sqlite3_prepare_v2(db, sql, -1, ret_statement, NULL) == SQLITE_OK ? 0
                                                                             : fail(self, db, err);
}

static int ask_number(const struct store *self, sqlite3 *db, const char *sql, int64_t *ret_number,
                      struct err *err)
{
    CLEANUP(finalize_p) sqlite3_stmt *statement = NULL;
    int r = prepare(self, db, sql, &statement, err);

    if (r < 0)
        return r;
    if (sqlite3_step(statement) != SQLITE_ROW)
        return fail(self, db, err);
    *ret_number = sqlite3_column_int64(statement, 0);
    return 0;
}

/* --- opening ------------------------------------------------------------------------------------
 */

#define ADVICE                                                                                     \
    "; put a backup in its place, or move it away and start anew with --epoch-at-least: see "      \
    "proffer-master(8)"

static int damaged(const struct store *self, const char *what, struct err *err)
{
    return err_set(err, -EBADMSG, "%.80s: %.60s" ADVICE, self->path, what);
}

static int check_integrity(const struct store *self, sqlite3 *db, struct err *err)
{
    CLEANUP(finalize_p) sqlite3_stmt *statement = NULL;
    int r = prepare(self, db, "PRAGMA integrity_check(1)", &statement, err);
    const char *text;

    if (r < 0)
        return r;
    if (sqlite3_step(statement) != SQLITE_ROW)
        return fail(self, db, err);
    text = (const char *)sqlite3_column_text(statement, 0);
    return text && !strcmp(text, "ok") ? 0 : damaged(self, text ? text : "damaged", err);
}

static int create(const struct store *self, sqlite3 *db, struct err *err)
{
    CLEANUP(free_p)
    char *sql = mem_printf("BEGIN IMMEDIATE;"
                           "CREATE TABLE record (kind INTEGER NOT NULL, id TEXT NOT NULL,"
                           " frame BLOB NOT NULL, PRIMARY KEY (kind, id));"
                           "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
                           APPLICATION_ID, FORMAT);

    return run(self, db, sql, err);
}

static int check_format(const struct store *self, sqlite3 *db, struct err *err)
{
    int64_t application = 0, format = 0, tables = 0;
    int r = ask_number(self, db, "PRAGMA application_id", &application, err);

    if (r == 0)
        r = ask_number(self, db, "PRAGMA user_version", &format, err);
    if (r == 0)
        r = ask_number(self, db, "SELECT count(*) FROM sqlite_master", &tables, err);
    if (r < 0)
        return r;
    if (!application && !format && !tables)
        return create(self, db, err);
    if (application != APPLICATION_ID)
        return err_set(err, -EBADMSG, "%s is a database, but no registry of proffer-master",
                       self->path);
    if (format > FORMAT)
        return err_set(err, -EPROTONOSUPPORT,
                       "%s was written by a newer proffer-master (format %lld, this one knows %d): "
                       "start that version",
                       self->path, (long long)format, FORMAT);
    return 0;
}

static void close_db(sqlite3 **db)
{
    sqlite3_close(*db);
    *db = NULL;
}

static int open_db(const struct store *self, sqlite3 **ret_db, struct err *err)
{
    CLEANUP(close_db) sqlite3 *db = NULL;
    int r = 0;

    if (sqlite3_open_v2(self->path, &db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        return fail(self, db, err);
    sqlite3_busy_timeout(db, BUSY_MS);
    r = run(self, db, "PRAGMA locking_mode = EXCLUSIVE", err);
    /* The journal first: what comes next reads what a crash has left in it. */
    if (r == 0)
        r = run(self, db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", err);
    if (r == 0)
        r = check_format(self, db, err);
    if (r < 0)
        return r;
    *ret_db = TAKE(db);
    return 0;
}

static void sqlite_close(struct store **self_p);

static int init(struct store *self, struct err *err)
{
    int r = inbox_new(BACKLOG_MAX, 0, &self->records, err);

    self->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (r == 0 && self->fd < 0)
        r = err_errno(err, -errno, "eventfd");
    if (r == 0)
        r = open_db(self, &self->db, err);
    if (r == 0)
        r = check_integrity(self, self->db, err);
    return r;
}

static int sqlite_open(const char *work_dir, struct store **ret_store, struct err *err)
{
    CLEANUP(sqlite_close) struct store *self = mem_new(struct store);
    struct err why;
    int r;

    self->path = mem_printf("%s/" FILE_NAME, work_dir);
    self->arena = arena_new(0);
    pthread_mutex_init(&self->lock, NULL);
    r = init(self, &why);
    if (r == -EBADMSG && !strstr(why.text, "move it away"))
        return damaged(self, "it is damaged, or no registry", err);
    if (r < 0)
        return err_set(err, r, "%s", why.text);
    *ret_store = TAKE(self);
    return 0;
}

/* --- reading ------------------------------------------------------------------------------------
 */

static int load_one(struct store *self, sqlite3_stmt *statement, store_each_fn *each, void *ctx,
                    struct err *err)
{
    const void *frame = sqlite3_column_blob(statement, 1);
    size_t size = (size_t)sqlite3_column_bytes(statement, 1);
    const char *id = (const char *)sqlite3_column_text(statement, 0);
    struct message record;
    struct err why;
    int r;

    arena_reset(self->arena);
    r = message_decode(frame, size, self->arena, &record, &why);
    if (r == -ENOMSG || r == -EPROTONOSUPPORT)
        return err_set(err, -EPROTONOSUPPORT,
                       "%s has a record of a newer proffer-master: start that version", self->path);
    if (r == 0)
        r = each(ctx, &record, &why);
    if (r == 0)
        return 0;
    return err_set(err, -EBADMSG, "%.80s: record '%.40s': %.60s" ADVICE, self->path, id ? id : "",
                   why.text);
}

static int sqlite_load(struct store *self, store_each_fn *each, void *ctx, struct err *err)
{
    CLEANUP(finalize_p) sqlite3_stmt *statement = NULL;
    int r = prepare(self, self->db, "SELECT id, frame FROM record", &statement, err);
    int step = SQLITE_DONE;

    while (r == 0 && (step = sqlite3_step(statement)) == SQLITE_ROW)
        r = load_one(self, statement, each, ctx, err);
    if (r == 0 && step != SQLITE_DONE)
        r = fail(self, self->db, err);
    return r;
}

/* --- writing ------------------------------------------------------------------------------------
 */

/* FORGET_... speaks of the record of another type. */
static enum msg_type kind_of(const struct message *record, const char **ret_id)
{
    switch ((int)record->type) {
    case MSG_KEPT_AGENT:
        *ret_id = record->kept_agent->agent->id;
        return MSG_KEPT_AGENT;
    case MSG_KEPT_FRAMEWORK:
        *ret_id = record->kept_framework->framework->id;
        return MSG_KEPT_FRAMEWORK;
    case MSG_DROP_AGENT:
        *ret_id = record->drop_agent->agent_id;
        return MSG_KEPT_AGENT;
    case MSG_DROP_FRAMEWORK:
        *ret_id = record->drop_framework->framework_id;
        return MSG_KEPT_FRAMEWORK;
    case MSG_KEPT_ROLE:
        *ret_id = record->kept_role->role;
        return MSG_KEPT_ROLE;
    case MSG_DROP_ROLE:
        *ret_id = record->drop_role->role;
        return MSG_KEPT_ROLE;
    case MSG_KEPT_WINDOW:
        *ret_id = record->kept_window->window->id;
        return MSG_KEPT_WINDOW;
    case MSG_DROP_WINDOW:
        *ret_id = record->drop_window->id;
        return MSG_KEPT_WINDOW;
    case MSG_KEPT_REIGN:
        *ret_id = "";
        return MSG_KEPT_REIGN;
    }
    BUG_ON(true);
    return 0;
}

static int write_one(struct store *self, const struct message *record, struct err *err)
{
    bool is_forgetting = record->type == MSG_DROP_AGENT || record->type == MSG_DROP_FRAMEWORK ||
                         record->type == MSG_DROP_ROLE || record->type == MSG_DROP_WINDOW;
    const char *sql = is_forgetting ? "DELETE FROM record WHERE kind = ?1 AND id = ?2"
                                    : "REPLACE INTO record (kind, id, frame) VALUES (?1, ?2, ?3)";
    CLEANUP(finalize_p) sqlite3_stmt *statement = NULL;
    CLEANUP(buf_fini) struct buf frame = {0};
    const char *id;
    enum msg_type kind = kind_of(record, &id);
    int r = prepare(self, self->db, sql, &statement, err);

    if (r == 0 && !is_forgetting)
        r = message_encode(record, &frame, err);
    if (r < 0)
        return r;
    sqlite3_bind_int(statement, 1, (int)kind);
    sqlite3_bind_text(statement, 2, id, -1, SQLITE_STATIC);
    if (!is_forgetting)
        sqlite3_bind_blob(statement, 3, frame.data, (int)frame.size, SQLITE_STATIC);
    return sqlite3_step(statement) == SQLITE_DONE ? 0 : fail(self, self->db, err);
}

/* KEPT_ROLES are the records of several things. */
static int write_roles(struct store *self, const struct msg_kept_roles *roles, struct err *err)
{
    int r = 0;

    for (size_t i = 0; i < roles->roles_count && r == 0; i++) {
        const struct role_policy *role = &roles->roles[i];
        const struct msg_drop_role drop = {.role = role->role};
        const struct msg_kept_role kept = {
            .role = role->role,
            .weight_milli = role->weight_milli,
            .guarantees = role->guarantees,
            .guarantees_count = role->guarantees_count,
            .priority = role->priority,
            .has_priority = role->has_priority,
            .limits = role->limits,
            .limits_count = role->limits_count,
            .offers = role->offers,
        };

        if (role->weight_milli || role->guarantees_count || role->limits_count || role->offers ||
            role->has_priority)
            r = write_one(self, &(struct message){.type = MSG_KEPT_ROLE, .kept_role = &kept}, err);
        else
            r = write_one(self, &(struct message){.type = MSG_DROP_ROLE, .drop_role = &drop}, err);
    }
    return r;
}

static int write_record(struct store *self, const struct message *record, struct err *err)
{
    return record->type == MSG_KEPT_ROLES ? write_roles(self, record->kept_roles, err)
                                          : write_one(self, record, err);
}

static int write_all(struct store *self, struct buf *frames, struct answer *answer)
{
    struct message record;
    size_t offset = 0;
    int r;

    for (;;) {
        arena_reset(self->arena);
        r = frames_read(frames, &offset, self->arena, &record, &answer->why);
        if (r <= 0)
            return r;
        answer->first = answer->first ? answer->first : record.number;
        answer->last = record.number;
        if (answer->rc == 0)
            answer->rc = write_record(self, &record, &answer->why);
    }
}

/* After some errors the file is better opened anew. */
static void give_up(struct store *self, int rc)
{
    if (!sqlite3_get_autocommit(self->db))
        sqlite3_exec(self->db, "ROLLBACK", NULL, NULL, NULL);
    if (rc != -ENOSPC)
        close_db(&self->db);
}

/* One transaction, as far as there is a file to write to. */
static void commit(struct store *self, struct buf *frames, struct answer *answer)
{
    if (!self->db)
        answer->rc = open_db(self, &self->db, &answer->why);
    if (answer->rc == 0)
        answer->rc = run(self, self->db, "BEGIN IMMEDIATE", &answer->why);
    BUG_ON(write_all(self, frames, answer) < 0);
    if (answer->rc == 0)
        answer->rc = run(self, self->db, "COMMIT", &answer->why);
    if (answer->rc < 0 && self->db)
        give_up(self, answer->rc);
}

static int sqlite_begin_now(struct store *self, const struct message *reign, struct err *err)
{
    CLEANUP(buf_fini) struct buf frames = {0};
    struct answer answer = {0};
    int r = frames_add(&frames, reign, err);

    if (r < 0)
        return r;
    commit(self, &frames, &answer);
    return answer.rc < 0 ? err_set(err, answer.rc, "%s", answer.why.text) : 0;
}

/* --- the thread ---------------------------------------------------------------------------------
 */

static void push_answer(struct store *self, const struct answer *answer)
{
    pthread_mutex_lock(&self->lock);
    if (self->answers_count == self->answers_capacity) {
        self->answers_capacity = self->answers_capacity ? self->answers_capacity * 2 : 16;
        self->answers = mem_resize(self->answers, self->answers_capacity, sizeof(*self->answers));
    }
    self->answers[self->answers_count++] = *answer;
    pthread_mutex_unlock(&self->lock);
    BUG_ON(eventfd_write(self->fd, 1) < 0);
}

static void *work(void *store)
{
    struct store *self = store;
    struct pollfd ready = {.fd = inbox_fd(self->records), .events = POLLIN};

    for (;;) {
        struct answer answer = {0};
        bool is_open = inbox_take(self->records, &self->taken);

        if (self->taken.size) {
            commit(self, &self->taken, &answer);
            push_answer(self, &answer);
        } else if (!is_open) {
            return NULL;
        } else {
            BUG_ON(poll(&ready, 1, -1) < 0 && errno != EINTR);
        }
    }
}

static int sqlite_begin(struct store *self, const struct message *reign, struct err *err)
{
    int r = sqlite_begin_now(self, reign, err);

    if (r < 0)
        return r;
    r = pthread_create(&self->thread, NULL, work, self);
    if (r > 0)
        return err_errno(err, -r, "thread of the registry");
    self->is_running = true;
    pthread_setname_np(self->thread, "registry");
    return 0;
}

/* --- the loop's side ----------------------------------------------------------------------------
 */

static void sqlite_put(struct store *self, const struct message *record)
{
    struct answer answer = {.first = record->number, .last = record->number};

    answer.rc = message_check(record, &answer.why);
    if (answer.rc == 0)
        answer.rc = frames_add(&self->gathered, record, &answer.why);
    if (answer.rc < 0) {
        push_answer(self, &answer);
        return;
    }
    self->first = self->first ? self->first : record->number;
    self->last = record->number;
}

static void sqlite_flush(struct store *self)
{
    struct answer answer = {.first = self->first, .last = self->last};

    if (!self->first)
        return;
    answer.rc = inbox_post(self->records, &self->gathered, true);
    self->first = 0;
    if (answer.rc == 0)
        return;
    self->gathered.size = 0;
    err_set(&answer.why, answer.rc, "%s: it is too slow, %zu bytes wait for it", self->path,
            BACKLOG_MAX);
    push_answer(self, &answer);
}

static int sqlite_fd(const struct store *self)
{
    return self->fd;
}

static void sqlite_take(struct store *self, store_done_fn *done, void *owner)
{
    CLEANUP(free_p) struct answer *answers = NULL;
    eventfd_t value;
    size_t count;

    (void)eventfd_read(self->fd, &value);
    pthread_mutex_lock(&self->lock);
    answers = TAKE(self->answers);
    count = self->answers_count;
    self->answers_count = self->answers_capacity = 0;
    pthread_mutex_unlock(&self->lock);
    for (size_t i = 0; i < count; i++)
        for (uint64_t ticket = answers[i].first; ticket <= answers[i].last; ticket++)
            done(owner, ticket, answers[i].rc, answers[i].rc < 0 ? answers[i].why.text : "");
}

static void sqlite_close(struct store **self_p)
{
    struct store *self = *self_p;

    if (!self)
        return;
    if (self->is_running) {
        sqlite_flush(self);
        inbox_close(self->records);
        pthread_join(self->thread, NULL);
    }
    close_db(&self->db);
    inbox_destroy(&self->records);
    pthread_mutex_destroy(&self->lock);
    close_fd(&self->fd);
    buf_fini(&self->taken);
    buf_fini(&self->gathered);
    arena_destroy(&self->arena);
    free(self->answers);
    free(self->path);
    free(self);
    *self_p = NULL;
}

const struct store_ops store_sqlite = {
    .name = "sqlite",
    .needs_work_dir = true,
    .open = sqlite_open,
    .close = sqlite_close,
    .load = sqlite_load,
    .begin = sqlite_begin,
    .put = sqlite_put,
    .flush = sqlite_flush,
    .fd = sqlite_fd,
    .take = sqlite_take,
};
