#include "cloud.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "cloud/site/ca.h"
#include "schema.h"

#define SETTINGS_MAX 65536

const char *sedge_exec_state_name(int64_t state)
{
    static const char *const names[] = {
#define X(s) #s,
        SEDGE_EXEC_STATES(X)
#undef X
    };
    return state >= 0 && state < SEDGE_EXEC_COUNT ? names[state] : "UNKNOWN";
}

const char *sedge_dep_state_name(int64_t state)
{
    static const char *const names[] = {
#define X(s) #s,
        SEDGE_DEP_STATES(X)
#undef X
    };
    return state >= 0 && state < SEDGE_DEP_COUNT ? names[state] : "UNKNOWN";
}

int64_t sedge_dep_state_number(const char *name)
{
    for (int64_t s = 0; s < SEDGE_DEP_COUNT; s++) {
        if (strcasecmp(name, sedge_dep_state_name(s)) == 0) return s;
    }
    return -1;
}

/* One row for each setting: where it stands in the file and in the struct. */
#define TEXT(key_, member_)                                                                                            \
    {                                                                                                                  \
        key_, SEDGE_J_STR, false, 0, 1024, offsetof(struct sedge_cloud_settings, member_)                              \
    }
#define PORT(key_, member_)                                                                                            \
    {                                                                                                                  \
        key_, SEDGE_J_INT, false, 1, 65535, offsetof(struct sedge_cloud_settings, member_)                             \
    }
static const struct sedge_jfield site_fields[] = {
    TEXT("region", region),
    TEXT("account", account),
    {"inProgressTimeoutInMinutes", SEDGE_J_INT, false, 1, 10080,
     offsetof(struct sedge_cloud_settings, in_progress_minutes)},
    {"autoRegister", SEDGE_J_BOOL, false, 0, 0, offsetof(struct sedge_cloud_settings, auto_register)},
};
static const struct sedge_jfield broker_fields[] = {
    TEXT("deviceHost", device_host),   PORT("devicePort", device_port),   TEXT("serviceHost", service_host),
    PORT("servicePort", service_port), TEXT("serviceUser", service_user), TEXT("servicePassword", service_password),
    TEXT("files", broker_dir),
};
static const struct sedge_jfield store_fields[] = {
    TEXT("endpoint", s3_endpoint),
    TEXT("region", s3_region),
    TEXT("bucket", s3_bucket),
    TEXT("prefix", s3_prefix),
    {"pathStyle", SEDGE_J_BOOL, false, 0, 0, offsetof(struct sedge_cloud_settings, s3_path_style)},
    TEXT("accessKeyId", s3_access_key),
    TEXT("secretAccessKey", s3_secret_key),
    TEXT("deviceAccessKeyId", s3_device_access_key),
    TEXT("deviceSecretAccessKey", s3_device_secret_key),
};
/* Port 0: none. */
#define LISTENER(key_, member_)                                                                                        \
    {                                                                                                                  \
        key_, SEDGE_J_INT, false, 0, 65535, offsetof(struct sedge_cloud_settings, member_)                             \
    }
static const struct sedge_jfield data_fields[] = {
    TEXT("host", data_host),
    LISTENER("port", data_port),
    TEXT("bind", data_bind),
    TEXT("unlistedComponents", data_allow),
};
static const struct sedge_jfield api_fields[] = {
    TEXT("host", api_host),
    LISTENER("port", api_port),
    TEXT("bind", api_bind),
    TEXT("socket", api_socket),
};
static const struct {
    const char *section;
    const struct sedge_jfield *fields;
    size_t n;
    bool optional; /* settings of before do not have it */
} sections[] = {
    {"site", site_fields, SEDGE_ARRAY_LEN(site_fields), false},
    {"broker", broker_fields, SEDGE_ARRAY_LEN(broker_fields), false},
    {"objectStore", store_fields, SEDGE_ARRAY_LEN(store_fields), false},
    {"dataPlane", data_fields, SEDGE_ARRAY_LEN(data_fields), true},
    {"controlApi", api_fields, SEDGE_ARRAY_LEN(api_fields), true},
};

