/*
 * store - shadows in nucleus.db. Internal to shadow; runs on the database worker, inside its transaction.
 */
#ifndef SEDGE_SHADOW_STORE_H
#define SEDGE_SHADOW_STORE_H

#include "base/db.h"
#include "base/str.h"
#include "document.h"

#define SEDGE_SHADOW_COUNT_MAX 10000 /* shadows, and deleted ones whose version is remembered: they make room */

extern const char sedge_shadow_schema[];

/* *doc: what is stored, or a document that does not exist. CORRUPT when the row cannot be read. */
int sedge_shadow_load(struct sedge_db *db, const char *thing, const char *name, struct sedge_shadow_doc *doc,
                      struct sedge_err *err);
/* Writes the document, or what is left of a deleted one: its version. NO_SPACE: SEDGE_SHADOW_COUNT_MAX reached. */
int sedge_shadow_save(struct sedge_db *db, const char *thing, const char *name, const struct sedge_shadow_doc *doc,
                      struct sedge_err *err);
/* Up to `limit` names of named shadows that exist, in order, behind `after` ("" for the first ones). */
int sedge_shadow_names(struct sedge_db *db, const char *thing, const char *after, int limit, struct sedge_strv *names,
                       struct sedge_err *err);

#endif
