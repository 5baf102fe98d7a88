#include "tests/unit/dock_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/mem.h"

#define OWNER "agent-1"

/* --- what the core wants ------------------------------------------------------------------------ */

static struct asked *find_asked(struct dock_bench *self, uint64_t number)
{
    for (size_t i = 0; i < BENCH_CALLS; i++)
        if (self->asked[i].number == number)
            return &self->asked[i];
    fail_msg("no place for call %d", (int)number);
    return NULL;
}

#define KEEP(field, text) snprintf(field, sizeof(field), "%s", (text) ? (text) : "")

static void on_call(void *ctx, const struct dock_call *call)
{
    struct dock_bench *self = ctx;
    struct asked *asked = find_asked(self, 0);

    *asked = (struct asked){.number = call->number, .kind = call->kind, .follow = call->follow};
    KEEP(asked->engine_id, call->engine_id);
    KEEP(asked->container_id, call->container_id);
    KEEP(asked->image, call->order    ? call->order->docker->image
                       : call->url    ? call->url
                       : call->update ? call->update->cpus
                                      : call->image);
    if (call->order)
        KEEP(self->created_cpus, call->order->cpus);
    KEEP(asked->sandbox, call->order ? call->order->sandbox : call->sandbox);
    KEEP(asked->credentials, call->credentials);
    KEEP(asked->signal, call->signal);
    if (call->timeout_ms)
        asked->until_us = self->now.mono_us + call->timeout_ms * US_PER_MS;
    self->calls_of[call->kind]++;
}

static void on_cancel(void *ctx, uint64_t number)
{
    find_asked(ctx, number)->number = 0;
}

static void on_tell(void *ctx, const struct message *message)
{
    struct dock_bench *self = ctx;
    struct message *told = &self->told[self->told_count++];

    assert_true(self->told_count < BENCH_TOLD);
    assert_int_equal(message_check(message, NULL), 0);
    *told = *message;
    told->body = message_copy_body(message->type, message->body, self->arena);
}

static int on_prepare(void *ctx, const struct msg_launch_container *order, struct err *err)
{
    struct dock_bench *self = ctx;

    (void)order;
    if (*self->refusal.text) {
        *err = self->refusal;
        self->refusal.text[0] = '\0';
        return -EPERM;
    }
    self->prepared++;
    return 0;
}

static int on_fetch(void *ctx, const struct msg_launch_container *order, struct err *err)
{
    struct dock_bench *self = ctx;

    (void)err;
    self->fetches++;
    KEEP(self->fetched, order->container_id);
    return 0;
}

static void on_cancel_fetch(void *ctx, const char *container_id)
{
    struct dock_bench *self = ctx;

    assert_non_null(container_id);
    self->cancelled_fetches++;
}

static void on_sizes(void *ctx, const char *id, int64_t *ret_stdout, int64_t *ret_stderr)
{
    (void)ctx;
    (void)id;
    *ret_stdout = 3;
    *ret_stderr = 4;
}

static void on_forget(void *ctx, const char *id)
{
    (void)ctx;
    assert_non_null(id);
}

static void on_kill_process(void *ctx, int64_t pid, const char *engine_id)
{
    struct dock_bench *self = ctx;

    (void)engine_id;
    self->killed_pid = pid;
}

static int on_disk(void *ctx, const char *root_dir)
{
    const struct dock_bench *self = ctx;

    assert_string_equal(root_dir, "/var/lib/docker");
    return self->disk_percent;
}

static void on_keep_image(void *ctx, const char *name, int64_t used_us)
{
    (void)ctx;
    (void)name;
    (void)used_us;
}

static void on_log(void *ctx, int level, const char *text)
{
    (void)ctx;
    (void)level;
    if (getenv("BENCH_TRACE"))
        printf("# %s\n", text);
}

static void on_over(void *ctx, int exit_code)
{
    struct dock_bench *self = ctx;

    self->is_over = true;
    self->over_code = exit_code;
}

/* --- the engine --------------------------------------------------------------------------------- */

struct box *bench_box(struct dock_bench *self, const char *id)
{
    for (size_t i = 0; i < BENCH_BOXES; i++)
        if (self->boxes[i].is_there &&
            (!strcmp(self->boxes[i].container_id, id) || !strcmp(self->boxes[i].name, id)))
            return &self->boxes[i];
    return NULL;
}

