#include "json.h"
#include "mem.h"
#include "str.h"

#include <math.h>
#include <string.h>
#include <strings.h>

static void line_of(const char *text, size_t offset, unsigned *line, unsigned *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < offset; i++) {
        (*column)++;
        if (text[i] == '\n') {
            (*line)++;
            *column = 1;
        }
    }
}

/* json-c lets overlong forms pass, which others read as other characters. */
static int check_utf8(const char *text, size_t len, const char *what, struct sedge_err *err)
{
    size_t valid = sedge_utf8_prefix(text, len);
    unsigned line, column;

    if (valid == len) return 0;
    line_of(text, valid, &line, &column);
    return sedge_err_set(err, SEDGE_E_INVALID, "%s:%u:%u: not valid JSON: byte 0x%02x is not UTF-8", what, line, column,
                         (unsigned)(unsigned char)text[valid]);
}

struct json_object *sedge_json_parse(const char *text, size_t len, const char *what, struct sedge_err *err)
{
    struct json_tokener *tok;
    struct json_object *v;
    enum json_tokener_error rc;
    size_t end;
    unsigned line;
    bool cut;
    unsigned column;

    if (err) *err = SEDGE_ERR_INIT;
    if (len > INT32_MAX) {
        (void)sedge_err_set(err, SEDGE_E_LIMIT, "%s: %zu bytes of JSON are too many", what, len);
        return NULL;
    }
    if (check_utf8(text, len, what, err) != 0) return NULL;
    tok = json_tokener_new_ex(SEDGE_JSON_DEPTH_MAX);
    sedge_assert(tok != NULL);
    json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
    v = json_tokener_parse_ex(tok, text, (int)len);
    rc = json_tokener_get_error(tok);
    end = json_tokener_get_parse_end(tok);
    cut = rc == json_tokener_continue;
    if (cut) { /* numbers at the end of the text are complete only with a terminator */
        v = json_tokener_parse_ex(tok, "", 1);
        rc = json_tokener_get_error(tok);
        if (rc == json_tokener_success) end = len;
    }
    json_tokener_free(tok);
    if (rc == json_tokener_success) {
        while (end < len && strchr(" \t\r\n", text[end]) && text[end])
            end++;
        if (end == len) return v;
        (void)json_object_put(v);
        line_of(text, end, &line, &column);
        (void)sedge_err_set(err, SEDGE_E_INVALID, "%s:%u:%u: text after the end of the JSON value", what, line, column);
        return NULL;
    }
    line_of(text, end < len ? end : len, &line, &column);
    (void)sedge_err_set(err, rc == json_tokener_error_depth ? SEDGE_E_LIMIT : SEDGE_E_INVALID,
                        "%s:%u:%u: not valid JSON: %s", what, line, column,
                        cut ? "the text ends too early" : json_tokener_error_desc(rc));
    return NULL;
}

struct json_object *sedge_json_parse_object(const char *text, size_t len, const char *what, struct sedge_err *err)
{
    struct sedge_err local = SEDGE_ERR_INIT;
    struct json_object *v;

    if (!err) err = &local;
    v = sedge_json_parse(text, len, what, err);
    if (err->code != SEDGE_OK) return NULL;
    if (json_object_is_type(v, json_type_object)) return v;
    (void)sedge_err_set(err, SEDGE_E_INVALID, "%s: expected a JSON object, got %s", what,
                        json_type_to_name(json_object_get_type(v)));
    (void)json_object_put(v);
    return NULL;
}

struct json_object *sedge_json_get(struct json_object *o, const char *key)
{
    struct json_object *v = NULL;

    if (!o || !json_object_is_type(o, json_type_object)) return NULL;
    return json_object_object_get_ex(o, key, &v) ? v : NULL;
}

bool sedge_json_has(struct json_object *o, const char *key)
{
    return o && json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, key, NULL);
}

static struct json_object *typed(struct json_object *o, const char *key, enum json_type type)
{
    struct json_object *v = sedge_json_get(o, key);

    return v && json_object_is_type(v, type) ? v : NULL;
}

bool sedge_json_is_str(struct json_object *v)
{
    return v && json_object_is_type(v, json_type_string) &&
           strlen(json_object_get_string(v)) == (size_t)json_object_get_string_len(v);
}

const char *sedge_json_str(struct json_object *o, const char *key, const char *def)
{
    struct json_object *v = sedge_json_get(o, key);

    return sedge_json_is_str(v) ? json_object_get_string(v) : def;
}

