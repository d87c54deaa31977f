#include "interpolate.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>
#include <strings.h>

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

char *sedge_artifacts_path(const char *root, const char *component, const char *version)
{
    return sedge_xasprintf("%s/packages/artifacts/%s/%s", root, component, version);
}

char *sedge_unarchived_path(const char *root, const char *component, const char *version)
{
    return sedge_xasprintf("%s/packages/artifacts-unarchived/%s/%s", root, component, version);
}

char *sedge_work_path(const char *root, const char *component)
{
    return sedge_xasprintf("%s/work/%s", root, component);
}

void sedge_variable_release(struct sedge_variable *v)
{
    free(v->component);
    free(v->space);
    free(v->key);
    *v = (struct sedge_variable){NULL, NULL, NULL, 0};
}

/* Reads "name:" at *p; NULL if there is none. */
static char *take_name(const char **p)
{
    size_t n = strspn(*p, NAME_CHARS);
    char *name;

    if (n == 0 || (*p)[n] != ':') return NULL;
    name = sedge_xstrndup(*p, n);
    *p += n + 1;
    return name;
}

bool sedge_variable_read(const char *text, bool other, struct sedge_variable *out)
{
    const char *p = text + 1;
    size_t n;

    *out = (struct sedge_variable){NULL, NULL, NULL, 0};
    if (other) out->component = take_name(&p);
    if (!other || out->component) out->space = take_name(&p);
    if (!out->space) return false;
    n = strcspn(p, ":}");
    if (p[n] != '}') return false;
    out->key = sedge_xstrndup(p, n);
    out->length = (size_t)(p + n + 1 - text);
    return true;
}

/* qsort's comparison of two names: ignoring case, then exactly. */
static int by_name_nocase(const void *a, const void *b)
{
    const char *const *x = a;
    const char *const *y = b;
    int rc = strcasecmp(*x, *y);

    return rc ? rc : strcmp(*x, *y);
}

static void unknown(const struct sedge_interp *in, const char *text, size_t n, const char *why)
{
    sedge_auto_free char *placeholder = sedge_xstrndup(text, n);

    if (in->on_unknown) in->on_unknown(placeholder, why, in->user);
}

/* Appends the value at a configuration pointer. 1 done, 0 leave the text, -1 failure; *why says why it is left. */
static int put_configuration(struct json_object *configuration, const char *pointer, struct sedge_buf *out,
                             const char **why, struct sedge_err *err)
{
    sedge_auto_put struct json_object *empty = json_object_new_object();
    struct json_object *v = NULL;

    if (*pointer && *pointer != '/')
        return sedge_err_set(
            err, SEDGE_E_INVALID,
            "recipe variable {configuration:%s}: a JSON pointer starts with \"/\"; write {configuration:/%s}", pointer,
            pointer);
    if (sedge_json_pointer(configuration ? configuration : empty, pointer, &v, NULL) != 1) {
        *why = "the configuration has nothing at this pointer";
        return 0;
    }
    if (sedge_json_is_str(v)) {
        sedge_buf_puts(out, json_object_get_string(v));
    } else {
        sedge_auto_free char *text = sedge_json_text_sorted_by(v, by_name_nocase);

        sedge_buf_puts(out, text);
    }
    return 1;
}

static int put_path_take(struct sedge_buf *out, char *path)
{
    sedge_buf_puts(out, path);
    free(path);
    return 1;
}

/* What every component has. Results as put_configuration. */
static int put_own(const struct sedge_interp *in, const struct sedge_interp_component *c,
                   const struct sedge_variable *v, struct sedge_buf *out, const char **why, struct sedge_err *err)
{
    if (strcmp(v->space, "configuration") == 0) {
        if (!in->without_configuration) return put_configuration(c->configuration, v->key, out, why, err);
        *why = NULL; /* meant to stay */
        return 0;
    }
    if (strcmp(v->space, "artifacts") == 0 && strcmp(v->key, "path") == 0)
        return put_path_take(out, sedge_artifacts_path(in->root, c->name, c->version));
    if (strcmp(v->space, "artifacts") == 0 && strcmp(v->key, "decompressedPath") == 0)
        return put_path_take(out, sedge_unarchived_path(in->root, c->name, c->version));
    if (strcmp(v->space, "work") == 0 && strcmp(v->key, "path") == 0)
        return put_path_take(out, sedge_work_path(in->root, c->name));
    *why = "there is no recipe variable of this name";
    return 0;
}

