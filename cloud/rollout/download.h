/*
 * download - how many bytes of artifacts a thing is expected to fetch for a deployment: those of the resolved
 * components that its last fleet status lacks in that version.
 *
 * What a deployment resolves to is looked up once for each architecture and kept in table `download`. Artifacts that
 * are not in the bucket (https:, docker:) have no known size and count 0; so does everything of a deployment whose
 * components cannot be resolved, since no device can fetch it. A thing that never told its architecture is taken for
 * one that has the first manifest of each recipe.
 *
 * Inside the caller's transaction.
 */
#ifndef SEDGE_CLOUD_DOWNLOAD_H
#define SEDGE_CLOUD_DOWNLOAD_H

#include "cloud/cloud.h"

int sedge_download_bytes(struct sedge_db *db, int64_t deployment_id, int64_t thing_id, int64_t *bytes,
                         struct sedge_err *err);

#endif
