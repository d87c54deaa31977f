/* plane_internal - what the files of the device plane share: one request, and how it is answered. */
#ifndef SEDGE_CLOUD_PLANE_INTERNAL_H
#define SEDGE_CLOUD_PLANE_INTERNAL_H

#include <json-c/json.h>

#include "base/buf.h"
#include "plane.h"

enum sedge_plane_op {
    SEDGE_OP_JOBS_LIST,
    SEDGE_OP_JOBS_START,
    SEDGE_OP_JOB_GET,
    SEDGE_OP_JOB_UPDATE,
    SEDGE_OP_SHADOW_GET,
    SEDGE_OP_SHADOW_UPDATE,
    SEDGE_OP_SHADOW_DELETE,
    SEDGE_OP_FLEET,
    SEDGE_OP_TELEMETRY
};

struct sedge_plane_req {
    const char *topic;
    char *thing, *arg; /* arg: job id or shadow name */
    bool deployments;  /* topic has the deployment namespace */
    enum sedge_plane_op op;
    int64_t thing_id, now_ms;
    struct json_object *body; /* object */
    const char *token;        /* in body; NULL */
    struct sedge_db *db;
    struct sedge_plane_out *out;
};

void sedge_plane_send(struct sedge_plane_out *out, char *topic_take, struct sedge_buf *payload, bool notification);
/* Opens an answer: "{" is written; the caller adds members with a trailing comma, then ends it. */
void sedge_plane_accept(struct sedge_plane_req *r, const char *members);
void sedge_plane_reject(struct sedge_plane_req *r, const char *code, const char *message, const char *members);

int sedge_plane_jobs(struct sedge_plane_req *r, struct sedge_err *err);
int sedge_plane_jobs_notify(struct sedge_db *db, int64_t now_ms, int64_t thing_id, bool force_next,
                            struct sedge_plane_out *out, char **head, struct sedge_err *err);
int sedge_plane_fleet(struct sedge_plane_req *r, const char **why, struct sedge_err *err);

#endif
