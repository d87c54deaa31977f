#include "publication.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/semver.h"
#include "base/str.h"
#include "cloud/query.h"
#include "cloud/registry/registry.h"
#include "component.h"
#include "publication_internal.h"
#include "recipe/recipe.h"

/* publication.state */
enum { REQUESTED, FAILED };

char *sedge_publication_folder(const struct sedge_cloud *c, const char *name, const char *version)
{
    return sedge_xasprintf("%s/publish/%s@%s", c->dir, name, version);
}

static int check_names(const char *name, const char *version, struct sedge_err *err)
{
    struct sedge_version v;

    if (sedge_cloud_check_name("component", name, err) != 0) return -1;
    if (sedge_version_parse(version, &v, err) != 0) return sedge_err_wrap(err, "version of %s", name);
    return 0;
}

/* CONFLICT unless the version may still change. */
static int check_open(struct sedge_cloud *c, const char *name, const char *version, struct sedge_err *err)
{
    int64_t one = 0;
    int rc = sedge_q_i64(c->db, err, &one,
                         "SELECT 1 FROM component_version WHERE name=?1 AND version=?2 UNION ALL SELECT 2 FROM"
                         " publication WHERE name=?1 AND version=?2 AND state=?3",
                         "tti", name, version, (int64_t)REQUESTED);

    if (rc <= 0) return rc;
    return sedge_err_set(err, SEDGE_E_CONFLICT, "%s@%s %s; give the recipe a higher ComponentVersion", name, version,
                         one == 1 ? "is published already, and published versions never change" : "is being published");
}

int sedge_publication_add(struct sedge_cloud *c, const char *name, const char *version, const char *file,
                          const char *path, struct sedge_err *err)
{
    sedge_auto_free char *folder = NULL, *below = NULL, *to = NULL;

    if (check_names(name, version, err) != 0 || check_open(c, name, version, err) != 0) return -1;
    if (!file[0] || file[0] == '.' || strchr(file, '/'))
        return sedge_err_set(err, SEDGE_E_INVALID, "artifact \"%s\": expected the name of a file, without a folder",
                             file);
    folder = sedge_publication_folder(c, name, version);
    below = sedge_xasprintf("%s/artifacts", folder);
    to = sedge_xasprintf("%s/%s", below, file);
    if (sedge_fs_mkdirs(below, 0700, err) != 0) return -1;
    if (rename(path, to) != 0) return sedge_err_sys(err, errno, "%s", to);
    return sedge_fs_sync_parent(to, err);
}

/* Messages name files as the client knows them. */
static void without_folder(struct sedge_err *err, const char *folder)
{
    sedge_auto_free char *text = sedge_xstrdup(err->msg);
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    const char *at, *rest = text;
    size_t n = strlen(folder);

    while ((at = strstr(rest, folder)) != NULL) {
        sedge_buf_add(&b, rest, (size_t)(at - rest));
        rest = at + n + (at[n] == '/');
    }
    sedge_buf_puts(&b, rest);
    (void)sedge_err_set(err, err->code, "%s", b.data);
}

int sedge_publication_load(struct sedge_cloud *c, const char *folder, struct sedge_package *p, struct sedge_err *err)
{
    const struct sedge_cloud_settings *s = &c->set;

    *p = (struct sedge_package){0};
    if (!s->s3_bucket || !s->s3_bucket[0])
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "no object store is set; set it with: sedge-cloud init --s3-endpoint URL --bucket NAME");
    if (sedge_package_load(folder, NULL, s->s3_bucket, s->s3_prefix ? s->s3_prefix : "", p, err) == 0) return 0;
    if (err->code == SEDGE_E_NOT_FOUND)
        (void)sedge_err_wrap(err, "upload it before the recipe: PUT /ext/v1/uploads/NAME/VERSION/FILE");
    without_folder(err, folder);
    return -1;
}

static int write_recipe(const char *folder, const char *recipe, size_t n, struct sedge_err *err)
{
    bool yaml = sedge_recipe_is_yaml(recipe, n, "recipe");
    sedge_auto_free char *path = sedge_xasprintf("%s/recipe.%s", folder, yaml ? "yaml" : "json");
    sedge_auto_free char *other = sedge_xasprintf("%s/recipe.%s", folder, yaml ? "json" : "yaml");

    if (sedge_fs_mkdirs(folder, 0700, err) != 0) return -1;
    (void)remove(other); /* of a try before */
    return sedge_fs_write_atomic(path, recipe, n, 0600, err);
}

static int store(struct sedge_cloud *c, const char *name, const char *version, int64_t state, const char *message,
                 int64_t now_ms, struct sedge_err *err)
{
    return sedge_q_run(c->db, err,
                       "INSERT INTO publication(name,version,state,message,who,at) VALUES(?1,?2,?3,?4,?5,?6)"
                       " ON CONFLICT(name,version) DO UPDATE SET state=excluded.state, message=excluded.message,"
                       " who=COALESCE(excluded.who,who), at=excluded.at",
                       "ttitti", name, version, state, message, state == REQUESTED ? sedge_who() : NULL, now_ms / 1000);
}

