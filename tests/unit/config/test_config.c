#include "../test.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "config/config.h"

static struct json_object *json(const char *text)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct json_object *v = sedge_json_parse(text, strlen(text), "test", &err);

    if (err.code != SEDGE_OK) fail_msg("%s", err.msg);
    return v;
}

/* "a.b.c" as a path; for names without dots. */
struct dotted {
    struct sedge_strv names;
};
static struct sedge_path at(struct dotted *d, const char *text)
{
    sedge_strv_release(&d->names);
    if (*text) sedge_strv_split(&d->names, text, ".");
    return (struct sedge_path){(const char *const *)d->names.v, d->names.n};
}

static void assert_tree(struct sedge_config *cfg, const char *path, const char *expected)
{
    struct dotted d = {{0}};
    struct json_object *v;

    assert_true(sedge_config_get(cfg, at(&d, path), 0, &v));
    assert_string_equal(sedge_json_text(v), expected);
    (void)json_object_put(v);
    sedge_strv_release(&d.names);
}

static void merge(struct sedge_config *cfg, const char *path, const char *text, int64_t ts)
{
    struct dotted d = {{0}};
    sedge_auto_put struct json_object *o = json(text);

    assert_int_equal(sedge_config_merge(cfg, at(&d, path), o, ts, NULL), 0);
    sedge_strv_release(&d.names);
}

static int64_t ts_of(struct sedge_config *cfg, const char *path)
{
    struct dotted d = {{0}};
    struct sedge_config_info info;

    assert_true(sedge_config_info(cfg, at(&d, path), &info));
    sedge_strv_release(&d.names);
    return info.ts;
}

static void a_timed_write_obeys_the_rules_of_times(void **st)
{
    static const struct {
        const char *before;
        int64_t before_ts;
        const char *value;
        int64_t ts;
        int rc;
        const char *after;
        int64_t after_ts;
    } rows[] = {
        {"1", 100, "2", 99, 0, "1", 100},                           /* older: refused */
        {"1", 100, "2", 100, 1, "2", 100},                          /* equal: accepted */
        {"1", 100, "2", 101, 1, "2", 101},                          /* newer */
        {"1", 100, "1", 200, 1, "1", 100},                          /* the same value does nothing in a single write */
        {"{\"x\":1}", 100, "2", 1, 1, "2", 1},                      /* a leaf replaces a container whatever the times */
        {"1", 100, "{\"x\":1}", 1, 1, "{\"x\":1}", 1},              /* and the reverse */
        {"[1,{\"a\":1}]", 100, "[1]", 99, 0, "[1,{\"a\":1}]", 100}, /* a list is one leaf */
        {"1", 100, "null", 100, 1, "null", 100},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_config *cfg = sedge_config_new(NULL);
        struct json_object *v;

        (void)sedge_config_write_take(cfg, SEDGE_PATH("a", "k"), json(rows[i].before), rows[i].before_ts, NULL);
        print_message("row %zu\n", i);
        assert_int_equal(sedge_config_write_take(cfg, SEDGE_PATH("a", "k"), json(rows[i].value), rows[i].ts, NULL),
                         rows[i].rc);
        assert_true(sedge_config_get(cfg, SEDGE_PATH("A", "K"), 0, &v));
        assert_string_equal(sedge_json_text(v), rows[i].after);
        assert_int_equal(ts_of(cfg, "a.k"), rows[i].after_ts);
        (void)json_object_put(v);
        sedge_config_close(cfg, NULL, NULL);
    }
}

static void an_equal_value_in_a_merge_gets_the_newer_time(void **st)
{
    struct sedge_config *cfg = sedge_config_new(NULL);

    (void)st;
    merge(cfg, "", "{\"a\":{\"x\":1,\"y\":1}}", 100);
    merge(cfg, "", "{\"a\":{\"x\":1}}", 150);
    assert_int_equal(ts_of(cfg, "a.x"), 150);
    merge(cfg, "", "{\"a\":{\"x\":1}}", 120);
    assert_int_equal(ts_of(cfg, "a.x"), 150);
    assert_int_equal(ts_of(cfg, "a.y"), 100);
    assert_int_equal(ts_of(cfg, "a"), 150);
    sedge_config_close(cfg, NULL, NULL);
}

