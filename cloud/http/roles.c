#include "roles.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"

#define TOKEN_BYTES  32
#define ACCOUNT_ROOM 4096
#define GROUPS_ROOM  256

static unsigned bits_of(const char *role)
{
    static const struct {
        const char *name;
        unsigned bits;
    } rows[] = {
        {"viewer", SEDGE_ROLE_VIEW},
        {"deployer", SEDGE_ROLE_VIEW | SEDGE_ROLE_DEPLOY},
        {"publisher", SEDGE_ROLE_VIEW | SEDGE_ROLE_PUBLISH},
        {"admin", SEDGE_ROLE_VIEW | SEDGE_ROLE_DEPLOY | SEDGE_ROLE_PUBLISH | SEDGE_ROLE_ADMIN},
    };

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i].name, role) == 0) return rows[i].bits;
    }
    return 0;
}

static int give(struct json_object *o, const char *where, struct sedge_http_peer *out, struct sedge_err *err)
{
    struct json_object *groups = sedge_json_arr(o, "groups");
    const char *role = sedge_json_str(o, "role", "");

    out->role = bits_of(role);
    if (!out->role)
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "roles.json: %s: role \"%s\": expected viewer, deployer, publisher or admin", where, role);
    for (size_t i = 0; groups && i < json_object_array_length(groups); i++) {
        struct json_object *g = json_object_array_get_idx(groups, i);

        if (sedge_json_is_str(g)) sedge_strv_add(&out->groups, json_object_get_string(g));
    }
    return 0;
}

/* NULL with err OK: there is no such file. */
static struct json_object *read_roles(const char *dir, struct sedge_err *err)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/roles.json", dir);
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;

    if (!sedge_fs_exists(path)) return NULL;
    if (sedge_fs_read(path, SEDGE_ROLES_FILE_MAX, &text, err) != 0) return NULL;
    return sedge_json_parse_object(text.data ? text.data : "", text.len, path, err);
}

static void name_user(uid_t uid, struct sedge_http_peer *out, gid_t *gid)
{
    struct passwd pw, *found = NULL;
    char room[ACCOUNT_ROOM];

    (void)snprintf(out->who, sizeof(out->who), "uid-%u", (unsigned)uid);
    if (getpwuid_r(uid, &pw, room, sizeof(room), &found) != 0 || !found) return;
    (void)snprintf(out->who, sizeof(out->who), "%s", pw.pw_name);
    *gid = pw.pw_gid;
}

/* The entry of the first of the user's Unix groups that has one. */
static struct json_object *by_group(struct json_object *all, const char *user, gid_t gid)
{
    gid_t ids[GROUPS_ROOM];
    int n = GROUPS_ROOM;

    if (getgrouplist(user, gid, ids, &n) < 0) n = GROUPS_ROOM;
    for (int i = 0; i < n; i++) {
        struct group gr, *found = NULL;
        char room[ACCOUNT_ROOM];

        if (getgrgid_r(ids[i], &gr, room, sizeof(room), &found) != 0 || !found) continue;
        if (sedge_json_obj(all, gr.gr_name)) return sedge_json_obj(all, gr.gr_name);
    }
    return NULL;
}

static int of_user(struct json_object *roles, const struct sedge_http_proof *proof, struct sedge_http_peer *out,
                   struct sedge_err *err)
{
    struct json_object *o;
    gid_t gid = proof->gid;

    name_user(proof->uid, out, &gid);
    if (proof->uid == 0 || proof->uid == geteuid()) {
        out->role = bits_of("admin");
        err->code = SEDGE_OK;
        return 0;
    }
    if (err->code != SEDGE_OK) return -1;
    o = sedge_json_obj(sedge_json_obj(roles, "users"), out->who);
    if (!o) o = by_group(sedge_json_obj(roles, "unixGroups"), out->who, gid);
    if (o) return give(o, out->who, out, err);
    return sedge_err_set(err, SEDGE_E_DENIED, "user %s has no role here; the administrator gives one in roles.json",
                         out->who);
}

static bool token_is(const char *path, const char *bearer)
{
    struct sedge_buf text = SEDGE_BUF_INIT;
    bool same;

    sedge_buf_reserve(&text, (size_t)2 * SEDGE_ROLES_TOKEN_MAX);
    if (sedge_fs_read(path, SEDGE_ROLES_TOKEN_MAX, &text, NULL) != 0) {
        sedge_buf_wipe(&text);
        return false;
    }
    sedge_buf_puts(&text, "");
    text.data[strcspn(text.data, "\r\n")] = 0;
    same = strlen(text.data) >= SEDGE_ROLES_TOKEN_MIN && sedge_secret_eq(text.data, bearer);
    sedge_buf_wipe(&text);
    return same;
}

static int of_token(const char *dir, struct json_object *roles, const struct sedge_http_proof *proof,
                    struct sedge_http_peer *out, struct sedge_err *err)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/http/api.token", dir);
    struct json_object *all = sedge_json_obj(roles, "tokens");

    if (!proof->bearer) return sedge_err_set(err, SEDGE_E_DENIED, "send a token: Authorization: Bearer TOKEN");
    if (token_is(path, proof->bearer)) {
        (void)snprintf(out->who, sizeof(out->who), "api.token");
        out->role = bits_of("admin");
        return 0;
    }
    if (err->code != SEDGE_OK) return -1;
    if (all) {
        json_object_object_foreach (all, name, o) {
            if (!token_is(sedge_json_str(o, "file", ""), proof->bearer)) continue;
            (void)snprintf(out->who, sizeof(out->who), "%s", name);
            return give(o, name, out, err);
        }
    }
    return sedge_err_set(err, SEDGE_E_DENIED, "this token is not known");
}

int sedge_roles_of(const char *dir, const struct sedge_http_proof *proof, struct sedge_http_peer *out,
                   struct sedge_err *err)
{
    sedge_auto_put struct json_object *roles = NULL;

    err->code = SEDGE_OK;
    roles = read_roles(dir, err);
    return proof->local ? of_user(roles, proof, out, err) : of_token(dir, roles, proof, out, err);
}

int sedge_roles_make_token(const char *dir, struct sedge_err *err)
{
    sedge_auto_free char *folder = sedge_xasprintf("%s/http", dir);
    sedge_auto_free char *path = sedge_xasprintf("%s/api.token", folder);
    struct sedge_buf text = SEDGE_BUF_INIT;
    unsigned char raw[TOKEN_BYTES];
    int rc;

    if (sedge_fs_exists(path)) return 0;
    if (sedge_fs_mkdirs(folder, 0700, err) != 0) return -1;
    sedge_random_bytes(raw, sizeof(raw));
    sedge_buf_reserve(&text, SEDGE_ROLES_TOKEN_MAX);
    sedge_base64url_encode(&text, raw, sizeof(raw));
    sedge_buf_putc(&text, '\n');
    rc = sedge_fs_write_atomic(path, text.data, text.len, 0600, err);
    sedge_buf_wipe(&text);
    sedge_wipe(raw, sizeof(raw));
    return rc;
}

int sedge_roles_may_deploy(const struct sedge_http_peer *p, int kind, const char *target, struct sedge_err *err)
{
    if (p->groups.n == 0 || (kind == SEDGE_TARGET_GROUP && sedge_strv_has(&p->groups, target))) return 0;
    return sedge_err_set(err, SEDGE_E_DENIED, "%s may not deploy to %s:%s", p->who,
                         kind == SEDGE_TARGET_GROUP ? "group" : "thing", target);
}
