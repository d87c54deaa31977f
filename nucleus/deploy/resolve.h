/*
 * resolve - which version of which component: all requirements of roots and dependencies at once.
 *
 * Every root of every group the device belongs to enters as a requirement labelled with its group; every chosen version
 * adds the requirements of its dependencies, HARD and SOFT alike (spec/deployment.md 9). The version that runs is kept
 * when it satisfies all of them, otherwise the highest known version that does is taken. A candidate must satisfy every
 * requirement (the original joins their texts, which goes wrong with "||").
 *
 * With a data plane (`negotiate`), the version of the device is only the local candidate: the data plane is told of it
 * and decides (9.1).
 *
 * Pure: knows versions and dependencies only through `ops`. What `ops` does not know yet is listed in `missing`, and
 * the caller looks it up (in the object store) and resolves again.
 */
#ifndef SEDGE_DEPLOY_RESOLVE_H
#define SEDGE_DEPLOY_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "failure.h"

#define SEDGE_RESOLVE_COMPONENTS_MAX 2000 /* in one closure */

struct sedge_requirement {
    char *component;
    char *who;  /* group or component that asks */
    char *text; /* "^1.2.0" */
};

struct sedge_resolve_ops {
    /* The component is part of the nucleus itself (no recipe): its version, or NULL. */
    const char *(*builtin)(void *env, const char *component);
    /* Version in the running configuration, or NULL. */
    const char *(*active)(void *env, const char *component);
    /* Adds all known versions, in any order. 1 known, 0 not looked up yet. `local_only`: those stored on the device; a
     * root of LOCAL_DEPLOYMENT asks for them first, and for all only when none of them fits. */
    int (*versions)(void *env, const char *component, bool local_only, struct sedge_strv *out);
    /* Adds one requirement (component, text) for each dependency of a version. 1 known, 0 recipe not here yet, -1
     * error. */
    int (*dependencies)(void *env, const char *component, const char *version, struct sedge_strv *components,
                        struct sedge_strv *requirements, struct sedge_err *err);
    /* NULL: there is no data plane. 1: the version (lent until the next call) that it says is right for these
     * requirements (who -> range), 0: not asked yet. `candidate`: what the device has, or NULL. */
    int (*negotiate)(void *env, const char *component, const char *candidate, struct json_object *requirements,
                     const char **version);
    /* The version came from the cloud of another region; NULL: none does. */
    bool (*foreign)(void *env, const char *component, const char *version);
};

struct sedge_choice {
    char *component;
    char *version; /* of a builtin: the builtin's */
    bool builtin;
    bool root;
};

/* One thing to look up before resolving can go on. */
struct sedge_lookup {
    char *component;
    char *version;                    /* NULL: the list of versions; otherwise the recipe of this one */
    struct json_object *requirements; /* NULL, or a question to the data plane with `version` as candidate */
};

struct sedge_resolution {
    struct sedge_choice *choices; /* dependencies before dependants */
    size_t n;
    struct sedge_lookup *missing;
    size_t nmissing;
};

/*
 * 0 resolved, 1 see out->missing, -1 failed: `f` has the codes and a cause that names who requires what and which
 * versions there are. Release `out` in each case.
 */
int sedge_resolve(const struct sedge_requirement *roots, size_t nroots, const struct sedge_resolve_ops *ops, void *env,
                  struct sedge_resolution *out, struct sedge_failure *f);
void sedge_resolution_release(struct sedge_resolution *r);
/* The choice for `component`, or NULL. */
const struct sedge_choice *sedge_resolution_find(const struct sedge_resolution *r, const char *component);

#endif
