/* Which group wants which root components: services.DeploymentService (spec/deployment.md 8, 20.1). */
#include "run.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/mem.h"

#include <string.h>

#define SERVICE "DeploymentService"
#define ROOTS   "GroupToRootComponents"
#define LAST    "GroupToLastDeployment"
#define OF      "ComponentToGroups"
#define MEMBERS "GroupMembership"
#define NOWHERE "-" /* keeps a membership of no group apart from one that is not known */

static struct json_object *table(struct sedge_deployer *d, const char *name)
{
    struct json_object *o = sedge_config_get_object(d->o.config, SEDGE_PATH("services", SERVICE, name));

    return o ? o : json_object_new_object();
}

static void want(struct sedge_run *run, const char *component, const char *who, const char *text)
{
    run->wanted = sedge_xrealloc(run->wanted, run->nwanted + 1, sizeof *run->wanted);
    run->wanted[run->nwanted++] =
        (struct sedge_requirement){sedge_xstrdup(component), sedge_xstrdup(who), sedge_xstrdup(text)};
}

struct json_object *sedge_groups_membership(struct sedge_deployer *d)
{
    return sedge_config_get_object(d->o.config, SEDGE_PATH("services", SERVICE, MEMBERS));
}

/* Groups that the device has left count no more; what was deployed to it alone, or locally, always does. */
static bool counts(struct json_object *membership, const char *group)
{
    if (!membership || sedge_str_starts(group, "thing/") || strcmp(group, SEDGE_LOCAL_GROUP) == 0) return true;
    return sedge_json_has(membership, group);
}

void sedge_run_collect_roots(struct sedge_run *run)
{
    sedge_auto_put struct json_object *groups = table(run->d, ROOTS);

    for (size_t i = 0; i < run->doc.nroots; i++)
        want(run, run->doc.roots[i].name, run->doc.group, run->doc.roots[i].version);
    json_object_object_foreach (groups, group, roots) {
        if (strcmp(group, run->doc.group) == 0 || !json_object_is_type(roots, json_type_object)) continue;
        if (!counts(run->membership, group)) continue;
        json_object_object_foreach (roots, component, root) {
            want(run, component, group, sedge_json_str(root, "version", "*"));
        }
    }
}

struct json_object *sedge_groups_local_roots(struct sedge_deployer *d, const char *group)
{
    sedge_auto_put struct json_object *groups = table(d, ROOTS);
    struct json_object *roots = sedge_json_obj(groups, group);
    struct json_object *out = json_object_new_object();

    if (!roots) return out;
    json_object_object_foreach (roots, name, root) {
        const char *version = sedge_config_str(d->o.config, SEDGE_PATH("services", name, "version"), NULL);
        (void)root;
        if (sedge_builtin_version(name)) version = sedge_builtin_version(name);
        if (version) sedge_json_add_str(out, name, version);
    }
    return out;
}

static struct json_object *last_of(struct sedge_run *run, struct json_object *all)
{
    return run->doc.group ? sedge_json_obj(all, run->doc.group) : NULL;
}

bool sedge_groups_is_stale(struct sedge_run *run)
{
    sedge_auto_put struct json_object *all = table(run->d, LAST);
    struct json_object *last = last_of(run, all);
    int64_t revision = sedge_json_i64(last, "revision", 0);
    int64_t ts = sedge_json_i64(last, "timestamp", 0);

    if (run->entry->source == SEDGE_SOURCE_LOCAL || !last || run->doc.created_ms == 0) return false;
    if (run->doc.created_ms < ts) return true;
    if (revision && run->doc.revision && run->doc.revision < revision && run->doc.created_ms == ts) return true;
    if (run->doc.created_ms > ts && run->doc.revision && run->doc.revision <= revision)
        sedge_log(SEDGE_WARN, "deploy", "revision-reused",
                  "id=%s group=%s: revision %lld after revision %lld, but created later; the cloud's records seem to "
                  "have been restored",
                  run->entry->id, run->doc.group, (long long)run->doc.revision, (long long)revision);
    return false;
}

