#include "proto/link_zap.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zmq.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/table.h"

#define ENDPOINT   "inproc://zeromq.zap.01"
#define KEY_SIZE   32 /* CURVE public key, raw */
#define KEY_TEXT   41 /* the same in Z85, with its NUL */
#define PARTS_MAX  8
#define PART_MAX   255
#define DOMAIN_MAX 32

struct key {
    unsigned char raw[KEY_SIZE];
    UT_hash_handle hh;
};

struct domain {
    char name[DOMAIN_MAX];
    bool wants_key;
    struct key *allowed; /* owned table; empty: any key */
    UT_hash_handle hh;
};

struct link_zap {
    void *socket; /* REP; the thread's own once it runs */
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock;   /* of domains */
    struct domain *domains; /* owned table */
};

/* A request: version, request id, domain, address, identity, mechanism, credentials. */
enum part { VERSION, REQUEST_ID, DOMAIN, ADDRESS, IDENTITY, MECHANISM, CREDENTIALS };

struct request {
    struct {
        unsigned char data[PART_MAX + 1]; /* a NUL follows */
        size_t size;
    } parts[PARTS_MAX];
    size_t count;
};

static const char *part_text(const struct request *request, enum part part)
{
    return part < request->count ? (const char *)request->parts[part].data : "";
}

/* False: the context is being shut down. */
static bool receive(void *socket, struct request *request)
{
    int more = 1;
    size_t more_size = sizeof(more);

    *request = (struct request){0};
    while (more) {
        unsigned char part[PART_MAX];
        int size = zmq_recv(socket, part, sizeof(part), 0);

        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return false;
        if (request->count < PARTS_MAX && (size_t)size <= sizeof(part)) {
            memcpy(request->parts[request->count].data, part, (size_t)size);
            request->parts[request->count++].size = (size_t)size;
        }
        if (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &more_size))
            return false;
    }
    return true;
}

static bool is_let_in(struct link_zap *self, const struct request *request)
{
    const struct domain *domain;
    const struct key *key = NULL;
    size_t key_size = request->count > CREDENTIALS ? request->parts[CREDENTIALS].size : 0;
    bool result = false;

    if (strcmp(part_text(request, VERSION), "1.0") != 0)
        return false;
    pthread_mutex_lock(&self->lock);
    HASH_FIND_STR(self->domains, part_text(request, DOMAIN), domain);
    if (domain && !domain->wants_key) {
        result = strcmp(part_text(request, MECHANISM), "NULL") == 0;
    } else if (domain && strcmp(part_text(request, MECHANISM), "CURVE") == 0 &&
               key_size == KEY_SIZE) {
        HASH_FIND(hh, domain->allowed, request->parts[CREDENTIALS].data, KEY_SIZE, key);
        result = key || !domain->allowed;
    }
    pthread_mutex_unlock(&self->lock);
    return result;
}

static bool answer(struct link_zap *self, const struct request *request)
{
    bool welcome = is_let_in(self, request);
    char user[KEY_TEXT] = "";
    const struct {
        const void *data;
        size_t size;
    } parts[] = {
        {"1.0", 3},
        {part_text(request, REQUEST_ID), request->parts[REQUEST_ID].size},
        {welcome ? "200" : "400", 3},
        {welcome ? "" : "not let in", welcome ? 0 : 10},
        {user, welcome && request->count > CREDENTIALS ? KEY_TEXT - 1 : 0},
        {"", 0},
    };

    if (parts[4].size)
        zmq_z85_encode(user, request->parts[CREDENTIALS].data, KEY_SIZE);
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        int more = i + 1 < ARRAY_SIZE(parts) ? ZMQ_SNDMORE : 0;

        while (zmq_send(self->socket, parts[i].data, parts[i].size, more) < 0) {
            if (errno != EINTR)
                return false;
        }
    }
    return true;
}

static void *serve(void *argument)
{
    struct link_zap *self = argument;
    struct request request;

    while (receive(self->socket, &request) && answer(self, &request))
        ;
    zmq_close(self->socket);
    return NULL;
}

/* Signals are for the loop of the process: this thread must not be the one that a signal finds. */
static int start_thread(struct link_zap *self)
{
    sigset_t all, before;
    int code;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    code = pthread_create(&self->thread, NULL, serve, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    self->has_thread = code == 0;
    return -code;
}

int link_zap_new(void *zmq, struct link_zap **ret_zap, struct err *err)
{
    CLEANUP(link_zap_destroy) struct link_zap *self = mem_new(struct link_zap);
    int result;

    pthread_mutex_init(&self->lock, NULL);
    self->socket = zmq_socket(zmq, ZMQ_REP);
    if (!self->socket || zmq_bind(self->socket, ENDPOINT))
        return err_set(err, -errno, "ZAP handler: %s", zmq_strerror(errno));
    result = start_thread(self);
    if (result < 0)
        return err_errno(err, result, "ZAP handler: thread");
    *ret_zap = TAKE(self);
    return 0;
}

static void domain_free(struct domain *domain)
{
    struct key *key, *next;

    HASH_ITER (hh, domain->allowed, key, next) {
        HASH_DEL(domain->allowed, key);
        free(key);
    }
    free(domain);
}

void link_zap_destroy(struct link_zap **self_p)
{
    struct link_zap *self = *self_p;
    struct domain *domain, *next;

    if (!self)
        return;
    if (self->has_thread)
        pthread_join(self->thread, NULL);
    else if (self->socket)
        zmq_close(self->socket);
    HASH_ITER (hh, self->domains, domain, next) {
        HASH_DEL(self->domains, domain);
        domain_free(domain);
    }
    pthread_mutex_destroy(&self->lock);
    free(self);
    *self_p = NULL;
}

static int add_keys(struct domain *domain, const struct link_keys *keys, struct err *err)
{
    for (size_t i = 0; i < keys->peers_count; i++) {
        unsigned char raw[KEY_SIZE];
        struct key *key;

        if (strlen(keys->peers[i]) != KEY_TEXT - 1 || !zmq_z85_decode(raw, keys->peers[i]))
            return err_set(err, -EINVAL, "\"%s\" is no key of 40 characters of Z85",
                           keys->peers[i]);
        HASH_FIND(hh, domain->allowed, raw, KEY_SIZE, key);
        if (key)
            continue;
        key = mem_new(struct key);
        memcpy(key->raw, raw, KEY_SIZE);
        HASH_ADD(hh, domain->allowed, raw, KEY_SIZE, key);
    }
    return 0;
}

int link_zap_add(struct link_zap *self, const char *name, const struct link_keys *keys,
                 struct err *err)
{
    struct domain *domain = mem_new(struct domain);
    int result = keys ? add_keys(domain, keys, err) : 0;

    if (result < 0) {
        domain_free(domain);
        return result;
    }
    BUG_ON(strlen(name) >= sizeof(domain->name));
    snprintf(domain->name, sizeof(domain->name), "%s", name);
    domain->wants_key = keys != NULL;
    pthread_mutex_lock(&self->lock);
    HASH_ADD_STR(self->domains, name, domain);
    pthread_mutex_unlock(&self->lock);
    return 0;
}

void link_zap_remove(struct link_zap *self, const char *name)
{
    struct domain *domain;

    pthread_mutex_lock(&self->lock);
    HASH_FIND_STR(self->domains, name, domain);
    if (domain)
        HASH_DEL(self->domains, domain);
    pthread_mutex_unlock(&self->lock);
    if (domain)
        domain_free(domain);
}
