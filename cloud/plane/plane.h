/*
 * plane - the device plane: answers to what devices send, and the notifications they get (cloud-protocol sections 2-6).
 *
 * It knows topics and payloads, not sockets: messages in, messages out. `serve` connects it to the broker.
 *
 *   struct sedge_plane *p = sedge_plane_new(db);
 *   sedge_plane_refresh(p, &err);                   // others write to the database, too
 *   if (sedge_plane_quick(p, ...)) done without a transaction, else:
 *   begin transaction; savepoint; sedge_plane_handle(p, now_ms, topic, data, n, &out, &err); commit;
 *   sedge_plane_own(p);
 *   publish what is in `out` only after the commit; sedge_plane_out_release(&out);
 *
 * Requests are idempotent: a device that got no answer asks again. The thing's name is taken from the topic, which the
 * broker's ACL ties to the certificate, never from the payload.
 */
#ifndef SEDGE_CLOUD_PLANE_H
#define SEDGE_CLOUD_PLANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/db.h"
#include "base/err.h"

#define SEDGE_PLANE_PAYLOAD_MAX 131072
#define SEDGE_PLANE_TOKEN_MAX   64
#define SEDGE_PLANE_POISON_MS   60000 /* one log line for bad payloads per thing in this time */
#define SEDGE_PLANE_DETAILS_MAX 1024  /* characters of one statusDetails value */
#define SEDGE_PLANE_FLEET_LATE  16    /* sequence numbers that a late fleet status may lag */

struct sedge_plane;
struct sedge_plane_msg {
    char *topic, *payload;
    size_t len;
    bool notification; /* may expire; answers do not */
};
struct sedge_plane_out {
    struct sedge_plane_msg *v;
    size_t n;
};

struct sedge_plane *sedge_plane_new(struct sedge_db *db); /* db is borrowed */
void sedge_plane_free(struct sedge_plane *p);
/* Things that nobody made are made when they come first (sedge_thing_meet): the broker lets nobody in without a
 * certificate of the site's authority. Off to begin with. */
void sedge_plane_auto_register(struct sedge_plane *p, bool on);
void sedge_plane_out_release(struct sedge_plane_out *out);

/* The topic filters to subscribe to; NULL ends the list. */
const char *const *sedge_plane_filters(void);

/* Around each transaction: what others have changed makes things that had nothing to do worth a look again (refresh,
 * before); what was written in this one does not (own, after). */
int sedge_plane_refresh(struct sedge_plane *p, struct sedge_err *err);
void sedge_plane_own(struct sedge_plane *p);

/* Handles a message that needs no database, as that of a device which asks once more for its next job. False: it needs
 * sedge_plane_handle. */
bool sedge_plane_quick(struct sedge_plane *p, int64_t now_ms, const char *topic, const void *payload, size_t n,
                       struct sedge_plane_out *out);

/* Handles one message and appends the answers. -1: our own fault (database); `out` then has an InternalError answer if
 * the request has answers, and the caller rolls back to its savepoint. Bad input is answered or dropped, and is 0. */
int sedge_plane_handle(struct sedge_plane *p, int64_t now_ms, const char *topic, const void *payload, size_t n,
                       struct sedge_plane_out *out, struct sedge_err *err);

/* Writes when things were last heard, as far as that was put off. Inside a transaction. */
int sedge_plane_write_seen(struct sedge_plane *p, int64_t now_s, struct sedge_err *err);

/* What dirty row (thing_id, ns) asks for: notify, and notify-next when the head differs from what was told last. *head:
 * the head's name for sedge_plane_told, heap. -1 on failure; 0 also when there is nobody to tell (nothing appended):
 * the thing is gone, or the broker did not know it and it has not been heard since; it asks when it comes. */
int sedge_plane_notify(struct sedge_plane *p, int64_t now_ms, int64_t thing_id, int64_t ns, struct sedge_plane_out *out,
                       char **head, struct sedge_err *err);
/* The notification of dirty row (thing_id, ns, seq) has reached the broker: remember the head, delete the row if
 * nothing has changed since. */
int sedge_plane_told(struct sedge_plane *p, int64_t thing_id, int64_t ns, int64_t seq, const char *head,
                     struct sedge_err *err);
/* The broker says that nobody is subscribed to what the thing was told. */
void sedge_plane_absent(struct sedge_plane *p, int64_t thing_id);

#endif
