#include "../test.h"

#include "base/mem.h"
#include "bridge/shadow_plan.h"

#define NONE NULL, 0

static struct sedge_shadow_view view(const char *state, int64_t version)
{
    struct sedge_shadow_view v = {state != NULL, version, NULL};

    if (state) v.state = sedge_json_parse_object(state, strlen(state), "test", NULL);
    assert_true(!state || v.state);
    return v;
}

static void assert_step(enum sedge_shadow_step step, struct json_object *patch, const char *want)
{
    if (!want) {
        assert_int_equal(step, SEDGE_SHADOW_LEAVE);
    } else if (strcmp(want, "delete") == 0) {
        assert_int_equal(step, SEDGE_SHADOW_DELETE);
    } else {
        sedge_auto_free char *text = sedge_json_text_sorted(patch);
        assert_int_equal(step, SEDGE_SHADOW_UPDATE);
        assert_string_equal(text, want);
    }
}

#define A1 "{\"reported\":{\"a\":1}}"
#define A2 "{\"reported\":{\"a\":2}}"
#define A3 "{\"reported\":{\"a\":3}}"
#define D1 "{\"desired\":{\"a\":1}}"

static void a_plan_brings_both_sides_in_step(void **st)
{
    static const struct {
        enum sedge_shadow_direction direction;
        struct {
            const char *state;
            int64_t version;
        } base, local, cloud;
        const char *here, *there; /* what is done; NULL: nothing */
        const char *both;         /* what is then on both sides; NULL: none */
    } rows[] = {
        /* both ways */
        {SEDGE_SHADOW_BOTH_WAYS, {NONE}, {NONE}, {NONE}, NULL, NULL, NULL},
        {SEDGE_SHADOW_BOTH_WAYS, {NONE}, {A1, 1}, {NONE}, NULL, A1, A1},
        {SEDGE_SHADOW_BOTH_WAYS, {NONE}, {NONE}, {A1, 4}, A1, NULL, A1},
        {SEDGE_SHADOW_BOTH_WAYS, {NONE}, {"{}", 1}, {NONE}, NULL, "{}", "{}"},
        {SEDGE_SHADOW_BOTH_WAYS, {NONE}, {A1, 1}, {A2, 4}, A2, NULL, A2},
        {SEDGE_SHADOW_BOTH_WAYS, {NONE}, {A1, 1}, {D1, 4}, D1, A1, "{\"desired\":{\"a\":1},\"reported\":{\"a\":1}}"},
        {SEDGE_SHADOW_BOTH_WAYS, {A1, 4}, {A1, 1}, {A1, 4}, NULL, NULL, A1},
        {SEDGE_SHADOW_BOTH_WAYS, {A1, 4}, {A2, 2}, {A1, 4}, NULL, A2, A2},
        {SEDGE_SHADOW_BOTH_WAYS, {A1, 4}, {A1, 1}, {A2, 5}, A2, NULL, A2},
        {SEDGE_SHADOW_BOTH_WAYS, {A1, 4}, {A2, 2}, {A3, 5}, A3, NULL, A3},
        {SEDGE_SHADOW_BOTH_WAYS, {A1, 4}, {"{}", 2}, {A1, 4}, NULL, "{\"reported\":null}", "{}"},
        {SEDGE_SHADOW_BOTH_WAYS, {A1, 4}, {NONE}, {A1, 4}, NULL, "delete", NULL},
        {SEDGE_SHADOW_BOTH_WAYS, {A1, 4}, {NONE}, {A2, 5}, A2, NULL, A2}, /* it had changed there meanwhile */
        {SEDGE_SHADOW_BOTH_WAYS, {A1, 4}, {A1, 1}, {NONE}, "delete", NULL, NULL},
        {SEDGE_SHADOW_BOTH_WAYS, {A1, 4}, {A2, 2}, {NONE}, "delete", NULL, NULL},
        {SEDGE_SHADOW_BOTH_WAYS, {A1, 4}, {NONE}, {NONE}, NULL, NULL, NULL},
        /* to the cloud */
        {SEDGE_SHADOW_TO_CLOUD, {A1, 4}, {A2, 2}, {A3, 5}, NULL, A2, A2},
        {SEDGE_SHADOW_TO_CLOUD, {A1, 4}, {A1, 1}, {NONE}, NULL, A1, A1},
        {SEDGE_SHADOW_TO_CLOUD, {A1, 4}, {NONE}, {A2, 5}, NULL, "delete", NULL},
        {SEDGE_SHADOW_TO_CLOUD, {NONE}, {NONE}, {A2, 5}, NULL, NULL, NULL}, /* never ours */
        /* to the device */
        {SEDGE_SHADOW_TO_DEVICE, {A1, 4}, {A2, 2}, {A3, 5}, A3, NULL, A3},
        {SEDGE_SHADOW_TO_DEVICE, {A1, 4}, {NONE}, {A1, 4}, A1, NULL, A1},
        {SEDGE_SHADOW_TO_DEVICE, {A1, 4}, {A1, 1}, {NONE}, "delete", NULL, NULL},
        {SEDGE_SHADOW_TO_DEVICE, {NONE}, {A1, 1}, {NONE}, NULL, NULL, NULL},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_shadow_view base = view(rows[i].base.state, rows[i].base.version);
        struct sedge_shadow_view local = view(rows[i].local.state, rows[i].local.version);
        struct sedge_shadow_view cloud = view(rows[i].cloud.state, rows[i].cloud.version);
        struct sedge_shadow_plan p;

        sedge_shadow_plan_make(&p, &base, &local, &cloud, rows[i].direction);
        assert_step(p.local, p.local_patch, rows[i].here);
        assert_step(p.cloud, p.cloud_patch, rows[i].there);
        assert_int_equal(p.exists, rows[i].both != NULL);
        if (rows[i].both) {
            sedge_auto_free char *text = sedge_json_text_sorted(p.state);
            assert_string_equal(text, rows[i].both);
        }
        sedge_shadow_plan_release(&p);
        sedge_shadow_view_release(&base);
        sedge_shadow_view_release(&local);
        sedge_shadow_view_release(&cloud);
    }
}

