/* One component: its candidates, and the best of them. */
#include "resolve.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/semver.h"
#include "base/str.h"
#include "component.h"
#include "cloud/query.h"
#include "recipe/platform.h"
#include "recipe/recipe.h"

#define VERSIONS_SHOWN 12

struct candidate {
    struct sedge_version version;
    int64_t id, state;
};
struct candidates {
    struct candidate *v; /* highest first */
    size_t n;
};

void sedge_resolved_release(struct sedge_resolved *r)
{
    free(r->version);
    free(r->recipe);
    *r = (struct sedge_resolved){0};
}

bool sedge_device_part(const char *name)
{
    static const char *const parts[] = {
        "aws.greengrass.Nucleus",
        "aws.greengrass.Cli",
        "aws.greengrass.TokenExchangeService",
        "aws.greengrass.DockerApplicationManager",
        "aws.greengrass.ShadowManager",
        "aws.greengrass.SecretManager",
        "aws.greengrass.LogManager",
    };

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(parts); i++) {
        if (strcmp(name, parts[i]) == 0) return true;
    }
    return false;
}

static int highest_first(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    return sedge_version_cmp(&y->version, &x->version);
}

static int load(struct sedge_cloud *c, const char *component, struct candidates *out, struct sedge_err *err)
{
    sqlite3_stmt *q =
        sedge_q(c->db, err, "SELECT id, version, state FROM component_version WHERE name=?1", "t", component);
    int rc = -1;

    *out = (struct candidates){0};
    while (q && (rc = sedge_db_step(c->db, q, err)) == 1) {
        struct candidate one = {.id = sqlite3_column_int64(q, 0), .state = sqlite3_column_int64(q, 2)};

        if (sedge_version_parse(sedge_db_text(q, 1), &one.version, NULL) != 0) continue;
        out->v = sedge_xrealloc(out->v, out->n + 1, sizeof(*out->v));
        out->v[out->n++] = one;
    }
    (void)sqlite3_finalize(q);
    if (out->n) qsort(out->v, out->n, sizeof(*out->v), highest_first);
    return rc < 0 ? -1 : 0;
}

struct ranges {
    struct sedge_semreq **v;
    size_t n;
};

static void ranges_release(struct ranges *r)
{
    for (size_t i = 0; i < r->n; i++)
        sedge_semreq_free(r->v[i]);
    free(r->v);
}

static int parse_ranges(const struct sedge_resolve_query *q, struct ranges *out, struct sedge_err *err)
{
    *out = (struct ranges){.v = sedge_xcalloc(q->nneeds + 1, sizeof(struct sedge_semreq *))};
    for (; out->n < q->nneeds; out->n++) {
        out->v[out->n] = sedge_semreq_parse(q->needs[out->n].range, err);
        if (!out->v[out->n]) return sedge_err_wrap(err, "%s asks for %s", q->needs[out->n].who, q->component);
    }
    if (q->nneeds) return 0;
    out->v[0] = sedge_semreq_parse("*", err);
    out->n = 1;
    return out->v[0] ? 0 : -1;
}

static bool fits(const struct ranges *r, const struct sedge_version *v)
{
    for (size_t i = 0; i < r->n; i++) {
        if (!sedge_semreq_match(r->v[i], v)) return false;
    }
    return true;
}

/* 1 it has a manifest for the platform, 0 not, -1 failure. */
static int runs_on(struct sedge_cloud *c, const struct candidate *one, const struct sedge_resolve_query *q,
                   char **recipe, struct sedge_err *err)
{
    struct sedge_recipe *r;
    int rc;

    if (sedge_q_text(c->db, err, recipe, "SELECT recipe FROM component_version WHERE id=?1", "i", one->id) < 0)
        return -1;
    if (!*recipe || !(*recipe)[0])
        return sedge_err_set(err, SEDGE_E_UNAVAILABLE,
                             "the recipe of %s %s is not in the database; fetch it with: sedge-cloud component rebuild",
                             q->component, one->version.text);
    r = sedge_recipe_parse(*recipe, strlen(*recipe), "stored.json", NULL);
    rc = r && (!q->platform || sedge_recipe_select(r, q->platform, NULL));
    sedge_recipe_free(r);
    return rc;
}

