/* Things, groups and revisions in the database. */
#include "site.h"

static void names_follow_the_rules(void **st)
{
    static const char sixty_four[] = "0123456789012345678901234567890123456789012345678901234567890123";
    static const struct {
        const char *what, *name;
        int rc;
    } rows[] = {
        {"thing", "cam-0017", 0}, {"thing", "a:b", -1},           {"thing", "", -1},
        {"thing", "a.b", -1},     {"thing", "fleet-service", -1}, {"thing", "../x", -1},
        {"group", "a b", -1},     {"group", "fleet-service", 0},  {"component", "com.hbs.Hub_1-x", 0},
        {"component", "a/b", -1}, {"component", "\xc3\xa4", -1},  {"thing", sixty_four, 0},
    };
    sedge_auto_free char *longer = sedge_xasprintf("%s4", sixty_four);

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++)
        assert_int_equal(sedge_cloud_check_name(rows[i].what, rows[i].name, NULL), rows[i].rc);
    assert_int_equal(sedge_cloud_check_name("thing", longer, NULL), -1);
}

static void revision_numbers_are_never_used_again(void **st)
{
    struct sedge_cloud *c = *st;
    sedge_auto_put struct json_object *one = site_deploy(c, SEDGE_TARGET_GROUP, "cams", "1.0.0", T0);
    sedge_auto_put struct json_object *two = NULL;
    struct sedge_err err = SEDGE_ERR_INIT;

    assert_int_equal(sedge_json_i64(one, "revision", 0), 1);
    assert_int_equal(sedge_group_delete(c, "cams", false, T0, &err), -1);
    assert_int_equal(err.code, SEDGE_E_CONFLICT);
    assert_int_equal(sedge_group_delete(c, "cams", true, T0, &err), 0);
    assert_int_equal(sedge_group_create(c, "cams", &err), 0);
    two = site_deploy(c, SEDGE_TARGET_GROUP, "cams", "1.0.0", T0);
    assert_int_equal(sedge_json_i64(two, "revision", 0), 2);
}

static void a_deleted_thing_is_told_nothing_and_its_name_is_free(void **st)
{
    struct sedge_cloud *c = *st;
    sedge_auto_put struct json_object *one = site_deploy(c, SEDGE_TARGET_GROUP, "cams", "1.0.0", T0);
    struct sedge_err err = SEDGE_ERR_INIT;

    assert_non_null(one);
    assert_int_equal(sedge_thing_delete(c, "cam-1", T0, &err), 0);
    assert_int_equal(site_count(c, "SELECT status FROM execution"), SEDGE_EXEC_REMOVED);
    assert_int_equal(site_count(c, "SELECT COUNT(*) FROM dirty"), 0);
    assert_int_equal(sedge_thing_delete(c, "cam-1", T0, &err), -1);
    assert_int_equal(err.code, SEDGE_E_NOT_FOUND);
    assert_int_equal(sedge_db_exec(c->db, "INSERT INTO thing(name,created_at) VALUES('cam-1',2)", &err), 0);
}

static void a_thing_is_in_ten_groups_at_most(void **st)
{
    struct sedge_cloud *c = *st;
    struct sedge_err err = SEDGE_ERR_INIT;

    for (int i = 0; i < SEDGE_CLOUD_GROUPS_OF_THING; i++) {
        sedge_auto_free char *name = sedge_xasprintf("g%d", i);
        sedge_auto_free char *offers = NULL;
        int last = i == SEDGE_CLOUD_GROUPS_OF_THING - 1; /* cam-1 is in cams too */

        assert_int_equal(sedge_group_create(c, name, &err), 0);
        assert_int_equal(sedge_group_add(c, name, "cam-1", T0, &offers, &err), last ? -1 : 0);
    }
    assert_int_equal(err.code, SEDGE_E_LIMIT);
}

static void a_document_that_does_not_fit_a_job_is_refused(void **st)
{
    struct sedge_cloud *c = *st;
    sedge_auto_put struct json_object *content = sedge_doc_empty();
    struct sedge_deploy_request rq = {
        .kind = SEDGE_TARGET_GROUP, .target = "cams", .content = content, .skip_resolve = true};
    struct sedge_err err = SEDGE_ERR_INIT;

    for (int i = 0; i < 900; i++) {
        sedge_auto_free char *name = sedge_xasprintf("component-with-a-long-name-%d@1.0.0", i);

        assert_int_equal(sedge_doc_set_component(content, name, &err), 0);
    }
    assert_null(sedge_deploy_create(c, &rq, T0, &err));
    assert_int_equal(err.code, SEDGE_E_LIMIT);
    assert_int_equal(site_count(c, "SELECT COUNT(*) FROM deployment"), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, site_setup, site_teardown)
    const struct CMUnitTest tests[] = {
        T(names_follow_the_rules),
        T(revision_numbers_are_never_used_again),
        T(a_deleted_thing_is_told_nothing_and_its_name_is_free),
        T(a_thing_is_in_ten_groups_at_most),
        T(a_document_that_does_not_fit_a_job_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
