#include "start.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "params.h"
#include "persist.h"

static const char *extension(const char *path)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');

    return dot ? dot + 1 : "";
}

static bool is_yaml(const char *path)
{
    return strcasecmp(extension(path), "yaml") == 0 || strcasecmp(extension(path), "yml") == 0;
}

/* ---- one file ---- */

/* Where a key of the top level stands: YAML holds JSON, so the reader of YAML finds the value in both, and the key is
 * the nearest in front of it. Line 1, column 1 when it is not found (a key with '/' or '~'). */
static void locate_key(const struct sedge_buf *text, const char *key, unsigned *line, unsigned *column)
{
    sedge_auto_free char *pointer = sedge_xasprintf("/%s", key);
    const char *found = NULL, *end = text->data;

    *line = *column = 1;
    if (sedge_yaml_locate(text->data, text->len, pointer, line, column) != 0) return;
    for (unsigned i = 1; i < *line && (end = strchr(end, '\n')); i++)
        end++;
    end = end ? end + *column - 1 : text->data + text->len;
    for (const char *p = strstr(text->data, key); p && p < end; p = strstr(p + 1, key))
        found = p;
    if (!found) return;
    *line = *column = 1;
    for (const char *p = text->data; p < found; p++) {
        *line += *p == '\n';
        *column = *p == '\n' ? 1 : *column + 1;
    }
}

static int refuse_key(const char *key, const char *path, const struct sedge_buf *text, struct sedge_err *err)
{
    static const char *const known[] = {"system", "services", "setenv"};
    const char *near = sedge_str_nearest(key, known, SEDGE_ARRAY_LEN(known));
    unsigned line, column;

    locate_key(text, key, &line, &column);
    return sedge_err_set(err, SEDGE_E_INVALID,
                         "%s:%u:%u: unknown key \"%s\"%s%s%s; at the top only system, services and setenv are possible",
                         path, line, column, key, near ? " (did you mean \"" : "", near ? near : "",
                         near ? "\"?)" : "");
}

static int refuse_type(const char *key, const char *path, const struct sedge_buf *text, struct json_object *v,
                       struct sedge_err *err)
{
    unsigned line, column;

    locate_key(text, key, &line, &column);
    return sedge_err_set(err, SEDGE_E_INVALID, "%s:%u:%u: %s: expected a map, got %s", path, line, column, key,
                         json_type_to_name(json_object_get_type(v)));
}

static int check_top(struct json_object *doc, const char *path, const struct sedge_buf *text, struct sedge_err *err)
{
    json_object_object_foreach (doc, key, value) {
        if (strcasecmp(key, "system") != 0 && strcasecmp(key, "services") != 0 && strcasecmp(key, "setenv") != 0)
            return refuse_key(key, path, text, err);
        if (value && !json_object_is_type(value, json_type_object)) return refuse_type(key, path, text, value, err);
    }
    return 0;
}

struct json_object *sedge_config_read_file(const char *path, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;
    struct json_object *doc;

    if (!is_yaml(path) && strcasecmp(extension(path), "json") != 0) {
        (void)sedge_err_set(err, SEDGE_E_INVALID, "%s: a configuration file must end in .yaml, .yml, .json or .tlog",
                            path);
        return NULL;
    }
    if (sedge_fs_read(path, SEDGE_CONFIG_FILE_MAX, &text, err) != 0) return NULL;
    sedge_buf_puts(&text, "");
    doc = is_yaml(path) ? sedge_yaml_parse_object(text.data, text.len, path, err)
                        : sedge_json_parse_object(text.data, text.len, path, err);
    if (doc && check_top(doc, path, &text, err) != 0) {
        (void)json_object_put(doc);
        return NULL;
    }
    if (doc) { /* "services:" with nothing below it is an empty map */
        json_object_object_foreach (doc, key, value) {
            if (!value) (void)json_object_object_add(doc, key, json_object_new_object());
        }
    }
    return doc;
}

