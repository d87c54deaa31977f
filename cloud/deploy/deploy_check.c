#include "deploy_check.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "cloud/component/component.h"
#include "document.h"
#include "cloud/query.h"
#include "cloud/component/resolve.h"

#define VERSIONS_SHOWN 12
#define EXAMPLES_SHOWN 3
#define MISSING_SHOWN  8

/* Things that a target's deployments reach: ?1 kind, ?2 name. The target may have no row yet. */
#define REACHED                                                                                                        \
    "(SELECT e.thing_id FROM grp g JOIN effective_member e ON e.group_id=g.id WHERE ?1=0 AND g.name=?2"                \
    " UNION SELECT id FROM thing WHERE ?1=1 AND name=?2 AND state<>2)"

/* Components that AWS ships with Greengrass; nobody but AWS has their recipes and artifacts. */
static bool shipped_by_aws(const char *name)
{
    return sedge_str_starts(name, "aws.greengrass.") || sedge_str_starts(name, "variant.") ||
           sedge_str_starts(name, "aws.iot.");
}

/* "2.0.0, 1.0.0", or nothing. */
static void published(struct sedge_cloud *c, const char *name, struct sedge_buf *out)
{
    sqlite3_stmt *q =
        sedge_q(c->db, NULL, "SELECT version FROM component_version WHERE name=?1 ORDER BY id DESC LIMIT ?2", "ti",
                name, (int64_t)VERSIONS_SHOWN);

    while (q && sedge_db_step(c->db, q, NULL) == 1)
        sedge_buf_printf(out, "%s%s", out->len ? ", " : "", sedge_db_text(q, 0));
    (void)sqlite3_finalize(q);
}

struct missing {
    struct sedge_buf list;
    size_t n;
    bool aws;
};

static void add_missing(struct sedge_cloud *c, struct missing *m, const char *name, const char *version)
{
    sedge_auto_buf struct sedge_buf have = SEDGE_BUF_INIT;

    if (m->n++ >= MISSING_SHOWN) return;
    published(c, name, &have);
    if (m->n > 1) sedge_buf_puts(&m->list, "; ");
    if (have.len)
        sedge_buf_printf(&m->list, "%s@%s is not published; published versions: %s", name, version, have.data);
    else if (shipped_by_aws(name))
        sedge_buf_printf(&m->list, "%s@%s is not published (only AWS ships it)", name, version);
    else
        sedge_buf_printf(&m->list, "%s@%s is not published, nor any other version of it", name, version);
    m->aws |= !have.len && shipped_by_aws(name);
}

static int tell_missing(const struct missing *m, struct sedge_err *err)
{
    sedge_auto_free char *more = m->n > MISSING_SHOWN ? sedge_xasprintf("; and %zu more", m->n - MISSING_SHOWN) : NULL;

    return sedge_err_set(
        err, SEDGE_E_NOT_FOUND, "component %s%s. Publish with: sedge-cloud component publish FOLDER%s", m->list.data,
        more ? more : "",
        m->aws ? ". What only AWS ships: publish a component of your own under that name (sedge has variant.DLR, "
                 "aws.greengrass.DLRImageClassification and a model store), or AWS's recipe and artifacts (aws "
                 "greengrassv2 get-component), or leave it out"
               : "");
}

/* All components of the document, not what they depend on. */
static int check_roots(struct sedge_cloud *c, struct json_object *components, struct json_object *warnings,
                       struct missing *m, struct sedge_err *err)
{
    json_object_object_foreach (components, name, v) {
        const char *version = sedge_json_str(v, "version", "");
        int64_t state = 0;
        int rc;

        if (sedge_device_part(name)) continue;
        rc = sedge_q_i64(c->db, err, &state, "SELECT state FROM component_version WHERE name=?1 AND version=?2", "tt",
                         name, version);
        if (rc < 0) return -1;
        if (rc == 0) add_missing(c, m, name, version);
        if (rc == 1 && state == SEDGE_VERSION_BLOCKED)
            return sedge_err_set(err, SEDGE_E_CONFLICT,
                                 "component %s@%s is blocked; deploy another version, or take the block back with: "
                                 "sedge-cloud component restore %s@%s",
                                 name, version, name, version);
        if (rc == 1 && state == SEDGE_VERSION_DEPRECATED) {
            sedge_auto_free char *text = sedge_xasprintf("%s@%s is deprecated", name, version);

            (void)json_object_array_add(warnings, json_object_new_string(text));
        }
    }
    return m->n ? tell_missing(m, err) : 0;
}

/* What the target's devices say they are; without any, one entry that fits everything. */
static int platforms_of(struct sedge_cloud *c, int kind, const char *target, struct json_object *out,
                        struct sedge_err *err)
{
    sqlite3_stmt *q =
        sedge_q(c->db, err,
                "SELECT DISTINCT platform, arch FROM thing WHERE platform IS NOT NULL AND arch IS NOT NULL"
                " AND id IN " REACHED " ORDER BY 1, 2 LIMIT ?3",
                "iti", (int64_t)kind, target, (int64_t)SEDGE_CHECK_PLATFORMS_MAX);
    int rc = -1;

    while (q && (rc = sedge_db_step(c->db, q, err)) == 1) {
        struct json_object *p = json_object_new_object();

        sedge_json_add_str(p, "os", sedge_db_text(q, 0));
        sedge_json_add_str(p, "architecture", sedge_db_text(q, 1));
        (void)json_object_array_add(out, p); /* takes p */
    }
    (void)sqlite3_finalize(q);
    if (rc == 0 && json_object_array_length(out) == 0) (void)json_object_array_add(out, NULL);
    return rc;
}

