#include "broker_config.h"

#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "ca.h"
#include "cloud/registry/registry.h"

#define READER_PASSWORD_BYTES 18

static int put(const struct sedge_broker_config *b, const char *name, const struct sedge_buf *text, mode_t mode,
               struct sedge_err *err)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/%s", b->out, name);

    return sedge_fs_write_atomic(path, text->data, text->len, mode, err);
}

static int check_word(const char *what, const char *s, struct sedge_err *err)
{
    if (s[0] && !strpbrk(s, "\r\n")) return 0;
    return sedge_err_set(err, SEDGE_E_INVALID, "%s: empty, or holds a line break", what);
}

static void write_conf(struct sedge_cloud *c, const struct sedge_broker_config *b, const char *dir, struct sedge_buf *t)
{
    struct passwd *pw = getpwuid(getuid());
    const char *user = b->user ? b->user : (pw ? pw->pw_name : NULL);

    sedge_buf_puts(t, "# Written by sedge-cloud broker-config; run it again instead of editing.\n"
                      "per_listener_settings true\n");
    if (user) sedge_buf_printf(t, "user %s\n", user);
    sedge_buf_printf(t,
                     "\n# Convenience only: the truth is in the service's database.\n"
                     "persistence true\npersistence_location %s/data/\nautosave_interval 30\n"
                     "persistent_client_expiration 30d\n\n"
                     "# The service may be down for a while: what devices send meanwhile waits for it.\n"
                     "max_queued_messages 20000\nmax_queued_bytes 67108864\nmax_inflight_messages 20\n"
                     "message_size_limit 131072\n\n"
                     "log_dest file %s/mosquitto.log\nlog_type error\nlog_type warning\nlog_type notice\n"
                     "log_timestamp_format %%Y-%%m-%%dT%%H:%%M:%%S\n\n",
                     dir, dir);
    sedge_buf_printf(t,
                     "# Devices: mutual TLS; the certificate's CN is user name and client id.\n"
                     "listener %lld%s%s\nallow_anonymous false\ncafile %s/ca.crt\ncertfile %s/server.crt\n"
                     "keyfile %s/server.key\nrequire_certificate true\nuse_identity_as_username true\n"
                     "use_username_as_clientid true\ntls_version tlsv1.2\nacl_file %s/devices.acl\n"
                     "# Certificates of blocked and deleted things; read again on SIGHUP.\n"
                     "crlfile %s/" SEDGE_REVOCATIONS_FILE "\n\n",
                     (long long)c->set.device_port, b->bind ? " " : "", b->bind ? b->bind : "", dir, dir, dir, dir,
                     dir);
    sedge_buf_printf(t,
                     "# The cloud service, and readers of results: user and password.\n"
                     "listener %lld %s\nallow_anonymous false\npassword_file %s/service.pw\nacl_file %s/service.acl\n",
                     (long long)c->set.service_port, c->set.service_host, dir, dir);
}

static void write_device_acl(const struct sedge_broker_config *b, struct sedge_buf *t)
{
    static const char *const own[] = {
        "read  $aws/things/%u/#",
        "write $aws/things/%u/jobs/get",
        "write $aws/things/%u/jobs/start-next",
        "write $aws/things/%u/jobs/+/get",
        "write $aws/things/%u/jobs/+/update",
        ("write $aws/things/%u/jobs/+/" SEDGE_CLOUD_NS "/get"),
        ("write $aws/things/%u/jobs/+/" SEDGE_CLOUD_NS "/update"),
        "write $aws/things/%u/shadow/get",
        "write $aws/things/%u/shadow/update",
        "write $aws/things/%u/shadow/delete",
        "write $aws/things/%u/shadow/name/+/get",
        "write $aws/things/%u/shadow/name/+/update",
        "write $aws/things/%u/shadow/name/+/delete",
        "write $aws/things/%u/greengrassv2/health/json",
        "write $aws/things/%u/greengrass/health/json",
        "readwrite dt/%u/#",
    };

    sedge_buf_puts(t, "# %u = CN of the device's certificate\n");
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(own); i++)
        sedge_buf_printf(t, "pattern %s\n", own[i]);
    for (size_t i = 0; i < b->topics.n; i++)
        sedge_buf_printf(t, "pattern write %s\n", b->topics.v[i]);
}

static int add_user(const char *name, const char *password, struct sedge_buf *pw, struct sedge_err *err)
{
    sedge_buf_printf(pw, "%s:", name);
    if (sedge_cloud_password_hash(password, pw, err) != 0) return -1;
    sedge_buf_putc(pw, '\n');
    return 0;
}

