/* proto/codec.h - what the encoder and the decoder agree on; for the files of proto only. */
#ifndef PROFFER_PROTO_CODEC_H
#define PROFFER_PROTO_CODEC_H

#include "proto/schema.h"

/* The frame's own part, in front of the msgpack array [type, epoch, number, body]. */
#define FRAME_MAGIC                                                                                \
    {                                                                                              \
        'P', 'R', 'F', PROTOCOL_VERSION                                                            \
    }
#define FRAME_MAGIC_SIZE 4
#define FRAME_PARTS      4

#endif
