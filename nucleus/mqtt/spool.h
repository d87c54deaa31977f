/*
 * spool - messages of components to the cloud: accepted at once, delivered when there is a connection.
 *
 *   struct sedge_spool_options o;
 *   sedge_spool_options_default(&o);
 *   o.path = "<root>/state/spool.db";
 *   struct sedge_spool *s = sedge_spool_new(loop, mqtt, &o, &err);      // blocks shortly: opens the file
 *   if (sedge_spool_publish(s, component, &msg, &err) != 0) ... err.msg is the cause text of PublishToIoTCore ...
 *   sedge_spool_close(s, closed_cb, me);           // before the session is closed; writes what is only in memory
 *
 * QoS 1 with disk storage (class C): while connected a message goes from memory to the broker and is written only when
 * it is not acknowledged within a second; while offline it is written at once, with group commit (fsync), so that a
 * crash loses at most the last second. What the file holds survives kill -9, is delivered in order and deleted after
 * PUBACK. QoS 0, and everything with memory storage (class D): memory only; QoS 0 is dropped at disconnect unless
 * keep_qos0.
 *
 * Order: first in, first out; with max_inflight 1 strictly, otherwise as the broker acknowledges. Messages that the
 * broker refuses for good (not authorized, bad topic, too large) are dropped with an error in the log; others are tried
 * again up to max_retry times. A message after which the broker closed the connection twice within 5 s is dropped.
 * A full disk or a broken file leads to memory storage, and back when the disk works again.
 *
 * The session may be NULL (no cloud configured): publishing then fails with the text for that. Loop thread only.
 */
#ifndef SEDGE_MQTT_SPOOL_H
#define SEDGE_MQTT_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "session.h"

#define SEDGE_SPOOL_OVERHEAD     64     /* bytes counted for each message besides payload, topic and properties */
#define SEDGE_SPOOL_MESSAGES_MAX 100000 /* default of max_messages */
#define SEDGE_SPOOL_WINDOW       64     /* messages held ready in memory while the file has more */

enum sedge_spool_policy {
    SEDGE_SPOOL_REJECT_NEW,  /* full: QoS 0 makes room, then the caller gets an error (Greengrass) */
    SEDGE_SPOOL_DROP_OLDEST, /* full: the oldest of the same component goes */
    SEDGE_SPOOL_COALESCE     /* as reject, and a newer message replaces one that waits on the same topic */
};

struct sedge_spool_options {
    const char *path;          /* file; NULL: memory storage */
    int64_t max_bytes;         /* mqtt.spooler.maxSizeInBytes; 0: 16 MiB on disk, 2621440 in memory */
    int64_t max_messages;      /* 100000 */
    int64_t max_payload;       /* mqtt.maxMessageSizeInBytes 131072 */
    int64_t min_free_bytes;    /* 100 MB: below it nothing more is written */
    int64_t max_age_s;         /* 0: no limit */
    bool keep_qos0;            /* mqtt.spooler.keepQos0WhenOffline */
    int max_retry;             /* mqtt.maxPublishRetry 100; -1 for ever */
    int max_inflight;          /* mqtt.maxInFlightPublishes 5; capped at 100 */
    int replay_messages_per_s; /* 10: what was spooled before this connection; 0: no limit */
    int replay_bytes_per_s;    /* 65536; 0: no limit */
    enum sedge_spool_policy policy;
};
void sedge_spool_options_default(struct sedge_spool_options *o);
struct json_object;
/* Defaults overlaid with the `mqtt` object of the nucleus configuration (classic names and ours; unknown ones are left
 * alone). mqtt may be NULL. *disk: whether storageType asks for the file (default yes). INVALID for a bad value. */
int sedge_spool_options_read(struct json_object *mqtt, struct sedge_spool_options *o, bool *disk,
                             struct sedge_err *err);

struct sedge_spool;

/* The session must outlive the spool. A damaged file is set aside as <path>.bad and a new one begun: never fails for
 * the content of the file. */
struct sedge_spool *sedge_spool_new(uv_loop_t *loop, struct sedge_mqtt *mqtt, const struct sedge_spool_options *o,
                                    struct sedge_err *err);
/* 0: accepted. -1: err->msg is the cause text of ipc-operations 4.1 ("Message spool is full. ..."). Copies. */
int sedge_spool_publish(struct sedge_spool *s, const char *component, const struct sedge_mqtt_message *msg,
                        struct sedge_err *err);

/* Other bounds and rates for what comes; the path and so the storage stay. What is held beyond a smaller bound is sent.
 */
void sedge_spool_set_options(struct sedge_spool *s, const struct sedge_spool_options *o);

struct sedge_spool_stats {
    int64_t messages, bytes;              /* waiting or unacknowledged now */
    int64_t accepted, delivered, dropped; /* since start */
    bool on_disk;                         /* the file is in use */
};
void sedge_spool_stats(const struct sedge_spool *s, struct sedge_spool_stats *out);
void sedge_spool_close(struct sedge_spool *s, void (*closed)(void *user), void *user);

#endif
