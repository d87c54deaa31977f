/*
 * message - the meaning of a frame's headers, and the frames that we send (spec: ipc-wire 2.3, 3, 4, 6, 7).
 *
 * Pure. Decoded texts point into the frame and are not terminated. Any thread.
 */
#ifndef SEDGE_IPC_MESSAGE_H
#define SEDGE_IPC_MESSAGE_H

#include "frame.h"
#include "payload.h"

enum sedge_msg_type {
    SEDGE_MSG_APPLICATION = 0,
    SEDGE_MSG_ERROR = 1,
    SEDGE_MSG_PING = 2,
    SEDGE_MSG_PING_RESPONSE = 3,
    SEDGE_MSG_CONNECT = 4,
    SEDGE_MSG_CONNECT_ACK = 5,
    SEDGE_MSG_PROTOCOL_ERROR = 6,
    SEDGE_MSG_INTERNAL_ERROR = 7
};
#define SEDGE_MSG_ACCEPTED  1 /* flag of a ConnectAck */
#define SEDGE_MSG_TERMINATE 2 /* flag of an application frame: the stream is over */

#define SEDGE_IPC_VERSION   "0.1.0"
#define SEDGE_IPC_NAMESPACE "aws.greengrass#"
#define SEDGE_IPC_SERVICE   "aws.greengrass#GreengrassCoreIPC"

struct sedge_text {
    const char *p; /* NULL: absent */
    size_t len;
};

struct sedge_message {
    int32_t type, flags, stream_id;
    struct sedge_text operation;          /* string header `operation` */
    struct sedge_text service_model_type; /* read by clients only */
    struct sedge_text content_type;       /* read by clients only */
    struct sedge_text version;            /* Connect */
    const struct sedge_frame *frame;
};

/* Names are compared without regard to case; the first of duplicates counts; unknown headers are ignored.
 * -1 INVALID when one of the three mandatory headers is absent or no int32: a protocol violation. */
int sedge_message_decode(const struct sedge_frame *f, struct sedge_message *m, struct sedge_err *err);
bool sedge_text_is(struct sedge_text t, const char *s);

/* Whole frames, appended to `out`. Payload lengths are the caller's to bound (LIMIT otherwise). */
int sedge_message_connect(struct sedge_buf *out, const char *token, struct sedge_err *err); /* client */
void sedge_message_connect_ack(struct sedge_buf *out, bool accepted);
int sedge_message_request(struct sedge_buf *out, int32_t stream_id, const char *operation, const char *json, size_t len,
                          struct sedge_err *err);                       /* client; full operation name */
void sedge_message_terminate(struct sedge_buf *out, int32_t stream_id); /* client: 71 bytes */
int sedge_message_application(struct sedge_buf *out, enum sedge_msg_type type, int32_t flags, int32_t stream_id,
                              const char *shape, const char *json, size_t len, struct sedge_err *err);
void sedge_message_protocol_error(struct sedge_buf *out, enum sedge_msg_type type, const char *text);
/* -1 LIMIT when the answer would be too large. */
int sedge_message_ping_response(struct sedge_buf *out, const struct sedge_frame *ping, struct sedge_err *err);

/* Head (prelude and headers) of an application frame whose payload is sent from `p`, and its CRC trailer.
 * `shape` is the full name. */
int sedge_message_head(struct sedge_buf *out, enum sedge_msg_type type, int32_t flags, int32_t stream_id,
                       const char *shape, struct sedge_payload *p, uint8_t trailer[4], struct sedge_err *err);

/*
 * Frames that differ in their stream and payload alone: the head is built once for a shape and a length.
 *
 *   struct sedge_head h = {0};
 *   if (sedge_head_set(&h, 0, "aws.greengrass#SubscriptionResponseMessage", "", p->len, NULL) == 0)
 *       sedge_head_frame(&h, stream_id, p->data, out);     // h.frame_len bytes, for each stream
 *
 * For short payloads that is cheaper than to share them (sedge_message_head).
 */
#define SEDGE_HEAD_SHAPE_MAX 320u
struct sedge_head {
    size_t frame_len; /* 0: not set */
    size_t len, payload_len;
    int32_t flags;
    uint32_t crc; /* of what comes before the stream id, which is the last of the head */
    size_t shape_len;
    char shape[SEDGE_HEAD_SHAPE_MAX];
    uint8_t bytes[SEDGE_HEAD_SHAPE_MAX + 160];
};
/* The shape's name is `name` and `suffix`. Does nothing when the head is so already. -1 LIMIT: a longer name, or a
 * payload too large. */
int sedge_head_set(struct sedge_head *h, int32_t flags, const char *name, const char *suffix, size_t payload_len,
                   struct sedge_err *err);
void sedge_head_frame(const struct sedge_head *h, int32_t stream_id, const void *payload, uint8_t *out);

/* JSON of a modelled error in the full form of ipc-wire 7.1. `name` is short ("ResourceNotFoundError"); `extras` is a
 * JSON object text with the modelled extra members, or NULL. */
void sedge_message_error_json(struct sedge_buf *out, const char *name, const char *message, const char *extras);
/* Appends `s` as a JSON string with its quotes; invalid UTF-8 becomes U+FFFD. */
void sedge_json_quote(struct sedge_buf *out, const char *s, size_t n);

#endif
