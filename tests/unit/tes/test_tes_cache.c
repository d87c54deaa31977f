#include "../test.h"

#include "base/mem.h"
#include "tes/cache.h"

#define NOW 1700000000000 /* 2023-11-14T22:13:20Z */
#define REPLY                                                                                                          \
    "{\"credentials\":{\"accessKeyId\":\"a\",\"secretAccessKey\":\"s\",\"sessionToken\":\"t\",\"expiration\":\"%s\"}}"

static void answer(struct sedge_tes_cache *c, const char *expiration)
{
    sedge_auto_free char *text = sedge_xasprintf(REPLY, expiration);

    sedge_tes_cache_credentials(c, text, NOW);
}

static void credentials_count_until_five_minutes_before_they_expire(void **st)
{
    struct sedge_tes_cache c = {0};

    (void)st;
    assert_false(sedge_tes_cache_valid(&c, NOW));
    answer(&c, "2023-11-14T23:13:20Z");
    assert_int_equal(c.status, 200);
    assert_string_equal(c.body, "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"s\",\"Token\":\"t\","
                                "\"Expiration\":\"2023-11-14T23:13:20Z\"}");
    assert_true(sedge_tes_cache_valid(&c, NOW + 3299999));
    assert_false(sedge_tes_cache_valid(&c, NOW + 3300000));
    answer(&c, "2023-11-14T22:15:20.000Z"); /* in two minutes: given, and not kept */
    assert_int_equal(c.status, 200);
    assert_false(sedge_tes_cache_valid(&c, NOW));
    sedge_tes_cache_release(&c);
}

static void what_has_no_valid_credentials_is_an_error_that_is_not_kept(void **st)
{
    static const char *const texts[] = {"", "{}", "{\"credentials\":{\"accessKeyId\":\"a\"}}", "<html>"};
    struct sedge_tes_cache c = {0};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(texts); i++) {
        sedge_tes_cache_credentials(&c, texts[i], NOW);
        assert_int_equal(c.status, 500);
        assert_string_equal(c.body, "");
        assert_false(sedge_tes_cache_valid(&c, NOW));
    }
    answer(&c, "2023-11-14T22:13:19Z");
    assert_int_equal(c.status, 500);
    answer(&c, "tomorrow");
    assert_int_equal(c.status, 500);
    sedge_tes_cache_release(&c);
}

static void errors_count_for_the_time_of_their_kind(void **st)
{
    static const struct {
        int status;
        int64_t configured_s, pause_s;
    } rows[] = {{403, 0, 120}, {403, 10, 10}, {403, 9, 120}, {404, 42900, 42900}, {404, 42901, 120},
                {500, 0, 60},  {503, 30, 30}, {302, 0, 300}, {302, 77, 77}};
    struct sedge_tes_cache c = {0};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        const int64_t s = rows[i].configured_s;
        struct sedge_tes_pauses p = {s, s, s};
        sedge_tes_cache_error(&c, rows[i].status, "why", &p, NOW);
        assert_int_equal(c.status, rows[i].status);
        assert_string_equal(c.body, "why");
        assert_true(sedge_tes_cache_valid(&c, NOW + rows[i].pause_s * 1000 - 1));
        assert_false(sedge_tes_cache_valid(&c, NOW + rows[i].pause_s * 1000));
    }
    sedge_tes_cache_error(&c, 0, "no network", &(struct sedge_tes_pauses){0}, NOW);
    assert_int_equal(c.status, 500);
    assert_string_equal(c.body, "");
    assert_false(sedge_tes_cache_valid(&c, NOW));
    sedge_tes_cache_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(credentials_count_until_five_minutes_before_they_expire),
        cmocka_unit_test(what_has_no_valid_credentials_is_an_error_that_is_not_kept),
        cmocka_unit_test(errors_count_for_the_time_of_their_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
