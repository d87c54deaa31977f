/* What a changed specification demands: each row of the two tables of spec/lifecycle.md 11. */
#include "../test.h"

#include "base/json.h"
#include "base/mem.h"
#include "supervisor/react.h"

#define LIFECYCLE                                                                                                      \
    "{'Install':{'Script':'i','Setenv':{'A':'1'}},'Startup':'s','Run':'r','Shutdown':{'Script':'d','Timeout':5},"      \
    "'Recover':'c','Uninstall':'u','Bootstrap':'b','Setenv':{'A':'1'},'errorResetTime':60,'sedge':{'watchdog':30}}"

struct change {
    const char *name;
    const char *from, *to; /* in the lifecycle above */
    enum sedge_reaction reaction;
};

static const struct change changes[] = {
    {"nothing", "", "", SEDGE_REACT_NONE},
    {"install's text", "'Script':'i'", "'Script':'j'", SEDGE_REACT_REINSTALL},
    {"install's environment", "'i','Setenv':{'A':'1'}", "'i','Setenv':{'A':'2'}", SEDGE_REACT_REINSTALL},
    {"install gone", "'Install':{'Script':'i','Setenv':{'A':'1'}},", "", SEDGE_REACT_REINSTALL},
    {"install's spelling", "'Install'", "'install'", SEDGE_REACT_NONE},
    {"startup", "'Startup':'s'", "'Startup':'x'", SEDGE_REACT_RESTART},
    {"startup gone", "'Startup':'s',", "", SEDGE_REACT_RESTART},
    {"run", "'Run':'r'", "'Run':'x'", SEDGE_REACT_RESTART},
    {"run gone", "'Run':'r',", "", SEDGE_REACT_RESTART},
    {"run as a map", "'Run':'r'", "'Run':{'Script':'r','Timeout':5}", SEDGE_REACT_RESTART},
    {"recover", "'Recover':'c'", "'Recover':'x'", SEDGE_REACT_RESTART},
    {"recover gone", "'Recover':'c',", "", SEDGE_REACT_RESTART},
    {"bootstrap", "'Bootstrap':'b'", "'Bootstrap':'x'", SEDGE_REACT_RESTART},
    {"shutdown's text", "'Script':'d'", "'Script':'x'", SEDGE_REACT_NONE},
    {"shutdown's time", "'Timeout':5", "'Timeout':6", SEDGE_REACT_NONE},
    {"shutdown gone", "'Shutdown':{'Script':'d','Timeout':5},", "", SEDGE_REACT_NONE},
    {"environment", "'b','Setenv':{'A':'1'}", "'b','Setenv':{'A':'2'}", SEDGE_REACT_RESTART},
    {"a variable gone", "'b','Setenv':{'A':'1'}", "'b','Setenv':{}", SEDGE_REACT_RESTART},
    {"errorResetTime", "'errorResetTime':60", "'errorResetTime':61", SEDGE_REACT_RESTART},
    {"our own settings, which count at once", "'watchdog':30", "'watchdog':31", SEDGE_REACT_NONE},
    {"our own settings gone", ",'sedge':{'watchdog':30}", "", SEDGE_REACT_NONE},
    {"install and shutdown", "'Script':'i','Setenv':{'A':'1'}},'Startup':'s','Run':'r','Shutdown':{'Script':'d'",
     "'Script':'j','Setenv':{'A':'1'}},'Startup':'s','Run':'r','Shutdown':{'Script':'e'", SEDGE_REACT_REINSTALL},
};

static struct json_object *parse(const char *text)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_free char *copy = sedge_xstrdup(text);
    struct json_object *o;

    for (char *p = copy; *p; p++)
        if (*p == '\'') *p = '"';
    o = sedge_json_parse_object(copy, strlen(copy), "lifecycle", &err);
    if (!o) fail_msg("%s: %s", text, err.msg);
    return o;
}

/* The lifecycle with the first `from` replaced by `to`. */
static struct json_object *changed(const char *from, const char *to)
{
    const char *at = strstr(LIFECYCLE, from);
    sedge_auto_free char *text = NULL;

    if (!at) fail_msg("\"%s\" is not in the lifecycle", from);
    text = sedge_xasprintf("%.*s%s%s", (int)(at - LIFECYCLE), LIFECYCLE, to, at + strlen(from));
    return parse(text);
}

