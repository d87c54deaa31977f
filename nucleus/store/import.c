#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "inside.h"
#include "recipe/recipe.h"

/* ---- recipes ---- */

struct importing {
    struct sedge_store *store;
    struct sedge_store_batch batch;
    size_t count;
};

static int import_recipe(const char *path, const char *relative, void *user, struct sedge_err *err)
{
    struct importing *in = user;
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;
    struct sedge_recipe *r;
    int rc;

    if (!sedge_recipe_is_file_name(relative)) {
        sedge_log(SEDGE_ERROR, "store", "recipe-file-skipped",
                  "path=%s: recipes end in .yaml, .yml or .json; the file is not used", path);
        return 0;
    }
    if (sedge_fs_read(path, SEDGE_RECIPE_BYTES_MAX, &text, err) != 0) return -1;
    if (text.len == 0) {
        sedge_log(SEDGE_ERROR, "store", "recipe-file-skipped", "path=%s: the file is empty", path);
        return 0;
    }
    r = sedge_recipe_parse(text.data, text.len, path, err);
    if (!r) return -1;
    rc = sedge_store_batch_add(in->store, &in->batch, r, text.data, err);
    sedge_recipe_free(r);
    if (rc == 0) in->count++;
    return rc;
}

int sedge_store_import_recipes(struct sedge_store *s, const char *dir, size_t *count, struct sedge_err *err)
{
    struct importing in = {.store = s};
    int rc;

    if (!sedge_fs_is_dir(dir)) return sedge_err_set(err, SEDGE_E_NOT_FOUND, "recipe directory %s is not a folder", dir);
    rc = sedge_fs_walk(dir, import_recipe, &in, err);
    if (rc == 0) rc = sedge_store_batch_commit(s, &in.batch, err);
    sedge_store_batch_release(&in.batch);
    if (count) *count = in.count;
    return rc;
}

/* ---- artifacts ---- */

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int sedge_store_list(const char *dir, struct sedge_strv *names, struct sedge_err *err)
{
    DIR *d = opendir(dir);
    const struct dirent *e;

    if (!d) return errno == ENOENT ? 0 : sedge_err_sys(err, errno, "%s", dir);
    while ((e = readdir(d)))
        if (e->d_name[0] != '.') sedge_strv_add(names, e->d_name);
    (void)closedir(d); /* read only */
    if (names->n > 1) qsort(names->v, names->n, sizeof(*names->v), by_bytes);
    return 0;
}

/* Calls fn(component, version, folder) for each version folder below `dir`. */
static int each_version(struct sedge_store *s, const char *dir,
                        int (*fn)(struct sedge_store *s, const char *name, const char *version, const char *path,
                                  struct sedge_err *err),
                        struct sedge_err *err)
{
    sedge_auto_strv struct sedge_strv names = {0};

    if (sedge_store_list(dir, &names, err) != 0) return -1;
    for (size_t i = 0; i < names.n; i++) {
        sedge_auto_free char *component = sedge_xasprintf("%s/%s", dir, names.v[i]);
        sedge_auto_strv struct sedge_strv versions = {0};

        if (!sedge_fs_is_dir(component))
            return sedge_err_set(err, SEDGE_E_INVALID,
                                 "%s is not a folder; artifacts are expected as %s/<component>/<version>/<files>",
                                 component, dir);
        if (sedge_store_list(component, &versions, err) != 0) return -1;
        for (size_t k = 0; k < versions.n; k++) {
            sedge_auto_free char *path = sedge_xasprintf("%s/%s", component, versions.v[k]);

            if (fn(s, names.v[i], versions.v[k], path, err) != 0) return -1;
        }
    }
    return 0;
}

static int check_version(struct sedge_store *s, const char *name, const char *version, const char *path,
                         struct sedge_err *err)
{
    (void)s;
    if (sedge_fs_is_dir(path) && sedge_store_check(name, version, err) == 0) return 0;
    if (!sedge_fs_is_dir(path))
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "%s is not a folder; artifacts are expected as <component>/<version>/<files>", path);
    return sedge_err_wrap(err, "artifact folder %s", path);
}

static int copy_version(struct sedge_store *s, const char *name, const char *version, const char *path,
                        struct sedge_err *err)
{
    sedge_auto_free char *to = sedge_store_artifact_dir(s, name, version, err);

    return to ? sedge_fs_copy_tree(path, to, err) : -1;
}

int sedge_store_import_artifacts(struct sedge_store *s, const char *dir, struct sedge_err *err)
{
    if (!sedge_fs_is_dir(dir))
        return sedge_err_set(err, SEDGE_E_NOT_FOUND, "artifact directory %s is not a folder", dir);
    if (each_version(s, dir, check_version, err) != 0) return -1;
    return each_version(s, dir, copy_version, err);
}
