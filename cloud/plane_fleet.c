#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "plane_internal.h"
#include "query.h"
#include "fleet.h"

#define TEXT_MAX 4096

static const char *const states[] = {
#define X(s) #s,
    SEDGE_COMPONENT_STATES(X)
#undef X
};

const char *sedge_fleet_state_name(int64_t state)
{
    return state >= 0 && (size_t)state < SEDGE_ARRAY_LEN(states) ? states[state] : "UNKNOWN";
}

static int state_number(const char *name)
{
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(states); i++) {
        if (strcmp(states[i], name) == 0) return (int)i;
    }
    return -1;
}

/* What the sequence number says about a message (cloud-protocol 13.6). */
enum order { OLD, LATE, NEXT, GAP, RESTART };

static enum order order_of(int64_t seq, int64_t ts, int64_t last_seq, int64_t last_ts, bool chunk)
{
    if (chunk && seq == last_seq && ts == last_ts) return LATE; /* another piece of the last message */
    if (seq <= last_seq && ts <= last_ts) return OLD;
    if (seq > 1 && seq <= last_seq && last_seq - seq <= SEDGE_PLANE_FLEET_LATE) return LATE;
    if (seq <= last_seq) return RESTART;
    return seq == last_seq + 1 ? NEXT : GAP;
}

static int name_id(struct sedge_db *db, const char *name, int64_t *id, struct sedge_err *err)
{
    int rc = sedge_q_i64(db, err, id, "SELECT id FROM name WHERE name=?1", "t", name);

    if (rc == 1) return 0;
    if (rc < 0 || sedge_q_run(db, err, "INSERT INTO name(name) VALUES(?1)", "t", name) != 0) return -1;
    *id = sqlite3_last_insert_rowid(sedge_db_handle(db));
    return 0;
}

static int remove_component(struct sedge_plane_req *r, int64_t id, struct sedge_err *err)
{
    return sedge_q_run(r->db, err, "DELETE FROM component_state WHERE thing_id=?1 AND name_id=?2", "ii", r->thing_id,
                       id);
}

static int store_component(struct sedge_plane_req *r, struct json_object *c, bool deployment, struct sedge_err *err)
{
    struct json_object *arns = sedge_json_arr(c, "fleetConfigArns"),
                       *details = sedge_json_obj(c, "componentStatusDetails");
    struct json_object *codes = sedge_json_arr(details, "statusCodes");
    int state = state_number(sedge_json_str(c, "status", ""));
    bool empty = !arns || json_object_array_length(arns) == 0;
    int64_t id = 0, had = 0;

    if (name_id(r->db, sedge_json_str(c, "componentName", ""), &id, err) != 0) return -1;
    if (state == SEDGE_COMPONENT_UNINSTALLED) return remove_component(r, id, err);
    if (deployment && empty) {
        /* Older devices show a removal by taking the ARNs away. */
        if (sedge_q_i64(r->db, err, &had,
                        "SELECT 1 FROM component_state WHERE thing_id=?1 AND name_id=?2 AND arns IS NOT NULL AND"
                        " arns<>'[]'",
                        "ii", r->thing_id, id) < 0)
            return -1;
        if (had) return remove_component(r, id, err);
    }
    return sedge_q_run(
        r->db, err,
        "INSERT INTO component_state(thing_id,name_id,version,state,is_root,arns,codes,reason,updated_at)"
        " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9) ON CONFLICT(thing_id,name_id) DO UPDATE SET"
        " version=excluded.version, state=excluded.state, is_root=excluded.is_root, arns=excluded.arns,"
        " codes=excluded.codes, reason=excluded.reason, updated_at=excluded.updated_at"
        " WHERE version IS NOT excluded.version OR state IS NOT excluded.state OR"
        " is_root IS NOT excluded.is_root OR arns IS NOT excluded.arns OR"
        " codes IS NOT excluded.codes OR reason IS NOT excluded.reason",
        "iitiittti", r->thing_id, id, sedge_json_str(c, "version", ""), (int64_t)state,
        (int64_t)sedge_json_bool(c, "isRoot", false), arns ? sedge_json_text(arns) : "[]",
        codes ? sedge_json_text(codes) : NULL, sedge_json_str(details, "statusReason", NULL), r->now_ms / 1000);
}

