/* Dynamic groups: the language of their queries, and members that come and go. */
#include "site.h"

#include "base/str.h"
#include "cloud/registry/group_dynamic.h"
#include "cloud/registry/group_query.h"

static const char facts_text[] =
    "{\"name\":\"cam-1\",\"health\":\"UNHEALTHY\",\"arch\":\"aarch64\",\"attr\":{\"site\":\"hall 1\",\"line\":\"4\"},"
    "\"component\":{\"variant.DLR\":\"1.6.4\",\"x\":\"1.10.0\"}}";

static void a_query_says_which_things_belong(void **st)
{
    static const struct {
        const char *query;
        bool fits;
    } rows[] = {
        {"attr.site = 'hall 1'", true},
        {"attr.site = \"hall 1\" and component.variant.DLR < 1.6.11", true},
        {"component.variant.DLR<1.6.4", false},
        {"component.variant.DLR <= 1.6.4", true},
        {"component.x > 1.9.0", true}, /* a version, not a text */
        {"component.y != 1.0.0", false},
        {"component.y", false},
        {"not component.y", true},
        {"attr.line", true},
        {"attr.line != 5", true},
        {"health = HEALTHY or arch = aarch64", true},
        {"health = HEALTHY or arch = aarch64 and attr.line = 5", false},
        {"(health = HEALTHY or arch = aarch64) and attr.line = 4", true},
        {"NOT (health = HEALTHY AND arch = aarch64)", true},
        {"not not name = cam-1", true},
        {"runtime = sedge", false},
    };
    sedge_auto_put struct json_object *facts = sedge_json_parse_object(facts_text, strlen(facts_text), "facts", NULL);

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_err err = SEDGE_ERR_INIT;
        struct sedge_group_query *q = sedge_group_query_parse(rows[i].query, &err);

        if (!q) fail_msg("%s: %s", rows[i].query, err.msg);
        if (sedge_group_query_match(q, facts) != rows[i].fits) fail_msg("%s", rows[i].query);
        sedge_group_query_free(q);
    }
}

static void a_bad_query_is_told_with_its_column(void **st)
{
    static const struct {
        const char *query, *says;
    } rows[] = {
        {"", "it ends too early; expected attr.NAME"},
        {"site = 1", "column 1: expected attr.NAME"},
        {"attr.site = ", "ends too early; expected a value"},
        {"attr.site = 'x", "column 13: expected a value"},
        {"attr.site = 1 attr.line = 2", "column 15: expected \"and\" or \"or\""},
        {"(attr.site", "\"and\", \"or\" or \")\""},
        {"attr. = 1", "column 1"},
        {"attr.a = 1 or", "ends too early"},
        {"((((((((((((((((((attr.a))))))))))))))))))", "nested deeper than 16"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_err err = SEDGE_ERR_INIT;

        assert_null(sedge_group_query_parse(rows[i].query, &err));
        if (!strstr(err.msg, rows[i].says)) fail_msg("%s: %s", rows[i].query, err.msg);
    }
}

static int refresh(struct sedge_cloud *c, bool all)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    int moved = 0;

    if (all) assert_int_equal(sedge_groups_note_all(c, &err), 0);
    if (sedge_groups_refresh(c, T0, &moved, &err) != 0) fail_msg("%s", err.msg);
    return moved;
}

static void set(struct sedge_cloud *c, const char *thing, const char *attribute)
{
    sedge_auto_free char *text = sedge_xstrdup(attribute);

    assert_int_equal(sedge_thing_set_attributes(c, thing, &(struct sedge_strv){&text, 1}, T0, NULL), 0);
}

static void members_come_and_go_with_what_is_known_of_them(void **st)
{
    struct sedge_cloud *c = *st;
    sedge_auto_put struct json_object *one = NULL;
    sedge_auto_free char *offers = NULL;
    struct sedge_err err = SEDGE_ERR_INIT;
    int joined = 0;

    set(c, "cam-1", "site=north");
    assert_int_equal(sedge_group_create_dynamic(c, "north", "attr.site = north", T0, &joined, &err), 0);
    assert_int_equal(joined, 1);
    one = site_deploy(c, SEDGE_TARGET_GROUP, "north", "1.0.0", T0);
    assert_int_equal(sedge_json_i64(one, "things", 0), 1);
    assert_int_equal(refresh(c, false), 0);

    set(c, "cam-2", "site=north");
    assert_int_equal(site_count(c, "SELECT COUNT(*) FROM regroup"), 1);
    assert_int_equal(refresh(c, false), 1);
    assert_int_equal(site_count(c, "SELECT COUNT(*) FROM execution WHERE status=0"), 2); /* cam-2 got the revision */
    assert_int_equal(site_count(c, "SELECT COUNT(*) FROM regroup"), 0);
    set(c, "cam-1", "site=south");
    assert_int_equal(refresh(c, false), 1);
    assert_int_equal(site_count(c, "SELECT COUNT(*) FROM execution WHERE status=6"), 1);
    assert_int_equal(sedge_group_add(c, "north", "cam-1", T0, &offers, &err), -1);
    assert_int_equal(err.code, SEDGE_E_CONFLICT);
}

static void a_reported_component_counts_and_the_full_look_finds_what_was_missed(void **st)
{
    struct sedge_cloud *c = *st;
    int joined = 0;

    assert_int_equal(sedge_group_create_dynamic(c, "old", "component.x < 2.0.0", T0, &joined, NULL), 0);
    assert_int_equal(joined, 0);
    assert_int_equal(
        sedge_db_exec(c->db,
                      "INSERT INTO name VALUES(1,'x'); INSERT INTO component_state SELECT id,1,'1.0.0',3,1,"
                      "NULL,NULL,NULL,1 FROM thing WHERE name='cam-1'",
                      NULL),
        0);
    assert_int_equal(refresh(c, false), 1);
    assert_int_equal(sedge_db_exec(c->db, "UPDATE component_state SET version='2.0.0'; DELETE FROM regroup", NULL), 0);
    assert_int_equal(refresh(c, false), 0);
    assert_int_equal(refresh(c, true), 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, site_setup, site_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_says_which_things_belong),
        cmocka_unit_test(a_bad_query_is_told_with_its_column),
        T(members_come_and_go_with_what_is_known_of_them),
        T(a_reported_component_counts_and_the_full_look_finds_what_was_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