static struct box *new_box(struct dock_bench *self, const char *id, const char *sandbox)
{
    for (size_t i = 0; i < BENCH_BOXES; i++) {
        struct box *box = &self->boxes[i];

        if (box->is_there)
            continue;
        *box = (struct box){.is_there = true, .error = ""};
        snprintf(box->name, sizeof(box->name), "proffer-%.100s", id);
        snprintf(box->container_id, sizeof(box->container_id), "%.100s", id);
        snprintf(box->owner, sizeof(box->owner), "%s", OWNER);
        snprintf(box->sandbox, sizeof(box->sandbox), "%.100s", sandbox);
        return box;
    }
    fail_msg("no place for a box");
    return NULL;
}

void bench_add_box(struct dock_bench *self, const char *id, enum dock_seen_state state,
                   int64_t exit_code)
{
    struct box *box = new_box(self, id, "/sandboxes/x");

    box->state = state;
    box->exit_code = exit_code;
}

static struct dock_seen show(const struct box *box)
{
    return (struct dock_seen){
        .engine_id = box->name,
        .owner = box->owner,
        .container_id = box->container_id,
        .sandbox = box->sandbox,
        .state = box->state,
        .pid = box->state == SEEN_RUNNING ? 77 : 0,
        .exit_code = box->exit_code,
        .oom_killed = box->oom,
        .error = box->error,
        .started_us = box->state == SEEN_CREATED ? 0 : 1000,
        .ended_us = box->state == SEEN_EXITED ? 2000 : 0,
        .stop_signal = "SIGQUIT",
        .is_host_network = !box->has_own_network,
        .address = box->address,
        .mem_limit_bytes = 64 << 20,
    };
}

static void give(struct dock_bench *self, const struct dock_answer *answer)
{
    struct err err = {""};

    dock_on_answer(self->dock, self->now, answer);
    if (dock_check(self->dock, &err) < 0)
        fail_msg("%s", err.text);
}

static bool has_image(const struct dock_bench *self, const char *image)
{
    char word[300];

    snprintf(word, sizeof(word), " %s ", image);
    return strstr(self->images, word) != NULL;
}

static void do_create(struct dock_bench *self, const struct asked *asked,
                      struct dock_answer *answer)
{
    if (!has_image(self, asked->image)) {
        answer->status = 404;
        answer->error = "No such image: x:latest";
    } else if (bench_box(self, asked->container_id)) {
        answer->status = 409;
        answer->error = "Conflict. The container name is already in use";
    } else {
        answer->status = 201;
        answer->id = new_box(self, asked->container_id, asked->sandbox)->name;
    }
}

static void do_start(struct dock_bench *self, const struct asked *asked, struct dock_answer *answer)
{
    struct box *box = bench_box(self, asked->engine_id);

    answer->status = 204;
    if (!box) {
        answer->status = 404;
        answer->error = "No such container";
    } else if (self->start_error) {
        answer->status = self->start_status;
        answer->error = self->start_error;
    } else if (box->state == SEEN_RUNNING) {
        answer->status = 304;
    } else {
        box->state = SEEN_RUNNING;
        box->starts++;
    }
}

static void end_logs(struct dock_bench *self, const char *container_id)
{
    for (size_t i = 0; i < BENCH_CALLS; i++) {
        struct asked *asked = &self->asked[i];

        if (asked->number && asked->kind == CALL_LOGS && asked->follow &&
            !strcmp(asked->container_id, container_id))
            asked->is_done = true;
    }
}

static void end_box(struct dock_bench *self, struct box *box, int64_t exit_code)
{
    box->state = SEEN_EXITED;
    box->exit_code = exit_code;
    end_logs(self, box->container_id);
}

static void do_kill(struct dock_bench *self, const struct asked *asked, struct dock_answer *answer)
{
    struct box *box = bench_box(self, asked->engine_id);

    answer->status = box && box->state == SEEN_RUNNING ? 204 : 409;
    if (answer->status == 204 && !strcmp(asked->signal, "SIGKILL"))
        end_box(self, box, 137);
}

static void do_remove(struct dock_bench *self, const struct asked *asked,
                      struct dock_answer *answer)
{
    struct box *box = bench_box(self, asked->engine_id);

