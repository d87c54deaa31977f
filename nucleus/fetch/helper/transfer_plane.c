/* Exchanges with the data plane, which knows this device by its certificate, and by the URLs that it signs. */
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

#include "../protocol.h"
#include "base/json.h"
#include "base/mem.h"
#include "job.h"

bool sedge_transfer_is_signed(const struct sedge_job *job)
{
    return job->req.presign && !job->asking;
}

/* libcurl offers the protocols of HTTP; AWS wants another one on port 443. */
static CURLcode offer_protocol(CURL *easy, void *ssl_ctx, void *user)
{
    const char *name = user;
    unsigned char list[256];
    size_t n = strlen(name);

    (void)easy;
    if (n == 0 || n >= sizeof list - 1) return CURLE_OK;
    list[0] = (unsigned char)n;
    (void)snprintf((char *)list + 1, sizeof list - 1, "%s", name);
    return SSL_CTX_set_alpn_protos(ssl_ctx, list, (unsigned)n + 1) ? CURLE_SSL_CONNECT_ERROR : CURLE_OK;
}

/* Copies stay ours: libcurl reads them while it connects. */
static void set_blob(CURL *c, CURLoption option, const struct sedge_buf *pem)
{
    struct curl_blob blob = {.data = pem->data, .len = pem->len, .flags = CURL_BLOB_NOCOPY};

    curl_easy_setopt(c, option, &blob);
}

static void set_identity(CURL *c, const struct sedge_plane *p)
{
    set_blob(c, CURLOPT_SSLCERT_BLOB, &p->cert);
    set_blob(c, CURLOPT_SSLKEY_BLOB, &p->key);
    curl_easy_setopt(c, CURLOPT_CAINFO, p->ca_file);
    curl_easy_setopt(c, CURLOPT_CAPATH, NULL); /* that file alone: not what the system trusts */
    if (!p->alpn) return;
    curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, offer_protocol);
    curl_easy_setopt(c, CURLOPT_SSL_CTX_DATA, p->alpn);
}

int sedge_transfer_set_plane(struct sedge_job *job)
{
    const struct sedge_plane *p = &job->settings->plane;
    bool post = job->req.op == SEDGE_OP_API && job->req.text;
    sedge_auto_free char *url = NULL;

    if (p->why.code != SEDGE_OK) {
        job->fail = (struct sedge_fail){.err = p->why, .stack = "DEVICE_CONFIG_NOT_VALID_FOR_ARTIFACT_DOWNLOAD"};
        return -1;
    }
    url = sedge_xasprintf("%s%s", p->url, job->req.op == SEDGE_OP_API ? job->req.path : job->req.presign);
    curl_easy_setopt(job->easy, CURLOPT_URL, url);
    curl_easy_setopt(job->easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(job->easy, CURLOPT_PROTOCOLS_STR, "https");
    set_identity(job->easy, p);
    sedge_transfer_add_header(job, "Accept", "application/json");
    if (p->thing) sedge_transfer_add_header(job, "x-amzn-iot-thingname", p->thing);
    if (!post) return 0;
    sedge_transfer_add_header(job, "Content-Type", "application/json");
    curl_easy_setopt(job->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(job->req.text));
    curl_easy_setopt(job->easy, CURLOPT_POSTFIELDS, job->req.text);
    return 0;
}

void sedge_transfer_set_signed(struct sedge_job *job)
{
    curl_easy_setopt(job->easy, CURLOPT_URL, job->signed_url);
    curl_easy_setopt(job->easy, CURLOPT_PATH_AS_IS, 1L); /* the path is signed as it stands */
    if (job->req.op == SEDGE_OP_HEAD) curl_easy_setopt(job->easy, CURLOPT_RANGE, "0-0");
}

static void note_answer(struct sedge_job *job, const struct sedge_outcome *o, const struct sedge_plane_answer *a,
                        int64_t asked_ms)
{
    if (o->status == 0) return;
    sedge_json_add_i64(job->answer, "status", o->status);
    sedge_json_add_str(job->answer, "errorType", a->exception);
    sedge_json_add_str(job->answer, "answer", a->message);
    if (asked_ms > 0) sedge_json_add_i64(job->answer, "retryAfterMs", asked_ms);
}

enum sedge_verdict sedge_transfer_end_plane(struct sedge_job *job, const struct sedge_outcome *o, int64_t asked_ms)
{
    const struct sedge_buf *refuse = &job->in.refuse;
    const struct sedge_plane *p = &job->settings->plane;
    struct sedge_plane_answer answer = {.message = ""};
    sedge_auto_free char *what = job->req.op == SEDGE_OP_API
                                     ? sedge_xasprintf("%s%s", p->url, job->req.path)
                                     : sedge_xasprintf("%s by %s", job->req.source.text, p->url);
    enum sedge_verdict v;

    memcpy(answer.exception, job->in.exception, sizeof answer.exception);
    v = sedge_verdict_of_plane(o, job->settings, what, refuse->data, refuse->len, &answer, &job->fail);
    if (v == SEDGE_VERDICT_OK) return v;
    if (job->req.op == SEDGE_OP_API)
        note_answer(job, o, &answer, asked_ms);
    else if (o->status == 403 || o->status == 401)
        job->fail.stack = "GET_COMPONENT_VERSION_ARTIFACT_ACCESS_DENIED CLOUD_API_ERROR ACCESS_DENIED";
    return v;
}

enum sedge_verdict sedge_transfer_end_signed(struct sedge_job *job, const struct sedge_outcome *o)
{
    struct sedge_source src = {.scheme = SEDGE_SCHEME_NAME, .text = job->req.source.text};
    bool look = job->req.op == SEDGE_OP_HEAD;
    enum sedge_verdict v;

    if (look && o->status == 416 && job->in.range_total == 0) return SEDGE_VERDICT_OK; /* an empty file has no byte 0 */
    v = sedge_verdict_of(o, job->settings, &src, &job->fail);
    if (v != SEDGE_VERDICT_OK && job->fail.stack && strcmp(job->fail.stack, "HTTP_REQUEST_ERROR") == 0)
        job->fail.stack = look ? "GET_GREENGRASS_ARTIFACT_SIZE_ERROR" : "DOWNLOAD_GREENGRASS_ARTIFACT_ERROR";
    return v;
}

int sedge_transfer_take_signed(struct sedge_job *job)
{
    const struct sedge_buf *body = &job->in.body;
    sedge_auto_put struct json_object *o =
        sedge_json_parse_object(body->data ? body->data : "", body->len, "the answer of the data plane", NULL);
    const char *url = sedge_json_str(o, "preSignedUrl", "");

    if (!sedge_str_starts(url, "https://") && !sedge_str_starts(url, "http://"))
        return sedge_job_fail(job, SEDGE_E_INVALID, "CLOUD_API_ERROR",
                              "%s: the data plane %s gave no preSignedUrl that is http or https; is it a data plane?",
                              job->req.source.text, job->settings->plane.url);
    free(job->signed_url);
    job->signed_url = sedge_xstrdup(url);
    if (job->have > job->signed_at) job->nsigned = 0;
    job->nsigned++;
    job->attempts--; /* asking was no attempt to get it */
    job->signed_at = job->have;
    return 0;
}

bool sedge_transfer_sign_again(struct sedge_job *job)
{
    if (!sedge_transfer_is_signed(job) || job->fail.err.code != SEDGE_E_DENIED || job->in.status == 0) return false;
    if (job->have == job->signed_at && job->nsigned >= SEDGE_FETCH_SIGN_MAX) return false;
    free(job->signed_url);
    job->signed_url = NULL;
    return true;
}
