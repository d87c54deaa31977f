#include "recipe_print.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define LINE_SHOWN 120 /* characters of a line of the recipe */

/* --- findings ----------------------------------------------------------------------------------------------------- */

/* The line of that number; its length in *n. NULL when there is none. */
static const char *line_of(const char *text, size_t len, unsigned line, size_t *n)
{
    const char *end = text + len;
    const char *stop;

    for (; line > 1; line--) {
        text = memchr(text, '\n', (size_t)(end - text));
        if (!text) return NULL;
        text++;
    }
    stop = memchr(text, '\n', (size_t)(end - text));
    *n = (size_t)((stop ? stop : end) - text);
    return text;
}

static size_t character_length(const char *p, size_t n)
{
    size_t k = 1;

    while (k < n && ((unsigned char)p[k] & 0xc0) == 0x80)
        k++;
    return k;
}

/* The line and a mark below its column. A tab is shown as a blank, so that the mark stands right. */
static void put_line(const char *line, size_t n, const struct sedge_finding *f, struct sedge_buf *out)
{
    sedge_auto_buf struct sedge_buf shown = SEDGE_BUF_INIT;
    unsigned column = 1;

    for (size_t i = 0; i < n && column <= LINE_SHOWN; column++) {
        size_t k = character_length(line + i, n - i);

        if (line[i] == '\t')
            sedge_buf_putc(&shown, ' ');
        else if (line[i] != '\r')
            sedge_str_escape(&shown, line + i, k);
        i += k;
    }
    if (f->column == 0 || f->column > LINE_SHOWN || !shown.len) return;
    sedge_buf_printf(out, "%6u | %s\n       | %*s^\n", f->line, shown.data, (int)f->column - 1, "");
}

static void put_finding(const char *file, const char *text, size_t len, const struct sedge_finding *f,
                        struct sedge_buf *out)
{
    size_t n = 0;
    const char *line = text && f->line ? line_of(text, len, f->line, &n) : NULL;

    if (f->line)
        sedge_buf_printf(out, "%s:%u:%u: ", file, f->line, f->column);
    else
        sedge_buf_printf(out, "%s: ", file);
    sedge_buf_printf(out, "%s: %s%s%s [%s]\n", sedge_severity_name(f->severity), f->member, *f->member ? ": " : "",
                     f->message, f->rule);
    if (line) put_line(line, n, f, out);
}

void sedge_recipe_print_findings(const char *file, const char *text, size_t len, const struct sedge_report *r,
                                 bool notes, struct sedge_buf *out)
{
    for (size_t i = 0; i < r->n; i++)
        if (notes || r->v[i].severity != SEDGE_SEVERITY_NOTE) put_finding(file, text, len, &r->v[i], out);
}

struct json_object *sedge_recipe_json_findings(const char *file, const struct sedge_report *r)
{
    struct json_object *o = json_object_new_object();
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < r->n; i++) {
        const struct sedge_finding *f = &r->v[i];
        struct json_object *j = json_object_new_object();

        sedge_json_add_str(j, "severity", sedge_severity_name(f->severity));
        sedge_json_add_str(j, "rule", f->rule);
        sedge_json_add_str(j, "fails", sedge_fails_name(f->fails));
        if (f->line) sedge_json_add_i64(j, "line", f->line);
        if (f->line) sedge_json_add_i64(j, "column", f->column);
        sedge_json_add_str(j, "member", f->member);
        sedge_json_add_str(j, "text", f->text);
        sedge_json_add_str(j, "expected", f->expected);
        sedge_json_add_str(j, "suggestion", f->suggestion);
        sedge_json_add_str(j, "message", f->message);
        (void)json_object_array_add(list, j); /* takes the reference */
    }
    sedge_json_add_str(o, "file", file);
    (void)json_object_object_add(o, "findings", list); /* takes the reference */
    return o;
}

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

static void put_count(struct sedge_buf *out, size_t n, const char *what)
{
    if (n)
        sedge_buf_printf(out, "%zu %s%s", n, what, plural(n));
    else
        sedge_buf_printf(out, "no %ss", what);
}

void sedge_recipe_print_summary(size_t files, size_t errors, size_t warnings, size_t notes, bool notes_shown,
                                struct sedge_buf *out)
{
    sedge_buf_printf(out, "%zu recipe%s: ", files, plural(files));
    put_count(out, errors, "error");
    sedge_buf_puts(out, ", ");
    put_count(out, warnings, "warning");
    if (notes) sedge_buf_printf(out, notes_shown ? ", %zu note%s" : " (%zu note%s: see --notes)", notes, plural(notes));
    sedge_buf_putc(out, '\n');
}

/* --- previews ----------------------------------------------------------------------------------------------------- */

