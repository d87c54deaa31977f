/*
 * secret - the device's own store of secrets, encrypted on disk (spec/ipc-operations.md 9).
 *
 *   struct sedge_secrets *s = sedge_secrets_open(loop, "/var/lib/sedge/state", &err);
 *   if (!sedge_secrets_is_open(s)) sedge_secrets_open_again(s, opened_cb, me);    // err says why
 *   sedge_secrets_set(s, &(struct sedge_secret_new){.name = "db", .data = "...", .len = 3}, set_cb, me);
 *   const struct sedge_secret *db = sedge_secrets_find(s, "db");           // or its ARN
 *   const struct sedge_secret_version *v = sedge_secret_labelled(db, SEDGE_SECRET_CURRENT);
 *   sedge_secrets_read(s, db, v, value_cb, me, &err);
 *   sedge_secrets_close(s);
 *
 * A secret has a friendly name and an ARN, both unique here, and versions. A version has a value (text or bytes), an id
 * and any number of staging labels; a label is on one version of a secret at most. Setting a value makes a new version
 * and moves its labels there: AWSCURRENT unless others are given. The version that had AWSCURRENT gets AWSPREVIOUS. The
 * first version has AWSCURRENT in any case. Beyond SEDGE_SECRET_VERSIONS_MAX the oldest version without a label goes.
 *
 * On disk: <state>/secrets.db (SQLite) has names, labels and dates in clear and each value sealed with AES-256-GCM,
 * bound to its ARN, version and kind; <state>/secret.key has the key (see key.h). Lost or changed key: values sealed
 * with the old one cannot be read, and the error says so; everything else goes on, and setting a secret anew heals it.
 * A damaged database is moved to secrets.db.bad, and an empty one is begun.
 *
 * In memory: names, ids, labels and dates. Values are read when they are asked for, and wiped after use; they are in no
 * log line and in no error text.
 *
 * All disk work is in order on one worker. Callbacks run on the loop, once, never from inside the call. Loop thread.
 */
#ifndef SEDGE_SECRET_SECRET_H
#define SEDGE_SECRET_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "base/str.h"

#define SEDGE_SECRET_CURRENT  "AWSCURRENT"
#define SEDGE_SECRET_PREVIOUS "AWSPREVIOUS"

#define SEDGE_SECRET_VALUE_MAX      65536 /* bytes */
#define SEDGE_SECRET_VERSION_ID_MAX 64    /* bytes */
#define SEDGE_SECRET_LABEL_MAX      256   /* bytes */
#define SEDGE_SECRET_LABELS_MAX     20    /* given with one version */
#define SEDGE_SECRET_VERSIONS_MAX   10    /* kept of one secret */
#define SEDGE_SECRETS_MAX           1000  /* in the store */
#define SEDGE_SECRET_READS_MAX      256   /* values being read at once */

struct sedge_secrets;

struct sedge_secret_version {
    char *id;
    int64_t created_ms;
    bool binary;
    struct sedge_strv labels;
};
struct sedge_secret {
    char *arn;
    char *name;
    int64_t created_ms;
    struct sedge_secret_version *versions; /* newest first */
    size_t n;
};

/* Blocking, for the start. Never NULL; when it is not open, *err says why: IO, DENIED, NO_SPACE, CONFLICT (written by a
 * newer version). A key that cannot be used is logged and no failure. What a full disk holds can be read. */
struct sedge_secrets *sedge_secrets_open(uv_loop_t *loop, const char *state_dir, struct sedge_err *err);
/* While it is not, only the next one and close are possible. */
bool sedge_secrets_is_open(const struct sedge_secrets *s);
/* Tries once more, on a worker: OK, or why not. Who asks while that is under way shares it. */
typedef void (*sedge_secrets_opened_cb)(void *arg, const struct sedge_err *err);
void sedge_secrets_open_again(struct sedge_secrets *s, sedge_secrets_opened_cb cb, void *arg);
/* Waits until everything is written and all callbacks have run; not while it is being opened again. Blocks: for the end
 * of the program. NULL is fine. */
void sedge_secrets_close(struct sedge_secrets *s);

/* What these return lives until the loop's next turn. */
size_t sedge_secrets_count(const struct sedge_secrets *s);
const struct sedge_secret *sedge_secrets_at(const struct sedge_secrets *s, size_t i); /* by name, in byte order */
const struct sedge_secret *sedge_secrets_find(const struct sedge_secrets *s, const char *arn_or_name); /* NULL: none */
const struct sedge_secret_version *sedge_secret_version(const struct sedge_secret *x, const char *id);
const struct sedge_secret_version *sedge_secret_labelled(const struct sedge_secret *x, const char *label);

/* `data` is NULL on failure: NOT_FOUND (removed meanwhile), DIGEST (the record was changed), DENIED (it belongs to
 * another key, or there is none), IO. It lives during the call, has a NUL behind it, and is wiped then. */
typedef void (*sedge_secret_value_cb)(void *arg, const char *data, size_t len, const struct sedge_err *err);
/* -1: LIMIT, too many are being read; cb will not run. */
int sedge_secrets_read(struct sedge_secrets *s, const struct sedge_secret *x, const struct sedge_secret_version *v,
                       sedge_secret_value_cb cb, void *arg, struct sedge_err *err);

/* Copied; the copy of the value is wiped. */
struct sedge_secret_new {
    const char *name;                /* NULL: that of the ARN */
    const char *arn;                 /* NULL: the present one, or a local one is made */
    const char *version_id;          /* NULL: a random UUID */
    const struct sedge_strv *labels; /* NULL or empty: AWSCURRENT */
    const void *data;
    size_t len;
    bool binary;
};
/* `x` and `v` are NULL on failure, and v when all of a secret was removed. */
typedef void (*sedge_secret_done_cb)(void *arg, const struct sedge_secret *x, const struct sedge_secret_version *v,
                                     const struct sedge_err *err);
/* On the disk when cb runs. The same id with the same value again changes nothing and succeeds. INVALID, LIMIT (see
 * above; NO_SPACE when the disk is full), CONFLICT (the version id exists with another value; the name or the ARN
 * belongs to another secret). */
void sedge_secrets_set(struct sedge_secrets *s, const struct sedge_secret_new *in, sedge_secret_done_cb cb, void *arg);
/* One version, or the secret (version_id NULL). NOT_FOUND; CONFLICT for the version with AWSCURRENT. cb gets the secret
 * as it was. */
void sedge_secrets_remove(struct sedge_secrets *s, const char *arn_or_name, const char *version_id,
                          sedge_secret_done_cb cb, void *arg);

#endif
