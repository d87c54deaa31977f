/* Our extensions: things and groups, as the commands show and change them. */
#include <string.h>

#include "api_internal.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "cloud/deploy/device_why.h"
#include "cloud/registry/registry.h"

#define BUNDLE_FILE_MAX 65536

void sedge_ext_things(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_thing_filter f = {.attribute = sedge_http_query(&rq->target, "attribute", NULL),
                                   .group = sedge_http_query(&rq->target, "group", NULL),
                                   .health = sedge_http_query(&rq->target, "health", NULL),
                                   .component = sedge_http_query(&rq->target, "component", NULL)};
    const char *before = sedge_http_query(&rq->target, "seenBefore", NULL);
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)user;
    if (before && sedge_str_to_i64(before, 1, INT64_MAX, &f.seen_before, &err) != 0) {
        (void)sedge_err_wrap(&err, "seenBefore (seconds since 1970)");
        sedge_http_fail(re, &err);
        return;
    }
    sedge_api_answer(re, sedge_thing_find(rq->cloud, &f, &err), &err);
}

void sedge_ext_thing(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)user;
    sedge_api_answer(re, sedge_thing_show(rq->cloud, sedge_http_arg(rq, 0), &err), &err);
}

/* What `device why` tells, as an object. */
void sedge_ext_thing_why(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)user;
    sedge_api_answer(re, sedge_device_why(rq->cloud, sedge_http_arg(rq, 0), sedge_wall_ms() / 1000, &err), &err);
}

static int add_file(struct json_object *o, const char *key, const char *dir, const char *name, struct sedge_err *err)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/%s", dir, name);
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;

    if (sedge_fs_read(path, BUNDLE_FILE_MAX, &text, err) != 0) return -1;
    sedge_buf_puts(&text, "");
    sedge_json_add_str(o, key, text.data);
    return 0;
}

/* The bundle's files as texts; on the disk they stay only while they are read. */
static struct json_object *create(const struct sedge_http_request *rq, struct json_object *body, struct sedge_err *err)
{
    char id[SEDGE_UUID_LEN + 1];
    sedge_auto_free char *dir = NULL;
    const char *name = sedge_json_str(body, "thingName", "");
    struct sedge_bundle where = {.install_dir = sedge_json_str(body, "installDir", "/etc/sedge"),
                                 .root = sedge_json_str(body, "root", NULL)};
    struct json_object *o = json_object_new_object();
    int rc;

    sedge_uuid4(id);
    dir = sedge_xasprintf("%s/http/bundle-%s", rq->cloud->dir, id);
    where.out = dir;
    rc = sedge_thing_create(rq->cloud, name, &where, sedge_wall_ms(), err);
    sedge_json_add_str(o, "thingName", name);
    if (rc == 0) rc = add_file(o, "privateKeyPem", dir, "device.key", err);
    if (rc == 0) rc = add_file(o, "certificatePem", dir, "device.crt", err);
    if (rc == 0) rc = add_file(o, "rootCaPem", dir, "ca.crt", err);
    if (rc == 0) rc = add_file(o, "configuration", dir, "config.yaml", err);
    (void)sedge_fs_remove_tree(dir, NULL);
    if (rc == 0) return o;
    json_object_put(o);
    return NULL;
}

void sedge_ext_thing_create(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    sedge_auto_put struct json_object *body = sedge_api_body(rq, re);
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)user;
    if (!body) return;
    sedge_api_answer(re, create(rq, body, &err), &err);
    if (re->status == 200) re->status = 201;
}

void sedge_ext_thing_delete(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)user;
    sedge_api_done(re, sedge_thing_delete(rq->cloud, sedge_http_arg(rq, 0), sedge_wall_ms(), &err),
                   "The thing is deleted and its certificate revoked.", &err);
}

void sedge_ext_thing_block(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)user;
    sedge_api_done(re, sedge_thing_block(rq->cloud, sedge_http_arg(rq, 0), true, sedge_wall_ms(), &err),
                   "The thing is blocked.", &err);
}

void sedge_ext_thing_unblock(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)user;
    sedge_api_done(re, sedge_thing_block(rq->cloud, sedge_http_arg(rq, 0), false, sedge_wall_ms(), &err),
                   "The thing is not blocked any more.", &err);
}

/* {"site": "x", "old": null}: null takes an attribute away. */
void sedge_ext_thing_attributes(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    sedge_auto_put struct json_object *body = sedge_api_body(rq, re);
    sedge_auto_strv struct sedge_strv changes = {0};
    struct sedge_err err = SEDGE_ERR_INIT;
    int rc = 0;

    (void)user;
    if (!body) return;
    json_object_object_foreach (body, name, value) {
        if (value && !sedge_json_is_str(value)) {
            rc = sedge_err_set(&err, SEDGE_E_INVALID, "attribute %s: expected a text, or null to take it away", name);
            break;
        }
        sedge_strv_add_take(&changes, sedge_xasprintf("%s=%s", name, value ? json_object_get_string(value) : ""));
    }
    if (rc == 0) rc = sedge_thing_set_attributes(rq->cloud, sedge_http_arg(rq, 0), &changes, sedge_wall_ms(), &err);
    sedge_api_done(re, rc, "The attributes are set.", &err);
}

void sedge_ext_groups(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)user;
    sedge_api_answer(re, sedge_group_list(rq->cloud, &err), &err);
}

void sedge_ext_group(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)user;
    sedge_api_answer(re, sedge_group_show(rq->cloud, sedge_http_arg(rq, 0), &err), &err);
}

void sedge_ext_group_create(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    sedge_auto_put struct json_object *body = sedge_api_body(rq, re);
    struct sedge_err err = SEDGE_ERR_INIT;
    int rc;

    (void)user;
    if (!body) return;
    rc = sedge_group_create_below(rq->cloud, sedge_json_str(body, "groupName", ""),
                                  sedge_json_str(body, "parent", NULL), &err);
    sedge_api_done(re, rc, "The group is made.", &err);
    if (rc == 0) re->status = 201;
}

void sedge_ext_group_delete(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)user;
    sedge_api_done(
        re, sedge_group_delete(rq->cloud, sedge_http_arg(rq, 0), sedge_api_flag(rq, "cascade"), sedge_wall_ms(), &err),
        "The group is deleted.", &err);
}

void sedge_ext_group_add(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_free char *offers = NULL;
    int rc = sedge_group_add(rq->cloud, sedge_http_arg(rq, 0), sedge_http_arg(rq, 1), sedge_wall_ms(), &offers, &err);

    (void)user;
    sedge_api_done(re, rc, "The thing is in the group.", &err);
    if (rc == 0) sedge_json_add_str(re->json, "offers", offers);
}

void sedge_ext_group_rm(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    const char *group = sedge_http_arg(rq, 0), *thing = sedge_http_arg(rq, 1);
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_free char *by = NULL;
    int rc = sedge_api_flag(rq, "prune") ? sedge_group_prune(rq->cloud, group, thing, sedge_wall_ms(), &by, &err)
                                         : sedge_group_rm(rq->cloud, group, thing, sedge_wall_ms(), &err);

    (void)user;
    sedge_api_done(re, rc, "The thing is not in the group.", &err);
    if (rc == 0) sedge_json_add_str(re->json, "prunedBy", by);
}
