/*
 * A recipe as JSON or YAML through the checker, the printers' input and the preview on two platforms. The checker must
 * refuse exactly what the parser refuses, and each finding must have a place within the text.
 */
#include "base/mem.h"
#include "recipe/check.h"
#include "recipe/preview.h"
#include "recipe/recipe.h"

#include <string.h>

static bool refuses(const struct sedge_report *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->v[i].fails == SEDGE_FAILS_RECIPE) return true;
    return false;
}

static void look(const struct sedge_report *r)
{
    size_t count[3] = {0, 0, 0};

    for (size_t i = 0; i < r->n; i++) {
        const struct sedge_finding *f = &r->v[i];

        sedge_assert(f->message && *f->message && f->member && f->rule && (f->line == 0) == (f->column == 0));
        sedge_assert((f->fails == SEDGE_FAILS_NOT) == (f->severity != SEDGE_SEVERITY_ERROR));
        sedge_assert(i == 0 || f->line == 0 || f->line >= r->v[i - 1].line);
        for (const char *p = f->message; *p; p++)
            sedge_assert((unsigned char)*p >= 0x20 || *p == '\t');
        count[f->severity]++;
    }
    sedge_assert(count[SEDGE_SEVERITY_ERROR] == r->errors && count[SEDGE_SEVERITY_WARNING] == r->warnings &&
                 count[SEDGE_SEVERITY_NOTE] == r->notes);
}

static void preview(const struct sedge_recipe *recipe, const char *on)
{
    const struct sedge_preview_options o = {.root = "/g", .thing_name = "t", .configuration = NULL};
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_put struct json_object *platform = sedge_platform_parse(on, &err);
    sedge_auto_put struct json_object *p = sedge_recipe_preview(recipe, platform, &o, &err);

    sedge_assert(platform && (p || err.code == SEDGE_E_INVALID));
    if (p) sedge_assert(!!sedge_json_obj(p, "manifest") != !!sedge_json_str(p, "reason", NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sedge_auto_free char *text = sedge_xcalloc(size + 1, 1);
    const char *file = size > 0 && data[0] == '{' ? "com.x-1.0.0.json" : "fuzz.yaml";
    struct sedge_report report;
    struct sedge_recipe *recipe;

    memcpy(text, data, size);
    sedge_recipe_check(text, size, file, &report);
    recipe = sedge_recipe_parse(text, size, file, NULL);
    look(&report);
    sedge_assert(!recipe == refuses(&report));
    if (recipe) {
        preview(recipe, "linux/arm64");
        preview(recipe, "windows/armv7l,line=blue");
    }
    sedge_recipe_free(recipe);
    sedge_report_release(&report);
    return 0;
}
