/* tests/sim/net.c - sessions between the master and its peers, as proto/link.h gives them.
 *
 * Within a session messages arrive in the order in which they were said, each after a delay of its
 * own, and none is lost while the wire holds. A session can end at any moment: in an orderly way,
 * when what was said still arrives before the end; or because the wire breaks, when everything under
 * way is lost, and each side notices after a while of its own, speaking to nobody until then; or because
 * it stalls: the client notices a silence, and what it has said arrives later, perhaps after it has come
 * again. Nothing of an old session is ever heard in a new one. Every message passes the codec both
 * ways.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "tests/sim/world.h"

#define BACKOFF_MIN_US (50 * (int64_t)US_PER_MS)
#define STALLS         40 /* percent of what breaks */
#define BACKOFF_MAX_US (15 * (int64_t)US_PER_S)

/* A message on its way, or the end of the session. */
struct parcel {
    struct parcel *next;
    int64_t at_us;
    const char *end; /* why; NULL: it is a message */
    size_t size;
    char frame[];
};

struct lane {
    struct session *session;
    struct parcel *first, *last;
    int64_t last_us; /* when what was put in last arrives */
    struct deadline due;
};

struct session {
    struct session *prev, *next;
    uint64_t number;
    enum peer_kind kind;
    bool is_trusted;
    bool is_severed, is_stalled;
    struct peer *peer;         /* NULL: the client has left, or noticed */
    struct sim_master *master; /* NULL: likewise */
    struct lane up, down;
};

/* --- lanes ------------------------------------------------------------------------------------- */

static void lane_drop(struct sim *sim, struct lane *lane)
{
    while (lane->first) {
        struct parcel *parcel = lane->first;

        lane->first = parcel->next;
        free(parcel);
    }
    lane->last = NULL;
    deadline_cancel(&sim->queue, &lane->due);
}

static void lane_put(struct sim *sim, struct lane *lane, struct parcel *parcel, int64_t delay_us)
{
    parcel->at_us = sim->now_us + delay_us;
    if (parcel->at_us < lane->last_us)
        parcel->at_us = lane->last_us;
    lane->last_us = parcel->at_us;
    if (lane->last)
        lane->last->next = parcel;
    else
        lane->first = parcel;
    lane->last = parcel;
    if (!deadline_is_set(&lane->due))
        deadline_set(&sim->queue, &lane->due, parcel->at_us);
}

static struct parcel *lane_take(struct sim *sim, struct lane *lane)
{
    struct parcel *parcel = lane->first;

    lane->first = parcel->next;
    if (lane->first)
        deadline_set(&sim->queue, &lane->due, lane->first->at_us);
    else
        lane->last = NULL;
    return parcel;
}

static void lane_put_end(struct sim *sim, struct lane *lane, const char *why, int64_t delay_us)
{
    struct parcel *parcel = mem_new(struct parcel);

    parcel->end = why;
    lane_put(sim, lane, parcel, delay_us);
}

/* Most are quick, some are not. */
static int64_t draw_delay_us(struct sim *sim)
{
    if (sim_chance(sim, 90))
        return sim_between(sim, 50, 1000);
    return sim_between(sim, 50, sim->timing.delay_max_us);
}

/* At once, or when the silence has lasted too long. */
static int64_t draw_notice_us(struct sim *sim)
{
    if (sim_chance(sim, 50))
        return sim_between(sim, 100, 20000);
    return sim_between(sim, 100, sim->timing.silence_us);
}

/* --- sessions ---------------------------------------------------------------------------------- */

static struct session *session_find(const struct sim *sim, uint64_t number)
{
    struct session *session;

    DL_FOREACH (sim->sessions, session)
        if (session->number == number)
            return session;
    return NULL;
}

static void session_free(struct sim *sim, struct session *session)
{
    DL_DELETE(sim->sessions, session);
    lane_drop(sim, &session->up);
    lane_drop(sim, &session->down);
    free(session);
}

static void session_sever(struct sim *sim, struct session *session)
{
    if (session->is_severed)
        return;
    sim_trace(sim, "session %llu: the wire breaks", (unsigned long long)session->number);
    session->is_severed = true;
    lane_drop(sim, &session->up);
    lane_drop(sim, &session->down);
    session->up.last_us = session->down.last_us = sim->now_us;
    if (session->master)
        lane_put_end(sim, &session->up, "silence", draw_notice_us(sim));
    if (session->peer)
        lane_put_end(sim, &session->down, "silence", draw_notice_us(sim));
}

static bool is_stall(struct sim *sim)
{
    return !sim->plan.calm && sim_chance(sim, STALLS);
}

