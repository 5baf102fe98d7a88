/* Jobs from a file: lines to jobs, defaults, dependencies. */
#include "examples/batch/job.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <uthash.h>

#include "examples/batch/memory.h"
#include "examples/batch/units.h"

#define LINE_MAX_BYTES (1024 * 1024)
#define NAME_MAX_BYTES 200 /* leaves room for ".out" in a file name */
#define NUMBER_MAX     1e9

/* Where in the input we are, for messages. */
struct place {
    const char *file;
    size_t line;
};

__attribute__((format(printf, 3, 4))) static int wrong(struct proffer_err *err,
                                                       const struct place *place,
                                                       const char *format, ...)
{
    va_list args;
    size_t used =
        (size_t)snprintf(err->text, sizeof(err->text), "%s:%zu: ", place->file, place->line);

    if (used < sizeof(err->text)) {
        va_start(args, format);
        vsnprintf(err->text + used, sizeof(err->text) - used, format, args);
        va_end(args);
    }
    return -EINVAL;
}

/* --- one field ------------------------------------------------------------------------------- */

struct reading {
    struct job *job;
    const struct place *place;
    struct proffer_err *err;
    double cpus, mem, disk; /* negative: not given */
};

static int read_text(struct reading *reading, const char *key, const json_t *value, char **ret)
{
    if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
        return wrong(reading->err, reading->place, "\"%s\" must be a text", key);
    free(*ret);
    *ret = batch_strdup(json_string_value(value));
    return 0;
}

static int read_number(struct reading *reading, const char *key, const json_t *value, double *ret)
{
    double number = json_number_value(value);

    if (!json_is_number(value) || number < 0 || number > NUMBER_MAX)
        return wrong(reading->err, reading->place, "\"%s\" must be a number from 0 to 1e9", key);
    *ret = number;
    return 0;
}

static int read_count(struct reading *reading, const char *key, const json_t *value, int max,
                      int *ret)
{
    json_int_t number = json_integer_value(value);

    if (!json_is_integer(value) || number < 0 || number > max)
        return wrong(reading->err, reading->place, "\"%s\" must be a whole number from 0 to %d",
                     key, max);
    *ret = (int)number;
    return 0;
}

static int read_timeout(struct reading *reading, const json_t *value)
{
    double seconds = 0;
    int r;

    if (json_is_string(value)) {
        if (units_parse_ms(json_string_value(value), &reading->job->timeout_ms) == 0)
            return 0;
        return wrong(reading->err, reading->place,
                     "\"timeout\" is not a duration: \"%s\" (30, \"90s\", \"5m\", \"1h30m\")",
                     json_string_value(value));
    }
    r = read_number(reading, "timeout", value, &seconds);
    if (r == 0)
        reading->job->timeout_ms = (int64_t)(seconds * 1000);
    return r;
}

static int read_env(struct reading *reading, const json_t *value)
{
    struct job *job = reading->job;
    const json_t *item;
    const char *name;
    size_t count = 0;

    if (!json_is_object(value))
        return wrong(reading->err, reading->place, "\"env\" must be an object of texts");
    job->env = batch_resize(NULL, json_object_size(value) + 1, sizeof(*job->env));
    memset(job->env, 0, (json_object_size(value) + 1) * sizeof(*job->env));
    json_object_foreach((json_t *)value, name, item)
    {
        if (!json_is_string(item))
            return wrong(reading->err, reading->place, "\"env\": \"%s\" must be a text", name);
        job->env[count].value = batch_strdup(json_string_value(item));
        job->env[count++].name = batch_strdup(name);
    }
    return 0;
}

static int add_after(struct reading *reading, const json_t *item)
{
    struct job *job = reading->job;
    char *name = NULL;
    int r = read_text(reading, "after", item, &name);

    if (r < 0)
        return r;
    for (size_t i = 0; i < job->after_count; i++) {
        if (!strcmp(job->after[i], name)) {
            free(name);
            return 0;
        }
    }
    job->after = batch_resize(job->after, job->after_count + 1, sizeof(char *));
    job->after[job->after_count++] = name;
    return 0;
}

