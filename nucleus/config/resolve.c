#include "resolve.h"

#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "tree.h"

/* Appends the unescaped reference token [p, end) of a JSON pointer. */
static int add_token(struct sedge_strv *out, const char *p, const char *end, const char *pointer, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    for (; p < end; p++) {
        if (*p != '~') {
            sedge_buf_putc(&b, *p);
            continue;
        }
        if (p + 1 == end || (p[1] != '0' && p[1] != '1'))
            return sedge_err_set(err, SEDGE_E_INVALID, "reset path \"%s\": \"~\" must be written ~0 (and \"/\" ~1)",
                                 pointer);
        sedge_buf_putc(&b, *++p == '0' ? '~' : '/');
    }
    sedge_strv_add_take(out, sedge_buf_steal(&b));
    return 0;
}

static int split_pointer(const char *pointer, struct sedge_strv *out, struct sedge_err *err)
{
    const char *p = pointer, *end;

    if (*p != '/')
        return sedge_err_set(err, SEDGE_E_INVALID, "reset path \"%s\" is not a JSON pointer: it must begin with \"/\"",
                             pointer);
    while (*p == '/') {
        end = p + 1 + strcspn(p + 1, "/");
        if (add_token(out, p + 1, end, pointer, err) != 0) return -1;
        p = end;
    }
    return 0;
}

static bool is_index(const char *s)
{
    if (!*s) return false;
    for (; *s; s++)
        if (!isdigit((unsigned char)*s)) return false;
    return true;
}

static int reset_one(struct sedge_tree *t, const char *pointer, struct sedge_strv *skipped, struct sedge_err *err)
{
    sedge_auto_strv struct sedge_strv names = {0};
    struct sedge_node *n;

    if (split_pointer(pointer, &names, err) != 0) return -1;
    for (size_t i = 0; i < names.n; i++)
        if (is_index(names.v[i])) {
            if (skipped) sedge_strv_add(skipped, pointer);
            return 0;
        }
    n = sedge_tree_find(t, (struct sedge_path){(const char *const *)names.v, names.n});
    if (n) sedge_tree_remove(t, n);
    return 0;
}

static int reset_all(struct sedge_tree *t, struct json_object *reset, struct sedge_strv *skipped, struct sedge_err *err)
{
    size_t n = reset ? json_object_array_length(reset) : 0;

    for (size_t i = 0; i < n; i++) {
        struct json_object *v = json_object_array_get_idx(reset, i);

        if (!sedge_json_is_str(v))
            return sedge_err_set(err, SEDGE_E_INVALID, "reset[%zu]: expected a JSON pointer (text)", i);
        if (json_object_get_string_len(v) == 0) {
            while (t->root->nchildren > 0)
                sedge_tree_remove(t, t->root->child[t->root->nchildren - 1]);
            return 0;
        }
        if (reset_one(t, json_object_get_string(v), skipped, err) != 0) return -1;
    }
    return 0;
}

static int check_type(struct json_object *v, enum json_type type, const char *what, struct sedge_err *err)
{
    if (!v || json_object_is_type(v, type)) return 0;
    return sedge_err_set(err, SEDGE_E_INVALID, "%s: expected %s, got %s", what, json_type_to_name(type),
                         json_type_to_name(json_object_get_type(v)));
}

static int resolve(struct sedge_tree *t, struct json_object *running, struct json_object *defaults,
                   struct json_object *reset, struct json_object *merge, int64_t deploy_ts, struct sedge_strv *skipped,
                   struct sedge_err *err)
{
    if (running && sedge_json_obj(running, "c")) {
        if (sedge_stamped_check(running, err) != 0) return -1;
        sedge_tree_merge_stamped(t, t->root, running, SEDGE_TREE_FORCE);
    }
    if (reset_all(t, reset, skipped, err) != 0) return -1;
    if (defaults) {
        if (sedge_tree_fits(t, SEDGE_PATH_ROOT, defaults, err) != 0) return -1;
        sedge_tree_merge(t, t->root, defaults, SEDGE_CONFIG_DEFAULT_TS, 0);
    }
    if (merge) {
        if (sedge_tree_fits(t, SEDGE_PATH_ROOT, merge, err) != 0) return -1;
        sedge_tree_merge(t, t->root, merge, deploy_ts, 0);
    }
    return 0;
}

struct json_object *sedge_config_resolve_component(struct json_object *running, struct json_object *defaults,
                                                   struct json_object *reset, struct json_object *merge,
                                                   int64_t deploy_ts, struct sedge_strv *skipped, struct sedge_err *err)
{
    struct json_object *out = NULL;
    struct sedge_tree t;

    if (check_type(defaults, json_type_object, "default configuration", err) != 0 ||
        check_type(reset, json_type_array, "reset", err) != 0 || check_type(merge, json_type_object, "merge", err) != 0)
        return NULL;
    sedge_tree_init(&t);
    if (resolve(&t, running, defaults, reset, merge, deploy_ts, skipped, err) == 0) out = sedge_node_json(t.root, 0);
    sedge_tree_release(&t);
    return out;
}

static struct json_object *written(struct json_object *stamped, struct json_object *value, int64_t deploy_ts)
{
    if (json_object_is_type(value, json_type_object)) return sedge_config_resolve_written(stamped, value, deploy_ts);
    if (stamped && !sedge_json_obj(stamped, "c") && sedge_json_i64(stamped, "t", 0) > deploy_ts)
        value = sedge_json_get(stamped, "v");
    return json_object_get(value);
}

struct json_object *sedge_config_resolve_written(struct json_object *running, struct json_object *planned,
                                                 int64_t deploy_ts)
{
    struct json_object *children = sedge_json_obj(running, "c"), *out = json_object_new_object();

    json_object_object_foreach (planned, key, value) {
        struct json_object *child = sedge_json_get_nocase(children, key, NULL);

        (void)json_object_object_add(out, key, written(child, value, deploy_ts));
    }
    return out;
}

/* Member `key` of `map`, whatever its spelling there, becomes `value` (borrowed), or goes when that is NULL. */
static void put_nocase(struct json_object *map, const char *key, struct json_object *value)
{
    const char *stored = NULL;

    if (sedge_json_get_nocase(map, key, &stored) || stored) {
        sedge_auto_free char *name = sedge_xstrdup(stored);

        json_object_object_del(map, name);
    }
    if (value) (void)json_object_object_add(map, key, sedge_json_copy(value));
}

struct json_object *sedge_config_resolve_run_with(struct json_object *stored, struct json_object *given)
{
    struct json_object *out =
        json_object_is_type(stored, json_type_object) ? sedge_json_copy(stored) : json_object_new_object();
    struct json_object *user, *limits;

    if (!json_object_is_type(given, json_type_object)) return out;
    user = sedge_json_get_nocase(given, "posixUser", NULL);
    limits = sedge_json_get_nocase(given, "systemResourceLimits", NULL);
    if (!sedge_json_is_str(user) || json_object_get_string_len(user) == 0) user = NULL;
    put_nocase(out, "posixUser", user);
    put_nocase(out, "systemResourceLimits", json_object_is_type(limits, json_type_object) ? limits : NULL);
    return out;
}