int sedge_config_merge_file(struct sedge_config *cfg, const char *path, struct sedge_err *err)
{
    sedge_auto_put struct json_object *doc = NULL;
    struct stat st;

    if (strcasecmp(extension(path), "tlog") == 0) return sedge_config_read_tlog(cfg, path, err);
    if (stat(path, &st) != 0) return sedge_err_sys(err, errno, "%s", path);
    doc = sedge_config_read_file(path, err);
    if (!doc) return -1;
    return sedge_config_merge(cfg, SEDGE_PATH_ROOT, doc,
                              (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000, err);
}

/* ---- the start ---- */

/* 1 taken, 0 none of them is there and valid, -1. */
static int take_tlog(struct sedge_config *cfg, const char *root, struct sedge_err *err)
{
    static const char *const names[] = {"config.tlog.old", "config.tlog", "config.tlog~", "bootstrap.tlog",
                                        "bootstrap.tlog~"};

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(names); i++) {
        sedge_auto_free char *path = sedge_xasprintf("%s/config/%s", root, names[i]);
        struct sedge_err why = SEDGE_ERR_INIT;

        if (!sedge_fs_exists(path)) continue;
        if (sedge_config_read_tlog(cfg, path, &why) == 0) {
            sedge_log(SEDGE_INFO, "config", "configuration-taken-over", "path=%s", path);
            return 1;
        }
        sedge_log(SEDGE_WARN, "config", "transaction-log-unusable", "%s", why.msg);
        if (sedge_config_has(cfg, SEDGE_PATH("services"))) { /* some of it was applied: a limit, not a bad line */
            if (err) *err = why;
            return -1;
        }
    }
    return 0;
}

static int take_first_config(struct sedge_config *cfg, const char *root, struct sedge_err *err)
{
    static const char *const names[] = {"config.yaml", "config.yml", "config.json"};

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(names); i++) {
        sedge_auto_free char *path = sedge_xasprintf("%s/config/%s", root, names[i]);

        if (sedge_fs_exists(path)) return sedge_config_merge_file(cfg, path, err);
    }
    return 0;
}

static int take_base(struct sedge_config *cfg, const struct sedge_config_start *o, struct sedge_err *err)
{
    int stored = 0;

    if (o->config_file) {
        sedge_config_discard_stored(cfg);
        return sedge_config_merge_file(cfg, o->config_file, err);
    }
    if (o->db) stored = sedge_config_load(cfg, o->db, err);
    if (stored == 0) stored = take_tlog(cfg, o->root, err);
    if (stored < 0) return -1;
    if (o->db_was_bad)
        sedge_log(SEDGE_WARN, "config", "configuration-fell-back", "%s",
                  stored ? "it is that of the first start; deploy again to bring the components back"
                         : "nothing of it is left; it starts empty, or with config/config.yaml");
    if (o->init_config_file) return sedge_config_merge_file(cfg, o->init_config_file, err);
    return stored ? 0 : take_first_config(cfg, o->root, err);
}

static int put_text(struct sedge_config *cfg, struct sedge_path path, const char *text, struct sedge_err *err)
{
    if (!text || sedge_str_eq(sedge_config_str(cfg, path, NULL), text)) return 0;
    return sedge_config_set_take(cfg, path, json_object_new_string(text), sedge_wall_ms(), err) < 0 ? -1 : 0;
}

static int put_options(struct sedge_config *cfg, const struct sedge_config_start *o, struct sedge_err *err)
{
    sedge_auto_free char *nucleus = sedge_config_nucleus_name(cfg);

    if (put_text(cfg, SEDGE_PATH("system", "rootpath"), o->root, err) != 0 ||
        put_text(cfg, SEDGE_PATH("services", nucleus, "componentType"), "NUCLEUS", err) != 0 ||
        put_text(cfg, SEDGE_PATH("services", nucleus, "version"), o->nucleus_version, err) != 0 ||
        put_text(cfg, SEDGE_PATH("services", nucleus, "configuration", "awsRegion"), o->aws_region, err) != 0 ||
        put_text(cfg, SEDGE_PATH("services", nucleus, "configuration", "envStage"), o->env_stage, err) != 0 ||
        put_text(cfg, SEDGE_PATH("services", nucleus, "configuration", "runWithDefault", "posixUser"),
                 o->component_default_user, err) != 0)
        return -1;
    return 0;
}

static int keep_bootstrap(struct sedge_config *cfg, const char *root, struct sedge_err *err)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/config/bootstrap.tlog", root);
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;

    if (sedge_fs_exists(path)) return 0;
    sedge_config_tlog_text(cfg, &text);
    return sedge_fs_write_atomic(path, text.data, text.len, 0600, err);
}

int sedge_config_start(struct sedge_config *cfg, const struct sedge_config_start *o, struct sedge_err *err)
{
    sedge_auto_free char *text = NULL;
    struct sedge_err why = SEDGE_ERR_INIT;

    if (take_base(cfg, o, err) != 0 || put_options(cfg, o, err) != 0) return -1;
    if (keep_bootstrap(cfg, o->root, err) != 0) return -1;
    text = sedge_config_effective_text(cfg);
    if (sedge_config_write_effective(o->root, text, &why) != 0) /* for people: a full disk must not stop the device */
        sedge_log(SEDGE_WARN, "config", "effective-config", "%s", why.msg);
    return 0;
}

