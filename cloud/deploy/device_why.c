#include "device_why.h"

#include <stdarg.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "deploy_status.h"
#include "document.h"
#include "exec.h"
#include "cloud/query.h"
#include "cloud/registry/registry.h"
#include "cloud/component/resolve.h"

struct why {
    struct sedge_cloud *c;
    int64_t thing_id, now_s;
    const char *thing;
    struct json_object *out, *targets, *components, *sentences;
};

static void say(struct why *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct why *w, const char *fmt, ...)
{
    char text[SEDGE_ERR_MSG_MAX];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    (void)json_object_array_add(w->sentences, json_object_new_string(text));
}

/* "3 min": a span of time in words. */
static const char *span(int64_t s, char out[32])
{
    if (s < 120)
        (void)snprintf(out, 32, "%lld s", (long long)(s < 0 ? 0 : s));
    else if (s < 7200)
        (void)snprintf(out, 32, "%lld min", (long long)(s / 60));
    else if (s < 172800)
        (void)snprintf(out, 32, "%lld h", (long long)(s / 3600));
    else
        (void)snprintf(out, 32, "%lld days", (long long)(s / 86400));
    return out;
}

static struct json_object *component_entry(struct why *w, const char *name)
{
    size_t n = json_object_array_length(w->components);
    struct json_object *o;

    for (size_t i = 0; i < n; i++) {
        o = json_object_array_get_idx(w->components, i);
        if (strcmp(sedge_json_str(o, "componentName", ""), name) == 0) return o;
    }
    o = json_object_new_object();
    sedge_json_add_str(o, "componentName", name);
    (void)json_object_object_add(o, "wanted", json_object_new_array());
    (void)json_object_array_add(w->components, o); /* takes o */
    return o;
}

static void add_wanted(struct why *w, const char *target, const char *document)
{
    sedge_auto_put struct json_object *content = sedge_doc_content(document, NULL);
    struct json_object *components = sedge_json_obj(content, "components");

    if (!components) return;
    json_object_object_foreach (components, name, v) {
        struct json_object *o = json_object_new_object();

        sedge_json_add_str(o, "target", target);
        sedge_json_add_str(o, "version", sedge_json_str(v, "version", ""));
        (void)json_object_array_add(sedge_json_arr(component_entry(w, name), "wanted"), o); /* takes o */
    }
}

/* The revision of a target that the device's components carry; 0: none. */
static int reported_revision(struct why *w, int64_t kind, const char *name, int64_t *out, struct sedge_err *err)
{
    sedge_auto_free char *mark =
        sedge_xasprintf(":configuration:%s/%s:", kind == SEDGE_TARGET_GROUP ? "thinggroup" : "thing", name);
    sqlite3_stmt *q = sedge_q(w->c->db, err,
                              "SELECT j.value FROM component_state s, json_each(s.arns) j WHERE s.thing_id=?1 AND"
                              " json_valid(s.arns) AND instr(j.value, ?2)>0",
                              "it", w->thing_id, (const char *)mark);
    int rc = -1;

    *out = 0;
    while (q && (rc = sedge_db_step(w->c->db, q, err)) == 1) {
        const char *colon = strrchr(sedge_db_text(q, 0), ':');
        int64_t revision = 0;

        if (colon && sedge_str_to_i64(colon + 1, 1, INT64_MAX, &revision, NULL) == 0 && revision > *out)
            *out = revision;
    }
    (void)sqlite3_finalize(q);
    return rc < 0 ? -1 : 0;
}

static void add_status(struct json_object *o, sqlite3_stmt *q, int first)
{
    const char *text = sedge_db_text(q, first + 2);
    sedge_auto_put struct json_object *details = sedge_json_parse_object(text, strlen(text), "details", NULL);

    if (sqlite3_column_type(q, first) == SQLITE_NULL) return;
    sedge_json_add_str(o, "status", sedge_exec_state_name(sqlite3_column_int64(q, first)));
    sedge_json_add_i64(o, "since", sqlite3_column_int64(q, first + 1));
    sedge_json_add_str(o, "phase", sedge_json_str(details, "phase", NULL));
    sedge_json_add_str(o, "cause", sedge_json_str(details, "deployment-failure-cause", NULL));
    if (sqlite3_column_type(q, first + 3) != SQLITE_NULL)
        sedge_json_add_str(o, "lateStatus", sedge_exec_state_name(sqlite3_column_int64(q, first + 3)));
}