static void names_ignore_case_and_keep_the_first_spelling(void **st)
{
    struct sedge_config *cfg = sedge_config_new(NULL);
    struct sedge_config_info info;

    (void)st;
    merge(cfg, "", "{\"Alpha\":{\"Beta\":1}}", 1);
    merge(cfg, "", "{\"ALPHA\":{\"beta\":2,\"Gamma\":3}}", 2);
    assert_tree(cfg, "", "{\"Alpha\":{\"Beta\":2,\"Gamma\":3}}");
    assert_true(sedge_config_info(cfg, SEDGE_PATH("alpha", "BETA"), &info));
    assert_string_equal(info.name, "Beta");
    assert_true(info.leaf);
    assert_false(sedge_config_has(cfg, SEDGE_PATH("alpha", "beta", "below")));
    sedge_config_close(cfg, NULL, NULL);
}

static void private_names_are_left_out_of_public_reads_at_every_level(void **st)
{
    struct sedge_config *cfg = sedge_config_new(NULL);
    struct json_object *v;

    (void)st;
    merge(cfg, "", "{\"a\":{\"_p\":1,\"b\":{\"_q\":{\"x\":1},\"r\":2}}}", 1);
    assert_true(sedge_config_get(cfg, SEDGE_PATH("a"), SEDGE_CONFIG_PUBLIC, &v));
    assert_string_equal(sedge_json_text(v), "{\"b\":{\"r\":2}}");
    (void)json_object_put(v);
    assert_true(sedge_config_get(cfg, SEDGE_PATH("a", "_p"), SEDGE_CONFIG_PUBLIC, &v));
    assert_string_equal(sedge_json_text(v), "1");
    (void)json_object_put(v);
    sedge_config_close(cfg, NULL, NULL);
}

static void remove_is_refused_when_the_node_is_newer(void **st)
{
    struct sedge_config *cfg = sedge_config_new(NULL);

    (void)st;
    merge(cfg, "", "{\"a\":{\"x\":1}}", 100);
    assert_int_equal(sedge_config_remove(cfg, SEDGE_PATH("a"), 99, 0), 0);
    assert_int_equal(sedge_config_remove(cfg, SEDGE_PATH("none"), 99, 0), 0);
    assert_int_equal(sedge_config_remove(cfg, SEDGE_PATH("a", "x"), 100, 0), 1);
    assert_int_equal(ts_of(cfg, "a"), 100); /* that of the child removed last */
    assert_int_equal(sedge_config_remove(cfg, SEDGE_PATH("a"), 1, SEDGE_CONFIG_FORCE), 1);
    assert_false(sedge_config_has(cfg, SEDGE_PATH("a")));
    sedge_config_close(cfg, NULL, NULL);
}

static void leaves_are_converted_as_the_specification_says(void **st)
{
    static const struct {
        const char *value;
        const char *text;
        int64_t number;
        bool flag;
    } rows[] = {
        {"true", "true", -7, true},  {"\"yes\"", "yes", -7, true}, {"\"Y\"", "Y", -7, true},
        {"\"no\"", "no", -7, false}, {"5", "5", 5, true},          {"0", "0", 0, false},
        {"\"12\"", "12", 12, false},
    };
    struct sedge_config *cfg = sedge_config_new(NULL);
    struct sedge_path p = SEDGE_PATH("v");

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        (void)sedge_config_set_take(cfg, p, json(rows[i].value), 1, NULL);
        assert_string_equal(sedge_config_str(cfg, p, "-"), rows[i].text);
        assert_int_equal(sedge_config_i64(cfg, p, -7), rows[i].number);
        assert_int_equal(sedge_config_bool(cfg, p, false), rows[i].flag);
    }
    (void)sedge_config_set_take(cfg, p, NULL, 1, NULL);
    assert_string_equal(sedge_config_str(cfg, p, "default"), "default");
    sedge_config_close(cfg, NULL, NULL);
}

