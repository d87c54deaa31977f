#include "output.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/logfile.h"
#include "base/mem.h"
#include "lastlines.h"

struct splitter {
    struct sedge_buf partial;
    bool after_cr; /* a "\n" now belongs to the line that has ended */
};

struct sedge_output_source {
    struct sedge_output *o;
    char *script_name;
    unsigned script;
    struct splitter in[2]; /* stdout, stderr */
};

struct sedge_output {
    char *name;
    struct sedge_logfile *file;
    enum sedge_level level;
    enum sedge_log_format format;
    bool console;
    char *state;
    char *script_name;            /* of the script begun last; NULL: none yet */
    unsigned script;              /* its number, from 1 */
    struct json_object *contexts; /* of lines of script `contexts_of`; NULL: to be made */
    unsigned contexts_of;
    struct sedge_buf batch;
    struct sedge_lastlines last;
    int64_t allowance; /* bytes that may be logged now */
    int64_t refilled_ms;
    bool dropping;
    int64_t dropped, dropped_bytes;
};

struct sedge_output *sedge_output_new(const char *name, const struct sedge_log_settings *settings, const char *dir)
{
    struct sedge_output *o = SEDGE_NEW(struct sedge_output);

    o->name = sedge_xstrdup(name);
    o->state = sedge_xstrdup("NEW");
    o->allowance = SEDGE_OUTPUT_BURST;
    sedge_output_configure(o, settings, dir);
    return o;
}

