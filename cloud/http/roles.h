/*
 * roles - what somebody may do over the control API.
 *
 *   <dir>/roles.json:
 *   {"users": {"alice": {"role": "deployer", "groups": ["cams"]}, "bob": {"role": "viewer"}},
 *    "unixGroups": {"ops": {"role": "admin"}},
 *    "tokens": {"ci": {"role": "publisher", "file": "/etc/sedge/ci.token"}}}
 *
 * viewer reads; deployer also makes and changes deployments (of `groups`, if given); publisher publishes components and
 * changes the state of their versions; admin everything. The file is read for each request: a change counts at once. A
 * file that is not in order lets in nobody but root and the service's user, and says why.
 */
#ifndef SEDGE_CLOUD_ROLES_H
#define SEDGE_CLOUD_ROLES_H

#include "http.h"

#define SEDGE_ROLE_VIEW    1u
#define SEDGE_ROLE_DEPLOY  2u
#define SEDGE_ROLE_PUBLISH 4u
#define SEDGE_ROLE_ADMIN   8u

#define SEDGE_ROLES_FILE_MAX  65536 /* bytes of roles.json */
#define SEDGE_ROLES_TOKEN_MAX 4096  /* bytes of a token's file */
#define SEDGE_ROLES_TOKEN_MIN 16    /* characters of a token */

/* Fills who, role and groups. DENIED with what would help. */
int sedge_roles_of(const char *dir, const struct sedge_http_proof *proof, struct sedge_http_peer *out,
                   struct sedge_err *err);
/* Makes <dir>/http/api.token (0600) when there is none. */
int sedge_roles_make_token(const char *dir, struct sedge_err *err);
/* Whether the peer may deploy to this target. 0, or DENIED. */
int sedge_roles_may_deploy(const struct sedge_http_peer *p, int kind, const char *target, struct sedge_err *err);

#endif