    answer->status = box ? 204 : 404;
    if (box) {
        end_logs(self, box->container_id);
        box->is_there = false;
    }
}

static void do_pull(struct dock_bench *self, const struct asked *asked, struct dock_answer *answer)
{
    answer->status = 200;
    answer->digest = self->pull_digest;
    if (self->pull_error)
        answer->error = self->pull_error;
    else if (!self->pulls_in_vain)
        self->images = arena_printf(self->arena, "%s%s ", self->images, asked->image);
}

static void do_images(struct dock_bench *self, struct dock_answer *answer)
{
    static const char *const names[] = {"docker.io/library/busybox:latest",
                                        "docker.io/library/nginx:1", "docker.io/library/old:1"};
    static const struct dock_image images[] = {{.id = "1", .names = &names[0], .names_count = 1},
                                               {.id = "2", .names = &names[1], .names_count = 1},
                                               {.id = "3", .names = &names[2], .names_count = 1}};

    answer->images = self->shown_images ? self->shown_images : images;
    answer->images_count = self->shown_images ? self->shown_images_count : 3;
}

static void do_call(struct dock_bench *self, struct asked *asked, struct dock_answer *answer,
                    struct dock_seen *seen)
{
    static const struct usage_info usage = {.container_id = "", .mem_total_bytes = 5};

    answer->status = 200;
    switch (asked->kind) {
    case CALL_VERSION:
        answer->version = "20.10";
        answer->api_version = "1.41";
        break;
    case CALL_INFO:
        answer->root_dir = "/var/lib/docker";
        answer->driver = "overlay2";
        answer->cgroups = "cgroupfs";
        break;
    case CALL_LIST:
        for (size_t i = 0; i < BENCH_BOXES; i++)
            if (self->boxes[i].is_there)
                seen[answer->seen_count++] = show(&self->boxes[i]);
        answer->seen = seen;
        break;
    case CALL_INSPECT:
        answer->status = bench_box(self, asked->engine_id) ? 200 : 404;
        if (answer->status == 200)
            seen[answer->seen_count++] = show(bench_box(self, asked->engine_id));
        answer->seen = seen;
        break;
    case CALL_PULL:
        do_pull(self, asked, answer);
        break;
    case CALL_CREATE:
        do_create(self, asked, answer);
        break;
    case CALL_START:
        do_start(self, asked, answer);
        break;
    case CALL_KILL:
        do_kill(self, asked, answer);
        break;
    case CALL_REMOVE:
        do_remove(self, asked, answer);
        break;
    case CALL_STATS:
        answer->usage = &usage;
        break;
    case CALL_EXEC_CREATE:
        answer->status = 201;
        answer->id = "exec1";
        break;
    case CALL_EXEC_START:
        answer->output = (struct bytes){"hi\n", 3};
        break;
    case CALL_EXEC_INSPECT:
        answer->exit_code = 3;
        answer->pid = self->execs_are_slow ? 0 : 55;
        break;
    case CALL_IMAGES:
        do_images(self, answer);
        break;
    case CALL_UPDATE:
        if (self->update_status) {
            answer->status = self->update_status;
            answer->error = "no such cores";
        }
        break;
    case CALL_LOGS:
        if (self->refuses_logs) {
            answer->status = 400;
            answer->error = "cannot open the sandbox";
        }
        break;
    case CALL_REMOVE_IMAGE:
        self->removed_images++;
        KEEP(self->removed_image, asked->image);
        self->disk_percent -= 10;
        break;
    default:
        break;
    }
}

static bool is_open_stream(const struct asked *asked)
{
    return asked->kind == CALL_EVENTS || (asked->kind == CALL_LOGS && asked->follow);
}

static bool is_answerable(const struct dock_bench *self, const struct asked *asked)
{
    if (!asked->number)
        return false;
    if (self->mood == MOOD_HANGS)
        return false;
    if (self->slow_pull && asked->kind == CALL_PULL && !strcmp(asked->image, self->slow_pull))
        return false;
    if (self->holds_updates && asked->kind == CALL_UPDATE)
        return false;
    if (self->refuses_logs && asked->kind == CALL_LOGS)
        return true;
    return self->mood == MOOD_REFUSES || !is_open_stream(asked) || asked->is_done;
}

