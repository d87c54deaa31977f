/* A device that nobody has made, with a certificate of the site's authority. */
#include "world.h"

#define NEW_NEXT "$aws/things/cam-7/jobs/$next" NS "/get"

static int open_setup(void **st)
{
    int rc = world_setup(st);
    struct world *w = *st;

    sedge_plane_auto_register(w->p, true);
    return rc;
}

static void accepted(struct world *w, const char *topic)
{
    sedge_auto_free char *answer = ask(w, topic, "{}", "accepted", T0);

    assert_non_null(answer);
}

static void refused(struct world *w, const char *topic)
{
    sedge_auto_free char *answer = ask(w, topic, "{}", "rejected", T0);

    assert_non_null(strstr(answer, "ResourceNotFound"));
}

static void it_is_off_unless_it_is_switched_on(void **st)
{
    struct world *w = *st;

    sedge_plane_auto_register(w->p, false);
    refused(w, NEW_NEXT);
    assert_int_equal(site_count(w->c, "SELECT COUNT(*) FROM thing"), 2);
    assert_int_equal(site_count(w->c, "SELECT COUNT(*) FROM grp"), 1);
}

static void a_new_name_becomes_a_thing_with_its_first_message(void **st)
{
    struct world *w = *st;

    accepted(w, NEW_NEXT);
    accepted(w, NEW_NEXT);
    assert_int_equal(site_count(w->c, "SELECT COUNT(*) FROM thing WHERE name='cam-7' AND state=0 AND last_seen>0"), 1);
    assert_int_equal(site_count(w->c, "SELECT COUNT(*) FROM member m JOIN grp g ON g.id=m.group_id JOIN thing t ON"
                                      " t.id=m.thing_id WHERE g.name='unassigned' AND t.name='cam-7'"),
                     1);
    assert_int_equal(site_count(w->c, "SELECT COUNT(*) FROM audit WHERE what='thing-auto-register' AND ref='cam-7'"),
                     1);
}

static void it_gets_the_deployment_of_the_group_at_once(void **st)
{
    struct world *w = *st;
    sedge_auto_free char *answer = NULL;

    assert_int_equal(sedge_group_create(w->c, "unassigned", NULL), 0);
    json_object_put(site_deploy(w->c, SEDGE_TARGET_GROUP, "unassigned", "1.0.0", T0));
    answer = ask(w, NEW_NEXT, "{}", "accepted", T0);
    assert_non_null(strstr(answer, "\"execution\""));
}

static void names_that_were_used_are_not_taken(void **st)
{
    struct world *w = *st;

    assert_int_equal(sedge_thing_block(w->c, "cam-1", true, T0, NULL), 0);
    assert_int_equal(sedge_thing_delete(w->c, "cam-2", T0, NULL), 0);
    refused(w, NEXT);
    refused(w, "$aws/things/cam-2/jobs/$next" NS "/get");
    refused(w, "$aws/things/fleet-service/jobs/$next" NS "/get");
    assert_int_equal(site_count(w->c, "SELECT COUNT(*) FROM thing WHERE state=0"), 0);
}

static void a_dynamic_group_keeps_its_query(void **st)
{
    struct world *w = *st;

    assert_int_equal(
        sedge_db_exec(w->c->db, "INSERT INTO grp(name,query) VALUES('unassigned','attr.hall=''3''')", NULL), 0);
    accepted(w, NEW_NEXT);
    assert_int_equal(site_count(w->c, "SELECT COUNT(*) FROM member m JOIN grp g ON g.id=m.group_id WHERE"
                                      " g.name='unassigned'"),
                     0);
}

static void a_certificate_is_kept_and_a_revoked_one_is_refused(void **st)
{
    struct world *w = *st;
    int64_t id = 0;

    assert_int_equal(sedge_thing_meet(w->c, "cam-8", "ab12", "0f", T0, &id, NULL), 1);
    assert_int_equal(sedge_thing_pin(w->c, id, "other", "1f", NULL), 0);
    assert_int_equal(site_count(w->c, "SELECT COUNT(*) FROM thing WHERE cert_sha256='ab12' AND cert_serial='0f'"), 1);
    assert_int_equal(sedge_thing_delete(w->c, "cam-8", T0, NULL), 0);
    assert_int_equal(sedge_thing_meet(w->c, "cam-9", "cd34", "f", T0, &id, NULL), 0);
    accepted(w, NEW_NEXT);
    id = site_count(w->c, "SELECT id FROM thing WHERE name='cam-7'");
    assert_int_equal(sedge_thing_pin(w->c, id, "ef56", "2f", NULL), 0);
    assert_int_equal(site_count(w->c, "SELECT COUNT(*) FROM thing WHERE name='cam-7' AND cert_sha256='ef56'"), 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(it_is_off_unless_it_is_switched_on),
        T(a_new_name_becomes_a_thing_with_its_first_message),
        T(it_gets_the_deployment_of_the_group_at_once),
        T(names_that_were_used_are_not_taken),
        T(a_dynamic_group_keeps_its_query),
        T(a_certificate_is_kept_and_a_revoked_one_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