static int add_target(struct why *w, sqlite3_stmt *q, struct sedge_err *err)
{
    struct json_object *o = json_object_new_object();
    int64_t kind = sqlite3_column_int64(q, 0), reported = 0;
    sedge_auto_free char *name = sedge_xstrdup(sedge_db_text(q, 1));
    sedge_auto_free char *target = sedge_xasprintf("%s:%s", kind == SEDGE_TARGET_GROUP ? "group" : "thing", name);

    (void)json_object_array_add(w->targets, o); /* takes o */
    sedge_json_add_str(o, "target", target);
    sedge_json_add_i64(o, "revision", sqlite3_column_int64(q, 2));
    sedge_json_add_str(o, "deploymentId", sedge_db_text(q, 3));
    sedge_json_add_str(o, "state", sedge_dep_state_name(sqlite3_column_int64(q, 4)));
    add_wanted(w, target, sedge_db_text(q, 5));
    add_status(o, q, 6);
    if (reported_revision(w, kind, name, &reported, err) != 0) return -1;
    if (reported) sedge_json_add_i64(o, "reportedRevision", reported);
    return 0;
}

static int add_targets(struct why *w, struct sedge_err *err)
{
    sqlite3_stmt *q =
        sedge_q(w->c->db, err,
                "SELECT t.kind, t.ref_name, d.revision, d.uuid, d.state, COALESCE(d.full_doc, d.device_doc), e.status,"
                " e.updated_at, e.details, e.late_status FROM target t JOIN target_member m ON m.target_id=t.id"
                " JOIN deployment d ON d.id=t.current_deployment LEFT JOIN execution e ON e.deployment_id=d.id AND"
                " e.thing_id=m.thing_id AND e.exec_no=(SELECT MAX(x.exec_no) FROM execution x WHERE"
                " x.thing_id=m.thing_id AND x.deployment_id=d.id) WHERE m.thing_id=?1 ORDER BY t.kind, t.ref_name",
                "i", w->thing_id);
    int rc = -1;

    while (q && (rc = sedge_db_step(w->c->db, q, err)) == 1) {
        if (add_target(w, q, err) != 0) break;
    }
    (void)sqlite3_finalize(q);
    return rc == 0 ? 0 : -1;
}

/* What the device says that it runs, put beside what is wanted. */
static void add_actual(struct why *w, struct json_object *reported)
{
    size_t n = reported ? json_object_array_length(reported) : 0;

    for (size_t i = 0; i < n; i++) {
        struct json_object *r = json_object_array_get_idx(reported, i);
        struct json_object *o = component_entry(w, sedge_json_str(r, "componentName", ""));

        sedge_json_add_str(o, "version", sedge_json_str(r, "version", NULL));
        sedge_json_add_str(o, "status", sedge_json_str(r, "status", NULL));
        sedge_json_add_str(o, "reason", sedge_json_str(r, "reason", NULL));
    }
}

static void say_presence(struct why *w)
{
    int64_t seen = sedge_json_i64(w->out, "lastSeen", 0);
    char ago[32];

    if (strcmp(sedge_json_str(w->out, "state", ""), "BLOCKED") == 0)
        say(w, "%s is blocked: it is told nothing until: sedge-cloud thing unblock %s", w->thing, w->thing);
    if (!seen)
        say(w, "%s has never been heard: check that it runs with its bundle and reaches the broker.", w->thing);
    else if (w->now_s - seen > SEDGE_OFFLINE_S)
        say(w, "%s was last heard %s ago: what is queued waits until it connects.", w->thing,
            span(w->now_s - seen, ago));
    if (json_object_array_length(w->targets) == 0)
        say(w, "No current deployment reaches %s: neither one of its groups nor the thing itself has one.", w->thing);
}

