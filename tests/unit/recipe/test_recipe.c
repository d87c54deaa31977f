#include "../test.h"

#include "base/mem.h"
#include "recipe/recipe.h"

#define HEAD "RecipeFormatVersion: 2020-01-25\nComponentName: com.x.A\nComponentVersion: 1.0.0\n"

static struct sedge_recipe *parse(const char *text, const char *file, struct sedge_err *err)
{
    *err = SEDGE_ERR_INIT;
    return sedge_recipe_parse(text, strlen(text), file, err);
}

static struct sedge_recipe *good(const char *text, const char *file)
{
    struct sedge_err err;
    struct sedge_recipe *r = parse(text, file, &err);

    if (!r) fail_msg("%s\n%s", err.msg, text);
    return r;
}

static const char everything[] = "recipeformatversion: '2020-01-25'\n"
                                 "COMPONENTNAME: com.x.Full\n"
                                 "componentVersion: 1.2.3-beta+b7\n"
                                 "ComponentType: AWS.Greengrass.Generic\n"
                                 "ComponentDescription: d\n"
                                 "ComponentPublisher: 5\n"
                                 "ComponentSource: s\n"
                                 "componentconfiguration: {defaultConfiguration: {port: 1, _x: null}}\n"
                                 "ComponentDependencies:\n"
                                 "  com.x.Lib: {versionrequirement: '>=1.0.0 <2.0.0', DEPENDENCYTYPE: soft}\n"
                                 "  com.x.Other: {VersionRequirement: 2}\n"
                                 "Unknown: [1]\n"
                                 "manifests:\n"
                                 "  - name: first\n"
                                 "    platform: {os: linux, line: null, n: 5}\n"
                                 "    selections: [pi, linux]\n"
                                 "    LIFECYCLE: {Run: x}\n"
                                 "    artifacts:\n"
                                 "      - uri: s3://b/k/a.zip\n"
                                 "        digest: abc=\n"
                                 "        algorithm: SHA-256\n"
                                 "        unarchive: zip\n"
                                 "        permission: {read: all, execute: Owner}\n"
                                 "        more: 1\n"
                                 "      - URI: s3://b/m.tar.gz\n"
                                 "        Unarchive: TGZ\n"
                                 "  - {Lifecycle: null, Artifacts: null, Selections: null, Platform: null}\n"
                                 "lifecycle: {all: {install: i}}\n";

static void every_member_arrives_whatever_its_letter_case(void **st)
{
    struct sedge_recipe *r = good(everything, "full.yaml");
    const struct sedge_manifest *m = &r->manifests[0];

    (void)st;
    assert_string_equal(r->name, "com.x.Full");
    assert_string_equal(r->version.text, "1.2.3-beta+b7");
    assert_string_equal(r->version.pre, "beta");
    assert_int_equal(r->type, SEDGE_COMPONENT_GENERIC);
    assert_string_equal(r->description, "d");
    assert_string_equal(r->publisher, "5");
    assert_string_equal(r->source, "s");
    assert_string_equal(sedge_json_text(r->default_configuration), "{\"port\":1,\"_x\":null}");
    assert_int_equal(r->ndependencies, 2);
    assert_string_equal(r->dependencies[0].name, "com.x.Lib");
    assert_false(r->dependencies[0].hard);
    assert_string_equal(sedge_semreq_text(r->dependencies[1].requirement), "2");
    assert_true(r->dependencies[1].hard);
    assert_int_equal(r->nmanifests, 2);
    assert_string_equal(m->name, "first");
    assert_string_equal(sedge_json_text(m->platform), "{\"os\":\"linux\",\"line\":null,\"n\":\"5\"}");
    assert_int_equal(m->selections.n, 2);
    assert_string_equal(sedge_json_text(m->lifecycle), "{\"Run\":\"x\"}");
    assert_int_equal(m->nartifacts, 2);
    assert_string_equal(m->artifacts[0].uri, "s3://b/k/a.zip");
    assert_string_equal(m->artifacts[0].digest, "abc=");
    assert_string_equal(m->artifacts[0].algorithm, "SHA-256");
    assert_int_equal(m->artifacts[0].unarchive, SEDGE_UNARCHIVE_ZIP);
    assert_int_equal(m->artifacts[0].read, SEDGE_PERMISSION_ALL);
    assert_int_equal(m->artifacts[0].execute, SEDGE_PERMISSION_OWNER);
    assert_int_equal(m->artifacts[1].unarchive, SEDGE_UNARCHIVE_TGZ);
    assert_int_equal(m->artifacts[1].read, SEDGE_PERMISSION_OWNER);
    assert_int_equal(m->artifacts[1].execute, SEDGE_PERMISSION_NONE);
    assert_null(r->manifests[1].lifecycle);
    assert_null(r->manifests[1].platform);
    assert_int_equal(r->manifests[1].nartifacts, 0);
    assert_non_null(r->lifecycle);
    sedge_recipe_free(r);
}