static void limits_are_checked_before_anything_changes(void **st)
{
    struct sedge_config *cfg = sedge_config_new(NULL);
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_put struct json_object *deep = json_object_new_object();

    (void)st;
    for (int i = 0; i <= SEDGE_CONFIG_DEPTH_MAX; i++) {
        struct json_object *outer = json_object_new_object();

        (void)json_object_object_add(outer, "x", deep);
        deep = outer;
    }
    assert_int_equal(sedge_config_merge(cfg, SEDGE_PATH_ROOT, deep, 1, &err), -1);
    assert_int_equal(err.code, SEDGE_E_LIMIT);
    assert_tree(cfg, "", "{}");
    (void)sedge_config_write_take(cfg, SEDGE_PATH("leaf"), json("1"), 1, NULL);
    assert_int_equal(sedge_config_write_take(cfg, SEDGE_PATH("leaf", "x"), json("1"), 1, &err), -1);
    assert_int_equal(err.code, SEDGE_E_CONFLICT);
    sedge_config_close(cfg, NULL, NULL);
}

/* ---- UpdateConfiguration ---- */

static void update_configuration_follows_its_table(void **st)
{
    static const struct {
        const char *path, *value;
        int64_t ts;
        enum sedge_err_code code;
        const char *after; /* of the configuration */
    } rows[] = {
        {"", "{\"p\":2}", 100, SEDGE_OK, "{\"p\":2,\"m\":{\"port\":1,\"l\":[1]}}"},
        {"", "{\"p\":2}", 99, SEDGE_E_CONFLICT, NULL},
        {"", "{\"p\":2}", 0, SEDGE_OK, "{\"p\":2,\"m\":{\"port\":1,\"l\":[1]}}"},
        {"m", "{\"port\":null}", 100, SEDGE_OK, "{\"p\":1,\"m\":{\"port\":null,\"l\":[1]}}"},
        {"M", "{\"PORT\":3}", 100, SEDGE_OK, "{\"p\":1,\"m\":{\"port\":3,\"l\":[1]}}"},
        {"m", "{}", 50, SEDGE_E_CONFLICT, NULL},
        {"m.port", "{\"port\":1}", 5, SEDGE_OK, "{\"p\":1,\"m\":{\"port\":{\"port\":1},\"l\":[1]}}"},
        {"m.port.x", "{\"y\":1}", 500, SEDGE_E_UNSUPPORTED, NULL},
        {"new.deep", "{\"k\":1}", 5, SEDGE_OK, "{\"p\":1,\"m\":{\"port\":1,\"l\":[1]},\"new\":{\"deep\":{\"k\":1}}}"},
        {"accessControl", "{\"k\":1}", 500, SEDGE_E_INVALID, NULL},
        {"ACCESSCONTROL", "{\"k\":1}", 500, SEDGE_E_INVALID, NULL},
        {"", "{\"accesscontrol\":{}}", 500, SEDGE_E_INVALID, NULL},
        {"m", "{\"accessControl\":1}", 100, SEDGE_OK, "{\"p\":1,\"m\":{\"port\":1,\"l\":[1],\"accessControl\":1}}"},
        {"", "[]", 100, SEDGE_E_INVALID, NULL},
    };
    const char *before = "{\"p\":1,\"m\":{\"port\":1,\"l\":[1]}}";

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_config *cfg = sedge_config_new(NULL);
        struct sedge_err err = SEDGE_ERR_INIT;
        struct dotted d = {{0}};
        sedge_auto_put struct json_object *value = json(rows[i].value);
        uint64_t generation;

        merge(cfg, "services.c.configuration", before, 100);
        generation = sedge_config_generation(cfg);
        print_message("row %zu\n", i);
        assert_int_equal(sedge_config_update(cfg, "C", at(&d, rows[i].path), value, rows[i].ts, &err),
                         rows[i].code ? -1 : 0);
        assert_int_equal(err.code, rows[i].code);
        assert_tree(cfg, "services.c.configuration", rows[i].after ? rows[i].after : before);
        if (rows[i].code) assert_int_equal(sedge_config_generation(cfg), generation);
        sedge_strv_release(&d.names);
        sedge_config_close(cfg, NULL, NULL);
    }
}

