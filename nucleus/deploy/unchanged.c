/* Which roots a deployment leaves as they are: fleet status names them, since its list of components does not. */
#include "run.h"

#include "base/mem.h"

#include <string.h>

static bool is_same(struct json_object *a, struct json_object *b)
{
    sedge_auto_free char *x = sedge_json_text_sorted(a);
    sedge_auto_free char *y = sedge_json_text_sorted(b);

    return strcmp(x, y) == 0;
}

/* A built-in component has no plan when nothing of it changes. */
static bool stays(struct sedge_run *run, const char *name)
{
    static const char *const members[] = {"configuration", "runWith"};
    struct json_object *planned = sedge_json_obj(run->services, name);
    sedge_auto_put struct json_object *present =
        sedge_config_get_object(run->d->o.config, SEDGE_PATH("services", name));

    if (!planned) return sedge_builtin_version(name) != NULL;
    if (!sedge_str_eq(sedge_json_str(planned, "version", ""), sedge_json_str(present, "version", ""))) return false;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(members); i++)
        if (!is_same(sedge_json_get(planned, members[i]), sedge_json_get(present, members[i]))) return false;
    return true;
}

static void note(struct sedge_run *run, bool all)
{
    struct sedge_entry *e = run->entry;

    (void)json_object_put(e->unchanged);
    e->unchanged = json_object_new_array();
    for (size_t i = 0; i < run->doc.nroots; i++)
        if (all || stays(run, run->doc.roots[i].name))
            (void)json_object_array_add(e->unchanged, json_object_new_string(run->doc.roots[i].name));
}

void sedge_run_note_unchanged(struct sedge_run *run)
{
    note(run, false);
}

void sedge_run_note_all_unchanged(struct sedge_run *run)
{
    note(run, true);
}
