#include "failure.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const source_names[] = {
    [SEDGE_SOURCE_LOCAL] = "LOCAL", [SEDGE_SOURCE_JOBS] = "IOT_JOBS", [SEDGE_SOURCE_SHADOW] = "SHADOW"};

const char *sedge_source_name(enum sedge_source source)
{
    return source_names[source];
}

int sedge_source_from_name(const char *name, enum sedge_source *out)
{
    for (unsigned i = 0; i < SEDGE_ARRAY_LEN(source_names); i++) {
        if (strcmp(source_names[i], name) == 0) {
            *out = (enum sedge_source)i;
            return 0;
        }
    }
    return -1;
}

/* spec/deployment.md 18.4, cloud-protocol.md 11. A code that is not listed has no type. */
#define BY_SOURCE "by-source" /* the document: NUCLEUS_ERROR locally, CLOUD_SERVICE_ERROR from the cloud */
#define BY_OWNER  "by-owner"  /* the component: always the user's, since nothing here is published by AWS */
static const struct {
    const char *type;
    const char *codes;
} types[] = {
    {"REQUEST_ERROR",
     " NUCLEUS_MISSING_REQUIRED_CAPABILITIES COMPONENT_CIRCULAR_DEPENDENCY_ERROR "
     "UNAUTHORIZED_NUCLEUS_MINOR_VERSION_UPDATE "
     "MISSING_DOCKER_APPLICATION_MANAGER MISSING_TOKEN_EXCHANGE_SERVICE COMPONENT_VERSION_REQUIREMENTS_NOT_MET "
     "MULTIPLE_NUCLEUS_RESOLVED_ERROR THROTTLING_ERROR CONFLICTED_REQUEST RESOURCE_NOT_FOUND "
     "RUN_WITH_CONFIG_NOT_VALID UNSUPPORTED_REGION IOT_CRED_ENDPOINT_FORMAT_NOT_VALID "
     "IOT_DATA_ENDPOINT_FORMAT_NOT_VALID S3_HEAD_OBJECT_RESOURCE_NOT_FOUND S3_GET_BUCKET_LOCATION_RESOURCE_NOT_FOUND "
     "S3_GET_OBJECT_RESOURCE_NOT_FOUND "},
    {"NUCLEUS_ERROR", " BAD_REQUEST NUCLEUS_VERSION_NOT_FOUND NUCLEUS_RESTART_FAILURE COMPONENT_LOAD_FAILURE "},
    {"PERMISSION_ERROR",
     " ACCESS_DENIED GET_DEPLOYMENT_CONFIGURATION_ACCESS_DENIED GET_COMPONENT_VERSION_ARTIFACT_ACCESS_DENIED "
     "RESOLVE_COMPONENT_CANDIDATES_ACCESS_DENIED MISSING_MQTT_CONNECT_POLICY CREDENTIAL_ENDPOINT_AUTH_FAILURE "
     "GET_ECR_CREDENTIAL_ERROR USER_NOT_AUTHORIZED_FOR_DOCKER S3_ACCESS_DENIED S3_HEAD_OBJECT_ACCESS_DENIED "
     "S3_GET_BUCKET_LOCATION_ACCESS_DENIED S3_GET_OBJECT_ACCESS_DENIED "},
    {"SERVER_ERROR", " SERVER_ERROR CREDENTIAL_ENDPOINT_SERVER_ERROR S3_SERVER_ERROR "},
    {"NETWORK_ERROR", " NETWORK_ERROR MQTT_CONNECTION_FAILED TLS_HANDSHAKE_FAILURE "},
    {"HTTP_ERROR", " HTTP_REQUEST_ERROR DOWNLOAD_DEPLOYMENT_DOCUMENT_ERROR GET_GREENGRASS_ARTIFACT_SIZE_ERROR "
                   "DOWNLOAD_GREENGRASS_ARTIFACT_ERROR "},
    {"DEVICE_ERROR",
     " IO_WRITE_ERROR IO_READ_ERROR DISK_SPACE_CRITICAL IO_FILE_ATTRIBUTE_ERROR SET_PERMISSION_ERROR IO_UNZIP_ERROR "
     "LOCAL_RECIPE_NOT_FOUND LOCAL_RECIPE_CORRUPTED LOCAL_RECIPE_METADATA_NOT_FOUND HASHING_ALGORITHM_UNAVAILABLE "
     "LAUNCH_DIRECTORY_CORRUPTED "
     "DEVICE_CONFIG_NOT_VALID_FOR_ARTIFACT_DOWNLOAD "},
    {"COMPONENT_RECIPE_ERROR",
     " RECIPE_PARSE_ERROR RECIPE_METADATA_PARSE_ERROR ARTIFACT_URI_NOT_VALID S3_ARTIFACT_URI_NOT_VALID "
     "DOCKER_ARTIFACT_URI_NOT_VALID "
     "EMPTY_ARTIFACT_URI "
     "EMPTY_ARTIFACT_SCHEME UNSUPPORTED_ARTIFACT_SCHEME RECIPE_MISSING_MANIFEST RECIPE_MISSING_ARTIFACT_HASH_ALGORITHM "
     "ARTIFACT_CHECKSUM_MISMATCH COMPONENT_DEPENDENCY_NOT_VALID CONFIG_INTERPOLATE_ERROR COMPONENT_VERSION_NOT_VALID "},
    {"DEPENDENCY_ERROR",
     " DOCKER_ERROR DOCKER_SERVICE_UNAVAILABLE DOCKER_IMAGE_QUERY_ERROR DOCKER_LOGIN_ERROR DOCKER_PULL_ERROR "
     "DOCKER_IMAGE_NOT_VALID S3_ERROR S3_RESOURCE_NOT_FOUND S3_BAD_REQUEST "},
    {"CLOUD_SERVICE_ERROR", " RESOLVE_COMPONENT_CANDIDATES_BAD_RESPONSE DEPLOYMENT_DOCUMENT_SIZE_EXCEEDED "
                            "GREENGRASS_ARTIFACT_SIZE_NOT_FOUND "},
    {"UNKNOWN_ERROR", " DEPLOYMENT_TYPE_NOT_VALID "},
    {BY_SOURCE, " DEPLOYMENT_DOCUMENT_NOT_VALID EMPTY_DEPLOYMENT_REQUEST DEPLOYMENT_DOCUMENT_PARSE_ERROR "
                "COMPONENT_METADATA_NOT_VALID_IN_DEPLOYMENT "},
    {BY_OWNER, " COMPONENT_UPDATE_ERROR COMPONENT_BROKEN REMOVE_COMPONENT_ERROR COMPONENT_BOOTSTRAP_TIMEOUT "
               "COMPONENT_BOOTSTRAP_ERROR "
               "COMPONENT_CONFIGURATION_NOT_VALID CUSTOM_PLUGIN_NOT_SUPPORTED "},
};

