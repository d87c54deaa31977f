/* First line: pattern; second: resource; the rest: an accessControl as JSON. */
#include "base/mem.h"
#include "policy/policy.h"

#include <string.h>

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
    /* what standard style permits, MQTT style permits unless the resource has wildcards */
    if (sedge_policy_match(text, resource, SEDGE_MATCH_STANDARD) && !strpbrk(resource, "+#"))
        sedge_assert(sedge_policy_match(text, resource, SEDGE_MATCH_MQTT));
    if (rest) check(rest);
    return 0;
}
