#include "settings.h"

#include <openssl/crypto.h>
#include <stddef.h>
#include <string.h>

#include "../protocol.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

struct line {
    struct json_object *store, *plane;
    char *op;
    struct sedge_settings s;
};

#define F(name, type, min, max, member)                                                                                \
    {                                                                                                                  \
        name, type, false, min, max, offsetof(struct line, member)                                                     \
    }
static const struct sedge_jfield line_fields[] = {
    F("op", SEDGE_J_STR, 0, 16, op),
    F("objectStore", SEDGE_J_OBJ, 0, 0, store),
    F("dataPlane", SEDGE_J_OBJ, 0, 0, plane),
    F("parallel", SEDGE_J_INT, 1, SEDGE_FETCH_PARALLEL_MAX, s.parallel),
    F("caFile", SEDGE_J_STR, 0, 4096, s.ca_file),
    F("proxy", SEDGE_J_STR, 0, 4096, s.proxy),
    F("proxyCaFile", SEDGE_J_STR, 0, 4096, s.proxy_ca),
    F("noProxy", SEDGE_J_STR, 0, 4096, s.no_proxy),
    F("user", SEDGE_J_STR, 0, 256, s.user),
    F("attempts", SEDGE_J_INT, 1, 100, s.attempts),
    F("retryBaseMs", SEDGE_J_INT, 1, 3600000, s.retry_base_ms),
    F("retryMaxMs", SEDGE_J_INT, 1, 3600000, s.retry_max_ms),
    F("connectTimeoutMs", SEDGE_J_INT, 1, 86400000, s.connect_timeout_ms),
    F("stallTimeoutMs", SEDGE_J_INT, 1000, 86400000, s.stall_timeout_ms),
    F("minFreeBytes", SEDGE_J_INT, 0, 1LL << 50, s.min_free),
};
#undef F

#define F(name, type, max, member)                                                                                     \
    {                                                                                                                  \
        name, type, false, 0, max, offsetof(struct sedge_settings, member)                                             \
    }
static const struct sedge_jfield store_fields[] = {
    F("endpoint", SEDGE_J_STR, 2048, endpoint),          F("region", SEDGE_J_STR, 64, region),
    F("pathStyle", SEDGE_J_BOOL, 0, path_style),         F("accessKeyId", SEDGE_J_STR, 1024, access_key),
    F("secretAccessKey", SEDGE_J_STR, 4096, secret_key), F("sessionToken", SEDGE_J_STR, 16384, session_token),
};
#undef F

#define F(name, max, member)                                                                                           \
    {                                                                                                                  \
        name, SEDGE_J_STR, false, 0, max, offsetof(struct sedge_plane, member)                                         \
    }
static const struct sedge_jfield plane_fields[] = {
    F("url", 2048, url),        F("certFile", 4096, cert_file), F("keyFile", 4096, key_file),
    F("caFile", 4096, ca_file), F("alpn", 255, alpn),           F("thingHeader", 128, thing),
};
#undef F

static void drop_secret(char **p)
{
    if (*p) OPENSSL_cleanse(*p, strlen(*p));
    free(*p);
    *p = NULL;
}

/* An empty text counts as absent. */
static void drop_empty(char **p)
{
    if (*p && !**p) {
        free(*p);
        *p = NULL;
    }
}

static int check_endpoint(struct sedge_settings *s, struct sedge_err *err)
{
    size_t n;

    if (!s->endpoint) {
        s->endpoint = sedge_xasprintf("https://s3.%s.amazonaws.com", s->region);
        return 0;
    }
    s->endpoint_given = true;
    for (n = strlen(s->endpoint); n > 0 && s->endpoint[n - 1] == '/'; n--)
        s->endpoint[n - 1] = 0;
    if ((sedge_str_starts(s->endpoint, "http://") || sedge_str_starts(s->endpoint, "https://")) &&
        !strpbrk(s->endpoint, " ?#@\t\n"))
        return 0;
    return sedge_err_set(err, SEDGE_E_INVALID,
                         "objectStore.endpoint \"%s\" is not a URL: expected http://HOST:PORT or https://HOST",
                         s->endpoint);
}

static int check_region(struct sedge_settings *s, struct sedge_err *err)
{
    if (!s->region) s->region = sedge_xstrdup("us-east-1");
    if (strspn(s->region, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == strlen(s->region))
        return 0;
    return sedge_err_set(err, SEDGE_E_INVALID, "objectStore.region \"%s\" is not a region: expected e.g. us-east-1",
                         s->region);
}

static int complete(struct sedge_settings *s, struct json_object *store, struct sedge_err *err)
{
    drop_empty(&s->endpoint);
    drop_empty(&s->region);
    drop_empty(&s->access_key);
    drop_empty(&s->secret_key);
    drop_empty(&s->session_token);
    drop_empty(&s->ca_file);
    drop_empty(&s->proxy);
    drop_empty(&s->proxy_ca);
    drop_empty(&s->no_proxy);
    drop_empty(&s->user);
    if (check_region(s, err) || check_endpoint(s, err)) return -1;
    if (!sedge_json_has(store, "pathStyle")) s->path_style = s->endpoint_given;
    if (!s->access_key != !s->secret_key)
        return sedge_err_set(
            err, SEDGE_E_INVALID, "system.objectStore has %s without %s: set both, or none for an open bucket",
            s->access_key ? "accessKeyId" : "secretAccessKey", s->access_key ? "secretAccessKey" : "accessKeyId");
    sedge_plane_load(&s->plane);
    return s->access_key ? 0 : sedge_credentials_find(s, err);
}

int sedge_settings_init(struct sedge_settings *s, struct json_object *config, struct sedge_err *err)
{
    struct line l = {.s = {.parallel = SEDGE_FETCH_PARALLEL,
                           .attempts = 6,
                           .retry_base_ms = 500,
                           .retry_max_ms = 20000,
                           .connect_timeout_ms = 10000,
                           .stall_timeout_ms = 30000,
                           .min_free = SEDGE_FETCH_MIN_FREE}};
    int rc = 0;

    if (config) rc = sedge_json_decode(config, "config", line_fields, SEDGE_ARRAY_LEN(line_fields), 0, &l, err);
    if (rc == 0 && l.store)
        rc = sedge_json_decode(l.store, "objectStore", store_fields, SEDGE_ARRAY_LEN(store_fields),
                               SEDGE_JSON_IGNORE_UNKNOWN, &l.s, err);
    if (rc == 0 && l.plane)
        rc = sedge_json_decode(l.plane, "dataPlane", plane_fields, SEDGE_ARRAY_LEN(plane_fields),
                               SEDGE_JSON_IGNORE_UNKNOWN, &l.s.plane, err);
    if (rc == 0) rc = complete(&l.s, l.store, err);
    *s = l.s;
    free(l.op);
    json_object_put(l.store);
    json_object_put(l.plane);
    if (rc) sedge_settings_release(s);
    return rc;
}

void sedge_settings_release(struct sedge_settings *s)
{
    drop_secret(&s->access_key);
    drop_secret(&s->secret_key);
    drop_secret(&s->session_token);
    free(s->endpoint);
    free(s->region);
    free(s->ca_file);
    free(s->proxy);
    free(s->proxy_ca);
    free(s->no_proxy);
    sedge_plane_release(&s->plane);
    free(s->user);
    *s = (struct sedge_settings){0};
}
