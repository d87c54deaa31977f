#include "document.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "compare.h"

#define DESIRED  "desired"
#define REPORTED "reported"
#define DELTA    "delta"

#define FAILURE_CODE 500

static const char *const parts[] = {DESIRED, REPORTED};

static bool is_object(struct json_object *v)
{
    return json_object_is_type(v, json_type_object);
}

void sedge_shadow_doc_release(struct sedge_shadow_doc *doc)
{
    (void)json_object_put(doc->state);
    (void)json_object_put(doc->metadata);
    *doc = SEDGE_SHADOW_DOC_INIT;
}

/* ---- the form of an update ---- */

static size_t characters(const char *s)
{
    size_t n = 0;

    for (; *s; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

static int invalid(struct sedge_err *err, const char *what)
{
    return sedge_err_set(err, SEDGE_E_INVALID, "Invalid JSON: %s", what);
}

static int read_token(struct sedge_shadow_update *u, struct sedge_err *err)
{
    struct json_object *token = sedge_json_get(u->root, "clientToken");

    if (!sedge_json_has(u->root, "clientToken")) return 0;
    if (!sedge_json_is_str(token)) return invalid(err, "clientToken: expected a string");
    if (characters(json_object_get_string(token)) > SEDGE_SHADOW_TOKEN_MAX)
        return invalid(err, "clientToken: must be at most 64 characters long");
    u->token = json_object_get_string(token);
    return 0;
}

static int read_version(struct sedge_shadow_update *u, struct sedge_err *err)
{
    struct json_object *v = sedge_json_get(u->root, "version");
    double number;

    if (!sedge_json_has(u->root, "version")) return 0;
    if (!json_object_is_type(v, json_type_int) && !json_object_is_type(v, json_type_double))
        return invalid(err, "version: expected a number");
    number = json_object_get_double(v);
    if (number < 0) return invalid(err, "version: must have a minimum value of 0");
    if (!(number < (double)INT64_MAX) || number != floor(number)) /* no shadow has such a version */
        return invalid(err, "version: expected an integer");
    u->version = sedge_json_i64(u->root, "version", -1);
    return 0;
}

static int check_part(const char *key, struct json_object *value, struct sedge_err *err)
{
    bool known = strcmp(key, DESIRED) == 0 || strcmp(key, REPORTED) == 0 || strcmp(key, DELTA) == 0;

    if (!known)
        return sedge_err_set(err, SEDGE_E_INVALID, "Invalid JSON: state.%s: expected desired, reported or delta", key);
    if (value && !is_object(value))
        return sedge_err_set(err, SEDGE_E_INVALID, "Invalid JSON: state.%s: expected an object or null", key);
    return 0;
}

static int read_state(struct sedge_shadow_update *u, struct sedge_err *err)
{
    struct json_object *state = sedge_json_get(u->root, "state");

    if (!sedge_json_has(u->root, "state")) return invalid(err, "state: is missing");
    if (state && !is_object(state)) return invalid(err, "state: expected an object or null");
    u->state = state;
    if (!state) return 0;
    json_object_object_foreach (state, key, value) {
        if (check_part(key, value, err) != 0) return -1;
    }
    json_object_object_del(state, DELTA);
    return 0;
}

static int levels(struct json_object *v)
{
    int deepest = 0;

    if (is_object(v)) {
        if (json_object_object_length(v) == 0) return 0;
        json_object_object_foreach (v, key, value) {
            int n = levels(value);
            (void)key;
            if (n > deepest) deepest = n;
        }
        return deepest + 1;
    }
    if (!json_object_is_type(v, json_type_array) || json_object_array_length(v) == 0) return 0;
    for (size_t i = 0; i < json_object_array_length(v); i++) {
        int n = levels(json_object_array_get_idx(v, i));
        if (n > deepest) deepest = n;
    }
    return deepest + 1;
}

static int check_levels(const struct sedge_shadow_update *u, struct sedge_err *err)
{
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(parts); i++)
        if (levels(sedge_json_get(u->state, parts[i])) > SEDGE_SHADOW_LEVELS_MAX)
            return sedge_err_set(err, SEDGE_E_INVALID, "JSON contains too many levels of nesting; maximum is %d",
                                 SEDGE_SHADOW_LEVELS_MAX);
    return 0;
}

static int too_large(struct sedge_err *err)
{
    return sedge_err_set(err, SEDGE_E_LIMIT, "The payload exceeds the maximum size allowed");
}

int sedge_shadow_update_parse(struct sedge_shadow_update *u, const char *payload, size_t len, struct sedge_err *err)
{
    struct sedge_err why = SEDGE_ERR_INIT;

    if (len == 0) return sedge_err_set(err, SEDGE_E_INVALID, "Missing update payload");
    if (len > SEDGE_SHADOW_REQUEST_MAX) return too_large(err);
    u->root = sedge_json_parse(payload, len, "payload", &why);
    if (!u->root && why.code != SEDGE_OK) return invalid(err, why.msg);
    if (!is_object(u->root)) return invalid(err, "expected an object");
    if (read_token(u, err) != 0 || read_state(u, err) != 0 || read_version(u, err) != 0) return -1;
    return check_levels(u, err);
}

void sedge_shadow_update_release(struct sedge_shadow_update *u)
{
    (void)json_object_put(u->root);
    *u = SEDGE_SHADOW_UPDATE_INIT;
}

/* ---- what an update does ---- */

static struct json_object *stamp(struct json_object *value, int64_t now_s)
{
    struct json_object *out;

    if (json_object_is_type(value, json_type_array)) {
        out = json_object_new_array();
        for (size_t i = 0; i < json_object_array_length(value); i++)
            (void)json_object_array_add(out, stamp(json_object_array_get_idx(value, i), now_s));
        return out;
    }
    out = json_object_new_object();
    if (!is_object(value)) {
        sedge_json_add_i64(out, "timestamp", now_s);
        return out;
    }
    json_object_object_foreach (value, key, inner) {
        if (inner) (void)json_object_object_add(out, key, stamp(inner, now_s));
    }
    return out;
}

/* The object below `key`, made when there is none. */
static struct json_object *inside(struct json_object *o, const char *key)
{
    struct json_object *inner = sedge_json_get(o, key);

    if (is_object(inner)) return inner;
    inner = json_object_new_object();
    (void)json_object_object_add(o, key, inner);
    return inner;
}

static void merge(struct json_object *state, struct json_object *metadata, struct json_object *patch, int64_t now_s)
{
    json_object_object_foreach (patch, key, value) {
        if (!value) {
            json_object_object_del(state, key);
            json_object_object_del(metadata, key);
        } else if (is_object(value)) {
            if (!is_object(sedge_json_get(state, key))) json_object_object_del(metadata, key);
            merge(inside(state, key), inside(metadata, key), value, now_s);
        } else {
            (void)json_object_object_add(state, key, sedge_json_copy(value));
            (void)json_object_object_add(metadata, key, stamp(value, now_s));
        }
    }
}

static void drop_empty_parts(struct sedge_shadow_doc *doc)
{
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(parts); i++) {
        struct json_object *part = sedge_json_obj(doc->state, parts[i]);
        if (part && json_object_object_length(part) > 0) continue;
        json_object_object_del(doc->state, parts[i]);
        json_object_object_del(doc->metadata, parts[i]);
    }
}

