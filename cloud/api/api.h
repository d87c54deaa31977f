/*
 * api - the control API: what the commands do, over HTTP, for scripts and other programs.
 *
 *   struct sedge_api *a = sedge_api_start(dir, &settings, &err);
 *   now and then: sedge_api_tick(a);
 *   sedge_api_stop(a);
 *
 * Paths and members below /greengrass/v2 are those of the public API of AWS IoT Greengrass V2 (control plane); our own
 * are below /ext/v1; /metrics is text. It listens on the Unix socket <dir>/api.sock (or where the settings say), and,
 * with a port, on TCP with TLS and a bearer token. Never on the listener of the data plane.
 *
 * Roles: on the socket the user that runs the service and root are admin, others have what <dir>/roles.json says
 * (roles.h); on TCP the token of <dir>/http/api.token is admin's, more are in roles.json. Changes are in the audit with
 * this name.
 *
 * Each listener has a thread and a database connection of its own. A change waits for the database as a command does.
 */
#ifndef SEDGE_CLOUD_API_H
#define SEDGE_CLOUD_API_H

#include "cloud/cloud.h"

struct sedge_api;

struct sedge_api *sedge_api_start(const char *dir, const struct sedge_cloud_settings *set, struct sedge_err *err);
void sedge_api_tick(struct sedge_api *a);
void sedge_api_stop(struct sedge_api *a); /* NULL is fine */

#endif
