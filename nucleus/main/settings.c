/* From the configuration tree to the options of the boxes. */
#include "nucleus.h"

#include "base/log.h"
#include "base/mem.h"
#include "config/params.h"
#include "config/start.h"
#include "recipe/pattern.h"
#include "recipe/step.h"

#include <ctype.h>
#include <string.h>

#define GGC_VERSION "2.17.0"

static char *log_dir(struct sedge_nucleus *n)
{
    const char *dir = sedge_nucleus_param_str(n->config, "logging.outputDirectory");

    return dir && *dir ? sedge_config_expand_path(n->root, dir) : sedge_xasprintf("%s/logs", n->root);
}

static struct sedge_log_settings read_log(struct sedge_nucleus *n, const char *dir)
{
    struct sedge_log_settings out = SEDGE_LOG_SETTINGS_DEFAULT;

    (void)sedge_level_from_name(sedge_nucleus_param_str(n->config, "logging.level"), &out.level);
    (void)sedge_log_format_from_name(sedge_nucleus_param_str(n->config, "logging.format"), &out.format);
    out.console = strcmp(sedge_nucleus_param_str(n->config, "logging.outputType"), "CONSOLE") == 0;
    out.file_size_kb = sedge_nucleus_param_i64(n->config, "logging.fileSizeKB");
    out.total_size_kb = sedge_nucleus_param_i64(n->config, "logging.totalLogsSizeKB");
    out.directory = dir;
    return out;
}

/* One bad key or value, and the whole section counts for nothing: what was in force stays (spec/config.md 12.1). */
static int check_log(struct sedge_nucleus *n, struct sedge_err *err)
{
    sedge_auto_free char *nucleus = sedge_config_nucleus_name(n->config);
    sedge_auto_put struct json_object *section = NULL;

    (void)sedge_config_get(n->config, SEDGE_PATH("services", nucleus, "configuration", "logging"), 0, &section);
    return section ? sedge_nucleus_section_check("logging", section, err) : 0;
}

static bool is_same(const struct sedge_log_settings *a, const struct sedge_log_settings *b)
{
    return a->level == b->level && a->format == b->format && a->console == b->console &&
           a->file_size_kb == b->file_size_kb && a->total_size_kb == b->total_size_kb &&
           strcmp(a->directory, b->directory) == 0;
}

/* The lines of the nucleus itself; those of its components go through the supervisor. */
static void move_own_log(struct sedge_nucleus *n)
{
    struct sedge_logfile *old = n->logfile;

    sedge_log_set_level(n->log.level);
    sedge_log_set_format(n->log.format);
    n->logfile = n->log.console ? NULL : sedge_logfile_new(n->log.directory, "greengrass");
    if (n->logfile) {
        sedge_logfile_quiet(n->logfile, true);
        sedge_logfile_limits(n->logfile, n->log.file_size_kb, n->log.total_size_kb);
    }
    sedge_log_set_sink(n->logfile ? sedge_logfile_sink : NULL, n->logfile);
    sedge_logfile_free(old);
}

/* Takes over `dir`, which s->directory is. */
static void use_log(struct sedge_nucleus *n, const struct sedge_log_settings *s, char *dir)
{
    char *old = n->log_dir;

    n->log = *s;
    n->log_dir = dir;
    move_own_log(n);
    if (n->supervisor) sedge_supervisor_set_log(n->supervisor, &n->log);
    free(old);
}

static void use_default_log(struct sedge_nucleus *n)
{
    struct sedge_log_settings s = SEDGE_LOG_SETTINGS_DEFAULT;
    char *dir = sedge_xasprintf("%s/logs", n->root);

    s.directory = dir;
    use_log(n, &s, dir);
}

/* Several events of one change tell it once. */
static void tell_ignored(struct sedge_nucleus *n, const struct sedge_err *err)
{
    if (n->log_error && strcmp(n->log_error, err->msg) == 0) return;
    free(n->log_error);
    n->log_error = sedge_xstrdup(err->msg);
    sedge_log(SEDGE_ERROR, "main", "logging-ignored",
              "%s. The whole logging configuration is ignored, what was in force stays: correct or remove that key",
              err->msg);
}

