/*
 * resolve - which published version of a component is right: the only place that decides it, for devices that ask the
 * data plane and for deployments before they are created.
 *
 *   const struct sedge_need needs[] = {{"thinggroup/cams", "^1.2.0"}, {"com.example.App", ">=1.0.0"}};
 *   struct sedge_resolve_query q = {.component = "com.example.Lib", .current = "1.2.3", .needs = needs, .nneeds = 2,
 *                                   .platform = attributes};
 *   struct sedge_resolved got;
 *   if (sedge_resolve_version(&cloud, &q, &got, &err) != 0) ... got.why, err.msg
 *   sedge_resolved_release(&got);
 *
 * Candidates are the published versions that are not BLOCKED and have a manifest for the platform. The answer is the
 * version that the device runs, if it is a candidate and satisfies every need; otherwise the highest candidate that
 * does. A pre-release satisfies a range only as semver.h says.
 *
 * A closure is the same for a whole deployment: its components as roots, their dependencies (HARD and SOFT), each at
 * the version that satisfies everything that asks for it. Parts of the device itself (sedge_device_part) need not be
 * published.
 *
 * Reads the database, changes nothing. Blocking; the thread that owns the database.
 */
#ifndef SEDGE_CLOUD_RESOLVE_H
#define SEDGE_CLOUD_RESOLVE_H

#include <json-c/json.h>
#include <stdbool.h>

#include "cloud/cloud.h"

#define SEDGE_CLOSURE_COMPONENTS_MAX 2000 /* in one deployment, dependencies included */
#define SEDGE_CLOSURE_ROUNDS_MAX     64   /* passes until the choices no longer change */

struct sedge_need {
    const char *who;   /* group or component that asks, for messages */
    const char *range; /* as in a recipe: "^1.2.0" */
};

struct sedge_resolve_query {
    const char *component;
    const char *current; /* version that the device runs, NULL for none */
    const struct sedge_need *needs;
    size_t nneeds;                /* 0: every release fits */
    struct json_object *platform; /* attributes such as {"os":"linux","architecture":"amd64"}; NULL: any */
};

/* Why there is no answer, for programs. */
enum sedge_unresolved {
    SEDGE_RESOLVED,
    SEDGE_UNRESOLVED_UNKNOWN,  /* no version is published */
    SEDGE_UNRESOLVED_RANGE,    /* no version satisfies all needs */
    SEDGE_UNRESOLVED_PLATFORM, /* some would, none of them is for this platform */
    SEDGE_UNRESOLVED_ERROR     /* a range that is none, or the database: err.code is not NOT_FOUND */
};

struct sedge_resolved {
    enum sedge_unresolved why;
    char *version; /* NULL unless resolved */
    char *recipe;  /* text of the stored recipe (JSON); NULL unless resolved */
    bool deprecated;
};

/* 0, or -1: NOT_FOUND with a message that names every need with its range, and the versions that there are. It holds
 * "no usable version", or "claim platform" when only the platform is in the way: devices look for these words. Release
 * `out` in any case. */
int sedge_resolve_version(struct sedge_cloud *c, const struct sedge_resolve_query *q, struct sedge_resolved *out,
                          struct sedge_err *err);
void sedge_resolved_release(struct sedge_resolved *r);

/* Whether every device of ours has the component without a recipe (aws.greengrass.Nucleus, ...Cli, ...). */
bool sedge_device_part(const char *name);

struct sedge_chosen {
    char *component;
    char *version; /* of a part of the device: as the deployment names it, else "" */
    bool root, device_part, deprecated;
};
struct sedge_closure {
    struct sedge_chosen *v; /* roots first, by name; then dependencies as they are met */
    size_t n;
};

/* `components`: the member of a deployment's content (document.h), name -> {"version": ...}. `platform` as above, `who`
 * names the deployment's target in messages. -1: NOT_FOUND with the component, its needs and what there is. Release
 * `out` in any case. */
int sedge_resolve_closure(struct sedge_cloud *c, struct json_object *components, struct json_object *platform,
                          const char *who, struct sedge_closure *out, struct sedge_err *err);
void sedge_closure_release(struct sedge_closure *r);
const struct sedge_chosen *sedge_closure_find(const struct sedge_closure *r, const char *component);

#endif
