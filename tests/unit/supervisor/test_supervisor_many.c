/* Components that depend on each other, and changes of what runs. */
#include "sup.h"

/* ---- dependencies ---- */

static void dependents_start_after_and_stop_before(void **st)
{
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    (void)rig_put(&r, "b", "1.0.0", "{'run':'sleep 100'}", "a");
    (void)rig_put(&r, "a", "1.0.0", "{'startup':'sleep 0.2'}", NULL);
    sedge_supervisor_start_all(r.sup);
    rig_wait(&r, "a:RUNNING b:STARTING b:RUNNING");
    sedge_supervisor_stop_all(r.sup, 0, rig_done, &r);
    rig_until(&r, rig_is_done, "stop");
    assert_true(rig_traced(&r, "b:STOPPING b:FINISHED a:STOPPING a:FINISHED"));
    rig_close(&r);
}

static void a_restarted_dependency_takes_its_dependents_along_once(void **st)
{
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    (void)rig_put(&r, "a", "1.0.0", "{'startup':'sleep 0.1'}", NULL);
    (void)rig_put(&r, "b", "1.0.0", "{'run':'sleep 100'}", "a");
    sedge_supervisor_start_all(r.sup);
    rig_wait(&r, "b:RUNNING");
    r.trace[0] = '\0';
    assert_int_equal(sedge_supervisor_restart(r.sup, "a", &r.err), 0);
    rig_wait(&r, "b:STARTING b:RUNNING");
    assert_true(strstr(r.trace, "a:RUNNING") <
                strstr(r.trace, "b:STARTING")); /* how b's stop and a's start mix: as it comes */
    assert_non_null(strstr(r.trace, "a:RUNNING"));
    assert_non_null(strstr(r.trace, "a:STOPPING a:INSTALLED"));
    assert_non_null(strstr(r.trace, "b:STOPPING")); /* a may be up again before b is down */
    assert_non_null(strstr(r.trace, "b:INSTALLED"));
    r.trace[0] = '\0';
    assert_int_equal(sedge_supervisor_stop(r.sup, "a", &r.err), 0); /* a stop leaves them alone */
    rig_wait(&r, "a:FINISHED");
    assert_string_equal(r.trace, "a:STOPPING a:FINISHED");
    rig_close(&r);
}

static void a_missing_dependency_is_waited_for_and_builtins_count(void **st)
{
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    (void)rig_put(&r, "b", "1.0.0", "{'run':'sleep 100'}", "aws.greengrass.Nucleus,late");
    sedge_supervisor_start_all(r.sup);
    rig_wait(&r, "b:INSTALLED");
    sedge_supervisor_add_builtin(r.sup, "aws.greengrass.Nucleus", "2.17.0", SEDGE_LC_FINISHED);
    (void)rig_put(&r, "late", "1.0.0", "{'startup':'true'}", NULL);
    assert_int_equal(sedge_supervisor_start(r.sup, "late", &r.err), 0);
    rig_wait(&r, "late:RUNNING b:STARTING b:RUNNING");
    assert_int_equal(sedge_supervisor_stop(r.sup, "aws.greengrass.Nucleus", &r.err), -1);
    assert_int_equal(r.err.code, SEDGE_E_DENIED);
    rig_close(&r);
}

static int collect(const struct sedge_service_info *info, void *user)
{
    char *out = user;
    (void)snprintf(out + strlen(out), 64, "%s ", info->name);
    return 0;
}

static void components_are_listed_dependencies_first(void **st)
{
    struct rig r;
    char names[256] = "";

    (void)st;
    rig_open(&r, NULL);
    (void)rig_put(&r, "c", "1.0.0", "{}", "b,d");
    (void)rig_put(&r, "b", "1.0.0", "{}", "a");
    (void)rig_put(&r, "a", "1.0.0", "{}", NULL);
    (void)rig_put(&r, "d", "1.0.0", "{}", "a");
    sedge_supervisor_each(r.sup, collect, names);
    assert_string_equal(names, "a b d c ");
    rig_close(&r);
}

static bool is_running(struct rig *r, const char *name)
{
    return rig_info(r, name).state == SEDGE_LC_RUNNING;
}

static void put_soft(struct rig *r, const char *name, const char *on)
{
    struct sedge_service_dep dep = {on, false};
    struct sedge_service_spec spec = {.name = name, .version = "1.0.0", .deps = &dep, .ndeps = on ? 1 : 0};

    spec.lifecycle = json_object_new_object();
    (void)json_object_object_add(spec.lifecycle, "run", json_object_new_string("sleep 100"));
    assert_int_equal(sedge_supervisor_put(r->sup, &spec, NULL, &r->err), 0);
    (void)json_object_put(spec.lifecycle);
}

