/* What is done to things: attributes, block, delete, and the list of certificates that are good no more. */
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "cloud/site/ca.h"
#include "cloud/deploy/exec.h"
#include "cloud/query.h"
#include "registry.h"

static int check_attribute(const char *text, const char **eq, struct sedge_err *err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.,@/:#-";
    size_t n;

    *eq = strchr(text, '=');
    n = *eq ? (size_t)(*eq - text) : strlen(text);
    if (!*eq)
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "attribute \"%s\": expected NAME=VALUE (NAME= takes the attribute away)", text);
    if (n == 0 || n > SEDGE_ATTRIBUTE_NAME_MAX || strspn(text, allowed) < n)
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "attribute name \"%.*s\": expected 1 to %d letters, digits or any of _.,@/:#-", (int)n,
                             text, SEDGE_ATTRIBUTE_NAME_MAX);
    if (strlen(*eq + 1) > SEDGE_ATTRIBUTE_VALUE_MAX || !sedge_utf8_valid(*eq + 1, strlen(*eq + 1)))
        return sedge_err_set(err, SEDGE_E_INVALID, "attribute %.*s: expected at most %d bytes of UTF-8", (int)n, text,
                             SEDGE_ATTRIBUTE_VALUE_MAX);
    return 0;
}

static int change_attributes(struct json_object *attrs, const struct sedge_strv *changes, struct sedge_err *err)
{
    for (size_t i = 0; i < changes->n; i++) {
        const char *eq = NULL;
        sedge_auto_free char *name = NULL;

        if (check_attribute(changes->v[i], &eq, err) != 0) return -1;
        name = sedge_xstrndup(changes->v[i], (size_t)(eq - changes->v[i]));
        if (eq[1])
            sedge_json_add_str(attrs, name, eq + 1);
        else
            json_object_object_del(attrs, name);
    }
    if (json_object_object_length(attrs) > SEDGE_ATTRIBUTES_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "a thing has %d attributes at most", SEDGE_ATTRIBUTES_MAX);
    return 0;
}

static int set_attributes(struct sedge_cloud *c, const char *name, const struct sedge_strv *changes, int64_t now_ms,
                          struct sedge_err *err)
{
    sedge_auto_put struct json_object *attrs = NULL;
    sedge_auto_free char *text = NULL;
    int64_t id = 0;

    if (sedge_thing_id(c, name, &id, err) != 0 ||
        sedge_q_text(c->db, err, &text, "SELECT attrs FROM thing WHERE id=?1", "i", id) != 1)
        return -1;
    attrs = sedge_json_parse_object(text, strlen(text), "stored attributes", err);
    if (!attrs || change_attributes(attrs, changes, err) != 0) return -1;
    if (sedge_q_run(c->db, err, "UPDATE thing SET attrs=?2 WHERE id=?1", "it", id, sedge_json_text(attrs)) != 0)
        return -1;
    return sedge_audit(c->db, now_ms, "thing-set-attr", name, sedge_json_text(attrs), err);
}

int sedge_thing_set_attributes(struct sedge_cloud *c, const char *name, const struct sedge_strv *changes,
                               int64_t now_ms, struct sedge_err *err)
{
    if (sedge_q_begin(c->db, err) != 0) return -1;
    return sedge_q_end(c->db, set_attributes(c, name, changes, now_ms, err), err);
}

static int revoke_certificate(struct sedge_cloud *c, int64_t id, int64_t now_ms, struct sedge_err *err)
{
    return sedge_q_run(c->db, err,
                       "INSERT INTO revoked(serial,thing,thing_id,at) SELECT cert_serial, name, id, ?2 FROM thing"
                       " WHERE id=?1 AND cert_serial IS NOT NULL ON CONFLICT(serial) DO NOTHING",
                       "ii", id, now_ms / 1000);
}

static int block(struct sedge_cloud *c, const char *name, bool blocked, int64_t now_ms, struct sedge_err *err)
{
    int64_t id = 0;
    int rc;

    if (sedge_thing_id(c, name, &id, err) != 0 ||
        sedge_q_run(c->db, err, "UPDATE thing SET state=?2 WHERE id=?1", "ii", id,
                    (int64_t)(blocked ? SEDGE_THING_BLOCKED : SEDGE_THING_ACTIVE)) != 0)
        return -1;
    if (blocked)
        rc = revoke_certificate(c, id, now_ms, err);
    else {
        rc = sedge_q_run(c->db, err, "DELETE FROM revoked WHERE thing_id=?1", "i", id);
        if (rc == 0) rc = sedge_exec_mark_dirty(c->db, id, err);
    }
    return rc == 0 ? sedge_audit(c->db, now_ms, blocked ? "thing-block" : "thing-unblock", name, NULL, err) : -1;
}