void sedge_settings_apply_log(struct sedge_nucleus *n)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_free char *dir = log_dir(n);
    struct sedge_log_settings s = read_log(n, dir);

    if (!n->log_dir) use_default_log(n);
    if (check_log(n, &err) != 0) {
        tell_ignored(n, &err);
        return;
    }
    free(n->log_error);
    n->log_error = NULL;
    if (!is_same(&s, &n->log)) use_log(n, &s, sedge_steal(&dir));
}

char *sedge_settings_path(struct sedge_nucleus *n, const char *key)
{
    const char *text = sedge_config_str(n->config, SEDGE_PATH("system", key), "");

    return text && *text ? sedge_config_expand_path(n->root, text) : NULL;
}

static const char *keep_path(struct sedge_nucleus *n, const char *key, struct sedge_strv *paths)
{
    char *path = sedge_settings_path(n, key);

    if (path) sedge_strv_add_take(paths, path);
    return path;
}

char *sedge_settings_proxy(struct sedge_nucleus *n)
{
    const char *url = sedge_settings_text(n, "networkProxy.proxy.url");
    const char *user = sedge_nucleus_param_str(n->config, "networkProxy.proxy.username");
    const char *password = sedge_nucleus_param_str(n->config, "networkProxy.proxy.password");
    const char *host = url ? strstr(url, "://") : NULL;
    struct sedge_buf b = SEDGE_BUF_INIT;

    if (!url) return NULL;
    host = host ? host + 3 : url;
    if (!user || !*user || memchr(host, '@', strcspn(host, "/"))) return sedge_xstrdup(url);
    sedge_buf_add(&b, url, (size_t)(host - url));
    sedge_url_encode(&b, user, false);
    sedge_buf_putc(&b, ':');
    sedge_url_encode(&b, password ? password : "", false);
    sedge_buf_printf(&b, "@%s", host);
    return sedge_buf_steal(&b);
}

/* For MQTT each entry is a regular expression for the whole endpoint (spec/config.md 8). */
static bool is_reached_directly(struct sedge_nucleus *n, const char *endpoint)
{
    const char *text = sedge_settings_text(n, "networkProxy.noProxyAddresses");
    sedge_auto_strv struct sedge_strv list = {NULL, 0};
    bool direct = false;

    sedge_strv_split(&list, text ? text : "", ", ");
    for (size_t i = 0; i < list.n && !direct; i++) {
        struct sedge_err err = SEDGE_ERR_INIT;
        struct sedge_pattern *p = *list.v[i] ? sedge_pattern_parse(list.v[i], &err) : NULL;
        if (err.code != SEDGE_OK)
            sedge_log(SEDGE_ERROR, "cloud", "configuration", "networkProxy.noProxyAddresses: \"%s\": %s; ignored",
                      list.v[i], err.msg);
        direct = p && sedge_pattern_match(p, endpoint);
        sedge_pattern_free(p);
    }
    return direct;
}

static const char *mqtt_proxy(struct sedge_nucleus *n, const char *endpoint, struct sedge_strv *texts)
{
    char *url = sedge_settings_proxy(n);

    if (!url) return NULL;
    sedge_strv_add_take(texts, url);
    return endpoint && is_reached_directly(n, endpoint) ? NULL : url;
}

bool sedge_settings_mqtt(struct sedge_nucleus *n, struct sedge_mqtt_options *out, struct sedge_strv *paths)
{
    sedge_auto_put struct json_object *mqtt = sedge_nucleus_param_values(n->config, "mqtt");
    struct sedge_err err = SEDGE_ERR_INIT;

    sedge_mqtt_options_default(out);
    if (sedge_mqtt_options_read(mqtt, out, &err) != 0) {
        sedge_log(SEDGE_ERROR, "cloud", "configuration", "%s; the connection uses the defaults", err.msg);
        sedge_mqtt_options_default(out);
        out->port = (int)sedge_nucleus_param_i64(n->config, "mqtt.port");
    }
    out->host = sedge_nucleus_param_str(n->config, "iotDataEndpoint");
    out->client_id = sedge_config_str(n->config, SEDGE_PATH("system", "thingName"), "");
    out->ca = keep_path(n, "rootCaPath", paths);
    out->cert = keep_path(n, "certificateFilePath", paths);
    out->key = keep_path(n, "privateKeyPath", paths);
    out->proxy = mqtt_proxy(n, out->host, paths);
    return out->host && *out->host && out->client_id && *out->client_id && out->ca && out->cert && out->key;
}