static void session_stall(struct sim *sim, struct session *session)
{
    int64_t late_us = sim_between(sim, 0, 2 * sim->timing.silence_us);
    struct lane *up = &session->up;

    if (session->is_severed || session->is_stalled || !session->master)
        return;
    sim_trace(sim, "session %llu: the wire stalls for %lld ms", (unsigned long long)session->number,
              (long long)(late_us / US_PER_MS));
    session->is_stalled = true;
    for (struct parcel *parcel = up->first; parcel; parcel = parcel->next)
        parcel->at_us += late_us;
    if (up->first)
        deadline_set(&sim->queue, &up->due, up->first->at_us);
    up->last_us = up->first ? up->last->at_us : sim->now_us;
    lane_put_end(sim, up, "silence", late_us);
    if (session->peer)
        lane_put_end(sim, &session->down, "silence", draw_notice_us(sim));
}

static int say(struct sim *sim, struct lane *lane, const struct message *message, struct err *err)
{
    CLEANUP(buf_fini) struct buf frame = {0};
    struct parcel *parcel;
    bool is_cut;
    int rc;

    if (lane->session->is_severed)
        return 0;
    rc = message_encode(message, &frame, err);
    if (rc < 0)
        return rc;
    is_cut = message->type == sim->cut_at;
    if (is_cut)
        sim->cut_at = 0;
    if (is_cut && !is_stall(sim)) {
        session_sever(sim, lane->session);
        return 0;
    }
    parcel = mem_calloc(1, sizeof(*parcel) + frame.size);
    parcel->size = frame.size;
    memcpy(parcel->frame, frame.data, frame.size);
    lane_put(sim, lane, parcel, draw_delay_us(sim));
    if (is_cut)
        session_stall(sim, lane->session);
    return 0;
}

/* --- what arrives at the master ---------------------------------------------------------------- */

static void peer_backs_off(struct peer *peer);

static void up_ends(struct session *session, const char *why)
{
    struct sim_master *master = session->master;

    session->master = NULL;
    master_hears_end(master, session->number, why);
}

static void deliver_up(struct sim *sim, struct session *session, const struct parcel *parcel)
{
    struct message message;
    struct err err;

    if (!session->master)
        return;
    if (parcel->end) {
        up_ends(session, parcel->end);
    } else if (message_decode(parcel->frame, parcel->size, sim->arena, &message, &err) == 0) {
        master_hears(session->master, session->number, session->kind, &message);
    } else if (session->is_trusted) {
        sim_fail(sim, "a peer sends a bad message: %s", err.text);
    } else {
        /* The link's own answer to what is no message. */
        if (session->peer)
            lane_put_end(sim, &session->down, "that was no message", draw_delay_us(sim));
        up_ends(session, "what it says is no message");
    }
}

static void on_up_due(void *owner, struct deadline *deadline)
{
    struct lane *lane = CONTAINER_OF(deadline, struct lane, due);
    struct sim *sim = owner;
    struct parcel *parcel = lane_take(sim, lane);

    if (sim_event_begins(sim)) {
        deliver_up(sim, lane->session, parcel);
        sim_event_ends(sim);
    }
    free(parcel);
}

/* --- what arrives at the peer ------------------------------------------------------------------ */

static void deliver_down(struct sim *sim, struct session *session, const struct parcel *parcel)
{
    struct peer *peer = session->peer;
    struct message message;
    struct err err;

    if (!peer)
        return;
    if (parcel->end) {
        session->peer = NULL;
        peer->session = NULL;
        peer_backs_off(peer);
        peer->events->on_close(peer->owner, parcel->end);
    } else if (message_decode(parcel->frame, parcel->size, sim->arena, &message, &err) == 0) {
        if (message.epoch > peer->epoch_heard)
            peer->epoch_heard = message.epoch;
        peer->events->on_message(peer->owner, &message);
    } else {
        sim_fail(sim, "the master sends a bad message: %s", err.text);
    }
}

static void on_down_due(void *owner, struct deadline *deadline)
{
    struct lane *lane = CONTAINER_OF(deadline, struct lane, due);
    struct sim *sim = owner;
    struct parcel *parcel = lane_take(sim, lane);

    if (sim_event_begins(sim)) {
        deliver_down(sim, lane->session, parcel);
        sim_event_ends(sim);
    }
    free(parcel);
}

/* --- the master's side ------------------------------------------------------------------------- */

void net_send(struct sim *sim, uint64_t number, const struct message *message)
{
    struct session *session = session_find(sim, number);
    struct err err = {""};

    if (session && session->master && say(sim, &session->down, message, &err) < 0)
        sim_fail(sim, "the master cannot say %s: %s", message_name(message->type), err.text);
}

void net_close(struct sim *sim, uint64_t number, const char *reason)
{
    struct session *session = session_find(sim, number);

    if (!session || !session->master)
        return;
    sim_trace(sim, "session %llu: closed by the master: %.80s", (unsigned long long)number, reason);
    session->master = NULL;
    if (session->peer && !session->is_severed)
        lane_put_end(sim, &session->down, "closed by the master", draw_delay_us(sim));
}

