/* Requests that only the loop can answer: a question goes to it by number, the answer comes among the
 * changes. A loop or a launcher that hangs makes 503 of it, after a while.
 *
 * Answers cost the launcher time that it has for tasks, so each kind of question is there once at most: who comes
 * meanwhile waits for the next one, together with all others. */
#include "agent/view/front.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"

#define ANSWER_TIMEOUT_US ((int64_t)5 * US_PER_S)

static void question_free(struct question *question)
{
    DL_DELETE(question->front->waiting, question);
    free(question);
}

static void on_gone(void *owner, struct http_request *request)
{
    (void)request;
    question_free(owner);
}

static void ask(struct front *self, struct http_request *request, enum question_kind kind,
                void (*answer)(struct question *question, const struct message *reply))
{
    struct question *question = mem_new(struct question);

    question->front = self;
    question->request = request;
    question->kind = kind;
    question->until_us = clock_now().mono_us + ANSWER_TIMEOUT_US;
    question->answer = answer;
    DL_APPEND(self->waiting, question);
    http_request_on_gone(request, on_gone, question);
}

static void answer_statistics(struct question *question, const struct message *reply)
{
    CLEANUP(buf_fini) struct buf body = {0};

    agent_document_statistics(question->front->replica, reply->usage_reply, &body);
    http_reply_json(question->request, &body);
}

static void answer_containers(struct question *question, const struct message *reply)
{
    CLEANUP(buf_fini) struct buf body = {0};

    agent_document_containers(question->front->replica, reply->usage_reply, &body);
    http_reply_json(question->request, &body);
}

static void answer_metrics(struct question *question, const struct message *reply)
{
    CLEANUP(buf_fini) struct buf body = {0};

    agent_document_metrics(reply->metrics_reply, &body);
    http_reply_json(question->request, &body);
}

void agent_route_statistics(void *front, struct http_request *request)
{
    ask(front, request, QUESTION_USAGE, answer_statistics);
}

void agent_route_containers(void *front, struct http_request *request)
{
    ask(front, request, QUESTION_USAGE, answer_containers);
}

void agent_route_metrics(void *front, struct http_request *request)
{
    ask(front, request, QUESTION_METRICS, answer_metrics);
}

/* How many wait for an answer to it. */
static size_t number_all(struct front *self, enum question_kind kind, uint64_t number)
{
    struct question *question;
    size_t count = 0;

    for (question = self->waiting; question; question = question->next) {
        if (question->kind != kind || question->number)
            continue;
        question->number = number;
        count++;
    }
    return count;
}

void questions_ask(struct front *self, int64_t now_us)
{
    for (int kind = 0; kind < QUESTION_KIND_MAX; kind++) {
        uint64_t number = self->questions_count + 1;

        if (self->in_flight[kind].number || !number_all(self, kind, number))
            continue;
        self->questions_count = number;
        self->in_flight[kind].number = number;
        self->in_flight[kind].until_us = now_us + ANSWER_TIMEOUT_US;
        if (kind == QUESTION_USAGE)
            frames_add(&self->asked,
                       &MESSAGE(USAGE_REQUEST, usage_request, .number = (int64_t)number), NULL);
        else
            frames_add(&self->asked,
                       &MESSAGE(METRICS_REQUEST, metrics_request, .number = (int64_t)number), NULL);
    }
}

void questions_on_reply(struct front *self, const struct message *reply)
{
    bool is_usage = reply->type == MSG_USAGE_REPLY;
    enum question_kind kind = is_usage ? QUESTION_USAGE : QUESTION_METRICS;
    uint64_t number =
        (uint64_t)(is_usage ? reply->usage_reply->number : reply->metrics_reply->number);
    struct question *question, *next;

    if (self->in_flight[kind].number == number)
        self->in_flight[kind].number = 0;
    for (question = self->waiting; question; question = next) {
        next = question->next;
        if (question->kind != kind || question->number != number)
            continue;
        question->answer(question, reply);
        question_free(question);
    }
}

void questions_expire(struct front *self, int64_t now_us)
{
    for (int kind = 0; kind < QUESTION_KIND_MAX; kind++)
        if (self->in_flight[kind].until_us <= now_us)
            self->in_flight[kind].number = 0;
    while (self->waiting && self->waiting->until_us <= now_us) {
        http_reply_error(self->waiting->request, 503,
                         "the agent has not answered in time: try again");
        question_free(self->waiting);
    }
}

void questions_drop(struct front *self)
{
    while (self->waiting) {
        http_request_on_gone(self->waiting->request, NULL, NULL);
        question_free(self->waiting);
    }
}
