/*
 * internal - what the families of operations share. Private to api.
 */
#ifndef SEDGE_API_INTERNAL_H
#define SEDGE_API_INTERNAL_H

#include "api.h"

#include "base/json.h"
#include "base/str.h"
#include "broker/broker.h"
#include "broker/publish.h"
#include "config/config.h"
#include "deploy/deployer.h"
#include "ipc_model/operations.h"
#include "ipc_server/server.h"
#include "policy/policy.h"
#include "supervisor/supervisor.h"

struct sedge_cli_token {
    char *identity; /* greengrass-cli#user-1000 */
    char *token;
};

struct sedge_status_sub;

struct sedge_api {
    struct sedge_api_options o;
    char *root;
    char *socket_path;
    struct sedge_policy *policy;
    struct sedge_broker *broker;
    struct sedge_ipc_server *server;
    struct sedge_publish scan; /* buffers of the hot path */
    struct sedge_strv principals;
    struct sedge_cli_token *cli;
    size_t ncli;
    uv_timer_t *cli_retry; /* NULL: never needed so far */
    struct sedge_config_watch *cli_watch;
    struct sedge_config_watch *access_watch;
    struct sedge_config_watch *secrets_watch;
    struct sedge_metric_log *metric_logs; /* helpers.c */
    struct sedge_update_sub *updates;     /* updates.c, oldest first */
    struct sedge_validator *validators;   /* validation.c, newest first */
    uint8_t page_key[16];                 /* seals nextToken of ListNamedShadowsForThing */
    size_t calls;                         /* that wait for another part and will come back */
    struct sedge_status_sub *status_subs; /* connection_status.c */
    bool connected;                       /* what they were told last */
    void (*closed)(void *arg);
    void *closed_arg;
    bool server_closed;
};

/* What a streaming call leaves behind on its stream; ended when the stream is. */
struct sedge_api_sub {
    struct sedge_api *api;
    struct sedge_ipc_stream *stream;
    void (*end)(struct sedge_api_sub *sub); /* frees it */
};

void sedge_api_dispatch(struct sedge_api *api, struct sedge_ipc_stream *s, const char *operation, const char *payload,
                        size_t len);

/* Asks the policy of the stream's operation; on refusal answers UnauthorizedError with `text` (NULL: the verdict's own)
 * and returns -1. */
int sedge_api_authorize(struct sedge_api *api, struct sedge_ipc_stream *s, const char *resource, const char *text);
/* Answers with an object that it takes over. */
void sedge_api_respond_take(struct sedge_ipc_stream *s, struct json_object *o);
void sedge_api_error(struct sedge_ipc_stream *s, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* ResourceNotFoundError with resourceType and resourceName. */
void sedge_api_not_found(struct sedge_ipc_stream *s, const char *type, const char *name, const char *message);

/* cli_tokens.c */
/* New tokens. Without a disk that takes them the command line does not work; components do, and it is tried again. */
void sedge_cli_tokens_offer(struct sedge_api *api);
void sedge_cli_tokens_release(struct sedge_api *api);
const char *sedge_cli_tokens_owner(struct sedge_api *api, const char *token);

/* A call that waited has ended: frees the api when it is being closed and this was the last. */
void sedge_api_call_ended(struct sedge_api *api);

/* shadows.c: a sedge_shadow_message; user is the api. */
void sedge_api_shadow_message(void *user, const char *topic, const char *payload, size_t len);

/* connection_status.c: follows a session (NULL: none), or no longer. */
void sedge_connection_status_follow(struct sedge_api *api, struct sedge_mqtt *mqtt);
void sedge_connection_status_leave(struct sedge_api *api);

/* Frees what pubsub.c keeps for a connection. */
void sedge_pubsub_forget(void *slot);

/* helpers.c; NULL is fine. */
struct sedge_metric_log;
void sedge_metric_logs_free(struct sedge_metric_log *l);

/* secrets.c: logs which configured secrets are not in the store. */
void sedge_api_check_secrets(struct sedge_api *api);

/* Handlers, one file for each family. */
void sedge_op_publish(struct sedge_api *api, struct sedge_ipc_stream *s, const char *payload, size_t len);
void sedge_op_subscribe(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_publish_iotcore(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_subscribe_iotcore(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_subscribe_connection_status(struct sedge_api *api, struct sedge_ipc_stream *s,
                                          struct json_object *request);
void sedge_op_get_configuration(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_update_configuration(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_subscribe_configuration(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_subscribe_validation(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_report_validity(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_subscribe_updates(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_defer_update(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_update_state(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_component_details(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_list_components(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_restart_component(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_stop_component(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_pause_component(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_resume_component(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_create_deployment(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_cancel_deployment(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_deployment_status(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_list_deployments(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_get_shadow(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_update_shadow(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_delete_shadow(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_list_shadows(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_debug_password(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_validate_token(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_put_metric(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_get_secret(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_set_secret(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_list_secrets(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
void sedge_op_remove_secret(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);

#endif
