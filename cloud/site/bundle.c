/* bundle - a new thing: certificate, registration, and the folder with what the device needs. */
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "ca.h"
#include "cloud/query.h"
#include "cloud/registry/registry.h"

/* A text as a YAML double-quoted scalar: JSON's quoting is a part of YAML's. */
static void put(struct sedge_buf *b, int indent, const char *key, const char *value)
{
    sedge_auto_put struct json_object *s = NULL;

    if (!value) return;
    s = json_object_new_string(value);
    sedge_buf_printf(b, "%*s%s: %s\n", indent, "", key, sedge_json_text(s));
}

static void put_path(struct sedge_buf *b, const char *key, const char *dir, const char *file)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/%s", dir, file);

    put(b, 2, key, path);
}

static void write_config(const struct sedge_cloud_settings *s, const char *name, const char *dir, const char *root,
                         struct sedge_buf *b)
{
    const char *key = s->s3_device_access_key ? s->s3_device_access_key : s->s3_access_key;
    const char *secret = s->s3_device_access_key ? s->s3_device_secret_key : s->s3_secret_key;

    sedge_buf_puts(b, "# Start-up configuration of one device: sedge-nucleus --init-config THIS_FILE\n---\nsystem:\n");
    put(b, 2, "thingName", name);
    if (root) put(b, 2, "rootpath", root);
    put_path(b, "certificateFilePath", dir, "device.crt");
    put_path(b, "privateKeyPath", dir, "device.key");
    put_path(b, "rootCaPath", dir, "ca.crt");
    if (key && secret && !s->data_port) { /* the data plane signs URLs: such a device needs no credentials */
        sedge_buf_puts(b, "  objectStore:\n");
        put(b, 4, "accessKeyId", key);
        put(b, 4, "secretAccessKey", secret);
    }
    sedge_buf_puts(b, "services:\n  aws.greengrass.Nucleus:\n    componentType: \"NUCLEUS\"\n    configuration:\n");
    put(b, 6, "awsRegion", s->region);
    put(b, 6, "iotDataEndpoint", s->device_host);
    sedge_buf_printf(b, "      mqtt:\n        port: %lld\n", (long long)s->device_port);
    if (s->data_port) {
        sedge_auto_free char *host = sedge_xstrndup(s->data_host, strcspn(s->data_host, ","));

        put(b, 6, "greengrassDataPlaneEndpoint", host);
        sedge_buf_printf(b, "      greengrassDataPlanePort: %lld\n", (long long)s->data_port);
        return;
    }
    if (!s->s3_bucket) return;
    sedge_buf_puts(b, "      objectStore:\n");
    put(b, 8, "endpoint", s->s3_endpoint);
    put(b, 8, "region", s->s3_region);
    put(b, 8, "bucket", s->s3_bucket);
    put(b, 8, "prefix", s->s3_prefix);
    sedge_buf_printf(b, "        pathStyle: %s\n", s->s3_path_style ? "true" : "false");
}

static int write_file(const char *dir, const char *name, const struct sedge_buf *b, mode_t mode, struct sedge_err *err)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/%s", dir, name);

    return sedge_fs_write_atomic(path, b->data, b->len, mode, err);
}

static int write_bundle(struct sedge_cloud *c, const char *name, const struct sedge_bundle *where,
                        const struct sedge_buf *key, const struct sedge_buf *cert, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf ca = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf config = SEDGE_BUF_INIT;
    sedge_auto_free char *abs = NULL;

    if ((!sedge_fs_is_dir(where->out) && sedge_fs_mkdirs(where->out, 0700, err) != 0) ||
        sedge_cloud_ca_cert(c->dir, &ca, err) != 0)
        return -1;
    abs = realpath(where->out, NULL);
    write_config(&c->set, name, where->install_dir ? where->install_dir : abs, where->root, &config);
    if (write_file(where->out, "device.key", key, 0600, err) != 0 ||
        write_file(where->out, "device.crt", cert, 0644, err) != 0 ||
        write_file(where->out, "ca.crt", &ca, 0644, err) != 0)
        return -1;
    return write_file(where->out, "config.yaml", &config, 0600, err);
}

static int create(struct sedge_cloud *c, const char *name, const struct sedge_bundle *where, int64_t now_ms,
                  struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf key = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf cert = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf print = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf serial = SEDGE_BUF_INIT;
    int64_t id = 0;
    int rc = sedge_q_i64(c->db, err, &id, "SELECT id FROM thing WHERE name=?1 AND state<>2", "t", name);

    if (rc < 0) return -1;
    if (rc == 1)
        return sedge_err_set(err, SEDGE_E_CONFLICT,
                             "thing \"%s\" exists already; for a new certificate delete it first: sedge-cloud thing "
                             "delete %s",
                             name, name);
    rc = sedge_cloud_ca_issue(c->dir, name, NULL, &key, &cert, &print, err);
    if (rc == 0) rc = sedge_cloud_ca_serial(&cert, &serial, err);
    if (rc == 0)
        rc = sedge_q_run(c->db, err, "INSERT INTO thing(name,cert_sha256,cert_serial,created_at) VALUES(?1,?2,?3,?4)",
                         "ttti", name, (const char *)print.data, (const char *)serial.data, now_ms / 1000);
    if (rc == 0) rc = write_bundle(c, name, where, &key, &cert, err);
    if (key.data) memset(key.data, 0, key.len);
    return rc;
}

int sedge_thing_create(struct sedge_cloud *c, const char *name, const struct sedge_bundle *where, int64_t now_ms,
                       struct sedge_err *err)
{
    int rc;

    if (sedge_cloud_check_name("thing", name, err) != 0 || sedge_q_begin(c->db, err) != 0) return -1;
    rc = create(c, name, where, now_ms, err);
    if (rc == 0) rc = sedge_audit(c->db, now_ms, "thing-create", name, NULL, err);
    return sedge_q_end(c->db, rc, err);
}
