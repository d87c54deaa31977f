#include "prune.h"

#include "base/json.h"
#include "base/mem.h"
#include "cloud/query.h"
#include "cloud/registry/registry.h"
#include "deploy.h"
#include "exec.h"

/* An execution that the device has not begun. 1, 0, -1. */
static int waiting(struct sedge_cloud *c, int64_t thing, char **by, struct sedge_err *err)
{
    return sedge_q_text(c->db, err, by,
                        "SELECT CASE t.kind WHEN 0 THEN 'group:' ELSE 'thing:' END || t.ref_name || ':' || d.revision"
                        " FROM execution e JOIN deployment d ON d.id=e.deployment_id JOIN target t ON t.id=d.target_id"
                        " WHERE e.thing_id=?1 AND e.status=?2 AND d.state IN " SEDGE_DEP_OFFERED " LIMIT 1",
                        "ii", thing, (int64_t)SEDGE_EXEC_QUEUED);
}

/* The current revision of a group that the thing is still in, where it succeeded. 1, 0, -1. */
static int again(struct sedge_cloud *c, int64_t thing, int64_t now_ms, char **by, struct sedge_err *err)
{
    int64_t id = 0;
    int rc =
        sedge_q_i64(c->db, err, &id,
                    "SELECT d.id FROM effective_member m JOIN grp g ON g.id=m.group_id JOIN target t ON t.kind=0 AND"
                    " t.ref_name=g.name JOIN deployment d ON d.id=t.current_deployment WHERE m.thing_id=?1 AND"
                    " d.state IN " SEDGE_DEP_OFFERED " AND (SELECT status FROM execution e WHERE e.thing_id=?1 AND"
                    " e.deployment_id=d.id ORDER BY e.exec_no DESC LIMIT 1)=?2 ORDER BY d.id LIMIT 1",
                    "ii", thing, (int64_t)SEDGE_EXEC_SUCCEEDED);

    if (rc <= 0) return rc;
    if (sedge_exec_offer(c->db, now_ms / 1000, thing, id, err) != 0) return -1;
    return sedge_q_text(c->db, err, by,
                        "SELECT 'group:' || t.ref_name || ':' || d.revision FROM deployment d JOIN target t ON"
                        " t.id=d.target_id WHERE d.id=?1",
                        "i", id);
}

/* A new revision for the thing alone: what it had, or nothing. */
static int revise(struct sedge_cloud *c, const char *thing, int64_t now_ms, char **by, struct sedge_err *err)
{
    sedge_auto_put struct json_object *o = NULL;
    int64_t id = 0;
    int rc = sedge_q_i64(c->db, err, &id,
                         "SELECT d.id FROM target t JOIN deployment d ON d.id=t.current_deployment WHERE t.kind=1 AND"
                         " t.ref_name=?1 AND d.state IN " SEDGE_DEP_ALIVE,
                         "t", thing);

    if (rc < 0) return -1;
    o = rc == 1 ? sedge_deploy_copy(c, id, 0, now_ms, err) : sedge_deploy_nothing(c, thing, now_ms, err);
    if (!o) return -1;
    *by = sedge_xasprintf("thing:%s:%lld", thing, (long long)sedge_json_i64(o, "revision", 0));
    return 0;
}

int sedge_prune(struct sedge_cloud *c, const char *thing, int64_t now_ms, char **by, struct sedge_err *err)
{
    int64_t id = 0;
    int rc;

    *by = NULL;
    if (!c->set.data_port)
        return sedge_err_set(err, SEDGE_E_UNSUPPORTED,
                             "without a data plane devices do not learn that they left a group; switch it on with "
                             "sedge-cloud init --data-plane-port PORT, or remove the components on the device: sedge "
                             "deployment create --groupId GROUP --remove COMPONENT");
    if (sedge_thing_id(c, thing, &id, err) != 0) return -1;
    rc = waiting(c, id, by, err);
    if (rc == 0) rc = again(c, id, now_ms, by, err);
    if (rc == 0) rc = revise(c, thing, now_ms, by, err);
    return rc < 0 ? -1 : 0;
}
