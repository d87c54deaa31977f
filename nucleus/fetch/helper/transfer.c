/* One HTTP exchange of a job with libcurl. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "../protocol.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "job.h"
#include "reply.h"

#define REFUSE_MAX    ((size_t)16384)   /* bytes kept of an error answer */
#define LIST_PAGE_MAX ((size_t)8 << 20) /* bytes of one page of a listing */
#define REDIRECTS_MAX 5L
#define LETTERS       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool is_s3(const struct sedge_job *job)
{
    return job->req.source.scheme == SEDGE_SCHEME_S3 && !job->req.presign;
}

/* Text of the header `name` into out, if the line is that header. */
static bool header_is(const char *line, size_t n, const char *name, char *out, size_t size)
{
    size_t len = strlen(name);
    int text;

    if (n <= len || strncasecmp(line, name, len) != 0 || line[len] != ':') return false;
    line += len + 1;
    n -= len + 1;
    while (n > 0 && (*line == ' ' || *line == '\t')) {
        line++;
        n--;
    }
    while (n > 0 && strchr("\r\n \t", line[n - 1]))
        n--;
    text = snprintf(out, size, "%.*s", (int)n, line);
    if (text < 0 || (size_t)text >= size) out[0] = 0; /* a validator that does not fit is none */
    return true;
}

static size_t on_header(char *line, size_t size, size_t n, void *user)
{
    struct sedge_job *job = user;
    struct sedge_response *in = &job->in;
    char text[256];
    const char *total;

    (void)size;                                    /* always 1 */
    if (n > 5 && strncmp(line, "HTTP/", 5) == 0) { /* the next answer: after a redirect or a 100 */
        in->etag[0] = in->modified[0] = in->exception[0] = 0;
        in->length = in->range_start = in->range_total = -1;
        return n;
    }
    if (header_is(line, n, "x-amzn-ErrorType", text, sizeof text)) { /* NAME, or NAME:URL */
        (void)snprintf(in->exception, sizeof in->exception, "%.*s", (int)strspn(text, LETTERS), text);
        return n;
    }
    if (header_is(line, n, "ETag", in->etag, sizeof in->etag) ||
        header_is(line, n, "Last-Modified", in->modified, sizeof in->modified))
        return n;
    if (header_is(line, n, "Content-Length", text, sizeof text))
        (void)sedge_str_to_i64(text, 0, INT64_MAX, &in->length, NULL);
    else if (header_is(line, n, "Content-Range", text, sizeof text)) {
        (void)sscanf(text, "bytes %" SCNd64 "-", &in->range_start); /* NOLINT(cert-err34-c): -1 stays if it fails */
        total = strchr(text, '/');
        if (total) (void)sedge_str_to_i64(total + 1, 0, INT64_MAX, &in->range_total, NULL); /* "*": not known */
    }
    return n;
}

/* What tells this version of the object from another. */
static const char *validator_of(const struct sedge_response *in)
{
    if (*in->etag) return strncmp(in->etag, "W/", 2) == 0 ? "" : in->etag;
    return in->modified;
}

/* Judges the beginning of an answer that carries the file: whether it continues what we have. -1 ends the transfer. */
static int begin_file(struct sedge_job *job)
{
    struct sedge_response *in = &job->in;
    int64_t max = job->req.max_bytes ? job->req.max_bytes : SEDGE_FETCH_BYTES_MAX;

    if (in->status == 206) {
        if (in->range_start != job->start || strcmp(validator_of(in), job->validator) != 0) {
            job->restart = true;
            return sedge_job_fail(job, SEDGE_E_UNAVAILABLE, "NETWORK_ERROR", "%s changed while it was fetched",
                                  job->req.source.text);
        }
        job->resumed = true;
    } else if (job->have > 0 && sedge_file_restart_part(job)) {
        return -1;
    }
    job->start = job->have;
    (void)snprintf(job->validator, sizeof job->validator, "%s", validator_of(in));
    if (in->length > max - job->start)
        return sedge_job_fail(job, SEDGE_E_LIMIT, NULL, "%s has %" PRId64 " bytes, more than the %" PRId64 " allowed",
                              job->req.source.text, job->start + in->length, max);
    if (sedge_file_check_space(job, in->length > 0 ? in->length : 0)) return -1;
    sedge_file_note_part(job);
    return 0;
}

