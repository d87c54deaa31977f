/* package - a component version on the operator's disk becomes a package: recipe checked, artifacts found and hashed.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "component.h"
#include "recipe/check.h"
#include "recipe/recipe.h"

void sedge_package_release(struct sedge_package *p)
{
    for (size_t i = 0; i < p->nfiles; i++) {
        free(p->files[i].name);
        free(p->files[i].path);
        free(p->files[i].sha256);
    }
    free(p->files);
    free(p->name);
    free(p->version);
    free(p->recipe);
    *p = (struct sedge_package){0};
}

/* recipe.yaml, recipe.json, or the only file with a recipe's extension. Heap. */
static char *find_recipe(const char *folder, struct sedge_err *err)
{
    DIR *d = opendir(folder);
    char *found = NULL;
    struct dirent *e;
    int n = 0;

    if (!d) {
        (void)sedge_err_sys(err, errno, "%s", folder);
        return NULL;
    }
    while ((e = readdir(d)) != NULL) {
        bool named = strncasecmp(e->d_name, "recipe.", 7) == 0;

        if (e->d_name[0] == '.' || !sedge_recipe_is_file_name(e->d_name) || (!named && n > 99)) continue;
        free(found);
        found = sedge_xasprintf("%s/%s", folder, e->d_name);
        n = named ? 100 : n + 1;
    }
    (void)closedir(d);
    if (n == 1 || n >= 100) return found;
    free(found);
    (void)sedge_err_set(err, n ? SEDGE_E_INVALID : SEDGE_E_NOT_FOUND,
                        n ? "%s has several .yaml or .json files; name the recipe recipe.yaml, or give its path"
                          : "%s has no recipe: expected recipe.yaml or recipe.json in it",
                        folder);
    return NULL;
}

static struct sedge_package_file *have(struct sedge_package *p, const char *name)
{
    for (size_t i = 0; i < p->nfiles; i++) {
        if (strcmp(p->files[i].name, name) == 0) return &p->files[i];
    }
    return NULL;
}

static char *locate(const char *const dirs[3], const char *name)
{
    for (int i = 0; i < 3 && dirs[i]; i++) {
        char *path = sedge_xasprintf("%s/%s", dirs[i], name);
        struct stat st;

        if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) return path;
        free(path);
    }
    return NULL;
}

static struct sedge_package_file *add_file(struct sedge_package *p, const char *name, const char *const dirs[3],
                                           struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf sha = SEDGE_BUF_INIT;
    struct sedge_package_file *f = have(p, name);
    char *path;
    struct stat st;

    if (f) return f;
    path = locate(dirs, name);
    if (!path) {
        (void)sedge_err_set(
            err, SEDGE_E_NOT_FOUND,
            "artifact \"%s\" of %s@%s is not in %s; put it there, or name its folder with --artifact-dir", name,
            p->name, p->version, dirs[0]);
        return NULL;
    }
    if (p->nfiles == SEDGE_PACKAGE_FILES_MAX || stat(path, &st) != 0 || sedge_sha256_file_hex(path, &sha, err) != 0) {
        if (p->nfiles == SEDGE_PACKAGE_FILES_MAX)
            (void)sedge_err_set(err, SEDGE_E_LIMIT, "more than %d artifacts", SEDGE_PACKAGE_FILES_MAX);
        free(path);
        return NULL;
    }
    p->files = sedge_xrealloc(p->files, p->nfiles + 1, sizeof(*p->files));
    f = &p->files[p->nfiles++];
    *f = (struct sedge_package_file){sedge_xstrdup(name), path, sedge_buf_steal(&sha), st.st_size};
    p->bytes += st.st_size;
    return f;
}

/* Keeps the spelling of a key that is there already. */
static void set_text(struct json_object *o, const char *key, const char *value)
{
    const char *stored = NULL;

    (void)sedge_json_get_nocase(o, key, &stored);
    sedge_json_add_str(o, stored ? stored : key, value);
}

