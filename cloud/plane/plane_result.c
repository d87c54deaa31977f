/* What devices tell of deployments in other places than a job update: fleet status, shadow. */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "cloud/deploy/exec.h"
#include "plane_internal.h"
#include "cloud/rollout/policy.h"
#include "cloud/query.h"

#define REVISION_MAX INT64_C(1000000000) /* of an ARN that a device reports; more is nonsense */

bool sedge_plane_parse_arn(const char *arn, struct sedge_plane_arn *out)
{
    static const char mark[] = ":configuration:";
    const char *at = sedge_str_starts(arn, "arn:") ? strstr(arn, mark) : NULL, *colon;
    size_t n;

    if (!at) return false;
    at += sizeof(mark) - 1;
    out->kind = sedge_str_starts(at, "thinggroup/") ? SEDGE_TARGET_GROUP : SEDGE_TARGET_THING;
    if (out->kind == SEDGE_TARGET_THING && !sedge_str_starts(at, "thing/")) return false;
    at = strchr(at, '/') + 1;
    colon = strchr(at, ':');
    n = colon ? (size_t)(colon - at) : 0;
    if (n == 0 || n >= sizeof(out->name)) return false;
    memcpy(out->name, at, n);
    out->name[n] = 0;
    return sedge_str_to_i64(colon + 1, 1, REVISION_MAX, &out->revision, NULL) == 0;
}

/* A database that was restored from a copy learns which revisions it has given out since. */
static int learn_revision(struct sedge_plane_req *r, const struct sedge_plane_arn *arn, struct sedge_err *err)
{
    return sedge_q_run(r->db, err,
                       "UPDATE target SET last_revision=?3 WHERE kind=?1 AND ref_name=?2 AND last_revision<?3", "iti",
                       (int64_t)arn->kind, (const char *)arn->name, arn->revision);
}

static int count_against(struct sedge_plane_req *r, const struct sedge_plane_arn *arn, struct sedge_err *err)
{
    return sedge_q_run(
        r->db, err,
        "UPDATE execution SET flags=flags|?1 WHERE thing_id=?2 AND status=?3 AND updated_at>=?4-60*COALESCE((SELECT"
        " json_extract(policy,'$.rollout.healthWindowMinutes') FROM deployment WHERE id=deployment_id),?8)"
        " AND deployment_id=(SELECT d.id FROM target t JOIN deployment d ON d.target_id=t.id"
        " WHERE t.kind=?5 AND t.ref_name=?6 AND d.revision=?7)",
        "iiiiitii", (int64_t)SEDGE_EXEC_UNHEALTHY_AFTER, r->thing_id, (int64_t)SEDGE_EXEC_SUCCEEDED, r->now_ms / 1000,
        (int64_t)arn->kind, (const char *)arn->name, arn->revision, (int64_t)SEDGE_POLICY_HEALTH_MINUTES);
}

int sedge_plane_learn_arns(struct sedge_plane_req *r, struct json_object *arns, bool broken, struct sedge_err *err)
{
    size_t n = arns ? json_object_array_length(arns) : 0;

    for (size_t i = 0; i < n; i++) {
        struct json_object *v = json_object_array_get_idx(arns, i);
        struct sedge_plane_arn arn;

        if (!sedge_json_is_str(v) || !sedge_plane_parse_arn(json_object_get_string(v), &arn)) continue;
        if (learn_revision(r, &arn, err) != 0) return -1;
        if (broken && count_against(r, &arn, err) != 0) return -1;
    }
    return 0;
}

static void add_list(struct json_object *o, const char *key, struct json_object *list)
{
    if (list && json_object_array_length(list)) sedge_json_add_str(o, key, sedge_json_text(list));
}

/* At most SEDGE_PLANE_DETAILS_MAX characters of text; heap. */
static char *shortened(const char *text)
{
    size_t n = 0, i = 0;

    for (; text[i]; i++) {
        if (((unsigned char)text[i] & 0xC0) != 0x80 && n++ == SEDGE_PLANE_DETAILS_MAX) break;
    }
    return sedge_xstrndup(text, i);
}

