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

static int add(struct sedge_cloud *c, const char *group, const char *thing, char **offers)
{
    free(*offers);
    *offers = NULL;
    return sedge_group_add(c, group, thing, T0, offers, NULL);
}

static void a_group_reaches_the_members_of_groups_below_it(void **st)
{
    struct sedge_cloud *c = *st;
    sedge_auto_free char *offers = NULL;
    sedge_auto_put struct json_object *one = NULL;
    struct sedge_err err = SEDGE_ERR_INIT;

    assert_int_equal(sedge_group_create_below(c, "north", "cams", &err), 0);
    assert_int_equal(sedge_group_create_below(c, "hall-1", "north", &err), 0);
    assert_int_equal(add(c, "hall-1", "cam-2", &offers), 0);
    one = site_deploy(c, SEDGE_TARGET_GROUP, "cams", "1.0.0", T0);
    assert_int_equal(sedge_json_i64(one, "things", 0), 2); /* cam-1 directly, cam-2 by hall-1 */

    /* A second way into the group changes nothing, leaving one way neither, the last one ends what is open. */
    assert_int_equal(add(c, "north", "cam-2", &offers), 0);
    assert_null(offers);
    assert_int_equal(sedge_group_rm(c, "hall-1", "cam-2", T0, &err), 0);
    assert_int_equal(site_count(c, "SELECT COUNT(*) FROM execution WHERE status=0"), 2);
    assert_int_equal(sedge_group_rm(c, "north", "cam-2", T0, &err), 0);
    assert_int_equal(site_count(c, "SELECT COUNT(*) FROM execution WHERE status=6"), 1);
    assert_int_equal(add(c, "hall-1", "cam-2", &offers), 0);
    assert_string_equal(offers, "group:cams:1");
}

static void groups_nest_seven_deep(void **st)
{
    struct sedge_cloud *c = *st;
    struct sedge_err err = SEDGE_ERR_INIT;
    char parent[16] = "cams", name[16];

    for (int depth = 2; depth <= SEDGE_GROUP_DEPTH_MAX + 1; depth++) {
        (void)snprintf(name, sizeof(name), "g%d", depth);
        assert_int_equal(sedge_group_create_below(c, name, parent, &err), depth <= SEDGE_GROUP_DEPTH_MAX ? 0 : -1);
        memcpy(parent, name, sizeof(parent));
    }
    assert_int_equal(err.code, SEDGE_E_LIMIT);
    assert_int_equal(sedge_group_delete(c, "cams", true, T0, &err), -1);
    assert_int_equal(err.code, SEDGE_E_CONFLICT);
    assert_int_equal(sedge_group_delete(c, "g7", false, T0, &err), 0);
    assert_int_equal(site_count(c, "SELECT COUNT(*) FROM grp_above"), 21); /* 1 + 2 + ... + 6 */
}

static size_t found(struct sedge_cloud *c, struct sedge_thing_filter f)
{
    sedge_auto_put struct json_object *list = sedge_thing_find(c, &f, NULL);

    return json_object_array_length(list);
}

static void things_are_found_by_what_is_known_of_them(void **st)
{
    struct sedge_cloud *c = *st;
    char *attrs[] = {(char[]){"site=hall 1"}, (char[]){"line=4"}, (char[]){"line="}};
    struct sedge_err err = SEDGE_ERR_INIT;

    assert_int_equal(sedge_thing_set_attributes(c, "cam-1", &(struct sedge_strv){attrs, 3}, T0, &err), 0);
    assert_int_equal(
        sedge_db_exec(c->db,
                      "UPDATE thing SET health=0, last_seen=100 WHERE name='cam-2';"
                      "INSERT INTO name VALUES(5,'x'); INSERT INTO component_state SELECT id,5,'1.0.0',3,1,"
                      "NULL,NULL,NULL,1 FROM thing WHERE name='cam-2'",
                      &err),
        0);
    assert_int_equal(found(c, (struct sedge_thing_filter){0}), 2);
    assert_int_equal(found(c, (struct sedge_thing_filter){.attribute = "site"}), 1);
    assert_int_equal(found(c, (struct sedge_thing_filter){.attribute = "site=hall 1"}), 1);
    assert_int_equal(found(c, (struct sedge_thing_filter){.attribute = "site=hall 2"}), 0);
    assert_int_equal(found(c, (struct sedge_thing_filter){.attribute = "line"}), 0);
    assert_int_equal(found(c, (struct sedge_thing_filter){.group = "cams"}), 1);
    assert_int_equal(found(c, (struct sedge_thing_filter){.health = "unhealthy"}), 1);
    assert_int_equal(found(c, (struct sedge_thing_filter){.health = "UNKNOWN"}), 1);
    assert_int_equal(found(c, (struct sedge_thing_filter){.component = "x"}), 1);
    assert_int_equal(found(c, (struct sedge_thing_filter){.component = "x@1.0.1"}), 0);
    assert_int_equal(found(c, (struct sedge_thing_filter){.seen_before = 100}), 1); /* cam-1 was never seen */
    assert_int_equal(found(c, (struct sedge_thing_filter){.seen_before = 101}), 2);
    assert_null(sedge_thing_find(c, &(struct sedge_thing_filter){.health = "ILL"}, &err));
    assert_int_equal(err.code, SEDGE_E_INVALID);
}

