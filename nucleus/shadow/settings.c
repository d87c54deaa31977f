#include "settings.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "names.h"

static int expected(struct sedge_err *err, const char *key, const char *what)
{
    return sedge_err_set(err, SEDGE_E_INVALID, "%s: expected %s", key, what);
}

/* Numbers as deployments write them: 20 or 20.0. */
static int read_number(struct json_object *o, const char *key, int64_t min, int64_t max, int64_t *out,
                       struct sedge_err *err)
{
    struct json_object *v = sedge_json_get(o, key);
    int64_t n = sedge_json_i64(o, key, min - 1);

    if (!v) return 0;
    if (n < min || n > max)
        return sedge_err_set(err, SEDGE_E_INVALID, "%s: expected an integer in %lld..%lld, got %s", key, (long long)min,
                             (long long)max, sedge_json_text(v));
    *out = n;
    return 0;
}

/* The object below key; NULL when it is absent. */
static int read_object(struct json_object *o, const char *key, struct json_object **out, struct sedge_err *err)
{
    struct json_object *v = sedge_json_get(o, key);

    *out = v;
    return !v || json_object_is_type(v, json_type_object) ? 0 : expected(err, key, "an object");
}

static int read_limits(struct sedge_shadow_settings *s, struct json_object *o, struct sedge_err *err)
{
    struct json_object *rates = NULL;
    int64_t size = (int64_t)s->size_limit;

    if (read_number(o, "shadowDocumentSizeLimitBytes", 1, SEDGE_SHADOW_SIZE_MAX, &size, err) != 0 ||
        read_object(o, "rateLimits", &rates, err) != 0)
        return -1;
    s->size_limit = (size_t)size;
    if (read_number(rates, "maxLocalRequestsPerSecondPerThing", 1, SEDGE_SHADOW_RATE_MAX, &s->thing_rate, err) != 0 ||
        read_number(rates, "maxTotalLocalRequestsRate", 1, SEDGE_SHADOW_RATE_MAX, &s->total_rate, err) != 0 ||
        read_number(rates, "maxOutboundSyncUpdatesPerSecond", 1, SEDGE_SHADOW_RATE_MAX, &s->outbound_rate, err) != 0)
        return -1;
    return 0;
}

static int read_strategy(struct sedge_shadow_settings *s, struct json_object *o, struct sedge_err *err)
{
    struct json_object *strategy = NULL;
    const char *type;

    if (read_object(o, "strategy", &strategy, err) != 0) return -1;
    type = sedge_json_str(strategy, "type", sedge_json_get(strategy, "type") ? "" : "realTime");
    if (strcmp(type, "realTime") == 0) return 0;
    if (strcmp(type, "periodic") != 0) return expected(err, "strategy.type", "realTime or periodic");
    s->delay_s = SEDGE_SHADOW_SYNC_DELAY_S;
    return read_number(strategy, "delay", 1, SEDGE_SHADOW_SYNC_DELAY_MAX, &s->delay_s, err);
}

static int read_direction(struct sedge_shadow_settings *s, struct json_object *synchronize, struct sedge_err *err)
{
    static const char *const words[] = {[SEDGE_SHADOW_BOTH_WAYS] = "betweenDeviceAndCloud",
                                        [SEDGE_SHADOW_TO_CLOUD] = "deviceToCloud",
                                        [SEDGE_SHADOW_TO_DEVICE] = "cloudToDevice"};
    struct json_object *v = sedge_json_get(synchronize, "direction");

    if (!v) return 0;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(words); i++)
        if (strcmp(sedge_json_str(synchronize, "direction", ""), words[i]) == 0) {
            s->direction = (enum sedge_shadow_direction)i;
            return 0;
        }
    return expected(err, "synchronize.direction", "betweenDeviceAndCloud, deviceToCloud or cloudToDevice");
}

static bool has(const struct sedge_shadow_settings *s, const char *thing, const char *name)
{
    for (size_t i = 0; i < s->nsynced; i++)
        if (strcmp(s->synced[i].thing, thing) == 0 && strcmp(s->synced[i].name, name) == 0) return true;
    return false;
}

