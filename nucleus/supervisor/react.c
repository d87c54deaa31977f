#include "react.h"

#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "recipe/extension.h"

static bool same_json(struct json_object *a, struct json_object *b)
{
    sedge_auto_free char *x = sedge_json_text_sorted(a);
    sedge_auto_free char *y = sedge_json_text_sorted(b);

    return strcmp(x, y) == 0;
}

static enum sedge_reaction of_key(const char *key)
{
    if (strcasecmp(key, "shutdown") == 0 || strcasecmp(key, SEDGE_EXTENSION_KEY) == 0) return SEDGE_REACT_NONE;
    if (strcasecmp(key, "install") == 0) return SEDGE_REACT_REINSTALL;
    return SEDGE_REACT_RESTART;
}

static enum sedge_reaction max(enum sedge_reaction a, enum sedge_reaction b)
{
    return a > b ? a : b;
}

/* Keys of `a` that differ in `b` or are not there. */
static enum sedge_reaction of_lifecycle(struct json_object *a, struct json_object *b)
{
    enum sedge_reaction r = SEDGE_REACT_NONE;

    if (!a || !json_object_is_type(a, json_type_object)) return r;
    json_object_object_foreach (a, key, value) {
        if (!same_json(value, sedge_json_get_nocase(b, key, NULL))) r = max(r, of_key(key));
    }
    return r;
}

static bool has_dependency(const struct sedge_service_spec *s, const struct sedge_service_dep *d)
{
    for (size_t i = 0; i < s->ndeps; i++)
        if (strcmp(s->deps[i].name, d->name) == 0) return true;
    return false;
}

static enum sedge_reaction of_dependencies(const struct sedge_service_spec *before,
                                           const struct sedge_service_spec *after)
{
    for (size_t i = 0; i < after->ndeps; i++)
        if (!has_dependency(before, &after->deps[i])) return SEDGE_REACT_RESTART;
    return SEDGE_REACT_NONE;
}

static bool same_limits(const struct sedge_service_spec *a, const struct sedge_service_spec *b)
{
    if (a->has_limits != b->has_limits) return false;
    return !a->has_limits || (a->limits.memory_kb == b->limits.memory_kb && a->limits.cpus >= b->limits.cpus &&
                              a->limits.cpus <= b->limits.cpus);
}

enum sedge_reaction sedge_react(const struct sedge_service_spec *before, const struct sedge_service_spec *after)
{
    enum sedge_reaction r = SEDGE_REACT_NONE;

    if (!sedge_str_eq(before->version, after->version)) return SEDGE_REACT_REINSTALL;
    if (strcmp(before->run_user ? before->run_user : "", after->run_user ? after->run_user : "") != 0)
        return SEDGE_REACT_REINSTALL;
    r = max(r, of_lifecycle(before->lifecycle, after->lifecycle));
    r = max(r, of_lifecycle(after->lifecycle, before->lifecycle));
    if (!same_json(before->setenv, after->setenv)) r = max(r, SEDGE_REACT_RESTART);
    r = max(r, of_dependencies(before, after));
    if (!same_limits(before, after)) r = max(r, SEDGE_REACT_LIMITS);
    return r;
}
