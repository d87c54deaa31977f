/* commands - the functions behind the command table (commands.c), one file for each family. */
#ifndef SEDGE_CLOUD_COMMANDS_H
#define SEDGE_CLOUD_COMMANDS_H

#include "args.h"

int sedge_cmd_init(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_broker_config(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_serve(struct sedge_run *r, struct sedge_err *err);

int sedge_cmd_thing_create(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_thing_list(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_thing_show(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_thing_set_attr(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_thing_block(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_thing_unblock(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_thing_delete(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_thing_carrier(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_shadow_list(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_shadow_show(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_shadow_update(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_shadow_delete(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_group_create(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_group_list(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_group_show(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_group_add(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_group_move(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_group_rm(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_group_delete(struct sedge_run *r, struct sedge_err *err);

int sedge_cmd_component_publish(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_component_list(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_component_show(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_component_deprecate(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_component_block(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_component_restore(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_component_delete(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_component_rebuild(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_component_clean(struct sedge_run *r, struct sedge_err *err);

struct json_object;
/* The object of sedge_deploy_show, with what deploy_status.h has added to it. */
void sedge_print_deployment(struct json_object *o);
/* One line for each namespace, with the latest value of each metric. */
void sedge_print_telemetry(struct json_object *telemetry, FILE *f);
int sedge_cmd_deploy_create(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_deploy_revise(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_deploy_show(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_deploy_list(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_deploy_cancel(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_deploy_revert(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_deploy_pause(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_deploy_resume(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_deploy_approve(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_deploy_retry(struct sedge_run *r, struct sedge_err *err);

int sedge_cmd_device_status(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_device_why(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_watch(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_audit(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_upkeep(struct sedge_run *r, struct sedge_err *err);
int sedge_cmd_backup(struct sedge_run *r, struct sedge_err *err);

#endif