static size_t size_of(const struct sedge_shadow_doc *doc)
{
    size_t n = 0;

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(parts); i++) {
        struct json_object *part = sedge_json_get(doc->state, parts[i]);
        if (part) n += strlen(sedge_json_text(part));
    }
    return n;
}

static int check_version(const struct sedge_shadow_doc *doc, int64_t version, struct sedge_err *err)
{
    if (version < 0) return 0;
    if (!doc->exists) return version == 1 ? 0 : sedge_err_set(err, SEDGE_E_INVALID, "Invalid version");
    return version == doc->version ? 0 : sedge_err_set(err, SEDGE_E_CONFLICT, "Version conflict");
}

int sedge_shadow_update_apply(struct sedge_shadow_doc *doc, const struct sedge_shadow_update *u, size_t limit,
                              int64_t now_s, struct sedge_err *err)
{
    if (check_version(doc, u->version, err) != 0) return -1;
    if (!doc->exists || !u->state) {
        (void)json_object_put(doc->state);
        (void)json_object_put(doc->metadata);
        doc->state = json_object_new_object();
        doc->metadata = json_object_new_object();
    }
    if (u->state) merge(doc->state, doc->metadata, u->state, now_s);
    drop_empty_parts(doc);
    if (size_of(doc) > limit) return too_large(err);
    doc->exists = true;
    doc->version++;
    doc->timestamp = now_s;
    return 0;
}

