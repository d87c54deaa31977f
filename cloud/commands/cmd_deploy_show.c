/* What the operator sees of deployments. Each part is printed when the object holds it. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "commands.h"
#include "cloud/deploy/deploy.h"
#include "cloud/deploy/deploy_status.h"

static void print_devices(struct json_object *list)
{
    struct sedge_table t = {.columns = 8};

    if (json_object_array_length(list) == 0) {
        puts("\nNo device fits.");
        return;
    }
    puts("");
    sedge_table_row(
        &t, (const char *const[]){"THING", "STATUS", "SINCE", "LAST SEEN", "RUNTIME", "DETAIL", "ERROR", "CAUSE"});
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *d = json_object_array_get_idx(list, i), *stack = sedge_json_arr(d, "errorStack");
        size_t depth = stack ? json_object_array_length(stack) : 0;
        char since[32], seen[32] = "never";

        sedge_ago(sedge_json_i64(d, "since", 0), since);
        if (sedge_json_get(d, "lastSeen")) sedge_ago(sedge_json_i64(d, "lastSeen", 0), seen);
        sedge_table_row(&t, (const char *const[]){
                                sedge_json_str(d, "thingName", ""), sedge_json_str(d, "status", ""), since, seen,
                                sedge_json_str(d, "coreVersion", NULL), sedge_json_str(d, "detailedStatus", NULL),
                                depth ? json_object_get_string(json_object_array_get_idx(stack, depth - 1)) : NULL,
                                sedge_json_str(d, "cause", sedge_json_str(d, "phase", NULL))});
    }
    sedge_table_print(&t, stdout);
}

static char *joined(struct json_object *list, const char *separator)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        sedge_buf_printf(&b, "%s%s", i ? separator : "", json_object_get_string(json_object_array_get_idx(list, i)));
    return sedge_buf_steal(&b);
}

/* One block for each different error stack: how many devices, some of them, and the cause that the first one gave. */
static void print_errors(struct json_object *list)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *e = json_object_array_get_idx(list, i), *names = sedge_json_arr(e, "things");
        sedge_auto_free char *stack = joined(sedge_json_arr(e, "errorStack"), " > ");
        sedge_auto_free char *things = joined(names, ", ");
        int64_t count = sedge_json_i64(e, "count", 0);

        printf("\n%s:  %lld thing%s: %s%s\nErrors:  %s\nCause:   %s\n", sedge_json_str(e, "status", ""),
               (long long)count, count == 1 ? "" : "s", things,
               count > (int64_t)json_object_array_length(names) ? ", ..." : "", stack[0] ? stack : "none reported",
               sedge_json_str(e, "cause", "none reported"));
    }
    if (json_object_array_length(list) == 0) puts("\nNo errors.");
}

static void print_progress(struct json_object *p)
{
    int64_t unreleased = sedge_json_i64(p, "unreleased", 0), left = sedge_json_i64(p, "secondsLeft", 0);
    int64_t away = sedge_json_i64(p, "queuedAway", 0), dormant = sedge_json_i64(p, "queuedDormant", 0);

    printf("\nProgress:    %lld of %lld done: %lld %% succeeded, %lld %% failed",
           (long long)sedge_json_i64(p, "done", 0), (long long)sedge_json_i64(p, "eligible", 0),
           (long long)sedge_json_i64(p, "succeededPercent", 0), (long long)sedge_json_i64(p, "failedPercent", 0));
    if (unreleased) printf("; %lld not released yet", (long long)unreleased);
    if (away) printf("; %lld queued and not heard for a day", (long long)away);
    if (dormant) printf("; %lld queued and not heard for a month", (long long)dormant);
    if (left)
        printf("\nRate:        %.1f a minute, about %lld min left", sedge_json_double(p, "perMinute", 0),
               (long long)(left + 59) / 60);
}

static void print_stuck(struct json_object *o)
{
    struct json_object *list = sedge_json_arr(o, "stuck");
    int64_t total = sedge_json_i64(o, "stuckTotal", 0);

    if (!list || json_object_array_length(list) == 0) return;
    printf("\nStuck (in progress, and nothing new for more than twice the usual %lld s): %lld\n",
           (long long)sedge_json_i64(o, "medianSeconds", 0), (long long)total);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *s = json_object_array_get_idx(list, i);
        const char *phase = sedge_json_str(s, "phase", NULL);
        char since[32];

        sedge_ago(sedge_json_i64(s, "since", 0), since);
        printf("  %s, last news %s%s%s\n", sedge_json_str(s, "thingName", ""), since, phase ? ": " : "",
               phase ? phase : "");
    }
    if (total > (int64_t)json_object_array_length(list)) puts("  ...");
}

static void print_components(struct json_object *components)
{
    puts("\nComponents:");
    if (!components || json_object_object_length(components) == 0) {
        puts("  none");
        return;
    }
    json_object_object_foreach (components, name, c) {
        struct json_object *update = sedge_json_obj(c, "configurationUpdate");
        struct json_object *merge = sedge_json_get(update, "merge"), *reset = sedge_json_get(update, "reset");

        printf("  %s@%s", name, sedge_json_str(c, "version", ""));
        if (merge) printf("  merge %s", sedge_json_text(merge));
        if (reset) printf("  reset %s", sedge_json_text(reset));
        puts("");
    }
}

