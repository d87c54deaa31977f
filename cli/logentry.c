#include "logentry.h"

#include "base/log.h"
#include "base/mem.h"
#include "logtime.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

void sedge_logentry_release(struct sedge_logentry *e)
{
    free(e->raw);
    json_object_put(e->fields);
    *e = (struct sedge_logentry){.raw = NULL};
}

static void add_part(struct json_object *o, const char *key, const char *from, size_t n)
{
    (void)json_object_object_add(o, key, json_object_new_string_len(from, (int)n));
}

/* ---- {key=value, key=value} ---- */

/* Length of "key=" at p, 0 if there is none: commas and blanks may also be part of a value. */
static size_t key_length(const char *p, const char *end)
{
    const char *q = p;

    while (q < end && (isalnum((unsigned char)*q) || strchr("_.-", *q)))
        q++;
    return q > p && q < end && *q == '=' ? (size_t)(q - p) + 1 : 0;
}

/* Where the value at p ends: before ", key=" or at the end. */
static const char *value_end(const char *p, const char *end)
{
    for (; p < end; p++)
        if (*p == ',' && p + 1 < end && p[1] == ' ' && key_length(p + 2, end) > 0) return p;
    return end;
}

static struct json_object *parse_contexts(const char *p, const char *end)
{
    struct json_object *o = json_object_new_object();

    while (p < end) {
        size_t n = key_length(p, end);
        const char *stop = value_end(p + n, end);
        sedge_auto_free char *key = n ? sedge_xstrndup(p, n - 1) : NULL;

        if (key) add_part(o, key, p + n, (size_t)(stop - p) - n);
        p = stop < end ? stop + 2 : end;
    }
    return o;
}

/* ---- the text form ---- */

/* "<event>. <message>. {<contexts>}", of which all but the last may be absent. */
static void parse_body(struct json_object *fields, const char *body)
{
    size_t len = strlen(body);
    const char *end = body + len;
    const char *brace = NULL;
    const char *dot;

    if (len && body[len - 1] == '}') {
        for (const char *p = body; (p = strstr(p, ". {")); p++)
            brace = p;
        if (body[0] == '{' && !brace) brace = body;
    }
    (void)json_object_object_add(fields, "contexts",
                                 brace ? parse_contexts(brace + (*brace == '{' ? 1 : 3), end - 1)
                                       : json_object_new_object());
    if (brace) end = brace;
    dot = memmem(body, (size_t)(end - body), ". ", 2);
    if (!dot) dot = end;
    if (dot > body && !memchr(body, ' ', (size_t)(dot - body))) { /* names of events have no blanks */
        add_part(fields, "eventType", body, (size_t)(dot - body));
        body = dot < end ? dot + 2 : end;
    }
    if (body < end) add_part(fields, "message", body, (size_t)(end - body));
}

/* "[LEVEL] (thread) logger: body"; NULL if it is something else. */
static struct json_object *parse_text(const char *p)
{
    const char *level_end = *p == '[' ? strchr(p, ']') : NULL;
    const char *thread_end = level_end && sedge_str_starts(level_end, "] (") ? strstr(level_end, ") ") : NULL;
    const char *logger = thread_end ? thread_end + 2 : NULL;
    const char *logger_end = logger ? strstr(logger, ": ") : NULL;
    struct json_object *fields;

    if (!logger_end) return NULL;
    fields = json_object_new_object();
    add_part(fields, "thread", level_end + 3, (size_t)(thread_end - level_end) - 3);
    add_part(fields, "level", p + 1, (size_t)(level_end - p) - 1);
    add_part(fields, "loggerName", logger, (size_t)(logger_end - logger));
    parse_body(fields, logger_end + 2);
    return fields;
}

static bool as_text(const char *line, struct sedge_logentry *out)
{
    size_t n = sedge_logtime_stamp(line, &out->time_ms);

    if (!n || line[n] != ' ') return false;
    out->fields = parse_text(line + n + 1);
    if (!out->fields) return false;
    sedge_json_add_i64(out->fields, "timestamp", out->time_ms);
    out->form = SEDGE_LOGFORM_TEXT;
    return true;
}

