/* The component's configuration and its message. */
#include "../test.h"

#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "classify/message.h"
#include "classify/settings.h"

static int take(struct sedge_settings *s, const char *json, struct sedge_err *err)
{
    sedge_auto_put struct json_object *config = sedge_json_parse_object(json, strlen(json), "test", NULL);

    assert_non_null(config);
    return sedge_settings_read(s, config, "x86_64", "/default", err);
}

static void configurations_are_read_as_the_original_does(void **st)
{
    static const struct {
        const char *json, *image, *directory, *key, *topic;
        int64_t ms;
    } rows[] = {
        {"{}", NULL, "/default", "", "ml/dlr/image-classification", 3600000},
        {"{\"InferenceInterval\":\"5\"}", NULL, "/default", "", "ml/dlr/image-classification", 5000},
        {"{\"InferenceInterval\":5}", NULL, "/default", "", "ml/dlr/image-classification", 5000},
        {"{\"InferenceInterval\":0.1}", NULL, "/default", "", "ml/dlr/image-classification", 100},
        {"{\"ImageName\":\"cat.jpeg\"}", "cat.jpeg", "/default", "", "ml/dlr/image-classification", 3600000},
        {"{\"ImageName\":\"*\",\"ImageDirectory\":\"/x\"}", NULL, "/x", "", "ml/dlr/image-classification", 3600000},
        {"{\"PublishResultsOnTopic\":\"\"}", NULL, "/default", "", "", 3600000},
        {"{\"ModelResourceKey\":{\"armv7l\":\"a\",\"x86_64\":\"b\"}}", NULL, "/default", "b",
         "ml/dlr/image-classification", 3600000},
        {"{\"ModelResourceKey\":\"c\"}", NULL, "/default", "c", "ml/dlr/image-classification", 3600000},
        {"{\"UseCamera\":\"0\",\"Other\":[1]}", NULL, "/default", "", "ml/dlr/image-classification", 3600000},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_err err = SEDGE_ERR_INIT;
        struct sedge_settings s;
        if (take(&s, rows[i].json, &err)) fail_msg("%s: %s", rows[i].json, err.msg);
        if (rows[i].image)
            assert_string_equal(s.image, rows[i].image);
        else
            assert_null(s.image);
        assert_string_equal(s.directory, rows[i].directory);
        assert_string_equal(s.model_key, rows[i].key);
        assert_string_equal(s.topic, rows[i].topic);
        assert_int_equal(s.interval_ms, rows[i].ms);
        sedge_settings_release(&s);
    }
}

static void a_malformed_setting_is_named(void **st)
{
    static const struct {
        const char *json, *says;
    } rows[] = {
        {"{\"InferenceInterval\":\"0\"}", "InferenceInterval: \"0\"; expected seconds, 0.1 or more"},
        {"{\"InferenceInterval\":-1}", "InferenceInterval: \"-1\""},
        {"{\"InferenceInterval\":\"soon\"}", "InferenceInterval: \"soon\""},
        {"{\"InferenceInterval\":\"nan\"}", "InferenceInterval"},
        {"{\"InferenceInterval\":true}", "InferenceInterval: expected a text"},
        {"{\"ImageName\":\"../x.png\"}", "ImageName: \"../x.png\" has to be a file name"},
        {"{\"ImageName\":{}}", "ImageName: expected a text"},
        {"{\"ModelResourceKey\":7}", "ModelResourceKey: expected"},
        {"{\"ModelResourceKey\":\"../../x\"}", "has to be a folder inside"},
        {"{\"PublishResultsOnTopic\":[]}", "PublishResultsOnTopic"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_err err = SEDGE_ERR_INIT;
        struct sedge_settings s;
        assert_int_equal(take(&s, rows[i].json, &err), -1);
        if (!strstr(err.msg, rows[i].says)) fail_msg("%s: \"%s\"", rows[i].json, err.msg);
    }
}

static void images_come_in_the_order_of_their_names_and_start_over(void **st)
{
    static const char *const names[] = {"b.PNG", "c.bmp", "a.jpeg", ".hidden.png", "notes.txt"};
    static const char *const order[] = {"a.jpeg", "b.PNG", "c.bmp", "a.jpeg"};
    char dir[] = "/tmp/sedge-test-XXXXXX";
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_settings s = {.directory = dir};
    sedge_auto_free char *last = NULL;

    (void)st;
    assert_non_null(mkdtemp(dir));
    assert_null(sedge_settings_next_image(&s, NULL, &err));
    assert_non_null(strstr(err.msg, "no image in /tmp/sedge-test-"));
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(names); i++) {
        sedge_auto_free char *path = sedge_xasprintf("%s/%s", dir, names[i]);
        assert_int_equal(sedge_fs_write_atomic(path, "x", 1, 0644, NULL), 0);
    }
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(order); i++) {
        char *path = sedge_settings_next_image(&s, last, &err);
        assert_non_null(path);
        assert_string_equal(strrchr(path, '/') + 1, order[i]);
        free(last);
        last = sedge_xstrdup(strrchr(path, '/') + 1);
        free(path);
    }
    assert_int_equal(sedge_fs_remove_tree(dir, NULL), 0);
    assert_null(sedge_settings_next_image(&s, NULL, &err));
    assert_non_null(strstr(err.msg, "image folder /tmp/sedge-test-"));
}

static void a_missing_model_folder_says_what_to_check(void **st)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_settings s = {.model_key = (char[]){"nets"}};
    sedge_auto_free char *found = NULL;

    (void)st;
    assert_null(sedge_settings_model(&s, NULL, &err));
    assert_non_null(strstr(err.msg, "DLR_IC_MODEL_DIR is not set"));
    assert_null(sedge_settings_model(&s, "/nowhere", &err));
    assert_non_null(
        strstr(err.msg, "no model folder /nowhere/nets or /nowhere: check DLR_IC_MODEL_DIR and ModelResourceKey"));
    found = sedge_settings_model(&s, "/tmp", &err); /* no sub-folder of that name: the folder itself */
    assert_string_equal(found, "/tmp");
}

static void the_message_is_that_of_the_original_component(void **st)
{
    struct sedge_ranking r = {
        .best = {{7, "seven", 0.75f}, {1, "one", 0.3125f}, {2, "two", 0.25f}}, .n = 3, .milliseconds = 1.5};
    sedge_auto_free char *text = sedge_classify_message(&r, "a.png", 1709806542123);

    (void)st;
    assert_string_equal(
        text, "{\"timestamp\":\"2024-03-07 10:15:42.123000+00:00\",\"inference-type\":\"image-classification\","
              "\"inference-description\":\"Top 5 predictions with score 0.3 or above \",\"inference-results\":["
              "{\"Label\":\"seven\",\"Score\":\"0.75\"},{\"Label\":\"one\",\"Score\":\"0.3125\"}],"
              "\"image\":\"a.png\",\"inference-milliseconds\":1.500}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configurations_are_read_as_the_original_does),
        cmocka_unit_test(a_malformed_setting_is_named),
        cmocka_unit_test(images_come_in_the_order_of_their_names_and_start_over),
        cmocka_unit_test(a_missing_model_folder_says_what_to_check),
        cmocka_unit_test(the_message_is_that_of_the_original_component),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
