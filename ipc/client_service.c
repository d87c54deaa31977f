/* Secrets, shadows, metrics, tokens, client devices. */
#include "client.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

/* ---- secrets ---- */

static int secret_value(struct json_object *o, void **data, size_t *size, struct sedge_ipc_err *err)
{
    struct json_object *value = sedge_json_obj(o, "secretValue");
    struct json_object *text = sedge_json_get(value, "secretString");
    char *bytes = NULL;

    if (!json_object_is_type(text, json_type_string)) {
        if (sedge_client_blob(value, "secretBinary", &bytes, size, err)) return -1;
    } else {
        *size = (size_t)json_object_get_string_len(text);
        bytes = sedge_xcalloc(1, *size + 1);
        memcpy(bytes, json_object_get_string(text), *size);
    }
    *data = bytes;
    return 0;
}

int sedge_ipc_get_secret(struct sedge_ipc_client *c, const char *secret_id, const char *version_id, const char *stage,
                         void **data, size_t *size, struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    sedge_auto_put struct json_object *o = NULL;

    *data = NULL;
    *size = 0;
    if (sedge_need("secret", secret_id, err)) return -1;
    sedge_req_open(&b);
    sedge_req_text(&b, "secretId", secret_id);
    sedge_req_text(&b, "versionId", version_id);
    sedge_req_text(&b, "versionStage", stage);
    o = sedge_client_ask(c, "GetSecretValue", sedge_req_close(&b), err);
    return o ? secret_value(o, data, size, err) : -1;
}

void sedge_ipc_free_secret(void *data, size_t size)
{
    if (data) explicit_bzero(data, size);
    free(data);
}

/* ---- shadows ---- */

static struct json_object *ask_shadow(struct sedge_ipc_client *c, const char *operation, const char *thing,
                                      const char *shadow, const char *document, struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    if (sedge_need("thing", thing, err)) return NULL;
    sedge_req_open(&b);
    sedge_req_text(&b, "thingName", thing);
    sedge_req_text(&b, "shadowName", shadow);
    if (document) sedge_req_blob(&b, "payload", document, strlen(document));
    return sedge_client_ask(c, operation, sedge_req_close(&b), err);
}

static int shadow_document(struct json_object *o, char **document, struct sedge_ipc_err *err)
{
    size_t size;

    return sedge_client_blob(o, "payload", document, &size, err);
}

int sedge_ipc_get_shadow(struct sedge_ipc_client *c, const char *thing, const char *shadow, char **document_json,
                         struct sedge_ipc_err *err)
{
    sedge_auto_put struct json_object *o = ask_shadow(c, "GetThingShadow", thing, shadow, NULL, err);

    *document_json = NULL;
    return o ? shadow_document(o, document_json, err) : -1;
}

int sedge_ipc_update_shadow(struct sedge_ipc_client *c, const char *thing, const char *shadow,
                            const char *document_json, char **accepted_json, struct sedge_ipc_err *err)
{
    sedge_auto_put struct json_object *o = NULL;

    if (accepted_json) *accepted_json = NULL;
    if (sedge_need("document", document_json, err)) return -1;
    o = ask_shadow(c, "UpdateThingShadow", thing, shadow, document_json, err);
    if (!o) return -1;
    return accepted_json ? shadow_document(o, accepted_json, err) : 0;
}

int sedge_ipc_delete_shadow(struct sedge_ipc_client *c, const char *thing, const char *shadow,
                            struct sedge_ipc_err *err)
{
    sedge_auto_put struct json_object *o = ask_shadow(c, "DeleteThingShadow", thing, shadow, NULL, err);

    return o ? 0 : -1;
}

/* One page. The token of the next one in *next, NULL after the last. */
static int list_page(struct sedge_ipc_client *c, const char *thing, char **next, struct sedge_strv *names,
                     struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    sedge_auto_free char *token = sedge_steal(next);
    sedge_auto_put struct json_object *o = NULL;
    struct json_object *results;

    sedge_req_open(&b);
    sedge_req_text(&b, "thingName", thing);
    sedge_req_text(&b, "nextToken", token);
    o = sedge_client_ask(c, "ListNamedShadowsForThing", sedge_req_close(&b), err);
    if (!o) return -1;
    results = sedge_json_arr(o, "results");
    for (size_t i = 0; results && i < json_object_array_length(results); i++) {
        struct json_object *name = json_object_array_get_idx(results, i);

        if (sedge_json_is_str(name)) sedge_strv_add(names, json_object_get_string(name));
    }
    *next = sedge_xstrdup(sedge_json_str(o, "nextToken", NULL));
    return 0;
}

