#include "verdict.h"

#include <curl/curl.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

struct rule {
    int value; /* CURLcode */
    enum sedge_verdict verdict;
    enum sedge_err_code code;
    const char *stack;
    const char *hint;
};

#define HOST_HINT  "check the host name in objectStore.endpoint or the URL, and the name server"
#define REACH_HINT "check objectStore.endpoint or the URL, that the server runs, and the network"
static const char cert_hint[] = "check caFile, the server's certificate, and the clock of this machine";

/* What libcurl reports when there is no HTTP answer to judge. */
static const struct rule curl_rules[] = {
    {CURLE_COULDNT_RESOLVE_HOST, SEDGE_VERDICT_HEAL, SEDGE_E_UNAVAILABLE, "NETWORK_ERROR", HOST_HINT},
    {CURLE_COULDNT_RESOLVE_PROXY, SEDGE_VERDICT_HEAL, SEDGE_E_UNAVAILABLE, "NETWORK_ERROR", "check the proxy setting"},
    {CURLE_COULDNT_CONNECT, SEDGE_VERDICT_HEAL, SEDGE_E_UNAVAILABLE, "NETWORK_ERROR", REACH_HINT},
    {CURLE_OPERATION_TIMEDOUT, SEDGE_VERDICT_HEAL, SEDGE_E_TIMEOUT, "NETWORK_ERROR", REACH_HINT},
    {CURLE_PARTIAL_FILE, SEDGE_VERDICT_HEAL, SEDGE_E_UNAVAILABLE, "NETWORK_ERROR", "the connection broke; try again"},
    {CURLE_GOT_NOTHING, SEDGE_VERDICT_HEAL, SEDGE_E_UNAVAILABLE, "NETWORK_ERROR", REACH_HINT},
    {CURLE_SEND_ERROR, SEDGE_VERDICT_HEAL, SEDGE_E_UNAVAILABLE, "NETWORK_ERROR", "the connection broke; try again"},
    {CURLE_RECV_ERROR, SEDGE_VERDICT_HEAL, SEDGE_E_UNAVAILABLE, "NETWORK_ERROR", "the connection broke; try again"},
    {CURLE_HTTP2, SEDGE_VERDICT_HEAL, SEDGE_E_UNAVAILABLE, "NETWORK_ERROR", "the connection broke; try again"},
    {CURLE_HTTP2_STREAM, SEDGE_VERDICT_HEAL, SEDGE_E_UNAVAILABLE, "NETWORK_ERROR", "the connection broke; try again"},
    {CURLE_SSL_CONNECT_ERROR, SEDGE_VERDICT_HEAL, SEDGE_E_UNAVAILABLE, "NETWORK_ERROR TLS_HANDSHAKE_FAILURE",
     "check that the server speaks TLS on this port"},
    {CURLE_PEER_FAILED_VERIFICATION, SEDGE_VERDICT_FINAL, SEDGE_E_DENIED, "NETWORK_ERROR TLS_HANDSHAKE_FAILURE",
     cert_hint},
    {CURLE_SSL_CERTPROBLEM, SEDGE_VERDICT_FINAL, SEDGE_E_INVALID, "NETWORK_ERROR TLS_HANDSHAKE_FAILURE",
     "check that system.certificateFilePath and system.privateKeyPath are PEM files and belong together"},
    {CURLE_SSL_CACERT_BADFILE, SEDGE_VERDICT_FINAL, SEDGE_E_INVALID, "NETWORK_ERROR TLS_HANDSHAKE_FAILURE",
     "check that caFile names a readable PEM file"},
    {CURLE_TOO_MANY_REDIRECTS, SEDGE_VERDICT_FINAL, SEDGE_E_INVALID, "HTTP_REQUEST_ERROR", "check the URL"},
    {CURLE_URL_MALFORMAT, SEDGE_VERDICT_FINAL, SEDGE_E_INVALID, "ARTIFACT_URI_NOT_VALID",
     "check the URL or objectStore.endpoint"},
    {CURLE_UNSUPPORTED_PROTOCOL, SEDGE_VERDICT_FINAL, SEDGE_E_UNSUPPORTED, "UNSUPPORTED_ARTIFACT_SCHEME",
     "a redirect led to another scheme; check the URL"},
};

