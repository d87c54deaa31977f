/*
 * http_target - the target of a request line: path segments and query, percent-decoded. Pure.
 *
 *   struct sedge_http_target t;
 *   if (sedge_http_target_parse("/a/b%2Fc?x=1", &t, &err) != 0) ...       segments "a", "b/c"; x is "1"
 *   sedge_http_target_release(&t);
 *
 * The path is cut at its slashes before it is decoded: an encoded slash belongs to its segment. A slash at the end adds
 * nothing. INVALID: no leading slash, an escape that is none, text that is no UTF-8 or holds NUL or control characters,
 * a segment "." or "..". LIMIT: more segments or query members than the limits.
 */
#ifndef SEDGE_CLOUD_HTTP_TARGET_H
#define SEDGE_CLOUD_HTTP_TARGET_H

#include "base/err.h"
#include "base/str.h"

#define SEDGE_HTTP_TARGET_MAX   8192 /* bytes of a request target */
#define SEDGE_HTTP_SEGMENTS_MAX 64
#define SEDGE_HTTP_QUERY_MAX    32

struct sedge_http_target {
    struct sedge_strv segments;
    struct sedge_strv names, values; /* of the query; "x" without "=" has the value "" */
};

/* Release in any case. */
int sedge_http_target_parse(const char *text, struct sedge_http_target *out, struct sedge_err *err);
void sedge_http_target_release(struct sedge_http_target *t);
/* The first value of a query member, or def. */
const char *sedge_http_query(const struct sedge_http_target *t, const char *name, const char *def);

/* Whether the segments fit a pattern such as "greengrass/v2/coreDevices/{}/thingGroups": {} is any segment, {*} at the
 * end one or more. args: index of the segment of each {}, in order (room for all of them). */
bool sedge_http_match(const struct sedge_http_target *t, const char *pattern, size_t *args);

#endif
