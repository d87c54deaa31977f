/*
 * group_query - the query of a dynamic group: which things belong to it.
 *
 *   attr.site = 'hall 1' and component.variant.DLR < 1.6.11
 *   (health = UNHEALTHY or not component.com.example.Agent) and arch = aarch64
 *
 * Fields: attr.NAME, component.NAME (its version), name, health (HEALTHY, UNHEALTHY, UNKNOWN), runtime, platform, arch,
 * coreVersion. A field alone asks whether it is there. Operators: = != < <= > >=; versions compare as versions, other
 * values as text. A field that the thing does not have fails every comparison, != too. Values are words, or quoted with
 * ' or ". "and" binds tighter than "or"; "not" tighter than both.
 *
 * Pure: what is known of a thing comes through `facts`. A query does not change after it was parsed.
 */
#ifndef SEDGE_CLOUD_GROUP_QUERY_H
#define SEDGE_CLOUD_GROUP_QUERY_H

#include <json-c/json.h>
#include <stdbool.h>

#include "base/err.h"

#define SEDGE_GROUP_QUERY_MAX       1024 /* bytes */
#define SEDGE_GROUP_QUERY_TERMS_MAX 64
#define SEDGE_GROUP_QUERY_DEPTH_MAX 16 /* parentheses and "not" */

struct sedge_group_query;

/* INVALID with the column and what was expected. */
struct sedge_group_query *sedge_group_query_parse(const char *text, struct sedge_err *err);
void sedge_group_query_free(struct sedge_group_query *q); /* NULL is fine */

/* facts: {"attr":{NAME:VALUE}, "component":{NAME:VERSION}, "name":..., "health":..., ...}; texts. */
bool sedge_group_query_match(const struct sedge_group_query *q, struct json_object *facts);

#endif
