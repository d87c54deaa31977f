#include "thing_rules.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#define CODE_CONFLICT 409

static const char *after(const char *s, const char *prefix)
{
    return s && sedge_str_starts(s, prefix) ? s + strlen(prefix) : NULL;
}

enum sedge_thing_topic sedge_thing_topic_of(const char *topic, const char *thing)
{
    static const struct {
        const char *rest;
        enum sedge_thing_topic topic;
    } table[] = {
        {"/get/accepted", SEDGE_THING_TOPIC_GET_ACCEPTED},
        {"/get/rejected", SEDGE_THING_TOPIC_GET_REJECTED},
        {"/update/accepted", SEDGE_THING_TOPIC_UPDATE_ACCEPTED},
        {"/update/rejected", SEDGE_THING_TOPIC_UPDATE_REJECTED},
    };
    const char *rest = after(after(after(topic, "$aws/things/"), thing), "/shadow/name/" SEDGE_THING_SHADOW);

    for (size_t i = 0; rest && i < SEDGE_ARRAY_LEN(table); i++)
        if (strcmp(rest, table[i].rest) == 0) return table[i].topic;
    return SEDGE_THING_TOPIC_OTHER;
}

void sedge_desired_read(struct json_object *desired, struct sedge_desired *out)
{
    const char *text = sedge_json_str(desired, "fleetConfig", NULL);
    const char *status = sedge_json_str(desired, "desiredStatus", NULL);

    memset(out, 0, sizeof *out);
    if (!desired || json_object_object_length(desired) == 0) return;
    out->fault = !text ? "fleetConfig is missing" : !status ? "desiredStatus is missing" : NULL;
    if (out->fault) return;
    out->document = sedge_json_parse_object(text, strlen(text), "fleetConfig", NULL);
    out->arn = sedge_json_str(out->document, "configurationArn", NULL);
    if (!out->document)
        out->fault = "fleetConfig is not a JSON object";
    else if (!out->arn || !*out->arn)
        out->fault = "fleetConfig has no configurationArn";
    out->whole = !out->fault;
    out->canceled = strcmp(status, "CANCELED") == 0;
}

void sedge_desired_release(struct sedge_desired *d)
{
    (void)json_object_put(d->document);
    memset(d, 0, sizeof *d);
}

static bool has_ended(struct json_object *reported, const char *arn)
{
    return sedge_str_eq(sedge_json_str(reported, "fleetConfigurationArnForStatus", NULL), arn) &&
           !sedge_str_eq(sedge_json_str(reported, "status", "IN_PROGRESS"), "IN_PROGRESS");
}

static enum sedge_thing_decision decide_first(const struct sedge_desired *d, struct json_object *reported,
                                              const struct sedge_thing_memory *m)
{
    bool own = sedge_str_eq(m->own_arn, d->arn);

    if (d->canceled) return m->own_arn && !m->own_ended ? SEDGE_THING_CANCEL : SEDGE_THING_NOTHING;
    return own || has_ended(reported, d->arn) ? SEDGE_THING_NOTHING : SEDGE_THING_DEPLOY;
}

enum sedge_thing_decision sedge_thing_decide(const struct sedge_desired *d, struct json_object *reported,
                                             const struct sedge_thing_memory *m)
{
    if (!d->whole) return SEDGE_THING_NOTHING;
    if (!m->last_arn) return decide_first(d, reported, m);
    if (strcmp(m->last_arn, d->arn) == 0 && m->last_canceled == d->canceled) return SEDGE_THING_NOTHING;
    return d->canceled ? SEDGE_THING_CANCEL : SEDGE_THING_DEPLOY;
}

bool sedge_thing_differs(struct json_object *reported, const char *arn, const char *status)
{
    const char *its_arn = sedge_json_str(reported, "fleetConfigurationArnForStatus", arn);

    return strcmp(its_arn, arn) != 0 || strcmp(sedge_json_str(reported, "status", status), status) != 0;
}

enum sedge_thing_verdict sedge_thing_judge(int64_t code)
{
    static const int64_t permanent[] = {400, 413, 415};

    if (code == CODE_CONFLICT || code == 404) return SEDGE_THING_READ_AGAIN;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(permanent); i++)
        if (code == permanent[i]) return SEDGE_THING_PLAIN;
    return SEDGE_THING_TRY_AGAIN;
}
