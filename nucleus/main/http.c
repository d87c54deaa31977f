/* How the nucleus speaks HTTP: data plane, object store, proxy, time limits (spec/config.md 7, 8, 10). sedge-fetch does
 * it. */
#include "nucleus.h"

#include "base/log.h"
#include "base/mem.h"
#include "config/params.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

#define AWS_ALPN     "x-amzn-http-ca" /* on port 443 of AWS */
#define STALL_MIN_MS 1000             /* libcurl counts seconds */

/* ---- the address of the data plane ---- */

static bool is_aws_host(const char *host)
{
    return sedge_str_ends(host, ".amazonaws.com") || sedge_str_ends(host, ".amazonaws.com.cn");
}

/* Empty: that of AWS for the region, where the rest of the device is AWS'. Heap; NULL: there is none. */
static char *default_host(const char *region, const char *iot)
{
    if (!region || !iot || !is_aws_host(iot)) return NULL;
    return sedge_xasprintf("greengrass-ats.iot.%s.%s", region,
                           sedge_str_starts(region, "cn-") ? "amazonaws.com.cn" : "amazonaws.com");
}

/* Heap; NULL: none is configured. What is no address is refused by sedge-fetch, with a word on this parameter. */
static char *plane_url(struct sedge_nucleus *n)
{
    const char *endpoint = sedge_settings_text(n, "greengrassDataPlaneEndpoint");
    const char *iot = sedge_settings_text(n, "iotDataEndpoint");
    sedge_auto_free char *aws = endpoint ? NULL : default_host(sedge_settings_text(n, "awsRegion"), iot);
    long long port = sedge_nucleus_param_i64(n->config, "greengrassDataPlanePort");
    const char *host = endpoint ? endpoint : aws, *colon;
    size_t len;

    if (host && strcasecmp(host, "iotdata") == 0) host = iot;
    if (!host) return NULL;
    if (strstr(host, "://")) {
        if (strncasecmp(host, "https://", 8) != 0) return sedge_xstrdup(host);
        host += strlen("https://");
    }
    len = strcspn(host, "/");
    colon = memrchr(host, ':', len);
    if (colon && !memchr(colon, ']', len - (size_t)(colon - host))) return sedge_xasprintf("https://%s", host);
    return sedge_xasprintf("https://%.*s:%lld%s", (int)len, host, port, host + len);
}

/* "https://HOST:443", HOST of AWS */
static const char *alpn(const char *url)
{
    size_t n = strlen(url);
    sedge_auto_free char *host = n > 4 ? sedge_xstrndup(url, n - 4) : NULL;

    return host && sedge_str_ends(url, ":443") && is_aws_host(host) ? AWS_ALPN : NULL;
}

static void add_file(struct sedge_nucleus *n, struct json_object *o, const char *name, const char *key)
{
    sedge_auto_free char *path = sedge_settings_path(n, key);

    sedge_json_add_str(o, name, path);
}

/* New reference; NULL: no data plane, or a device that no data plane would know. */
static struct json_object *plane(struct sedge_nucleus *n)
{
    sedge_auto_free char *url = plane_url(n);
    const char *thing = sedge_config_str(n->config, SEDGE_PATH("system", "thingName"), "");
    struct json_object *o;

    if (!url || !thing || !*thing) return NULL;
    o = json_object_new_object();
    sedge_json_add_str(o, "url", url);
    sedge_json_add_str(o, "thingName", thing);
    add_file(n, o, "certFile", "certificateFilePath");
    add_file(n, o, "keyFile", "privateKeyPath");
    add_file(n, o, "caFile", "rootCaPath");
    sedge_json_add_str(o, "alpn", alpn(url));
    sedge_json_add_str(o, "s3EndpointType", sedge_nucleus_param_str(n->config, "s3EndpointType"));
    return o;
}

/* ---- the rest ---- */

/* libcurl would take 1080 for all. */
static const char *default_port(const char *url)
{
    if (sedge_str_starts(url, "https://")) return ":443";
    return sedge_str_starts(url, "socks") ? ":1080" : ":80";
}

/* With its port in it; heap, NULL: none. */
static char *proxy_url(struct sedge_nucleus *n)
{
    sedge_auto_free char *url = sedge_settings_proxy(n);
    const char *host, *at, *colon;
    size_t len;

    if (!url) return NULL;
    host = strstr(url, "://");
    host = host ? host + 3 : url;
    len = strcspn(host, "/");
    at = memrchr(host, '@', len);
    if (at) len -= (size_t)(at + 1 - host);
    if (at) host = at + 1;
    colon = memrchr(host, ':', len);
    if (colon && !memchr(colon, ']', len - (size_t)(colon - host))) return sedge_steal(&url);
    return sedge_xasprintf("%.*s%s", (int)(host + len - url), url, default_port(url));
}

