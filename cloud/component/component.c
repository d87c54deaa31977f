#include "component.h"

#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "cloud/query.h"
#include "cloud/registry/registry.h"
#include "store.h"

const char *sedge_version_state_name(int64_t state)
{
    static const char *const names[] = {
#define X(s) #s,
        SEDGE_VERSION_STATES(X)
#undef X
    };

    return state >= 0 && (size_t)state < SEDGE_ARRAY_LEN(names) ? names[state] : "UNKNOWN";
}

static void say(void (*progress)(const char *), const char *what, const char *key, int64_t bytes)
{
    sedge_auto_free char *line = NULL;

    if (!progress) return;
    line = bytes >= 0 ? sedge_xasprintf("%s %s (%lld bytes)", what, key, (long long)bytes)
                      : sedge_xasprintf("%s %s", what, key);
    progress(line);
}

static struct json_object *manifest_of(const struct sedge_package *p, const char *recipe_key, const char *recipe_sha)
{
    struct json_object *o = json_object_new_object(), *recipe = json_object_new_object();
    struct json_object *list = json_object_new_array();

    sedge_json_add_str(o, "name", p->name);
    sedge_json_add_str(o, "version", p->version);
    (void)json_object_object_add(o, "recipe", recipe); /* takes recipe */
    sedge_json_add_str(recipe, "key", recipe_key);
    sedge_json_add_str(recipe, "sha256", recipe_sha);
    sedge_json_add_i64(recipe, "size", (int64_t)strlen(p->recipe));
    (void)json_object_object_add(o, "artifacts", list); /* takes list */
    for (size_t i = 0; i < p->nfiles; i++) {
        sedge_auto_free char *key = sedge_xasprintf("artifacts/%s/%s/%s", p->name, p->version, p->files[i].name);
        struct json_object *a = json_object_new_object();

        sedge_json_add_str(a, "key", key);
        sedge_json_add_str(a, "file", p->files[i].name);
        sedge_json_add_str(a, "sha256", p->files[i].sha256);
        sedge_json_add_i64(a, "size", p->files[i].size);
        (void)json_object_array_add(list, a); /* takes a */
    }
    sedge_json_add_i64(o, "publishedAt", sedge_wall_ms() / 1000);
    sedge_json_add_bool(o, "vendor", false);
    return o;
}

static int conflict(const struct sedge_package *p, struct sedge_err *err)
{
    return sedge_err_set(err, SEDGE_E_CONFLICT,
                         "%s@%s is published already with other content; published versions never change: give the "
                         "recipe a higher ComponentVersion",
                         p->name, p->version);
}

/* 1 published with the same content, 0 not published, -1 with other content or failure. */
static int known(struct sedge_cloud *c, const struct sedge_package *p, const char *sha, struct sedge_err *err)
{
    sedge_auto_free char *have = NULL;
    int rc = sedge_q_text(c->db, err, &have, "SELECT recipe_sha256 FROM component_version WHERE name=?1 AND version=?2",
                          "tt", p->name, p->version);

    if (rc <= 0) return rc;
    return strcmp(have, sha) == 0 ? 1 : conflict(p, err);
}

/* The same from the store: the database may be younger than the bucket. */
static int stored(struct sedge_store *s, const struct sedge_package *p, const char *key, const char *sha,
                  struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;
    sedge_auto_put struct json_object *m = NULL;
    struct sedge_err why = SEDGE_ERR_INIT;

    if (sedge_store_get_text(s, key, &text, &why) != 0) {
        if (why.code == SEDGE_E_NOT_FOUND) return 0;
        if (err) *err = why;
        return -1;
    }
    m = sedge_json_parse_object(text.data, text.len, key, err);
    if (!m) return -1;
    return strcmp(sedge_json_str(sedge_json_obj(m, "recipe"), "sha256", ""), sha) == 0 ? 1 : conflict(p, err);
}

static int upload(struct sedge_store *s, const struct sedge_package *p, const char *recipe_key,
                  const char *manifest_key, struct json_object *manifest, void (*progress)(const char *),
                  struct sedge_err *err)
{
    for (size_t i = 0; i < p->nfiles; i++) {
        sedge_auto_free char *key = sedge_xasprintf("artifacts/%s/%s/%s", p->name, p->version, p->files[i].name);

        say(progress, "artifact", key, p->files[i].size);
        if (sedge_store_put_file(s, key, p->files[i].path, p->files[i].sha256, err) != 0) return -1;
    }
    say(progress, "recipe  ", recipe_key, (int64_t)strlen(p->recipe));
    if (sedge_store_put_text(s, recipe_key, p->recipe, err) != 0) return -1;
    say(progress, "manifest", manifest_key, -1);
    return sedge_store_put_text(s, manifest_key, sedge_json_text(manifest), err);
}

static int record(struct sedge_cloud *c, const struct sedge_package *p, const char *sha, struct json_object *manifest,
                  struct sedge_err *err)
{
    int64_t now = sedge_wall_ms();
    int rc;

