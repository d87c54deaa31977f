#include "topic.h"

#include <stdint.h>
#include <string.h>

#include "base/str.h"

#define SHARE "$share/"

/* Bytes of a prefix `head` + one level + '/', 0 when it is not there. */
static size_t prefix_len(const char *topic, const char *head)
{
    const char *slash;

    if (!sedge_str_starts(topic, head)) return 0;
    slash = strchr(topic + strlen(head), '/');
    return slash && slash != topic + strlen(head) ? (size_t)(slash + 1 - topic) : 0;
}

static size_t count_slashes(const char *s)
{
    size_t n = 0;

    for (; *s; s++)
        n += *s == '/';
    return n;
}

static size_t count_characters(const char *s)
{
    size_t n = 0;

    for (; *s; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

/* The character at *p of valid UTF-8; *p is behind it then. */
static uint32_t next_character(const char **p)
{
    unsigned char c = (unsigned char)*(*p)++;
    uint32_t v = c < 0x80 ? c : c < 0xE0 ? c & 0x1Fu : c < 0xF0 ? c & 0x0Fu : c & 0x07u;

    while (((unsigned char)**p & 0xC0) == 0x80)
        v = v << 6 | ((unsigned char)*(*p)++ & 0x3Fu);
    return v;
}

bool sedge_mqtt_text_valid(const char *s)
{
    if (!sedge_utf8_valid(s, strlen(s))) return false;
    while (*s) {
        uint32_t c = next_character(&s);

        if (c < 0x20 || (c >= 0x7F && c <= 0x9F)) return false;
        if ((c >= 0xFDD0 && c <= 0xFDEF) || (c & 0xFFFE) == 0xFFFE) return false;
    }
    return true;
}

static int check_text(const char *topic, struct sedge_err *err)
{
    if (!topic[0]) return sedge_err_set(err, SEDGE_E_INVALID, "Topic must not be empty");
    if (sedge_mqtt_text_valid(topic)) return 0;
    return sedge_err_set(err, SEDGE_E_INVALID, "Topic has a character that MQTT does not allow");
}

static int check_size(const char *counted, struct sedge_err *err)
{
    size_t n = count_characters(counted);

    if (count_slashes(counted) > SEDGE_MQTT_TOPIC_SLASHES)
        return sedge_err_set(err, SEDGE_E_INVALID, "The request topic must have no more than %d forward slashes (/)",
                             SEDGE_MQTT_TOPIC_SLASHES);
    if (n > SEDGE_MQTT_TOPIC_MAX)
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "The topic size of request must be no larger than %d bytes (this one has %zu characters)",
                             SEDGE_MQTT_TOPIC_MAX, n);
    return 0;
}

int sedge_mqtt_topic_check(const char *topic, bool v5, struct sedge_err *err)
{
    size_t prefix;

    if (strpbrk(topic, "+#"))
        return sedge_err_set(err, SEDGE_E_INVALID, "Publish topics must not contain wildcard characters of '#' or '+'");
    if (check_text(topic, err) != 0) return -1;
    prefix = prefix_len(topic, "$aws/rules/");
    if (!prefix && topic[0] == '$' && v5) {
        if (count_slashes(topic) > SEDGE_MQTT_TOPIC_LEVELS_SLASHES)
            return sedge_err_set(err, SEDGE_E_INVALID,
                                 "The request topic must have no more than %d forward slashes (/)",
                                 SEDGE_MQTT_TOPIC_LEVELS_SLASHES);
        if (count_characters(topic) <= SEDGE_MQTT_TOPIC_RESERVED_MAX) return 0;
        return sedge_err_set(err, SEDGE_E_INVALID, "Reserved topic total length is greater than %d bytes",
                             SEDGE_MQTT_TOPIC_RESERVED_MAX);
    }
    return check_size(topic + prefix, err);
}

static int check_wildcards(const char *filter, struct sedge_err *err)
{
    for (const char *p = filter; *p; p++) {
        bool start = p == filter || p[-1] == '/';
        if (*p == '#' && (!start || p[1]))
            return sedge_err_set(err, SEDGE_E_INVALID, "'#' must be the last level of the filter \"%s\"", filter);
        if (*p == '+' && (!start || (p[1] && p[1] != '/')))
            return sedge_err_set(err, SEDGE_E_INVALID, "'+' must be a whole level of the filter \"%s\"", filter);
    }
    return 0;
}

/* $share/GROUP/FILTER; prefix_len is 0 without a group. */
static int check_share(const char *filter, size_t prefix_len, struct sedge_err *err)
{
    size_t group = prefix_len ? strcspn(filter, "+#") : 0;

    if (group >= prefix_len && prefix_len && filter[prefix_len]) return 0;
    return sedge_err_set(err, SEDGE_E_INVALID, "\"%s\" must be $share/GROUP/FILTER, the group without wildcards",
                         filter);
}

int sedge_mqtt_filter_check(const char *filter, bool v5, struct sedge_err *err)
{
    size_t prefix = v5 ? prefix_len(filter, SHARE) : 0;

    if (check_text(filter, err) != 0) return -1;
    if (v5 && sedge_str_starts(filter, SHARE) && check_share(filter, prefix, err) != 0) return -1;
    if (check_wildcards(filter + prefix, err) != 0) return -1;
    return check_size(filter + prefix, err);
}

/* One level of each: the end of the level, and whether it is a wildcard. */
static const char *level_end(const char *s)
{
    return s + strcspn(s, "/");
}

static bool level_is(const char *s, char wildcard)
{
    return s[0] == wildcard && (s[1] == '/' || !s[1]);
}

/* `narrow` may be a topic (no wildcards) or a filter. */
static bool covers(const char *wide, const char *narrow)
{
    if (narrow[0] == '$' && (wide[0] == '+' || wide[0] == '#')) return false;
    for (;;) {
        const char *we = level_end(wide);
        const char *ne = level_end(narrow);

        if (level_is(wide, '#')) return true;
        if (level_is(narrow, '#')) return false;
        if (!level_is(wide, '+') && (we - wide != ne - narrow || memcmp(wide, narrow, (size_t)(we - wide)) != 0))
            return false;
        if (!*we && !*ne) return true;
        if (!*ne) return strcmp(we, "/#") == 0; /* "a/#" includes "a" */
        if (!*we) return false;
        wide = we + 1;
        narrow = ne + 1;
    }
}

bool sedge_mqtt_filter_matches(const char *filter, const char *topic)
{
    return covers(filter + prefix_len(filter, SHARE), topic);
}

bool sedge_mqtt_filter_covers(const char *wide, const char *narrow)
{
    if (strcmp(wide, narrow) == 0) return true;
    if (sedge_str_starts(wide, SHARE) || sedge_str_starts(narrow, SHARE)) return false;
    return covers(wide, narrow);
}
