/*
 * request - one request line of protocol.h as a struct.       (pure)
 */
#ifndef SEDGE_FETCH_REQUEST_H
#define SEDGE_FETCH_REQUEST_H

#include <json-c/json.h>
#include <stdint.h>

#include "fail.h"
#include "s3url.h"
#include "unpack.h"

#define SEDGE_OPS(X)                                                                                                   \
    X(LIST, "list")                                                                                                    \
    X(GET, "get")                                                                                                      \
    X(TEXT, "text")                                                                                                    \
    X(HEAD, "head") X(PUT, "put") X(DELETE, "delete") X(UNPACK, "unpack") X(API, "api") X(CANCEL, "cancel")
enum sedge_op {
#define X(sym, name) SEDGE_OP_##sym,
    SEDGE_OPS(X)
#undef X
        SEDGE_OP_COUNT
};

struct sedge_request {
    struct json_object *id;
    enum sedge_op op;
    char *url, *dest, *file, *text, *bucket, *prefix, *delimiter, *digest, *algorithm, *sha256;
    char *unarchive_to, *content_type, *if_none_match, *path, *presign, *signed_url;
    int64_t mode, file_mode, max_bytes, attempts;
    enum sedge_unarchive unarchive;
    struct sedge_source source; /* of url, or of the bucket for LIST */
};

/* Release also after a failure: the id may have been read. */
int sedge_request_parse(struct sedge_request *r, struct json_object *line, struct sedge_fail *fail);
void sedge_request_release(struct sedge_request *r);
/* The code that goes before the others in an error's stack; NULL for none. */
const char *sedge_request_stack_base(const struct sedge_request *r);

#endif
