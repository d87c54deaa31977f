/*
 * page - lists in pieces: maxResults and nextToken of a request. A token holds the place where the next piece begins;
 * one that is not ours begins at the start.
 */
#ifndef SEDGE_CLOUD_PAGE_H
#define SEDGE_CLOUD_PAGE_H

#include <json-c/json.h>

#include "http_target.h"

#define SEDGE_PAGE_MAX     100 /* largest maxResults */
#define SEDGE_PAGE_DEFAULT 50

/* maxResults, within 1..SEDGE_PAGE_MAX. */
int64_t sedge_page_size(const struct sedge_http_target *t, int64_t def);
/* Heap. after: "" for no token. */
char *sedge_page_token(const char *after);
char *sedge_page_after(const char *token);

/* {"<member>": the piece of `all` that the request asks for, "nextToken"}. Takes all; new reference. */
struct json_object *sedge_page_of(const struct sedge_http_target *t, const char *member, struct json_object *all);

#endif
