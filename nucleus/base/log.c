#include "log.h"
#include "buf.h"
#include "clock.h"
#include "json.h"
#include "mem.h"
#include "str.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct {
    pthread_mutex_t lock;
    enum sedge_level level;
    enum sedge_log_format format;
    void (*sink)(const char *, size_t, void *);
    void *user;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .level = SEDGE_INFO, .format = SEDGE_LOG_TEXT};

static const char *const level_names[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR"};

static const char *const format_names[] = {
    [SEDGE_LOG_TEXT] = "TEXT", [SEDGE_LOG_JSON] = "JSON", [SEDGE_LOG_RAW] = "RAW"};

const char *sedge_level_name(enum sedge_level level)
{
    return level_names[level];
}

int sedge_level_from_name(const char *name, enum sedge_level *out)
{
    for (unsigned i = 0; i < SEDGE_ARRAY_LEN(level_names); i++) {
        if (strcmp(level_names[i], name) == 0) {
            *out = (enum sedge_level)i;
            return 0;
        }
    }
    return -1;
}

int sedge_log_format_from_name(const char *name, enum sedge_log_format *out)
{
    for (unsigned i = 0; i < SEDGE_ARRAY_LEN(format_names); i++) {
        if (strcmp(format_names[i], name) == 0) {
            *out = (enum sedge_log_format)i;
            return 0;
        }
    }
    return -1;
}

bool sedge_log_enabled(enum sedge_level level)
{
    return level >= __atomic_load_n(&state.level, __ATOMIC_RELAXED);
}

void sedge_log_set_level(enum sedge_level level)
{
    __atomic_store_n(&state.level, level, __ATOMIC_RELAXED);
}

void sedge_log_set_format(enum sedge_log_format format)
{
    __atomic_store_n(&state.format, format, __ATOMIC_RELAXED);
}

void sedge_log_set_sink(void (*sink)(const char *line, size_t n, void *user), void *user)
{
    (void)pthread_mutex_lock(&state.lock);
    state.sink = sink;
    state.user = user;
    (void)pthread_mutex_unlock(&state.lock);
}

static void put_escaped(struct sedge_buf *out, const char *s)
{
    sedge_str_escape(out, s, strlen(s));
}

static void put_text(struct sedge_buf *out, enum sedge_level level, const char *thread, const char *logger,
                     const char *event, const char *message, struct json_object *contexts)
{
    char time[SEDGE_TIME_LEN];
    const char *comma = "";

    sedge_time_iso(sedge_wall_ms(), time);
    sedge_buf_printf(out, "%s [%s] (%s) %s: ", time, level_names[level], thread, logger);
    if (event && *event) {
        put_escaped(out, event);
        sedge_buf_puts(out, ". ");
    }
    if (message && *message) {
        put_escaped(out, message);
        sedge_buf_puts(out, ". ");
    }
    sedge_buf_putc(out, '{');
    if (contexts) {
        json_object_object_foreach (contexts, k, v) {
            sedge_buf_printf(out, "%s%s=", comma, k);
            put_escaped(out, json_object_get_string(v));
            comma = ", ";
        }
    }
    sedge_buf_puts(out, "}\n");
}

static void put_json(struct sedge_buf *out, enum sedge_level level, const char *thread, const char *logger,
                     const char *event, const char *message, struct json_object *contexts)
{
    sedge_auto_put struct json_object *o = json_object_new_object();
    sedge_auto_buf struct sedge_buf clean = SEDGE_BUF_INIT;

    if (message && sedge_utf8_valid(message, strlen(message)))
        sedge_buf_puts(&clean, message);
    else
        put_escaped(&clean, message ? message : "");
    sedge_json_add_str(o, "thread", thread);
    sedge_json_add_str(o, "level", level_names[level]);
    (void)json_object_object_add(o, "eventType", event && *event ? json_object_new_string(event) : NULL);
    sedge_json_add_str(o, "message", clean.data ? clean.data : "");
    (void)json_object_object_add(o, "contexts", contexts ? json_object_get(contexts) : json_object_new_object());
    sedge_json_add_str(o, "loggerName", logger);
    sedge_json_add_i64(o, "timestamp", sedge_wall_ms());
    (void)json_object_object_add(o, "cause", NULL);
    sedge_buf_puts(out, sedge_json_text(o));
    sedge_buf_putc(out, '\n');
}

void sedge_log_format_line(struct sedge_buf *out, enum sedge_log_format format, enum sedge_level level,
                           const char *thread, const char *logger, const char *event, const char *message,
                           struct json_object *contexts)
{
    switch (format) {
    case SEDGE_LOG_TEXT:
        put_text(out, level, thread, logger, event, message, contexts);
        break;
    case SEDGE_LOG_JSON:
        put_json(out, level, thread, logger, event, message, contexts);
        break;
    case SEDGE_LOG_RAW:
        put_escaped(out, message ? message : "");
        sedge_buf_putc(out, '\n');
        break;
    }
}

void sedge_log(enum sedge_level level, const char *module, const char *event, const char *fmt, ...)
{
    sedge_auto_buf struct sedge_buf line = SEDGE_BUF_INIT;
    sedge_auto_free char *message = NULL;
    va_list ap;
    int n;

    if (!sedge_log_enabled(level)) return;
    va_start(ap, fmt);
    n = vasprintf(&message, fmt, ap);
    va_end(ap);
    if (n < 0) return; /* out of memory: the line is lost, the program goes on */
    sedge_log_format_line(&line, __atomic_load_n(&state.format, __ATOMIC_RELAXED), level, "main", module, event,
                          message, NULL);
    (void)pthread_mutex_lock(&state.lock);
    if (state.sink)
        state.sink(line.data, line.len, state.user);
    else
        (void)fwrite(line.data, 1, line.len, stderr);
    (void)pthread_mutex_unlock(&state.lock);
}
