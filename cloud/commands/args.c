#include "args.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

#define GLOBAL_OPTIONS "state= json help"
#define OPTIONS_MAX    64
#define AGE_MAX        1000000

const char *sedge_run_opt(const struct sedge_run *r, const char *name, const char *def)
{
    for (size_t i = r->names.n; i-- > 0;) {
        if (strcmp(r->names.v[i], name) == 0) return r->values.v[i];
    }
    return def;
}

bool sedge_run_has(const struct sedge_run *r, const char *name)
{
    return sedge_run_opt(r, name, NULL) != NULL;
}

int sedge_run_int(const struct sedge_run *r, const char *name, int64_t min, int64_t max, int64_t *out,
                  struct sedge_err *err)
{
    const char *v = sedge_run_opt(r, name, NULL);

    if (!v) return 0;
    if (sedge_str_to_i64(v, min, max, out, err) == 0) return 0;
    return sedge_err_wrap(err, "--%s", name);
}

int sedge_run_age(const struct sedge_run *r, const char *name, int64_t *then_s, struct sedge_err *err)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    const char *text = sedge_run_opt(r, name, NULL);
    size_t n = text ? strlen(text) : 0;
    sedge_auto_free char *number = n ? sedge_xstrndup(text, n - 1) : NULL;
    int64_t count = 0;

    if (!text) return 0;
    for (size_t i = 0; number && i < SEDGE_ARRAY_LEN(units); i++) {
        if (text[n - 1] != units[i].unit || sedge_str_to_i64(number, 0, AGE_MAX, &count, NULL) != 0) continue;
        *then_s = sedge_wall_ms() / 1000 - count * units[i].seconds;
        return 0;
    }
    return sedge_err_set(err, SEDGE_E_INVALID, "--%s %s: expected a time such as 90s, 30m, 36h or 7d", name, text);
}

void sedge_table_row(struct sedge_table *t, const char *const *cells)
{
    for (size_t i = 0; i < t->columns; i++)
        sedge_strv_add(&t->cells, cells[i] && cells[i][0] ? cells[i] : "-");
}

void sedge_table_print(struct sedge_table *t, FILE *f)
{
    size_t rows = t->cells.n / t->columns;

    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < t->columns; c++) {
            const char *cell = t->cells.v[r * t->columns + c];
            size_t width = 0;

            for (size_t k = 0; k < rows && c + 1 < t->columns; k++) {
                size_t n = strlen(t->cells.v[k * t->columns + c]);
                width = n > width ? n : width;
            }
            (void)fprintf(f, "%-*s%s", (int)width, cell, c + 1 < t->columns ? "  " : "\n");
        }
    }
    sedge_strv_release(&t->cells);
}

void sedge_print_json(struct json_object *o)
{
    puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
}

struct json_object *sedge_texts(const char *name, ...)
{
    struct json_object *o = json_object_new_object();
    va_list ap;

    va_start(ap, name);
    for (; name; name = va_arg(ap, const char *)) {
        const char *text = va_arg(ap, const char *);

        if (text) sedge_json_add_str(o, name, text);
    }
    va_end(ap);
    return o;
}

int sedge_run_done(const struct sedge_run *r, struct json_object *o, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    if (r->json)
        sedge_print_json(o);
    else
        (void)vprintf(fmt, ap);
    va_end(ap);
    json_object_put(o);
    return 0;
}

void sedge_ago(int64_t then_s, char out[32])
{
    int64_t s = sedge_wall_ms() / 1000 - then_s;

    if (s < 0) s = 0;
    if (s < 120)
        (void)snprintf(out, 32, "%lld s ago", (long long)s);
    else if (s < 7200)
        (void)snprintf(out, 32, "%lld min ago", (long long)(s / 60));
    else if (s < 172800)
        (void)snprintf(out, 32, "%lld h ago", (long long)(s / 3600));
    else
        (void)snprintf(out, 32, "%lld days ago", (long long)(s / 86400));
}

/* Whether `list` has option `name`; *value says whether it takes one. */
static bool knows(const char *list, const char *name, bool *value)
{
    sedge_auto_strv struct sedge_strv all = {0};
    size_t n = strlen(name);

    sedge_strv_split(&all, list, " ");
    for (size_t i = 0; i < all.n; i++) {
        if (strncmp(all.v[i], name, n) != 0 || (all.v[i][n] && strcmp(all.v[i] + n, "=") != 0)) continue;
        *value = all.v[i][n] == '=';
        return true;
    }
    return false;
}

