/* Versions that the data plane decides (spec/deployment.md 9.1 step 3). */
#include "run.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/semver.h"
#include "fetch/dataplane.h"

#include <string.h>

/* With a version on the device that will do, the answer is not waited for long. A job pauses by itself, and says so. */
#define ATTEMPTS_WITH_CANDIDATE 2
#define ATTEMPTS_OF_JOB         1
#define ATTEMPTS_LOCAL          0 /* as many as sedge-fetch makes */

/* ---- what was answered so far (worker thread) ---- */

static bool satisfies(struct json_object *requirements, const char *text)
{
    struct sedge_version version;

    if (sedge_version_parse(text, &version, NULL) != 0) return false;
    json_object_object_foreach (requirements, who, range) {
        struct sedge_semreq *req = sedge_semreq_parse(json_object_get_string(range), NULL);
        bool ok = req && sedge_semreq_match(req, &version);

        (void)who;
        sedge_semreq_free(req);
        if (!ok) return false;
    }
    return true;
}

static bool holds(struct json_object *all, struct json_object *some)
{
    json_object_object_foreach (some, who, range) {
        if (!json_object_equal(sedge_json_get(all, who), range)) return false;
    }
    return true;
}

/* An answer to fewer requirements is one to these too if it fits them: it was the best of more. */
static const struct sedge_negotiation *find(const struct sedge_run *run, const char *component,
                                            struct json_object *requirements)
{
    for (const struct sedge_negotiation *n = run->negotiations; n; n = n->next)
        if (strcmp(n->component, component) == 0 && holds(requirements, n->requirements) &&
            satisfies(requirements, n->version))
            return n;
    return NULL;
}

static char *arn_of(struct sedge_run *run, const char *component, const char *version)
{
    sedge_auto_put struct json_object *metadata = sedge_store_metadata(run->d->o.store, component, version, NULL);

    return sedge_xstrdup(sedge_json_str(metadata, "componentVersionArn", NULL));
}

/* Exactly this version is asked for, and the device has it from the cloud: versions never change, so there is nothing
 * to learn. */
static bool is_settled(struct sedge_run *run, const char *component, const char *candidate,
                       struct json_object *requirements)
{
    bool exact = false;
    sedge_auto_free char *arn = NULL;

    json_object_object_foreach (requirements, who, range) {
        (void)who;
        exact = exact || strcmp(json_object_get_string(range), candidate) == 0;
    }
    if (exact) arn = arn_of(run, component, candidate);
    return arn != NULL;
}

static struct sedge_negotiation *note(struct sedge_run *run, const char *component, struct json_object *requirements,
                                      const char *version)
{
    struct sedge_negotiation *n = SEDGE_NEW(struct sedge_negotiation);

    n->component = sedge_xstrdup(component);
    n->requirements = json_object_get(requirements);
    n->version = sedge_xstrdup(version);
    n->next = run->negotiations;
    run->negotiations = n;
    return n;
}

int sedge_run_negotiate(void *env, const char *component, const char *candidate, struct json_object *requirements,
                        const char **version)
{
    struct sedge_run *run = env;
    const struct sedge_negotiation *n = find(run, component, requirements);

    if (!n && candidate && is_settled(run, component, candidate, requirements))
        n = note(run, component, requirements, candidate);
    if (!n) return 0;
    *version = n->version;
    return 1;
}

/* arn:aws:greengrass:REGION:... */
bool sedge_run_is_foreign(void *env, const char *component, const char *version)
{
    struct sedge_run *run = env;
    sedge_auto_free char *arn = *run->region ? arn_of(run, component, version) : NULL;
    sedge_auto_strv struct sedge_strv parts = {NULL, 0};

    if (!arn) return false;
    sedge_strv_split(&parts, arn, ":");
    return parts.n > 3 && *parts.v[3] && strcmp(parts.v[3], run->region) != 0;
}

void sedge_run_release_negotiations(struct sedge_run *run)
{
    while (run->negotiations) {
        struct sedge_negotiation *n = run->negotiations;

        run->negotiations = n->next;
        (void)json_object_put(n->requirements);
        free(n->component);
        free(n->version);
        free(n);
    }
}

/* ---- the question (loop) ---- */

struct question {
    struct sedge_run *run;
    char *component, *candidate;
    struct json_object *requirements;
};

static char *who_wants_what(const struct question *q)
{
    struct sedge_buf b = SEDGE_BUF_INIT;

    json_object_object_foreach (q->requirements, who, range)
        sedge_buf_printf(&b, "%s%s requires %s", b.len ? ", " : "", who, json_object_get_string(range));
    return sedge_buf_steal(&b);
}