static char **names_block(const struct sedge_strv *names)
{
    size_t texts = 0;
    char **block, *at;

    for (size_t i = 0; i < names->n; i++)
        texts += strlen(names->v[i]) + 1;
    block = sedge_xcalloc(1, (names->n + 1) * sizeof *block + texts);
    at = (char *)(block + names->n + 1);
    for (size_t i = 0; i < names->n; i++) {
        block[i] = at;
        at = stpcpy(at, names->v[i]) + 1;
    }
    return block;
}

int sedge_ipc_list_shadows(struct sedge_ipc_client *c, const char *thing, char ***names, struct sedge_ipc_err *err)
{
    sedge_auto_strv struct sedge_strv all = {NULL, 0};
    sedge_auto_free char *next = NULL;

    *names = NULL;
    if (sedge_need("thing", thing, err)) return -1;
    do {
        size_t before = all.n;

        if (list_page(c, thing, &next, &all, err)) return -1;
        if (all.n == before) break; /* a last page may be empty */
    } while (next);
    *names = names_block(&all);
    return 0;
}

/* ---- metrics ---- */

int sedge_ipc_put_metric(struct sedge_ipc_client *c, const char *name, const char *unit, double value,
                         struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    sedge_auto_put struct json_object *number = json_object_new_double(value);

    if (sedge_need("metric", name, err) || sedge_need("unit", unit, err)) return -1;
    if (!isfinite(value)) return sedge_client_fail(err, SEDGE_IPC_E_ARGUMENT, "metric %s: not a number", name);
    sedge_req_open(&b);
    sedge_req_key(&b, "metrics");
    sedge_buf_putc(&b, '[');
    sedge_req_open(&b);
    sedge_req_text(&b, "name", name);
    sedge_req_text(&b, "unit", unit);
    sedge_req_raw(&b, "value", sedge_json_text(number));
    (void)sedge_req_close(&b);
    sedge_buf_putc(&b, ']');
    return sedge_ipc_call(c, "PutComponentMetric", sedge_req_close(&b), NULL, err);
}

/* ---- tokens ---- */

int sedge_ipc_create_debug_password(struct sedge_ipc_client *c, char **username, char **password, long long *expires_ms,
                                    struct sedge_ipc_err *err)
{
    sedge_auto_put struct json_object *o = sedge_client_ask(c, "CreateDebugPassword", NULL, err);
    const char *name = sedge_json_str(o, "username", NULL), *word = sedge_json_str(o, "password", NULL);
    size_t n;

    *username = *password = NULL;
    if (!o) return -1;
    if (!name || !word)
        return sedge_client_fail(err, SEDGE_IPC_E_PROTOCOL, "the nucleus answered without name and password");
    n = strlen(name) + 1;
    *username = sedge_xcalloc(1, n + strlen(word) + 1);
    memcpy(*username, name, n);
    *password = memcpy(*username + n, word, strlen(word) + 1);
    if (expires_ms) *expires_ms = llround(sedge_json_double(o, "passwordExpiration", 0) * 1000);
    return 0;
}

/* The truth of one member of an answer: 1, 0 or -1. */
static int truth(struct json_object *o, const char *key, struct sedge_ipc_err *err)
{
    if (!o) return -1;
    if (json_object_is_type(sedge_json_get(o, key), json_type_boolean)) return sedge_json_bool(o, key, false) ? 1 : 0;
    return sedge_client_fail(err, SEDGE_IPC_E_PROTOCOL, "the nucleus answered without \"%s\"", key);
}

int sedge_ipc_validate_token(struct sedge_ipc_client *c, const char *token, struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    sedge_auto_put struct json_object *o = NULL;
    struct sedge_ipc_err e = {.code = SEDGE_IPC_OK};

    if (sedge_need("token", token, err)) return -1;
    sedge_req_open(&b);
    sedge_req_text(&b, "token", token);
    o = sedge_client_ask(c, "ValidateAuthorizationToken", sedge_req_close(&b), &e);
    if (o) return truth(o, "isValid", err);
    if (e.code == SEDGE_IPC_E_REMOTE && strcmp(e.name, "InvalidTokenError") == 0) return 0;
    if (err) *err = e;
    return -1;
}

