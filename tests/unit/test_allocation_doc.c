/* tests/unit/test_allocation_doc.c - the examples of docs/allocation.md, each a small cluster of its own.
 * Runs from the top of the tree. */
#include "tests/unit/master_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/resources_info.h"

#define PAGE         "docs/allocation.md"
#define LINE         256
#define WORDS_MAX    24
#define EXAMPLES_MIN 8
#define NAMES_MAX    16
#define TASKS_MAX    16
#define LONG_MS      (3600 * SECOND)

/* A framework of an example, with the offers that it has now. */
struct actor {
    char name[LINE];
    char role[LINE];
    struct node node;
    size_t tasks_begun, tasks_ended;
    const char *agents[TASKS_MAX]; /* of its tasks */
};

struct example {
    struct cluster *cluster;
    int line;
    struct actor actors[NAMES_MAX];
    struct node agents[NAMES_MAX];
    size_t actors_count, agents_count;
    size_t sent_seen; /* of what the master has said */
};

static struct actor *actor_find(struct example *self, const char *name)
{
    for (size_t i = 0; i < self->actors_count; i++)
        if (!strcmp(self->actors[i].name, name))
            return &self->actors[i];
    fail_msg(PAGE ":%d: no framework is called %s", self->line, name);
    return NULL;
}

/* --- the offers that a framework has now ------------------------------------------------ */

/* Since it was published there; one that is reduced is published again. */
static bool is_over(const struct cluster *cluster, const char *offer_id, size_t since)
{
    for (size_t i = since; i < cluster->sent_count; i++) {
        const struct message *message = &cluster->sent[i].message;

        if (!cluster->sent[i].session && message->type == MSG_CHANGE_OFFER_REMOVED &&
            !strcmp(message->change_offer_removed->offer_id, offer_id))
            return true;
    }
    return false;
}

/* They are added up in *ret_sum; the newest, or NULL. */
static const struct offer_info *offers_now(const struct example *self, const struct actor *actor,
                                           struct resources *ret_sum)
{
    const struct cluster *cluster = self->cluster;
    const struct offer_info *newest = NULL;

    for (size_t i = 0; i < cluster->sent_count; i++) {
        const struct message *message = &cluster->sent[i].message;
        CLEANUP(resources_fini) struct resources part = {0};
        const struct offer_info *offer;

        if (cluster->sent[i].session || message->type != MSG_CHANGE_OFFER)
            continue;
        offer = message->change_offer->offer;
        if (strcmp(offer->framework_id, actor->node.id) != 0 || is_over(cluster, offer->id, i))
            continue;
        newest = offer;
        assert_int_equal(resources_from_info(&part, offer->resources, offer->resources_count, NULL),
                         0);
        if (ret_sum)
            assert_int_equal(resources_add(ret_sum, &part, NULL), 0);
    }
    return newest;
}

static const struct offer_info *newest_offer(struct example *self, const struct actor *actor)
{
    const struct offer_info *offer = offers_now(self, actor, NULL);

    if (!offer)
        fail_msg(PAGE ":%d: %s has no offer", self->line, actor->name);
    return offer;
}

/* --- steps --------------------------------------------------------------------------- */

static void has(struct example *self, struct actor *actor, const char *expected)
{
    CLEANUP(resources_fini) struct resources sum = {0};
    CLEANUP(buf_fini) struct buf text = {0};

    offers_now(self, actor, &sum);
    resources_print(&sum, &text);
    if (!text.size)
        buf_puts(&text, "nothing");
    if (strcmp(buf_text(&text), expected) != 0)
        fail_msg(PAGE ":%d: %s has %s", self->line, actor->name, buf_text(&text));
}

static void runs(struct example *self, struct actor *actor, const char *resources,
                 const char *priority)
{
    const struct offer_info *offer = newest_offer(self, actor);
    struct task_info task =
        cluster_task(self->cluster, arena_printf(self->cluster->arena, "t%zu", actor->tasks_begun),
                     offer->agent_id, resources);

    task.priority = priority ? strtol(priority, NULL, 10) : 0;
    assert_true(actor->tasks_begun < TASKS_MAX);
    actor->agents[actor->tasks_begun++] = offer->agent_id;
    cluster_accept(self->cluster, actor->node, offer->id, &task, 1, LONG_MS);
}