static int check_closures(struct sedge_cloud *c, int kind, const char *target, struct json_object *components,
                          struct sedge_err *err)
{
    sedge_auto_put struct json_object *platforms = json_object_new_array();
    sedge_auto_free char *who = sedge_xasprintf("%s:%s", kind == SEDGE_TARGET_GROUP ? "group" : "thing", target);

    if (platforms_of(c, kind, target, platforms, err) != 0) return -1;
    for (size_t i = 0; i < json_object_array_length(platforms); i++) {
        struct json_object *p = json_object_array_get_idx(platforms, i);
        struct sedge_closure closure;
        int rc = sedge_resolve_closure(c, components, p, who, &closure, err);

        sedge_closure_release(&closure);
        if (rc == 0) continue;
        if (p)
            (void)sedge_err_wrap(err, "devices with %s %s", sedge_json_str(p, "os", ""),
                                 sedge_json_str(p, "architecture", ""));
        return -1;
    }
    return 0;
}

/* Things that both the target and target `other` reach: how many, and some names. */
static int shared_things(struct sedge_cloud *c, int kind, const char *target, int64_t other, int64_t *n,
                         struct sedge_buf *names, struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_q(c->db, err,
                              "SELECT name, COUNT(*) OVER () FROM thing WHERE id IN " REACHED
                              " AND id IN (SELECT thing_id FROM target_member WHERE target_id=?3) ORDER BY 1 LIMIT ?4",
                              "itii", (int64_t)kind, target, other, (int64_t)EXAMPLES_SHOWN);
    int rc = -1;

    *n = 0;
    while (q && (rc = sedge_db_step(c->db, q, err)) == 1) {
        *n = sqlite3_column_int64(q, 1);
        sedge_buf_printf(names, "%s%s", names->len ? ", " : "", sedge_db_text(q, 0));
    }
    (void)sqlite3_finalize(q);
    return rc < 0 ? -1 : 0;
}

struct neighbour { /* another target that reaches some of the same things */
    int64_t target_id;
    const char *label; /* "group:b:3" */
    struct json_object *components;
};

static int compare(struct sedge_cloud *c, int kind, const char *target, struct json_object *components,
                   const struct neighbour *b, struct json_object *warnings, struct sedge_err *err)
{
    json_object_object_foreach (components, name, v) {
        const char *ours = sedge_json_str(v, "version", "");
        const char *theirs = sedge_json_str(sedge_json_obj(b->components, name), "version", NULL);
        sedge_auto_buf struct sedge_buf names = SEDGE_BUF_INIT;
        sedge_auto_free char *text = NULL;
        int64_t n = 0;

        if (!theirs || strcmp(ours, theirs) == 0 || sedge_device_part(name)) continue;
        if (shared_things(c, kind, target, b->target_id, &n, &names, err) != 0) return -1;
        if (n == 0) continue;
        text = sedge_xasprintf("%s: this deployment asks for %s, %s for %s; %lld thing%s in both will fail: %s%s", name,
                               ours, b->label, theirs, (long long)n, n == 1 ? "" : "s", names.data,
                               n > EXAMPLES_SHOWN ? ", ..." : "");
        (void)json_object_array_add(warnings, json_object_new_string(text));
    }
    return 0;
}

static int preview_conflicts(struct sedge_cloud *c, int kind, const char *target, struct json_object *components,
                             struct json_object *warnings, struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_q(
        c->db, err,
        "SELECT t.id, CASE t.kind WHEN 0 THEN 'group:' ELSE 'thing:' END || t.ref_name || ':' || d.revision,"
        " COALESCE(d.full_doc, d.device_doc) FROM target t JOIN deployment d ON d.id=t.current_deployment"
        " WHERE NOT (t.kind=?1 AND t.ref_name=?2) AND EXISTS(SELECT 1 FROM target_member m WHERE m.target_id=t.id AND"
        " m.thing_id IN " REACHED ") ORDER BY 2",
        "it", (int64_t)kind, target);
    int rc = -1;

    while (q && (rc = sedge_db_step(c->db, q, err)) == 1) {
        sedge_auto_put struct json_object *content = sedge_doc_content(sedge_db_text(q, 2), NULL);
        struct neighbour b = {sqlite3_column_int64(q, 0), sedge_db_text(q, 1), sedge_json_obj(content, "components")};

        rc = b.components ? compare(c, kind, target, components, &b, warnings, err) : 0;
        if (rc != 0) break;
    }
    (void)sqlite3_finalize(q);
    return rc < 0 ? -1 : 0;
}

int sedge_deploy_check(struct sedge_cloud *c, int kind, const char *target, struct json_object *content,
                       bool skip_resolve, struct json_object *warnings, struct sedge_err *err)
{
    struct json_object *components = sedge_json_obj(content, "components");
    struct missing m = {.list = SEDGE_BUF_INIT};
    int rc = 0;

    if (!skip_resolve) {
        rc = check_roots(c, components, warnings, &m, err);
        if (rc == 0) rc = check_closures(c, kind, target, components, err);
        if (rc != 0 && m.n == 0 && err && err->code == SEDGE_E_NOT_FOUND)
            (void)sedge_err_wrap(err, "the deployment cannot be resolved (--skip-resolve creates it all the same)");
    }
    if (rc == 0) rc = preview_conflicts(c, kind, target, components, warnings, err);
    sedge_buf_release(&m.list);
    return rc;
}
