#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/semver.h"
#include "inside.h"
#include "recipe/recipe.h"

/* ---- names ---- */

int sedge_store_check(const char *name, const char *version, struct sedge_err *err)
{
    struct sedge_version v;

    if (sedge_component_name_check(name, err) != 0) return -1;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return sedge_err_set(err, SEDGE_E_INVALID, "\"%s\" cannot be the name of a component", name);
    return sedge_version_parse(version, &v, err);
}

static char *version_dir(struct sedge_store *s, const char *kind, const char *name, const char *version,
                         struct sedge_err *err)
{
    if (sedge_store_check(name, version, err) != 0) return NULL;
    return sedge_xasprintf("%s/%s/%s/%s", s->packages, kind, name, version);
}

char *sedge_store_artifact_dir(struct sedge_store *s, const char *name, const char *version, struct sedge_err *err)
{
    return version_dir(s, "artifacts", name, version, err);
}

char *sedge_store_unarchived_dir(struct sedge_store *s, const char *name, const char *version, struct sedge_err *err)
{
    return version_dir(s, "artifacts-unarchived", name, version, err);
}

char *sedge_store_unarchived_name(const char *file)
{
    const char *first = strchr(file, '.'), *last = strrchr(file, '.');

    return first && first != file ? sedge_xstrndup(file, (size_t)(last - file)) : sedge_xstrdup(file);
}

/* ---- open ---- */

/* What an interrupted write of a recipe left. */
static int sweep_file(const char *path, const char *relative, void *user, struct sedge_err *err)
{
    (void)user;
    if (!sedge_str_ends(relative, ".new") || unlink(path) == 0 || errno == ENOENT) return 0;
    return sedge_err_sys(err, errno, "%s", path);
}

static int sweep_recipes(struct sedge_store *s, struct sedge_err *err)
{
    sedge_auto_free char *dir = sedge_xasprintf("%s/recipes", s->packages);

    return sedge_fs_walk(dir, sweep_file, NULL, err);
}

struct sedge_store *sedge_store_open(const char *root, struct sedge_err *err)
{
    static const struct {
        const char *name;
        mode_t mode;
    } dirs[] = {
        {"", 0755}, {"/artifacts", 0755}, {"/artifacts-unarchived", 0755}, {"/recipes", 0700}, {"/trash", 0700}};
    struct sedge_store *s = SEDGE_NEW(struct sedge_store);
    sedge_auto_free char *trash = NULL;
    struct sedge_err left = SEDGE_ERR_INIT;

    sedge_assert(uv_mutex_init(&s->lock) == 0);
    sedge_assert(uv_mutex_init(&s->pin_lock) == 0);
    s->packages = sedge_xasprintf("%s/packages", root);
    trash = sedge_xasprintf("%s/trash", s->packages);
    /* what an interrupted clean-up left: it costs room and nothing else */
    if (sedge_fs_remove_tree(trash, &left) != 0) sedge_log(SEDGE_WARN, "store", "clean-up-failed", "%s", left.msg);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(dirs); i++) {
        sedge_auto_free char *dir = sedge_xasprintf("%s%s", s->packages, dirs[i].name);

        if (sedge_fs_mkdirs(dir, dirs[i].mode, err) != 0) {
            sedge_store_close(s);
            return NULL;
        }
    }
    left = (struct sedge_err)SEDGE_ERR_INIT;
    if (sweep_recipes(s, &left) != 0) sedge_log(SEDGE_WARN, "store", "clean-up-failed", "%s", left.msg);
    return s;
}

static void forget_index(struct sedge_store *s)
{
    for (size_t i = 0; i < s->nentries; i++) {
        free(s->entries[i].name);
        free(s->entries[i].version);
        free(s->entries[i].path);
    }
    free(s->entries);
    s->entries = NULL;
    s->nentries = 0;
    s->indexed = false;
}

