/*
 * store - recipes and artifacts on disk under <root>/packages (recipe.md 10.3, 10.6; deployment.md 21, 22).
 *
 *   struct sedge_store *store = sedge_store_open(root, &err);        // makes the folders
 *   sedge_store_put_recipe(store, name, version, text, NULL, &err);
 *   sedge_store_versions(store, name, &versions, &err);
 *   text = sedge_store_recipe(store, name, version, &err);
 *   sedge_store_close(store);
 *
 * Functions block (files): call them at the start or from a work item. They may be called from several worker threads
 * (locks inside). Only the paths, sedge_store_pin and sedge_store_unpin are for the loop too. The index of names and
 * versions is built on first use by reading every file of recipes/; the name and version in the file decide, not the
 * file's name. Recipe files that cannot be read are logged and left out.
 *
 * Names and versions become names of folders: a bad name (recipe.h: sedge_component_name_check, and "." and "..") or
 * version is refused with INVALID.
 */
#ifndef SEDGE_STORE_STORE_H
#define SEDGE_STORE_STORE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct sedge_store;

struct sedge_store *sedge_store_open(const char *root, struct sedge_err *err);
void sedge_store_close(struct sedge_store *store);

/* ---- recipes ---- */

/* Writes <H>@<V>.recipe.yaml atomically, replacing. `text` is YAML or JSON; it must be a valid recipe of that name and
 * version (INVALID otherwise; a NULL name or version: whatever the recipe says). YAML is stored as it came, JSON is
 * converted. `metadata` (object, may be NULL) goes to <H>@<V>.metadata.json; NULL removes an older one. */
int sedge_store_put_recipe(struct sedge_store *store, const char *name, const char *version, const char *text,
                           struct json_object *metadata, struct sedge_err *err);
/* Text of a recipe; heap. NULL with NOT_FOUND. The name is compared as it is. */
char *sedge_store_recipe(struct sedge_store *store, const char *name, const char *version, struct sedge_err *err);
/* Metadata, new reference; NULL with NOT_FOUND when there is none. */
struct json_object *sedge_store_metadata(struct sedge_store *store, const char *name, const char *version,
                                         struct sedge_err *err);
/* Versions with a recipe, newest first; none is fine. */
int sedge_store_versions(struct sedge_store *store, const char *name, struct sedge_strv *versions,
                         struct sedge_err *err);
/* All component names, in byte order. */
int sedge_store_names(struct sedge_store *store, struct sedge_strv *names, struct sedge_err *err);
/* Recipe, metadata, artifacts and unpacked artifacts. What does not exist is fine. */
int sedge_store_remove(struct sedge_store *store, const char *name, const char *version, struct sedge_err *err);

/* ---- artifacts ---- */

/* <root>/packages/artifacts/N/V and <root>/packages/artifacts-unarchived/N/V, heap; the folders may not exist yet.
 * NULL with INVALID for a bad name or version. Pure. */
char *sedge_store_artifact_dir(struct sedge_store *store, const char *name, const char *version, struct sedge_err *err);
char *sedge_store_unarchived_dir(struct sedge_store *store, const char *name, const char *version,
                                 struct sedge_err *err);
/* "my.lib.zip" -> "my.lib"; a name whose first dot is its first character, or without one, is used whole. Heap. */
char *sedge_store_unarchived_name(const char *file);
/* Bytes below artifacts, artifacts-unarchived and recipes. -1 on failure. */
int64_t sedge_store_size(struct sedge_store *store, struct sedge_err *err);

/* ---- local deployments (deployment.md 3.3) ---- */

/* Every file below `dir` whose extension is .yaml, .yml or .json is parsed as a recipe and written to the store. Files
 * with other extensions and empty files are skipped and logged. A recipe that does not parse is an error with
 * "file:line:column: ..."; what was copied before it stays. *count (may be NULL): recipes written. */
int sedge_store_import_recipes(struct sedge_store *store, const char *dir, size_t *count, struct sedge_err *err);
/* Layout <component>/<version>/<files>: copied into packages/artifacts, replacing files. Anything at the first two
 * levels that is not a folder of a component or version is INVALID, before anything is copied; names that begin with
 * '.' are skipped there. */
int sedge_store_import_artifacts(struct sedge_store *store, const char *dir, struct sedge_err *err);

/* ---- clean-up (deployment.md 22) ---- */

/* Versions that must stay. */
struct sedge_store_keep {
    struct sedge_strv entries; /* "name@version" */
};
void sedge_store_keep_add(struct sedge_store_keep *keep, const char *name, const char *version);
void sedge_store_keep_release(struct sedge_store_keep *keep);
/* Pins count as kept until unpinned; they nest. For versions that a deployment under way needs. */
void sedge_store_pin(struct sedge_store *store, const char *name, const char *version);
void sedge_store_unpin(struct sedge_store *store, const char *name, const char *version);
/* Deletes every version that is neither kept nor pinned and has an artifact folder, with its recipe. Never fails as a
 * whole: what cannot be deleted is logged. Returns how many versions were deleted; `removed` (may be NULL)
 * collects "name@version". */
size_t sedge_store_collect(struct sedge_store *store, const struct sedge_store_keep *keep, struct sedge_strv *removed);

#endif
