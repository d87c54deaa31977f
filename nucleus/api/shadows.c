/* GetThingShadow, UpdateThingShadow, DeleteThingShadow, ListNamedShadowsForThing (spec/ipc-operations.md 10). */
#include "internal.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/mem.h"
#include "shadow/names.h"
#include "shadow/shadows.h"

#include <stdio.h>
#include <string.h>

#define PAGE_DEFAULT 25
#define PAGE_MAX     100
#define SEAL_BYTES   16 /* of a nextToken, in front of the name */

/* A call that waits for the store. */
struct waiting {
    struct sedge_api *api;
    struct sedge_ipc_stream *stream;
    char *thing; /* of list */
    int page_size;
};

static struct waiting *wait_for(struct sedge_api *api, struct sedge_ipc_stream *s)
{
    struct waiting *w = SEDGE_NEW(struct waiting);

    w->api = api;
    w->stream = sedge_ipc_stream_ref(s);
    api->calls++;
    return w;
}

static void end_wait(struct waiting *w)
{
    struct sedge_api *api = w->api;

    sedge_ipc_stream_unref(w->stream);
    free(w->thing);
    free(w);
    api->calls--;
    sedge_api_call_ended(api);
}

static void fail(struct sedge_ipc_stream *s, const struct sedge_err *err)
{
    static const char *const names[SEDGE_ERR_COUNT] = {
        [SEDGE_E_INVALID] = "InvalidArgumentsError",
        [SEDGE_E_LIMIT] = "InvalidArgumentsError",
        [SEDGE_E_CONFLICT] = "ConflictError",
    };

    if (err->code == SEDGE_E_NOT_FOUND)
        sedge_api_not_found(s, "shadow", NULL, err->msg);
    else
        sedge_api_error(s, names[err->code] ? names[err->code] : "ServiceError", "%s", err->msg);
}

/* ---- checks ---- */

struct target {
    const char *operation; /* as topics have it */
    const char *thing, *name;
};

static void refuse(struct sedge_api *api, struct sedge_ipc_stream *s, const struct target *t,
                   const struct sedge_err *err)
{
    if (sedge_shadow_check_thing(t->thing, NULL) == 0 && sedge_shadow_check_name(t->name, NULL) == 0)
        sedge_shadows_refused(api->o.shadows, t->operation, t->thing, t->name, err, NULL);
    fail(s, err);
}

static int authorize(struct sedge_api *api, struct sedge_ipc_stream *s, const struct target *t)
{
    sedge_auto_free char *resource = sedge_shadow_topic(t->thing, t->name, "");
    struct sedge_err err = SEDGE_ERR_INIT;

    if (sedge_api_authorize(api, s, resource, NULL) == 0) return 0;
    (void)sedge_err_set(&err, SEDGE_E_DENIED, "Unauthorized");
    sedge_shadows_refused(api->o.shadows, t->operation, t->thing, t->name, &err, NULL);
    return -1;
}

/* Rate, names, `payload` unless NULL, authorization; on failure the error is answered. */
static int check(struct sedge_api *api, struct sedge_ipc_stream *s, const struct target *t,
                 const struct sedge_buf *payload)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    if (sedge_shadows_admit(api->o.shadows, t->thing, &err) == 0 && sedge_shadow_check_thing(t->thing, &err) == 0 &&
        sedge_shadow_check_name(t->name, &err) == 0 && payload && payload->len == 0)
        (void)sedge_err_set(&err, SEDGE_E_INVALID, "Missing update payload");
    if (err.code == SEDGE_OK) return authorize(api, s, t);
    refuse(api, s, t, &err);
    return -1;
}

static struct target target_of(struct json_object *request, const char *operation)
{
    return (struct target){operation, sedge_json_str(request, "thingName", ""),
                           sedge_json_str(request, "shadowName", "")};
}

/* ---- get, update, delete ---- */

