#include "logprint.h"

#include "base/clock.h"
#include "base/mem.h"
#include "logtime.h"

#include <string.h>

static const char highlight_on[] = "\033[31m\033[1m";
static const char highlight_off[] = "\033[0m\033[0m";

/* Text from outside without what moves the cursor or sets colours; lines and tabs stay. */
static void put_clean(struct sedge_buf *out, const char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
            sedge_buf_printf(out, "\\x%02X", (unsigned)c);
        else
            sedge_buf_putc(out, (char)c);
    }
}

/* The last two parts: com.example.x.Tick -> x.Tick */
static const char *short_logger(const char *name)
{
    const char *dot = strrchr(name, '.');

    if (!dot) return name;
    while (dot > name && dot[-1] != '.')
        dot--;
    return dot;
}

static void put_contexts(struct sedge_buf *out, struct json_object *contexts)
{
    const char *comma = "";

    sedge_buf_putc(out, '{');
    json_object_object_foreach (contexts, key, value) {
        sedge_buf_puts(out, comma);
        put_clean(out, key);
        sedge_buf_putc(out, '=');
        put_clean(out, value ? json_object_get_string(value) : "null");
        comma = ", ";
    }
    sedge_buf_putc(out, '}');
}

/* "<event>. <message>. <contexts>" without the empty ones. */
static void put_body(struct sedge_buf *out, struct json_object *fields, bool empty_contexts)
{
    static const char *const keys[] = {"eventType", "message"};
    struct json_object *contexts = sedge_json_obj(fields, "contexts");
    const char *dot = "";

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(keys); i++) {
        const char *text = sedge_json_str(fields, keys[i], "");
        if (!*text) continue;
        sedge_buf_puts(out, dot);
        put_clean(out, text);
        dot = ". ";
    }
    if (!empty_contexts && (!contexts || json_object_object_length(contexts) == 0)) return;
    sedge_buf_puts(out, dot);
    if (contexts)
        put_contexts(out, contexts);
    else
        sedge_buf_puts(out, "{}");
}

static void put_short(struct sedge_buf *out, const struct sedge_logentry *e)
{
    const char *level = sedge_json_str(e->fields, "level", "");
    const char *logger = sedge_json_str(e->fields, "loggerName", "");
    char time[64];

    sedge_logtime_local(e->time_ms, time, sizeof time);
    sedge_buf_puts(out, time);
    if (*level) {
        sedge_buf_puts(out, " [");
        put_clean(out, level);
        sedge_buf_putc(out, ']');
    }
    sedge_buf_putc(out, ' ');
    if (*logger) {
        put_clean(out, short_logger(logger));
        sedge_buf_puts(out, ": ");
    }
    put_body(out, e->fields, false);
}

static void put_long(struct sedge_buf *out, const struct sedge_logentry *e)
{
    char time[SEDGE_TIME_LEN];

    sedge_time_iso(e->time_ms, time);
    sedge_buf_printf(out, "%s [", time);
    put_clean(out, sedge_json_str(e->fields, "level", ""));
    sedge_buf_puts(out, "] (");
    put_clean(out, sedge_json_str(e->fields, "thread", ""));
    sedge_buf_puts(out, ") ");
    put_clean(out, sedge_json_str(e->fields, "loggerName", ""));
    sedge_buf_puts(out, ": ");
    put_body(out, e->fields, true);
}

static const char *cause_message(struct json_object *cause)
{
    return sedge_json_str(cause, "message", sedge_json_is_str(cause) ? json_object_get_string(cause) : "");
}

static void put_frame(struct sedge_buf *out, struct json_object *frame)
{
    int64_t line = sedge_json_i64(frame, "lineNumber", -1);

    sedge_buf_puts(out, "\n\tat ");
    if (sedge_json_is_str(frame)) {
        put_clean(out, json_object_get_string(frame));
        return;
    }
    put_clean(out, sedge_json_str(frame, "className", ""));
    sedge_buf_putc(out, '.');
    put_clean(out, sedge_json_str(frame, "methodName", ""));
    sedge_buf_putc(out, '(');
    put_clean(out, sedge_json_str(frame, "fileName", "Unknown Source"));
    if (line >= 0) sedge_buf_printf(out, ":%lld", (long long)line);
    sedge_buf_putc(out, ')');
}

/* Message and stack of the cause, its own cause, and so on; how deep is bounded by the JSON parser. */
static void put_stack(struct sedge_buf *out, struct json_object *cause)
{
    for (const char *label = "\n"; cause; label = "\nCaused by: ", cause = sedge_json_get(cause, "cause")) {
        struct json_object *frames = sedge_json_arr(cause, "stackTrace");
        sedge_buf_puts(out, label);
        put_clean(out, cause_message(cause));
        for (size_t i = 0; frames && i < json_object_array_length(frames); i++)
            put_frame(out, json_object_array_get_idx(frames, i));
    }
}

/* The longest keyword at p; 0 for none. One pass, so that what was put in is not searched again. */
static size_t keyword_at(const char *p, const struct sedge_strv *keywords)
{
    size_t best = 0;

    for (size_t i = 0; i < keywords->n; i++) {
        size_t n = strlen(keywords->v[i]);
        if (n > best && strncmp(p, keywords->v[i], n) == 0) best = n;
    }
    return best;
}

static void put_highlighted(struct sedge_buf *out, const char *p, const struct sedge_strv *keywords)
{
    while (*p) {
        size_t n = keyword_at(p, keywords);
        if (n) sedge_buf_puts(out, highlight_on);
        sedge_buf_add(out, p, n ? n : 1);
        if (n) sedge_buf_puts(out, highlight_off);
        p += n ? n : 1;
    }
}

static void put_json(struct sedge_buf *out, const struct sedge_logentry *e)
{
    sedge_auto_put struct json_object *line = NULL;

    if (e->form == SEDGE_LOGFORM_JSON) {
        sedge_buf_puts(out, e->raw);
    } else if (e->form != SEDGE_LOGFORM_PLAIN) {
        sedge_buf_puts(out, sedge_json_text(e->fields));
    } else {
        line = json_object_new_object();
        sedge_json_add_i64(line, "timestamp", e->time_ms);
        sedge_json_add_str(line, "message", e->raw);
        sedge_buf_puts(out, sedge_json_text(line));
    }
}

void sedge_logprint(struct sedge_buf *out, const struct sedge_logentry *e, const struct sedge_strv *keywords,
                    const struct sedge_logstyle *style)
{
    sedge_auto_buf struct sedge_buf line = SEDGE_BUF_INIT;
    struct json_object *cause = e->form == SEDGE_LOGFORM_JSON ? sedge_json_get(e->fields, "cause") : NULL;

    if (style->json) {
        put_json(out, e);
        sedge_buf_putc(out, '\n');
        return;
    }
    if (e->form != SEDGE_LOGFORM_JSON)
        put_clean(&line, e->raw);
    else if (style->verbose)
        put_long(&line, e);
    else
        put_short(&line, e);
    if (cause && style->verbose) put_stack(&line, cause);
    if (!line.data) sedge_buf_puts(&line, "");
    if (style->colour)
        put_highlighted(out, line.data, keywords);
    else
        sedge_buf_add(out, line.data, line.len);
    if (cause && !style->verbose) {
        sedge_buf_printf(out, "\n%sEXCEPTION: ", style->colour ? highlight_on : "");
        put_clean(out, cause_message(cause));
        if (style->colour) sedge_buf_puts(out, highlight_off);
    }
    sedge_buf_putc(out, '\n');
}