/* As it was shown first, whatever has been taken of it since. */
static void late(struct example *self, struct actor *actor, const char *resources)
{
    const struct offer_info *offer = cluster_offer(self->cluster, actor->node);
    struct task_info task =
        cluster_task(self->cluster, arena_printf(self->cluster->arena, "t%zu", actor->tasks_begun),
                     offer->agent_id, resources);

    actor->agents[actor->tasks_begun++] = offer->agent_id;
    cluster_accept(self->cluster, actor->node, offer->id, &task, 1, LONG_MS);
}

static void hears(struct example *self, struct actor *actor, char *const *words, size_t count)
{
    const struct cluster *cluster = self->cluster;
    const char *text = "";
    char wanted[LINE] = "";

    for (size_t i = 2; i < count; i++) {
        strncat(wanted, i > 2 ? " " : "", sizeof(wanted) - strlen(wanted) - 1);
        strncat(wanted, words[i], sizeof(wanted) - strlen(wanted) - 1);
    }
    for (size_t i = 0; i < cluster->sent_count; i++) {
        const struct message *message = &cluster->sent[i].message;

        if (cluster->sent[i].session != actor->node.session)
            continue;
        if (message->type == MSG_OFFER_REDUCED)
            text = message->offer_reduced->reason;
        else if (message->type == MSG_UPDATE)
            text = message->update->status->message;
    }
    if (!strstr(text, wanted))
        fail_msg(PAGE ":%d: %s has heard \"%s\"", self->line, actor->name, text);
}

static const struct offer_info *first_offer(struct example *self, const struct actor *actor,
                                            const struct offer_info *after)
{
    const struct cluster *cluster = self->cluster;
    bool is_behind = !after;

    for (size_t i = 0; i < cluster->sent_count; i++) {
        const struct message *message = &cluster->sent[i].message;
        const struct offer_info *offer;

        if (cluster->sent[i].session || message->type != MSG_CHANGE_OFFER)
            continue;
        offer = message->change_offer->offer;
        if (strcmp(offer->framework_id, actor->node.id) != 0 || is_over(cluster, offer->id, i))
            continue;
        if (is_behind)
            return offer;
        is_behind = offer == after;
    }
    fail_msg(PAGE ":%d: %s has too few offers", self->line, actor->name);
    return NULL;
}

static void gangs(struct example *self, struct actor *actor, char *const *words)
{
    const struct filters filters = {.refuse_ms = LONG_MS};
    const struct offer_info *offer = NULL;
    struct operation_info launches[2];
    struct gang_part parts[2];
    struct task_info tasks[2];

    for (size_t i = 0; i < 2; i++) {
        offer = first_offer(self, actor, offer);
        tasks[i] = cluster_task(self->cluster,
                                arena_printf(self->cluster->arena, "t%zu", actor->tasks_begun),
                                offer->agent_id, words[2 + i]);
        assert_true(actor->tasks_begun < TASKS_MAX);
        actor->agents[actor->tasks_begun++] = offer->agent_id;
        launches[i] =
            (struct operation_info){.kind = OPERATION_LAUNCH, .tasks = &tasks[i], .tasks_count = 1};
        parts[i] = (struct gang_part){&offer->id, 1, &launches[i], 1};
    }
    cluster_framework_says(
        self->cluster, actor->node.session,
        MESSAGE(ACCEPT_GANG, accept_gang, .parts = parts, .parts_count = 2, .filters = &filters));
}

static void ends(struct example *self, struct actor *actor)
{
    const char *agent_id = actor->agents[actor->tasks_ended];
    const char *id = arena_printf(self->cluster->arena, "t%zu", actor->tasks_ended++);

    for (size_t i = 0; i < self->agents_count; i++)
        if (!strcmp(self->agents[i].id, agent_id))
            cluster_status(self->cluster, self->agents[i], actor->node.id, id, TASK_FINISHED, 0);
}

