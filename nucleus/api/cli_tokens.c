/* Tokens of command-line users: files in <root>/cli_ipc_info, new at each start (spec/cli.md 9.1, 10). */
#include "internal.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TOKEN_BYTES 16
#define RETRY_MS    10000

static void forget_tokens(struct sedge_api *api)
{
    for (size_t i = 0; i < api->ncli; i++) {
        free(api->cli[i].identity);
        free(api->cli[i].token);
    }
    free(api->cli);
    api->cli = NULL;
    api->ncli = 0;
}

static void free_timer(uv_handle_t *handle)
{
    free(handle);
}

void sedge_cli_tokens_release(struct sedge_api *api)
{
    forget_tokens(api);
    if (api->cli_retry) uv_close((uv_handle_t *)api->cli_retry, free_timer);
    api->cli_retry = NULL;
}

const char *sedge_cli_tokens_owner(struct sedge_api *api, const char *token)
{
    const char *owner = NULL;

    for (size_t i = 0; i < api->ncli; i++)
        if (sedge_secret_eq(api->cli[i].token, token)) owner = api->cli[i].identity;
    return owner;
}

static char *new_token(void)
{
    uint8_t bytes[TOKEN_BYTES];
    struct sedge_buf b = SEDGE_BUF_INIT;

    sedge_random_bytes(bytes, sizeof bytes);
    sedge_base64url_encode(&b, bytes, sizeof bytes);
    return sedge_buf_steal(&b);
}

/* `kind` is "user" or "group". */
static int add_token(struct sedge_api *api, const char *kind, unsigned id, mode_t mode, gid_t gid,
                     struct sedge_err *err)
{
    sedge_auto_put struct json_object *o = json_object_new_object();
    sedge_auto_free char *path = sedge_xasprintf("%s/cli_ipc_info/%s-%u", api->root, kind, id);
    struct sedge_cli_token *t;
    const char *text;

    api->cli = sedge_xrealloc(api->cli, api->ncli + 1, sizeof *api->cli);
    t = &api->cli[api->ncli++];
    t->identity = sedge_xasprintf(SEDGE_CLI_IDENTITY "%s-%u", kind, id);
    t->token = new_token();
    sedge_policy_allow_all(api->policy, t->identity, SEDGE_SERVICE_PUBSUB);
    sedge_policy_allow_all(api->policy, t->identity, SEDGE_SERVICE_MQTTPROXY);
    sedge_json_add_str(o, "cli_auth_token", t->token);
    sedge_json_add_str(o, "domain_socket_path", api->socket_path);
    text = sedge_json_text(o);
    if (sedge_fs_write_atomic(path, text, strlen(text), 0600, err) != 0) return -1;
    if (mode == 0600) return 0;
    if (chown(path, (uid_t)-1, gid) != 0 || chmod(path, mode) != 0) return sedge_err_sys(err, errno, "%s", path);
    return 0;
}

static int remove_file(const char *path, const char *relative, void *user, struct sedge_err *err)
{
    (void)relative;
    (void)user;
    if (unlink(path) != 0 && errno != ENOENT) return sedge_err_sys(err, errno, "%s", path);
    return 0;
}

static int add_group(struct sedge_api *api, const char *word, struct sedge_err *err)
{
    int64_t id;
    const struct group *g = getgrnam(word);

    if (g)
        id = g->gr_gid;
    else if (sedge_str_to_i64(word, 0, UINT32_MAX - 1, &id, NULL) != 0) {
        sedge_log(SEDGE_WARN, "api", "cli-group", "AuthorizedPosixGroups: there is no group \"%s\"; it is left out",
                  word);
        return 0;
    }
    return add_token(api, "group", (unsigned)id, 0640, (gid_t)id, err);
}

static int renew(struct sedge_api *api, struct sedge_err *err)
{
    sedge_auto_free char *dir = sedge_xasprintf("%s/cli_ipc_info", api->root);
    sedge_auto_strv struct sedge_strv words = {NULL, 0};
    const char *groups = sedge_config_str(
        api->o.config, SEDGE_PATH("services", "aws.greengrass.Cli", "configuration", "AuthorizedPosixGroups"), "");

    forget_tokens(api);
    if (sedge_fs_mkdirs(dir, 0755, err) != 0 || sedge_fs_walk(dir, remove_file, NULL, err) != 0) return -1;
    sedge_strv_split(&words, groups ? groups : "", ", ");
    for (size_t i = 0; i < words.n && api->ncli < SEDGE_API_CLI_GROUPS_MAX; i++)
        if (*words.v[i] && add_group(api, words.v[i], err) != 0) return -1;
    if (api->ncli > 0) return 0;
    return add_token(api, "user", geteuid(), 0600, (gid_t)-1, err);
}

static void retry_cb(uv_timer_t *timer)
{
    sedge_cli_tokens_offer(timer->data);
}

static void try_again_later(struct sedge_api *api)
{
    if (!api->cli_retry) {
        api->cli_retry = SEDGE_NEW(uv_timer_t);
        (void)uv_timer_init(api->o.loop, api->cli_retry);
        api->cli_retry->data = api;
    }
    (void)uv_timer_start(api->cli_retry, retry_cb, RETRY_MS, 0);
}

void sedge_cli_tokens_offer(struct sedge_api *api)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    if (renew(api, &err) == 0) return;
    sedge_log(SEDGE_ERROR, "api", "cli-tokens", "%s; the command line cannot be used until this succeeds", err.msg);
    try_again_later(api);
}
