/* The `mqtt` object of the nucleus configuration as options. */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "session.h"
#include "spool.h"

#define CLASSIC_PAYLOAD_CAP 268435456

struct number {
    const char *key;
    int64_t min, max;
    int64_t *to;
};

/* A number, or a text that is one, as the configuration's coercions have it. */
static int64_t number_of(struct json_object *o, const char *key)
{
    const char *text = sedge_json_str(o, key, NULL);
    int64_t got;

    if (text && sedge_str_to_i64(text, INT64_MIN + 1, INT64_MAX, &got, NULL) == 0) return got;
    return sedge_json_i64(o, key, INT64_MIN);
}

static int read_numbers(struct json_object *o, const char *where, const struct number *table, size_t n,
                        struct sedge_err *err)
{
    for (size_t i = 0; i < n; i++) {
        struct json_object *v = sedge_json_get(o, table[i].key);
        int64_t got = number_of(o, table[i].key);
        if (!v) continue;
        if (got < table[i].min || got > table[i].max)
            return sedge_err_set(err, SEDGE_E_INVALID, "%s.%s: %s is not a number in %lld..%lld", where, table[i].key,
                                 sedge_json_text(v), (long long)table[i].min, (long long)table[i].max);
        *table[i].to = got;
    }
    return 0;
}

static int read_policy(struct json_object *spooler, struct sedge_spool_options *o, struct sedge_err *err)
{
    static const struct {
        const char *name;
        enum sedge_spool_policy policy;
    } names[] = {{"reject-new", SEDGE_SPOOL_REJECT_NEW},
                 {"drop-oldest", SEDGE_SPOOL_DROP_OLDEST},
                 {"coalesce-by-topic", SEDGE_SPOOL_COALESCE}};
    const char *got = sedge_json_str(spooler, "dropPolicy", "reject-new");

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(names); i++)
        if (strcmp(names[i].name, got) == 0) {
            o->policy = names[i].policy;
            return 0;
        }
    return sedge_err_set(err, SEDGE_E_INVALID,
                         "mqtt.spooler.dropPolicy: \"%s\" is none of reject-new, drop-oldest, coalesce-by-topic", got);
}

int sedge_spool_options_read(struct json_object *mqtt, struct sedge_spool_options *o, bool *disk, struct sedge_err *err)
{
    struct json_object *spooler = sedge_json_obj(mqtt, "spooler");
    const char *storage = sedge_json_str(spooler, "storageType", "Disk");
    int64_t retry, inflight, messages_rate, bytes_rate;

    sedge_spool_options_default(o);
    retry = o->max_retry;
    inflight = o->max_inflight;
    messages_rate = o->replay_messages_per_s;
    bytes_rate = o->replay_bytes_per_s;
    if (strcasecmp(storage, "Disk") != 0 && strcasecmp(storage, "Memory") != 0)
        return sedge_err_set(err, SEDGE_E_INVALID, "mqtt.spooler.storageType: \"%s\" is neither Memory nor Disk",
                             storage);
    *disk = strcasecmp(storage, "Disk") == 0;
    o->keep_qos0 = sedge_json_bool(spooler, "keepQos0WhenOffline", false);
    {
        const struct number outer[] = {{"maxInFlightPublishes", 1, INT32_MAX, &inflight},
                                       {"maxMessageSizeInBytes", 0, CLASSIC_PAYLOAD_CAP, &o->max_payload},
                                       {"maxPublishRetry", -1, INT32_MAX, &retry}};
        const struct number inner[] = {{"maxSizeInBytes", 1, INT64_MAX, &o->max_bytes},
                                       {"maxMessages", 1, INT64_MAX, &o->max_messages},
                                       {"maxAgeSeconds", 0, INT32_MAX, &o->max_age_s},
                                       {"minFreeBytes", 0, INT64_MAX, &o->min_free_bytes},
                                       {"replayMessagesPerSecond", 0, INT32_MAX, &messages_rate},
                                       {"replayBytesPerSecond", 0, INT32_MAX, &bytes_rate}};
        if (read_numbers(mqtt, "mqtt", outer, SEDGE_ARRAY_LEN(outer), err) != 0 ||
            read_numbers(spooler, "mqtt.spooler", inner, SEDGE_ARRAY_LEN(inner), err) != 0)
            return -1;
    }
    o->max_retry = (int)retry;
    o->max_inflight = (int)inflight;
    o->replay_messages_per_s = (int)messages_rate;
    o->replay_bytes_per_s = (int)bytes_rate;
    return read_policy(spooler, o, err);
}

int sedge_mqtt_options_read(struct json_object *mqtt, struct sedge_mqtt_options *o, struct sedge_err *err)
{
    int64_t port = o->port, keep = (int64_t)o->keep_alive_s * 1000, ping = o->ping_timeout_ms,
            op = o->operation_timeout_ms;
    int64_t connect = o->connect_timeout_ms, min_s = o->reconnect_min_ms / 1000, max_s = o->reconnect_max_ms / 1000;
    int64_t stable_s = o->stable_ms / 1000, expiry = o->session_expiry_s, receive = o->receive_max;
    const struct number table[] = {{"port", 1, 65535, &port},
                                   {"keepAliveTimeoutMs", 0, 65535000, &keep},
                                   {"pingTimeoutMs", 1, INT32_MAX, &ping},
                                   {"operationTimeoutMs", 1, INT32_MAX, &op},
                                   {"socketTimeoutMs", 1, INT32_MAX, &connect},
                                   {"minimumReconnectDelaySeconds", 0, 86400, &min_s},
                                   {"maximumReconnectDelaySeconds", 0, 86400, &max_s},
                                   {"minimumConnectedTimeBeforeRetryResetSeconds", 0, 86400, &stable_s},
                                   {"sessionExpirySeconds", 0, UINT32_MAX, &expiry},
                                   {"receiveMaximum", 1, 65535, &receive}};
    const char *version = sedge_json_str(mqtt, "version", "mqtt5");

    if (strcmp(version, "mqtt5") != 0 && strcmp(version, "mqtt3") != 0)
        return sedge_err_set(err, SEDGE_E_INVALID, "mqtt.version: \"%s\" is neither mqtt5 nor mqtt3", version);
    if (read_numbers(mqtt, "mqtt", table, SEDGE_ARRAY_LEN(table), err) != 0) return -1;
    o->v311_only = strcmp(version, "mqtt3") == 0;
    o->port = (int)port;
    o->keep_alive_s = (int)((keep + 999) / 1000);
    o->ping_timeout_ms = (int)ping;
    o->operation_timeout_ms = (int)op;
    o->connect_timeout_ms = (int)connect;
    if (min_s > 0) o->reconnect_min_ms = min_s * 1000; /* 0: the default */
    if (max_s > 0) o->reconnect_max_ms = max_s * 1000;
    if (stable_s > 0) o->stable_ms = stable_s * 1000;
    o->session_expiry_s = (uint32_t)expiry;
    o->receive_max = (int)receive;
    return 0;
}
