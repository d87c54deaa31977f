/*
 * ca - the small certificate authority of the device fleet, on libcrypto: P-256, SHA-256.
 *
 * Files: <dir>/ca/ca.key (0600) and <dir>/ca/ca.crt. The subject of a certificate is always set here, never by a
 * request; a device certificate is good for clients only, a server certificate for servers only, so that no device can
 * pose as the broker.
 */
#ifndef SEDGE_CLOUD_CA_H
#define SEDGE_CLOUD_CA_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define SEDGE_CLOUD_CA_DAYS     7300
#define SEDGE_CLOUD_DEVICE_DAYS 3650
#define SEDGE_CLOUD_SERVER_DAYS 3650

/* Makes the CA when there is none. */
int sedge_cloud_ca_make(const char *dir, struct sedge_err *err);
/* The CA certificate as PEM. */
int sedge_cloud_ca_cert(const char *dir, struct sedge_buf *pem, struct sedge_err *err);
/* New key and certificate. `names`: NULL for a device; otherwise host names and IP addresses, separated by commas, for
 * a server. `fingerprint` (SHA-256 of the certificate, hex) may be NULL. */
int sedge_cloud_ca_issue(const char *dir, const char *cn, const char *names, struct sedge_buf *key_out,
                         struct sedge_buf *cert_out, struct sedge_buf *fingerprint, struct sedge_err *err);
/* Serial number of a PEM certificate, hex. */
int sedge_cloud_ca_serial(const struct sedge_buf *cert_pem, struct sedge_buf *hex, struct sedge_err *err);
/* Revocation list (PEM) of these serial numbers (hex). It is valid as long as the CA: a broker refuses everybody when
 * the list has expired. */
int sedge_cloud_ca_crl(const char *dir, const struct sedge_strv *serials, struct sedge_buf *pem, struct sedge_err *err);
/* Password line value in the format of mosquitto_passwd ("$7$..."). */
int sedge_cloud_password_hash(const char *password, struct sedge_buf *out, struct sedge_err *err);

#endif
