#include "../test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "config/persist.h"
#include "config/start.h"

struct bench {
    char root[64];
    struct sedge_config *cfg;
    struct sedge_config_start options;
};

static void quiet(const char *line, size_t n, void *user)
{
    (void)line;
    (void)n;
    (void)user;
}

static int make_root(void **st)
{
    struct bench *b = SEDGE_NEW(struct bench);
    sedge_auto_free char *dir = NULL;

    (void)snprintf(b->root, sizeof(b->root), "/tmp/sedge-test-XXXXXX");
    assert_non_null(mkdtemp(b->root));
    dir = sedge_xasprintf("%s/config", b->root);
    assert_int_equal(sedge_fs_mkdirs(dir, 0700, NULL), 0);
    b->options = (struct sedge_config_start){.root = b->root, .nucleus_version = "2.17.0"};
    b->cfg = sedge_config_new(NULL);
    sedge_log_set_sink(quiet, NULL);
    *st = b;
    return 0;
}

static int remove_root(void **st)
{
    struct bench *b = *st;

    sedge_config_close(b->cfg, NULL, NULL);
    (void)sedge_fs_remove_tree(b->root, NULL);
    free(b);
    return 0;
}

/* Path below the root, which lives until the test ends (few and small). */
static const char *put_file(struct bench *b, char path[128], const char *name, const char *text)
{
    (void)snprintf(path, 128, "%s/%s", b->root, name);
    assert_int_equal(sedge_fs_write_atomic(path, text, strlen(text), 0600, NULL), 0);
    return path;
}

static void begin(struct bench *b)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    if (sedge_config_start(b->cfg, &b->options, &err) != 0) fail_msg("%s", err.msg);
}

static const char *thing(struct bench *b)
{
    return sedge_config_str(b->cfg, SEDGE_PATH("system", "thingName"), "-");
}

static char *effective(struct bench *b)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/config/effectiveConfig.yaml", b->root);
    struct sedge_buf text = SEDGE_BUF_INIT;

    assert_int_equal(sedge_fs_read(path, 1 << 20, &text, NULL), 0);
    return sedge_buf_steal(&text);
}

static void a_first_start_without_any_file_is_a_normal_start(void **st)
{
    struct bench *b = *st;
    sedge_auto_free char *bootstrap = sedge_xasprintf("%s/config/bootstrap.tlog", b->root), *text = NULL;

    b->options.component_default_user = "ggc_user:ggc_group";
    begin(b);
    assert_string_equal(sedge_config_str(b->cfg, SEDGE_PATH("system", "rootpath"), ""), b->root);
    assert_string_equal(sedge_config_str(b->cfg,
                                         SEDGE_PATH("services", "aws.greengrass.Nucleus", "configuration",
                                                    "runWithDefault", "posixUser"),
                                         ""),
                        "ggc_user:ggc_group");
    assert_true(sedge_fs_exists(bootstrap));
    text = effective(b);
    assert_non_null(strstr(text, "componentType: NUCLEUS"));
    assert_non_null(strstr(text, "2.17.0"));
}

static void the_first_configuration_file_is_read_on_a_first_start(void **st)
{
    struct bench *b = *st;
    char path[128];

    (void)put_file(b, path, "config/config.yaml",
                   "system:\n  thingName: line1-gateway\nservices:\n  aws.greengrass.Nucleus:\n"
                   "    componentType: NUCLEUS\n    configuration:\n"
                   "      runWithDefault: {posixUser: \"ggc_user:ggc_group\"}\n"
                   "      logging: {format: JSON, level: INFO}\nsetenv:\n");
    begin(b);
    assert_string_equal(thing(b), "line1-gateway");
    assert_string_equal(
        sedge_config_str(b->cfg, SEDGE_PATH("services", "aws.greengrass.Nucleus", "configuration", "logging", "format"),
                         ""),
        "JSON");
}

