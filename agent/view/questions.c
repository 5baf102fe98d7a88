/* Requests that only the loop can answer: a question goes to it by number, the answer comes among the
 * changes. A loop or a launcher that hangs makes 503 of it, after a while. */
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

static void ask(struct front *self, struct http_request *request, struct message message,
                void (*answer)(struct question *question, const struct message *reply))
{
    struct question *question = mem_new(struct question);

    question->front = self;
    question->request = request;
    question->number = self->questions_count;
    question->until_us = clock_now().mono_us + ANSWER_TIMEOUT_US;
    question->answer = answer;
    DL_APPEND(self->waiting, question);
    http_request_on_gone(request, on_gone, question);
    frames_add(&self->asked, &message, NULL);
}

static int64_t next_number(struct front *self)
{
    return (int64_t)++self->questions_count;
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
    ask(front, request, MESSAGE(USAGE_REQUEST, usage_request, .number = next_number(front)),
        answer_statistics);
}

void agent_route_containers(void *front, struct http_request *request)
{
    ask(front, request, MESSAGE(USAGE_REQUEST, usage_request, .number = next_number(front)),
        answer_containers);
}

void agent_route_metrics(void *front, struct http_request *request)
{
    ask(front, request, MESSAGE(METRICS_REQUEST, metrics_request, .number = next_number(front)),
        answer_metrics);
}

void questions_on_reply(struct front *self, const struct message *reply)
{
    int64_t number =
        reply->type == MSG_USAGE_REPLY ? reply->usage_reply->number : reply->metrics_reply->number;
    struct question *question;

    for (question = self->waiting; question; question = question->next) {
        if (question->number == (uint64_t)number)
            break;
    }
    if (!question)
        return;
    question->answer(question, reply);
    question_free(question);
}

void questions_expire(struct front *self, int64_t now_us)
{
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