void sedge_print_deployment(struct json_object *o)
{
    struct json_object *counters = sedge_json_obj(o, "counters"), *progress = sedge_json_obj(o, "progress");
    const char *reason = sedge_json_str(o, "reason", NULL);
    char when[SEDGE_TIME_LEN];

    sedge_time_cli(sedge_json_i64(o, "creationTimestamp", 0), when);
    printf("Deployment:  %s\nTarget:      %s, revision %lld\nName:        %s\nCreated:     %s\nState:       %s%s%s%s\n"
           "Outcome:     %s\nThings:      %lld",
           sedge_json_str(o, "deploymentId", ""), sedge_json_str(o, "target", ""),
           (long long)sedge_json_i64(o, "revision", 0), sedge_json_str(o, "deploymentName", "-"), when,
           sedge_json_str(o, "state", ""), reason ? " (" : "", reason ? reason : "", reason ? ")" : "",
           sedge_json_str(o, "outcome", ""), (long long)sedge_json_i64(o, "things", 0));
    json_object_object_foreach (counters, state, n) {
        printf(", %s %s", sedge_json_text(n), state);
    }
    if (progress) print_progress(progress);
    print_components(sedge_json_obj(o, "components"));
    print_stuck(o);
    if (sedge_json_arr(o, "devices")) print_devices(sedge_json_arr(o, "devices"));
    if (sedge_json_arr(o, "errors")) print_errors(sedge_json_arr(o, "errors"));
}

int sedge_cmd_deploy_show(struct sedge_run *r, struct sedge_err *err)
{
    const char *status = sedge_run_opt(r, "status", NULL);
    bool devices = sedge_run_has(r, "devices") || status || r->json;
    sedge_auto_put struct json_object *o = NULL;
    int64_t id = 0;

    if (sedge_deploy_find(&r->cloud, r->operands.v[0], &id, err) != 0) return -1;
    o = sedge_deploy_report(&r->cloud, id, sedge_wall_ms() / 1000, devices, status, err);
    if (!o) return -1;
    if (r->json) {
        sedge_print_json(o);
        return 0;
    }
    if (!sedge_run_has(r, "errors")) json_object_object_del(o, "errors");
    sedge_print_deployment(o);
    return 0;
}

static int check_state(const char *state, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf all = SEDGE_BUF_INIT;

    if (!state || sedge_dep_state_number(state) >= 0) return 0;
    for (int s = 0; s < SEDGE_DEP_COUNT; s++)
        sedge_buf_printf(&all, "%s%s", s ? ", " : "", sedge_dep_state_name(s));
    return sedge_err_set(err, SEDGE_E_INVALID, "--in-state %s: expected one of %s", state, all.data);
}

static void print_list(struct json_object *list)
{
    struct sedge_table t = {.columns = 7};

    sedge_table_row(&t,
                    (const char *const[]){"TARGET", "REVISION", "STATE", "OUTCOME", "THINGS", "CREATED", "DEPLOYMENT"});
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *o = json_object_array_get_idx(list, i);
        char created[32];

        sedge_ago(sedge_json_i64(o, "creationTimestamp", 0) / 1000, created);
        sedge_table_row(&t, (const char *const[]){sedge_json_str(o, "target", ""),
                                                  sedge_json_text(sedge_json_get(o, "revision")),
                                                  sedge_json_str(o, "state", ""), sedge_json_str(o, "outcome", ""),
                                                  sedge_json_text(sedge_json_get(o, "things")), created,
                                                  sedge_json_str(o, "deploymentId", "")});
    }
    sedge_table_print(&t, stdout);
}

/* The deployments of `list` (taken) in this state. */
static struct json_object *in_state(struct json_object *list, const char *state)
{
    struct json_object *kept;

    if (!state || !list) return list;
    kept = json_object_new_array();
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *o = json_object_array_get_idx(list, i);

        if (strcasecmp(sedge_json_str(o, "state", ""), state) == 0)
            (void)json_object_array_add(kept, json_object_get(o));
    }
    json_object_put(list);
    return kept;
}

int sedge_cmd_deploy_list(struct sedge_run *r, struct sedge_err *err)
{
    const char *history = sedge_run_opt(r, "history", "all"), *state = sedge_run_opt(r, "in-state", NULL);
    const char *target = sedge_run_opt(r, "target", NULL);
    sedge_auto_put struct json_object *list = NULL;

    if (strcmp(history, "all") != 0 && strcmp(history, "latest") != 0)
        return sedge_err_set(err, SEDGE_E_INVALID, "--history %s: expected all or latest", history);
    if (check_state(state, err) != 0) return -1;
    list = in_state(sedge_deploy_list(&r->cloud, target, strcmp(history, "latest") == 0, err), state);
    if (!list) return -1;
    if (r->json)
        sedge_print_json(list);
    else if (json_object_array_length(list))
        print_list(list);
    else
        puts(target || state ? "No deployment fits."
                             : "There are no deployments yet; make one with: sedge-cloud deploy create -f FILE");
    return 0;
}
