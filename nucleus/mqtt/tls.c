/* TLS settings of a link, and what went wrong in words that say what to check. */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/mem.h"
#include "link.h"

#define ALPN_PORT 443

static bool is_address(const char *host)
{
    unsigned char buf[16];

    return inet_pton(AF_INET, host, buf) == 1 || inet_pton(AF_INET6, host, buf) == 1;
}

static const char *openssl_text(char buf[256])
{
    unsigned long e = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(e);

    (void)snprintf(buf, 256, "%s", reason ? reason : "unknown error");
    ERR_clear_error();
    return buf;
}

static void note_server_certificate(struct sedge_link *l, int code, X509 *cert)
{
    const char *why = X509_verify_cert_error_string(code);
    char subject[256] = "?";

    if (cert) (void)X509_NAME_oneline(X509_get_subject_name(cert), subject, (int)sizeof subject);
    if (code == X509_V_ERR_CERT_HAS_EXPIRED || code == X509_V_ERR_CERT_NOT_YET_VALID)
        (void)sedge_err_set(&l->note, SEDGE_E_DENIED,
                            "the certificate of the broker (%s) cannot be used now: %s; check the clock of this "
                            "machine, then the certificate",
                            subject, why);
    else if (code == X509_V_ERR_HOSTNAME_MISMATCH || code == X509_V_ERR_IP_ADDRESS_MISMATCH)
        (void)sedge_err_set(&l->note, SEDGE_E_DENIED,
                            "the certificate of the broker (%s) is not for \"%s\": check iotDataEndpoint and the "
                            "subjectAltName of the broker's certificate",
                            subject, l->o->host);
    else
        (void)sedge_err_set(&l->note, SEDGE_E_DENIED,
                            "the certificate of the broker (%s) was not signed by a CA of %s: %s; check rootCaPath",
                            subject, l->o->ca, why);
}

static int verify_cb(int ok, X509_STORE_CTX *store)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct sedge_link *l = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    if (!ok && l->note.code == SEDGE_OK)
        note_server_certificate(l, X509_STORE_CTX_get_error(store), X509_STORE_CTX_get_current_cert(store));
    return ok;
}

static void note_alert(struct sedge_link *l, int alert)
{
    const char *what = SSL_alert_desc_string_long(alert);

    switch (alert) {
    case SSL_AD_CLOSE_NOTIFY:
        return;
    case SSL_AD_PROTOCOL_VERSION:
        (void)sedge_err_set(&l->note, SEDGE_E_UNSUPPORTED,
                            "the broker refused our TLS version: it must offer 1.2 or newer");
        return;
    case SSL_AD_CERTIFICATE_REQUIRED:
        (void)sedge_err_set(&l->note, SEDGE_E_DENIED,
                            "the broker asks for a certificate: set certificateFilePath and privateKeyPath");
        return;
    case SSL_AD_CERTIFICATE_EXPIRED:
        (void)sedge_err_set(&l->note, SEDGE_E_DENIED, "the broker says that our certificate %s has expired: renew it",
                            l->o->cert);
        return;
    case SSL_AD_CERTIFICATE_REVOKED:
        (void)sedge_err_set(&l->note, SEDGE_E_DENIED, "the broker says that our certificate %s has been revoked",
                            l->o->cert);
        return;
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_DECRYPT_ERROR:
    case SSL_AD_HANDSHAKE_FAILURE:
        (void)sedge_err_set(
            &l->note, SEDGE_E_DENIED,
            "the broker refused our certificate %s (%s): check that the CA which signed it is known to the "
            "broker, and that it has not expired or been revoked",
            l->o->cert, what);
        return;
    default:
        (void)sedge_err_set(&l->note, SEDGE_E_DENIED, "the broker ended the TLS connection: %s", what);
    }
}

void sedge_link_tls_sni(struct ssl_st *ssl, const char *host)
{
    if (!is_address(host)) /* SSL_set_tlsext_host_name, whose macro casts */
        (void)SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, sedge_link_unconst(host));
}

/* Called by OpenSSL at each step. The library is given an address, so the name for SNI is put in here. */
static void info_cb(const SSL *ssl, int where, int ret)
{
    struct sedge_link *l = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    if (where & SSL_CB_HANDSHAKE_START) sedge_link_tls_sni(sedge_link_unconst(ssl), l->o->host);
    if (where & SSL_CB_HANDSHAKE_DONE) l->tls_up = true;
    if ((where & SSL_CB_ALERT) && (where & SSL_CB_READ) && l->note.code == SEDGE_OK) note_alert(l, ret & 0xFF);
}

static int load_files(SSL_CTX *ctx, const struct sedge_mqtt_options *o, struct sedge_err *err)
{
    char buf[256];

    if (SSL_CTX_load_verify_file(ctx, o->ca) != 1)
        return sedge_err_set(err, SEDGE_E_INVALID, "rootCaPath %s cannot be used: %s", o->ca, openssl_text(buf));
    if (!o->cert) return 0;
    if (SSL_CTX_use_certificate_chain_file(ctx, o->cert) != 1)
        return sedge_err_set(err, SEDGE_E_INVALID, "certificateFilePath %s cannot be used: %s", o->cert,
                             openssl_text(buf));
    if (SSL_CTX_use_PrivateKey_file(ctx, o->key, SSL_FILETYPE_PEM) != 1 &&
        ERR_GET_REASON(ERR_peek_last_error()) != X509_R_KEY_VALUES_MISMATCH)
        return sedge_err_set(err, SEDGE_E_INVALID, "privateKeyPath %s cannot be used: %s", o->key, openssl_text(buf));
    if (SSL_CTX_check_private_key(ctx) != 1)
        return sedge_err_set(err, SEDGE_E_INVALID, "the key %s does not belong to the certificate %s", o->key, o->cert);
    return 0;
}

static int check_own_dates(SSL_CTX *ctx, const struct sedge_mqtt_options *o, struct sedge_err *err)
{
    X509 *cert = SSL_CTX_get0_certificate(ctx);

    if (cert && X509_cmp_current_time(X509_get0_notAfter(cert)) < 0)
        return sedge_err_set(err, SEDGE_E_DENIED,
                             "our certificate %s has expired: renew it (or check the clock of this machine)", o->cert);
    return 0;
}

void sedge_link_tls_name(struct ssl_ctx_st *ctx, const char *host)
{
    X509_VERIFY_PARAM *p = SSL_CTX_get0_param(ctx);

    if (is_address(host))
        sedge_assert(X509_VERIFY_PARAM_set1_ip_asc(p, host) == 1);
    else
        sedge_assert(X509_VERIFY_PARAM_set1_host(p, host, 0) == 1);
}

struct ssl_ctx_st *sedge_link_tls(struct sedge_link *l, struct sedge_err *err)
{
    static const unsigned char alpn[] = "\x0ex-amzn-mqtt-ca";
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    sedge_assert(ctx);
    ERR_clear_error();
    SSL_CTX_set_app_data(ctx, l);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, verify_cb);
    SSL_CTX_set_info_callback(ctx, info_cb);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                    SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 || load_files(ctx, l->o, err) != 0 ||
        check_own_dates(ctx, l->o, err) != 0) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    sedge_link_tls_name(ctx, l->o->host);
    if (l->o->port == ALPN_PORT) (void)SSL_CTX_set_alpn_protos(ctx, alpn, sizeof alpn - 1); /* no memory: no ALPN */
    return ctx;
}