static void topics_are_told_apart(void **st)
{
    static const struct {
        const char *topic;
        enum sedge_shadow_topic verb;
        bool accepted;
        const char *name;
    } rows[] = {
        {"$aws/things/cam/shadow/get/accepted", SEDGE_SHADOW_TOPIC_GET, true, ""},
        {"$aws/things/cam/shadow/update/rejected", SEDGE_SHADOW_TOPIC_UPDATE, false, ""},
        {"$aws/things/cam/shadow/name/n1/delete/accepted", SEDGE_SHADOW_TOPIC_DELETE, true, "n1"},
        {"$aws/things/cam/shadow/update/delta", SEDGE_SHADOW_TOPIC_OTHER, false, NULL},
        {"$aws/things/cam/shadow/name/n1/update", SEDGE_SHADOW_TOPIC_OTHER, false, NULL},
        {"$aws/things/cam/shadow/names/n1/get/accepted", SEDGE_SHADOW_TOPIC_OTHER, false, NULL},
        {"$aws/things/cam/jobs/get/accepted", SEDGE_SHADOW_TOPIC_OTHER, false, NULL},
        {"$aws/things/cam/shadow/list/accepted", SEDGE_SHADOW_TOPIC_OTHER, false, NULL},
        {"", SEDGE_SHADOW_TOPIC_OTHER, false, NULL},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_free char *thing = NULL;
        sedge_auto_free char *name = NULL;
        bool accepted = false;

        assert_int_equal(sedge_shadow_topic_of(rows[i].topic, &thing, &name, &accepted), rows[i].verb);
        if (!rows[i].name) continue;
        assert_string_equal(thing, "cam");
        assert_string_equal(name, rows[i].name);
        assert_int_equal(accepted, rows[i].accepted);
    }
}

static void a_document_of_the_cloud_is_read_without_its_delta(void **st)
{
    struct sedge_shadow_view v = {.exists = false};
    static const char text[] = "{\"state\":{\"desired\":{\"a\":1},\"delta\":{\"a\":1}},\"version\":7}";
    sedge_auto_put struct json_object *o = sedge_json_parse_object(text, strlen(text), "test", NULL);
    sedge_auto_put struct json_object *none = json_object_new_object();

    (void)st;
    assert_int_equal(sedge_shadow_view_read(&v, none), -1);
    assert_int_equal(sedge_shadow_view_read(&v, o), 0);
    assert_int_equal(v.version, 7);
    assert_string_equal(sedge_json_text(v.state), "{\"desired\":{\"a\":1}}");
    sedge_shadow_view_release(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_brings_both_sides_in_step),
        cmocka_unit_test(topics_are_told_apart),
        cmocka_unit_test(a_document_of_the_cloud_is_read_without_its_delta),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