static void update_creates_a_missing_configuration_but_no_component(void **st)
{
    struct sedge_config *cfg = sedge_config_new(NULL);
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_put struct json_object *value = json("{\"a\":{\"b\":{}}}");
    int64_t before = sedge_wall_ms();

    (void)st;
    merge(cfg, "services.c", "{\"version\":\"1.0.0\"}", 100);
    assert_int_equal(sedge_config_update(cfg, "other", SEDGE_PATH_ROOT, value, 0, &err), -1);
    assert_string_equal(err.msg, "Component config not found for component other");
    assert_int_equal(sedge_config_update(cfg, "c", SEDGE_PATH("x"), value, 7, &err), 0);
    assert_tree(cfg, "services.c.configuration", "{\"x\":{\"a\":{\"b\":{}}}}");
    assert_true(ts_of(cfg, "services.c.configuration.x.a.b") >= before); /* the current time, not 7 */
    sedge_config_close(cfg, NULL, NULL);
}

/* ---- deployments ---- */

static void apply_replaces_components_and_keeps_what_must_stay(void **st)
{
    static const char *const keep[] = {"DeploymentService"};
    struct sedge_config *cfg = sedge_config_new(NULL);
    sedge_auto_put struct json_object *services =
        json("{\"A\":{\"version\":\"2.0.0\",\"configuration\":{\"new\":1,\"older\":2,\"newer\":2,\"kind\":{\"x\":1}}},"
             "\"C\":{\"version\":\"1.0.0\",\"configuration\":{}}}");

    (void)st;
    merge(cfg, "",
          "{\"setenv\":{\"E\":\"1\"},\"services\":{"
          "\"a\":{\"version\":\"1.0.0\",\"lifecycle\":{\"Run\":\"x\"},\"runtime\":{\"r\":1},"
          "\"_private\":{\"p\":1},\"_State\":3},"
          "\"B\":{\"version\":\"1.0.0\",\"runtime\":{\"r\":1}},"
          "\"DeploymentService\":{\"runtime\":{\"d\":1},\"x\":1},"
          "\"_AUTHENTICATION_TOKENS\":{\"t\":\"a\"}}}",
          100);
    merge(cfg, "services.a.configuration", "{\"older\":1,\"gone\":1,\"kind\":5}", 400);
    merge(cfg, "services.a.configuration", "{\"newer\":1,\"kind\":9}", 900);
    assert_int_equal(sedge_config_apply(cfg, services, 500, 1000, keep, 1, NULL), 0);
    assert_tree(cfg, "",
                "{\"setenv\":{\"E\":\"1\"},\"services\":{"
                "\"a\":{\"version\":\"2.0.0\",\"runtime\":{\"r\":1},\"_private\":{\"p\":1},\"_State\":3,"
                "\"configuration\":{\"older\":2,\"kind\":{\"x\":1},\"newer\":1,\"new\":1}},"
                "\"DeploymentService\":{\"runtime\":{\"d\":1},\"x\":1},"
                "\"_AUTHENTICATION_TOKENS\":{\"t\":\"a\"},"
                "\"C\":{\"version\":\"1.0.0\",\"configuration\":{}}}}");
    assert_int_equal(ts_of(cfg, "services.a.configuration.older"), 500);
    assert_int_equal(ts_of(cfg, "services.a.configuration.newer"), 900);
    assert_int_equal(ts_of(cfg, "services.a.version"), 1000);
    sedge_config_close(cfg, NULL, NULL);
}

static void apply_counts_although_the_clock_was_set_back(void **st)
{
    struct sedge_config *cfg = sedge_config_new(NULL);
    sedge_auto_put struct json_object *services = json("{\"A\":{\"version\":\"2.0.0\",\"configuration\":{\"k\":2}}}");

    (void)st;
    merge(cfg, "services", "{\"A\":{\"version\":\"1.0.0\",\"lifecycle\":{\"run\":\"x\"}}}", 9000);
    merge(cfg, "services.A.configuration", "{\"k\":1}", 9500);
    assert_int_equal(sedge_config_apply(cfg, services, 500, 1000, NULL, 0, NULL), 0);
    assert_tree(cfg, "services", "{\"A\":{\"version\":\"2.0.0\",\"configuration\":{\"k\":1}}}");
    assert_int_equal(ts_of(cfg, "services.A.version"), 9000);
    sedge_config_close(cfg, NULL, NULL);
}

