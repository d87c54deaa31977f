#include "bootstrap.h"

#include "base/mem.h"
#include "base/str.h"
#include "recipe/step.h"
#include "supervisor/supervisor.h"

#include <string.h>

#define STEP "bootstrap"

static struct json_object *step_of(struct json_object *service)
{
    return sedge_json_get_nocase(sedge_json_obj(service, "lifecycle"), STEP, NULL);
}

/* ---- is it another step? ---- */

static bool is_object(struct json_object *v)
{
    return json_object_is_type(v, json_type_object);
}

static bool is_same_value(struct json_object *a, struct json_object *b);

/* Every name of `a` with the same value in `b`. Recursion ends with the depth of a recipe, which is limited. */
static bool is_within(struct json_object *a, struct json_object *b)
{
    json_object_object_foreach (a, key, v) {
        if (!is_same_value(v, sedge_json_get_nocase(b, key, NULL))) return false;
    }
    return true;
}

static bool is_same_value(struct json_object *a, struct json_object *b)
{
    if (is_object(a) && is_object(b)) return is_within(a, b) && is_within(b, a);
    if (!a || !b || is_object(a) || is_object(b)) return a == b;
    return strcmp(json_object_get_string(a), json_object_get_string(b)) == 0;
}

bool sedge_bootstrap_is_required(struct json_object *before, struct json_object *after)
{
    if (!sedge_lifecycle_has_bootstrap(sedge_json_obj(after, "lifecycle"))) return false;
    if (!before) return true;
    if (!sedge_str_eq(sedge_json_str(before, "version", NULL), sedge_json_str(after, "version", NULL))) return true;
    return !is_same_value(step_of(before), step_of(after));
}

/* ---- the order ---- */

struct order {
    struct json_object *services;
    struct sedge_strv seen;
    struct sedge_strv names; /* dependencies first */
};

/* Notes a component on the way down, so that a cycle (which a deployment refuses) ends here. */
static void visit(struct order *o, const char *name)
{
    struct json_object *service = sedge_json_obj(o->services, name);
    struct json_object *list = sedge_json_arr(service, "dependencies");

    if (!service || sedge_strv_has(&o->seen, name)) return;
    sedge_strv_add(&o->seen, name);
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        const char *text = json_object_get_string(json_object_array_get_idx(list, i));
        sedge_auto_free char *other = text ? sedge_xstrndup(text, strcspn(text, ":")) : NULL;
        if (other) visit(o, other);
    }
    sedge_strv_add(&o->names, name);
}

static void order_of(struct json_object *services, struct sedge_strv *out)
{
    struct order o = {.services = services};

    json_object_object_foreach (services, name, service) {
        (void)service;
        visit(&o, name);
    }
    sedge_strv_release(&o.seen);
    *out = o.names;
}

/* ---- the lists ---- */

static void add_task(struct json_object *tasks, const char *component)
{
    struct json_object *task = json_object_new_object();

    sedge_json_add_str(task, "componentName", component);
    sedge_json_add_str(task, "status", "PENDING");
    sedge_json_add_i64(task, "exitCode", 0);
    (void)json_object_array_add(tasks, task);
}

struct json_object *sedge_bootstrap_tasks(struct json_object *now, struct json_object *planned)
{
    struct json_object *tasks = json_object_new_array();
    sedge_auto_strv struct sedge_strv names = {NULL, 0};

    order_of(planned, &names);
    for (size_t i = 0; i < names.n; i++)
        if (sedge_bootstrap_is_required(sedge_json_obj(now, names.v[i]), sedge_json_obj(planned, names.v[i])))
            add_task(tasks, names.v[i]);
    return tasks;
}

static bool was_started(struct json_object *done, const char *component)
{
    for (size_t i = 0; done && i < json_object_array_length(done); i++) {
        struct json_object *task = json_object_array_get_idx(done, i);
        if (sedge_str_eq(sedge_bootstrap_component(task), component)) return sedge_json_bool(task, "started", false);
    }
    return false;
}

static bool wants_rollback(struct json_object *service)
{
    struct sedge_step step;

    (void)sedge_lifecycle_step(sedge_json_obj(service, "lifecycle"), STEP, &step);
    return step.bootstrap_on_rollback;
}

struct json_object *sedge_bootstrap_tasks_back(struct json_object *snapshot, struct json_object *failed,
                                               struct json_object *done)
{
    struct json_object *tasks = json_object_new_array();
    sedge_auto_strv struct sedge_strv names = {NULL, 0};

    order_of(snapshot, &names);
    for (size_t i = 0; i < names.n; i++) {
        struct json_object *service = sedge_json_obj(snapshot, names.v[i]);
        if (wants_rollback(service) && was_started(done, names.v[i]) &&
            sedge_bootstrap_is_required(sedge_json_obj(failed, names.v[i]), service))
            add_task(tasks, names.v[i]);
    }
    return tasks;
}

struct json_object *sedge_bootstrap_next(struct json_object *tasks)
{
    for (size_t i = 0; tasks && i < json_object_array_length(tasks); i++) {
        struct json_object *task = json_object_array_get_idx(tasks, i);
        if (!sedge_str_eq(sedge_json_str(task, "status", NULL), "DONE")) return task;
    }
    return NULL;
}

const char *sedge_bootstrap_component(struct json_object *task)
{
    return sedge_json_str(task, "componentName", "");
}

void sedge_bootstrap_begin(struct json_object *task)
{
    sedge_json_add_bool(task, "started", true);
}

enum sedge_bootstrap_result sedge_bootstrap_end(struct json_object *task, int exit_code)
{
    static const struct {
        int code;
        enum sedge_bootstrap_result result;
    } rows[] = {{0, SEDGE_BOOTSTRAP_GO_ON},
                {SEDGE_BOOTSTRAP_EXIT_RESTART, SEDGE_BOOTSTRAP_RESTART},
                {SEDGE_BOOTSTRAP_EXIT_REBOOT, SEDGE_BOOTSTRAP_REBOOT}};

    sedge_json_add_str(task, "status", "DONE");
    sedge_json_add_i64(task, "exitCode", exit_code);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++)
        if (rows[i].code == exit_code) return rows[i].result;
    return SEDGE_BOOTSTRAP_FAILED;
}
