/* sedge recipe check | init | schema: recipes without a nucleus. */
#include "cli.h"

#include "recipe_files.h"
#include "recipe_init.h"
#include "recipe_print.h"

#include "base/fs.h"
#include "base/mem.h"
#include "recipe/check.h"
#include "recipe/preview.h"
#include "recipe/schema.h"

#include <stdio.h>
#include <string.h>

struct check_args {
    struct sedge_strv names;
    const char *platform, *root, *thing_name, *config;
    bool json, notes, strict;
};
struct init_args {
    struct sedge_strv names;
    const char *dir, *version;
};
struct schema_args {
    bool unused;
};

/* One call of `check`. */
struct checking {
    const struct check_args *a;
    struct json_object *platform;      /* NULL without --platform */
    struct sedge_preview_options view; /* its configuration is owned here */
    struct json_object *files;         /* for --json */
    size_t errors, warnings, notes;
};

static void tell(const struct sedge_buf *b)
{
    if (b->data) (void)fputs(b->data, stdout);
}

/* New reference; NULL when the recipe cannot be read, or no preview is wanted. */
static struct json_object *preview_of(const struct checking *c, const char *file, const struct sedge_buf *text)
{
    struct sedge_recipe *r = c->platform ? sedge_recipe_parse(text->data, text->len, file, NULL) : NULL;
    struct json_object *p = r ? sedge_recipe_preview(r, c->platform, &c->view, NULL) : NULL;

    sedge_recipe_free(r);
    return p;
}

static void report_file(struct checking *c, const char *file, const struct sedge_buf *text,
                        const struct sedge_report *r)
{
    sedge_auto_put struct json_object *preview = preview_of(c, file, text);
    sedge_auto_buf struct sedge_buf out = SEDGE_BUF_INIT;
    struct json_object *j;

    c->errors += r->errors;
    c->warnings += r->warnings;
    c->notes += r->notes;
    if (c->a->json) {
        j = sedge_recipe_json_findings(file, r);
        if (preview) (void)json_object_object_add(j, "preview", json_object_get(preview)); /* takes the reference */
        (void)json_object_array_add(c->files, j);                                          /* takes the reference */
        return;
    }
    sedge_recipe_print_findings(file, text->data, text->len, r, c->a->notes, &out);
    if (preview) sedge_recipe_print_preview(file, preview, &out);
    tell(&out);
}

/* A file that cannot be read is an error like any other. */
static void report_unreadable(struct checking *c, const char *file, const struct sedge_err *err)
{
    struct sedge_finding f = {.severity = SEDGE_SEVERITY_ERROR, .fails = SEDGE_FAILS_RECIPE, .rule = "unreadable"};
    const struct sedge_report r = {.v = &f, .n = 1, .errors = 1};
    const struct sedge_buf none = SEDGE_BUF_INIT;
    char nothing[] = "";
    sedge_auto_free char *message = sedge_xstrdup(
        sedge_str_starts(err->msg, file) && err->msg[strlen(file)] == ':' ? err->msg + strlen(file) + 2 : err->msg);
    struct json_object *platform = c->platform;

    f.member = nothing;
    f.message = message;
    c->platform = NULL;
    report_file(c, file, &none, &r);
    c->platform = platform;
}

static void check_file(struct checking *c, const char *file)
{
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;
    struct sedge_report report;
    struct sedge_err err = SEDGE_ERR_INIT;

    if (!sedge_recipe_is_file_name(file)) {
        (void)sedge_err_set(&err, SEDGE_E_UNSUPPORTED, "not a recipe file; expected .json, .yaml or .yml");
        report_unreadable(c, file, &err);
        return;
    }
    if (sedge_fs_read(file, SEDGE_RECIPE_BYTES_MAX, &text, &err) != 0) {
        report_unreadable(c, file, &err);
        return;
    }
    sedge_buf_puts(&text, "");
    sedge_recipe_check(text.data, text.len, file, &report);
    report_file(c, file, &text, &report);
    sedge_report_release(&report);
}

/* --config: JSON, or the name of a file with it. */
static int read_config(const char *option, struct json_object **out)
{
    sedge_auto_free char *path = sedge_cli_expand(option);
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;
    struct sedge_err err = SEDGE_ERR_INIT;
    const char *what = *option == '{' ? "--config" : path;

    if (*option == '{')
        sedge_buf_puts(&text, option);
    else if (sedge_fs_read(path, SEDGE_RECIPE_BYTES_MAX, &text, &err) != 0)
        goto bad;
    sedge_buf_puts(&text, "");
    *out = sedge_json_parse_object(text.data, text.len, what, &err);
    if (*out) return 0;
bad:
    sedge_cli_fail("--config: %s", err.msg);
    return -1;
}

/* -1: said what is wrong. */
static int prepare(struct sedge_cli *cli, struct checking *c)
{
    const struct check_args *a = c->a;
    const char *root = a->root ? a->root : sedge_cli_root(cli);
    struct sedge_err err = SEDGE_ERR_INIT;

    if (!a->platform && (a->root || a->thing_name || a->config)) {
        sedge_cli_fail("--root, --thing-name and --config go with --platform");
        return -1;
    }
    if (a->platform) c->platform = sedge_platform_parse(a->platform, &err);
    if (a->platform && !c->platform) {
        sedge_cli_fail("--platform: %s", err.msg);
        return -1;
    }
    c->view.root = root ? root : "/var/lib/sedge";
    c->view.thing_name = a->thing_name ? a->thing_name : "<thing name>";
    return a->config ? read_config(a->config, &c->view.configuration) : 0;
}

