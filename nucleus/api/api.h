/*
 * api - the IPC operations of the nucleus: decodes, authorizes, does, answers (spec/ipc-operations.md).
 *
 *   struct sedge_api *api = sedge_api_open(&options, &err);     // the socket accepts from here on
 *   sedge_api_reload_policies(api);                             // after components or their accessControl changed
 *   sedge_api_close(api, closed_cb, arg);
 *
 * The list of operations is ipc/operations.c; operations.c has the handlers of those that are served here, one file for
 * each family.
 *
 * Identities: a component is known by its token and, in addition, by its process: a token that another component's
 * process shows is refused. Command-line users get tokens in <root>/cli_ipc_info, new at each start (spec/cli.md 9,
 * 10).
 *
 * Loop thread.
 */
#ifndef SEDGE_API_API_H
#define SEDGE_API_API_H

#include <json-c/json.h>
#include <stdbool.h>
#include <uv.h>

#include "base/err.h"
#include "base/str.h"
#include "ipc_model/operations.h"

struct sedge_api;
struct sedge_update_event;
struct sedge_config;
struct sedge_supervisor;
struct sedge_deployer;
struct sedge_mqtt;
struct sedge_spool;
struct sedge_shadows;
struct sedge_secrets;

#define SEDGE_API_CLI_GROUPS_MAX      32 /* AuthorizedPosixGroups */
#define SEDGE_API_DEBUG_PASSWORDS_MAX 64
#define SEDGE_API_RESERVED_FILES      128 /* of the limit of open files, not for connections; half of a small one */
#define SEDGE_API_USER_PROPERTIES_MAX 256 /* of one message to the cloud */

struct sedge_api_options {
    uv_loop_t *loop;
    const char *root;
    const char *socket_path;
    struct sedge_config *config;
    struct sedge_supervisor *supervisor;
    struct sedge_deployer *deployer;
    struct sedge_mqtt *mqtt;   /* NULL: no cloud configured */
    struct sedge_spool *spool; /* never NULL */
    struct sedge_shadows *shadows;
    struct sedge_secrets *secrets;
};

struct sedge_api *sedge_api_open(const struct sedge_api_options *options, struct sedge_err *err);
void sedge_api_close(struct sedge_api *api, void (*closed)(void *arg), void *arg);
/* Reads accessControl of all components anew and closes the connections of components that are gone. */
void sedge_api_reload_policies(struct sedge_api *api);
/* What the deployer asks of components (its ops, deploy/deployer.h). */
void sedge_api_listeners(struct sedge_api *api, struct sedge_strv *names);
void sedge_api_pre_update(struct sedge_api *api, const struct sedge_update_event *event);
void sedge_api_post_update(struct sedge_api *api, const char *deployment_id);
bool sedge_api_validate(struct sedge_api *api, const char *component, const char *deployment_id,
                        struct json_object *configuration);
/* The session came later, or went (NULL). Subscriptions that were made before are unaffected. */
void sedge_api_set_mqtt(struct sedge_api *api, struct sedge_mqtt *mqtt);
/* Whether there is a handler for an operation of the model. */
bool sedge_api_serves(enum sedge_operation_id id);

#endif
