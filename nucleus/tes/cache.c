#include "cache.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/mem.h"

bool sedge_tes_cache_valid(const struct sedge_tes_cache *c, int64_t now)
{
    return c->status != 0 && now < c->valid_until;
}

void sedge_tes_cache_release(struct sedge_tes_cache *c)
{
    if (c->body) sedge_wipe(c->body, strlen(c->body));
    free(c->body);
    *c = (struct sedge_tes_cache){0};
}

static void set(struct sedge_tes_cache *c, int status, const char *body, int64_t valid_until)
{
    sedge_tes_cache_release(c);
    *c = (struct sedge_tes_cache){status, sedge_xstrdup(body ? body : ""), valid_until};
}

/* 2024-03-07T10:15:42Z, with or without a fraction; -1 when it is none. */
static int64_t time_of(const char *iso)
{
    struct tm tm = {0};
    const char *rest = strptime(iso, "%Y-%m-%dT%H:%M:%S", &tm);

    if (!rest || (*rest != 'Z' && *rest != '.')) return -1;
    return (int64_t)timegm(&tm) * 1000;
}

static const struct {
    const char *ours, *theirs;
} members[] = {{"AccessKeyId", "accessKeyId"},
               {"SecretAccessKey", "secretAccessKey"},
               {"Token", "sessionToken"},
               {"Expiration", "expiration"}};

void sedge_tes_cache_credentials(struct sedge_tes_cache *c, const char *text, int64_t now)
{
    struct json_object *reply = sedge_json_parse_object(text, strlen(text), "credentials", NULL);
    struct json_object *from = sedge_json_obj(reply, "credentials");
    struct json_object *to = json_object_new_object();
    int64_t expires = time_of(sedge_json_str(from, "expiration", ""));
    bool whole = true;

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(members); i++) {
        const char *value = sedge_json_str(from, members[i].theirs, "");
        sedge_json_add_str(to, members[i].ours, value);
        whole = whole && *value;
    }
    if (whole && expires > now)
        set(c, 200, sedge_json_text(to), expires - SEDGE_TES_EARLY_MS);
    else
        set(c, 500, "", 0);
    sedge_json_wipe(to);
    json_object_put(to);
    if (reply) sedge_json_wipe(reply);
    json_object_put(reply);
}

static int64_t in_range(int64_t s, int64_t def)
{
    return (s >= SEDGE_TES_PAUSE_MIN_S && s <= SEDGE_TES_PAUSE_MAX_S ? s : def) * 1000;
}

void sedge_tes_cache_error(struct sedge_tes_cache *c, int status, const char *body, const struct sedge_tes_pauses *p,
                           int64_t now)
{
    int64_t pause = in_range(p->unknown_s, SEDGE_TES_PAUSE_UNKNOWN_S);

    if (status / 100 == 4) pause = in_range(p->client_s, SEDGE_TES_PAUSE_CLIENT_S);
    if (status / 100 == 5) pause = in_range(p->server_s, SEDGE_TES_PAUSE_SERVER_S);
    if (status < 100)
        set(c, 500, "", 0);
    else
        set(c, status, body, now + pause);
}
