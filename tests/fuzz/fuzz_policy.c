/* First line: pattern; second: resource; the rest: an accessControl as JSON. The matcher agrees with a slow one that is
 * written down as the specification says it. */
#include "base/mem.h"
#include "policy/policy.h"

#include <string.h>

#define SLOW_MAX 48 /* the slow matcher tries everything, once */

/* Pairs of a rest of the pattern and a rest of the resource that were tried already. */
static bool tried[SLOW_MAX + 1][SLOW_MAX + 1];
static const char *tried_resource;

static bool is_level(const char *text, const char *p)
{
    return (p == text || p[-1] == '/') && (p[1] == '/' || !p[1]);
}

static bool slow(const char *text, const char *p, const char *r, bool mqtt);

/* The rest of the pattern behind any run of characters, without slashes if `level`. */
static bool slow_run(const char *text, const char *p, const char *r, bool mqtt, bool level)
{
    for (;; r++) {
        if (slow(text, p, r, mqtt)) return true;
        if (!*r || (level && *r == '/')) return false;
    }
}

static bool slow(const char *text, const char *p, const char *r, bool mqtt)
{
    bool *seen = &tried[p - text][r - tried_resource];

    if (*seen) return false; /* the first success ends everything */
    *seen = true;
    if (!*p) return !*r;
    if (*p == '*') return slow_run(text, p + 1, r, mqtt, false);
    if (mqtt && *p == '+' && is_level(text, p)) return slow_run(text, p + 1, r, mqtt, true);
    if (mqtt && *p == '#' && is_level(text, p) && !p[1]) return true;
    if (mqtt && !*r && strcmp(p, "/#") == 0) return true; /* a/# also matches a */
    if (p[0] == '$' && p[1] == '{') return *r == p[2] && slow(text, p + 4, r + 1, mqtt);
    return *r == *p && slow(text, p + 1, r + 1, mqtt);
}

static bool slow_match(const char *pattern, const char *resource, bool mqtt)
{
    memset(tried, 0, sizeof(tried));
    tried_resource = resource;
    return slow(pattern, pattern, resource, mqtt);
}

static void compare(const char *pattern, const char *resource)
{
    if (strlen(pattern) > SLOW_MAX || strlen(resource) > SLOW_MAX || sedge_policy_pattern_check(pattern, NULL) != 0)
        return;
    sedge_assert(sedge_policy_match(pattern, resource, SEDGE_MATCH_STANDARD) == slow_match(pattern, resource, false));
    if (strpbrk(resource, "+#"))
        return; /* wildcards of a request are covered by wildcards only: different on purpose */
    sedge_assert(sedge_policy_match(pattern, resource, SEDGE_MATCH_MQTT) == slow_match(pattern, resource, true));
}

static void check(const char *access_control)
{
    struct sedge_policy *p = sedge_policy_new();
    sedge_auto_put struct json_object *text = json_object_new_string(access_control);

    sedge_policy_set_component(p, "com.x.A", text, NULL, NULL);
    (void)sedge_policy_check(p, SEDGE_SERVICE_PUBSUB, "com.x.A", "aws.greengrass#PublishToTopic", "a/b",
                             SEDGE_MATCH_STANDARD, NULL);
    sedge_policy_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sedge_auto_free char *text = sedge_xstrndup((const char *)data, size);
    char *resource = strchr(text, '\n');
    char *rest;

    if (!resource) return 0;
    *resource++ = '\0';
    rest = strchr(resource, '\n');
    if (rest) *rest++ = '\0';
    compare(text, resource);
    if (rest) check(rest);
    return 0;
}
