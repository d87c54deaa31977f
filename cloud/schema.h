/*
 * schema - the tables of cloud.db (cloud-service specification 12.2). Two additions: table `name` gives the numbers of
 * component_state.name_id, and thing.telemetry holds the last telemetry message.
 */
#ifndef SEDGE_CLOUD_SCHEMA_H
#define SEDGE_CLOUD_SCHEMA_H

#define SEDGE_CLOUD_SCHEMA_VERSION 1
extern const char sedge_cloud_schema[];

#endif
