#include "examples/batch/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "examples/batch/batch.h"
#include "examples/batch/memory.h"

struct journal {
    int fd; /* owned */
    char *lines;
    size_t size, capacity; /* of what is not on disk yet */
    bool is_ours;          /* locked */
    bool has_header;
    bool has_files; /* there are new ones in the folder */
    bool has_failed;
    char framework_id[256];
};

/* --- the file ----------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static int wrong(struct proffer_err *err, int error,
                                                       const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    return error;
}

static int lock(int fd, const char *dir, struct proffer_err *err)
{
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(fd, F_SETLK, &all) == 0)
        return 0;
    if (errno != EACCES && errno != EAGAIN)
        return wrong(err, -errno, "%.120s/" JOURNAL_NAME ": cannot be locked: %s", dir,
                     strerror(errno));
    if (fcntl(fd, F_GETLK, &all) < 0 || all.l_type == F_UNLCK)
        all.l_pid = 0;
    return wrong(err, -EBUSY, "another proffer-batch (process %d) is at work in %.120s",
                 (int)all.l_pid, dir);
}

static int read_facts(const struct journal *self, const char *dir, struct job_list *list,
                      struct journal_facts *ret_facts, struct proffer_err *err)
{
    struct proffer_err why = {""};
    struct stat stat;
    char *text;
    int r;

    if (fstat(self->fd, &stat) < 0)
        return wrong(err, -errno, "%.120s/" JOURNAL_NAME ": %s", dir, strerror(errno));
    if (stat.st_size == 0)
        return 0;
    text = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, self->fd, 0);
    if (text == MAP_FAILED)
        return wrong(err, -errno, "%.120s/" JOURNAL_NAME ": %s", dir, strerror(errno));
    r = journal_read(text, (size_t)stat.st_size, list, ret_facts, &why);
    munmap(text, (size_t)stat.st_size);
    if (r < 0)
        return wrong(err, r,
                     "%.80s/" JOURNAL_NAME ", %.100s; if it cannot be mended, remove it: all jobs "
                     "run anew then",
                     dir, why.text);
    return 0;
}

/* --- lines ---------------------------------------------------------------------------------------- */

static void add_line(struct journal *self, json_t *object)
{
    char *line = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(15));
    size_t size = line ? strlen(line) : 0;

    if (!line)
        self->has_failed = true; /* out of memory */
    if (self->size + size + 1 > self->capacity) {
        self->capacity = 2 * (self->size + size + 1);
        self->lines = batch_resize(self->lines, self->capacity, 1);
    }
    if (line)
        memcpy(self->lines + self->size, line, size);
    self->lines[self->size + size] = '\n';
    self->size += size + 1;
    free(line);
    json_decref(object);
}

static void add_header(struct journal *self, const struct job_list *list)
{
    char hash[17];

    if (self->has_header)
        return;
    self->has_header = self->has_files = true;
    snprintf(hash, sizeof(hash), "%016" PRIx64, job_list_hash(list));
    add_line(self, json_pack("{s:i, s:I, s:s}", "proffer-batch", 1, "jobs", (json_int_t)list->count,
                             "hash", hash));
}

static void set_text(json_t *object, const char *key, const char *text)
{
    if (text && *text)
        json_object_set_new(object, key, json_string(text));
}

/* All that the report and the download need. */
static void set_outcome(json_t *object, const struct job *job)
{
    if (job->has_exit) {
        json_object_set_new(object, "exit_code", json_integer(job->exit_code));
        json_object_set_new(object, "signal", json_integer(job->exit_signal));
    }
    json_object_set_new(object, "ended", json_real(job->ended));
    json_object_set_new(object, "cpu_seconds", json_real(job->cpu_seconds));
    json_object_set_new(object, "peak_mem_bytes", json_integer(job->peak_mem_bytes));
    set_text(object, "message", job->message);
    set_text(object, "address", job->host);
}

static void set_counts(json_t *object, const struct job *job)
{
    json_object_set_new(object, "failures", json_integer(job->failures));
    json_object_set_new(object, "losses", json_integer(job->losses));
}

static json_t *line_of(const struct job *job, const char *what)
{
    return json_pack("{s:I, s:s, s:i}", "job", (json_int_t)job->number, "is", what, "attempt",
                     job->attempt);
}

const char *journal_framework_id(const struct batch *batch)
{
    return batch->journal ? batch->journal->framework_id : "";
}

void journal_note_framework(struct batch *batch, const char *framework_id)
{
    struct journal *self = batch->journal;

    if (!self || !strcmp(self->framework_id, framework_id))
        return;
    snprintf(self->framework_id, sizeof(self->framework_id), "%s", framework_id);
    add_header(self, &batch->list);
    add_line(self, json_pack("{s:s}", "framework", framework_id));
}

void journal_note_launch(struct batch *batch, const struct job *job)
{
    json_t *line;

    if (!batch->journal)
        return;
    line = line_of(job, "launched");
    json_object_set_new(line, "started", json_real(job->started));
    add_line(batch->journal, line);
}

void journal_note_place(struct batch *batch, const struct job *job)
{
    json_t *line;

    if (!batch->journal)
        return;
    line = line_of(job, "placed");
    set_text(line, "agent", job->agent_id);
    add_line(batch->journal, line);
}

void journal_note_end(struct batch *batch, const struct job *job)
{
    json_t *line;

    if (!batch->journal)
        return;
    line = line_of(job, "ended");
    set_counts(line, job);
    set_outcome(line, job);
    set_text(line, "sandbox", job->sandbox);
    json_object_set_new(line, "stdout_bytes", json_integer(job->stdout_bytes));
    json_object_set_new(line, "stderr_bytes", json_integer(job->stderr_bytes));
    add_line(batch->journal, line);
}