const char *sedge_failure_type(const char *code, enum sedge_source source)
{
    sedge_auto_free char *word = sedge_xasprintf(" %s ", code);

    for (unsigned i = 0; i < SEDGE_ARRAY_LEN(types); i++) {
        if (!strstr(types[i].codes, word)) continue;
        if (strcmp(types[i].type, BY_SOURCE) == 0)
            return source == SEDGE_SOURCE_LOCAL ? "NUCLEUS_ERROR" : "CLOUD_SERVICE_ERROR";
        return strcmp(types[i].type, BY_OWNER) == 0 ? "USER_COMPONENT_ERROR" : types[i].type;
    }
    return NULL;
}

void sedge_failure_release(struct sedge_failure *f)
{
    sedge_strv_release(&f->stack);
    sedge_strv_release(&f->output);
    free(f->cause);
    *f = SEDGE_FAILURE_INIT;
}

bool sedge_failure_is_set(const struct sedge_failure *f)
{
    return f->stack.n > 0;
}

void sedge_failure_add(struct sedge_failure *f, const char *code)
{
    if (f->stack.n == 0 && strcmp(code, "DEPLOYMENT_REJECTED") != 0) sedge_strv_add(&f->stack, "DEPLOYMENT_FAILURE");
    if (!sedge_strv_has(&f->stack, code)) sedge_strv_add(&f->stack, code);
}

void sedge_failure_cause(struct sedge_failure *f, const char *fmt, ...)
{
    va_list ap;

    if (f->cause) return;
    va_start(ap, fmt);
    if (vasprintf(&f->cause, fmt, ap) < 0) f->cause = NULL;
    va_end(ap);
}

void sedge_failure_add_err(struct sedge_failure *f, const char *base_code, const struct sedge_err *err)
{
    sedge_failure_add(f, base_code);
    switch (err->code) {
    case SEDGE_E_NO_SPACE:
        sedge_failure_add(f, "DISK_SPACE_CRITICAL");
        break;
    case SEDGE_E_DIGEST:
        sedge_failure_add(f, "ARTIFACT_CHECKSUM_MISMATCH");
        break;
    case SEDGE_E_UNAVAILABLE:
    case SEDGE_E_TIMEOUT:
        sedge_failure_add(f, "NETWORK_ERROR");
        break;
    case SEDGE_E_IO:
        sedge_failure_add(f, "IO_ERROR");
        break;
    case SEDGE_OK:
    case SEDGE_E_INVALID:
    case SEDGE_E_NOT_FOUND:
    case SEDGE_E_CONFLICT:
    case SEDGE_E_DENIED:
    case SEDGE_E_LIMIT:
    case SEDGE_E_CORRUPT:
    case SEDGE_E_UNSUPPORTED:
    case SEDGE_E_CANCELED:
    case SEDGE_ERR_COUNT:
        break;
    }
    sedge_failure_cause(f, "%s", err->msg);
}

