/*
 * schema - the tables of cloud.db (cloud-service specification 12.2), as the steps that made them: step i brings
 * `PRAGMA user_version` i to i + 1. Steps are never changed, only added; a database of any older version opens and goes
 * on (sedge_db_open_steps).
 *
 * Beyond the specification: table `download` has what a deployment makes devices fetch (download.h); table `name` gives
 * the numbers of component_state.name_id; thing.telemetry holds the last telemetry message; component_version.recipe
 * the stored recipe; view effective_member(group_id, thing_id) the things of a group and of all groups below it;
 * `deployment` has what the rollout engine must remember (rollout.h). Table `counter` is kept by triggers on
 * `execution`, so that it is right whoever changes one; its status is a class of counters.h. View
 * target_member(target_id, thing_id) has the things that the deployments of any target reach.
 */
#ifndef SEDGE_CLOUD_SCHEMA_H
#define SEDGE_CLOUD_SCHEMA_H

#define SEDGE_CLOUD_SCHEMA_VERSION 8
extern const char *const sedge_cloud_schema[SEDGE_CLOUD_SCHEMA_VERSION];

#endif
