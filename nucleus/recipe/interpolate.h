/*
 * interpolate - replaces recipe variables such as {artifacts:path}, {configuration:/port}, {com.x.Lib:work:path}.
 *
 *   struct sedge_interp in = {.root = "/var/lib/sedge", .thing_name = "core1",
 *                             .self = {"com.x.A", "1.0.0", configuration},
 *                             .dependencies = deps, .ndependencies = n, .on_unknown = log_it};
 *   struct json_object *done = sedge_interpolate(&in, lifecycle, &err);      // new reference
 *
 * Every text anywhere in the value is treated, keys are not. Unknown variables, pointers to nothing and components that
 * are not in `dependencies` stay as written, and on_unknown is told. Inserted text is not looked at again in the same
 * pass; the cross-component pass runs over the result of the first. Pure.
 */
#ifndef SEDGE_RECIPE_INTERPOLATE_H
#define SEDGE_RECIPE_INTERPOLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/json.h"

#define SEDGE_INTERPOLATED_TEXT_MAX (1u << 20) /* one text, after replacement */

struct sedge_interp_component {
    const char *name;
    const char *version;               /* the one resolved in this deployment */
    struct json_object *configuration; /* resolved; may be NULL (empty) */
};

struct sedge_interp {
    const char *root;       /* absolute <root> */
    const char *thing_name; /* NULL or "": inserted as nothing */
    struct sedge_interp_component self;
    const struct sedge_interp_component *dependencies; /* direct dependencies (HARD and SOFT) in the resolved set */
    size_t ndependencies;
    bool without_configuration; /* leave {configuration:...} alone (for interpolateComponentConfiguration) */
    void (*on_unknown)(const char *placeholder, const char *why, void *user); /* may be NULL */
    void *user;
};

/* A variable in a text: {component:space:key}, or {space:key} with component NULL. */
struct sedge_variable {
    char *component, *space, *key; /* owned */
    size_t length;                 /* in the text, with its braces */
};
/* Whether one begins at `text`, which is at a brace: one with (`other`) or without component, whatever its names.
 * Release it in any case. */
bool sedge_variable_read(const char *text, bool other, struct sedge_variable *out);
void sedge_variable_release(struct sedge_variable *v);

/* New reference. NULL: INVALID for a {configuration:p} whose p is neither empty nor starts with "/" (the deployment
 * fails), LIMIT when a text grows too long. A NULL value (json null) gives NULL with SEDGE_OK in err->code. */
struct json_object *sedge_interpolate(const struct sedge_interp *in, struct json_object *v, struct sedge_err *err);
/* The same for one text. Heap; NULL on failure. */
char *sedge_interpolate_text(const struct sedge_interp *in, const char *text, struct sedge_err *err);

/* <root>/packages/artifacts/N/V, <root>/packages/artifacts-unarchived/N/V, <root>/work/N. Heap. */
char *sedge_artifacts_path(const char *root, const char *component, const char *version);
char *sedge_unarchived_path(const char *root, const char *component, const char *version);
char *sedge_work_path(const char *root, const char *component);

#endif
