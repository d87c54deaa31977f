/* sedge component list | details | restart | stop (spec/cli.md 3). */
#include "cli.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/proc.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

struct list_args {
    bool json;
};
struct name_args {
    const char *name;
    bool json;
};
struct names_args {
    const char *names;
};

static void print_details(struct json_object *c)
{
    struct json_object *configuration = sedge_json_get(c, "configuration");

    (void)printf("Component Name: %s\n    Version: %s\n    State: %s\n    Configuration: %s\n",
                 sedge_json_str(c, "componentName", "null"), sedge_json_str(c, "version", "null"),
                 sedge_json_str(c, "state", "null"), configuration ? sedge_json_text(configuration) : "null");
}

static int run_list(struct sedge_cli *cli, void *args)
{
    const struct list_args *a = args;
    sedge_auto_put struct json_object *r = sedge_cli_call(cli, "ListComponents", NULL);
    struct json_object *list = sedge_json_arr(r, "components");

    if (!r) return SEDGE_EXIT_FAILED;
    if (a->json) {
        (void)printf("%s\n", sedge_json_text(list));
        return 0;
    }
    (void)printf("Components currently running in Greengrass:\n");
    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        print_details(json_object_array_get_idx(list, i));
    return 0;
}

/* "2024-03-07T10:15:42.123Z (5 min ago)" */
static char *when(struct json_object *o)
{
    static const struct {
        int64_t seconds;
        const char *unit;
    } units[] = {{86400, "days"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    int64_t at = sedge_json_i64(o, "timestamp", 0), ago = (sedge_wall_ms() - at) / 1000;
    char time[SEDGE_TIME_LEN];

    sedge_time_iso(at, time);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(units); i++)
        if (ago >= 2 * units[i].seconds)
            return sedge_xasprintf("%s (%lld %s ago)", time, (long long)(ago / units[i].seconds), units[i].unit);
    return sedge_xstrdup(time);
}

/* "run: signal 11, SIGSEGV, core dumped" */
static char *signal_text(struct json_object *o)
{
    const char *core = sedge_json_bool(o, "coreDumped", false) ? ", core dumped" : ", no core dumped";

    if (sedge_json_bool(o, "killedByNucleus", false)) core = ", stopped by the nucleus";
    return sedge_xasprintf("%s: signal %lld, %s%s", sedge_json_str(o, "step", "script"),
                           (long long)sedge_json_i64(o, "signal", 0), sedge_json_str(o, "signalName", "?"), core);
}

static char *exit_text(struct json_object *o)
{
    const char *step = sedge_json_str(o, "step", "script");
    long long code = sedge_json_i64(o, "code", 0);
    char name[SEDGE_SIGNAL_NAME_LEN];

    if (sedge_json_i64(o, "signal", 0)) return signal_text(o);
    if (code > 128 && code <= 128 + SIGRTMAX)
        return sedge_xasprintf("%s: exit code %lld (in a shell: a program was ended by signal %lld, %s)", step, code,
                               code - 128, sedge_signal_name((int)code - 128, name));
    return sedge_xasprintf("%s: exit code %lld", step, code);
}

static void print_lines(const char *title, struct json_object *lines)
{
    size_t n = lines ? json_object_array_length(lines) : 0;

    if (n == 0) return;
    (void)printf("    %s (%zu line%s):\n", title, n, n == 1 ? "" : "s");
    for (size_t i = 0; i < n; i++)
        (void)printf("        %s\n", json_object_get_string(json_object_array_get_idx(lines, i)));
}

static void print_exit(const char *title, struct json_object *o, const char *version)
{
    const char *reason = sedge_json_str(o, "statusReason", "");
    sedge_auto_free char *time = when(o);
    sedge_auto_free char *how = NULL;

    if (sedge_json_has(o, "step"))
        how = exit_text(o);
    else
        how = sedge_xasprintf("%s", *reason ? reason : "the component reported ERRORED");
    (void)printf("    %s: %s\n        at %s%s%s\n", title, how, time, version ? ", version " : "",
                 version ? version : "");
}

/* Beyond the original's four lines, and only when there is something to tell. */
static void print_forensics(struct json_object *c)
{
    struct json_object *last = sedge_json_obj(c, "lastExit"), *failure = sedge_json_obj(c, "lastFailure");
    const char *reason = sedge_json_str(c, "statusReason", "");
    bool is_failure = last && failure && sedge_json_has(failure, "step") &&
                      sedge_json_i64(last, "timestamp", 0) <= sedge_json_i64(failure, "timestamp", 0);

    if (sedge_json_bool(c, "paused", false)) (void)printf("    Paused: its processes are frozen\n");
    if (*reason) (void)printf("    Status: %s: %s\n", sedge_json_str(c, "statusCode", ""), reason);
    if (last) print_exit("Last Exit", last, NULL);
    if (failure && !is_failure) print_exit("Last Failure", failure, sedge_json_str(failure, "version", ""));
    if (failure) print_lines("Output Before the Failure", sedge_json_arr(failure, "lines"));
    if (!is_failure || sedge_json_has(c, "pid")) print_lines("Last Output", sedge_json_arr(c, "lastLines"));
}

static int run_details(struct sedge_cli *cli, void *args)
{
    const struct name_args *a = args;
    sedge_auto_put struct json_object *request = json_object_new_object();
    sedge_auto_put struct json_object *r = NULL;
    struct json_object *c;

    sedge_json_add_str(request, "componentName", a->name);
    r = sedge_cli_call(cli, "GetComponentDetails", request);
    if (!r) return SEDGE_EXIT_FAILED;
    c = sedge_json_obj(r, "componentDetails");
    if (a->json) {
        (void)printf("%s\n", sedge_json_text(c));
        return 0;
    }
    print_details(c);
    print_forensics(c);
    return 0;
}

static int for_each_name(struct sedge_cli *cli, const char *names, const char *operation)
{
    sedge_auto_strv struct sedge_strv list = {NULL, 0};

    sedge_strv_split(&list, names, ",&");
    for (size_t i = 0; i < list.n; i++) {
        char *word = list.v[i] + strspn(list.v[i], " \t");
        sedge_auto_put struct json_object *request = json_object_new_object();
        sedge_auto_put struct json_object *r = NULL;

        word[strcspn(word, " \t")] = 0;
        if (!*word) continue;
        sedge_json_add_str(request, "componentName", word);
        r = sedge_cli_call(cli, operation, request);
        if (!r) return SEDGE_EXIT_FAILED;
    }
    return 0;
}

static int run_restart(struct sedge_cli *cli, void *args)
{
    return for_each_name(cli, ((const struct names_args *)args)->names, "RestartComponent");
}

static int run_stop(struct sedge_cli *cli, void *args)
{
    return for_each_name(cli, ((const struct names_args *)args)->names, "StopComponent");
}

static const struct sedge_arg list_args[] = {
    {"--json", NULL, SEDGE_ARG_FLAG, false, offsetof(struct list_args, json), NULL, "print JSON"}};
static const struct sedge_arg details_args[] = {
    {"--name", "-n", SEDGE_ARG_TEXT, true, offsetof(struct name_args, name), "<component>", "component name"},
    {"--json", NULL, SEDGE_ARG_FLAG, false, offsetof(struct name_args, json), NULL, "print JSON"}};
static const struct sedge_arg names_args[] = {{"--names", "-n", SEDGE_ARG_TEXT, true,
                                               offsetof(struct names_args, names), "<a,b,c>",
                                               "component names, separated by commas"}};

const struct sedge_command sedge_component_commands[] = {
    {"component", "list", "Show name, version, state and configuration of all components", list_args,
     SEDGE_ARRAY_LEN(list_args), sizeof(struct list_args), run_list},
    {"component", "details", "Show one component, and how its last script ended", details_args,
     SEDGE_ARRAY_LEN(details_args), sizeof(struct name_args), run_details},
    {"component", "restart", "Restart components", names_args, SEDGE_ARRAY_LEN(names_args), sizeof(struct names_args),
     run_restart},
    {"component", "stop", "Stop components until they are restarted or deployed again", names_args,
     SEDGE_ARRAY_LEN(names_args), sizeof(struct names_args), run_stop},
};
const size_t sedge_component_ncommands = SEDGE_ARRAY_LEN(sedge_component_commands);
