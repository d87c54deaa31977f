/*
 * publish - the hot path of PublishToTopic: finds topic and message as slices of the request without building a tree,
 * and builds the event that all subscribers share (design 5; spec: ipc-operations 3.1, 3.2).
 *
 *   struct sedge_publish p = SEDGE_PUBLISH_INIT;           // once; keeps its small buffers from call to call
 *   if (sedge_publish_scan(payload, len, &p, &err)) ...ServiceError with err.msg...
 *   ...authorization on p.topic, the checks of spec 3.1 by p.has_topic, p.kind, p.nkinds, p.has_message...
 *   struct sedge_payload *event = sedge_publish_event(&p);  //
 * {"jsonMessage":{"message":<slice>,"context":{"topic":...}}} sedge_broker_publish(..., deliver, event);
 * sedge_payload_unref(event); sedge_publish_release(&p);
 *
 * Slices point into the request. The message of a JSON publish reaches subscribers byte for byte. The scan accepts
 * exactly strict JSON in valid UTF-8, at most SEDGE_PUBLISH_DEPTH_MAX deep; everything that it accepts can be
 * delivered. Null members count as absent, unknown members are skipped, the last of duplicate members counts.
 */
#ifndef SEDGE_BROKER_PUBLISH_H
#define SEDGE_BROKER_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct sedge_payload;

#define SEDGE_PUBLISH_DEPTH_MAX 64u

enum sedge_publish_kind { SEDGE_PUBLISH_NONE, SEDGE_PUBLISH_JSON, SEDGE_PUBLISH_BINARY };

struct sedge_publish {
    bool has_topic;
    const char *topic; /* decoded and terminated; "" when absent */
    size_t topic_len;
    bool has_publish_message;     /* the member publishMessage is there */
    enum sedge_publish_kind kind; /* of the member found in it; NONE: neither */
    unsigned nkinds;              /* 2: both members are set, which is an error */
    bool has_message;             /* the message itself; a binary one may be missing: an empty blob */
    const char *message;          /* JSON: the object's text; BINARY: base64 with padding, no quotes */
    size_t message_len;
    /* owned */
    struct sedge_buf topic_buf, message_buf;
};
#define SEDGE_PUBLISH_INIT ((struct sedge_publish){.topic_buf = SEDGE_BUF_INIT, .message_buf = SEDGE_BUF_INIT})

/* -1 INVALID or LIMIT: not JSON, not an object, a member of the wrong type, malformed base64 (spec ipc-wire 7.3). */
int sedge_publish_scan(const char *payload, size_t len, struct sedge_publish *out, struct sedge_err *err);
/* The event of a scanned publish: has_topic and kind must be set. One new reference. */
struct sedge_payload *sedge_publish_event(const struct sedge_publish *p);
/* The same from parts, for messages of the nucleus itself: `json` is an object text; or bytes. */
struct sedge_payload *sedge_publish_event_json(const char *topic, const char *json, size_t len);
struct sedge_payload *sedge_publish_event_binary(const char *topic, const void *data, size_t len);
void sedge_publish_release(struct sedge_publish *p);

#define SEDGE_PUBLISH_EVENT_SHAPE "aws.greengrass#SubscriptionResponseMessage"

#endif
