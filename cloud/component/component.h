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
#include "cloud/cloud.h"

#define SEDGE_PACKAGE_FILES_MAX 1024
#define SEDGE_SCRIPT_BYTES_MAX  131072 /* Linux: one argument of a command is shorter */
#define SEDGE_LEFTOVER_SECONDS  86400

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

/* Whether the component suits what is published: INVALID for a dependency cycle, LIMIT for a script that no shell
 * takes. Dependencies that are not published yet are added to `warnings` (array of texts). */
int sedge_component_check(struct sedge_cloud *c, const struct sedge_package *p, struct json_object *warnings,
                          struct sedge_err *err);
/* Uploads and registers. *unchanged: the same is published already. `progress` (may be NULL) gets one line a step. */
int sedge_component_publish(struct sedge_cloud *c, const struct sedge_package *p, bool *unchanged,
                            void (*progress)(const char *line), struct sedge_err *err);

/* The following take NAME@VERSION. */
int sedge_component_set_state(struct sedge_cloud *c, const char *what, enum sedge_version_state state, int64_t now_ms,
                              struct sedge_err *err);
/* From the bucket too. CONFLICT while a current revision names it or a device reports it. Killed in the middle, it
 * leaves a blocked version that can be deleted again. */
int sedge_component_delete(struct sedge_cloud *c, const char *what, int64_t now_ms, struct sedge_err *err);

/* Reads all manifests and recipes of the bucket into the database, which may be new or older than the bucket. States of
 * versions that are known stay. *n: how many. Slow (two objects for each version). */
int sedge_component_rebuild(struct sedge_cloud *c, int64_t now_ms, int *n, struct sedge_err *err);
/* Deletes artifacts and recipes that have had no manifest for SEDGE_LEFTOVER_SECONDS, as seen by earlier calls: what
 * crashed uploads left. *n: how many. */
int sedge_component_clean(struct sedge_cloud *c, int64_t now_ms, int *n, struct sedge_err *err);

struct json_object *sedge_component_list(struct sedge_cloud *c, struct sedge_err *err);
/* what: NAME (all its versions) or NAME@VERSION. A list. */
struct json_object *sedge_component_show(struct sedge_cloud *c, const char *what, struct sedge_err *err);

#endif