static void answer_one(struct dock_bench *self, struct asked *asked)
{
    struct dock_seen seen[BENCH_BOXES];
    struct dock_answer answer = {.number = asked->number,
                                 .error = "",
                                 .id = "",
                                 .version = "",
                                 .root_dir = "",
                                 .driver = "",
                                 .cgroups = ""};

    if (self->mood == MOOD_REFUSES) {
        answer.is_refused = true;
        answer.error = "connection refused";
    } else if (is_open_stream(asked) && !self->refuses_logs) {
        answer.status = 200;
    } else {
        do_call(self, asked, &answer, seen);
        if ((int)(rng_next(&self->rng) % 100) < self->lose_answer)
            answer = (struct dock_answer){.number = asked->number, .error = "connection reset"};
    }
    asked->number = 0;
    give(self, &answer);
}

bool bench_step(struct dock_bench *self)
{
    size_t start = self->lose_answer ? rng_next(&self->rng) % BENCH_CALLS : 0;

    for (size_t i = 0; i < BENCH_CALLS; i++) {
        struct asked *asked = &self->asked[(start + i) % BENCH_CALLS];

        if (!is_answerable(self, asked))
            continue;
        answer_one(self, asked);
        return true;
    }
    return false;
}

void bench_work(struct dock_bench *self)
{
    while (bench_step(self))
        ;
}

static struct asked *find_late(struct dock_bench *self)
{
    for (size_t i = 0; i < BENCH_CALLS; i++)
        if (self->asked[i].number && self->asked[i].until_us &&
            self->asked[i].until_us <= self->now.mono_us)
            return &self->asked[i];
    return NULL;
}

static void expire(struct dock_bench *self)
{
    struct asked *late;

    while ((late = find_late(self))) {
        struct dock_answer answer = {
            .number = late->number, .is_late = true, .error = "Operation timed out"};

        late->number = 0;
        give(self, &answer);
    }
}

void bench_pass(struct dock_bench *self, int64_t ms)
{
    int64_t end_us = self->now.mono_us + ms * US_PER_MS;

    while (self->now.mono_us < end_us) {
        int64_t next_us = dock_next_deadline_us(self->dock);

        if (next_us > self->now.mono_us + 50 * US_PER_MS)
            next_us = self->now.mono_us + 50 * US_PER_MS;
        if (next_us > end_us)
            next_us = end_us;
        if (next_us > self->now.mono_us) {
            self->now.wall_us += next_us - self->now.mono_us;
            self->now.mono_us = next_us;
        }
        dock_on_deadline(self->dock, self->now);
        expire(self);
        bench_work(self);
    }
}

void bench_break(struct dock_bench *self, enum engine_mood mood)
{
    self->mood = mood;
    for (size_t i = 0; i < BENCH_CALLS && mood != MOOD_HANGS; i++) {
        struct dock_answer answer = {.number = self->asked[i].number,
                                     .error = "transfer closed with outstanding read data"};

        if (!self->asked[i].number)
            continue;
        self->asked[i].number = 0;
        give(self, &answer);
    }
}

/* --- events ------------------------------------------------------------------------------------- */

void bench_end_box_silently(struct dock_bench *self, const char *id, int64_t exit_code)
{
    end_box(self, bench_box(self, id), exit_code);
}

void bench_end_box(struct dock_bench *self, const char *id, int64_t exit_code)
{
    bench_end_box_silently(self, id, exit_code);
    dock_on_event(self->dock, self->now, id);
    bench_work(self);
}

void bench_launch_image(struct dock_bench *self, const char *id, const char *image,
                        enum pull_policy pull)
{
    const struct docker_info docker = {
        .image = image, .pull = pull, .credentials = "", .stop_signal = ""};
    const struct command_info command = {.value = "true"};

    dock_on_order(self->dock, self->now,
                  &MESSAGE(LAUNCH_CONTAINER, launch_container, .container_id = id,
                           .sandbox = "/sandboxes/x", .command = &command, .docker = &docker));
}

