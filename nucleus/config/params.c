#include "params.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "cfg.h"
#include "start.h"

#define MS_MAX         86400000
#define SEC_MAX        315360000
#define SIZE_MAX_BYTES ((int64_t)1 << 50)

#define TEXT(n, d, r, t)                                                                                               \
    {                                                                                                                  \
        .name = (n), .type = SEDGE_P_TEXT, .reload = SEDGE_P_##r, .def = (d), .note = (t)                              \
    }
#define BOOL(n, d, r, t)                                                                                               \
    {                                                                                                                  \
        .name = (n), .type = SEDGE_P_BOOL, .reload = SEDGE_P_##r, .def = (d), .note = (t)                              \
    }
#define MAP(n, r, t)                                                                                                   \
    {                                                                                                                  \
        .name = (n), .type = SEDGE_P_MAP, .reload = SEDGE_P_##r, .note = (t)                                           \
    }
#define CHOICE(n, d, c, r, t)                                                                                          \
    {                                                                                                                  \
        .name = (n), .type = SEDGE_P_CHOICE, .reload = SEDGE_P_##r, .def = (d), .choices = (c), .note = (t)            \
    }
#define INT(n, d, lo, hi, r, t)                                                                                        \
    {                                                                                                                  \
        .name = (n), .type = SEDGE_P_INT, .reload = SEDGE_P_##r, .min = (lo), .max = (hi), .def = (d), .note = (t)     \
    }
#define INT_LENIENT(n, d, lo, hi, r, t)                                                                                \
    {                                                                                                                  \
        .name = (n), .type = SEDGE_P_INT, .reload = SEDGE_P_##r, .min = (lo), .max = (hi), .def = (d),                 \
        .lenient = true, .note = (t)                                                                                   \
    }
#define NUMBER(n, d, lo, hi, r, t)                                                                                     \
    {                                                                                                                  \
        .name = (n), .type = SEDGE_P_NUMBER, .reload = SEDGE_P_##r, .min = (lo), .max = (hi), .def = (d), .note = (t)  \
    }
#define SECRET(n, r, t)                                                                                                \
    {                                                                                                                  \
        .name = (n), .type = SEDGE_P_TEXT, .reload = SEDGE_P_##r, .secret = true, .note = (t)                          \
    }