static void forms_in_circulation_are_accepted(void **st)
{
    static const char *const rows[] = {
        HEAD "Manifests: [{}]\n",
        HEAD "Manifests: [{}]\nLifecycle: null\n",
        HEAD "Manifests: [{}]\nLifecycle: {}\nComponentDependencies: null\nComponentConfiguration: null\n",
        HEAD "Manifests: [{}]\nLifecycle: [{all: {run: x}}, {linux: {run: y}}]\n",
        HEAD "Manifests: [{Platform: {os: /linux|darwin/}}]\nComponentConfiguration: {DefaultConfiguration: null}\n",
        "{\"RecipeFormatVersion\":\"2020-01-25\",\"ComponentName\":\"a\",\"ComponentVersion\":\"1.0.0\",\"Manifests\":["
        "{"
        "\"Lifecycle\":{}}],\"Lifecycle\":{}}",
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++)
        sedge_recipe_free(good(rows[i], "x"));
}

static void a_refusal_names_file_line_column_member_and_expectation(void **st)
{
    static const struct {
        const char *text;
        const char *file;
        enum sedge_err_code code;
        const char *message;
    } rows[] = {
        {"{\"a\":[{}\n}", "x.json", SEDGE_E_INVALID, "x.json:2:1: not valid JSON: expected \",\" or \"]\""},
        {"{\"a\":1,\n \"a\":2}", "x.json", SEDGE_E_INVALID, "x.json:2:2: key \"a\" is there twice"},
        {"[1]", "x.json", SEDGE_E_INVALID, "x.json: expected a JSON object, got array"},
        {"a: 1\na: 2\n", "x.yaml", SEDGE_E_INVALID, "x.yaml:2:1: key \"a\" is there twice"},
        {"a: [\n", "x.yml", SEDGE_E_INVALID, "x.yml:2:1: not valid YAML: "},
        {"", "x.yaml", SEDGE_E_INVALID, "x.yaml: expected a map"},
        {"ComponentName: a\n", "x.yaml", SEDGE_E_INVALID,
         "x.yaml:1:1: RecipeFormatVersion is missing; expected \"2020-01-25\""},
        {"RecipeFormatVersion: 2019-01-01\nComponentName: a\nComponentVersion: 1.0.0\n", "x.yaml", SEDGE_E_UNSUPPORTED,
         "x.yaml:1:22: RecipeFormatVersion: expected \"2020-01-25\", got \"2019-01-01\""},
        {"RecipeFormatVersion: 2020-01-25\nComponentName: a b\nComponentVersion: 1.0.0\n", "x.yaml", SEDGE_E_INVALID,
         "x.yaml:2:16: ComponentName: component name \"a b\" has a character other"},
        {"RecipeFormatVersion: 2020-01-25\nComponentName: a\nComponentVersion: 1.0\n", "x.yaml", SEDGE_E_INVALID,
         "x.yaml:3:19: ComponentVersion: version \"1.0\": expected three numbers"},
        {HEAD "Manifests: {}\n", "x.yaml", SEDGE_E_INVALID, "x.yaml:4:12: Manifests: expected a list, got object"},
        {HEAD "Manifests: [null]\n", "x.yaml", SEDGE_E_INVALID,
         "x.yaml:4:13: Manifests[0]: expected an object, got null"},
        {HEAD "Manifests:\n  - Lifecycle: text\n", "x.yaml", SEDGE_E_INVALID,
         "x.yaml:5:16: Manifests[0].Lifecycle: expected an object, got text"},
        {HEAD "Manifests:\n  - artifacts: [null]\n", "x.yaml", SEDGE_E_INVALID,
         "x.yaml:5:17: Manifests[0].artifacts[0]: expected an object with Uri, got null"},
        {HEAD "Manifests:\n  - Artifacts: [{Digest: x}]\n", "x.yaml", SEDGE_E_INVALID,
         "x.yaml:5:17: Manifests[0].Artifacts[0]: Uri is missing"},
        {HEAD "Manifests:\n  - Artifacts: [{Uri: a, URI: b}]\n", "x.yaml", SEDGE_E_INVALID,
         "x.yaml:5:31: Manifests[0].Artifacts[0].URI: is there already, as \"Uri\""},
        {HEAD "Manifests:\n  - Artifacts: [{Uri: a, Unarchive: RAR}]\n", "x.yaml", SEDGE_E_INVALID,
         "x.yaml:5:37: Manifests[0].Artifacts[0].Unarchive: expected one of NONE, ZIP, TAR, TGZ, got \"RAR\""},
        {HEAD "Manifests:\n  - Artifacts: [{Uri: a, Permission: {Read: 1}}]\n", "x.yaml", SEDGE_E_INVALID,
         "Manifests[0].Artifacts[0].Permission.Read: expected one of NONE, OWNER, ALL, got 1"},
        {HEAD "Manifests:\n  - Platform: {os: '/(/'}\n", "x.yaml", SEDGE_E_INVALID,
         "x.yaml:5:20: Manifests[0].Platform.os: \"/(/\" is not a valid regular expression"},
        {HEAD "Manifests:\n  - Platform: {os: []}\n", "x.yaml", SEDGE_E_INVALID,
         "Platform.os: expected text, got array"},
        {HEAD "Manifests:\n  - Selections: [null]\n", "x.yaml", SEDGE_E_INVALID,
         "Selections[0]: expected text, got null"},
        {HEAD "ComponentType: x\nManifests: [{}]\n", "x.yaml", SEDGE_E_INVALID,
         "x.yaml:4:16: ComponentType: expected one of aws.greengrass.generic, aws.greengrass.lambda"},
        {HEAD "ComponentDependencies: {b: {}}\nManifests: [{}]\n", "x.yaml", SEDGE_E_INVALID,
         "x.yaml:4:28: ComponentDependencies.b: VersionRequirement is missing"},
        {HEAD "ComponentDependencies: {b: {VersionRequirement: '>>1'}}\nManifests: [{}]\n", "x.yaml", SEDGE_E_INVALID,
         "x.yaml:4:49: ComponentDependencies.b.VersionRequirement: version requirement \">>1\": unknown operator"},
        {HEAD "ComponentDependencies: {'b c': {VersionRequirement: 1}}\nManifests: [{}]\n", "x.yaml", SEDGE_E_INVALID,
         "component name \"b c\""},
        {HEAD "ComponentConfiguration: {DefaultConfiguration: []}\nManifests: [{}]\n", "x.yaml", SEDGE_E_INVALID,
         "x.yaml:4:48: ComponentConfiguration.DefaultConfiguration: expected an object, got array"},
        {HEAD "Lifecycle: text\nManifests: [{}]\n", "x.yaml", SEDGE_E_INVALID,
         "x.yaml:4:12: Lifecycle: expected an object"},
        {HEAD "Lifecycle: [{a: 1}, {a: 2}]\nManifests: [{}]\n", "x.yaml", SEDGE_E_INVALID,
         "x.yaml:4:25: Lifecycle[1].a: is there twice"},
        {"{\"RecipeFormatVersion\":\"2020-01-25\",\"ComponentName\":\"a\",\n  \"ComponentVersion\":1}", "x.json",
         SEDGE_E_INVALID, "x.json:2:22: ComponentVersion: version \"1\""},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_err err;
        struct sedge_recipe *r = parse(rows[i].text, rows[i].file, &err);

        if (r || err.code != rows[i].code || !strstr(err.msg, rows[i].message))
            fail_msg("row %zu: expected \"%s\", got %s \"%s\"", i, rows[i].message, sedge_err_name(err.code), err.msg);
    }
}

