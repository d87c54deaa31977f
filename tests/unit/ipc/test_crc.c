#include "ipc_wire/crc.h"
#include "../test.h"

#include <zlib.h>

#define BYTES 5000

static uint8_t text[BYTES + 1];

static void the_check_value_is_that_of_the_standard(void **st)
{
    (void)st;
    assert_int_equal(sedge_crc32(0, "123456789", 9), 0xCBF43926u);
}

static void nothing_changes_nothing(void **st)
{
    (void)st;
    assert_int_equal(sedge_crc32(0, NULL, 0), 0);
    assert_int_equal(sedge_crc32(77, NULL, 0), 77);
}

static void every_length_and_place_gives_what_zlib_gives(void **st)
{
    (void)st;
    for (size_t n = 0; n < 700; n++)
        for (size_t at = 0; at < 17; at++)
            assert_int_equal(sedge_crc32(0, text + at, n), crc32_z(0, text + at, n));
    assert_int_equal(sedge_crc32(0, text, BYTES), crc32_z(0, text, BYTES));
}

static void it_goes_on_from_any_point(void **st)
{
    uint32_t whole = sedge_crc32(0, text, BYTES);

    (void)st;
    for (size_t n = 0; n <= BYTES; n += 13)
        assert_int_equal(sedge_crc32(sedge_crc32(0, text, n), text + n, BYTES - n), whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_check_value_is_that_of_the_standard),
        cmocka_unit_test(nothing_changes_nothing),
        cmocka_unit_test(every_length_and_place_gives_what_zlib_gives),
        cmocka_unit_test(it_goes_on_from_any_point),
    };
    uint32_t x = 1;

    for (size_t i = 0; i < sizeof text; i++) {
        x = x * 1664525u + 1013904223u;
        text[i] = (uint8_t)(x >> 24);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