static bool as_i64(struct json_object *v, int64_t *out)
{
    double d;

    if (json_object_is_type(v, json_type_int)) {
        *out = json_object_get_int64(v);
        return true;
    }
    if (!json_object_is_type(v, json_type_double)) return false;
    d = json_object_get_double(v);
    if (!(d >= -9.2e18 && d <= 9.2e18) || trunc(d) < d || trunc(d) > d) return false;
    *out = (int64_t)d;
    return true;
}

int64_t sedge_json_i64(struct json_object *o, const char *key, int64_t def)
{
    struct json_object *v = sedge_json_get(o, key);
    int64_t out;

    return v && as_i64(v, &out) ? out : def;
}

double sedge_json_double(struct json_object *o, const char *key, double def)
{
    struct json_object *v = sedge_json_get(o, key);

    if (!v || (!json_object_is_type(v, json_type_int) && !json_object_is_type(v, json_type_double))) return def;
    return json_object_get_double(v);
}

bool sedge_json_bool(struct json_object *o, const char *key, bool def)
{
    struct json_object *v = typed(o, key, json_type_boolean);

    return v ? json_object_get_boolean(v) : def;
}

struct json_object *sedge_json_obj(struct json_object *o, const char *key)
{
    return typed(o, key, json_type_object);
}

struct json_object *sedge_json_arr(struct json_object *o, const char *key)
{
    return typed(o, key, json_type_array);
}

struct json_object *sedge_json_get_nocase(struct json_object *o, const char *key, const char **stored)
{
    if (!o || !json_object_is_type(o, json_type_object)) return NULL;
    json_object_object_foreach (o, k, v) {
        if (strcasecmp(k, key) == 0) {
            if (stored) *stored = k;
            return v;
        }
    }
    return NULL;
}

void sedge_json_add_str(struct json_object *o, const char *key, const char *s)
{
    if (s) (void)json_object_object_add(o, key, json_object_new_string(s));
}

void sedge_json_add_i64(struct json_object *o, const char *key, int64_t v)
{
    (void)json_object_object_add(o, key, json_object_new_int64(v));
}

void sedge_json_add_bool(struct json_object *o, const char *key, bool v)
{
    (void)json_object_object_add(o, key, json_object_new_boolean(v));
}

const char *sedge_json_text(struct json_object *v)
{
    return v ? json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE) : "null";
}

static int by_text(const void *a, const void *b)
{
    const char *const *x = a;
    const char *const *y = b;

    return strcmp(*x, *y);
}

static void put_sorted(struct sedge_buf *b, struct json_object *v, sedge_json_order order);

static void put_sorted_object(struct sedge_buf *b, struct json_object *v, sedge_json_order order)
{
    size_t n = (size_t)json_object_object_length(v);
    sedge_auto_free const char **keys = sedge_xcalloc(n, sizeof *keys);
    size_t i = 0;

    json_object_object_foreach (v, k, child) {
        (void)child;
        keys[i++] = k;
    }
    qsort(keys, n, sizeof *keys, order);
    sedge_buf_putc(b, '{');
    for (i = 0; i < n; i++) {
        struct json_object *name = json_object_new_string(keys[i]);
        if (i) sedge_buf_putc(b, ',');
        sedge_buf_puts(b, sedge_json_text(name));
        (void)json_object_put(name);
        sedge_buf_putc(b, ':');
        put_sorted(b, sedge_json_get(v, keys[i]), order);
    }
    sedge_buf_putc(b, '}');
}

static void put_sorted(struct sedge_buf *b, struct json_object *v, sedge_json_order order)
{
    if (json_object_is_type(v, json_type_object)) {
        put_sorted_object(b, v, order);
    } else if (json_object_is_type(v, json_type_array)) {
        sedge_buf_putc(b, '[');
        for (size_t i = 0; i < json_object_array_length(v); i++) {
            if (i) sedge_buf_putc(b, ',');
            put_sorted(b, json_object_array_get_idx(v, i), order);
        }
        sedge_buf_putc(b, ']');
    } else {
        sedge_buf_puts(b, sedge_json_text(v));
    }
}

char *sedge_json_text_sorted_by(struct json_object *v, sedge_json_order order)
{
    struct sedge_buf b = SEDGE_BUF_INIT;

    put_sorted(&b, v, order);
    return sedge_buf_steal(&b);
}

char *sedge_json_text_sorted(struct json_object *v)
{
    return sedge_json_text_sorted_by(v, by_text);
}

struct json_object *sedge_json_copy(struct json_object *v)
{
    struct json_object *out = NULL;
    int rc = v ? json_object_deep_copy(v, &out, NULL) : 0;

    sedge_assert(rc == 0);
    return out;
}