/* Checked, it waits for upkeep. */
static int enter(struct sedge_cloud *c, const char *folder, const char *recipe, size_t n, int64_t now_ms,
                 struct sedge_err *err)
{
    sedge_auto_put struct json_object *warnings = json_object_new_array();
    struct sedge_package p = {0};
    int rc = write_recipe(folder, recipe, n, err);

    if (rc == 0) rc = sedge_publication_load(c, folder, &p, err);
    if (rc == 0) rc = sedge_component_check(c, &p, warnings, err);
    if (rc == 0) rc = store(c, p.name, p.version, REQUESTED, NULL, now_ms, err);
    sedge_package_release(&p);
    return rc;
}

/* The same request again, as after an answer that was lost. */
static bool is_repeated(const char *folder, const char *recipe, size_t n)
{
    sedge_auto_free char *path =
        sedge_xasprintf("%s/recipe.%s", folder, sedge_recipe_is_yaml(recipe, n, "recipe") ? "yaml" : "json");
    sedge_auto_buf struct sedge_buf have = SEDGE_BUF_INIT;

    return sedge_fs_read(path, n, &have, NULL) == 0 && have.len == n && memcmp(have.data, recipe, n) == 0;
}

static int request(struct sedge_cloud *c, const struct sedge_recipe *r, const char *recipe, size_t n, int64_t now_ms,
                   struct sedge_err *err)
{
    sedge_auto_free char *folder = sedge_publication_folder(c, r->name, r->version.text);
    struct sedge_err why = SEDGE_ERR_INIT;

    if (check_names(r->name, r->version.text, err) != 0) return -1;
    if (check_open(c, r->name, r->version.text, &why) == 0) return enter(c, folder, recipe, n, now_ms, err);
    if (why.code == SEDGE_E_CONFLICT && is_repeated(folder, recipe, n)) return 0;
    *err = why;
    return -1;
}

struct json_object *sedge_publication_request(struct sedge_cloud *c, const char *recipe, size_t n, int64_t now_ms,
                                              struct sedge_err *err)
{
    struct sedge_recipe *r = sedge_recipe_parse(recipe, n, "recipe", err);
    struct json_object *o = NULL;

    if (!r) return NULL;
    if (request(c, r, recipe, n, now_ms, err) == 0) o = sedge_publication_status(c, r->name, r->version.text, err);
    sedge_recipe_free(r);
    return o;
}

static struct json_object *told(const char *name, const char *version, const char *state, const char *message,
                                int64_t at)
{
    struct json_object *o = json_object_new_object();

    sedge_json_add_str(o, "componentName", name);
    sedge_json_add_str(o, "componentVersion", version);
    sedge_json_add_str(o, "state", state);
    sedge_json_add_str(o, "message", message);
    sedge_json_add_i64(o, "at", at);
    return o;
}

struct json_object *sedge_publication_status(struct sedge_cloud *c, const char *name, const char *version,
                                             struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_q(c->db, err,
                              "SELECT 1, state, NULL, created_at FROM component_version WHERE name=?1 AND version=?2"
                              " UNION ALL SELECT 2, state, message, at FROM publication WHERE name=?1 AND version=?2"
                              " ORDER BY 1 LIMIT 1",
                              "tt", name, version);
    struct json_object *o = NULL;
    int rc = q ? sedge_db_step(c->db, q, err) : -1;

    if (rc == 1) {
        int64_t state = sqlite3_column_int64(q, 1);
        bool published = sqlite3_column_int(q, 0) == 1;
        const char *message = sqlite3_column_type(q, 2) == SQLITE_NULL ? NULL : sedge_db_text(q, 2);

        o = told(name, version,
                 published            ? sedge_version_state_name(state)
                 : state == REQUESTED ? "REQUESTED"
                                      : "FAILED",
                 message, sqlite3_column_int64(q, 3));
    }
    (void)sqlite3_finalize(q);
    if (rc == 0) (void)sedge_err_set(err, SEDGE_E_NOT_FOUND, "component %s version %s is not published", name, version);
    return o;
}

int sedge_publications_waiting(struct sedge_cloud *c, int64_t *n, struct sedge_err *err)
{
    return sedge_q_i64(c->db, err, n, "SELECT COUNT(*) FROM publication WHERE state=?1", "i", (int64_t)REQUESTED) < 0
               ? -1
               : 0;
}

int sedge_publication_done(struct sedge_cloud *c, const char *name, const char *version, struct sedge_err *err)
{
    sedge_auto_free char *folder = sedge_publication_folder(c, name, version);

    if (sedge_q_run(c->db, err, "DELETE FROM publication WHERE name=?1 AND version=?2", "tt", name, version) != 0)
        return -1;
    (void)sedge_fs_remove_tree(folder, NULL); /* what stays is deleted after a day */
    return 0;
}

int sedge_publication_failed(struct sedge_cloud *c, const char *name, const char *version, const char *why,
                             struct sedge_err *err)
{
    return store(c, name, version, FAILED, why, sedge_wall_ms(), err);
}
