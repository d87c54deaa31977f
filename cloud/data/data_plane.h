/*
 * data_plane - what devices ask over HTTPS while they deploy (cloud-service specification 10): their groups, versions
 * of components with recipes, signed URLs of artifacts and of large deployment documents.
 *
 *   struct sedge_data_plane *d = sedge_data_plane_start(dir, &settings, &err);   (NULL, OK: none is configured)
 *   now and then: sedge_data_plane_tick(d);
 *   sedge_data_plane_stop(d);
 *
 * Only certificates of the device CA are let in; the common name is the thing. It must be registered, not blocked, and
 * have this certificate. Reads the database and changes nothing in it. The store is not asked for bytes: devices fetch
 * from it themselves, with URLs that are good for SEDGE_PRESIGN_EXPIRES_S.
 */
#ifndef SEDGE_CLOUD_DATA_PLANE_H
#define SEDGE_CLOUD_DATA_PLANE_H

#include "cloud/cloud.h"

#define SEDGE_DATA_THREADS        2
#define SEDGE_DATA_BODY_MAX       262144 /* bytes of a question */
#define SEDGE_DATA_RATE           50     /* requests of one thing in a second */
#define SEDGE_DATA_BURST          500
#define SEDGE_DATA_CACHE_MS       60000
#define SEDGE_DATA_GROUPS_PAGE    50  /* groups in one answer */
#define SEDGE_DATA_CANDIDATES_MAX 100 /* in one question */
#define SEDGE_DATA_NEEDS_MAX      256 /* requirements of one candidate */

struct sedge_data_plane;

struct sedge_data_plane *sedge_data_plane_start(const char *dir, const struct sedge_cloud_settings *set,
                                                struct sedge_err *err);
void sedge_data_plane_tick(struct sedge_data_plane *d);
void sedge_data_plane_stop(struct sedge_data_plane *d); /* NULL is fine */

#endif
