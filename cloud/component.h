/*
 * component - publication of component versions into the object store, and what is published.
 *
 * A version is a recipe and its artifacts. Published versions never change: publishing the same again is fine,
 * something else under the same version is a CONFLICT. Upload order is artifacts, recipe, manifest, so that a version
 * with a manifest is complete. The work with the store is done by the program sedge-fetch.
 */
#ifndef SEDGE_CLOUD_COMPONENT_H
#define SEDGE_CLOUD_COMPONENT_H

#include <json-c/json.h>

#include "base/buf.h"
#include "cloud.h"

#define SEDGE_PACKAGE_FILES_MAX 1024

/* component_version.state: whether a version is offered, offered with a warning, or refused and left out when versions
 * are resolved. */
#define SEDGE_VERSION_STATES(X) X(DEPLOYABLE) X(DEPRECATED) X(BLOCKED)
enum sedge_version_state {
#define X(s) SEDGE_VERSION_##s,
    SEDGE_VERSION_STATES(X)
#undef X
};
const char *sedge_version_state_name(int64_t state);

struct sedge_package_file {
    char *name; /* key below artifacts/NAME/VERSION/ */
    char *path;
    char *sha256; /* hex */
    int64_t size;
};
/* A component version that is ready to be uploaded. */
struct sedge_package {
    char *name, *version;
    char *recipe; /* text of the stored recipe, JSON */
    struct sedge_package_file *files;
    size_t nfiles;
    int64_t bytes; /* of all artifacts */
};

/* Reads and checks `path`, a folder with a recipe or a recipe file; artifacts are looked for in artifact_dir (NULL: the
 * recipe's folder, then its folder "artifacts"). Fills digests and stored locations into the recipe. `bucket` and
 * `prefix` as in the settings. Blocks. Release in any case. */
int sedge_package_load(const char *path, const char *artifact_dir, const char *bucket, const char *prefix,
                       struct sedge_package *out, struct sedge_err *err);
void sedge_package_release(struct sedge_package *p);

/* Uploads and registers. *unchanged: the same is published already. `progress` (may be NULL) gets one line a step. */
int sedge_component_publish(struct sedge_cloud *c, const struct sedge_package *p, bool *unchanged,
                            void (*progress)(const char *line), struct sedge_err *err);

struct json_object *sedge_component_list(struct sedge_cloud *c, struct sedge_err *err);
/* what: NAME (all its versions) or NAME@VERSION. A list. */
struct json_object *sedge_component_show(struct sedge_cloud *c, const char *what, struct sedge_err *err);

#endif
