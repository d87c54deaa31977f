#include "recipe.h"
#include "platform.h"

#include "base/buf.h"
#include "base/digest.h"
#include "base/mem.h"
#include "base/yaml.h"

#include <string.h>

static void release_manifest(struct sedge_manifest *m)
{
    for (size_t i = 0; i < m->nartifacts; i++) {
        free(m->artifacts[i].uri);
        free(m->artifacts[i].digest);
        free(m->artifacts[i].algorithm);
    }
    free(m->artifacts);
    free(m->name);
    sedge_strv_release(&m->selections);
    (void)json_object_put(m->platform);
    (void)json_object_put(m->lifecycle);
}

void sedge_recipe_free(struct sedge_recipe *r)
{
    if (!r) return;
    for (size_t i = 0; i < r->ndependencies; i++) {
        free(r->dependencies[i].name);
        sedge_semreq_free(r->dependencies[i].requirement);
    }
    for (size_t i = 0; i < r->nmanifests; i++)
        release_manifest(&r->manifests[i]);
    free(r->dependencies);
    free(r->manifests);
    free(r->name);
    free(r->description);
    free(r->publisher);
    free(r->source);
    (void)json_object_put(r->default_configuration);
    (void)json_object_put(r->lifecycle);
    (void)json_object_put(r->document);
    free(r);
}

int sedge_component_name_check(const char *name, struct sedge_err *err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t n = strlen(name);

    if (n == 0) return sedge_err_set(err, SEDGE_E_INVALID, "a component name is empty");
    if (n > SEDGE_COMPONENT_NAME_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "component name \"%.40s...\" is longer than %d characters", name,
                             SEDGE_COMPONENT_NAME_MAX);
    if (strspn(name, allowed) == n) return 0;
    return sedge_err_set(err, SEDGE_E_INVALID,
                         "component name \"%s\" has a character other than letters, digits, \"-\", \"_\" and \".\"",
                         name);
}

const char *sedge_component_type_name(enum sedge_component_type type)
{
    static const char *const names[] = {[SEDGE_COMPONENT_GENERIC] = "GENERIC",
                                        [SEDGE_COMPONENT_LAMBDA] = "LAMBDA",
                                        [SEDGE_COMPONENT_PLUGIN] = "PLUGIN",
                                        [SEDGE_COMPONENT_NUCLEUS] = "NUCLEUS"};

    return names[type];
}

char *sedge_recipe_to_yaml(const struct sedge_recipe *r)
{
    struct sedge_buf b = SEDGE_BUF_INIT;

    sedge_yaml_emit(&b, r->document);
    return sedge_buf_steal(&b);
}

char *sedge_recipe_store_name(const char *component, const char *version)
{
    struct sedge_buf b = SEDGE_BUF_INIT;
    uint8_t digest[SEDGE_SHA256_LEN];

    sedge_sha256(component, strlen(component), digest);
    sedge_base64url_encode(&b, digest, sizeof digest);
    sedge_buf_printf(&b, "@%s", version);
    return sedge_buf_steal(&b);
}
