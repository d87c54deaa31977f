/* maxBytesPerSecond: releases are spaced by what things have to fetch. */
#include "fleet_site.h"

#include "cloud/rollout/download.h"

#define LIMIT "{\"maxBytesPerSecond\":10000}"

/* Component a in this version, with one artifact for each architecture. */
static void publish(struct fleet *f, const char *version, int64_t amd64, int64_t arm)
{
    sedge_auto_free char *recipe = sedge_xasprintf(
        "{\"RecipeFormatVersion\":\"2020-01-25\",\"ComponentName\":\"a\",\"ComponentVersion\":\"%s\",\"Manifests\":["
        "{\"Platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"},\"Artifacts\":["
        "{\"URI\":\"s3://fleet/site/artifacts/a/%s/amd64.bin\"},{\"URI\":\"https://example.com/amd64.bin\"}]},"
        "{\"Platform\":{\"os\":\"linux\"},\"Artifacts\":[{\"URI\":\"s3://fleet/site/artifacts/a/%s/other.bin\"}]}]}",
        version, version, version);
    sedge_auto_free char *manifest =
        sedge_xasprintf("{\"artifacts\":[{\"key\":\"artifacts/a/%s/amd64.bin\",\"file\":\"amd64.bin\",\"size\":%lld},"
                        "{\"key\":\"artifacts/a/%s/other.bin\",\"file\":\"other.bin\",\"size\":%lld}]}",
                        version, (long long)amd64, version, (long long)arm);

    assert_int_equal(sedge_q_run(f->c->db, NULL,
                                 "INSERT INTO component_version(name,version,state,recipe_sha256,manifest,created_at,"
                                 "recipe) VALUES('a',?1,0,'',?2,1764590400,?3)",
                                 "ttt", version, (const char *)manifest, (const char *)recipe),
                     0);
}

static int budget_setup(void **st)
{
    int rc = setup(st);

    sql(*st, "UPDATE thing SET platform='linux', arch='amd64'");
    publish(*st, "1.0.0", 1000, 7);
    return rc;
}

static void releases_are_spaced_by_what_things_lack(void **st)
{
    struct fleet *f = *st;
    int64_t d = create(f, "1.0.0", FAST, LIMIT);

    assert_int_equal(given(f, d), 10);
    ticks(f, 3, 250);
    assert_int_equal(given(f, d), 10);
    tick(f, 250);
    assert_int_equal(given(f, d), 20);
    ticks(f, 32, 250);
    assert_int_equal(given(f, d), 100);
    tick(f, 250);
    assert_int_equal(count(f, "SELECT released FROM deployment"), 1);
}

static void a_thing_that_needs_more_than_a_second_goes_alone(void **st)
{
    struct fleet *f = *st;
    int64_t d;

    publish(f, "2.0.0", 50000, 7);
    d = create(f, "2.0.0", FAST, LIMIT);
    assert_int_equal(given(f, d), 1);
    ticks(f, 19, 250);
    assert_int_equal(given(f, d), 1);
    tick(f, 250);
    assert_int_equal(given(f, d), 2);
}

static void a_revision_of_configuration_alone_runs_at_full_rate(void **st)
{
    struct fleet *f = *st;
    int64_t d;

    sql(f, "INSERT INTO name(id,name) VALUES(1,'a')");
    sql(f, "INSERT INTO component_state(thing_id,name_id,version,state,is_root,updated_at) SELECT id, 1, '1.0.0', 3, 1,"
           " 0 FROM thing");
    d = create(f, "1.0.0", FAST, "{\"maxBytesPerSecond\":1}");
    assert_int_equal(given(f, d), 100);
}

static void each_thing_counts_with_its_own_architecture_and_what_it_has(void **st)
{
    struct fleet *f = *st;
    int64_t d = create(f, "1.0.0", FAST, LIMIT), bytes = -1;

    sql(f, "UPDATE thing SET arch='aarch64' WHERE id=2");
    sql(f, "UPDATE thing SET arch=NULL WHERE id=3");
    sql(f, "INSERT INTO name(id,name) VALUES(1,'a')");
    sql(f, "INSERT INTO component_state(thing_id,name_id,version,state,is_root,updated_at) VALUES(4,1,'1.0.0',3,1,0),"
           "(5,1,'0.9.0',3,1,0)");
    assert_int_equal(sedge_download_bytes(f->c->db, d, 1, &bytes, NULL), 0);
    assert_int_equal(bytes, 1000);
    assert_int_equal(sedge_download_bytes(f->c->db, d, 2, &bytes, NULL), 0);
    assert_int_equal(bytes, 7);
    assert_int_equal(sedge_download_bytes(f->c->db, d, 3, &bytes, NULL), 0);
    assert_int_equal(bytes, 1000);
    assert_int_equal(sedge_download_bytes(f->c->db, d, 4, &bytes, NULL), 0);
    assert_int_equal(bytes, 0);
    assert_int_equal(sedge_download_bytes(f->c->db, d, 5, &bytes, NULL), 0);
    assert_int_equal(bytes, 1000);
}

