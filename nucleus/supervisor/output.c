#include "output.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/logfile.h"
#include "base/mem.h"

struct splitter {
    struct sedge_buf partial;
    bool after_cr; /* a "\n" now belongs to the line that has ended */
};

struct sedge_output {
    char *name;
    struct sedge_logfile *file;
    enum sedge_level level;
    enum sedge_log_format format;
    bool console;
    struct json_object *contexts;
    struct splitter in[2]; /* stdout, stderr */
    struct sedge_buf batch;
    char *last[SEDGE_LAST_LINES];
    unsigned next_last;
    int64_t allowance; /* bytes that may be logged now */
    int64_t refilled_ms;
    int64_t dropped;
};

struct sedge_output *sedge_output_new(const char *name, const struct sedge_log_settings *settings, const char *dir)
{
    struct sedge_output *o = SEDGE_NEW(struct sedge_output);

    o->name = sedge_xstrdup(name);
    o->contexts = json_object_new_object();
    sedge_json_add_str(o->contexts, "serviceName", name);
    sedge_json_add_str(o->contexts, "currentState", "NEW");
    o->allowance = SEDGE_OUTPUT_BURST;
    sedge_output_configure(o, settings, dir);
    return o;
}

void sedge_output_free(struct sedge_output *o)
{
    if (!o) return;
    sedge_logfile_free(o->file);
    json_object_put(o->contexts);
    for (int i = 0; i < 2; i++)
        sedge_buf_release(&o->in[i].partial);
    for (int i = 0; i < SEDGE_LAST_LINES; i++)
        free(o->last[i]);
    sedge_buf_release(&o->batch);
    free(o->name);
    free(o);
}

void sedge_output_configure(struct sedge_output *o, const struct sedge_log_settings *settings, const char *dir)
{
    sedge_logfile_free(o->file);
    o->file = sedge_logfile_new(dir, o->name);
    sedge_logfile_limits(o->file, settings->file_size_kb, settings->total_size_kb);
    o->level = settings->level;
    o->format = settings->format;
    o->console = settings->console;
}

/* Rebuilt in the order in which the original prints them: scriptName, serviceName, currentState. */
static void set_contexts(struct sedge_output *o, const char *script, const char *state)
{
    struct json_object *c = json_object_new_object();

    sedge_json_add_str(c, "scriptName", script);
    sedge_json_add_str(c, "serviceName", o->name);
    sedge_json_add_str(c, "currentState", state);
    json_object_put(o->contexts);
    o->contexts = c;
}

void sedge_output_begin(struct sedge_output *o, const char *script_name)
{
    sedge_auto_free char *state = sedge_xstrdup(sedge_json_str(o->contexts, "currentState", "NEW"));

    set_contexts(o, script_name, state);
}

void sedge_output_state(struct sedge_output *o, const char *state)
{
    sedge_json_add_str(o->contexts, "currentState", state);
}

/* ---- writing, within the rate ---- */

static void refill(struct sedge_output *o, int64_t now_ms)
{
    int64_t gained = (now_ms - o->refilled_ms) * (int64_t)SEDGE_OUTPUT_BYTES_PER_SEC / 1000;

    if (gained <= 0) return;
    o->allowance += gained;
    if (o->allowance > (int64_t)SEDGE_OUTPUT_BURST) o->allowance = SEDGE_OUTPUT_BURST;
    o->refilled_ms = now_ms;
}

static void flush(struct sedge_output *o)
{
    if (o->batch.len == 0) return;
    if (o->console)
        (void)fwrite(o->batch.data, 1, o->batch.len, stdout);
    else
        sedge_logfile_write(o->file, o->batch.data, o->batch.len);
    if (o->console) (void)fflush(stdout);
    o->allowance -= (int64_t)o->batch.len;
    if (o->batch.cap > 4096)
        sedge_buf_release(&o->batch); /* quiet components keep no memory */
    else
        sedge_buf_clear(&o->batch);
}

static void format(struct sedge_output *o, enum sedge_level level, const char *event, const char *message,
                   struct json_object *contexts)
{
    if (level < o->level) return;
    sedge_log_format_line(&o->batch, o->format, level, "Copier", o->name, event, message, contexts);
}

static void tell_dropped(struct sedge_output *o)
{
    char text[160];

    if (o->dropped == 0 || o->allowance <= 0) return;
    (void)snprintf(text, sizeof(text), "%lld lines were dropped: the component writes more than %zu bytes in a second",
                   (long long)o->dropped, SEDGE_OUTPUT_BYTES_PER_SEC);
    o->dropped = 0;
    format(o, SEDGE_WARN, "output-dropped", text, o->contexts);
}

int64_t sedge_output_dropped(const struct sedge_output *o)
{
    return o->dropped;
}

/* ---- lines ---- */