static bool as_json(const char *line, struct sedge_logentry *out)
{
    struct json_object *o = *line == '{' ? sedge_json_parse_object(line, strlen(line), "log line", NULL) : NULL;
    double ms = sedge_json_double(o, "timestamp", NAN);

    if (!isfinite(ms) || fabs(ms) > 253402300799999.0) { /* up to the year 9999 */
        json_object_put(o);
        return false;
    }
    out->form = SEDGE_LOGFORM_JSON;
    out->time_ms = (int64_t)ms;
    out->fields = o;
    return true;
}

void sedge_logentry_parse(const char *line, const struct sedge_logentry *before, int64_t now_ms,
                          struct sedge_logentry *out)
{
    *out = (struct sedge_logentry){.raw = sedge_xstrdup(line)};
    if (as_json(line, out) || as_text(line, out)) return;
    out->form = SEDGE_LOGFORM_PLAIN;
    out->time_ms = before ? before->time_ms : now_ms;
    if (before && sedge_json_has(before->fields, "level")) {
        out->fields = json_object_get(before->fields);
        return;
    }
    out->fields = json_object_new_object();
    sedge_json_add_i64(out->fields, "timestamp", out->time_ms);
    sedge_json_add_str(out->fields, "message", line);
}

/* ---- the system log ---- */

/* The words between the time and the colon: [host] logger [(class)]. */
static void parse_origin(struct json_object *fields, const char *p, const char *end)
{
    const char *words[3];
    size_t lengths[3], n = 0;

    while (p < end && n < SEDGE_ARRAY_LEN(words)) {
        size_t len = strcspn(p, " ");
        if (p + len > end) len = (size_t)(end - p);
        words[n] = p;
        lengths[n++] = len;
        p += len;
        p += strspn(p, " ");
    }
    if (n > 1 && words[n - 1][0] == '(' && words[n - 1][lengths[n - 1] - 1] == ')') {
        add_part(fields, "class", words[n - 1] + 1, lengths[n - 1] - 2);
        n--;
    }
    if (n > 1) add_part(fields, "host", words[0], lengths[0]);
    if (n > 0) add_part(fields, "logger", words[n > 1], lengths[n > 1]);
}

int sedge_logentry_parse_syslog(const char *line, int64_t now_ms, struct sedge_logentry *out, struct sedge_err *err)
{
    const char *p = line;
    const char *close = *p == '<' ? strchr(p, '>') : NULL;
    const char *colon;
    size_t n;

    *out = (struct sedge_logentry){.form = SEDGE_LOGFORM_SYSLOG};
    if (close) p = close + 1;
    n = sedge_logtime_syslog(p, now_ms, &out->time_ms);
    if (!n) n = sedge_logtime_stamp(p, &out->time_ms); /* what newer system loggers write */
    if (!n || p[n] != ' ') return sedge_err_set(err, SEDGE_E_INVALID, "Unable to parse syslog message: %s", line);
    out->raw = sedge_xstrdup(line);
    out->fields = json_object_new_object();
    sedge_json_add_i64(out->fields, "timestamp", out->time_ms);
    if (close) add_part(out->fields, "priority", line + 1, (size_t)(close - line) - 1);
    p += n;
    p += strspn(p, " ");
    colon = strstr(p, ": ");
    if (!colon && sedge_str_ends(p, ":")) colon = p + strlen(p) - 1;
    if (colon) parse_origin(out->fields, p, colon);
    if (colon) p = colon + 1;
    sedge_json_add_str(out->fields, "message", p + strspn(p, " "));
    return 0;
}

static const char *text_of(struct json_object *v)
{
    return v ? json_object_get_string(v) : NULL;
}

const char *sedge_logentry_get(const struct sedge_logentry *e, const char *key)
{
    const char *v = text_of(sedge_json_get(e->fields, key));

    return v ? v : text_of(sedge_json_get(sedge_json_obj(e->fields, "contexts"), key));
}