/* --- preemption ------------------------------------------------------------------------ */

static struct node subscribe(struct example *self, const char *role)
{
    static const char *const capabilities[] = {"PREEMPTION_NOTICE"};

    return cluster_subscribe(self->cluster, (struct framework_info){.name = "example",
                                                                    .user = "nobody",
                                                                    .roles = &role,
                                                                    .roles_count = 1,
                                                                    .capabilities = capabilities,
                                                                    .capabilities_count = 1});
}

/* Who is told to end does so at once. */
static void obey_kills(struct example *self)
{
    struct cluster *cluster = self->cluster;

    for (; self->sent_seen < cluster->sent_count; self->sent_seen++) {
        const struct message *message = &cluster->sent[self->sent_seen].message;

        for (size_t i = 0; i < self->agents_count; i++)
            if (message->type == MSG_KILL_TASK &&
                self->agents[i].session == cluster->sent[self->sent_seen].session)
                cluster_status(cluster, self->agents[i], message->kill_task->framework_id,
                               message->kill_task->task_id, TASK_KILLED, 0);
    }
}

static void pass(struct example *self, int64_t seconds)
{
    for (int64_t i = 0; i < seconds; i++) {
        cluster_pass(self->cluster, SECOND);
        obey_kills(self);
    }
}

static void loses(struct example *self, const struct actor *actor, size_t expected)
{
    size_t count = cluster_count(self->cluster, actor->node.session, MSG_PREEMPT);

    if (count != expected)
        fail_msg(PAGE ":%d: %s loses %zu", self->line, actor->name, count);
}

static void needs(struct example *self, struct actor *actor, char *const *words, size_t count)
{
    struct need_info need = {.name = words[2],
                             .gang = !strcmp(words[1], "gathers"),
                             .count = count > 4 ? (int64_t)strtol(words[4], NULL, 10) : 0,
                             .priority = count > 5 ? strtol(words[5], NULL, 10) : 0};
    const struct role_needs role = {.role = actor->role, .needs = &need, .needs_count = 1};

    need.minimum = cluster_resources(self->cluster, words[3], &need.minimum_count);
    cluster_framework_says(self->cluster, actor->node.session,
                           MESSAGE(NEEDS, needs, .roles = &role, .roles_count = 1));
}

static void act(struct example *self, struct actor *actor, char *const *words, size_t count)
{
    const char *verb = words[1];

    if (!strcmp(verb, "has") && count == 3)
        has(self, actor, words[2]);
    else if (!strcmp(verb, "runs") && (count == 3 || count == 4))
        runs(self, actor, words[2], words[3]);
    else if (!strcmp(verb, "loses") && count == 3)
        loses(self, actor, (size_t)strtol(words[2], NULL, 10));
    else if (!strcmp(verb, "late") && count == 3)
        late(self, actor, words[2]);
    else if (!strcmp(verb, "hears") && count >= 3)
        hears(self, actor, words, count);
    else if (!strcmp(verb, "gangs") && count == 4)
        gangs(self, actor, words);
    else if ((!strcmp(verb, "needs") && count >= 4) || (!strcmp(verb, "gathers") && count == 5))
        needs(self, actor, words, count);
    else if (!strcmp(verb, "ends"))
        ends(self, actor);
    else if (!strcmp(verb, "declines"))
        cluster_decline(self->cluster, actor->node, newest_offer(self, actor)->id, LONG_MS);
    else if (!strcmp(verb, "suppresses"))
        cluster_framework_says(self->cluster, actor->node.session,
                               MESSAGE(SUPPRESS, suppress, .roles = NULL));
    else if (!strcmp(verb, "revives"))
        cluster_framework_says(self->cluster, actor->node.session,
                               MESSAGE(REVIVE, revive, .roles = NULL));
    else
        fail_msg(PAGE ":%d: what is \"%s\"?", self->line, verb);
}