/* An object begins with room for 10 members (800 bytes), an array for 32 (256 bytes). */
static void compact_object(struct json_object *v)
{
    struct lh_table *t = json_object_get_object(v);
    int wanted = t->count * 3 / 2 + 1; /* full up to two thirds */

    if (wanted < t->size) (void)lh_table_resize(t, wanted); /* fails without memory: stays as it is */
    json_object_object_foreach (v, key, child) {
        (void)key;
        sedge_json_compact(child);
    }
}

void sedge_json_wipe(struct json_object *v)
{
    if (json_object_is_type(v, json_type_string))
        sedge_wipe_text(json_object_get_string(v), (size_t)json_object_get_string_len(v));
    for (size_t i = 0; json_object_is_type(v, json_type_array) && i < json_object_array_length(v); i++)
        sedge_json_wipe(json_object_array_get_idx(v, i));
    if (!json_object_is_type(v, json_type_object)) return;
    json_object_object_foreach (v, key, value) {
        (void)key;
        sedge_json_wipe(value);
    }
}

void sedge_json_compact(struct json_object *v)
{
    if (json_object_is_type(v, json_type_object)) compact_object(v);
    if (!json_object_is_type(v, json_type_array)) return;
    (void)json_object_array_shrink(v, 0);
    for (size_t i = 0; i < json_object_array_length(v); i++)
        sedge_json_compact(json_object_array_get_idx(v, i));
}

/* Decodes the pointer token that starts at *p; stops at '/' or the end. */
static int pointer_token(const char **p, struct sedge_buf *out, struct sedge_err *err)
{
    sedge_buf_clear(out);
    sedge_buf_puts(out, "");
    for (; **p && **p != '/'; (*p)++) {
        if (**p != '~') {
            sedge_buf_putc(out, **p);
            continue;
        }
        (*p)++;
        if (**p != '0' && **p != '1')
            return sedge_err_set(err, SEDGE_E_INVALID, "in a JSON pointer \"~\" must be followed by 0 or 1");
        sedge_buf_putc(out, **p == '0' ? '~' : '/');
    }
    return 0;
}

static bool pointer_step(struct json_object **v, const char *token)
{
    int64_t i;

    if (json_object_is_type(*v, json_type_object)) return json_object_object_get_ex(*v, token, v);
    if (!json_object_is_type(*v, json_type_array)) return false;
    if (!token[0] || strspn(token, "0123456789") != strlen(token) || (token[0] == '0' && token[1])) return false;
    if (sedge_str_to_i64(token, 0, (int64_t)json_object_array_length(*v) - 1, &i, NULL) != 0) return false;
    *v = json_object_array_get_idx(*v, (size_t)i);
    return true;
}

int sedge_json_pointer(struct json_object *root, const char *pointer, struct json_object **out, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf token = SEDGE_BUF_INIT;
    struct json_object *v = root;
    const char *p = pointer;

    if (*p && *p != '/')
        return sedge_err_set(err, SEDGE_E_INVALID, "JSON pointer \"%s\" must be empty or start with \"/\"", pointer);
    while (*p == '/') {
        p++;
        if (pointer_token(&p, &token, err) != 0) return -1;
        if (!pointer_step(&v, token.data)) return 0;
    }
    *out = v;
    return 1;
}

static const char *const jtype_names[] = {
    [SEDGE_J_STR] = "string", [SEDGE_J_INT] = "integer", [SEDGE_J_DOUBLE] = "number", [SEDGE_J_BOOL] = "boolean",
    [SEDGE_J_OBJ] = "object", [SEDGE_J_ARR] = "array",   [SEDGE_J_ANY] = "value"};

static int wrong_type(const struct sedge_jfield *f, const char *where, struct json_object *v, struct sedge_err *err)
{
    return sedge_err_set(err, SEDGE_E_INVALID, "%s%s%s: expected %s, got %s", where, *where ? "." : "", f->key,
                         jtype_names[f->type], json_type_to_name(json_object_get_type(v)));
}

static int out_of_range(const struct sedge_jfield *f, const char *where, const char *text, struct sedge_err *err)
{
    return sedge_err_set(err, SEDGE_E_LIMIT, "%s%s%s: %s is outside %lld..%lld", where, *where ? "." : "", f->key, text,
                         (long long)f->min, (long long)f->max);
}

static int decode_str(const struct sedge_jfield *f, const char *where, struct json_object *v, void *slot,
                      struct sedge_err *err)
{
    char *copy;

    if (!sedge_json_is_str(v)) return wrong_type(f, where, v, err);
    copy = sedge_xstrdup(json_object_get_string(v));
    if ((f->min || f->max) && ((int64_t)strlen(copy) < f->min || (int64_t)strlen(copy) > f->max)) {
        (void)out_of_range(f, where, "the length", err);
        free(copy);
        return -1;
    }
    memcpy(slot, &copy, sizeof copy);
    return 0;
}

