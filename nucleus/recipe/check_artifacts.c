/* Artifacts: can the device get them, and are they what the scripts of the recipe take them for? */
#include "check_parts.h"
#include "image.h"
#include "recipe.h"

#include "base/buf.h"
#include "base/digest.h"
#include "base/mem.h"

#include <string.h>
#include <strings.h>

/* The text of a member, NULL if absent or no text. */
static const char *member_text(struct json_object *o, const char *key, const char **stored)
{
    struct json_object *v = sedge_json_get_nocase(o, key, stored);

    return v && sedge_check_is_scalar(v) ? sedge_check_text(v) : NULL;
}

static enum sedge_unarchive unarchive_of(struct json_object *artifact)
{
    const char *text = member_text(artifact, "Unarchive", NULL);

    for (unsigned u = SEDGE_UNARCHIVE_ZIP; text && u <= SEDGE_UNARCHIVE_TGZ; u++)
        if (strcasecmp(sedge_unarchive_name((enum sedge_unarchive)u), text) == 0) return (enum sedge_unarchive)u;
    return SEDGE_UNARCHIVE_NONE;
}

static bool is_executable(struct json_object *artifact)
{
    struct json_object *permission = sedge_check_object(artifact, "Permission", NULL);
    const char *text = permission ? member_text(permission, "Execute", NULL) : NULL;

    return text && strcasecmp(text, "NONE") != 0;
}

void sedge_check_files_add(struct files *f, struct json_object *manifest)
{
    struct json_object *list = sedge_check_list(manifest, "Artifacts", NULL);

    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        struct json_object *artifact = json_object_array_get_idx(list, i);
        const char *uri = member_text(artifact, "URI", NULL);
        sedge_auto_free char *name = uri ? sedge_artifact_file_name(uri, NULL) : NULL;
        enum sedge_unarchive unarchive = unarchive_of(artifact);
        sedge_auto_free char *base = name ? sedge_artifact_base_name(name, unarchive) : NULL;

        f->any = true;
        if (!name) continue;
        sedge_strv_add(&f->names, name);
        if (unarchive != SEDGE_UNARCHIVE_NONE) {
            f->archives = true;
            sedge_strv_add(&f->bases, base);
        }
        if (!is_executable(artifact)) sedge_strv_add(&f->locked, unarchive != SEDGE_UNARCHIVE_NONE ? base : name);
    }
}

void sedge_check_files_release(struct files *f)
{
    sedge_strv_release(&f->names);
    sedge_strv_release(&f->bases);
    sedge_strv_release(&f->locked);
}

/* --- one artifact ------------------------------------------------------------------------------------------------- */

static void check_scheme(struct check *c, const struct about *about, enum sedge_uri_scheme scheme)
{
    switch (scheme) {
    case SEDGE_URI_HTTP:
    case SEDGE_URI_HTTPS:
    case SEDGE_URI_FILE:
        sedge_check_found(c, RULE_ARTIFACT_SCHEME, about,
                          "an extension of sedge: Greengrass fails the deployment (UNSUPPORTED_ARTIFACT_SCHEME)");
        break;
    case SEDGE_URI_GREENGRASS:
        sedge_check_found(
            c, RULE_ARTIFACT_SCHEME, about,
            "only a data plane gives greengrass: artifacts; for a device without one the file must be in the artifact "
            "folder of a local deployment, or get an s3:// URI with component publish");
        break;
    case SEDGE_URI_NO_SCHEME:
    case SEDGE_URI_S3:
    case SEDGE_URI_DOCKER:
    case SEDGE_URI_OTHER:
        break;
    }
}

static void check_digest(struct check *c, const struct at *at, struct json_object *artifact)
{
    const char *digest_key = NULL;
    const char *digest = member_text(artifact, "Digest", &digest_key);
    const char *algorithm = member_text(artifact, "Algorithm", NULL);
    const struct about about = {.at = digest ? AT(at, digest_key) : at, .text = digest};
    sedge_auto_buf struct sedge_buf raw = SEDGE_BUF_INIT;

    if (digest && !algorithm)
        sedge_check_found(
            c, RULE_ARTIFACT_DIGEST, &about,
            "Digest without Algorithm is not compared with anything; expected Algorithm: SHA-256 beside it");
    if (!digest || !algorithm || strcasecmp(algorithm, "SHA-256") != 0) return;
    if (sedge_base64_decode(&raw, digest, strlen(digest), NULL) != 0 || raw.len != SEDGE_SHA256_LEN)
        sedge_check_found(c, RULE_ARTIFACT_DIGEST, &about,
                          "\"%.100s\" is not the base64 text of a SHA-256 hash (44 characters): no file can match it",
                          digest);
}