static const struct sedge_param params[] = {
    TEXT("awsRegion", "", NEXT_USE, "region; free text"),
    TEXT("iotDataEndpoint", "", RECONNECT, "host of the MQTT broker"),
    TEXT("iotCredEndpoint", "", LIVE, "host of the credentials provider, for the token exchange service"),
    TEXT("iotRoleAlias", "", LIVE, "role alias that components get credentials for"),
    TEXT("greengrassDataPlaneEndpoint", "", NEXT_USE,
         "host or https URL of the data plane, or iotdata; empty: AWS' or none"),
    INT("greengrassDataPlanePort", "8443", 1, 65535, NEXT_USE, "its port, when the endpoint names none"),
    TEXT("envStage", "prod", IGNORED, "chooses between stages of AWS services"),
    BOOL("fipsMode", "false", RESTART, "told to components that start (AWS_USE_FIPS_ENDPOINT, AWS_GG_FIPS_MODE)"),
    BOOL("interpolateComponentConfiguration", "false", NEXT_USE, "replace variables in component configurations too"),
    CHOICE("deploymentConfigurationTimeSource", "deploymentCreationTime",
           "deploymentCreationTime|deploymentProcessingTime", NEXT_USE, "time that a deployment's values carry"),
    INT("componentStoreMaxSizeBytes", "10000000000", 0, SIZE_MAX_BYTES, NEXT_USE, "bytes of recipes and artifacts"),
    INT("deploymentPollingFrequencySeconds", "15", 1, SEC_MAX, IGNORED, "a queued deployment starts at once"),
    INT("credentialEndpointTimeoutMs", "60000", 0, MS_MAX, IGNORED, "trial connections are not made"),
    CHOICE("s3EndpointType", "GLOBAL", "GLOBAL|REGIONAL|DUALSTACK", NEXT_USE, "which hosts of Amazon S3 are used"),
    TEXT("jvmOptions", NULL, IGNORED, "there is no Java machine"),
    MAP("platformOverride", NEXT_USE, "attributes that manifests are matched with, name to text"),

    TEXT("runWithDefault.posixUser", NULL, RESTART, "user[:group] of components"),
    TEXT("runWithDefault.posixShell", "sh", RESTART, "shell of lifecycle scripts"),
    TEXT("runWithDefault.windowsUser", NULL, IGNORED, "this is not Windows"),
    INT("runWithDefault.systemResourceLimits.memory", NULL, 1, (int64_t)1 << 40, LIVE, "kilobytes for a component"),
    NUMBER("runWithDefault.systemResourceLimits.cpus", NULL, 0, 4096, LIVE, "processors for a component"),

    CHOICE("logging.level", "INFO", "TRACE|DEBUG|INFO|WARN|ERROR", LIVE, "least level that is written"),
    CHOICE("logging.format", "TEXT", "TEXT|JSON|RAW", LIVE, "form of a line; RAW is the message alone"),
    CHOICE("logging.outputType", "FILE", "FILE|CONSOLE", LIVE, "where lines go"),
    INT("logging.fileSizeKB", "1024", 1, 1 << 30, LIVE, "size at which a file is rotated"),
    INT("logging.totalLogsSizeKB", "10240", 1, 1 << 30, LIVE, "size of all files of one log"),
    TEXT("logging.outputDirectory", NULL, LIVE, "folder of the logs; <root>/logs if absent"),

    INT_LENIENT("fleetStatus.periodicStatusPublishIntervalSeconds", "86400", 86400, SEC_MAX, LIVE,
                "seconds between complete status reports"),
    BOOL("telemetry.enabled", "true", LIVE, "publish measurements of the system"),
    INT_LENIENT("telemetry.periodicAggregateMetricsIntervalSeconds", "3600", 3600, SEC_MAX, LIVE,
                "seconds over which measurements are summed up"),
    INT_LENIENT("telemetry.periodicPublishMetricsIntervalSeconds", "86400", 86400, SEC_MAX, LIVE,
                "seconds between publications"),
    INT_LENIENT("telemetry.periodicAggregateMetricsIntervalSec", NULL, 3600, SEC_MAX, LIVE, "older name"),
    INT_LENIENT("telemetry.periodicPublishMetricsIntervalSec", NULL, 86400, SEC_MAX, LIVE, "older name"),

    INT("httpClient.connectionTimeoutMs", "2000", 1, MS_MAX, NEXT_USE, "connecting to data plane and object store"),
    INT("httpClient.socketTimeoutMs", "30000", 1, MS_MAX, NEXT_USE, "silence of data plane or object store"),
    INT("httpClient.retryMinMs", "2000", 1, MS_MAX, NEXT_USE, "first pause before a deployment tries again"),
    INT("httpClient.retryMaxMs", "60000", 1, MS_MAX, NEXT_USE, "longest such pause"),
    TEXT("networkProxy.noProxyAddresses", "", RESTART, "hosts reached directly, comma separated"),
    SECRET("networkProxy.proxy.url", RESTART, "scheme://[user[:password]@]host[:port]"),
    TEXT("networkProxy.proxy.username", NULL, RESTART, "used when the URL names no user"),
    SECRET("networkProxy.proxy.password", RESTART, "used when the URL names no user"),

    CHOICE("mqtt.version", "mqtt5", "mqtt5|mqtt3", RESTART, "protocol version"),
    INT("mqtt.port", "8883", 1, 65535, RECONNECT, "port of the broker"),
    INT("mqtt.keepAliveTimeoutMs", "60000", 0, 65535000, RECONNECT, "0: none; otherwise above pingTimeoutMs"),
    INT("mqtt.pingTimeoutMs", "30000", 1, MS_MAX, RECONNECT, "unanswered ping ends the connection"),
    INT("mqtt.operationTimeoutMs", "30000", 1, MS_MAX, RECONNECT, "acknowledgement of publish and subscribe"),
    INT("mqtt.socketTimeoutMs", "10000", 1, MS_MAX, RECONNECT, "connecting"),
    INT("mqtt.threadPoolSize", "1", 1, 1024, IGNORED, "the session runs on the one loop"),
    INT("mqtt.maxInFlightPublishes", "5", 1, 65535, RECONNECT, "unacknowledged publishes; at most 100 are used"),
    INT("mqtt.maxMessageSizeInBytes", "131072", 1, 268435456, RECONNECT, "larger publishes are refused"),
    INT("mqtt.maxPublishRetry", "100", -1, 1 << 30, RECONNECT, "repetitions of one publish; -1: without limit"),
    INT("mqtt.receiveMaximum", "100", 1, 65535, RECONNECT, "unacknowledged messages to the device (mqtt5)"),
    INT("mqtt.sessionExpirySeconds", "604800", 0, 4294967295, RECONNECT,
        "how long the broker keeps the session (mqtt5)"),
    INT("mqtt.minimumReconnectDelaySeconds", "0", 0, 86400, RECONNECT, "0: the session's own default"),
    INT("mqtt.maximumReconnectDelaySeconds", "0", 0, 86400, RECONNECT, "0: the session's own default"),
    INT("mqtt.minimumConnectedTimeBeforeRetryResetSeconds", "0", 0, 86400, RECONNECT, "0: the session's own default"),
    INT("mqtt.standaloneMqttTimeoutMs", "60000", 0, MS_MAX, IGNORED, "trial connections are not made"),
    CHOICE("mqtt.spooler.storageType", "Disk", "Memory|Disk", RESTART, "where unsent messages wait"),
    INT("mqtt.spooler.maxSizeInBytes", NULL, 1, SIZE_MAX_BYTES, RECONNECT,
        "bytes of unsent messages; if absent 16 MiB on disk, 2621440 in memory"),
    BOOL("mqtt.spooler.keepQos0WhenOffline", "false", RECONNECT, "keep QoS 0 messages too"),
    TEXT("mqtt.spooler.pluginName", "aws.greengrass.DiskSpooler", IGNORED, "the disk spool is built in"),
    INT("mqtt.spooler.maxMessages", "100000", 1, SIZE_MAX_BYTES, RECONNECT, "number of unsent messages"),
    INT("mqtt.spooler.maxAgeSeconds", "0", 0, 1 << 30, RECONNECT, "older ones are dropped; 0: never"),
    INT("mqtt.spooler.minFreeBytes", "100000000", 0, SIZE_MAX_BYTES, RECONNECT,
        "below so much free disk nothing more is written"),
    INT("mqtt.spooler.replayMessagesPerSecond", "10", 0, 1 << 30, RECONNECT,
        "rate of what was spooled before this connection; 0: no limit"),
    INT("mqtt.spooler.replayBytesPerSecond", "65536", 0, 1 << 30, RECONNECT, "the same in bytes"),
    CHOICE("mqtt.spooler.dropPolicy", "reject-new", "reject-new|drop-oldest|coalesce-by-topic", RECONNECT,
           "what happens when the spool is full"),

    TEXT("objectStore.endpoint", "", NEXT_USE, "URL of the S3 service; empty: Amazon's for the region"),
    TEXT("objectStore.region", "us-east-1", NEXT_USE, "region that requests are signed for"),
    TEXT("objectStore.bucket", "", NEXT_USE, "bucket of recipes and artifacts"),
    TEXT("objectStore.prefix", "", NEXT_USE, "what their keys begin with"),
    CHOICE("objectStore.backend", "auto", "auto|direct|presign", NEXT_USE,
           "who gives s3: artifacts: store or data plane"),
    BOOL("objectStore.pathStyle", "true", NEXT_USE, "bucket in the path of the URL, not in the host name"),
};

