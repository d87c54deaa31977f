/*
 * listing - reads what an S3 store answers in XML: ListBucketResult and Error.       (pure)
 *
 * A small scanner that knows elements, text, entities and CDATA; namespaces, attributes, comments and unknown elements
 * are passed over. Input is bounded by the caller.
 */
#ifndef SEDGE_FETCH_LISTING_H
#define SEDGE_FETCH_LISTING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

#define SEDGE_LISTING_DEPTH_MAX 16

struct sedge_listing {
    struct sedge_strv keys;
    struct sedge_strv prefixes;
    bool truncated;
    char *token; /* for the next page; NULL */
};
/* Adds the page's keys to what is there; truncated and token are those of this page. INVALID if it is no listing. */
int sedge_listing_parse(struct sedge_listing *l, const char *xml, size_t n, struct sedge_err *err);
void sedge_listing_release(struct sedge_listing *l);

/* Code of an <Error> document ("NoSuchKey") into code, "" if there is none. */
void sedge_s3_error_code(const char *xml, size_t n, char *code, size_t size);

#endif
