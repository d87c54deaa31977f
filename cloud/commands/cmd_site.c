#include <string.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "cloud/site/broker_config.h"
#include "commands.h"
#include "cloud/http/roles.h"
#include "cloud/serve.h"
#include "cloud/site/server_cert.h"
#include "cloud/component/store.h"

#define PASSWORD_BYTES 24
#define SECRET_MAX     4096

/* A text option into a setting; "@FILE" is read from the file. */
static int take(const struct sedge_run *r, const char *option, bool secret, char **setting, struct sedge_err *err)
{
    const char *v = sedge_run_opt(r, option, NULL);
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;

    if (!v) return 0;
    if (secret && v[0] == '@') {
        if (sedge_fs_read(v + 1, SECRET_MAX, &text, err) != 0) return sedge_err_wrap(err, "--%s", option);
        text.data[strcspn(text.data, "\r\n")] = 0;
        v = text.data;
    }
    free(*setting);
    *setting = sedge_xstrdup(v);
    return 0;
}

static int take_switch(const struct sedge_run *r, const char *option, bool *setting, struct sedge_err *err)
{
    const char *v = sedge_run_opt(r, option, NULL);

    if (!v) return 0;
    if (strcmp(v, "on") != 0 && strcmp(v, "off") != 0)
        return sedge_err_set(err, SEDGE_E_INVALID, "--%s %s: expected on or off", option, v);
    *setting = strcmp(v, "on") == 0;
    return 0;
}

static int take_all(const struct sedge_run *r, struct sedge_cloud_settings *s, struct sedge_err *err)
{
    const struct {
        const char *option;
        char **setting;
        bool secret;
    } texts[] = {
        {"broker-host", &s->device_host, false},
        {"service-host", &s->service_host, false},
        {"region", &s->region, false},
        {"account", &s->account, false},
        {"s3-endpoint", &s->s3_endpoint, false},
        {"s3-region", &s->s3_region, false},
        {"bucket", &s->s3_bucket, false},
        {"prefix", &s->s3_prefix, false},
        {"s3-access-key", &s->s3_access_key, true},
        {"s3-secret-key", &s->s3_secret_key, true},
        {"s3-device-access-key", &s->s3_device_access_key, true},
        {"s3-device-secret-key", &s->s3_device_secret_key, true},
        {"data-plane-host", &s->data_host, false},
        {"data-plane-bind", &s->data_bind, false},
        {"unlisted-components", &s->data_allow, false},
        {"api-host", &s->api_host, false},
        {"api-bind", &s->api_bind, false},
        {"api-socket", &s->api_socket, false},
    };

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(texts); i++) {
        if (take(r, texts[i].option, texts[i].secret, texts[i].setting, err) != 0) return -1;
    }
    if (take_switch(r, "auto-register", &s->auto_register, err) != 0) return -1;
    if (sedge_run_has(r, "virtual-host-style")) s->s3_path_style = false;
    if (sedge_run_int(r, "broker-port", 1, 65535, &s->device_port, err) != 0 ||
        sedge_run_int(r, "service-port", 1, 65535, &s->service_port, err) != 0 ||
        sedge_run_int(r, "data-plane-port", 0, 65535, &s->data_port, err) != 0 ||
        sedge_run_int(r, "api-port", 0, 65535, &s->api_port, err) != 0)
        return -1;
    return sedge_run_int(r, "in-progress-minutes", 1, 10080, &s->in_progress_minutes, err);
}

static int create_bucket(const struct sedge_cloud_settings *s, struct sedge_err *err)
{
    struct sedge_store *store = sedge_store_open(s, err);
    int rc = store ? sedge_store_make_bucket(store, err) : -1;

    sedge_store_close(store);
    return rc;
}

/* Names that are given make a new certificate: the old one does not have them. */
static int make_certificates(struct sedge_run *r, struct sedge_cloud_settings *s, struct sedge_err *err)
{
    if (s->data_port && !s->data_host) s->data_host = sedge_xstrdup(s->device_host);
    if (s->api_port && !s->api_host) s->api_host = sedge_xstrdup("localhost,127.0.0.1");
    if (s->data_port && sedge_run_has(r, "data-plane-host") &&
        sedge_server_cert_make(r->state, "data-plane", s->data_host, err) != 0)
        return sedge_err_wrap(err, "--data-plane-host");
    if (s->api_port && sedge_run_has(r, "api-host") && sedge_server_cert_make(r->state, "api", s->api_host, err) != 0)
        return sedge_err_wrap(err, "--api-host");
    return s->api_port ? sedge_roles_make_token(r->state, err) : 0;
}

