/* sedge logs list-log-files | list-keywords (spec/cli.md 5.2, 5.3), and the table of the group. */
#include "cli.h"

#include "base/mem.h"
#include "logfiles.h"
#include "logs_get.h"

#include <stdio.h>
#include <string.h>

struct files_args {
    struct sedge_strv dirs;
    bool json;
};
struct keywords_args {
    bool syslog, json;
};

/* The folders named, or the nucleus' own. */
static int log_dirs(struct sedge_cli *cli, const struct sedge_strv *named, struct sedge_strv *out)
{
    const char *root;

    for (size_t i = 0; i < named->n; i++)
        sedge_strv_add_take(out, sedge_cli_expand(named->v[i]));
    if (out->n) return 0;
    root = sedge_cli_root(cli);
    if (root) sedge_strv_add_take(out, sedge_xasprintf("%s/logs", root));
    if (root) return 0;
    sedge_cli_fail("No log folder is known: give --log-dir=<dir>, or the nucleus with --ggcRootPath=<path>");
    return -1;
}

static void print_json_list(const struct sedge_strv *list)
{
    sedge_auto_put struct json_object *a = json_object_new_array();

    for (size_t i = 0; i < list->n; i++)
        (void)json_object_array_add(a, json_object_new_string(list->v[i]));
    (void)printf("%s\n", sedge_json_text(a));
}

static int run_files(struct sedge_cli *cli, void *args)
{
    const struct files_args *a = args;
    sedge_auto_strv struct sedge_strv dirs = {NULL, 0};
    sedge_auto_strv struct sedge_strv files = {NULL, 0};

    if (log_dirs(cli, &a->dirs, &dirs) != 0) return SEDGE_EXIT_FAILED;
    for (size_t i = 0; i < dirs.n; i++)
        if (sedge_logfiles_list(dirs.v[i], &files, NULL) != 0)
            (void)fprintf(stderr, "Log dir provided invalid: %s\n", dirs.v[i]);
    if (a->json) {
        print_json_list(&files);
        return 0;
    }
    for (size_t i = 0; i < files.n; i++)
        (void)printf("%s\n", files.v[i]);
    if (files.n)
        (void)printf("Total %zu files found.\n", files.n);
    else
        (void)printf("No log file found.\n");
    return 0;
}

static int run_keywords(struct sedge_cli *cli, void *args)
{
    static const char *const greengrass[] = {"level=$str",     "thread=$str",      "loggerName=$str",
                                             "eventType=$str", "serviceName=$str", "error=$str"};
    static const char *const syslog[] = {"priority=$int", "host=$str", "logger=$str", "class=$str"};
    const struct keywords_args *a = args;
    const char *const *words = a->syslog ? syslog : greengrass;
    size_t n = a->syslog ? SEDGE_ARRAY_LEN(syslog) : SEDGE_ARRAY_LEN(greengrass);
    sedge_auto_strv struct sedge_strv list = {NULL, 0};

    (void)cli;
    for (size_t i = 0; i < n; i++)
        sedge_strv_add(&list, words[i]);
    if (a->json) {
        print_json_list(&list);
        return 0;
    }
    (void)printf("Suggested keywords for %s format:\n", a->syslog ? "syslog" : "Greengrass log");
    for (size_t i = 0; i < list.n; i++)
        (void)printf("%s\n", list.v[i]);
    return 0;
}

#define GET(member) offsetof(struct sedge_logs_get_args, member)
static const struct sedge_arg get_args[] = {
    {"--log-file", "-lf", SEDGE_ARG_LIST, false, GET(files), "<file>", "log file, may be given several times"},
    {"--log-dir", "-ld", SEDGE_ARG_LIST, false, GET(dirs), "<dir>", "folder of log files; default <root>/logs"},
    {"--time-window", "-t", SEDGE_ARG_LIST, false, GET(windows), "<begin>,<end>",
     "-1h,-5min or 2020-07-14T22:15:13, or 22:15"},
    {"--filter", "-f", SEDGE_ARG_LIST, false, GET(filters), "<expression>",
     "level=WARN, <key>=<value>, error=any, or a regular expression"},
    {"--before", "-b", SEDGE_ARG_INT, false, GET(before), "<lines>", "lines to show before each match"},
    {"--after", "-a", SEDGE_ARG_INT, false, GET(after), "<lines>", "lines to show after each match"},
    {"--max-log-queue-size", "-m", SEDGE_ARG_INT, false, GET(queue_size), "<entries>",
     "accepted for compatibility; nothing is queued here"},
    {"--follow", "-fol", SEDGE_ARG_FLAG, false, GET(follow), NULL, "go on with what is being written"},
    {"--no-color", "-nc", SEDGE_ARG_FLAG, false, GET(no_colour), NULL, "do not highlight matches"},
    {"--verbose", "-v", SEDGE_ARG_FLAG, false, GET(verbose), NULL, "with thread and stack trace"},
    {"--syslog", "-s", SEDGE_ARG_FLAG, false, GET(syslog), NULL, "read the log of the system"},
    {"--json", NULL, SEDGE_ARG_FLAG, false, GET(json), NULL, "print JSON, one object a line"},
};
static const struct sedge_arg files_args[] = {
    {"--log-dir", "-ld", SEDGE_ARG_LIST, false, offsetof(struct files_args, dirs), "<dir>",
     "folder of log files; default <root>/logs"},
    {"--json", NULL, SEDGE_ARG_FLAG, false, offsetof(struct files_args, json), NULL, "print JSON"},
};
static const struct sedge_arg keywords_args[] = {
    {"--syslog", "-s", SEDGE_ARG_FLAG, false, offsetof(struct keywords_args, syslog), NULL,
     "those for the log of the system"},
    {"--json", NULL, SEDGE_ARG_FLAG, false, offsetof(struct keywords_args, json), NULL, "print JSON"},
};

const struct sedge_command sedge_logs_commands[] = {
    {"logs", "get", "Show log entries, filtered and in the order of time", get_args, SEDGE_ARRAY_LEN(get_args),
     sizeof(struct sedge_logs_get_args), sedge_logs_get},
    {"logs", "list-log-files", "Show the files that can be read", files_args, SEDGE_ARRAY_LEN(files_args),
     sizeof(struct files_args), run_files},
    {"logs", "list-keywords", "Show the keys that --filter understands", keywords_args, SEDGE_ARRAY_LEN(keywords_args),
     sizeof(struct keywords_args), run_keywords},
};
const size_t sedge_logs_ncommands = SEDGE_ARRAY_LEN(sedge_logs_commands);