const struct sedge_param *sedge_nucleus_params(size_t *n)
{
    *n = SEDGE_ARRAY_LEN(params);
    return params;
}

const struct sedge_param *sedge_nucleus_param_find(const char *name)
{
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(params); i++)
        if (strcasecmp(params[i].name, name) == 0) return &params[i];
    return NULL;
}

/* ---- checking ---- */

static bool is_choice(const char *choices, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = choices; n > 0 && p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
        if (strncmp(p, word, n) == 0 && (p[n] == '|' || p[n] == '\0')) return true;
    return false;
}

static bool as_number(struct json_object *v, double *out)
{
    if (json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double)) {
        *out = json_object_get_double(v);
        return true;
    }
    return sedge_json_is_str(v) && sedge_str_to_double(json_object_get_string(v), out, NULL) == 0;
}

static int wrong(const struct sedge_param *p, const char *expected, struct json_object *v, struct sedge_err *err)
{
    return sedge_err_set(err, SEDGE_E_INVALID, "%s: expected %s, got %.100s", p->name, expected,
                         p->secret ? json_type_to_name(json_object_get_type(v)) : sedge_json_text(v));
}

static int check_range(const struct sedge_param *p, double value, struct json_object *v, struct sedge_err *err)
{
    if (value >= (double)p->min && value <= (double)p->max) return 0;
    return sedge_err_set(err, SEDGE_E_INVALID, "%s: %.40s is outside %lld..%lld", p->name, sedge_json_text(v),
                         (long long)p->min, (long long)p->max);
}

