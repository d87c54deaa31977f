#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "cloud/fleet.h"
#include "plane_internal.h"
#include "cloud/query.h"
#include "shadow.h"

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
enum order { OLD, LATE, SAME, NEXT, GAP, RESTART };

struct message {
    struct sedge_plane_req *r;
    int64_t seq, ts, last_seq, last_ts, gap;
    bool chunk, complete, deployment;
    enum order order;
    bool other_runtime; /* than what was known */
    struct json_object *components;
    struct sedge_strv names; /* of the components in this message */
    bool roots;              /* one of them is a root */
};

static enum order order_of(const struct message *m)
{
    if (m->last_seq < 0) return NEXT;
    if (m->chunk && m->seq == m->last_seq && m->ts == m->last_ts) return SAME;
    if (m->seq <= m->last_seq && m->ts <= m->last_ts) return OLD;
    if (m->seq > 1 && m->seq <= m->last_seq && m->last_seq - m->seq <= SEDGE_PLANE_FLEET_LATE) return LATE;
    if (m->seq <= m->last_seq) return RESTART;
    return m->seq == m->last_seq + 1 ? NEXT : GAP;
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

/* Older devices show a removal by taking the ARNs away. 1 removed, 0 not, -1. */
static int emptied(struct sedge_plane_req *r, int64_t id, struct sedge_err *err)
{
    int64_t had = 0;
    int rc = sedge_q_i64(r->db, err, &had,
                         "SELECT 1 FROM component_state WHERE thing_id=?1 AND name_id=?2 AND arns IS NOT NULL AND"
                         " arns<>'[]'",
                         "ii", r->thing_id, id);

    if (rc <= 0) return rc;
    return remove_component(r, id, err) == 0 ? 1 : -1;
}

static int store_component(const struct message *m, struct json_object *c, struct sedge_err *err)
{
    struct sedge_plane_req *r = m->r;
    struct json_object *arns = sedge_json_arr(c, "fleetConfigArns"),
                       *details = sedge_json_obj(c, "componentStatusDetails");
    struct json_object *codes = sedge_json_arr(details, "statusCodes");
    int state = state_number(sedge_json_str(c, "status", "")), rc;
    int64_t id = 0;

    if (name_id(r->db, sedge_json_str(c, "componentName", ""), &id, err) != 0) return -1;
    if (state == SEDGE_COMPONENT_UNINSTALLED) return remove_component(r, id, err);
    if (m->deployment && (!arns || json_object_array_length(arns) == 0)) {
        rc = emptied(r, id, err);
        if (rc != 0) return rc < 0 ? -1 : 0;
    }
    if (sedge_plane_learn_arns(r, arns, state == SEDGE_COMPONENT_BROKEN, err) != 0) return -1;
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

static int store_components(struct message *m, struct sedge_err *err)
{
    size_t n = m->components ? json_object_array_length(m->components) : 0;

    for (size_t i = 0; i < n; i++) {
        struct json_object *c = json_object_array_get_idx(m->components, i);
        const char *name = sedge_json_str(c, "componentName", "");

        if (sedge_cloud_check_name("component", name, NULL) != 0 || state_number(sedge_json_str(c, "status", "")) < 0)
            continue; /* an entry that we cannot name or place; the others count */
        sedge_strv_add(&m->names, name);
        if (m->chunk) sedge_plane_chunk_name(m->r->guest->chunks, name);
        m->roots |= sedge_json_bool(c, "isRoot", false);
        if (store_component(m, c, err) != 0) return -1;
    }
    return 0;
}

static int prune(struct sedge_plane_req *r, const struct sedge_strv *names, struct sedge_err *err)
{
    sedge_auto_put struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < names->n; i++)
        (void)json_object_array_add(list, json_object_new_string(names->v[i]));
    return sedge_q_run(r->db, err,
                       "DELETE FROM component_state WHERE thing_id=?1 AND name_id NOT IN"
                       " (SELECT id FROM name WHERE name IN (SELECT value FROM json_each(?2)))",
                       "it", r->thing_id, sedge_json_text(list));
}

static int store_thing(const struct message *m, struct sedge_err *err)
{
    struct sedge_plane_req *r = m->r;
    bool back = m->order == LATE; /* what it says of the device may be older than what is known */
    int64_t seq = back ? m->last_seq : m->seq, ts = back && m->ts < m->last_ts ? m->last_ts : m->ts;
    const char *health = sedge_json_str(r->body, "overallDeviceStatus", NULL);

    return sedge_q_run(r->db, err,
                       "UPDATE thing SET fss_seq=?2, fss_ts=?3, fss_gap=?4, ggc_version=COALESCE(?5,ggc_version),"
                       " runtime=COALESCE(?6,runtime), platform=COALESCE(?7,platform), arch=COALESCE(?8,arch),"
                       " health=CASE ?9 WHEN 'HEALTHY' THEN 1 WHEN 'UNHEALTHY' THEN 0 ELSE health END WHERE id=?1",
                       "iiiittttt", r->thing_id, seq, ts, m->gap, sedge_json_str(r->body, "ggcVersion", NULL),
                       sedge_json_str(r->body, "runtime", NULL), sedge_json_str(r->body, "platform", NULL),
                       sedge_json_str(r->body, "architecture", NULL), health);
}

static int read_last(struct message *m, struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_q_kept(m->r->db, err,
                                   "SELECT fss_seq, fss_ts, fss_gap, COALESCE(?2,runtime) IS NOT runtime FROM thing"
                                   " WHERE id=?1",
                                   "it", m->r->thing_id, sedge_json_str(m->r->body, "runtime", NULL));
    int rc = q ? sedge_db_step(m->r->db, q, err) : -1;

    m->last_seq = m->last_ts = -1;
    m->other_runtime = rc == 1 && sqlite3_column_int(q, 3) != 0;
    if (rc == 1 && sqlite3_column_type(q, 0) != SQLITE_NULL) {
        m->last_seq = sqlite3_column_int64(q, 0);
        m->last_ts = sqlite3_column_int64(q, 1);
        m->gap = sqlite3_column_int64(q, 2) != 0;
    }
    sedge_db_done(m->r->db, q);
    return rc < 0 ? -1 : 0;
}

/* What a message that tells everything does beyond its components. */
static int conclude(struct message *m, enum sedge_plane_piece piece, struct sedge_err *err)
{
    const struct sedge_strv *names = &m->names;

    if (!m->complete || m->order == LATE || piece == SEDGE_PIECE_NEW) return 0;
    if (m->chunk) {
        names = sedge_plane_chunk_names(m->r->guest->chunks);
        if (!names) return 0;
    }
    m->gap = 0;
    if (prune(m->r, names, err) != 0) return -1;
    return m->order == RESTART && !m->chunk && !m->roots ? sedge_plane_installed_anew(m->r, err) : 0;
}

static int take(struct message *m, struct sedge_err *err)
{
    struct json_object *chunk = sedge_json_obj(m->r->body, "chunkInfo");
    struct sedge_plane_chunk k = {m->seq, m->ts, sedge_json_i64(chunk, "chunkId", 0),
                                  sedge_json_i64(chunk, "totalChunks", 0)};
    enum sedge_plane_piece piece = SEDGE_PIECE_LAST;

    m->chunk = chunk && k.total > 1;
    m->order = order_of(m);
    if (m->order == OLD) return 0;
    if (m->chunk && m->order != LATE) piece = sedge_plane_chunk_take(&m->r->guest->chunks, &k, m->r->now_ms / 1000);
    if (piece == SEDGE_PIECE_AGAIN) return 0;
    if (m->order == GAP) m->gap = 1;
    if (store_components(m, err) != 0 || conclude(m, piece, err) != 0 || store_thing(m, err) != 0) return -1;
    if (m->other_runtime && sedge_carrier_switch(m->r->db, m->r->now_ms / 1000, m->r->thing_id, err) != 0) return -1;
    return sedge_plane_heal(m->r, sedge_json_obj(m->r->body, "deploymentInformation"), err);
}

int sedge_plane_fleet(struct sedge_plane_req *r, const char **why, struct sedge_err *err)
{
    struct message m = {
        .r = r,
        .seq = sedge_json_i64(r->body, "sequenceNumber", -1),
        .ts = sedge_json_i64(r->body, "timestamp", -1),
        .complete = strcmp(sedge_json_str(r->body, "messageType", "PARTIAL"), "COMPLETE") == 0,
        .deployment = strstr(sedge_json_str(r->body, "trigger", ""), "DEPLOYMENT") != NULL,
        .components = sedge_json_arr(r->body, "components"),
    };
    int rc = -1;

    if (m.seq < 0 || m.ts < 0) {
        *why = "fleet status without sequenceNumber or timestamp";
        return 0;
    }
    if (read_last(&m, err) == 0) rc = take(&m, err);
    sedge_strv_release(&m.names);
    return rc;
}
