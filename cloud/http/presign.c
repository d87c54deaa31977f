#include "presign.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/digest.h"
#include "base/mem.h"
#include "base/str.h"

#define MAC_LEN SEDGE_SHA256_LEN

struct place {
    char *scheme_host; /* https://host:port */
    char *host;        /* host:port as the header has it */
    char *path;        /* encoded */
};

static void place_release(struct place *p)
{
    free(p->scheme_host);
    free(p->host);
    free(p->path);
}

static int split_endpoint(const char *endpoint, const char **scheme, char **host, struct sedge_err *err)
{
    const char *start = strstr(endpoint, "://");
    size_t n;

    *scheme = sedge_str_starts(endpoint, "https://") ? "https" : "http";
    start = start ? start + 3 : "";
    n = strcspn(start, "/?#");
    if (n == 0 || strspn(start + n, "/") != strlen(start + n))
        return sedge_err_set(err, SEDGE_E_INVALID, "object store endpoint \"%s\": expected http(s)://HOST[:PORT]",
                             endpoint);
    *host = sedge_xstrndup(start, n);
    /* The ports that belong to the schemes are not in the Host header that clients send. */
    if (sedge_str_ends(*host, strcmp(*scheme, "https") == 0 ? ":443" : ":80")) *strrchr(*host, ':') = 0;
    return 0;
}

static int find_place(const struct sedge_presign *p, const char *bucket, const char *key, struct place *out,
                      struct sedge_err *err)
{
    sedge_auto_free char *aws = sedge_xasprintf("https://s3.%s.amazonaws.com", p->region);
    sedge_auto_free char *host = NULL;
    sedge_auto_buf struct sedge_buf path = SEDGE_BUF_INIT;
    const char *scheme = NULL;

    if (!bucket || !bucket[0] || !key[0] || strlen(key) > SEDGE_PRESIGN_KEY_MAX)
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "bucket \"%s\", key \"%.64s\": expected a bucket and a key of 1 to %d bytes",
                             bucket ? bucket : "", key, SEDGE_PRESIGN_KEY_MAX);
    if (split_endpoint(p->endpoint ? p->endpoint : aws, &scheme, &host, err) != 0) return -1;
    sedge_buf_putc(&path, '/');
    if (p->path_style) {
        sedge_url_encode(&path, bucket, false);
        sedge_buf_putc(&path, '/');
    }
    sedge_url_encode(&path, key, true);
    out->host = p->path_style ? sedge_steal(&host) : sedge_xasprintf("%s.%s", bucket, host);
    out->scheme_host = sedge_xasprintf("%s://%s", scheme, out->host);
    out->path = sedge_buf_steal(&path);
    return 0;
}

static void mac(const void *key, size_t nkey, const char *text, unsigned char out[MAC_LEN])
{
    unsigned n = MAC_LEN;

    sedge_assert(HMAC(EVP_sha256(), key, (int)nkey, (const unsigned char *)text, strlen(text), out, &n) != NULL);
}

static void signature(const struct sedge_presign *p, const char *day, const char *to_sign, struct sedge_buf *hex)
{
    sedge_auto_free char *first = sedge_xasprintf("AWS4%s", p->secret_key);
    const char *const steps[] = {p->region, "s3", "aws4_request"};
    unsigned char key[MAC_LEN], next[MAC_LEN];

    mac(first, strlen(first), day, key);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(steps); i++) {
        mac(key, sizeof(key), steps[i], next);
        memcpy(key, next, sizeof(key));
    }
    mac(key, sizeof(key), to_sign, next);
    sedge_hex_encode(hex, next, sizeof(next));
    sedge_wipe(key, sizeof(key));
    sedge_wipe(first, strlen(first));
}

/* Members in the order of their names, as the signature wants them. */
static void query_of(const struct sedge_presign *p, const char *scope, const char *when, struct sedge_buf *out)
{
    sedge_buf_puts(out, "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=");
    sedge_url_encode(out, p->access_key, false);
    sedge_buf_puts(out, "%2F");
    sedge_url_encode(out, scope, false);
    sedge_buf_printf(out, "&X-Amz-Date=%s&X-Amz-Expires=%d", when, p->expires_s);
    if (p->session_token) {
        sedge_buf_puts(out, "&X-Amz-Security-Token=");
        sedge_url_encode(out, p->session_token, false);
    }
    sedge_buf_puts(out, "&X-Amz-SignedHeaders=host");
}

static void sign(const struct sedge_presign *p, const struct place *where, struct sedge_buf *url)
{
    time_t now = (time_t)(p->now_ms / 1000);
    char when[32], day[16];
    struct tm tm;
    sedge_auto_free char *scope = NULL;
    sedge_auto_free char *request = NULL;
    sedge_auto_free char *to_sign = NULL;
    sedge_auto_buf struct sedge_buf query = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf hash = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf sig = SEDGE_BUF_INIT;

    (void)gmtime_r(&now, &tm);
    (void)strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm);
    (void)strftime(day, sizeof(day), "%Y%m%d", &tm);
    scope = sedge_xasprintf("%s/%s/s3/aws4_request", day, p->region);
    query_of(p, scope, when, &query);
    request = sedge_xasprintf("GET\n%s\n%s\nhost:%s\n\nhost\nUNSIGNED-PAYLOAD", where->path, query.data, where->host);
    sedge_sha256_hex(request, strlen(request), &hash);
    to_sign = sedge_xasprintf("AWS4-HMAC-SHA256\n%s\n%s\n%s", when, scope, hash.data);
    signature(p, day, to_sign, &sig);
    sedge_buf_printf(url, "%s%s?%s&X-Amz-Signature=%s", where->scheme_host, where->path, query.data, sig.data);
}

int sedge_presign_get(const struct sedge_presign *p, const char *bucket, const char *key, struct sedge_buf *url,
                      struct sedge_err *err)
{
    struct place where = {0};
    int rc;

    if (!p->access_key || !p->secret_key)
        return sedge_err_set(err, SEDGE_E_INVALID, "there are no credentials of the object store to sign with");
    if (p->expires_s < 1 || p->expires_s > SEDGE_PRESIGN_EXPIRES_MAX_S)
        return sedge_err_set(err, SEDGE_E_INVALID, "a signed URL is good for 1 to %d seconds, not %d",
                             SEDGE_PRESIGN_EXPIRES_MAX_S, p->expires_s);
    rc = find_place(p, bucket, key, &where, err);
    if (rc == 0) sign(p, &where, url);
    place_release(&where);
    return rc;
}
