#include "artifacts.h"

#include "base/digest.h"
#include "base/fs.h"
#include "base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct sedge_package *sedge_package_of(struct sedge_run *run, const struct sedge_choice *c)
{
    for (struct sedge_package *p = run->packages; p; p = p->next)
        if (strcmp(p->component, c->component) == 0 && strcmp(p->version, c->version) == 0) return p;
    return NULL;
}

/* Always -1. `why` NULL: what run->err says. */
static int refuse(struct sedge_download *w, const char *code, const char *why)
{
    struct sedge_run *run = w->run;

    sedge_failure_add(&run->failure, "ARTIFACT_DOWNLOAD_ERROR");
    sedge_failure_add(&run->failure, code);
    if (why)
        sedge_failure_cause(&run->failure, "Artifact \"%s\" of %s %s: %s", w->artifact->uri, w->component, w->version,
                            why);
    else
        sedge_failure_cause(&run->failure, "%s %s: %s", w->component, w->version, run->err.msg);
    return -1;
}

/* ---- URIs ---- */

static bool has_blank(const char *uri)
{
    for (; *uri; uri++)
        if (isspace((unsigned char)*uri)) return true;
    return false;
}

/* s3://bucket/key */
static bool is_s3_form(const char *uri)
{
    const char *rest = strchr(uri, ':') + 1;
    const char *slash;

    if (!sedge_str_starts(rest, "//")) return false;
    rest += 2;
    slash = strchr(rest, '/');
    return slash && slash > rest && slash[1] && uri[strlen(uri) - 1] != '/';
}

static int check_uri(struct sedge_download *w)
{
    const char *uri = w->artifact->uri;
    enum sedge_uri_scheme scheme = sedge_artifact_scheme(uri);

    if (!*uri) return refuse(w, "EMPTY_ARTIFACT_URI", "its Uri is empty; expected a text such as s3://bucket/key");
    switch (scheme) {
    case SEDGE_URI_NO_SCHEME:
        if (has_blank(uri)) return refuse(w, "ARTIFACT_URI_NOT_VALID", "this is not a URI; expected s3://bucket/key");
        return refuse(w, "EMPTY_ARTIFACT_SCHEME", "its Uri has no scheme; expected a text such as s3://bucket/key");
    case SEDGE_URI_OTHER:
        return refuse(w, "UNSUPPORTED_ARTIFACT_SCHEME",
                      "nothing here serves its scheme; expected s3, greengrass, docker, https, http or file");
    case SEDGE_URI_S3:
        if (is_s3_form(uri)) return 0;
        return refuse(w, "S3_ARTIFACT_URI_NOT_VALID", "expected s3://bucket/key");
    case SEDGE_URI_DOCKER:
        if (sedge_image_parse(uri, &w->image, &w->run->err) == 0) return 0;
        return refuse(w, "DOCKER_ARTIFACT_URI_NOT_VALID", NULL);
    case SEDGE_URI_GREENGRASS:
    case SEDGE_URI_HTTP:
    case SEDGE_URI_HTTPS:
    case SEDGE_URI_FILE:
        break;
    }
    return 0;
}

/* ---- images ---- */

/* What the original needs is needed here too, so that a recipe that lacks it is found out here. */
static int decide_image(struct sedge_download *w)
{
    static const char tokens[] = "aws.greengrass.TokenExchangeService";
    const struct sedge_resolution *r = &w->run->resolution;

    if (!sedge_resolution_find(r, SEDGE_DOCKER_MANAGER))
        return refuse(w, "MISSING_DOCKER_APPLICATION_MANAGER",
                      "docker images need the component " SEDGE_DOCKER_MANAGER
                      " (it is built in); add it to ComponentDependencies");
    if (w->image.registry == SEDGE_REGISTRY_ECR_PRIVATE && !sedge_resolution_find(r, tokens))
        return refuse(w, "MISSING_TOKEN_EXCHANGE_SERVICE",
                      "images of a private ECR registry need the component aws.greengrass.TokenExchangeService; add it "
                      "to ComponentDependencies");
    w->action = SEDGE_ARTIFACT_PULL;
    return 0;
}

/* ---- files ---- */

/* The data plane knows component versions by their ARN, which it gave with the recipe. */
static int decide_presign(struct sedge_download *w)
{
    struct sedge_run *run = w->run;
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_put struct json_object *metadata = sedge_store_metadata(run->d->o.store, w->component, w->version, &err);
    const char *arn = sedge_json_str(metadata, "componentVersionArn", "");

    if (!*arn)
        return refuse(
            w,
            metadata || err.code == SEDGE_E_INVALID ? "RECIPE_METADATA_PARSE_ERROR" : "LOCAL_RECIPE_METADATA_NOT_FOUND",
            "is not on the device, and the data plane cannot be asked for it: the recipe did not come from "
            "there, so that the ARN of this version is not known. Publish the component, or put the file into "
            "the artifact folder of a local deployment");
    w->arn = sedge_xstrdup(arn);
    return 0;
}

/* A file that is not on the device: may it be fetched? In the order of the original: first the device, then the
 * recipe. */
