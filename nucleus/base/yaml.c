#include "yaml.h"
#include "mem.h"
#include "str.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <yaml.h>

struct anchor {
    char *name;
    struct json_object *value; /* owned */
    bool complete;             /* false while its own node is being read */
    size_t nodes, bytes, depth;
};

struct reader {
    yaml_parser_t parser;
    const char *what;
    struct sedge_err *err;
    struct anchor *anchors;
    size_t nanchors;
    size_t nodes; /* made so far, with what aliases brought */
    size_t bytes; /* of text brought by aliases */
};

static int fail_at(struct reader *r, yaml_mark_t at, enum sedge_err_code code, const char *why)
{
    return sedge_err_set(r->err, code, "%s:%zu:%zu: %s", r->what, at.line + 1, at.column + 1, why);
}

static int next_event(struct reader *r, yaml_event_t *ev)
{
    const yaml_parser_t *p = &r->parser;

    if (yaml_parser_parse(&r->parser, ev)) return 0;
    if (p->error == YAML_READER_ERROR)
        return sedge_err_set(r->err, SEDGE_E_INVALID, "%s: not valid YAML: %s at byte %zu", r->what,
                             p->problem ? p->problem : "unreadable", p->problem_offset);
    return sedge_err_set(r->err, SEDGE_E_INVALID, "%s:%zu:%zu: not valid YAML: %s%s%s", r->what,
                         p->problem_mark.line + 1, p->problem_mark.column + 1, p->context ? p->context : "",
                         p->context ? ": " : "", p->problem ? p->problem : "unreadable");
}

/* --- scalars ------------------------------------------------------------------------------------------------------ */

static bool one_of(const char *s, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(s, list[i]) == 0) return true;
    return false;
}

static bool is_null(const char *s)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};

    return one_of(s, words, SEDGE_ARRAY_LEN(words));
}

static bool is_bool(const char *s)
{
    static const char *const words[] = {"true", "True", "TRUE", "false", "False", "FALSE"};

    return one_of(s, words, SEDGE_ARRAY_LEN(words));
}

static bool is_int(const char *s)
{
    size_t n;

    if (strncmp(s, "0x", 2) == 0) return s[2] && strspn(s + 2, "0123456789abcdefABCDEF") == strlen(s + 2);
    if (strncmp(s, "0o", 2) == 0) return s[2] && strspn(s + 2, "01234567") == strlen(s + 2);
    if (*s == '-' || *s == '+') s++;
    n = strlen(s);
    return n > 0 && strspn(s, "0123456789") == n;
}

/* [-+]? ( . digits | digits (. digits?)? ) ( [eE] [-+]? digits )?   `json`: exactly as JSON writes numbers. */
static bool is_float(const char *s, bool json)
{
    size_t whole;
    size_t fraction = 0;

    if (*s == '-' || (*s == '+' && !json)) s++;
    whole = strspn(s, "0123456789");
    if (json && (whole == 0 || (whole > 1 && *s == '0'))) return false;
    s += whole;
    if (*s == '.') {
        fraction = strspn(++s, "0123456789");
        s += fraction;
        if (json && fraction == 0) return false;
    }
    if (whole + fraction == 0) return false;
    if (*s == 'e' || *s == 'E') {
        s++;
        if (*s == '-' || *s == '+') s++;
        if (!strspn(s, "0123456789")) return false;
        s += strspn(s, "0123456789");
    }
    return *s == '\0';
}

static struct json_object *new_int(const char *s)
{
    int base = strncmp(s, "0x", 2) == 0 ? 16 : strncmp(s, "0o", 2) == 0 ? 8 : 10;
    const char *digits = base == 10 ? s : s + 2;
    long long i;
    unsigned long long u;
    double d;

    errno = 0;
    i = strtoll(digits, NULL, base);
    if (errno == 0) return json_object_new_int64(i);
    errno = 0;
    u = strtoull(digits, NULL, base);
    if (errno == 0 && *s != '-') return json_object_new_uint64(u);
    d = strtod(s, NULL);
    return base == 10 && isfinite(d) ? json_object_new_double(d) : json_object_new_string(s);
}

static struct json_object *new_float(const char *s)
{
    double d = strtod(s, NULL);

