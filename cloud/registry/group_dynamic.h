/*
 * group_dynamic - keeps the members of dynamic groups as their queries (group_query.h) say.
 *
 * Membership is stored like that of any other group, so that everything that follows from it is the same. Triggers of
 * the database note the things whose attributes, components or status changed (table regroup); upkeep looks at those
 * soon, and at everybody every SEDGE_REGROUP_SECONDS. Blocking; each thing that moves is a transaction of its own.
 */
#ifndef SEDGE_CLOUD_GROUP_DYNAMIC_H
#define SEDGE_CLOUD_GROUP_DYNAMIC_H

#include "cloud/cloud.h"

#define SEDGE_REGROUP_SECONDS 600
#define SEDGE_REGROUP_BATCH   1000 /* things that are read at once */

/* CONFLICT when the name is taken, INVALID for a query that is none. The things that fit join at once: *joined. */
int sedge_group_create_dynamic(struct sedge_cloud *c, const char *name, const char *query, int64_t now_ms, int *joined,
                               struct sedge_err *err);
/* Looks at the things that were noted. *moved: how many joined or left. */
int sedge_groups_refresh(struct sedge_cloud *c, int64_t now_ms, int *moved, struct sedge_err *err);
/* Notes everybody, if there are dynamic groups. */
int sedge_groups_note_all(struct sedge_cloud *c, struct sedge_err *err);
/* Whether things wait to be looked at. */
int sedge_groups_waiting(struct sedge_cloud *c, int64_t *n, struct sedge_err *err);

#endif
