/* One request: its head is judged at once, its body is collected up to the limit, then its handler runs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "actor.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "http_internal.h"
#include "metrics.h"

struct request {
    struct sedge_http_request rq;
    struct sedge_err bad; /* of the target */
    const struct sedge_http_route *route;
    struct sedge_buf body;
    struct sedge_http_file file; /* in place of body */
    int64_t received;            /* bytes of the body */
    bool begun, answered;
    struct sedge_http_reply refusal; /* status 0: none; told when the body has been read */
    int64_t began_ms;
};

/* MHD hands the request line over before it takes it apart. */
void *sedge_http_on_target(void *cls, const char *uri, struct MHD_Connection *mc)
{
    struct request *r = SEDGE_NEW(struct request);

    (void)cls;
    (void)mc;
    r->file.fd = -1;
    r->began_ms = sedge_mono_ms();
    (void)sedge_http_target_parse(uri, &r->rq.target, &r->bad);
    return r;
}

static void free_request(struct request *r)
{
    sedge_http_target_release(&r->rq.target);
    sedge_strv_release(&r->rq.peer.groups);
    sedge_buf_release(&r->body);
    sedge_http_file_close(&r->file);
    sedge_http_reply_release(&r->refusal);
    free(r);
}

static struct sedge_http_connection *connection_of(struct MHD_Connection *mc)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mc, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

static struct MHD_Response *response_of(struct sedge_http_reply *re)
{
    const char *text = re->json ? sedge_json_text(re->json) : re->text.data ? re->text.data : "";
    size_t n = re->json ? strlen(text) : re->text.len;
    struct MHD_Response *resp = MHD_create_response_from_buffer(n, sedge_http_unconst(text), MHD_RESPMEM_MUST_COPY);

    return resp;
}

