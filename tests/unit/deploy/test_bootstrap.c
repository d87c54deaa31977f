#include "../test.h"

#include "base/mem.h"
#include "base/str.h"
#include "deploy/bootstrap.h"

/* JSON with ' for ". */
static struct json_object *json(const char *text)
{
    sedge_auto_free char *copy = sedge_xstrdup(text);
    struct sedge_err err = SEDGE_ERR_INIT;
    struct json_object *v;

    for (char *p = copy; *p; p++)
        if (*p == '\'') *p = '"';
    v = sedge_json_parse(copy, strlen(copy), "test", &err);
    if (err.code != SEDGE_OK) fail_msg("%s: %s", text, err.msg);
    return v;
}

static struct json_object *service(const char *version, const char *step)
{
    sedge_auto_free char *text = step ? sedge_xasprintf("{'version':'%s','lifecycle':{'Bootstrap':%s}}", version, step)
                                      : sedge_xasprintf("{'version':'%s','lifecycle':{'run':'x'}}", version);

    return json(text);
}

/* spec/deployment.md 16.1 */
static void a_step_is_required_when_it_is_new_or_has_changed(void **st)
{
    static const struct {
        const char *before, *after; /* steps of the same version; NULL: none */
        bool required;
    } rows[] = {
        {NULL, NULL, false},
        {NULL, "'x'", true},
        {"'x'", NULL, false},
        {"'x'", "'x'", false},
        {"'x'", "'y'", true},
        {"'x'", "''", false},
        {"'x'", "null", false},
        {"'x'", "{'Script':'x'}", true},
        {"{'Script':'x','Timeout':5}", "{'timeout':'5','script':'x'}", false},
        {"{'Script':'x','Timeout':5}", "{'Script':'x'}", true},
        {"{'Script':'x'}", "{'Script':'x','Timeout':5}", true},
        {"{'Script':'x','RequiresPrivilege':true}", "{'Script':'x','RequiresPrivilege':'true'}", false},
        {"{'Script':'x','Setenv':{'A':1,'B':'2'}}", "{'Script':'x','setenv':{'B':2,'A':'1'}}", false},
        {"{'Script':'x','Setenv':{'A':1}}", "{'Script':'x','Setenv':{'A':2}}", true},
        {"{'Script':'x','Setenv':{'A':1}}", "{'Script':'x','Setenv':{'A':1,'B':1}}", true},
        {NULL, "{'Timeout':5}", true}, /* without a script: it will fail */
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_put struct json_object *before = service("1.0.0", rows[i].before),
                                          *after = service("1.0.0", rows[i].after),
                                          *newer = service("1.1.0", rows[i].after);
        if (sedge_bootstrap_is_required(before, after) != rows[i].required) fail_msg("row %zu", i);
        /* a new component, or another version: whenever there is a step */
        bool has = rows[i].after && strcmp(rows[i].after, "''") != 0 && strcmp(rows[i].after, "null") != 0;
        assert_int_equal(sedge_bootstrap_is_required(NULL, after), has);
        assert_int_equal(sedge_bootstrap_is_required(before, newer), has);
    }
}

static void names_are(struct json_object *tasks, const char *expected)
{
    sedge_auto_strv struct sedge_strv names = {NULL, 0};
    sedge_auto_free char *text = NULL;

    for (size_t i = 0; i < json_object_array_length(tasks); i++)
        sedge_strv_add(&names, sedge_bootstrap_component(json_object_array_get_idx(tasks, i)));
    text = sedge_strv_join(&names, " ");
    assert_string_equal(text, expected);
}

#define A "'a':{'version':'1','dependencies':['b:HARD','c:SOFT'],'lifecycle':{'bootstrap':'x'}}"
#define B "'b':{'version':'1','dependencies':['d:HARD'],'lifecycle':{'bootstrap':'x'}}"
#define C "'c':{'version':'1','dependencies':[],'lifecycle':{'bootstrap':{'script':'x','BootstrapOnRollback':true}}}"
#define D "'d':{'version':'1','lifecycle':{'run':'x'}}"