static void what_nobody_can_resolve_counts_nothing(void **st)
{
    struct fleet *f = *st;
    int64_t d = create(f, "9.0.0", FAST, LIMIT);

    assert_int_equal(given(f, d), 100);
}

static void a_restarted_engine_owes_the_same(void **st)
{
    struct fleet *f = *st;
    int64_t d = create(f, "1.0.0", FAST, LIMIT);

    sedge_rollout_free(f->r);
    f->r = sedge_rollout_new(f->c);
    ticks(f, 3, 250);
    assert_int_equal(given(f, d), 10);
    tick(f, 250);
    assert_int_equal(given(f, d), 20);
}

static void a_clock_that_is_set_back_does_not_stop_releases(void **st)
{
    struct fleet *f = *st;
    int64_t d = create(f, "1.0.0", FAST, LIMIT);

    tick(f, 250);
    f->now_ms -= INT64_C(31536000000);
    ticks(f, 2, 250);
    assert_int_equal(given(f, d), 10);
    ticks(f, 2, 250);
    assert_int_equal(given(f, d), 20);
}

static void who_joins_later_waits_for_the_bytes_too(void **st)
{
    struct fleet *f = *st;
    int64_t d = create(f, "1.0.0", FAST, LIMIT);

    ticks(f, 40, 250);
    finish(f, d, 100, SEDGE_EXEC_SUCCEEDED);
    assert_int_equal(state_of(f, d), SEDGE_DEP_ACTIVE);
    tick(f, 60000);
    sql(f, "WITH RECURSIVE n(i) AS (SELECT 101 UNION ALL SELECT i+1 FROM n WHERE i<115) INSERT INTO"
           " thing(name,created_at,last_seen,arch) SELECT printf('t-%03d',i), 1764590400, 1764590400, 'amd64' FROM n");
    for (int i = 101; i <= 115; i++) {
        sedge_auto_free char *name = sedge_xasprintf("t-%03d", i);
        sedge_auto_free char *offers = NULL;

        assert_int_equal(sedge_group_add(f->c, "g", name, f->now_ms, &offers, NULL), 0);
    }
    assert_int_equal(given(f, d), 110);
    assert_int_equal(state_of(f, d), SEDGE_DEP_ROLLING);
    ticks(f, 8, 250);
    assert_int_equal(given(f, d), 115);
}

static void a_sleeper_that_comes_back_is_left_to_the_engine(void **st)
{
    struct fleet *f = *st;
    int64_t d;
    int offered = 0;

    sql(f, "UPDATE thing SET last_seen=1764590400-40*86400 WHERE id>20");
    publish(f, "2.0.0", 10000, 7);
    d = create(f, "2.0.0", FAST, LIMIT);
    ticks(f, 80, 250);
    finish(f, d, 20, SEDGE_EXEC_SUCCEEDED);
    assert_int_equal(state_of(f, d), SEDGE_DEP_ACTIVE);
    tick(f, 60000);
    sql(f, "UPDATE thing SET last_seen=1764590400 WHERE id IN (30,31)");
    assert_int_equal(sedge_release_late(f->c->db, f->now_ms / 1000, 30, &offered, NULL), 0);
    assert_int_equal(offered, 1);
    assert_int_equal(sedge_release_late(f->c->db, f->now_ms / 1000, 31, &offered, NULL), 0);
    assert_int_equal(offered, 0);
    assert_int_equal(given(f, d), 21);
    ticks(f, 8, 250);
    assert_int_equal(given(f, d), 22);
}

static void going_back_keeps_the_limit(void **st)
{
    struct fleet *f = *st;
    int64_t one = create(f, "1.0.0", FAST, LIMIT), two;
    sedge_auto_put struct json_object *o = NULL;

    publish(f, "2.0.0", 1000, 7);
    two = create(f, "2.0.0", FAST, NULL);
    assert_true(two > one);
    o = sedge_deploy_revert(f->c, one, false, 0, f->now_ms, NULL);
    assert_non_null(o);
    assert_int_equal(count(f, "SELECT json_extract(policy,'$.rollout.maxBytesPerSecond') FROM deployment WHERE id=3"),
                     10000);
    assert_int_equal(given(f, 3), 10);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, budget_setup, teardown)
    const struct CMUnitTest tests[] = {
        T(releases_are_spaced_by_what_things_lack),
        T(a_thing_that_needs_more_than_a_second_goes_alone),
        T(a_revision_of_configuration_alone_runs_at_full_rate),
        T(each_thing_counts_with_its_own_architecture_and_what_it_has),
        T(what_nobody_can_resolve_counts_nothing),
        T(a_restarted_engine_owes_the_same),
        T(a_clock_that_is_set_back_does_not_stop_releases),
        T(who_joins_later_waits_for_the_bytes_too),
        T(a_sleeper_that_comes_back_is_left_to_the_engine),
        T(going_back_keeps_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
