/* Bootstrap steps, and the tokens of components. */
#include "sup.h"

/* ---- bootstrap, tokens ---- */

static void bootstrap_done(void *arg, int code, const struct sedge_err *err)
{
    struct rig *r = arg;
    r->code = code;
    r->err = *err;
    r->done = true;
}

static void bootstrap_gives_its_exit_code(void **st)
{
    static const struct {
        const char *lifecycle;
        int code;
        enum sedge_err_code err;
    } rows[] = {
        {"{'bootstrap':'exit 0'}", 0, SEDGE_OK},
        {"{'bootstrap':'exit 100'}", 100, SEDGE_OK},
        {"{'bootstrap':{'script':'exit 5','skipif':'exists /'}}", 0, SEDGE_OK},
        {"{}", 0, SEDGE_OK},
        {"{'bootstrap':{'timeout':5}}", 1, SEDGE_E_INVALID},
        {"{'bootstrap':{'timeout':0,'script':'sleep 100'}}", 1, SEDGE_E_TIMEOUT},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_free char *text = sedge_xstrdup(rows[i].lifecycle);
        struct sedge_service_spec spec = {.name = "boot", .version = "1.0.0"};
        struct rig r;
        rig_open(&r, NULL);
        for (char *p = text; *p; p++)
            if (*p == '\'') *p = '"';
        spec.lifecycle = sedge_json_parse_object(text, strlen(text), "x", NULL);
        assert_int_equal(sedge_lifecycle_has_bootstrap(spec.lifecycle), strstr(text, "bootstrap") != NULL);
        sedge_supervisor_bootstrap(r.sup, &spec, bootstrap_done, &r);
        json_object_put(spec.lifecycle);
        assert_false(r.done);
        rig_until(&r, rig_is_done, rows[i].lifecycle);
        assert_int_equal(r.code, rows[i].code);
        assert_int_equal(r.err.code, rows[i].err);
        rig_close(&r);
    }
}

static struct json_object *lifecycle_of(const char *text)
{
    sedge_auto_free char *json = sedge_xstrdup(text);
    struct json_object *o;

    for (char *p = json; *p; p++)
        if (*p == '\'') *p = '"';
    o = sedge_json_parse_object(json, strlen(json), "lifecycle", NULL);
    assert_non_null(o);
    return o;
}

static void bootstrap_start(struct rig *r, const char *lifecycle)
{
    sedge_auto_put struct json_object *o = lifecycle_of(lifecycle);
    struct sedge_service_spec spec = {.name = "boot", .version = "1.0.0", .lifecycle = o};

    r->done = false;
    sedge_supervisor_bootstrap(r->sup, &spec, bootstrap_done, r);
}

static void bootstrap_is_done_when_none_of_its_processes_is_left(void **st)
{
    struct rig r;
    sedge_auto_free char *pid = NULL;

    (void)st;
    rig_open(&r, NULL);
    bootstrap_start(&r, "{'bootstrap':'(sleep 1000 >/dev/null 2>&1 & echo $! > pid); exit 100'}");
    rig_until(&r, rig_is_done, "bootstrap");
    assert_int_equal(r.code, 100);
    pid = rig_file(&r, "work/boot/pid");
    assert_int_equal(kill((pid_t)strtol(pid, NULL, 10), 0), -1);
    rig_close(&r);
}

static void lines_of_a_bootstrap_can_be_asked_for_when_it_is_done(void *arg, int code, const struct sedge_err *err)
{
    struct rig *r = arg;
    sedge_auto_strv struct sedge_strv last = {NULL, 0};

    sedge_supervisor_last_lines(r->sup, "boot", &last);
    assert_int_equal(last.n, 1);
    assert_string_equal(last.v[0], "it is said");
    bootstrap_done(arg, code, err);
}

