#include "s3url.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"

#define URL_MAX    8192
#define BUCKET_MAX 255
#define KEY_MAX    1024

#define ALNUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static int bad(struct sedge_fail *fail, const char *stack, enum sedge_err_code code, const char *url, const char *why)
{
    sedge_auto_buf struct sedge_buf shown = SEDGE_BUF_INIT;

    sedge_str_escape(&shown, url, strlen(url));
    fail->stack = stack;
    return sedge_err_set(&fail->err, code, "\"%.300s\": %s", shown.data ? shown.data : "", why);
}

static int parse_s3(struct sedge_source *s, const char *url, struct sedge_fail *fail)
{
    const char *bucket = url + strlen("s3://"), *why = NULL;
    size_t n = strcspn(bucket, "/");

    s->scheme = SEDGE_SCHEME_S3;
    s->bucket = sedge_xstrndup(bucket, n);
    s->key = sedge_xstrdup(bucket[n] ? bucket + n + 1 : "");
    if (n == 0 || n > BUCKET_MAX || strspn(s->bucket, ALNUM "._-") != n)
        why = "not an S3 location: expected s3://BUCKET/KEY with a bucket name of letters, digits, dots and dashes";
    else if (strlen(s->key) > KEY_MAX)
        why = "not an S3 location: the key is longer than 1024 bytes";
    else if (!sedge_utf8_valid(s->key, strlen(s->key)))
        why = "not an S3 location: the key is not UTF-8";
    return why ? bad(fail, "S3_ARTIFACT_URI_NOT_VALID", SEDGE_E_INVALID, url, why) : 0;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static int parse_file(struct sedge_source *s, const char *url, struct sedge_fail *fail)
{
    const char *p = url + strlen("file://");
    struct sedge_buf path = SEDGE_BUF_INIT;

    s->scheme = SEDGE_SCHEME_FILE;
    if (sedge_str_starts(p, "localhost/")) p += strlen("localhost");
    for (; *p; p++) {
        int high = *p == '%' ? hex(p[1]) : -1, low = high >= 0 ? hex(p[2]) : -1;

        if (low >= 0) p += 2;
        sedge_buf_putc(&path, low >= 0 ? (char)(high * 16 + low) : *p);
    }
    s->path = sedge_buf_steal(&path);
    if (*s->path == '/' && !strstr(url, "%00")) return 0;
    return bad(fail, "ARTIFACT_URI_NOT_VALID", SEDGE_E_INVALID, url, "not a file location: expected file:///PATH");
}

static int parse_http(struct sedge_source *s, const char *url, struct sedge_fail *fail)
{
    const char *host = strstr(url, "://") + 3;
    size_t n = strcspn(host, "/?#");

    s->scheme = SEDGE_SCHEME_HTTP;
    s->url = sedge_xstrdup(url);
    if (n == 0 || strpbrk(url, " \t\r\n\"<>"))
        return bad(fail, "ARTIFACT_URI_NOT_VALID", SEDGE_E_INVALID, url,
                   "not a URL: expected http(s)://HOST/PATH with blanks written as %20");
    return 0;
}

/* User name and password in a URL are for the server, not for messages. */
static char *without_userinfo(const char *url)
{
    const char *host = strstr(url, "://"), *at;
    size_t n;

    if (!host) return sedge_xstrdup(url);
    host += 3;
    n = strcspn(host, "/?#");
    at = memrchr(host, '@', n);
    if (!at) return sedge_xstrdup(url);
    return sedge_xasprintf("%.*s%s", (int)(host - url), url, at + 1);
}

int sedge_source_parse(struct sedge_source *s, const char *url, struct sedge_fail *fail)
{
    size_t scheme = strspn(url, ALNUM "+.-");

    *s = (struct sedge_source){.text = NULL};
    if (!*url) return bad(fail, "EMPTY_ARTIFACT_URI", SEDGE_E_INVALID, url, "the URL is empty");
    if (strlen(url) > URL_MAX)
        return bad(fail, "ARTIFACT_URI_NOT_VALID", SEDGE_E_INVALID, url, "the URL is longer than 8192 bytes");
    if (scheme == 0 || url[scheme] != ':')
        return bad(fail, "EMPTY_ARTIFACT_SCHEME", SEDGE_E_INVALID, url,
                   "no scheme: expected s3://, https://, http:// or file://");
    s->text = without_userinfo(url);
    if (strncasecmp(url, "s3://", 5) == 0) return parse_s3(s, url, fail);
    if (strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0) return parse_http(s, url, fail);
    if (strncasecmp(url, "file://", 7) == 0) return parse_file(s, url, fail);
    if (strncasecmp(url, "greengrass:", 11) == 0) {
        s->scheme = SEDGE_SCHEME_NAME;
        return 0;
    }
    return bad(fail, "UNSUPPORTED_ARTIFACT_SCHEME", SEDGE_E_UNSUPPORTED, url,
               "unsupported scheme: expected s3://, https://, http:// or file://");
}

void sedge_source_release(struct sedge_source *s)
{
    free(s->bucket);
    free(s->key);
    free(s->path);
    free(s->text);
    free(s->url);
    *s = (struct sedge_source){.text = NULL};
}

char *sedge_s3_url(const struct sedge_settings *s, const char *bucket, const char *key, const struct sedge_query *query,
                   size_t nquery)
{
    struct sedge_buf url = SEDGE_BUF_INIT;
    const char *host = strstr(s->endpoint, "://") + 3;

    if (s->path_style)
        sedge_buf_printf(&url, "%s/%s", s->endpoint, bucket);
    else
        sedge_buf_printf(&url, "%.*s%s.%s", (int)(host - s->endpoint), s->endpoint, bucket, host);
    if (*key || !s->path_style) sedge_buf_putc(&url, '/');
    sedge_url_encode(&url, key, true);
    for (size_t i = 0; i < nquery; i++) {
        sedge_buf_putc(&url, i ? '&' : '?');
        sedge_url_encode(&url, query[i].name, false);
        sedge_buf_putc(&url, '=');
        sedge_url_encode(&url, query[i].value, false);
    }
    return sedge_buf_steal(&url);
}
