/*
 * fs - files that survive a power cut, and folder trees. All functions block: call them at start-up or from a work
 * item, not from a loop callback that must be quick. Error messages name the path.
 */
#ifndef SEDGE_BASE_FS_H
#define SEDGE_BASE_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "err.h"
#include "str.h"

/* Whole file into *out (appended). LIMIT when it is larger than `limit` bytes. */
int sedge_fs_read(const char *path, size_t limit, struct sedge_buf *out, struct sedge_err *err);
/* Writes "<path>.new", fsyncs, renames over `path`, fsyncs the folder. The old content or the new is there, never less.
 */
int sedge_fs_write_atomic(const char *path, const void *data, size_t n, mode_t mode, struct sedge_err *err);
/* What a kill in the middle of that has left of `path`. */
void sedge_fs_discard_new(const char *path);
/* Many files, each as sedge_fs_write_atomic does it, but together: the disk is waited for a few times in all instead of
 * twice for each file. Nothing is in its place before commit; release takes away what was not committed. */
struct sedge_fs_batch {
    struct sedge_strv paths;
};
int sedge_fs_batch_add(struct sedge_fs_batch *b, const char *path, const void *data, size_t n, mode_t mode,
                       struct sedge_err *err);
int sedge_fs_batch_commit(struct sedge_fs_batch *b, struct sedge_err *err); /* -1: some may be in their place */
void sedge_fs_batch_release(struct sedge_fs_batch *b);
/* fsync of the folder that holds `path`, after a rename or unlink of it. */
int sedge_fs_sync_parent(const char *path, struct sedge_err *err);
/* mkdir -p; sets `mode` on the last folder also when it existed. Parents get 0755. */
int sedge_fs_mkdirs(const char *path, mode_t mode, struct sedge_err *err);
/* rm -rf without following links. A path that does not exist is fine. */
int sedge_fs_remove_tree(const char *path, struct sedge_err *err);
/* Copies a folder's content into `to` (created), replacing files, which keep their owner; links are copied as links. */
int sedge_fs_copy_tree(const char *from, const char *to, struct sedge_err *err);
bool sedge_fs_exists(const char *path);
bool sedge_fs_is_dir(const char *path);
/* Bytes free for us on the file system that holds `path` (or its nearest existing parent). -1 on failure. */
int64_t sedge_fs_free_bytes(const char *path, struct sedge_err *err);
/* Calls fn for each regular file below `dir`, names in byte order, with its path and the part below dir. -1 stops. */
int sedge_fs_walk(const char *dir, int (*fn)(const char *path, const char *relative, void *user, struct sedge_err *err),
                  void *user, struct sedge_err *err);

#endif
