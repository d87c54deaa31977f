/* Which version is right, and why there is none. */
#include "site.h"

#include "base/fs.h"

#include "cloud/component/component.h"
#include "cloud/component/resolve.h"
#include "cloud/schema.h"

/* Registers name@version for a platform (JSON), with dependencies (JSON object, "" for none). */
static void put(struct sedge_cloud *c, const char *name, const char *version, int64_t state, const char *platform,
                const char *dependencies)
{
    sedge_auto_free char *recipe = sedge_xasprintf(
        "{\"RecipeFormatVersion\":\"2020-01-25\",\"ComponentName\":\"%s\",\"ComponentVersion\":\"%s\","
        "\"ComponentDependencies\":{%s},\"Manifests\":[{\"Platform\":%s,\"Lifecycle\":{\"run\":\"true\"}}]}",
        name, version, dependencies, platform);
    struct sedge_err err = SEDGE_ERR_INIT;

    if (sedge_q_run(c->db, &err,
                    "INSERT INTO component_version(name,version,state,recipe_sha256,manifest,created_at,recipe)"
                    " VALUES(?1,?2,?3,'','{}',1,?4)",
                    "ttit", name, version, state, (const char *)recipe) != 0)
        fail_msg("%s", err.msg);
}

#define ALL       "{\"os\":\"linux\"}"
#define ARM       "{\"os\":\"linux\",\"architecture\":\"aarch64\"}"
#define DEP(n, r) "\"" n "\":{\"VersionRequirement\":\"" r "\"}"

static int resolve_setup(void **st)
{
    struct sedge_cloud *c;

    if (site_setup(st) != 0) return -1;
    c = *st;
    put(c, "lib", "1.0.0", SEDGE_VERSION_DEPLOYABLE, ALL, "");
    put(c, "lib", "1.10.0", SEDGE_VERSION_DEPLOYABLE, ALL, "");
    put(c, "lib", "1.9.0", SEDGE_VERSION_DEPRECATED, ALL, "");
    put(c, "lib", "1.11.0", SEDGE_VERSION_BLOCKED, ALL, "");
    put(c, "lib", "2.0.0", SEDGE_VERSION_DEPLOYABLE, ARM, "");
    put(c, "app", "1.0.0", SEDGE_VERSION_DEPLOYABLE, ALL, DEP("lib", "^1.0.0"));
    put(c, "app", "2.0.0", SEDGE_VERSION_DEPLOYABLE, ALL, DEP("lib", "<1.9.0"));
    put(c, "tool", "1.0.0", SEDGE_VERSION_DEPLOYABLE, ALL,
        DEP("lib", ">=1.9.0") "," DEP("aws.greengrass.Nucleus", ">=2.0.0 <2.1.0"));
    return 0;
}

static void the_best_version_or_the_reason_why_there_is_none(void **st)
{
    static const struct {
        const char *component, *a, *b, *current, *platform;
        const char *version; /* NULL: none */
        enum sedge_unresolved why;
        const char *says;
    } rows[] = {
        {"lib", "^1.0.0", NULL, NULL, "amd64", "1.10.0", SEDGE_RESOLVED, NULL},
        {"lib", "^1.0.0", "<1.10.0", NULL, "amd64", "1.9.0", SEDGE_RESOLVED, NULL},
        {"lib", "^1.0.0", NULL, "1.0.0", "amd64", "1.0.0", SEDGE_RESOLVED, NULL},
        {"lib", ">=1.5.0", NULL, "1.0.0", "amd64", "1.10.0", SEDGE_RESOLVED, NULL},
        {"lib", "*", NULL, "1.11.0", "amd64", "1.10.0", SEDGE_RESOLVED, NULL}, /* blocked: not kept either */
        {"lib", "*", NULL, NULL, "aarch64", "2.0.0", SEDGE_RESOLVED, NULL},
        {"lib", NULL, NULL, NULL, "amd64", "1.10.0", SEDGE_RESOLVED, NULL},
        {"lib", ">=2.0.0", NULL, NULL, "amd64", NULL, SEDGE_UNRESOLVED_PLATFORM, "claim platform"},
        {"lib", "1.0.0", ">1.0.0", NULL, "amd64", NULL, SEDGE_UNRESOLVED_RANGE,
         "no usable version of lib: A asks for 1.0.0, B asks for >1.0.0; published: 2.0.0, 1.11.0 (blocked), 1.10.0"},
        {"none", "*", NULL, NULL, "amd64", NULL, SEDGE_UNRESOLVED_UNKNOWN, "no usable version of none"},
        {"lib", "=>x", NULL, NULL, "amd64", NULL, SEDGE_UNRESOLVED_ERROR, "A asks for lib"},
    };

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_need needs[] = {{"A", rows[i].a}, {"B", rows[i].b}};
        sedge_auto_put struct json_object *platform = json_object_new_object();
        struct sedge_resolve_query q = {.component = rows[i].component,
                                        .current = rows[i].current,
                                        .needs = needs,
                                        .nneeds = rows[i].b   ? 2
                                                  : rows[i].a ? 1
                                                              : 0,
                                        .platform = platform};
        struct sedge_err err = SEDGE_ERR_INIT;
        struct sedge_resolved got;

        sedge_json_add_str(platform, "os", "linux");
        sedge_json_add_str(platform, "architecture", rows[i].platform);
        assert_int_equal(sedge_resolve_version(*st, &q, &got, &err), rows[i].version ? 0 : -1);
        assert_int_equal(got.why, rows[i].why);
        if (rows[i].version)
            assert_string_equal(got.version, rows[i].version);
        else if (!strstr(err.msg, rows[i].says))
            fail_msg("row %zu: %s", i, err.msg);
        sedge_resolved_release(&got);
    }
}

