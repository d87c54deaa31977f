#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "commands.h"
#include "cloud/component/component.h"

static void progress(const char *line)
{
    (void)fprintf(stderr, "  %s\n", line);
}

static int publish(struct sedge_run *r, struct sedge_package *p, struct sedge_err *err)
{
    sedge_auto_put struct json_object *o = NULL;
    sedge_auto_put struct json_object *warnings = json_object_new_array();
    bool unchanged = false, dry = sedge_run_has(r, "dry-run");

    if (sedge_component_check(&r->cloud, p, warnings, err) != 0) return -1;
    for (size_t i = 0; !r->json && i < json_object_array_length(warnings); i++)
        (void)fprintf(stderr, "warning: %s\n", json_object_get_string(json_object_array_get_idx(warnings, i)));

    if (!dry && sedge_component_publish(&r->cloud, p, &unchanged, r->json ? NULL : progress, err) != 0) return -1;
    if (r->json) {
        o = json_object_new_object();
        sedge_json_add_str(o, "componentName", p->name);
        sedge_json_add_str(o, "componentVersion", p->version);
        sedge_json_add_i64(o, "artifacts", (int64_t)p->nfiles);
        sedge_json_add_i64(o, "bytes", p->bytes);
        sedge_json_add_bool(o, "unchanged", unchanged);
        (void)json_object_object_add(o, "warnings", json_object_get(warnings));
        sedge_print_json(o);
        return 0;
    }
    printf("%s %s@%s: %zu artifact%s, %lld bytes%s\n", dry ? "Would publish" : "Published", p->name, p->version,
           p->nfiles, p->nfiles == 1 ? "" : "s", (long long)p->bytes,
           unchanged ? " (unchanged: it was published before)" : "");
    return 0;
}

int sedge_cmd_component_publish(struct sedge_run *r, struct sedge_err *err)
{
    const struct sedge_cloud_settings *s = &r->cloud.set;
    struct sedge_package p = {0};
    int rc;

    if (!s->s3_bucket || !s->s3_bucket[0])
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "no object store is set; set it with: sedge-cloud init --s3-endpoint URL --bucket NAME");
    rc = sedge_package_load(r->operands.v[0], sedge_run_opt(r, "artifact-dir", NULL), s->s3_bucket,
                            s->s3_prefix ? s->s3_prefix : "", &p, err);
    if (rc == 0) rc = publish(r, &p, err);
    sedge_package_release(&p);
    return rc;
}

int sedge_cmd_component_list(struct sedge_run *r, struct sedge_err *err)
{
    sedge_auto_put struct json_object *list = sedge_component_list(&r->cloud, err);
    struct sedge_table t = {.columns = 6};

    if (!list) return -1;
    if (r->json) {
        sedge_print_json(list);
        return 0;
    }
    if (json_object_array_length(list) == 0) {
        puts("Nothing is published yet; publish with: sedge-cloud component publish FOLDER");
        return 0;
    }
    sedge_table_row(&t, (const char *const[]){"COMPONENT", "VERSION", "STATE", "ARTIFACTS", "BYTES", "PUBLISHED"});
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *o = json_object_array_get_idx(list, i);
        char when[32];

        sedge_ago(sedge_json_i64(o, "publishedAt", 0), when);
        sedge_table_row(
            &t, (const char *const[]){sedge_json_str(o, "componentName", ""), sedge_json_str(o, "componentVersion", ""),
                                      sedge_json_str(o, "state", ""), sedge_json_text(sedge_json_get(o, "artifacts")),
                                      sedge_json_text(sedge_json_get(o, "bytes")), when});
    }
    sedge_table_print(&t, stdout);
    return 0;
}

static void print_version(struct json_object *m)
{
    struct json_object *files = sedge_json_arr(m, "artifacts");

    printf("%s@%s  %s\n  recipe %s\n", sedge_json_str(m, "name", ""), sedge_json_str(m, "version", ""),
           sedge_json_str(m, "state", ""), sedge_json_str(sedge_json_obj(m, "recipe"), "key", ""));
    for (size_t i = 0; files && i < json_object_array_length(files); i++) {
        struct json_object *f = json_object_array_get_idx(files, i);

        printf("  %s  %lld bytes  sha256 %s\n", sedge_json_str(f, "key", ""), (long long)sedge_json_i64(f, "size", 0),
               sedge_json_str(f, "sha256", ""));
    }
}

int sedge_cmd_component_show(struct sedge_run *r, struct sedge_err *err)
{
    sedge_auto_put struct json_object *list = sedge_component_show(&r->cloud, r->operands.v[0], err);

    if (!list) return -1;
    if (r->json) {
        sedge_print_json(list);
        return 0;
    }
    for (size_t i = 0; i < json_object_array_length(list); i++)
        print_version(json_object_array_get_idx(list, i));
    return 0;
}

static int set_state(struct sedge_run *r, enum sedge_version_state state, const char *meaning, struct sedge_err *err)
{
    if (sedge_component_set_state(&r->cloud, r->operands.v[0], state, sedge_wall_ms(), err) != 0) return -1;
    return sedge_run_done(r, sedge_texts("component", r->operands.v[0], "state", sedge_version_state_name(state), NULL),
                          "%s is %s: %s\n", r->operands.v[0], sedge_version_state_name(state), meaning);
}

int sedge_cmd_component_deprecate(struct sedge_run *r, struct sedge_err *err)
{
    return set_state(r, SEDGE_VERSION_DEPRECATED, "deployments keep it, new ones warn", err);
}

int sedge_cmd_component_block(struct sedge_run *r, struct sedge_err *err)
{
    return set_state(r, SEDGE_VERSION_BLOCKED, "no new deployment may name it, no device is given it", err);
}

int sedge_cmd_component_restore(struct sedge_run *r, struct sedge_err *err)
{
    return set_state(r, SEDGE_VERSION_DEPLOYABLE, "it may be deployed", err);
}

int sedge_cmd_component_delete(struct sedge_run *r, struct sedge_err *err)
{
    if (sedge_component_delete(&r->cloud, r->operands.v[0], sedge_wall_ms(), err) != 0) return -1;
    return sedge_run_done(r, sedge_texts("component", r->operands.v[0], "state", "DELETED", NULL),
                          "Deleted %s from the object store\n", r->operands.v[0]);
}

static struct json_object *counted(const char *name, int n)
{
    struct json_object *o = json_object_new_object();

    sedge_json_add_i64(o, name, n);
    return o;
}

int sedge_cmd_component_rebuild(struct sedge_run *r, struct sedge_err *err)
{
    int n = 0;

    if (sedge_component_rebuild(&r->cloud, sedge_wall_ms(), &n, err) != 0) return -1;
    return sedge_run_done(r, counted("versions", n), "Read %d version%s from the manifests in bucket %s\n", n,
                          n == 1 ? "" : "s", r->cloud.set.s3_bucket);
}

int sedge_cmd_component_clean(struct sedge_run *r, struct sedge_err *err)
{
    int n = 0;

    if (sedge_component_clean(&r->cloud, sedge_wall_ms(), &n, err) != 0) return -1;
    return sedge_run_done(
        r, counted("deleted", n),
        "Deleted %d object%s that crashed uploads had left; younger ones stay until they are a day old\n", n,
        n == 1 ? "" : "s");
}
