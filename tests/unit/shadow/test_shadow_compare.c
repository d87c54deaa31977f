#include "../test.h"

#include "base/mem.h"
#include "shadow/compare.h"

static struct json_object *parse(const char *text)
{
    return text ? sedge_json_parse(text, strlen(text), "test", NULL) : NULL;
}

static void assert_same(struct json_object *got, const char *want)
{
    sedge_auto_free char *text = sedge_json_text_sorted(got);

    assert_string_equal(text, want);
}

static void a_patch_makes_one_state_of_another(void **st)
{
    static const struct {
        const char *from, *to, *patch;
    } rows[] = {
        {"{}", "{}", "{}"},
        {NULL, "{\"a\":1}", "{\"a\":1}"},
        {"{\"a\":1}", NULL, "{\"a\":null}"},
        {"{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":3}", "{\"b\":3}"},
        {"{\"o\":{\"x\":1,\"y\":2}}", "{\"o\":{\"x\":1}}", "{\"o\":{\"y\":null}}"},
        {"{\"o\":{\"x\":1}}", "{\"o\":5}", "{\"o\":5}"},
        {"{\"o\":5}", "{\"o\":{\"x\":1}}", "{\"o\":{\"x\":1}}"},
        {"{\"l\":[1,2]}", "{\"l\":[2,1]}", "{\"l\":[2,1]}"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_put struct json_object *from = parse(rows[i].from);
        sedge_auto_put struct json_object *to = parse(rows[i].to);
        sedge_auto_put struct json_object *patch = sedge_shadow_patch(from, to);

        assert_same(patch, rows[i].patch);
    }
}

static void both_sides_changes_come_together_and_the_cloud_wins(void **st)
{
    static const struct {
        const char *base, *local, *cloud, *merged;
    } rows[] = {
        {"{\"a\":1}", "{\"a\":1}", "{\"a\":1}", "{\"a\":1}"},
        {"{\"a\":1}", "{\"a\":2}", "{\"a\":1}", "{\"a\":2}"},          /* changed here */
        {"{\"a\":1}", "{\"a\":1}", "{\"a\":2}", "{\"a\":2}"},          /* changed there */
        {"{\"a\":1}", "{\"a\":2}", "{\"a\":3}", "{\"a\":3}"},          /* by both: the cloud's */
        {"{\"a\":1}", "{\"a\":2}", "{\"a\":2}", "{\"a\":2}"},          /* to the same */
        {"{\"a\":1}", "{}", "{\"a\":1}", "{}"},                        /* deleted here */
        {"{\"a\":1}", "{\"a\":1}", "{}", "{}"},                        /* deleted there */
        {"{\"a\":1}", "{\"a\":2}", "{}", "{}"},                        /* changed here, deleted there */
        {"{\"a\":1}", "{}", "{\"a\":2}", "{\"a\":2}"},                 /* deleted here, changed there */
        {"{}", "{\"a\":1}", "{\"b\":2}", "{\"a\":1,\"b\":2}"},         /* new on both sides */
        {NULL, "{\"a\":1,\"c\":1}", "{\"a\":2}", "{\"a\":2,\"c\":1}"}, /* never in step before */
        {NULL, NULL, NULL, "{}"},
        {"{\"o\":{\"x\":1,\"y\":1}}", "{\"o\":{\"x\":2,\"y\":1}}", "{\"o\":{\"x\":1,\"y\":2}}",
         "{\"o\":{\"x\":2,\"y\":2}}"},
        {"{\"o\":{\"x\":1}}", "{\"o\":5}", "{\"o\":{\"x\":1}}", "{\"o\":5}"},
        {"{\"o\":{\"x\":1}}", "{\"o\":{\"x\":2}}", "{\"o\":5}", "{\"o\":5}"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_put struct json_object *base = parse(rows[i].base);
        sedge_auto_put struct json_object *local = parse(rows[i].local);
        sedge_auto_put struct json_object *cloud = parse(rows[i].cloud);
        sedge_auto_put struct json_object *merged = sedge_shadow_merge3(base, local, cloud);

        assert_same(merged, rows[i].merged);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_patch_makes_one_state_of_another),
        cmocka_unit_test(both_sides_changes_come_together_and_the_cloud_wins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