static char *content_hash(struct sedge_run *run)
{
    sedge_auto_put struct json_object *offered = sedge_document_offered(run->entry->request);
    sedge_auto_free char *text = sedge_json_text_sorted(offered);
    struct sedge_buf hash = SEDGE_BUF_INIT;

    sedge_sha256_hex(text, strlen(text), &hash);
    return sedge_buf_steal(&hash);
}

bool sedge_groups_is_repeat(struct sedge_run *run)
{
    sedge_auto_put struct json_object *all = table(run->d, LAST);
    struct json_object *last = last_of(run, all);
    sedge_auto_free char *hash = NULL;

    if (run->entry->source == SEDGE_SOURCE_LOCAL || !last) return false;
    if (strcmp(sedge_json_str(last, "outcome", ""), "SUCCEEDED") != 0) return false;
    if (strcmp(sedge_json_str(last, "deploymentId", ""), run->doc.deployment_id) != 0) return false;
    hash = content_hash(run);
    return strcmp(sedge_json_str(last, "contentHash", ""), hash) == 0;
}

/* Whether a group beside the run's own has components here and does not count by this membership. */
static bool others_left(struct sedge_run *run, struct json_object *membership)
{
    sedge_auto_put struct json_object *groups = table(run->d, ROOTS);

    json_object_object_foreach (groups, group, roots) {
        (void)roots;
        if (strcmp(group, run->doc.group) != 0 && !counts(membership, group)) return true;
    }
    return false;
}

bool sedge_groups_have_others(struct sedge_run *run)
{
    sedge_auto_put struct json_object *none = json_object_new_object();

    return others_left(run, none);
}

bool sedge_groups_have_left(struct sedge_run *run)
{
    return others_left(run, run->membership);
}

static struct json_object *root_entries(struct sedge_run *run)
{
    struct json_object *o = json_object_new_object();
    const char *arn = run->doc.configuration_arn ? run->doc.configuration_arn : run->entry->id;

    for (size_t i = 0; i < run->doc.nroots; i++) {
        struct json_object *root = json_object_new_object();
        sedge_json_add_str(root, "version", run->doc.roots[i].version);
        sedge_json_add_str(root, "groupConfigName", run->doc.group);
        sedge_json_add_str(root, "groupConfigArn", arn);
        (void)json_object_object_add(o, run->doc.roots[i].name, root);
    }
    return o;
}

/* Times of revisions are the cloud's, and are never compared with the clock of the device: what a local deployment does
 * to a group of the cloud leaves them as they are. */
static struct json_object *last_entry(struct sedge_run *run, struct json_object *before)
{
    struct json_object *o = json_object_new_object();
    sedge_auto_free char *hash = content_hash(run);
    bool keep = run->entry->source == SEDGE_SOURCE_LOCAL && strcmp(run->doc.group, SEDGE_LOCAL_GROUP) != 0;

    sedge_json_add_i64(o, "timestamp", keep ? sedge_json_i64(before, "timestamp", 0) : run->doc.created_ms);
    sedge_json_add_str(o, "configArn", run->doc.configuration_arn ? run->doc.configuration_arn : run->entry->id);
    sedge_json_add_str(o, "deploymentId", run->doc.deployment_id);
    sedge_json_add_i64(o, "revision", keep ? sedge_json_i64(before, "revision", 0) : run->doc.revision);
    sedge_json_add_str(o, "outcome", run->entry->status);
    sedge_json_add_str(o, "contentHash", hash);
    return o;
}