static void init_config_is_merged_on_top_of_the_stored_values_by_its_age(void **st)
{
    struct bench *b = *st;
    struct stat s;
    char path[128];
    int64_t mtime;

    (void)put_file(b, path, "config/config.tlog",
                   "{\"TS\":5,\"TP\":[\"system\",\"thingName\"],\"W\":\"changed\",\"V\":\"stored\"}\n"
                   "{\"TS\":99999999999999,\"TP\":[\"system\",\"newer\"],\"W\":\"changed\",\"V\":\"stored\"}\n");
    b->options.init_config_file =
        put_file(b, path, "init.json", "{\"system\":{\"thingName\":\"file\",\"newer\":\"file\"}}");
    assert_int_equal(stat(path, &s), 0);
    mtime = (int64_t)s.st_mtim.tv_sec * 1000 + s.st_mtim.tv_nsec / 1000000;
    begin(b);
    assert_string_equal(thing(b), "file");
    assert_string_equal(sedge_config_str(b->cfg, SEDGE_PATH("system", "newer"), ""), "stored");
    struct sedge_config_info info;
    assert_true(sedge_config_info(b->cfg, SEDGE_PATH("system", "thingName"), &info));
    assert_int_equal(info.ts, mtime);
}

static void config_file_replaces_everything_that_is_stored(void **st)
{
    struct bench *b = *st;
    char path[128], other[128];

    (void)put_file(b, path, "config/config.tlog",
                   "{\"TS\":5,\"TP\":[\"system\",\"old\"],\"W\":\"changed\",\"V\":\"stored\"}\n");
    (void)put_file(b, path, "config/config.yaml", "system: {thingName: ignored}\n");
    b->options.config_file = put_file(b, other, "base.yml", "system: {thingName: base}\n");
    begin(b);
    assert_string_equal(thing(b), "base");
    assert_false(sedge_config_has(b->cfg, SEDGE_PATH("system", "old")));
}

/* A start with the database, up to the moment when everything is on the disk. */
static void start_with_database(struct bench *b, bool *moved)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/nucleus.db", b->root);
    struct sedge_db *db = sedge_config_open_db(path, sedge_config_schema, 1, moved, NULL);
    struct sedge_dbw *w;
    uv_loop_t loop;

    assert_non_null(db);
    assert_int_equal(uv_loop_init(&loop), 0);
    sedge_config_close(b->cfg, NULL, NULL);
    b->cfg = sedge_config_new(&loop);
    b->options.db = db;
    b->options.db_was_bad = *moved;
    begin(b);
    w = sedge_dbw_new(&loop, db);
    sedge_config_attach(b->cfg, w);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    sedge_auto_put struct json_object *snapshot = sedge_config_snapshot(b->cfg);
    sedge_config_close(b->cfg, NULL, NULL);
    sedge_dbw_close(w);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    b->cfg = sedge_config_new(NULL);
    assert_int_equal(sedge_config_restore(b->cfg, snapshot, NULL, 0, NULL), 0);
}

static void the_stored_configuration_counts_from_the_second_start_on(void **st)
{
    struct bench *b = *st;
    char path[128], base[128];
    bool moved;

    (void)put_file(b, path, "config/config.yaml", "system: {thingName: first, gone: 1}\n");
    start_with_database(b, &moved);
    assert_string_equal(thing(b), "first");
    (void)put_file(b, path, "config/config.yaml", "system: {thingName: edited}\n");
    start_with_database(b, &moved);
    assert_string_equal(thing(b), "first"); /* editing it on an installed device has no effect */
    b->options.config_file = put_file(b, base, "base.yaml", "system: {thingName: base}\n");
    start_with_database(b, &moved);
    b->options.config_file = NULL;
    start_with_database(b, &moved);
    assert_string_equal(thing(b), "base");
    assert_false(sedge_config_has(b->cfg, SEDGE_PATH("system", "gone")));
}

static void a_damaged_database_leads_back_to_the_first_configuration(void **st)
{
    struct bench *b = *st;
    char path[128], junk[8192];
    bool moved;

    (void)put_file(b, path, "config/config.yaml", "system: {thingName: first}\n");
    start_with_database(b, &moved);
    memset(junk, 'x', sizeof(junk) - 1);
    junk[sizeof(junk) - 1] = '\0';
    (void)put_file(b, path, "nucleus.db", junk);
    (void)put_file(b, path, "config/config.yaml", "system: {thingName: edited}\n");
    start_with_database(b, &moved);
    assert_true(moved);
    assert_string_equal(thing(b), "first");
}

