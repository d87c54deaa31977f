/* Our extensions: what becomes of a published version, and the audit. */
#include <string.h>

#include "api_internal.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "cloud/component/component.h"
#include "cloud/site/audit.h"

static void set_state(const struct sedge_http_request *rq, struct sedge_http_reply *re, enum sedge_version_state state)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    int rc = sedge_component_set_state(rq->cloud, sedge_http_arg(rq, 0), state, sedge_wall_ms(), &err);

    sedge_api_done(re, rc, "The state is set.", &err);
    if (rc == 0) sedge_json_add_str(re->json, "state", sedge_version_state_name(state));
}

void sedge_ext_component_deprecate(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    (void)user;
    set_state(rq, re, SEDGE_VERSION_DEPRECATED);
}

void sedge_ext_component_block(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    (void)user;
    set_state(rq, re, SEDGE_VERSION_BLOCKED);
}

void sedge_ext_component_restore(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    (void)user;
    set_state(rq, re, SEDGE_VERSION_DEPLOYABLE);
}

void sedge_ext_component_delete(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)user;
    sedge_api_done(re, sedge_component_delete(rq->cloud, sedge_http_arg(rq, 0), sedge_wall_ms(), &err),
                   "The version is deleted.", &err);
}

/* A number of the query; *out stays when it is not given. */
static int number(const struct sedge_http_request *rq, const char *name, int64_t max, int64_t *out,
                  struct sedge_err *err)
{
    const char *text = sedge_http_query(&rq->target, name, NULL);

    if (!text || sedge_str_to_i64(text, 1, max, out, err) == 0) return 0;
    return sedge_err_wrap(err, "%s", name);
}

void sedge_ext_audit(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_audit_filter f = {.what = sedge_http_query(&rq->target, "what", NULL),
                                   .ref = sedge_http_query(&rq->target, "which", NULL),
                                   .who = sedge_http_query(&rq->target, "who", NULL)};
    struct sedge_err err = SEDGE_ERR_INIT;
    int64_t since = 0;

    (void)user;
    if (number(rq, "since", INT64_MAX / 1000, &since, &err) != 0 ||
        number(rq, "limit", SEDGE_AUDIT_MAX, &f.limit, &err) != 0) {
        sedge_http_fail(re, &err);
        return;
    }
    f.since_ms = since * 1000;
    sedge_api_answer(re, sedge_audit_list(rq->cloud, &f, &err), &err);
}