/* Adds "arn -> group" to a component and, as dependencies inherit it, to all it depends on. */
static void mark(struct sedge_deployer *d, struct json_object *out, const char *component, const char *arn,
                 const char *group)
{
    struct json_object *mine = sedge_json_obj(out, component);
    struct json_object *deps = NULL;

    if (!mine) {
        mine = json_object_new_object();
        (void)json_object_object_add(out, component, mine);
    }
    if (sedge_json_has(mine, arn)) return;
    sedge_json_add_str(mine, arn, group);
    if (sedge_config_get(d->o.config, SEDGE_PATH("services", component, "dependencies"), 0, &deps) != 1) return;
    for (size_t i = 0; deps && json_object_is_type(deps, json_type_array) && i < json_object_array_length(deps); i++) {
        sedge_auto_free char *name = sedge_xstrdup(json_object_get_string(json_object_array_get_idx(deps, i)));
        name[strcspn(name, ":")] = 0;
        if (!sedge_builtin_version(name)) mark(d, out, name, arn, group);
    }
    (void)json_object_put(deps);
}

static struct json_object *component_groups(struct sedge_deployer *d, struct json_object *groups)
{
    struct json_object *out = json_object_new_object();

    json_object_object_foreach (groups, group, roots) {
        json_object_object_foreach (roots, component, root) {
            mark(d, out, component, sedge_json_str(root, "groupConfigArn", group), group);
        }
    }
    return out;
}

static void put_table(struct sedge_deployer *d, const char *name, struct json_object *value)
{
    int64_t now = sedge_wall_ms();

    (void)sedge_config_remove(d->o.config, SEDGE_PATH("services", SERVICE, name), now, SEDGE_CONFIG_FORCE);
    (void)sedge_config_merge(d->o.config, SEDGE_PATH("services", SERVICE, name), value, now, NULL);
}

void sedge_groups_keep_membership(struct sedge_run *run)
{
    sedge_auto_put struct json_object *before = sedge_groups_membership(run->d);
    sedge_auto_put struct json_object *now = sedge_json_copy(run->membership);

    if (json_object_object_length(now) == 0) json_object_object_add(now, NOWHERE, NULL);
    if (!before || !json_object_equal(before, now)) put_table(run->d, MEMBERS, now);
}

static void drop_left(struct json_object *table, struct json_object *membership)
{
    json_object_object_foreach (table, group, value) {
        (void)value;
        if (!counts(membership, group)) json_object_object_del(table, group);
    }
}

void sedge_groups_commit(struct sedge_run *run)
{
    sedge_auto_put struct json_object *groups = table(run->d, ROOTS);
    sedge_auto_put struct json_object *last = table(run->d, LAST);
    sedge_auto_put struct json_object *of = NULL;
    /* After a restart in the middle it was not asked for again. */
    bool asked = run->membership || sedge_fetcher_plane(run->d->o.fetcher);
    sedge_auto_put struct json_object *membership = asked ? sedge_groups_membership(run->d) : NULL;

    drop_left(groups, membership);
    drop_left(last, membership);
    if (run->doc.nroots > 0)
        (void)json_object_object_add(groups, run->doc.group, root_entries(run));
    else
        json_object_object_del(groups, run->doc.group);
    (void)json_object_object_add(last, run->doc.group, last_entry(run, last_of(run, last)));
    of = component_groups(run->d, groups);
    put_table(run->d, ROOTS, groups);
    put_table(run->d, LAST, last);
    put_table(run->d, OF, of);
}

struct json_object *sedge_deployer_arns_of(struct sedge_deployer *d, const char *component, bool *root)
{
    sedge_auto_put struct json_object *of =
        sedge_config_get_object(d->o.config, SEDGE_PATH("services", SERVICE, OF, component));
    sedge_auto_put struct json_object *groups = table(d, ROOTS);
    struct json_object *out = json_object_new_array();

    if (of) {
        json_object_object_foreach (of, arn, group) {
            (void)group;
            (void)json_object_array_add(out, json_object_new_string(arn));
        }
    }
    *root = false;
    json_object_object_foreach (groups, name, roots) {
        (void)name;
        if (sedge_json_has(roots, component)) *root = true;
    }
    return out;
}