static int tell(struct sedge_fail *fail, const struct sedge_source *src, const struct sedge_settings *s,
                enum sedge_err_code code, const char *stack, const char *what, const char *hint)
{
    fail->stack = stack;
    if (src->scheme == SEDGE_SCHEME_S3)
        return sedge_err_set(&fail->err, code, "%s at %s: %s; %s", src->text, s->endpoint, what, hint);
    return sedge_err_set(&fail->err, code, "%s: %s; %s", src->text, what, hint);
}

/* What to check depends on who was not reached. */
static const char *hint_of(const struct rule *r, const struct sedge_source *src)
{
    if (r->value == CURLE_SSL_CERTPROBLEM || strstr(r->hint, "proxy")) return r->hint;
    if (src->scheme == SEDGE_SCHEME_NAME)
        return "check that this device reaches the store behind the data plane: name server, network, networkProxy";
    if (src->scheme != SEDGE_SCHEME_PLANE) return r->hint;
    return r->hint == cert_hint
               ? "check system.rootCaPath, the names in the server's certificate, and the clock of this machine"
               : "check greengrassDataPlaneEndpoint and greengrassDataPlanePort, that the server runs, and the network";
}

static enum sedge_verdict of_curl(const struct sedge_outcome *o, const struct sedge_settings *s,
                                  const struct sedge_source *src, struct sedge_fail *fail)
{
    const char *what = o->curl == CURLE_COULDNT_CONNECT && o->os_errno ? strerror(o->os_errno)
                       : o->detail && *o->detail                       ? o->detail
                                                                       : curl_easy_strerror((CURLcode)o->curl);
    struct rule r = {0, SEDGE_VERDICT_FINAL, SEDGE_E_IO, "HTTP_REQUEST_ERROR", REACH_HINT};
    sedge_auto_free char *text = NULL;

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(curl_rules); i++)
        if (curl_rules[i].value == o->curl) r = curl_rules[i];
    if (strstr(what, "CONNECT tunnel failed")) r.hint = "the proxy refuses; check networkProxy";
    text = sedge_xasprintf("%s%s", o->curl == CURLE_COULDNT_CONNECT ? "cannot connect: " : "", what);
    (void)tell(fail, src, s, r.code, r.stack, text, hint_of(&r, src));
    return r.verdict;
}

static const char *denied_hint(const struct sedge_outcome *o, const struct sedge_settings *s,
                               const struct sedge_source *src)
{
    if (src->scheme == SEDGE_SCHEME_NAME)
        return "the store refuses what the data plane signs; check the data plane's keys and clock";
    if (src->scheme != SEDGE_SCHEME_S3) return "the server wants credentials, which artifact URLs cannot give";
    if (!s->access_key)
        return "the request was not signed because there are no credentials: set accessKeyId and secretAccessKey in "
               "system.objectStore";
    if (strcmp(o->s3_code, "RequestTimeTooSkewed") == 0) return "check the clock of this machine";
    if (strcmp(o->s3_code, "AuthorizationHeaderMalformed") == 0) return "check objectStore.region";
    return "check accessKeyId and secretAccessKey in system.objectStore, and what this key may read";
}

static void tell_not_found(const struct sedge_outcome *o, const struct sedge_settings *s,
                           const struct sedge_source *src, struct sedge_fail *fail)
{
    sedge_auto_free char *what = NULL;
    const char *hint = "check that the component was published and that the URL in its recipe is right";

    if (src->scheme != SEDGE_SCHEME_S3) {
        (void)tell(fail, src, s, SEDGE_E_NOT_FOUND, "HTTP_REQUEST_ERROR", "not found (404)",
                   src->scheme == SEDGE_SCHEME_NAME ? "check that the store behind the data plane has it"
                                                    : "check the URL");
        return;
    }
    if (strcmp(o->s3_code, "NoSuchBucket") == 0 || !*src->key) {
        what = sedge_xasprintf("bucket \"%s\" does not exist", src->bucket);
        hint = "check objectStore.bucket and objectStore.endpoint, or create the bucket";
    } else {
        what = sedge_xasprintf("no key \"%s\" in bucket \"%s\"", src->key, src->bucket);
    }
    (void)tell(fail, src, s, SEDGE_E_NOT_FOUND, "S3_ERROR S3_RESOURCE_NOT_FOUND", what, hint);
}