static void tasks_are_in_the_order_of_dependencies(void **st)
{
    sedge_auto_put struct json_object *planned = json("{" A "," C "," B "," D ",'main':{'dependencies':['a']}}");
    sedge_auto_put struct json_object *now = json("{" B "," D "}"), *nothing = json("{}");
    sedge_auto_put struct json_object *all = sedge_bootstrap_tasks(nothing, planned);
    sedge_auto_put struct json_object *rest = sedge_bootstrap_tasks(now, planned);
    sedge_auto_put struct json_object *none = sedge_bootstrap_tasks(planned, planned);
    sedge_auto_put struct json_object *first = sedge_bootstrap_tasks(NULL, planned);

    (void)st;
    names_are(all, "b c a");
    names_are(rest, "c a");
    names_are(none, "");
    names_are(first, "b c a");
    assert_null(sedge_bootstrap_next(none));
    assert_null(sedge_bootstrap_next(NULL));
}

static void a_circle_of_dependencies_does_not_hang(void **st)
{
    sedge_auto_put struct json_object *planned =
        json("{'a':{'version':'1','dependencies':['b'],'lifecycle':{'bootstrap':'x'}},"
             "'b':{'version':'1','dependencies':['a',null,'gone:HARD'],'lifecycle':{'bootstrap':'x'}}}");
    sedge_auto_put struct json_object *tasks = sedge_bootstrap_tasks(NULL, planned);

    (void)st;
    names_are(tasks, "b a");
}

static void tasks_are_worked_off_one_after_the_other(void **st)
{
    static const struct {
        int code;
        enum sedge_bootstrap_result result;
    } rows[] = {{0, SEDGE_BOOTSTRAP_GO_ON},  {100, SEDGE_BOOTSTRAP_RESTART}, {101, SEDGE_BOOTSTRAP_REBOOT},
                {1, SEDGE_BOOTSTRAP_FAILED}, {99, SEDGE_BOOTSTRAP_FAILED},   {102, SEDGE_BOOTSTRAP_FAILED},
                {-1, SEDGE_BOOTSTRAP_FAILED}};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_put struct json_object *planned = json("{" B "," C "}");
        sedge_auto_put struct json_object *tasks = sedge_bootstrap_tasks(NULL, planned);
        struct json_object *task = sedge_bootstrap_next(tasks);
        assert_string_equal(sedge_bootstrap_component(task), "b");
        sedge_bootstrap_begin(task);
        assert_ptr_equal(sedge_bootstrap_next(tasks), task); /* begun is not done */
        assert_int_equal(sedge_bootstrap_end(task, rows[i].code), rows[i].result);
        assert_string_equal(sedge_bootstrap_component(sedge_bootstrap_next(tasks)), "c");
        assert_int_equal(sedge_json_i64(task, "exitCode", -5), rows[i].code);
    }
}

/* spec/deployment.md 16.5 */
static void the_way_back_runs_only_steps_that_want_it_and_were_begun(void **st)
{
    sedge_auto_put struct json_object *snapshot = json("{" A "," B "," C "," D "}");
    sedge_auto_put struct json_object *failed = json("{'a':{'version':'2','lifecycle':{'bootstrap':'y'}},"
                                                     "'b':{'version':'2','lifecycle':{'bootstrap':'y'}},"
                                                     "'c':{'version':'2','lifecycle':{'bootstrap':'y'}}}");
    sedge_auto_put struct json_object *done = sedge_bootstrap_tasks(snapshot, failed);
    sedge_auto_put struct json_object *none = NULL, *some = NULL, *same = NULL;
    struct json_object *task;

    (void)st;
    none = sedge_bootstrap_tasks_back(snapshot, failed, done);
    names_are(none, "");
    while ((task = sedge_bootstrap_next(done))) {
        sedge_bootstrap_begin(task);
        (void)sedge_bootstrap_end(task, 0);
    }
    some = sedge_bootstrap_tasks_back(snapshot, failed, done);
    names_are(some, "c"); /* a and b do not want it */
    same = sedge_bootstrap_tasks_back(snapshot, snapshot, done);
    names_are(same, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_is_required_when_it_is_new_or_has_changed),
        cmocka_unit_test(tasks_are_in_the_order_of_dependencies),
        cmocka_unit_test(a_circle_of_dependencies_does_not_hang),
        cmocka_unit_test(tasks_are_worked_off_one_after_the_other),
        cmocka_unit_test(the_way_back_runs_only_steps_that_want_it_and_were_begun),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
