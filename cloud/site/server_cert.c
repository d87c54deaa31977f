#include "server_cert.h"

#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "ca.h"

#define PEM_MAX  65536
#define KEY_ROOM 131072 /* the buffer of a key never grows: no copy stays behind */

void sedge_server_cert_release(struct sedge_server_cert *c)
{
    sedge_buf_wipe(&c->key);
    sedge_buf_release(&c->cert);
    sedge_buf_release(&c->ca);
}

int sedge_server_cert_make(const char *dir, const char *name, const char *hosts, struct sedge_err *err)
{
    sedge_auto_free char *folder = sedge_xasprintf("%s/http", dir);
    sedge_auto_free char *key = sedge_xasprintf("%s/%s.key", folder, name);
    sedge_auto_free char *cert = sedge_xasprintf("%s/%s.crt", folder, name);
    struct sedge_server_cert c = {0};
    int rc;

    if (sedge_fs_mkdirs(folder, 0700, err) != 0) return -1;
    sedge_buf_reserve(&c.key, KEY_ROOM);
    rc = sedge_cloud_ca_issue(dir, name, hosts, &c.key, &c.cert, NULL, err);
    if (rc == 0) rc = sedge_fs_write_atomic(key, c.key.data, c.key.len, 0600, err);
    if (rc == 0) rc = sedge_fs_write_atomic(cert, c.cert.data, c.cert.len, 0644, err);
    sedge_server_cert_release(&c);
    return rc;
}

int sedge_server_cert_read(const char *dir, const char *name, const char *hosts, struct sedge_server_cert *out,
                           struct sedge_err *err)
{
    sedge_auto_free char *key = sedge_xasprintf("%s/http/%s.key", dir, name);
    sedge_auto_free char *cert = sedge_xasprintf("%s/http/%s.crt", dir, name);

    *out = (struct sedge_server_cert){0};
    if ((!sedge_fs_exists(key) || !sedge_fs_exists(cert)) &&
        sedge_server_cert_make(dir, name, hosts ? hosts : "localhost", err) != 0)
        return -1;
    sedge_buf_reserve(&out->key, KEY_ROOM);
    if (sedge_fs_read(key, PEM_MAX, &out->key, err) != 0 || sedge_fs_read(cert, PEM_MAX, &out->cert, err) != 0 ||
        sedge_cloud_ca_cert(dir, &out->ca, err) != 0)
        return -1;
    sedge_buf_puts(&out->key, "");
    sedge_buf_puts(&out->cert, "");
    sedge_buf_puts(&out->ca, "");
    return 0;
}
