/* What the data plane's answers mean (spec/cloud-protocol.md 11, cloud-service.md 10). */
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "verdict.h"

static const struct {
    long status;
    enum sedge_verdict verdict;
    enum sedge_err_code code;
    const char *stack, *hint;
} rules[] = {
    {400, SEDGE_VERDICT_FINAL, SEDGE_E_INVALID, "CLOUD_API_ERROR BAD_REQUEST",
     "the data plane does not understand this device; check that both have fitting versions"},
    {401, SEDGE_VERDICT_FINAL, SEDGE_E_DENIED, "CLOUD_API_ERROR ACCESS_DENIED",
     "check the device's certificate and that the thing is registered"},
    {403, SEDGE_VERDICT_FINAL, SEDGE_E_DENIED, "CLOUD_API_ERROR ACCESS_DENIED",
     "check the device's certificate, that the thing is registered, and what it may read"},
    {404, SEDGE_VERDICT_FINAL, SEDGE_E_NOT_FOUND, "CLOUD_API_ERROR RESOURCE_NOT_FOUND",
     "check that it was published, and greengrassDataPlaneEndpoint"},
    {408, SEDGE_VERDICT_HEAL, SEDGE_E_UNAVAILABLE, "CLOUD_API_ERROR", "try again later"},
    {409, SEDGE_VERDICT_FINAL, SEDGE_E_CONFLICT, "CLOUD_API_ERROR CONFLICTED_REQUEST", "try again later"},
    {429, SEDGE_VERDICT_HEAL, SEDGE_E_UNAVAILABLE, "CLOUD_API_ERROR THROTTLING_ERROR",
     "the data plane is asked too often; try again later"},
};

static void read_answer(const char *body, size_t n, struct sedge_plane_answer *answer)
{
    sedge_auto_put struct json_object *o = body && n > 0 ? sedge_json_parse_object(body, n, "answer", NULL) : NULL;
    const char *message = sedge_json_str(o, "message", sedge_json_str(o, "Message", ""));

    (void)snprintf(answer->message, sizeof answer->message, "%s", message);
    /* A cut inside a character is no UTF-8, and the line that carries it would be refused. */
    answer->message[sedge_utf8_prefix(answer->message, strlen(answer->message))] = 0;
}

static int tell(struct sedge_fail *fail, enum sedge_err_code code, const char *stack, const char *what, long status,
                const char *hint, const struct sedge_plane_answer *a)
{
    fail->stack = stack;
    return sedge_err_set(&fail->err, code, "%s: the data plane answered %ld%s%s%s%s; %s", what, status,
                         *a->exception ? " " : "", a->exception, *a->message ? ": " : "", a->message, hint);
}

enum sedge_verdict sedge_verdict_of_plane(const struct sedge_outcome *o, const struct sedge_settings *s,
                                          const char *what, const char *body, size_t n,
                                          struct sedge_plane_answer *answer, struct sedge_fail *fail)
{
    sedge_auto_free char *text = sedge_xstrdup(what);
    struct sedge_source src = {.scheme = SEDGE_SCHEME_PLANE, .text = text};

    if (o->curl != CURLE_OK) return sedge_verdict_of(o, s, &src, fail);
    if (o->status >= 200 && o->status < 300) return SEDGE_VERDICT_OK;
    read_answer(body, n, answer);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rules); i++) {
        if (rules[i].status != o->status) continue;
        (void)tell(fail, rules[i].code, rules[i].stack, what, o->status, rules[i].hint, answer);
        return rules[i].verdict;
    }
    if (o->status >= 500) {
        (void)tell(fail, SEDGE_E_UNAVAILABLE, "CLOUD_API_ERROR SERVER_ERROR", what, o->status,
                   "the data plane is overloaded or broken; try again later", answer);
        return SEDGE_VERDICT_HEAL;
    }
    (void)tell(fail, SEDGE_E_INVALID, "CLOUD_API_ERROR", what, o->status,
               "is this a data plane? check greengrassDataPlaneEndpoint", answer);
    return SEDGE_VERDICT_FINAL;
}