static struct json_object *texts(const struct sedge_strv *list)
{
    struct json_object *o = json_object_new_array();

    for (size_t i = 0; i < list->n; i++)
        (void)json_object_array_add(o, json_object_new_string(list->v[i]));
    return o;
}

struct json_object *sedge_failure_details(const struct sedge_failure *f, const char *detailed_status,
                                          enum sedge_source source)
{
    struct json_object *o = json_object_new_object();
    struct json_object *stack;
    struct json_object *kinds;
    struct sedge_strv seen = {NULL, 0};

    sedge_json_add_str(o, "detailed-deployment-status", detailed_status);
    if (!sedge_failure_is_set(f)) return o;
    stack = json_object_new_array();
    kinds = json_object_new_array();
    for (size_t i = 0; i < f->stack.n; i++) {
        const char *type = sedge_failure_type(f->stack.v[i], source);
        (void)json_object_array_add(stack, json_object_new_string(f->stack.v[i]));
        if (!type || sedge_strv_has(&seen, type)) continue;
        sedge_strv_add(&seen, type);
        (void)json_object_array_add(kinds, json_object_new_string(type));
    }
    sedge_strv_release(&seen);
    sedge_json_add_str(o, "deployment-failure-cause", f->cause);
    (void)json_object_object_add(o, "deployment-error-stack", stack);
    (void)json_object_object_add(o, "deployment-error-types", kinds);
    if (f->output.n > 0) (void)json_object_object_add(o, "deployment-failure-output", texts(&f->output));
    return o;
}

#define OUTPUT_HEAD "Last lines of its output:"

char *sedge_failure_text(struct json_object *details, size_t max)
{
    const char *cause = sedge_json_str(details, "deployment-failure-cause", NULL);
    struct json_object *lines = sedge_json_arr(details, "deployment-failure-output");
    size_t n = lines ? json_object_array_length(lines) : 0, first = n;
    size_t used = cause ? strlen(cause) + sizeof("\n" OUTPUT_HEAD) : 0;
    struct sedge_buf text = SEDGE_BUF_INIT;

    if (!cause) return NULL;
    while (first > 0) { /* the newest that fit */
        used += sizeof("\n  ") - 1 + strlen(json_object_get_string(json_object_array_get_idx(lines, first - 1)));
        if (max > 0 && used > max) break;
        first--;
    }
    sedge_buf_puts(&text, cause);
    if (first < n) sedge_buf_puts(&text, "\n" OUTPUT_HEAD);
    for (size_t i = first; i < n; i++) {
        sedge_buf_puts(&text, "\n  ");
        sedge_buf_puts(&text, json_object_get_string(json_object_array_get_idx(lines, i)));
    }
    return sedge_buf_steal(&text);
}

static void add_list(struct sedge_buf *b, const char *name, struct json_object *list)
{
    sedge_buf_printf(b, " %s=", name);
    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        sedge_buf_printf(b, "%s%s", i ? "," : "", json_object_get_string(json_object_array_get_idx(list, i)));
}

char *sedge_failure_line(struct json_object *details)
{
    struct json_object *stack = sedge_json_arr(details, "deployment-error-stack");
    const char *detailed = sedge_json_str(details, "detailed-deployment-status", NULL);
    sedge_auto_free char *cause = sedge_failure_text(details, 0);
    struct sedge_buf b = SEDGE_BUF_INIT;

    sedge_buf_puts(&b, "");
    if (!stack) return sedge_buf_steal(&b);
    if (detailed) sedge_buf_printf(&b, " detailedStatus=%s", detailed);
    add_list(&b, "errorStack", stack);
    add_list(&b, "errorTypes", sedge_json_arr(details, "deployment-error-types"));
    for (char *end = cause; end && (end = strchr(end, '\n'));)
        *end = ' ';
    sedge_buf_printf(&b, " cause=%s", cause ? cause : "");
    return sedge_buf_steal(&b);
}

struct json_object *sedge_failure_to_json(const struct sedge_failure *f)
{
    struct json_object *o = json_object_new_object();

    (void)json_object_object_add(o, "stack", texts(&f->stack));
    sedge_json_add_str(o, "cause", f->cause);
    (void)json_object_object_add(o, "output", texts(&f->output));
    return o;
}

void sedge_failure_from_json(struct sedge_failure *f, struct json_object *o)
{
    struct json_object *stack = sedge_json_arr(o, "stack"), *output = sedge_json_arr(o, "output");

    sedge_failure_release(f);
    for (size_t i = 0; stack && i < json_object_array_length(stack); i++)
        sedge_failure_add(f, json_object_get_string(json_object_array_get_idx(stack, i)));
    for (size_t i = 0; output && i < json_object_array_length(output); i++)
        sedge_strv_add(&f->output, json_object_get_string(json_object_array_get_idx(output, i)));
    if (sedge_json_str(o, "cause", NULL)) sedge_failure_cause(f, "%s", sedge_json_str(o, "cause", NULL));
}