/* Which file of ours an URI means: a plain name as it is, s3:// by its last part. NULL without an error: an artifact
 * that devices fetch from elsewhere. */
static char *file_of(const char *uri, const char *const dirs[3], struct sedge_err *err)
{
    enum sedge_uri_scheme scheme = sedge_artifact_scheme(uri);
    char *name, *path;

    if (scheme == SEDGE_URI_NO_SCHEME) {
        if (uri[0] && uri[0] != '/' && !strstr(uri, "..")) return sedge_xstrdup(uri);
        (void)sedge_err_set(err, SEDGE_E_INVALID, "artifact URI \"%s\": expected a file name below the artifact folder",
                            uri);
        return NULL;
    }
    if (scheme != SEDGE_URI_S3) return NULL;
    name = sedge_artifact_file_name(uri, err);
    if (!name) return NULL;
    path = locate(dirs, name);
    free(path);
    if (path) return name;
    (void)sedge_err_set(err, SEDGE_E_NOT_FOUND,
                        "artifact \"%s\" (%s) is not in %s; put it there, or name its folder with --artifact-dir", name,
                        uri, dirs[0]);
    free(name);
    return NULL;
}

static int fill_artifact(struct sedge_package *p, struct json_object *a, const char *location,
                         const char *const dirs[3], struct sedge_err *err)
{
    struct json_object *u = sedge_json_get_nocase(a, "URI", NULL);
    const char *uri = sedge_json_is_str(u) ? json_object_get_string(u) : "";
    sedge_auto_free char *name = NULL;
    sedge_auto_free char *stored = NULL;
    sedge_auto_buf struct sedge_buf digest = SEDGE_BUF_INIT;
    struct sedge_package_file *f;
    struct sedge_err why = SEDGE_ERR_INIT;

    name = file_of(uri, dirs, &why);
    if (!name && why.code == SEDGE_OK) return 0;
    if (!name) {
        if (err) *err = why;
        return -1;
    }
    f = add_file(p, name, dirs, err);
    if (!f || sedge_digest_file_base64(f->path, "SHA-256", &digest, err) != 0) return -1;
    stored = sedge_xasprintf("%s/%s", location, name);
    set_text(a, "URI", stored);
    set_text(a, "Digest", digest.data);
    set_text(a, "Algorithm", "SHA-256");
    return 0;
}

static int fill_recipe(struct sedge_package *p, struct json_object *doc, const char *location,
                       const char *const dirs[3], struct sedge_err *err)
{
    struct json_object *manifests = sedge_json_get_nocase(doc, "Manifests", NULL);
    size_t n = json_object_is_type(manifests, json_type_array) ? json_object_array_length(manifests) : 0;

    for (size_t i = 0; i < n; i++) {
        struct json_object *m = json_object_array_get_idx(manifests, i);
        struct json_object *list = sedge_json_get_nocase(m, "Artifacts", NULL);
        size_t k, all = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

        for (k = 0; k < all; k++) {
            if (fill_artifact(p, json_object_array_get_idx(list, k), location, dirs, err) != 0) return -1;
        }
    }
    return 0;
}

static int check(const struct sedge_recipe *r, const char *file, struct sedge_err *err)
{
    if (strchr(r->version.text, '+'))
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "%s: ComponentVersion \"%s\": build metadata (+...) cannot be published", file,
                             r->version.text);
    for (size_t i = 0; i < r->ndependencies; i++) {
        if (strcmp(r->dependencies[i].name, r->name) == 0)
            return sedge_err_set(err, SEDGE_E_INVALID, "%s: the component depends on itself", file);
    }
    return 0;
}