int sedge_thing_block(struct sedge_cloud *c, const char *name, bool blocked, int64_t now_ms, struct sedge_err *err)
{
    if (sedge_q_begin(c->db, err) != 0 || sedge_q_end(c->db, block(c, name, blocked, now_ms, err), err) != 0) return -1;
    return sedge_revocations_write(c, err);
}

/* Deployments with something open for the thing, at most max. */
static int open_deployments(struct sedge_cloud *c, int64_t id, int64_t *out, int max, struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_q(c->db, err,
                              "SELECT DISTINCT deployment_id FROM execution WHERE thing_id=?1 AND status IN (0,1)"
                              " LIMIT ?2",
                              "ii", id, (int64_t)max);
    int n = 0, rc = -1;

    while (q && (rc = sedge_db_step(c->db, q, err)) == 1 && n < max)
        out[n++] = sqlite3_column_int64(q, 0);
    (void)sqlite3_finalize(q);
    return rc < 0 ? -1 : n;
}

static int end_executions(struct sedge_cloud *c, int64_t id, int64_t now_ms, struct sedge_err *err)
{
    int64_t open[32];
    int n;

    while ((n = open_deployments(c, id, open, (int)SEDGE_ARRAY_LEN(open), err)) > 0) {
        for (int i = 0; i < n; i++) {
            if (sedge_exec_end(c->db, now_ms / 1000, id, open[i], true, SEDGE_EXEC_REMOVED, err) != 0 ||
                sedge_exec_settle(c->db, open[i], err) != 0)
                return -1;
        }
    }
    return n;
}

static int delete_thing(struct sedge_cloud *c, const char *name, int64_t now_ms, struct sedge_err *err)
{
    static const char *const clean[] = {
        "DELETE FROM member WHERE thing_id=?1",          "DELETE FROM shadow WHERE thing_id=?1",
        "DELETE FROM component_state WHERE thing_id=?1", "DELETE FROM dirty WHERE thing_id=?1",
        "DELETE FROM notified WHERE thing_id=?1",        "DELETE FROM telemetry WHERE thing_id=?1",
        "UPDATE thing SET state=2 WHERE id=?1",
    };
    int64_t id = 0;

    if (sedge_thing_id(c, name, &id, err) != 0 || revoke_certificate(c, id, now_ms, err) != 0 ||
        end_executions(c, id, now_ms, err) != 0)
        return -1;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(clean); i++) {
        if (sedge_q_run(c->db, err, clean[i], "i", id) != 0) return -1;
    }
    /* The thing's own target keeps its last revision number, and offers nothing to a new thing of this name. */
    if (sedge_q_run(c->db, err,
                    "UPDATE deployment SET state=?3 WHERE id=(SELECT current_deployment FROM target WHERE kind=?1 AND"
                    " ref_name=?2)",
                    "iti", (int64_t)SEDGE_TARGET_THING, name, (int64_t)SEDGE_DEP_INACTIVE) != 0 ||
        sedge_q_run(c->db, err, "UPDATE target SET current_deployment=NULL WHERE kind=?1 AND ref_name=?2", "it",
                    (int64_t)SEDGE_TARGET_THING, name) != 0)
        return -1;
    return sedge_audit(c->db, now_ms, "thing-delete", name, NULL, err);
}

int sedge_thing_delete(struct sedge_cloud *c, const char *name, int64_t now_ms, struct sedge_err *err)
{
    if (sedge_q_begin(c->db, err) != 0 || sedge_q_end(c->db, delete_thing(c, name, now_ms, err), err) != 0) return -1;
    return sedge_revocations_write(c, err);
}

static int revoked_serials(struct sedge_cloud *c, struct sedge_strv *serials, struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_q(c->db, err, "SELECT serial FROM revoked ORDER BY at, serial", "");
    int rc = -1;

    while (q && (rc = sedge_db_step(c->db, q, err)) == 1)
        sedge_strv_add(serials, sedge_db_text(q, 0));
    (void)sqlite3_finalize(q);
    return rc < 0 ? -1 : 0;
}

int sedge_revocations_write(struct sedge_cloud *c, struct sedge_err *err)
{
    sedge_auto_strv struct sedge_strv serials = {0};
    sedge_auto_buf struct sedge_buf pem = SEDGE_BUF_INIT;
    sedge_auto_free char *path = NULL;

    if (!c->dir || !c->set.broker_dir || !sedge_fs_is_dir(c->set.broker_dir)) return 0;
    if (revoked_serials(c, &serials, err) != 0 || sedge_cloud_ca_crl(c->dir, &serials, &pem, err) != 0) return -1;
    path = sedge_xasprintf("%s/" SEDGE_REVOCATIONS_FILE, c->set.broker_dir);
    return sedge_fs_write_atomic(path, pem.data, pem.len, 0644, err);
}
