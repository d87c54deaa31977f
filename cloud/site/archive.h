/*
 * archive - what goes from the database into the object store: every revision, as a device and as an operator reads it,
 * and executions that nobody looks at any more. The database is enough to run; this is for audit and for the day on
 * which it is lost. Blocking; run by `sedge-cloud upkeep`, which serve starts.
 *
 *   deployments/ID.json                   the whole device document; also what devices with a large document fetch
 *   targets/<group|thing>/NAME/REV.json   the operator's form, good for `deploy create -f`
 *   exports/executions/YYYY-MM/ID.jsonl   executions, an object a line
 */
#ifndef SEDGE_CLOUD_ARCHIVE_H
#define SEDGE_CLOUD_ARCHIVE_H

#include "cloud/cloud.h"

#define SEDGE_EXECUTIONS_KEPT  20   /* newest ones of each thing; those of current revisions are kept besides */
#define SEDGE_EXECUTIONS_BATCH 5000 /* that go into one object */

/* All revisions that are not in the store yet. *n: how many went there. Nothing (0) without a store. */
int sedge_archive_revisions(struct sedge_cloud *c, int *n, struct sedge_err *err);
/* How many wait. */
int sedge_archive_waiting(struct sedge_cloud *c, int64_t *n, struct sedge_err *err);
/* Executions beyond those that are kept: into the store, or without one into the file executions.jsonl of the state
 * folder, and then out of the database. Killed in between, some are exported twice. */
int sedge_archive_executions(struct sedge_cloud *c, int64_t now_ms, int *n, struct sedge_err *err);
/* Lines of the audit older than SEDGE_AUDIT_KEPT go. */
int sedge_archive_audit(struct sedge_cloud *c, int64_t now_ms, struct sedge_err *err);

#endif
