/* Requests against the table: the JSON type of each member that is there. */
#include "operations.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#include <math.h>
#include <stdio.h>

#define SHOWN      160 /* bytes of a path in a message; the rest is cut */
#define PATH_BYTES (SHOWN + 64)

static int check_members(const struct sedge_member *members, const char *where, struct json_object *o,
                         struct sedge_err *err);

static bool is_blob(struct json_object *v)
{
    sedge_auto_buf struct sedge_buf bytes = SEDGE_BUF_INIT;

    return sedge_json_is_str(v) &&
           sedge_base64_decode(&bytes, json_object_get_string(v), (size_t)json_object_get_string_len(v), NULL) == 0;
}

static bool is_number(struct json_object *v)
{
    return json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double);
}

static bool is_whole(struct json_object *v)
{
    double d = is_number(v) ? json_object_get_double(v) : NAN;

    return isfinite(d) && trunc(d) == d;
}

static bool is_strings(struct json_object *v)
{
    if (!json_object_is_type(v, json_type_array)) return false;
    for (size_t i = 0; i < json_object_array_length(v); i++)
        if (!sedge_json_is_str(json_object_array_get_idx(v, i))) return false;
    return true;
}

static bool has_type(struct json_object *v, enum sedge_member_type type)
{
    switch (type) {
    case SEDGE_M_STRING:
    case SEDGE_M_ENUM:
        return sedge_json_is_str(v);
    case SEDGE_M_BLOB:
        return is_blob(v);
    case SEDGE_M_LONG:
        return is_whole(v);
    case SEDGE_M_DOUBLE:
    case SEDGE_M_TIME:
        return is_number(v);
    case SEDGE_M_BOOL:
        return json_object_is_type(v, json_type_boolean);
    case SEDGE_M_OBJECT:
    case SEDGE_M_SHAPE:
        return json_object_is_type(v, json_type_object);
    case SEDGE_M_SHAPES:
        return json_object_is_type(v, json_type_array);
    case SEDGE_M_STRINGS:
        return is_strings(v);
    case SEDGE_M_DOCUMENT:
        break;
    }
    return true;
}

const char *sedge_member_type_text(enum sedge_member_type type)
{
    static const char *const texts[] = {
        [SEDGE_M_STRING] = "string",     [SEDGE_M_ENUM] = "string",       [SEDGE_M_BLOB] = "string in base64",
        [SEDGE_M_LONG] = "whole number", [SEDGE_M_DOUBLE] = "number",     [SEDGE_M_TIME] = "number of seconds",
        [SEDGE_M_BOOL] = "boolean",      [SEDGE_M_DOCUMENT] = "document", [SEDGE_M_OBJECT] = "object",
        [SEDGE_M_SHAPE] = "object",      [SEDGE_M_SHAPES] = "list",       [SEDGE_M_STRINGS] = "list of strings",
    };

    return texts[type];
}

static int check_list(const struct sedge_shape *shape, const char *where, struct json_object *list,
                      struct sedge_err *err)
{
    char path[PATH_BYTES];

    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *v = json_object_array_get_idx(list, i);

        (void)snprintf(path, sizeof path, "%.*s[%zu]", SHOWN, where, i);
        if (!json_object_is_type(v, json_type_object))
            return sedge_err_set(err, SEDGE_E_INVALID, "member %s has the wrong type: expected object, got %s", path,
                                 json_type_to_name(json_object_get_type(v)));
        if (check_members(shape->members, path, v, err) != 0) return -1;
    }
    return 0;
}

static int check_member(const struct sedge_member *m, const char *where, struct json_object *v, struct sedge_err *err)
{
    if (!has_type(v, m->type))
        return sedge_err_set(err, SEDGE_E_INVALID, "member %s has the wrong type: expected %s, got %s", where,
                             sedge_member_type_text(m->type), json_type_to_name(json_object_get_type(v)));
    if (m->type == SEDGE_M_SHAPE) return check_members(sedge_shape_find(m->of)->members, where, v, err);
    if (m->type == SEDGE_M_SHAPES) return check_list(sedge_shape_find(m->of), where, v, err);
    return 0;
}

static int check_members(const struct sedge_member *members, const char *where, struct json_object *o,
                         struct sedge_err *err)
{
    char path[PATH_BYTES];

    for (const struct sedge_member *m = members; m && m->name; m++) {
        struct json_object *v = sedge_json_get(o, m->name);

        (void)snprintf(path, sizeof path, "%.*s%s%s", SHOWN, where, *where ? "." : "", m->name);
        if (v && check_member(m, path, v, err) != 0) return -1;
    }
    return 0;
}

int sedge_operation_check(const struct sedge_operation *op, struct json_object *request, struct sedge_err *err)
{
    return check_members(op->request, "", request, err);
}
