/*
 * plan - from the chosen versions to the configuration of the services: what the device shall be after the deployment.
 *
 * Pure: everything is given, one object is returned. For each component: version, previousVersion, componentType,
 * dependencies ("name:HARD"), configuration (defaults, reset, merge: config/resolve.h), runWith and the lifecycle that
 * counts on this platform with all recipe variables replaced (recipe/interpolate.h), as spec/deployment.md 11 has it.
 */
#ifndef SEDGE_DEPLOY_PLAN_H
#define SEDGE_DEPLOY_PLAN_H

#include "base/err.h"
#include "base/json.h"
#include "document.h"
#include "recipe/recipe.h"
#include "resolve.h"

/* One component of the result that is not part of the nucleus itself, dependencies first. */
struct sedge_plan_component {
    const struct sedge_recipe *recipe;
    const struct sedge_manifest *manifest;
    struct json_object *running;   /* stamped configuration of now, NULL for a new component */
    struct json_object *run_with;  /* stored runWith, NULL */
    const char *running_version;   /* NULL for a new component */
    const char *previous_version;  /* as stored, NULL */
    const struct sedge_root *root; /* its entry in the document, NULL if it has none */
};

struct sedge_plan_input {
    const struct sedge_plan_component *components;
    size_t n;
    const char *root; /* <root> */
    const char *thing_name;
    int64_t deploy_ts;
    bool interpolate_configuration;
    void (*warn)(void *user, const char *component, const char *text); /* unknown variables, skipped resets */
    void *user;
};

/* New reference: {"com.example.A": {...}, ...}. NULL: INVALID, the message names component and pointer. */
struct json_object *sedge_plan_services(const struct sedge_plan_input *in, struct sedge_err *err);

#endif
