/*
 * reply - event lines on stdout. Called by the engine's thread only. If nobody reads any more, the program ends.
 */
#ifndef SEDGE_FETCH_REPLY_H
#define SEDGE_FETCH_REPLY_H

#include <json-c/json.h>
#include <stdint.h>

#include "fail.h"

void sedge_reply_progress(struct json_object *id, int64_t done, int64_t total, int64_t rate);
void sedge_reply_retry(struct json_object *id, int64_t attempt, int64_t delay_ms, const char *message);
/* `answer` is an object of more members, or NULL; borrowed. */
void sedge_reply_done(struct json_object *id, struct json_object *answer);
/* `more` as `answer` above. */
void sedge_reply_error(struct json_object *id, const struct sedge_fail *fail, const char *stack_base,
                       struct json_object *more);

#endif