/* 404: the data plane was asked and knows no version; its words say which of two reasons it is. */
static void refuse_version(struct question *q, const struct sedge_plane_candidate *c)
{
    struct sedge_failure *f = &q->run->failure;
    sedge_auto_free char *who = who_wants_what(q);

    q->run->permanent = true;
    sedge_failure_add(f, "NO_AVAILABLE_COMPONENT_VERSION");
    if (strstr(c->r.message, "claim platform")) {
        sedge_failure_cause(f, "Component %s has no version for the platform of this device, %s (%s): %s", q->component,
                            sedge_json_text(q->run->platform), who, c->r.message);
        return;
    }
    sedge_failure_add(f, "COMPONENT_VERSION_REQUIREMENTS_NOT_MET");
    sedge_failure_cause(f, "The cloud has no version of component %s that satisfies everybody: %s. It says: %s",
                        q->component, who, *c->r.message ? c->r.message : c->r.err->msg);
}

static void refuse(struct question *q, const struct sedge_plane_candidate *c)
{
    struct sedge_failure *f = &q->run->failure;

    if (c->r.status == 404) {
        refuse_version(q, c);
        return;
    }
    if (c->r.status == 403 || c->bad) {
        sedge_failure_add(f, "COMPONENT_PACKAGE_LOADING_ERROR");
        sedge_failure_add(f, c->bad ? "RESOLVE_COMPONENT_CANDIDATES_BAD_RESPONSE"
                                    : "RESOLVE_COMPONENT_CANDIDATES_ACCESS_DENIED");
    }
    if (c->r.pause_ms > q->run->asked_ms) q->run->asked_ms = c->r.pause_ms;
    sedge_run_note_failure(q->run, c->r.err, c->r.stack, "COMPONENT_PACKAGE_LOADING_ERROR");
}

/* The recipe, to be read and stored by the worker. One that was loaded already is the same: versions never change. */
static void keep_recipe(struct question *q, const struct sedge_plane_candidate *c)
{
    struct sedge_package *p = sedge_run_package(q->run, q->component, c->version, true);

    if (p->recipe || p->remote_text) return;
    p->remote_text = sedge_xstrdup(c->recipe);
    p->remote_name = sedge_xasprintf("recipe of %s %s from the data plane", q->component, c->version);
    p->remote_arn = sedge_xstrdup(c->arn);
}

static void take(struct question *q, const struct sedge_plane_candidate *c)
{
    struct sedge_plane_candidate bad = {.bad = true, .r = {.message = ""}};
    sedge_auto_free char *who = NULL;
    struct sedge_err err;

    if (satisfies(q->requirements, c->version)) {
        if (c->discontinued)
            sedge_log(SEDGE_WARN, "deploy", "component-discontinued", "component=%s version=%s", q->component,
                      c->version);
        (void)note(q->run, q->component, q->requirements, c->version);
        keep_recipe(q, c);
        return;
    }
    who = who_wants_what(q);
    (void)sedge_err_set(&err, SEDGE_E_INVALID, "the data plane gave version %s of component %s, and %s", c->version,
                        q->component, who);
    bad.r.err = &err;
    refuse(q, &bad);
}

static void candidate_cb(const struct sedge_plane_candidate *c, void *user)
{
    struct question *q = user;
    struct sedge_run *run = q->run;

    if (!c->r.err) {
        take(q, c);
    } else if (q->candidate && c->r.err->code != SEDGE_E_CANCELED) {
        sedge_log(SEDGE_WARN, "deploy", "data-plane", "%s; going on with %s %s of this device", c->r.err->msg,
                  q->component, q->candidate);
        (void)note(run, q->component, q->requirements, q->candidate);
    } else {
        refuse(q, c);
    }
    (void)json_object_put(q->requirements);
    free(q->component);
    free(q->candidate);
    free(q);
    sedge_run_lookup_over(run);
}

static int attempts(const struct sedge_run *run, const struct sedge_lookup *l)
{
    if (l->version) return ATTEMPTS_WITH_CANDIDATE;
    return run->entry->source == SEDGE_SOURCE_LOCAL ? ATTEMPTS_LOCAL : ATTEMPTS_OF_JOB;
}

void sedge_run_ask_candidate(struct sedge_run *run, const struct sedge_lookup *l)
{
    struct question *q = SEDGE_NEW(struct question);
    struct sedge_plane_question ask = {
        .component = l->component, .version = l->version, .requirements = l->requirements, .platform = run->platform};

    q->run = run;
    q->component = sedge_xstrdup(l->component);
    q->candidate = sedge_xstrdup(l->version);
    q->requirements = json_object_get(l->requirements);
    run->waiting++;
    sedge_plane_resolve(run->d->o.fetcher, &ask, attempts(run, l), candidate_cb, q);
}