void sedge_output_free(struct sedge_output *o)
{
    if (!o) return;
    sedge_logfile_free(o->file);
    json_object_put(o->contexts);
    sedge_lastlines_release(&o->last);
    sedge_buf_release(&o->batch);
    free(o->script_name);
    free(o->state);
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

/* ---- contexts ---- */

static void forget_contexts(struct sedge_output *o)
{
    json_object_put(o->contexts);
    o->contexts = NULL;
}

/* In the order in which the original prints them. Made once for all lines of a script in a state. */
static struct json_object *contexts(struct sedge_output *o, const char *script_name, unsigned script)
{
    if (o->contexts && o->contexts_of == script) return o->contexts;
    forget_contexts(o);
    o->contexts = json_object_new_object();
    o->contexts_of = script;
    sedge_json_add_str(o->contexts, "scriptName", script_name);
    sedge_json_add_str(o->contexts, "serviceName", o->name);
    sedge_json_add_str(o->contexts, "currentState", o->state);
    return o->contexts;
}

struct sedge_output_source *sedge_output_begin(struct sedge_output *o, const char *script_name)
{
    struct sedge_output_source *src = SEDGE_NEW(struct sedge_output_source);

    free(o->script_name);
    o->script_name = sedge_xstrdup(script_name);
    o->script++;
    *src = (struct sedge_output_source){.o = o, .script_name = sedge_xstrdup(script_name), .script = o->script};
    return src;
}

void sedge_output_state(struct sedge_output *o, const char *state)
{
    free(o->state);
    o->state = sedge_xstrdup(state);
    forget_contexts(o);
}

/* ---- writing, within the rate ---- */

static void refill(struct sedge_output *o, int64_t now_ms)
{
    int64_t gained = (now_ms - o->refilled_ms) * (int64_t)SEDGE_OUTPUT_BYTES_PER_SEC / 1000;

    if (gained > 0) {
        o->allowance += gained;
        if (o->allowance > (int64_t)SEDGE_OUTPUT_BURST) o->allowance = SEDGE_OUTPUT_BURST;
        o->refilled_ms = now_ms;
    }
    if (o->allowance >= (int64_t)SEDGE_OUTPUT_BYTES_PER_SEC) o->dropping = false;
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
    sedge_buf_release(&o->batch); /* quiet components keep no memory */
}

static void format(struct sedge_output *o, enum sedge_level level, const char *thread, const char *event,
                   const char *message, struct json_object *with)
{
    if (level >= o->level) sedge_log_format_line(&o->batch, o->format, level, thread, o->name, event, message, with);
    if (o->batch.len >= SEDGE_OUTPUT_BATCH_MAX) flush(o);
}

static void tell_dropped(struct sedge_output *o)
{
    char text[200];

    if (o->dropped == 0) return;
    (void)snprintf(text, sizeof(text),
                   "%lld lines (%lld bytes) were dropped: the component writes more than %zu bytes of log in a second",
                   (long long)o->dropped, (long long)o->dropped_bytes, SEDGE_OUTPUT_BYTES_PER_SEC);
    o->dropped = 0;
    o->dropped_bytes = 0;
    format(o, SEDGE_WARN, "Copier", "output-dropped", text, contexts(o, o->script_name, o->script));
}

int64_t sedge_output_dropped(const struct sedge_output *o)
{
    return o->dropped;
}

void sedge_output_note(struct sedge_output *o, enum sedge_level level, const char *event, const char *message,
                       struct json_object *extra)
{
    struct json_object *usual = contexts(o, o->script_name, o->script);
    sedge_auto_put struct json_object *all = NULL;

    if (level < o->level) return;
    if (extra) {
        all = json_object_new_object();
        json_object_object_foreach (extra, key, value)
            (void)json_object_object_add(all, key, json_object_get(value));
        json_object_object_foreach (usual, k, v)
            (void)json_object_object_add(all, k, json_object_get(v));
    }
    tell_dropped(o);
    format(o, level, "pool-nucleus", event, message, all ? all : contexts(o, o->script_name, o->script));
    flush(o);
}

void sedge_output_last(const struct sedge_output *o, bool newest_script, struct sedge_strv *out)
{
    sedge_lastlines_get(&o->last, newest_script ? o->script : 0, out);
}

/* ---- lines ---- */

static enum sedge_level level_of(bool is_stderr)
{
    return is_stderr ? SEDGE_WARN : SEDGE_INFO;
}

static void drop(struct sedge_output *o, size_t lines, size_t bytes)
{
    o->dropped += (int64_t)lines;
    o->dropped_bytes += (int64_t)bytes;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

static void log_line(struct sedge_output_source *src, bool is_stderr, const char *text, size_t n)
{
    struct sedge_output *o = src->o;
    sedge_auto_buf struct sedge_buf clean = SEDGE_BUF_INIT;

    tell_dropped(o);
    if (n > 0 && memchr(text, '\0', n))
        sedge_str_escape(&clean, text, n);
    else
        sedge_buf_add(&clean, text, n);
    sedge_buf_puts(&clean, "");
    format(o, level_of(is_stderr), "Copier", is_stderr ? "stderr" : "stdout", clean.data,
           contexts(o, src->script_name, src->script));
}

static void put_line(struct sedge_output_source *src, bool is_stderr, const char *text, size_t n)
{
    struct sedge_output *o = src->o;
    size_t whole = n;

    while (n > 0 && is_blank(text[0]))
        text++, n--;
    while (n > 0 && is_blank(text[n - 1]))
        n--;
    sedge_lastlines_add(&o->last, src->script, text, n);
    if (level_of(is_stderr) < o->level) return;
    if (o->allowance <= (int64_t)o->batch.len) o->dropping = true;
    if (o->dropping)
        drop(o, 1, whole + 1);
    else
        log_line(src, is_stderr, text, n);
}

/* Ends the line that `partial` and these bytes make. */
static void end_line(struct sedge_output_source *src, bool is_stderr, const char *text, size_t n)
{
    struct splitter *s = &src->in[is_stderr];

    if (s->partial.len == 0) {
        put_line(src, is_stderr, text, n);
        return;
    }
    sedge_buf_add(&s->partial, text, n);
    put_line(src, is_stderr, s->partial.data, s->partial.len);
    sedge_buf_release(&s->partial);
}

/* A window at a time, so that many lines that end in one of the two are not each searched to the end for the other. */
static size_t line_length(const char *data, size_t n)
{
    const size_t window = 256;

    for (size_t at = 0; at < n; at += window) {
        size_t len = n - at < window ? n - at : window;
        const char *nl = memchr(data + at, '\n', len);
        const char *cr = memchr(data + at, '\r', nl ? (size_t)(nl - data) - at : len);
        if (cr || nl) return (size_t)((cr ? cr : nl) - data);
    }
    return n;
}

/* Cuts an endless line where a UTF-8 character begins. */
static void keep(struct sedge_output_source *src, bool is_stderr, const char *data, size_t n)
{
    struct splitter *s = &src->in[is_stderr];

    sedge_buf_add(&s->partial, data, n);
    while (s->partial.len > SEDGE_LOG_LINE_MAX) {
        size_t len = sedge_piece_length(s->partial.data, SEDGE_LOG_LINE_MAX);
        put_line(src, is_stderr, s->partial.data, len);
        sedge_buf_drop_front(&s->partial, len);
    }
}

static void split(struct sedge_output_source *src, bool is_stderr, const char *data, size_t n)
{
    struct splitter *s = &src->in[is_stderr];

    while (n > 0) {
        size_t len;
        if (s->after_cr && *data == '\n') {
            s->after_cr = false;
            data++, n--;
            continue;
        }
        s->after_cr = false;
        len = line_length(data, n);
        if (s->partial.len + len > SEDGE_LOG_LINE_MAX && len > 0) { /* a piece at a time: the order stays */
            if (len > SEDGE_LOG_LINE_MAX) len = SEDGE_LOG_LINE_MAX;
            keep(src, is_stderr, data, len);
            data += len, n -= len;
            continue;
        }
        if (len == n) {
            keep(src, is_stderr, data, n);
            return;
        }
        end_line(src, is_stderr, data, len);
        s->after_cr = data[len] == '\r';
        data += len + 1, n -= len + 1;
    }
}

/* ---- output that nobody will read ---- */

/* Up to where only the number of lines matters: what follows has the lines that are remembered. */
static size_t countable(const char *data, size_t n)
{
    size_t lines = 0;

    for (size_t i = n; i-- > 0;)
        if ((data[i] == '\n' || data[i] == '\r') && ++lines > SEDGE_LAST_LINES) return i + 1;
    return 0;
}

/* Eight bytes at a time, since this is all that is done with most of a flood: each byte that is `c` gives one bit. */
static size_t count_byte(const char *data, size_t n, char c)
{
    const uint64_t low = UINT64_C(0x7F7F7F7F7F7F7F7F), all = UINT64_C(0x0101010101010101) * (unsigned char)c;
    size_t found = 0, i = 0;

    for (; i + 8 <= n; i += 8) {
        uint64_t x;
        memcpy(&x, data + i, 8);
        x ^= all;
        found += (size_t)__builtin_popcountll(~(((x & low) + low) | x | low));
    }
    for (; i < n; i++)
        found += data[i] == c;
    return found;
}

/* A "\r\n" counts once. */
static size_t count_lines(const char *data, size_t n)
{
    size_t lines = count_byte(data, n, '\n');
    bool after_cr = false;

    if (!memchr(data, '\r', n)) return lines;
    for (size_t i = 0; i < n; i++) {
        lines += data[i] == '\r';
        lines -= after_cr && data[i] == '\n';
        after_cr = data[i] == '\r';
    }
    return lines;
}

static void skip(struct sedge_output_source *src, bool is_stderr, const char *data, size_t n)
{
    struct splitter *s = &src->in[is_stderr];
    size_t front = countable(data, n);

    if (front > 0) {
        size_t lines = count_lines(data, front);
        if (s->after_cr && data[0] == '\n') lines--;
        if (level_of(is_stderr) >= src->o->level) drop(src->o, lines, front + s->partial.len);
        sedge_buf_release(&s->partial);
        s->after_cr = data[front - 1] == '\r';
    }
    split(src, is_stderr, data + front, n - front);
}

size_t sedge_output_data(struct sedge_output_source *src, bool is_stderr, const char *data, size_t n, int64_t now_ms)
{
    struct sedge_output *o = src->o;
    int64_t before;

    refill(o, now_ms);
    before = o->allowance;
    if (n == 0) {
        if (src->in[is_stderr].partial.len > 0) end_line(src, is_stderr, "", 0);
        tell_dropped(o);
    } else if (o->dropping || level_of(is_stderr) < o->level) {
        skip(src, is_stderr, data, n);
    } else {
        split(src, is_stderr, data, n);
    }
    flush(o);
    return (size_t)(before - o->allowance);
}

void sedge_output_finish(struct sedge_output_source *src)
{
    for (int i = 0; i < 2; i++)
        if (src->in[i].partial.len > 0) end_line(src, i == 1, "", 0);
    tell_dropped(src->o);
    flush(src->o);
}

void sedge_output_source_free(struct sedge_output_source *src)
{
    if (!src) return;
    sedge_output_finish(src);
    for (int i = 0; i < 2; i++)
        sedge_buf_release(&src->in[i].partial);
    free(src->script_name);
    free(src);
}