static void bootstrap_keeps_its_last_lines(void **st)
{
    sedge_auto_put struct json_object *o = lifecycle_of("{'bootstrap':'echo it is said; exit 3'}");
    struct sedge_service_spec spec = {.name = "boot", .version = "1.0.0", .lifecycle = o};
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    sedge_supervisor_bootstrap(r.sup, &spec, lines_of_a_bootstrap_can_be_asked_for_when_it_is_done, &r);
    rig_until(&r, rig_is_done, "bootstrap");
    assert_int_equal(r.code, 3);
    rig_close(&r);
}

static bool rig_has_file(struct rig *r, const char *name)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/%s", r->root, name);

    return sedge_fs_exists(path);
}

static void all_stopped(void *arg, const struct sedge_err *err)
{
    assert_int_equal(err->code, SEDGE_OK);
    *(bool *)arg = true;
}

static bool is_stopped;

static bool rig_is_stopped(struct rig *r, const char *text)
{
    (void)r;
    (void)text;
    return is_stopped;
}

static void stopping_everything_ends_a_bootstrap_too(void **st)
{
    struct rig r;

    (void)st;
    is_stopped = false;
    rig_open(&r, NULL);
    bootstrap_start(&r, "{'bootstrap':'touch begun; sleep 1000'}");
    rig_until(&r, rig_has_file, "work/boot/begun");
    sedge_supervisor_stop_all(r.sup, 0, all_stopped, &is_stopped);
    rig_until(&r, rig_is_stopped, "stop");
    assert_true(r.done);
    assert_int_equal(r.code, 1);
    assert_int_equal(r.err.code, SEDGE_E_CANCELED);
    rig_close(&r);
}

static void what_was_stopped_can_be_opened_again(void **st)
{
    struct rig r;

    (void)st;
    is_stopped = false;
    rig_open(&r, NULL);
    rig_start(&r, "a", "{'startup':'true'}");
    rig_wait(&r, "a:RUNNING");
    sedge_supervisor_stop_all(r.sup, 0, all_stopped, &is_stopped);
    rig_until(&r, rig_is_stopped, "stop");
    bootstrap_start(&r, "{'bootstrap':'exit 7'}"); /* in between */
    rig_until(&r, rig_is_done, "bootstrap");
    assert_int_equal(r.code, 7);
    sedge_supervisor_reopen(r.sup);
    rig_start(&r, "a", "{'startup':'true'}");
    rig_wait(&r, "a:STOPPING a:FINISHED a:INSTALLED a:STARTING a:RUNNING");
    rig_close(&r);
}

static void a_token_names_its_component_and_is_new_at_each_start(void **st)
{
    struct rig r;
    sedge_auto_free char *first = NULL, *second = NULL;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a", "{'startup':'printf %s $SVCUID > t'}");
    (void)rig_put(&r, "b", "1.0.0", "{'startup':'true'}", NULL);
    rig_wait(&r, "a:RUNNING");
    first = rig_file(&r, "work/a/t");
    assert_string_equal(sedge_supervisor_owner_of_token(r.sup, first), "a");
    assert_null(sedge_supervisor_owner_of_token(r.sup, ""));
    assert_null(sedge_supervisor_owner_of_token(r.sup, "0123456789abcdef0123456789abcdef"));
    assert_int_equal(sedge_supervisor_restart(r.sup, "a", &r.err), 0);
    rig_wait(&r, "a:STOPPING a:INSTALLED a:STARTING a:RUNNING");
    second = rig_file(&r, "work/a/t");
    assert_string_not_equal(first, second);
    assert_null(sedge_supervisor_owner_of_token(r.sup, first));
    assert_string_equal(sedge_supervisor_owner_of_token(r.sup, second), "a");
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bootstrap_gives_its_exit_code),
        cmocka_unit_test(bootstrap_is_done_when_none_of_its_processes_is_left),
        cmocka_unit_test(bootstrap_keeps_its_last_lines),
        cmocka_unit_test(stopping_everything_ends_a_bootstrap_too),
        cmocka_unit_test(what_was_stopped_can_be_opened_again),
        cmocka_unit_test(a_token_names_its_component_and_is_new_at_each_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