static void each_change_of_a_lifecycle_has_its_reaction(void **st)
{
    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(changes); i++) {
        sedge_auto_put struct json_object *before = parse(LIFECYCLE);
        sedge_auto_put struct json_object *after = changed(changes[i].from, changes[i].to);
        struct sedge_service_spec a = {.name = "a", .version = "1.0.0", .lifecycle = before};
        struct sedge_service_spec b = {.name = "a", .version = "1.0.0", .lifecycle = after};
        if (sedge_react(&a, &b) != changes[i].reaction)
            fail_msg("%s: %d, expected %d", changes[i].name, sedge_react(&a, &b), changes[i].reaction);
        if (sedge_react(&b, &a) != changes[i].reaction) /* what comes is a change like what goes */
            fail_msg("%s, backwards: %d", changes[i].name, sedge_react(&b, &a));
    }
}

static void changes_beside_the_lifecycle_have_theirs(void **st)
{
    sedge_auto_put struct json_object *env1 = parse("{'A':'1'}"), *env2 = parse("{'A':'2'}"), *none = parse("{}");
    const struct sedge_service_dep x[] = {{"x", true}}, xy[] = {{"x", true}, {"y", true}}, soft[] = {{"x", false}};
    const struct sedge_limits some = {.memory_kb = 1000, .cpus = 0.5}, more = {.memory_kb = 1000, .cpus = 1};
    const struct sedge_service_spec base = {.name = "a",
                                            .version = "1.0.0",
                                            .deps = x,
                                            .ndeps = 1,
                                            .run_user = "u",
                                            .limits = some,
                                            .has_limits = true,
                                            .setenv = env1};
    struct {
        const char *name;
        struct sedge_service_spec after;
        enum sedge_reaction reaction;
    } rows[] = {
        {"nothing", base, SEDGE_REACT_NONE},
        {"version", base, SEDGE_REACT_REINSTALL},
        {"posixUser", base, SEDGE_REACT_REINSTALL},
        {"posixUser gone", base, SEDGE_REACT_REINSTALL},
        {"limits", base, SEDGE_REACT_LIMITS},
        {"limits gone", base, SEDGE_REACT_LIMITS},
        {"setenv", base, SEDGE_REACT_RESTART},
        {"setenv gone", base, SEDGE_REACT_RESTART},
        {"dependency added", base, SEDGE_REACT_RESTART},
        {"dependency gone", base, SEDGE_REACT_NONE},
        {"dependency SOFT", base, SEDGE_REACT_NONE},
        {"limits and version", base, SEDGE_REACT_REINSTALL},
        {"limits and setenv", base, SEDGE_REACT_RESTART},
    };

    (void)st;
    rows[1].after.version = "1.0.1";
    rows[2].after.run_user = "v";
    rows[3].after.run_user = NULL;
    rows[4].after.limits = more;
    rows[5].after.has_limits = false;
    rows[6].after.setenv = env2;
    rows[7].after.setenv = none;
    rows[8].after.deps = xy;
    rows[8].after.ndeps = 2;
    rows[9].after.ndeps = 0;
    rows[10].after.deps = soft;
    rows[11].after.limits = more;
    rows[11].after.version = "1.0.1";
    rows[12].after.limits = more;
    rows[12].after.setenv = none;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++)
        if (sedge_react(&base, &rows[i].after) != rows[i].reaction)
            fail_msg("%s: %d, expected %d", rows[i].name, sedge_react(&base, &rows[i].after), rows[i].reaction);
}

static void a_lifecycle_may_come_or_go_as_a_whole(void **st)
{
    sedge_auto_put struct json_object *run = parse("{'run':'r'}"), *install = parse("{'install':'i'}");
    struct sedge_service_spec none = {.name = "a"}, a = {.name = "a", .lifecycle = run},
                              b = {.name = "a", .lifecycle = install};

    (void)st;
    assert_int_equal(sedge_react(&none, &none), SEDGE_REACT_NONE);
    assert_int_equal(sedge_react(&none, &a), SEDGE_REACT_RESTART);
    assert_int_equal(sedge_react(&a, &none), SEDGE_REACT_RESTART);
    assert_int_equal(sedge_react(&b, &none), SEDGE_REACT_REINSTALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_change_of_a_lifecycle_has_its_reaction),
        cmocka_unit_test(changes_beside_the_lifecycle_have_theirs),
        cmocka_unit_test(a_lifecycle_may_come_or_go_as_a_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
