/* deploy cancel, revert, pause, resume, approve, retry. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "commands.h"
#include "cloud/deploy/deploy.h"
#include "cloud/deploy/document.h"
#include "cloud/registry/registry.h"

/* What became of it: the deployment as JSON, or one line. */
static int report(struct sedge_run *r, int64_t id, const char *line, struct sedge_err *err)
{
    sedge_auto_put struct json_object *o = NULL;

    if (!r->json) {
        puts(line);
        return 0;
    }
    o = sedge_deploy_show(&r->cloud, id, err);
    if (!o) return -1;
    sedge_print_json(o);
    return 0;
}

static int report_new(struct sedge_run *r, struct json_object *o, const char *what)
{
    if (r->json)
        sedge_print_json(o);
    else
        printf("%s; created %s:%lld  deployment %s\n", what, sedge_json_str(o, "target", ""),
               (long long)sedge_json_i64(o, "revision", 0), sedge_json_str(o, "deploymentId", ""));
    return 0;
}

int sedge_cmd_deploy_cancel(struct sedge_run *r, struct sedge_err *err)
{
    bool force = sedge_run_has(r, "force");
    sedge_auto_put struct json_object *o = NULL;
    int64_t id = 0;

    if (sedge_deploy_find(&r->cloud, r->operands.v[0], &id, err) != 0) return -1;
    if (sedge_run_has(r, "fallback")) {
        o = sedge_deploy_fall_back(&r->cloud, id, force, sedge_wall_ms(), err);
        return o ? report_new(r, o, "Cancelled") : -1;
    }
    if (sedge_deploy_cancel(&r->cloud, id, force, sedge_wall_ms(), err) != 0) return -1;
    return report(r, id, "Cancelled; devices that applied it stay as they are", err);
}

int sedge_cmd_deploy_revert(struct sedge_run *r, struct sedge_err *err)
{
    sedge_auto_put struct json_object *o = NULL;
    sedge_auto_free char *name = NULL;
    sedge_auto_free char *text = NULL;
    int64_t to = 0, id = 0, expected = 0;
    int kind = 0;

    if (!sedge_run_has(r, "to"))
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "deploy revert needs --to REVISION; sedge-cloud deploy list --target %s shows them",
                             r->operands.v[0]);
    if (sedge_run_int(r, "to", 1, INT64_MAX, &to, err) != 0 ||
        sedge_doc_parse_target(r->operands.v[0], &kind, &name, err) != 0 ||
        sedge_deploy_last_revision(&r->cloud, kind, name, &expected, err) != 0 ||
        sedge_run_int(r, "expected-revision", 0, INT64_MAX, &expected, err) != 0)
        return -1;
    text = sedge_xasprintf("%s:%s:%lld", kind == SEDGE_TARGET_GROUP ? "group" : "thing", name, (long long)to);
    if (sedge_deploy_find(&r->cloud, text, &id, err) != 0) return -1;
    o = sedge_deploy_revert(&r->cloud, id, true, expected, sedge_wall_ms(), err);
    return o ? report_new(r, o, "Going back") : -1;
}

int sedge_cmd_deploy_pause(struct sedge_run *r, struct sedge_err *err)
{
    int64_t id = 0;

    if (sedge_deploy_find(&r->cloud, r->operands.v[0], &id, err) != 0 ||
        sedge_deploy_pause(&r->cloud, id, sedge_wall_ms(), err) != 0)
        return -1;
    return report(r, id, "Paused: nothing more is released; devices that have it go on", err);
}

int sedge_cmd_deploy_resume(struct sedge_run *r, struct sedge_err *err)
{
    int64_t id = 0;

    if (sedge_deploy_find(&r->cloud, r->operands.v[0], &id, err) != 0 ||
        sedge_deploy_resume(&r->cloud, id, sedge_wall_ms(), err) != 0)
        return -1;
    return report(r, id, "Goes on in the same wave; failures so far are accepted", err);
}

int sedge_cmd_deploy_approve(struct sedge_run *r, struct sedge_err *err)
{
    int64_t id = 0;

    if (sedge_deploy_find(&r->cloud, r->operands.v[0], &id, err) != 0 ||
        sedge_deploy_approve(&r->cloud, id, sedge_who(), sedge_wall_ms(), err) != 0)
        return -1;
    return report(r, id, "Approved", err);
}

/* The states that may be tried again, as bits. */
static int parse_states(const char *text, unsigned *bits, struct sedge_err *err)
{
    static const int allowed[] = {SEDGE_EXEC_FAILED, SEDGE_EXEC_TIMED_OUT, SEDGE_EXEC_REJECTED};
    sedge_auto_strv struct sedge_strv names = {0};

    sedge_strv_split(&names, text, ",");
    *bits = 0;
    for (size_t i = 0; i < names.n; i++) {
        unsigned bit = 0;

        for (size_t k = 0; k < SEDGE_ARRAY_LEN(allowed); k++) {
            if (strcmp(names.v[i], sedge_exec_state_name(allowed[k])) == 0) bit = 1u << allowed[k];
        }
        if (!bit)
            return sedge_err_set(err, SEDGE_E_INVALID, "--status: \"%s\" is none of FAILED, TIMED_OUT, REJECTED",
                                 names.v[i]);
        *bits |= bit;
    }
    return 0;
}

int sedge_cmd_deploy_retry(struct sedge_run *r, struct sedge_err *err)
{
    sedge_auto_strv struct sedge_strv things = {0};
    sedge_auto_free char *line = NULL;
    const char *names = sedge_run_opt(r, "things", NULL);
    unsigned states = 0;
    int64_t id = 0, n = 0;

    if (parse_states(sedge_run_opt(r, "status", "FAILED,TIMED_OUT"), &states, err) != 0 ||
        sedge_deploy_find(&r->cloud, r->operands.v[0], &id, err) != 0)
        return -1;
    if (names) sedge_strv_split(&things, names, ",");
    if (sedge_deploy_retry(&r->cloud, id, states, &things, sedge_wall_ms(), &n, err) != 0) return -1;
    line = sedge_xasprintf("Tried again on %lld %s", (long long)n, n == 1 ? "thing" : "things");
    return report(r, id, line, err);
}