/* ---- client devices ---- */

int sedge_ipc_verify_client_device(struct sedge_ipc_client *c, const char *certificate_pem, struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    sedge_auto_put struct json_object *o = NULL;

    if (sedge_need("certificate", certificate_pem, err)) return -1;
    sedge_req_open(&b);
    sedge_req_key(&b, "credential");
    sedge_req_open(&b);
    sedge_req_text(&b, "clientDeviceCertificate", certificate_pem);
    (void)sedge_req_close(&b);
    o = sedge_client_ask(c, "VerifyClientDeviceIdentity", sedge_req_close(&b), err);
    return truth(o, "isValidClientDevice", err);
}

int sedge_ipc_client_device_token(struct sedge_ipc_client *c, const char *client_id, const char *certificate_pem,
                                  const char *username, const char *password, char **token, struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    sedge_auto_put struct json_object *o = NULL;

    *token = NULL;
    sedge_req_open(&b);
    sedge_req_key(&b, "credential");
    sedge_req_open(&b);
    sedge_req_key(&b, "mqttCredential");
    sedge_req_open(&b);
    sedge_req_text(&b, "clientId", client_id);
    sedge_req_text(&b, "certificatePem", certificate_pem);
    sedge_req_text(&b, "username", username);
    sedge_req_text(&b, "password", password);
    sedge_buf_puts(&b, "}}");
    o = sedge_client_ask(c, "GetClientDeviceAuthToken", sedge_req_close(&b), err);
    if (!o) return -1;
    *token = sedge_xstrdup(sedge_json_str(o, "clientDeviceAuthToken", NULL));
    return *token ? 0 : sedge_client_fail(err, SEDGE_IPC_E_PROTOCOL, "the nucleus answered without a token");
}

int sedge_ipc_authorize_client_device(struct sedge_ipc_client *c, const char *token, const char *operation,
                                      const char *resource, struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    sedge_auto_put struct json_object *o = NULL;

    sedge_req_open(&b);
    sedge_req_text(&b, "clientDeviceAuthToken", token);
    sedge_req_text(&b, "operation", operation);
    sedge_req_text(&b, "resource", resource);
    o = sedge_client_ask(c, "AuthorizeClientDeviceAction", sedge_req_close(&b), err);
    return truth(o, "isAuthorized", err);
}

static int certificate_event(sedge_any_cb callback, const char *json, size_t size, void *user)
{
    sedge_auto_put struct json_object *o = sedge_json_parse_object(json, size, "event", NULL);
    struct json_object *e = sedge_json_obj(o, "certificateUpdate"), *list = sedge_json_arr(e, "caCertificates");
    size_t n = list ? json_object_array_length(list) : 0;
    sedge_auto_free const char **cas = sedge_xcalloc(n + 1, sizeof *cas);
    struct sedge_ipc_certificate cert = {.ca_certificates = cas};

    if (!e) return -1;
    for (size_t i = 0; i < n; i++) {
        struct json_object *one = json_object_array_get_idx(list, i);

        cas[i] = sedge_json_is_str(one) ? json_object_get_string(one) : "";
    }
    cert.private_key = sedge_json_str(e, "privateKey", "");
    cert.public_key = sedge_json_str(e, "publicKey", "");
    cert.certificate = sedge_json_str(e, "certificate", "");
    if (callback) SEDGE_AS_CB(sedge_ipc_certificate_cb, callback)(&cert, user);
    return 0;
}

int sedge_ipc_subscribe_certificate(struct sedge_ipc_client *c, sedge_ipc_certificate_cb on_certificate,
                                    sedge_ipc_end_cb on_end, void *user, sedge_ipc_sub_t *sub,
                                    struct sedge_ipc_err *err)
{
    struct sedge_sub_spec spec = {
        "SubscribeToCertificateUpdates", certificate_event, SEDGE_ANY_CB(on_certificate), NULL, on_end, user, false};

    return sedge_client_subscribe(c, &spec, "{\"certificateOptions\":{\"certificateType\":\"SERVER\"}}", sub, err);
}
