/*
 * document - what is to be deployed, in one struct, whoever asks for it.
 *
 * Two forms come in: the cloud's document (spec/deployment.md 4, cloud-protocol.md 8) and the fields of
 * CreateLocalDeployment (spec/deployment.md 3). Pure: no file, clock or loop.
 */
#ifndef SEDGE_DEPLOY_DOCUMENT_H
#define SEDGE_DEPLOY_DOCUMENT_H

#include "base/err.h"
#include "base/json.h"
#include "failure.h"

#define SEDGE_LOCAL_GROUP             "LOCAL_DEPLOYMENT"
#define SEDGE_DOCUMENT_BYTES_MAX      32768 /* inline document of a job */
#define SEDGE_DOCUMENT_COMPONENTS_MAX 1000
#define SEDGE_DOCUMENT_TIMEOUT_MAX_S  315360000 /* of a policy; a longer one counts as this: ten years */

/* One root component that the target group wants. */
struct sedge_root {
    char *name;
    char *version;             /* exact from the cloud; any requirement locally */
    struct json_object *merge; /* object or NULL */
    struct json_object *reset; /* array of JSON pointers or NULL */
    bool has_run_with;
    struct json_object *run_with; /* {posixUser, systemResourceLimits} or NULL */
};

struct sedge_document {
    char *deployment_id;     /* the Greengrass id; a local deployment's own id */
    char *configuration_arn; /* NULL locally */
    char *group;             /* thinggroup/G, thing/T or LOCAL_DEPLOYMENT */
    int64_t created_ms;
    int64_t revision; /* of the ARN; 0 if it has none */
    struct sedge_root *roots;
    size_t nroots;
    bool incomplete; /* LARGE_CONFIGURATION: its components have to be downloaded, see sedge_document_complete */
    bool rollback;   /* failureHandlingPolicy ROLLBACK */
    bool notify;     /* componentUpdatePolicy NOTIFY_COMPONENTS; never locally */
    int64_t notify_timeout_s;
    int64_t validation_timeout_s; /* configurationValidationPolicy */
    char *recipe_dir;             /* local only; NULL if not given */
    char *artifact_dir;
};

void sedge_document_release(struct sedge_document *d);

/* A large document as it came, with the components of the downloaded one: new reference to a request that is parsed as
 * a whole. INVALID when `full` has no components. */
struct json_object *sedge_document_complete(struct json_object *doc, struct json_object *full, struct sedge_err *err);
/* As it came: new reference. */
struct json_object *sedge_document_offered(struct json_object *doc);

/* Decodes a cloud document. On failure `f` has the codes of spec/deployment.md 7 row 1 and the cause. */
int sedge_document_parse(struct json_object *doc, struct sedge_document *out, struct sedge_failure *f);
/* requiredCapabilities of a cloud document: -1 for one that this nucleus does not have. */
int sedge_document_check_capabilities(struct json_object *doc, struct sedge_failure *f);

/*
 * Builds the document of a local request (spec/deployment.md 3.2). `roots` are the components recorded for the group
 * and still running: {"name": "version that runs"}; may be NULL. INVALID with the text that CreateLocalDeployment
 * answers.
 */
int sedge_document_from_local(struct json_object *request, const char *id, int64_t now_ms, struct json_object *roots,
                              struct sedge_document *out, struct sedge_err *err);
/* The group that a local request changes: "LOCAL_DEPLOYMENT" or "thinggroup/<groupName>". INVALID for a colon. */
int sedge_document_local_group(struct json_object *request, char **out, struct sedge_err *err);

/* The root called `name`, or NULL. */
const struct sedge_root *sedge_document_root(const struct sedge_document *d, const char *name);

#endif
