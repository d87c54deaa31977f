/* Requests built and answers taken apart. */
#include "client.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

/* ---- requests ---- */

void sedge_req_open(struct sedge_buf *b)
{
    sedge_buf_putc(b, '{');
}

const char *sedge_req_close(struct sedge_buf *b)
{
    sedge_buf_putc(b, '}');
    return b->data;
}

void sedge_req_key(struct sedge_buf *b, const char *key)
{
    if (b->data[b->len - 1] != '{') sedge_buf_putc(b, ',');
    sedge_json_quote(b, key, strlen(key));
    sedge_buf_putc(b, ':');
}

void sedge_req_text(struct sedge_buf *b, const char *key, const char *text)
{
    if (!text) return;
    sedge_req_key(b, key);
    sedge_json_quote(b, text, strlen(text));
}

void sedge_req_blob(struct sedge_buf *b, const char *key, const void *data, size_t size)
{
    sedge_req_key(b, key);
    sedge_buf_putc(b, '"');
    sedge_base64_encode(b, data, size);
    sedge_buf_putc(b, '"');
}

void sedge_req_raw(struct sedge_buf *b, const char *key, const char *json)
{
    sedge_req_key(b, key);
    sedge_buf_puts(b, json);
}

void sedge_req_int(struct sedge_buf *b, const char *key, long long value)
{
    sedge_req_key(b, key);
    sedge_buf_printf(b, "%lld", value);
}

int sedge_need(const char *what, const char *value, struct sedge_ipc_err *err)
{
    return value ? 0 : sedge_client_fail(err, SEDGE_IPC_E_ARGUMENT, "no %s given", what);
}

int sedge_need_object(const char *what, const char *json, struct sedge_ipc_err *err)
{
    struct sedge_err e = SEDGE_ERR_INIT;
    struct json_object *o;

    if (sedge_need(what, json, err)) return -1;
    o = sedge_json_parse_object(json, strlen(json), what, &e);
    if (!o) return sedge_client_fail(err, SEDGE_IPC_E_ARGUMENT, "%s", e.msg);
    (void)json_object_put(o);
    return 0;
}

int sedge_limit_blob(size_t size, struct sedge_ipc_err *err)
{
    if (size <= (size_t)SEDGE_FRAME_MAX / 4 * 3) return 0;
    return sedge_client_fail(err, SEDGE_IPC_E_LIMIT, "%zu bytes do not fit a frame of %u", size, SEDGE_FRAME_MAX);
}

/* ---- members without a tree ---- */

static bool is_space(char ch)
{
    return ch == ' ' || ch == '\t' || ch == '\r' || ch == '\n';
}

static size_t skip_space(struct sedge_text t, size_t at)
{
    while (at < t.len && is_space(t.p[at]))
        at++;
    return at;
}

/* Behind the text that begins at `at`. */
static size_t skip_string(struct sedge_text t, size_t at)
{
    for (at++; at < t.len; at++) {
        if (t.p[at] == '"') return at + 1;
        if (t.p[at] == '\\') at++;
    }
    return t.len;
}

/* Behind the value that begins at `at`: a text, or up to the comma or bracket that ends it. */
static size_t skip_value(struct sedge_text t, size_t at)
{
    size_t depth = 0;

    while (at < t.len) {
        char ch = t.p[at];

        if (depth == 0 && (ch == ',' || ch == '}' || ch == ']')) return at;
        if (ch == '"') {
            at = skip_string(t, at);
            continue;
        }
        if (ch == '{' || ch == '[') depth++;
        if (ch == '}' || ch == ']') depth--;
        at++;
    }
    return t.len;
}

static struct sedge_text trimmed(struct sedge_text t)
{
    while (t.len > 0 && is_space(t.p[t.len - 1]))
        t.len--;
    return t;
}

struct sedge_text sedge_json_member(struct sedge_text json, const char *key)
{
    size_t at = skip_space(json, 0);

    if (at >= json.len || json.p[at] != '{') return (struct sedge_text){NULL, 0};
    at++;
    while ((at = skip_space(json, at)) < json.len && json.p[at] == '"') {
        size_t name = at + 1, end = skip_string(json, at), value;

        at = skip_space(json, end);
        if (at >= json.len || json.p[at] != ':') break;
        value = skip_space(json, at + 1);
        at = skip_value(json, value);
        if (end - 1 - name == strlen(key) && memcmp(json.p + name, key, strlen(key)) == 0)
            return trimmed((struct sedge_text){json.p + value, at - value});
        if (at < json.len && json.p[at] == ',') at++;
    }
    return (struct sedge_text){NULL, 0};
}

char *sedge_text_dup(struct sedge_text t)
{
    return t.p ? sedge_xstrndup(t.p, t.len) : NULL;
}

/* ---- answers ---- */

struct json_object *sedge_client_ask(struct sedge_ipc_client *c, const char *operation, const char *request,
                                     struct sedge_ipc_err *err)
{
    sedge_auto_free char *text = NULL;
    struct sedge_err e = SEDGE_ERR_INIT;
    struct json_object *o;

    if (sedge_ipc_call(c, operation, request, &text, err)) return NULL;
    o = sedge_json_parse_object(text, strlen(text), operation, &e);
    if (!o) (void)sedge_client_fail(err, SEDGE_IPC_E_PROTOCOL, "the answer cannot be read: %s", e.msg);
    return o;
}

int sedge_client_blob(struct json_object *o, const char *key, char **data, size_t *size, struct sedge_ipc_err *err)
{
    const char *text = sedge_json_str(o, key, NULL);
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    if (!text || sedge_base64_decode(&b, text, strlen(text), NULL))
        return sedge_client_fail(err, SEDGE_IPC_E_PROTOCOL, "the nucleus answered without readable bytes in \"%s\"",
                                 key);
    *size = b.len;
    *data = sedge_buf_steal(&b);
    return 0;
}
