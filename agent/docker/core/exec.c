/* EXEC_CONTAINER: a command beside what runs in a container. Create, start, and ask how it ended.
 * CHECK_CONTAINER: the same as a check, or a connection to what the container has as its address. */
#include "agent/docker/core/state.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

#define EXEC_MS    20000
#define OUTPUT_MAX MESSAGE_MAX
#define WAIT_US    ((int64_t)US_PER_S)
#define HOLD_US    ((int64_t)300 * US_PER_MS)
#define HUNT_US    ((int64_t)200 * US_PER_MS)
#define HUNTS_MAX  20 /* 40 s in all */

static void exec_destroy(struct dock *self, struct exec *exec)
{
    dock_cancel(self, &exec->call);
    deadline_cancel(&self->deadlines, &exec->due);
    DL_DELETE(self->execs, exec);
    arena_destroy(&exec->arena);
    free(exec);
}

void exec_fini(struct dock *self)
{
    while (self->execs)
        exec_destroy(self, self->execs);
}

static const char *text_of(struct exec *exec, const char *error)
{
    char *text;

    if (error)
        return error;
    text = arena_memdup(exec->arena, exec->output.size ? exec->output.data : "", exec->output.size);
    utf8_repair(text);
    return text;
}

static void tell_result(struct dock *self, const struct exec *exec,
                        const struct check_status *result)
{
    dock_tell(self, MESSAGE(CONTAINER_CHECKED, container_checked,
                            .container_id = exec->order->container_id,
                            .number = exec->order->number, .result = result));
}

static struct check_status result_of(struct exec *exec, const struct exit_info *code,
                                     const char *error)
{
    return (struct check_status){
        .kind = CHECK_COMMAND,
        .passed = code && !code->code,
        .exit_code = code ? code->code : 0,
        .timed_out = exec->is_late,
        .message = text_of(exec, error),
    };
}

/* --- a check that failed ------------------------------------------------------------------------ */

static void hold(struct dock *self, struct exec *exec, int64_t wait_us)
{
    deadline_set(&self->deadlines, &exec->due, self->now.mono_us + wait_us);
}

/* Of what has ended its end is told, and nothing of how it looked by then. */
static void on_seen(struct dock *self, void *owner, const struct dock_answer *answer)
{
    struct exec *exec = owner;
    struct container *c = exec->container;

    exec->call = 0;
    if (answer->status == 0) {
        hold(self, exec, WAIT_US);
        engine_suspect(self, answer);
        return;
    }
    if (answer->status == 404 || (answer->seen_count && answer->seen->state != SEEN_RUNNING)) {
        exec_destroy(self, exec);
        if (c->stage == STAGE_RUNNING)
            course_look(self, c);
        return;
    }
    tell_result(self, exec, exec->failed);
    exec_destroy(self, exec);
}

static void see_if_it_runs(struct dock *self, struct exec *exec)
{
    if (!engine_is_up(self)) {
        hold(self, exec, WAIT_US);
        return;
    }
    exec->call = dock_call(self,
                           (struct dock_call){.kind = CALL_INSPECT,
                                              .engine_id = exec->engine_id,
                                              .container_id = exec->order->container_id,
                                              .timeout_ms = QUICK_MS},
                           exec, on_seen);
}

/* As a container ends, its commands are killed or cannot be begun and its ports are closed, and the Engine says that it has
 * ended only a little later. */
static void conclude(struct dock *self, struct exec *exec, const struct check_status *result)
{
    struct check_status *failed;

    if (result->passed) {
        tell_result(self, exec, result);
        exec_destroy(self, exec);
        return;
    }
    failed = arena_alloc(exec->arena, sizeof(*failed));
    *failed = *result;
    failed->message = arena_strdup(exec->arena, result->message);
    exec->failed = failed;
    hold(self, exec, HOLD_US);
}

static void say(struct dock *self, struct exec *exec, const struct exit_info *code,
                const char *error)
{
    if (exec->check) {
        const struct check_status result = result_of(exec, code, error);

        tell_result(self, exec, &result);
        return;
    }
    dock_tell(self,
              MESSAGE(CONTAINER_EXECUTED, container_executed,
                      .container_id = exec->order->container_id, .number = exec->order->number,
                      .exit = code, .error = error, .output = exec->output));
}

static void tell(struct dock *self, struct exec *exec, const struct exit_info *code,
                 const char *error)
{
    if (exec->check && !exec->is_told) {
        const struct check_status result = result_of(exec, code, error);

        conclude(self, exec, &result);
        return;
    }
    if (!exec->is_told)
        say(self, exec, code, error);
    exec_destroy(self, exec);
}