static void set_quota(struct example *self, char *const *words, size_t count)
{
    struct msg_operator_set_quota call = {.role = words[1], .force = true};
    struct msg_operator_reply reply;

    for (size_t i = 2; i + 1 < count; i += 2) {
        if (!strcmp(words[i], "limit"))
            call.limits = cluster_resources(self->cluster, words[i + 1], &call.limits_count);
        else
            call.guarantees =
                cluster_resources(self->cluster, words[i + 1], &call.guarantees_count);
    }
    reply = cluster_operator(self->cluster,
                             (struct message){.type = MSG_OPERATOR_SET_QUOTA, .body = &call});
    if (reply.code != 200)
        fail_msg(PAGE ":%d: %s", self->line, reply.message);
}

static void set_weight(struct example *self, const char *role, const char *weight)
{
    cluster_operator(self->cluster,
                     MESSAGE(OPERATOR_SET_WEIGHT, operator_set_weight, .role = role,
                             .weight_milli = (int64_t)(strtod(weight, NULL) * 1000)));
}

static void set_offers(struct example *self, const char *role, const char *kind)
{
    cluster_operator(
        self->cluster,
        MESSAGE(OPERATOR_SET_OFFERS, operator_set_offers, .role = role,
                .offers = !strcmp(kind, "optimistic") ? OFFERS_OPTIMISTIC : OFFERS_EXCLUSIVE));
}

static void step(struct example *self, char *const *words, size_t count)
{
    if (!strcmp(words[0], "agent") && count == 3) {
        self->agents[self->agents_count++] = cluster_agent(self->cluster, words[2]);
    } else if (!strcmp(words[0], "framework") && count == 3) {
        struct actor *actor = &self->actors[self->actors_count++];

        snprintf(actor->name, sizeof(actor->name), "%s", words[1]);
        snprintf(actor->role, sizeof(actor->role), "%s", words[2]);
        actor->node = subscribe(self, actor->role);
    } else if (!strcmp(words[0], "pass") && count == 2) {
        pass(self, strtol(words[1], NULL, 10));
    } else if (!strcmp(words[0], "quota") && count >= 2) {
        set_quota(self, words, count);
    } else if (!strcmp(words[0], "offers") && count == 3) {
        set_offers(self, words[1], words[2]);
    } else if (!strcmp(words[0], "weight") && count == 3) {
        set_weight(self, words[1], words[2]);
    } else if (!strcmp(words[0], "priority") && count == 3) {
        cluster_operator(self->cluster,
                         MESSAGE(OPERATOR_SET_PRIORITY, operator_set_priority, .role = words[1],
                                 .priority = strtol(words[2], NULL, 10)));
    } else {
        assert_true(count >= 2);
        act(self, actor_find(self, words[0]), words, count);
    }
}

/* --- the page ------------------------------------------------------------------------ */

static size_t split(char *line, char *ret_words[WORDS_MAX])
{
    size_t count = 0;
    char *rest = NULL;

    for (char *word = strtok_r(line, " \n", &rest); word && count < WORDS_MAX;
         word = strtok_r(NULL, " \n", &rest))
        ret_words[count++] = word;
    return count;
}

static void every_example_of_the_page_is_true(void **state)
{
    const struct master_settings settings = {
        .id = CLUSTER_MASTER, .epoch = CLUSTER_EPOCH, .preemption = true};
    FILE *page = fopen(PAGE, "re");
    struct example example = {0};
    size_t examples = 0;
    char line[LINE];

    (void)state;
    if (!page)
        fail_msg(PAGE ": %s", strerror(errno));
    while (fgets(line, sizeof(line), page)) {
        bool is_step = !strncmp(line, "    ", 4) && line[4] != '#';
        char *words[WORDS_MAX] = {0};
        size_t count;

        example.line++;
        if (is_step && !example.cluster) {
            example = (struct example){.cluster = cluster_new(&settings), .line = example.line};
            examples++;
        }
        if (!is_step) {
            cluster_destroy(&example.cluster);
            continue;
        }
        count = split(line, words);
        step(&example, words, count);
    }
    cluster_destroy(&example.cluster);
    fclose(page);
    assert_true(examples >= EXAMPLES_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_example_of_the_page_is_true),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
