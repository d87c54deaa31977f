/* Answers to failures, as the SDKs of AWS read them. */
#include "http.h"

#include "base/json.h"

static const struct {
    enum sedge_err_code code;
    int status;
    const char *error_type;
} rules[] = {
    {SEDGE_E_INVALID, 400, "ValidationException"},         {SEDGE_E_LIMIT, 400, "ValidationException"},
    {SEDGE_E_UNSUPPORTED, 400, "ValidationException"},     {SEDGE_E_DENIED, 403, "AccessDeniedException"},
    {SEDGE_E_NOT_FOUND, 404, "ResourceNotFoundException"}, {SEDGE_E_CONFLICT, 409, "ConflictException"},
    {SEDGE_E_TIMEOUT, 503, "InternalServerException"},     {SEDGE_E_UNAVAILABLE, 503, "InternalServerException"},
};

void sedge_http_fail_with(struct sedge_http_reply *re, int status, const char *error_type, const char *message)
{
    sedge_http_reply_release(re);
    re->status = status;
    re->error_type = error_type;
    re->retry_after = status == 503 ? SEDGE_HTTP_RETRY_AFTER_S : status == 429 ? 1 : 0;
    re->json = json_object_new_object();
    sedge_json_add_str(re->json, "message", message);
}

void sedge_http_fail(struct sedge_http_reply *re, const struct sedge_err *err)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (rules[i].code == err->code) {
            sedge_http_fail_with(re, rules[i].status, rules[i].error_type, err->msg);
            return;
        }
    }
    sedge_http_fail_with(re, 500, "InternalServerException",
                         err->msg[0] ? err->msg : "the service failed; see its log");
}

void sedge_http_reply_release(struct sedge_http_reply *re)
{
    if (re->json) json_object_put(re->json);
    sedge_buf_release(&re->text);
    *re = (struct sedge_http_reply){.status = 200};
}

const char *sedge_http_arg(const struct sedge_http_request *rq, size_t n)
{
    return rq->target.segments.v[rq->args[n]];
}
