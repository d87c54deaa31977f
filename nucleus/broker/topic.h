/*
 * topic - matching of local topics (spec: ipc-operations 3.3) and of MQTT topics, and the checks of IoT Core topics.
 *
 * Pure: texts in, verdict out, no allocation. Any thread.
 *
 * The two worlds differ: a local filter "a/#" does not match "a", drops trailing empty levels and takes "#" in the
 * middle for "+"; MQTT (3.1.1, 4.7) matches "a" by "a/#", keeps every level, and hides topics that begin with "$" from
 * filters that begin with a wildcard.
 */
#ifndef SEDGE_BROKER_TOPIC_H
#define SEDGE_BROKER_TOPIC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define SEDGE_MQTT_TOPIC_MAX    256u /* characters of an IoT Core topic, not counting $aws/rules/<rule>/ */
#define SEDGE_MQTT_RESERVED_MAX 512u /* the same for other topics that begin with $ */
#define SEDGE_MQTT_SLASHES_MAX  7u

/* Local pub/sub. */
bool sedge_topic_matches(const char *filter, const char *topic);
/* Whether the filter has a wildcard in the sense that decides the default receive mode: a level "+", or "#" as the
 * last. */
bool sedge_topic_filter_has_wildcard(const char *filter);
/* A topic made only of slashes (or empty) has no level and cannot be published to. */
bool sedge_topic_has_level(const char *topic);
/* Whether "+", "#" or "*" occurs anywhere: such a topic is refused for publishing. */
bool sedge_topic_has_wildcard_char(const char *topic);

/* MQTT rules. `filter` may begin with $share/<group>/. */
bool sedge_mqtt_topic_matches(const char *filter, const char *topic);
/* Whether every topic that `narrow` matches is matched by `wide` too. */
bool sedge_mqtt_filter_covers(const char *wide, const char *narrow);
/* MQTT syntax of a filter: not empty, "#" only as the last level, wildcards only as whole levels. INVALID otherwise. */
int sedge_mqtt_filter_check(const char *filter, struct sedge_err *err);

/* The limits of PublishToIoTCore and SubscribeToIoTCore (spec 4.1, 4.2). err->msg is the cause text of the spec, to be
 * put behind "Publish to topic <topic> failed: ". */
int sedge_iotcore_topic_check(const char *topic, struct sedge_err *err);
int sedge_iotcore_filter_check(const char *filter, struct sedge_err *err);

#endif
