/* backup - a whole, consistent copy of cloud.db while everything runs (SQLite's online backup). */
#ifndef SEDGE_CLOUD_BACKUP_H
#define SEDGE_CLOUD_BACKUP_H

#include "cloud/cloud.h"

#define SEDGE_BACKUP_PAGES 256 /* copied between two chances for others to write */

/* Into `file`, which appears (mode 0600) or is replaced only when the copy is whole and on the disk. Blocks. */
int sedge_cloud_backup(struct sedge_cloud *c, const char *file, struct sedge_err *err);
/* The same into the bucket, as exports/DATE/cloud.db. *key: heap. */
int sedge_cloud_backup_to_store(struct sedge_cloud *c, int64_t now_ms, char **key, struct sedge_err *err);

#endif