static int fill(struct sedge_package *p, struct sedge_recipe *r, const char *file, const char *artifact_dir,
                const char *bucket, const char *prefix, struct sedge_err *err)
{
    const char *slash = strrchr(file, '/');
    sedge_auto_free char *folder = slash ? sedge_xstrndup(file, (size_t)(slash - file)) : sedge_xstrdup(".");
    sedge_auto_free char *below = sedge_xasprintf("%s/artifacts", folder);
    sedge_auto_free char *location = NULL;
    sedge_auto_put struct json_object *doc = NULL;
    const char *dirs[3] = {artifact_dir ? artifact_dir : folder, artifact_dir ? NULL : below, NULL};

    if (check(r, file, err) != 0) return -1;
    p->name = sedge_xstrdup(r->name);
    p->version = sedge_xstrdup(r->version.text);
    location =
        sedge_xasprintf("s3://%s/%s%sartifacts/%s/%s", bucket, prefix, prefix[0] ? "/" : "", p->name, p->version);
    doc = sedge_json_copy(r->document);
    if (fill_recipe(p, doc, location, dirs, err) != 0) return -1;
    p->recipe =
        sedge_xstrdup(json_object_to_json_string_ext(doc, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
    return 0;
}

/* Whether an error is none for a publisher: plain file names become locations, and other nuclei run other types. */
static bool may_pass(const struct sedge_finding *f)
{
    return f->severity != SEDGE_SEVERITY_ERROR || strcmp(f->rule, "artifact-uri") == 0 ||
           strcmp(f->rule, "component-type") == 0;
}

/* Refuses a recipe with errors: the first one is told, and how many there are. */
static int check_text(const char *file, const struct sedge_buf *text, struct sedge_err *err)
{
    struct sedge_report r;
    const struct sedge_finding *first = NULL;
    size_t n = 0;
    int rc = 0;

    sedge_recipe_check(text->data, text->len, file, &r);
    for (size_t i = 0; i < r.n; i++) {
        if (may_pass(&r.v[i])) continue;
        if (!first) first = &r.v[i];
        n++;
    }
    if (first)
        rc = sedge_err_set(err, SEDGE_E_INVALID, "%s:%u:%u: %s%s%s", file, first->line, first->column, first->member,
                           first->member[0] ? ": " : "", first->message);
    if (n > 1 && err) {
        struct sedge_err told = *err;

        rc = sedge_err_set(err, told.code, "%s (%zu more error%s: sedge recipe check %s)", told.msg, n - 1,
                           n == 2 ? "" : "s", file);
    }
    sedge_report_release(&r);
    return rc;
}

static struct sedge_recipe *load_checked(const char *file, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;

    if (!sedge_recipe_is_file_name(file)) return sedge_recipe_load(file, err); /* says what is expected */
    if (sedge_fs_read(file, SEDGE_RECIPE_BYTES_MAX, &text, err) != 0) return NULL;
    sedge_buf_puts(&text, "");
    if (check_text(file, &text, err) != 0) return NULL;
    return sedge_recipe_parse(text.data, text.len, file, err);
}

int sedge_package_load(const char *path, const char *artifact_dir, const char *bucket, const char *prefix,
                       struct sedge_package *out, struct sedge_err *err)
{
    sedge_auto_free char *file = sedge_fs_is_dir(path) ? find_recipe(path, err) : sedge_xstrdup(path);
    struct sedge_recipe *r;
    int rc;

    *out = (struct sedge_package){0};
    if (!file) return -1;
    if (artifact_dir && !sedge_fs_is_dir(artifact_dir))
        return sedge_err_set(err, SEDGE_E_NOT_FOUND, "--artifact-dir %s is not a folder", artifact_dir);
    r = load_checked(file, err);
    if (!r) return -1;
    if (r->nmanifests == 0)
        rc = sedge_err_set(err, SEDGE_E_INVALID,
                           "%s: Manifests is missing or empty; expected a list with at least one manifest", file);
    else
        rc = fill(out, r, file, artifact_dir, bucket, prefix, err);
    sedge_recipe_free(r);
    return rc;
}
