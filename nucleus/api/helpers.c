/* ValidateAuthorizationToken and PutComponentMetric (spec/ipc-operations.md 8). */
#include "internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "telemetry/records.h"

#include <string.h>

#define STREAM_MANAGER  "aws.greengrass.StreamManager"
#define METRIC_NAME_MAX 32 /* bytes, by the specification */
#define INVALID         "Invalid argument found in PutComponentMetricRequest"

void sedge_op_validate_token(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    const char *identity = sedge_ipc_stream_identity(s);
    const char *token = sedge_json_str(request, "token", NULL);

    if (strcmp(identity, STREAM_MANAGER) != 0)
        sedge_api_error(s, "UnauthorizedError", "%s is not authorized to perform %s", identity,
                        sedge_ipc_stream_operation(s));
    else if (!token)
        sedge_api_error(s, "InvalidTokenError", "Invalid authentication token");
    else if (!sedge_supervisor_owner_of_token(api->o.supervisor, token) && !sedge_cli_tokens_owner(api, token))
        sedge_api_error(s, "InvalidTokenError", "Authentication token not found");
    else
        (void)sedge_ipc_respond(s, "{\"isValid\":true}");
}

/* ---- metrics ---- */

/* <root>/telemetry/<namespace>.log (spec/config.md 13.2). */
struct sedge_metric_log {
    struct sedge_metric_log *next;
    char *name;
    struct sedge_logfile *file;
};

void sedge_metric_logs_free(struct sedge_metric_log *l)
{
    while (l) {
        struct sedge_metric_log *next = l->next;
        sedge_logfile_free(l->file);
        free(l->name);
        free(l);
        l = next;
    }
}

static struct sedge_logfile *log_of(struct sedge_api *api, const char *name)
{
    sedge_auto_free char *dir = sedge_xasprintf("%s/telemetry", api->root);
    struct sedge_metric_log *l = api->metric_logs;

    while (l && strcmp(l->name, name) != 0)
        l = l->next;
    if (l) return l->file;
    l = SEDGE_NEW(struct sedge_metric_log);
    *l = (struct sedge_metric_log){api->metric_logs, sedge_xstrdup(name), sedge_metric_log(dir, name)};
    return (api->metric_logs = l)->file;
}

static bool is_valid(struct json_object *m)
{
    size_t n = strlen(sedge_json_str(m, "name", ""));

    return n > 0 && n <= METRIC_NAME_MAX && *sedge_json_str(m, "unit", "") && sedge_json_get(m, "value") &&
           sedge_json_double(m, "value", -1) >= 0;
}

/* 0, or what is wrong is answered. Nothing is kept of a request with a fault. */
static int check_metrics(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *list)
{
    size_t n = list ? json_object_array_length(list) : 0;
    const char *fault = n == 0 ? "Null or Empty list of metrics found in PutComponentMetricRequest" : NULL;

    for (size_t i = 0; i < n && !fault; i++)
        if (!is_valid(json_object_array_get_idx(list, i))) fault = INVALID;
    for (size_t i = 0; i < n && !fault; i++)
        if (sedge_api_authorize(api, s, sedge_json_str(json_object_array_get_idx(list, i), "name", ""), NULL) != 0)
            return -1;
    for (size_t i = 0; i < n && !fault; i++)
        if (!sedge_metric_unit(sedge_json_str(json_object_array_get_idx(list, i), "unit", "")))
            fault = "Invalid telemetry unit: No matching TelemetryUnit type found";
    if (!fault) return 0;
    sedge_api_error(s, "InvalidArgumentsError", "%s", fault);
    return -1;
}

static void write_metric(struct sedge_logfile *file, const char *namespace, struct json_object *metric)
{
    sedge_metric_write(file, namespace, sedge_json_str(metric, "name", ""),
                       sedge_metric_unit(sedge_json_str(metric, "unit", "")), "Sum",
                       json_object_get(sedge_json_get(metric, "value")), sedge_wall_ms());
}

void sedge_op_put_metric(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    const char *identity = sedge_ipc_stream_identity(s);
    struct json_object *list = sedge_json_arr(request, "metrics");
    struct sedge_logfile *file;

    if (!sedge_str_starts(identity, "aws.")) {
        (void)sedge_api_authorize(api, s, NULL, NULL); /* refuses such a caller in any case */
        return;
    }
    if (check_metrics(api, s, list) != 0) return;
    file = log_of(api, identity);
    for (size_t i = 0; i < json_object_array_length(list); i++)
        write_metric(file, identity, json_object_array_get_idx(list, i));
    (void)sedge_ipc_respond(s, NULL);
}
