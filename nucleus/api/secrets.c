/* GetSecretValue, and what `sedge secret` asks for (spec/ipc-operations.md 9). */
#include "internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "secret/arn.h"
#include "secret/secret.h"

#include <string.h>

#define MANAGER       "aws.greengrass.SecretManager"
#define CLOUD_SECRETS SEDGE_PATH("services", MANAGER, "configuration", "cloudSecrets")

/* ---- what is configured ---- */

/* Entries of cloudSecrets: {"arn", "labels"}. New reference; NULL when there are none. */
static struct json_object *configured(struct sedge_api *api)
{
    struct json_object *list = NULL;

    (void)sedge_config_get(api->o.config, CLOUD_SECRETS, 0, &list);
    if (json_object_is_type(list, json_type_array)) return list;
    (void)json_object_put(list);
    return NULL;
}

static size_t count(struct json_object *list)
{
    return list ? json_object_array_length(list) : 0;
}

/* The ARN that a friendly name stands for by configuration; heap, NULL for none. */
static char *configured_arn(struct sedge_api *api, const char *name)
{
    sedge_auto_put struct json_object *list = configured(api);

    for (size_t i = 0; i < count(list); i++) {
        const char *arn = sedge_json_str(json_object_array_get_idx(list, i), "arn", "");
        if (sedge_secret_arn_has_name(arn, name)) return sedge_xstrdup(arn);
    }
    return NULL;
}

static void tell_missing_labels(const struct sedge_secret *x, struct json_object *labels)
{
    for (size_t i = 0; i < count(labels); i++) {
        struct json_object *label = json_object_array_get_idx(labels, i);
        if (sedge_json_is_str(label) && !sedge_secret_labelled(x, json_object_get_string(label)))
            sedge_log(SEDGE_WARN, "secret", "configured-label-missing",
                      "%s is configured with the label %s, which none of its versions here has", x->arn,
                      json_object_get_string(label));
    }
}

/* There is no cloud to fetch from: what is configured and not here is told once for each configuration. */
void sedge_api_check_secrets(struct sedge_api *api)
{
    sedge_auto_put struct json_object *list = configured(api);

    for (size_t i = 0; sedge_secrets_is_open(api->o.secrets) && i < count(list); i++) {
        struct json_object *entry = json_object_array_get_idx(list, i);
        const char *arn = sedge_json_str(entry, "arn", "");
        const struct sedge_secret *x = sedge_secrets_find(api->o.secrets, arn);
        if (x)
            tell_missing_labels(x, sedge_json_arr(entry, "labels"));
        else
            sedge_log(SEDGE_WARN, "secret", "configured-secret-missing",
                      "%s is in cloudSecrets of " MANAGER " and not in the store of this device: set it with "
                      "sedge secret set %s",
                      arn, arn);
    }
}

/* ---- reading ---- */

struct reading {
    struct sedge_ipc_stream *stream; /* a reference */
    char *arn;
    char *version_id;
    struct json_object *labels;
    bool binary;
};

static struct json_object *labels_of(const struct sedge_secret_version *v)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < v->labels.n; i++)
        (void)json_object_array_add(list, json_object_new_string(v->labels.v[i]));
    return list;
}

static void free_reading(struct reading *r)
{
    sedge_ipc_stream_unref(r->stream);
    (void)json_object_put(r->labels);
    free(r->arn);
    free(r->version_id);
    free(r);
}

static struct json_object *value_object(const char *data, size_t len, bool binary)
{
    struct json_object *value = json_object_new_object();
    struct sedge_buf text = SEDGE_BUF_INIT;

    if (!binary) {
        (void)json_object_object_add(value, "secretString", json_object_new_string_len(data, (int)len));
        return value;
    }
    sedge_buf_reserve(&text, len / 3 * 4 + 8);
    sedge_base64_encode(&text, data, len);
    sedge_json_add_str(value, "secretBinary", text.data);
    sedge_buf_wipe(&text);
    return value;
}

