/* sedge: the command line of the device. */
#include "cli.h"

#include "atfile.h"
#include "base/buf.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const struct sedge_command *commands;
    const size_t *n;
} tables[] = {
    {sedge_component_commands, &sedge_component_ncommands}, {sedge_deployment_commands, &sedge_deployment_ncommands},
    {sedge_logs_commands, &sedge_logs_ncommands},           {sedge_topic_commands, &sedge_topic_ncommands},
    {sedge_recipe_commands, &sedge_recipe_ncommands},       {sedge_secret_commands, &sedge_secret_ncommands},
    {sedge_debug_commands, &sedge_debug_ncommands}};

static void print_commands(FILE *out, const char *group)
{
    for (size_t t = 0; t < SEDGE_ARRAY_LEN(tables); t++) {
        for (size_t i = 0; i < *tables[t].n; i++) {
            const struct sedge_command *c = &tables[t].commands[i];
            sedge_auto_free char *words = sedge_xasprintf("%s%s%s", c->group, *c->group ? " " : "", c->name);
            if (!group || strcmp(group, c->group) == 0) (void)fprintf(out, "  %-28s %s\n", words, c->help);
        }
    }
}

static void print_usage(FILE *out)
{
    (void)fputs("Usage: sedge [--ggcRootPath=<path>] [-hV] COMMAND\n"
                "\n"
                "      --ggcRootPath=<path>     root folder of the nucleus (else $GGC_ROOT_PATH)\n"
                "  -h, --help                   print this text, or that of a command\n"
                "  -V, --version                print the version\n"
                "\n"
                "Commands:\n",
                out);
    print_commands(out, NULL);
}

static bool is_group(const char *word)
{
    if (!*word) return false;
    for (size_t t = 0; t < SEDGE_ARRAY_LEN(tables); t++)
        for (size_t i = 0; i < *tables[t].n; i++)
            if (strcmp(tables[t].commands[i].group, word) == 0) return true;
    return false;
}

static const struct sedge_command *find(const char *group, const char *name)
{
    for (size_t t = 0; t < SEDGE_ARRAY_LEN(tables); t++)
        for (size_t i = 0; i < *tables[t].n; i++)
            if (strcmp(tables[t].commands[i].group, group) == 0 && strcmp(tables[t].commands[i].name, name) == 0)
                return &tables[t].commands[i];
    return NULL;
}

static void print_command_usage(FILE *out, const struct sedge_command *c)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    const char *words = sedge_args_words(c->args, c->nargs);

    sedge_buf_printf(&b, "Usage: sedge %s%s%s%s%s%s\n\n%s.\n\n", c->group, *c->group ? " " : "", c->name,
                     c->nargs ? " [options]" : "", words ? " " : "", words ? words : "", c->help);
    sedge_args_usage(c->args, c->nargs, &b);
    sedge_buf_printf(&b, "  %-40s %s\n  %-40s %s\n", "-h, --help", "print this text", "-V, --version",
                     "print the version");
    (void)fputs(b.data, out);
}

static void print_version(void)
{
    (void)printf("Greengrass CLI Version: 2.17.0 (sedge %s)\n", SEDGE_VERSION);
}

static void print_group_usage(FILE *out, const char *group)
{
    (void)fprintf(out, "Usage: sedge %s COMMAND\n\nCommands:\n", group);
    print_commands(out, group);
}

