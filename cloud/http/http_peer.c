/* The other side of a connection: client certificate, user of a Unix socket, token. */
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "http_internal.h"

#define SERIAL_MAX 64
#define BEARER     "Bearer "

/* A chain that ends at the CA, is valid now, and is meant for clients: a server's certificate is none of a device. */
static bool verified(gnutls_session_t tls)
{
    gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                     .data = sedge_http_unconst(GNUTLS_KP_TLS_WWW_CLIENT)};
    unsigned status = 0;

    return gnutls_certificate_verify_peers(tls, &purpose, 1, &status) == 0 && status == 0;
}

static char *hex_of(const void *p, size_t n)
{
    struct sedge_buf b = SEDGE_BUF_INIT;

    sedge_hex_encode(&b, p, n);
    return sedge_buf_steal(&b);
}

/* Exactly one common name without a NUL. */
static char *common_name(gnutls_x509_crt_t crt)
{
    char cn[SEDGE_CLOUD_THING_MAX + 1] = "";
    char more[2];
    size_t n = sizeof(cn), nmore = sizeof(more);

    if (gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, cn, &n) != 0 || n == 0) return NULL;
    if (gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 1, 0, more, &nmore) !=
        GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
        return NULL;
    return strlen(cn) == n ? sedge_xstrndup(cn, n) : NULL;
}

static void read_certificate(const gnutls_datum_t *der, struct sedge_http_connection *c)
{
    unsigned char serial[SERIAL_MAX], print[SEDGE_CLOUD_THING_MAX];
    size_t nserial = sizeof(serial), nprint = sizeof(print);
    gnutls_x509_crt_t crt = NULL;

    if (gnutls_x509_crt_init(&crt) != 0) return;
    if (gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER) == 0 &&
        gnutls_x509_crt_get_serial(crt, serial, &nserial) == 0 &&
        gnutls_x509_crt_get_fingerprint(crt, GNUTLS_DIG_SHA256, print, &nprint) == 0) {
        c->cn = common_name(crt);
        c->serial = hex_of(serial, nserial);
        c->fingerprint = hex_of(print, nprint);
    }
    gnutls_x509_crt_deinit(crt);
}

static void look_at_certificate(struct MHD_Connection *mc, struct sedge_http_connection *c)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mc, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    const gnutls_datum_t *chain;
    unsigned n = 0;

    c->proved = true;
    if (!info || !info->tls_session) return;
    chain = gnutls_certificate_get_peers(info->tls_session, &n);
    if (!chain || n == 0) return;
    if (verified(info->tls_session))
        read_certificate(&chain[0], c);
    else
        sedge_log(SEDGE_WARN, "http", "certificate-refused",
                  "not signed by the device CA for clients, or not valid now");
}

void sedge_http_prove(struct sedge_http *h, struct MHD_Connection *mc, struct sedge_http_connection *c,
                      struct sedge_http_proof *out)
{
    const char *header = MHD_lookup_connection_value(mc, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);
    struct ucred user;
    socklen_t n = sizeof(user);

    *out = (struct sedge_http_proof){0};
    if (h->asks_certificates && !c->proved) look_at_certificate(mc, c);
    out->cn = c->cn;
    out->fingerprint = c->fingerprint;
    out->serial = c->serial;
    if (header && strncasecmp(header, BEARER, strlen(BEARER)) == 0) out->bearer = header + strlen(BEARER);
    if (!h->socket || getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &user, &n) != 0) return;
    out->local = true;
    out->uid = user.uid;
    out->gid = user.gid;
    out->pid = user.pid;
}