static int check_value(const struct sedge_param *p, struct json_object *v, struct sedge_err *err)
{
    int64_t i;
    double d;
    bool b;

    switch (p->type) {
    case SEDGE_P_TEXT:
        return json_object_is_type(v, json_type_object) || json_object_is_type(v, json_type_array)
                   ? wrong(p, "a text", v, err)
                   : 0;
    case SEDGE_P_INT:
        if (!sedge_cfg_as_i64(v, &i)) return wrong(p, "an integer", v, err);
        return check_range(p, (double)i, v, err);
    case SEDGE_P_NUMBER:
        if (!as_number(v, &d) || !isfinite(d)) return wrong(p, "a number", v, err);
        return check_range(p, d, v, err);
    case SEDGE_P_BOOL:
        return sedge_cfg_as_bool(v, &b) ? 0 : wrong(p, "true or false", v, err);
    case SEDGE_P_CHOICE:
        return sedge_json_is_str(v) && is_choice(p->choices, json_object_get_string(v)) ? 0
                                                                                        : wrong(p, p->choices, v, err);
    case SEDGE_P_MAP:
        return json_object_is_type(v, json_type_object) ? 0 : wrong(p, "a map", v, err);
    }
    return 0;
}

/* Whether rows with names below `name` exist. */
static bool is_section(const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(params); i++)
        if (strncasecmp(params[i].name, name, n) == 0 && params[i].name[n] == '.') return true;
    return false;
}

static int check_level(const char *prefix, struct json_object *o, struct sedge_strv *unknown, struct sedge_err *err)
{
    json_object_object_foreach (o, key, v) {
        sedge_auto_free char *name = sedge_xasprintf("%s%s%s", prefix, *prefix ? "." : "", key);
        const struct sedge_param *p = sedge_nucleus_param_find(name);

        if (strcasecmp(name, "logging") == 0) continue; /* sedge_nucleus_section_check: ignored as a whole */
        if (p) {
            if (v && check_value(p, v, p->lenient ? NULL : err) != 0 && !p->lenient) return -1;
        } else if (!is_section(name)) {
            if (unknown) sedge_strv_add(unknown, name);
        } else if (json_object_is_type(v, json_type_object)) {
            if (check_level(name, v, unknown, err) != 0) return -1;
        } else if (v) {
            return sedge_err_set(err, SEDGE_E_INVALID, "%s: expected a map, got %s", name,
                                 json_type_to_name(json_object_get_type(v)));
        }
    }
    return 0;
}

static int check_keep_alive(struct json_object *configuration, struct sedge_err *err)
{
    struct json_object *mqtt = sedge_json_get_nocase(configuration, "mqtt", NULL);
    int64_t keep = 60000, ping = 30000;

    (void)sedge_cfg_as_i64(sedge_json_get_nocase(mqtt, "keepAliveTimeoutMs", NULL), &keep);
    (void)sedge_cfg_as_i64(sedge_json_get_nocase(mqtt, "pingTimeoutMs", NULL), &ping);
    if (keep == 0 || keep > ping) return 0;
    return sedge_err_set(err, SEDGE_E_INVALID,
                         "mqtt.keepAliveTimeoutMs: %lld must be above mqtt.pingTimeoutMs (%lld), or 0", (long long)keep,
                         (long long)ping);
}

static struct json_object *value_at(struct json_object *o, const char *name)
{
    sedge_auto_strv struct sedge_strv names = {0};

    sedge_strv_split(&names, name, ".");
    for (size_t i = 0; o && i < names.n; i++)
        o = sedge_json_get_nocase(o, names.v[i], NULL);
    return o;
}

