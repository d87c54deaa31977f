/* Deployments of one thing, from its shadow: there is the newest one only, and it replaces what waits. */
#include "run.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <string.h>

static struct sedge_entry *running(struct sedge_deployer *d)
{
    return d->run && d->run->entry->source == SEDGE_SOURCE_SHADOW ? d->run->entry : NULL;
}

static struct sedge_entry *waiting(struct sedge_deployer *d)
{
    for (struct sedge_entry *e = d->entries; e; e = e->next)
        if (e->source == SEDGE_SOURCE_SHADOW && e->phase == SEDGE_PHASE_QUEUED && e != running(d)) return e;
    return NULL;
}

/* It keeps its place in the queue. */
static void replace(struct sedge_entry *e, const char *arn, struct json_object *document)
{
    sedge_log(SEDGE_INFO, "deploy", "deployment-replaced", "id=%s by=%s", e->id, arn);
    free(e->id);
    e->id = sedge_xstrdup(arn);
    (void)json_object_put(e->request);
    e->request = json_object_get(document);
    e->created_ms = sedge_wall_ms();
    e->attempts = 0;
    e->status = "QUEUED";
}

void sedge_deployer_submit_shadow(struct sedge_deployer *d, const char *arn, struct json_object *document)
{
    struct sedge_entry *now = running(d);
    struct sedge_entry *e = waiting(d);

    if (now && !now->cancel && strcmp(now->id, arn) == 0) {
        sedge_log(SEDGE_INFO, "deploy", "deployment-known", "id=%s", arn);
        return;
    }
    if (now) (void)sedge_entry_cancel(d, now);
    if (e) {
        replace(e, arn, document);
    } else {
        e = sedge_entry_add(d, arn, SEDGE_SOURCE_SHADOW, document);
        e->execution_number = e->seq; /* one ARN may come twice: cancelled, and wanted again */
    }
    sedge_journal_save_entry(d, e, NULL, NULL);
    sedge_deployer_kick(d);
}

void sedge_deployer_cancel_shadow(struct sedge_deployer *d)
{
    struct sedge_entry *now = running(d);
    struct sedge_entry *e = waiting(d);

    if (e) (void)sedge_entry_cancel(d, e);
    if (now) (void)sedge_entry_cancel(d, now);
}

void sedge_deployer_each_shadow(struct sedge_deployer *d, sedge_deploy_report_fn fn, void *user)
{
    for (struct sedge_entry *e = d->entries; e; e = e->next) {
        struct sedge_deploy_report r = {.id = e->id,
                                        .execution_number = e->execution_number,
                                        .source = e->source,
                                        .status = e->status,
                                        .details = e->details,
                                        .deployment_id = e->deployment_id,
                                        .configuration_arn = e->configuration_arn,
                                        .unchanged_roots = e->unchanged,
                                        .terminal = e->phase == SEDGE_PHASE_DONE};
        if (e->source == SEDGE_SOURCE_SHADOW) fn(user, &r);
    }
}
