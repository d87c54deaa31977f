/*
 * store - the object store, through the program sedge-fetch: one process for a batch of work, a JSON line for each
 * request and answer (its protocol: "put", "text", "list", "delete"). Blocking.
 *
 *   struct sedge_store *s = sedge_store_open(&settings, &err);
 *   sedge_store_put_file(s, key, path, sha256, &err) ...
 *   sedge_store_close(s);
 */
#ifndef SEDGE_CLOUD_STORE_H
#define SEDGE_CLOUD_STORE_H

#include "base/buf.h"
#include "base/str.h"
#include "cloud/cloud.h"

#define SEDGE_STORE_LINE_MAX (4 << 20)
#define SEDGE_STORE_TEXT_MAX 1048576 /* bytes of a manifest or recipe */

struct sedge_store;

/* Starts sedge-fetch: $SEDGE_FETCH, else beside this program, else in PATH. */
struct sedge_store *sedge_store_open(const struct sedge_cloud_settings *set, struct sedge_err *err);
void sedge_store_close(struct sedge_store *s); /* waits for its end; NULL is fine */

/* Keys are below the prefix of the settings. `sha256` (hex): DIGEST when other bytes were sent. */
int sedge_store_put_file(struct sedge_store *s, const char *key, const char *path, const char *sha256,
                         struct sedge_err *err);
int sedge_store_put_text(struct sedge_store *s, const char *key, const char *text, struct sedge_err *err);
/* NOT_FOUND when the key is not there. */
int sedge_store_get_text(struct sedge_store *s, const char *key, struct sedge_buf *out, struct sedge_err *err);
/* Adds all keys that start with `prefix`. */
int sedge_store_list(struct sedge_store *s, const char *prefix, struct sedge_strv *keys, struct sedge_err *err);
/* Fine when the key is not there. */
int sedge_store_delete(struct sedge_store *s, const char *key, struct sedge_err *err);
/* Makes the bucket; fine when it is there. */
int sedge_store_make_bucket(struct sedge_store *s, struct sedge_err *err);

#endif