static void respond(struct sedge_ipc_stream *s, const char *document)
{
    sedge_auto_buf struct sedge_buf blob = SEDGE_BUF_INIT;
    struct json_object *response = json_object_new_object();

    sedge_buf_puts(&blob, "");
    sedge_base64_encode(&blob, document, strlen(document));
    sedge_json_add_str(response, "payload", blob.data);
    sedge_api_respond_take(s, response);
}

static void document_cb(void *arg, const struct sedge_shadow_result *result, const struct sedge_err *err)
{
    struct waiting *w = arg;

    if (err->code == SEDGE_OK)
        respond(w->stream, result->document);
    else
        fail(w->stream, err);
    end_wait(w);
}

static void deleted_cb(void *arg, const struct sedge_shadow_result *result, const struct sedge_err *err)
{
    struct waiting *w = arg;

    (void)result;
    if (err->code == SEDGE_OK)
        respond(w->stream, "");
    else
        fail(w->stream, err);
    end_wait(w);
}

void sedge_op_get_shadow(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    struct target t = target_of(request, "get");

    if (check(api, s, &t, NULL) == 0)
        sedge_shadows_get(api->o.shadows, t.thing, t.name, SEDGE_SHADOW_TELL, document_cb, wait_for(api, s));
}

void sedge_op_delete_shadow(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    struct target t = target_of(request, "delete");

    if (check(api, s, &t, NULL) == 0)
        sedge_shadows_delete(api->o.shadows, t.thing, t.name, -1, SEDGE_SHADOW_TELL | SEDGE_SHADOW_CHANGE, deleted_cb,
                             wait_for(api, s));
}

void sedge_op_update_shadow(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    struct target t = target_of(request, "update");
    sedge_auto_buf struct sedge_buf payload = SEDGE_BUF_INIT;
    struct sedge_shadow_update update = SEDGE_SHADOW_UPDATE_INIT;
    struct sedge_err err = SEDGE_ERR_INIT;
    const char *text = sedge_json_str(request, "payload", "");

    (void)sedge_base64_decode(&payload, text, strlen(text), NULL); /* its form was checked with the request */
    if (check(api, s, &t, &payload) != 0) return;
    if (sedge_shadow_update_parse(&update, payload.data, payload.len, &err) == 0) {
        sedge_shadows_update_take(api->o.shadows, t.thing, t.name, &update, SEDGE_SHADOW_TELL | SEDGE_SHADOW_CHANGE,
                                  document_cb, wait_for(api, s));
        return;
    }
    sedge_shadows_refused(api->o.shadows, t.operation, t.thing, t.name, &err, update.token);
    fail(s, &err);
    sedge_shadow_update_release(&update);
}

/* ---- list ---- */

/* A nextToken is the last name of the page behind a seal over caller, thing and name: of use to this caller, for this
 * thing, as long as the nucleus runs. */
static void seal(struct sedge_api *api, const char *caller, const char *thing, const char *name,
                 uint8_t out[SEDGE_SHA256_LEN])
{
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;

    sedge_buf_add(&text, api->page_key, sizeof api->page_key);
    sedge_buf_printf(&text, "%s/%s/%s", caller, thing, name);
    sedge_sha256(text.data, text.len, out);
}

static char *next_token(struct sedge_api *api, const char *caller, const char *thing, const char *name)
{
    sedge_auto_buf struct sedge_buf bytes = SEDGE_BUF_INIT;
    struct sedge_buf token = SEDGE_BUF_INIT;
    uint8_t digest[SEDGE_SHA256_LEN];

    seal(api, caller, thing, name, digest);
    sedge_buf_add(&bytes, digest, SEAL_BYTES);
    sedge_buf_puts(&bytes, name);
    sedge_base64_encode(&token, bytes.data, bytes.len);
    return sedge_buf_steal(&token);
}