void sedge_cloud_settings_default(struct sedge_cloud_settings *s)
{
    *s = (struct sedge_cloud_settings){
        .device_port = 8883, .service_port = 1884, .s3_path_style = true, .in_progress_minutes = 60};
    s->region = sedge_xstrdup("local");
    s->account = sedge_xstrdup("000000000000");
    s->device_host = sedge_xstrdup("localhost");
    s->service_host = sedge_xstrdup("127.0.0.1");
    s->service_user = sedge_xstrdup(SEDGE_CLOUD_SERVICE_USER);
    s->s3_region = sedge_xstrdup("us-east-1");
    s->s3_prefix = sedge_xstrdup("");
    s->data_allow = sedge_xstrdup("log");
}

void sedge_cloud_settings_release(struct sedge_cloud_settings *s)
{
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(sections); i++)
        sedge_json_release_fields(sections[i].fields, sections[i].n, s);
    *s = (struct sedge_cloud_settings){0};
}

/* Frees the texts of `was` that decoding has replaced in `now`. */
static void free_replaced(const struct sedge_cloud_settings *was, const struct sedge_cloud_settings *now)
{
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(sections); i++) {
        for (size_t k = 0; k < sections[i].n; k++) {
            const struct sedge_jfield *f = &sections[i].fields[k];
            char *a, *b;

            if (f->type != SEDGE_J_STR) continue;
            memcpy(&a, (const char *)was + f->offset, sizeof(a));
            memcpy(&b, (const char *)now + f->offset, sizeof(b));
            if (a != b) free(a);
        }
    }
}

static int decode(struct json_object *o, const char *path, struct sedge_cloud_settings *s, struct sedge_err *err)
{
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(sections); i++) {
        sedge_auto_free char *where = sedge_xasprintf("%s: %s", path, sections[i].section);
        struct json_object *part = sedge_json_obj(o, sections[i].section);

        if (!part && sections[i].optional) continue;
        if (!part)
            return sedge_err_set(err, SEDGE_E_INVALID, "%s: the object \"%s\" is missing", path, sections[i].section);
        if (sedge_json_decode(part, where, sections[i].fields, sections[i].n, 0, s, err) != 0) return -1;
    }
    return 0;
}

int sedge_cloud_settings_read(const char *dir, struct sedge_cloud_settings *s, struct sedge_err *err)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/cloud.json", dir);
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;
    sedge_auto_put struct json_object *o = NULL;
    struct sedge_cloud_settings was;
    int rc;

    if (!sedge_fs_exists(path))
        return sedge_err_set(err, SEDGE_E_NOT_FOUND,
                             "%s is not a state folder of sedge-cloud (there is no cloud.json in it): give the right "
                             "folder with --state, or make one with: sedge-cloud init --state %s",
                             dir, dir);
    if (sedge_fs_read(path, SETTINGS_MAX, &text, err) != 0) return -1;
    o = sedge_json_parse_object(text.data, text.len, path, err);
    if (!o) return -1;
    was = *s;
    rc = decode(o, path, s, err);
    free_replaced(&was, s);
    return rc;
}

static void add_field(struct json_object *o, const struct sedge_jfield *f, const struct sedge_cloud_settings *s)
{
    const char *base = (const char *)s + f->offset;

    if (f->type == SEDGE_J_STR) {
        const char *text;
        memcpy(&text, base, sizeof(text));
        sedge_json_add_str(o, f->key, text);
    } else if (f->type == SEDGE_J_BOOL) {
        bool b;
        memcpy(&b, base, sizeof(b));
        sedge_json_add_bool(o, f->key, b);
    } else {
        int64_t i;
        memcpy(&i, base, sizeof(i));
        sedge_json_add_i64(o, f->key, i);
    }
}

int sedge_cloud_settings_write(const char *dir, const struct sedge_cloud_settings *s, struct sedge_err *err)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/cloud.json", dir);
    sedge_auto_put struct json_object *o = json_object_new_object();
    const char *text;

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(sections); i++) {
        struct json_object *part = json_object_new_object();

        for (size_t k = 0; k < sections[i].n; k++)
            add_field(part, &sections[i].fields[k], s);
        (void)json_object_object_add(o, sections[i].section, part); /* takes part */
    }
    text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
    return sedge_fs_write_atomic(path, text, strlen(text), 0600, err);
}