/* Two targets that want different versions of one component: no deployment of the device can succeed. */
static void say_conflicts(struct why *w)
{
    for (size_t i = 0; i < json_object_array_length(w->components); i++) {
        struct json_object *o = json_object_array_get_idx(w->components, i), *wanted = sedge_json_arr(o, "wanted");
        struct json_object *first = json_object_array_get_idx(wanted, 0);

        for (size_t k = 1; k < json_object_array_length(wanted); k++) {
            struct json_object *other = json_object_array_get_idx(wanted, k);

            if (strcmp(sedge_json_str(first, "version", ""), sedge_json_str(other, "version", "")) == 0 ||
                sedge_device_part(sedge_json_str(o, "componentName", "")))
                continue;
            say(w,
                "%s asks for %s %s and %s for %s: no deployment of this device can succeed until one of them is "
                "revised, or the thing leaves one of the groups.",
                sedge_json_str(first, "target", ""), sedge_json_str(o, "componentName", ""),
                sedge_json_str(first, "version", ""), sedge_json_str(other, "target", ""),
                sedge_json_str(other, "version", ""));
            break;
        }
    }
}

static void say_open(struct why *w, struct json_object *t, const char *head)
{
    const char *status = sedge_json_str(t, "status", NULL), *target = sedge_json_str(t, "target", "");
    const char *phase = sedge_json_str(t, "phase", NULL);
    long long revision = (long long)sedge_json_i64(t, "revision", 0);
    char time[32];

    (void)span(w->now_s - sedge_json_i64(t, "since", w->now_s), time);
    if (!status)
        say(w, "%s:%lld has not been released for this device yet (the deployment is %s).", target, revision,
            sedge_json_str(t, "state", ""));
    else if (strcmp(status, "IN_PROGRESS") == 0)
        say(w, "%s:%lld is being applied, without news for %s%s%s.", target, revision, time,
            phase ? "; last phase: " : "", phase ? phase : "");
    else if (strcmp(status, "QUEUED") == 0 && head && strcmp(head, sedge_json_str(t, "deploymentId", "")) != 0)
        say(w, "%s:%lld waits (%s so far) until another deployment of this device is finished.", target, revision,
            time);
    else if (strcmp(status, "QUEUED") == 0)
        say(w, "%s:%lld is next, and has waited for %s for the device to take it.", target, revision, time);
}

static void say_result(struct why *w, struct json_object *t)
{
    const char *status = sedge_json_str(t, "status", ""), *target = sedge_json_str(t, "target", "");
    const char *cause = sedge_json_str(t, "cause", NULL);
    long long revision = (long long)sedge_json_i64(t, "revision", 0);
    bool failed = strcmp(status, "FAILED") == 0 || strcmp(status, "REJECTED") == 0;

    if (failed)
        say(w, "%s:%lld %s: %s", target, revision, strcmp(status, "FAILED") == 0 ? "failed" : "was rejected",
            cause ? cause : "the device gave no cause");
    if (strcmp(status, "TIMED_OUT") == 0)
        say(w, "%s:%lld timed out: the device began it and did not finish in time%s.", target, revision,
            strcmp(sedge_json_str(t, "lateStatus", ""), "SUCCEEDED") == 0 ? ", but succeeded later" : "");
    if (strcmp(status, "CANCELED") == 0 || strcmp(status, "REMOVED") == 0)
        say(w, "%s:%lld was taken back from this device (%s).", target, revision, status);
}

/* The job's word against the fleet status'. */
static void say_disagreement(struct why *w, struct json_object *t)
{
    int64_t revision = sedge_json_i64(t, "revision", 0), reported = sedge_json_i64(t, "reportedRevision", 0);
    const char *status = sedge_json_str(t, "status", ""), *target = sedge_json_str(t, "target", "");
    bool ok = strcmp(status, "SUCCEEDED") == 0;

    if (ok && reported && reported != revision)
        say(w, "%s: reported by job: SUCCEEDED for revision %lld; fleet status: revision %lld.", target,
            (long long)revision, (long long)reported);
    if (!ok && status[0] && reported == revision)
        say(w, "%s: reported by job: %s for revision %lld; fleet status: the device runs revision %lld.", target,
            status, (long long)revision, (long long)reported);
}