static void files_are_told_by_their_extension(void **st)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)st;
    assert_true(sedge_recipe_is_file_name("a.json"));
    assert_true(sedge_recipe_is_file_name("a.YAML"));
    assert_true(sedge_recipe_is_file_name("a.b.yml"));
    assert_false(sedge_recipe_is_file_name("a.txt"));
    assert_false(sedge_recipe_is_file_name(".json"));
    assert_null(sedge_recipe_load("a.txt", &err));
    assert_int_equal(err.code, SEDGE_E_UNSUPPORTED);
    assert_null(sedge_recipe_load("/nonexistent/a.json", &err));
}

static void the_store_form_loses_nothing(void **st)
{
    struct sedge_recipe *a = good(everything, "full.yaml");
    sedge_auto_free char *text = sedge_recipe_to_yaml(a);
    struct sedge_recipe *b = good(text, "stored.yaml");

    (void)st;
    assert_true(json_object_equal(a->document, b->document));
    sedge_recipe_free(a);
    sedge_recipe_free(b);
}

static void store_names_hold_a_hash_of_the_component(void **st)
{
    sedge_auto_free char *name = sedge_recipe_store_name("com.example.HelloWorld", "1.0.0");

    (void)st;
    assert_int_equal(strlen(name), 43 + 1 + 5);
    assert_string_equal(name + 43, "@1.0.0");
    assert_null(strpbrk(name, "/+="));
}