static void remember(struct sedge_output *o, const char *text, size_t n)
{
    char **slot = &o->last[o->next_last++ % SEDGE_LAST_LINES];

    free(*slot);
    *slot = sedge_xstrndup(text, n < SEDGE_LAST_LINE_MAX ? n : SEDGE_LAST_LINE_MAX);
}

void sedge_output_last(const struct sedge_output *o, struct sedge_strv *out)
{
    for (unsigned i = 0; i < SEDGE_LAST_LINES; i++) {
        const char *line = o->last[(o->next_last + i) % SEDGE_LAST_LINES];
        if (line) sedge_strv_add(out, line);
    }
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

static void put_line(struct sedge_output *o, bool is_stderr, const char *text, size_t n)
{
    sedge_auto_buf struct sedge_buf clean = SEDGE_BUF_INIT;

    while (n > 0 && is_blank(text[0]))
        text++, n--;
    while (n > 0 && is_blank(text[n - 1]))
        n--;
    if (o->allowance - (int64_t)o->batch.len <= 0) {
        o->dropped++;
        return;
    }
    tell_dropped(o);
    if (n > 0 && memchr(text, '\0', n))
        sedge_str_escape(&clean, text, n);
    else
        sedge_buf_add(&clean, text, n);
    sedge_buf_puts(&clean, "");
    remember(o, clean.data, clean.len);
    format(o, is_stderr ? SEDGE_WARN : SEDGE_INFO, is_stderr ? "stderr" : "stdout", clean.data, o->contexts);
}

/* Ends the line that `partial` and these bytes make. */
static void end_line(struct sedge_output *o, bool is_stderr, const char *text, size_t n)
{
    struct splitter *s = &o->in[is_stderr];

    if (s->partial.len == 0) {
        put_line(o, is_stderr, text, n);
        return;
    }
    sedge_buf_add(&s->partial, text, n);
    put_line(o, is_stderr, s->partial.data, s->partial.len);
    sedge_buf_release(&s->partial);
}

static size_t line_length(const char *data, size_t n)
{
    const char *nl = memchr(data, '\n', n);
    size_t len = nl ? (size_t)(nl - data) : n;
    const char *cr = memchr(data, '\r', len);

    return cr ? (size_t)(cr - data) : len;
}

/* Cuts an endless line where a UTF-8 character begins. */
static size_t piece_length(const char *data, size_t n)
{
    size_t cut = n;

    while (cut > n - 4 && ((unsigned char)data[cut] & 0xC0u) == 0x80u)
        cut--;
    return cut > n - 4 ? cut : n;
}

static void keep(struct sedge_output *o, bool is_stderr, const char *data, size_t n)
{
    struct splitter *s = &o->in[is_stderr];

    sedge_buf_add(&s->partial, data, n);
    while (s->partial.len > SEDGE_LOG_LINE_MAX) {
        size_t len = piece_length(s->partial.data, SEDGE_LOG_LINE_MAX);
        put_line(o, is_stderr, s->partial.data, len);
        sedge_buf_drop_front(&s->partial, len);
    }
}

static void split(struct sedge_output *o, bool is_stderr, const char *data, size_t n)
{
    struct splitter *s = &o->in[is_stderr];

    while (n > 0) {
        size_t len;
        if (s->after_cr && *data == '\n') {
            s->after_cr = false;
            data++, n--;
            continue;
        }
        s->after_cr = false;
        len = line_length(data, n);
        if (len > SEDGE_LOG_LINE_MAX) { /* the rest of the chunk at a time: the order stays */
            len = SEDGE_LOG_LINE_MAX;
            keep(o, is_stderr, data, len);
            data += len, n -= len;
            continue;
        }
        if (len == n) {
            keep(o, is_stderr, data, n);
            return;
        }
        end_line(o, is_stderr, data, len);
        s->after_cr = data[len] == '\r';
        data += len + 1, n -= len + 1;
    }
}

void sedge_output_data(struct sedge_output *o, bool is_stderr, const char *data, size_t n, int64_t now_ms)
{
    refill(o, now_ms);
    if (n > 0)
        split(o, is_stderr, data, n);
    else if (o->in[is_stderr].partial.len > 0)
        end_line(o, is_stderr, "", 0);
    if (n == 0) tell_dropped(o);
    flush(o);
}

void sedge_output_note(struct sedge_output *o, enum sedge_level level, const char *event, const char *message,
                       const char *key, const char *value)
{
    sedge_auto_put struct json_object *c = NULL;

    if (level < o->level) return;
    if (key) {
        c = json_object_new_object();
        sedge_json_add_str(c, key, value);
        json_object_object_foreach (o->contexts, k, v)
            (void)json_object_object_add(c, k, json_object_get(v));
    }
    refill(o, sedge_mono_ms());
    tell_dropped(o);
    sedge_log_format_line(&o->batch, o->format, level, "pool-nucleus", o->name, event, message, c ? c : o->contexts);
    flush(o);
}
