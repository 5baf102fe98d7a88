/* master/core/errands.c - what operators wait for: that an agent has done what they asked. */
#include "master/core/errands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "base/units.h"
#include "master/core/agents.h"
#include "master/core/changes.h"
#include "master/core/convert.h"
#include "master/core/log.h"
#include "master/core/operations.h"
#include "master/core/operator.h"
#include "proto/resources_info.h"

#define CAPABILITY "OPERATOR_RESULTS" /* of agents that tell what became of it */

struct errand {
    struct errand *prev, *next; /* master->errands */
    uint64_t number;            /* of the operator's call */
    struct deadline late;
    char *operation_id, *agent_id; /* owned, as are the next two */
    char *asked_by;
    char *what; /* "RESERVE cpus(ads dynamic):2" */
};

static struct errand *errand_find(const struct master *master, const char *operation_id)
{
    struct errand *errand;

    DL_FOREACH (master->errands, errand)
        if (!strcmp(errand->operation_id, operation_id))
            return errand;
    return NULL;
}

static void errand_free(struct master *master, struct errand *errand)
{
    deadline_cancel(&master->deadlines, &errand->late);
    DL_DELETE(master->errands, errand);
    free(errand->operation_id);
    free(errand->agent_id);
    free(errand->asked_by);
    free(errand->what);
    free(errand);
}

void errands_fini(struct master *master)
{
    while (master->errands)
        errand_free(master, master->errands);
}

/* --- the answer -------------------------------------------------------------- */

/* Who asked for what where, and what became of it. */
static void answer(struct master *master, const struct errand *errand, int code, const char *text)
{
    log_note(master, "audit: %s: %.400s on agent %s: %d %s",
             errand->asked_by && *errand->asked_by ? errand->asked_by : "somebody", errand->what,
             errand->agent_id, code, text);
    operator_answer(master, errand->number, code, "%s", text);
}

static void on_late(void *owner, struct deadline *deadline)
{
    struct errand *errand = CONTAINER_OF(deadline, struct errand, late);
    struct master *master = owner;
    struct err text;

    err_set(&text, -ETIMEDOUT,
            "agent %.80s has not said for %d s whether it did it: it may still do it; GET "
            "/reservations and /volumes show what there is",
            errand->agent_id, ERRAND_WAIT_MS / 1000);
    answer(master, errand, 504, text.text);
    errand_free(master, errand);
}

/* For a person, and its status. */
static int describe_end(const char *agent_id, enum operation_state state, const char *why,
                        struct err *ret_text)
{
    if (state == OPERATION_FINISHED) {
        snprintf(ret_text->text, sizeof(ret_text->text), "agent %.80s has done it", agent_id);
        return 200;
    }
    if (state == OPERATION_FAILED) {
        err_set(ret_text, -EIO, "agent %.80s could not do it: %.140s", agent_id, why);
        return 409;
    }
    if (state == OPERATION_DROPPED) {
        err_set(ret_text, -EHOSTUNREACH, "nothing was changed on agent %.80s: %.100s", agent_id,
                why);
        return 503;
    }
    err_set(ret_text, -EHOSTUNREACH, "agent %.80s has not said whether it did it: %.100s", agent_id,
            why);
    return 503;
}

void errand_tell(struct master *master, const char *operation_id, const char *agent_id,
                 enum operation_state state, const char *why)
{
    struct errand *errand = errand_find(master, operation_id);
    struct err text;
    int code = describe_end(agent_id, state, why, &text);

    if (!errand) { /* of an earlier master, or answered already */
        log_note(master, "audit: operation %s of an operator: %d %s", operation_id, code,
                 text.text);
        return;
    }
    answer(master, errand, code, text.text);
    errand_free(master, errand);
}

/* --- beginning --------------------------------------------------------------- */

static char *describe(const struct operation_info *operation)
{
    const struct resource_change *change = operation->change;
    CLEANUP(resources_fini) struct resources resources = {0};
    CLEANUP(buf_fini) struct buf text = {0};

    buf_printf(&text, "%s ", operation_verb(operation->kind));
    if (change &&
        resources_from_info(&resources, change->resources, change->resources_count, NULL) >= 0)
        resources_print(&resources, &text);
    if (change && change->amount) {
        buf_puts(&text, " by ");
        units_print_milli(change->amount, &text);
    }
    return mem_strdup(buf_text(&text));
}

static int code_of(int rc)
{
    switch (-rc) {
    case ENOENT:
        return 404;
    case ERANGE:
    case EBUSY:
    case EEXIST:
    case EHOSTUNREACH:
        return 409;
    case EAGAIN:
        return 503;
    default:
        return 400;
    }
}