static int add(struct sedge_shadow_settings *s, const char *thing, const char *name, struct sedge_err *err)
{
    if (sedge_shadow_check_thing(thing, err) != 0 || sedge_shadow_check_name(name, err) != 0)
        return sedge_err_wrap(err, "synchronize: \"%s\"", *name ? name : thing);
    if (has(s, thing, name)) return 0;
    if (s->nsynced == SEDGE_SHADOW_SYNCED_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "synchronize: more than %d shadows", SEDGE_SHADOW_SYNCED_MAX);
    s->synced = sedge_xrealloc(s->synced, s->nsynced + 1, sizeof *s->synced);
    s->synced[s->nsynced++] = (struct sedge_shadow_id){sedge_xstrdup(thing), sedge_xstrdup(name)};
    return 0;
}

/* {"classic": true, "namedShadows": ["a"]} */
static int read_thing(struct sedge_shadow_settings *s, struct json_object *o, const char *thing, struct sedge_err *err)
{
    struct json_object *names = sedge_json_get(o, "namedShadows");
    struct json_object *classic = sedge_json_get(o, "classic");

    if (!json_object_is_type(o, json_type_object)) return expected(err, "synchronize", "an object for each thing");
    if (classic && !json_object_is_type(classic, json_type_boolean))
        return expected(err, "synchronize: classic", "true or false");
    if (names && !json_object_is_type(names, json_type_array))
        return expected(err, "synchronize: namedShadows", "a list of names");
    if (sedge_json_bool(o, "classic", true) && add(s, thing, "", err) != 0) return -1;
    for (size_t i = 0; names && i < json_object_array_length(names); i++) {
        struct json_object *name = json_object_array_get_idx(names, i);
        if (!sedge_json_is_str(name) || json_object_get_string_len(name) == 0)
            return expected(err, "synchronize: namedShadows", "a list of names");
        if (add(s, thing, json_object_get_string(name), err) != 0) return -1;
    }
    return 0;
}

static int read_list(struct sedge_shadow_settings *s, struct json_object *synchronize, struct sedge_err *err)
{
    struct json_object *list = sedge_json_get(synchronize, "shadowDocuments");

    if (!list) return 0;
    if (!json_object_is_type(list, json_type_array)) return expected(err, "synchronize.shadowDocuments", "a list");
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *o = json_object_array_get_idx(list, i);
        if (read_thing(s, o, sedge_json_str(o, "thingName", ""), err) != 0) return -1;
    }
    return 0;
}

static int read_map(struct sedge_shadow_settings *s, struct json_object *synchronize, struct sedge_err *err)
{
    struct json_object *map = NULL;

    if (read_object(synchronize, "shadowDocumentsMap", &map, err) != 0) return -1;
    if (!map) return 0;
    json_object_object_foreach (map, thing, o) {
        if (read_thing(s, o, thing, err) != 0) return -1;
    }
    return 0;
}

static int read_synchronize(struct sedge_shadow_settings *s, struct json_object *o, const char *core_thing,
                            struct sedge_err *err)
{
    struct json_object *synchronize = NULL;
    struct json_object *core = NULL;

    if (read_object(o, "synchronize", &synchronize, err) != 0 || read_object(synchronize, "coreThing", &core, err) != 0)
        return -1;
    if (core && core_thing && *core_thing && read_thing(s, core, core_thing, err) != 0) return -1;
    if (read_list(s, synchronize, err) != 0 || read_map(s, synchronize, err) != 0) return -1;
    return read_direction(s, synchronize, err);
}

int sedge_shadow_settings_read(struct sedge_shadow_settings *s, struct json_object *configuration,
                               const char *core_thing, struct sedge_err *err)
{
    struct sedge_shadow_settings fresh = SEDGE_SHADOW_SETTINGS_INIT;

    if (read_limits(&fresh, configuration, err) != 0 || read_strategy(&fresh, configuration, err) != 0 ||
        read_synchronize(&fresh, configuration, core_thing, err) != 0) {
        sedge_shadow_settings_release(&fresh);
        return -1;
    }
    sedge_shadow_settings_release(s);
    *s = fresh;
    return 0;
}

void sedge_shadow_settings_release(struct sedge_shadow_settings *s)
{
    for (size_t i = 0; i < s->nsynced; i++) {
        free(s->synced[i].thing);
        free(s->synced[i].name);
    }
    free(s->synced);
    *s = SEDGE_SHADOW_SETTINGS_INIT;
}