void sedge_store_close(struct sedge_store *s)
{
    if (!s) return;
    forget_index(s);
    sedge_strv_release(&s->pins);
    uv_mutex_destroy(&s->lock);
    uv_mutex_destroy(&s->pin_lock);
    free(s->packages);
    free(s);
}

/* ---- index ---- */

static struct sedge_store_entry *find(struct sedge_store *s, const char *name, const char *version)
{
    for (size_t i = 0; i < s->nentries; i++)
        if (strcmp(s->entries[i].name, name) == 0 && strcmp(s->entries[i].version, version) == 0) return &s->entries[i];
    return NULL;
}

/* A file of the canonical name wins over another one with the same content. */
static void index_add(struct sedge_store *s, const char *name, const char *version, const char *path, bool canonical)
{
    struct sedge_store_entry *e = find(s, name, version);

    if (e && !canonical) return;
    if (!e) {
        s->entries = sedge_xrealloc(s->entries, s->nentries + 1, sizeof(*s->entries));
        e = &s->entries[s->nentries++];
        *e = (struct sedge_store_entry){.name = sedge_xstrdup(name), .version = sedge_xstrdup(version)};
    }
    free(e->path);
    e->path = sedge_xstrdup(path);
}

static void index_drop(struct sedge_store *s, const char *name, const char *version)
{
    struct sedge_store_entry *e = find(s, name, version);

    if (!e) return;
    free(e->name);
    free(e->version);
    free(e->path);
    *e = s->entries[--s->nentries];
}

static int index_file(const char *path, const char *relative, void *user, struct sedge_err *err)
{
    struct sedge_store *s = user;
    struct sedge_err why = SEDGE_ERR_INIT;
    struct sedge_recipe *r;
    sedge_auto_free char *stem = NULL;

    (void)err;
    if (!sedge_str_ends(relative, ".recipe.yaml")) return 0;
    r = sedge_recipe_load(path, &why);
    if (!r) {
        sedge_log(SEDGE_WARN, "store", "recipe-left-out", "%s", why.msg);
        return 0;
    }
    stem = sedge_recipe_store_name(r->name, r->version.text);
    index_add(s, r->name, r->version.text, path,
              strncmp(relative, stem, strlen(stem)) == 0 && strcmp(relative + strlen(stem), ".recipe.yaml") == 0);
    sedge_recipe_free(r);
    return 0;
}

static int need_index(struct sedge_store *s, struct sedge_err *err)
{
    sedge_auto_free char *dir = sedge_xasprintf("%s/recipes", s->packages);

    if (s->indexed) return 0;
    if (sedge_fs_walk(dir, index_file, s, err) != 0) {
        forget_index(s);
        return -1;
    }
    s->indexed = true;
    return 0;
}

/* ---- recipes ---- */

static char *canonical_path(struct sedge_store *s, const char *name, const char *version, const char *kind)
{
    sedge_auto_free char *stem = sedge_recipe_store_name(name, version);

    return sedge_xasprintf("%s/recipes/%s.%s", s->packages, stem, kind);
}

static int put_metadata(struct sedge_store *s, const char *name, const char *version, struct json_object *metadata,
                        struct sedge_err *err)
{
    sedge_auto_free char *path = canonical_path(s, name, version, "metadata.json");

    if (metadata) {
        const char *text = sedge_json_text(metadata);

        return sedge_fs_write_atomic(path, text, strlen(text), 0600, err);
    }
    if (unlink(path) != 0 && errno != ENOENT) return sedge_err_sys(err, errno, "%s", path);
    return 0;
}

static bool looks_like_json(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '{';
}

/* `r` was parsed from `text`. */
int sedge_store_write_recipe(struct sedge_store *s, const struct sedge_recipe *r, const char *text,
                             struct json_object *metadata, struct sedge_err *err)
{
    const char *name = r->name, *version = r->version.text;
    sedge_auto_free char *path = NULL, *yaml = looks_like_json(text) ? sedge_recipe_to_yaml(r) : NULL;
    int rc;

