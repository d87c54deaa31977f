#include "recipe_files.h"

#include "base/fs.h"
#include "base/mem.h"
#include "recipe/recipe.h"

#include <string.h>

struct collect {
    struct sedge_strv *out;
    size_t *skipped;
};

/* Whether a file below a folder is meant to be a recipe. What cannot be read counts: the reader says why. */
static bool is_recipe(const char *path)
{
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;

    if (sedge_str_ends(path, ".schema.json")) return false;
    if (sedge_fs_read(path, SEDGE_RECIPE_BYTES_MAX, &text, NULL) != 0) return true;
    sedge_buf_puts(&text, "");
    return strcasestr(text.data, "RecipeFormatVersion") != NULL || strcasestr(text.data, "ComponentName") != NULL;
}

static int add_file(const char *path, const char *relative, void *user, struct sedge_err *err)
{
    struct collect *c = user;

    (void)relative;
    if (!sedge_recipe_is_file_name(path)) return 0;
    if (!is_recipe(path)) {
        (*c->skipped)++;
        return 0;
    }
    if (c->out->n >= SEDGE_RECIPE_FILES_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "more than %d recipes; name fewer files or folders",
                             SEDGE_RECIPE_FILES_MAX);
    sedge_strv_add(c->out, path);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_folder(const char *name, struct sedge_strv *out, size_t *skipped, struct sedge_err *err)
{
    struct collect c = {out, skipped};
    size_t before = out->n;
    size_t n = strlen(name);
    sedge_auto_free char *folder = NULL;

    while (n > 1 && name[n - 1] == '/')
        n--;
    folder = sedge_xstrndup(name, n);
    if (sedge_fs_walk(folder, add_file, &c, err) != 0) return -1;
    if (out->n == before)
        return sedge_err_set(
            err, SEDGE_E_NOT_FOUND,
            "%s: no recipe in this folder; expected a .yaml, .yml or .json file with RecipeFormatVersion", name);
    qsort(out->v + before, out->n - before, sizeof *out->v, by_name);
    return 0;
}

int sedge_recipe_files(const struct sedge_strv *names, struct sedge_strv *out, size_t *skipped, struct sedge_err *err)
{
    *skipped = 0;
    for (size_t i = 0; i < names->n; i++) {
        if (!sedge_fs_is_dir(names->v[i]))
            sedge_strv_add(out, names->v[i]);
        else if (add_folder(names->v[i], out, skipped, err) != 0)
            return -1;
    }
    return 0;
}
