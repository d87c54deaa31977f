/*
 * topic - the rules of topics and filters as a cloud broker sees them. Pure.
 *
 * Limits (spec: AWS IoT Core): 7 slashes and 256 characters, not counting a prefix $aws/rules/<rule>/ (publish) or
 * $share/<group>/ (subscribe, MQTT 5); other topics that begin with $ have 512 characters and 200 slashes with MQTT 5.
 */
#ifndef SEDGE_MQTT_TOPIC_H
#define SEDGE_MQTT_TOPIC_H

#include <stdbool.h>

#include "base/err.h"

#define SEDGE_MQTT_TOPIC_SLASHES        7
#define SEDGE_MQTT_TOPIC_MAX            256
#define SEDGE_MQTT_TOPIC_RESERVED_MAX   512
#define SEDGE_MQTT_TOPIC_LEVELS_SLASHES 200 /* of any topic: mosquitto closes the connection at more */

/* Whether MQTT carries the text: UTF-8 without control characters and what Unicode gives no meaning. Brokers close the
 * connection for others. */
bool sedge_mqtt_text_valid(const char *s);
/* 0, or -1 INVALID with the text that Greengrass gives. */
int sedge_mqtt_topic_check(const char *topic, bool v5, struct sedge_err *err);
int sedge_mqtt_filter_check(const char *filter, bool v5, struct sedge_err *err);
/* Whether a message on `topic` matches `filter`: "#" includes the parent, wildcards at the first level do not match
 * names that begin with $. */
bool sedge_mqtt_filter_matches(const char *filter, const char *topic);
/* Whether every topic that matches `narrow` also matches `wide`; true for equal filters. Never true for $share. */
bool sedge_mqtt_filter_covers(const char *wide, const char *narrow);

#endif