const struct peer *net_peer(const struct sim *sim, uint64_t number)
{
    const struct session *session = session_find(sim, number);

    return session ? session->peer : NULL;
}

void net_master_ends(struct sim *sim, const struct sim_master *master, bool orderly)
{
    struct session *session;

    DL_FOREACH (sim->sessions, session) {
        if (session->master != master)
            continue;
        session->master = NULL;
        if (!orderly)
            session_sever(sim, session);
        else if (session->peer && !session->is_severed)
            lane_put_end(sim, &session->down, "the master is gone", draw_delay_us(sim));
    }
}

void net_reap(struct sim *sim)
{
    struct session *session, *next;

    DL_FOREACH_SAFE (sim->sessions, session, next)
        if (!session->peer && !session->master)
            session_free(sim, session);
}

void net_fini(struct sim *sim)
{
    while (sim->sessions)
        session_free(sim, sim->sessions);
}

/* --- the peer's side --------------------------------------------------------------------------- */

/* An agent that has been answered by the newest master may still stray to one that was replaced, and
 * must be refused there. One that was not answered yet, or died before it could write down by whom,
 * does not stray: nothing in the protocol would keep it from obeying the old one again. */
static struct sim_master *master_met_by(const struct peer *self)
{
    struct sim *sim = self->sim;

    if (self->kind == PEER_AGENT && self->epoch_heard >= self->epoch_met && sim_chance(sim, 25))
        return sim->masters;
    return sim->master;
}

static void peer_opens(struct peer *self)
{
    struct sim *sim = self->sim;
    struct session *session = mem_new(struct session);

    *session = (struct session){.number = ++sim->sessions_count,
                                .kind = self->kind,
                                .is_trusted = self->is_trusted,
                                .peer = self,
                                .master = master_met_by(self),
                                .up = {.session = session, .due = {.due = on_up_due}},
                                .down = {.session = session, .due = {.due = on_down_due}}};
    DL_APPEND(sim->sessions, session);
    self->session = session;
    if (session->master->epoch > self->epoch_met)
        self->epoch_met = session->master->epoch;
    self->backoff_us = BACKOFF_MIN_US;
    sim_trace(sim, "session %llu: %s is connected", (unsigned long long)session->number,
              self->name);
    self->events->on_open(self->owner);
}

static void peer_backs_off(struct peer *self)
{
    sim_after(self->sim, &self->connect,
              sim_between(self->sim, self->backoff_us / 2, self->backoff_us));
    self->backoff_us *= 2;
    if (self->backoff_us > BACKOFF_MAX_US)
        self->backoff_us = BACKOFF_MAX_US;
}

static void on_connect(void *owner, struct deadline *deadline)
{
    struct peer *self = CONTAINER_OF(deadline, struct peer, connect);
    struct sim *sim = owner;

    if (!sim_event_begins(sim))
        return;
    if (sim->master && self->cut_off_until_us <= sim->now_us)
        peer_opens(self);
    else
        peer_backs_off(self);
    sim_event_ends(sim);
}

void peer_begin(struct peer *self)
{
    self->connect.due = on_connect;
    self->backoff_us = BACKOFF_MIN_US;
    peer_backs_off(self);
}

void peer_end(struct peer *self, bool orderly)
{
    struct session *session = self->session;
    struct sim *sim = self->sim;

    deadline_cancel(&sim->queue, &self->connect);
    self->session = NULL;
    if (!session)
        return;
    session->peer = NULL;
    lane_drop(sim, &session->down);
    if (session->is_severed || !session->master)
        return;
    if (orderly)
        lane_put_end(sim, &session->up, "the peer is gone", draw_delay_us(sim));
    else
        session_sever(sim, session);
}

int peer_send(struct peer *self, const struct message *message, struct err *err)
{
    if (!self->session)
        return err_set(err, -ENOTCONN, "no session");
    return say(self->sim, &self->session->up, message, err);
}

void peer_cut(struct peer *self, int64_t for_us)
{
    sim_trace(self->sim, "%s is cut off for %lld ms", self->name, (long long)(for_us / US_PER_MS));
    self->cut_off_until_us = self->sim->now_us + for_us;
    if (!self->session)
        return;
    if (is_stall(self->sim))
        session_stall(self->sim, self->session);
    else
        session_sever(self->sim, self->session);
}

bool net_is_between(const struct peer *peer, const struct sim_master *master)
{
    const struct session *session = peer->session;

    return session && !session->is_severed && !session->is_stalled && session->master == master;
}

bool net_is_quiet(const struct peer *peer)
{
    return net_is_between(peer, peer->sim->master) && !peer->session->up.first &&
           !peer->session->down.first;
}
