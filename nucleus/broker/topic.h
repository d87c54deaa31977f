/*
 * topic - matching of local topics (spec: ipc-operations 3.3).
 *
 * Pure: texts in, verdict out, no allocation. Any thread.
 *
 * Not the rules of MQTT (mqtt/topic.h): a local filter "a/#" does not match "a", trailing empty levels are dropped, and
 * "#" in the middle is taken for "+".
 */
#ifndef SEDGE_BROKER_TOPIC_H
#define SEDGE_BROKER_TOPIC_H

#include <stdbool.h>
#include <stddef.h>

bool sedge_topic_matches(const char *filter, const char *topic);
/* Whether the filter has a wildcard in the sense that decides the default receive mode: a level "+", or "#" as the
 * last. */
bool sedge_topic_filter_has_wildcard(const char *filter);
/* A topic made only of slashes (or empty) has no level and cannot be published to. */
bool sedge_topic_has_level(const char *topic);
/* Whether "+", "#" or "*" occurs anywhere: such a topic is refused for publishing. */
bool sedge_topic_has_wildcard_char(const char *topic);

#endif
