#include "../test.h"

#include "base/mem.h"
#include "deploy/document.h"
#include "deploy/resolve.h"

#define MAX_DEPS 4

/* What there is: one row for each version of a component. */
struct known {
    const char *component;
    const char *version;
    struct {
        const char *component;
        const char *requirement;
    } deps[MAX_DEPS];
    bool remote;    /* only in the object store */
    bool no_recipe; /* its recipe has to be looked up first */
};

struct world {
    const struct known *known;
    size_t n;
    const char *active[4][2];
    const char *not_listed; /* component whose versions have to be looked up first */
    /* A data plane: what it answers to "component candidate|requirements". */
    const char *answers[8][2];
    const char *foreign; /* component whose versions came from another region */
};

static const char *op_builtin(void *env, const char *component)
{
    (void)env;
    return strcmp(component, "aws.greengrass.Nucleus") == 0 ? "2.17.0" : NULL;
}

static const char *op_active(void *env, const char *component)
{
    const struct world *w = env;

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(w->active) && w->active[i][0]; i++)
        if (strcmp(w->active[i][0], component) == 0) return w->active[i][1];
    return NULL;
}

static int op_versions(void *env, const char *component, bool local_only, struct sedge_strv *out)
{
    const struct world *w = env;

    if (sedge_str_eq(w->not_listed, component)) return 0;
    for (size_t i = 0; i < w->n; i++)
        if (strcmp(w->known[i].component, component) == 0 && !(local_only && w->known[i].remote))
            sedge_strv_add(out, w->known[i].version);
    return 1;
}

static int op_dependencies(void *env, const char *component, const char *version, struct sedge_strv *components,
                           struct sedge_strv *requirements, struct sedge_err *err)
{
    const struct world *w = env;

    for (size_t i = 0; i < w->n; i++) {
        const struct known *k = &w->known[i];
        if (strcmp(k->component, component) != 0 || strcmp(k->version, version) != 0) continue;
        if (k->no_recipe) return 0;
        for (size_t d = 0; d < MAX_DEPS && k->deps[d].component; d++) {
            sedge_strv_add(components, k->deps[d].component);
            sedge_strv_add(requirements, k->deps[d].requirement);
        }
        return 1;
    }
    return sedge_err_set(err, SEDGE_E_NOT_FOUND, "there is no recipe of %s %s", component, version);
}

static const struct sedge_resolve_ops ops = {
    .builtin = op_builtin, .active = op_active, .versions = op_versions, .dependencies = op_dependencies};

static int op_negotiate(void *env, const char *component, const char *candidate, struct json_object *requirements,
                        const char **version)
{
    const struct world *w = env;
    sedge_auto_free char *question =
        sedge_xasprintf("%s %s|%s", component, candidate ? candidate : "-", sedge_json_text(requirements));

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(w->answers) && w->answers[i][0]; i++) {
        if (strcmp(w->answers[i][0], question) != 0) continue;
        *version = w->answers[i][1];
        return 1;
    }
    return 0;
}

static bool op_foreign(void *env, const char *component, const char *version)
{
    const struct world *w = env;

    (void)version;
    return sedge_str_eq(w->foreign, component);
}

static const struct sedge_resolve_ops cloud_ops = {op_builtin,      op_active,    op_versions,
                                                   op_dependencies, op_negotiate, op_foreign};

/* "a=1.0.0 b=2.0.0", in the order of the choices. Roots: "who:component:requirement" separated by ";". */
struct outcome {
    int rc;
    char text[512];
    char missing[256];
    char stack[256];
    char cause[1024];
};

static void add_text(char *to, size_t size, const char *a, const char *sign, const char *b, const char *end)
{
    size_t n = strlen(to);

    (void)snprintf(to + n, size - n, "%s", n ? " " : "");
    n = strlen(to);
    (void)snprintf(to + n, size - n, "%s%s%s%s", a, sign, b, end);
}