static void answer_value(struct reading *r, const char *data, size_t len)
{
    sedge_auto_put struct json_object *o = json_object_new_object();
    const char *text;

    sedge_json_add_str(o, "secretId", r->arn);
    sedge_json_add_str(o, "versionId", r->version_id);
    (void)json_object_object_add(o, "versionStage", sedge_steal(&r->labels));
    (void)json_object_object_add(o, "secretValue", value_object(data, len, r->binary));
    text = sedge_json_text(o);
    (void)sedge_ipc_respond(r->stream, text); /* a stream that is over by now needs no answer */
    sedge_wipe_text(text, strlen(text));
    sedge_json_wipe(o);
}

static void value_cb(void *arg, const char *data, size_t len, const struct sedge_err *err)
{
    struct reading *r = arg;

    if (data) {
        answer_value(r, data, len);
    } else {
        sedge_log(SEDGE_ERROR, "secret", "unreadable", "%s", err->msg);
        sedge_api_error(r->stream, "ServiceError", "%s", err->msg);
    }
    free_reading(r);
}

static void read_value(struct sedge_api *api, struct sedge_ipc_stream *s, const struct sedge_secret *x,
                       const struct sedge_secret_version *v)
{
    struct reading *r = SEDGE_NEW(struct reading);

    *r =
        (struct reading){sedge_ipc_stream_ref(s), sedge_xstrdup(x->arn), sedge_xstrdup(v->id), labels_of(v), v->binary};
    if (sedge_secrets_read(api->o.secrets, x, v, value_cb, r, NULL) == 0) return;
    sedge_api_error(s, "ServiceError", "Unable to queue request");
    free_reading(r);
}

static void not_found(struct sedge_ipc_stream *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void not_found(struct sedge_ipc_stream *s, const char *fmt, ...)
{
    sedge_auto_free char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0) text = NULL;
    va_end(ap);
    sedge_api_not_found(s, "secret", NULL, text);
}

/* The ARN that is meant; heap. NULL: nothing here or in the configuration has that name. */
static char *arn_of(struct sedge_api *api, const char *id)
{
    const struct sedge_secret *x = sedge_secrets_find(api->o.secrets, id);

    if (x) return sedge_xstrdup(x->arn);
    return sedge_secret_is_arn(id) ? sedge_xstrdup(id) : configured_arn(api, id);
}

/* The version that the request asks for; otherwise the error is answered. `x` may be NULL: not held. */
static const struct sedge_secret_version *wanted(struct sedge_ipc_stream *s, struct json_object *request,
                                                 const struct sedge_secret *x)
{
    const char *id = sedge_json_str(request, "secretId", "");
    const char *version_id = sedge_json_str(request, "versionId", "");
    const char *stage = sedge_json_str(request, "versionStage", "");
    const struct sedge_secret_version *v = NULL;

    if (*version_id && *stage) {
        sedge_api_error(s, "ServiceError", "Both versionId and Stage are set in the request");
        return NULL;
    }
    if (x && *version_id)
        v = sedge_secret_version(x, version_id);
    else if (x)
        v = sedge_secret_labelled(x, *stage ? stage : SEDGE_SECRET_CURRENT);
    if (v) return v;
    if (*version_id)
        not_found(s, "Version Id %s not found for secret %s", version_id, id);
    else if (*stage)
        not_found(s, "Version stage %s not found for secret %s", stage, id);
    else
        not_found(s, "Secret not found %s", id);
    return NULL;
}