static int read_after(struct reading *reading, const json_t *value)
{
    const json_t *item;
    size_t i;

    if (!json_is_array(value))
        return add_after(reading, value);
    json_array_foreach(value, i, item)
    {
        int r = add_after(reading, item);

        if (r < 0)
            return r;
    }
    return 0;
}

/* What is in it the SDK knows. */
static int read_isolation(struct reading *reading, const json_t *value)
{
    char *text;

    if (!json_is_object(value))
        return wrong(reading->err, reading->place, "\"isolation\" must be an object");
    text = json_dumps(value, JSON_COMPACT);
    reading->job->isolation = batch_strdup(text);
    free(text);
    return 0;
}

static int read_field(struct reading *reading, const char *key, const json_t *value)
{
    struct job *job = reading->job;
    int ports = 0, r;

    if (!strcmp(key, "cmd"))
        return read_text(reading, key, value, &job->command);
    if (!strcmp(key, "name"))
        return read_text(reading, key, value, &job->name);
    if (!strcmp(key, "user"))
        return read_text(reading, key, value, &job->user);
    if (!strcmp(key, "image"))
        return read_text(reading, key, value, &job->image);
    if (!strcmp(key, "cpus"))
        return read_number(reading, key, value, &reading->cpus);
    if (!strcmp(key, "mem"))
        return read_number(reading, key, value, &reading->mem);
    if (!strcmp(key, "disk"))
        return read_number(reading, key, value, &reading->disk);
    if (!strcmp(key, "retries"))
        return read_count(reading, key, value, 1000000, &job->retries);
    if (!strcmp(key, "timeout"))
        return read_timeout(reading, value);
    if (!strcmp(key, "env"))
        return read_env(reading, value);
    if (!strcmp(key, "isolation"))
        return read_isolation(reading, value);
    if (!strcmp(key, "after"))
        return read_after(reading, value);
    if (strcmp(key, "ports"))
        return wrong(
            reading->err, reading->place,
            "unknown field \"%s\" (known: cmd, name, cpus, mem, disk, ports, env, retries, "
            "timeout, after, user, isolation, image)",
            key);
    r = read_count(reading, key, value, 65535, &ports);
    if (r == 0)
        job->ports = (size_t)ports;
    return r;
}

/* --- one line -------------------------------------------------------------------------------- */

/* What the job says itself stands in for what the defaults say. */
static char *merge_resources(const struct reading *reading, const char *defaults)
{
    const struct {
        const char *name;
        double value;
    } given[] = {{"cpus", reading->cpus}, {"mem", reading->mem}, {"disk", reading->disk}};
    char *merged = batch_strdup(""), *copy = batch_strdup(defaults), *rest = copy, *part;

    while ((part = strsep(&rest, ";"))) {
        bool replaced = *part == '\0';
        char *longer;

        for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++)
            replaced |= given[i].value >= 0 &&
                        !strncmp(part, given[i].name, strlen(given[i].name)) &&
                        part[strlen(given[i].name)] == ':';
        if (replaced)
            continue;
        longer = batch_printf("%s%s%s", merged, *merged ? ";" : "", part);
        free(merged);
        merged = longer;
    }
    for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
        char *longer;

        if (given[i].value <= 0)
            continue;
        longer =
            batch_printf("%s%s%s:%.3f", merged, *merged ? ";" : "", given[i].name, given[i].value);
        free(merged);
        merged = longer;
    }
    free(copy);
    return merged;
}

