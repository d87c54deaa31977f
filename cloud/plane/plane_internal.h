/* plane_internal - what the files of the device plane share: one request, and how it is answered. */
#ifndef SEDGE_CLOUD_PLANE_INTERNAL_H
#define SEDGE_CLOUD_PLANE_INTERNAL_H

#include <json-c/json.h>

#include "base/buf.h"
#include "base/str.h"
#include "cloud/cloud.h"
#include "doc_cache.h"
#include "guests.h"
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
    const void *payload; /* as it came */
    size_t payload_len;
    struct json_object *body; /* object */
    const char *token;        /* in body; NULL */
    struct sedge_db *db;
    struct sedge_plane_out *out;
    struct sedge_guests *guests;
    struct sedge_guest *guest; /* the thing */
    struct sedge_doc_cache *docs;
};

void sedge_plane_send(struct sedge_plane_out *out, char *topic_take, struct sedge_buf *payload, bool notification);
/* Opens an answer: "{" is written; the caller adds members with a trailing comma, then ends it. */
void sedge_plane_accept(struct sedge_plane_req *r, const char *members);
void sedge_plane_reject(struct sedge_plane_req *r, const char *code, const char *message, const char *members);

int sedge_plane_jobs(struct sedge_plane_req *r, struct sedge_err *err);
struct sedge_exec;
/* Sets the status as the device wants it: the row is open and the transition allowed. details: JSON text, NULL keeps
 * what is there. step_minutes: 0 keeps the step timer, -1 takes it away. */
int sedge_plane_apply(struct sedge_plane_req *r, struct sedge_exec *e, int status, const char *details,
                      int64_t step_minutes, struct sedge_err *err);
struct sedge_plane_tell {
    struct sedge_db *db;
    struct sedge_doc_cache *docs;
    int64_t now_ms, thing_id, ns;
};
int sedge_plane_jobs_notify(const struct sedge_plane_tell *t, struct sedge_plane_out *out, char **head,
                            struct sedge_err *err);
int sedge_plane_shadow(struct sedge_plane_req *r, struct sedge_err *err);
int sedge_plane_shadow_notify(const struct sedge_plane_tell *t, struct sedge_plane_out *out, char **head,
                              struct sedge_err *err);
int sedge_plane_shadow_told(struct sedge_db *db, int64_t thing_id, int64_t seq, const char *head,
                            struct sedge_err *err);
int sedge_plane_fleet(struct sedge_plane_req *r, const char **why, struct sedge_err *err);

/* ---- what devices tell of deployments elsewhere (plane_result.c) ---- */

struct sedge_plane_arn {
    int kind; /* SEDGE_TARGET_... */
    char name[SEDGE_CLOUD_GROUP_MAX + 1];
    int64_t revision;
};
/* "arn:...:configuration:thinggroup/NAME:REVISION" or thing/. */
bool sedge_plane_parse_arn(const char *arn, struct sedge_plane_arn *out);
/* Revisions that a component belongs to: the numbers are never used again, and a component that is BROKEN soon after
 * success counts against them. arns may be NULL. */
int sedge_plane_learn_arns(struct sedge_plane_req *r, struct json_object *arns, bool broken, struct sedge_err *err);

struct sedge_plane_report {
    const char *status;
    const char *deployment, *arn; /* ids, each may be NULL */
    struct json_object *details;  /* the form with arrays; NULL */
    bool late;                    /* it is about the execution there is now, also when that is over */
};
/* An execution that is open takes the reported status as from a job update. */
int sedge_plane_result(struct sedge_plane_req *r, const struct sedge_plane_report *p, struct sedge_err *err);
/* deploymentInformation of a fleet status, may be NULL: heals a lost job update. */
int sedge_plane_heal(struct sedge_plane_req *r, struct json_object *info, struct sedge_err *err);
/* The device has lost everything: what it had is offered again. */
int sedge_plane_installed_anew(struct sedge_plane_req *r, struct sedge_err *err);

/* ---- pieces of a fleet status (plane_chunks.c) ---- */

struct sedge_plane_chunk {
    int64_t seq, ts, id, total;
};
enum sedge_plane_piece { SEDGE_PIECE_NEW, SEDGE_PIECE_AGAIN, SEDGE_PIECE_LAST };
enum sedge_plane_piece sedge_plane_chunk_take(struct sedge_guest_chunks **at, const struct sedge_plane_chunk *k,
                                              int64_t now_s);
void sedge_plane_chunk_name(struct sedge_guest_chunks *c, const char *component);
const struct sedge_strv *sedge_plane_chunk_names(const struct sedge_guest_chunks *c); /* NULL: too many */
void sedge_plane_chunks_expire(struct sedge_guest_chunks **c, int64_t now_s);
void sedge_plane_chunks_free(struct sedge_guest_chunks *c);

#endif