static void print_planes(const struct sedge_run *r, const struct sedge_cloud_settings *s)
{
    if (s->data_port)
        printf("  data plane: https://%.*s:%lld, for devices whose bundles are written from now on\n",
               (int)strcspn(s->data_host, ","), s->data_host, (long long)s->data_port);
    if (s->api_port)
        printf("  control API: https://%.*s:%lld, token in %s/http/api.token\n", (int)strcspn(s->api_host, ","),
               s->api_host, (long long)s->api_port, r->state);
}

static int init(struct sedge_run *r, struct sedge_cloud_settings *s, struct sedge_err *err)
{
    sedge_auto_free char *file = sedge_xasprintf("%s/cloud.json", r->state);
    sedge_auto_buf struct sedge_buf password = SEDGE_BUF_INIT;
    unsigned char raw[PASSWORD_BYTES];
    bool again = sedge_fs_exists(file);

    if (again && sedge_cloud_settings_read(r->state, s, err) != 0) return -1;
    if (take_all(r, s, err) != 0) return -1;
    if (!s->service_password) {
        sedge_random_bytes(raw, sizeof(raw));
        sedge_base64url_encode(&password, raw, sizeof(raw));
        s->service_password = sedge_buf_steal(&password);
    }
    if (sedge_cloud_init(r->state, s, err) != 0 || make_certificates(r, s, err) != 0 ||
        sedge_cloud_settings_write(r->state, s, err) != 0)
        return -1;
    if (sedge_run_has(r, "create-bucket") && create_bucket(s, err) != 0) return sedge_err_wrap(err, "--create-bucket");
    (void)sedge_run_done(r, sedge_texts("stateFolder", r->state, NULL),
                         "%s the cloud side in %s\n"
                         "  devices reach the broker at %s:%lld, this service at %s:%lld\n"
                         "  object store: %s, bucket %s\n",
                         again ? "Changed" : "Made", r->state, s->device_host, (long long)s->device_port,
                         s->service_host, (long long)s->service_port, s->s3_endpoint ? s->s3_endpoint : "AWS",
                         s->s3_bucket ? s->s3_bucket : "(none)");
    if (r->json) return 0;
    print_planes(r, s);
    puts("next: sedge-cloud broker-config --out DIR, start mosquitto with it, sedge-cloud serve");
    return 0;
}

int sedge_cmd_init(struct sedge_run *r, struct sedge_err *err)
{
    struct sedge_cloud_settings s;
    int rc;

    sedge_cloud_settings_default(&s);
    rc = init(r, &s, err);
    sedge_cloud_settings_release(&s);
    return rc;
}

static void collect(const struct sedge_run *r, const char *option, struct sedge_strv *out)
{
    for (size_t i = 0; i < r->names.n; i++) {
        if (strcmp(r->names.v[i], option) == 0) sedge_strv_add(out, r->values.v[i]);
    }
}

int sedge_cmd_broker_config(struct sedge_run *r, struct sedge_err *err)
{
    struct sedge_broker_config b = {
        .out = sedge_run_opt(r, "out", NULL),
        .names = sedge_run_opt(r, "names", NULL),
        .bind = sedge_run_opt(r, "bind", NULL),
        .user = sedge_run_opt(r, "user", NULL),
    };
    int rc;

    if (!b.out) return sedge_err_set(err, SEDGE_E_INVALID, "broker-config needs --out DIR: where to write the files");
    collect(r, "device-topic", &b.topics);
    collect(r, "reader", &b.readers);
    rc = sedge_broker_config_write(&r->cloud, &b, err);
    if (rc == 0)
        (void)sedge_run_done(r, sedge_texts("folder", b.out, NULL),
                             "Wrote the broker's files to %s\nstart it with: mosquitto -c %s/mosquitto.conf\n", b.out,
                             b.out);
    sedge_strv_release(&b.topics);
    sedge_strv_release(&b.readers);
    return rc;
}

int sedge_cmd_serve(struct sedge_run *r, struct sedge_err *err)
{
    sedge_log_set_level(sedge_run_has(r, "verbose") ? SEDGE_DEBUG : SEDGE_INFO);
    return sedge_serve(&r->cloud, err);
}