static void rollback_restores_values_times_and_components(void **st)
{
    static const char *const keep[] = {"DeploymentService"};
    struct sedge_config *cfg = sedge_config_new(NULL);
    sedge_auto_put struct json_object *snapshot = NULL;
    sedge_auto_put struct json_object *none = json("{}");

    (void)st;
    merge(cfg, "services",
          "{\"A\":{\"version\":\"1.0.0\",\"configuration\":{\"k\":1},\"empty\":{},"
          "\"runtime\":{\"r\":1},\"_State\":1},\"DeploymentService\":{\"runtime\":{\"d\":1}}}",
          100);
    snapshot = sedge_config_snapshot(cfg);
    merge(cfg, "services",
          "{\"A\":{\"version\":\"2.0.0\",\"configuration\":{\"k\":2,\"n\":1},\"runtime\":{\"r\":2}},"
          "\"B\":{\"version\":\"1.0.0\"},\"DeploymentService\":{\"runtime\":{\"d\":2}}}",
          200);
    assert_int_equal(sedge_config_restore(cfg, snapshot, keep, 1, NULL), 0);
    assert_tree(cfg, "services",
                "{\"A\":{\"version\":\"1.0.0\",\"configuration\":{\"k\":1},\"empty\":{},\"runtime\":{\"r\":2},"
                "\"_State\":1},\"DeploymentService\":{\"runtime\":{\"d\":2}}}");
    assert_int_equal(ts_of(cfg, "services.A.configuration.k"), 100);
    /* A component that the deployment removed comes back with its runtime. */
    assert_int_equal(sedge_config_apply(cfg, none, 300, 300, keep, 1, NULL), 0);
    assert_false(sedge_config_has(cfg, SEDGE_PATH("services", "A")));
    assert_int_equal(sedge_config_restore(cfg, snapshot, keep, 1, NULL), 0);
    assert_int_equal(sedge_config_i64(cfg, SEDGE_PATH("services", "A", "runtime", "r"), 0), 1);
    sedge_config_close(cfg, NULL, NULL);
}

static void what_is_no_snapshot_is_refused_and_changes_nothing(void **st)
{
    static const char *const rows[] = {"{}",
                                       "null",
                                       "{\"t\":1}",
                                       "{\"t\":1,\"v\":1}",
                                       "{\"c\":{}}",
                                       "{\"t\":1,\"c\":{\"a\":{\"t\":1,\"v\":{}}}}",
                                       "{\"t\":1,\"c\":{\"a\":1}}"};
    struct sedge_config *cfg = sedge_config_new(NULL);

    (void)st;
    merge(cfg, "", "{\"a\":1}", 1);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_put struct json_object *v = json(rows[i]);
        struct sedge_err err = SEDGE_ERR_INIT;

        assert_int_equal(sedge_config_restore(cfg, v, NULL, 0, &err), -1);
        assert_int_equal(err.code, SEDGE_E_INVALID);
        assert_tree(cfg, "", "{\"a\":1}");
    }
    sedge_config_close(cfg, NULL, NULL);
}

/* ---- watchers ---- */

struct heard {
    struct sedge_config *cfg;
    struct sedge_buf text;
    bool inside;
};

static void hear(const struct sedge_config_event *e, void *user)
{
    static const char *const kinds[] = {"changed", "added", "removed"};
    struct heard *h = user;

    assert_false(h->inside);
    sedge_buf_printf(&h->text, "%s", kinds[e->change]);
    for (size_t i = 0; i < e->path.n; i++)
        sedge_buf_printf(&h->text, "%c%s", i ? '.' : ' ', e->path.v[i]);
    sedge_buf_puts(&h->text, "\n");
}

static void assert_heard(struct heard *h, const char *expected)
{
    sedge_config_dispatch(h->cfg);
    assert_string_equal(h->text.len ? h->text.data : "", expected);
    sedge_buf_clear(&h->text);
}