static void add_headers(struct MHD_Response *resp, const struct sedge_http_reply *re)
{
    char id[SEDGE_UUID_LEN + 1], seconds[16];

    sedge_uuid4(id);
    (void)MHD_add_response_header(resp, MHD_HTTP_HEADER_CONTENT_TYPE, re->type ? re->type : "application/json");
    (void)MHD_add_response_header(resp, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    (void)MHD_add_response_header(resp, "x-amzn-RequestId", id);
    if (re->error_type) (void)MHD_add_response_header(resp, "x-amzn-ErrorType", re->error_type);
    if (re->status == MHD_HTTP_UNAUTHORIZED)
        (void)MHD_add_response_header(resp, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    if (re->retry_after) {
        (void)snprintf(seconds, sizeof(seconds), "%d", re->retry_after);
        (void)MHD_add_response_header(resp, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    }
}

static void record(struct sedge_http *h, const struct request *r, const struct sedge_http_reply *re)
{
    const char *op = r->route ? r->route->operation : "unknown";
    int64_t ms = sedge_mono_ms() - r->began_ms;
    const char *message = re->error_type ? sedge_json_str(re->json, "message", "") : "";

    sedge_metrics_request(h->name, op, re->status, ms);
    sedge_log(re->status >= 500 ? SEDGE_ERROR : SEDGE_DEBUG, "http", h->name, "%s who=%s status=%d ms=%lld %s", op,
              r->rq.peer.who[0] ? r->rq.peer.who : "-", re->status, (long long)ms, message);
}

static enum MHD_Result answer(struct sedge_http *h, struct MHD_Connection *mc, struct request *r,
                              struct sedge_http_reply *re)
{
    struct MHD_Response *resp = response_of(re);
    enum MHD_Result rc = MHD_NO;

    r->answered = true;
    sedge_http_file_close(&r->file); /* who has the answer finds no rest of it */
    record(h, r, re);
    if (resp) {
        add_headers(resp, re);
        rc = MHD_queue_response(mc, (unsigned)re->status, resp);
        MHD_destroy_response(resp);
    }
    sedge_http_reply_release(re);
    return rc;
}

/* The route of the request; NULL with the answer in re. */
static const struct sedge_http_route *route_of(const struct sedge_http *h, struct request *r, const char *method,
                                               struct sedge_http_reply *re)
{
    bool other_method = false;

    for (const struct sedge_http_route *x = h->o.routes; x->method; x++) {
        if (!sedge_http_match(&r->rq.target, x->pattern, r->rq.args)) continue;
        if (strcmp(x->method, method) == 0) return x;
        other_method = true;
    }
    if (other_method)
        sedge_http_fail_with(re, MHD_HTTP_METHOD_NOT_ALLOWED, "ValidationException",
                             "this path exists, but not with this method");
    else
        sedge_http_fail_with(re, MHD_HTTP_NOT_FOUND, "ResourceNotFoundException", "there is no such path");
    return NULL;
}

static void refuse(struct sedge_http_reply *re, const struct sedge_http_proof *proof, const struct sedge_err *err)
{
    bool shown = proof->cn || proof->bearer || proof->local;

    sedge_http_fail(re, err);
    if (err->code == SEDGE_E_LIMIT) sedge_http_fail_with(re, 429, "ThrottlingException", err->msg);
    if (err->code == SEDGE_E_DENIED && !shown)
        sedge_http_fail_with(re, MHD_HTTP_UNAUTHORIZED, "AccessDeniedException", err->msg);
}

/* Who asks, and may they. */
static int admit(struct sedge_http *h, struct MHD_Connection *mc, struct request *r, struct sedge_http_reply *re)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_http_proof proof;
    struct sedge_cloud *c = sedge_http_context_take(h);
    int rc;

    sedge_http_prove(h, mc, connection_of(mc), &proof);
    rc = h->o.identify(h->o.user, c, &proof, &r->rq.peer, &err);
    sedge_http_context_give(h, c);
    if (rc == 0 && r->route && (r->route->role & ~(unsigned)SEDGE_HTTP_TO_FILE & ~r->rq.peer.role))
        rc = sedge_err_set(&err, SEDGE_E_DENIED, "%s may not do this (%s)", r->rq.peer.who, r->route->operation);
    if (rc != 0) refuse(re, &proof, &err);
    return rc;
}

static int64_t announced(struct MHD_Connection *mc)
{
    const char *text = MHD_lookup_connection_value(mc, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    int64_t n = 0;

    return text && sedge_str_to_i64(text, 0, INT64_MAX, &n, NULL) == 0 ? n : 0;
}

static bool to_file(const struct request *r)
{
    return r->route && (r->route->role & (unsigned)SEDGE_HTTP_TO_FILE);
}

static int64_t limit_of(const struct sedge_http *h, const struct request *r)
{
    return to_file(r) ? h->o.file_max : (int64_t)h->o.body_max;
}

static void too_large(const struct sedge_http *h, const struct request *r, struct sedge_http_reply *re)
{
    sedge_auto_free char *text = sedge_xasprintf("the body may have %lld bytes", (long long)limit_of(h, r));

    sedge_http_fail_with(re, MHD_HTTP_CONTENT_TOO_LARGE, "ValidationException", text);
}

/* A client that still sends its body would not see an answer: the body is read and forgotten first. */
static enum MHD_Result refuse_later(struct sedge_http *h, struct MHD_Connection *mc, struct request *r,
                                    struct sedge_http_reply *re)
{
    int64_t n = announced(mc);

    if (n == 0 || n > limit_of(h, r)) return answer(h, mc, r, re);
    r->refusal = *re;
    return MHD_YES;
}

/* The head is here. Who is not known learns nothing about paths. */
static enum MHD_Result begin(struct sedge_http *h, struct MHD_Connection *mc, struct request *r, const char *method)
{
    struct sedge_http_reply re = {.status = 200};
    struct sedge_err err = SEDGE_ERR_INIT;

    r->begun = true;
    if (r->bad.code == SEDGE_OK) r->route = route_of(h, r, method, &re);
    if (admit(h, mc, r, &re) != 0) return refuse_later(h, mc, r, &re);
    if (r->bad.code != SEDGE_OK) sedge_http_fail(&re, &r->bad);
    if (!r->route) return refuse_later(h, mc, r, &re);
    if (announced(mc) > limit_of(h, r)) {
        too_large(h, r, &re);
        return answer(h, mc, r, &re);
    }
    if (to_file(r) && sedge_http_file_open(&r->file, h->dir, &err) != 0) {
        sedge_http_fail(&re, &err);
        return refuse_later(h, mc, r, &re);
    }
    return MHD_YES;
}

static enum MHD_Result finish(struct sedge_http *h, struct MHD_Connection *mc, struct request *r, const char *method)
{
    struct sedge_http_reply re = {.status = 200};
    struct sedge_err err = SEDGE_ERR_INIT;

    if (r->received > limit_of(h, r)) {
        too_large(h, r, &re);
        return answer(h, mc, r, &re);
    }
    if (r->file.fd >= 0 && sedge_http_file_sync(&r->file, &err) != 0) {
        sedge_http_fail(&re, &err);
        return answer(h, mc, r, &re);
    }
    sedge_buf_puts(&r->body, "");
    r->rq.method = method;
    r->rq.body = r->body.data;
    r->rq.nbody = r->body.len;
    r->rq.file = r->file.path;
    r->rq.nfile = r->received;
    r->rq.cloud = sedge_http_context_take(h);
    sedge_actor_set(r->rq.peer.who);
    r->route->handle(h->o.user, &r->rq, &re);
    sedge_actor_set(NULL);
    sedge_http_context_give(h, r->rq.cloud);
    return answer(h, mc, r, &re);
}

static void touch(struct sedge_http *h, struct MHD_Connection *mc)
{
    struct sedge_http_connection *c = connection_of(mc);

    if (!c) return;
    (void)pthread_mutex_lock(&h->lock);
    c->since_ms = sedge_mono_ms();
    (void)pthread_mutex_unlock(&h->lock);
}

/* A piece of the body. What comes beyond the limit, or after a refusal, is forgotten. */
static void take(struct sedge_http *h, struct MHD_Connection *mc, struct request *r, const char *data, size_t n)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    if (r->refusal.status || r->received > limit_of(h, r)) return;
    r->received += (int64_t)n;
    if (r->file.fd < 0) {
        sedge_buf_add(&r->body, data, n);
        return;
    }
    touch(h, mc); /* large files take their time */
    if (sedge_http_file_add(&r->file, data, n, &err) != 0) sedge_http_fail(&r->refusal, &err);
}

enum MHD_Result sedge_http_on_request(void *cls, struct MHD_Connection *mc, const char *url, const char *method,
                                      const char *version, const char *data, size_t *ndata, void **state)
{
    struct request *r = *state;

    (void)url;
    (void)version;
    if (!r) return MHD_NO;
    if (!r->begun) return begin(cls, mc, r, method);
    if (r->answered) {
        *ndata = 0;
        return MHD_YES;
    }
    if (*ndata == 0 && r->refusal.status) return answer(cls, mc, r, &r->refusal);
    if (*ndata == 0) return finish(cls, mc, r, method);
    take(cls, mc, r, data, *ndata);
    *ndata = 0;
    return MHD_YES;
}

void sedge_http_on_completed(void *cls, struct MHD_Connection *mc, void **state, enum MHD_RequestTerminationCode why)
{
    (void)why;
    if (*state) free_request(*state);
    *state = NULL;
    touch(cls, mc);
}