/* The address itself is left to who connects to it. */
static int check_proxy(struct json_object *configuration, struct sedge_err *err)
{
    static const char *const schemes[] = {"http://", "https://", "socks5://"};
    struct json_object *v = value_at(configuration, "networkProxy.proxy.url");
    const char *url = v && json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(schemes); i++)
        if (!*url || strncasecmp(url, schemes[i], strlen(schemes[i])) == 0) return 0;
    return sedge_err_set(err, SEDGE_E_INVALID,
                         "networkProxy.proxy.url: expected it to begin with http://, https:// or socks5://");
}

int sedge_nucleus_params_check(struct json_object *configuration, struct sedge_strv *unknown, struct sedge_err *err)
{
    if (!json_object_is_type(configuration, json_type_object))
        return sedge_err_set(err, SEDGE_E_INVALID, "configuration of the nucleus: expected a map, got %s",
                             json_type_to_name(json_object_get_type(configuration)));
    if (check_level("", configuration, unknown, err) != 0) return -1;
    return check_proxy(configuration, err) != 0 ? -1 : check_keep_alive(configuration, err);
}

int sedge_nucleus_section_check(const char *section, struct json_object *value, struct sedge_err *err)
{
    if (!json_object_is_type(value, json_type_object))
        return sedge_err_set(err, SEDGE_E_INVALID, "%s: expected a map, got %s", section,
                             json_type_to_name(json_object_get_type(value)));
    json_object_object_foreach (value, key, v) {
        sedge_auto_free char *name = sedge_xasprintf("%s.%s", section, key);
        const struct sedge_param *p = sedge_nucleus_param_find(name);

        if ((!p || strcmp(p->name, name) != 0) && !is_section(name))
            return sedge_err_set(err, SEDGE_E_INVALID, "%s: unknown key%s%s", name, p ? "; did you mean " : "",
                                 p ? p->name : "");
    }
    return check_level(section, value, NULL, err);
}

/* ---- differences ---- */

/* What counts: a value that is missing is the default, numbers and booleans are their texts. */
static const char *text_in_force(const struct sedge_param *p, struct json_object *configuration)
{
    struct json_object *v = value_at(configuration, p->name);
    const char *text = v ? json_object_get_string(v) : p->def;

    return text ? text : "";
}

static bool is_same(const struct sedge_param *p, struct json_object *before, struct json_object *after)
{
    if (p->type == SEDGE_P_MAP) return json_object_equal(value_at(before, p->name), value_at(after, p->name));
    return strcmp(text_in_force(p, before), text_in_force(p, after)) == 0;
}

/* Without an endpoint there is no session that could connect anew. */
static enum sedge_param_reload reload_of(const struct sedge_param *p, struct json_object *before,
                                         struct json_object *after)
{
    bool first = strcmp(p->name, "iotDataEndpoint") == 0 && (!*text_in_force(p, before) || !*text_in_force(p, after)) &&
                 !is_same(p, before, after);

    return first ? SEDGE_P_RESTART : p->reload;
}

enum sedge_param_reload sedge_nucleus_params_diff(struct json_object *before, struct json_object *after,
                                                  const char **name)
{
    static const enum sedge_param_reload order[] = {SEDGE_P_RESTART, SEDGE_P_RECONNECT, SEDGE_P_LIVE};

    for (size_t k = 0; k < SEDGE_ARRAY_LEN(order); k++)
        for (size_t i = 0; i < SEDGE_ARRAY_LEN(params); i++)
            if (reload_of(&params[i], before, after) == order[k] && !is_same(&params[i], before, after)) {
                if (name) *name = params[i].name;
                return order[k];
            }
    if (name) *name = NULL;
    return SEDGE_P_NEXT_USE;
}

/* ---- reading ---- */

/* What is configured under a name of the table or of a section of it. */
static const struct sedge_node *node_at(struct sedge_config *cfg, const char *name)
{
    sedge_auto_free char *nucleus = sedge_config_nucleus_name(cfg);
    sedge_auto_strv struct sedge_strv names = {0};
    const struct sedge_node *n = sedge_tree_find(&cfg->tree, SEDGE_PATH("services", nucleus, "configuration"));

    sedge_strv_split(&names, name, ".");
    for (size_t i = 0; n && i < names.n; i++)
        n = n->leaf ? NULL : sedge_node_child(n, names.v[i]);
    return n;
}