static int decode_number(const struct sedge_jfield *f, const char *where, struct json_object *v, void *slot,
                         struct sedge_err *err)
{
    double d;
    int64_t i;

    if (!json_object_is_type(v, json_type_int) && !json_object_is_type(v, json_type_double))
        return wrong_type(f, where, v, err);
    d = json_object_get_double(v);
    if ((f->min || f->max) && (!(d >= (double)f->min) || !(d <= (double)f->max)))
        return out_of_range(f, where, sedge_json_text(v), err);
    if (f->type == SEDGE_J_DOUBLE) {
        memcpy(slot, &d, sizeof d);
        return 0;
    }
    if (!as_i64(v, &i)) return wrong_type(f, where, v, err);
    memcpy(slot, &i, sizeof i);
    return 0;
}

static int decode_container(const struct sedge_jfield *f, const char *where, struct json_object *v, void *slot,
                            struct sedge_err *err)
{
    struct json_object *ref;

    if ((f->type == SEDGE_J_OBJ && !json_object_is_type(v, json_type_object)) ||
        (f->type == SEDGE_J_ARR && !json_object_is_type(v, json_type_array)))
        return wrong_type(f, where, v, err);
    ref = json_object_get(v);
    memcpy(slot, &ref, sizeof ref); /* NOLINT(bugprone-sizeof-expression): the pointer itself is what is copied */
    return 0;
}

static int decode_field(const struct sedge_jfield *f, const char *where, struct json_object *v, void *slot,
                        struct sedge_err *err)
{
    bool b;

    switch (f->type) {
    case SEDGE_J_STR:
        return decode_str(f, where, v, slot, err);
    case SEDGE_J_INT:
    case SEDGE_J_DOUBLE:
        return decode_number(f, where, v, slot, err);
    case SEDGE_J_BOOL:
        if (!json_object_is_type(v, json_type_boolean)) return wrong_type(f, where, v, err);
        b = json_object_get_boolean(v);
        memcpy(slot, &b, sizeof b);
        return 0;
    case SEDGE_J_OBJ:
    case SEDGE_J_ARR:
    case SEDGE_J_ANY:
        return decode_container(f, where, v, slot, err);
    }
    return 0;
}

static int unknown_key(const char *key, const char *where, const struct sedge_jfield *fields, size_t n,
                       struct sedge_err *err)
{
    sedge_auto_free const char **known = sedge_xcalloc(n, sizeof *known);
    const char *near;

    for (size_t i = 0; i < n; i++)
        known[i] = fields[i].key;
    near = sedge_str_nearest(key, known, n);
    return sedge_err_set(err, SEDGE_E_INVALID, "%s%s%s: unknown key%s%s%s", where, *where ? "." : "", key,
                         near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

int sedge_json_decode(struct json_object *o, const char *where, const struct sedge_jfield *fields, size_t n,
                      unsigned flags, void *out, struct sedge_err *err)
{
    for (size_t i = 0; i < n; i++) {
        const struct sedge_jfield *f = &fields[i];
        struct json_object *v =
            (flags & SEDGE_JSON_NOCASE) ? sedge_json_get_nocase(o, f->key, NULL) : sedge_json_get(o, f->key);

        if (!v && f->required)
            return sedge_err_set(err, SEDGE_E_INVALID, "%s%s%s: missing; expected %s", where, *where ? "." : "", f->key,
                                 jtype_names[f->type]);
        if (v && decode_field(f, where, v, (char *)out + f->offset, err) != 0) return -1;
    }
    if (flags & SEDGE_JSON_IGNORE_UNKNOWN) return 0;
    json_object_object_foreach (o, key, value) {
        bool known = false;
        (void)value;
        for (size_t i = 0; i < n && !known; i++)
            known = ((flags & SEDGE_JSON_NOCASE) ? strcasecmp(fields[i].key, key) : strcmp(fields[i].key, key)) == 0;
        if (!known) return unknown_key(key, where, fields, n, err);
    }
    return 0;
}

void sedge_json_release_fields(const struct sedge_jfield *fields, size_t n, void *out)
{
    for (size_t i = 0; i < n; i++) {
        void *p = NULL;
        char *slot = (char *)out + fields[i].offset;

        if (fields[i].type == SEDGE_J_INT || fields[i].type == SEDGE_J_DOUBLE || fields[i].type == SEDGE_J_BOOL)
            continue;
        memcpy(&p, slot, sizeof p);
        if (fields[i].type == SEDGE_J_STR)
            free(p);
        else
            (void)json_object_put(p);
        memset(slot, 0, sizeof p);
    }
}
