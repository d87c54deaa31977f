/* data_internal - the data plane's handlers and what they share. */
#ifndef SEDGE_CLOUD_DATA_INTERNAL_H
#define SEDGE_CLOUD_DATA_INTERNAL_H

#include "cloud/http/cache.h"
#include "data_plane.h"
#include "cloud/http/http.h"
#include "cloud/http/probe.h"
#include "cloud/http/throttle.h"

struct sedge_data_plane {
    struct sedge_http *http;
    struct sedge_cache *answers, *closures;
    struct sedge_throttle *throttle;
    struct sedge_probe *store;
};

void sedge_data_thing_groups(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re);
void sedge_data_resolve(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re);
void sedge_data_artifact(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re);
void sedge_data_configuration(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re);

/* The route's first {} must be the peer's own name: 0, or -1 with a 403 in re. */
int sedge_data_own(const struct sedge_http_request *rq, struct sedge_http_reply *re);

/* Whether a thing may ask for a component: it is in the closure of one of its deployments. 0 yes, or the settings only
 * log it; -1 DENIED. `platform` may be NULL. */
int sedge_data_allowed(struct sedge_data_plane *d, const struct sedge_http_request *rq, const char *component,
                       struct json_object *platform, struct sedge_err *err);

/* A number that changes when versions are published or change their state, for keys of the cache. */
int64_t sedge_data_generation(struct sedge_cloud *c);

/* "arn:aws:greengrass:R:A:components:NAME:versions:VERSION" and back; heap texts. */
char *sedge_data_component_arn(const struct sedge_cloud *c, const char *name, const char *version);
int sedge_data_parse_arn(const char *arn, char **name, char **version, struct sedge_err *err);
/* Key of the artifact of a manifest that a URI or name means: "s3://BUCKET/PREFIX/KEY", "greengrass:NAME", a file's
 * name, or a key below artifacts/. Borrowed from the manifest; NULL: none. */
const char *sedge_data_artifact_key(struct json_object *manifest, const char *bucket, const char *prefix,
                                    const char *uri);

#endif
