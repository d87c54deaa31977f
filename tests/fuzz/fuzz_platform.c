/* Platform templates: the first line is a template, the second a value of the device. */
#include "base/mem.h"
#include "recipe/pattern.h"
#include "recipe/platform.h"

#include <string.h>

static void match(const char *template, const char *value)
{
    sedge_auto_put struct json_object *wanted = json_object_new_object();
    sedge_auto_put struct json_object *device = json_object_new_object();
    struct sedge_err err = SEDGE_ERR_INIT;
    int rc;

    sedge_json_add_str(wanted, "os", template);
    sedge_json_add_str(device, "os", value);
    rc = sedge_platform_match(wanted, device, &err);
    sedge_assert(rc >= -1 && rc <= 1 && (rc >= 0 || err.msg[0]));
    if (sedge_platform_template_check(template, NULL) == 0) sedge_assert(rc >= 0);
}

/* A quoted text hits itself and nothing longer. */
static void quote(const char *text)
{
    sedge_auto_free char *pattern = NULL;
    sedge_auto_free char *longer = sedge_xasprintf("%sx", text);
    struct sedge_pattern *p;

    if (strstr(text, "\\E") || strlen(text) > 1000) return;
    pattern = sedge_xasprintf("\\Q%s\\E", text);
    if (strstr(pattern, "\\E") != pattern + strlen(pattern) - 2) return; /* a "\" at the end makes another mark */
    p = sedge_pattern_parse(pattern, NULL);
    sedge_assert(p && sedge_pattern_match(p, text) && !sedge_pattern_match(p, longer));
    sedge_pattern_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sedge_auto_free char *text = sedge_xstrndup((const char *)data, size);
    char *line = strchr(text, '\n');
    const char *value = "linux";

    if (line) {
        *line++ = '\0';
        value = line;
    }
    match(text, value);
    quote(text);
    return 0;
}
