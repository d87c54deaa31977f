/* CreateDebugPassword (spec/ipc-operations.md 7.9). */
#include "internal.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>

#define USER        "debug"
#define RANDOM_LEN  32
#define LIFETIME_MS (8LL * 3600 * 1000)
#define PASSWORDS   SEDGE_PATH("_debugPassword", USER) /* private: neither stored nor shown */

static void remove_password(struct sedge_api *api, const char *password)
{
    (void)sedge_config_remove(api->o.config, SEDGE_PATH("_debugPassword", USER, password), 0, SEDGE_CONFIG_FORCE);
}

/* Those that have expired, and the oldest ones when there are too many. */
static void make_room(struct sedge_api *api, int64_t now)
{
    sedge_auto_strv struct sedge_strv all = {NULL, 0};
    size_t left;

    sedge_config_children(api->o.config, PASSWORDS, &all);
    left = all.n;
    for (size_t i = 0; i < all.n; i++) {
        int64_t until = sedge_config_i64(api->o.config, SEDGE_PATH("_debugPassword", USER, all.v[i], "expiration"), 0);
        if (until > now && left < SEDGE_API_DEBUG_PASSWORDS_MAX) continue;
        remove_password(api, all.v[i]);
        left--;
    }
}

static void new_password(struct sedge_buf *out)
{
    uint8_t bytes[RANDOM_LEN], digest[SEDGE_SHA256_LEN];

    sedge_random_bytes(bytes, sizeof bytes);
    sedge_sha256(bytes, sizeof bytes, digest);
    sedge_buf_reserve(out, 2 * sizeof digest);
    sedge_base64url_encode(out, digest, sizeof digest);
    sedge_wipe(bytes, sizeof bytes);
    sedge_wipe(digest, sizeof digest);
}

static void add_hash(struct sedge_api *api, struct json_object *o, const char *member, const char *algorithm)
{
    sedge_json_add_str(o, member,
                       sedge_config_str(api->o.config, SEDGE_PATH("_certificateFingerprint", algorithm), NULL));
}

static struct json_object *seconds(int64_t ms)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%lld.%03lld", (long long)(ms / 1000), (long long)(ms % 1000));
    return json_object_new_double_s((double)ms / 1000, text);
}

void sedge_op_debug_password(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    struct sedge_buf password = SEDGE_BUF_INIT;
    int64_t now = sedge_wall_ms(), until = now + LIFETIME_MS;
    struct sedge_err err = SEDGE_ERR_INIT;
    struct json_object *o;

    (void)request;
    if (sedge_api_authorize(api, s, "*", NULL) != 0) return;
    make_room(api, now);
    new_password(&password);
    if (sedge_config_write_take(api->o.config, SEDGE_PATH("_debugPassword", USER, password.data, "expiration"),
                                json_object_new_int64(until), now, &err) < 0) {
        sedge_api_error(s, "ServiceError", "The password could not be kept: %s", err.msg);
    } else {
        o = json_object_new_object();
        sedge_json_add_str(o, "username", USER);
        sedge_json_add_str(o, "password", password.data);
        (void)json_object_object_add(o, "passwordExpiration", seconds(until));
        add_hash(api, o, "certificateSHA256Hash", "SHA-256");
        add_hash(api, o, "certificateSHA1Hash", "SHA-1");
        sedge_log(SEDGE_INFO, "api", "debug-password", "made for %s", sedge_ipc_stream_identity(s));
        sedge_api_respond_take(s, o);
    }
    sedge_buf_wipe(&password);
}
