/*
 * document - the rules of a shadow's document: what an update may say, and what it does (spec/ipc-operations.md 10).
 *
 *   struct sedge_shadow_update u = SEDGE_SHADOW_UPDATE_INIT;
 *   struct sedge_shadow_doc doc = ...;                       // as stored; SEDGE_SHADOW_DOC_INIT for none
 *   if (sedge_shadow_update_parse(&u, payload, len, &err) != 0 ||
 *       sedge_shadow_update_apply(&doc, &u, limit, now_s, &err) != 0) -> answer sedge_shadow_rejected(...)
 *   answer = sedge_shadow_accepted(&doc, &u);
 *   sedge_shadow_update_release(&u); sedge_shadow_doc_release(&doc);
 *
 * Pure: no loop, clock or file. Times are whole seconds since the epoch. Objects are merged key by key, every other
 * value (also a list) replaces what was there, null deletes a key. Metadata has the shape of the state, with
 * {"timestamp":s} in place of each value.
 *
 * Errors carry the text for the caller: INVALID what was asked for, CONFLICT another version, LIMIT too large,
 * NOT_FOUND no such shadow, DENIED not permitted, UNAVAILABLE too many requests; all else is a failure of the service.
 */
#ifndef SEDGE_SHADOW_DOCUMENT_H
#define SEDGE_SHADOW_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"

#define SEDGE_SHADOW_LEVELS_MAX  6      /* of nesting in desired and in reported */
#define SEDGE_SHADOW_TOKEN_MAX   64     /* characters of a clientToken */
#define SEDGE_SHADOW_REQUEST_MAX 131072 /* bytes of an update; what it leads to has a limit of its own */

/* A shadow. After delete: exists is false, the version is that of the last update, and an update goes on from it. */
struct sedge_shadow_doc {
    bool exists;
    int64_t version; /* 0: there has never been one */
    int64_t timestamp;
    struct json_object *state; /* desired and reported, each absent when empty; owned, as metadata is */
    struct json_object *metadata;
};
#define SEDGE_SHADOW_DOC_INIT ((struct sedge_shadow_doc){.exists = false})
void sedge_shadow_doc_release(struct sedge_shadow_doc *doc);

struct sedge_shadow_update {
    struct json_object *root;  /* owned; the rest points into it */
    struct json_object *state; /* NULL: everything is to be deleted */
    int64_t version;           /* wanted; -1: any */
    const char *token;         /* clientToken; NULL: none */
};
#define SEDGE_SHADOW_UPDATE_INIT ((struct sedge_shadow_update){.version = -1})
/* On failure the token is still there when the document has a good one: for the answer. Release it in any case. */
int sedge_shadow_update_parse(struct sedge_shadow_update *u, const char *payload, size_t len, struct sedge_err *err);
void sedge_shadow_update_release(struct sedge_shadow_update *u);

/* limit: bytes of desired and reported together, as compact JSON. On failure *doc is not of use any more. */
int sedge_shadow_update_apply(struct sedge_shadow_doc *doc, const struct sedge_shadow_update *u, size_t limit,
                              int64_t now_s, struct sedge_err *err);

/* Documents for the outside; new references. */
struct json_object *sedge_shadow_got(const struct sedge_shadow_doc *doc, int64_t now_s);
struct json_object *sedge_shadow_accepted(const struct sedge_shadow_doc *doc, const struct sedge_shadow_update *u);
/* NULL: desired and reported do not differ. */
struct json_object *sedge_shadow_delta(const struct sedge_shadow_doc *doc, const char *token);
/* One half of update/documents: state, metadata and version. */
struct json_object *sedge_shadow_body(const struct sedge_shadow_doc *doc);
struct json_object *sedge_shadow_rejected(const struct sedge_err *err, const char *token, int64_t now_s);
/* 400, 401, 404, 409, 413, 429 or 500. */
int sedge_shadow_code(enum sedge_err_code code);

#endif