/* ---- for people ---- */

/* Replaces "user:password@" of a URL. */
static void hide_url_password(struct json_object *map, const char *key)
{
    const char *url = sedge_json_str(map, key, NULL), *scheme = url ? strstr(url, "://") : NULL, *at;
    sedge_auto_free char *hidden = NULL;

    at = scheme ? strrchr(scheme + 3, '@') : NULL; /* the last: a password may hold one */
    if (!at) return;
    hidden = sedge_xasprintf("%.*s***%s", (int)(scheme + 3 - url), url, at);
    sedge_json_add_str(map, key, hidden);
}

static struct json_object *object_nocase(struct json_object *o, const char *key)
{
    struct json_object *v = sedge_json_get_nocase(o, key, NULL);

    return json_object_is_type(v, json_type_object) ? v : NULL;
}

static void hide(struct json_object *map, const char *key)
{
    const char *stored = NULL;

    if (sedge_json_get_nocase(map, key, &stored)) {
        sedge_auto_free char *name = sedge_xstrdup(stored);

        sedge_json_add_str(map, name, "***");
    }
}

static void hide_secrets(struct json_object *system, struct json_object *nucleus)
{
    struct json_object *keys = object_nocase(system, "objectStore");
    struct json_object *configuration = object_nocase(nucleus, "configuration");
    struct json_object *proxy = object_nocase(object_nocase(configuration, "networkProxy"), "proxy");

    hide(keys, "secretAccessKey");
    hide(keys, "sessionToken");
    hide(proxy, "password");
    hide_url_password(proxy, "url");
}

char *sedge_config_effective_text(struct sedge_config *cfg)
{
    sedge_auto_free char *nucleus = sedge_config_nucleus_name(cfg);
    sedge_auto_put struct json_object *doc = json_object_new_object();
    struct sedge_buf out = SEDGE_BUF_INIT;
    struct json_object *system = NULL, *services = NULL;

    if (sedge_config_get(cfg, SEDGE_PATH("system"), SEDGE_CONFIG_PUBLIC, &system))
        (void)json_object_object_add(doc, "system", system);
    if (sedge_config_get(cfg, SEDGE_PATH("services"), SEDGE_CONFIG_PUBLIC, &services))
        (void)json_object_object_add(doc, "services", services);
    hide_secrets(system, object_nocase(services, nucleus));
    sedge_buf_puts(&out, "# Written by the nucleus at its start and end. Changes in this file have no effect.\n");
    sedge_yaml_emit(&out, doc);
    return sedge_buf_steal(&out);
}

int sedge_config_write_effective(const char *root, const char *text, struct sedge_err *err)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/config/effectiveConfig.yaml", root);

    return sedge_fs_write_atomic(path, text, strlen(text), 0600, err);
}

static char *home_dir(void)
{
    const char *home = getenv("HOME");
    struct passwd pw, *found = NULL;
    char buf[4096];

    if (home && *home) return sedge_xstrdup(home);
    if (getpwuid_r(getuid(), &pw, buf, sizeof(buf), &found) == 0 && found) return sedge_xstrdup(pw.pw_dir);
    return sedge_xstrdup("/");
}

char *sedge_config_expand_path(const char *root, const char *text)
{
    if (sedge_str_starts(text, "~/")) {
        sedge_auto_free char *home = home_dir();

        return sedge_xasprintf("%s/%s", home, text + 2);
    }
    if (sedge_str_starts(text, "~root/")) return sedge_xasprintf("%s/%s", root, text + 6);
    if (sedge_str_starts(text, "~config/") || sedge_str_starts(text, "~packages/"))
        return sedge_xasprintf("%s/%s", root, text + 1);
    return sedge_xstrdup(text);
}

char *sedge_config_nucleus_name(struct sedge_config *cfg)
{
    sedge_auto_strv struct sedge_strv names = {0};

    sedge_config_children(cfg, SEDGE_PATH("services"), &names);
    for (size_t i = 0; i < names.n; i++)
        if (strcmp(sedge_config_str(cfg, SEDGE_PATH("services", names.v[i], "componentType"), ""), "NUCLEUS") == 0)
            return sedge_xstrdup(names.v[i]);
    return sedge_xstrdup(SEDGE_NUCLEUS);
}