static int put_variable(const struct sedge_interp *in, const struct sedge_variable *v, struct sedge_buf *out,
                        const char **why, struct sedge_err *err)
{
    if (v->component) {
        for (size_t i = 0; i < in->ndependencies; i++)
            if (strcmp(in->dependencies[i].name, v->component) == 0)
                return put_own(in, &in->dependencies[i], v, out, why, err);
        *why = "the component is not among the dependencies of this one";
        return 0;
    }
    if (strcmp(v->space, "kernel") == 0 && strcmp(v->key, "rootPath") == 0) {
        sedge_buf_puts(out, in->root);
        return 1;
    }
    if (strcmp(v->space, "iot") == 0 && strcmp(v->key, "thingName") == 0) {
        sedge_buf_puts(out, in->thing_name ? in->thing_name : "");
        return 1;
    }
    return put_own(in, &in->self, v, out, why, err);
}

/* Treats what stands at `text`, a brace: appends what it becomes. Length used up, 0 on failure. */
static size_t replace_at(const struct sedge_interp *in, const char *text, bool other, struct sedge_buf *out,
                         struct sedge_err *err)
{
    struct sedge_variable v;
    const char *why = "";
    size_t used = 1;
    int rc = 0;

    if (sedge_variable_read(text, other, &v)) {
        rc = put_variable(in, &v, out, &why, err);
        if (rc == 0 && why) unknown(in, text, v.length, why);
        if (rc == 1) used = v.length;
    }
    sedge_variable_release(&v);
    if (rc < 0) return 0;
    if (rc == 0) sedge_buf_putc(out, *text);
    return used;
}

static char *one_pass(const struct sedge_interp *in, const char *text, bool other, struct sedge_err *err)
{
    struct sedge_buf out = SEDGE_BUF_INIT;

    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "{");

        sedge_buf_add(&out, p, n);
        p += n;
        if (!*p) break;
        n = replace_at(in, p, other, &out, err);
        if (n == 0 || out.len > SEDGE_INTERPOLATED_TEXT_MAX) {
            if (n > 0)
                (void)sedge_err_set(err, SEDGE_E_LIMIT,
                                    "a text is longer than %u bytes after its variables were replaced",
                                    SEDGE_INTERPOLATED_TEXT_MAX);
            sedge_buf_release(&out);
            return NULL;
        }
        p += n;
    }
    return sedge_buf_steal(&out);
}

char *sedge_interpolate_text(const struct sedge_interp *in, const char *text, struct sedge_err *err)
{
    sedge_auto_free char *own = one_pass(in, text, false, err);

    return own ? one_pass(in, own, true, err) : NULL;
}

static int interpolate(const struct sedge_interp *in, struct json_object *v, struct json_object **out,
                       struct sedge_err *err);

static int interpolate_object(const struct sedge_interp *in, struct json_object *v, struct json_object *out,
                              struct sedge_err *err)
{
    json_object_object_foreach (v, key, child) {
        struct json_object *done = NULL;

        if (interpolate(in, child, &done, err) != 0) return sedge_err_wrap(err, "%s", key);
        (void)json_object_object_add(out, key, done); /* takes the reference */
    }
    return 0;
}

static int interpolate_array(const struct sedge_interp *in, struct json_object *v, struct json_object *out,
                             struct sedge_err *err)
{
    for (size_t i = 0; i < json_object_array_length(v); i++) {
        struct json_object *done = NULL;

        if (interpolate(in, json_object_array_get_idx(v, i), &done, err) != 0) return sedge_err_wrap(err, "[%zu]", i);
        (void)json_object_array_add(out, done); /* takes the reference */
    }
    return 0;
}

static int interpolate(const struct sedge_interp *in, struct json_object *v, struct json_object **out,
                       struct sedge_err *err)
{
    sedge_auto_put struct json_object *made = NULL;
    sedge_auto_free char *text = NULL;
    int rc = 0;

    if (v && json_object_is_type(v, json_type_object)) {
        made = json_object_new_object();
        rc = interpolate_object(in, v, made, err);
    } else if (v && json_object_is_type(v, json_type_array)) {
        made = json_object_new_array();
        rc = interpolate_array(in, v, made, err);
    } else if (sedge_json_is_str(v)) {
        text = sedge_interpolate_text(in, json_object_get_string(v), err);
        if (!text) return -1;
        made = json_object_new_string(text);
    } else {
        made = sedge_json_copy(v);
    }
    if (rc == 0) *out = sedge_steal(&made);
    return rc;
}

struct json_object *sedge_interpolate(const struct sedge_interp *in, struct json_object *v, struct sedge_err *err)
{
    struct json_object *out = NULL;

    if (err) *err = SEDGE_ERR_INIT;
    return interpolate(in, v, &out, err) == 0 ? out : NULL;
}
