#include "proxy.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"

static const struct {
    const char *scheme;
    enum sedge_proxy_kind kind;
    int port;
} schemes[] = {
    {"http://", SEDGE_PROXY_HTTP, 80}, {"https://", SEDGE_PROXY_HTTPS, 443}, {"socks5://", SEDGE_PROXY_SOCKS5, 1080}};

static int bad(struct sedge_err *err, const char *what)
{
    return sedge_err_set(err, SEDGE_E_INVALID,
                         "networkProxy.proxy.url: %s; expected http, https or socks5, as in "
                         "http://user:password@host:port",
                         what);
}

static int digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decoded; NULL when it is too long or holds what no user name has. */
static char *decode(const char *s, size_t n)
{
    char out[SEDGE_PROXY_TEXT_MAX + 1];
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        char c = s[i];
        if (c == '%') {
            if (i + 2 >= n || digit(s[i + 1]) < 0 || digit(s[i + 2]) < 0) return NULL;
            c = (char)(digit(s[i + 1]) * 16 + digit(s[i + 2]));
            i += 2;
        }
        if (len == SEDGE_PROXY_TEXT_MAX || (unsigned char)c < 0x20 || c == 0x7F) return NULL;
        out[len++] = c;
    }
    return sedge_xstrndup(out, len);
}

static int read_user(const char *s, size_t n, struct sedge_proxy *out, struct sedge_err *err)
{
    const char *colon = memchr(s, ':', n);
    size_t user = colon ? (size_t)(colon - s) : n;

    out->user = decode(s, user);
    out->password = colon ? decode(colon + 1, n - user - 1) : sedge_xstrdup("");
    return out->user && out->password ? 0 : bad(err, "the user or the password is not valid");
}

static int read_host(const char *s, size_t n, struct sedge_proxy *out, struct sedge_err *err)
{
    bool bracket = n > 0 && s[0] == '[';
    const char *end = bracket ? memchr(s, ']', n) : memchr(s, ':', n);
    size_t host = end ? (size_t)(end - s) : n;
    const char *port;
    int64_t number;

    if (bracket && !end) return bad(err, "the bracket of an IPv6 address is not closed");
    out->host = bracket ? sedge_xstrndup(s + 1, host - 1) : sedge_xstrndup(s, host);
    if (!out->host[0] || strlen(out->host) > SEDGE_PROXY_TEXT_MAX || strpbrk(out->host, " \t\r\n"))
        return bad(err, "no valid host");
    port = s + host + (bracket ? 1 : 0);
    if (port == s + n) return 0;
    {
        sedge_auto_free char *text = sedge_xstrndup(port + 1, (size_t)(s + n - port - 1));
        if (*port != ':' || sedge_str_to_i64(text, 1, 65535, &number, NULL) != 0)
            return bad(err, "the port is not in 1..65535");
    }
    out->port = (int)number;
    return 0;
}

int sedge_proxy_parse(const char *url, struct sedge_proxy *out, struct sedge_err *err)
{
    const char *rest = NULL;
    const char *at;
    size_t n;

    *out = (struct sedge_proxy){0};
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(schemes); i++)
        if (strncasecmp(url, schemes[i].scheme, strlen(schemes[i].scheme)) == 0) {
            out->kind = schemes[i].kind;
            out->port = schemes[i].port;
            rest = url + strlen(schemes[i].scheme);
        }
    if (!rest) return bad(err, "no scheme that is known");
    n = strcspn(rest, "/?#");
    at = memrchr(rest, '@', n);
    if (at && read_user(rest, (size_t)(at - rest), out, err) != 0) return -1;
    if (at) n -= (size_t)(at - rest) + 1;
    return read_host(at ? at + 1 : rest, n, out, err);
}

void sedge_proxy_release(struct sedge_proxy *p)
{
    free(p->host);
    free(p->user);
    if (p->password) sedge_wipe(p->password, strlen(p->password));
    free(p->password);
    *p = (struct sedge_proxy){0};
}
