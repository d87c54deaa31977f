/*
 * shadow_sync - keeps shadows of the device and of the cloud in step, over the MQTT topics of the shadow service.
 *
 *   struct sedge_shadow_sync_options o;
 *   sedge_shadow_sync_options_default(&o);
 *   struct sedge_shadow_sync *y = sedge_shadow_sync_new(loop, db, shadows, &o, &err);    // before the writer is made
 *   sedge_shadow_sync_start(y, mqtt, writer);                     // before the session starts
 *   sedge_shadow_sync_configure(y, &settings);                    // any time, any number of times
 *   sedge_shadow_sync_close(y, closed_cb, me);                    // before the session is closed
 *
 * A shadow is brought in step in a round: ask the cloud for its document (not needed when only the device has changed
 * it), read the device's, make the plan (shadow_plan.h), write here, write there with the version that was seen. What
 * changes meanwhile on either side leads to another round. After each connection every shadow has one; messages of the
 * cloud are doorbells only, so that a lost or repeated one changes nothing. How both were when they were last in step
 * is on disk: what was changed or deleted while the device was off or offline is found, too.
 *
 * Requests are not spooled: what they say is worked out anew after an outage.
 *
 * Loop thread only.
 */
#ifndef SEDGE_BRIDGE_SHADOW_SYNC_H
#define SEDGE_BRIDGE_SHADOW_SYNC_H

#include <uv.h>

#include "base/db.h"
#include "mqtt/session.h"
#include "shadow/shadows.h"

#define SEDGE_SHADOW_SYNC_PARALLEL 8 /* rounds at a time */

struct sedge_shadow_sync;

struct sedge_shadow_sync_options {
    int64_t answer_timeout_ms; /* 30000 */
    int64_t retry_min_ms;      /* 1000; after a round that failed */
    int64_t retry_max_ms;      /* 300000 */
};
void sedge_shadow_sync_options_default(struct sedge_shadow_sync_options *o);

struct sedge_shadow_sync *sedge_shadow_sync_new(uv_loop_t *loop, struct sedge_db *db, struct sedge_shadows *shadows,
                                                const struct sedge_shadow_sync_options *o, struct sedge_err *err);
void sedge_shadow_sync_start(struct sedge_shadow_sync *y, struct sedge_mqtt *mqtt, struct sedge_dbw *writer);
/* What is no longer synchronised is forgotten: when it is again, both sides are put together as if for the first time.
 */
void sedge_shadow_sync_configure(struct sedge_shadow_sync *y, const struct sedge_shadow_settings *settings);
/* NULL is fine: then closed does not run. */
void sedge_shadow_sync_close(struct sedge_shadow_sync *y, void (*closed)(void *user), void *user);

#endif