static void an_attribute_needs_a_good_name_and_all_or_none_is_set(void **st)
{
    struct sedge_cloud *c = *st;
    char *attrs[] = {(char[]){"site=1"}, (char[]){"a b=1"}};
    struct sedge_err err = SEDGE_ERR_INIT;

    assert_int_equal(sedge_thing_set_attributes(c, "cam-1", &(struct sedge_strv){attrs, 2}, T0, &err), -1);
    assert_non_null(strstr(err.msg, "attribute name \"a b\""));
    assert_int_equal(found(c, (struct sedge_thing_filter){.attribute = "site"}), 0);
}

static void a_deleted_thing_holds_no_deployment_up_and_its_successor_starts_anew(void **st)
{
    struct sedge_cloud *c = *st;
    sedge_auto_put struct json_object *group = site_deploy(c, SEDGE_TARGET_GROUP, "cams", "1.0.0", T0);
    sedge_auto_put struct json_object *own = site_deploy(c, SEDGE_TARGET_THING, "cam-1", "1.0.0", T0);
    sedge_auto_put struct json_object *again = NULL, *shown = NULL;
    sedge_auto_free char *offers = NULL;
    struct sedge_err err = SEDGE_ERR_INIT;

    assert_non_null(group);
    assert_int_equal(sedge_thing_delete(c, "cam-1", T0, &err), 0);
    assert_int_equal(site_count(c, "SELECT COUNT(*) FROM execution WHERE status<>6"), 0);
    assert_int_equal(site_count(c, "SELECT d.state FROM deployment d JOIN target t ON t.id=d.target_id WHERE kind=0"),
                     SEDGE_DEP_ACTIVE);
    assert_int_equal(sedge_db_exec(c->db, "INSERT INTO thing(name,created_at) VALUES('cam-1',2)", &err), 0);
    assert_int_equal(add(c, "cams", "cam-1", &offers), 0);
    assert_string_equal(offers, "group:cams:1");
    shown = sedge_thing_show(c, "cam-1", &err);
    assert_int_equal(json_object_array_length(sedge_json_arr(shown, "deployments")), 1);
    again = site_deploy(c, SEDGE_TARGET_THING, "cam-1", "1.0.0", T0);
    assert_int_equal(sedge_json_i64(own, "revision", 0), 1);
    assert_int_equal(sedge_json_i64(again, "revision", 0), 2);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, site_setup, site_teardown)
    const struct CMUnitTest tests[] = {
        T(names_follow_the_rules),
        T(revision_numbers_are_never_used_again),
        T(a_deleted_thing_is_told_nothing_and_its_name_is_free),
        T(a_thing_is_in_ten_groups_at_most),
        T(a_group_reaches_the_members_of_groups_below_it),
        T(groups_nest_seven_deep),
        T(things_are_found_by_what_is_known_of_them),
        T(an_attribute_needs_a_good_name_and_all_or_none_is_set),
        T(a_deleted_thing_holds_no_deployment_up_and_its_successor_starts_anew),
        T(a_document_that_does_not_fit_a_job_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
