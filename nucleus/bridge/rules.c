#include "rules.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "jobs.h"

static const struct {
    const char *rest;
    enum sedge_jobs_topic topic;
} notifications[] = {
    {"notify-" SEDGE_JOBS_NAMESPACE, SEDGE_JOBS_TOPIC_NOTIFY},
    {"notify-next-" SEDGE_JOBS_NAMESPACE, SEDGE_JOBS_TOPIC_NOTIFY_NEXT},
};
static const struct {
    const char *rest;
    enum sedge_jobs_topic topic;
} replies[] = {
    {"/" SEDGE_JOBS_NAMESPACE "/get/accepted", SEDGE_JOBS_TOPIC_GET_ACCEPTED},
    {"/" SEDGE_JOBS_NAMESPACE "/get/rejected", SEDGE_JOBS_TOPIC_GET_REJECTED},
    {"/" SEDGE_JOBS_NAMESPACE "/update/accepted", SEDGE_JOBS_TOPIC_UPDATE_ACCEPTED},
    {"/" SEDGE_JOBS_NAMESPACE "/update/rejected", SEDGE_JOBS_TOPIC_UPDATE_REJECTED},
};

static const char *after(const char *s, const char *prefix)
{
    return s && sedge_str_starts(s, prefix) ? s + strlen(prefix) : NULL;
}

enum sedge_jobs_topic sedge_jobs_topic_of(const char *topic, const char *thing, char *job, size_t size)
{
    const char *rest = after(after(after(topic, "$aws/things/"), thing), "/jobs/");
    size_t n;

    job[0] = 0;
    if (!rest) return SEDGE_JOBS_TOPIC_OTHER;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(notifications); i++)
        if (strcmp(rest, notifications[i].rest) == 0) return notifications[i].topic;
    n = strcspn(rest, "/");
    if (n == 0 || n >= size) return SEDGE_JOBS_TOPIC_OTHER;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(replies); i++)
        if (strcmp(rest + n, replies[i].rest) == 0) {
            memcpy(job, rest, n);
            job[n] = 0;
            return replies[i].topic;
        }
    return SEDGE_JOBS_TOPIC_OTHER;
}

enum sedge_jobs_decision sedge_jobs_decide(enum sedge_jobs_known known)
{
    static const enum sedge_jobs_decision table[] = {
        [SEDGE_JOBS_UNKNOWN] = SEDGE_JOBS_TAKE,   [SEDGE_JOBS_LEFT_OVER] = SEDGE_JOBS_RESUME,
        [SEDGE_JOBS_RUNNING] = SEDGE_JOBS_IGNORE, [SEDGE_JOBS_FINISHED] = SEDGE_JOBS_REPEAT_STATUS,
        [SEDGE_JOBS_CANCELED] = SEDGE_JOBS_TAKE, /* it had been withdrawn, and now it is offered again */
    };

    return table[known];
}

enum sedge_jobs_verdict sedge_jobs_judge(struct json_object *rejection, const char *wanted)
{
    static const struct {
        const char *code;
        enum sedge_jobs_verdict verdict;
    } table[] = {
        {"InvalidTopic", SEDGE_JOBS_DROP},         {"InvalidJson", SEDGE_JOBS_DROP},
        {"InvalidRequest", SEDGE_JOBS_PLAIN},      {"InvalidStateTransition", SEDGE_JOBS_DROP},
        {"ResourceNotFound", SEDGE_JOBS_DROP},     {"VersionMismatch", SEDGE_JOBS_DROP},
        {"TerminalStateReached", SEDGE_JOBS_DROP},
    };
    const char *have = sedge_json_str(sedge_json_obj(rejection, "executionState"), "status", NULL);
    const char *code = sedge_json_str(rejection, "code", "");

    if (have && strcmp(have, wanted) == 0) return SEDGE_JOBS_DONE;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(table); i++)
        if (strcmp(table[i].code, code) == 0) return table[i].verdict;
    return SEDGE_JOBS_TRY_AGAIN;
}

static bool is_one_of(const char *s, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(s, list[i]) == 0) return true;
    return false;
}

bool sedge_jobs_is_withdrawn(bool accepted, struct json_object *answer, int64_t execution_number)
{
    static const char *const gone[] = {"ResourceNotFound", "TerminalStateReached"};
    static const char *const over[] = {"CANCELED", "REMOVED", "TIMED_OUT", "SUCCEEDED", "FAILED", "REJECTED"};
    struct json_object *execution = sedge_json_obj(answer, "execution");

    if (!accepted) return is_one_of(sedge_json_str(answer, "code", ""), gone, SEDGE_ARRAY_LEN(gone));
    if (!execution) return false;
    if (sedge_json_i64(execution, "executionNumber", execution_number) > execution_number) return true;
    return is_one_of(sedge_json_str(execution, "status", ""), over, SEDGE_ARRAY_LEN(over));
}

int sedge_jobs_check_document(struct json_object *document, struct sedge_err *err)
{
    if (!document || !json_object_is_type(document, json_type_object))
        return sedge_err_set(err, SEDGE_E_INVALID, "jobDocument: expected an object, got %s",
                             document ? json_type_to_name(json_object_get_type(document)) : "nothing");
    if (strlen(sedge_json_text(document)) > SEDGE_JOBS_DOCUMENT_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "jobDocument: larger than %d bytes", SEDGE_JOBS_DOCUMENT_MAX);
    if (!sedge_json_str(document, "configurationArn", NULL))
        return sedge_err_set(err, SEDGE_E_INVALID, "jobDocument.configurationArn: expected a text");
    if (sedge_json_get(document, "components") && !sedge_json_obj(document, "components"))
        return sedge_err_set(err, SEDGE_E_INVALID, "jobDocument.components: expected an object");
    return 0;
}

int64_t sedge_jobs_seconds(struct json_object *o, const char *key)
{
    double v = sedge_json_double(o, key, 0);

    if (!(v > 0) || v > 1e15) return 0;
    return (int64_t)(v > 1e11 ? v / 1000 : v);
}
