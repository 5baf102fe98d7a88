/* base/mutant.h - deliberate bugs, by which the simulator shows that it would find real ones.
 *
 * MUTATE(NAME) is constant false unless the tree is built with -DPROFFER_MUTANTS (`make mutants`);
 * then it is true while that bug is chosen.
 */
#ifndef PROFFER_BASE_MUTANT_H
#define PROFFER_BASE_MUTANT_H

/* M(NAME, what goes wrong) */
#define MUTANT_LIST(M)                                                                             \
    M(HAND_OVER_UNWRITTEN, "a task is handed to its executor before it is written down")           \
    M(HAND_OVER_UNSIZED, "a task is handed to its executor before there is room for it")           \
    M(LEAVE_QUEUED, "an executor's tasks that it has not got yet do not end with it")              \
    M(ACKNOWLEDGE_UNWRITTEN, "an executor's update is acknowledged before it is written down")     \
    M(END_UNWRITTEN, "an executor is told to end before that is written down")                     \
    M(LAUNCH_INTO_ENDING, "a task is launched into an executor that is to end before it")          \
    M(SKIP_RESCIND, "a framework is not told that its offer is withdrawn")                         \
    M(ACCEPT_TWICE, "an offer that was accepted stays open")                                       \
    M(RELEASE_TWICE, "what a task held is given back a second time when it is forgotten")          \
    M(TAKE_DOUBLE_ID, "a task id that is in use is launched again")                                \
    M(KEEP_LOST_AGENT, "the resources of an unreachable agent stay in the pool")                   \
    M(LAUNCH_UNWRITTEN, "an agent does not write a task down before it is launched")               \
    M(KEEP_FORGOTTEN_TASK, "an agent does not write down that a task is forgotten")                \
    M(DROP_RECOVERED_UPDATE, "an agent forgets the updates that an earlier one left")              \
    M(FORGET_CONTAINER_EARLY, "a container is forgotten before its end is written down")           \
    M(OVERTAKE_LAUNCH, "a kill comes to the launcher before the launch that is not written yet")   \
    M(KEEP_GONE_TASK, "an agent keeps the tasks of another boot of its host")                      \
    M(KEEP_POOL, "who shares cores is not moved off those that another task gets for itself")      \
    M(LEAVE_ENDING, "a new agent does not go on with an ending that an earlier one began")         \
    M(FORGET_EPOCH, "an agent does not write down which master it has obeyed")                     \
    M(OBEY_OLD_EPOCH, "an agent obeys a message of an older master")                               \
    M(SERVE_NEWER_AGENT, "a master registers an agent that has obeyed a newer one")                \
    M(HEAR_OVERTAKEN, "a master hears a registration that a newer session has overtaken")          \
    M(FORGET_ACKNOWLEDGEMENT, "an agent sends again what was acknowledged")                        \
    M(DROP_ACKNOWLEDGEMENT, "the master does not pass acknowledgements on")                        \
    M(DROP_RETRY, "an agent sends each update once")                                               \
    M(SILENT_ON_RETURN, "an agent does not send its updates again when it registers")              \
    M(END_TWICE, "a task that has ended ends again when its agent is lost")                        \
    M(TELL_THE_PAST, "after a registration, what came before an end is told after it")             \
    M(ASK_NOTHING, "a driver does not ask about its tasks when it subscribes")                     \
    M(OFFER_DRAINING, "an agent that an operator has taken out of use is offered")                 \
    M(DRAIN_NOTHING, "the tasks of an agent that is being drained are not killed")                 \
    M(KILL_ONCE, "a driver says a kill once, whether it arrives or not")                           \
    M(KEEP_MISSING_TASK, "a task that its agent no longer has is kept")                            \
    M(SPARE_REMOVED_FRAMEWORK, "agents are not told that a framework is removed")                  \
    M(FREE_BEFORE_ENDED, "what a removed framework's tasks hold is free before they have ended")   \
    M(ADMIT_BEFORE_KEPT, "an agent or framework is let in before the registry has it")             \
    M(TELL_BEFORE_KEPT, "frameworks hear that an agent is unreachable before the registry does")   \
    M(FORGET_ADMITTED, "after a restart no agent is known")                                        \
    M(FORGET_GONE, "after a restart an agent that is gone may come back")                          \
    M(FORGET_REMOVED, "after a restart a framework that was removed may come back")                \
    M(REMOVE_ALL, "agents are marked unreachable however many are away")                           \
    M(JUDGE_TOO_EARLY, "reconciliation judges tasks of agents that may still come back")           \
    M(FORGET_POLICY, "after a restart no quota and no weight is known")                            \
    M(FORGET_OPERATION, "an agent is not told of a reservation or volume")                         \
    M(DESTROY_USED_VOLUME, "a shared volume is destroyed while tasks use it")                      \
    M(FORGET_RESERVATION, "an agent does not write down what is reserved")                         \
    M(OFFER_REVOCABLE, "revocable resources are offered to those who did not ask for them")        \
    M(IGNORE_LIMIT, "a role is offered more than its limit")                                       \
    M(IGNORE_HEADROOM, "what is guaranteed to one role is offered to another")                     \
    M(SPLIT_GANG, "of a gang with a bad part the good parts are launched")                         \
    M(OFFER_DOWN, "an agent is offered while its maintenance lasts")                               \
    M(STAY_DOWN, "an agent does not come back when its maintenance is over")                       \
    M(FORGET_WINDOW, "after a restart no maintenance window is known")                             \
    M(SHORTEN_GROUP, "an agent is told of a group without its last task")                          \
    M(SURVIVE_GROUP, "a group goes on when one of its tasks has failed")                           \
    M(MAINS_FIRST, "the mains of a group do not wait for its inits and sidecars")                  \
    M(LEAVE_HOLDER, "what holds a group's namespaces stays when its last task has ended")          \
    M(FREE_LENT_VOLUME, "a volume is free while others of its task's group mount it")              \
    M(FORGET_HELD_END, "an agent does not write down an end that is held back with its group")     \
    M(FREE_MAPPED_PORT, "a port is free while it leads to a group whose task had it")              \
    M(FREE_BEFORE_HOLDER, "what the last of a group has is free before its holder has ended")      \
    M(HEAR_EXECUTORS, "what executors say is taken though it cannot be written down")              \
    M(MISS_CLOCK, "a wall clock that is set is noticed late")                                      \
    M(IGNORE_MIN_AVAILABLE, "who needs an agent for long is offered one with maintenance soon")    \
    M(KEEP_INVERSE, "a framework is not told that an inverse offer is withdrawn")                  \
    M(GATHER_TOGETHER, "two gangs gather at once, and each holds what the other needs")            \
    M(HOLD_FOR_EVER, "what a gang has gathered is never taken back")                               \
    M(SPARE_PREEMPTED, "a task whose notice has ended is not killed")                              \
    M(PREEMPT_ANYBODY, "tasks give way to a need that does not come before them")                  \
    M(PREEMPT_GROUPED, "tasks of a group give way one by one")                                     \
    M(PREEMPT_GUARANTEED, "tasks give way that their role is guaranteed")                          \
    M(GIVE_FREED_AWAY, "what tasks have given way for goes to anybody")                            \
    M(OVERLOOK_FILTER, "explain does not see what a framework has declined")                       \
    M(ANSWER_EARLY, "an operator is answered before the agent has written what was asked for")     \
    M(IGNORE_GRACE, "failures of a health check count from a task's first moment")                 \
    M(CHECK_ENDING, "a task that is being ended is still looked at")                               \
    M(COLLECT_EARLY, "a sandbox is removed as soon as its task has ended")                         \
    M(COLLECT_ONCE, "sandboxes are collected once in an agent's life")                             \
    M(GATHER_AGAIN, "a gang that came to nothing has its turn again before others have one")       \
    M(GIVE_UP_FOR_EVER, "a gang that came to nothing once never gathers again")                    \
    M(FORGIVE_SILENCE, "who never answers is asked again and again, and others never")             \
    M(KEEP_TURN, "who was made an offer comes before others who deserve as much")                  \
    M(OFFER_SHOWN, "what is shown to some is offered to another alone")                            \
    M(KEEP_SHOWN, "what an accept has taken is still shown to others")                             \
    M(SKIP_CONFLICT, "a framework is not told that its offer has become smaller")                  \
    M(CLAIM_UNCUT, "an accept of an optimistic offer is not held against quotas")                  \
    M(SHOW_FOR_EVER, "optimistic offers follow each other, and an exclusive one never comes")

enum mutant {
    MUTANT_NONE,
#define MUTANT_CONSTANT(name, help) MUTANT_##name,
    MUTANT_LIST(MUTANT_CONSTANT)
#undef MUTANT_CONSTANT
        MUTANT_MAX,
};

#ifdef PROFFER_MUTANTS
extern enum mutant mutant_chosen; /* defined by the simulator's main */
#define MUTATE(name) (mutant_chosen == MUTANT_##name)
#else
#define MUTATE(name) 0
#endif

#endif
