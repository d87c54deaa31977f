/* Requests: calls and subscriptions that the author starts and ends. */
#include "client.h"

#include <string.h>

#include "base/mem.h"

/* ---- sending ---- */

/* Appends the frame that starts call k, under a new stream number. */
static int start(struct sedge_ipc_client *c, struct sedge_call *k, const char *operation, const char *request,
                 struct sedge_ipc_err *err)
{
    struct sedge_err e = SEDGE_ERR_INIT;
    sedge_auto_free char *full = NULL;

    if (c->last_stream == INT32_MAX)
        return sedge_client_fail(err, SEDGE_IPC_E_LIMIT, "all call numbers of this connection are used: connect again");
    if (!strchr(operation, '#')) operation = full = sedge_xasprintf(SEDGE_IPC_NAMESPACE "%s", operation);
    if (sedge_message_request(&c->out, c->last_stream + 1, operation, request, strlen(request), &e))
        return sedge_client_fail_from(err, &e);
    sedge_call_number(c, k, ++c->last_stream);
    k->state = SEDGE_CALL_SENT;
    return 0;
}

void sedge_client_subscribe_again(struct sedge_ipc_client *c)
{
    struct sedge_ipc_err err;

    for (struct sedge_call *k = c->calls; k; k = k->next) {
        if (k->kind != SEDGE_CALL_SUBSCRIPTION || k->state == SEDGE_CALL_DONE) continue;
        if (k->state == SEDGE_CALL_LIVE) k->on_accept = NULL; /* told already */
        if (start(c, k, k->operation, k->request, &err)) sedge_call_done(c, k, &err, NULL);
    }
}

static bool is_answered(const void *arg)
{
    const struct sedge_call *k = arg;

    return k->state != SEDGE_CALL_SENT;
}

static int connected(struct sedge_ipc_client *c, const struct sedge_call *k, int64_t deadline,
                     struct sedge_ipc_err *err)
{
    if (k->waits) return sedge_client_link_wait(c, deadline, err);
    if (c->link == SEDGE_LINK_UP) return 0;
    return sedge_client_fail(err, SEDGE_IPC_E_CLOSED, "not connected: %s", c->why.message);
}

/* Sends the request of k; a call that cannot be sent is gone. */
static int send_call(struct sedge_ipc_client *c, struct sedge_call *k, const char *operation, const char *request,
                     int64_t deadline, struct sedge_ipc_err *err)
{
    const char *json = request ? request : "{}";
    int rc = -1;

    if (!operation || !*operation)
        (void)sedge_client_fail(err, SEDGE_IPC_E_ARGUMENT, "no operation given");
    else if (connected(c, k, deadline, err) == 0 && sedge_client_room(c, strlen(json), deadline, err) == 0)
        rc = start(c, k, operation, json, err);
    if (rc)
        sedge_call_free(c, k);
    else
        sedge_client_flush(c);
    sedge_client_wake(c);
    return rc;
}

/* Waits for the answer of k. On failure k is gone. */
static int await(struct sedge_ipc_client *c, struct sedge_call *k, int64_t deadline, struct sedge_ipc_err *err)
{
    if (sedge_client_wait(c, deadline, is_answered, k, err) == 0) return 0;
    sedge_call_terminate(c, k->stream);
    sedge_client_flush(c);
    sedge_call_free(c, k);
    sedge_client_wake(c);
    return -1;
}

/* The answer of a blocking call goes to the caller. Frees k. */
static int hand_over(struct sedge_ipc_client *c, struct sedge_call *k, char **text, struct sedge_ipc_err *err)
{
    int rc = k->err.code == SEDGE_IPC_OK ? 0 : -1;

    if (rc && err) *err = k->err;
    if (k->err.code == SEDGE_IPC_E_REMOTE) {
        free(c->error_json);
        c->error_json = sedge_xstrdup(k->text);
    }
    if (text) *text = sedge_steal(&k->text);
    sedge_call_free(c, k);
    return rc;
}

/* ---- calls ---- */

