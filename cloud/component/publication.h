/*
 * publication - component versions that come over the control API: artifacts one by one, then the recipe, which is
 * checked at once; the upload to the object store is done by upkeep, so that a slow store holds up nobody.
 *
 *   sedge_publication_add(c, "a", "1.0.0", "model.bin", path, &err)       // as often as there are artifacts
 *   o = sedge_publication_request(c, recipe, n, now_ms, &err)             // REQUESTED, or known already
 *   upkeep: sedge_publications_run(c, &n, &err)                           // DEPLOYABLE, or FAILED with a reason
 *   o = sedge_publication_status(c, "a", "1.0.0", &err)
 *
 * What waits is in <dir>/publish/NAME@VERSION, in the layout that `component publish` reads; table `publication` says
 * which of it was asked for. What nobody asks for is deleted after SEDGE_PUBLICATION_KEPT_S. Each function is one
 * transaction; they block for the disk.
 */
#ifndef SEDGE_CLOUD_PUBLICATION_H
#define SEDGE_CLOUD_PUBLICATION_H

#include <json-c/json.h>

#include "cloud/cloud.h"

#define SEDGE_PUBLICATION_KEPT_S   86400
#define SEDGE_PUBLICATION_FILE_MAX 8589934592 /* bytes of one artifact */

/* Moves the file at `path` in. INVALID for a name that is none, CONFLICT for a version that is published or waits. */
int sedge_publication_add(struct sedge_cloud *c, const char *name, const char *version, const char *file,
                          const char *path, struct sedge_err *err);
/* Name and version are the recipe's. The status (below); INVALID with line and column, NOT_FOUND for an artifact that
 * did not come, CONFLICT for a version that is published, or waits with another recipe. */
struct json_object *sedge_publication_request(struct sedge_cloud *c, const char *recipe, size_t n, int64_t now_ms,
                                              struct sedge_err *err);
/* {"componentName", "componentVersion", "state": "REQUESTED", "FAILED" or that of the version, "message"?, "at" (s)};
 * NOT_FOUND. New reference. */
struct json_object *sedge_publication_status(struct sedge_cloud *c, const char *name, const char *version,
                                             struct sedge_err *err);

/* How many wait. */
int sedge_publications_waiting(struct sedge_cloud *c, int64_t *n, struct sedge_err *err);
/* Uploads what waits. *n: how many were published. -1 when the store does not answer: it is tried again. */
int sedge_publications_run(struct sedge_cloud *c, int *n, struct sedge_err *err);
/* Deletes what nobody has asked for, and what has failed, after a day. */
int sedge_publications_clean(struct sedge_cloud *c, int64_t now_ms, struct sedge_err *err);

#endif
