/* Signed URLs: of artifacts, and of deployment documents that do not fit a message. */
#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "data_internal.h"
#include "cloud/http/presign.h"
#include "cloud/query.h"

const char *sedge_data_artifact_key(struct json_object *manifest, const char *bucket, const char *prefix,
                                    const char *uri)
{
    sedge_auto_free char *place = sedge_xasprintf("s3://%s/%s%s", bucket ? bucket : "", prefix, prefix[0] ? "/" : "");
    const char *name = sedge_str_starts(uri, "greengrass:") ? uri + strlen("greengrass:") : uri;
    struct json_object *files = sedge_json_arr(manifest, "artifacts");

    if (sedge_str_starts(uri, "s3://")) {
        if (!sedge_str_starts(uri, place)) return NULL;
        name = uri + strlen(place);
    }
    for (size_t i = 0; files && i < json_object_array_length(files); i++) {
        struct json_object *f = json_object_array_get_idx(files, i);
        const char *key = sedge_json_str(f, "key", ""), *file = sedge_json_str(f, "file", "");

        if (strcmp(name, file) == 0 || strcmp(name, key) == 0) return key;
        if (sedge_str_starts(key, "artifacts/") && strcmp(name, key + strlen("artifacts/")) == 0) return key;
    }
    return NULL;
}

/* URL of a key below the prefix; UNAVAILABLE when the store is down. */
static int sign(struct sedge_data_plane *d, const struct sedge_cloud_settings *s, const char *key,
                struct sedge_buf *url, struct sedge_err *err)
{
    sedge_auto_free char *whole = sedge_xasprintf("%s%s%s", s->s3_prefix, s->s3_prefix[0] ? "/" : "", key);
    struct sedge_presign_keys keys;
    struct sedge_presign p;
    int rc;

    if (!s->s3_bucket || !s->s3_bucket[0])
        return sedge_err_set(err, SEDGE_E_UNAVAILABLE, "this site has no object store");
    if (!sedge_probe_up(d->store))
        return sedge_err_set(err, SEDGE_E_UNAVAILABLE, "the object store does not answer; ask again later");
    rc = sedge_presign_keys_find(s, &keys, err);
    p = (struct sedge_presign){.endpoint = s->s3_endpoint,
                               .region = s->s3_region,
                               .path_style = s->s3_path_style && s->s3_endpoint,
                               .access_key = keys.access_key,
                               .secret_key = keys.secret_key,
                               .session_token = keys.session_token,
                               .now_ms = sedge_wall_ms(),
                               .expires_s = SEDGE_PRESIGN_EXPIRES_S};
    if (rc == 0) rc = sedge_presign_get(&p, s->s3_bucket, whole, url, err);
    sedge_presign_keys_release(&keys);
    if (rc != 0 && err->code == SEDGE_E_NOT_FOUND)
        err->code = SEDGE_E_UNAVAILABLE; /* the site's fault, not the device's */
    return rc;
}

static char *rest_of_path(const struct sedge_http_request *rq, size_t n)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    for (size_t i = rq->args[n]; i < rq->target.segments.n; i++)
        sedge_buf_printf(&b, "%s%s", i > rq->args[n] ? "/" : "", rq->target.segments.v[i]);
    return sedge_buf_steal(&b);
}

static struct json_object *manifest_of(struct sedge_cloud *c, const char *name, const char *version,
                                       struct sedge_err *err)
{
    sedge_auto_free char *text = NULL;
    int64_t state = 0;

    if (sedge_q_text(c->db, err, &text, "SELECT manifest FROM component_version WHERE name=?1 AND version=?2", "tt",
                     name, version) < 0 ||
        sedge_q_i64(c->db, err, &state, "SELECT state FROM component_version WHERE name=?1 AND version=?2", "tt", name,
                    version) < 0)
        return NULL;
    if (text && state != 2) return sedge_json_parse_object(text, strlen(text), "manifest", err);
    (void)sedge_err_set(err, SEDGE_E_NOT_FOUND, "component %s version %s is %s", name, version,
                        text ? "blocked" : "not published");
    return NULL;
}

static struct json_object *platform_of(struct sedge_cloud *c, int64_t thing)
{
    sedge_auto_free char *arch = NULL;
    struct json_object *o;

    if (sedge_q_text(c->db, NULL, &arch, "SELECT arch FROM thing WHERE id=?1", "i", thing) != 1 || !arch[0])
        return NULL;
    o = json_object_new_object();
    sedge_json_add_str(o, "os", "linux");
    sedge_json_add_str(o, "architecture", arch);
    return o;
}

static int artifact(struct sedge_data_plane *d, const struct sedge_http_request *rq, struct sedge_buf *url,
                    struct sedge_err *err)
{
    const struct sedge_cloud_settings *s = &rq->cloud->set;
    sedge_auto_free char *name = NULL;
    sedge_auto_free char *version = NULL;
    sedge_auto_free char *uri = rest_of_path(rq, 1);
    sedge_auto_put struct json_object *manifest = NULL;
    sedge_auto_put struct json_object *platform = platform_of(rq->cloud, rq->peer.id);
    const char *key;