/* The name in a token; NULL for one that was not made for this caller and thing. */
static char *name_in(struct sedge_api *api, const char *caller, const char *thing, const char *token)
{
    sedge_auto_buf struct sedge_buf bytes = SEDGE_BUF_INIT;
    sedge_auto_free char *wanted = NULL;
    const char *name;

    if (sedge_base64_decode(&bytes, token, strlen(token), NULL) != 0 || bytes.len <= SEAL_BYTES) return NULL;
    name = bytes.data + SEAL_BYTES;
    wanted = next_token(api, caller, thing, name);
    return sedge_secret_eq(wanted, token) ? sedge_xstrdup(name) : NULL;
}

static void listed_cb(void *arg, const struct sedge_shadow_result *result, const struct sedge_err *err)
{
    struct waiting *w = arg;
    struct json_object *response, *list;
    char seconds[32];

    if (err->code != SEDGE_OK) {
        fail(w->stream, err);
        end_wait(w);
        return;
    }
    response = json_object_new_object();
    list = json_object_new_array();
    for (size_t i = 0; i < result->names->n; i++)
        (void)json_object_array_add(list, json_object_new_string(result->names->v[i]));
    (void)json_object_object_add(response, "results", list);
    (void)snprintf(seconds, sizeof seconds, "%.3f", (double)sedge_wall_ms() / 1000);
    (void)json_object_object_add(response, "timestamp", json_object_new_double_s(strtod(seconds, NULL), seconds));
    if ((int)result->names->n == w->page_size) {
        sedge_auto_free char *token =
            next_token(w->api, sedge_ipc_stream_identity(w->stream), w->thing, result->names->v[result->names->n - 1]);
        sedge_json_add_str(response, "nextToken", token);
    }
    sedge_api_respond_take(w->stream, response);
    end_wait(w);
}

/* Name, rate, authorization; on failure the error is answered. */
static int check_list(struct sedge_api *api, struct sedge_ipc_stream *s, const char *thing)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    if (sedge_shadow_check_thing(thing, &err) != 0 || sedge_shadows_admit(api->o.shadows, thing, &err) != 0) {
        fail(s, &err);
        return -1;
    }
    return sedge_api_authorize(api, s, thing, NULL);
}

void sedge_op_list_shadows(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    const char *thing = sedge_json_str(request, "thingName", "");
    const char *token = sedge_json_str(request, "nextToken", NULL);
    int64_t page = sedge_json_get(request, "pageSize") ? sedge_json_i64(request, "pageSize", 0) : PAGE_DEFAULT;
    sedge_auto_free char *after = NULL;
    struct waiting *w;

    if (check_list(api, s, thing) != 0) return;
    if (page < 1 || page > PAGE_MAX) {
        sedge_api_error(s, "InvalidArgumentsError", "pageSize argument must be between 1 and %d", PAGE_MAX);
        return;
    }
    after = token ? name_in(api, sedge_ipc_stream_identity(s), thing, token) : sedge_xstrdup("");
    if (!after) {
        sedge_api_error(s, "InvalidArgumentsError", "Invalid nextToken argument");
        return;
    }
    w = wait_for(api, s);
    w->thing = sedge_xstrdup(thing);
    w->page_size = (int)page;
    sedge_shadows_list(api->o.shadows, thing, after, w->page_size, listed_cb, w);
}

/* ---- local subscribers ---- */

struct message {
    const char *topic, *data;
    size_t len;
    struct sedge_payload *event; /* made for the first subscriber */
};

static void deliver_cb(void *user, void *arg)
{
    struct sedge_api_sub *sub = user;
    struct message *m = arg;

    if (!m->event) m->event = sedge_publish_event_binary(m->topic, m->data, m->len);
    (void)sedge_ipc_event(sub->stream, SEDGE_PUBLISH_EVENT_SHAPE, m->event); /* a slow reader's loss is counted there */
}

void sedge_api_shadow_message(void *user, const char *topic, const char *payload, size_t len)
{
    struct sedge_api *api = user;
    struct message m = {topic, payload, len, NULL};

    (void)sedge_broker_publish(api->broker, topic, NULL, deliver_cb, &m);
    sedge_payload_unref(m.event);
}