static void watchers_hear_each_change_once_with_its_full_path(void **st)
{
    struct sedge_config *cfg = sedge_config_new(NULL);
    struct heard h = {.cfg = cfg};
    struct sedge_config_watch *w;

    (void)st;
    w = sedge_config_watch(cfg, SEDGE_PATH("services", "a", "configuration"), hear, &h);
    merge(cfg, "services.A.configuration", "{\"k\":1,\"m\":{\"x\":1,\"e\":{}}}", 1);
    merge(cfg, "services.other.configuration", "{\"k\":1}", 1);
    assert_heard(&h, "added services.A.configuration.k\nadded services.A.configuration.m.x\n");
    merge(cfg, "services.a.configuration", "{\"K\":1}", 5);
    assert_heard(&h, ""); /* only the time */
    merge(cfg, "services.a.configuration", "{\"K\":2}", 5);
    assert_heard(&h, "changed services.A.configuration.k\n");
    merge(cfg, "services.a.configuration", "{\"k\":{\"deep\":1}}", 5);
    assert_heard(&h, "removed services.A.configuration.k\nadded services.A.configuration.k.deep\n");
    (void)sedge_config_remove(cfg, SEDGE_PATH("services", "a", "configuration", "m"), 9, 0);
    assert_heard(&h, "removed services.A.configuration.m\n");
    (void)sedge_config_remove(cfg, SEDGE_PATH("services", "a"), 9, 0);
    assert_heard(&h, "removed services.A\n");
    (void)sedge_config_remove(cfg, SEDGE_PATH("services"), 9, 0);
    assert_heard(&h, ""); /* the watched node was not there any more */
    merge(cfg, "services.a.configuration", "{\"k\":1}", 1);
    sedge_config_unwatch(w);
    assert_heard(&h, ""); /* nothing after unwatch, not even what was queued */
    sedge_buf_release(&h.text);
    sedge_config_close(cfg, NULL, NULL);
}

static void write_on_hearing(const struct sedge_config_event *e, void *user)
{
    struct heard *h = user;

    hear(e, user);
    h->inside = true;
    if (h->text.len < 100)
        (void)sedge_config_set_take(h->cfg, SEDGE_PATH("n"), json_object_new_int64((int64_t)h->text.len), 9, NULL);
    h->inside = false;
}

static void a_watcher_that_writes_is_not_called_from_inside_its_write(void **st)
{
    struct sedge_config *cfg = sedge_config_new(NULL);
    struct heard h = {.cfg = cfg};

    (void)st;
    (void)sedge_config_watch(cfg, SEDGE_PATH("n"), write_on_hearing, &h);
    merge(cfg, "", "{\"n\":-1}", 1);
    assert_heard(&h, "added n\n");
    assert_heard(&h, "changed n\n");
    sedge_buf_release(&h.text);
    sedge_config_close(cfg, NULL, NULL);
}

static void a_batch_holds_events_back_until_its_end(void **st)
{
    uv_loop_t loop;
    struct sedge_config *cfg;
    struct heard h = {0};

    (void)st;
    assert_int_equal(uv_loop_init(&loop), 0);
    h.cfg = cfg = sedge_config_new(&loop);
    (void)sedge_config_watch(cfg, SEDGE_PATH_ROOT, hear, &h);
    sedge_config_begin(cfg);
    merge(cfg, "", "{\"a\":1}", 1);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_heard(&h, "");
    merge(cfg, "", "{\"b\":1}", 1);
    sedge_config_end(cfg);
    assert_int_equal(h.text.len, 0); /* not from inside end either */
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_string_equal(h.text.data, "added a\nadded b\n");
    sedge_buf_release(&h.text);
    sedge_config_close(cfg, NULL, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timed_write_obeys_the_rules_of_times),
        cmocka_unit_test(an_equal_value_in_a_merge_gets_the_newer_time),
        cmocka_unit_test(names_ignore_case_and_keep_the_first_spelling),
        cmocka_unit_test(private_names_are_left_out_of_public_reads_at_every_level),
        cmocka_unit_test(remove_is_refused_when_the_node_is_newer),
        cmocka_unit_test(leaves_are_converted_as_the_specification_says),
        cmocka_unit_test(limits_are_checked_before_anything_changes),
        cmocka_unit_test(update_configuration_follows_its_table),
        cmocka_unit_test(update_creates_a_missing_configuration_but_no_component),
        cmocka_unit_test(apply_replaces_components_and_keeps_what_must_stay),
        cmocka_unit_test(apply_counts_although_the_clock_was_set_back),
        cmocka_unit_test(rollback_restores_values_times_and_components),
        cmocka_unit_test(what_is_no_snapshot_is_refused_and_changes_nothing),
        cmocka_unit_test(watchers_hear_each_change_once_with_its_full_path),
        cmocka_unit_test(a_watcher_that_writes_is_not_called_from_inside_its_write),
        cmocka_unit_test(a_batch_holds_events_back_until_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
