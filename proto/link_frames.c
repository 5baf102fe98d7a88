/* proto/link_frames.c - inside the link: messages as ZeroMQ frames, and queues of them. */
#include "proto/link_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/mem.h"

/* From here on handing the memory over is cheaper than copying it. */
#define COPY_MAX 16384

struct link_frame {
    struct link_frame *next;
    size_t cost;
    zmq_msg_t content; /* empty once it was sent */
};

static void free_content(void *data, void *hint)
{
    (void)hint;
    free(data);
}

int link_frame_make(const struct message *message, struct buf *scratch, zmq_msg_t *ret_frame,
                    struct err *err)
{
    int result;

    scratch->size = 0;
    result = message_encode(message, scratch, err);
    if (result < 0)
        return result;
    if (scratch->size > COPY_MAX) {
        result = zmq_msg_init_data(ret_frame, scratch->data, scratch->size, free_content, NULL);
        BUG_ON(result); /* only when memory is out */
        *scratch = (struct buf){0};
        return 0;
    }
    result = zmq_msg_init_size(ret_frame, scratch->size);
    BUG_ON(result);
    memcpy(zmq_msg_data(ret_frame), scratch->data, scratch->size);
    return 0;
}

bool link_has_promise(enum msg_type type)
{
    return type != MSG_MESSAGE_TO_EXECUTOR && type != MSG_MESSAGE_TO_FRAMEWORK;
}

size_t link_queue_cost(const zmq_msg_t *frame)
{
    return sizeof(struct link_frame) + zmq_msg_size(frame);
}

void link_queue_push(struct link_queue *self, zmq_msg_t *frame)
{
    struct link_frame *entry = mem_new(struct link_frame);

    entry->cost = link_queue_cost(frame);
    self->bytes += entry->cost;
    zmq_msg_init(&entry->content);
    zmq_msg_move(&entry->content, frame);
    if (self->tail)
        self->tail->next = entry;
    else
        self->head = entry;
    self->tail = entry;
}

zmq_msg_t *link_queue_first(const struct link_queue *self)
{
    return self->head ? &self->head->content : NULL;
}

void link_queue_pop(struct link_queue *self)
{
    struct link_frame *entry = self->head;

    self->head = entry->next;
    if (!self->head)
        self->tail = NULL;
    self->bytes -= entry->cost;
    zmq_msg_close(&entry->content);
    free(entry);
}

void link_queue_clear(struct link_queue *self)
{
    while (self->head)
        link_queue_pop(self);
}
