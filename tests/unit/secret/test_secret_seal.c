#include "../test.h"

#include "base/mem.h"
#include "secret/seal.h"

static const uint8_t key[SEDGE_SEAL_KEY_LEN] = {1, 2, 3};

static struct sedge_buf text(const char *s)
{
    struct sedge_buf b = SEDGE_BUF_INIT;

    sedge_buf_puts(&b, s);
    return b;
}

static void what_was_sealed_opens_with_the_same_key_and_bound_bytes(void **st)
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, 65536};
    sedge_auto_buf struct sedge_buf bound = text("db v1");

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(sizes); i++) {
        sedge_auto_free char *plain = sedge_xcalloc(1, sizes[i] + 1);
        sedge_auto_buf struct sedge_buf record = SEDGE_BUF_INIT, out = SEDGE_BUF_INIT;

        memset(plain, 'x', sizes[i]);
        sedge_seal(key, &bound, plain, sizes[i], &record);
        assert_int_equal(record.len, sizes[i] + SEDGE_SEAL_NONCE_LEN + SEDGE_SEAL_TAG_LEN);
        assert_int_equal(sedge_unseal(key, &bound, record.data, record.len, &out, NULL), 0);
        assert_int_equal(out.len, sizes[i]);
        assert_memory_equal(out.data, plain, sizes[i]);
    }
}

static void the_same_value_is_never_sealed_to_the_same_bytes(void **st)
{
    sedge_auto_buf struct sedge_buf bound = text("db v1"), a = SEDGE_BUF_INIT, b = SEDGE_BUF_INIT;

    (void)st;
    sedge_seal(key, &bound, "value", 5, &a);
    sedge_seal(key, &bound, "value", 5, &b);
    assert_memory_not_equal(a.data, b.data, SEDGE_SEAL_NONCE_LEN);
    assert_memory_not_equal(a.data + SEDGE_SEAL_NONCE_LEN, b.data + SEDGE_SEAL_NONCE_LEN, 5);
    assert_null(memmem(a.data, a.len, "value", 5));
}

static void a_record_with_any_bit_changed_does_not_open(void **st)
{
    sedge_auto_buf struct sedge_buf bound = text("db v1"), record = SEDGE_BUF_INIT;

    (void)st;
    sedge_seal(key, &bound, "value", 5, &record);
    for (size_t i = 0; i < record.len * 8; i++) {
        sedge_auto_buf struct sedge_buf out = SEDGE_BUF_INIT;
        struct sedge_err err = SEDGE_ERR_INIT;

        record.data[i / 8] = (char)(record.data[i / 8] ^ (1 << (i % 8)));
        assert_int_equal(sedge_unseal(key, &bound, record.data, record.len, &out, &err), -1);
        assert_int_equal(err.code, SEDGE_E_DIGEST);
        assert_int_equal(out.len, 0);
        record.data[i / 8] = (char)(record.data[i / 8] ^ (1 << (i % 8)));
    }
}

static void a_record_cut_anywhere_does_not_open(void **st)
{
    sedge_auto_buf struct sedge_buf bound = text("db v1"), record = SEDGE_BUF_INIT;

    (void)st;
    sedge_seal(key, &bound, "value", 5, &record);
    for (size_t n = 0; n < record.len; n++) {
        sedge_auto_buf struct sedge_buf out = SEDGE_BUF_INIT;
        assert_int_equal(sedge_unseal(key, &bound, record.data, n, &out, NULL), -1);
    }
}

static void a_record_opens_neither_in_another_place_nor_with_another_key(void **st)
{
    static const uint8_t other[SEDGE_SEAL_KEY_LEN] = {9};
    sedge_auto_buf struct sedge_buf bound = text("db v1"), elsewhere = text("db v2"), record = SEDGE_BUF_INIT,
                                    out = SEDGE_BUF_INIT;

    (void)st;
    sedge_seal(key, &bound, "value", 5, &record);
    assert_int_equal(sedge_unseal(key, &elsewhere, record.data, record.len, &out, NULL), -1);
    assert_int_equal(sedge_unseal(other, &bound, record.data, record.len, &out, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_sealed_opens_with_the_same_key_and_bound_bytes),
        cmocka_unit_test(the_same_value_is_never_sealed_to_the_same_bytes),
        cmocka_unit_test(a_record_with_any_bit_changed_does_not_open),
        cmocka_unit_test(a_record_cut_anywhere_does_not_open),
        cmocka_unit_test(a_record_opens_neither_in_another_place_nor_with_another_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
