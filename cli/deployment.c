/* sedge deployment create | cancel | status | list (spec/cli.md 4). */
#include "cli.h"

#include "base/fs.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define JSON_FILE_MAX (1u << 20)

struct create_args {
    struct sedge_strv merge, remove, run_with;
    const char *group, *recipe_dir, *artifact_dir, *limits, *update_config, *policy;
    bool json;
};
struct id_args {
    const char *id;
    bool json;
};
struct list_args {
    bool json;
};

/* Text, or the content of the file of that name. NULL: the error is printed. */
static struct json_object *json_option(const char *option, const char *text)
{
    sedge_auto_free char *path = sedge_cli_expand(text);
    sedge_auto_buf struct sedge_buf file = SEDGE_BUF_INIT;
    bool is_file = sedge_fs_exists(path) && !sedge_fs_is_dir(path);
    struct sedge_err err = SEDGE_ERR_INIT;
    struct json_object *o = NULL;

    if (is_file && sedge_fs_read(path, JSON_FILE_MAX, &file, &err) != 0) {
        sedge_cli_fail("%s: %s", option, err.msg);
        return NULL;
    }
    if (is_file)
        o = sedge_json_parse_object(file.data, file.len, path, &err);
    else
        o = sedge_json_parse_object(text, strlen(text), option, &err);
    if (!o) sedge_cli_fail("The JSON of %s is not properly formatted.\n%s", option, err.msg);
    return o;
}

static struct json_object *child(struct json_object *o, const char *key)
{
    struct json_object *c = sedge_json_obj(o, key);

    if (c) return c;
    c = json_object_new_object();
    (void)json_object_object_add(o, key, c);
    return c;
}

static int add_merge(struct json_object *request, const struct sedge_strv *merge)
{
    for (size_t i = 0; i < merge->n; i++) {
        char *eq = strchr(merge->v[i], '=');
        if (!eq || eq == merge->v[i] || !eq[1]) {
            sedge_cli_fail("--merge: expected <component>=<version>, got '%s'", merge->v[i]);
            return -1;
        }
        *eq = 0;
        sedge_json_add_str(child(request, "rootComponentVersionsToAdd"), merge->v[i], eq + 1);
    }
    return 0;
}

/* COMPONENT:posixUser=USER[:GROUP] */
static int add_run_with(struct json_object *request, const struct sedge_strv *run_with)
{
    for (size_t i = 0; i < run_with->n; i++) {
        char *eq = strchr(run_with->v[i], '=');
        char *colon = strchr(run_with->v[i], ':');
        bool good = eq && colon && colon < eq && !memchr(colon + 1, ':', (size_t)(eq - colon - 1));
        if (!good) {
            sedge_cli_fail("--runWith: expected <component>:posixUser=<user>[:<group>], got '%s'", run_with->v[i]);
            return -1;
        }
        *colon = *eq = 0;
        if (strcmp(colon + 1, "posixUser") != 0 && strcmp(colon + 1, "windowsUser") != 0) {
            sedge_cli_fail("--runWith: expected posixUser or windowsUser, got '%s'", colon + 1);
            return -1;
        }
        sedge_json_add_str(child(child(request, "componentToRunWithInfo"), run_with->v[i]), colon + 1, eq + 1);
    }
    return 0;
}

static int add_limits(struct json_object *request, const char *text)
{
    sedge_auto_put struct json_object *limits = text ? json_option("--systemLimits", text) : NULL;

    if (!text) return 0;
    if (!limits) return -1;
    json_object_object_foreach (limits, name, value) {
        struct json_object *info = child(child(request, "componentToRunWithInfo"), name);
        (void)json_object_object_add(info, "systemResourceLimits", json_object_get(value));
    }
    return 0;
}

static int add_updates(struct json_object *request, const char *text)
{
    struct json_object *updates = text ? json_option("--update-config", text) : NULL;

    if (!text) return 0;
    if (!updates) return -1;
    (void)json_object_object_add(request, "componentToConfiguration", updates);
    return 0;
}

static void add_path(struct json_object *request, const char *key, const char *path)
{
    sedge_auto_free char *absolute = path ? sedge_cli_absolute(path) : NULL;

    sedge_json_add_str(request, key, absolute);
}

static int check_policy(const char *policy)
{
    if (!policy || strcmp(policy, "ROLLBACK") == 0 || strcmp(policy, "DO_NOTHING") == 0) return 0;
    sedge_cli_fail("Invalid value for option '--failure-handling-policy': expected ROLLBACK or DO_NOTHING, got '%s'",
                   policy);
    return -1;
}