/* The agent is to do it, and its word is waited for; if it has none to give, that is said. */
static int begin(struct master *master, struct agent *agent, struct errand *errand,
                 const struct operation_info *operation, struct err *ret_text)
{
    const struct operating operator= {.subscription = NULL};
    struct resource_change change =
        operation->change ? *operation->change : (struct resource_change){.id = ""};
    struct operation_info numbered = *operation;
    bool is_told = agent_has_capability(agent, CAPABILITY);
    CLEANUP(free_p)
    char *id = mem_printf("%s-P%llu", master->id, (unsigned long long)++master->errands_made);
    int rc;

    change.id = is_told ? id : "";
    numbered.change = &change;
    rc = operation_do(master, agent, &operator, & numbered, ret_text);
    if (rc < 0)
        return code_of(rc);
    publish_agent(master, agent);
    if (is_told) {
        errand->operation_id = TAKE(id);
        return 0;
    }
    snprintf(ret_text->text, sizeof(ret_text->text),
             "agent %.80s is told to do it; it is of an older version, which does not say when it "
             "has",
             agent->id);
    return 202;
}

/* Answered now, or kept until the agent has answered. */
static void settle(struct master *master, const struct errand *asked, int code, const char *text)
{
    struct errand *errand;

    if (code) {
        answer(master, asked, code, text);
        return;
    }
    errand = mem_new(struct errand);
    errand->number = asked->number;
    errand->operation_id = mem_strdup(asked->operation_id);
    errand->agent_id = mem_strdup(asked->agent_id);
    errand->asked_by = mem_strdup(asked->asked_by);
    errand->what = mem_strdup(asked->what);
    errand->late.due = on_late;
    DL_APPEND(master->errands, errand);
    deadline_set(&master->deadlines, &errand->late,
                 master->now.mono_us + ERRAND_WAIT_MS * US_PER_MS);
}

/* `operation` NULL: it could not be found out what is meant, for the reason in `err`. */
static void run(struct master *master, uint64_t number, struct agent *agent,
                const struct operation_info *operation, const char *asked_by, int rc,
                struct err *err)
{
    CLEANUP(free_p) char *what = operation ? describe(operation) : mem_strdup("an operation");
    struct errand errand = {
        .number = number, .agent_id = agent->id, .asked_by = (char *)asked_by, .what = what};
    int code = rc < 0 ? code_of(rc) : begin(master, agent, &errand, operation, err);

    if (!code && MUTATE(ANSWER_EARLY))
        code = describe_end(agent->id, OPERATION_FINISHED, "", err);
    settle(master, &errand, code, err->text);
    free(errand.operation_id);
}

/* Else it is answered. What one that is away has is not known. */
static struct agent *find_agent(struct master *master, uint64_t number, const char *id,
                                const char *asked_by)
{
    struct agent *agent = agent_find(master, id);
    struct err err;

    if (agent && agent->state == AGENT_REGISTERED)
        return agent;
    if (!agent) {
        operator_answer(master, number, 404, "no agent has the id %.128s", id);
        return NULL;
    }
    err_set(&err, -EHOSTUNREACH, "agent %.80s is away: nothing was changed", agent->id);
    run(master, number, agent, NULL, asked_by, -EHOSTUNREACH, &err);
    return NULL;
}

/* --- the calls --------------------------------------------------------------- */

void operator_operation(struct master *master, uint64_t number,
                        const struct msg_operator_operation *call)
{
    struct agent *agent = find_agent(master, number, call->agent_id, call->asked_by);
    struct err err;
    int rc = 0;

    if (!agent)
        return;
    if (call->operation->change && *call->operation->change->id)
        rc = err_set(&err, -EINVAL, "an operator's operation has no id");
    run(master, number, agent, call->operation, call->asked_by, rc, &err);
}

void operator_reservation(struct master *master, uint64_t number,
                          const struct msg_operator_reservation *call)
{
    CLEANUP(errand_plan_fini) struct errand_plan plan = {0};
    struct agent *agent = find_agent(master, number, call->agent_id, call->asked_by);
    struct err err;
    int rc;

    if (!agent)
        return;
    rc = errand_plan_reservation(master, agent, call, &plan, &err);
    run(master, number, agent, rc < 0 ? NULL : &plan.operation, call->asked_by, rc, &err);
}

void operator_volume(struct master *master, uint64_t number, const struct msg_operator_volume *call)
{
    CLEANUP(errand_plan_fini) struct errand_plan plan = {0};
    struct agent *agent = find_agent(master, number, call->agent_id, call->asked_by);
    struct err err;
    int rc;

    if (!agent)
        return;
    rc = errand_plan_volume(master, agent, call, &plan, &err);
    run(master, number, agent, rc < 0 ? NULL : &plan.operation, call->asked_by, rc, &err);
}
