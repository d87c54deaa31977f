#include "plan.h"

#include "base/mem.h"
#include "config/resolve.h"
#include "recipe/interpolate.h"

#include <string.h>

struct planned {
    struct json_object *configuration;
    struct json_object *service;
};

struct warn_ctx {
    const struct sedge_plan_input *in;
    const char *component;
};

static void on_unknown(const char *placeholder, const char *why, void *user)
{
    const struct warn_ctx *ctx = user;
    sedge_auto_free char *text = sedge_xasprintf("recipe variable %s is left as it is: %s", placeholder, why);

    if (ctx->in->warn) ctx->in->warn(ctx->in->user, ctx->component, text);
}

static struct json_object *resolve_configuration(const struct sedge_plan_input *in,
                                                 const struct sedge_plan_component *c, struct sedge_err *err)
{
    sedge_auto_strv struct sedge_strv skipped = {NULL, 0};
    struct json_object *v =
        sedge_config_resolve_component(c->running, c->recipe->default_configuration, c->root ? c->root->reset : NULL,
                                       c->root ? c->root->merge : NULL, in->deploy_ts, &skipped, err);

    if (!v) {
        (void)sedge_err_wrap(err, "%s: configuration update", c->recipe->name);
        return NULL;
    }
    for (size_t i = 0; i < skipped.n && in->warn; i++) {
        sedge_auto_free char *text =
            sedge_xasprintf("reset of %s is skipped: list elements cannot be reset", skipped.v[i]);
        in->warn(in->user, c->recipe->name, text);
    }
    return v;
}

static struct json_object *dependency_list(const struct sedge_recipe *r)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < r->ndependencies; i++) {
        sedge_auto_free char *text =
            sedge_xasprintf("%s:%s", r->dependencies[i].name, r->dependencies[i].hard ? "HARD" : "SOFT");
        (void)json_object_array_add(list, json_object_new_string(text));
    }
    return list;
}

/* The direct dependencies that are in the result, as interpolation sees them. */
static size_t interp_dependencies(const struct sedge_plan_input *in, const struct planned *planned,
                                  const struct sedge_recipe *r, struct sedge_interp_component *out)
{
    size_t n = 0;

    for (size_t d = 0; d < r->ndependencies; d++) {
        for (size_t i = 0; i < in->n; i++) {
            const struct sedge_recipe *other = in->components[i].recipe;
            if (strcmp(other->name, r->dependencies[d].name) != 0) continue;
            out[n++] = (struct sedge_interp_component){other->name, other->version.text, planned[i].configuration};
        }
    }
    return n;
}

static int replace_configuration(struct planned *p, const struct sedge_interp *interp, struct sedge_err *err)
{
    struct json_object *done = sedge_interpolate(interp, p->configuration, err);

    if (!done) return -1;
    (void)json_object_put(p->configuration);
    p->configuration = done;
    return 0;
}

static struct json_object *resolve_run_with(const struct sedge_plan_component *c)
{
    sedge_auto_put struct json_object *none = json_object_new_object();
    struct json_object *given = NULL;

    if (c->root && c->root->has_run_with) given = c->root->run_with ? c->root->run_with : none;
    return sedge_config_resolve_run_with(c->run_with, given);
}

static int plan_component(const struct sedge_plan_input *in, struct planned *planned, size_t at, struct sedge_err *err)
{
    const struct sedge_plan_component *c = &in->components[at];
    struct planned *p = &planned[at];
    struct warn_ctx ctx = {in, c->recipe->name};
    sedge_auto_free struct sedge_interp_component *deps = sedge_xcalloc(c->recipe->ndependencies, sizeof *deps);
    sedge_auto_put struct json_object *lifecycle = sedge_recipe_lifecycle(c->recipe, c->manifest);
    struct sedge_interp interp = {.root = in->root,
                                  .thing_name = in->thing_name,
                                  .self = {c->recipe->name, c->recipe->version.text, p->configuration},
                                  .dependencies = deps,
                                  .on_unknown = on_unknown,
                                  .user = &ctx};
    struct json_object *done;
    bool changed = !sedge_str_eq(c->running_version, c->recipe->version.text);

    interp.ndependencies = interp_dependencies(in, planned, c->recipe, deps);
    if (in->interpolate_configuration) {
        interp.without_configuration = true;
        if (replace_configuration(p, &interp, err) != 0) return sedge_err_wrap(err, "%s", c->recipe->name);
        interp.without_configuration = false;
        interp.self.configuration = p->configuration;
    }
    done = sedge_interpolate(&interp, lifecycle, err);
    if (!done) return sedge_err_wrap(err, "%s: lifecycle", c->recipe->name);
    p->service = json_object_new_object();
    sedge_json_add_str(p->service, "componentType", sedge_component_type_name(c->recipe->type));
    sedge_json_add_str(p->service, "version", c->recipe->version.text);
    sedge_json_add_str(p->service, "previousVersion", changed ? c->running_version : c->previous_version);
    (void)json_object_object_add(p->service, "dependencies", dependency_list(c->recipe));
    (void)json_object_object_add(p->service, "lifecycle", done);
    (void)json_object_object_add(p->service, "configuration", json_object_get(p->configuration));
    (void)json_object_object_add(p->service, "runWith", resolve_run_with(c));
    return 0;
}

struct json_object *sedge_plan_services(const struct sedge_plan_input *in, struct sedge_err *err)
{
    sedge_auto_free struct planned *planned = sedge_xcalloc(in->n, sizeof *planned);
    struct json_object *services = json_object_new_object();
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < in->n; i++) {
        planned[i].configuration = resolve_configuration(in, &in->components[i], err);
        rc = planned[i].configuration ? 0 : -1;
    }
    for (size_t i = 0; rc == 0 && i < in->n; i++)
        rc = plan_component(in, planned, i, err);
    for (size_t i = 0; i < in->n; i++) {
        (void)json_object_put(planned[i].configuration);
        if (planned[i].service)
            (void)json_object_object_add(services, in->components[i].recipe->name, planned[i].service);
    }
    if (rc == 0) return services;
    (void)json_object_put(services);
    return NULL;
}
