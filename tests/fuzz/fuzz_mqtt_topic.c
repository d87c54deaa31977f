/* The rules of MQTT topics against those of libmosquitto: what we accept it accepts, and it matches what we match. A
 * filter that covers another one matches all that the other matches. First line: a filter; second: another; third: a
 * topic. */
#include <mosquitto.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "mqtt/topic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *cut_line(char **rest)
{
    char *line = *rest;
    char *end = strchr(line, '\n');

    *rest = end ? end + 1 : line + strlen(line);
    if (end) *end = 0;
    return line;
}

static void check_text(const char *s)
{
    size_t n = strlen(s);

    if (n == 0 || n > 65535) return;
    if (sedge_mqtt_text_valid(s) != (mosquitto_validate_utf8(s, (int)n) == MOSQ_ERR_SUCCESS)) abort();
    if (sedge_mqtt_topic_check(s, true, NULL) == 0 && mosquitto_pub_topic_check(s) != MOSQ_ERR_SUCCESS) abort();
    if (sedge_mqtt_filter_check(s, true, NULL) == 0 && mosquitto_sub_topic_check(s) != MOSQ_ERR_SUCCESS) abort();
}

static void check_match(const char *filter, const char *topic)
{
    bool theirs = false;

    if (sedge_str_starts(filter, "$share/") || sedge_mqtt_filter_check(filter, true, NULL) != 0) return;
    if (mosquitto_topic_matches_sub(filter, topic, &theirs) != MOSQ_ERR_SUCCESS) return;
    if (sedge_mqtt_filter_matches(filter, topic) != theirs) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sedge_auto_free char *text = sedge_xstrndup((const char *)data, size);
    char *rest = text;
    const char *wide = cut_line(&rest);
    const char *narrow = cut_line(&rest);
    const char *topic = cut_line(&rest);
    bool good;

    check_text(wide);
    check_text(narrow);
    check_text(topic);
    good = sedge_mqtt_topic_check(topic, true, NULL) == 0;
    if (!good) return 0;
    check_match(wide, topic);
    check_match(narrow, topic);
    if (sedge_mqtt_filter_check(wide, true, NULL) == 0 && sedge_mqtt_filter_check(narrow, true, NULL) == 0 &&
        sedge_mqtt_filter_covers(wide, narrow) && sedge_mqtt_filter_matches(narrow, topic) &&
        !sedge_mqtt_filter_matches(wide, topic))
        abort();
    return 0;
}
