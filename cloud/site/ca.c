#include "ca.h"

#include <arpa/inet.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"

#define PEM_MAX         65536
#define SALT_LEN        12
#define HASH_LEN        64
#define HASH_ITERATIONS 10000

static int tls_err(struct sedge_err *err, const char *what)
{
    char text[256];

    ERR_error_string_n(ERR_get_error(), text, sizeof(text));
    return sedge_err_set(err, SEDGE_E_IO, "%s: %s", what, text);
}

static int to_pem(BIO *b, struct sedge_buf *out)
{
    char *p = NULL;
    long n = BIO_get_mem_data(b, &p);

    sedge_buf_add(out, p, (size_t)n);
    BIO_free(b);
    return 0;
}

static int key_pem(EVP_PKEY *key, struct sedge_buf *out, struct sedge_err *err)
{
    BIO *b = BIO_new(BIO_s_mem());

    if (b && PEM_write_bio_PrivateKey(b, key, NULL, NULL, 0, NULL, NULL) == 1) return to_pem(b, out);
    BIO_free(b);
    return tls_err(err, "private key");
}

static int cert_pem(X509 *cert, struct sedge_buf *out, struct sedge_err *err)
{
    BIO *b = BIO_new(BIO_s_mem());

    if (b && PEM_write_bio_X509(b, cert) == 1) return to_pem(b, out);
    BIO_free(b);
    return tls_err(err, "certificate");
}

static int extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;
    int ok;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    if (!ext) return 0;
    ok = X509_add_ext(cert, ext, -1);
    X509_EXTENSION_free(ext);
    return ok;
}

/* Version 3, random serial, validity from an hour ago (devices with a slow clock), key and subject. */
static X509 *blank(EVP_PKEY *key, const char *cn, int days)
{
    X509 *cert = X509_new();
    BIGNUM *serial = BN_new();
    X509_NAME *name = cert ? X509_get_subject_name(cert) : NULL;
    const unsigned char *text = (const unsigned char *)cn;
    int ok = cert && serial && X509_set_version(cert, 2) && BN_rand(serial, 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
             BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(cert)) != NULL &&
             X509_gmtime_adj(X509_getm_notBefore(cert), -3600) != NULL &&
             X509_time_adj_ex(X509_getm_notAfter(cert), days, 0, NULL) != NULL && X509_set_pubkey(cert, key) &&
             X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, -1, -1, 0);

    BN_free(serial);
    if (ok) return cert;
    X509_free(cert);
    return NULL;
}

int sedge_cloud_ca_make(const char *dir, struct sedge_err *err)
{
    sedge_auto_free char *folder = sedge_xasprintf("%s/ca", dir);
    sedge_auto_free char *key_path = sedge_xasprintf("%s/ca.key", folder);
    sedge_auto_free char *cert_path = sedge_xasprintf("%s/ca.crt", folder);
    sedge_auto_buf struct sedge_buf k = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf c = SEDGE_BUF_INIT;
    EVP_PKEY *key;
    X509 *cert;
    int rc = -1;

    if (sedge_fs_exists(key_path) && sedge_fs_exists(cert_path)) return 0;
    if (sedge_fs_mkdirs(folder, 0700, err) != 0) return -1;
    key = EVP_EC_gen("P-256");
    cert = key ? blank(key, "sedge device CA", SEDGE_CLOUD_CA_DAYS) : NULL;
    if (cert && X509_set_issuer_name(cert, X509_get_subject_name(cert)) &&
        extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
        extension(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
        extension(cert, cert, NID_subject_key_identifier, "hash") && X509_sign(cert, key, EVP_sha256()) > 0) {
        if (key_pem(key, &k, err) == 0 && cert_pem(cert, &c, err) == 0 &&
            sedge_fs_write_atomic(key_path, k.data, k.len, 0600, err) == 0)
            rc = sedge_fs_write_atomic(cert_path, c.data, c.len, 0644, err);
    } else
        (void)tls_err(err, "device CA");
    if (k.data) OPENSSL_cleanse(k.data, k.len);
    X509_free(cert);
    EVP_PKEY_free(key);
    return rc;
}

int sedge_cloud_ca_cert(const char *dir, struct sedge_buf *pem, struct sedge_err *err)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/ca/ca.crt", dir);

    return sedge_fs_read(path, PEM_MAX, pem, err);
}