static int read_object(struct reading *reading, const char *line)
{
    json_error_t json_error;
    json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, &json_error);
    const json_t *value;
    const char *key;
    int r = 0;

    if (!object)
        return wrong(reading->err, reading->place, "not JSON: %s (column %d)", json_error.text,
                     json_error.column);
    if (!json_is_object(object))
        r = wrong(reading->err, reading->place, "must be an object");
    json_object_foreach(object, key, value)
    {
        if (r == 0 && !json_is_null(value))
            r = read_field(reading, key, value);
    }
    json_decref(object);
    if (r == 0 && !reading->job->command)
        r = wrong(reading->err, reading->place, "\"cmd\" is missing");
    return r;
}

static int check_name(const struct reading *reading)
{
    const char *name = reading->job->name;

    if (!*name || strlen(name) > NAME_MAX_BYTES || strchr(name, '/') || name[0] == '.')
        return wrong(reading->err, reading->place,
                     "\"name\" must be 1 to %d bytes without '/', not beginning with '.'",
                     NAME_MAX_BYTES);
    for (const char *c = name; *c; c++)
        if (iscntrl((unsigned char)*c))
            return wrong(reading->err, reading->place, "\"name\" has a control character");
    return 0;
}

static int read_command_line(struct reading *reading, const char *line)
{
    json_t *text = json_string(line); /* says whether it is UTF-8 */

    if (!text)
        return wrong(reading->err, reading->place, "the command is not valid UTF-8");
    json_decref(text);
    reading->job->command = batch_strdup(line);
    return 0;
}

static int read_job(struct job *job, const char *line, const struct place *place,
                    const struct job_defaults *defaults, struct proffer_err *err)
{
    struct reading reading = {
        .job = job, .place = place, .err = err, .cpus = -1, .mem = -1, .disk = -1};
    int r;

    job->retries = defaults->retries;
    job->timeout_ms = defaults->timeout_ms;
    r = line[0] == '{' ? read_object(&reading, line) : read_command_line(&reading, line);
    if (r < 0)
        return r;
    if (!job->name)
        job->name = batch_printf("job-%zu", job->number);
    if (!job->user && defaults->user)
        job->user = batch_strdup(defaults->user);
    if (!job->image && defaults->image)
        job->image = batch_strdup(defaults->image);
    if (!job->isolation && defaults->isolation)
        job->isolation = batch_strdup(defaults->isolation);
    job->resources = merge_resources(&reading, defaults->resources);
    return check_name(&reading);
}

static int add_line(struct job_list *list, const char *line, const struct place *place,
                    const struct job_defaults *defaults, struct proffer_err *err)
{
    struct job *job;

    while (isspace((unsigned char)*line))
        line++;
    if (!*line || *line == '#')
        return 0;
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 64;
        list->jobs = batch_resize(list->jobs, list->capacity, sizeof(struct job));
    }
    job = &list->jobs[list->count++];
    *job = (struct job){.number = list->count};
    list->counts[JOB_WAITING]++;
    return read_job(job, line, place, defaults, err);
}

/* --- dependencies ------------------------------------------------------------------------------
 */

struct named {
    UT_hash_handle hh;
    size_t index;
};

static int index_names(const struct job_list *list, const char *file, struct named *entries,
                       struct named **ret_table, struct proffer_err *err)
{
    struct named *table = NULL, *found;

    for (size_t i = 0; i < list->count; i++) {
        const char *name = list->jobs[i].name;

        HASH_FIND_STR(table, name, found);
        if (found) {
            *ret_table = table;
            snprintf(err->text, sizeof(err->text), "%s: jobs %zu and %zu are both named \"%.100s\"",
                     file, found->index + 1, i + 1, name);
            return -EINVAL;
        }
        entries[i].index = i;
        HASH_ADD_KEYPTR(hh, table, name, strlen(name), &entries[i]);
    }
    *ret_table = table;
    return 0;
}