/* Nobody waits for a SOFT dependency, but it has its turn first, and last when all stop. */
static void soft_dependencies_give_the_order_of_turns(void **st)
{
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    sedge_supervisor_begin_update(r.sup);
    put_soft(&r, "c", "b");
    put_soft(&r, "b", "a");
    put_soft(&r, "a", NULL);
    sedge_supervisor_end_update(r.sup);
    sedge_supervisor_start_all(r.sup);
    for (int i = 0; i < 3; i++)
        rig_until(&r, is_running, i == 0 ? "a" : i == 1 ? "b" : "c");
    assert_non_null(strstr(r.trace, "a:INSTALLED b:INSTALLED c:INSTALLED a:STARTING b:STARTING c:STARTING"));
    r.trace[0] = '\0';
    sedge_supervisor_stop_all(r.sup, 0, rig_done, &r);
    rig_until(&r, rig_is_done, "stop");
    assert_non_null(strstr(r.trace, "c:STOPPING b:STOPPING a:STOPPING"));
    rig_close(&r);
}

/* ---- changes ---- */

static void changes_have_the_reactions_of_the_table(void **st)
{
    static const char base[] = "{'install':'i','run':'r','shutdown':'s','setenv':{'A':'1'}}";
    static const struct {
        const char *version, *lifecycle, *deps;
        enum sedge_reaction reaction;
    } rows[] = {
        {"1.0.0", base, "x", SEDGE_REACT_NONE},
        {"1.0.1", base, "x", SEDGE_REACT_REINSTALL},
        {"1.0.0", "{'install':'i2','run':'r','shutdown':'s','setenv':{'A':'1'}}", "x", SEDGE_REACT_REINSTALL},
        {"1.0.0", "{'run':'r','shutdown':'s','setenv':{'A':'1'}}", "x", SEDGE_REACT_REINSTALL},
        {"1.0.0", "{'install':'i','run':'r2','shutdown':'s','setenv':{'A':'1'}}", "x", SEDGE_REACT_RESTART},
        {"1.0.0", "{'install':'i','run':'r','shutdown':'s2','setenv':{'A':'1'}}", "x", SEDGE_REACT_NONE},
        {"1.0.0", "{'install':'i','run':'r','setenv':{'A':'1'}}", "x", SEDGE_REACT_NONE},
        {"1.0.0", "{'install':'i','run':'r','shutdown':'s','setenv':{'A':'2'}}", "x", SEDGE_REACT_RESTART},
        {"1.0.0", "{'install':'i','run':'r','shutdown':'s'}", "x", SEDGE_REACT_RESTART},
        {"1.0.0", base, "x,y", SEDGE_REACT_RESTART},
        {"1.0.0", base, NULL, SEDGE_REACT_NONE},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct rig r;
        rig_open(&r, NULL);
        assert_int_equal(rig_put(&r, "a", "1.0.0", base, "x"), SEDGE_REACT_ADDED);
        assert_int_equal(sedge_supervisor_start(r.sup, "a", &r.err), 0);
        assert_int_equal(rig_put(&r, "a", rows[i].version, rows[i].lifecycle, rows[i].deps), rows[i].reaction);
        rig_close(&r);
    }
}

static void a_new_version_is_installed_and_the_old_one_stopped_by_its_own_script(void **st)
{
    struct rig r;
    sedge_auto_free char *out = NULL;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a", "{'install':'echo i1 >> o','run':'sleep 100','shutdown':'echo s1 >> o'}");
    rig_wait(&r, "a:RUNNING");
    sedge_supervisor_begin_update(r.sup);
    (void)rig_put(&r, "a", "2.0.0", "{'install':'echo i2 >> o','run':'sleep 100','shutdown':'echo s2 >> o'}", NULL);
    rig_wait(&r, "a:STOPPING a:NEW");
    (void)uv_run(&r.loop, UV_RUN_NOWAIT);
    out = rig_file(&r, "work/a/o");
    assert_string_equal(out, "i1\ns1\n"); /* waits for the end of the update */
    sedge_supervisor_end_update(r.sup);
    rig_wait(&r, "a:INSTALLED a:STARTING a:RUNNING");
    free(out);
    out = rig_file(&r, "work/a/o");
    assert_string_equal(out, "i1\ns1\ni2\n");
    assert_string_equal(rig_info(&r, "a").version, "2.0.0");
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dependents_start_after_and_stop_before),
        cmocka_unit_test(a_restarted_dependency_takes_its_dependents_along_once),
        cmocka_unit_test(a_missing_dependency_is_waited_for_and_builtins_count),
        cmocka_unit_test(components_are_listed_dependencies_first),
        cmocka_unit_test(soft_dependencies_give_the_order_of_turns),
        cmocka_unit_test(changes_have_the_reactions_of_the_table),
        cmocka_unit_test(a_new_version_is_installed_and_the_old_one_stopped_by_its_own_script),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