    if (sedge_data_parse_arn(sedge_http_arg(rq, 0), &name, &version, err) != 0 ||
        sedge_data_allowed(d, rq, name, platform, err) != 0)
        return -1;
    manifest = manifest_of(rq->cloud, name, version, err);
    if (!manifest) return -1;
    key = sedge_data_artifact_key(manifest, s->s3_bucket, s->s3_prefix, uri);
    if (!key)
        return sedge_err_set(err, SEDGE_E_NOT_FOUND, "component %s version %s has no artifact \"%s\"", name, version,
                             uri);
    return sign(d, s, key, url, err);
}

void sedge_data_artifact(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_buf struct sedge_buf url = SEDGE_BUF_INIT;

    if (artifact(user, rq, &url, &err) != 0) {
        sedge_http_fail(re, &err);
        return;
    }
    re->json = json_object_new_object();
    sedge_json_add_str(re->json, "preSignedUrl", url.data);
}

/* 1 the deployment's target is the thing, or a group that it is in, or it has an execution; 0 not; -1 failure. */
static int concerns(struct sedge_cloud *c, int64_t deployment, const struct sedge_http_peer *peer,
                    struct sedge_err *err)
{
    int64_t n = 0;

    return sedge_q_i64(c->db, err, &n,
                       "SELECT 1 FROM deployment d JOIN target t ON t.id=d.target_id WHERE d.id=?1 AND ("
                       "(t.kind=1 AND t.ref_name=?3)"
                       " OR (t.kind=0 AND EXISTS(SELECT 1 FROM effective_member m JOIN grp g ON g.id=m.group_id"
                       " WHERE g.name=t.ref_name AND m.thing_id=?2))"
                       " OR EXISTS(SELECT 1 FROM execution e WHERE e.deployment_id=d.id AND e.thing_id=?2))",
                       "iit", deployment, peer->id, (const char *)peer->who);
}

static int find_deployment(const struct sedge_http_request *rq, int64_t *id, struct sedge_err *err)
{
    const char *uuid = sedge_http_arg(rq, 1);
    int rc = sedge_q_i64(rq->cloud->db, err, id, "SELECT id FROM deployment WHERE uuid=?1", "t", uuid);

    if (rc == 0) return sedge_err_set(err, SEDGE_E_NOT_FOUND, "there is no deployment \"%s\"", uuid);
    if (rc > 0) rc = concerns(rq->cloud, *id, &rq->peer, err);
    if (rc == 0) return sedge_err_set(err, SEDGE_E_DENIED, "deployment %s is not for thing %s", uuid, rq->peer.who);
    return rc < 0 ? -1 : 0;
}

/* The digest (base64) of what the store holds for the deployment. */
static int digest_of(struct sedge_cloud *c, int64_t id, struct sedge_buf *digest, struct sedge_err *err)
{
    sedge_auto_free char *text = NULL;
    uint8_t sha[SEDGE_SHA256_LEN];
    int64_t archived = 0;

    if (sedge_q_text(c->db, err, &text, "SELECT full_doc FROM deployment WHERE id=?1", "i", id) < 0 ||
        sedge_q_i64(c->db, err, &archived, "SELECT archived FROM deployment WHERE id=?1", "i", id) < 0)
        return -1;
    if (!text || !text[0])
        return sedge_err_set(err, SEDGE_E_NOT_FOUND,
                             "the document of this deployment was sent as a whole: there is nothing more to fetch");
    if (!archived)
        return sedge_err_set(err, SEDGE_E_UNAVAILABLE, "the document is not in the object store yet; ask again later");
    sedge_sha256(text, strlen(text), sha);
    sedge_base64_encode(digest, sha, sizeof(sha));
    return 0;
}

void sedge_data_configuration(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_buf struct sedge_buf url = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf digest = SEDGE_BUF_INIT;
    sedge_auto_free char *key = NULL;
    struct json_object *check;
    int64_t id = 0;

    if (sedge_data_own(rq, re) != 0) return;
    key = sedge_xasprintf("deployments/%s.json", sedge_http_arg(rq, 1));
    if (find_deployment(rq, &id, &err) != 0 || digest_of(rq->cloud, id, &digest, &err) != 0 ||
        sign(user, &rq->cloud->set, key, &url, &err) != 0) {
        sedge_http_fail(re, &err);
        return;
    }
    re->json = json_object_new_object();
    check = json_object_new_object();
    sedge_json_add_str(re->json, "preSignedUrl", url.data);
    (void)json_object_object_add(re->json, "integrityCheck", check); /* takes check */
    sedge_json_add_str(check, "algorithm", "SHA-256");
    sedge_json_add_str(check, "digest", digest.data);
}