    if (yaml) text = yaml;
    if (sedge_store_check(name, version, err) != 0) return -1;
    path = canonical_path(s, name, version, "recipe.yaml");
    uv_mutex_lock(&s->lock);
    rc = need_index(s, err);
    if (rc == 0) rc = put_metadata(s, name, version, metadata, err);
    if (rc == 0) rc = sedge_fs_write_atomic(path, text, strlen(text), 0600, err);
    if (rc == 0) index_add(s, name, version, path, true);
    uv_mutex_unlock(&s->lock);
    return rc;
}

int sedge_store_batch_add(struct sedge_store *s, struct sedge_store_batch *b, const struct sedge_recipe *r,
                          const char *text, struct sedge_err *err)
{
    const char *name = r->name, *version = r->version.text;
    sedge_auto_free char *path = NULL, *yaml = looks_like_json(text) ? sedge_recipe_to_yaml(r) : NULL;

    if (yaml) text = yaml;
    if (sedge_store_check(name, version, err) != 0) return -1;
    path = canonical_path(s, name, version, "recipe.yaml");
    if (sedge_fs_batch_add(&b->files, path, text, strlen(text), 0600, err) != 0) return -1;
    sedge_strv_add(&b->names, name);
    sedge_strv_add(&b->versions, version);
    sedge_strv_add(&b->paths, path);
    return 0;
}

int sedge_store_batch_commit(struct sedge_store *s, struct sedge_store_batch *b, struct sedge_err *err)
{
    int rc;

    uv_mutex_lock(&s->lock);
    rc = need_index(s, err);
    for (size_t i = 0; rc == 0 && i < b->names.n; i++)
        rc = put_metadata(s, b->names.v[i], b->versions.v[i], NULL, err);
    if (rc == 0) rc = sedge_fs_batch_commit(&b->files, err);
    for (size_t i = 0; rc == 0 && i < b->names.n; i++)
        index_add(s, b->names.v[i], b->versions.v[i], b->paths.v[i], true);
    if (rc != 0) forget_index(s); /* some may be there */
    uv_mutex_unlock(&s->lock);
    return rc;
}

void sedge_store_batch_release(struct sedge_store_batch *b)
{
    sedge_fs_batch_release(&b->files);
    sedge_strv_release(&b->names);
    sedge_strv_release(&b->versions);
    sedge_strv_release(&b->paths);
}

int sedge_store_put_recipe(struct sedge_store *s, const char *name, const char *version, const char *text,
                           struct json_object *metadata, struct sedge_err *err)
{
    sedge_auto_free char *what =
        sedge_xasprintf("recipe of %s %s", name ? name : "a component", version ? version : "");
    struct sedge_recipe *r = sedge_recipe_parse(text, strlen(text), what, err);
    int rc;

    if (!r) return -1;
    if ((name && strcmp(r->name, name) != 0) || (version && strcmp(r->version.text, version) != 0))
        rc = sedge_err_set(err, SEDGE_E_INVALID, "%s: the recipe is for %s %s", what, r->name, r->version.text);
    else
        rc = sedge_store_write_recipe(s, r, text, metadata, err);
    sedge_recipe_free(r);
    return rc;
}

char *sedge_store_recipe(struct sedge_store *s, const char *name, const char *version, struct sedge_err *err)
{
    struct sedge_buf text = SEDGE_BUF_INIT;
    sedge_auto_free char *path = NULL;

    uv_mutex_lock(&s->lock);
    if (need_index(s, err) == 0) {
        const struct sedge_store_entry *e = find(s, name, version);

        if (e)
            path = sedge_xstrdup(e->path);
        else
            (void)sedge_err_set(err, SEDGE_E_NOT_FOUND, "there is no recipe of %s %s on this device", name, version);
    }
    uv_mutex_unlock(&s->lock);
    if (!path) return NULL;
    if (sedge_fs_read(path, SEDGE_RECIPE_BYTES_MAX, &text, err) != 0) {
        sedge_buf_release(&text);
        return NULL;
    }
    return sedge_buf_steal(&text);
}

