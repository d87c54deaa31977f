/*
 * consult - what components are asked before a deployment changes anything (spec/deployment.md 13, 14). Private to
 * deploy.
 *
 *   sedge_run_consult(run);      // the plan is made; ends in sedge_run_apply, or in a failure without change
 *
 * First the update, in deployments with NOTIFY_COMPONENTS: each component that listens is told, and may ask for a
 * pause. After the longest pause all are told again, as often as one of them asks for it. Silence for the time of the
 * policy is a consent. Then each new configuration is put to the component's validator, if it has one; a rejection and
 * silence fail the deployment.
 *
 * All of this is in the journalled phase QUEUED: it can be cancelled, and a nucleus that ends meanwhile begins anew.
 * Who has been told is journalled as well (`asked` of the entry), so that after a start of the nucleus the deployment
 * waits for these components to listen again instead of finding nobody. What the components did to their configuration
 * meanwhile is in the plan: it is made anew.
 */
#ifndef SEDGE_DEPLOY_CONSULT_H
#define SEDGE_DEPLOY_CONSULT_H

#include "run.h"

void sedge_run_consult(struct sedge_run *run);
/* validate.c: the second part. */
void sedge_run_validate(struct sedge_run *run);

/* No answer counts any more. */
void sedge_consultation_end(struct sedge_run *run);
/* The run if the component owes it an answer to this question, otherwise NULL. */
struct sedge_run *sedge_consultation_of(struct sedge_deployer *d, enum sedge_question question, const char *component,
                                        const char *deployment_id);
/* The component has answered: after the last one, `then` runs from the loop. */
void sedge_consultation_answered(struct sedge_run *run, const char *component, void (*then)(struct sedge_run *run));
/* Text of a component, at most SEDGE_DEPLOY_MESSAGE_MAX bytes of it. Heap; never NULL. */
char *sedge_consultation_text(const char *message);
/* The names of `o`, separated by commas; heap. */
char *sedge_consultation_names(struct json_object *o);

#endif
