/* Shadows: what devices ask of them, and what they are told when this side has changed one. */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cloud/deploy/exec.h"
#include "plane_internal.h"
#include "cloud/query.h"
#include "shadow.h"
#include "shadow_rules/names.h"

static int fail(struct sedge_plane_req *r, const struct sedge_err *why)
{
    sedge_auto_free char *code = sedge_xasprintf("%d", sedge_shadow_code(why->code));

    sedge_plane_reject(r, code, why->msg, "");
    return 0;
}

/* Takes `o`. */
static void emit(struct sedge_plane_out *out, char *topic_take, struct json_object *o, bool notification)
{
    struct sedge_buf b = SEDGE_BUF_INIT;

    sedge_buf_puts(&b, sedge_json_text(o));
    sedge_plane_send(out, topic_take, &b, notification);
    json_object_put(o);
}

static void reply(struct sedge_plane_req *r, struct json_object *o)
{
    if (r->token) sedge_json_add_str(o, "clientToken", r->token);
    emit(r->out, sedge_xasprintf("%s/accepted", r->topic), o, false);
}

/* Its `desired` is ours alone, so it never differs from `reported` in a way that says something. */
static bool is_deployment(const char *name)
{
    return strcmp(name, SEDGE_SHADOW_DEPLOYMENT) == 0;
}

static int get(struct sedge_plane_req *r, const char *name, const struct sedge_shadow_doc *doc)
{
    struct json_object *o = sedge_shadow_got(doc, r->now_ms / 1000);

    if (is_deployment(name)) json_object_object_del(sedge_json_obj(o, "state"), "delta");
    reply(r, o);
    return 0;
}

static void send_changes(struct sedge_plane_req *r, const struct sedge_shadow_doc *doc, struct json_object *before)
{
    struct json_object *delta = sedge_shadow_delta(doc, r->token), *both = json_object_new_object();

    if (delta) emit(r->out, sedge_xasprintf("%s/delta", r->topic), delta, true);
    (void)json_object_object_add(both, "previous", json_object_get(before));
    (void)json_object_object_add(both, "current", sedge_shadow_body(doc)); /* takes the body */
    sedge_json_add_i64(both, "timestamp", doc->timestamp);
    sedge_json_add_str(both, "clientToken", r->token);
    emit(r->out, sedge_xasprintf("%s/documents", r->topic), both, true);
}

static int take_report(struct sedge_plane_req *r, const struct sedge_shadow_update *u, struct sedge_err *err)
{
    struct json_object *reported = sedge_json_obj(u->state, "reported");
    struct sedge_plane_report p = {
        .status = sedge_json_str(reported, "status", ""),
        .arn = sedge_json_str(reported, "fleetConfigurationArnForStatus", NULL),
        .details = sedge_json_obj(reported, "statusDetails"),
        .late = true,
    };

    return sedge_plane_result(r, &p, err);
}

static int apply(struct sedge_plane_req *r, const char *name, const struct sedge_shadow_update *u,
                 struct sedge_shadow_doc *doc, struct sedge_err *err)
{
    sedge_auto_put struct json_object *before = doc->exists ? sedge_shadow_body(doc) : NULL;
    struct sedge_err why = SEDGE_ERR_INIT;

    if (sedge_shadow_update_apply(doc, u, SEDGE_SHADOW_DOC_MAX, r->now_ms / 1000, &why) != 0) return fail(r, &why);
    if (sedge_shadow_save(r->db, r->thing_id, name, doc, &why) != 0) {
        if (why.code == SEDGE_E_LIMIT) return fail(r, &why);
        *err = why;
        return -1;
    }
    emit(r->out, sedge_xasprintf("%s/accepted", r->topic), sedge_shadow_accepted(doc, u), false);
    if (is_deployment(name)) return take_report(r, u, err);
    send_changes(r, doc, before);
    return 0;
}

static int update(struct sedge_plane_req *r, const char *name, struct sedge_shadow_doc *doc, struct sedge_err *err)
{
    struct sedge_shadow_update u = SEDGE_SHADOW_UPDATE_INIT;
    struct sedge_err why = SEDGE_ERR_INIT;
    int rc = 0;

    if (sedge_shadow_update_parse(&u, r->payload, r->payload_len, &why) != 0)
        rc = fail(r, &why);
    else if (is_deployment(name) && (!u.state || sedge_json_has(u.state, "desired")))
        sedge_plane_reject(r, "403", "state.desired of this shadow is the service's", "");
    else
        rc = apply(r, name, &u, doc, err);
    sedge_shadow_update_release(&u);
    return rc;
}

static int erase(struct sedge_plane_req *r, const char *name, struct sedge_shadow_doc *doc, struct sedge_err *err)
{
    struct json_object *o;

    if (is_deployment(name)) {
        sedge_plane_reject(r, "403", "this shadow is the service's", "");
        return 0;
    }
    if (sedge_json_has(r->body, "version") && sedge_json_i64(r->body, "version", -1) != doc->version) {
        sedge_plane_reject(r, "409", "Version conflict", "");
        return 0;
    }
    doc->exists = false;
    if (sedge_shadow_save(r->db, r->thing_id, name, doc, err) != 0) return -1;
    o = json_object_new_object();
    sedge_json_add_i64(o, "version", doc->version);
    sedge_json_add_i64(o, "timestamp", r->now_ms / 1000);
    reply(r, o);
    return 0;
}

