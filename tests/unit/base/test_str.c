#include "../test.h"

#include "base/mem.h"
#include "base/str.h"

static void base64_survives_a_round_trip_at_every_length(void **st)
{
    uint8_t data[64];

    (void)st;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    for (size_t n = 0; n <= sizeof data; n++) {
        sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;
        sedge_auto_buf struct sedge_buf back = SEDGE_BUF_INIT;
        sedge_base64_encode(&text, data, n);
        assert_int_equal(text.len % 4, 0);
        assert_int_equal(sedge_base64_decode(&back, text.data ? text.data : "", text.len, NULL), 0);
        assert_int_equal(back.len, n);
        if (n) assert_memory_equal(back.data, data, n);
    }
}

static void base64_refuses_what_is_not_base64(void **st)
{
    static const char *const bad[] = {"a", "ab!d", "=abc", "ab=c", "abcd=", "====", "a b="};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(bad); i++) {
        sedge_auto_buf struct sedge_buf out = SEDGE_BUF_INIT;
        struct sedge_err err;
        assert_int_equal(sedge_base64_decode(&out, bad[i], strlen(bad[i]), &err), -1);
        assert_int_equal(err.code, SEDGE_E_INVALID);
    }
}

static void base64_accepts_missing_padding(void **st)
{
    sedge_auto_buf struct sedge_buf out = SEDGE_BUF_INIT;

    (void)st;
    assert_int_equal(sedge_base64_decode(&out, "aGk", 3, NULL), 0);
    assert_string_equal(out.data, "hi");
}

static void uuids_are_version_4_and_differ(void **st)
{
    char a[SEDGE_UUID_LEN + 1];
    char b[SEDGE_UUID_LEN + 1];

    (void)st;
    sedge_uuid4(a);
    sedge_uuid4(b);
    assert_true(sedge_is_uuid(a));
    assert_int_equal(a[14], '4');
    assert_string_not_equal(a, b);
    assert_false(sedge_is_uuid("f7a0c2de-3d0b-4f5c-9d2a-0d9b6e3c1a5"));
    assert_false(sedge_is_uuid("f7a0c2de-3d0b-4f5c-9d2a-0d9b6e3c1a5g"));
}

static void secrets_compare_whole(void **st)
{
    (void)st;
    assert_true(sedge_secret_eq("abc", "abc"));
    assert_false(sedge_secret_eq("abc", "abcabc"));
    assert_false(sedge_secret_eq("abcabc", "abc"));
    assert_false(sedge_secret_eq("", "a"));
    assert_false(sedge_secret_eq("a", ""));
    assert_true(sedge_secret_eq("", ""));
}

static void text_from_outside_stays_on_one_line(void **st)
{
    sedge_auto_buf struct sedge_buf out = SEDGE_BUF_INIT;
    static const char in[] = "a\nb\x1b[31m\xff\xc3\xa9\t\xc2\x9b\x7f\xe2\x80\xa8\xc2\xa0";

    (void)st;
    sedge_str_escape(&out, in, sizeof in - 1);
    assert_string_equal(out.data, "a\\x0ab\\x1b[31m\\xff\xc3\xa9\t\\u009b\\x7f\\u2028\xc2\xa0");
}

static void the_nearest_key_is_suggested(void **st)
{
    static const char *const keys[] = {"RequiresPrivilege", "Script", "Timeout"};

    (void)st;
    assert_string_equal(sedge_str_nearest("RequirePrivilege", keys, 3), "RequiresPrivilege");
    assert_string_equal(sedge_str_nearest("timout", keys, 3), "Timeout");
    assert_null(sedge_str_nearest("Banana", keys, 3));
}

static void numbers_are_read_whole_and_within_their_range(void **st)
{
    int64_t v = 0;
    struct sedge_err err;

    (void)st;
    assert_int_equal(sedge_str_to_i64("42", 0, 100, &v, &err), 0);
    assert_int_equal(v, 42);
    assert_int_equal(sedge_str_to_i64("42x", 0, 100, &v, &err), -1);
    assert_int_equal(err.code, SEDGE_E_INVALID);
    assert_int_equal(sedge_str_to_i64("101", 0, 100, &v, &err), -1);
    assert_int_equal(err.code, SEDGE_E_LIMIT);
    assert_int_equal(sedge_str_to_i64("99999999999999999999", INT64_MIN, INT64_MAX, &v, &err), -1);
    assert_int_equal(sedge_str_to_i64("", 0, 1, &v, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_survives_a_round_trip_at_every_length),
        cmocka_unit_test(base64_refuses_what_is_not_base64),
        cmocka_unit_test(base64_accepts_missing_padding),
        cmocka_unit_test(uuids_are_version_4_and_differ),
        cmocka_unit_test(secrets_compare_whole),
        cmocka_unit_test(text_from_outside_stays_on_one_line),
        cmocka_unit_test(the_nearest_key_is_suggested),
        cmocka_unit_test(numbers_are_read_whole_and_within_their_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