/* The node of a row if its value fits the row. */
static const struct sedge_node *valid_node(struct sedge_config *cfg, const char *name, const struct sedge_param **row)
{
    const struct sedge_node *n = node_at(cfg, name);

    *row = sedge_nucleus_param_find(name);
    sedge_assert(*row != NULL);
    return n && n->leaf && n->value && check_value(*row, n->value, NULL) == 0 ? n : NULL;
}

const char *sedge_nucleus_param_str(struct sedge_config *cfg, const char *name)
{
    const struct sedge_param *p;
    const struct sedge_node *n = valid_node(cfg, name, &p);

    if (!n) return p->def;
    return sedge_json_is_str(n->value) ? json_object_get_string(n->value) : sedge_json_text(n->value);
}

int64_t sedge_nucleus_param_i64(struct sedge_config *cfg, const char *name)
{
    const struct sedge_param *p;
    const struct sedge_node *n = valid_node(cfg, name, &p);
    int64_t out = 0;

    if (n && sedge_cfg_as_i64(n->value, &out)) return out;
    if (p->def) (void)sedge_str_to_i64(p->def, INT64_MIN, INT64_MAX, &out, NULL);
    return out;
}

double sedge_nucleus_param_number(struct sedge_config *cfg, const char *name)
{
    const struct sedge_param *p;
    const struct sedge_node *n = valid_node(cfg, name, &p);
    double out = 0;

    if (n && as_number(n->value, &out)) return out;
    if (p->def) (void)sedge_str_to_double(p->def, &out, NULL);
    return out;
}

bool sedge_nucleus_param_bool(struct sedge_config *cfg, const char *name)
{
    const struct sedge_param *p;
    const struct sedge_node *n = valid_node(cfg, name, &p);
    bool out = false;

    if (n && sedge_cfg_as_bool(n->value, &out)) return out;
    return p->def && strcmp(p->def, "true") == 0;
}

static struct json_object *typed(struct sedge_config *cfg, const struct sedge_param *p)
{
    switch (p->type) {
    case SEDGE_P_INT:
        return json_object_new_int64(sedge_nucleus_param_i64(cfg, p->name));
    case SEDGE_P_NUMBER:
        return json_object_new_double(sedge_nucleus_param_number(cfg, p->name));
    case SEDGE_P_BOOL:
        return json_object_new_boolean(sedge_nucleus_param_bool(cfg, p->name));
    case SEDGE_P_TEXT:
    case SEDGE_P_CHOICE:
        return json_object_new_string(sedge_nucleus_param_str(cfg, p->name));
    case SEDGE_P_MAP:
        return sedge_nucleus_param_map(cfg, p->name);
    }
    return NULL;
}

static void put_below(struct json_object *o, const char *name, struct json_object *value_take)
{
    const char *dot = strchr(name, '.');
    sedge_auto_free char *first = dot ? sedge_xstrndup(name, (size_t)(dot - name)) : NULL;

    if (!dot) {
        (void)json_object_object_add(o, name, value_take);
        return;
    }
    if (!sedge_json_obj(o, first)) (void)json_object_object_add(o, first, json_object_new_object());
    put_below(sedge_json_obj(o, first), dot + 1, value_take);
}

struct json_object *sedge_nucleus_param_values(struct sedge_config *cfg, const char *section)
{
    struct json_object *out = json_object_new_object();
    size_t n = strlen(section);

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(params); i++) {
        const struct sedge_param *p = &params[i], *row;
        if (strncasecmp(p->name, section, n) != 0 || p->name[n] != '.') continue;
        if (p->type == SEDGE_P_MAP ? node_at(cfg, p->name) != NULL : valid_node(cfg, p->name, &row) != NULL)
            put_below(out, p->name + n + 1, typed(cfg, p));
    }
    return out;
}

struct json_object *sedge_nucleus_param_map(struct sedge_config *cfg, const char *name)
{
    const struct sedge_param *p = sedge_nucleus_param_find(name);
    const struct sedge_node *n = node_at(cfg, name);

    sedge_assert(p ? p->type == SEDGE_P_MAP : is_section(name));
    return n && !n->leaf ? sedge_node_json(n, 0) : NULL;
}