/* A request that waits for the store, which could not be opened so far: the disk was full, perhaps. */
typedef void (*secret_op)(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
struct waiting {
    struct sedge_api *api;
    struct sedge_ipc_stream *stream; /* a reference */
    struct json_object *request;     /* likewise */
    secret_op op;
};

static void opened_cb(void *arg, const struct sedge_err *err)
{
    struct waiting *w = arg;
    struct sedge_api *api = w->api;

    if (sedge_secrets_is_open(api->o.secrets)) {
        w->op(api, w->stream, w->request);
    } else {
        sedge_log(SEDGE_ERROR, "secret", "store-closed", "%s", err->msg);
        sedge_api_error(w->stream, "ServiceError", "The store of secrets could not be opened: %s", err->msg);
        sedge_json_wipe(w->request);
    }
    sedge_ipc_stream_unref(w->stream);
    (void)json_object_put(w->request);
    free(w);
    api->calls--;
    sedge_api_call_ended(api);
}

/* false: `op` is called again when the store is open, or the error is answered. */
static bool has_store(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request, secret_op op)
{
    struct waiting *w;

    if (sedge_secrets_is_open(api->o.secrets)) return true;
    w = SEDGE_NEW(struct waiting);
    *w = (struct waiting){api, sedge_ipc_stream_ref(s), json_object_get(request), op};
    api->calls++;
    sedge_secrets_open_again(api->o.secrets, opened_cb, w);
    return false;
}

/* With `refresh`, too, it is the stored copy that counts: there is no cloud to fetch from. */
void sedge_op_get_secret(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    const char *id = sedge_json_str(request, "secretId", "");
    sedge_auto_free char *arn = NULL;
    const struct sedge_secret_version *v;
    const struct sedge_secret *x;

    if (!*id) {
        sedge_api_error(s, "ServiceError", "SecretId absent in the request");
        return;
    }
    if (!has_store(api, s, request, sedge_op_get_secret)) return;
    arn = arn_of(api, id);
    if (!arn) {
        not_found(s, "Secret not configured %s", id);
        return;
    }
    if (sedge_api_authorize(api, s, arn, NULL) != 0) return;
    x = sedge_secrets_find(api->o.secrets, arn);
    v = wanted(s, request, x);
    if (v) read_value(api, s, x, v);
}

/* ---- administration, for command-line users ---- */

static void fail(struct sedge_ipc_stream *s, const struct sedge_err *err)
{
    if (err->code == SEDGE_E_NOT_FOUND)
        sedge_api_not_found(s, "secret", NULL, err->msg);
    else
        (void)sedge_ipc_error(s,
                              err->code == SEDGE_E_INVALID || err->code == SEDGE_E_LIMIT ? "InvalidArgumentsError"
                              : err->code == SEDGE_E_CONFLICT                            ? "ConflictError"
                                                                                         : "ServiceError",
                              err->msg, NULL);
}

static struct json_object *describe_version(const struct sedge_secret_version *v)
{
    struct json_object *o = json_object_new_object();

    sedge_json_add_str(o, "versionId", v->id);
    (void)json_object_object_add(o, "labels", labels_of(v));
    sedge_json_add_bool(o, "binary", v->binary);
    sedge_json_add_i64(o, "createdOn", v->created_ms);
    return o;
}

static struct json_object *describe(const struct sedge_secret *x)
{
    struct json_object *o = json_object_new_object();
    struct json_object *versions = json_object_new_array();

    sedge_json_add_str(o, "name", x->name);
    sedge_json_add_str(o, "arn", x->arn);
    sedge_json_add_i64(o, "createdOn", x->created_ms);
    for (size_t i = 0; i < x->n; i++)
        (void)json_object_array_add(versions, describe_version(&x->versions[i]));
    (void)json_object_object_add(o, "versions", versions);
    return o;
}

struct changing {
    struct sedge_ipc_stream *stream; /* a reference */
    const char *event;
};

static void changed_cb(void *arg, const struct sedge_secret *x, const struct sedge_secret_version *v,
                       const struct sedge_err *err)
{
    struct changing *c = arg;
    struct json_object *o;

    if (x) {
        sedge_log(SEDGE_INFO, "secret", c->event, "arn=%s version=%s by=%s", x->arn, v ? v->id : "all",
                  sedge_ipc_stream_identity(c->stream));
        o = json_object_new_object();
        sedge_json_add_str(o, "name", x->name);
        sedge_json_add_str(o, "arn", x->arn);
        if (v) sedge_json_add_str(o, "versionId", v->id);
        if (v) (void)json_object_object_add(o, "labels", labels_of(v));
        sedge_api_respond_take(c->stream, o);
    } else {
        fail(c->stream, err);
    }
    sedge_ipc_stream_unref(c->stream);
    free(c);
}

static struct changing *begin_change(struct sedge_ipc_stream *s, const char *event)
{
    struct changing *c = SEDGE_NEW(struct changing);

    *c = (struct changing){sedge_ipc_stream_ref(s), event};
    return c;
}

static void read_labels(struct json_object *request, struct sedge_strv *out)
{
    struct json_object *list = sedge_json_arr(request, "labels");

    for (size_t i = 0; i < count(list); i++)
        sedge_strv_add(out, json_object_get_string(json_object_array_get_idx(list, i)));
}

/* Without an ARN in the request, a new secret gets the one that is configured for its name. */
static void set(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request,
                struct sedge_secret_new *in)
{
    sedge_auto_strv struct sedge_strv labels = {NULL, 0};
    sedge_auto_free char *arn = NULL;

    in->name = sedge_json_str(request, "name", NULL);
    in->arn = sedge_json_str(request, "arn", NULL);
    in->version_id = sedge_json_str(request, "versionId", NULL);
    if (in->name && sedge_secret_is_arn(in->name)) {
        in->arn = in->name;
        in->name = NULL;
    }
    if (in->name && !in->arn && !sedge_secrets_find(api->o.secrets, in->name))
        in->arn = arn = configured_arn(api, in->name);
    read_labels(request, &labels);
    in->labels = &labels;
    sedge_secrets_set(api->o.secrets, in, changed_cb, begin_change(s, "secret-set"));
}

void sedge_op_set_secret(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    struct json_object *string = sedge_json_get(request, "secretString");
    struct json_object *binary = sedge_json_get(request, "secretBinary");
    struct sedge_buf value = SEDGE_BUF_INIT;

    if (!has_store(api, s, request, sedge_op_set_secret)) return;
    if (!string == !binary) {
        sedge_api_error(s, "InvalidArgumentsError", "Exactly one of secretString and secretBinary is required");
        return;
    }
    if (string) {
        size_t n = (size_t)json_object_get_string_len(string);
        sedge_buf_reserve(&value, n);
        sedge_buf_add(&value, json_object_get_string(string), n);
    } else {
        size_t n = (size_t)json_object_get_string_len(binary);
        sedge_buf_reserve(&value, n);
        (void)sedge_base64_decode(&value, json_object_get_string(binary), n, NULL); /* its form was checked before */
    }
    set(api, s, request, &(struct sedge_secret_new){.data = value.data, .len = value.len, .binary = binary != NULL});
    sedge_buf_wipe(&value);
    sedge_json_wipe(request);
}

void sedge_op_list_secrets(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    struct json_object *o, *list;

    if (!has_store(api, s, request, sedge_op_list_secrets)) return;
    o = json_object_new_object();
    list = json_object_new_array();
    for (size_t i = 0; i < sedge_secrets_count(api->o.secrets); i++)
        (void)json_object_array_add(list, describe(sedge_secrets_at(api->o.secrets, i)));
    (void)json_object_object_add(o, "secrets", list);
    sedge_api_respond_take(s, o);
}

void sedge_op_remove_secret(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    const char *id = sedge_json_str(request, "secretId", "");

    if (!has_store(api, s, request, sedge_op_remove_secret)) return;
    if (!*id)
        sedge_api_error(s, "InvalidArgumentsError", "secretId is required");
    else
        sedge_secrets_remove(api->o.secrets, id, sedge_json_str(request, "versionId", NULL), changed_cb,
                             begin_change(s, "secret-removed"));
}
