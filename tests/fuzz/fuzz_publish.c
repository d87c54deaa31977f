/* The scan of the hot path against json-c: what the scan accepts, the parser accepts with the same topic and message,
 * and the event that is built from it is JSON with the same message. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "broker/publish.h"
#include "ipc_wire/payload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_blob(const char *a, const char *b)
{
    struct sedge_buf x = SEDGE_BUF_INIT;
    struct sedge_buf y = SEDGE_BUF_INIT;
    struct sedge_err err;

    if (sedge_base64_decode(&x, a, strlen(a), &err) || sedge_base64_decode(&y, b, strlen(b), &err)) abort();
    if (x.len != y.len || (x.len > 0 && memcmp(x.data, y.data, x.len) != 0)) abort();
    sedge_buf_release(&x);
    sedge_buf_release(&y);
}

static void check_event(const struct sedge_publish *p, struct json_object *want)
{
    struct sedge_payload *e = sedge_publish_event(p);
    struct json_object *o = sedge_json_parse_object(e->data, e->len, "event", NULL);
    struct json_object *body = sedge_json_obj(o, p->kind == SEDGE_PUBLISH_JSON ? "jsonMessage" : "binaryMessage");

    if (!body || strcmp(sedge_json_str(sedge_json_obj(body, "context"), "topic", "?"), p->topic) != 0) abort();
    if (p->kind == SEDGE_PUBLISH_JSON) {
        if (!json_object_equal(sedge_json_obj(body, "message"), sedge_json_obj(want, "message"))) abort();
    } else {
        same_blob(sedge_json_str(body, "message", "?"), sedge_json_str(want, "message", ""));
    }
    (void)json_object_put(o);
    sedge_payload_unref(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sedge_publish p = SEDGE_PUBLISH_INIT;
    struct json_object *o;
    struct json_object *u;

    if (sedge_publish_scan((const char *)data, size, &p, NULL) == 0) {
        o = sedge_json_parse_object((const char *)data, size, "request", NULL);
        if (!o) abort();
        if (p.has_topic != (sedge_json_str(o, "topic", NULL) != NULL)) abort();
        if (p.has_topic && strcmp(p.topic, sedge_json_str(o, "topic", "")) != 0) abort();
        u = sedge_json_obj(o, "publishMessage");
        if (p.has_publish_message != (u != NULL)) abort();
        if (p.nkinds !=
            (unsigned)(sedge_json_obj(u, "jsonMessage") != NULL) + (sedge_json_obj(u, "binaryMessage") != NULL))
            abort();
        if (p.has_topic && p.nkinds == 1 && (p.has_message || p.kind == SEDGE_PUBLISH_BINARY))
            check_event(&p, sedge_json_obj(u, p.kind == SEDGE_PUBLISH_JSON ? "jsonMessage" : "binaryMessage"));
        (void)json_object_put(o);
    }
    sedge_publish_release(&p);
    return 0;
}
