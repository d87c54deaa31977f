/*
 * prune - components of a group that a thing has left go at once: the thing is given something to do, since a device
 * looks at its groups only when it deploys.
 *
 * It does again what changes nothing: the revision of a group that it is still in and that succeeded there, else the
 * current one of its own target as a new revision; without either, an empty deployment for this thing alone. Nothing is
 * added while another one waits for the device already.
 *
 * Inside the caller's transaction, after the thing has left.
 */
#ifndef SEDGE_CLOUD_PRUNE_H
#define SEDGE_CLOUD_PRUNE_H

#include "cloud/cloud.h"

/* *by: what makes the device look, "group:NAME:REVISION" or "thing:NAME:REVISION"; heap. */
int sedge_prune(struct sedge_cloud *c, const char *thing, int64_t now_ms, char **by, struct sedge_err *err);

#endif
