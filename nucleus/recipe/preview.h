/*
 * preview - what a recipe comes to on a device: which manifest, which lifecycle, the scripts with their variables
 * replaced.
 *
 *   struct json_object *platform = sedge_platform_parse("linux/arm64", &err);
 *   struct sedge_preview_options o = {.root = "/var/lib/sedge", .thing_name = "core1"};
 *   struct json_object *p = sedge_recipe_preview(recipe, platform, &o, &err);    // new reference
 *
 * Made by the code that deploys, with DefaultConfiguration as the configuration. Versions and configurations of
 * dependencies are known only on a device: "<version>" stands in paths, and their configuration variables stay.
 *
 * The object: platform; manifest {index, name, platform} (absent when none fits: then `reason` says why); lifecycle
 * "manifest", "global" or "none"; artifacts [{uri, file, unpacked}]; steps [{step, script, requiresPrivilege, timeout,
 * skipif, environment}] in the order they run, timeout null for none; unresolved [{variable, reason}]; error when the
 * deployment would fail while variables are replaced. Pure.
 */
#ifndef SEDGE_RECIPE_PREVIEW_H
#define SEDGE_RECIPE_PREVIEW_H

#include "recipe.h"

struct sedge_preview_options {
    const char *root;                  /* <root> of the device */
    const char *thing_name;            /* {iot:thingName} */
    struct json_object *configuration; /* merged over DefaultConfiguration; NULL for nothing */
};

/* "linux/arm64" as a platform: os/architecture, with the detail of 32-bit ARM (linux/arm/v7, linux/armv7l) and further
 * attributes after commas (linux/amd64,line=blue). Architectures also as other programs name them: x86_64, arm64, i386.
 * New reference; NULL: INVALID. */
struct json_object *sedge_platform_parse(const char *text, struct sedge_err *err);
/* New reference; NULL: INVALID, for what sedge_recipe_select refuses but for "no manifest fits". */
struct json_object *sedge_recipe_preview(const struct sedge_recipe *r, struct json_object *platform,
                                         const struct sedge_preview_options *o, struct sedge_err *err);

#endif