static void tell_progress(struct sedge_job *job)
{
    int64_t now = sedge_mono_ms(), passed = now - job->progress_ms;
    int64_t total = job->in.length >= 0 ? job->start + job->in.length : -1;

    if (passed < SEDGE_FETCH_PROGRESS_MS) return;
    if (job->progress_ms) {
        int64_t rate = (job->have - job->progress_bytes) * 1000 / passed;

        job->rate = rate < 0 ? 0 : rate;
        sedge_reply_progress(job->req.id, job->have, total, job->rate);
    }
    job->progress_ms = now;
    job->progress_bytes = job->have;
}

static int write_file(struct sedge_job *job, const char *p, size_t n)
{
    int64_t max = job->req.max_bytes ? job->req.max_bytes : SEDGE_FETCH_BYTES_MAX;

    if ((int64_t)n > max - job->have)
        return sedge_job_fail(job, SEDGE_E_LIMIT, NULL, "%s has more than the %" PRId64 " bytes allowed",
                              job->req.source.text, max);
    while (n > 0) {
        ssize_t w = pwrite(job->fd, p, n, job->have);

        if (w < 0 && errno == EINTR) continue;
        if (w < 0) {
            (void)sedge_err_sys(&job->fail.err, errno, "cannot write %s", job->part);
            return sedge_job_fail_file(job, "IO_ERROR IO_WRITE_ERROR");
        }
        p += w;
        n -= (size_t)w;
        job->have += w;
    }
    tell_progress(job);
    return 0;
}

static int keep_body(struct sedge_job *job, const char *p, size_t n)
{
    size_t max = job->req.op == SEDGE_OP_LIST ? LIST_PAGE_MAX : SEDGE_FETCH_TEXT_MAX;

    if (job->req.op == SEDGE_OP_TEXT && job->req.max_bytes > 0 && job->req.max_bytes < (int64_t)max)
        max = (size_t)job->req.max_bytes;
    if (job->in.body.len + n > max)
        return sedge_job_fail(job, SEDGE_E_LIMIT, NULL, "%s has more than the %zu bytes allowed", job->req.source.text,
                              max);
    sedge_buf_add(&job->in.body, p, n);
    return 0;
}

static int begin_body(struct sedge_job *job)
{
    (void)curl_easy_getinfo(job->easy, CURLINFO_RESPONSE_CODE, &job->in.status);
    job->in.begun = true;
    if (job->asking) return 0;
    if (job->req.op == SEDGE_OP_HEAD && job->req.presign && job->in.status == 200) {
        job->enough = true; /* a server without ranges: its headers said it all */
        return -1;
    }
    if (job->req.op == SEDGE_OP_GET && job->in.status >= 200 && job->in.status < 300) return begin_file(job);
    return 0;
}

static size_t on_body(char *p, size_t size, size_t n, void *user)
{
    struct sedge_job *job = user;
    int rc = 0;

    (void)size; /* always 1 */
    if (!job->in.begun) rc = begin_body(job);
    if (rc == 0 && (job->in.status < 200 || job->in.status >= 300)) {
        size_t room = REFUSE_MAX - job->in.refuse.len;

        sedge_buf_add(&job->in.refuse, p, n < room ? n : room);
    } else if (rc == 0 && job->asking) {
        rc = keep_body(job, p, n);
    } else if (rc == 0 && job->req.op == SEDGE_OP_GET) {
        rc = write_file(job, p, n);
    } else if (rc == 0 && (job->req.op == SEDGE_OP_TEXT || job->req.op == SEDGE_OP_LIST)) {
        rc = keep_body(job, p, n);
    }
    if (rc == 0) return n;
    job->gave_up = true;
    return 0;
}

static size_t on_upload(char *p, size_t size, size_t n, void *user)
{
    struct sedge_job *job = user;
    int64_t left = job->size - job->have;
    size_t room = size * n, want = left < (int64_t)room ? (size_t)left : room;
    ssize_t got;

    if (want == 0) return 0;
    if (job->req.file) {
        got = pread(job->fd, p, want, job->have);
        if (got <= 0) return CURL_READFUNC_ABORT;
    } else {
        memcpy(p, job->req.text + job->have, want);
        got = (ssize_t)want;
    }
    job->have += got;
    tell_progress(job);
    return (size_t)got;
}

/* curl sends a body again after it reused a connection that was closed meanwhile. */
static int on_seek(void *user, curl_off_t offset, int origin)
{
    struct sedge_job *job = user;

    if (origin != SEEK_SET || offset < 0 || offset > job->size) return CURL_SEEKFUNC_FAIL;
    job->have = offset;
    return CURL_SEEKFUNC_OK;
}

