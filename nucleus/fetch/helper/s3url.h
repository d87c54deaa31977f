/*
 * s3url - what a request's URL means, and the HTTP URL of an S3 object.       (pure)
 */
#ifndef SEDGE_FETCH_S3URL_H
#define SEDGE_FETCH_S3URL_H

#include "base/buf.h"
#include "fail.h"
#include "settings.h"

enum sedge_scheme {
    SEDGE_SCHEME_S3,
    SEDGE_SCHEME_HTTP,
    SEDGE_SCHEME_FILE,
    SEDGE_SCHEME_NAME, /* greengrass:..., which the data plane gives a URL for */
    SEDGE_SCHEME_PLANE /* the data plane itself; never parsed */
};

struct sedge_source {
    enum sedge_scheme scheme;
    char *bucket; /* S3 */
    char *key;    /* S3; "" for the bucket itself */
    char *path;   /* FILE */
    char *text;   /* as given, without user info; for messages */
    char *url;    /* HTTP: as given */
};

/* s3://bucket/key, s3://bucket, http(s)://, file:///path (percent-decoded), greengrass:name. The key of an s3 URL is
 * taken as it stands: blanks, plus signs and percent signs are part of the name. */
int sedge_source_parse(struct sedge_source *s, const char *url, struct sedge_fail *fail);
void sedge_source_release(struct sedge_source *s);

struct sedge_query {
    const char *name, *value;
};
/* The URL of a key ("" for the bucket) by path style or virtual host style. Query parameters with a value, sorted by
 * name by the caller: they are signed in the order given. */
char *sedge_s3_url(const struct sedge_settings *s, const char *bucket, const char *key, const struct sedge_query *query,
                   size_t nquery);

#endif