static int unknown_option(const struct sedge_command *c, const char *name, struct sedge_err *err)
{
    sedge_auto_strv struct sedge_strv all = {0};
    sedge_auto_free char *text = sedge_xasprintf(GLOBAL_OPTIONS " %s", c->options);
    const char *near;

    sedge_strv_split(&all, text, " ");
    for (size_t i = 0; i < all.n; i++)
        all.v[i][strcspn(all.v[i], "=")] = 0;
    near = sedge_str_nearest(name, (const char *const *)all.v, all.n);
    return sedge_err_set(err, SEDGE_E_INVALID, "unknown option --%s%s%s%s: sedge-cloud %s --help lists them", name,
                         near ? " (did you mean --" : "", near ? near : "", near ? "?)" : "", c->words);
}

/* Where deployments can be filtered by their state, --state ROLLING means that and not the folder ROLLING. */
static bool is_filter(const struct sedge_run *r, const char *name)
{
    bool value = false;

    return strcmp(name, "state") == 0 && knows(r->command->options, "in-state", &value) &&
           sedge_dep_state_number(r->values.v[r->values.n - 1]) >= 0;
}

/* One option, with its value in the same word or the next. */
static int take_option(struct sedge_run *r, char **argv, int argc, int *at, struct sedge_err *err)
{
    const char *word = argv[*at] + (argv[*at][1] == '-' ? 2 : 1), *eq = strchr(word, '=');
    sedge_auto_free char *name = eq ? sedge_xstrndup(word, (size_t)(eq - word)) : sedge_xstrdup(word);
    bool value = false;

    if (strcmp(name, "f") == 0 || strcmp(name, "cli-input-json") == 0) {
        free(name);
        name = sedge_xstrdup("file");
    }
    if (strcmp(name, "h") == 0) {
        free(name);
        name = sedge_xstrdup("help");
    }
    if (!knows(GLOBAL_OPTIONS, name, &value) && !knows(r->command->options, name, &value))
        return unknown_option(r->command, name, err);
    if (!value && eq) return sedge_err_set(err, SEDGE_E_INVALID, "option --%s takes no value", name);
    if (value && !eq && *at + 1 >= argc) return sedge_err_set(err, SEDGE_E_INVALID, "option --%s needs a value", name);
    sedge_strv_add(&r->values, !value ? "" : eq ? eq + 1 : argv[++*at]);
    sedge_strv_add(&r->names, is_filter(r, name) ? "in-state" : name);
    return 0;
}

static int take_words(struct sedge_run *r, char **argv, int argc, int first, struct sedge_err *err)
{
    bool options = true;

    for (int i = first; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && argv[i][0] == '-' && argv[i][1]) {
            if (take_option(r, argv, argc, &i, err) != 0) return -1;
        } else
            sedge_strv_add(&r->operands, argv[i]);
    }
    if (sedge_run_has(r, "help")) return 0;
    if (r->operands.n < r->command->min)
        return sedge_err_set(err, SEDGE_E_INVALID, "something is missing; usage: sedge-cloud %s %s", r->command->words,
                             r->command->operands);
    if (r->operands.n > r->command->max)
        return sedge_err_set(err, SEDGE_E_INVALID, "\"%s\" is too much; usage: sedge-cloud %s %s",
                             r->operands.v[r->command->max], r->command->words, r->command->operands);
    return 0;
}

static void print_help(const struct sedge_command *only)
{
    struct sedge_table t = {.columns = 2};

    if (only) {
        printf("%s\n\nsedge-cloud %s %s\n\nAlso: --state DIR (the cloud side's folder), --json.\n", only->help,
               only->words, only->operands);
        return;
    }
    printf("sedge-cloud %s: the cloud side of sedge - things, components, deployments.\n\n"
           "sedge-cloud [--state DIR] [--json] COMMAND ...; state folder: --state, else $SEDGE_CLOUD_STATE, else\n"
           "/var/lib/sedge-cloud for root and ~/.local/state/sedge-cloud for others.\n\n",
           SEDGE_VERSION);
    for (const struct sedge_command *c = sedge_commands; c->words; c++)
        sedge_table_row(&t, (const char *const[]){c->words, c->help});
    sedge_table_print(&t, stdout);
    printf("\nsedge-cloud COMMAND --help tells more. Exit status: 0 fine, 1 error, 2 wrong usage, 3 not found, 4 "
           "conflict,\n"
           "5 a deployment that was waited for failed.\n");
}