    if (!isfinite(d)) return json_object_new_string(s);
    return is_float(s, true) ? json_object_new_double_s(d, s) : json_object_new_double(d);
}

/* The documented rule for plain scalars. NULL for a null. */
static struct json_object *typed_plain(const char *s)
{
    if (is_null(s)) return NULL;
    if (is_bool(s)) return json_object_new_boolean(*s == 't' || *s == 'T');
    if (is_int(s)) return new_int(s);
    if (is_float(s, false)) return new_float(s);
    return json_object_new_string(s);
}

#define TAG_PREFIX "tag:yaml.org,2002:"

/* Scalar with an explicit tag: -1 when the tag is unknown or the text does not fit it. */
static int tagged_scalar(const char *tag, const char *s, struct json_object **out)
{
    const char *name = strncmp(tag, TAG_PREFIX, strlen(TAG_PREFIX)) == 0 ? tag + strlen(TAG_PREFIX) : tag;

    *out = NULL;
    if (strcmp(name, "!") == 0 || strcmp(name, "str") == 0) {
        *out = json_object_new_string(s);
        return 0;
    }
    if (strcmp(name, "null") == 0) return is_null(s) ? 0 : -1;
    if ((strcmp(name, "bool") == 0 && is_bool(s)) || (strcmp(name, "int") == 0 && is_int(s))) {
        *out = typed_plain(s);
        return 0;
    }
    if (strcmp(name, "float") == 0 && is_float(s, false)) {
        *out = new_float(s);
        return 0;
    }
    return -1;
}

static int read_scalar(struct reader *r, const yaml_event_t *ev, struct json_object **out)
{
    const char *s = (const char *)ev->data.scalar.value;
    const char *tag = (const char *)ev->data.scalar.tag;

    if (strlen(s) != ev->data.scalar.length)
        return fail_at(r, ev->start_mark, SEDGE_E_INVALID, "a text holds a NUL character");
    if (tag) {
        if (tagged_scalar(tag, s, out) != 0)
            return fail_at(
                r, ev->start_mark, SEDGE_E_INVALID,
                "unknown tag, or a text that does not fit it; expected !!str, !!int, !!float, !!bool, !!null");
        return 0;
    }
    *out = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? typed_plain(s) : json_object_new_string(s);
    return 0;
}

/* --- anchors ------------------------------------------------------------------------------------------------------ */

static size_t text_bytes(struct json_object *v)
{
    return json_object_is_type(v, json_type_string) ? (size_t)json_object_get_string_len(v) : 0;
}

/* Adds up the size of a tree that is at most SEDGE_YAML_DEPTH_MAX deep. */
static void measure(struct json_object *v, size_t depth, struct anchor *sum)
{
    sum->nodes++;
    sum->bytes += text_bytes(v);
    if (depth > sum->depth) sum->depth = depth;
    if (json_object_is_type(v, json_type_object)) {
        json_object_object_foreach (v, k, child) {
            sum->bytes += strlen(k);
            measure(child, depth + 1, sum);
        }
    } else if (json_object_is_type(v, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(v); i++)
            measure(json_object_array_get_idx(v, i), depth + 1, sum);
    }
}

/* Notes the anchor of a node that begins; SIZE_MAX if it has none. The same name may be given again. */
static size_t anchor_begin(struct reader *r, const yaml_char_t *name)
{
    if (!name) return SIZE_MAX;
    r->anchors = sedge_xrealloc(r->anchors, r->nanchors + 1, sizeof *r->anchors);
    r->anchors[r->nanchors] = (struct anchor){.name = sedge_xstrdup((const char *)name)};
    return r->nanchors++;
}

static void anchor_end(struct reader *r, size_t i, struct json_object *value)
{
    if (i == SIZE_MAX) return;
    r->anchors[i].value = json_object_get(value);
    r->anchors[i].complete = true;
    measure(value, 0, &r->anchors[i]);
}

