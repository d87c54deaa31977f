/* How a deployment to a single thing travels: shadow.h. */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "exec.h"
#include "cloud/query.h"
#include "cloud/registry/registry.h"
#include "cloud/plane/shadow.h"

#define WITHOUT_SHADOWS "aws_nucleus_lite" /* thing.runtime of devices that know jobs only */

/* 1: by shadow, 0: as a job, -1. */
static int by_shadow(struct sedge_db *db, int64_t thing_id, struct sedge_err *err)
{
    int64_t yes = 0;
    int rc = sedge_q_i64(db, err, &yes,
                         "SELECT CASE carrier WHEN 'shadow' THEN 1 WHEN 'job' THEN 0 ELSE runtime IS NOT ?2 END"
                         " FROM thing WHERE id=?1",
                         "it", thing_id, WITHOUT_SHADOWS);

    return rc < 0 ? -1 : yes != 0;
}

/* 1: the deployment is for one thing; *text its document, heap. */
static int thing_document(struct sedge_db *db, int64_t deployment_id, char **text, struct sedge_err *err)
{
    return sedge_q_text(db, err, text,
                        "SELECT d.device_doc FROM deployment d JOIN target t ON t.id=d.target_id"
                        " WHERE d.id=?1 AND t.kind=?2",
                        "ii", deployment_id, (int64_t)SEDGE_TARGET_THING);
}

static int want(struct sedge_db *db, int64_t now, int64_t thing_id, const char *status, const char *document,
                struct sedge_err *err)
{
    sedge_auto_put struct json_object *root = json_object_new_object();
    struct json_object *state = json_object_new_object(), *desired = json_object_new_object();

    (void)json_object_object_add(root, "state", state);
    (void)json_object_object_add(state, "desired", desired);
    sedge_json_add_str(desired, "desiredStatus", status);
    sedge_json_add_str(desired, "fleetConfig", document);
    if (sedge_shadow_change(db, now, thing_id, SEDGE_SHADOW_DEPLOYMENT, sedge_json_text(root), err) == 0) return 0;
    if (!err || err->code != SEDGE_E_LIMIT) return -1;
    return sedge_err_set(err, SEDGE_E_LIMIT,
                         "the deployment does not fit the thing's shadow, which has %d bytes for it and for what the "
                         "device reports; let it travel as a job: sedge-cloud thing carrier THING job",
                         SEDGE_SHADOW_DOC_MAX);
}

static int mark_carried(struct sedge_db *db, int64_t thing_id, int64_t deployment_id, bool shadow,
                        struct sedge_err *err)
{
    return sedge_q_run(db, err,
                       "UPDATE execution SET flags=(flags & ~?3) | ?4, deadline_at=NULL, step_deadline_at=NULL"
                       " WHERE thing_id=?1 AND deployment_id=?2 AND status IN (0,1)",
                       "iiii", thing_id, deployment_id, (int64_t)SEDGE_EXEC_BY_SHADOW,
                       (int64_t)(shadow ? SEDGE_EXEC_BY_SHADOW : 0));
}

/* Whether `desired` asks for something that the device has not ended. 1, 0, -1. */
static int shadow_open(struct sedge_db *db, int64_t thing_id, struct sedge_err *err)
{
    int64_t open = 0;
    int rc = sedge_q_i64(db, err, &open,
                         "SELECT json_extract(desired,'$.desiredStatus')='SUCCEEDED' AND (reported IS NULL OR"
                         " json_extract(reported,'$.fleetConfigurationArnForStatus') IS NOT"
                         " json_extract(json_extract(desired,'$.fleetConfig'),'$.configurationArn') OR"
                         " json_extract(reported,'$.status') IS 'IN_PROGRESS') FROM shadow"
                         " WHERE thing_id=?1 AND name=?2 AND gone=0 AND desired IS NOT NULL",
                         "it", thing_id, SEDGE_SHADOW_DEPLOYMENT);

    return rc < 0 ? -1 : open != 0;
}

static int take_back(struct sedge_db *db, int64_t now, int64_t thing_id, struct sedge_err *err)
{
    int rc = shadow_open(db, thing_id, err);

    return rc <= 0 ? rc : want(db, now, thing_id, "CANCELED", NULL, err);
}

int sedge_carrier_route(struct sedge_db *db, int64_t now, int64_t thing_id, int64_t deployment_id,
                        struct sedge_err *err)
{
    sedge_auto_free char *document = NULL;
    int rc = thing_document(db, deployment_id, &document, err);

