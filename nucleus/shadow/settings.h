/*
 * settings - the configuration of aws.greengrass.ShadowManager as a struct. Pure.
 *
 *   struct sedge_shadow_settings s = SEDGE_SHADOW_SETTINGS_INIT;
 *   if (sedge_shadow_settings_read(&s, configuration, "cam-1", &err) != 0) -> as it was before, err says why
 *   sedge_shadow_settings_release(&s);
 *
 * Unknown keys are left alone. A key that is absent or null has its default.
 */
#ifndef SEDGE_SHADOW_SETTINGS_H
#define SEDGE_SHADOW_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct json_object;

#define SEDGE_SHADOW_MANAGER        "aws.greengrass.ShadowManager"
#define SEDGE_SHADOW_SIZE_DEFAULT   8192  /* bytes: shadowDocumentSizeLimitBytes */
#define SEDGE_SHADOW_SIZE_MAX       30720 /* most that may be configured */
#define SEDGE_SHADOW_THING_RATE     20    /* requests/s: rateLimits.maxLocalRequestsPerSecondPerThing */
#define SEDGE_SHADOW_TOTAL_RATE     200   /* requests/s: rateLimits.maxTotalLocalRequestsRate */
#define SEDGE_SHADOW_OUTBOUND_RATE  100   /* updates/s to the cloud: rateLimits.maxOutboundSyncUpdatesPerSecond */
#define SEDGE_SHADOW_RATE_MAX       10000 /* most that may be configured of each */
#define SEDGE_SHADOW_SYNC_DELAY_S   300   /* strategy.delay of the type periodic */
#define SEDGE_SHADOW_SYNC_DELAY_MAX 604800
#define SEDGE_SHADOW_SYNCED_MAX     1000 /* shadows that are synchronised */

enum sedge_shadow_direction { SEDGE_SHADOW_BOTH_WAYS, SEDGE_SHADOW_TO_CLOUD, SEDGE_SHADOW_TO_DEVICE };

struct sedge_shadow_id {
    char *thing;
    char *name; /* "": classic */
};
struct sedge_shadow_settings {
    size_t size_limit;
    int64_t thing_rate, total_rate, outbound_rate;
    enum sedge_shadow_direction direction;
    int64_t delay_s; /* 0: real time */
    struct sedge_shadow_id *synced;
    size_t nsynced;
};
#define SEDGE_SHADOW_SETTINGS_INIT                                                                                     \
    ((struct sedge_shadow_settings){.size_limit = SEDGE_SHADOW_SIZE_DEFAULT,                                           \
                                    .thing_rate = SEDGE_SHADOW_THING_RATE,                                             \
                                    .total_rate = SEDGE_SHADOW_TOTAL_RATE,                                             \
                                    .outbound_rate = SEDGE_SHADOW_OUTBOUND_RATE})

/* configuration may be NULL: the defaults. core_thing: the name behind `coreThing`; NULL or "": it is left out. INVALID
 * with the key and what was expected; LIMIT. */
int sedge_shadow_settings_read(struct sedge_shadow_settings *s, struct json_object *configuration,
                               const char *core_thing, struct sedge_err *err);
void sedge_shadow_settings_release(struct sedge_shadow_settings *s);

#endif
