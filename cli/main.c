/* sedge: the command line of the device. */
#include "cli.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const struct sedge_command *commands;
    const size_t *n;
} tables[] = {{sedge_component_commands, &sedge_component_ncommands},
              {sedge_deployment_commands, &sedge_deployment_ncommands},
              {sedge_topic_commands, &sedge_topic_ncommands}};

static void print_commands(FILE *out, const char *group)
{
    for (size_t t = 0; t < SEDGE_ARRAY_LEN(tables); t++) {
        for (size_t i = 0; i < *tables[t].n; i++) {
            const struct sedge_command *c = &tables[t].commands[i];
            sedge_auto_free char *words = sedge_xasprintf("%s %s", c->group, c->name);
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

    sedge_buf_printf(&b, "Usage: sedge %s %s%s\n\n%s.\n\n", c->group, c->name, c->nargs ? " [options]" : "", c->help);
    sedge_args_usage(c->args, c->nargs, &b);
    (void)fputs(b.data, out);
}

static int run(struct sedge_cli *cli, const struct sedge_command *c, int argc, char **argv)
{
    sedge_auto_free void *args = sedge_xcalloc(1, c->size ? c->size : 1);
    struct sedge_err err = SEDGE_ERR_INIT;
    bool help = false;
    int code;

    if (sedge_args_parse(argc, argv, c->args, c->nargs, args, &help, &err) != 0) {
        sedge_cli_fail("%s", err.msg);
        print_command_usage(stderr, c);
        sedge_args_release(c->args, c->nargs, args);
        return SEDGE_EXIT_USAGE;
    }
    if (help) {
        print_command_usage(stdout, c);
        code = 0;
    } else {
        code = c->run(cli, args);
    }
    sedge_args_release(c->args, c->nargs, args);
    return code;
}

static int run_group(struct sedge_cli *cli, const char *group, int argc, char **argv)
{
    const struct sedge_command *c = argc > 0 ? find(group, argv[0]) : NULL;
    bool help =
        argc > 0 && (strcmp(argv[0], "help") == 0 || strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0);

    if (c) return run(cli, c, argc - 1, argv + 1);
    if (help && argc > 1 && find(group, argv[1])) {
        print_command_usage(stdout, find(group, argv[1]));
        return 0;
    }
    if (!help && argc > 0) {
        sedge_cli_fail("Unmatched argument: '%s'. Commands of %s:", argv[0], group);
        print_commands(stderr, group);
        return SEDGE_EXIT_USAGE;
    }
    (void)printf("%sUsage: sedge %s COMMAND\n\nCommands:\n", help ? "" : "A subcommand is required.\n", group);
    print_commands(stdout, group);
    return 0;
}

/* Options of the top command; returns the index of the first word that is none of them, -1 when all is done. */
static int top_options(struct sedge_cli *cli, int argc, char **argv, int *code)
{
    int i = 1;

    for (; i < argc && argv[i][0] == '-'; i++) {
        *code = 0;
        if (sedge_str_starts(argv[i], "--ggcRootPath="))
            cli->root = argv[i] + strlen("--ggcRootPath=");
        else if (strcmp(argv[i], "--ggcRootPath") == 0 && i + 1 < argc)
            cli->root = argv[++i];
        else if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
            print_usage(stdout);
            return -1;
        } else if (strcmp(argv[i], "-V") == 0 || strcmp(argv[i], "--version") == 0) {
            (void)printf("Greengrass CLI Version: 2.17.0 (sedge %s)\n", SEDGE_VERSION);
            return -1;
        } else {
            sedge_cli_fail("Unknown option: '%s'", argv[i]);
            print_usage(stderr);
            *code = SEDGE_EXIT_USAGE;
            return -1;
        }
    }
    return i;
}

int main(int argc, char **argv)
{
    struct sedge_cli cli = {0};
    int code = 0;
    int at = top_options(&cli, argc, argv, &code);

    if (at < 0) return code;
    if (at >= argc) {
        sedge_cli_fail("A command is required.");
        print_usage(stderr);
        return SEDGE_EXIT_USAGE;
    }
    if (strcmp(argv[at], "help") == 0) {
        if (at + 1 < argc && is_group(argv[at + 1]))
            print_commands(stdout, argv[at + 1]);
        else
            print_usage(stdout);
        return 0;
    }
    if (is_group(argv[at])) {
        code = run_group(&cli, argv[at], argc - at - 1, argv + at + 1);
    } else {
        sedge_cli_fail("Unmatched argument: '%s'", argv[at]);
        print_usage(stderr);
        code = SEDGE_EXIT_USAGE;
    }
    free(cli.root_buffer);
    return code;
}