/* An Engine that is away says nothing of how a task is: a check waits for it. */
static void wait_for_engine(struct dock *self, struct exec *exec)
{
    exec->is_waiting = true;
    exec->is_late = false;
    exec->exec_id[0] = '\0';
    exec->output = (struct bytes){NULL, 0};
    deadline_set(&self->deadlines, &exec->due, self->now.mono_us + WAIT_US);
}

static void fail(struct dock *self, struct exec *exec, const struct dock_answer *answer)
{
    if (exec->check && answer->status == 0) {
        wait_for_engine(self, exec);
        engine_suspect(self, answer);
        return;
    }
    tell(self, exec, NULL, *answer->error ? answer->error : "the Docker Engine does not answer");
}

/* The agent has been told. An Engine that is slow begins it only now: then there is something to be killed a little later,
 * and it must not be left. */
static void hunt_again(struct dock *self, struct exec *exec)
{
    if (++exec->hunts == HUNTS_MAX) {
        dock_log(self, LOG_LEVEL_WARNING,
                 "container %s: a command that took too long could not be found to be killed",
                 exec->order->container_id);
        exec_destroy(self, exec);
        return;
    }
    deadline_set(&self->deadlines, &exec->due, self->now.mono_us + exec->hunts * HUNT_US);
}

static void on_late(struct dock *self, struct exec *exec, const struct dock_answer *answer)
{
    if (!exec->is_told)
        say(self, exec, NULL, "it had not ended in its time, and was killed");
    exec->is_told = true;
    if (answer->status == 0 || (answer->status == 200 && answer->pid <= 0)) {
        hunt_again(self, exec);
        return;
    }
    if (answer->status == 200)
        self->env.kill_process(self->env.ctx, answer->pid, exec->engine_id);
    exec_destroy(self, exec);
}

static void on_inspected(struct dock *self, void *owner, const struct dock_answer *answer)
{
    struct exec *exec = owner;
    struct exit_info code = {.code = answer->exit_code & 255};

    exec->call = 0;
    if (exec->is_late && exec->check && answer->status == 0 && !exec->is_told) {
        fail(self, exec, answer);
    } else if (exec->is_late) {
        on_late(self, exec, answer);
    } else if (answer->status != 200) {
        fail(self, exec, answer);
    } else {
        tell(self, exec, &code, NULL);
    }
}

static void inspect(struct dock *self, struct exec *exec)
{
    exec->call = dock_call(self,
                           (struct dock_call){.kind = CALL_EXEC_INSPECT,
                                              .engine_id = exec->exec_id,
                                              .timeout_ms = QUICK_MS},
                           exec, on_inspected);
}

static void on_ran(struct dock *self, void *owner, const struct dock_answer *answer)
{
    struct exec *exec = owner;
    size_t size = answer->output.size < OUTPUT_MAX ? answer->output.size : OUTPUT_MAX;

    exec->call = 0;
    if (answer->status != 200) {
        fail(self, exec, answer);
        return;
    }
    exec->output =
        (struct bytes){arena_memdup(exec->arena, size ? answer->output.data : "", size), size};
    inspect(self, exec);
}

static void on_made(struct dock *self, void *owner, const struct dock_answer *answer)
{
    struct exec *exec = owner;

    exec->call = 0;
    if (answer->status != 201) {
        fail(self, exec, answer);
        return;
    }
    snprintf(exec->exec_id, sizeof(exec->exec_id), "%s", answer->id);
    exec->call =
        dock_call(self, (struct dock_call){.kind = CALL_EXEC_START, .engine_id = exec->exec_id},
                  exec, on_ran);
}

static void make(struct dock *self, struct exec *exec);

static void due(void *owner, struct deadline *deadline)
{
    struct exec *exec = CONTAINER_OF(deadline, struct exec, due);
    struct dock *self = owner;

    if (exec->is_waiting) {
        make(self, exec);
        return;
    }
    if (exec->failed) {
        see_if_it_runs(self, exec);
        return;
    }
    dock_cancel(self, &exec->call);
    exec->is_late = true;
    if (*exec->exec_id)
        inspect(self, exec);
    else if (exec->check)
        wait_for_engine(self, exec); /* it was not even begun */
    else
        tell(self, exec, NULL, "it was not begun in its time");
}

static bool is_alive(const struct container *c)
{
    return c && c->stage < STAGE_DRAINING && !c->is_orphan && c->is_told;
}

static struct exec *exec_new(struct dock *self, struct container *c,
                             const struct msg_exec_container *order)
{
    struct exec *exec = mem_new(struct exec);

    exec->arena = arena_new(0);
    exec->order = message_copy_body(MSG_EXEC_CONTAINER, order, exec->arena);
    exec->container = c;
    exec->due.due = due;
    snprintf(exec->engine_id, sizeof(exec->engine_id), "%s", c->engine_id);
    DL_APPEND(self->execs, exec);
    return exec;
}