static int run_create(struct sedge_cli *cli, void *args)
{
    const struct create_args *a = args;
    sedge_auto_put struct json_object *request = json_object_new_object();
    sedge_auto_put struct json_object *r = NULL;

    if (check_policy(a->policy) != 0) return SEDGE_EXIT_USAGE;
    if (add_merge(request, &a->merge) != 0) return SEDGE_EXIT_USAGE;
    if (add_run_with(request, &a->run_with) != 0 || add_limits(request, a->limits) != 0 ||
        add_updates(request, a->update_config) != 0)
        return SEDGE_EXIT_FAILED;
    for (size_t i = 0; i < a->remove.n; i++) {
        struct json_object *list = sedge_json_arr(request, "rootComponentsToRemove");
        if (!list) {
            list = json_object_new_array();
            (void)json_object_object_add(request, "rootComponentsToRemove", list);
        }
        (void)json_object_array_add(list, json_object_new_string(a->remove.v[i]));
    }
    sedge_json_add_str(request, "groupName", a->group);
    sedge_json_add_str(request, "failureHandlingPolicy", a->policy);
    add_path(request, "recipeDirectoryPath", a->recipe_dir);
    add_path(request, "artifactsDirectoryPath", a->artifact_dir);
    r = sedge_cli_call(cli, "CreateLocalDeployment", request);
    if (!r) return SEDGE_EXIT_FAILED;
    if (a->json)
        (void)printf("%s\n", sedge_json_text(r));
    else
        (void)printf("Local deployment submitted! Deployment Id: %s\n", sedge_json_str(r, "deploymentId", ""));
    return 0;
}

static struct json_object *call_with_id(struct sedge_cli *cli, const char *operation, const char *id)
{
    sedge_auto_put struct json_object *request = json_object_new_object();

    sedge_json_add_str(request, "deploymentId", id);
    return sedge_cli_call(cli, operation, request);
}

static int run_cancel(struct sedge_cli *cli, void *args)
{
    const struct id_args *a = args;
    sedge_auto_put struct json_object *r = call_with_id(cli, "CancelLocalDeployment", a->id);

    if (!r) return SEDGE_EXIT_FAILED;
    (void)printf("%s\n", sedge_json_str(r, "message", ""));
    return 0;
}

static void print_joined(const char *label, struct json_object *list)
{
    if (!list || json_object_array_length(list) == 0) return;
    (void)printf("%s: ", label);
    for (size_t i = 0; i < json_object_array_length(list); i++)
        (void)printf("%s%s", i ? ", " : "", json_object_get_string(json_object_array_get_idx(list, i)));
    (void)printf("\n");
}

static void print_failure(struct json_object *details)
{
    const char *detailed = sedge_json_str(details, "detailedDeploymentStatus", "");
    const char *cause = sedge_json_str(details, "deploymentFailureCause", "");

    if (*detailed) (void)printf("Detailed Status: %s\n", detailed);
    print_joined("Deployment Error Stack", sedge_json_arr(details, "deploymentErrorStack"));
    print_joined("Deployment Error Types", sedge_json_arr(details, "deploymentErrorTypes"));
    if (*cause) (void)printf("Deployment Failure Cause: %s\n", cause);
}

/* Beyond the original: where a deployment under way stands. */
static void print_progress(struct json_object *p)
{
    double total = sedge_json_double(p, "totalBytes", 0);

    if (!sedge_json_str(p, "phase", NULL)) return;
    (void)printf("Progress: %s", sedge_json_str(p, "phase", ""));
    if (total > 0)
        (void)printf(", %.1f of %.1f MB, %.1f MB/s", sedge_json_double(p, "doneBytes", 0) / 1e6, total / 1e6,
                     sedge_json_double(p, "bytesPerSecond", 0) / 1e6);
    if (sedge_json_str(p, "message", NULL)) (void)printf(": %s", sedge_json_str(p, "message", ""));
    (void)printf("\n");
}