static int store_all(struct sedge_plane_req *r, struct json_object *components, bool complete, bool deployment,
                     struct sedge_err *err)
{
    sedge_auto_put struct json_object *names = json_object_new_array();
    size_t n = components ? json_object_array_length(components) : 0;

    for (size_t i = 0; i < n; i++) {
        struct json_object *c = json_object_array_get_idx(components, i);
        const char *name = sedge_json_str(c, "componentName", "");

        if (sedge_cloud_check_name("component", name, NULL) != 0 || state_number(sedge_json_str(c, "status", "")) < 0)
            continue; /* an entry that we cannot name or place; the others count */
        (void)json_object_array_add(names, json_object_new_string(name));
        if (store_component(r, c, deployment, err) != 0) return -1;
    }
    if (!complete) return 0;
    return sedge_q_run(r->db, err,
                       "DELETE FROM component_state WHERE thing_id=?1 AND name_id NOT IN"
                       " (SELECT id FROM name WHERE name IN (SELECT value FROM json_each(?2)))",
                       "it", r->thing_id, sedge_json_text(names));
}

static int store_thing(struct sedge_plane_req *r, int64_t seq, int64_t ts, bool gap, struct sedge_err *err)
{
    const char *health = sedge_json_str(r->body, "overallDeviceStatus", NULL);

    return sedge_q_run(r->db, err,
                       "UPDATE thing SET fss_seq=?2, fss_ts=?3, fss_gap=?4, ggc_version=COALESCE(?5,ggc_version),"
                       " runtime=COALESCE(?6,runtime), platform=COALESCE(?7,platform), arch=COALESCE(?8,arch),"
                       " health=CASE ?9 WHEN 'HEALTHY' THEN 1 WHEN 'UNHEALTHY' THEN 0 ELSE health END WHERE id=?1",
                       "iiiittttt", r->thing_id, seq, ts, (int64_t)gap, sedge_json_str(r->body, "ggcVersion", NULL),
                       sedge_json_str(r->body, "runtime", NULL), sedge_json_str(r->body, "platform", NULL),
                       sedge_json_str(r->body, "architecture", NULL), health);
}

int sedge_plane_fleet(struct sedge_plane_req *r, const char **why, struct sedge_err *err)
{
    bool chunk = sedge_json_obj(r->body, "chunkInfo") != NULL;
    bool complete = strcmp(sedge_json_str(r->body, "messageType", "PARTIAL"), "COMPLETE") == 0;
    bool deployment = strstr(sedge_json_str(r->body, "trigger", ""), "DEPLOYMENT") != NULL;
    int64_t seq = sedge_json_i64(r->body, "sequenceNumber", -1), ts = sedge_json_i64(r->body, "timestamp", -1);
    int64_t last_seq = -1, last_ts = -1, gap = 0;
    enum order order;

    if (seq < 0 || ts < 0) {
        *why = "fleet status without sequenceNumber or timestamp";
        return 0;
    }
    if (sedge_q_i64(r->db, err, &last_seq, "SELECT COALESCE(fss_seq,-1) FROM thing WHERE id=?1", "i", r->thing_id) <
            0 ||
        sedge_q_i64(r->db, err, &last_ts, "SELECT COALESCE(fss_ts,-1) FROM thing WHERE id=?1", "i", r->thing_id) < 0 ||
        sedge_q_i64(r->db, err, &gap, "SELECT fss_gap FROM thing WHERE id=?1", "i", r->thing_id) < 0)
        return -1;
    order = last_seq < 0 ? NEXT : order_of(seq, ts, last_seq, last_ts, chunk);
    if (order == OLD) return 0;
    if (order == LATE) seq = last_seq;
    if (order == LATE && ts < last_ts) ts = last_ts;
    if (order == GAP) gap = 1;
    complete = complete && !chunk && order != LATE;
    if (complete) gap = 0;
    if (store_all(r, sedge_json_arr(r->body, "components"), complete, deployment, err) != 0) return -1;
    return store_thing(r, seq, ts, gap != 0, err);
}
