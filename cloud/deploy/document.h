/*
 * document - deployment documents: the operator's form in, the device's form out, and differences. Pure: no database,
 * no clock.
 *
 * Operator's form: input of `aws greengrassv2 create-deployment --cli-input-json` (componentVersion, merge as JSON
 * text, timeoutInSeconds). It becomes `content`: the device's form without what identifies one revision, so that two
 * revisions with equal content compare equal. sedge_doc_device adds ids, ARN and time.
 */
#ifndef SEDGE_CLOUD_DOCUMENT_H
#define SEDGE_CLOUD_DOCUMENT_H

#include <json-c/json.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define SEDGE_DOC_INPUT_MAX  10485760
#define SEDGE_DOC_INLINE_MAX 31744 /* bytes of a device document inside a job */
#define SEDGE_DOC_SHADOW_MAX 7168  /* the same inside a shadow, as the JSON text that it is there */

struct sedge_doc {
    int kind; /* SEDGE_TARGET_..., -1: the document names no target */
    char *target;
    char *name;                  /* deploymentName or NULL */
    char *client_token;          /* or NULL */
    int64_t in_progress_minutes; /* 0: not given */
    struct json_object *content;
    struct json_object *job, *rollout; /* iotJobConfiguration and rollout as given, checked (policy.h); or NULL */
};

/* `what` names the source in messages. INVALID with place and reason. Release in any case. */
int sedge_doc_parse(const char *text, size_t n, const char *what, struct sedge_doc *out, struct sedge_err *err);
void sedge_doc_release(struct sedge_doc *d);

/* "group:NAME", "thing:NAME", or an ARN that ends in thinggroup/NAME or thing/NAME. */
int sedge_doc_parse_target(const char *text, int *kind, char **name, struct sedge_err *err);

/* Content of a deployment without components and with the default policies. New reference. */
struct json_object *sedge_doc_empty(void);

/* Changes of `deploy revise`, applied to content, each text as the user typed it: NAME@VERSION, NAME, NAME=JSON,
 * NAME=/pointer. */
int sedge_doc_set_component(struct json_object *content, const char *text, struct sedge_err *err);
int sedge_doc_rm_component(struct json_object *content, const char *name, struct sedge_err *err);
int sedge_doc_merge(struct json_object *content, const char *text, struct sedge_err *err);
int sedge_doc_reset(struct json_object *content, const char *text, struct sedge_err *err);

struct sedge_doc_ids {
    const char *deployment_id, *name, *arn;
    int64_t creation_ms;
};
/* Compact text of the device document. */
void sedge_doc_device(struct json_object *content, const struct sedge_doc_ids *ids, struct sedge_buf *out);
/* The document that travels: whole if it fits the target's carrier, and `full` stays empty; otherwise without
 * components and with the capability LARGE_CONFIGURATION, and `full` gets the whole one, which the device fetches. */
void sedge_doc_fit(struct json_object *content, const struct sedge_doc_ids *ids, int kind, struct sedge_buf *out,
                   struct sedge_buf *full);
/* The operator's form, good for sedge_doc_parse. `policy`: the stored policy of the deployment (policy.h); NULL: none.
 * New reference. */
struct json_object *sedge_doc_operator(struct json_object *content, const char *target_arn, const char *name,
                                       struct json_object *policy);
/* Content of a stored device document: the reverse of sedge_doc_device. New reference. */
struct json_object *sedge_doc_content(const char *device_doc, struct sedge_err *err);
/* SHA-256 over the sorted text, hex. */
void sedge_doc_hash(struct json_object *content, struct sedge_buf *hex);

/* One line for each difference, "+ name@version", "- ...", "~ name 1.0.0 -> 1.0.1", "~ name merge: ..."; nothing when
 * equal. `old` may be NULL. */
void sedge_doc_diff(struct json_object *old, struct json_object *now, struct sedge_buf *out);

#endif