    if (rc <= 0) return rc;
    rc = by_shadow(db, thing_id, err);
    if (rc < 0) return -1;
    if (rc == 0) return take_back(db, now, thing_id, err); /* an older one in the shadow */
    if (mark_carried(db, thing_id, deployment_id, true, err) != 0 ||
        want(db, now, thing_id, "SUCCEEDED", document, err) != 0)
        return -1;
    return 1;
}

int sedge_carrier_cancel(struct sedge_db *db, int64_t now, int64_t deployment_id, struct sedge_err *err)
{
    int64_t thing_id = 0, status = 0;
    int rc = sedge_q_i64(db, err, &thing_id,
                         "SELECT e.thing_id FROM execution e JOIN target t ON t.current_deployment=e.deployment_id"
                         " WHERE e.deployment_id=?1 AND t.kind=?2 AND e.flags & ?3 ORDER BY e.exec_no DESC LIMIT 1",
                         "iii", deployment_id, (int64_t)SEDGE_TARGET_THING, (int64_t)SEDGE_EXEC_BY_SHADOW);

    if (rc <= 0) return rc;
    if (sedge_q_i64(db, err, &status,
                    "SELECT status FROM execution WHERE thing_id=?1 AND deployment_id=?2 ORDER BY exec_no DESC LIMIT 1",
                    "ii", thing_id, deployment_id) < 0)
        return -1;
    if (sedge_exec_terminal(status))
        return sedge_err_set(err, SEDGE_E_CONFLICT,
                             "the device has already finished this deployment (%s); create a new revision instead",
                             sedge_exec_state_name(status));
    return want(db, now, thing_id, "CANCELED", NULL, err);
}

struct open {
    int64_t deployment_id, flags;
};

/* The open execution of the thing's own deployment. 1, 0, -1. */
static int find_open(struct sedge_db *db, int64_t thing_id, struct open *o, struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_q_kept(db, err,
                                   "SELECT e.deployment_id, e.flags FROM execution e"
                                   " JOIN target t ON t.current_deployment=e.deployment_id"
                                   " WHERE e.thing_id=?1 AND t.kind=?2 AND e.status IN (0,1) LIMIT 1",
                                   "ii", thing_id, (int64_t)SEDGE_TARGET_THING);
    int rc = q ? sedge_db_step(db, q, err) : -1;

    if (rc == 1) *o = (struct open){sqlite3_column_int64(q, 0), sqlite3_column_int64(q, 1)};
    sedge_db_done(db, q);
    return rc;
}

int sedge_carrier_switch(struct sedge_db *db, int64_t now, int64_t thing_id, struct sedge_err *err)
{
    struct open o = {0};
    int rc = find_open(db, thing_id, &o, err), shadow = by_shadow(db, thing_id, err);

    if (rc <= 0 || shadow < 0) return rc < 0 || shadow < 0 ? -1 : 0;
    if (shadow == ((o.flags & SEDGE_EXEC_BY_SHADOW) != 0)) return 0;
    if (!shadow && (take_back(db, now, thing_id, err) != 0 || mark_carried(db, thing_id, o.deployment_id, false, err)))
        return -1;
    if (shadow && sedge_carrier_route(db, now, thing_id, o.deployment_id, err) < 0) return -1;
    return sedge_exec_mark_dirty(db, thing_id, err);
}

static int set_carrier(struct sedge_cloud *c, const char *thing, const char *carrier, int64_t now_ms,
                       struct sedge_err *err)
{
    int64_t id = 0;

    if (sedge_thing_id(c, thing, &id, err) != 0 ||
        sedge_q_run(c->db, err, "UPDATE thing SET carrier=?2 WHERE id=?1", "it", id, carrier) != 0 ||
        sedge_carrier_switch(c->db, now_ms / 1000, id, err) != 0)
        return -1;
    return sedge_audit(c->db, now_ms, "thing-carrier", thing, carrier, err);
}

int sedge_carrier_set(struct sedge_cloud *c, const char *thing, const char *carrier, int64_t now_ms,
                      struct sedge_err *err)
{
    if (strcmp(carrier, "auto") != 0 && strcmp(carrier, "shadow") != 0 && strcmp(carrier, "job") != 0)
        return sedge_err_set(err, SEDGE_E_INVALID, "carrier \"%s\": expected auto, shadow or job", carrier);
    if (sedge_q_begin(c->db, err) != 0) return -1;
    return sedge_q_end(c->db, set_carrier(c, thing, carrier, now_ms, err), err);
}