static int load(const char *dir, EVP_PKEY **key, X509 **cert, struct sedge_err *err)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/ca/ca.key", dir);
    sedge_auto_buf struct sedge_buf k = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf c = SEDGE_BUF_INIT;
    BIO *kb, *cb;

    if (sedge_fs_read(path, PEM_MAX, &k, err) != 0 || sedge_cloud_ca_cert(dir, &c, err) != 0) return -1;
    kb = BIO_new_mem_buf(k.data, (int)k.len);
    cb = BIO_new_mem_buf(c.data, (int)c.len);
    *key = PEM_read_bio_PrivateKey(kb, NULL, NULL, NULL);
    *cert = PEM_read_bio_X509(cb, NULL, NULL, NULL);
    BIO_free(kb);
    BIO_free(cb);
    OPENSSL_cleanse(k.data, k.len);
    if (*key && *cert && X509_check_private_key(*cert, *key) == 1) return 0;
    return sedge_err_set(err, SEDGE_E_CORRUPT, "%s/ca: ca.key and ca.crt are damaged or do not belong together", dir);
}

/* "a.example,127.0.0.1" to "DNS:a.example,IP:127.0.0.1". */
static int alt_names(const char *names, struct sedge_buf *out, struct sedge_err *err)
{
    sedge_auto_strv struct sedge_strv list = {0};

    sedge_strv_split(&list, names, ",");
    for (size_t i = 0; i < list.n; i++) {
        unsigned char addr[sizeof(struct in6_addr)];
        const char *s = list.v[i];
        bool ip = inet_pton(AF_INET, s, addr) == 1 || inet_pton(AF_INET6, s, addr) == 1;

        if (!s[0] || strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:*_") != strlen(s))
            return sedge_err_set(err, SEDGE_E_INVALID, "\"%s\" is not a host name or IP address", s);
        sedge_buf_printf(out, "%s%s:%s", i ? "," : "", ip ? "IP" : "DNS", s);
    }
    return 0;
}

static int sign(X509 *cert, X509 *ca, EVP_PKEY *ca_key, const char *alt)
{
    return X509_set_issuer_name(cert, X509_get_subject_name(ca)) &&
           extension(cert, ca, NID_basic_constraints, "critical,CA:FALSE") &&
           extension(cert, ca, NID_key_usage, "critical,digitalSignature") &&
           extension(cert, ca, NID_ext_key_usage, alt ? "serverAuth" : "clientAuth") &&
           extension(cert, ca, NID_subject_key_identifier, "hash") &&
           extension(cert, ca, NID_authority_key_identifier, "keyid") &&
           (!alt || extension(cert, ca, NID_subject_alt_name, alt)) && X509_sign(cert, ca_key, EVP_sha256()) > 0;
}

static void print_fingerprint(X509 *cert, struct sedge_buf *out)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (X509_digest(cert, EVP_sha256(), digest, &n) == 1) sedge_hex_encode(out, digest, n);
}

int sedge_cloud_ca_issue(const char *dir, const char *cn, const char *names, struct sedge_buf *key_out,
                         struct sedge_buf *cert_out, struct sedge_buf *fingerprint, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf alt = SEDGE_BUF_INIT;
    EVP_PKEY *ca_key = NULL, *key = NULL;
    X509 *ca = NULL, *cert = NULL;
    int rc = -1;

    if (names && alt_names(names, &alt, err) != 0) return -1;
    if (load(dir, &ca_key, &ca, err) == 0) {
        key = EVP_EC_gen("P-256");
        cert = key ? blank(key, cn, names ? SEDGE_CLOUD_SERVER_DAYS : SEDGE_CLOUD_DEVICE_DAYS) : NULL;
        if (cert && sign(cert, ca, ca_key, names ? alt.data : NULL))
            rc = key_pem(key, key_out, err) == 0 && cert_pem(cert, cert_out, err) == 0 ? 0 : -1;
        else
            (void)tls_err(err, cn);
        if (rc == 0 && fingerprint) print_fingerprint(cert, fingerprint);
    }
    X509_free(cert);
    X509_free(ca);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key);
    return rc;
}

