/* What may become of a published version: its state, and its end. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "component.h"
#include "cloud/deploy/deploy.h"
#include "cloud/query.h"
#include "cloud/registry/registry.h"
#include "store.h"

#define EXAMPLES_SHOWN 3

static int split(const char *what, char **name, const char **version, struct sedge_err *err)
{
    const char *at = strchr(what, '@');

    if (!at || at == what || !at[1]) return sedge_err_set(err, SEDGE_E_INVALID, "\"%s\": expected NAME@VERSION", what);
    *name = sedge_xstrndup(what, (size_t)(at - what));
    *version = at + 1;
    return 0;
}

static int version_id(struct sedge_cloud *c, const char *name, const char *version, int64_t *id, struct sedge_err *err)
{
    int rc = sedge_q_i64(c->db, err, id, "SELECT id FROM component_version WHERE name=?1 AND version=?2", "tt", name,
                         version);

    if (rc != 0) return rc == 1 ? 0 : -1;
    return sedge_err_set(err, SEDGE_E_NOT_FOUND,
                         "%s@%s is not published; sedge-cloud component show %s shows its versions", name, version,
                         name);
}

int sedge_component_set_state(struct sedge_cloud *c, const char *what, enum sedge_version_state state, int64_t now_ms,
                              struct sedge_err *err)
{
    sedge_auto_free char *name = NULL;
    const char *version = NULL;
    int64_t id = 0;
    int rc;

    if (split(what, &name, &version, err) != 0 || sedge_q_begin(c->db, err) != 0) return -1;
    rc = version_id(c, name, version, &id, err);
    if (rc == 0)
        rc = sedge_q_run(c->db, err, "UPDATE component_version SET state=?2 WHERE id=?1", "ii", id, (int64_t)state);
    if (rc == 0) rc = sedge_audit(c->db, now_ms, "component-state", what, sedge_version_state_name(state), err);
    return sedge_q_end(c->db, rc, err);
}

/* Current revisions that name this version, as "group:cams:3, ...". */
static int users(struct sedge_cloud *c, const char *name, const char *version, struct sedge_buf *out,
                 struct sedge_err *err)
{
    sqlite3_stmt *q =
        sedge_q(c->db, err,
                "SELECT CASE t.kind WHEN 0 THEN 'group:' ELSE 'thing:' END || t.ref_name || ':' || d.revision"
                " FROM target t JOIN deployment d ON d.id=t.current_deployment,"
                " json_each(COALESCE(d.full_doc, d.device_doc), '$.components') j"
                " WHERE j.key=?1 AND json_extract(j.value, '$.version')=?2 ORDER BY 1 LIMIT ?3",
                "tti", name, version, (int64_t)EXAMPLES_SHOWN);
    int rc = -1;

    while (q && (rc = sedge_db_step(c->db, q, err)) == 1)
        sedge_buf_printf(out, "%s%s", out->len ? ", " : "", sedge_db_text(q, 0));
    (void)sqlite3_finalize(q);
    return rc < 0 ? -1 : 0;
}

static int carriers(struct sedge_cloud *c, const char *name, const char *version, struct sedge_buf *out,
                    struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_q(c->db, err,
                              "SELECT t.name FROM component_state s JOIN name n ON n.id=s.name_id JOIN thing t ON"
                              " t.id=s.thing_id WHERE n.name=?1 AND s.version=?2 ORDER BY 1 LIMIT ?3",
                              "tti", name, version, (int64_t)EXAMPLES_SHOWN);
    int rc = -1;

    while (q && (rc = sedge_db_step(c->db, q, err)) == 1)
        sedge_buf_printf(out, "%s%s", out->len ? ", " : "", sedge_db_text(q, 0));
    (void)sqlite3_finalize(q);
    return rc < 0 ? -1 : 0;
}

static int check_unused(struct sedge_cloud *c, const char *name, const char *version, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf who = SEDGE_BUF_INIT;

    if (users(c, name, version, &who, err) != 0) return -1;
    if (who.len)
        return sedge_err_set(
            err, SEDGE_E_CONFLICT,
            "%s@%s is part of %s; revise these first (sedge-cloud deploy revise), or block the version", name, version,
            who.data);
    if (carriers(c, name, version, &who, err) != 0) return -1;
    if (who.len)
        return sedge_err_set(err, SEDGE_E_CONFLICT, "%s@%s is on devices (%s); deploy another version to them first",
                             name, version, who.data);
    return 0;
}

/* The manifest goes first: without it the version does not exist, and the janitor finds what is left. */
static int remove_objects(struct sedge_cloud *c, const char *name, const char *version, struct json_object *manifest,
                          struct sedge_err *err)
{
    sedge_auto_free char *key = sedge_xasprintf("manifests/%s/%s.json", name, version);
    struct json_object *files = sedge_json_arr(manifest, "artifacts");
    struct sedge_store *s = sedge_store_open(&c->set, err);
    int rc = s ? sedge_store_delete(s, key, err) : -1;

    if (rc == 0) rc = sedge_store_delete(s, sedge_json_str(sedge_json_obj(manifest, "recipe"), "key", ""), err);
    for (size_t i = 0; rc == 0 && files && i < json_object_array_length(files); i++)
        rc = sedge_store_delete(s, sedge_json_str(json_object_array_get_idx(files, i), "key", ""), err);
    sedge_store_close(s);
    return rc;
}

static int forget(struct sedge_cloud *c, const char *what, int64_t id, int64_t now_ms, struct sedge_err *err)
{
    int rc;

    if (sedge_q_begin(c->db, err) != 0) return -1;
    rc = sedge_q_run(c->db, err, "DELETE FROM component_version WHERE id=?1", "i", id);
    if (rc == 0) rc = sedge_audit(c->db, now_ms, "component-delete", what, NULL, err);
    return sedge_q_end(c->db, rc, err);
}

int sedge_component_delete(struct sedge_cloud *c, const char *what, int64_t now_ms, struct sedge_err *err)
{
    sedge_auto_free char *name = NULL;
    sedge_auto_free char *text = NULL;
    sedge_auto_put struct json_object *manifest = NULL;
    const char *version = NULL;
    int64_t id = 0;

    if (split(what, &name, &version, err) != 0 || version_id(c, name, version, &id, err) != 0 ||
        check_unused(c, name, version, err) != 0 ||
        sedge_q_text(c->db, err, &text, "SELECT manifest FROM component_version WHERE id=?1", "i", id) != 1)
        return -1;
    manifest = sedge_json_parse_object(text, strlen(text), "manifest", err);
    if (!manifest) return -1;
    /* Nobody may choose it while its objects go. */
    if (sedge_component_set_state(c, what, SEDGE_VERSION_BLOCKED, now_ms, err) != 0 ||
        remove_objects(c, name, version, manifest, err) != 0)
        return -1;
    return forget(c, what, id, now_ms, err);
}