/* Amazon's host for both protocols of the internet has a name of its own; that of the region serves the other types. */
static void choose_host(struct sedge_nucleus *n, struct json_object *store)
{
    const char *type = sedge_nucleus_param_str(n->config, "s3EndpointType");
    sedge_auto_free char *url = NULL;
    const char *region = sedge_json_str(store, "region", "");

    if (*sedge_json_str(store, "endpoint", "") || !*region || strcmp(type, "DUALSTACK") != 0) return;
    url = sedge_xasprintf("https://s3.dualstack.%s.amazonaws.com", region);
    sedge_json_add_str(store, "endpoint", url);
    if (!sedge_json_has(store, "pathStyle")) sedge_json_add_bool(store, "pathStyle", false);
}

static struct json_object *time_limits(struct sedge_nucleus *n)
{
    struct json_object *o = json_object_new_object();
    int64_t stall = sedge_nucleus_param_i64(n->config, "httpClient.socketTimeoutMs");

    sedge_json_add_i64(o, "connectTimeoutMs", sedge_nucleus_param_i64(n->config, "httpClient.connectionTimeoutMs"));
    sedge_json_add_i64(o, "stallTimeoutMs", stall > STALL_MIN_MS ? stall : STALL_MIN_MS);
    return o;
}

static void with_options(struct sedge_nucleus *n, void (*use)(struct sedge_nucleus *n, struct sedge_fetch_options *o))
{
    sedge_auto_put struct json_object *store = sedge_settings_store(n);
    sedge_auto_put struct json_object *data_plane = plane(n);
    sedge_auto_put struct json_object *limits = time_limits(n);
    sedge_auto_free char *proxy = proxy_url(n);
    sedge_auto_free char *ca = sedge_settings_path(n, "rootCaPath");
    struct sedge_fetch_options o = {.store = store,
                                    .plane = data_plane,
                                    .tuning = limits,
                                    .proxy = proxy,
                                    .no_proxy = sedge_settings_text(n, "networkProxy.noProxyAddresses"),
                                    .ca_file = ca && access(ca, R_OK) == 0 ? ca : NULL};

    choose_host(n, store);
    use(n, &o);
}

static void open_with(struct sedge_nucleus *n, struct sedge_fetch_options *o)
{
    sedge_auto_free char *helper = sedge_xasprintf("%s/sedge-fetch", n->program_dir);

    o->helper = helper;
    n->fetcher = sedge_fetcher_new(&n->loop, o);
    if (o->plane) sedge_log(SEDGE_INFO, "main", "data-plane", "url=%s", sedge_json_str(o->plane, "url", ""));
}

static void change_with(struct sedge_nucleus *n, struct sedge_fetch_options *o)
{
    sedge_fetcher_set(n->fetcher, o);
}

/* The endpoint is the host; a port in it is for tests and private networks. New reference. */
static struct json_object *provider(struct sedge_nucleus *n)
{
    const char *host = sedge_settings_text(n, "iotCredEndpoint");
    sedge_auto_free char *url =
        strncasecmp(host, "https://", 8) == 0 ? sedge_xstrdup(host) : sedge_xasprintf("https://%s", host);
    struct json_object *o = json_object_new_object();

    sedge_json_add_str(o, "url", url);
    sedge_json_add_str(o, "thingHeader", sedge_config_str(n->config, SEDGE_PATH("system", "thingName"), ""));
    add_file(n, o, "certFile", "certificateFilePath");
    add_file(n, o, "keyFile", "privateKeyPath");
    add_file(n, o, "caFile", "rootCaPath");
    return o;
}

static void provide_with(struct sedge_nucleus *n, struct sedge_fetch_options *o)
{
    sedge_auto_put struct json_object *own = provider(n);
    sedge_auto_free char *helper = sedge_xasprintf("%s/sedge-fetch", n->program_dir);

    o->plane = own;
    o->store = NULL;
    o->helper = helper;
    if (n->provider)
        sedge_fetcher_set(n->provider, o);
    else
        n->provider = sedge_fetcher_new(&n->loop, o);
}

void sedge_http_set_provider(struct sedge_nucleus *n)
{
    with_options(n, provide_with);
}

void sedge_http_open(struct sedge_nucleus *n)
{
    with_options(n, open_with);
}

bool sedge_http_is_setting(const char *key)
{
    static const char *const keys[] = {"objectStore",  "httpClient",      "greengrassDataPlaneEndpoint",
                                       "awsRegion",    "iotDataEndpoint", "greengrassDataPlanePort",
                                       "networkProxy", "s3EndpointType"};

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(keys); i++)
        if (strcasecmp(key, keys[i]) == 0) return true;
    return false;
}

void sedge_http_changed(struct sedge_nucleus *n)
{
    with_options(n, change_with);
}