int sedge_cloud_ca_serial(const struct sedge_buf *cert_pem, struct sedge_buf *hex, struct sedge_err *err)
{
    BIO *b = BIO_new_mem_buf(cert_pem->data, (int)cert_pem->len);
    X509 *cert = PEM_read_bio_X509(b, NULL, NULL, NULL);
    BIGNUM *n = cert ? ASN1_INTEGER_to_BN(X509_get_serialNumber(cert), NULL) : NULL;
    char *text = n ? BN_bn2hex(n) : NULL;

    if (text) sedge_buf_puts(hex, text);
    OPENSSL_free(text);
    BN_free(n);
    X509_free(cert);
    BIO_free(b);
    return hex->len ? 0 : tls_err(err, "certificate");
}

static int add_revoked(X509_CRL *crl, const char *serial, ASN1_TIME *now)
{
    X509_REVOKED *r = X509_REVOKED_new();
    ASN1_INTEGER *n = NULL;
    BIGNUM *bn = NULL;
    int ok = r && BN_hex2bn(&bn, serial) && (n = BN_to_ASN1_INTEGER(bn, NULL)) != NULL &&
             X509_REVOKED_set_serialNumber(r, n) && X509_REVOKED_set_revocationDate(r, now) &&
             X509_CRL_add0_revoked(crl, r); /* takes r */

    if (!ok) X509_REVOKED_free(r);
    ASN1_INTEGER_free(n);
    BN_free(bn);
    return ok;
}

static X509_CRL *make_crl(X509 *ca, EVP_PKEY *key, const struct sedge_strv *serials)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *from = X509_gmtime_adj(NULL, -3600);
    int ok = crl && from && X509_CRL_set_version(crl, 1) && X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca)) &&
             X509_CRL_set1_lastUpdate(crl, from) && X509_CRL_set1_nextUpdate(crl, X509_get0_notAfter(ca));

    for (size_t i = 0; ok && i < serials->n; i++)
        ok = add_revoked(crl, serials->v[i], from);
    ok = ok && X509_CRL_sort(crl) && X509_CRL_sign(crl, key, EVP_sha256()) > 0;
    ASN1_TIME_free(from);
    if (ok) return crl;
    X509_CRL_free(crl);
    return NULL;
}

int sedge_cloud_ca_crl(const char *dir, const struct sedge_strv *serials, struct sedge_buf *pem, struct sedge_err *err)
{
    EVP_PKEY *key = NULL;
    X509 *ca = NULL;
    X509_CRL *crl = NULL;
    BIO *b = NULL;
    int rc = -1;

    if (load(dir, &key, &ca, err) == 0) {
        crl = make_crl(ca, key, serials);
        b = crl ? BIO_new(BIO_s_mem()) : NULL;
        if (b && PEM_write_bio_X509_CRL(b, crl) == 1)
            rc = to_pem(b, pem);
        else {
            BIO_free(b);
            (void)tls_err(err, "revocation list");
        }
    }
    X509_CRL_free(crl);
    X509_free(ca);
    EVP_PKEY_free(key);
    return rc;
}

int sedge_cloud_password_hash(const char *password, struct sedge_buf *out, struct sedge_err *err)
{
    unsigned char salt[SALT_LEN], hash[HASH_LEN];

    sedge_random_bytes(salt, sizeof(salt));
    if (PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt, sizeof(salt), HASH_ITERATIONS, EVP_sha512(),
                          sizeof(hash), hash) != 1)
        return tls_err(err, "password hash");
    sedge_buf_printf(out, "$7$%d$", HASH_ITERATIONS);
    sedge_base64_encode(out, salt, sizeof(salt));
    sedge_buf_putc(out, '$');
    sedge_base64_encode(out, hash, sizeof(hash));
    return 0;
}