void sedge_transfer_add_header(struct sedge_job *job, const char *name, const char *value)
{
    sedge_auto_free char *line = sedge_xasprintf("%s: %s", name, value);
    struct curl_slist *l = curl_slist_append(job->headers, line);

    sedge_assert(l);
    job->headers = l;
}

static bool is_upload(const struct sedge_job *job)
{
    return job->req.op == SEDGE_OP_PUT && (!job->req.if_none_match || job->looked_up);
}

static bool is_look(const struct sedge_job *job)
{
    if (job->req.presign) return false; /* such a URL is signed for GET alone */
    return job->req.op == SEDGE_OP_HEAD || (job->req.op == SEDGE_OP_PUT && !is_upload(job));
}

static void set_common(struct sedge_job *job)
{
    const struct sedge_settings *s = job->settings;
    const char *url = is_s3(job) ? s->endpoint : job->req.source.url;
    CURL *c = job->easy;

    if (job->req.presign) url = job->signed_url;
    curl_easy_setopt(c, CURLOPT_PRIVATE, job);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, job->curl_text);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "sedge-fetch/" SEDGE_VERSION);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)s->connect_timeout_ms);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)((s->stall_timeout_ms + 999) / 1000));
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, job);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, job);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR,
                     !url || strncasecmp(url, "https:", 6) == 0 ? "https" : "http,https");
    if (s->ca_file) curl_easy_setopt(c, CURLOPT_CAINFO, s->ca_file);
    if (s->proxy) curl_easy_setopt(c, CURLOPT_PROXY, s->proxy);
    if (s->proxy_ca) curl_easy_setopt(c, CURLOPT_PROXY_CAINFO, s->proxy_ca);
    if (s->no_proxy) curl_easy_setopt(c, CURLOPT_NOPROXY, s->no_proxy);
}

