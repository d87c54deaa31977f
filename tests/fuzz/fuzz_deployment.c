/* A deployment document of the cloud; the same bytes as the fields of a local request. */
#include "base/json.h"
#include "base/mem.h"
#include "deploy/document.h"

#include <string.h>

static void check_roots(const struct sedge_document *d)
{
    for (size_t i = 0; i < d->nroots; i++) {
        sedge_assert(d->roots[i].name && d->roots[i].version);
        sedge_assert(sedge_document_root(d, d->roots[i].name));
    }
    sedge_assert(d->group && d->deployment_id);
}

/* The recorded roots are the nucleus' own: versions are always text. */
static struct json_object *recorded_roots(struct json_object *doc)
{
    struct json_object *given = sedge_json_obj(doc, "roots");
    struct json_object *roots = json_object_new_object();

    if (!given) return roots;
    json_object_object_foreach (given, name, version) {
        if (sedge_json_is_str(version)) (void)json_object_object_add(roots, name, json_object_get(version));
    }
    return roots;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sedge_auto_put struct json_object *doc = sedge_json_parse((const char *)data, size, "fuzz", NULL);
    sedge_auto_put struct json_object *roots = recorded_roots(doc);
    struct sedge_failure f = SEDGE_FAILURE_INIT;
    struct sedge_document d;

    if (sedge_document_parse(doc, &d, &f) == 0) {
        check_roots(&d);
        sedge_document_release(&d);
    } else {
        sedge_auto_put struct json_object *details = sedge_failure_details(&f, "FAILED", SEDGE_SOURCE_JOBS);
        sedge_assert(sedge_failure_is_set(&f) && f.cause && details);
    }
    sedge_failure_release(&f);
    if (sedge_document_from_local(doc, "id", 1, roots, &d, NULL) == 0) {
        check_roots(&d);
        sedge_document_release(&d);
    }
    return 0;
}
