#include "base/json.h"
#include "base/mem.h"
#include "commands.h"
#include "component.h"

static void progress(const char *line)
{
    (void)fprintf(stderr, "  %s\n", line);
}

static int publish(struct sedge_run *r, struct sedge_package *p, struct sedge_err *err)
{
    sedge_auto_put struct json_object *o = NULL;
    bool unchanged = false, dry = sedge_run_has(r, "dry-run");

    if (!dry && sedge_component_publish(&r->cloud, p, &unchanged, r->json ? NULL : progress, err) != 0) return -1;
    if (r->json) {
        o = json_object_new_object();
        sedge_json_add_str(o, "componentName", p->name);
        sedge_json_add_str(o, "componentVersion", p->version);
        sedge_json_add_i64(o, "artifacts", (int64_t)p->nfiles);
        sedge_json_add_i64(o, "bytes", p->bytes);
        sedge_json_add_bool(o, "unchanged", unchanged);
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
    struct sedge_table t = {.columns = 5};

    if (!list) return -1;
    if (r->json) {
        sedge_print_json(list);
        return 0;
    }
    if (json_object_array_length(list) == 0) {
        puts("Nothing is published yet; publish with: sedge-cloud component publish FOLDER");
        return 0;
    }
    sedge_table_row(&t, (const char *const[]){"COMPONENT", "VERSION", "ARTIFACTS", "BYTES", "PUBLISHED"});
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *o = json_object_array_get_idx(list, i);
        char when[32];

        sedge_ago(sedge_json_i64(o, "publishedAt", 0), when);
        sedge_table_row(&t, (const char *const[]){sedge_json_str(o, "componentName", ""),
                                                  sedge_json_str(o, "componentVersion", ""),
                                                  sedge_json_text(sedge_json_get(o, "artifacts")),
                                                  sedge_json_text(sedge_json_get(o, "bytes")), when});
    }
    sedge_table_print(&t, stdout);
    return 0;
}

static void print_version(struct json_object *m)
{
    struct json_object *files = sedge_json_arr(m, "artifacts");

    printf("%s@%s\n  recipe %s\n", sedge_json_str(m, "name", ""), sedge_json_str(m, "version", ""),
           sedge_json_str(sedge_json_obj(m, "recipe"), "key", ""));
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