static void say_components(struct why *w)
{
    for (size_t i = 0; i < json_object_array_length(w->components); i++) {
        struct json_object *o = json_object_array_get_idx(w->components, i);
        struct json_object *wanted = json_object_array_get_idx(sedge_json_arr(o, "wanted"), 0);
        const char *name = sedge_json_str(o, "componentName", ""), *status = sedge_json_str(o, "status", "");
        const char *version = sedge_json_str(o, "version", NULL), *reason = sedge_json_str(o, "reason", NULL);

        if (strcmp(status, "BROKEN") == 0 || strcmp(status, "ERRORED") == 0)
            say(w, "%s %s is %s%s%s", name, version ? version : "", status, reason ? ": " : "", reason ? reason : "");
        if (!wanted || !version || sedge_device_part(name)) continue;
        if (strcmp(version, sedge_json_str(wanted, "version", "")) != 0)
            say(w, "%s: %s asks for %s, the device runs %s.", name, sedge_json_str(wanted, "target", ""),
                sedge_json_str(wanted, "version", ""), version);
    }
}

/* The deployment that the device is offered now; heap, NULL for none. */
static int find_head(struct why *w, char **uuid, struct sedge_err *err)
{
    return sedge_q_text(
               w->c->db, err, uuid,
               "SELECT d.uuid FROM execution e JOIN deployment d ON d.id=e.deployment_id WHERE e.thing_id=?1 AND"
               " e.status IN (0,1) AND (d.state IN " SEDGE_DEP_OFFERED " OR e.status=1)"
               " ORDER BY e.status DESC, e.queued_at, e.deployment_id LIMIT 1",
               "i", w->thing_id) < 0
               ? -1
               : 0;
}

/* An execution that is under way, of a revision that is none of the current ones. */
static int say_old_head(struct why *w, const char *head, struct sedge_err *err)
{
    sedge_auto_free char *label = NULL;

    for (size_t i = 0; head && i < json_object_array_length(w->targets); i++) {
        if (strcmp(sedge_json_str(json_object_array_get_idx(w->targets, i), "deploymentId", ""), head) == 0) return 0;
    }
    if (!head) return 0;
    if (sedge_q_text(w->c->db, err, &label,
                     "SELECT CASE t.kind WHEN 0 THEN 'group:' ELSE 'thing:' END || t.ref_name || ':' || d.revision"
                     " FROM deployment d JOIN target t ON t.id=d.target_id WHERE d.uuid=?1",
                     "t", head) < 0)
        return -1;
    say(w, "The device still works on %s, which is current no more; what follows waits for it.", label ? label : head);
    return 0;
}

static int explain(struct why *w, struct sedge_err *err)
{
    sedge_auto_free char *head = NULL;

    if (find_head(w, &head, err) != 0) return -1;
    say_presence(w);
    say_conflicts(w);
    if (say_old_head(w, head, err) != 0) return -1;
    for (size_t i = 0; i < json_object_array_length(w->targets); i++) {
        struct json_object *t = json_object_array_get_idx(w->targets, i);

        say_open(w, t, head);
        say_result(w, t);
        say_disagreement(w, t);
    }
    say_components(w);
    if (json_object_array_length(w->sentences) == 0) say(w, "Everything is as the current deployments ask for it.");
    return 0;
}

struct json_object *sedge_device_why(struct sedge_cloud *c, const char *thing, int64_t now_s, struct sedge_err *err)
{
    struct why w = {.c = c, .now_s = now_s, .thing = thing, .out = sedge_thing_show(c, thing, err)};
    sedge_auto_put struct json_object *reported = NULL;

    if (!w.out) return NULL;
    reported = json_object_get(sedge_json_arr(w.out, "components"));
    w.targets = json_object_new_array();
    w.components = json_object_new_array();
    w.sentences = json_object_new_array();
    (void)json_object_object_add(w.out, "targets", w.targets); /* takes it, and so on */
    (void)json_object_object_add(w.out, "components", w.components);
    (void)json_object_object_add(w.out, "why", w.sentences);
    if (sedge_thing_id(c, thing, &w.thing_id, err) == 0 && add_targets(&w, err) == 0) {
        add_actual(&w, reported);
        if (explain(&w, err) == 0) return w.out;
    }
    json_object_put(w.out);
    return NULL;
}