/* Stores say 400 for some refusals that are about credentials. */
static bool is_denied(const struct sedge_outcome *o, const struct sedge_settings *s, const struct sedge_source *src)
{
    static const char *const codes[] = {"AuthorizationHeaderMalformed",
                                        "InvalidAccessKeyId",
                                        "SignatureDoesNotMatch",
                                        "AccessDenied",
                                        "ExpiredToken",
                                        "InvalidToken"};

    if (o->status == 401 || o->status == 403) return true;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(codes); i++)
        if (strcmp(o->s3_code, codes[i]) == 0) return true;
    return o->status == 400 && src->scheme == SEDGE_SCHEME_S3 && !s->access_key;
}

static enum sedge_verdict of_status(const struct sedge_outcome *o, const struct sedge_settings *s,
                                    const struct sedge_source *src, struct sedge_fail *fail)
{
    bool s3 = src->scheme == SEDGE_SCHEME_S3;
    sedge_auto_free char *what =
        sedge_xasprintf("the server answered %ld%s%s", o->status, *o->s3_code ? " " : "", o->s3_code);

    if (is_denied(o, s, src)) {
        sedge_auto_free char *denied =
            sedge_xasprintf("access denied (%ld%s%s)", o->status, *o->s3_code ? " " : "", o->s3_code);

        (void)tell(fail, src, s, SEDGE_E_DENIED, s3 ? "S3_ERROR S3_ACCESS_DENIED" : "HTTP_REQUEST_ERROR", denied,
                   denied_hint(o, s, src));
        return SEDGE_VERDICT_FINAL;
    }
    if (o->status == 404) {
        tell_not_found(o, s, src, fail);
        return SEDGE_VERDICT_FINAL;
    }
    if (o->status == 409 || o->status == 412) {
        (void)tell(fail, src, s, SEDGE_E_CONFLICT, s3 ? "S3_ERROR S3_BAD_REQUEST" : "HTTP_REQUEST_ERROR", what,
                   "there is already something of this name");
        return SEDGE_VERDICT_FINAL;
    }
    if (o->status == 501) {
        (void)tell(fail, src, s, SEDGE_E_UNSUPPORTED, s3 ? "S3_ERROR S3_SERVER_ERROR" : "HTTP_REQUEST_ERROR", what,
                   "the server does not offer this");
        return SEDGE_VERDICT_FINAL;
    }
    if (o->status == 408 || o->status == 429 || o->status >= 500) {
        (void)tell(fail, src, s, SEDGE_E_UNAVAILABLE, s3 ? "S3_ERROR S3_SERVER_ERROR" : "HTTP_REQUEST_ERROR", what,
                   "the server is overloaded or broken; try again later");
        return SEDGE_VERDICT_HEAL;
    }
    (void)tell(fail, src, s, SEDGE_E_INVALID, s3 ? "S3_ERROR S3_BAD_REQUEST" : "HTTP_REQUEST_ERROR", what,
               s3 && o->status < 400 ? "check objectStore.region and objectStore.endpoint"
                                     : "check objectStore.endpoint or the URL");
    return SEDGE_VERDICT_FINAL;
}

enum sedge_verdict sedge_verdict_of(const struct sedge_outcome *o, const struct sedge_settings *s,
                                    const struct sedge_source *src, struct sedge_fail *fail)
{
    if (o->curl != CURLE_OK) return of_curl(o, s, src, fail);
    if (o->status >= 200 && o->status < 300) return SEDGE_VERDICT_OK;
    return of_status(o, s, src, fail);
}
