#include "download.h"

#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cloud/component/resolve.h"
#include "cloud/deploy/deploy.h"
#include "cloud/query.h"
#include "recipe/recipe.h"

/* Whether the manifest asks for the file that is stored as `key`. */
static bool asks_for(const struct sedge_manifest *m, const char *key)
{
    sedge_auto_free char *end = sedge_xasprintf("/%s", key);

    for (size_t i = 0; i < m->nartifacts; i++) {
        if (sedge_str_ends(m->artifacts[i].uri, end)) return true;
    }
    return false;
}

static int64_t bytes_of(const char *recipe, const char *manifest, struct json_object *platform)
{
    struct sedge_recipe *r = sedge_recipe_parse(recipe, strlen(recipe), "stored.json", NULL);
    sedge_auto_put struct json_object *stored = sedge_json_parse_object(manifest, strlen(manifest), "manifest", NULL);
    struct json_object *files = sedge_json_arr(stored, "artifacts");
    const struct sedge_manifest *m = NULL;
    int64_t bytes = 0;

    if (r) m = platform ? sedge_recipe_select(r, platform, NULL) : r->nmanifests ? &r->manifests[0] : NULL;
    for (size_t i = 0; m && files && i < json_object_array_length(files); i++) {
        struct json_object *f = json_object_array_get_idx(files, i);

        if (asks_for(m, sedge_json_str(f, "key", ""))) bytes += sedge_json_i64(f, "size", 0);
    }
    sedge_recipe_free(r);
    return bytes;
}

static int keep(struct sedge_db *db, int64_t deployment_id, const char *arch, const char *component,
                const char *version, int64_t bytes, struct sedge_err *err)
{
    return sedge_q_run(db, err,
                       "INSERT OR IGNORE INTO download(deployment_id,arch,component,version,bytes)"
                       " VALUES(?1,?2,?3,?4,?5)",
                       "ittti", deployment_id, arch, component, version, bytes);
}

static int keep_chosen(struct sedge_db *db, int64_t deployment_id, const char *arch, struct json_object *platform,
                       const struct sedge_chosen *one, struct sedge_err *err)
{
    sedge_auto_free char *recipe = NULL, *manifest = NULL;

    if (one->device_part) return 0;
    if (sedge_q_text(db, err, &recipe, "SELECT recipe FROM component_version WHERE name=?1 AND version=?2", "tt",
                     (const char *)one->component, (const char *)one->version) < 0 ||
        sedge_q_text(db, err, &manifest, "SELECT manifest FROM component_version WHERE name=?1 AND version=?2", "tt",
                     (const char *)one->component, (const char *)one->version) < 0)
        return -1;
    return keep(db, deployment_id, arch, one->component, one->version,
                recipe && manifest ? bytes_of(recipe, manifest, platform) : 0, err);
}

static struct json_object *platform_of(const char *arch)
{
    struct json_object *o;

    if (!arch[0]) return NULL;
    o = json_object_new_object();
    sedge_json_add_str(o, "os", "linux");
    sedge_json_add_str(o, "architecture", arch);
    return o;
}

/* A row without component says that the deployment was looked up for this architecture. */
static int look_up(struct sedge_db *db, int64_t deployment_id, const char *arch, struct sedge_err *err)
{
    struct sedge_cloud c = {.db = db};
    sedge_auto_free char *name = NULL;
    int64_t minutes = 0;
    sedge_auto_put struct json_object *platform = platform_of(arch);
    sedge_auto_put struct json_object *content = sedge_deploy_content(&c, deployment_id, &name, &minutes, err);
    struct sedge_closure all = {0};
    struct sedge_err why = SEDGE_ERR_INIT;
    int rc;

    if (!content || sedge_q_run(db, err,
                                "DELETE FROM download WHERE deployment_id NOT IN (SELECT id FROM deployment WHERE state"
                                " IN " SEDGE_DEP_ALIVE ")",
                                "") != 0)
        return -1;
    if (sedge_resolve_closure(&c, sedge_json_obj(content, "components"), platform, "the deployment", &all, &why) != 0)
        sedge_log(SEDGE_WARN, "rollout", "bytes-unknown", "deployment=%lld architecture=%s: counted as 0: %s",
                  (long long)deployment_id, arch, why.msg);
    rc = keep(db, deployment_id, arch, "", "", 0, err);
    for (size_t i = 0; rc == 0 && i < all.n; i++)
        rc = keep_chosen(db, deployment_id, arch, platform, &all.v[i], err);
    sedge_closure_release(&all);
    return rc;
}

int sedge_download_bytes(struct sedge_db *db, int64_t deployment_id, int64_t thing_id, int64_t *bytes,
                         struct sedge_err *err)
{
    sedge_auto_free char *arch = NULL;
    int64_t one = 0;
    int rc = sedge_q_text(db, err, &arch, "SELECT COALESCE(arch,'') FROM thing WHERE id=?1", "i", thing_id);

    *bytes = 0;
    if (rc != 1) return rc;
    rc = sedge_q_i64(db, err, &one, "SELECT 1 FROM download WHERE deployment_id=?1 AND arch=?2 LIMIT 1", "it",
                     deployment_id, (const char *)arch);
    if (rc == 0) rc = look_up(db, deployment_id, arch, err);
    if (rc < 0) return -1;
    return sedge_q_i64(db, err, bytes,
                       "SELECT COALESCE(SUM(d.bytes),0) FROM download d WHERE d.deployment_id=?1 AND d.arch=?2 AND NOT"
                       " EXISTS(SELECT 1 FROM component_state s JOIN name n ON n.id=s.name_id WHERE s.thing_id=?3 AND"
                       " n.name=d.component AND s.version=d.version)",
                       "iti", deployment_id, (const char *)arch, thing_id) < 0
               ? -1
               : 0;
}
