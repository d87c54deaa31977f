/* The recipe checker has the table of operations once more, because its box may not use this one. */
#include "../test.h"

#include "base/mem.h"
#include "policy/policy.h"
#include "recipe/check_parts.h"

static void the_checker_of_recipes_knows_the_operations_that_policies_know(void **st)
{
    size_t n;
    const char *const *services = sedge_check_services(&n);

    (void)st;
    assert_true(n > 0);
    for (size_t i = 0; i < n; i++) {
        assert_true(sedge_policy_knows(services[i], "*"));
        for (const char *const *o = sedge_check_operations(services[i]); *o; o++)
            if (!sedge_policy_knows(services[i], *o)) fail_msg("policies of %s do not know %s", services[i], *o);
    }
}

static void services_of_policies_are_known_to_the_checker_of_recipes(void **st)
{
    static const char *const names[] = {SEDGE_SERVICE_PUBSUB,  SEDGE_SERVICE_MQTTPROXY, SEDGE_SERVICE_LIFECYCLE,
                                        SEDGE_SERVICE_METRIC,  SEDGE_SERVICE_SECRETS,   SEDGE_SERVICE_SHADOW,
                                        SEDGE_SERVICE_CLIENTS, SEDGE_SERVICE_CLI,       SEDGE_SERVICE_TES};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(names); i++)
        if (!sedge_check_operations(names[i])) fail_msg("%s is missing", names[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_checker_of_recipes_knows_the_operations_that_policies_know),
        cmocka_unit_test(services_of_policies_are_known_to_the_checker_of_recipes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