static int decide_missing(struct sedge_download *w)
{
    struct sedge_run *run = w->run;
    const struct sedge_artifact *a = w->artifact;
    enum sedge_uri_scheme scheme = sedge_artifact_scheme(a->uri);
    sedge_auto_free char *why = NULL;
    const char *code = NULL;
    const char *what = "the recipe has no Digest and Algorithm to check it by";

    bool cloud = scheme == SEDGE_URI_GREENGRASS || scheme == SEDGE_URI_S3;

    w->action = SEDGE_ARTIFACT_GET;
    if ((scheme == SEDGE_URI_GREENGRASS && !run->has_plane) ||
        (scheme == SEDGE_URI_S3 && !run->may_download && !run->presigned)) {
        code = "DEVICE_CONFIG_NOT_VALID_FOR_ARTIFACT_DOWNLOAD";
        what = scheme == SEDGE_URI_S3 ? "no object store is configured (objectStore of aws.greengrass.Nucleus)"
                                      : "greengrass: artifacts come from a data plane (greengrassDataPlaneEndpoint of "
                                        "aws.greengrass.Nucleus)";
    } else if (cloud && !a->algorithm) {
        code = "RECIPE_MISSING_ARTIFACT_HASH_ALGORITHM";
    }
    if (!code) return scheme == SEDGE_URI_GREENGRASS || (cloud && run->presigned) ? decide_presign(w) : 0;
    why = sedge_xasprintf("is not on the device and cannot be fetched: %s. Put the file into <artifactDir>/%s/%s/ of a "
                          "local deployment, or publish the component to the object store",
                          what, w->component, w->version);
    return refuse(w, code, why);
}

static int decide_file(struct sedge_download *w)
{
    struct sedge_run *run = w->run;
    const struct sedge_artifact *a = w->artifact;
    sedge_auto_buf struct sedge_buf have = SEDGE_BUF_INIT;

    if (!sedge_fs_exists(w->dest)) return decide_missing(w);
    w->action = a->unarchive == SEDGE_UNARCHIVE_NONE ? SEDGE_ARTIFACT_READY : SEDGE_ARTIFACT_UNPACK;
    if (!a->digest || !a->algorithm) return 0; /* placed by hand for local development: taken as it is */
    if (sedge_digest_file_base64(w->dest, a->algorithm, &have, &run->err) != 0) {
        (void)sedge_err_wrap(&run->err, "artifact \"%s\"", a->uri);
        return refuse(w, run->err.code == SEDGE_E_UNSUPPORTED ? "HASHING_ALGORITHM_UNAVAILABLE" : "IO_READ_ERROR",
                      NULL);
    }
    return strcmp(have.data, a->digest) == 0 ? 0 : decide_missing(w);
}

/* A file that was there, or was placed by hand, gets the mode of one that was fetched. */
static int set_mode(struct sedge_download *w)
{
    struct stat st;

    if (w->action == SEDGE_ARTIFACT_GET || lstat(w->dest, &st) != 0 || !S_ISREG(st.st_mode)) return 0;
    if (chmod(w->dest, sedge_artifact_mode(w->artifact, geteuid() == 0)) == 0) return 0;
    (void)sedge_err_sys(&w->run->err, errno, "chmod %s", w->dest);
    return refuse(w, "SET_PERMISSION_ERROR", NULL);
}

static int make_folders(struct sedge_download *w, const char *dir, const char *unarchived)
{
    struct sedge_run *run = w->run;

    if (sedge_fs_mkdirs(dir, 0755, &run->err) == 0 &&
        (w->artifact->unarchive == SEDGE_UNARCHIVE_NONE || sedge_fs_mkdirs(unarchived, 0755, &run->err) == 0))
        return 0;
    sedge_failure_add(&run->failure, "ARTIFACT_DOWNLOAD_ERROR");
    sedge_failure_add_err(&run->failure, "IO_WRITE_ERROR", &run->err);
    return -1;
}

static int inspect_file(struct sedge_download *w)
{
    struct sedge_store *store = w->run->d->o.store;
    sedge_auto_free char *name = sedge_artifact_file_name(w->artifact->uri, &w->run->err);
    sedge_auto_free char *dir = sedge_store_artifact_dir(store, w->component, w->version, &w->run->err);
    sedge_auto_free char *unarchived = sedge_store_unarchived_dir(store, w->component, w->version, NULL);
    sedge_auto_free char *base = NULL;

    if (!name || !dir || !unarchived) return refuse(w, "ARTIFACT_URI_NOT_VALID", NULL);
    base = sedge_artifact_base_name(name, w->artifact->unarchive);
    w->dest = sedge_xasprintf("%s/%s", dir, name);
    w->unarchive_to = sedge_xasprintf("%s/%s", unarchived, base);
    return make_folders(w, dir, unarchived) != 0 || decide_file(w) != 0 || set_mode(w) != 0 ? -1 : 0;
}

static int inspect(struct sedge_run *run, const struct sedge_choice *c, const struct sedge_artifact *a)
{
    struct sedge_download *w;

    run->downloads = sedge_xrealloc(run->downloads, run->ndownloads + 1, sizeof *run->downloads);
    w = &run->downloads[run->ndownloads++];
    *w = (struct sedge_download){
        .run = run, .component = c->component, .version = c->version, .artifact = a, .size = -1};
    if (check_uri(w) != 0) return -1;
    return sedge_artifact_scheme(a->uri) == SEDGE_URI_DOCKER ? decide_image(w) : inspect_file(w);
}

int sedge_artifacts_inspect(struct sedge_run *run)
{
    for (size_t i = 0; i < run->resolution.n; i++) {
        const struct sedge_choice *c = &run->resolution.choices[i];
        struct sedge_package *p = c->builtin ? NULL : sedge_package_of(run, c);
        const struct sedge_manifest *m = p ? sedge_recipe_select(p->recipe, run->platform, &run->err) : NULL;

        for (size_t k = 0; m && k < m->nartifacts; k++)
            if (inspect(run, c, &m->artifacts[k]) != 0) return -1;
    }
    return 0;
}
