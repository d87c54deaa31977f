/* telemetry - the last telemetry message of each thing (cloud-protocol 14). */
#ifndef SEDGE_CLOUD_TELEMETRY_H
#define SEDGE_CLOUD_TELEMETRY_H

#include "base/db.h"
#include "base/json.h"

/* Adds "telemetry": {"receivedAt": seconds, "message": as the device sent it} to what is shown of a thing; nothing when
 * it has sent none. */
int sedge_telemetry_add(struct sedge_db *db, int64_t thing_id, struct json_object *out, struct sedge_err *err);

#endif