static void artifact_names_and_folders(void **st)
{
    static const struct {
        const char *uri;
        const char *name; /* NULL: refused */
        enum sedge_unarchive unarchive;
        const char *base;
    } rows[] = {
        {"s3://b/k/a.zip", "a.zip", SEDGE_UNARCHIVE_ZIP, "a"},
        {"S3://b/k/Archive.zip", "Archive.zip", SEDGE_UNARCHIVE_ZIP, "Archive"},
        {"s3://b/k/my.lib.zip", "my.lib.zip", SEDGE_UNARCHIVE_ZIP, "my.lib"},
        {"s3://b/.hidden.zip", ".hidden.zip", SEDGE_UNARCHIVE_ZIP, ".hidden.zip"},
        {"s3://b/noext", "noext", SEDGE_UNARCHIVE_ZIP, "noext"},
        {"s3://b/what?x", "what?x", SEDGE_UNARCHIVE_ZIP, "what?x"},
        {"greengrass:OB5/image.zip", "image.zip", SEDGE_UNARCHIVE_ZIP, "image"},
        {"https://h/p/m.tar.gz?token=a/b", "m.tar.gz", SEDGE_UNARCHIVE_TGZ, "m"},
        {"https://h/p/m.tgz", "m.tgz", SEDGE_UNARCHIVE_TGZ, "m"},
        {"file:///x/m.tar", "m.tar", SEDGE_UNARCHIVE_TAR, "m"},
        {"s3://b/k/m.tar.gz", "m.tar.gz", SEDGE_UNARCHIVE_ZIP, "m.tar"},
        {"s3://b/k/", NULL, SEDGE_UNARCHIVE_NONE, NULL},
        {"s3://b/k/..", NULL, SEDGE_UNARCHIVE_NONE, NULL},
        {"s3://b/k/a\nb", NULL, SEDGE_UNARCHIVE_NONE, NULL},
        {"docker:alpine", NULL, SEDGE_UNARCHIVE_NONE, NULL},
        {"ftp://h/a", NULL, SEDGE_UNARCHIVE_NONE, NULL},
        {"a.zip", NULL, SEDGE_UNARCHIVE_NONE, NULL},
        {"", NULL, SEDGE_UNARCHIVE_NONE, NULL},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_err err;
        sedge_auto_free char *name = sedge_artifact_file_name(rows[i].uri, &err);
        sedge_auto_free char *base = name ? sedge_artifact_base_name(name, rows[i].unarchive) : NULL;

        if (!sedge_str_eq(name, rows[i].name) || !sedge_str_eq(base, rows[i].base))
            fail_msg("%s: got %s, %s", rows[i].uri, name ? name : "(refused)", base ? base : "");
    }
    assert_int_equal(sedge_artifact_scheme("HTTPS://x"), SEDGE_URI_HTTPS);
    assert_int_equal(sedge_artifact_scheme("lambda:x"), SEDGE_URI_OTHER);
    assert_int_equal(sedge_artifact_scheme("/x:y"), SEDGE_URI_NO_SCHEME);
}

static void permissions_become_mode_bits(void **st)
{
    static const struct {
        enum sedge_permission read, execute;
        mode_t root, user;
    } rows[] = {
        {SEDGE_PERMISSION_OWNER, SEDGE_PERMISSION_NONE, 0440, 0640},
        {SEDGE_PERMISSION_OWNER, SEDGE_PERMISSION_OWNER, 0550, 0750},
        {SEDGE_PERMISSION_ALL, SEDGE_PERMISSION_NONE, 0444, 0644},
        {SEDGE_PERMISSION_OWNER, SEDGE_PERMISSION_ALL, 0555, 0755},
        {SEDGE_PERMISSION_NONE, SEDGE_PERMISSION_NONE, 0400, 0600},
        {SEDGE_PERMISSION_NONE, SEDGE_PERMISSION_OWNER, 0550, 0750},
        {SEDGE_PERMISSION_NONE, SEDGE_PERMISSION_ALL, 0555, 0755},
        {SEDGE_PERMISSION_ALL, SEDGE_PERMISSION_OWNER, 0554, 0754},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        const struct sedge_artifact a = {.read = rows[i].read, .execute = rows[i].execute};

        assert_int_equal(sedge_artifact_mode(&a, true), rows[i].root);
        assert_int_equal(sedge_artifact_mode(&a, false), rows[i].user);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member_arrives_whatever_its_letter_case),
        cmocka_unit_test(forms_in_circulation_are_accepted),
        cmocka_unit_test(a_refusal_names_file_line_column_member_and_expectation),
        cmocka_unit_test(files_are_told_by_their_extension),
        cmocka_unit_test(the_store_form_loses_nothing),
        cmocka_unit_test(store_names_hold_a_hash_of_the_component),
        cmocka_unit_test(artifact_names_and_folders),
        cmocka_unit_test(permissions_become_mode_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