static void check_image(struct check *c, const struct about *about, const char *uri)
{
    struct sedge_image image;

    if (sedge_image_parse(uri, &image, c->src.err) != 0)
        sedge_check_found(c, RULE_ARTIFACT_URI, about, "%s", c->src.err->msg);
    sedge_image_release(&image);
}

static void check_uri(struct check *c, const struct at *at, const char *key, const char *uri)
{
    const struct about about = {.at = AT(at, key), .text = uri};
    enum sedge_uri_scheme scheme = sedge_artifact_scheme(uri);
    sedge_auto_free char *name = sedge_artifact_file_name(uri, c->src.err);

    if (scheme == SEDGE_URI_DOCKER)
        check_image(c, &about, uri);
    else if (!name)
        sedge_check_found(c, RULE_ARTIFACT_URI, &about, "%s", c->src.err->msg);
    else
        check_scheme(c, &about, scheme);
}

static void check_place(struct check *c, const struct at *at, struct json_object *artifact, const char *uri,
                        const char *key)
{
    const struct about about = {.at = AT(at, key), .text = uri};
    enum sedge_uri_scheme scheme = sedge_artifact_scheme(uri);

    if (scheme == SEDGE_URI_S3 && !member_text(artifact, "Algorithm", NULL))
        sedge_check_found(
            c, RULE_ARTIFACT_PLACED, &about,
            "without Digest and Algorithm it is not downloaded: put the file into the artifact folder of a local "
            "deployment; component publish writes both");
}

static void check_unarchive(struct check *c, const struct at *at, struct json_object *artifact)
{
    const char *key = NULL;
    const char *text = member_text(artifact, "Unarchive", &key);
    enum sedge_unarchive unarchive = unarchive_of(artifact);

    if (unarchive == SEDGE_UNARCHIVE_TAR || unarchive == SEDGE_UNARCHIVE_TGZ)
        sedge_check_found(c, RULE_UNARCHIVE_EXTENSION, &(struct about){.at = AT(at, key), .text = text},
                          "%s is an extension of sedge: Greengrass refuses the whole recipe; it knows NONE and ZIP",
                          sedge_unarchive_name(unarchive));
}

static void check_artifact(struct check *c, const struct at *at, struct json_object *artifact, struct sedge_strv *names)
{
    const char *key = NULL;
    const char *uri = member_text(artifact, "URI", &key);
    sedge_auto_free char *name = uri && *uri ? sedge_artifact_file_name(uri, NULL) : NULL;

    if (!json_object_is_type(artifact, json_type_object)) return;
    check_unarchive(c, at, artifact);
    check_digest(c, at, artifact);
    if (!uri || !*uri) return;
    check_uri(c, at, key, uri);
    check_place(c, at, artifact, uri, key);
    if (name && sedge_strv_has(names, name))
        sedge_check_found(c, RULE_ARTIFACT_TWICE, &(struct about){.at = AT(at, key), .text = uri},
                          "another artifact of this manifest has the file name %s, too: one overwrites the other",
                          name);
    if (name) sedge_strv_add(names, name);
}

void sedge_check_artifacts(struct check *c)
{
    const char *key = NULL;
    const char *list_key = NULL;
    struct json_object *manifests = sedge_check_list(c->doc, "Manifests", &key);
    const struct at at = {NULL, key, 0};

    for (size_t i = 0; manifests && i < json_object_array_length(manifests); i++) {
        const struct at here = {&at, NULL, i};
        struct json_object *list = sedge_check_list(json_object_array_get_idx(manifests, i), "Artifacts", &list_key);
        const struct at list_at = {&here, list_key, 0};
        sedge_auto_strv struct sedge_strv names = {NULL, 0};

        for (size_t k = 0; list && k < json_object_array_length(list) && !c->full; k++)
            check_artifact(c, AT_INDEX(&list_at, k), json_object_array_get_idx(list, k), &names);
    }
}