static void make(struct dock *self, struct exec *exec)
{
    int64_t ms = exec->order->timeout_ms ? exec->order->timeout_ms : EXEC_MS;

    exec->is_waiting = false;
    if (!engine_is_up(self)) {
        wait_for_engine(self, exec);
        return;
    }
    deadline_set(&self->deadlines, &exec->due, self->now.mono_us + ms * US_PER_MS);
    exec->call = dock_call(self,
                           (struct dock_call){.kind = CALL_EXEC_CREATE,
                                              .engine_id = exec->engine_id,
                                              .exec = exec->order,
                                              .timeout_ms = QUICK_MS},
                           exec, on_made);
}

void exec_begin(struct dock *self, const struct msg_exec_container *order)
{
    struct container *c = container_find(self, order->container_id);

    if (!is_alive(c) || !engine_is_up(self)) {
        dock_tell(self,
                  MESSAGE(CONTAINER_EXECUTED, container_executed,
                          .container_id = order->container_id, .number = order->number,
                          .error = c && !engine_is_up(self) ? "the Docker Engine does not answer"
                                                            : "the container does not run"));
        return;
    }
    make(self, exec_new(self, c, order));
}

/* --- checks ------------------------------------------------------------------------------------- */

static void on_connected(struct dock *self, void *owner, const struct dock_answer *answer)
{
    struct exec *exec = owner;
    const struct check_status result = {
        .kind = exec->check,
        .passed = answer->status >= 200 && answer->status < 400,
        .http_status = exec->check == CHECK_HTTP ? answer->status : 0,
        .timed_out = answer->is_late,
        .message = answer->error,
    };

    exec->call = 0;
    conclude(self, exec, &result);
}

/* We ask from the host's network, where a framework must not have us ask whatever it likes: of a container with a
 * network of its own only its own address is asked, whatever the check names. NULL: it has none. */
static const char *address_of(const struct container *c, const char *asked)
{
    if (!c->is_host_network)
        return *c->address ? c->address : NULL;
    return asked && *asked ? asked : "127.0.0.1";
}

static const char *url_of(const struct exec *exec, const char *address,
                          const struct check_info *check)
{
    bool is_v6 = strchr(address, ':');
    const char *path = check->http ? check->http->path : "";

    return arena_printf(exec->arena, "%s://%s%s%s:%lld%s%s",
                        !check->http                                  ? "tcp"
                        : check->http->scheme && *check->http->scheme ? check->http->scheme
                                                                      : "http",
                        is_v6 ? "[" : "", address, is_v6 ? "]" : "",
                        (long long)(check->http ? check->http->port : check->tcp->port),
                        path && *path == '/' ? "" : "/", path ? path : "");
}

static void connect_to(struct dock *self, struct exec *exec, const struct check_info *check)
{
    const char *address =
        address_of(exec->container, check->http ? check->http->address : check->tcp->address);
    static const struct dock_answer none = {.error = "the container has no network to be asked in"};

    exec->check = check->http ? CHECK_HTTP : CHECK_TCP;
    if (!address) {
        on_connected(self, exec, &none);
        return;
    }
    exec->call = dock_call(self,
                           (struct dock_call){.kind = CALL_CONNECT,
                                              .url = url_of(exec, address, check),
                                              .timeout_ms = exec->order->timeout_ms},
                           exec, on_connected);
}

/* Of one that has ended nothing is said: its end is. */
void check_begin(struct dock *self, const struct msg_check_container *order)
{
    struct container *c = container_find(self, order->container_id);
    const struct command_info *command = order->check->command;
    const char *const line[] = {"/bin/sh", "-c", command ? command->value : NULL};
    const struct msg_exec_container want = {
        .container_id = order->container_id,
        .number = order->number,
        .argv = command && command->argv_count ? command->argv : line,
        .argv_count = command && command->argv_count ? command->argv_count : 3,
        .env = command ? command->env : NULL,
        .env_count = command ? command->env_count : 0,
        .timeout_ms = order->check->timeout_ms,
    };
    struct exec *exec;

    if (!is_alive(c))
        return;
    exec = exec_new(self, c, &want);
    exec->check = CHECK_COMMAND;
    if (command)
        make(self, exec);
    else
        connect_to(self, exec, order->check);
}

void exec_forget_container(struct dock *self, const struct container *container)
{
    struct exec *exec, *next;

    DL_FOREACH_SAFE (self->execs, exec, next)
        if (exec->container == container && exec->check)
            exec_destroy(self, exec);
        else if (exec->container == container)
            tell(self, exec, NULL, "its container has ended");
}
