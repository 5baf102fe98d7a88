/* EXEC_CONTAINER: a command beside what runs in a container, for checks. Create, start, and ask how it ended. */
#include "agent/docker/core/state.h"

#include <stdio.h>

#define EXEC_MS    20000
#define OUTPUT_MAX MESSAGE_MAX

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

static void tell(struct dock *self, struct exec *exec, const struct exit_info *code,
                 const char *error)
{
    dock_tell(self,
              MESSAGE(CONTAINER_EXECUTED, container_executed,
                      .container_id = exec->order->container_id, .number = exec->order->number,
                      .exit = code, .error = error, .output = exec->output));
    exec_destroy(self, exec);
}

static void fail(struct dock *self, struct exec *exec, const struct dock_answer *answer)
{
    tell(self, exec, NULL, *answer->error ? answer->error : "the Docker Engine does not answer");
}

static void tell_late(struct dock *self, struct exec *exec)
{
    tell(self, exec, NULL, "it had not ended in its time, and was killed");
}

static void on_inspected(struct dock *self, void *owner, const struct dock_answer *answer)
{
    struct exec *exec = owner;
    struct exit_info code = {.code = answer->exit_code & 255};

    exec->call = 0;
    if (exec->is_late) {
        if (answer->status == 200 && answer->pid > 0)
            self->env.kill_process(self->env.ctx, answer->pid, exec->engine_id);
        tell_late(self, exec);
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

static void due(void *owner, struct deadline *deadline)
{
    struct exec *exec = CONTAINER_OF(deadline, struct exec, due);
    struct dock *self = owner;

    dock_cancel(self, &exec->call);
    exec->is_late = true;
    if (*exec->exec_id)
        inspect(self, exec);
    else
        tell_late(self, exec);
}

void exec_begin(struct dock *self, const struct msg_exec_container *order)
{
    struct container *c = container_find(self, order->container_id);
    int64_t ms = order->timeout_ms ? order->timeout_ms : EXEC_MS;
    struct exec *exec;

    if (!c || c->stage == STAGE_ENDED || c->is_orphan || !c->is_told || !engine_is_up(self)) {
        dock_tell(self,
                  MESSAGE(CONTAINER_EXECUTED, container_executed,
                          .container_id = order->container_id, .number = order->number,
                          .error = c && !engine_is_up(self) ? "the Docker Engine does not answer"
                                                            : "the container does not run"));
        return;
    }
    exec = mem_new(struct exec);
    exec->arena = arena_new(0);
    exec->order = message_copy_body(MSG_EXEC_CONTAINER, order, exec->arena);
    exec->container = c;
    exec->due.due = due;
    snprintf(exec->engine_id, sizeof(exec->engine_id), "%s", c->engine_id);
    DL_APPEND(self->execs, exec);
    deadline_set(&self->deadlines, &exec->due, self->now.mono_us + ms * US_PER_MS);
    exec->call = dock_call(self,
                           (struct dock_call){.kind = CALL_EXEC_CREATE,
                                              .engine_id = exec->engine_id,
                                              .exec = exec->order,
                                              .timeout_ms = QUICK_MS},
                           exec, on_made);
}

void exec_forget_container(struct dock *self, const struct container *container)
{
    struct exec *exec, *next;

    DL_FOREACH_SAFE (self->execs, exec, next)
        if (exec->container == container)
            tell(self, exec, NULL, "its container has ended");
}