static int resolve(struct job_list *list, const char *file, struct named *table,
                   struct proffer_err *err)
{
    for (size_t i = 0; i < list->count; i++) {
        struct job *job = &list->jobs[i];

        for (size_t k = 0; k < job->after_count; k++) {
            struct named *found;
            struct job *before;

            HASH_FIND_STR(table, job->after[k], found);
            if (!found) {
                snprintf(err->text, sizeof(err->text),
                         "%s: \"%.80s\" comes after \"%.80s\", which is no job here", file,
                         job->name, job->after[k]);
                return -EINVAL;
            }
            before = &list->jobs[found->index];
            before->dependents =
                batch_resize(before->dependents, before->dependent_count + 1, sizeof(size_t));
            before->dependents[before->dependent_count++] = i;
            job->blockers++;
        }
    }
    return 0;
}

/* Kahn's algorithm (CACM 5(11), 1962): what is left over stands in or behind a circle. */
static int check_circles(const struct job_list *list, const char *file, struct proffer_err *err)
{
    size_t *blockers = batch_resize(NULL, list->count, sizeof(size_t));
    size_t *free_jobs = batch_resize(NULL, list->count, sizeof(size_t));
    size_t count = 0, taken = 0;
    int r = 0;

    for (size_t i = 0; i < list->count; i++) {
        blockers[i] = list->jobs[i].blockers;
        if (blockers[i] == 0)
            free_jobs[count++] = i;
    }
    for (; taken < count; taken++) {
        const struct job *job = &list->jobs[free_jobs[taken]];

        for (size_t k = 0; k < job->dependent_count; k++)
            if (--blockers[job->dependents[k]] == 0)
                free_jobs[count++] = job->dependents[k];
    }
    for (size_t i = 0; i < list->count && r == 0 && taken < list->count; i++) {
        if (blockers[i] > 0) {
            snprintf(err->text, sizeof(err->text),
                     "%s: \"%.100s\" waits for itself, through \"after\"", file,
                     list->jobs[i].name);
            r = -EINVAL;
        }
    }
    free(blockers);
    free(free_jobs);
    return r;
}

static int link_jobs(struct job_list *list, const char *file, struct proffer_err *err)
{
    struct named *entries = batch_resize(NULL, list->count, sizeof(*entries)), *table = NULL;
    int r = index_names(list, file, entries, &table, err);

    if (r == 0)
        r = resolve(list, file, table, err);
    if (r == 0)
        r = check_circles(list, file, err);
    HASH_CLEAR(hh, table);
    free(entries);
    return r;
}

static void queue_free_jobs(struct job_list *list)
{
    size_t *tail = &list->queue_head;

    for (size_t i = 0; i < list->count; i++) {
        struct job *job = &list->jobs[i];

        if (job->blockers > 0)
            continue;
        list->counts[JOB_WAITING]--;
        list->counts[JOB_READY]++;
        job->state = JOB_READY;
        *tail = list->queue_tail = i + 1;
        tail = &job->next;
    }
}

int job_list_read(struct job_list *list, FILE *file, const char *file_name,
                  const struct job_defaults *defaults, struct proffer_err *err)
{
    struct place place = {.file = file_name};
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    int r = 0;

    while (r == 0 && (size = getline(&line, &capacity, file)) >= 0) {
        place.line++;
        while (size > 0 && (line[size - 1] == '\n' || line[size - 1] == '\r'))
            line[--size] = '\0';
        if (size > LINE_MAX_BYTES)
            r = wrong(err, &place, "longer than %d bytes", LINE_MAX_BYTES);
        else if (strlen(line) != (size_t)size)
            r = wrong(err, &place, "has a NUL byte");
        else
            r = add_line(list, line, &place, defaults, err);
    }
    free(line);
    if (r == 0 && ferror(file)) {
        snprintf(err->text, sizeof(err->text), "%s: cannot be read: %s", file_name,
                 strerror(errno));
        r = -EIO;
    }
    if (r == 0)
        r = link_jobs(list, file_name, err);
    if (r == 0)
        queue_free_jobs(list);
    return r;
}
