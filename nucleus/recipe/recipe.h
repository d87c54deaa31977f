/*
 * recipe - one component recipe (format 2020-01-25) as a struct, from JSON or YAML.
 *
 *   struct sedge_recipe *r = sedge_recipe_load(path, &err);              // or _parse for text that you have
 *   const struct sedge_manifest *m = sedge_recipe_select(r, platform, &err);
 *   struct json_object *lifecycle = sedge_recipe_lifecycle(r, m);        // new reference, not yet interpolated
 *   ...
 *   sedge_recipe_free(r);
 *
 * Letter case of modelled keys and words is ignored, unknown keys are ignored, nulls count as absent. Everything a
 * recipe holds is checked here: a struct that was returned needs no further checks. Error messages name file, line,
 * column, the member and what was expected: "x.yaml:12:9: Manifests[0].Artifacts[1].Unarchive: expected one of ..., got
 * ...".
 *
 * Ownership: the recipe owns all it points to; json members are borrowed by the reader. Pure except for _load. A recipe
 * does not change after it was made and may be read from any thread, but json-c reference counts are not atomic: take
 * new references of its json members only on one thread.
 *
 * Beyond the original: Unarchive TAR and TGZ. Regular expressions of Platform (pattern.h) are checked when the recipe
 * is read (the original: when matched); those that are only not supported here are refused when matched.
 */
#ifndef SEDGE_RECIPE_RECIPE_H
#define SEDGE_RECIPE_RECIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/json.h"
#include "base/semver.h"
#include "base/str.h"

#define SEDGE_RECIPE_FORMAT         "2020-01-25"
#define SEDGE_RECIPE_BYTES_MAX      (1u << 20)
#define SEDGE_COMPONENT_NAME_MAX    128
#define SEDGE_RECIPE_MANIFESTS_MAX  256
#define SEDGE_RECIPE_ARTIFACTS_MAX  1024 /* in one manifest */
#define SEDGE_RECIPE_DEPS_MAX       512
#define SEDGE_RECIPE_SELECTIONS_MAX 64 /* in one manifest */
#define SEDGE_PLATFORM_TEMPLATE_MAX 512

enum sedge_component_type {
    SEDGE_COMPONENT_GENERIC,
    SEDGE_COMPONENT_LAMBDA,
    SEDGE_COMPONENT_PLUGIN,
    SEDGE_COMPONENT_NUCLEUS
};
enum sedge_unarchive { SEDGE_UNARCHIVE_NONE, SEDGE_UNARCHIVE_ZIP, SEDGE_UNARCHIVE_TAR, SEDGE_UNARCHIVE_TGZ };
enum sedge_permission { SEDGE_PERMISSION_NONE, SEDGE_PERMISSION_OWNER, SEDGE_PERMISSION_ALL };
enum sedge_uri_scheme {
    SEDGE_URI_NO_SCHEME, /* empty text, or no "scheme:" in front */
    SEDGE_URI_S3,
    SEDGE_URI_GREENGRASS,
    SEDGE_URI_DOCKER,
    SEDGE_URI_HTTP,
    SEDGE_URI_HTTPS,
    SEDGE_URI_FILE,
    SEDGE_URI_OTHER
};

struct sedge_artifact {
    char *uri;       /* may be empty: fails when the artifact is wanted */
    char *digest;    /* base64, NULL if absent */
    char *algorithm; /* "SHA-256", NULL if absent */
    enum sedge_unarchive unarchive;
    enum sedge_permission read, execute; /* defaults OWNER and NONE */
};

struct sedge_manifest {
    char *name;                   /* NULL if absent */
    struct json_object *platform; /* name -> template text or null; NULL matches everything */
    struct sedge_strv selections;
    struct json_object *lifecycle; /* object; NULL if absent */
    struct sedge_artifact *artifacts;
    size_t nartifacts;
};

