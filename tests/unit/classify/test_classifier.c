/* Model folders and photographs: the best class has to be the right one. */
#include "../test.h"

#include <math.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "classify/classifier.h"

#define DATA   SEDGE_SHARED_DIR "/data/"
#define DIGITS SEDGE_SOURCE_DIR "/components/modelstore/digits/"
#define CLOSE  0.05 /* another decoder and resizer than the reference's */

static struct sedge_classifier *open_or_fail(const char *folder, const char *labels)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_classifier *c = sedge_classifier_open(folder, labels, &err);

    if (!c) fail_msg("%s", err.msg);
    return c;
}

static void check_photograph(struct sedge_classifier *c, const char *image, struct json_object *expected)
{
    sedge_auto_free char *path = sedge_xasprintf(DATA "images/%s", image);
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_ranking r;

    if (sedge_classifier_run(c, path, &r, &err)) fail_msg("%s", err.msg);
    assert_int_equal(r.n, 5);
    struct json_object *best = json_object_array_get_idx(expected, 0);
    print_message("  %s: %s %.4f, expected %s\n", image, r.best[0].label, (double)r.best[0].score,
                  sedge_json_text(best));
    assert_int_equal(r.best[0].index, sedge_json_i64(best, "index", -1));
    assert_string_equal(r.best[0].label, sedge_json_str(best, "label", ""));
    assert_true(fabs((double)r.best[0].score - sedge_json_double(best, "probability", -1)) < CLOSE);
    for (int i = 1; i < r.n; i++)
        assert_true(r.best[i].score <= r.best[i - 1].score);
}

static void photographs_are_what_they_show(void **st)
{
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;
    sedge_auto_put struct json_object *all = NULL;

    (void)st;
    if (sedge_fs_read(DATA "expected.json", 1 << 20, &text, NULL)) {
        print_message("../shared/data is not there: skipped\n");
        skip();
    }
    all = sedge_json_parse_object(text.data, text.len, "expected.json", NULL);
    assert_non_null(all);
    json_object_object_foreach (all, model, images) {
        sedge_auto_free char *path = sedge_xasprintf(DATA "models/%s.onnx", model);
        struct sedge_classifier *c = open_or_fail(path, DATA "labels.txt");
        print_message("%s\n", model);
        json_object_object_foreach (images, image, expected)
            check_photograph(c, image, expected);
        sedge_classifier_close(c);
    }
}

static int check_sample(const char *path, const char *name, void *user, struct sedge_err *err)
{
    struct sedge_ranking r;

    if (sedge_classifier_run(user, path, &r, err)) return -1;
    if (r.best[0].label[0] != name[strlen("digit_")]) fail_msg("%s is taken for a %s", name, r.best[0].label);
    assert_true(r.best[0].score > 0.5f && r.best[0].score <= 1.0001f);
    return 0;
}

static void both_digit_models_read_all_samples(void **st)
{
    static const char *const rows[] = {DIGITS "v1", DIGITS "v2"};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_classifier *c = open_or_fail(rows[i], NULL);
        struct sedge_err err = SEDGE_ERR_INIT;
        if (sedge_fs_walk(DIGITS "samples", check_sample, c, &err)) fail_msg("%s", err.msg);
        sedge_classifier_close(c);
    }
}

static void a_bad_image_is_an_error_and_the_next_one_is_classified(void **st)
{
    struct sedge_classifier *c = open_or_fail(DIGITS "v1", NULL);
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_ranking r;

    (void)st;
    assert_int_equal(sedge_classifier_run(c, DIGITS "v1/labels.txt", &r, &err), -1);
    assert_non_null(strstr(err.msg, "labels.txt: not a JPEG, PNG or BMP image"));
    assert_int_equal(sedge_classifier_run(c, DIGITS "samples/none.png", &r, &err), -1);
    assert_non_null(strstr(err.msg, "none.png"));
    assert_int_equal(sedge_classifier_run(c, DIGITS "samples/digit_7_0108.png", &r, &err), 0);
    assert_string_equal(r.best[0].label, "7");
    sedge_classifier_close(c);
}

static void a_folder_that_does_not_fit_its_model_is_refused(void **st)
{
    static const struct {
        const char *meta, *says;
    } rows[] = {
        {"{\"ImageClassification\":{\"Channels\":\"rgb\"}}", "the model takes 1 channels"},
        {"{\"ImageClassification\":{\"Channels\":\"cmyk\"}}", "expected gray, rgb or bgr"},
        {"{\"ImageClassification\":{\"Width\":9}}", "differ from the model's 8 x 8"},
        {"{\"ImageClassification\":{\"Scale\":[0]}}", "0 cannot be divided by"},
        {"{\"ImageClassification\":{\"Mean\":7}}", "expected a list of 1 or 3 numbers"},
        {"{\"ImageClassification\":{\"Mean\":[\"a\"]}}", "expected numbers"},
        {"{\"ImageClassification\":{\"Labels\":\"../../etc/passwd\"}}", "has to be a file in the model folder"},
        {"{\"ImageClassification\":{\"Labels\":\"no.txt\"}}", "no.txt"},
        {"{\"ImageClassification\":{\"Labels\":\"few.txt\"}}", "2 labels for 10 classes"},
        {"{}", NULL},
        {"no json", NULL},
    };
    sedge_auto_buf struct sedge_buf model = SEDGE_BUF_INIT;
    char dir[] = "/tmp/sedge-test-XXXXXX";

    (void)st;
    assert_non_null(mkdtemp(dir));
    sedge_auto_free char *onnx = sedge_xasprintf("%s/a.onnx", dir), *meta = sedge_xasprintf("%s/a.meta", dir),
                         *few = sedge_xasprintf("%s/few.txt", dir);
    assert_int_equal(sedge_fs_read(DIGITS "v1/digits.onnx", 1 << 20, &model, NULL), 0);
    assert_int_equal(sedge_fs_write_atomic(onnx, model.data, model.len, 0644, NULL), 0);
    assert_int_equal(sedge_fs_write_atomic(few, "a\nb", 3, 0644, NULL), 0);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_err err = SEDGE_ERR_INIT;
        assert_int_equal(sedge_fs_write_atomic(meta, rows[i].meta, strlen(rows[i].meta), 0644, NULL), 0);
        struct sedge_classifier *c = sedge_classifier_open(dir, NULL, &err);
        if (rows[i].says ? !!c || !strstr(err.msg, rows[i].says) : !c) fail_msg("%s: \"%s\"", rows[i].meta, err.msg);
        sedge_classifier_close(c);
    }
    assert_int_equal(sedge_fs_remove_tree(dir, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(photographs_are_what_they_show),
        cmocka_unit_test(both_digit_models_read_all_samples),
        cmocka_unit_test(a_bad_image_is_an_error_and_the_next_one_is_classified),
        cmocka_unit_test(a_folder_that_does_not_fit_its_model_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
