/* Recipe variables in any text: what comes out has no variable left that has a value, and never grows out of bounds. */
#include "base/mem.h"
#include "recipe/interpolate.h"

#include <string.h>

static void count(const char *placeholder, const char *why, void *user)
{
    size_t *n = user;

    sedge_assert(placeholder[0] == '{' && placeholder[strlen(placeholder) - 1] == '}' && *why);
    (*n)++;
}

static void one(const char *text, bool without)
{
    static const char configuration[] =
        "{\"a\":{\"b\":[1,{\"c\":null}],\"\":true,\"x/y\":\"{work:path}\"},\"n\":-0.5,\"s\":\"=\"}";
    sedge_auto_put struct json_object *tree = sedge_json_parse(configuration, sizeof configuration - 1, "", NULL);
    const struct sedge_interp_component dependency = {"d", "2.0.0", tree};
    size_t unknown = 0;
    const struct sedge_interp in = {.root = "/g",
                                    .thing_name = "thing",
                                    .self = {"c", "1.0.0", tree},
                                    .dependencies = &dependency,
                                    .ndependencies = 1,
                                    .without_configuration = without,
                                    .on_unknown = count,
                                    .user = &unknown};
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_free char *out = sedge_interpolate_text(&in, text, &err);

    sedge_assert(out || err.code == SEDGE_E_INVALID || err.code == SEDGE_E_LIMIT);
    if (!out) return;
    sedge_assert(strlen(out) <= SEDGE_INTERPOLATED_TEXT_MAX);
    sedge_assert(!strstr(out, "{kernel:rootPath}") && !strstr(out, "{iot:thingName}") &&
                 !strstr(out, "{artifacts:path}"));
    if (!strchr(text, '{')) sedge_assert(strcmp(out, text) == 0 && unknown == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sedge_auto_free char *text = sedge_xcalloc(size + 1, 1);

    memcpy(text, data, size);
    one(text, false);
    one(text, true);
    return 0;
}