static bool is_help(const char *word)
{
    return strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static bool is_version(const char *word)
{
    return strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0;
}

static int usage_error(const struct sedge_command *c, const char *message)
{
    sedge_cli_fail("%s", message);
    print_command_usage(stderr, c);
    return SEDGE_EXIT_USAGE;
}

static int run(struct sedge_cli *cli, const struct sedge_command *c, int argc, char **argv)
{
    sedge_auto_free void *args = sedge_xcalloc(1, c->size ? c->size : 1);
    struct sedge_err err = SEDGE_ERR_INIT;
    int code = 0;

    switch (sedge_args_parse(argc, argv, c->args, c->nargs, args, &err)) {
    case SEDGE_ARGS_BAD:
        code = usage_error(c, err.msg);
        break;
    case SEDGE_ARGS_HELP:
        print_command_usage(stdout, c);
        break;
    case SEDGE_ARGS_VERSION:
        print_version();
        break;
    case SEDGE_ARGS_RUN:
        code = c->run(cli, args);
        break;
    }
    sedge_args_release(c->args, c->nargs, args);
    return code;
}

static int unmatched(const char *word, const char *group)
{
    sedge_cli_fail("%s: '%s'", *word == '-' ? "Unknown option" : "Unmatched argument", word);
    if (group)
        print_group_usage(stderr, group);
    else
        print_usage(stderr);
    return SEDGE_EXIT_USAGE;
}

/* `sedge help [word [name]]`, of which `sedge <group> help [name]` is another form. */
static int help(const char *word, const char *name)
{
    const struct sedge_command *c = word && !is_group(word) ? find("", word) : name ? find(word, name) : NULL;

    if (word && !is_group(word) && !c) return unmatched(word, NULL);
    if (word && is_group(word) && name && !c) return unmatched(name, word);
    if (c)
        print_command_usage(stdout, c);
    else if (word)
        print_group_usage(stdout, word);
    else
        print_usage(stdout);
    return 0;
}

static int run_group(struct sedge_cli *cli, const char *group, int argc, char **argv)
{
    const struct sedge_command *c = argc > 0 ? find(group, argv[0]) : NULL;
    bool colour = isatty(STDOUT_FILENO) == 1;

    if (c) return run(cli, c, argc - 1, argv + 1);
    if (argc > 0 && is_help(argv[0])) return help(group, argc > 1 ? argv[1] : NULL);
    if (argc > 0 && is_version(argv[0])) {
        print_version();
        return 0;
    }
    if (argc > 0) return unmatched(argv[0], group);
    (void)printf("%sA subcommand is required.%s\n", colour ? "\033[31m" : "", colour ? "\033[0m" : "");
    print_group_usage(stdout, group);
    return 0;
}

/* Options of the top command; returns the index of the first word that is none of them, -1 when all is done. */
static int top_options(struct sedge_cli *cli, int argc, char **argv, int *code)
{
    static const char root[] = "--ggcRootPath";
    int i = 0;

    *code = 0;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (sedge_str_starts(argv[i], "--ggcRootPath=")) {
            cli->root = argv[i] + sizeof root;
        } else if (strcmp(argv[i], root) == 0 && i + 1 < argc) {
            cli->root = argv[++i];
        } else if (is_help(argv[i]) || strcmp(argv[i], "-hV") == 0) {
            print_usage(stdout);
            return -1;
        } else if (is_version(argv[i])) {
            print_version();
            return -1;
        } else if (strcmp(argv[i], root) == 0) {
            sedge_cli_fail("Missing required parameter for option '%s' (<path>)", root);
            *code = SEDGE_EXIT_USAGE;
            return -1;
        } else {
            *code = unmatched(argv[i], NULL);
            return -1;
        }
    }
    return i;
}

static int run_words(struct sedge_cli *cli, int argc, char **argv)
{
    int code;
    int at = top_options(cli, argc, argv, &code);
    const char *word = at >= 0 && at < argc ? argv[at] : NULL;
    const char *next = word && at + 1 < argc ? argv[at + 1] : NULL;

    if (at < 0) return code;
    if (!word) {
        sedge_cli_fail("A command is required.");
        print_usage(stderr);
        return SEDGE_EXIT_USAGE;
    }
    if (strcmp(word, "help") == 0) return help(next, next && at + 2 < argc ? argv[at + 2] : NULL);
    if (is_group(word)) return run_group(cli, word, argc - at - 1, argv + at + 1);
    if (!find("", word)) return unmatched(word, NULL);
    if (next && strcmp(next, "help") == 0) return help(word, NULL);
    return run(cli, find("", word), argc - at - 1, argv + at + 1);
}

int main(int argc, char **argv)
{
    struct sedge_cli cli = {.program = argv[0]};
    sedge_auto_strv struct sedge_strv words = {NULL, 0};
    struct sedge_err err = SEDGE_ERR_INIT;
    int code;

    if (sedge_atfile_expand(argc - 1, argv + 1, &words, &err) != 0) {
        sedge_cli_fail("%s", err.msg);
        return SEDGE_EXIT_USAGE;
    }
    code = run_words(&cli, (int)words.n, words.v);
    free(cli.root_buffer);
    return code;
}