int sedge_ipc_call(struct sedge_ipc_client *c, const char *operation, const char *request_json, char **response_json,
                   struct sedge_ipc_err *err)
{
    int64_t deadline = sedge_client_deadline(c->timeout_ms);
    struct sedge_call *k = sedge_call_new(c, SEDGE_CALL_BLOCKING);

    if (response_json) *response_json = NULL;
    if (send_call(c, k, operation, request_json, deadline, err) || await(c, k, deadline, err)) return -1;
    return hand_over(c, k, response_json, err);
}

int sedge_ipc_call_async(struct sedge_ipc_client *c, const char *operation, const char *request_json,
                         sedge_ipc_reply_cb on_reply, void *user, struct sedge_ipc_err *err)
{
    struct sedge_call *k = sedge_call_new(c, SEDGE_CALL_ASYNC);

    k->on_reply = on_reply;
    k->user = user;
    k->deadline = sedge_client_deadline(c->timeout_ms);
    sedge_client_timer(c, k->deadline);
    return send_call(c, k, operation, request_json, k->deadline, err);
}

/* ---- subscriptions ---- */

int sedge_client_subscribe(struct sedge_ipc_client *c, const struct sedge_sub_spec *spec, const char *request,
                           sedge_ipc_sub_t *sub, struct sedge_ipc_err *err)
{
    int64_t deadline = sedge_client_deadline(c->timeout_ms);
    struct sedge_call *k = sedge_call_new(c, SEDGE_CALL_SUBSCRIPTION);

    if (c->last_sub == INT32_MAX) {
        sedge_call_free(c, k);
        return sedge_client_fail(err, SEDGE_IPC_E_LIMIT, "all numbers of subscriptions are used: connect again");
    }
    k->sub = ++c->last_sub;
    k->adapter = spec->adapter;
    k->callback = spec->callback;
    k->on_accept = spec->on_accept;
    k->on_end = spec->on_end;
    k->user = spec->user;
    k->waits = !spec->async;
    if (c->reconnect_ms > 0) {
        k->operation = sedge_xstrdup(spec->operation);
        k->request = sedge_xstrdup(request ? request : "{}");
    }
    if (sub) *sub = k->sub;
    if (send_call(c, k, spec->operation, request, deadline, err)) return -1;
    if (spec->async) return 0;
    if (await(c, k, deadline, err)) return -1;
    return k->state == SEDGE_CALL_DONE && k->waits ? hand_over(c, k, NULL, err) : 0;
}

static int raw_event(sedge_any_cb callback, const char *json, size_t size, void *user)
{
    SEDGE_AS_CB(sedge_ipc_event_cb, callback)(json, size, user);
    return 0;
}

int sedge_ipc_subscribe(struct sedge_ipc_client *c, const char *operation, const char *request_json,
                        sedge_ipc_event_cb on_event, sedge_ipc_end_cb on_end, void *user, sedge_ipc_sub_t *sub,
                        struct sedge_ipc_err *err)
{
    struct sedge_sub_spec spec = {operation, raw_event, SEDGE_ANY_CB(on_event), NULL, on_end, user, false};

    return sedge_client_subscribe(c, &spec, request_json, sub, err);
}

int sedge_ipc_subscribe_async(struct sedge_ipc_client *c, const char *operation, const char *request_json,
                              sedge_ipc_event_cb on_event, sedge_ipc_accept_cb on_accept, sedge_ipc_end_cb on_end,
                              void *user, sedge_ipc_sub_t *sub, struct sedge_ipc_err *err)
{
    struct sedge_sub_spec spec = {operation, raw_event, SEDGE_ANY_CB(on_event), on_accept, on_end, user, true};

    return sedge_client_subscribe(c, &spec, request_json, sub, err);
}

void sedge_ipc_unsubscribe(struct sedge_ipc_client *c, sedge_ipc_sub_t sub)
{
    struct sedge_call *k = sedge_call_of_sub(c, sub);

    if (!k) return;
    sedge_call_terminate(c, k->stream);
    sedge_client_flush(c);
    sedge_call_free(c, k);
    sedge_client_wake(c);
}
