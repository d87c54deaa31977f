#include "../test.h"

#include "base/mem.h"
#include "base/str.h"
#include "secret/arn.h"

#define PREFIX "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"

static void a_friendly_name_matches_an_arn_with_six_letters_or_digits_behind_it(void **st)
{
    static const struct {
        const char *arn, *name;
        bool matches;
    } rows[] = {
        {PREFIX "db-AbCdEf", "db", true},
        {PREFIX "db-a1B2c3", "db", true},
        {PREFIX "team/db.main_1+=@x-AbCdEf", "team/db.main_1+=@x", true},
        {PREFIX "db-old-AbCdEf", "db-old", true},
        {"arn:aws-cn:secretsmanager::0:secret:db-AbCdEf", "db", true},
        {PREFIX "db-AbCdEf", "d", false},
        {PREFIX "db-AbCdEf", "db-AbCdEf", false},
        {PREFIX "db-old-AbCdEf", "db", false},
        {PREFIX "db-AbCdE", "db", false},
        {PREFIX "db-AbCdEfg", "db", false},
        {PREFIX "db-AbC_Ef", "db", false},
        {PREFIX "db", "db", false},
        {PREFIX "-AbCdEf", "", false},
        {PREFIX "DB-AbCdEf", "db", false},
        {"arn:aws:ssm:eu-west-1:123456789012:secret:db-AbCdEf", "db", false},
        {"arn:aws:secretsmanager:eu-west-1:123456789012:db-AbCdEf", "db", false},
        {"db-AbCdEf", "db", false},
        {"", "", false},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++)
        if (sedge_secret_arn_has_name(rows[i].arn, rows[i].name) != rows[i].matches)
            fail_msg("%s and %s: expected %d", rows[i].arn, rows[i].name, rows[i].matches);
}

static void the_name_of_an_arn_is_what_stands_before_the_six_characters(void **st)
{
    sedge_auto_free char *name = sedge_secret_arn_name(PREFIX "a/b-c-000000", NULL);
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)st;
    assert_string_equal(name, "a/b-c");
    assert_null(sedge_secret_arn_name("arn:aws:s3:::bucket", &err));
    assert_int_equal(err.code, SEDGE_E_INVALID);
    assert_non_null(strstr(err.msg, "secret:NAME-XXXXXX"));
}

static void an_arn_of_the_device_has_the_name_and_is_never_the_same_twice(void **st)
{
    sedge_auto_free char *a = sedge_secret_local_arn("team/db");
    sedge_auto_free char *b = sedge_secret_local_arn("team/db");

    (void)st;
    assert_true(sedge_str_starts(a, "arn:aws:secretsmanager:local:000000000000:secret:team/db-"));
    assert_true(sedge_secret_arn_has_name(a, "team/db"));
    assert_true(sedge_secret_is_arn(a));
    assert_string_not_equal(a, b);
}

static void names_have_letters_digits_and_a_few_other_characters(void **st)
{
    char longest[SEDGE_SECRET_NAME_MAX + 2];
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)st;
    memset(longest, 'a', sizeof longest);
    longest[SEDGE_SECRET_NAME_MAX] = 0;
    assert_int_equal(sedge_secret_name_check("team/db_1+=.@-", NULL), 0);
    assert_int_equal(sedge_secret_name_check(longest, NULL), 0);
    assert_int_equal(sedge_secret_name_check("", NULL), -1);
    assert_int_equal(sedge_secret_name_check("with blank", NULL), -1);
    assert_int_equal(sedge_secret_name_check("a:b", NULL), -1);
    longest[SEDGE_SECRET_NAME_MAX] = 'a';
    longest[SEDGE_SECRET_NAME_MAX + 1] = 0;
    assert_int_equal(sedge_secret_name_check(longest, &err), -1);
    assert_int_equal(err.code, SEDGE_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_friendly_name_matches_an_arn_with_six_letters_or_digits_behind_it),
        cmocka_unit_test(the_name_of_an_arn_is_what_stands_before_the_six_characters),
        cmocka_unit_test(an_arn_of_the_device_has_the_name_and_is_never_the_same_twice),
        cmocka_unit_test(names_have_letters_digits_and_a_few_other_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