static struct json_object *roots(const char *text)
{
    return sedge_json_parse_object(text, strlen(text), "roots", NULL);
}

static void a_closure_has_dependencies_at_versions_that_suit_everybody(void **st)
{
    sedge_auto_put struct json_object *r = roots("{\"app\":{\"version\":\"1.0.0\"},\"tool\":{\"version\":\"1.0.0\"},"
                                                 "\"aws.greengrass.Cli\":{\"version\":\"2.4.0\"}}");
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_closure out;

    if (sedge_resolve_closure(*st, r, NULL, "group:cams", &out, &err) != 0) fail_msg("%s", err.msg);
    assert_int_equal(out.n, 5);
    assert_string_equal(sedge_closure_find(&out, "lib")->version, "1.10.0"); /* 2.0.0 does not suit app */
    assert_false(sedge_closure_find(&out, "lib")->root);
    assert_true(sedge_closure_find(&out, "aws.greengrass.Nucleus")->device_part);
    sedge_closure_release(&out);
}

static void a_conflict_names_both_sides(void **st)
{
    sedge_auto_put struct json_object *r = roots("{\"app\":{\"version\":\"2.0.0\"},\"tool\":{\"version\":\"1.0.0\"}}");
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_closure out;

    assert_int_equal(sedge_resolve_closure(*st, r, NULL, "group:cams", &out, &err), -1);
    assert_int_equal(err.code, SEDGE_E_NOT_FOUND);
    assert_non_null(strstr(err.msg, "app@2.0.0 asks for <1.9.0, tool@1.0.0 asks for >=1.9.0"));
    sedge_closure_release(&out);
}

static void what_only_a_dropped_choice_asked_for_is_no_obstacle(void **st)
{
    struct sedge_cloud *c = *st;
    sedge_auto_put struct json_object *r = roots("{\"top\":{\"version\":\"1.0.0\"}}");
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_closure out;

    /* mid 2.0.0 is taken first, and asks for what nobody published; then `far` rules it out. */
    put(c, "mid", "1.0.0", SEDGE_VERSION_DEPLOYABLE, ALL, "");
    put(c, "mid", "2.0.0", SEDGE_VERSION_DEPLOYABLE, ALL, DEP("nowhere", "*"));
    put(c, "far", "1.0.0", SEDGE_VERSION_DEPLOYABLE, ALL, DEP("mid", "^1.0.0"));
    put(c, "near", "1.0.0", SEDGE_VERSION_DEPLOYABLE, ALL, DEP("far", "*"));
    put(c, "top", "1.0.0", SEDGE_VERSION_DEPLOYABLE, ALL, DEP("mid", "*") "," DEP("near", "*"));
    if (sedge_resolve_closure(c, r, NULL, "group:cams", &out, &err) != 0) fail_msg("%s", err.msg);
    assert_int_equal(out.n, 4);
    assert_string_equal(sedge_closure_find(&out, "mid")->version, "1.0.0");
    sedge_closure_release(&out);
}

static void a_database_of_the_first_version_goes_on(void **st)
{
    char dir[] = "/tmp/sedge-schema-XXXXXX";
    sedge_auto_free char *path = NULL;
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_db *db;
    int64_t n = 0;

    (void)st;
    assert_non_null(mkdtemp(dir));
    path = sedge_xasprintf("%s/cloud.db", dir);
    db = sedge_db_open(path, sedge_cloud_schema[0], 1, &err);
    if (!db) fail_msg("%s", err.msg);
    assert_int_equal(sedge_db_exec(db,
                                   "INSERT INTO grp(id,name) VALUES(7,'cams');"
                                   "INSERT INTO member VALUES(7,1,0)",
                                   &err),
                     0);
    sedge_db_close(db);
    for (int again = 0; again < 2; again++) {
        db = sedge_cloud_db_open(path, &err);
        if (!db) fail_msg("%s", err.msg);
        assert_int_equal(sedge_q_i64(db, &err, &n, "SELECT thing_id FROM effective_member WHERE group_id=7", ""), 1);
        assert_int_equal(sedge_q_i64(db, &err, &n, "PRAGMA user_version", ""), 1);
        assert_int_equal(n, SEDGE_CLOUD_SCHEMA_VERSION);
        sedge_db_close(db);
    }
    assert_int_equal(sedge_fs_remove_tree(dir, &err), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, resolve_setup, site_teardown)
    const struct CMUnitTest tests[] = {
        T(the_best_version_or_the_reason_why_there_is_none),
        T(a_closure_has_dependencies_at_versions_that_suit_everybody),
        T(a_conflict_names_both_sides),
        T(what_only_a_dropped_choice_asked_for_is_no_obstacle),
        cmocka_unit_test(a_database_of_the_first_version_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
