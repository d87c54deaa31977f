#include "names.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_-"

static int check(const char *what, const char *name, size_t max, struct sedge_err *err)
{
    if (strlen(name) > max) return sedge_err_set(err, SEDGE_E_INVALID, "%s has a maximum length of %zu", what, max);
    if (name[strspn(name, NAME_CHARS)])
        return sedge_err_set(err, SEDGE_E_INVALID, "%s must match pattern [a-zA-Z0-9:_-]+", what);
    return 0;
}

int sedge_shadow_check_thing(const char *thing, struct sedge_err *err)
{
    if (!thing || !*thing) return sedge_err_set(err, SEDGE_E_INVALID, "ThingName is missing");
    return check("ThingName", thing, SEDGE_SHADOW_THING_MAX, err);
}

int sedge_shadow_check_name(const char *name, struct sedge_err *err)
{
    return check("ShadowName", name ? name : "", SEDGE_SHADOW_NAME_MAX, err);
}

char *sedge_shadow_topic(const char *thing, const char *name, const char *suffix)
{
    bool classic = !name || !*name;

    return sedge_xasprintf("$aws/things/%s/shadow%s%s%s", thing, classic ? "" : "/name/", classic ? "" : name, suffix);
}
