/* A group of tasks comes in: all of it is taken, or nothing. */
#include "agent/core/groups.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/mem.h"

/* All of it is here already, or something is: it can only be a message that came twice. */
static bool is_expected(struct agent *self, const struct framework *framework,
                        const struct msg_run_group *run)
{
    for (size_t i = 0; i < run->tasks_count; i++)
        if (agent_task_get(framework, run->tasks[i].task_id)) {
            self->counters.tasks_doubled++;
            agent_log(self, LOG_LEVEL_WARNING, "group %s: task %s of %s is here already: ignored",
                      run->group->id, run->tasks[i].task_id, framework->info->id);
            return false;
        }
    return true;
}

static void refuse_all(struct agent *self, struct task *const tasks[], size_t count,
                       const struct task_news *news)
{
    for (size_t i = 0; i < count; i++)
        life_refuse(self, tasks[i], news);
}

static void refuse_volatile(struct agent *self, struct task *const tasks[], size_t count,
                            enum task_reason reason, const char *why)
{
    for (size_t i = 0; i < count; i++)
        life_refuse_volatile(self, tasks[i], reason, why);
}

static bool is_too_large(struct task *const tasks[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (life_is_too_large(tasks[i]))
            return true;
    return false;
}

/* What was taken for the first of them is given back. */
static void let_go(struct agent *self, struct task *const tasks[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        HASH_DELETE(by_container, self->containers, tasks[i]);
        tasks[i]->is_contained = false;
        place_forget(self, tasks[i]);
    }
}

/* One by one, as each must see what the one before it has. */
static int take_places(struct agent *self, struct task *const tasks[], size_t count,
                       struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        struct err why;
        int rc = life_take_place(self, tasks[i], &why);

        if (rc < 0) {
            let_go(self, tasks, i);
            return err_set(err, rc, "task %.64s: %.300s", tasks[i]->info->task_id, why.text);
        }
        agent_task_contain(self, tasks[i]);
    }
    return 0;
}

/* Whom the tasks run as that do not say. */
static const char *user_of(const struct agent *self, const struct framework *framework)
{
    const char *user = framework->info->user;

    if (!self->switch_user)
        return "";
    return user && *user ? user : self->default_user;
}

static void hold(struct agent *self, struct framework *framework, const struct group_info *info,
                 struct task *const tasks[], size_t count)
{
    struct group *group = group_new(framework, info, count);

    group->user = arena_strdup(group->arena, user_of(self, framework));
    group_name_holder(self, group);
    group_index_holder(self, group);
    if (!framework->is_recorded)
        keep_framework(self, framework);
    group_keep(self, group);
    for (size_t i = 0; i < count; i++) {
        group_join(group, tasks[i], i);
        tasks[i]->waits = true;
        keep_task(self, tasks[i]);
        tasks[i]->waiting_record = tasks[i]->spec_record;
    }
    for (size_t i = 0; i < count; i++)
        place_taken(self, tasks[i]);
    group_stir(self, group);
}

/* Its framework may have heard already that all tasks of the older one have ended: it may try again. */
static void refuse_double(const struct group *older, struct task_news *news, struct err *why)
{
    if (older->is_told_to_end) {
        news->reason = REASON_CONTAINER_LAUNCH_FAILED;
        err_set(why, -EAGAIN,
                "what the group %.80s before it shared is being taken away still: try again",
                older->info->id);
        return;
    }
    news->state = TASK_ERROR;
    news->reason = REASON_TASK_GROUP_INVALID;
    err_set(why, -EEXIST, "a group %.80s of this framework is here already: choose another id",
            older->info->id);
}

/* False: nothing is said against it. */
static bool is_refused(struct agent *self, const struct framework *framework,
                       const struct msg_run_group *run, struct task_news *ret_news, struct err *why)
{
    struct task_news news = {.state = TASK_DROPPED, .message = why->text};
    const struct group *older = group_find(framework, run->group->id);

    if (self->is_stopping) {
        news.reason = REASON_AGENT_REMOVED;
        news.message = "the agent is leaving";
    } else if (framework->is_removed) {
        news.reason = REASON_FRAMEWORK_REMOVED;
        news.message = "its framework was removed";
    } else if (self->is_unlike) {
        news.reason = REASON_INVALID_OFFERS;
        news.message = "an operation on the agent's resources failed before it";
    } else if (validate_group(self, run, why) < 0) {
        news.state = TASK_ERROR;
        news.reason = REASON_TASK_GROUP_INVALID;
    } else if (older) {
        refuse_double(older, &news, why);
    } else {
        return false;
    }
    *ret_news = news;
    return true;
}

static void take_in(struct agent *self, struct framework *framework,
                    const struct msg_run_group *run, struct task *const tasks[])
{
    struct task_news news;
    struct err why = {""};

    if (self->is_store_failing) {
        refuse_volatile(self, tasks, run->tasks_count, REASON_CONTAINER_LAUNCH_FAILED,
                        "the agent cannot write down what it runs: its disk is full or broken");
        return;
    }
    if (is_too_large(tasks, run->tasks_count)) {
        refuse_volatile(self, tasks, run->tasks_count, REASON_TASK_GROUP_INVALID,
                        "a task of the group takes more than 3 MiB");
        return;
    }
    if (is_refused(self, framework, run, &news, &why)) {
        refuse_all(self, tasks, run->tasks_count, &news);
        return;
    }
    if (take_places(self, tasks, run->tasks_count, &why) < 0) {
        news = (struct task_news){
            .state = TASK_FAILED, .reason = REASON_CONTAINER_LAUNCH_FAILED, .message = why.text};
        refuse_all(self, tasks, run->tasks_count, &news);
        return;
    }
    hold(self, framework, run->group, tasks, run->tasks_count);
}

/* Its number is our own word, as a new agent finds its place by it. */
static struct task *new_member(struct agent *self, struct framework *framework,
                               const struct msg_run_group *run, size_t number)
{
    struct task_info info = run->tasks[number];
    struct group_member member;

    if (info.group) {
        member = *info.group;
        member.number = (int64_t)number;
        info.group = &member;
    }
    return agent_task_new(
        self, framework,
        &(struct msg_run_task){.framework = run->framework, .task = &info, .role = run->role});
}

void groups_run(struct agent *self, const struct msg_run_group *run)
{
    CLEANUP(free_p) struct task **tasks = NULL;
    struct framework *framework;

    if (!run->framework->id || !*run->framework->id) {
        self->counters.tasks_refused += run->tasks_count;
        agent_log(self, LOG_LEVEL_WARNING, "group %s is not run: its framework has no id",
                  run->group->id);
        return;
    }
    framework = agent_framework_meet(self, run->framework);
    if (!is_expected(self, framework, run))
        return;
    tasks = mem_calloc(run->tasks_count, sizeof(*tasks));
    for (size_t i = 0; i < run->tasks_count; i++)
        tasks[i] = new_member(self, framework, run, i);
    take_in(self, framework, run, tasks);
}
