/* The groups of a thing, each with the groups above it. */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "data_internal.h"
#include "cloud/http/page.h"
#include "cloud/query.h"

static int add_above(struct sedge_cloud *c, int64_t group, struct json_object *out, struct sedge_err *err)
{
    struct json_object *list = json_object_new_array();
    sqlite3_stmt *q =
        sedge_q(c->db, err,
                "WITH RECURSIVE up(id, name, parent, depth) AS ("
                " SELECT p.id, p.name, p.parent_id, 1 FROM grp g JOIN grp p ON p.id=g.parent_id WHERE g.id=?1"
                " UNION ALL SELECT p.id, p.name, p.parent_id, depth+1 FROM up JOIN grp p ON p.id=up.parent"
                " WHERE depth<64) SELECT name FROM up ORDER BY depth DESC",
                "i", group);
    int rc = -1;

    (void)json_object_object_add(out, "rootToParentThingGroups", list); /* takes list */
    while (q && (rc = sedge_db_step(c->db, q, err)) == 1) {
        struct json_object *o = json_object_new_object();

        sedge_json_add_str(o, "thingGroupName", sedge_db_text(q, 0));
        (void)json_object_array_add(list, o); /* takes o */
    }
    (void)sqlite3_finalize(q);
    return rc;
}

static int add_groups(const struct sedge_http_request *rq, int64_t page, struct json_object *list, char **next,
                      struct sedge_err *err)
{
    sedge_auto_free char *after = sedge_page_after(sedge_http_query(&rq->target, "nextToken", ""));
    struct sedge_cloud *c = rq->cloud;
    sqlite3_stmt *q = sedge_q(c->db, err,
                              "SELECT g.id, g.name FROM member m JOIN grp g ON g.id=m.group_id WHERE m.thing_id=?1"
                              " AND g.name>?2 ORDER BY g.name LIMIT ?3",
                              "iti", rq->peer.id, (const char *)after, page + 1);
    int rc = -1;

    while (q && (rc = sedge_db_step(c->db, q, err)) == 1) {
        const char *name = sedge_db_text(q, 1);
        struct json_object *o;
        sedge_auto_free char *arn = NULL;

        if ((int64_t)json_object_array_length(list) == page) {
            *next = sedge_page_token(sedge_json_str(json_object_array_get_idx(list, json_object_array_length(list) - 1),
                                                    "thingGroupName", ""));
            rc = 0;
            break;
        }
        o = json_object_new_object();
        arn = sedge_xasprintf("arn:aws:iot:%s:%s:thinggroup/%s", c->set.region, c->set.account, name);
        sedge_json_add_str(o, "thingGroupName", name);
        sedge_json_add_str(o, "thingGroupArn", arn);
        (void)json_object_array_add(list, o); /* takes o */
        rc = add_above(c, sqlite3_column_int64(q, 0), o, err);
        if (rc < 0) break;
    }
    (void)sqlite3_finalize(q);
    return rc < 0 ? -1 : 0;
}

void sedge_data_thing_groups(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct json_object *list = json_object_new_array();
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_free char *next = NULL;

    (void)user;
    if (sedge_data_own(rq, re) != 0) {
        json_object_put(list);
        return;
    }
    re->json = json_object_new_object();
    (void)json_object_object_add(re->json, "thingGroups", list); /* takes list */
    if (add_groups(rq, sedge_page_size(&rq->target, SEDGE_DATA_GROUPS_PAGE), list, &next, &err) != 0) {
        sedge_http_fail(re, &err);
        return;
    }
    sedge_json_add_str(re->json, "nextToken", next);
}
