/*
 * shadows - the shadow service of the device: named and classic shadows, durable, local (spec/ipc-operations.md 10).
 *
 *   struct sedge_shadows *sh = sedge_shadows_new(db, &err);            // before the writer takes db over
 *   sedge_shadows_configure(sh, &settings);                            // limits; any time, also never
 *   sedge_shadows_on_message(sh, publish_cb, me);                      // what goes to local subscribers
 *   sedge_shadows_start(sh, writer);
 *   if (sedge_shadows_admit(sh, thing, &err) == 0) sedge_shadows_update_take(..., cb, arg);
 *   sedge_dbw_close(writer); sedge_shadows_free(sh);
 *
 * Each call is one piece of work for the database worker, in the order of the calls: reads see every write before them,
 * and when a callback reports an update it is on the disk. Names are the caller's to check (names.h).
 *
 * SEDGE_SHADOW_TELL: local subscribers get the messages that belong to the operation (spec 10.6): accepted or rejected,
 * after an update also documents, and delta when desired and reported differ. SEDGE_SHADOW_CHANGE: who keeps the cloud
 * in step is told of a change. Both come before the callback.
 *
 * Callbacks run on the loop, once for each call, never from inside it. Texts are copied. Loop thread only.
 */
#ifndef SEDGE_SHADOW_SHADOWS_H
#define SEDGE_SHADOW_SHADOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/db.h"
#include "base/err.h"
#include "base/str.h"
#include "document.h"
#include "settings.h"

struct sedge_shadows;

struct sedge_shadows *sedge_shadows_new(struct sedge_db *db, struct sedge_err *err);
void sedge_shadows_start(struct sedge_shadows *sh, struct sedge_dbw *writer);
/* After the last callback: when the writer has been closed. NULL is fine. */
void sedge_shadows_free(struct sedge_shadows *sh);
/* Takes the limits over; the rest of the settings is for others. */
void sedge_shadows_configure(struct sedge_shadows *sh, const struct sedge_shadow_settings *settings);

/* A message for local subscribers. NULL: nobody. */
typedef void (*sedge_shadow_message)(void *user, const char *topic, const char *payload, size_t len);
void sedge_shadows_on_message(struct sedge_shadows *sh, sedge_shadow_message cb, void *user);
/* A shadow was updated or deleted, and that is on the disk. NULL: nobody. */
typedef void (*sedge_shadow_changed)(void *user, const char *thing, const char *name);
void sedge_shadows_on_change(struct sedge_shadows *sh, sedge_shadow_changed cb, void *user);

/* One request against the rate limits. UNAVAILABLE: "Too Many Requests". */
int sedge_shadows_admit(struct sedge_shadows *sh, const char *thing, struct sedge_err *err);

enum sedge_shadow_flag { SEDGE_SHADOW_TELL = 1, SEDGE_SHADOW_CHANGE = 2 };

struct sedge_shadow_result {
    const char *document;           /* get: the shadow; update: the answer; delete: what subscribers got; else NULL */
    bool exists;                    /* after the operation */
    int64_t version;                /* 0: there has never been one; of a deleted shadow its last */
    const struct sedge_strv *names; /* of list */
};
/* err: code SEDGE_OK on success; otherwise as in document.h, or what the database said. */
typedef void (*sedge_shadow_done)(void *arg, const struct sedge_shadow_result *result, const struct sedge_err *err);

void sedge_shadows_get(struct sedge_shadows *sh, const char *thing, const char *name, unsigned flags,
                       sedge_shadow_done done, void *arg);
/* Takes the parsed update over and leaves *u empty. */
void sedge_shadows_update_take(struct sedge_shadows *sh, const char *thing, const char *name,
                               struct sedge_shadow_update *u, unsigned flags, sedge_shadow_done done, void *arg);
/* version: -1 any; another one than the present is CONFLICT. */
void sedge_shadows_delete(struct sedge_shadows *sh, const char *thing, const char *name, int64_t version,
                          unsigned flags, sedge_shadow_done done, void *arg);
/* Names of named shadows behind `after`, in order. */
void sedge_shadows_list(struct sedge_shadows *sh, const char *thing, const char *after, int limit,
                        sedge_shadow_done done, void *arg);

/* The message about a request that was refused before it came here. operation: "get", "update" or "delete". */
void sedge_shadows_refused(struct sedge_shadows *sh, const char *operation, const char *thing, const char *name,
                           const struct sedge_err *err, const char *token);

#endif
