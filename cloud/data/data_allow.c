/* Which components a thing's deployments hold: their closures, remembered for a while as lists of names. */
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "data_internal.h"
#include "cloud/deploy/deploy.h"
#include "cloud/http/metrics.h"
#include "cloud/query.h"
#include "cloud/component/resolve.h"

#define ANY "*" /* a closure that cannot be told: everything is in it */

/* "\nname\nname\n" */
static char *names_of(struct sedge_cloud *c, int64_t deployment, struct json_object *platform)
{
    sedge_auto_free char *name = NULL;
    int64_t minutes = 0;
    sedge_auto_put struct json_object *content = sedge_deploy_content(c, deployment, &name, &minutes, NULL);
    struct sedge_closure all = {0};
    struct sedge_buf b = SEDGE_BUF_INIT;

    sedge_buf_putc(&b, '\n');
    if (!content ||
        sedge_resolve_closure(c, sedge_json_obj(content, "components"), platform, "deployment", &all, NULL) != 0) {
        sedge_buf_clear(&b);
        sedge_buf_puts(&b, ANY);
    }
    for (size_t i = 0; i < all.n; i++)
        sedge_buf_printf(&b, "%s\n", all.v[i].component);
    sedge_closure_release(&all);
    return sedge_buf_steal(&b);
}

static bool holds(struct sedge_data_plane *d, struct sedge_cloud *c, int64_t deployment, struct json_object *platform,
                  const char *component)
{
    sedge_auto_free char *key = sedge_xasprintf("%lld %lld %s", (long long)sedge_data_generation(c),
                                                (long long)deployment, platform ? sedge_json_text(platform) : "");
    sedge_auto_free char *wanted = sedge_xasprintf("\n%s\n", component);
    sedge_auto_free char *names = sedge_cache_get(d->closures, key);

    if (!names) {
        names = names_of(c, deployment, platform);
        sedge_cache_put(d->closures, key, names);
    }
    return strcmp(names, ANY) == 0 || strstr(names, wanted);
}

/* 1 in one of them, 0 in none, -1 failure. Deployments that are current for the thing's targets, or are or were its. */
static int listed(struct sedge_data_plane *d, const struct sedge_http_request *rq, const char *component,
                  struct json_object *platform, struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_q(
        rq->cloud->db, err,
        "SELECT t.current_deployment FROM effective_member m JOIN grp g ON g.id=m.group_id"
        " JOIN target t ON t.kind=0 AND t.ref_name=g.name WHERE m.thing_id=?1 AND t.current_deployment IS NOT NULL"
        " UNION SELECT current_deployment FROM target WHERE kind=1 AND ref_name=?2 AND current_deployment IS NOT NULL"
        " UNION SELECT deployment_id FROM execution WHERE thing_id=?1 AND status IN (0,1,2)",
        "it", rq->peer.id, rq->peer.who);
    int rc = -1, found = 0;

    while (q && !found && (rc = sedge_db_step(rq->cloud->db, q, err)) == 1)
        found = holds(d, rq->cloud, sqlite3_column_int64(q, 0), platform, component);
    (void)sqlite3_finalize(q);
    return rc < 0 ? -1 : found;
}

int sedge_data_allowed(struct sedge_data_plane *d, const struct sedge_http_request *rq, const char *component,
                       struct json_object *platform, struct sedge_err *err)
{
    const char *mode = rq->cloud->set.data_allow;
    int rc = strcmp(mode, "off") == 0 ? 1 : listed(d, rq, component, platform, err);

    if (rc != 0) return rc < 0 ? -1 : 0;
    sedge_metrics_add(SEDGE_METRIC_NOT_ALLOWED, 1);
    sedge_log(SEDGE_WARN, "data-plane", "unlisted", "thing=%s component=%s: in no deployment of the thing%s",
              rq->peer.who, component, strcmp(mode, "enforce") == 0 ? "; refused" : "");
    if (strcmp(mode, "enforce") != 0) return 0;
    return sedge_err_set(err, SEDGE_E_DENIED, "component %s is in no deployment of thing %s", component, rq->peer.who);
}