static int add_reader(const struct sedge_broker_config *b, const char *name, struct sedge_buf *acl,
                      struct sedge_buf *pw, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf password = SEDGE_BUF_INIT;
    sedge_auto_free char *file = sedge_xasprintf("reader-%s.password", name);
    unsigned char raw[READER_PASSWORD_BYTES];

    if (sedge_cloud_check_name("group", name, err) != 0) return sedge_err_wrap(err, "--reader");
    sedge_buf_printf(acl, "\nuser %s\ntopic read dt/#\n", name);
    for (size_t i = 0; i < b->topics.n; i++)
        sedge_buf_printf(acl, "topic read %s\n", b->topics.v[i]);
    sedge_random_bytes(raw, sizeof(raw));
    sedge_base64url_encode(&password, raw, sizeof(raw));
    if (add_user(name, password.data, pw, err) != 0) return -1;
    sedge_buf_putc(&password, '\n');
    return put(b, file, &password, 0600, err);
}

static int write_service(struct sedge_cloud *c, const struct sedge_broker_config *b, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf acl = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf pw = SEDGE_BUF_INIT;

    sedge_buf_printf(&acl,
                     "user %s\ntopic readwrite $aws/things/#\ntopic readwrite $aws/events/#\ntopic read dt/#\n"
                     "topic read $SYS/#\n",
                     c->set.service_user);
    if (add_user(c->set.service_user, c->set.service_password, &pw, err) != 0) return -1;
    for (size_t i = 0; i < b->readers.n; i++) {
        if (add_reader(b, b->readers.v[i], &acl, &pw, err) != 0) return -1;
    }
    if (put(b, "service.acl", &acl, 0600, err) != 0) return -1;
    return put(b, "service.pw", &pw, 0600, err);
}

static int write_certificates(struct sedge_cloud *c, const struct sedge_broker_config *b, struct sedge_err *err)
{
    sedge_auto_free char *names =
        b->names
            ? sedge_xstrdup(b->names)
            : sedge_xasprintf("%s%s", c->set.device_host,
                              strcmp(c->set.device_host, "127.0.0.1") == 0 ? ",localhost" : ",localhost,127.0.0.1");
    sedge_auto_buf struct sedge_buf key = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf cert = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf ca = SEDGE_BUF_INIT;

    if (sedge_cloud_ca_issue(c->dir, "sedge broker", names, &key, &cert, NULL, err) != 0 ||
        sedge_cloud_ca_cert(c->dir, &ca, err) != 0 || put(b, "server.key", &key, 0600, err) != 0 ||
        put(b, "server.crt", &cert, 0644, err) != 0)
        return -1;
    return put(b, "ca.crt", &ca, 0644, err);
}

/* Keeps in mind where the broker's files are, and writes the revocation list there. */
static int write_revocations(struct sedge_cloud *c, const char *dir, struct sedge_err *err)
{
    free(c->set.broker_dir);
    c->set.broker_dir = sedge_xstrdup(dir);
    if (sedge_cloud_settings_write(c->dir, &c->set, err) != 0) return -1;
    return sedge_revocations_write(c, err);
}

int sedge_broker_config_write(struct sedge_cloud *c, const struct sedge_broker_config *b, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf conf = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf acl = SEDGE_BUF_INIT;
    sedge_auto_free char *data = sedge_xasprintf("%s/data", b->out);
    sedge_auto_free char *dir = NULL;

    for (size_t i = 0; i < b->topics.n; i++) {
        if (check_word("--device-topic", b->topics.v[i], err) != 0) return -1;
    }
    if (!c->set.service_password)
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "the settings hold no password for the service; run sedge-cloud init");
    if ((!sedge_fs_is_dir(b->out) && sedge_fs_mkdirs(b->out, 0700, err) != 0) || sedge_fs_mkdirs(data, 0700, err) != 0)
        return -1;
    dir = realpath(b->out, NULL);
    if (!dir || strpbrk(dir, "\r\n"))
        return sedge_err_set(err, SEDGE_E_INVALID, "--out %s: not a folder that mosquitto.conf can name", b->out);
    write_conf(c, b, dir, &conf);
    write_device_acl(b, &acl);
    if (write_certificates(c, b, err) != 0 || write_service(c, b, err) != 0 ||
        put(b, "devices.acl", &acl, 0600, err) != 0 || write_revocations(c, dir, err) != 0)
        return -1;
    return put(b, "mosquitto.conf", &conf, 0600, err);
}