int sedge_plane_shadow(struct sedge_plane_req *r, struct sedge_err *err)
{
    const char *name = r->arg ? r->arg : "";
    struct sedge_shadow_doc doc = SEDGE_SHADOW_DOC_INIT;
    struct sedge_err why = SEDGE_ERR_INIT;
    int rc;

    if (sedge_shadow_check_name(name, &why) != 0) return fail(r, &why);
    rc = sedge_shadow_load(r->db, r->thing_id, name, &doc, err);
    if (rc == 0 && r->op == SEDGE_OP_SHADOW_UPDATE)
        rc = update(r, name, &doc, err);
    else if (rc == 0 && !doc.exists) {
        sedge_auto_free char *none = sedge_xasprintf("No shadow exists with name: '%s'", r->arg ? r->arg : r->thing);
        sedge_plane_reject(r, "404", none, "");
    } else if (rc == 0)
        rc = r->op == SEDGE_OP_SHADOW_GET ? get(r, name, &doc) : erase(r, name, &doc, err);
    sedge_shadow_doc_release(&doc);
    return rc;
}

/* ---- what this side has changed ---- */

static struct json_object *told_desired(const struct sedge_shadow_doc *doc, int64_t now_s)
{
    struct json_object *o = json_object_new_object(), *state = json_object_new_object();
    struct json_object *metadata = json_object_new_object();
    struct json_object *desired = sedge_json_get(doc->state, "desired"),
                       *stamps = sedge_json_get(doc->metadata, "desired");

    (void)json_object_object_add(o, "state", state);
    (void)json_object_object_add(o, "metadata", metadata);
    (void)json_object_object_add(state, "desired", json_object_get(desired));
    if (stamps) (void)json_object_object_add(metadata, "desired", json_object_get(stamps));
    sedge_json_add_i64(o, "version", doc->version);
    sedge_json_add_i64(o, "timestamp", now_s);
    return o;
}

static void tell_one(const char *thing, const char *name, const struct sedge_shadow_doc *doc, int64_t now_s,
                     struct sedge_plane_out *out)
{
    struct json_object *delta;

    if (!doc->exists) {
        struct json_object *o = json_object_new_object();

        sedge_json_add_i64(o, "version", doc->version);
        sedge_json_add_i64(o, "timestamp", now_s);
        emit(out, sedge_shadow_topic(thing, name, "/delete/accepted"), o, true);
        return;
    }
    emit(out, sedge_shadow_topic(thing, name, "/update/accepted"), told_desired(doc, now_s), true);
    delta = is_deployment(name) ? NULL : sedge_shadow_delta(doc, NULL);
    if (delta) emit(out, sedge_shadow_topic(thing, name, "/update/delta"), delta, true);
}

int sedge_plane_shadow_notify(const struct sedge_plane_tell *t, struct sedge_plane_out *out, char **head,
                              struct sedge_err *err)
{
    sedge_auto_free char *thing = NULL;
    sedge_auto_free char *name = NULL;
    struct sedge_shadow_doc doc = SEDGE_SHADOW_DOC_INIT;
    int rc = sedge_q_text(t->db, err, &thing, "SELECT name FROM thing WHERE id=?1 AND state=?2", "ii", t->thing_id,
                          (int64_t)SEDGE_THING_ACTIVE);

    if (rc == 1)
        rc = sedge_q_text(t->db, err, &name, "SELECT name FROM shadow WHERE thing_id=?1 AND untold=1 LIMIT 1", "i",
                          t->thing_id);
    if (rc <= 0) return rc;
    rc = sedge_shadow_load(t->db, t->thing_id, name, &doc, err);
    if (rc == 0) {
        tell_one(thing, name, &doc, t->now_ms / 1000, out);
        *head = sedge_xasprintf("%lld:%s", (long long)doc.version, name);
    }
    sedge_shadow_doc_release(&doc);
    return rc;
}

int sedge_plane_shadow_told(struct sedge_db *db, int64_t thing_id, int64_t seq, const char *head, struct sedge_err *err)
{
    const char *colon = head ? strchr(head, ':') : NULL;

    if (colon && sedge_q_run(db, err, "UPDATE shadow SET untold=0 WHERE thing_id=?1 AND name=?2 AND version=?3", "iti",
                             thing_id, colon + 1, (int64_t)strtoll(head, NULL, 10)) != 0)
        return -1;
    /* One row for all shadows of a thing: it goes with the last of them. Nobody to tell: all have been. */
    return sedge_q_run(db, err,
                       "DELETE FROM dirty WHERE thing_id=?1 AND ns=?2 AND seq=?3 AND (?4 OR NOT EXISTS(SELECT 1 FROM"
                       " shadow WHERE thing_id=?1 AND untold=1))",
                       "iiii", thing_id, (int64_t)SEDGE_EXEC_NS_SHADOW, seq, (int64_t)(colon == NULL));
}