static struct outcome resolve_with(const struct sedge_resolve_ops *by, struct world *w, const char *roots)
{
    struct outcome o = {0, "", "", "", ""};
    sedge_auto_strv struct sedge_strv list = {NULL, 0};
    struct sedge_requirement wanted[8];
    struct sedge_strv parts[8];
    struct sedge_resolution r;
    struct sedge_failure f = SEDGE_FAILURE_INIT;

    sedge_strv_split(&list, roots, ";");
    assert_true(list.n <= SEDGE_ARRAY_LEN(wanted));
    for (size_t i = 0; i < list.n; i++) {
        parts[i] = (struct sedge_strv){NULL, 0};
        sedge_strv_split(&parts[i], list.v[i], ":");
        wanted[i] = (struct sedge_requirement){parts[i].v[1], parts[i].v[0], parts[i].v[2]};
    }
    o.rc = sedge_resolve(wanted, list.n, by, w, &r, &f);
    for (size_t i = 0; o.rc == 0 && i < r.n; i++)
        add_text(o.text, sizeof o.text, r.choices[i].component, "=", r.choices[i].version,
                 r.choices[i].root ? "*" : "");
    for (size_t i = 0; i < r.nmissing; i++)
        add_text(o.missing, sizeof o.missing, r.missing[i].component, "@",
                 r.missing[i].version ? r.missing[i].version : "?", "");
    for (size_t i = 0; i < f.stack.n; i++)
        add_text(o.stack, sizeof o.stack, f.stack.v[i], "", "", "");
    (void)snprintf(o.cause, sizeof o.cause, "%s", f.cause ? f.cause : "");
    sedge_resolution_release(&r);
    sedge_failure_release(&f);
    for (size_t i = 0; i < list.n; i++)
        sedge_strv_release(&parts[i]);
    return o;
}

static struct outcome resolve(struct world *w, const char *roots)
{
    return resolve_with(&ops, w, roots);
}

static const struct known shop[] = {
    {.component = "A", .version = "1.0.0", .deps = {{"B", "^1.0.0"}}},
    {.component = "B", .version = "1.0.0"},
    {.component = "B", .version = "1.2.0"},
    {.component = "B", .version = "1.10.0-rc.1"},
    {.component = "B", .version = "2.0.0"},
    {.component = "S", .version = "1.0.0", .deps = {{"B", "<=1.1.0"}}},
    {.component = "N", .version = "1.0.0", .deps = {{"aws.greengrass.Nucleus", ">=2.0.0 <2.6.0"}, {"B", "~1.0.0"}}},
    {.component = "C1", .version = "1.0.0", .deps = {{"C2", "*"}}},
    {.component = "C2", .version = "1.0.0", .deps = {{"C3", "*"}}},
    {.component = "C3", .version = "1.0.0", .deps = {{"C1", "*"}}},
    {.component = "self", .version = "1.0.0", .deps = {{"self", "*"}}},
    {.component = "D", .version = "1.0.0", .deps = {{"E", "1.0.0"}, {"F", "1.0.0"}}},
    {.component = "E", .version = "1.0.0", .deps = {{"F", "^1.0.0"}}},
    {.component = "F", .version = "1.0.0"},
    {.component = "F", .version = "1.5.0"},
    {.component = "M", .version = "1.0.0", .no_recipe = true},
    {.component = "P", .version = "1.0.0", .deps = {{"Q", "^1.0.0"}}},
    {.component = "P", .version = "2.0.0", .deps = {{"R", "^1.0.0"}}},
    {.component = "Q", .version = "1.0.0", .deps = {{"B", "2.0.0"}}},
    {.component = "R", .version = "1.0.0", .deps = {{"B", "1.0.0"}}},
    {.component = "K", .version = "1.0.0", .deps = {{"P", "<2.0.0"}, {"B", "*"}}},
    {.component = "Z", .version = "1.0.0"},
    {.component = "Z", .version = "2.0.0", .remote = true},
    {.component = "W", .version = "1.0.0", .deps = {{"B", "one point oh"}}},
    {.component = "V", .version = "1.0.0", .deps = {{"nobody.has.it", "^1.0.0"}}},
};