struct sedge_db *sedge_cloud_db_open(const char *path, struct sedge_err *err)
{
    return sedge_db_open_steps(path, sedge_cloud_schema, SEDGE_CLOUD_SCHEMA_VERSION, err);
}

static int check_settings(const struct sedge_cloud_settings *s, struct sedge_err *err)
{
    if (strpbrk(s->region, ":\"") || strpbrk(s->account, ":\""))
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "region \"%s\", account \"%s\": a colon separates the parts of an ARN", s->region,
                             s->account);
    if (!s->device_host[0]) return sedge_err_set(err, SEDGE_E_INVALID, "the broker's host name is empty");
    if (s->s3_endpoint && !sedge_str_starts(s->s3_endpoint, "http://") && !sedge_str_starts(s->s3_endpoint, "https://"))
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "object store endpoint \"%s\": expected http://HOST:PORT or https://", s->s3_endpoint);
    if (strcmp(s->data_allow, "log") != 0 && strcmp(s->data_allow, "enforce") != 0 && strcmp(s->data_allow, "off") != 0)
        return sedge_err_set(err, SEDGE_E_INVALID, "unlisted components \"%s\": expected log, enforce or off",
                             s->data_allow);
    if (s->data_port && s->data_port == s->api_port)
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "port %lld is for the data plane and for the control API; each needs its own",
                             (long long)s->data_port);
    return 0;
}

int sedge_cloud_init(const char *dir, const struct sedge_cloud_settings *s, struct sedge_err *err)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/cloud.db", dir);
    struct sedge_db *db;

    if (check_settings(s, err) != 0) return -1;
    if (sedge_fs_mkdirs(dir, 0700, err) != 0) return -1;
    if (sedge_cloud_ca_make(dir, err) != 0) return -1;
    db = sedge_cloud_db_open(path, err);
    if (!db) return -1;
    sedge_db_close(db);
    return sedge_cloud_settings_write(dir, s, err);
}

int sedge_cloud_open(struct sedge_cloud *c, const char *dir, struct sedge_err *err)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/cloud.db", dir);

    *c = (struct sedge_cloud){.dir = sedge_xstrdup(dir)};
    sedge_cloud_settings_default(&c->set);
    if (sedge_cloud_settings_read(dir, &c->set, err) != 0) return -1;
    c->db = sedge_cloud_db_open(path, err);
    return c->db ? 0 : -1;
}

void sedge_cloud_close(struct sedge_cloud *c)
{
    sedge_db_close(c->db);
    sedge_cloud_settings_release(&c->set);
    free(c->dir);
    *c = (struct sedge_cloud){0};
}

int sedge_cloud_check_name(const char *what, const char *name, struct sedge_err *err)
{
    bool component = strcmp(what, "component") == 0;
    size_t max = strcmp(what, "thing") == 0 ? SEDGE_CLOUD_THING_MAX : SEDGE_CLOUD_GROUP_MAX;
    size_t n = strlen(name);

    for (size_t i = 0; i < n; i++) {
        char ch = name[i];
        bool ok = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '-' ||
                  ch == '_' || (component && ch == '.');

        if (!ok)
            return sedge_err_set(err, SEDGE_E_INVALID, "%s name \"%s\": only letters, digits, - and _%s are allowed",
                                 what, name, component ? " and ." : "");
    }
    if (n == 0 || n > max)
        return sedge_err_set(err, SEDGE_E_INVALID, "%s name \"%s\": expected 1 to %zu characters, got %zu", what, name,
                             max, n);
    if (max == SEDGE_CLOUD_THING_MAX && strcmp(name, SEDGE_CLOUD_SERVICE_USER) == 0)
        return sedge_err_set(err, SEDGE_E_INVALID, "thing name \"%s\" is reserved for the cloud service itself", name);
    return 0;
}
