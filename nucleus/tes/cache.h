/*
 * cache - the last answer of the credentials provider, and how long it counts (pure; spec/config.md 11).
 *
 *   struct sedge_tes_cache c = {0};
 *   if (!sedge_tes_cache_valid(&c, now)) ... ask, then:
 *   sedge_tes_cache_credentials(&c, text, now);                 // it answered 200 with this
 *   sedge_tes_cache_error(&c, 403, "no such role", &pauses, now);
 *   ... c.status, c.body ...
 *
 * Credentials count until SEDGE_TES_EARLY_MS before they expire, errors for the time that is configured for their kind.
 */
#ifndef SEDGE_TES_CACHE_H
#define SEDGE_TES_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#define SEDGE_TES_EARLY_MS        300000 /* credentials are asked for anew so long before they expire */
#define SEDGE_TES_PAUSE_MIN_S     10     /* credentialRetryInSec: outside of these two the default counts */
#define SEDGE_TES_PAUSE_MAX_S     42900
#define SEDGE_TES_PAUSE_CLIENT_S  120 /* default after a status 4xx */
#define SEDGE_TES_PAUSE_SERVER_S  60  /* 5xx */
#define SEDGE_TES_PAUSE_UNKNOWN_S 300 /* any other */

struct sedge_tes_pauses {
    int64_t client_s, server_s, unknown_s; /* as configured; what is out of range counts as the default */
};
struct sedge_tes_cache {
    int status;          /* of HTTP; 0: nothing yet */
    char *body;          /* owned */
    int64_t valid_until; /* wall ms */
};

bool sedge_tes_cache_valid(const struct sedge_tes_cache *c, int64_t now);
/* {"credentials":{"accessKeyId","secretAccessKey","sessionToken","expiration"}}; anything else, and what has expired,
 * becomes an error 500 that does not count for later requests. */
void sedge_tes_cache_credentials(struct sedge_tes_cache *c, const char *text, int64_t now);
/* status 0: no answer; told as 500 and not kept. */
void sedge_tes_cache_error(struct sedge_tes_cache *c, int status, const char *body, const struct sedge_tes_pauses *p,
                           int64_t now);
void sedge_tes_cache_release(struct sedge_tes_cache *c); /* wipes it */

#endif