/* The members of a job's statusDetails from the form with arrays; heap text. */
static char *job_details(struct json_object *d)
{
    sedge_auto_put struct json_object *o = json_object_new_object();
    sedge_auto_free char *cause = shortened(sedge_json_str(d, "failureCause", ""));

    sedge_json_add_str(o, "detailed-deployment-status", sedge_json_str(d, "detailedStatus", NULL));
    if (cause[0]) sedge_json_add_str(o, "deployment-failure-cause", cause);
    add_list(o, "deployment-error-stack", sedge_json_arr(d, "errorStack"));
    add_list(o, "deployment-error-types", sedge_json_arr(d, "errorTypes"));
    return sedge_xstrdup(sedge_json_text(o));
}

static int status_of(const char *text)
{
    static const int told[] = {SEDGE_EXEC_IN_PROGRESS, SEDGE_EXEC_SUCCEEDED, SEDGE_EXEC_FAILED, SEDGE_EXEC_REJECTED,
                               SEDGE_EXEC_CANCELED};

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(told); i++) {
        if (strcmp(text, sedge_exec_state_name(told[i])) == 0) return told[i];
    }
    return -1;
}

/* The deployment that is meant: by its id, else by the ARN of its revision. 1, 0, -1. */
static int find_deployment(struct sedge_plane_req *r, const char *uuid, const char *arn, int64_t *id,
                           struct sedge_err *err)
{
    struct sedge_plane_arn a;
    int rc = uuid ? sedge_q_i64(r->db, err, id, "SELECT id FROM deployment WHERE uuid=?1", "t", uuid) : 0;

    if (rc != 0 || !arn || !sedge_plane_parse_arn(arn, &a)) return rc;
    return sedge_q_i64(r->db, err, id,
                       "SELECT d.id FROM target t JOIN deployment d ON d.target_id=t.id WHERE t.kind=?1 AND"
                       " t.ref_name=?2 AND d.revision=?3",
                       "iti", (int64_t)a.kind, (const char *)a.name, a.revision);
}

static int settle_open(struct sedge_plane_req *r, struct sedge_exec *e, int status, struct json_object *details,
                       struct sedge_err *err)
{
    sedge_auto_free char *text = details ? job_details(details) : NULL;
    bool shadow = (e->flags & SEDGE_EXEC_BY_SHADOW) != 0;

    if (status == SEDGE_EXEC_CANCELED && !shadow) return 0; /* a job is cancelled here, never by the device */
    if (status == e->status) return 0;
    return sedge_plane_apply(r, e, status, text, 0, err);
}

static int store_late(struct sedge_plane_req *r, const struct sedge_exec *e, int status, struct sedge_err *err)
{
    if (!sedge_exec_terminal(status) || status == e->status) return 0;
    return sedge_exec_store_late(r->db, e, status, err);
}

int sedge_plane_result(struct sedge_plane_req *r, const struct sedge_plane_report *p, struct sedge_err *err)
{
    int status = status_of(p->status);
    struct sedge_exec e = {0};
    int64_t id = 0;
    int rc;

    if (status < 0) return 0;
    rc = find_deployment(r, p->deployment, p->arn, &id, err);
    if (rc == 1) rc = sedge_exec_newest(r->db, r->thing_id, id, &e, err);
    if (rc <= 0) return rc;
    if (sedge_exec_terminal(e.status))
        rc = p->late ? store_late(r, &e, status, err) : 0;
    else
        /* A repeated execution has the same ids: what is told of the one before must not end it. */
        rc = !p->late && e.exec_no > 1 && e.status == SEDGE_EXEC_QUEUED ? 0
                                                                        : settle_open(r, &e, status, p->details, err);
    sedge_exec_release_row(&e);
    return rc;
}

int sedge_plane_heal(struct sedge_plane_req *r, struct json_object *info, struct sedge_err *err)
{
    struct sedge_plane_report p = {
        .status = sedge_json_str(info, "status", ""),
        .deployment = sedge_json_str(info, "deploymentId", NULL),
        .arn = sedge_json_str(info, "fleetConfigurationArnForStatus", NULL),
        .details = sedge_json_obj(info, "statusDetails"),
    };
    int status = status_of(p.status);

    return status < 0 || !sedge_exec_terminal(status) ? 0 : sedge_plane_result(r, &p, err);
}

int sedge_plane_installed_anew(struct sedge_plane_req *r, struct sedge_err *err)
{
    return sedge_exec_offer_again(r->db, r->now_ms / 1000, r->thing_id, err);
}