static int read_alias(struct reader *r, const yaml_event_t *ev, size_t depth, struct json_object **out)
{
    const char *name = (const char *)ev->data.alias.anchor;
    const struct anchor *a = NULL;

    for (size_t i = r->nanchors; i > 0 && !a; i--)
        if (strcmp(r->anchors[i - 1].name, name) == 0) a = &r->anchors[i - 1];
    if (!a) return fail_at(r, ev->start_mark, SEDGE_E_INVALID, "alias of an anchor that was not defined before");
    if (!a->complete) return fail_at(r, ev->start_mark, SEDGE_E_INVALID, "alias of a node that encloses it");
    if (a->nodes > SEDGE_YAML_NODES_MAX - r->nodes || a->bytes > SEDGE_YAML_BYTES_MAX - r->bytes ||
        depth + a->depth > SEDGE_YAML_DEPTH_MAX)
        return fail_at(r, ev->start_mark, SEDGE_E_LIMIT, "aliases make the document too large");
    r->nodes += a->nodes;
    r->bytes += a->bytes;
    *out = sedge_json_copy(a->value);
    return 0;
}

/* --- nodes -------------------------------------------------------------------------------------------------------- */

static int read_node(struct reader *r, const yaml_event_t *ev, size_t depth, struct json_object **out);

static int read_sequence(struct reader *r, size_t depth, struct json_object *list)
{
    for (;;) {
        struct json_object *child = NULL;
        yaml_event_t ev;
        int rc;

        if (next_event(r, &ev) != 0) return -1;
        if (ev.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&ev);
            return 0;
        }
        rc = read_node(r, &ev, depth + 1, &child);
        yaml_event_delete(&ev);
        if (rc != 0) return -1;
        (void)json_object_array_add(list, child); /* takes the reference */
    }
}

/* Checks a key event; the text is borrowed from it. */
static const char *read_key(struct reader *r, const yaml_event_t *ev, struct json_object *map)
{
    const char *key = (const char *)ev->data.scalar.value;

    if (ev->type != YAML_SCALAR_EVENT) {
        (void)fail_at(r, ev->start_mark, SEDGE_E_INVALID, "a key must be a text");
        return NULL;
    }
    if (strlen(key) != ev->data.scalar.length) {
        (void)fail_at(r, ev->start_mark, SEDGE_E_INVALID, "a key holds a NUL character");
        return NULL;
    }
    if (sedge_json_has(map, key)) {
        (void)sedge_err_set(r->err, SEDGE_E_INVALID, "%s:%zu:%zu: key \"%s\" is there twice", r->what,
                            ev->start_mark.line + 1, ev->start_mark.column + 1, key);
        return NULL;
    }
    return key;
}

/* Reads the value that follows a key event into the map. */
static int read_member(struct reader *r, const yaml_event_t *key_event, size_t depth, struct json_object *map)
{
    const char *key = read_key(r, key_event, map);
    struct json_object *child = NULL;
    yaml_event_t ev;
    size_t anchor;
    int rc;

    if (!key) return -1;
    anchor = anchor_begin(r, key_event->data.scalar.anchor);
    if (anchor != SIZE_MAX) {
        struct json_object *text = json_object_new_string(key);
        anchor_end(r, anchor, text);
        (void)json_object_put(text);
    }
    if (next_event(r, &ev) != 0) return -1;
    rc = read_node(r, &ev, depth + 1, &child);
    yaml_event_delete(&ev);
    if (rc != 0) return -1;
    (void)json_object_object_add(map, key, child); /* takes the reference */
    return 0;
}

static int read_mapping(struct reader *r, size_t depth, struct json_object *map)
{
    for (;;) {
        yaml_event_t ev;
        int rc;

        if (next_event(r, &ev) != 0) return -1;
        if (ev.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&ev);
            return 0;
        }
        rc = read_member(r, &ev, depth, map);
        yaml_event_delete(&ev);
        if (rc != 0) return -1;
    }
}

static bool collection_tag_ok(const yaml_char_t *tag, const char *expected)
{
    const char *t = (const char *)tag;

    return !t || strcmp(t, "!") == 0 ||
           (strncmp(t, TAG_PREFIX, strlen(TAG_PREFIX)) == 0 && strcmp(t + strlen(TAG_PREFIX), expected) == 0);
}