static int take(struct sedge_cloud *c, const struct candidate *one, const struct sedge_resolve_query *q,
                struct sedge_resolved *out, struct sedge_err *err)
{
    sedge_auto_free char *recipe = NULL;
    int rc = runs_on(c, one, q, &recipe, err);

    if (rc != 1) return rc;
    out->version = sedge_xstrdup(one->version.text);
    out->recipe = sedge_steal(&recipe);
    out->deprecated = one->state == SEDGE_VERSION_DEPRECATED;
    return 1;
}

/* The best candidate: 1 found, 0 none (*fitting counts those that only the platform rules out), -1 failure. */
static int choose(struct sedge_cloud *c, const struct candidates *all, const struct ranges *r,
                  const struct sedge_resolve_query *q, size_t *fitting, struct sedge_resolved *out,
                  struct sedge_err *err)
{
    for (int pass = q->current ? 0 : 1; pass < 2; pass++) {
        *fitting = 0;
        for (size_t i = 0; i < all->n; i++) {
            const struct candidate *one = &all->v[i];
            int rc;

            if (one->state == SEDGE_VERSION_BLOCKED || !fits(r, &one->version)) continue;
            if (pass == 0 && strcmp(one->version.text, q->current) != 0) continue;
            ++*fitting;
            rc = take(c, one, q, out, err);
            if (rc != 0) return rc;
        }
    }
    return 0;
}

static void tell_versions(const struct candidates *all, struct sedge_buf *b)
{
    for (size_t i = 0; i < all->n && i < VERSIONS_SHOWN; i++)
        sedge_buf_printf(b, "%s%s%s", i ? ", " : "", all->v[i].version.text,
                         all->v[i].state == SEDGE_VERSION_BLOCKED ? " (blocked)" : "");
    if (all->n > VERSIONS_SHOWN) sedge_buf_printf(b, " and %zu older", all->n - VERSIONS_SHOWN);
}

static int tell(const struct sedge_resolve_query *q, const struct candidates *all, size_t fitting,
                struct sedge_resolved *out, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf needs = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf have = SEDGE_BUF_INIT;

    for (size_t i = 0; i < q->nneeds; i++)
        sedge_buf_printf(&needs, "%s%s asks for %s", i ? ", " : "", q->needs[i].who, q->needs[i].range);
    if (!q->nneeds) sedge_buf_puts(&needs, "any version would do");
    tell_versions(all, &have);
    out->why = all->n == 0 ? SEDGE_UNRESOLVED_UNKNOWN : fitting ? SEDGE_UNRESOLVED_PLATFORM : SEDGE_UNRESOLVED_RANGE;
    if (all->n == 0)
        return sedge_err_set(err, SEDGE_E_NOT_FOUND, "no usable version of %s: none is published, and %s", q->component,
                             needs.data);
    if (fitting)
        return sedge_err_set(err, SEDGE_E_NOT_FOUND,
                             "no version of %s that fits (%s) has a manifest that can claim platform %s; published: %s",
                             q->component, needs.data, q->platform ? sedge_json_text(q->platform) : "{}", have.data);
    return sedge_err_set(err, SEDGE_E_NOT_FOUND, "no usable version of %s: %s; published: %s", q->component, needs.data,
                         have.data);
}

int sedge_resolve_version(struct sedge_cloud *c, const struct sedge_resolve_query *q, struct sedge_resolved *out,
                          struct sedge_err *err)
{
    struct candidates all = {0};
    struct ranges ranges = {0};
    size_t fitting = 0;
    int rc;

    *out = (struct sedge_resolved){.why = SEDGE_UNRESOLVED_ERROR};
    rc = parse_ranges(q, &ranges, err);
    if (rc == 0) rc = load(c, q->component, &all, err);
    if (rc == 0) {
        rc = choose(c, &all, &ranges, q, &fitting, out, err);
        if (rc == 1) out->why = SEDGE_RESOLVED;
        if (rc == 0) (void)tell(q, &all, fitting, out, err);
    }
    ranges_release(&ranges);
    free(all.v);
    return out->why == SEDGE_RESOLVED ? 0 : -1;
}