void journal_note_again(struct batch *batch, const struct job *job)
{
    json_t *line;

    if (!batch->journal)
        return;
    line = line_of(job, "waiting");
    set_counts(line, job);
    add_line(batch->journal, line);
}

void journal_note_done(struct batch *batch, const struct job *job)
{
    json_t *line;

    if (!batch->journal)
        return;
    add_header(batch->journal, &batch->list);
    batch->journal->has_files = true;
    line = line_of(job, job_state_name(job->state));
    set_counts(line, job);
    set_outcome(line, job);
    add_line(batch->journal, line);
}

static int write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t count = write(fd, bytes, size);

        if (count < 0 && errno != EINTR)
            return -errno;
        if (count > 0) {
            bytes += count;
            size -= (size_t)count;
        }
    }
    return 0;
}

bool journal_sync(struct batch *batch)
{
    struct journal *self = batch->journal;
    int r;

    if (!self || (!self->size && !self->has_failed))
        return true;
    if (self->has_failed)
        return false;
    r = write_all(self->fd, self->lines, self->size);
    if (r == 0 && fdatasync(self->fd) < 0)
        r = -errno;
    /* Not every file system can do this for a folder. */
    if (r == 0 && self->has_files && fsync(batch->output_fd) < 0 && errno != EINVAL)
        r = -errno;
    self->has_files = false;
    self->size = 0;
    self->has_failed = r < 0;
    if (r < 0)
        progress_say(batch,
                     "%s/" JOURNAL_NAME " cannot be written: %s; stopping here: what runs goes on, "
                     "--resume continues",
                     batch->options->output_dir, strerror(-r));
    return r == 0;
}

/* --- beginning and end ------------------------------------------------------------------------------ */

static int check_resumed(const struct batch *batch, const struct journal_facts *facts,
                         struct proffer_err *err)
{
    char hash[17];

    snprintf(hash, sizeof(hash), "%016" PRIx64, job_list_hash(&batch->list));
    if (facts->jobs == batch->list.count && !strcmp(hash, facts->hash))
        return 0;
    return wrong(err, -EINVAL,
                 "--resume: these %zu jobs are not the %zu that were begun in %.100s: their names, "
                 "commands, order, env or after differ",
                 batch->list.count, facts->jobs, batch->options->output_dir);
}

static int check_new(const struct batch *batch, const struct journal_facts *facts,
                     struct proffer_err *err)
{
    if (facts->done >= facts->jobs)
        return 0;
    return wrong(err, -EEXIST,
                 "%.100s holds a run that is not finished (%zu of %zu jobs are done): continue it "
                 "with --resume, or give it up by removing " JOURNAL_NAME " there",
                 batch->options->output_dir, facts->done, facts->jobs);
}

static int begin(struct batch *batch, struct journal *self, struct proffer_err *err)
{
    const char *dir = batch->options->output_dir;
    struct journal_facts facts = {0};
    int r = read_facts(self, dir, NULL, &facts, err);

    if (r < 0)
        return r;
    if (!batch->options->resume) {
        r = check_new(batch, &facts, err);
        facts = (struct journal_facts){0};
    } else if (facts.jobs) {
        r = check_resumed(batch, &facts, err);
        if (r == 0)
            r = read_facts(self, dir, &batch->list, &facts, err);
        self->has_header = true;
        snprintf(self->framework_id, sizeof(self->framework_id), "%s", facts.framework_id);
    }
    if (r == 0 && ftruncate(self->fd, (off_t)facts.whole_bytes) < 0)
        r = wrong(err, -errno, "%.120s/" JOURNAL_NAME ": %s", dir, strerror(errno));
    return r;
}

static int open_locked(const struct batch *batch, struct journal *self, struct proffer_err *err)
{
    const char *dir = batch->options->output_dir;
    struct stat stat = {0};
    int r = 0;

    while (r == 0 && stat.st_nlink == 0) { /* the process that had it may just have removed it */
        if (self->fd >= 0)
            close(self->fd);
        self->fd = openat(batch->output_fd, JOURNAL_NAME,
                          O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (self->fd < 0)
            return wrong(err, -errno, "%.120s/" JOURNAL_NAME ": %s", dir, strerror(errno));
        r = lock(self->fd, dir, err);
        if (r == 0 && fstat(self->fd, &stat) < 0)
            return wrong(err, -errno, "%.120s/" JOURNAL_NAME ": %s", dir, strerror(errno));
    }
    self->is_ours = r == 0;
    return r;
}

int journal_open(struct batch *batch, struct proffer_err *err)
{
    struct journal *self;
    int r;

    if (batch->output_fd < 0)
        return 0;
    self = batch_resize(NULL, 1, sizeof(*self));
    *self = (struct journal){.fd = -1};
    batch->journal = self;
    r = open_locked(batch, self, err);
    return r < 0 ? r : begin(batch, self, err);
}

void journal_close(struct batch *batch)
{
    struct journal *self = batch->journal;
    struct stat stat;

    if (!self)
        return;
    if (self->is_ours && fstat(self->fd, &stat) == 0 && stat.st_size == 0)
        unlinkat(batch->output_fd, JOURNAL_NAME, 0);
    if (self->fd >= 0)
        close(self->fd);
    free(self->lines);
    free(self);
    batch->journal = NULL;
}
