/* From the configuration tree to the options of the boxes. */
#include "nucleus.h"

#include "base/log.h"
#include "base/mem.h"
#include "config/params.h"
#include "config/start.h"
#include "recipe/step.h"

#include <string.h>

#define GGC_VERSION "2.17.0"

void sedge_settings_log(struct sedge_nucleus *n, struct sedge_log_settings *out)
{
    *out = SEDGE_LOG_SETTINGS_DEFAULT;
    (void)sedge_level_from_name(sedge_nucleus_param_str(n->config, "logging.level"), &out->level);
    out->format =
        strcmp(sedge_nucleus_param_str(n->config, "logging.format"), "JSON") == 0 ? SEDGE_LOG_JSON : SEDGE_LOG_TEXT;
    out->console = strcmp(sedge_nucleus_param_str(n->config, "logging.outputType"), "CONSOLE") == 0;
    out->file_size_kb = sedge_nucleus_param_i64(n->config, "logging.fileSizeKB");
    out->total_size_kb = sedge_nucleus_param_i64(n->config, "logging.totalLogsSizeKB");
    out->directory = sedge_nucleus_param_str(n->config, "logging.outputDirectory");
    if (out->directory && !*out->directory) out->directory = NULL;
}

void sedge_settings_apply_log(struct sedge_nucleus *n)
{
    struct sedge_log_settings s;
    sedge_auto_free char *dir = sedge_xasprintf("%s/logs", n->root);

    sedge_settings_log(n, &s);
    sedge_log_set_level(s.level);
    sedge_log_set_format(s.format);
    if (s.console) {
        sedge_log_set_sink(NULL, NULL);
    } else {
        if (!n->logfile) n->logfile = sedge_logfile_new(s.directory ? s.directory : dir, "greengrass");
        sedge_logfile_quiet(n->logfile, true);
        sedge_logfile_limits(n->logfile, s.file_size_kb, s.total_size_kb);
        sedge_log_set_sink(sedge_logfile_sink, n->logfile);
    }
    if (n->supervisor) sedge_supervisor_set_log(n->supervisor, &s);
}

static char *system_path(struct sedge_nucleus *n, const char *key)
{
    const char *text = sedge_config_str(n->config, SEDGE_PATH("system", key), "");

    return text && *text ? sedge_config_expand_path(n->root, text) : NULL;
}

static const char *keep_path(struct sedge_nucleus *n, const char *key, struct sedge_strv *paths)
{
    char *path = system_path(n, key);

    if (path) sedge_strv_add_take(paths, path);
    return path;
}

bool sedge_settings_mqtt(struct sedge_nucleus *n, struct sedge_mqtt_options *out, struct sedge_strv *paths)
{
    sedge_auto_put struct json_object *mqtt = sedge_nucleus_param_map(n->config, "mqtt");
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

    return (struct sedge_limits){.memory_kb = (int64_t)sedge_json_double(limits, "memory", 0),
                                 .cpus = sedge_json_double(limits, "cpus", 0)};
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
    const char *url = sedge_nucleus_param_str(n->config, "networkProxy.proxy.url");
    const char *except = sedge_nucleus_param_str(n->config, "networkProxy.noProxyAddresses");
    sedge_auto_free char *list = NULL;

    if (!url || !*url) return;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(names); i++)
        sedge_env_set(out, names[i], url);
    list = except && *except ? sedge_xasprintf("localhost,%s", except) : sedge_xstrdup("localhost");
    sedge_env_set(out, "NO_PROXY", list);
    sedge_env_set(out, "no_proxy", list);
}

/* spec/recipe.md 12.1, sources 2 and 3. */
void sedge_settings_environment(void *env, const char *component, struct sedge_strv *out)
{
    struct sedge_nucleus *n = env;
    const char *region = sedge_nucleus_param_str(n->config, "awsRegion");
    sedge_auto_free char *ca = system_path(n, "rootCaPath");
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
    sedge_env_set(out, "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT", n->socket_path);
    sedge_env_set(out, "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH", n->socket_path);
    if (root) sedge_env_add_map(out, root);
}