void bench_launch_fetching(struct dock_bench *self, const char *id)
{
    const struct docker_info docker = {.image = "busybox", .credentials = "", .stop_signal = ""};
    const struct uri_info uri = {.value = "http://h/x"};
    const struct command_info command = {.value = "true", .uris = &uri, .uris_count = 1};

    dock_on_order(self->dock, self->now,
                  &MESSAGE(LAUNCH_CONTAINER, launch_container, .container_id = id,
                           .sandbox = "/sandboxes/x", .command = &command, .docker = &docker));
}

void bench_launch(struct dock_bench *self, const char *id)
{
    bench_launch_image(self, id, "busybox", 0);
}

void bench_signal(struct dock_bench *self, const char *id, bool kill)
{
    dock_on_order(self->dock, self->now,
                  &MESSAGE(SIGNAL_CONTAINER, signal_container, .container_id = id, .kill = kill));
}

void bench_forget(struct dock_bench *self, const char *id)
{
    dock_on_order(self->dock, self->now,
                  &MESSAGE(FORGET_CONTAINER, forget_container, .container_id = id));
}

/* --- looking ------------------------------------------------------------------------------------ */

static const char *container_of(const struct message *message)
{
    switch (message->type) {
    case MSG_CONTAINER_STARTED:
        return message->container_started->container_id;
    case MSG_CONTAINER_EXITED:
        return message->container_exited->container_id;
    case MSG_CONTAINER_PROGRESS:
        return message->container_progress->container_id;
    case MSG_CONTAINER_EXECUTED:
        return message->container_executed->container_id;
    default:
        return "";
    }
}

static bool is_about(const struct message *message, enum msg_type type, const char *id)
{
    return message->type == type && (!*id || !strcmp(container_of(message), id));
}

const struct message *bench_told(const struct dock_bench *self, enum msg_type type, const char *id)
{
    for (size_t i = self->told_count; i-- > 0;)
        if (is_about(&self->told[i], type, id))
            return &self->told[i];
    return NULL;
}

size_t bench_told_count(const struct dock_bench *self, enum msg_type type, const char *id)
{
    size_t count = 0;

    for (size_t i = 0; i < self->told_count; i++)
        count += is_about(&self->told[i], type, id);
    return count;
}

size_t bench_asked(const struct dock_bench *self, enum dock_call_kind kind)
{
    size_t count = 0;

    for (size_t i = 0; i < BENCH_CALLS; i++)
        count += self->asked[i].number && self->asked[i].kind == kind;
    return count;
}

/* --- life --------------------------------------------------------------------------------------- */

static void begin(struct dock_bench *self, const char *const *recover, size_t count)
{
    const struct dock_env env = {
        .ctx = self,
        .call = on_call,
        .cancel = on_cancel,
        .tell = on_tell,
        .prepare = on_prepare,
        .sizes = on_sizes,
        .forget = on_forget,
        .kill_process = on_kill_process,
        .fetch = on_fetch,
        .cancel_fetch = on_cancel_fetch,
        .disk_percent = on_disk,
        .keep_image = on_keep_image,
        .log = on_log,
        .over = on_over,
    };
    struct msg_docker_configure want = {0};

    if (self->configure)
        want = *self->configure;
    want.socket = "/run/docker.sock";
    want.owner = OWNER;
    want.state_dir = "/state";
    want.cgroup_parent = "proffer/a/docker";
    want.recover = recover;
    want.recover_count = count;
    self->dock = dock_new(&want, &env, self->now);
    dock_on_deadline(self->dock, self->now);
}

struct dock_bench *bench_new(const struct msg_docker_configure *configure)
{
    struct dock_bench *self = mem_new(struct dock_bench);

    self->arena = arena_new(0);
    self->now = (struct now){.mono_us = 1000 * (int64_t)US_PER_S,
                             .wall_us = 1700000000 * (int64_t)US_PER_S};
    self->images = " busybox nginx ";
    self->configure = configure;
    begin(self, NULL, 0);
    return self;
}

void bench_reborn(struct dock_bench *self, const char *const *recover, size_t count)
{
    dock_destroy(&self->dock);
    memset(self->asked, 0, sizeof(self->asked));
    self->told_count = 0;
    begin(self, recover, count);
    bench_work(self);
}

void bench_destroy(struct dock_bench **self_p)
{
    struct dock_bench *self = *self_p;

    if (!self)
        return;
    dock_destroy(&self->dock);
    arena_destroy(&self->arena);
    free(self);
    *self_p = NULL;
}