static int run_status(struct sedge_cli *cli, void *args)
{
    const struct id_args *a = args;
    sedge_auto_put struct json_object *r = call_with_id(cli, "GetLocalDeploymentStatus", a->id);
    struct json_object *d = sedge_json_obj(r, "deployment");
    const char *status = sedge_json_str(d, "status", "");

    if (!r) return SEDGE_EXIT_FAILED;
    if (a->json) {
        (void)printf("%s\n", sedge_json_text(d));
        return 0;
    }
    (void)printf("%s: %s\nCreated on: %s\n", sedge_json_str(d, "deploymentId", a->id), status,
                 sedge_json_str(d, "createdOn", ""));
    if (strcmp(status, "FAILED") == 0) print_failure(sedge_json_obj(d, "deploymentStatusDetails"));
    print_progress(sedge_json_obj(d, "progress"));
    return 0;
}

static int run_list(struct sedge_cli *cli, void *args)
{
    const struct list_args *a = args;
    sedge_auto_put struct json_object *r = sedge_cli_call(cli, "ListLocalDeployments", NULL);
    struct json_object *list = sedge_json_arr(r, "localDeployments");

    if (!r) return SEDGE_EXIT_FAILED;
    if (a->json) {
        (void)printf("%s\n", sedge_json_text(list));
        return 0;
    }
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        struct json_object *d = json_object_array_get_idx(list, i);
        (void)printf("%sDeployment ID: %s\nCreated on: %s\nStatus: %s\n", i ? "\n" : "",
                     sedge_json_str(d, "deploymentId", ""), sedge_json_str(d, "createdOn", ""),
                     sedge_json_str(d, "status", ""));
    }
    return 0;
}

#define CREATE(member) offsetof(struct create_args, member)
static const struct sedge_arg create_args[] = {
    {"--merge", "-m", SEDGE_ARG_LIST, false, CREATE(merge), "<name=version>", "root component to add or change"},
    {"--remove", NULL, SEDGE_ARG_LIST, false, CREATE(remove), "<name>", "root component to remove"},
    {"--groupId", "-g", SEDGE_ARG_TEXT, false, CREATE(group), "<group>", "thing group to act for"},
    {"--recipeDir", "-r", SEDGE_ARG_TEXT, false, CREATE(recipe_dir), "<dir>", "folder with recipes"},
    {"--artifactDir", "-a", SEDGE_ARG_TEXT, false, CREATE(artifact_dir), "<dir>",
     "folder with <component>/<version>/<files>"},
    {"--runWith", NULL, SEDGE_ARG_LIST, false, CREATE(run_with), "<component:posixUser=user[:group]>",
     "user of a component's scripts"},
    {"--systemLimits", NULL, SEDGE_ARG_TEXT, false, CREATE(limits), "<JSON or file>",
     "{\"component\":{\"cpus\":1.5,\"memory\":10240}}"},
    {"--update-config", "-c", SEDGE_ARG_TEXT, false, CREATE(update_config), "<JSON or file>",
     "{\"component\":{\"MERGE\":{...},\"RESET\":[\"/path\"]}}"},
    {"--failure-handling-policy", "-fp", SEDGE_ARG_TEXT, false, CREATE(policy), "<policy>",
     "ROLLBACK or DO_NOTHING (default)"},
    {"--json", NULL, SEDGE_ARG_FLAG, false, CREATE(json), NULL, "print JSON"},
};
static const struct sedge_arg id_args[] = {
    {"--deploymentId", "-i", SEDGE_ARG_TEXT, true, offsetof(struct id_args, id), "<uuid>", "id that create printed"},
    {"--json", NULL, SEDGE_ARG_FLAG, false, offsetof(struct id_args, json), NULL, "print JSON"},
};
static const struct sedge_arg list_args[] = {
    {"--json", NULL, SEDGE_ARG_FLAG, false, offsetof(struct list_args, json), NULL, "print JSON"}};

const struct sedge_command sedge_deployment_commands[] = {
    {"deployment", "create", "Deploy components locally", create_args, SEDGE_ARRAY_LEN(create_args),
     sizeof(struct create_args), run_create},
    {"deployment", "cancel", "Cancel a deployment that has not changed anything yet", id_args, SEDGE_ARRAY_LEN(id_args),
     sizeof(struct id_args), run_cancel},
    {"deployment", "status", "Show how a deployment stands, or why it failed", id_args, SEDGE_ARRAY_LEN(id_args),
     sizeof(struct id_args), run_status},
    {"deployment", "list", "Show all local deployments", list_args, SEDGE_ARRAY_LEN(list_args),
     sizeof(struct list_args), run_list},
};
const size_t sedge_deployment_ncommands = SEDGE_ARRAY_LEN(sedge_deployment_commands);
