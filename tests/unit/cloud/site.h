/* site - a cloud side in memory: things cam-1 and cam-2, group cams with cam-1. */
#ifndef SEDGE_TEST_SITE_H
#define SEDGE_TEST_SITE_H

#include "../test.h"

#include "base/json.h"
#include "base/mem.h"
#include "cloud/cloud.h"
#include "cloud/deploy/deploy.h"
#include "cloud/deploy/document.h"
#include "cloud/query.h"
#include "cloud/registry/registry.h"

#define T0 1764590400000LL

static inline int site_setup(void **st)
{
    struct sedge_cloud *c = SEDGE_NEW(struct sedge_cloud);
    struct sedge_err err = SEDGE_ERR_INIT;
    char *offers = NULL;

    sedge_cloud_settings_default(&c->set);
    c->db = sedge_cloud_db_open(":memory:", &err);
    if (!c->db) fail_msg("%s", err.msg);
    assert_int_equal(sedge_db_exec(c->db,
                                   "INSERT INTO thing(name,created_at) VALUES('cam-1',1764590400),('cam-2',1764590400)",
                                   &err),
                     0);
    assert_int_equal(sedge_group_create(c, "cams", &err), 0);
    assert_int_equal(sedge_group_add(c, "cams", "cam-1", T0, &offers, &err), 0);
    free(offers);
    *st = c;
    return 0;
}

static inline int site_teardown(void **st)
{
    sedge_cloud_close(*st);
    free(*st);
    return 0;
}

/* A revision with component a at this version; new reference. */
static inline struct json_object *site_deploy(struct sedge_cloud *c, int kind, const char *target, const char *version,
                                              int64_t now_ms)
{
    sedge_auto_put struct json_object *content = sedge_doc_empty();
    sedge_auto_free char *a = sedge_xasprintf("a@%s", version);
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_deploy_request rq = {.kind = kind, .target = target, .content = content, .skip_resolve = true};
    struct json_object *o;

    assert_int_equal(sedge_doc_set_component(content, a, &err), 0);
    o = sedge_deploy_create(c, &rq, now_ms, &err);
    if (!o) fail_msg("%s", err.msg);
    return o;
}

static inline int64_t site_count(struct sedge_cloud *c, const char *sql)
{
    int64_t n = -1;

    assert_int_equal(sedge_q_i64(c->db, NULL, &n, sql, ""), 1);
    return n;
}

#endif
