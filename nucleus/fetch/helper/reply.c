#include "reply.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

static struct json_object *event(struct json_object *id, const char *name)
{
    struct json_object *o = json_object_new_object();

    json_object_object_add(o, "id", json_object_get(id)); /* a reference of its own */
    sedge_json_add_str(o, "event", name);
    return o;
}

static void write_all(const char *p, size_t n)
{
    while (n > 0) {
        ssize_t w = write(STDOUT_FILENO, p, n);

        if (w < 0 && errno == EINTR) continue;
        if (w < 0) _exit(1); /* the parent is gone: nobody to work for */
        p += w;
        n -= (size_t)w;
    }
}

static void send_take(struct json_object *o)
{
    sedge_auto_buf struct sedge_buf line = SEDGE_BUF_INIT;

    sedge_buf_puts(&line, sedge_json_text(o));
    sedge_buf_putc(&line, '\n');
    write_all(line.data, line.len);
    json_object_put(o);
}

void sedge_reply_progress(struct json_object *id, int64_t done, int64_t total, int64_t rate)
{
    struct json_object *o = event(id, "progress");

    sedge_json_add_i64(o, "done", done);
    sedge_json_add_i64(o, "total", total);
    sedge_json_add_i64(o, "rate", rate);
    send_take(o);
}

void sedge_reply_retry(struct json_object *id, int64_t attempt, int64_t delay_ms, const char *message)
{
    struct json_object *o = event(id, "retry");

    sedge_json_add_i64(o, "attempt", attempt);
    sedge_json_add_i64(o, "delayMs", delay_ms);
    sedge_json_add_str(o, "message", message);
    send_take(o);
}

static void add_members(struct json_object *o, struct json_object *more)
{
    if (!more) return;
    json_object_object_foreach (more, key, value)
        json_object_object_add(o, key, json_object_get(value));
}

void sedge_reply_done(struct json_object *id, struct json_object *answer)
{
    struct json_object *o = event(id, "done");

    add_members(o, answer);
    send_take(o);
}

static void add_codes(struct json_object *stack, const char *codes)
{
    sedge_auto_strv struct sedge_strv names = {NULL, 0};

    if (!codes || !*codes) return;
    sedge_strv_split(&names, codes, " ");
    for (size_t i = 0; i < names.n; i++)
        json_object_array_add(stack, json_object_new_string(names.v[i]));
}

void sedge_reply_error(struct json_object *id, const struct sedge_fail *fail, const char *stack_base,
                       struct json_object *more)
{
    struct json_object *o = event(id, "error"), *stack = json_object_new_array();
    sedge_auto_buf struct sedge_buf message = SEDGE_BUF_INIT;

    add_codes(stack, stack_base);
    add_codes(stack, fail->stack);
    sedge_str_escape(&message, fail->err.msg, strlen(fail->err.msg));
    sedge_json_add_str(o, "code", sedge_err_name(fail->err.code));
    json_object_object_add(o, "stack", stack);
    sedge_json_add_str(o, "message", message.data ? message.data : "");
    add_members(o, more);
    send_take(o);
}
