/*
 * artifacts - what has to be done for each artifact of the chosen versions (spec/recipe.md 10.1, 10.2). Private.
 *
 * Worker thread: looks at files and hashes them. Failures go to run->failure with their codes.
 */
#ifndef SEDGE_DEPLOY_ARTIFACTS_H
#define SEDGE_DEPLOY_ARTIFACTS_H

#include "fetch/image.h"
#include "recipe/image.h"
#include "run.h"

enum sedge_artifact_action {
    SEDGE_ARTIFACT_READY,  /* is there */
    SEDGE_ARTIFACT_GET,    /* download, check, unpack */
    SEDGE_ARTIFACT_UNPACK, /* is there; unpack */
    SEDGE_ARTIFACT_PULL    /* a container image */
};

struct sedge_download {
    struct sedge_run *run;
    const char *component;
    const char *version;
    const struct sedge_artifact *artifact;
    char *dest;
    char *unarchive_to;
    char *arn;                /* GET: of the version; the data plane signs a URL for it. NULL: fetched by its own URI */
    char *signed_url;         /* such a URL, or NULL */
    int64_t size;             /* GET: of the whole, -1: not known */
    struct sedge_image image; /* PULL */
    enum sedge_artifact_action action;
    struct sedge_image_pull *pull; /* under way */
    int64_t done_bytes, total_bytes, bytes_per_s;
    bool over;
};

/* Fills run->downloads. */
int sedge_artifacts_inspect(struct sedge_run *run);
struct sedge_package *sedge_package_of(struct sedge_run *run, const struct sedge_choice *c);

#endif
