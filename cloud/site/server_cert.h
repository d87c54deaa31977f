/*
 * server_cert - key and certificate of a listener of ours, from the device CA:
 * <state>/http/NAME.key (0600) and NAME.crt.
 */
#ifndef SEDGE_CLOUD_SERVER_CERT_H
#define SEDGE_CLOUD_SERVER_CERT_H

#include "base/buf.h"
#include "base/err.h"

struct sedge_server_cert {
    struct sedge_buf key, cert, ca; /* PEM */
};

/* Makes a new pair for these host names and addresses (separated by commas). */
int sedge_server_cert_make(const char *dir, const char *name, const char *hosts, struct sedge_err *err);
/* Reads the pair and the CA's certificate; makes the pair first when it is not there. Release in any case. */
int sedge_server_cert_read(const char *dir, const char *name, const char *hosts, struct sedge_server_cert *out,
                           struct sedge_err *err);
void sedge_server_cert_release(struct sedge_server_cert *c); /* overwrites the key */

#endif
