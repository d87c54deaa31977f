/*
 * json - strict parsing, typed access and table-driven decoding over json-c.
 *
 * json-c converts on access (a number read as text gives text, text read as a number gives 0) and clamps. The getters
 * here check the type first; use them, not json_object_get_*, on anything that comes from outside.
 *
 * Ownership: getters lend (borrowed) values that live as long as the object. Parsers return a new reference.
 */
#ifndef SEDGE_BASE_JSON_H
#define SEDGE_BASE_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"

#define SEDGE_JSON_DEPTH_MAX 64

/* Exactly one JSON value, valid UTF-8, at most SEDGE_JSON_DEPTH_MAX deep. `what` names the source in the message, which
 * has line and column: "recipe.json:3:17: ...". NULL on failure (INVALID or LIMIT). A JSON null is returned as *NULL
 * with SEDGE_OK in err->code; callers that want an object use sedge_json_parse_object. */
struct json_object *sedge_json_parse(const char *text, size_t len, const char *what, struct sedge_err *err);
struct json_object *sedge_json_parse_object(const char *text, size_t len, const char *what, struct sedge_err *err);

/* Member `key` of object `o` if it has the type, otherwise the default. `o` may be NULL or another type. */
const char *sedge_json_str(struct json_object *o, const char *key, const char *def);
int64_t sedge_json_i64(struct json_object *o, const char *key, int64_t def); /* 5.0 counts as 5 */
double sedge_json_double(struct json_object *o, const char *key, double def);
bool sedge_json_bool(struct json_object *o, const char *key, bool def);
struct json_object *sedge_json_obj(struct json_object *o, const char *key); /* borrowed; NULL if absent */
struct json_object *sedge_json_arr(struct json_object *o, const char *key);
struct json_object *sedge_json_get(struct json_object *o, const char *key); /* any type; NULL for null and absent */
bool sedge_json_has(struct json_object *o, const char *key);                /* also when null */
/* Key compared without regard to case (recipes, configuration). *stored gets the spelling found; may be NULL. */
struct json_object *sedge_json_get_nocase(struct json_object *o, const char *key, const char **stored);
bool sedge_json_is_str(struct json_object *v); /* a string without embedded NUL */

/* Adds a text, or nothing when s is NULL. */
void sedge_json_add_str(struct json_object *o, const char *key, const char *s);
void sedge_json_add_i64(struct json_object *o, const char *key, int64_t v);
void sedge_json_add_bool(struct json_object *o, const char *key, bool v);

/* Compact text, keys in stored order; `sorted`: keys of every object in byte order (for hashes and comparison). */
const char *sedge_json_text(struct json_object *v); /* lives as long as v; "null" for NULL */
char *sedge_json_text_sorted(struct json_object *v);
typedef int (*sedge_json_order)(const void *a, const void *b); /* compares two keys, each a const char *const * */
char *sedge_json_text_sorted_by(struct json_object *v, sedge_json_order order);
struct json_object *sedge_json_copy(struct json_object *v); /* deep copy; numbers keep their text */
/* Overwrites every text in it, for values that must not stay in memory; the object is of no use afterwards. */
void sedge_json_wipe(struct json_object *v);
/* Takes away the room to grow in its objects and arrays: for what is kept for long. */
void sedge_json_compact(struct json_object *v);

/* RFC 6901 pointer. 1 found (*out borrowed, NULL for a JSON null), 0 not found, -1 not a pointer (INVALID). */
int sedge_json_pointer(struct json_object *root, const char *pointer, struct json_object **out, struct sedge_err *err);

/*
 * One row of a table that decodes an object into a struct. Type, range, missing and unknown keys are checked and worded
 * here once: "limits.memory: expected integer, got string", "limits.x: unknown key; did you mean \"cpus\"?".
 */
enum sedge_jtype {
    SEDGE_J_STR,    /* char *      (owned copy)        min..max: length in bytes */
    SEDGE_J_INT,    /* int64_t                         min..max: value */
    SEDGE_J_DOUBLE, /* double                          min..max: value */
    SEDGE_J_BOOL,   /* bool */
    SEDGE_J_OBJ,    /* struct json_object * (new reference) */
    SEDGE_J_ARR,    /* struct json_object * (new reference) */
    SEDGE_J_ANY     /* struct json_object * (new reference) */
};
struct sedge_jfield {
    const char *key;
    enum sedge_jtype type;
    bool required;
    int64_t min, max; /* both 0: no range */
    size_t offset;
};
#define SEDGE_JSON_IGNORE_UNKNOWN 1u
#define SEDGE_JSON_NOCASE         2u
/* Fills *out, which the caller has zeroed or set to defaults. Null counts as absent. On failure free with
 * sedge_json_release_fields, as after success. */
int sedge_json_decode(struct json_object *o, const char *where, const struct sedge_jfield *fields, size_t n,
                      unsigned flags, void *out, struct sedge_err *err);
void sedge_json_release_fields(const struct sedge_jfield *fields, size_t n, void *out);

#endif