/* The command whose words start the line; *used: how many words those are. */
static const struct sedge_command *find_command(int argc, char **argv, int *used)
{
    for (const struct sedge_command *c = sedge_commands; c->words; c++) {
        sedge_auto_strv struct sedge_strv words = {0};
        size_t i = 0;

        sedge_strv_split(&words, c->words, " ");
        while (i < words.n && (int)i + 1 < argc && strcmp(argv[i + 1], words.v[i]) == 0)
            i++;
        if (i < words.n) continue;
        *used = (int)words.n;
        return c;
    }
    return NULL;
}

static int no_command(int argc, char **argv)
{
    const char *first = argc > 1 ? argv[1] : NULL;
    bool topic = false;

    if (!first || strcmp(first, "help") == 0) {
        print_help(NULL);
        return first ? SEDGE_EXIT_OK : SEDGE_EXIT_USAGE;
    }
    if (strcmp(first, "--version") == 0) {
        puts(SEDGE_VERSION);
        return SEDGE_EXIT_OK;
    }
    (void)fprintf(stderr, "sedge-cloud: \"%s%s%s\" is not a command; ", first, argc > 2 ? " " : "",
                  argc > 2 ? argv[2] : "");
    for (const struct sedge_command *c = sedge_commands; c->words; c++) {
        size_t n = strlen(first);

        if (strncmp(c->words, first, n) != 0 || c->words[n] != ' ') continue;
        (void)fprintf(stderr, "%s%s", topic ? ", " : "there are: ", c->words);
        topic = true;
    }
    (void)fprintf(stderr, "%s\n", topic ? "" : "sedge-cloud --help lists them");
    return SEDGE_EXIT_USAGE;
}

static char *default_state(void)
{
    const char *env = getenv("SEDGE_CLOUD_STATE"), *home = getenv("HOME");

    if (env && env[0]) return sedge_xstrdup(env);
    if (getuid() == 0) return sedge_xstrdup("/var/lib/sedge-cloud");
    return sedge_xasprintf("%s/.local/state/sedge-cloud", home ? home : "");
}

static int exit_code(const struct sedge_err *err)
{
    if (err->code == SEDGE_E_NOT_FOUND) return SEDGE_EXIT_NONE;
    if (err->code == SEDGE_E_CONFLICT) return SEDGE_EXIT_CONFLICT;
    return SEDGE_EXIT_ERROR;
}

static int run(struct sedge_run *r, struct sedge_err *err)
{
    const char *state = sedge_run_opt(r, "state", NULL);
    int rc = 0;

    r->json = sedge_run_has(r, "json");
    r->state = state ? sedge_xstrdup(state) : default_state();
    if (!r->command->no_state) rc = sedge_cloud_open(&r->cloud, r->state, err);
    if (rc == 0) rc = r->command->run(r, err);
    sedge_cloud_close(&r->cloud);
    return rc;
}

/* The global options before the command; *before: how many words those are. */
static int take_global_options(struct sedge_run *r, int argc, char **argv, int *before, struct sedge_err *err)
{
    static const struct sedge_command none = {.words = "COMMAND", .options = ""};
    int i = 1;

    r->command = &none;
    for (; i < argc && argv[i][0] == '-' && strcmp(argv[i], "--version") != 0; i++) {
        if (take_option(r, argv, argc, &i, err) != 0) return -1;
    }
    *before = i - 1;
    return 0;
}

int sedge_cloud_main(int argc, char **argv)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_run r = {0};
    int before = 0, used = 0, code;

    if (take_global_options(&r, argc, argv, &before, &err) != 0) {
        code = SEDGE_EXIT_USAGE;
    } else if (argc - before == 1 && sedge_run_has(&r, "help")) {
        print_help(NULL);
        code = SEDGE_EXIT_OK;
    } else if (!(r.command = find_command(argc - before, argv + before, &used))) {
        code = no_command(argc - before, argv + before);
    } else if (take_words(&r, argv, argc, before + used + 1, &err) != 0) {
        code = SEDGE_EXIT_USAGE;
    } else if (sedge_run_has(&r, "help")) {
        print_help(r.command);
        code = SEDGE_EXIT_OK;
    } else
        code = run(&r, &err) == 0 ? r.exit_code : exit_code(&err);
    if (err.code != SEDGE_OK && code != SEDGE_EXIT_OK) (void)fprintf(stderr, "sedge-cloud: %s\n", err.msg);
    sedge_strv_release(&r.operands);
    sedge_strv_release(&r.names);
    sedge_strv_release(&r.values);
    free(r.state);
    return code;
}
