/*
 * dataplane - questions to the HTTPS data plane (spec/cloud-protocol.md 8.4, 8.5), asked by sedge-fetch with the
 * device's certificate.
 *
 *   if (sedge_fetcher_plane(fetcher)) sedge_plane_thing_groups(fetcher, 1, on_groups, me);
 *
 * Settings: `plane` of fetch.h. thingName is the device; s3EndpointType (NULL: GLOBAL) is passed on where the data
 * plane signs URLs.
 *
 * Callbacks as in fetch.h: later, exactly once, arguments lent for the call. `attempts`: how often one question is
 * tried within one request, 0: as sedge-fetch is set up. Thread: the loop's.
 */
#ifndef SEDGE_FETCH_DATAPLANE_H
#define SEDGE_FETCH_DATAPLANE_H

#include "fetch.h"

#define SEDGE_PLANE_PAGES_MAX 100 /* of one list of thing groups */

/* What all answers have. */
struct sedge_plane_result {
    const struct sedge_err *err; /* NULL: success */
    struct json_object *stack;   /* failure: Greengrass error codes */
    int64_t status;              /* failure: of HTTP; 0: there was no answer */
    const char *message;         /* failure: what the data plane said, "" */
    int64_t pause_ms;            /* failure: that it asks for before the next question; 0: none */
};

struct sedge_plane_groups {
    struct sedge_plane_result r;
    const struct sedge_strv *names; /* groups of the thing and all their parents, each once */
};
typedef void (*sedge_plane_groups_cb)(const struct sedge_plane_groups *g, void *user);
void sedge_plane_thing_groups(struct sedge_fetcher *f, int attempts, sedge_plane_groups_cb cb, void *user);

struct sedge_plane_question {
    const char *component;
    const char *version;              /* that the device has and that fits; NULL: none */
    struct json_object *requirements; /* who -> range */
    struct json_object *platform;     /* attribute -> value */
};
struct sedge_plane_candidate {
    struct sedge_plane_result r;
    bool bad;        /* failure: the answer was none that can be used */
    const char *arn; /* of the component version */
    const char *version, *recipe;
    bool discontinued;
};
typedef void (*sedge_plane_candidate_cb)(const struct sedge_plane_candidate *c, void *user);
void sedge_plane_resolve(struct sedge_fetcher *f, const struct sedge_plane_question *in, int attempts,
                         sedge_plane_candidate_cb cb, void *user);

struct sedge_plane_document {
    struct sedge_plane_result r;
    const char *url, *algorithm, *digest; /* base64 */
};
typedef void (*sedge_plane_document_cb)(const struct sedge_plane_document *d, void *user);
void sedge_plane_configuration(struct sedge_fetcher *f, const char *deployment_id, int attempts,
                               sedge_plane_document_cb cb, void *user);

/* The paths that give presigned URLs; heap. */
char *sedge_plane_artifact_path(const struct sedge_fetcher *f, const char *arn, const char *uri);
char *sedge_plane_configuration_path(const struct sedge_fetcher *f, const char *deployment_id);

#endif