struct sedge_dependency {
    char *name;
    struct sedge_semreq *requirement; /* text: sedge_semreq_text */
    bool hard;
};

struct sedge_recipe {
    char *name;
    struct sedge_version version; /* text as written: version.text */
    enum sedge_component_type type;
    char *description, *publisher, *source;    /* NULL if absent */
    struct json_object *default_configuration; /* object; NULL if absent */
    struct sedge_dependency *dependencies;
    size_t ndependencies;
    struct sedge_manifest *manifests; /* none: the recipe can be read and stored, not used */
    size_t nmanifests;
    struct json_object *lifecycle; /* global; object, NULL if absent */
    struct json_object *document;  /* the whole recipe as read, unknown members too */
};

/* `file` names the source in messages and decides the format by its extension: .json, .yaml, .yml (any case). Other
 * names: JSON when the first character that is not blank is "{", otherwise YAML. NULL on failure: INVALID or LIMIT. */
struct sedge_recipe *sedge_recipe_parse(const char *text, size_t len, const char *file, struct sedge_err *err);
/* The same from a file (blocks); NOT_FOUND or IO when it cannot be read, UNSUPPORTED for another extension. */
struct sedge_recipe *sedge_recipe_load(const char *path, struct sedge_err *err);
void sedge_recipe_free(struct sedge_recipe *r); /* NULL is fine */

/* Whether a file name has an extension of a recipe. */
bool sedge_recipe_is_file_name(const char *name);
/* Whether sedge_recipe_parse reads this text as YAML. */
bool sedge_recipe_is_yaml(const char *text, size_t len, const char *file);
/* 1 to 128 letters, digits, "-", "_", "."; otherwise INVALID. */
int sedge_component_name_check(const char *name, struct sedge_err *err);
/* The name of a type: "GENERIC" as in the configuration tree. */
const char *sedge_component_type_name(enum sedge_component_type type);

/* The first manifest that fits the platform (platform.h); borrowed. NULL: NOT_FOUND, the message says what the device
 * is and what the manifests ask for; INVALID, there is no manifest at all; and what sedge_platform_match says. */
const struct sedge_manifest *sedge_recipe_select(const struct sedge_recipe *r, struct json_object *platform,
                                                 struct sedge_err *err);
/* The lifecycle that counts for that manifest: its own if not empty, otherwise the global one filtered by Selections.
 * New reference to an object (deep copy), empty if the component has no steps. */
struct json_object *sedge_recipe_lifecycle(const struct sedge_recipe *r, const struct sedge_manifest *m);

/* Text for the recipe store (always YAML; nothing is lost). Heap. */
char *sedge_recipe_to_yaml(const struct sedge_recipe *r);
/* "<H>@<V>": H = base64url of the SHA-256 of the name. Add ".recipe.yaml" or ".metadata.json". Heap. */
char *sedge_recipe_store_name(const char *component, const char *version);

enum sedge_uri_scheme sedge_artifact_scheme(const char *uri);
/* The file name that an artifact gets: what follows the last "/" (for http, https and file without query and fragment).
 * Heap; NULL: INVALID when that is empty, "." or "..", or holds control characters; UNSUPPORTED for docker, an unknown
 * scheme and none. */
char *sedge_artifact_file_name(const char *uri, struct sedge_err *err);
/* Name of the folder an archive is unpacked to: without the last extension ("my.lib.zip" -> "my.lib"); a name without
 * dot, or with its first dot in front, whole. Our TGZ also drops ".tar" before it: "model.tar.gz" -> "model". Heap. */
char *sedge_artifact_base_name(const char *file_name, enum sedge_unarchive unarchive);
/* Mode bits of the file and of each unpacked file; `root`: the nucleus runs as root. Directories get 0755. */
mode_t sedge_artifact_mode(const struct sedge_artifact *a, bool root);
/* "NONE", "ZIP", "TAR", "TGZ". */
const char *sedge_unarchive_name(enum sedge_unarchive u);

#endif
