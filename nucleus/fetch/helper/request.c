#include "request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../protocol.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

static const char *const op_names[] = {
#define X(sym, name) name,
    SEDGE_OPS(X)
#undef X
};

struct line {
    char *op, *unarchive;
    struct sedge_request r;
};

#define F(name, type, min, max, member)                                                                                \
    {                                                                                                                  \
        name, type, false, min, max, offsetof(struct line, member)                                                     \
    }
static const struct sedge_jfield fields[] = {
    F("id", SEDGE_J_ANY, 0, 0, r.id),
    F("op", SEDGE_J_STR, 1, 16, op),
    F("url", SEDGE_J_STR, 0, 16384, r.url),
    F("dest", SEDGE_J_STR, 1, 4000, r.dest),
    F("file", SEDGE_J_STR, 1, 4000, r.file),
    F("text", SEDGE_J_STR, 0, SEDGE_FETCH_LINE_MAX, r.text),
    F("bucket", SEDGE_J_STR, 0, 1024, r.bucket),
    F("prefix", SEDGE_J_STR, 0, 1024, r.prefix),
    F("delimiter", SEDGE_J_STR, 0, 16, r.delimiter),
    F("digest", SEDGE_J_STR, 1, 256, r.digest),
    F("algorithm", SEDGE_J_STR, 1, 64, r.algorithm),
    F("sha256", SEDGE_J_STR, 64, 64, r.sha256),
    F("unarchive", SEDGE_J_STR, 0, 16, unarchive),
    F("unarchiveTo", SEDGE_J_STR, 1, 4000, r.unarchive_to),
    F("contentType", SEDGE_J_STR, 1, 256, r.content_type),
    F("ifNoneMatch", SEDGE_J_STR, 1, 1, r.if_none_match),
    F("path", SEDGE_J_STR, 1, 8192, r.path),
    F("presign", SEDGE_J_STR, 1, 8192, r.presign),
    F("signedUrl", SEDGE_J_STR, 1, 16384, r.signed_url),
    F("attempts", SEDGE_J_INT, 1, 100, r.attempts),
    F("mode", SEDGE_J_INT, 0, 0777, r.mode),
    F("fileMode", SEDGE_J_INT, 0, 0777, r.file_mode),
    F("maxBytes", SEDGE_J_INT, 0, 1LL << 50, r.max_bytes),
};
#undef F

static int invalid(struct sedge_fail *fail, const char *op, const char *what)
{
    return sedge_err_set(&fail->err, SEDGE_E_INVALID, "%s: %s", op, what);
}

static int find_op(struct sedge_request *r, const char *op, struct sedge_fail *fail)
{
    for (size_t i = 0; op && i < SEDGE_OP_COUNT; i++) {
        if (strcmp(op, op_names[i]) != 0) continue;
        r->op = (enum sedge_op)i;
        return 0;
    }
    return sedge_err_set(&fail->err, SEDGE_E_INVALID, "request: \"op\" is \"%s\", which is no operation",
                         op ? op : "missing");
}

static int check_unarchive(struct line *l, struct sedge_fail *fail)
{
    static const char *const names[] = {"NONE", "ZIP", "TAR", "TGZ"};
    size_t i;

    for (i = 0; l->unarchive && i < SEDGE_ARRAY_LEN(names); i++)
        if (strcasecmp(l->unarchive, names[i]) == 0) break;
    if (!l->unarchive) i = 0;
    if (i == SEDGE_ARRAY_LEN(names))
        return sedge_err_set(&fail->err, SEDGE_E_UNSUPPORTED, "unarchive: \"%s\" is not one of NONE, ZIP, TAR, TGZ",
                             l->unarchive);
    l->r.unarchive = (enum sedge_unarchive)i;
    if (l->r.unarchive != SEDGE_UNARCHIVE_NONE && (!l->r.unarchive_to || *l->r.unarchive_to != '/'))
        return invalid(fail, l->op, "\"unarchiveTo\" must be an absolute path");
    if (l->r.op == SEDGE_OP_UNPACK && l->r.unarchive == SEDGE_UNARCHIVE_NONE)
        return invalid(fail, l->op, "\"unarchive\" must be ZIP, TAR or TGZ");
    return 0;
}

/* A path of the data plane, percent-encoded by who asks. */
static bool is_path(const char *s)
{
    if (*s != '/') return false;
    for (; *s; s++)
        if ((unsigned char)*s <= 0x20 || (unsigned char)*s > 0x7e || *s == '#') return false;
    return true;
}

/* A header goes out as it is. */
static bool is_header_value(const char *s)
{
    for (; s && *s; s++)
        if ((unsigned char)*s < 0x20 || (unsigned char)*s > 0x7e) return false;
    return true;
}