struct json_object *sedge_settings_store(struct sedge_nucleus *n)
{
    struct json_object *store = sedge_nucleus_param_map(n->config, "objectStore");
    sedge_auto_put struct json_object *secrets =
        sedge_config_get_object(n->config, SEDGE_PATH("system", "objectStore"));

    if (!store) store = json_object_new_object();
    if (secrets) {
        json_object_object_foreach (secrets, key, value) {
            (void)json_object_object_add(store, key, json_object_get(value));
        }
    }
    return store;
}

struct sedge_limits sedge_settings_default_limits(struct sedge_nucleus *n)
{
    sedge_auto_put struct json_object *limits =
        sedge_nucleus_param_map(n->config, "runWithDefault.systemResourceLimits");

    return sedge_limits_read(limits);
}

static const struct sedge_param *interval_param(const char *section, const char *key)
{
    sedge_auto_free char *name = sedge_xasprintf("%s.%s", section, key);

    return sedge_nucleus_param_find(name);
}

static int64_t shortest(const struct sedge_param *p)
{
    const char *text = getenv("SEDGE_MIN_INTERVAL_S");
    int64_t s;

    return text && sedge_str_to_i64(text, 1, p->max, &s, NULL) == 0 ? s : p->min;
}

int64_t sedge_settings_interval(struct sedge_nucleus *n, const char *section, const char *key)
{
    sedge_auto_free char *nucleus = sedge_config_nucleus_name(n->config);
    const struct sedge_param *p = interval_param(section, key);
    int64_t s = sedge_config_i64(n->config, SEDGE_PATH("services", nucleus, "configuration", section, key), -1);

    return s >= shortest(p) && s <= p->max ? s : -1;
}

int64_t sedge_settings_default_interval(const char *section, const char *key)
{
    int64_t s = 0;

    (void)sedge_str_to_i64(interval_param(section, key)->def, 0, INT64_MAX, &s, NULL);
    return s;
}

const char *sedge_settings_text(struct sedge_nucleus *n, const char *name)
{
    const char *text = sedge_nucleus_param_str(n->config, name);

    return text && *text ? text : NULL;
}

static void add_proxy(struct sedge_nucleus *n, struct sedge_strv *out)
{
    static const char *const names[] = {"HTTP_PROXY",  "http_proxy", "HTTPS_PROXY",
                                        "https_proxy", "ALL_PROXY",  "all_proxy"};
    const char *except = sedge_settings_text(n, "networkProxy.noProxyAddresses");
    sedge_auto_free char *list = NULL;
    sedge_auto_free char *full = sedge_settings_proxy(n);

    if (!full) return;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(names); i++)
        sedge_env_set(out, names[i], full);
    list = except && *except ? sedge_xasprintf("localhost,%s", except) : sedge_xstrdup("localhost");
    sedge_env_set(out, "NO_PROXY", list);
    sedge_env_set(out, "no_proxy", list);
}

/* spec/recipe.md 12.1, sources 2 and 3. */
void sedge_settings_environment(void *env, const char *component, struct sedge_strv *out)
{
    struct sedge_nucleus *n = env;
    const char *region = sedge_nucleus_param_str(n->config, "awsRegion");
    const char *fips = sedge_nucleus_param_bool(n->config, "fipsMode") ? "true" : "false";
    sedge_auto_free char *ca = sedge_settings_path(n, "rootCaPath");
    sedge_auto_put struct json_object *root = sedge_config_get_object(n->config, SEDGE_PATH("setenv"));

    (void)component;
    sedge_env_set(out, "GG_ROOT_CA_PATH", ca ? ca : "");
    add_proxy(n, out);
    if (region && *region) {
        sedge_env_set(out, "AWS_REGION", region);
        sedge_env_set(out, "AWS_DEFAULT_REGION", region);
    }
    sedge_env_set(out, "AWS_IOT_THING_NAME", sedge_config_str(n->config, SEDGE_PATH("system", "thingName"), ""));
    sedge_env_set(out, "GGC_VERSION", GGC_VERSION);
    sedge_env_set(out, "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT", n->component_socket);
    sedge_env_set(out, "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH", n->component_socket);
    sedge_env_set(out, "AWS_USE_FIPS_ENDPOINT", fips);
    sedge_env_set(out, "AWS_GG_FIPS_MODE", fips);
    if (root) sedge_env_add_map(out, root);
}
