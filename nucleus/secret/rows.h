/*
 * rows - the secrets in their database. Private to the box. Everything but opening runs on the database worker.
 */
#ifndef SEDGE_SECRET_ROWS_H
#define SEDGE_SECRET_ROWS_H

#include "base/db.h"
#include "key.h"
#include "secret.h"

#define SEDGE_SECRET_SCHEMA_VERSION 1

extern const char sedge_secret_schema[];

void sedge_secret_free(struct sedge_secret *x);
int sedge_secret_compare(const void *a, const void *b); /* by name; of struct sedge_secret * in an array */

/* All secrets without values, owned by the caller; not sorted. -1: *list and *n have what was read. */
int sedge_secret_rows_load(struct sedge_db *db, struct sedge_secret ***list, size_t *n, struct sedge_err *err);
/* How many values are sealed with another key than `key_id`. */
int sedge_secret_rows_foreign(struct sedge_db *db, const char *key_id, int64_t *out, struct sedge_err *err);

/* What is to be written; the worker's while it works. */
struct sedge_secret_write {
    char *name;
    char *arn; /* of a new secret; of a known one: NULL, or what the user says it is */
    char *version_id;
    struct sedge_strv labels;
    struct sedge_buf value;
    bool binary;
    int64_t now_ms;
};
/* The secret as it is then, or NULL. w->arn is filled in. */
struct sedge_secret *sedge_secret_rows_set(struct sedge_db *db, struct sedge_secret_write *w,
                                           const struct sedge_secret_key *key, struct sedge_err *err);
/* Appends the value. */
int sedge_secret_rows_value(struct sedge_db *db, const char *arn, const char *version_id,
                            const struct sedge_secret_key *key, struct sedge_buf *out, struct sedge_err *err);
/* version_id NULL: the secret. *arn (heap) is its ARN when there is such a secret, *left what is left of it. Both are
 * NULL before. */
int sedge_secret_rows_remove(struct sedge_db *db, const char *arn_or_name, const char *version_id, char **arn,
                             struct sedge_secret **left, struct sedge_err *err);

#endif