static void versions_are_chosen_as_the_specification_says(void **st)
{
    static const struct {
        const char *what;
        const char *active[4][2];
        const char *roots;
        const char *expected; /* "*": root */
    } rows[] = {
        {"23.1: the highest that satisfies", {{0}}, "LOCAL_DEPLOYMENT:A:1.0.0", "B=1.2.0 A=1.0.0*"},
        {"23.2: what runs and satisfies is kept",
         {{"A", "1.0.0"}, {"B", "1.0.0"}},
         "LOCAL_DEPLOYMENT:A:1.0.0",
         "B=1.0.0 A=1.0.0*"},
        {"what runs and does not satisfy is replaced",
         {{"B", "2.0.0"}},
         "LOCAL_DEPLOYMENT:A:1.0.0",
         "B=1.2.0 A=1.0.0*"},
        {"a root asks for a newer dependency",
         {{"A", "1.0.0"}, {"B", "1.0.0"}},
         "LOCAL_DEPLOYMENT:A:1.0.0;LOCAL_DEPLOYMENT:B:1.2.0",
         "B=1.2.0* A=1.0.0*"},
        {"two groups ask for the same thing", {{0}}, "thinggroup/g:B:1.0.0;LOCAL_DEPLOYMENT:B:^1.0.0", "B=1.0.0*"},
        {"all requirements count", {{0}}, "thinggroup/g:A:1.0.0;LOCAL_DEPLOYMENT:S:1.0.0", "B=1.0.0 A=1.0.0* S=1.0.0*"},
        {"alternatives do not swallow the others", {{0}}, "g:B:1.0.0 || 2.0.0;h:B:<2.0.0", "B=1.0.0*"},
        {"pre-releases only when asked for", {{0}}, "g:B:1.10.0-rc.1", "B=1.10.0-rc.1*"},
        {"the nucleus is built in and its range is not enforced",
         {{0}},
         "thinggroup/g:N:1.0.0",
         "aws.greengrass.Nucleus=2.17.0 B=1.0.0 N=1.0.0*"},
        {"dependencies come first, each once", {{0}}, "g:D:1.0.0", "F=1.0.0 E=1.0.0 D=1.0.0*"},
        {"no roots", {{0}}, "", ""},
        {"a requirement of a version that is given up does not count",
         {{0}},
         "g:P:*;g:K:1.0.0",
         "B=2.0.0 Q=1.0.0 P=1.0.0* K=1.0.0*"},
        {"a local root takes what is on the device", {{0}}, "LOCAL_DEPLOYMENT:Z:*", "Z=1.0.0*"},
        {"a root of the cloud takes the highest there is", {{0}}, "thinggroup/g:Z:*", "Z=2.0.0*"},
        {"a local root that the device does not have comes from the object store",
         {{0}},
         "LOCAL_DEPLOYMENT:Z:2.0.0",
         "Z=2.0.0*"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct world w = {.known = shop, .n = SEDGE_ARRAY_LEN(shop)};
        struct outcome o;
        memcpy(w.active, rows[i].active, sizeof w.active);
        if (!*rows[i].roots) {
            struct sedge_resolution r;
            struct sedge_failure f = SEDGE_FAILURE_INIT;
            assert_int_equal(sedge_resolve(NULL, 0, &ops, &w, &r, &f), 0);
            assert_int_equal(r.n, 0);
            sedge_resolution_release(&r);
            continue;
        }
        o = resolve(&w, rows[i].roots);
        if (o.rc != 0 || strcmp(o.text, rows[i].expected) != 0)
            fail_msg("%s: expected \"%s\", got %d \"%s\" %s", rows[i].what, rows[i].expected, o.rc, o.text, o.cause);
    }
}

static void a_failure_names_who_requires_what_and_what_there_is(void **st)
{
    static const struct {
        const char *what;
        const char *roots;
        const char *stack;
        const char *words[6];
    } rows[] = {
        {"23.3: two groups",
         "thinggroup/g:B:1.0.0;LOCAL_DEPLOYMENT:B:2.0.0",
         "DEPLOYMENT_FAILURE NO_AVAILABLE_COMPONENT_VERSION COMPONENT_VERSION_REQUIREMENTS_NOT_MET",
         {"component B", "thinggroup/g requires 1.0.0", "LOCAL_DEPLOYMENT requires 2.0.0",
          "there are: 1.0.0, 1.2.0, 1.10.0-rc.1, 2.0.0"}},
        {"a root against a dependency",
         "g:A:1.0.0;h:B:2.0.0",
         "DEPLOYMENT_FAILURE NO_AVAILABLE_COMPONENT_VERSION COMPONENT_VERSION_REQUIREMENTS_NOT_MET",
         {"component B", "h requires 2.0.0", "A 1.0.0 requires ^1.0.0"}},
        {"nobody has the component",
         "g:V:1.0.0",
         "DEPLOYMENT_FAILURE NO_AVAILABLE_COMPONENT_VERSION COMPONENT_VERSION_REQUIREMENTS_NOT_MET",
         {"nobody.has.it", "V 1.0.0 requires ^1.0.0", "Publish it"}},
        {"no such version",
         "LOCAL_DEPLOYMENT:Z:9.9.9",
         "DEPLOYMENT_FAILURE NO_AVAILABLE_COMPONENT_VERSION COMPONENT_VERSION_REQUIREMENTS_NOT_MET",
         {"component Z", "LOCAL_DEPLOYMENT requires 9.9.9", "there are: 1.0.0, 2.0.0"}},
        {"a requirement that is none",
         "g:W:1.0.0",
         "DEPLOYMENT_FAILURE NO_AVAILABLE_COMPONENT_VERSION COMPONENT_VERSION_NOT_VALID",
         {"W 1.0.0", "one point oh"}},
        {"a cycle",
         "g:C1:1.0.0",
         "DEPLOYMENT_FAILURE COMPONENT_CIRCULAR_DEPENDENCY_ERROR",
         {"C1", "depends on itself", "C1 -> C2 -> C3 -> C1"}},
        {"a component that needs itself",
         "g:self:1.0.0",
         "DEPLOYMENT_FAILURE COMPONENT_CIRCULAR_DEPENDENCY_ERROR",
         {"self", "depends on itself", "self -> self"}},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct world w = {.known = shop, .n = SEDGE_ARRAY_LEN(shop)};
        struct outcome o = resolve(&w, rows[i].roots);
        if (o.rc != -1 || strcmp(o.stack, rows[i].stack) != 0)
            fail_msg("%s: got %d \"%s\" \"%s\"", rows[i].what, o.rc, o.stack, o.cause);
        for (size_t k = 0; k < SEDGE_ARRAY_LEN(rows[i].words) && rows[i].words[k]; k++)
            if (!strstr(o.cause, rows[i].words[k]))
                fail_msg("%s: \"%s\" is not in \"%s\"", rows[i].what, rows[i].words[k], o.cause);
    }
}

static void a_recipe_that_cannot_be_read_fails_with_its_text(void **st)
{
    struct world w = {.known = shop, .n = SEDGE_ARRAY_LEN(shop), .active = {{"gone", "1.0.0"}}};
    struct outcome o = resolve(&w, "g:gone:1.0.0");

    (void)st;
    assert_int_equal(o.rc, -1);
    assert_string_equal(o.stack, "DEPLOYMENT_FAILURE COMPONENT_PACKAGE_LOADING_ERROR");
    assert_string_equal(o.cause, "there is no recipe of gone 1.0.0");
}

static void what_is_not_known_yet_is_listed_for_looking_up(void **st)
{
    struct world w = {.known = shop, .n = SEDGE_ARRAY_LEN(shop)};
    struct outcome o = resolve(&w, "g:M:1.0.0;g:B:1.0.0");

    (void)st;
    assert_int_equal(o.rc, 1);
    assert_string_equal(o.missing, "M@1.0.0");
    w.not_listed = "B";
    o = resolve(&w, "g:A:1.0.0;h:S:1.0.0");
    assert_int_equal(o.rc, 1);
    assert_string_equal(o.missing, "B@?");
    w.active[0][0] = "B";
    w.active[0][1] = "1.0.0";
    o = resolve(&w, "g:A:1.0.0;h:S:1.0.0"); /* what runs satisfies: nobody has to be asked */
    assert_int_equal(o.rc, 0);
    assert_string_equal(o.text, "B=1.0.0 A=1.0.0* S=1.0.0*");
}

static void a_choice_is_found_by_name(void **st)
{
    struct world w = {.known = shop, .n = SEDGE_ARRAY_LEN(shop)};
    char b[] = "B", g[] = "g", any[] = "*";
    struct sedge_requirement root = {b, g, any};
    struct sedge_resolution r;
    struct sedge_failure f = SEDGE_FAILURE_INIT;

    (void)st;
    assert_int_equal(sedge_resolve(&root, 1, &ops, &w, &r, &f), 0);
    assert_string_equal(sedge_resolution_find(&r, "B")->version, "2.0.0");
    assert_null(sedge_resolution_find(&r, "A"));
    sedge_resolution_release(&r);
}

static void the_data_plane_decides_where_there_is_one(void **st)
{
    static const struct {
        const char *what, *roots, *expected, *missing;
        struct world w;
    } rows[] = {
        {"a local root with a version on the device is not asked about, its dependency is",
         "LOCAL_DEPLOYMENT:A:1.0.0",
         "",
         "B@1.2.0",
         {.answers = {{0}}}},
        {"unless that version is of another region", "LOCAL_DEPLOYMENT:A:1.0.0", "", "A@1.0.0", {.foreign = "A"}},
        {"a root of the cloud is asked about, with what the device has",
         "thinggroup/g:B:^1.0.0",
         "",
         "B@1.0.0",
         {.active = {{"B", "1.0.0"}}}},
        {"and without what does not fit", "thinggroup/g:B:^3.0.0", "", "B@?", {.active = {{"B", "1.0.0"}}}},
        {"what it says counts, also against the highest of the device",
         "LOCAL_DEPLOYMENT:A:1.0.0",
         "B=1.0.0 A=1.0.0*",
         "",
         {.answers = {{"B 1.2.0|{\"A 1.0.0\":\"^1.0.0\"}", "1.0.0"}}}},
        {"all requirements are put to it",
         "LOCAL_DEPLOYMENT:A:1.0.0;thinggroup/g:B:1.2.0",
         "",
         "B@1.2.0",
         {.answers = {{"B 1.2.0|{\"thinggroup/g\":\"1.2.0\"}", "1.2.0"}}}},
        {"a builtin is never asked about",
         "thinggroup/g:aws.greengrass.Nucleus:2.17.0",
         "aws.greengrass.Nucleus=2.17.0*",
         "",
         {.foreign = NULL}},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct world w = rows[i].w;
        struct outcome o;

        w.known = shop;
        w.n = SEDGE_ARRAY_LEN(shop);
        o = resolve_with(&cloud_ops, &w, rows[i].roots);
        if (o.rc != (*rows[i].missing ? 1 : 0) || strcmp(o.text, rows[i].expected) != 0 ||
            strcmp(o.missing, rows[i].missing) != 0)
            fail_msg("%s: %d \"%s\" missing \"%s\" %s", rows[i].what, o.rc, o.text, o.missing, o.cause);
    }
}

static void a_range_that_is_none_fails_before_the_data_plane_is_asked(void **st)
{
    struct world w = {.known = shop, .n = SEDGE_ARRAY_LEN(shop)};
    struct outcome o = resolve_with(&cloud_ops, &w, "thinggroup/g:B:one point oh");

    (void)st;
    assert_int_equal(o.rc, -1);
    assert_non_null(strstr(o.stack, "COMPONENT_VERSION_NOT_VALID"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_chosen_as_the_specification_says),
        cmocka_unit_test(a_failure_names_who_requires_what_and_what_there_is),
        cmocka_unit_test(a_recipe_that_cannot_be_read_fails_with_its_text),
        cmocka_unit_test(what_is_not_known_yet_is_listed_for_looking_up),
        cmocka_unit_test(a_choice_is_found_by_name),
        cmocka_unit_test(the_data_plane_decides_where_there_is_one),
        cmocka_unit_test(a_range_that_is_none_fails_before_the_data_plane_is_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