static int read_collection(struct reader *r, const yaml_event_t *ev, size_t depth, struct json_object **out)
{
    bool map = ev->type == YAML_MAPPING_START_EVENT;
    size_t anchor = anchor_begin(r, map ? ev->data.mapping_start.anchor : ev->data.sequence_start.anchor);
    struct json_object *v;

    if (!collection_tag_ok(map ? ev->data.mapping_start.tag : ev->data.sequence_start.tag, map ? "map" : "seq"))
        return fail_at(r, ev->start_mark, SEDGE_E_INVALID, "unknown tag; expected !!map, !!seq or none");
    v = map ? json_object_new_object() : json_object_new_array();
    if ((map ? read_mapping(r, depth, v) : read_sequence(r, depth, v)) != 0) {
        (void)json_object_put(v);
        return -1;
    }
    anchor_end(r, anchor, v);
    *out = v;
    return 0;
}

static int read_node(struct reader *r, const yaml_event_t *ev, size_t depth, struct json_object **out)
{
    *out = NULL;
    if (depth > SEDGE_YAML_DEPTH_MAX)
        return fail_at(r, ev->start_mark, SEDGE_E_LIMIT, "the document is nested too deep");
    if (++r->nodes >= SEDGE_YAML_NODES_MAX)
        return fail_at(r, ev->start_mark, SEDGE_E_LIMIT, "the document has too many values");
    if (ev->type == YAML_ALIAS_EVENT) return read_alias(r, ev, depth, out);
    if (ev->type == YAML_SCALAR_EVENT) {
        size_t anchor = anchor_begin(r, ev->data.scalar.anchor);

        if (read_scalar(r, ev, out) != 0) return -1;
        anchor_end(r, anchor, *out);
        return 0;
    }
    if (ev->type == YAML_MAPPING_START_EVENT || ev->type == YAML_SEQUENCE_START_EVENT)
        return read_collection(r, ev, depth, out);
    return fail_at(r, ev->start_mark, SEDGE_E_INVALID, "expected a value");
}

/* The whole stream: frames of stream and document, and one node. */
static int read_stream(struct reader *r, struct json_object **out)
{
    unsigned documents = 0;

    for (;;) {
        yaml_event_t ev;
        bool end;
        int rc = 0;

        if (next_event(r, &ev) != 0) return -1;
        end = ev.type == YAML_STREAM_END_EVENT;
        if (ev.type == YAML_DOCUMENT_START_EVENT) {
            if (documents++)
                rc = fail_at(r, ev.start_mark, SEDGE_E_INVALID, "expected one YAML document, here begins another");
        } else if (ev.type != YAML_STREAM_START_EVENT && ev.type != YAML_DOCUMENT_END_EVENT && !end) {
            rc = read_node(r, &ev, 0, out);
        }
        yaml_event_delete(&ev);
        if (rc != 0) return -1;
        if (end) return 0;
    }
}

static void parser_open(yaml_parser_t *p, const char *text, size_t len)
{
    sedge_assert(yaml_parser_initialize(p));
    yaml_parser_set_input_string(p, (const unsigned char *)text, len);
    yaml_parser_set_encoding(p, YAML_UTF8_ENCODING);
}

struct json_object *sedge_yaml_parse(const char *text, size_t len, const char *what, struct sedge_err *err)
{
    struct json_object *out = NULL;
    struct reader r = {.what = what, .err = err};

    if (err) *err = SEDGE_ERR_INIT;
    if (len > SEDGE_YAML_BYTES_MAX) {
        (void)sedge_err_set(err, SEDGE_E_LIMIT, "%s: %zu bytes of YAML are too many", what, len);
        return NULL;
    }
    parser_open(&r.parser, text, len);
    if (read_stream(&r, &out) != 0) {
        (void)json_object_put(out);
        out = NULL;
    }
    for (size_t i = 0; i < r.nanchors; i++) {
        free(r.anchors[i].name);
        (void)json_object_put(r.anchors[i].value);
    }
    free(r.anchors);
    yaml_parser_delete(&r.parser);
    return out;
}

struct json_object *sedge_yaml_parse_object(const char *text, size_t len, const char *what, struct sedge_err *err)
{
    struct sedge_err local = SEDGE_ERR_INIT;
    struct json_object *v;

    if (!err) err = &local;
    v = sedge_yaml_parse(text, len, what, err);
    if (err->code != SEDGE_OK) return NULL;
    if (json_object_is_type(v, json_type_object)) return v;
    (void)sedge_err_set(err, SEDGE_E_INVALID, "%s: expected a map of keys and values, got %s", what,
                        json_type_to_name(json_object_get_type(v)));
    (void)json_object_put(v);
    return NULL;
}