static int check_members(struct line *l, struct sedge_fail *fail)
{
    struct sedge_request *r = &l->r;
    bool needs_url = r->op == SEDGE_OP_GET || r->op == SEDGE_OP_TEXT || r->op == SEDGE_OP_HEAD ||
                     r->op == SEDGE_OP_PUT || r->op == SEDGE_OP_DELETE;

    if (needs_url && !r->url) return invalid(fail, l->op, "\"url\" is missing");
    if (r->op == SEDGE_OP_GET && (!r->dest || *r->dest != '/'))
        return invalid(fail, l->op, "\"dest\" must be an absolute path");
    if (r->op == SEDGE_OP_UNPACK && (!r->file || *r->file != '/'))
        return invalid(fail, l->op, "\"file\" must be an absolute path");
    if (r->op == SEDGE_OP_LIST && !r->bucket) return invalid(fail, l->op, "\"bucket\" is missing");
    if (r->op == SEDGE_OP_PUT && r->file && r->text)
        return invalid(fail, l->op, "\"file\" and \"text\" exclude each other");
    if (r->op == SEDGE_OP_API && (!r->path || !is_path(r->path)))
        return invalid(fail, l->op, "\"path\" must be an absolute path of the data plane");
    if (r->presign && !is_path(r->presign)) return invalid(fail, l->op, "\"presign\" is not a path of the data plane");
    if (r->presign && r->op != SEDGE_OP_GET && r->op != SEDGE_OP_HEAD)
        return invalid(fail, l->op, "\"presign\" does not go with this operation");
    if (!is_header_value(r->content_type)) return invalid(fail, l->op, "\"contentType\" is not a header value");
    if (r->if_none_match && *r->if_none_match != '*') return invalid(fail, l->op, "\"ifNoneMatch\" must be \"*\"");
    return check_unarchive(l, fail);
}

/* Which of the URL's forms make sense for the operation. */
static int check_source(struct sedge_request *r, struct sedge_fail *fail)
{
    const struct sedge_source *s = &r->source;
    bool writes = r->op == SEDGE_OP_PUT || r->op == SEDGE_OP_DELETE;

    if (s->scheme == SEDGE_SCHEME_FILE && writes)
        return sedge_err_set(&fail->err, SEDGE_E_UNSUPPORTED, "%s: cannot write to a file location", s->text);
    if (s->scheme == SEDGE_SCHEME_NAME && !r->presign) {
        fail->stack = "UNSUPPORTED_ARTIFACT_SCHEME";
        return sedge_err_set(&fail->err, SEDGE_E_UNSUPPORTED, "%s: only a data plane serves this", s->text);
    }
    if (s->scheme != SEDGE_SCHEME_S3 || r->op == SEDGE_OP_LIST) return 0;
    if (!*s->key && r->op != SEDGE_OP_PUT && r->op != SEDGE_OP_HEAD) {
        fail->stack = "S3_ARTIFACT_URI_NOT_VALID";
        return sedge_err_set(&fail->err, SEDGE_E_INVALID, "\"%s\": no key: expected s3://BUCKET/KEY", s->text);
    }
    if (r->op == SEDGE_OP_PUT && *s->key && !r->file && !r->text)
        return invalid(fail, "put", "\"file\" or \"text\" is missing");
    return 0;
}

int sedge_request_parse(struct sedge_request *r, struct json_object *line, struct sedge_fail *fail)
{
    struct line l = {.op = NULL};
    sedge_auto_free char *bucket_url = NULL;
    int rc;

    *fail = (struct sedge_fail){.stack = NULL};
    rc = sedge_json_decode(line, "request", fields, SEDGE_ARRAY_LEN(fields), 0, &l, &fail->err);
    if (rc == 0) rc = find_op(&l.r, l.op, fail);
    if (rc == 0) rc = check_members(&l, fail);
    *r = l.r;
    if (rc == 0 && r->op == SEDGE_OP_LIST) bucket_url = sedge_xasprintf("s3://%s", r->bucket);
    if (rc == 0 && (bucket_url || r->url)) {
        rc = sedge_source_parse(&r->source, bucket_url ? bucket_url : r->url, fail);
        if (rc == 0) rc = check_source(r, fail);
    }
    if (rc == 0 && r->op == SEDGE_OP_API)
        r->source = (struct sedge_source){.scheme = SEDGE_SCHEME_PLANE, .text = sedge_xstrdup(r->path)};
    free(l.op);
    free(l.unarchive);
    return rc;
}

void sedge_request_release(struct sedge_request *r)
{
    char **texts[] = {&r->url,           &r->dest,   &r->file,      &r->text,      &r->bucket,       &r->prefix,
                      &r->delimiter,     &r->digest, &r->algorithm, &r->sha256,    &r->unarchive_to, &r->content_type,
                      &r->if_none_match, &r->path,   &r->presign,   &r->signed_url};

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(texts); i++)
        free(*texts[i]);
    json_object_put(r->id);
    sedge_source_release(&r->source);
    *r = (struct sedge_request){.id = NULL};
}

const char *sedge_request_stack_base(const struct sedge_request *r)
{
    if (r->op == SEDGE_OP_PUT || r->op == SEDGE_OP_DELETE || r->op == SEDGE_OP_API) return NULL;
    return r->op == SEDGE_OP_LIST || r->op == SEDGE_OP_TEXT ? "COMPONENT_PACKAGE_LOADING_ERROR"
                                                            : "ARTIFACT_DOWNLOAD_ERROR";
}