/* ---- documents for the outside ---- */

static void finish(struct json_object *o, int64_t version, int64_t now_s, const char *token)
{
    if (version > 0) sedge_json_add_i64(o, "version", version);
    sedge_json_add_i64(o, "timestamp", now_s);
    sedge_json_add_str(o, "clientToken", token);
}

struct json_object *sedge_shadow_body(const struct sedge_shadow_doc *doc)
{
    struct json_object *o = json_object_new_object();

    (void)json_object_object_add(o, "state", sedge_json_copy(doc->state));
    (void)json_object_object_add(o, "metadata", sedge_json_copy(doc->metadata));
    sedge_json_add_i64(o, "version", doc->version);
    return o;
}

struct json_object *sedge_shadow_got(const struct sedge_shadow_doc *doc, int64_t now_s)
{
    struct json_object *o = sedge_shadow_body(doc);
    struct json_object *delta =
        sedge_shadow_difference(sedge_json_get(doc->state, DESIRED), sedge_json_get(doc->state, REPORTED), NULL, NULL);

    if (json_object_object_length(delta) > 0)
        (void)json_object_object_add(sedge_json_obj(o, "state"), DELTA, delta);
    else
        (void)json_object_put(delta);
    sedge_json_add_i64(o, "timestamp", now_s);
    return o;
}

/* The stamps of what the update has set; a part of which only keys were deleted has none. */
static struct json_object *changed_metadata(const struct sedge_shadow_update *u, int64_t now_s)
{
    struct json_object *out = json_object_new_object();

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(parts); i++) {
        struct json_object *part = sedge_json_obj(u->state, parts[i]);
        struct json_object *stamps = part ? stamp(part, now_s) : NULL;

        if (stamps && json_object_object_length(stamps) > 0)
            (void)json_object_object_add(out, parts[i], stamps);
        else
            (void)json_object_put(stamps);
    }
    return out;
}

struct json_object *sedge_shadow_accepted(const struct sedge_shadow_doc *doc, const struct sedge_shadow_update *u)
{
    struct json_object *o = json_object_new_object();

    (void)json_object_object_add(o, "state", u->state ? sedge_json_copy(u->state) : NULL);
    (void)json_object_object_add(o, "metadata", changed_metadata(u, doc->timestamp));
    finish(o, doc->version, doc->timestamp, u->token);
    return o;
}

struct json_object *sedge_shadow_delta(const struct sedge_shadow_doc *doc, const char *token)
{
    struct json_object *metadata = NULL;
    struct json_object *delta =
        sedge_shadow_difference(sedge_json_get(doc->state, DESIRED), sedge_json_get(doc->state, REPORTED),
                                sedge_json_get(doc->metadata, DESIRED), &metadata);
    struct json_object *o;

    if (json_object_object_length(delta) == 0) {
        (void)json_object_put(delta);
        (void)json_object_put(metadata);
        return NULL;
    }
    o = json_object_new_object();
    (void)json_object_object_add(o, "state", delta);
    (void)json_object_object_add(o, "metadata", metadata);
    finish(o, doc->version, doc->timestamp, token);
    return o;
}

int sedge_shadow_code(enum sedge_err_code code)
{
    static const int codes[SEDGE_ERR_COUNT] = {
        [SEDGE_E_INVALID] = 400,  [SEDGE_E_DENIED] = 401, [SEDGE_E_NOT_FOUND] = 404,
        [SEDGE_E_CONFLICT] = 409, [SEDGE_E_LIMIT] = 413,  [SEDGE_E_UNAVAILABLE] = 429,
    };

    return codes[code] ? codes[code] : FAILURE_CODE;
}

struct json_object *sedge_shadow_rejected(const struct sedge_err *err, const char *token, int64_t now_s)
{
    struct json_object *o = json_object_new_object();
    int code = sedge_shadow_code(err->code);

    sedge_json_add_i64(o, "code", code);
    sedge_json_add_str(o, "message", code == FAILURE_CODE ? "Internal service failure" : err->msg);
    finish(o, 0, now_s, token);
    return o;
}