static void a_transaction_log_is_applied_line_by_line(void **st)
{
    struct bench *b = *st;
    char path[128];
    struct json_object *v;

    (void)put_file(b, path, "config/config.tlog",
                   "{\"TS\":1700000000000,\"TP\":[\"system\",\"thingName\"],\"W\":\"changed\",\"V\":\"line1\"}\n"
                   "{\"TS\":1,\"TP\":[\"services\",\"N\",\"configuration\",\"n\"],\"W\":\"changed\",\"V\":15}\n"
                   "{\"TS\":1700000000500,\"TP\":[\"services\",\"A\",\"dependencies\"],\"W\":\"changed\",\"V\":[]}\n"
                   "{\"TS\":1600000000000,\"TP\":[\"system\",\"thingName\"],\"W\":\"changed\",\"V\":\"older\"}\n"
                   "{\"TS\":5,\"TP\":[\"services\",\"Old\",\"x\"],\"W\":\"changed\",\"V\":1}\n"
                   "{\"TS\":1700000100000,\"TP\":[\"services\",\"Old\"],\"W\":\"removed\",\"V\":null}\n"
                   "{\"TS\":1700000100000,\"TP\":[\"services\",\"Missing\"],\"W\":\"removed\",\"V\":null}\n"
                   "{\"TS\":7,\"TP\":[\"services\",\"A\",\"lifecycle\"],\"W\":\"interiorAdded\",\"V\":null}\n"
                   "{\"TS\":9,\"TP\":[\"services\",\"N\",\"configuration\",\"n\"],\"W\":\"timestampUpdated\"}\n");
    begin(b);
    assert_string_equal(thing(b), "line1");
    assert_true(sedge_config_get(b->cfg, SEDGE_PATH("services", "A"), 0, &v));
    assert_string_equal(sedge_json_text(v), "{\"dependencies\":[],\"lifecycle\":{}}");
    (void)json_object_put(v);
    assert_false(sedge_config_has(b->cfg, SEDGE_PATH("services", "Old")));
    assert_true(sedge_config_get(b->cfg, SEDGE_PATH("services", "N"), SEDGE_CONFIG_STAMPED, &v));
    assert_non_null(strstr(sedge_json_text(v), "{\"t\":9,\"v\":15}"));
    (void)json_object_put(v);
}

static void a_torn_transaction_log_gives_way_to_the_next_one(void **st)
{
    struct bench *b = *st;
    char path[128];

    (void)put_file(b, path, "config/config.tlog",
                   "{\"TS\":5,\"TP\":[\"system\",\"thingName\"],\"W\":\"changed\",\"V\":\"torn\"}\n{\"TS\":6,\"TP\"");
    (void)put_file(b, path, "config/config.tlog~", "");
    (void)put_file(b, path, "config/bootstrap.tlog",
                   "{\"TS\":5,\"TP\":[\"system\",\"thingName\"],\"W\":\"changed\",\"V\":\"first\"}\n");
    begin(b);
    assert_string_equal(thing(b), "first");
}

static void a_dump_reads_back_as_the_same_tree(void **st)
{
    struct bench *b = *st;
    struct sedge_config *other = sedge_config_new(NULL);
    char path[128];
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;
    sedge_auto_put struct json_object *one = NULL, *two = NULL;

    (void)put_file(b, path, "config/config.yaml",
                   "system: {a: [1, {b: c}], e: {}, n: null}\nservices: {A: {x: {y: 1.5}, _State: 5}}\n");
    begin(b);
    sedge_config_tlog_text(b->cfg, &text);
    (void)put_file(b, path, "dump.tlog", text.data);
    assert_int_equal(sedge_config_read_tlog(other, path, NULL), 0);
    one = sedge_config_snapshot(b->cfg);
    two = sedge_config_snapshot(other);
    assert_true(sedge_config_has(b->cfg, SEDGE_PATH("services", "A", "_State")));
    assert_false(sedge_config_has(other, SEDGE_PATH("services", "A", "_State")));
    sedge_config_close(other, NULL, NULL);
    /* The time of a container counts only while it is empty, and the dump does not have it otherwise. */
    assert_non_null(strstr(sedge_json_text(two), "\"e\":{\"t\":"));
    assert_int_equal(json_object_object_length(sedge_json_obj(one, "c")),
                     json_object_object_length(sedge_json_obj(two, "c")));
}