    if (sedge_q_begin(c->db, err) != 0) return -1;
    rc =
        sedge_q_run(c->db, err,
                    "INSERT INTO component_version(name,version,state,recipe_sha256,manifest,created_at,recipe)"
                    " VALUES(?1,?2,0,?3,?4,?5,?6) ON CONFLICT(name,version) DO UPDATE SET recipe=excluded.recipe",
                    "ttttit", p->name, p->version, sha, sedge_json_text(manifest), now / 1000, (const char *)p->recipe);
    if (rc == 0) rc = sedge_audit(c->db, now, "component-publish", p->name, p->version, err);
    return sedge_q_end(c->db, rc, err);
}

int sedge_component_publish(struct sedge_cloud *c, const struct sedge_package *p, bool *unchanged,
                            void (*progress)(const char *line), struct sedge_err *err)
{
    sedge_auto_free char *recipe_key = sedge_xasprintf("recipes/%s/%s.json", p->name, p->version);
    sedge_auto_free char *manifest_key = sedge_xasprintf("manifests/%s/%s.json", p->name, p->version);
    sedge_auto_buf struct sedge_buf sha = SEDGE_BUF_INIT;
    sedge_auto_put struct json_object *manifest = NULL;
    struct sedge_store *s;
    int rc;

    sedge_sha256_hex(p->recipe, strlen(p->recipe), &sha);
    rc = known(c, p, sha.data, err);
    *unchanged = rc == 1;
    if (rc != 0) return rc == 1 ? 0 : -1;
    s = sedge_store_open(&c->set, err);
    if (!s) return -1;
    manifest = manifest_of(p, recipe_key, sha.data);
    rc = stored(s, p, manifest_key, sha.data, err);
    *unchanged = rc == 1;
    if (rc == 0) rc = upload(s, p, recipe_key, manifest_key, manifest, progress, err);
    sedge_store_close(s);
    return rc < 0 ? -1 : record(c, p, sha.data, manifest, err);
}

struct json_object *sedge_component_list(struct sedge_cloud *c, struct sedge_err *err)
{
    struct json_object *list = json_object_new_array();
    sqlite3_stmt *q = sedge_q(
        c->db, err, "SELECT name, version, created_at, manifest, state FROM component_version ORDER BY name, id", "");
    int rc = -1;

    while (q && (rc = sedge_db_step(c->db, q, err)) == 1) {
        const char *text = sedge_db_text(q, 3);
        sedge_auto_put struct json_object *m = sedge_json_parse_object(text, strlen(text), "manifest", NULL);
        struct json_object *o = json_object_new_object(), *files = sedge_json_arr(m, "artifacts");
        int64_t bytes = 0;

        for (size_t i = 0; files && i < json_object_array_length(files); i++)
            bytes += sedge_json_i64(json_object_array_get_idx(files, i), "size", 0);
        sedge_json_add_str(o, "componentName", sedge_db_text(q, 0));
        sedge_json_add_str(o, "componentVersion", sedge_db_text(q, 1));
        sedge_json_add_str(o, "state", sedge_version_state_name(sqlite3_column_int64(q, 4)));
        sedge_json_add_i64(o, "artifacts", files ? (int64_t)json_object_array_length(files) : 0);
        sedge_json_add_i64(o, "bytes", bytes);
        sedge_json_add_i64(o, "publishedAt", sqlite3_column_int64(q, 2));
        (void)json_object_array_add(list, o); /* takes o */
    }
    (void)sqlite3_finalize(q);
    if (rc >= 0) return list;
    json_object_put(list);
    return NULL;
}

struct json_object *sedge_component_show(struct sedge_cloud *c, const char *what, struct sedge_err *err)
{
    struct json_object *list = json_object_new_array();
    const char *at = strchr(what, '@');
    sedge_auto_free char *name = at ? sedge_xstrndup(what, (size_t)(at - what)) : sedge_xstrdup(what);
    sqlite3_stmt *q = sedge_q(
        c->db, err,
        "SELECT manifest, state FROM component_version WHERE name=?1 AND (?2 IS NULL OR version=?2) ORDER BY id", "tt",
        (const char *)name, at ? at + 1 : NULL);
    int rc = -1;

    while (q && (rc = sedge_db_step(c->db, q, err)) == 1) {
        const char *text = sedge_db_text(q, 0);

        struct json_object *m = sedge_json_parse_object(text, strlen(text), "manifest", NULL);

        if (m) sedge_json_add_str(m, "state", sedge_version_state_name(sqlite3_column_int64(q, 1)));
        (void)json_object_array_add(list, m); /* takes m */
    }
    (void)sqlite3_finalize(q);
    if (rc == 0 && json_object_array_length(list) == 0)
        rc = sedge_err_set(err, SEDGE_E_NOT_FOUND, "%s is not published; sedge-cloud component list shows what is",
                           what);
    if (rc == 0) return list;
    json_object_put(list);
    return NULL;
}
