/*
 * serve - the device plane on a broker: one thread, one MQTT 5 connection with a persistent session.
 *
 * Each turn: network, then everything that arrived as one transaction (a savepoint for each message), then the answers,
 * then notifications for dirty things, then timers. A broker that is away is tried again for ever with back-off; the
 * commands of the operator work meanwhile, and what they changed is published when the connection is back.
 */
#ifndef SEDGE_CLOUD_SERVE_H
#define SEDGE_CLOUD_SERVE_H

#include "cloud.h"

#define SEDGE_SERVE_TURN_MS         50   /* longest wait for the network, and until changes of the operator are seen */
#define SEDGE_SERVE_TIMERS_MS       5000 /* how often time limits are looked at */
#define SEDGE_SERVE_CACHE_KB        8192 /* pages of the database in memory: what a busy fleet touches */
#define SEDGE_SERVE_BATCH           500  /* messages after which a transaction is made although more wait */
#define SEDGE_SERVE_GATHER_MS       5    /* how long a busy service waits for more messages in one transaction */
#define SEDGE_SERVE_BUSY_MS         20   /* busy: the last message came so short ago */
#define SEDGE_SERVE_WAITING_MAX     5000 /* messages while the database is not writable; more are dropped */
#define SEDGE_SERVE_WAITING_S       30   /* a message that could not be taken so long is dropped: devices repeat */
#define SEDGE_SERVE_AGAIN_MS        1000 /* until a transaction that failed is tried again */
#define SEDGE_SERVE_RETRY_MIN_MS    250  /* first wait before connecting again */
#define SEDGE_SERVE_RETRY_MAX_MS    10000
#define SEDGE_SERVE_SESSION_S       86400 /* the broker keeps our session so long */
#define SEDGE_SERVE_NOTIFY_EXPIRY_S 3600

/* Runs until SIGTERM or SIGINT: 0. -1: could not start; another serve on the same folder is CONFLICT, a broker that
 * refuses our password on the first connection is DENIED. */
int sedge_serve(struct sedge_cloud *c, struct sedge_err *err);

#endif