static void tell_summary(const struct checking *c, size_t files, size_t skipped)
{
    sedge_auto_buf struct sedge_buf out = SEDGE_BUF_INIT;
    sedge_auto_put struct json_object *o = json_object_new_object();

    if (c->a->json) {
        (void)json_object_object_add(o, "files", json_object_get(c->files)); /* takes the reference */
        sedge_json_add_i64(o, "errors", (int64_t)c->errors);
        sedge_json_add_i64(o, "warnings", (int64_t)c->warnings);
        sedge_json_add_i64(o, "notes", (int64_t)c->notes);
        (void)printf("%s\n", sedge_json_text(o));
        return;
    }
    sedge_recipe_print_summary(files, c->errors, c->warnings, c->notes, c->a->notes, &out);
    if (skipped)
        sedge_buf_printf(&out, "%zu other JSON or YAML file%s in the folder %s no recipe%s\n", skipped,
                         skipped == 1 ? "" : "s", skipped == 1 ? "is" : "are", skipped == 1 ? "" : "s");
    tell(&out);
}

static int run_check(struct sedge_cli *cli, void *args)
{
    struct checking c = {.a = args};
    sedge_auto_strv struct sedge_strv files = {NULL, 0};
    struct sedge_err err = SEDGE_ERR_INIT;
    size_t skipped = 0;
    int code = SEDGE_EXIT_USAGE;

    c.files = json_object_new_array();
    if (prepare(cli, &c) == 0) {
        if (sedge_recipe_files(&c.a->names, &files, &skipped, &err) != 0) {
            sedge_cli_fail("%s", err.msg);
            code = SEDGE_EXIT_FAILED;
        } else {
            for (size_t i = 0; i < files.n; i++)
                check_file(&c, files.v[i]);
            tell_summary(&c, files.n, skipped);
            code = c.errors || (c.a->strict && c.warnings) ? SEDGE_EXIT_FAILED : 0;
        }
    }
    (void)json_object_put(c.files);
    (void)json_object_put(c.platform);
    (void)json_object_put(c.view.configuration);
    return code;
}

static int run_init(struct sedge_cli *cli, void *args)
{
    const struct init_args *a = args;
    sedge_auto_buf struct sedge_buf next = SEDGE_BUF_INIT;
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)cli;
    if (a->names.n != 1) {
        sedge_cli_fail("expected one component name, got %zu", a->names.n);
        return SEDGE_EXIT_USAGE;
    }
    if (sedge_recipe_init(a->names.v[0], a->version ? a->version : "1.0.0", a->dir, &next, &err) != 0) {
        sedge_cli_fail("%s", err.msg);
        return err.code == SEDGE_E_INVALID || err.code == SEDGE_E_LIMIT ? SEDGE_EXIT_USAGE : SEDGE_EXIT_FAILED;
    }
    tell(&next);
    return 0;
}

static int run_schema(struct sedge_cli *cli, void *args)
{
    sedge_auto_put struct json_object *schema = sedge_recipe_schema();

    (void)cli;
    (void)args;
    (void)printf("%s\n",
                 json_object_to_json_string_ext(schema, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
    return 0;
}

#define CHECK(field) offsetof(struct check_args, field)
static const struct sedge_arg check_args[] = {
    {"FILE|DIR...", NULL, SEDGE_ARG_WORDS, true, CHECK(names), NULL,
     "recipes, and folders with recipes anywhere below"},
    {"--json", NULL, SEDGE_ARG_FLAG, false, CHECK(json), NULL, "print JSON"},
    {"--notes", NULL, SEDGE_ARG_FLAG, false, CHECK(notes), NULL, "also what is in order and worth knowing"},
    {"--strict", NULL, SEDGE_ARG_FLAG, false, CHECK(strict), NULL, "exit with 1 for warnings, too"},
    {"--platform", "-p", SEDGE_ARG_TEXT, false, CHECK(platform), "<os/arch>",
     "show what runs there, such as linux/arm64"},
    {"--config", "-c", SEDGE_ARG_TEXT, false, CHECK(config), "<json>",
     "configuration over the default one, or a file with it"},
    {"--root", NULL, SEDGE_ARG_TEXT, false, CHECK(root), "<path>", "root folder of the device"},
    {"--thing-name", NULL, SEDGE_ARG_TEXT, false, CHECK(thing_name), "<name>", "thing name of the device"},
};

#define INIT(field) offsetof(struct init_args, field)
static const struct sedge_arg init_args[] = {
    {"NAME", NULL, SEDGE_ARG_WORDS, true, INIT(names), NULL, "component name, such as com.example.Hello"},
    {"--dir", "-d", SEDGE_ARG_TEXT, false, INIT(dir), "<path>", "folder to make, by default ./NAME"},
    {"--component-version", "-v", SEDGE_ARG_TEXT, false, INIT(version), "<version>",
     "component version, by default 1.0.0"},
};

const struct sedge_command sedge_recipe_commands[] = {
    {"recipe", "check", "Say everything that is wrong or doubtful in recipes", check_args, SEDGE_ARRAY_LEN(check_args),
     sizeof(struct check_args), run_check},
    {"recipe", "init", "Write a recipe and its folder, ready to be deployed", init_args, SEDGE_ARRAY_LEN(init_args),
     sizeof(struct init_args), run_init},
    {"recipe", "schema", "Print the JSON Schema of recipes, for editors", NULL, 0, sizeof(struct schema_args),
     run_schema},
};
const size_t sedge_recipe_ncommands = SEDGE_ARRAY_LEN(sedge_recipe_commands);