struct json_object *sedge_store_metadata(struct sedge_store *s, const char *name, const char *version,
                                         struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;
    sedge_auto_free char *path = NULL;

    if (sedge_store_check(name, version, err) != 0) return NULL;
    path = canonical_path(s, name, version, "metadata.json");
    if (sedge_fs_read(path, SEDGE_RECIPE_BYTES_MAX, &text, err) != 0) return NULL;
    sedge_buf_puts(&text, "");
    return sedge_json_parse_object(text.data, text.len, path, err);
}

static int newest_first(const void *a, const void *b)
{
    struct sedge_version va, vb;

    if (sedge_version_parse(*(char *const *)a, &va, NULL) != 0 ||
        sedge_version_parse(*(char *const *)b, &vb, NULL) != 0)
        return strcmp(*(char *const *)b, *(char *const *)a);
    return sedge_version_cmp(&vb, &va);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int sedge_store_versions(struct sedge_store *s, const char *name, struct sedge_strv *versions, struct sedge_err *err)
{
    int rc;

    uv_mutex_lock(&s->lock);
    rc = need_index(s, err);
    for (size_t i = 0; rc == 0 && i < s->nentries; i++)
        if (strcmp(s->entries[i].name, name) == 0) sedge_strv_add(versions, s->entries[i].version);
    uv_mutex_unlock(&s->lock);
    if (versions->n > 1) qsort(versions->v, versions->n, sizeof(*versions->v), newest_first);
    return rc;
}

int sedge_store_names(struct sedge_store *s, struct sedge_strv *names, struct sedge_err *err)
{
    int rc;

    uv_mutex_lock(&s->lock);
    rc = need_index(s, err);
    for (size_t i = 0; rc == 0 && i < s->nentries; i++)
        if (!sedge_strv_has(names, s->entries[i].name)) sedge_strv_add(names, s->entries[i].name);
    uv_mutex_unlock(&s->lock);
    if (names->n > 1) qsort(names->v, names->n, sizeof(*names->v), by_bytes);
    return rc;
}

static int unlink_quiet(const char *path, struct sedge_err *err)
{
    return unlink(path) == 0 || errno == ENOENT ? 0 : sedge_err_sys(err, errno, "%s", path);
}

int sedge_store_drop_recipe(struct sedge_store *s, const char *name, const char *version, struct sedge_err *err)
{
    sedge_auto_free char *metadata = canonical_path(s, name, version, "metadata.json");
    sedge_auto_free char *path = canonical_path(s, name, version, "recipe.yaml");
    const struct sedge_store_entry *e;
    int rc;

    uv_mutex_lock(&s->lock);
    rc = need_index(s, err);
    e = rc == 0 ? find(s, name, version) : NULL;
    if (e) rc = unlink_quiet(e->path, err);
    if (rc == 0) rc = unlink_quiet(path, err);
    if (rc == 0) rc = unlink_quiet(metadata, err);
    if (rc == 0) index_drop(s, name, version);
    uv_mutex_unlock(&s->lock);
    return rc;
}

int sedge_store_remove(struct sedge_store *s, const char *name, const char *version, struct sedge_err *err)
{
    sedge_auto_free char *artifacts = sedge_store_artifact_dir(s, name, version, err);
    sedge_auto_free char *unarchived = artifacts ? sedge_store_unarchived_dir(s, name, version, err) : NULL;

    if (!unarchived) return -1;
    if (sedge_fs_remove_tree(artifacts, err) != 0 || sedge_fs_remove_tree(unarchived, err) != 0) return -1;
    return sedge_store_drop_recipe(s, name, version, err);
}
