/* The token exchange service: where it listens, and how its provider is asked (spec/config.md 11). It serves from the
 * first moment that iotCredEndpoint and iotRoleAlias are configured on a device with a certificate. */
#include "nucleus.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/params.h"

#include <string.h>

#define SERVICE   "aws.greengrass.TokenExchangeService"
#define VARIABLE  "AWS_CONTAINER_CREDENTIALS_FULL_URI"
#define OWN(name) SEDGE_PATH("services", SERVICE, "configuration", name)
#define RETRY(of) SEDGE_PATH("services", SERVICE, "configuration", "credentialRetryInSec", of)

static bool allowed_cb(void *env, const char *token)
{
    struct sedge_nucleus *n = env;

    return sedge_supervisor_owner_of_token(n->supervisor, token) != NULL;
}

static void answered_cb(const struct sedge_fetch_result *r, void *user)
{
    struct sedge_nucleus *n = user;
    struct sedge_tes_pauses pauses = {sedge_config_i64(n->config, RETRY("clientError"), 0),
                                      sedge_config_i64(n->config, RETRY("serverError"), 0),
                                      sedge_config_i64(n->config, RETRY("unknownError"), 0)};

    if (!r->err) {
        sedge_tes_credentials(n->tes, sedge_json_str(r->reply, "text", ""));
        return;
    }
    if (r->err->code != SEDGE_E_CANCELED) sedge_log(SEDGE_ERROR, "tes", "credentials", "%s", r->err->msg);
    sedge_tes_failed(n->tes, (int)sedge_json_i64(r->reply, "status", 0), sedge_json_str(r->reply, "answer", ""),
                     &pauses);
}

static void ask_cb(void *env)
{
    struct sedge_nucleus *n = env;
    struct json_object *request = json_object_new_object();
    sedge_auto_buf struct sedge_buf path = SEDGE_BUF_INIT;

    sedge_buf_puts(&path, "/role-aliases/");
    sedge_url_encode(&path, sedge_settings_text(n, "iotRoleAlias"), false);
    sedge_buf_puts(&path, "/credentials");
    sedge_json_add_str(request, "op", "api");
    sedge_json_add_str(request, "path", path.data);
    sedge_json_add_i64(request, "attempts", 1); /* who asks us tries again */
    (void)sedge_fetch_submit(n->provider, request, NULL, answered_cb, n);
    json_object_put(request);
}

static void put(struct sedge_nucleus *n, struct sedge_path path, struct json_object *value)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    if (sedge_config_set_take(n->config, path, value, sedge_wall_ms(), &err) < 0)
        sedge_log(SEDGE_WARN, "tes", "configuration", "%s", err.msg);
}

static bool is_configured(struct sedge_nucleus *n)
{
    sedge_auto_free char *certificate = sedge_settings_path(n, "certificateFilePath");

    return certificate && sedge_settings_text(n, "iotCredEndpoint") && sedge_settings_text(n, "iotRoleAlias");
}

void sedge_nucleus_configure_tes(struct sedge_nucleus *n)
{
    struct sedge_tes_ops ops = {allowed_cb, ask_cb};
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_free char *url = NULL;

    if (!is_configured(n)) return; /* one that runs answers with an error, which names what is missing */
    sedge_http_set_provider(n);
    if (n->tes) {
        sedge_tes_forget(n->tes);
        return;
    }
    n->tes = sedge_tes_new(&n->loop, (int)sedge_config_i64(n->config, OWN("port"), 0), &ops, n, &err);
    if (!n->tes) {
        sedge_log(SEDGE_ERROR, "tes", "configuration", SERVICE ": %s", err.msg);
        return;
    }
    url = sedge_xasprintf("http://localhost:%d/2016-11-01/credentialprovider/", sedge_tes_port(n->tes));
    put(n, OWN("activePort"), json_object_new_int(sedge_tes_port(n->tes)));
    put(n, SEDGE_PATH("setenv", VARIABLE), json_object_new_string(url));
    sedge_log(SEDGE_INFO, "tes", "started", "%s", url);
}

static void provider_closed_cb(void *user)
{
    struct sedge_nucleus *n = user;

    sedge_tes_close(n->tes, n->tes_closed, n);
}

/* The provider's last answer comes first. */
bool sedge_nucleus_close_tes(struct sedge_nucleus *n, void (*closed)(void *user))
{
    if (!n->provider) return false;
    n->tes_closed = closed;
    if (n->tes)
        sedge_fetcher_close(n->provider, provider_closed_cb, n);
    else
        sedge_fetcher_close(n->provider, closed, n);
    return true;
}