static void a_bad_file_is_named_with_place_and_reason(void **st)
{
    static const struct {
        const char *name, *text, *part;
    } rows[] = {
        {"a.yaml", "system: {}\nservces:\n  x: 1\n", "a.yaml:2:"},
        {"a.yaml", "system: {}\nservces:\n  x: 1\n", "unknown key \"servces\" (did you mean \"services\"?)"},
        {"a.json", "{\n \"system\": 5}", "a.json:2:"},
        {"a.json", "{\n \"system\": 5}", "system: expected a map, got int"},
        {"a.json", "{\"system\": {}\n oops}", "a.json:2:"},
        {"a.yaml", "system: [\n", "a.yaml:"},
        {"a.yaml", "- 1\n", "a.yaml"},
        {"a.txt", "x", "must end in .yaml, .yml, .json or .tlog"},
        {"a.tlog", "{\"TS\":1,\"TP\":[\"a\"],\"W\":\"changed\",\"V\":1}\n{\"TS\":1,\"TP\":\"a\",\"W\":\"changed\"}\n",
         "a.tlog:2: \"TP\" is not a list"},
        {"a.tlog", "{\"TS\":1,\"TP\":[\"a\"],\"W\":\"chnged\"}\n", "a.tlog:1: \"W\" is not"},
    };
    struct bench *b = *st;

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_err err = SEDGE_ERR_INIT;
        char path[128];

        b->options.config_file = put_file(b, path, rows[i].name, rows[i].text);
        assert_int_equal(sedge_config_start(b->cfg, &b->options, &err), -1);
        if (!strstr(err.msg, rows[i].part)) fail_msg("row %zu: %s", i, err.msg);
    }
    b->options.config_file = "/nonexistent/x.yaml";
    assert_int_equal(sedge_config_start(b->cfg, &b->options, NULL), -1);
}

static void the_effective_configuration_holds_no_secret_and_nothing_private(void **st)
{
    struct bench *b = *st;
    char path[128];
    sedge_auto_free char *text = NULL;
    sedge_auto_put struct json_object *doc = NULL;

    (void)put_file(b, path, "config/config.yaml",
                   "system: {objectStore: {accessKeyId: AKIA, SecretAccessKey: geheim1, sessionToken: geheim2}}\n"
                   "services:\n  A: {_State: 5, version: 1.0.0}\n  aws.greengrass.Nucleus:\n    configuration:\n"
                   "      networkProxy: {proxy: {url: 'http://u:geheim3@host:1', password: geheim4}}\n"
                   "setenv: {X: y}\n");
    begin(b);
    text = effective(b);
    assert_null(strstr(text, "geheim"));
    assert_null(strstr(text, "_State"));
    assert_non_null(strstr(text, "AKIA"));
    doc = sedge_yaml_parse_object(text, strlen(text), "effectiveConfig.yaml", NULL);
    assert_non_null(doc);
    assert_string_equal(sedge_json_str(sedge_json_obj(sedge_json_obj(doc, "services"), "A"), "version", ""), "1.0.0");
    assert_string_equal(sedge_config_str(b->cfg, SEDGE_PATH("system", "objectStore", "secretAccessKey"), ""),
                        "geheim1");
}

static void prefixes_of_paths_are_expanded(void **st)
{
    static const char *const rows[][2] = {
        {"~root/x", "/r/x"},
        {"~config/a.pem", "/r/config/a.pem"},
        {"~packages/p", "/r/packages/p"},
        {"/abs", "/abs"},
        {"~other/x", "~other/x"},
        {"", ""},
        {"~/k", "/home/h/k"},
    };

    (void)st;
    assert_int_equal(setenv("HOME", "/home/h", 1), 0);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_free char *path = sedge_config_expand_path("/r", rows[i][0]);

        assert_string_equal(path, rows[i][1]);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make_root, remove_root)
    const struct CMUnitTest tests[] = {
        T(a_first_start_without_any_file_is_a_normal_start),
        T(the_first_configuration_file_is_read_on_a_first_start),
        T(init_config_is_merged_on_top_of_the_stored_values_by_its_age),
        T(config_file_replaces_everything_that_is_stored),
        T(the_stored_configuration_counts_from_the_second_start_on),
        T(a_damaged_database_leads_back_to_the_first_configuration),
        T(a_transaction_log_is_applied_line_by_line),
        T(a_torn_transaction_log_gives_way_to_the_next_one),
        T(a_dump_reads_back_as_the_same_tree),
        T(a_bad_file_is_named_with_place_and_reason),
        T(the_effective_configuration_holds_no_secret_and_nothing_private),
        T(prefixes_of_paths_are_expanded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