static void put_escaped(struct sedge_buf *out, const char *text)
{
    sedge_str_escape(out, text, strlen(text));
}

static void put_script(struct sedge_buf *out, const char *script)
{
    sedge_auto_strv struct sedge_strv lines = {NULL, 0};

    sedge_strv_split(&lines, script, "\n");
    for (size_t i = 0; i < lines.n; i++) {
        if (i + 1 == lines.n && !*lines.v[i]) break;
        sedge_buf_puts(out, "      | ");
        put_escaped(out, lines.v[i]);
        sedge_buf_putc(out, '\n');
    }
}

static void put_step(struct sedge_buf *out, struct json_object *step)
{
    const char *script = sedge_json_str(step, "script", NULL);
    const char *skipif = sedge_json_str(step, "skipif", NULL);
    struct json_object *env = sedge_json_obj(step, "environment");

    sedge_buf_printf(out, "  %s:", sedge_json_str(step, "step", ""));
    if (sedge_json_bool(step, "requiresPrivilege", false)) sedge_buf_puts(out, " with privilege,");
    if (sedge_json_has(step, "timeout") && sedge_json_get(step, "timeout"))
        sedge_buf_printf(out, " at most %lld s", (long long)sedge_json_i64(step, "timeout", 0));
    else
        sedge_buf_puts(out, " no time-out");
    if (skipif) {
        sedge_buf_puts(out, ", skipped if ");
        put_escaped(out, skipif);
    }
    sedge_buf_putc(out, '\n');
    json_object_object_foreach (env, name, v) {
        sedge_buf_puts(out, "      ");
        put_escaped(out, name);
        sedge_buf_putc(out, '=');
        put_escaped(out, json_object_get_string(v));
        sedge_buf_putc(out, '\n');
    }
    put_script(out, script ? script : "(no script)");
}

static void put_lists(struct sedge_buf *out, struct json_object *preview)
{
    struct json_object *artifacts = sedge_json_arr(preview, "artifacts");
    struct json_object *steps = sedge_json_arr(preview, "steps");
    struct json_object *unresolved = sedge_json_arr(preview, "unresolved");

    for (size_t i = 0; artifacts && i < json_object_array_length(artifacts); i++) {
        struct json_object *a = json_object_array_get_idx(artifacts, i);

        sedge_buf_puts(out, "  artifact ");
        put_escaped(out, sedge_json_str(a, "uri", ""));
        sedge_buf_puts(out, "\n      ");
        put_escaped(out, sedge_json_str(a, "unpacked", sedge_json_str(a, "file", "(no file)")));
        sedge_buf_puts(out, sedge_json_has(a, "unpacked") ? "/ (unpacked)\n" : "\n");
    }
    for (size_t i = 0; steps && i < json_object_array_length(steps); i++)
        put_step(out, json_object_array_get_idx(steps, i));
    for (size_t i = 0; i < json_object_array_length(unresolved); i++) {
        struct json_object *u = json_object_array_get_idx(unresolved, i);

        sedge_buf_puts(out, "  left as it is: ");
        put_escaped(out, sedge_json_str(u, "variable", ""));
        sedge_buf_printf(out, " (%s)\n", sedge_json_str(u, "reason", ""));
    }
}

void sedge_recipe_print_preview(const char *file, struct json_object *preview, struct sedge_buf *out)
{
    static const struct {
        const char *word, *text;
    } lifecycles[] = {
        {"manifest", "with its own Lifecycle"}, {"global", "with the global Lifecycle"}, {"none", "without steps"}};
    struct json_object *m = sedge_json_obj(preview, "manifest");
    const char *name = sedge_json_str(m, "name", NULL);
    const char *lifecycle = sedge_json_str(preview, "lifecycle", "");
    const char *error = sedge_json_str(preview, "error", NULL);

    sedge_buf_printf(out, "%s on ", file);
    put_escaped(out, sedge_json_text(sedge_json_obj(preview, "platform")));
    if (!m) {
        sedge_buf_puts(out, ": cannot be used\n  ");
        put_escaped(out, sedge_json_str(preview, "reason", ""));
        sedge_buf_putc(out, '\n');
        return;
    }
    sedge_buf_printf(out, ": Manifests[%lld]", (long long)sedge_json_i64(m, "index", 0));
    if (name) {
        sedge_buf_puts(out, " \"");
        put_escaped(out, name);
        sedge_buf_putc(out, '"');
    }
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(lifecycles); i++)
        if (strcmp(lifecycles[i].word, lifecycle) == 0) sedge_buf_printf(out, ", %s\n", lifecycles[i].text);
    if (error) {
        sedge_buf_puts(out, "  the deployment fails: ");
        put_escaped(out, error);
        sedge_buf_putc(out, '\n');
    }
    put_lists(out, preview);
}