static void set_s3(struct sedge_job *job)
{
    static const char empty_sha256[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const struct sedge_settings *s = job->settings;
    struct sedge_query query[4];
    sedge_auto_free char *url = NULL, *sign = NULL;
    size_t n = 0;

    if (job->req.op == SEDGE_OP_LIST) { /* sorted by name */
        if (job->listing.token) query[n++] = (struct sedge_query){"continuation-token", job->listing.token};
        if (job->req.delimiter) query[n++] = (struct sedge_query){"delimiter", job->req.delimiter};
        query[n++] = (struct sedge_query){"list-type", "2"};
        query[n++] = (struct sedge_query){"prefix", job->req.prefix ? job->req.prefix : ""};
    }
    url = sedge_s3_url(s, job->req.source.bucket, job->req.source.key, query, n);
    curl_easy_setopt(job->easy, CURLOPT_URL, url);
    curl_easy_setopt(job->easy, CURLOPT_PATH_AS_IS, 1L); /* a key may hold "/../" */
    if (!s->access_key) return;
    sign = sedge_xasprintf("aws:amz:%s:s3", s->region);
    curl_easy_setopt(job->easy, CURLOPT_AWS_SIGV4, sign);
    /* Two options, not one with a colon between: a key may hold a colon. */
    curl_easy_setopt(job->easy, CURLOPT_USERNAME, s->access_key);
    curl_easy_setopt(job->easy, CURLOPT_PASSWORD, s->secret_key);
    sedge_transfer_add_header(job, "x-amz-content-sha256", is_upload(job) ? job->sha256 : empty_sha256);
    if (s->session_token) sedge_transfer_add_header(job, "x-amz-security-token", s->session_token);
}

static void set_download(struct sedge_job *job)
{
    char range[32];

    if (job->have == 0 || !*job->validator) return;
    (void)snprintf(range, sizeof range, "%" PRId64 "-", job->have);
    curl_easy_setopt(job->easy, CURLOPT_RANGE, range);
    sedge_transfer_add_header(job, "If-Range", job->validator);
}

static void set_upload(struct sedge_job *job)
{
    job->have = 0;
    curl_easy_setopt(job->easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(job->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)job->size);
    curl_easy_setopt(job->easy, CURLOPT_READFUNCTION, on_upload);
    curl_easy_setopt(job->easy, CURLOPT_READDATA, job);
    curl_easy_setopt(job->easy, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(job->easy, CURLOPT_SEEKDATA, job);
    if (job->req.content_type) sedge_transfer_add_header(job, "Content-Type", job->req.content_type);
    if (job->req.if_none_match && !job->unconditional) sedge_transfer_add_header(job, "If-None-Match", "*");
}

static int reset(struct sedge_job *job)
{
    struct sedge_response *in = &job->in;

    curl_slist_free_all(job->headers);
    job->headers = NULL;
    if (job->easy) curl_easy_reset(job->easy);
    if (!job->easy) job->easy = curl_easy_init();
    job->curl_text[0] = 0;
    job->gave_up = job->enough = job->restart = false;
    in->begun = false;
    in->status = 0;
    in->length = in->range_start = in->range_total = -1;
    in->etag[0] = in->modified[0] = in->exception[0] = 0;
    sedge_buf_clear(&in->body);
    sedge_buf_clear(&in->refuse);
    return job->easy ? 0 : sedge_job_fail(job, SEDGE_E_IO, NULL, "out of memory");
}

int sedge_transfer_begin(struct sedge_job *job)
{
    if (reset(job)) return -1;
    job->asking = job->req.op == SEDGE_OP_API || (job->req.presign && !job->signed_url);
    set_common(job);
    if (job->asking) {
        job->start = job->have;
        if (sedge_transfer_set_plane(job)) return -1;
        curl_easy_setopt(job->easy, CURLOPT_HTTPHEADER, job->headers);
        return 0;
    }
    if (is_s3(job)) {
        set_s3(job);
    } else if (job->req.presign) {
        sedge_transfer_set_signed(job);
    } else {
        curl_easy_setopt(job->easy, CURLOPT_URL, job->req.source.url);
        curl_easy_setopt(job->easy, CURLOPT_FOLLOWLOCATION, 1L);
        curl_easy_setopt(job->easy, CURLOPT_MAXREDIRS, REDIRECTS_MAX);
    }
    if (job->req.op == SEDGE_OP_GET && (job->have == 0 || *job->validator == 0) && sedge_file_restart_part(job))
        return -1;
    job->start = job->have;
    job->progress_ms = 0;
    if (job->req.op == SEDGE_OP_GET) set_download(job);
    if (is_look(job)) curl_easy_setopt(job->easy, CURLOPT_NOBODY, 1L);
    if (job->req.op == SEDGE_OP_DELETE) curl_easy_setopt(job->easy, CURLOPT_CUSTOMREQUEST, "DELETE");
    if (is_upload(job)) set_upload(job);
    curl_easy_setopt(job->easy, CURLOPT_HTTPHEADER, job->headers);
    return 0;
}

enum sedge_verdict sedge_transfer_end(struct sedge_job *job, CURLcode rc, int64_t *asked_ms)
{
    struct sedge_outcome o = {.curl = (int)rc, .detail = job->curl_text};
    const struct sedge_buf *refuse = &job->in.refuse;
    long sys = 0;
    curl_off_t after = 0;

    (void)curl_easy_getinfo(job->easy, CURLINFO_RESPONSE_CODE, &o.status);
    (void)curl_easy_getinfo(job->easy, CURLINFO_OS_ERRNO, &sys);
    (void)curl_easy_getinfo(job->easy, CURLINFO_RETRY_AFTER, &after);
    *asked_ms = after > 0 && after < 3600 ? (int64_t)after * 1000 : 0;
    o.os_errno = (int)sys;
    job->in.status = o.status;
    if (job->enough) return SEDGE_VERDICT_OK;
    if (job->gave_up) return job->restart ? SEDGE_VERDICT_HEAL : SEDGE_VERDICT_FINAL;
    /* A connection that broke inside an error answer: the answer counts. */
    if (o.status >= 400) o.curl = CURLE_OK;
    if (rc == CURLE_OK && !job->in.begun && begin_body(job)) return SEDGE_VERDICT_FINAL; /* an empty file */
    if (o.status == 416 && job->start > 0) {
        job->restart = true;
        (void)sedge_job_fail(job, SEDGE_E_UNAVAILABLE, "NETWORK_ERROR", "%s changed while it was fetched",
                             job->req.source.text);
        return SEDGE_VERDICT_HEAL;
    }
    if (job->asking) return sedge_transfer_end_plane(job, &o, *asked_ms);
    if (refuse->len > 0) sedge_s3_error_code(refuse->data, refuse->len, o.s3_code, sizeof o.s3_code);
    if (job->req.presign) return sedge_transfer_end_signed(job, &o);
    return sedge_verdict_of(&o, job->settings, &job->req.source, &job->fail);
}
