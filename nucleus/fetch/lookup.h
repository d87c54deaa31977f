/*
 * lookup - finds component versions and recipes in the bucket by the layout of the registry:
 *
 *   <prefix>/manifests/NAME/VERSION.json     commit marker: {"recipe":{"key":...,"sha256":...},...}
 *   <prefix>/recipes/NAME/VERSION.yaml|json  the recipe
 *
 * bucket and prefix come from the fetcher's store settings. A component without any manifest is looked up by its
 * recipe files alone (a bucket that was filled by hand). Without a bucket in the settings both calls report NOT_FOUND
 * with a message that says which setting is missing.
 *
 * Callbacks as in fetch.h: later, exactly once, arguments lent for the call. Thread: the loop's.
 */
#ifndef SEDGE_FETCH_LOOKUP_H
#define SEDGE_FETCH_LOOKUP_H

#include "fetch.h"

struct sedge_fetch_versions {
    const struct sedge_err *err; /* NULL: success; no version at all is success with n = 0 */
    struct json_object *stack;
    const struct sedge_strv *versions; /* as named in the bucket, in byte order; not checked as semantic versions */
};
typedef void (*sedge_fetch_versions_cb)(const struct sedge_fetch_versions *r, void *user);

struct sedge_fetch_recipe {
    const struct sedge_err *err; /* NULL: success. NOT_FOUND: no such version. DIGEST: not what the manifest says */
    struct json_object *stack;
    const char *text; /* the recipe as published */
    size_t len;
    const char *extension;        /* "yaml" or "json" */
    const char *url;              /* s3://bucket/key of the recipe, for messages */
    struct json_object *manifest; /* NULL if there is none */
};
typedef void (*sedge_fetch_recipe_cb)(const struct sedge_fetch_recipe *r, void *user);

void sedge_fetch_component_versions(struct sedge_fetcher *f, const char *component, sedge_fetch_versions_cb cb,
                                    void *user);
void sedge_fetch_component_recipe(struct sedge_fetcher *f, const char *component, const char *version,
                                  sedge_fetch_recipe_cb cb, void *user);

#endif
